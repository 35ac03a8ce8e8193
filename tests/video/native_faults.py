"""Calls that go wrong in the ways native code does; run in a decoding process by the tests."""

import os
import signal
import time


def answer(value, alive):
    alive()
    return value


def process_id(alive):
    return os.getpid()


def crash(*arguments, alive):
    os.kill(os.getpid(), signal.SIGSEGV)


def leave(alive):
    os._exit(3)


def hang(alive):
    time.sleep(60)


def work_long(seconds, alive):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        alive()
        time.sleep(0.05)
    return "done"


def write_slowly(seconds, alive):
    from dance_tf.video.isolation import steady

    with steady(alive):
        time.sleep(seconds)
    return "written"


def fail(alive):
    raise EOFError("its own error")


def print_much(alive):
    os.write(1, b"noise on standard output " * 1000)
    print("more noise", flush=True)
    return "clean"


def take_memory(alive):
    return len(bytearray(64 << 30))


def unspeakable(alive):
    return lambda: None
