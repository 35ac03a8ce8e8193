"""One clip offered to curation: it leaves a part, or a row that says why not."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from dance_tf.footage.catalog import Clip
from dance_tf.footage.curation import REASONS, CurationSettings, curate_held
from dance_tf.footage.curation_apart import told
from dance_tf.footage.curation_table import KEPT, PARTLY_KEPT, REFUSED, CurationRow
from dance_tf.footage.frame_file import FrameFile, FrameFileError
from dance_tf.footage.isolation import DecodingProcess, steady
from dance_tf.footage.parts import PartError, PartSummary, content_sha256, part_name, read_summary, write_part
from dance_tf.footage.settings import ReadSettings
from dance_tf.footage.source import ReadError

# a clip is one record of the dataset, and no record can be longer than 2 GiB
MOST_BYTES = 2_000_000_000


class ClipFrames(FrameFile):
    """The frames of one clip, which may not be more than a record can hold, nor fill a disk that others need."""

    def append(self, frame: np.ndarray) -> None:
        """Put a frame uint8 [h, w] after the others.

        Raises:
            ReadError: there are too many.
            FrameFileError: the disk is full, or gone.
        """
        if (len(self) + 1) * frame.nbytes > MOST_BYTES:
            raise ReadError(f"more than {len(self):,} frames, the most that one clip of a dataset can have")
        super().append(frame)


def hash_content(path: Path) -> tuple[str, str]:
    """The SHA-256 of a file or folder of images and "", or "" and why there is none."""
    try:
        return content_sha256(path), ""
    except (OSError, ValueError) as error:  # ValueError: a name in a folder of images that is no UTF-8
        return "", f"cannot be read ({getattr(error, 'strerror', None) or error})"


_idle: queue.SimpleQueue[DecodingProcess] = queue.SimpleQueue()  # of this Python process, or of this Dask worker


@contextmanager
def lend_process(silence_s: float) -> Iterator[DecodingProcess]:
    """Lend a decoding process that is running already, or a new one; it is kept for the next clip."""
    try:
        process = _idle.get_nowait()
    except queue.Empty:
        process = DecodingProcess()
    process.silence_s = silence_s
    try:
        yield process
    finally:
        _idle.put(process)


def end_idle() -> None:
    """End the decoding processes that wait for another clip in this Python process."""
    while not _idle.empty():
        _idle.get_nowait().close()


def offer(
    clip: Clip,
    sha256: str,
    fault: str,
    original: Clip,
    out_parts: Path,
    read: ReadSettings,
    curation: CurationSettings,
    timeout_s: float,
) -> CurationRow:
    """Make the part of one clip where it is not there yet, and tell what became of it.

    Args:
        clip: what is offered.
        sha256: of its content; "" where `fault` says why there is none.
        fault: why it cannot be read at all; "" where it can.
        original: the first clip of the same content, itself if it is the first.
        out_parts: folder for the part.
        read: how to read.
        curation: the thresholds.
        timeout_s: seconds without a sign of life after which it is given up.

    Raises:
        PartError: no part can be written.
    """
    row = CurationRow(str(clip.path), clip.clip_id, clip.style, clip.dancer, clip.source, clip.consent, sha256=sha256)
    if fault:
        return replace(row, reason=fault)
    if original != clip:
        labels = "" if original.style == clip.style else f", which is labelled {original.style or 'not at all'}"
        return replace(row, reason=f"same content as {original.clip_id}{labels}")
    part = out_parts / part_name(clip, sha256, read, curation)
    try:
        summary = _read_summary(part)
        if summary.seconds > read.limits.seconds:  # made under another limit, which no part's name tells
            return replace(row, reason=f"{summary.seconds:,.0f} s long, over the limit of {read.limits.seconds:g} s")
    except PartError:
        try:
            with lend_process(timeout_s) as process:
                process.call(make_part, clip, sha256, part, read, curation)
            summary = _read_summary(part)
        except PartError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one file provokes, the run goes on and names it
            return replace(row, reason=told(error).removeprefix(f"{clip.path.name}: "))
    return _describe(row, summary, part)


_one_by_one = threading.Lock()


def _read_summary(part: Path) -> PartSummary:
    # NumPy parses a file's header as Python, which in two threads at once can fail in CPython 3.11
    # ("AST constructor recursion depth mismatch", python/cpython issue 106905) and refuse a healthy clip
    with _one_by_one:
        return read_summary(part)


def make_part(
    clip: Clip, sha256: str, part: Path, read: ReadSettings, curation: CurationSettings, alive: Callable[[], None]
) -> None:
    """Read and curate one clip in this process and write its part.

    Raises:
        ReadError: the clip cannot be read, or its frames find no room.
        PartError: no part can be written.
    """
    import cv2

    from dance_tf.footage.video import read_footage

    cv2.setNumThreads(read.threads)
    try:
        # beside the part: a disk that has room for it, and no memory in a disk's clothes as /tmp may be
        held = ClipFrames(part.parent)
    except FrameFileError as error:
        raise PartError(f"{part}: cannot be written ({error})") from error
    with held:
        try:
            footage = read_footage(clip.path, read, alive, held)
            curated = curate_held(clip, footage, held, curation, alive)
        except FrameFileError as error:  # the disk may well have room for the next clip
            raise ReadError(f"no room for its frames: {error}") from error
        reasons = [frame.reason for frame in curated.dropped]
        summary = PartSummary(
            clip,
            sha256,
            curated.seen,
            len(curated.frames),
            tuple(reasons.count(reason) for reason in REASONS),
            footage.seconds,
            footage.width,
            footage.height,
            footage.frame_rate,
            curated.room_known,
            footage.warnings,
        )
        with steady(alive):
            write_part(part, curated, summary)


def _describe(row: CurationRow, summary: PartSummary, part: Path) -> CurationRow:
    dropped = dict(zip(REASONS, summary.dropped, strict=True))
    told = [f"{count} {reason.replace('_', ' ')}" for reason, count in dropped.items() if count]
    status = KEPT if summary.kept == summary.seen and not summary.warnings else PARTLY_KEPT if summary.kept else REFUSED
    if not summary.kept:
        told.insert(0, f"none of its {summary.seen} frames is left")
    return replace(
        row,
        status=status,
        reason="; ".join((*told, *summary.warnings)),
        seen=summary.seen,
        kept=summary.kept,
        **dropped,
        seconds=round(summary.seconds, 6),
        width=summary.width,
        height=summary.height,
        frame_rate=round(summary.frame_rate, 6),
        room_known=summary.room_known,
        part=part.name if summary.kept else "",
    )
