"""Clips to gray frames and their times, at the speed of the decoder.

Frames come from the decoder's luma plane, shrunk by area averaging; no picture is converted to colour. Times are the
file's own timestamps, so a variable frame rate and edit lists come out right.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dance_tf.footage.luma import UPRIGHT, Orientation, frame_orientation, gray_square
from dance_tf.footage.settings import READ_DEFAULTS, ReadLimits, ReadSettings

if TYPE_CHECKING:
    from av import VideoFrame

__all__ = ["Footage", "FootageReader", "ReadError", "ReadLimits", "ReadSettings", "read_footage"]


class ReadError(ValueError):
    """A clip that cannot be read, with the reason in one line."""


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

    Iterate it once. `width`, `height`, `frame_rate`, `seconds` and `warnings` are complete after the iteration.

    Args:
        path: a video or image file.
        settings: how to read it.

    Raises:
        ReadError: on iteration, where the clip cannot be read or exceeds a limit.
    """

    def __init__(self, path: Path, settings: ReadSettings = READ_DEFAULTS) -> None:
        self.path = Path(path)
        self.settings = settings
        self.width = self.height = 0
        self.frame_rate = self.seconds = 0.0
        self.warnings: list[str] = []

    def __iter__(self) -> Iterator[tuple[float, np.ndarray]]:
        """Yield (seconds from the first frame, uint8 [size, size])."""
        return self._read()

    def _read(self) -> Iterator[tuple[float, np.ndarray]]:
        import av

        settings = self.settings
        if not self.path.is_file():
            raise ReadError(f"{self.path.name}: no such file")
        if self.path.stat().st_size == 0:
            raise ReadError(f"{self.path.name}: the file is empty")
        try:
            container = av.open(str(self.path), metadata_errors="replace")
        except (av.FFmpegError, ValueError) as error:
            raise ReadError(f"{self.path.name}: not a video that can be opened ({_plain(error)})") from error
        with container:
            if not container.streams.video:
                raise ReadError(f"{self.path.name}: no picture track in it")
            stream = container.streams.video[0]
            codec = stream.codec_context
            self._check_pixels(codec.width, codec.height)
            codec.thread_type = "AUTO"
            codec.thread_count = settings.threads
            options = {"max_pixels": str(settings.limits.pixels)}
            if settings.skip_loop_filter:
                options["skip_loop_filter"] = "all"
            codec.options = options
            if settings.skip_nonref:
                codec.skip_frame = "NONREF"
            aspect = stream.sample_aspect_ratio or codec.sample_aspect_ratio
            aspect = float(aspect) if aspect and aspect > 0 else 1.0
            nominal = float(stream.average_rate or stream.guessed_rate or 0) or 25.0
            time_base = float(stream.time_base or 1 / nominal)
            orientation = UPRIGHT
            count, decoded_bytes = 0, 0
            first = last = 0.0
            for frame in self._frames(container, stream):
                decoded_bytes += sum(plane.buffer_size for plane in frame.planes)
                if decoded_bytes > settings.limits.decoded_bytes:
                    raise ReadError(
                        f"{self.path.name}: more than {settings.limits.decoded_bytes:,} bytes of decoded pictures"
                    )
                if count == 0:
                    orientation = self._describe(frame, aspect)
                    first = frame.pts * time_base if frame.pts is not None else 0.0
                time = frame.pts * time_base - first if frame.pts is not None else last + (count > 0) / nominal
                if time < last:
                    time = last
                if time > settings.limits.seconds:
                    raise ReadError(f"{self.path.name}: longer than the limit of {settings.limits.seconds:g} s")
                yield time, gray_square(frame, settings.size, settings.fit, aspect, orientation)
                last, count = time, count + 1
            if count == 0:
                raise ReadError(f"{self.path.name}: no frame of it can be decoded")
            self.frame_rate = (count - 1) / last if last > 0 else nominal
            self.seconds = last + 1 / self.frame_rate

    def _frames(self, container, stream) -> Iterator[VideoFrame]:
        import av

        broken = in_a_row = 0
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                break
            except (av.FFmpegError, ValueError) as error:
                self.warnings.append(f"breaks off ({_plain(error)})")
                break
            try:
                frames = packet.decode()
                in_a_row = 0
            except (av.FFmpegError, ValueError):
                broken, in_a_row = broken + 1, in_a_row + 1
                if in_a_row > self.settings.limits.broken_packets:
                    self.warnings.append("given up after too many broken packets in a row")
                    break
                continue
            yield from frames
        if broken:
            self.warnings.append(f"{broken} broken packets left out")

    def _check_pixels(self, width: int, height: int) -> None:
        if width * height > self.settings.limits.pixels:
            raise ReadError(
                f"{self.path.name}: {width}×{height} pixels a frame, over the limit of {self.settings.limits.pixels:,}"
            )

    def _describe(self, frame: VideoFrame, aspect: float) -> Orientation:
        orientation = frame_orientation(frame)
        if not orientation.exact:
            self.warnings.append("turned by an angle that is no multiple of 90 degrees; the nearest is used")
        self.width, self.height = max(1, round(frame.width * aspect)), frame.height
        if orientation.transpose:
            self.width, self.height = self.height, self.width
        return orientation


def read_footage(path: Path, settings: ReadSettings = READ_DEFAULTS) -> Footage:
    """Read a whole clip into memory as gray squares.

    Args:
        path: a video file.
        settings: how to read it.

    Raises:
        ReadError: the clip cannot be read or exceeds a limit; one line says why.
    """
    reader = FootageReader(path, settings)
    times, frames = [], []
    for time, frame in reader:
        times.append(time)
        frames.append(frame)
    return Footage(
        np.stack(frames),
        np.array(times, np.float64),
        reader.width,
        reader.height,
        reader.frame_rate,
        reader.seconds,
        tuple(reader.warnings),
    )


def _plain(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return text.splitlines()[0] if text and not math.isnan(len(text)) else type(error).__name__
