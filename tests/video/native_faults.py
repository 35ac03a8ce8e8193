"""Calls that go wrong in the ways native code does; run in a decoding process by the tests."""

import os
import signal
import time


def answer(value, heartbeat):
    heartbeat()
    return value


def process_id(heartbeat):
    return os.getpid()


def crash(*arguments, heartbeat):
    os.kill(os.getpid(), signal.SIGSEGV)


def leave(heartbeat):
    os._exit(3)


def hang(heartbeat):
    time.sleep(60)


def work_long(seconds, heartbeat):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        heartbeat()
        time.sleep(0.05)
    return "done"


def write_slowly(seconds, heartbeat):
    from dance_tf.video.isolation import background_heartbeat

    with background_heartbeat(heartbeat):
        time.sleep(seconds)
    return "written"


def fail(heartbeat):
    raise EOFError("its own error")


def print_much(heartbeat):
    os.write(1, b"noise on standard output " * 1000)
    print("more noise", flush=True)
    return "clean"


def take_memory(heartbeat):
    return len(bytearray(64 << 30))


def unspeakable(heartbeat):
    return lambda: None
