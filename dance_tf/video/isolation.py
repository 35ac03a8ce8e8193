"""Run decoding in a subprocess, so that a crash or a hang of native code costs one clip and not the run.

`DecodingProcess` starts a second Python once and sends it calls over pipes. If it crashes or its heartbeat stops, it is
killed, the call raises `LostProcess`, and the next call starts a new one. This works in threads, joblib's processes and
Dask workers.

No pool library does all of this: multiprocessing and pebble cannot start processes in Dask's daemonic workers, loky
fails every running call of the pool when one process crashes, and none of them has a heartbeat.
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
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

HEARTBEAT_SECONDS = 0.5
MEMORY_BYTES = 6 << 30  # address space of a decoding process: enough for any valid clip, too little to cause swapping


class LostProcess(RuntimeError):
    """The decoding process crashed or hung; the message says which, in one line."""


def no_heartbeat() -> None:
    """Do nothing: the heartbeat of a call that no timeout watches."""


class DecodingProcess(AbstractContextManager):
    """A subprocess that runs calls, one at a time.

    The called function takes a keyword `heartbeat`, a function to call regularly. The function, its arguments and its
    result must be picklable.

    Args:
        timeout_s: seconds without a heartbeat after which the process is killed.
        memory_bytes: largest address space of the process, if the system can limit it.
    """

    def __init__(self, timeout_s: float = 20.0, memory_bytes: int = MEMORY_BYTES) -> None:
        self.timeout_s = timeout_s
        self.memory_bytes = memory_bytes
        self._process: subprocess.Popen | None = None
        self._finalizer = None

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run `function(*arguments, heartbeat=...)` in the subprocess and return its result.

        Raises:
            LostProcess: it crashed, or sent no heartbeat for `timeout_s`.
            Exception: whatever the function raised.
        """
        process = self._start()
        hung = threading.Event()

        def kill() -> None:
            hung.set()
            process.kill()

        try:
            pickle.dump((function, arguments, self.timeout_s), process.stdin)
            process.stdin.flush()
            kind = "heartbeat"
            while kind == "heartbeat":
                timer = threading.Timer(self.timeout_s, kill)
                timer.daemon = True
                timer.start()
                try:
                    kind, value = pickle.load(process.stdout)
                finally:
                    timer.cancel()
        except (EOFError, ConnectionError, pickle.UnpicklingError) as error:
            status = self.close()
            if hung.is_set():
                raise LostProcess(f"the decoder hung: no heartbeat for {self.timeout_s:g} s") from error
            raise LostProcess(f"the decoder crashed ({_describe_status(status)})") from error
        if kind == "error":
            raise value
        return value

    def close(self) -> int | None:
        """End the process, if there is one, and return its exit status."""
        process, self._process = self._process, None
        if process is None:
            return None
        self._finalizer.detach()
        return _end(process)

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.close()

    def _start(self) -> subprocess.Popen:
        if self._process is None or self._process.poll() is not None:
            package_root = str(Path(__file__).resolve().parents[2])
            paths = [package_root, *filter(None, [os.environ.get("PYTHONPATH")])]
            self._process = subprocess.Popen(
                [sys.executable, "-m", "dance_tf.video.isolation", str(self.memory_bytes)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            )
            # ends the process with its owner, even if the owner is deleted without `close`
            self._finalizer = weakref.finalize(self, _end, self._process)
        return self._process


@contextmanager
def background_heartbeat(heartbeat: Callable[[], None]) -> Iterator[None]:
    """Send heartbeats from a thread while this block waits for a disk.

    Do not decode in such a block: a hang would not be detected.
    """
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(HEARTBEAT_SECONDS / 2):
            heartbeat()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _end(process: subprocess.Popen) -> int:
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):  # a pipe to a dead process cannot be flushed
            pipe.close()
    try:
        return process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _describe_status(status: int | None) -> str:
    if status is not None and status < 0:
        with suppress(ValueError):
            return signal.Signals(-status).name
        return f"signal {-status}"
    return f"exit status {status}"


def _serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Run calls until the pipe closes."""
    # ends this process if its owner is gone while native code hangs
    alarm = getattr(signal, "alarm", lambda seconds: None)
    while True:
        try:
            function, arguments, timeout_s = pickle.load(requests)
        except EOFError:
            return
        last = time.monotonic()
        deadline = int(timeout_s) + 60

        def heartbeat(deadline: int = deadline) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= HEARTBEAT_SECONDS:
                last = now
                _send(replies, "heartbeat", None)
                alarm(deadline)

        alarm(deadline)
        try:
            kind, value = "result", function(*arguments, heartbeat=heartbeat)
        except (KeyboardInterrupt, SystemExit, BrokenPipeError):
            return
        except Exception as error:  # noqa: BLE001 - it is raised in the owner, whatever it is
            kind, value = "error", error
        alarm(0)
        _send(replies, kind, value)


def _send(replies: BinaryIO, kind: str, value: Any) -> None:
    try:
        message = pickle.dumps((kind, value))
    except Exception as error:  # noqa: BLE001 - an exception that cannot be pickled is replaced by one that can
        message = pickle.dumps(("error", RuntimeError(f"{type(value).__name__}: {value} ({error})")))
    replies.write(message)
    replies.flush()


def _main() -> None:
    # without a limit by the system, the limits of ReadSettings still hold
    with suppress(ImportError, ValueError, OSError):
        import resource

        limit = int(sys.argv[1])
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    # native libraries may print to standard output, so replies get a copy of it
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _serve(sys.stdin.buffer, replies)


if __name__ == "__main__":
    _main()
