"""Read clips as gray frames with timestamps.

Frames come from the decoder's luma plane, shrunk by area averaging, without colour conversion. Times are the file's own
timestamps, so variable frame rates and edit lists are respected.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dance_tf.video.decode import VideoSource
from dance_tf.video.isolation import no_heartbeat
from dance_tf.video.settings import READ_DEFAULTS, ReadSettings
from dance_tf.video.stills import ImageSequenceSource, ReadError, Source, WebpSource, is_webp

BLOCK = 256  # frames moved at a time


class FrameFileError(RuntimeError):
    """Frames cannot be written to the disk, for example because it is full."""


class FrameFile(AbstractContextManager):
    """Frames of one shape in a temporary file.

    The number of frames is not known in advance, so this is not a `.npy` file. The file has no name while it is open,
    so a killed process leaves nothing behind. Its space is freed when it is closed and all its arrays are deleted.

    Args:
        folder: where to put the file; None for the system's temporary folder.

    Raises:
        FrameFileError: the file cannot be created.
    """

    def __init__(self, folder: Path | None = None) -> None:
        try:
            # some systems name the file for a moment; `parts.remove_stale` deletes files with such names
            self._file = tempfile.TemporaryFile(dir=folder, prefix=".", suffix=".tmp", buffering=0)
        except OSError as error:
            raise FrameFileError(f"{folder or tempfile.gettempdir()}: cannot be written ({error.strerror})") from error
        self._shape: tuple[int, ...] = (0, 0)
        self._count = 0

    def __len__(self) -> int:
        """Return the number of frames."""
        return self._count

    def append(self, frame: np.ndarray) -> None:
        """Write a frame uint8 [h, w] after the others.

        Raises:
            FrameFileError: the disk is full or removed.
            ValueError: the frame's shape differs from the earlier ones.
        """
        if self._count and frame.shape != self._shape:
            raise ValueError(f"a frame of shape {frame.shape} after frames of shape {self._shape}")
        self._shape = frame.shape
        self._write(np.ascontiguousarray(frame, np.uint8))
        self._count += 1

    def clear(self) -> None:
        """Remove all frames."""
        self._file.seek(0)
        self._count = 0

    def frames(self) -> np.ndarray:
        """Return all frames uint8 [n, h, w], read-only and memory-mapped."""
        if not self._count:
            return np.zeros((0, *self._shape), np.uint8)
        place = self._file.tell()
        frames = np.asarray(np.memmap(self._file, np.uint8, "r", shape=(self._count, *self._shape)))
        self._file.seek(place)  # memmap moves it
        return frames

    def keep(self, kept: np.ndarray) -> None:
        """Keep only the frames marked in bool [n]; arrays returned before change with the file.

        Raises:
            FrameFileError: the disk is removed.
        """
        frames, places = self.frames(), np.flatnonzero(kept)
        self.clear()
        for first in range(0, len(places), BLOCK):
            # indexing copies, so that later blocks can be read; frames only move forwards
            self._write(frames[places[first : first + BLOCK]])
        self._count = len(places)

    def close(self) -> None:
        """Close the file; its arrays stay valid."""
        self._file.close()

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    def _write(self, frames: np.ndarray) -> None:
        left = memoryview(frames).cast("B")
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise FrameFileError(f"frames cannot be written to the disk ({error.strerror})") from error


@dataclass(frozen=True)
class Footage:
    """The frames of a clip.

    Attributes:
        frames: uint8 [n, size, size], gray, black 0 and white 255.
        timestamps: float64 [n], seconds from the clip's first frame, never decreasing.
        width: of the picture as displayed, after rotation and pixel aspect.
        height: of the picture as displayed.
        frame_rate: mean frames per second (before sampling).
        seconds: length of the clip.
        warnings: faults of the file.
    """

    frames: np.ndarray
    timestamps: np.ndarray
    width: int
    height: int
    frame_rate: float
    seconds: float
    warnings: tuple[str, ...]


class FootageReader:
    """Reads a clip frame by frame, in memory that does not grow with the clip's length.

    Iterate over it to get (seconds from the first frame, uint8 [size, size]); `source` then has the clip's size, rate,
    length and warnings.

    Args:
        path: a video file, an animated image, or a folder with an image sequence.
        settings: how to read it.
        heartbeat: called for each frame.

    Raises:
        ReadError: the file does not exist; on iteration, the clip cannot be read or exceeds a limit.
    """

    def __init__(
        self, path: Path, settings: ReadSettings = READ_DEFAULTS, heartbeat: Callable[[], None] = no_heartbeat
    ) -> None:
        path = Path(path)
        try:
            if path.is_dir():
                kind = ImageSequenceSource
            elif not path.is_file():
                raise ReadError(f"{path.name}: no such file")
            else:
                kind = WebpSource if is_webp(path) else VideoSource
        except OSError as error:
            raise ReadError(f"{path.name}: cannot be read ({error.strerror})") from error
        self.source: Source = kind(path, settings, heartbeat)

    def __iter__(self) -> Iterator[tuple[float, np.ndarray]]:
        """Yield (seconds from the first frame, uint8 [size, size])."""
        return self.source.frames()

    def pictures(self) -> Iterator[tuple[float, np.ndarray]]:
        """Yield (seconds from the first frame, uint8 [h, w]): upright pictures at the clip's own size.

        `source.pixel_aspect` has the displayed shape of their pixels.
        """
        self.source.full_size = True
        return self.source.frames()


def read_footage(
    path: Path,
    settings: ReadSettings = READ_DEFAULTS,
    heartbeat: Callable[[], None] = no_heartbeat,
    held: FrameFile | None = None,
) -> Footage:
    """Read a whole clip as gray squares (16 KiB a frame), into memory or into a file.

    A file with decoding errors is read again on one thread, because the decoded pictures may depend on the number of
    threads. A file that needs too much memory is too, because each thread holds frames.

    Args:
        path: a video file, an animated image, or a folder with an image sequence.
        settings: how to read it.
        heartbeat: called for each frame.
        held: stores the frames instead of memory; frames in it are removed first.

    Raises:
        ReadError: the clip cannot be read or exceeds a limit; the message is one line.
        FrameFileError: `held` cannot store the frames.
        MemoryError: decoding on one thread needs more memory than there is.
    """
    reader = FootageReader(path, settings, heartbeat)
    source, times, frames = reader.source, [], [] if held is None else held
    frames.clear()
    try:
        for time, frame in reader:
            times.append(time)
            frames.append(frame)
        if not (source.broken and settings.threads != 1 and isinstance(source, VideoSource)):
            return Footage(
                np.stack(frames) if held is None else held.frames(),
                np.array(times, np.float64),
                source.width,
                source.height,
                source.frame_rate,
                source.seconds,
                tuple(source.warnings),
            )
    except MemoryError:
        if settings.threads == 1:
            raise MemoryError(f"{Path(path).name}: decoding it needs more memory than there is") from None
    del frames  # frees memory
    return read_footage(path, replace(settings, threads=1), heartbeat, held)
