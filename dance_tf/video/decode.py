"""A container's packets to pictures: on past what is broken, transparency and all."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dance_tf.video.settings import ReadSettings

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

SEEKABLE = ("mov", "matroska")  # containers whose index says where key frames are
GUESSED = ("mpeg", "mpegts")  # containers that state no length; FFmpeg guesses one from the packets near the end


def nominal_rate(stream: VideoStream) -> float:
    """Frames per second as the file states them, or 25."""
    return float(stream.average_rate or stream.guessed_rate or 0) or 25.0


def stated_seconds(container: InputContainer, stream: VideoStream) -> float | None:
    """Length of the pictures as the file states it, or None; the whole file may last longer, with sound.

    Matroska has a length of the whole file only; a tag that FFmpeg and mkvmerge write beside each track says when it
    ends (https://www.matroska.org/technical/tagging.html).
    """
    if stream.duration and stream.duration > 0 and stream.time_base:
        return None if container.format.name in GUESSED else float(stream.duration * stream.time_base)
    for name, value in stream.metadata.items():
        if name.startswith("DURATION") and (parts := re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", value)):
            end = int(parts[1]) * 3600 + int(parts[2]) * 60 + float(parts[3])
            # tags are copied by programs that cut files; no track ends after all of them
            end = min(end, (container.duration or float("inf")) / 1e6)
            seconds = end - float((stream.start_time or 0) * stream.time_base)
            return seconds if seconds > 0 else None
    return None


def falls_short(reached: float, stated: float) -> bool:
    """Whether so much of the length that a file states is missing that no rounding explains it; both in seconds."""
    return stated - reached > max(0.5, 0.03 * stated)


def reaches(path: Path, stated: float, reached: float, alive: Callable[[], None]) -> bool:
    """Whether a file goes on to the end that it states, with pictures or with something else, as sound.

    Args:
        path: of the file; read through once more, nothing decoded, where its pictures end early.
        stated: seconds that the whole file is said to last.
        reached: seconds to the end of its pictures.
        alive: called for each packet as a sign of life.
    """
    import av

    if not falls_short(reached, stated):
        return True
    end = 0.0
    try:
        with av.open(str(path), metadata_errors="replace") as again:
            for packet in again.demux():
                alive()
                if packet.pts is not None:
                    end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    except (av.FFmpegError, ValueError) as error:
        if memory_ran_out(error):
            raise  # else how far it can be read is what is asked for
    return not falls_short(end, stated)


def packet_times(
    path: Path, stream: VideoStream, alive: Callable[[], None], ends: bool = False
) -> tuple[list[float], bool]:
    """When each picture is shown, or (with `ends`) until when.

    The file is opened once more and read through, with a sign of life for each packet. Packets without any clock, as
    in raw H.264, follow each other at the nominal rate.

    Returns:
        seconds from the first picture, rising, and whether the file could be read to its end.
    """
    import av

    times, first, clockless, whole = [], None, 0, True
    try:
        with av.open(str(path), metadata_errors="replace") as again:
            for packet in again.demux(again.streams[stream.index]):
                alive()
                clockless += packet.pts is None and packet.size > 0
                if packet.pts is not None and not packet.is_discard:
                    begin = float(packet.pts * packet.time_base)
                    first = begin if first is None else min(first, begin)
                    times.append(begin + float((packet.duration or 0) * packet.time_base) * ends)
    except (av.FFmpegError, ValueError) as error:
        if memory_ran_out(error):
            raise
        whole = False
    if not times:
        return [(number + ends) / nominal_rate(stream) for number in range(clockless)], whole
    return sorted(time - first for time in times), whole


def key_times(container: InputContainer, stream: VideoStream) -> list[float]:
    """Seconds at which key frames are shown, or a little later, rising; empty where there is no index to choose from.

    The index of an mp4 file knows when a picture is decoded; it is shown later by as much as the first one is.
    """
    if not container.format.name.startswith(SEEKABLE):
        return []
    if container.format.name.startswith("mov") and stream.frames != len(stream.index_entries):
        return []  # a fragmented file, whose index grows as it is read
    ticks = sorted(entry.timestamp for entry in stream.index_entries if entry.is_keyframe)
    start = min(ticks[0], stream.start_time or 0) if ticks else 0
    return [float((tick - start) * stream.time_base) for tick in ticks] if len(ticks) > 1 else []


def seconds_within(path: Path, container: InputContainer, stream: VideoStream) -> float | None:
    """How far the pictures reach that lie within the file, of those in its index; None where all do, or none tells."""
    if not container.format.name.startswith("mov"):
        return None
    size, start = path.stat().st_size, stream.start_time or 0
    missing = [entry.timestamp - start for entry in stream.index_entries if entry.pos + entry.size > size]
    return max(0.0, float(min(missing) * stream.time_base)) if missing else None


class SeekPlanner:
    """Which key frame to go to for the next moment wanted; all times are seconds from the first frame.

    A leap is worth its seek only to a key frame that decoding has not come near yet. After one that led back to what
    was seen already, or into nothing, the index is not trusted again: frames are then read one by one, those seen
    already passed over.

    Args:
        keys: when key frames are shown, rising; none where there is no index to choose from.
        spacing: the usual time between two frames.

    Attributes:
        airborne: True from a leap to its first frame.
    """

    def __init__(self, keys: Sequence[float], spacing: float) -> None:
        self._keys, self._spacing = keys, spacing
        self._trusted = True
        self._reached = -1  # the key frame leapt to last
        self._repeating = False
        self.airborne = False

    def is_due(self, moment: float | None, last: float) -> bool:
        """Whether to leap to the key frame at or before a moment, when the frame read last was shown at `last`."""
        if moment is None or not self._trusted:
            return False
        place = bisect_right(self._keys, moment) - 1
        if place <= self._reached or self._keys[place] <= last + self._spacing:
            return False
        self._reached, self.airborne = place, True
        return True

    def is_repeated(self, time: float, last: float) -> bool:
        """Whether a frame was seen before the leap, as where the index lies."""
        if not (self.airborne or self._repeating):
            return False
        self._repeating = time <= last
        self._trusted &= not self._repeating
        self.airborne = False
        return self._repeating

    def turn_back(self, last: float) -> float:
        """Where to go on after a leap into nothing: the key frame at or before the frame read last, or the first."""
        self._trusted, self._repeating, self.airborne = False, True, False
        return self._keys[max(0, bisect_right(self._keys, last) - 1)]


if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # FFmpeg's own decoders of these leave out the alpha plane

SPARE_BYTES = 256 << 20  # where this much memory is still to be had, memory has not run out


class PictureDecoder:
    """Decodes the picture track of an open container, from where it stands.

    Pictures come cropped as the coded stream says (H.264, HEVC, …). What only the container would crop (Matroska's
    PixelCrop, the `clap` box of MP4) is shown: PyAV 18 does not hand out the side data of a track.

    Memory that runs out is no fault of the file: it is raised, as `MemoryError`, and never counted.

    Args:
        container: as PyAV opened it.
        stream: the picture track.
        settings: threads, skips and limits.
        skipping: leave out frames that no other frame needs.

    Attributes:
        broken_packets: how many could not be decoded.
        warnings: why reading ended before the end, in plain words.
        broke_off: True where packets could not be read any further.
    """

    def __init__(self, container: InputContainer, stream: VideoStream, settings: ReadSettings, skipping: bool) -> None:
        self._container, self._stream, self._limits = container, stream, settings.limits
        self.broken_packets = 0
        self.warnings: list[str] = []
        self.broke_off = False
        self._codec = _alpha_codec(stream) or stream.codec_context
        self._codec.thread_type = "AUTO"
        self._codec.thread_count = settings.threads
        # without `unaligned`, FFmpeg shows columns that H.264 and HEVC crop at the left, to keep rows aligned in memory
        options = {"max_pixels": str(settings.limits.pixels), "flags": "+unaligned"}
        if settings.skip_loop_filter:
            options["skip_loop_filter"] = "all"
        self._codec.options = options
        if skipping:
            self._codec.skip_frame = "NONREF"

    def frames(self) -> Iterator[VideoFrame]:
        """Yield frames as the decoder hands them out; what cannot be decoded is stepped over and counted."""
        import av

        self._open()
        in_a_row = 0
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except (av.FFmpegError, ValueError) as error:
                if memory_ran_out(error):
                    raise
                self.broke_off = True
                self._warn(f"breaks off ({explain(error)})")
                packet = None
            try:
                frames = self._codec.decode(packet)
                in_a_row = 0
            except MemoryError:
                raise
            except av.EOFError:
                break
            except (av.FFmpegError, ValueError):
                frames, in_a_row = [], in_a_row + 1
                self.broken_packets += 1
            yield from frames
            if packet is None:
                break
            if in_a_row > self._limits.broken_packets:
                self._warn("given up after too many broken packets in a row")
                break

    def frames_from(self, ticks: int) -> Iterator[VideoFrame]:
        """Frames from the key frame at or before a time on, or none where the file cannot be sought in."""
        import av

        try:
            self._container.seek(ticks, stream=self._stream, backward=True)
        except MemoryError:
            raise
        except (av.FFmpegError, ValueError):
            return iter(())
        self._codec.flush_buffers()
        return self.frames()

    def _open(self) -> None:
        import av

        try:
            self._codec.open(strict=False)
        except MemoryError:
            raise
        except BlockingIOError as error:
            # what a system says where it has no room for the stack of one more thread
            raise MemoryError("no memory for so many decoding threads") from error
        except (av.FFmpegError, ValueError):
            pass  # every packet will meet the same error, and be counted

    def _warn(self, warning: str) -> None:
        if warning not in self.warnings:
            self.warnings.append(warning)


def memory_ran_out(error: Exception) -> bool:
    """Whether an error of FFmpeg's reading tells that memory ran out.

    It says the same of a damaged file in which a length of gigabytes is written: then there is memory all the same.
    """
    if not isinstance(error, MemoryError):
        return False
    try:
        np.empty(SPARE_BYTES, np.uint8)
    except MemoryError:
        return True
    return False


def explain(error: Exception) -> str:
    """Say what an error of FFmpeg means, without the number and the path around it."""
    if isinstance(error, MemoryError):
        return "it is damaged: a length in it is beyond all measure"
    return getattr(error, "strerror", None) or str(error).splitlines()[0] or type(error).__name__


def _alpha_codec(stream: VideoStream) -> VideoCodecContext | None:
    """A decoder that hands out transparency, where a WebM file says that it has some and FFmpeg's own would not.

    It knows nothing of the track, so that a rotation flag, which a WebM file hardly ever has, is not seen.
    """
    import av

    name = ALPHA_DECODERS.get(stream.codec_context.name)
    marked = any(key.lower() == "alpha_mode" and value == "1" for key, value in stream.metadata.items())
    if name is None or not marked or name not in av.codecs_available:
        return None
    return av.CodecContext.create(name, "r")
