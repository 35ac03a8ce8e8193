"""What a video file says of its pictures before any is decoded: when they are shown, where key frames are, its end."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dance_tf.footage.container_decoder import memory_ran_out

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
