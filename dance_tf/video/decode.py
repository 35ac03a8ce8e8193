"""Decode video files by PyAV: gray frames in the order of time, and the length, rate and faults of the file."""

from __future__ import annotations

from collections.abc import Iterator
from math import floor
from typing import TYPE_CHECKING

import numpy as np

from dance_tf.video.container import (
    SeekPlanner,
    explain,
    falls_short,
    key_times,
    memory_ran_out,
    nominal_rate,
    packet_times,
    reaches,
    seconds_within,
    stated_seconds,
)
from dance_tf.video.luma import UPRIGHT, frame_orientation, gray_picture, gray_square
from dance_tf.video.settings import GRACE, ReadSettings, Sampling, interpolate_missing
from dance_tf.video.stills import Source, check_still_pixels

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

TEXT_FORMATS = ("adf", "bin", "idf", "tty", "xbin")  # text files that FFmpeg renders as video
ANIMATIONS = ("apng", "gif")  # formats that state a duration for each picture
ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # FFmpeg's own decoders ignore the alpha plane


class VideoSource(Source):
    """A video file in any format that FFmpeg supports."""

    def frames(self) -> Iterator[tuple[float, np.ndarray]]:
        """See `Source.frames`.

        Raises:
            ReadError: the file cannot be read or exceeds a limit.
            MemoryError: decoding it needs more memory than there is.
        """
        import av

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
            stream = self._video_stream(container)
            self._backwards = self._damaged = 0
            # without timestamps, the times of skipped frames are unknown
            self._skips_frames = self.settings.skip_nonref and stream.start_time is not None
            timed = self._read(container, stream)
            if not (self._skips_frames and self.settings.every_frame):
                yield from timed
                return
            wanted, whole = packet_times(self.path, stream, self.heartbeat)
            self.broken |= not whole  # decoding will report the fault
            yield from interpolate_missing(timed, wanted)
            if wanted:  # the last picture may be a skipped one
                self.seconds = max(self.seconds, wanted[-1] + 1 / self.frame_rate)

    def _video_stream(self, container: InputContainer) -> VideoStream:
        from av.stream import Disposition

        streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
        if not streams:
            raise self.error("no picture track in it")
        if streams[0].codec_context is None:
            raise self.error("no decoder for its pictures")
        return streams[0]

    def _read(self, container: InputContainer, stream: VideoStream) -> Iterator[tuple[float, np.ndarray]]:
        """Yield the sampled frames as gray pictures, then check the length."""
        settings, codec = self.settings, stream.codec_context
        self.check_pixels(codec.width, codec.height)
        decoder = PictureDecoder(container, stream, settings, self._skips_frames)
        aspect = stream.sample_aspect_ratio or codec.sample_aspect_ratio
        aspect = float(aspect) if aspect and aspect > 0 else 1.0
        length = stated = stated_seconds(container, stream)
        # sound may outlast the pictures; but the whole file is not read only to find out by how much
        self.check_seconds(stated or (container.duration or 0) / 1e6, stated=True)
        if settings.frames_in_all is not None and length is None:
            ends, whole = packet_times(self.path, stream, self.heartbeat, ends=True)
            self.broken |= not whole
            length = max(max(ends, default=0.0), 1e-3)
        sampling = Sampling(settings, length)
        orientation = UPRIGHT
        timed = self._decode(container, stream, decoder, sampling)
        for time, frame in sampling.choose(timed, lambda: self.seconds):
            if not self.width:
                orientation = frame_orientation(frame)
                if not orientation.exact:
                    self.warnings.append(
                        "rotated by an angle that is not a multiple of 90 degrees; the nearest is used"
                    )
                self.set_size(round(frame.width * aspect), frame.height, orientation)
                self.pixel_aspect = 1 / aspect if orientation.transpose else aspect
            if self.full_size:
                yield time, gray_picture(frame, orientation)
            else:
                yield time, gray_square(frame, settings.size, settings.fit, aspect, orientation, settings.quick_shrink)
        timed.close()
        if not self.width:
            check_still_pixels(self)
            raise self.error("no frame of it can be decoded")
        self.broken |= bool(decoder.warnings or decoder.broken_packets or self._damaged)
        self.warnings += decoder.warnings
        faults = {
            f"{decoder.broken_packets} broken packets left out": decoder.broken_packets,
            f"timestamps go backwards {self._backwards} times": self._backwards,
            f"{self._damaged} frames are damaged": self._damaged,
        }
        self.warnings += [warning for warning, times in faults.items() if times]
        # if sampling ended before the file, only the index shows what is missing
        reached = self.seconds or seconds_within(self.path, container, stream) or length
        file_seconds = (container.duration or 0) / 1e6
        if stated is None and file_seconds and not reaches(self.path, file_seconds, reached, self.heartbeat):
            stated = file_seconds
        if stated is not None and falls_short(reached, stated):
            self.broken = True
            self.warnings.append(f"breaks off after {reached:.2f} of {stated:.2f} s")
            self.seconds = reached
        elif not settings.every_frame:
            self.seconds = length or self.seconds

    def _decode(
        self, container: InputContainer, stream: VideoStream, decoder: PictureDecoder, sampling: Sampling
    ) -> Iterator[tuple[float, VideoFrame]]:
        """Yield decoded frames with their times, except those that a seek skips."""
        nominal = self.frame_rate = nominal_rate(stream)
        time_base = float(stream.time_base or 1 / nominal)
        keys = [] if self.settings.every_frame else key_times(container, stream)
        seeks = SeekPlanner(keys, 1 / nominal)
        # AVI numbers packets in decoding order, but the decoder returns pictures in the order of time
        decoding_order = container.format.name == "avi"
        count = broken_before = 0
        origin = last = duration = 0.0
        frames = decoder.frames()
        while True:
            if (frame := next(frames, None)) is None:
                if not seeks.pending:
                    break
                # the seek found no frame, as in a truncated file
                decoder.broken_packets = broken_before  # these packets will be read and counted again
                frames = decoder.frames_from(floor((seeks.recover(last) + origin) / time_base))
                continue
            self.heartbeat()
            self.count_bytes(sum(plane.buffer_size for plane in frame.planes))
            ticks = frame.dts if decoding_order else frame.pts
            if count == 0:
                origin = ticks * time_base if ticks is not None else 0.0
            time = ticks * time_base - origin if ticks is not None else last + (count > 0) / nominal
            if seeks.is_repeated(time, last):
                continue
            if time < last:
                time = last
                self._backwards += 1
            self.check_seconds(time)
            self._damaged += bool(frame.is_corrupt)
            yield time, frame
            last, count, duration = time, count + 1, (frame.duration or 0) * time_base
            if seeks.is_due(sampling.next, last):
                broken_before = decoder.broken_packets
                frames.close()
                frames = decoder.frames_from(floor((sampling.next + GRACE + origin) / time_base))
        if not (keys or self._skips_frames or last <= 0):
            self.frame_rate = (count - 1) / last
        duration = duration if duration <= self.settings.limits.seconds else 0.0  # a broken file may state any number
        if count > 1 and duration > 0 and container.format.name in ANIMATIONS:
            self.seconds = last + duration
            self.frame_rate = count / self.seconds
        elif count:
            # many videos state too short a duration for their last frame, but none too long a one
            self.seconds = last + max(duration, 1 / self.frame_rate)


class PictureDecoder:
    """Decodes the video track of an open container.

    Pictures are cropped as the coded stream states (H.264, HEVC, …). Cropping by the container alone (Matroska's
    PixelCrop, the `clap` box of MP4) is ignored, because PyAV 18 does not expose the side data of a track.

    Args:
        container: an open file.
        stream: its video track.
        settings: threads, skips and limits.
        skip_nonref: do not decode frames that no other frame needs.

    Attributes:
        codec: the open decoder.
        broken_packets: number of packets that could not be decoded.
        warnings: why packets could not be read to the end.
    """

    def __init__(
        self, container: InputContainer, stream: VideoStream, settings: ReadSettings, skip_nonref: bool
    ) -> None:
        self._container, self._stream, self._limits = container, stream, settings.limits
        self.broken_packets = 0
        self.warnings: list[str] = []
        self.codec = _alpha_codec(stream) or stream.codec_context
        self.codec.thread_type = "AUTO"
        self.codec.thread_count = settings.threads
        # without `unaligned`, FFmpeg does not crop the left columns of H.264 and HEVC, to keep rows aligned in memory
        options = {"max_pixels": str(settings.limits.pixels), "flags": "+unaligned"}
        if settings.skip_loop_filter:
            options["skip_loop_filter"] = "all"
        self.codec.options = options
        if skip_nonref:
            self.codec.skip_frame = "NONREF"

    def frames(self) -> Iterator[VideoFrame]:
        """Yield decoded frames; packets that cannot be decoded are skipped and counted.

        Raises:
            MemoryError: memory ran out; that is not a fault of the file.
        """
        import av

        self._open()
        failed_in_row = 0
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except (av.FFmpegError, ValueError) as error:
                if memory_ran_out(error):
                    raise
                self._warn(f"breaks off ({explain(error)})")
                packet = None
            try:
                frames = self.codec.decode(packet)
                failed_in_row = 0
            except MemoryError:
                raise
            except av.EOFError:
                break
            except (av.FFmpegError, ValueError):
                frames, failed_in_row = [], failed_in_row + 1
                self.broken_packets += 1
            yield from frames
            if packet is None:
                break
            if failed_in_row > self._limits.broken_packets:
                self._warn("reading stopped after too many broken packets in a row")
                break

    def frames_from(self, ticks: int) -> Iterator[VideoFrame]:
        """Yield frames from the key frame at or before a time; none if seeking fails."""
        import av

        try:
            self._container.seek(ticks, stream=self._stream, backward=True)
        except MemoryError:
            raise
        except (av.FFmpegError, ValueError):
            return iter(())
        self.codec.flush_buffers()
        return self.frames()

    def _open(self) -> None:
        import av

        try:
            self.codec.open(strict=False)
        except MemoryError:
            raise
        except BlockingIOError as error:
            # raised by the system if there is no memory for the stack of another thread
            raise MemoryError("no memory for so many decoding threads") from error
        except (av.FFmpegError, ValueError):
            pass  # decoding each packet will raise the same error, which is counted

    def _warn(self, warning: str) -> None:
        if warning not in self.warnings:
            self.warnings.append(warning)


def _alpha_codec(stream: VideoStream) -> VideoCodecContext | None:
    """Return a decoder that supports transparency, if a WebM file is marked as transparent.

    It has no access to the track, so a rotation flag (very rare in WebM) is ignored.
    """
    import av

    name = ALPHA_DECODERS.get(stream.codec_context.name)
    marked = any(key.lower() == "alpha_mode" and value == "1" for key, value in stream.metadata.items())
    if name is None or not marked or name not in av.codecs_available:
        return None
    return av.CodecContext.create(name, "r")
