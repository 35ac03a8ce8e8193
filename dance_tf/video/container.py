"""A video file by way of PyAV: its pictures in the order of time, and what can be said about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import floor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dance_tf.video.decode import (
    PictureDecoder,
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
from dance_tf.video.settings import ReadSettings, Sampling, fill_in
from dance_tf.video.stills import ReadError, Source, check_still_pixels

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

TEXT_FORMATS = ("adf", "bin", "idf", "tty", "xbin")  # which FFmpeg would show as on an old screen

ANIMATIONS = ("apng", "gif")  # each of whose pictures states how long it is shown


class ContainerSource(Source):
    """Reads a video file of any kind that FFmpeg knows."""

    def __init__(self, path: Path, settings: ReadSettings) -> None:
        super().__init__(path, settings)
        self.skipping = settings.skip_nonref
        self._backwards = self._damaged = 0

    def squares(self, alive: Callable[[], None]) -> Iterator[tuple[float, np.ndarray]]:
        """Yield (seconds from the first frame, uint8 [size, size]) for the frames that the settings ask for.

        Raises:
            ReadError: the file cannot be read or exceeds a limit.
            MemoryError: decoding it needs more than there is.
        """
        import av

        if self.path.stat().st_size == 0:
            raise ReadError(f"{self.path.name}: the file is empty")
        try:
            container = av.open(str(self.path), metadata_errors="replace")
        except (av.FFmpegError, ValueError) as error:
            if memory_ran_out(error):
                raise
            raise ReadError(f"{self.path.name}: not a video that can be opened ({explain(error)})") from error
        with container:
            if container.format.name in TEXT_FORMATS:
                raise ReadError(f"{self.path.name}: text, not a video")
            stream = self._video_stream(container)
            if stream.start_time is None:
                self.skipping = False  # no clock tells where the frames left out would have been
            timed = self._read(container, stream, alive)
            if not (self.skipping and self.settings.every_frame):
                yield from timed
                return
            moments, whole = packet_times(self.path, stream, alive)
            self.broken |= not whole  # its frames will meet the same fault, and name it
            yield from fill_in(timed, moments)
            if moments:  # the last picture may be one that was left out
                self.seconds = max(self.seconds, moments[-1] + 1 / self.frame_rate)

    def _read(
        self, container: InputContainer, stream: VideoStream, alive: Callable[[], None]
    ) -> Iterator[tuple[float, np.ndarray]]:
        settings = self.settings
        codec = stream.codec_context
        self.check_pixels(codec.width, codec.height)
        decoder = PictureDecoder(container, stream, settings, self.skipping)
        aspect = stream.sample_aspect_ratio or codec.sample_aspect_ratio
        aspect = float(aspect) if aspect and aspect > 0 else 1.0
        promised = self._promised_seconds(container, stream)
        length = promised
        if settings.frames_in_all is not None and length is None:
            # the header has no length of the pictures: that of the last packet, nothing decoded
            ends, whole = packet_times(self.path, stream, alive, ends=True)
            self.broken |= not whole
            length = max(max(ends, default=0.0), 1e-3)
        sampling = Sampling(settings, length)
        orientation, described = UPRIGHT, False
        timed = self._timed(container, stream, decoder, sampling, alive)
        for time, frame in sampling.choose(timed, lambda: self.seconds):
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
        timed.close()
        if not described:
            check_still_pixels(self)
            raise ReadError(f"{self.path.name}: no frame of it can be decoded")
        self.broken |= bool(decoder.broke_off or decoder.broken_packets or self._damaged)
        self.warnings += decoder.warnings
        faults = {
            f"{decoder.broken_packets} broken packets left out": decoder.broken_packets,
            f"timestamps go backwards {self._backwards} times": self._backwards,
            f"{self._damaged} frames are damaged": self._damaged,
        }
        self.warnings += [warning for warning, times in faults.items() if times]
        # where sampling had all it asked for before the end came, the index alone can say what is missing
        reached = self.seconds or seconds_within(self.path, container, stream) or length
        if promised is None and container.duration and not reaches(self.path, container.duration / 1e6, reached, alive):
            promised = container.duration / 1e6
        if promised is not None and falls_short(reached, promised):
            self.broken = True
            self.warnings.append(f"breaks off after {reached:.2f} of {promised:.2f} s")
            self.seconds = reached
        elif not sampling.every:
            self.seconds = length or self.seconds

    def _video_stream(self, container: InputContainer) -> VideoStream:
        from av.stream import Disposition

        streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
        if not streams:
            raise ReadError(f"{self.path.name}: no picture track in it")
        if streams[0].codec_context is None:
            raise ReadError(f"{self.path.name}: no decoder for its pictures")
        return streams[0]

    def _promised_seconds(self, container: InputContainer, stream: VideoStream) -> float | None:
        """The length of the pictures that the file states; a file that states one over the limit is refused.

        Where a length of the whole file is all that is stated, that must be within the limit, though sound may outlast
        the pictures: ten hours are not read to learn how much of them there is to see.
        """
        promised = stated_seconds(container, stream)
        seconds = promised or (container.duration or 0) / 1e6
        if seconds > self.settings.limits.seconds:
            raise ReadError(
                f"{self.path.name}: {seconds:,.0f} s long, over the limit of {self.settings.limits.seconds:g} s"
            )
        return promised

    def _timed(
        self,
        container: InputContainer,
        stream: VideoStream,
        decoder: PictureDecoder,
        sampling: Sampling,
        alive: Callable[[], None],
    ) -> Iterator[tuple[float, VideoFrame]]:
        """All decoded frames with their times, but for stretches that a seek steps over."""
        limits = self.settings.limits
        nominal = self.frame_rate = nominal_rate(stream)
        time_base = float(stream.time_base or 1 / nominal)
        keys = [] if sampling.every else key_times(container, stream)
        leaps = SeekPlanner(keys, 1 / nominal)
        # AVI numbers packets in the order of decoding; the pictures come out in the order of time all the same
        unordered = container.format.name == "avi"
        count = decoded_bytes = broken_before = 0
        origin = last = shown = 0.0
        frames = decoder.frames()
        while True:
            if (frame := next(frames, None)) is None:
                if not leaps.airborne:
                    break
                # the seek led into nothing, as in a file cut off
                decoder.broken_packets = broken_before  # or what is met again would count twice
                frames = decoder.frames_from(floor((leaps.turn_back(last) + origin) / time_base))
                continue
            alive()
            decoded_bytes += sum(plane.buffer_size for plane in frame.planes)
            if decoded_bytes > limits.decoded_bytes:
                raise ReadError(f"{self.path.name}: more than {limits.decoded_bytes:,} bytes of decoded pictures")
            ticks = frame.dts if unordered else frame.pts
            if count == 0:
                origin = ticks * time_base if ticks is not None else 0.0
            time = ticks * time_base - origin if ticks is not None else last + (count > 0) / nominal
            if leaps.is_repeated(time, last):
                continue
            if time < last:
                time = last
                self._backwards += 1
            if time > limits.seconds:
                raise ReadError(f"{self.path.name}: longer than the limit of {limits.seconds:g} s")
            self._damaged += bool(frame.is_corrupt)
            yield time, frame
            last, count, shown = time, count + 1, (frame.duration or 0) * time_base
            if leaps.is_due(sampling.next, last):
                broken_before = decoder.broken_packets
                frames.close()
                frames = decoder.frames_from(floor((sampling.next + 5e-7 + origin) / time_base))
        if not (keys or self.skipping or last <= 0):
            self.frame_rate = (count - 1) / last
        shown = shown if shown <= limits.seconds else 0.0  # what a broken file states
        if count > 1 and shown > 0 and container.format.name in ANIMATIONS:
            self.seconds = last + shown
            self.frame_rate = count / self.seconds
        elif count:
            # videos state the time of their last frame carelessly: hardly any, but never too much
            self.seconds = last + max(shown, 1 / self.frame_rate)
