"""Curation of many clips: side by side, resumable, and with every file accounted for.

Each clip is read and curated in a decoding process (`isolation`) and leaves one part (`parts`). A part that is there
is not made again, so a killed run goes on where it was. A clip that cannot be read costs a row and nothing else.
"""

from __future__ import annotations

import os
import queue
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from dance_tf.curation.filters import (
    CURATION_DEFAULTS,
    REASONS,
    CuratedClip,
    CurationSettings,
    curate_clip,
    curate_held,
)
from dance_tf.curation.parts import (
    KEPT,
    PARTLY_KEPT,
    REFUSED,
    CurationRow,
    PartError,
    PartSummary,
    content_sha256,
    part_name,
    read_rows,
    read_summary,
    remove_stale,
    write_part,
    write_rows,
)
from dance_tf.video.catalog import Catalog, Clip, Refusal
from dance_tf.video.frames import FrameFile, FrameFileError
from dance_tf.video.isolation import DecodingProcess, LostProcess, background_heartbeat
from dance_tf.video.settings import READ_DEFAULTS, ReadSettings
from dance_tf.video.stills import ReadError
from dance_tf.video.workers import SchedulerError, cluster, named_scheduler

OF_THE_MACHINE = ("threads", "limits")  # what a clip may cost is whoever reads it to say


def reading_to_json(read: ReadSettings, curation: CurationSettings) -> dict[str, dict[str, Any]]:
    """What of the settings decides the frames, in the types of JSON; `reading_from_json` reads it back."""
    chosen = {name: value for name, value in asdict(read).items() if name not in OF_THE_MACHINE}
    return {"read": chosen, "curation": asdict(curation)}


def reading_from_json(reading: Mapping[str, Any] | None) -> tuple[ReadSettings, CurationSettings]:
    """The settings that `reading_to_json` was given; the defaults for None and for what is not there.

    Names that are no setting (any more) are passed over.
    """
    told = reading or {}
    return tuple(
        kind(**{field.name: part[field.name] for field in fields(kind) if field.name in part})
        for kind, part in ((ReadSettings, told.get("read", {})), (CurationSettings, told.get("curation", {})))
    )


def curate_apart(
    process: DecodingProcess,
    clip: Clip,
    folder: Path,
    read: ReadSettings = READ_DEFAULTS,
    curation: CurationSettings = CURATION_DEFAULTS,
) -> CuratedClip:
    """Read and curate a clip in a decoding process.

    Args:
        process: used again for the next clip, and started afresh where this one kills it.
        clip: what to curate.
        folder: takes the frames that are kept; those of the result are read from there, and must not outlive it.
        read: how to read.
        curation: the thresholds.

    Raises:
        ReadError: the clip cannot be read.
        LostProcess: it crashes the decoder, or makes it hang.
        MemoryError: it needs more memory than the process may take.
    """
    path = folder / f"{uuid.uuid4().hex}.npy"
    curated = process.call(_curate_to, path, clip, read, curation)
    return replace(curated, frames=np.asarray(np.load(path, mmap_mode="r")))


def told(error: Exception) -> str:
    """Why a call in a decoding process gave nothing, in one line for whoever offered the clip."""
    if isinstance(error, MemoryError):
        return "needs more memory than a decoding process may take"
    line = " ".join(str(error).split())
    return line if isinstance(error, ReadError | LostProcess) else f"unexpected {type(error).__name__}: {line}"


def _curate_to(
    path: Path, clip: Clip, read: ReadSettings, curation: CurationSettings, heartbeat: Callable[[], None]
) -> CuratedClip:
    """Curate a clip and leave its frames in a file; the rest is small enough for a pipe."""
    curated = curate_clip(clip, read, curation, heartbeat)
    with background_heartbeat(heartbeat):
        np.save(path, curated.frames)
    return replace(curated, frames=curated.frames[:0].copy())


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
def lend_process(timeout_s: float) -> Iterator[DecodingProcess]:
    """Lend a decoding process that is running already, or a new one; it is kept for the next clip."""
    try:
        process = _idle.get_nowait()
    except queue.Empty:
        process = DecodingProcess()
    process.timeout_s = timeout_s
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
    clip: Clip, sha256: str, part: Path, read: ReadSettings, curation: CurationSettings, heartbeat: Callable[[], None]
) -> None:
    """Read and curate one clip in this process and write its part.

    Raises:
        ReadError: the clip cannot be read, or its frames find no room.
        PartError: no part can be written.
    """
    import cv2

    from dance_tf.video.frames import read_footage

    cv2.setNumThreads(read.threads)
    try:
        # beside the part: a disk that has room for it, and no memory in a disk's clothes as /tmp may be
        held = ClipFrames(part.parent)
    except FrameFileError as error:
        raise PartError(f"{part}: cannot be written ({error})") from error
    with held:
        try:
            footage = read_footage(clip.path, read, heartbeat, held)
            curated = curate_held(clip, footage, held, curation, heartbeat)
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
        with background_heartbeat(heartbeat):
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
    if scheduler:
        jobs = jobs or -1
    else:
        jobs = max(1, min(jobs or cores, len(catalog.clips)))  # of few clips, each gets more threads
    if read.threads == 0:
        read = replace(read, threads=1 if scheduler else max(1, cores // jobs))
    clips = [replace(clip, path=_locate(clip.path)) for clip in catalog.clips]
    try:
        with _start_workers(jobs, scheduler) as parallel:
            hashes = list(parallel(delayed(hash_content)(clip.path) for clip in clips))
            first: dict[str, Clip] = {}
            for clip, (sha256, _) in zip(clips, hashes, strict=True):
                if sha256:
                    first.setdefault(sha256, clip)
            tasks = (
                delayed(offer)(clip, sha256, fault, first.get(sha256, clip), out_parts, read, curation, timeout_s)
                for clip, (sha256, fault) in zip(clips, hashes, strict=True)
            )
            rows = []
            for shown, row in zip(catalog.clips, parallel(tasks), strict=True):
                rows.append(replace(row, path=os.path.abspath(shown.path)))
                if progress:
                    progress(rows[-1])
    except (PartError, SchedulerError) as error:
        raise CurationError(str(error)) from error
    finally:
        end_idle()
    rows += [
        CurationRow(os.path.abspath(one.path), reason=one.reason, sha256=_hash_refused(one)) for one in catalog.refused
    ]
    return tuple(rows)


def _locate(path: Path) -> Path:
    """The absolute path that a link leads to; its own, where it leads in circles."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path.absolute()


def _hash_refused(refusal: Refusal) -> str:
    """The SHA-256 of what was refused, "" where it cannot be read; a link may lead to far more than lies there."""
    try:
        readable = refusal.path.is_file() or refusal.path.is_dir() and not refusal.path.is_symlink()
    except OSError:
        return ""
    return hash_content(refusal.path)[0] if readable else ""


@contextmanager
def _start_workers(jobs: int, scheduler: str | None) -> Iterator[Parallel]:
    """Threads here, each with a decoding process of its own; or the workers of a Dask cluster."""
    if scheduler is None:
        yield Parallel(n_jobs=jobs, prefer="threads", return_as="generator")
        return
    with cluster(scheduler) as client:
        yield Parallel(n_jobs=jobs, return_as="generator", batch_size=1)
        # their decoding processes wait for clips that will not come; a worker that is lost has none
        client.run(end_idle, on_error="ignore")
