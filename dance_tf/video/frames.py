"""Clips to gray frames and their times, at the speed of the decoder.

Frames come from the decoder's luma plane, shrunk by area averaging; no picture is converted to colour. Times are the
file's own timestamps, so a variable frame rate and edit lists come out right.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dance_tf.video.container import ContainerSource
from dance_tf.video.settings import READ_DEFAULTS, ReadLimits, ReadSettings
from dance_tf.video.stills import AnimationSource, ImageSequenceSource, ReadError, Source, is_webp
from dance_tf.video.workers import silent

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


__all__ = ["Footage", "FootageReader", "ReadError", "ReadLimits", "ReadSettings", "read_footage"]


@dataclass(frozen=True)
class Footage:
    """A clip as it was read.

    Attributes:
        frames: uint8 [n, size, size], gray, black 0 and white 255.
        timestamps: float64 [n], seconds from the clip's first frame, never falling.
        width: of the picture as displayed, after rotation and pixel aspect.
        height: of the picture as displayed.
        frame_rate: frames per second on average (before sampling).
        seconds: length of the clip.
        warnings: what was wrong with the file, in plain words.
    """

    frames: np.ndarray
    timestamps: np.ndarray
    width: int
    height: int
    frame_rate: float
    seconds: float
    warnings: tuple[str, ...]


class FootageReader:
    """Reads a clip frame by frame; what it holds does not grow with the clip's length.

    Iterate it to get (seconds from the first frame, uint8 [size, size]); `source` then knows the clip's size, rate,
    length and warnings.

    Args:
        path: a video file, an animated image, or a folder with an image sequence.
        settings: how to read it.
        alive: called for each frame as a sign of life.

    Raises:
        ReadError: there is no such file; on iteration, where the clip cannot be read or exceeds a limit.
    """

    def __init__(self, path: Path, settings: ReadSettings = READ_DEFAULTS, alive: Callable[[], None] = silent) -> None:
        self._alive = alive
        self.source = _source(Path(path), settings)

    def __iter__(self) -> Iterator[tuple[float, np.ndarray]]:
        """Yield (seconds from the first frame, uint8 [size, size])."""
        return self.source.squares(self._alive)

    def pictures(self) -> Iterator[tuple[float, np.ndarray]]:
        """Yield (seconds from the first frame, uint8 [h, w]): upright pictures at the clip's own size.

        `source.pixel_aspect` then says what shape their pixels have on the screen.
        """
        self.source.whole = True
        return self.source.squares(self._alive)


def read_footage(
    path: Path,
    settings: ReadSettings = READ_DEFAULTS,
    alive: Callable[[], None] = silent,
    held: FrameFile | None = None,
) -> Footage:
    """Read a whole clip as gray squares (16 KiB a frame), into memory or into a file.

    A file that decodes with errors is read again on one thread: what a decoder makes of broken data may depend on how
    many threads share it, and a result must not. So is one that needs too much memory, as each thread holds frames of
    its own.

    Args:
        path: a video file, an animated image, or a folder with an image sequence.
        settings: how to read it.
        alive: called for each frame as a sign of life.
        held: takes the frames in the place of memory, and loses those it had; memory then holds one frame at a time.

    Raises:
        ReadError: the clip cannot be read or exceeds a limit; one line says why.
        FrameFileError: `held` cannot take the frames.
        MemoryError: one thread alone needs more memory than there is.
    """
    try:
        footage, doubtful = _read_once(path, settings, alive, held)
    except MemoryError:
        if settings.threads == 1:
            raise MemoryError(f"{Path(path).name}: decoding it needs more memory than there is") from None
        doubtful = True
    return read_footage(path, replace(settings, threads=1), alive, held) if doubtful else footage


def _read_once(
    path: Path, settings: ReadSettings, alive: Callable[[], None], held: FrameFile | None
) -> tuple[Footage, bool]:
    """Footage, and whether it may depend on the number of threads."""
    reader = FootageReader(path, settings, alive)
    times, frames = [], [] if held is None else held
    frames.clear()
    for time, frame in reader:
        times.append(time)
        frames.append(frame)
    source = reader.source
    footage = Footage(
        np.stack(frames) if held is None else held.frames(),
        np.array(times, np.float64),
        source.width,
        source.height,
        source.frame_rate,
        source.seconds,
        tuple(source.warnings),
    )
    return footage, source.broken and settings.threads != 1 and isinstance(source, ContainerSource)


def _source(path: Path, settings: ReadSettings) -> Source:
    try:
        if path.is_dir():
            return ImageSequenceSource(path, settings)
        if not path.is_file():
            raise ReadError(f"{path.name}: no such file")
        return AnimationSource(path, settings) if is_webp(path) else ContainerSource(path, settings)
    except OSError as error:
        raise ReadError(f"{path.name}: cannot be read ({error.strerror})") from error
