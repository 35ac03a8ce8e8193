"""Decoding in a process of its own, so that a crash or a hang of native code costs one clip and not the run.

A `DecodingProcess` starts a second Python once and sends it one call after another over pipes. If that process dies or
goes silent it is ended, the call raises `LostProcess`, and the next call starts a fresh one. This works alike from
threads, from joblib's processes and inside Dask workers, whose own children multiprocessing forbids.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

HEARTBEAT_SECONDS = 0.5
MEMORY_BYTES = 6 << 30  # address space of a decoding process: far above any sane clip, below what would swap a machine


class LostProcess(RuntimeError):
    """The decoding process crashed or hung; the message says which, in one line."""


class DecodingProcess:
    """A second Python that runs calls, one at a time.

    A function that it runs takes a keyword `alive`, to be called now and then as a sign of life; it and its arguments
    and result travel by pickle.

    Args:
        silence_s: seconds without a sign of life after which a call is given up.
        memory_bytes: most address space the process may take, where the system can limit that.
    """

    def __init__(self, silence_s: float = 20.0, memory_bytes: int = MEMORY_BYTES) -> None:
        self.silence_s = silence_s
        self.memory_bytes = memory_bytes
        self._process: subprocess.Popen | None = None
        self._stop = None

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run `function(*arguments, alive=...)` over there and return what it returns.

        Raises:
            LostProcess: it crashed, or gave no sign of life for `silence_s`.
            Exception: whatever the function raised.
        """
        process = self._running()
        hung = threading.Event()

        def give_up() -> None:
            hung.set()
            process.kill()

        try:
            pickle.dump((function, arguments, self.silence_s), process.stdin)
            process.stdin.flush()
            while True:
                timer = threading.Timer(self.silence_s, give_up)
                timer.daemon = True
                timer.start()
                try:
                    kind, value = pickle.load(process.stdout)
                finally:
                    timer.cancel()
                if kind != "alive":
                    break
        except (EOFError, BrokenPipeError, ConnectionError, pickle.UnpicklingError) as error:
            status = self.close()
            if hung.is_set():
                raise LostProcess(f"the decoder hung: no sign of life for {self.silence_s:g} s") from error
            raise LostProcess(f"the decoder crashed ({_named(status)})") from error
        if kind == "error":
            raise value
        return value

    def close(self) -> int | None:
        """End the process, if there is one; returns its exit status."""
        process, self._process = self._process, None
        if process is None:
            return None
        self._stop.detach()
        return _end(process)

    def __enter__(self) -> DecodingProcess:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.close()

    def _running(self) -> subprocess.Popen:
        if self._process is not None and self._process.poll() is None:
            return self._process
        package_root = str(Path(__file__).resolve().parents[2])
        paths = [package_root, *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "dance_tf.video.isolation", str(self.memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
        # ends the process with its owner, also where a worker thread is dropped without a word
        self._stop = weakref.finalize(self, _end, self._process)
        return self._process


def call_apart(function: Callable[..., Any], *arguments: Any, silence_s: float = 20.0) -> Any:
    """Run one call in a process of its own; see `DecodingProcess.call`."""
    with DecodingProcess(silence_s) as process:
        return process.call(function, *arguments)


@contextmanager
def steady(alive: Callable[[], None]) -> Iterator[None]:
    """Give signs of life from a thread while this block waits for a disk.

    Decoding does not belong into such a block: whether it hangs could no longer be told.
    """
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(HEARTBEAT_SECONDS / 2):
            alive()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _end(process: subprocess.Popen) -> int:
    for pipe in (process.stdin, process.stdout):
        try:
            pipe.close()
        except OSError:
            pass  # a pipe to a dead process cannot be flushed; there is nothing left to say to it
    try:
        return process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _named(status: int | None) -> str:
    if status is not None and status < 0:
        try:
            return signal.Signals(-status).name
        except ValueError:
            return f"signal {-status}"
    return f"exit status {status}"


def _serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer calls until the pipe closes."""
    alarm = getattr(signal, "alarm", None)
    while True:
        try:
            function, arguments, silence_s = pickle.load(requests)
        except EOFError:
            return
        last = time.monotonic()

        def alive(silence_s: float = silence_s) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= HEARTBEAT_SECONDS:
                last = now
                _send(replies, "alive", None)
                # should the owner be gone when native code hangs, the system ends this process
                if alarm:
                    alarm(int(silence_s) + 60)

        if alarm:
            alarm(int(silence_s) + 60)
        try:
            kind, value = "result", function(*arguments, alive=alive)
        except (KeyboardInterrupt, SystemExit, BrokenPipeError):
            return
        except Exception as error:  # noqa: BLE001 - it is handed to the caller, whatever it is
            kind, value = "error", error
        if alarm:
            alarm(0)
        _send(replies, kind, value)


def _send(replies: BinaryIO, kind: str, value: Any) -> None:
    try:
        message = pickle.dumps((kind, value))
    except Exception as error:  # noqa: BLE001 - an exception that cannot travel is replaced by one that can
        message = pickle.dumps(("error", RuntimeError(f"{type(value).__name__}: {value} ({error})")))
    replies.write(message)
    replies.flush()


def _main() -> None:
    try:
        import resource

        limit = int(sys.argv[1])
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    except (ImportError, ValueError, OSError):
        pass  # the system cannot limit memory; the limits of ReadSettings still hold
    # replies keep the real standard output to themselves: native libraries print where they like
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _serve(sys.stdin.buffer, replies)


if __name__ == "__main__":
    _main()
