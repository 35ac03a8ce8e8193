"""Read what a video container states, without decoding: lengths, packet times and key frames; plan seeks with it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

SEEKABLE = ("mov", "matroska")  # containers whose index lists key frames
WITHOUT_LENGTH = ("mpeg", "mpegts")  # containers that state no length; FFmpeg guesses one from packets near the end
SPARE_BYTES = 256 << 20  # if this much memory can be allocated, memory has not run out


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


def nominal_rate(stream: VideoStream) -> float:
    """Return frames per second as the file states them, or 25."""
    return float(stream.average_rate or stream.guessed_rate or 0) or 25.0


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


def reaches(path: Path, stated: float, reached: float, heartbeat: Callable[[], None]) -> bool:
    """Return whether a file's packets reach its stated end, with pictures or, for example, with sound.

    Args:
        path: of the file; all packets are read again if its pictures end early.
        stated: length of the whole file in seconds.
        reached: end of its pictures in seconds.
        heartbeat: called for each packet.
    """
    import av

    if not falls_short(reached, stated):
        return True
    end = 0.0
    with _stop_at_fault(), av.open(str(path), metadata_errors="replace") as again:
        for packet in again.demux():
            heartbeat()
            if packet.pts is not None:
                end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    return not falls_short(end, stated)


def packet_times(
    path: Path, stream: VideoStream, heartbeat: Callable[[], None], ends: bool = False
) -> tuple[list[float], bool]:
    """Read all packets again and return when each picture begins, or (with `ends`) ends.

    Packets without timestamps, as in raw H.264, follow at the nominal rate. `heartbeat` is called for each packet.

    Returns:
        seconds from the first picture, rising, and whether the file is readable to its end.
    """
    import av

    times, first, without_time, whole = [], None, 0, False
    with _stop_at_fault(), av.open(str(path), metadata_errors="replace") as again:
        for packet in again.demux(again.streams[stream.index]):
            heartbeat()
            without_time += packet.pts is None and packet.size > 0
            if packet.pts is not None and not packet.is_discard:
                begin = float(packet.pts * packet.time_base)
                first = begin if first is None else min(first, begin)
                times.append(begin + float((packet.duration or 0) * packet.time_base) * ends)
        whole = True
    if not times:
        return [(number + ends) / nominal_rate(stream) for number in range(without_time)], whole
    return sorted(time - first for time in times), whole


@contextmanager
def _stop_at_fault() -> Iterator[None]:
    """Leave the block at an unreadable packet; raise only if memory ran out."""
    import av

    try:
        yield
    except (av.FFmpegError, ValueError) as error:
        if memory_ran_out(error):
            raise


def key_times(container: InputContainer, stream: VideoStream) -> list[float]:
    """Return the times of key frames in seconds, rising; empty without a usable index.

    An mp4 index has decoding times; a picture is shown later, by as much as the first picture is.
    """
    if not container.format.name.startswith(SEEKABLE):
        return []
    if container.format.name.startswith("mov") and stream.frames != len(stream.index_entries):
        return []  # the index of a fragmented file grows while it is read
    ticks = sorted(entry.timestamp for entry in stream.index_entries if entry.is_keyframe)
    start = min(ticks[0], stream.start_time or 0) if ticks else 0
    return [float((tick - start) * stream.time_base) for tick in ticks] if len(ticks) > 1 else []


def seconds_within(path: Path, container: InputContainer, stream: VideoStream) -> float | None:
    """Return where the first picture begins that the index of a truncated mp4 file lists beyond its end, or None."""
    if not container.format.name.startswith("mov"):
        return None
    size, start = path.stat().st_size, stream.start_time or 0
    missing = [entry.timestamp - start for entry in stream.index_entries if entry.pos + entry.size > size]
    return max(0.0, float(min(missing) * stream.time_base)) if missing else None


class SeekPlanner:
    """Decides when to seek to a key frame; all times are seconds from the first frame.

    A seek is worthwhile only to a key frame beyond the next frame. After a seek that returned to frames already read,
    or found none, the index is no longer trusted: frames are read one by one, and repeated ones skipped.

    Args:
        keys: times of key frames, rising; empty without an index.
        spacing: nominal time between two frames.

    Attributes:
        pending: True from a seek to its first frame.
    """

    def __init__(self, keys: Sequence[float], spacing: float) -> None:
        self._keys, self._spacing = keys, spacing
        self._trusted = True
        self._target = -1  # index of the key frame of the last seek
        self._repeating = False
        self.pending = False

    def is_due(self, wanted: float | None, last: float) -> bool:
        """Return whether to seek to the key frame at or before a wanted time, after a frame shown at `last`."""
        if wanted is None or not self._trusted:
            return False
        target = bisect_right(self._keys, wanted) - 1
        if target <= self._target or self._keys[target] <= last + self._spacing:
            return False
        self._target, self.pending = target, True
        return True

    def is_repeated(self, time: float, last: float) -> bool:
        """Return whether a frame was read before the seek, because the index is wrong."""
        if not (self.pending or self._repeating):
            return False
        self._repeating = time <= last
        self._trusted &= not self._repeating
        self.pending = False
        return self._repeating

    def recover(self, last: float) -> float:
        """Return where to continue after a seek found no frame: the key frame at or before `last`, or the first."""
        self._trusted, self._repeating, self.pending = False, True, False
        return self._keys[max(0, bisect_right(self._keys, last) - 1)]
