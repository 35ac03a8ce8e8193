"""Curation of many clips: side by side, resumable, and with every file accounted for.

Each clip is read and curated in a decoding process (`isolation`) and leaves one part (`parts`). A part that is there
is not made again, so a killed run goes on where it was. A clip that cannot be read costs a row and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from joblib import Parallel, delayed

from dance_tf.footage.catalog import Catalog, Clip, Refusal
from dance_tf.footage.curation import CURATION_DEFAULTS, CurationSettings
from dance_tf.footage.curation_offer import end_idle, hash_content, offer
from dance_tf.footage.curation_table import KEPT, PARTLY_KEPT, REFUSED, CurationRow, read_rows, write_rows
from dance_tf.footage.parts import PartError, remove_stale
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
