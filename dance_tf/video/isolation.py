"""Run decoding in a subprocess, so that a crash or a hang of native code costs one clip and not the run.

`DecodingProcess` starts a second Python once and sends it calls over a socket. If it crashes or its heartbeat stops, it
is killed, the call raises `LostProcess`, and the next call starts a new one. This works in threads, joblib's processes
and Dask workers.

No pool library does all of this: multiprocessing and pebble cannot start processes in Dask's daemonic workers, loky
fails every running call of the pool when one process crashes, and none of them has a heartbeat.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

HEARTBEAT_SECONDS = 0.5
MEMORY_BYTES = 6 << 30  # address space of a decoding process: enough for any valid clip, too little to cause swapping


class LostProcess(RuntimeError):
    """The decoding process crashed or hung; the message says which, in one line."""


def processor_seconds(*, heartbeat: Callable[[], None]) -> float:
    """Return the processor time of the process in which this is called, in seconds."""
    return time.process_time()


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

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run `function(*arguments, heartbeat=...)` in the subprocess and return its result.

        Raises:
            LostProcess: it crashed, or sent no heartbeat for `timeout_s`.
            Exception: whatever the function raised.
        """
        if self._process is None or self._process.poll() is not None:
            self._start()
        kind, value = "heartbeat", None
        try:
            self._calls.send((function, arguments, self.timeout_s))
            while kind == "heartbeat":
                if not self._calls.poll(self.timeout_s):
                    self._process.kill()
                    self.close()
                    raise LostProcess(f"the decoder hung: no heartbeat for {self.timeout_s:g} s")
                kind, value = self._calls.recv()
        except (EOFError, OSError) as error:
            raise LostProcess(f"the decoder crashed ({_describe_status(self.close())})") from error
        if kind == "error":
            raise value
        return value

    def close(self) -> int | None:
        """End the process, if there is one, and return its exit status."""
        process, self._process = self._process, None
        if process is None:
            return None
        self._finalizer.detach()
        return _end(process, self._calls)

    def interrupt(self) -> None:
        """Kill the process while another thread waits for its call, which raises `LostProcess`."""
        if (process := self._process) is not None:
            process.kill()

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.close()

    def _start(self) -> None:
        self.close()
        paths = [str(Path(__file__).resolve().parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._calls, theirs = multiprocessing.Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "dance_tf.video.isolation", str(self.memory_bytes)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,  # native libraries may print
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            )
        # ends the process with its owner, even if the owner is deleted without `close`
        self._finalizer = weakref.finalize(self, _end, self._process, self._calls)


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


def _end(process: subprocess.Popen, calls: Connection) -> int:
    calls.close()
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


def _serve(calls: Connection) -> None:
    """Run calls until the socket closes, which raises an error; an alarm ends this process if native code hangs."""
    while True:
        function, arguments, timeout_s = calls.recv()
        last = time.monotonic()

        def heartbeat(deadline: int = int(timeout_s) + 60) -> None:
            nonlocal last
            if time.monotonic() - last >= HEARTBEAT_SECONDS:
                last = time.monotonic()
                calls.send(("heartbeat", None))
                signal.alarm(deadline)

        signal.alarm(int(timeout_s) + 60)
        try:
            kind, value = "result", function(*arguments, heartbeat=heartbeat)
        except Exception as error:  # noqa: BLE001 - it is raised in the owner, whatever it is
            kind, value = "error", error
        signal.alarm(0)
        try:
            calls.send((kind, value))
        except Exception as error:  # noqa: BLE001 - an exception that cannot be pickled is replaced by one that can
            calls.send(("error", RuntimeError(f"{type(value).__name__}: {value} ({error})")))


if __name__ == "__main__":
    # without a limit by the system, the limits of ReadSettings still hold
    with suppress(ImportError, ValueError, OSError):
        import resource

        limit, (_, hard) = int(sys.argv[1]), resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    with suppress(EOFError, ConnectionError):
        _serve(Connection(os.dup(0)))
