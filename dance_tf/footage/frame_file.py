"""Gray frames on the disk instead of in memory, for clips of any length."""

from __future__ import annotations

import mmap
import tempfile
from pathlib import Path

import numpy as np

BLOCK = 256  # frames moved at a time


class FrameFileError(RuntimeError):
    """Frames that cannot be put on the disk (a full one, for example)."""


class FrameFile:
    """A run of frames of one shape in a temporary file.

    The file has no name once it is open, so that nothing of it is left behind however its owner ends; its space is
    given back when it is closed and every array that it handed out is gone.

    Args:
        folder: on the disk to use; None is the system's folder for temporary files.

    Raises:
        FrameFileError: no file can be made there.
    """

    def __init__(self, folder: Path | None = None) -> None:
        try:
            # the name, where a system needs one for a moment, is one that `parts.remove_stale` knows
            self._file = tempfile.TemporaryFile(dir=folder, prefix=".", suffix=".tmp", buffering=0)
        except OSError as error:
            raise FrameFileError(f"{folder or tempfile.gettempdir()}: cannot be written ({error.strerror})") from error
        self._shape: tuple[int, ...] = (0, 0)
        self._count = 0

    def __len__(self) -> int:
        """How many frames there are."""
        return self._count

    def append(self, frame: np.ndarray) -> None:
        """Put a frame uint8 [h, w] after the others.

        Raises:
            FrameFileError: the disk is full, or gone.
            ValueError: a frame of another shape than those before.
        """
        if self._count and frame.shape != self._shape:
            raise ValueError(f"a frame of shape {frame.shape} after frames of shape {self._shape}")
        self._shape = frame.shape
        self._write(np.ascontiguousarray(frame, np.uint8))
        self._count += 1

    def clear(self) -> None:
        """Forget all frames."""
        self._file.seek(0)
        self._count = 0

    def frames(self) -> np.ndarray:
        """All frames, uint8 [n, h, w]: read-only, and read from the disk where they are looked at."""
        if not self._count:
            return np.zeros((0, *self._shape), np.uint8)
        size = self._count * self._shape[0] * self._shape[1]
        mapped = mmap.mmap(self._file.fileno(), size, access=mmap.ACCESS_READ)
        return np.frombuffer(mapped, np.uint8).reshape(self._count, *self._shape)

    def keep(self, kept: np.ndarray) -> None:
        """Close the gaps between the frames that bool [n] marks; arrays handed out before change with them.

        Raises:
            FrameFileError: the disk is gone.
        """
        frames, places = self.frames(), np.flatnonzero(kept)
        self.clear()
        for first in range(0, len(places), BLOCK):
            # a copy, as writing goes where a later block is yet to be read; frames only ever move forwards
            self._write(frames[places[first : first + BLOCK]])
        self._count = len(places)

    def close(self) -> None:
        """Take no more frames; arrays handed out stay."""
        self._file.close()

    def __enter__(self) -> FrameFile:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    def _write(self, frames: np.ndarray) -> None:
        left = memoryview(frames).cast("B")
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise FrameFileError(f"frames cannot be put on the disk ({error.strerror})") from error
