"""A video file by way of PyAV: its pictures in the order of time, and what can be said about it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dance_tf.footage.luma import UPRIGHT, frame_orientation, gray_picture, gray_square
from dance_tf.footage.sampling import Sampling, fill_in
from dance_tf.footage.settings import ReadSettings
from dance_tf.footage.source import ReadError, Source

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

SEEKABLE = ("mov", "matroska")  # containers whose index says where key frames are


class ContainerSource(Source):
    """Reads a video file of any kind that FFmpeg knows."""

    def __init__(self, path: Path, settings: ReadSettings) -> None:
        super().__init__(path, settings)
        self.broken = False

    def squares(self, alive: Callable[[], None]) -> Iterator[tuple[float, np.ndarray]]:
        """Yield (seconds from the first frame, uint8 [size, size]) for the frames that the settings ask for.

        Raises:
            ReadError: the file cannot be read or exceeds a limit.
        """
        import av

        if self.path.stat().st_size == 0:
            raise ReadError(f"{self.path.name}: the file is empty")
        try:
            container = av.open(str(self.path), metadata_errors="replace")
        except (av.FFmpegError, ValueError) as error:
            raise ReadError(f"{self.path.name}: not a video that can be opened ({plain(error)})") from error
        with container:
            stream = self._video_stream(container)
            timed = self._read(container, stream, alive)
            if self.settings.skip_nonref and self.settings.every_frame:
                timed = fill_in(timed, self._packet_times(stream))
            yield from timed

    def _read(
        self, container: InputContainer, stream: VideoStream, alive: Callable[[], None]
    ) -> Iterator[tuple[float, np.ndarray]]:
        settings = self.settings
        codec = stream.codec_context
        self.check_pixels(codec.width, codec.height)
        self._set_decoder(codec)
        aspect = stream.sample_aspect_ratio or codec.sample_aspect_ratio
        aspect = float(aspect) if aspect and aspect > 0 else 1.0
        promised = self._promised_seconds(container, stream)
        if settings.frames_in_all is not None and promised is None:
            # the header has no length: that of the last packet, nothing decoded
            promised = max(max(self._packet_times(stream, ends=True), default=0.0), 1e-3)
        sampling = Sampling(settings, promised)
        orientation, described = UPRIGHT, False
        for time, frame in sampling.choose(self._timed(container, stream, sampling, alive), lambda: self.seconds):
            if not described:
                orientation, described = frame_orientation(frame), True
                if not orientation.exact:
                    self.warnings.append("turned by an angle that is no multiple of 90 degrees; the nearest is used")
                self.set_size(round(frame.width * aspect), frame.height, orientation)
                self.pixel_aspect = 1 / aspect if orientation.transpose else aspect
            if self.whole:
                yield time, gray_picture(frame, orientation)
            else:
                yield time, gray_square(frame, settings.size, settings.fit, aspect, orientation, settings.quick_shrink)
        if not described:
            raise ReadError(f"{self.path.name}: no frame of it can be decoded")
        if sampling.every and promised is not None and promised - self.seconds > max(0.5, 0.03 * promised):
            self.broken = True
            self.warnings.append(f"breaks off after {self.seconds:.2f} of {promised:.2f} s")
        elif not sampling.every:
            self.seconds = promised or self.seconds

    def _video_stream(self, container: InputContainer) -> VideoStream:
        from av.stream import Disposition

        streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
        if not streams:
            raise ReadError(f"{self.path.name}: no picture track in it")
        if streams[0].codec_context is None:
            raise ReadError(f"{self.path.name}: no decoder for its pictures")
        return streams[0]

    def _set_decoder(self, codec) -> None:
        codec.thread_type = "AUTO"
        codec.thread_count = self.settings.threads
        options = {"max_pixels": str(self.settings.limits.pixels)}
        if self.settings.skip_loop_filter:
            options["skip_loop_filter"] = "all"
        codec.options = options
        if self.settings.skip_nonref:
            codec.skip_frame = "NONREF"

    def _promised_seconds(self, container: InputContainer, stream: VideoStream) -> float | None:
        """The length that the file's header claims, refused where it exceeds the limit."""
        seconds = None
        if stream.duration and stream.time_base:
            seconds = float(stream.duration * stream.time_base)
        elif container.duration:
            seconds = container.duration / 1e6
        if seconds is None or seconds <= 0:
            return None
        if seconds > self.settings.limits.seconds:
            raise ReadError(
                f"{self.path.name}: {seconds:,.0f} s long, over the limit of {self.settings.limits.seconds:g} s"
            )
        return seconds

    def _packet_times(self, stream: VideoStream, ends: bool = False) -> list[float]:
        """When each picture is shown, or (with `ends`) until when: seconds from the first, rising; nothing decoded."""
        import av

        times, first = [], None
        try:
            with av.open(str(self.path), metadata_errors="replace") as again:
                for packet in again.demux(again.streams[stream.index]):
                    if packet.pts is not None and not packet.is_discard:
                        begin = float(packet.pts * packet.time_base)
                        first = begin if first is None else min(first, begin)
                        times.append(begin + float((packet.duration or 0) * packet.time_base) * ends)
        except (av.FFmpegError, ValueError):
            self.broken = True  # its frames will meet the same fault, and name it
        return sorted(time - first for time in times)

    def _timed(
        self, container: InputContainer, stream: VideoStream, sampling: Sampling, alive: Callable[[], None]
    ) -> Iterator[tuple[float, VideoFrame]]:
        """All decoded frames with their times, but for stretches that a seek steps over."""
        limits = self.settings.limits
        nominal = float(stream.average_rate or stream.guessed_rate or 0) or 25.0
        time_base = float(stream.time_base or 1 / nominal)
        keys = [] if sampling.every else self._key_times(container, stream)
        # AVI numbers packets in the order of decoding; the pictures come out in the order of time all the same
        unordered = container.format.name == "avi"
        count = decoded_bytes = backwards = damaged = 0
        origin = last = 0.0
        sought = -1
        frames = self._decoded(container, stream)
        while (frame := next(frames, None)) is not None:
            alive()
            decoded_bytes += sum(plane.buffer_size for plane in frame.planes)
            if decoded_bytes > limits.decoded_bytes:
                raise ReadError(f"{self.path.name}: more than {limits.decoded_bytes:,} bytes of decoded pictures")
            ticks = frame.dts if unordered else frame.pts
            if count == 0:
                origin = ticks * time_base if ticks is not None else 0.0
            time = ticks * time_base - origin if ticks is not None else last + (count > 0) / nominal
            if time < last:
                time, backwards = last, backwards + 1
            if time > limits.seconds:
                raise ReadError(f"{self.path.name}: longer than the limit of {limits.seconds:g} s")
            damaged += bool(frame.is_corrupt)
            yield time, frame
            last, count = time, count + 1
            # the key frame nearest before the next moment; worth a seek only where decoding has not come so far yet
            place = bisect_right(keys, sampling.next) - 1 if keys and sampling.next is not None else -1
            if place > sought and keys[place] > last + 1 / nominal:
                sought = place  # an index that lies could lead back here for ever
                frames.close()
                container.seek(round((keys[place] + origin) / time_base), stream=stream, backward=True)
                frames = self._decoded(container, stream)
        partly = keys or self.settings.skip_nonref
        self.frame_rate = nominal if partly or last <= 0 else (count - 1) / last
        self.seconds = last + 1 / self.frame_rate if count else 0.0
        if backwards:
            self.warnings.append(f"timestamps go backwards {backwards} times")
        if damaged:
            self.broken = True
            self.warnings.append(f"{damaged} frames are damaged")

    def _decoded(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        """Frames as the decoder hands them out; what cannot be decoded is stepped over and counted."""
        import av

        broken = in_a_row = 0
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except (av.FFmpegError, ValueError) as error:
                self.broken = True
                self.warnings.append(f"breaks off ({plain(error)})")
                packet = None
            try:
                frames = stream.decode(None) if packet is None else packet.decode()
                in_a_row = 0
            except av.EOFError:
                break
            except (av.FFmpegError, ValueError):
                frames, broken, in_a_row = [], broken + 1, in_a_row + 1
            yield from frames
            if packet is None:
                break
            if in_a_row > self.settings.limits.broken_packets:
                self.warnings.append("given up after too many broken packets in a row")
                break
        if broken:
            self.broken = True
            self.warnings.append(f"{broken} broken packets left out")

    def _key_times(self, container: InputContainer, stream: VideoStream) -> list[float]:
        if not container.format.name.startswith(SEEKABLE):
            return []
        if container.format.name.startswith("mov") and stream.frames != len(stream.index_entries):
            return []  # a fragmented file, whose index grows as it is read
        start = stream.start_time or 0
        times = [
            float((entry.timestamp - start) * stream.time_base) for entry in stream.index_entries if entry.is_keyframe
        ]
        return sorted(times) if len(times) > 1 else []


def plain(error: Exception) -> str:
    """What an error of FFmpeg says, without the number and the path around it."""
    return getattr(error, "strerror", None) or str(error).splitlines()[0] or type(error).__name__
