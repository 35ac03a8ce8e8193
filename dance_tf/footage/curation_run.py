"""Curation of many clips: side by side, resumable, and with every file accounted for.

Each clip is read and curated in a decoding process (`isolation`) and leaves one part (`parts`). A part that is there
is not made again, so a killed run goes on where it was. A clip that cannot be read costs a row and nothing else.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from joblib import Parallel, delayed

from dance_tf.footage.catalog import Catalog, Clip
from dance_tf.footage.curation import CURATION_DEFAULTS, REASONS, CurationSettings, curate_held
from dance_tf.footage.curation_apart import told
from dance_tf.footage.curation_table import KEPT, PARTLY_KEPT, REFUSED, CurationRow, read_rows, write_rows
from dance_tf.footage.frame_file import FrameFile, FrameFileError
from dance_tf.footage.isolation import DecodingProcess, steady
from dance_tf.footage.parts import (
    PartError,
    PartSummary,
    content_sha256,
    part_name,
    read_summary,
    remove_stale,
    write_part,
)
from dance_tf.footage.settings import READ_DEFAULTS, ReadSettings
from dance_tf.footage.workers import SchedulerError, cluster, named_scheduler

__all__ = [
    "KEPT",
    "PARTLY_KEPT",
    "REFUSED",
    "CurationError",
    "CurationRow",
    "curate_footage",
    "read_rows",
    "write_rows",
]


class CurationError(RuntimeError):
    """A run that cannot go on, with the reason in one line."""


def curate_footage(
    catalog: Catalog,
    out_parts: Path,
    read: ReadSettings = READ_DEFAULTS,
    curation: CurationSettings = CURATION_DEFAULTS,
    jobs: int | None = None,
    scheduler: str | None = None,
    timeout_s: float = 20.0,
    progress: Callable[[CurationRow], None] | None = None,
) -> tuple[CurationRow, ...]:
    """Curate every clip of a catalog into parts.

    Args:
        catalog: what `find_clips` found.
        out_parts: folder for the parts; made where it is missing.
        read: how clips are read; `threads` 0 shares the cores among the jobs.
        curation: the thresholds.
        jobs: clips at a time; None is one for each core, or all that a cluster has.
        scheduler: address of a Dask scheduler ("tcp://host:8786"); its workers must see the same folders. None works
            on this machine.
        timeout_s: seconds without a sign of life (a frame decoded, a measure taken) after which a clip is given up.
        progress: called with each row as it comes.

    Returns:
        One row for each clip in the catalog's order, then one for each refusal of the catalog. The same content twice
        is kept once; the later row is refused and names the earlier clip.

    Raises:
        CurationError: the parts cannot be written, or no scheduler answers.
    """
    out_parts = Path(out_parts).resolve()
    try:
        out_parts.mkdir(parents=True, exist_ok=True)
        remove_stale(out_parts)
    except OSError as error:
        raise CurationError(f"{out_parts}: cannot be written ({error.strerror})") from error
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    scheduler = named_scheduler(scheduler)
    jobs = jobs or (-1 if scheduler else cores)
    if read.threads == 0:
        read = replace(read, threads=1 if scheduler else max(1, cores // jobs))
    clips = [replace(clip, path=clip.path.resolve()) for clip in catalog.clips]
    try:
        with _workers(jobs, scheduler) as parallel:
            hashes = list(parallel(delayed(_hash)(clip.path) for clip in clips))
            first: dict[str, Clip] = {}
            for clip, (sha256, _) in zip(clips, hashes, strict=True):
                if sha256:
                    first.setdefault(sha256, clip)
            tasks = (
                delayed(_offer)(clip, sha256, fault, first.get(sha256, clip), out_parts, read, curation, timeout_s)
                for clip, (sha256, fault) in zip(clips, hashes, strict=True)
            )
            rows = []
            for shown, row in zip(catalog.clips, parallel(tasks), strict=True):
                rows.append(replace(row, path=str(shown.path)))
                if progress:
                    progress(rows[-1])
    except (PartError, SchedulerError) as error:
        raise CurationError(str(error)) from error
    finally:
        _end_idle()
    for refusal in catalog.refused:
        sha256, _ = _hash(refusal.path) if refusal.path.is_file() else ("", "")
        rows.append(CurationRow(str(refusal.path), reason=refusal.reason, sha256=sha256))
    return tuple(rows)


@contextmanager
def _workers(jobs: int, scheduler: str | None) -> Iterator[Parallel]:
    """Threads here, each with a decoding process of its own; or the workers of a Dask cluster."""
    if scheduler is None:
        yield Parallel(n_jobs=jobs, prefer="threads", return_as="generator")
        return
    with cluster(scheduler):
        yield Parallel(n_jobs=jobs, return_as="generator", batch_size=1)


def _hash(path: Path) -> tuple[str, str]:
    try:
        return content_sha256(path), ""
    except (OSError, ValueError) as error:  # ValueError: a name in a folder of images that is no UTF-8
        return "", f"cannot be read ({getattr(error, 'strerror', None) or error})"


_idle: queue.SimpleQueue[DecodingProcess] = queue.SimpleQueue()  # of this Python process, or of this Dask worker


@contextmanager
def _decoding_process(silence_s: float) -> Iterator[DecodingProcess]:
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


def _end_idle() -> None:
    while not _idle.empty():
        _idle.get_nowait().close()


def _offer(
    clip: Clip,
    sha256: str,
    fault: str,
    original: Clip,
    out_parts: Path,
    read: ReadSettings,
    curation: CurationSettings,
    timeout_s: float,
) -> CurationRow:
    """Make the part of one clip where it is not there yet, and tell what became of it."""
    row = CurationRow(str(clip.path), clip.clip_id, clip.style, clip.dancer, clip.source, clip.consent, sha256=sha256)
    if fault:
        return replace(row, reason=fault)
    if original.clip_id != clip.clip_id:
        labels = "" if original.style == clip.style else f", which is labelled {original.style or 'not at all'}"
        return replace(row, reason=f"same content as {original.clip_id}{labels}")
    part = out_parts / part_name(clip, sha256, read, curation)
    try:
        summary = _summary(part)
    except PartError:
        try:
            with _decoding_process(timeout_s) as process:
                process.call(_make_part, clip, sha256, part, read, curation)
            summary = _summary(part)
        except PartError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one file provokes, the run goes on and names it
            return replace(row, reason=told(error).removeprefix(f"{clip.path.name}: "))
    return _described(row, summary, part)


_one_by_one = threading.Lock()


def _summary(part: Path) -> PartSummary:
    # NumPy parses a file's header as Python, which in two threads at once can fail in CPython 3.11
    # ("AST constructor recursion depth mismatch", python/cpython issue 106905) and refuse a healthy clip
    with _one_by_one:
        return read_summary(part)


def _make_part(
    clip: Clip, sha256: str, part: Path, read: ReadSettings, curation: CurationSettings, alive: Callable[[], None]
) -> None:
    import cv2

    from dance_tf.footage.video import read_footage

    cv2.setNumThreads(read.threads)
    try:
        # beside the part: a disk that has room for it, and no memory in a disk's clothes as /tmp may be
        with FrameFile(part.parent) as held:
            footage = read_footage(clip.path, read, alive, held)
            curated = curate_held(clip, footage, held, curation, alive)
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
    except FrameFileError as error:
        raise PartError(f"{part}: cannot be written ({error})") from error


def _described(row: CurationRow, summary: PartSummary, part: Path) -> CurationRow:
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
