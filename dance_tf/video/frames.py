"""Read clips as gray frames with timestamps.

Frames come from the decoder's luma plane, shrunk by area averaging, without colour conversion. Times are the file's own
timestamps, so variable frame rates and edit lists are respected.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dance_tf.video.files import is_shared_sequence
from dance_tf.video.isolation import no_heartbeat
from dance_tf.video.settings import READ_DEFAULTS, ReadSettings
from dance_tf.video.stills import FootageReader, ImageSequenceReader, ReadError, Watcher, WebpReader

BLOCK = 256  # frames moved at a time


class FrameFileError(RuntimeError):
    """Frames cannot be written to the disk, for example because it is full."""


class FrameFile(AbstractContextManager):
    """Frames of one shape in a temporary file, whose number is not known in advance; closed at the end of a `with`.

    The file has no name while it is open, so a killed process leaves nothing behind. Its space is freed when it is
    closed and all its arrays, which stay valid, are deleted.

    Args:
        folder: where to put the file; None for the system's temporary folder.
        max_bytes: of all frames; None for no limit.

    Raises:
        FrameFileError: the file cannot be created.
    """

    def __init__(self, folder: Path | None = None, max_bytes: int | None = None) -> None:
        try:
            # some systems name the file for a moment; `parts.remove_stale` deletes files with such names
            self._file = tempfile.TemporaryFile(dir=folder, prefix=".", suffix=".tmp", buffering=0)
        except OSError as error:
            raise FrameFileError(f"{folder or tempfile.gettempdir()}: cannot be written ({error.strerror})") from error
        self._max_bytes = max_bytes
        self._shape: tuple[int, ...] = (0, 0)
        self._count = 0

    def __len__(self) -> int:
        """Return the number of frames."""
        return self._count

    def append(self, frame: np.ndarray) -> None:
        """Write a frame uint8 [h, w] after the others.

        Raises:
            ReadError: there are more frames than the file may hold.
            FrameFileError: the disk is full or removed.
        """
        if self._max_bytes is not None and (self._count + 1) * frame.nbytes > self._max_bytes:
            raise ReadError(f"more than {self._count:,} frames, the most that one clip of a dataset can have")
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

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, frames: np.ndarray) -> None:
        left = memoryview(frames).cast("B")
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise FrameFileError(f"frames cannot be written to the disk ({error.strerror})") from error


@dataclass(frozen=True)
class Footage:
    """The frames of a clip."""

    frames: np.ndarray  # uint8 [n, size, size], gray, black 0 and white 255
    timestamps: np.ndarray  # float64 [n], seconds from the clip's first frame, never decreasing
    width: int  # of the picture as displayed, after rotation and pixel aspect
    height: int
    frame_rate: float  # mean frames per second (before sampling)
    seconds: float  # length of the clip
    warnings: tuple[str, ...]  # faults of the file


def open_footage(
    path: Path, settings: ReadSettings = READ_DEFAULTS, heartbeat: Callable[[], None] = no_heartbeat
) -> FootageReader:
    """Return a reader of a video file, an animated image, or a folder with an image sequence.

    Raises:
        ReadError: there is no such file.
    """
    from dance_tf.video.decode import VideoReader

    path = Path(path)
    try:
        if path.is_dir() or is_shared_sequence(path):
            return ImageSequenceReader(path, settings, heartbeat)
        if not path.is_file():
            raise ReadError(f"{path.name}: no such file")
        with open(path, "rb") as file:
            head = file.read(12)
    except OSError as error:
        raise ReadError(f"{path.name}: cannot be read ({error.strerror})") from error
    is_webp = head[:4] == b"RIFF" and head[8:] == b"WEBP"
    return (WebpReader if is_webp else VideoReader)(path, settings, heartbeat)


class _Picker:
    """Keeps the pictures nearest to some times; a `Watcher`."""

    def __init__(self, times: Sequence[float], rate: float) -> None:
        self.times, self.rate = np.array(times, np.float64), rate
        self.restart()

    def restart(self) -> None:
        self.pictures: list[np.ndarray | None] = [None] * len(self.times)
        self.apart = np.full(len(self.times), np.inf)

    def see(self, time: float, picture: np.ndarray) -> None:
        nearer = np.flatnonzero(np.abs(self.times - time) < self.apart)
        self.apart[nearer] = np.abs(self.times[nearer] - time)
        for place in nearer:
            self.pictures[place] = picture


def read_pictures(
    path: Path,
    times: Sequence[float],
    rate: float,
    settings: ReadSettings = READ_DEFAULTS,
    *,
    heartbeat: Callable[[], None] = no_heartbeat,
) -> list[np.ndarray]:
    """Return the pictures of a clip nearest to some times, in colour.

    Args:
        times: seconds, as for gray frames.
        rate: pictures per second of which they are chosen.

    Returns:
        uint8 [h, w, 3] each, RGB.

    Raises:
        ReadError: the clip cannot be read, exceeds a limit, or has no pictures in colour.
    """
    reader = open_footage(path, replace(settings, frames_per_second=1.0), heartbeat)  # gray frames are not needed
    reader.watcher = picker = _Picker(times, rate)
    for time, _ in reader:
        if time > max(times, default=np.inf) + 1 / rate:
            break
    if any(picture is None for picture in picker.pictures):
        raise ReadError(f"{path.name}: no pictures in colour can be read")
    return list(picker.pictures)


def read_footage(
    path: Path,
    settings: ReadSettings = READ_DEFAULTS,
    heartbeat: Callable[[], None] = no_heartbeat,
    held: FrameFile | None = None,
    watcher: Watcher | None = None,
) -> Footage:
    """Read a whole clip as gray squares (16 KiB a frame) into a temporary file.

    A file with decoding errors is read again on one thread, because the decoded pictures may depend on the number of
    threads. A file that needs too much memory is too, because each thread holds frames.

    Args:
        held: stores the frames instead of a file of their own; frames in it are removed first.
        watcher: is shown pictures in colour.

    Raises:
        ReadError: the clip cannot be read or exceeds a limit; the message is one line.
        FrameFileError: the frames cannot be stored.
        MemoryError: decoding on one thread needs more memory than there is.
    """
    if held is None:
        with FrameFile() as held:
            return read_footage(path, settings, heartbeat, held, watcher)
    reader, times = open_footage(path, settings, heartbeat), []
    reader.watcher = watcher
    held.clear()
    try:
        for time, frame in reader:
            times.append(time)
            held.append(frame)
    except MemoryError:
        if settings.threads == 1:
            raise MemoryError(f"{reader.path.name}: decoding it needs more memory than there is") from None
    else:
        if not reader.broken or settings.threads == 1:
            about = reader.width, reader.height, reader.frame_rate, reader.seconds, tuple(reader.warnings)
            return Footage(held.frames(), np.array(times, np.float64), *about)
    return read_footage(path, replace(settings, threads=1), heartbeat, held, watcher)
