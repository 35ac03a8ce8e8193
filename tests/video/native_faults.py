"""Calls that fail in the ways of native code; the tests run them in a decoding process."""

import os
import signal
import time

from dance_tf.video.isolation import background_heartbeat


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
    with background_heartbeat(heartbeat):
        time.sleep(seconds)
    return "done"


def fail(heartbeat):
    raise EOFError("its own error")


def print_much(heartbeat):
    os.write(1, b"noise on standard output " * 1000)
    print("more noise", flush=True)
    return "clean"


def take_memory(heartbeat):
    return len(bytearray(64 << 30))


def return_lambda(heartbeat):
    return lambda: None
