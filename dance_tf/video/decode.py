"""Decode video files by PyAV: gray frames in the order of time, and the length, rate and faults of the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from dance_tf.video.luma import UPRIGHT, frame_orientation, gray_frame
from dance_tf.video.settings import ReadSettings, sample
from dance_tf.video.stills import IMAGE_ERRORS, FootageReader, open_image

TEXT_FORMATS = ("adf", "bin", "idf", "tty", "xbin")  # text files that FFmpeg renders as video
ANIMATIONS = ("apng", "gif")  # formats that state a duration for each picture
WITHOUT_LENGTH = ("mpeg", "mpegts")  # containers that state no length; FFmpeg guesses one from packets near the end
ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # FFmpeg's own decoders ignore the alpha plane
MAX_BROKEN_PACKETS = 200  # consecutive packets that fail to decode; after more, the rest of the file is skipped
SPARE_BYTES = 256 << 20  # if this much memory can be allocated, memory has not run out


class VideoReader(FootageReader):
    """A video file in any format that FFmpeg supports.

    Pictures are cropped as the coded stream states (H.264, HEVC, …). Cropping by the container alone (Matroska's
    PixelCrop, the `clap` box of MP4) is ignored, because PyAV 18 does not expose the side data of a track.
    """

    def __iter__(self) -> Iterator[tuple[float, np.ndarray]]:
        """See `FootageReader`.

        Raises:
            ReadError: the file cannot be read or exceeds a limit.
            MemoryError: decoding it needs more memory than there is.
        """
        if self.path.stat().st_size == 0:
            raise self.error("the file is empty")
        try:
            container = av.open(str(self.path), metadata_errors="replace")
        except (av.FFmpegError, ValueError) as error:
            if memory_ran_out(error):
                raise
            raise self.error(f"not a video that can be opened ({explain(error)})") from error
        with container:
            if container.format.name in TEXT_FORMATS:
                raise self.error("text, not a video")
            streams = [one for one in container.streams.video if not one.disposition & Disposition.attached_pic]
            if not streams:
                raise self.error("no picture track in it")
            if streams[0].codec_context is None:
                raise self.error("no decoder for its pictures")
            yield from self._read(container, streams[0])

    def _read(self, container: InputContainer, stream: VideoStream) -> Iterator[tuple[float, np.ndarray]]:
        """Yield the sampled frames as gray pictures, then check the length."""
        settings, codec = self.settings, stream.codec_context
        self.check_pixels(codec.width, codec.height)
        aspect = stream.sample_aspect_ratio or codec.sample_aspect_ratio
        aspect = float(aspect) if aspect and aspect > 0 else 1.0
        stated, file_seconds = stated_seconds(container, stream), (container.duration or 0) / 1e6
        # sound may outlast the pictures; but the whole file is not read only to find out by how much
        self._check_seconds(stated or file_seconds, stated=True)
        self._faults: list[str] = []
        self._broken_packets = self._backwards = self._damaged = 0
        self._reached = 0.0  # seconds of the file that were read
        self._orientation = UPRIGHT
        colours = partial(self._colours, pixel_aspect=aspect)
        timed = self._watched(self._described(self._timed(container, stream), aspect), colours)
        for time, frame in sample(timed, settings.frames_per_second, lambda: self.seconds):
            yield time, gray_frame(frame, self._orientation, partial(self._fit, pixel_aspect=aspect))
        if not self.width:
            # FFmpeg gives no size of an image with too many pixels
            with suppress(*IMAGE_ERRORS), open_image(self, self.path):
                pass
            raise self.no_frame()
        self.broken = bool(self._faults or self._broken_packets or self._damaged)
        self.warnings += self._faults
        faults = {
            f"{self._broken_packets} broken packets left out": self._broken_packets,
            f"timestamps go backwards {self._backwards} times": self._backwards,
            f"{self._damaged} frames are damaged": self._damaged,
        }
        self.warnings += [warning for warning, times in faults.items() if times]
        if self._after_clip(self._reached):
            return
        if stated is None and falls_short(self._reached, file_seconds):
            # the packets of its sound, for example, may reach the end
            stated = file_seconds if falls_short(packets_end(self.path, self.heartbeat), file_seconds) else None
        if stated is not None and falls_short(self._reached, stated):
            self.broken = True
            self.warnings.append(f"breaks off after {self._reached:.2f} of {stated:.2f} s")
        elif settings.frames_per_second and stated:
            self.seconds = self._clip_seconds(stated)

    def _described(
        self, timed: Iterator[tuple[float, av.VideoFrame]], aspect: float
    ) -> Iterator[tuple[float, av.VideoFrame]]:
        """Yield all frames; before the first, set the size of the picture as displayed."""
        for time, frame in timed:
            if not self.width:
                self._orientation = frame_orientation(frame)
                if not self._orientation.exact:
                    turned = "rotated by an angle that is not a multiple of 90 degrees"
                    self.warnings.append(f"{turned}; the nearest is used")
                size = max(1, round(frame.width * aspect)), frame.height
                self.width, self.height = size[::-1] if self._orientation.transpose else size
                self.pixel_aspect = 1 / aspect if self._orientation.transpose else aspect
            yield time, frame

    def _colours(self, frame: av.VideoFrame, pixel_aspect: float) -> np.ndarray:
        """Return the picture of a frame for the watcher; transparent parts keep the colour that the file stores."""
        return self._orientation.apply(self._fit_colours(frame.to_ndarray(format="rgb24"), pixel_aspect))

    def _timed(self, container: InputContainer, stream: VideoStream) -> Iterator[tuple[float, av.VideoFrame]]:
        """Yield decoded frames with their times, then set the frame rate and the length."""
        nominal = self.frame_rate = float(stream.average_rate or stream.guessed_rate or 0) or 25.0
        time_base = float(stream.time_base or 1 / nominal)
        # AVI numbers packets in decoding order, but the decoder returns pictures in the order of time
        decoding_order = container.format.name == "avi"
        count, origin, last, duration = 0, 0.0, 0.0, 0.0
        for frame in self._decode(container, stream):
            self.heartbeat()
            self._count_bytes(sum(plane.buffer_size for plane in frame.planes))
            ticks = frame.dts if decoding_order else frame.pts
            if count == 0:
                origin = ticks * time_base if ticks is not None else 0.0
            time = ticks * time_base - origin if ticks is not None else last + (count > 0) / nominal
            if time < last:
                time = last
                self._backwards += 1
            self._check_seconds(time)
            if self._after_clip(time):
                self._reached = time
                break
            self._damaged += bool(frame.is_corrupt)
            if self._in_clip(time):
                yield max(0.0, time - self.settings.start), frame
            last, count, duration = time, count + 1, (frame.duration or 0) * time_base
        if last > 0:
            self.frame_rate = (count - 1) / last
        duration = duration if duration <= self.settings.max_seconds else 0.0  # a broken file may state any number
        if self._reached:
            pass
        elif count > 1 and duration > 0 and container.format.name in ANIMATIONS:
            self._reached = last + duration
            self.frame_rate = count / self._reached
        elif count:
            # many videos state too short a duration for their last frame, but none too long a one
            self._reached = last + max(duration, 1 / self.frame_rate)
        self._end_clip(self._reached)

    def _decode(self, container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
        """Yield decoded frames; packets that cannot be decoded are skipped and counted.

        Raises:
            MemoryError: memory ran out; that is not a fault of the file.
        """
        codec = make_codec(stream, self.settings)
        try:
            codec.open(strict=False)
        except MemoryError:
            raise
        except BlockingIOError as error:
            # raised by the system if there is no memory for the stack of another thread
            raise MemoryError("no memory for so many decoding threads") from error
        except (av.FFmpegError, ValueError):
            pass  # decoding each packet will raise the same error, which is counted
        failed_in_row = 0
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except (av.FFmpegError, ValueError) as error:
                if memory_ran_out(error):
                    raise
                self._faults.append(f"breaks off ({explain(error)})")
                packet = None
            try:
                frames = codec.decode(packet)
                failed_in_row = 0
            except MemoryError:
                raise
            except av.EOFError:
                break
            except (av.FFmpegError, ValueError):
                frames, failed_in_row = [], failed_in_row + 1
                self._broken_packets += 1
            yield from frames
            if packet is None:
                break
            if failed_in_row > MAX_BROKEN_PACKETS:
                self._faults.append("reading stopped after too many broken packets in a row")
                break


def make_codec(stream: VideoStream, settings: ReadSettings) -> VideoCodecContext:
    """Return the decoder of a video track, not yet open."""
    codec, name = stream.codec_context, ALPHA_DECODERS.get(stream.codec_context.name)
    transparent = any(key.lower() == "alpha_mode" and value == "1" for key, value in stream.metadata.items())
    if transparent and name in av.codecs_available:
        # it has no access to the track, so a rotation flag (very rare in WebM) is ignored
        codec = av.CodecContext.create(name, "r")
    codec.thread_type = "AUTO"
    codec.thread_count = settings.threads
    # without `unaligned`, FFmpeg does not crop the left columns of H.264 and HEVC, to keep rows aligned in memory
    codec.options = {"max_pixels": str(settings.max_pixels), "flags": "+unaligned"}
    return codec


def memory_ran_out(error: Exception) -> bool:
    """Return whether memory ran out; FFmpeg raises MemoryError for a damaged file too, if it states a huge length."""
    if not isinstance(error, MemoryError):
        return False
    try:
        np.empty(SPARE_BYTES, np.uint8)
    except MemoryError:
        return True
    return False


def explain(error: Exception) -> str:
    """Return the message of an FFmpeg error, without its number and path."""
    if isinstance(error, MemoryError):
        return "it is damaged: it states an impossible length"
    return getattr(error, "strerror", None) or str(error).splitlines()[0] or type(error).__name__


def stated_seconds(container: InputContainer, stream: VideoStream) -> float | None:
    """Return the length of the video track as the file states it, or None.

    The whole file may be longer, because of its sound. Matroska states only the length of the whole file; FFmpeg and
    mkvmerge add a tag with the end of each track (https://www.matroska.org/technical/tagging.html).
    """
    if stream.duration and stream.duration > 0 and stream.time_base:
        return None if container.format.name in WITHOUT_LENGTH else float(stream.duration * stream.time_base)
    for name, value in stream.metadata.items():
        if name.startswith("DURATION") and (parts := re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", value)):
            end = int(parts[1]) * 3600 + int(parts[2]) * 60 + float(parts[3])
            # programs that cut files copy the tag unchanged; no track is longer than the file
            end = min(end, (container.duration or float("inf")) / 1e6)
            seconds = end - float((stream.start_time or 0) * stream.time_base)
            return seconds if seconds > 0 else None
    return None


def falls_short(reached: float, stated: float) -> bool:
    """Return whether more of the stated length is missing than rounding explains; both in seconds."""
    return stated - reached > max(0.5, 0.03 * stated)


def packets_end(path: Path, heartbeat: Callable[[], None]) -> float:
    """Read all packets of a file, or those before a fault, and return where the last one ends, in seconds."""
    end = 0.0
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            for packet in container.demux():
                heartbeat()
                if packet.pts is not None:
                    end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    except (av.FFmpegError, ValueError) as error:
        if memory_ran_out(error):
            raise
    return end
