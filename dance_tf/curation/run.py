"""Curation of many clips: parallel, resumable, with one row for each file.

Each clip is read and curated in a subprocess (`video.isolation`) and stored as a part (`parts`). Existing parts are
reused, so a killed run continues where it stopped. A clip that cannot be read is refused, and the run goes on.
"""

from __future__ import annotations

import os
import queue
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import cv2
from joblib import Parallel, cpu_count, delayed

from dance_tf.curation.filters import (
    CURATION_DEFAULTS,
    NO_CUTOUTS,
    NO_ONSETS,
    REASONS,
    CurationSettings,
    curate_frames,
)
from dance_tf.curation.parts import (
    KEPT,
    PARTLY_KEPT,
    REFUSED,
    CurationRow,
    PartError,
    content_sha256,
    part_name,
    read_row,
    remove_stale,
    write_part,
)
from dance_tf.pose.read import PoseSettings, load_blazepose
from dance_tf.pose.skeleton import NO_SKELETONS
from dance_tf.pose.track import DancerTracker
from dance_tf.video.catalog import Catalog, Clip, Refusal
from dance_tf.video.frames import FrameFile, FrameFileError, read_footage
from dance_tf.video.isolation import DecodingProcess, LostProcess, background_heartbeat
from dance_tf.video.settings import FORMER_OPTIONS, READ_DEFAULTS, ReadSettings
from dance_tf.video.stills import ReadError
from dance_tf.video.workers import SchedulerError, cluster, named_scheduler

MAX_CLIP_BYTES = 2_000_000_000  # a clip is one record of the dataset, which cannot exceed 2 GiB


class CurationError(RuntimeError):
    """A run that cannot continue, with the reason in one line."""


def reading_to_json(
    read: ReadSettings, curation: CurationSettings, poses: PoseSettings | None = None
) -> dict[str, dict[str, Any]]:
    """Return the settings that change frames and skeletons, as JSON types."""
    found = {"read": read.to_json(), "curation": asdict(curation)}
    return found | ({"poses": poses.to_json()} if poses else {})


def reading_from_json(
    reading: Mapping[str, Any] | None, with_poses: bool = False
) -> tuple[ReadSettings, CurationSettings, PoseSettings | None]:
    """Return the settings of `reading_to_json`; missing ones have their defaults, unknown ones are ignored.

    Args:
        with_poses: return the settings of the poses too, if there are any, instead of None.

    Raises:
        ReadError: an option of an earlier version is set, which this version does not have.
    """
    stored = reading or {}
    for name, only in FORMER_OPTIONS.items():
        if (value := stored.get("read", {}).get(name, only)) != only:
            raise ReadError(f"clips were read with {name} {value}, which this version cannot do: train the model again")
    frames = (
        kind(**{field.name: part[field.name] for field in fields(kind) if field.name in part})
        for kind, part in ((ReadSettings, stored.get("read", {})), (CurationSettings, stored.get("curation", {})))
    )
    return *frames, PoseSettings.from_json(stored["poses"]) if with_poses and "poses" in stored else None


Item, Result = TypeVar("Item"), TypeVar("Result")
_idle: queue.SimpleQueue[DecodingProcess] = queue.SimpleQueue()  # one pool for each Python process or Dask worker


@contextmanager
def pooled_process() -> Iterator[DecodingProcess]:
    """Take an idle decoding process from the worker pool, or start one; it returns to the pool afterwards."""
    try:
        process = _idle.get_nowait()
    except queue.Empty:
        process = DecodingProcess()
    try:
        yield process
    finally:
        _idle.put(process)


def close_pool() -> None:
    """End the idle decoding processes of this Python process."""
    while not _idle.empty():
        _idle.get_nowait().close()


def call_in_pool(call: Callable[[Item, int], Result], items: Sequence[Item]) -> Iterator[Result]:
    """Yield `call(item, threads)` of each item, in order; several run at a time, each with its share of the cores.

    Args:
        call: takes a process of `pooled_process`, which may use so many threads.
    """
    if not items:
        return
    threads = max(1, cpu_count() // len(items))
    try:
        parallel = Parallel(n_jobs=min(cpu_count(), len(items)), prefer="threads", return_as="generator")
        yield from parallel(delayed(call)(item, threads) for item in items)
    finally:
        close_pool()


def failure_reason(error: Exception) -> str:
    """Return in one line why a call in a decoding process failed."""
    if isinstance(error, MemoryError):
        return "needs more memory than a decoding process may take"
    line = " ".join(str(error).split())
    return line if isinstance(error, ReadError | LostProcess) else f"unexpected {type(error).__name__}: {line}"


def curate_footage(
    catalog: Catalog,
    out_parts: Path,
    read: ReadSettings = READ_DEFAULTS,
    jobs: int | None = None,
    scheduler: str | None = None,
    progress: Callable[[CurationRow], None] | None = None,
    poses: PoseSettings | None = None,
) -> tuple[CurationRow, ...]:
    """Curate every clip of a catalog into parts.

    Args:
        out_parts: folder for the parts; created if missing.
        read: how clips are read; `threads` 0 divides the cores among the jobs.
        jobs: clips at a time; None is one for each core, or all workers of a cluster.
        scheduler: address of a Dask scheduler ("tcp://host:8786") whose workers see the same folders. None is this
            machine.
        poses: how skeletons are found; None to look for none.

    Returns:
        One row for each clip in the order of the catalog, then one for each refusal of the catalog. Of several clips
        with the same content the first is kept; the others are refused and name it.

    Raises:
        CurationError: the parts cannot be written, or the scheduler does not answer.
        WeightsError: there are no weights to find skeletons with.
    """
    looked_for = poses and poses.to_json()
    out_parts = Path(out_parts).resolve()
    try:
        out_parts.mkdir(parents=True, exist_ok=True)
        remove_stale(out_parts)
    except OSError as error:
        raise CurationError(f"{out_parts}: cannot be written ({error.strerror})") from error
    threads = 1
    if scheduler := named_scheduler(scheduler):
        jobs = jobs or -1
    else:
        jobs = max(1, min(jobs or cpu_count(), len(catalog.clips)))  # if there are few clips, each gets more threads
        threads = max(1, cpu_count() // jobs)
    read = replace(read, threads=read.threads or threads)
    clips = [replace(clip, path=_resolve(clip.path)) for clip in catalog.clips]
    try:
        with _worker_pool(jobs, scheduler) as parallel:
            hashes = list(parallel(delayed(_hash_content)(clip.path) for clip in clips))
            keys = [(sha256, clip.start, clip.end) for clip, (sha256, _) in zip(clips, hashes, strict=True)]
            first: dict[object, Clip] = {}
            for clip, key in zip(clips, keys, strict=True):
                if key[0]:
                    first.setdefault(key, clip)
            tasks = (
                delayed(_curate_part)(
                    clip,
                    sha256,
                    fault,
                    first.get(key, clip),
                    out_parts / part_name(clip, sha256, read, looked_for),
                    read,
                    poses,
                )
                for clip, key, (sha256, fault) in zip(clips, keys, hashes, strict=True)
            )
            rows = []
            for clip, row in zip(catalog.clips, parallel(tasks), strict=True):
                rows.append(replace(row, path=os.path.abspath(clip.path)))
                if progress:
                    progress(rows[-1])
    except (PartError, SchedulerError) as error:
        raise CurationError(str(error)) from error
    finally:
        close_pool()
    rows += [
        CurationRow(os.path.abspath(one.path), reason=one.reason, sha256=_hash_refused(one)) for one in catalog.refused
    ]
    return tuple(rows)


@contextmanager
def _worker_pool(jobs: int, scheduler: str | None) -> Iterator[Parallel]:
    """Start threads, each with a decoding process of its own, or connect to the workers of a Dask cluster."""
    if scheduler is None:
        yield Parallel(n_jobs=jobs, prefer="threads", return_as="generator")
        return
    with cluster(scheduler) as client:
        yield Parallel(n_jobs=jobs, return_as="generator", batch_size=1)
        client.run(close_pool, on_error="ignore")  # a worker that was killed has no pool


def _resolve(path: Path) -> Path:
    """Return the absolute path without links; with them if they form a circle."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path.absolute()


def _hash_content(path: Path) -> tuple[str, str]:
    """Return the SHA-256 of a file or folder of images and "", or "" and why it cannot be read."""
    try:
        return content_sha256(path), ""
    except (OSError, ValueError) as error:  # ValueError: a name that is not UTF-8 in a folder of images
        return "", f"cannot be read ({getattr(error, 'strerror', None) or error})"


def _hash_refused(refusal: Refusal) -> str:
    """Return the SHA-256 of a refused file, or ""; a link to a folder is not followed, as it may be huge."""
    try:
        readable = refusal.path.is_file() or refusal.path.is_dir() and not refusal.path.is_symlink()
    except OSError:
        return ""
    return _hash_content(refusal.path)[0] if readable else ""


def _curate_part(
    clip: Clip, sha256: str, fault: str, original: Clip, part: Path, read: ReadSettings, poses: PoseSettings | None
) -> CurationRow:
    """Make the part of a clip if it is missing, and return its row.

    A clip that cannot be read (`fault` says why) or whose content is that of an earlier clip (`original`) has no part.
    """
    row = CurationRow.of(clip, sha256)
    if fault:
        return replace(row, reason=fault)
    if original != clip:
        labels = "" if original.style == clip.style else f", which is labelled {original.style or 'not at all'}"
        return replace(row, reason=f"same content as {original.clip_id}{labels}")
    try:
        found = read_row(part)
        if found.seconds > read.max_seconds:  # made under another limit, which is not part of the name
            return replace(row, reason=f"{found.seconds:,.0f} s long, over the limit of {read.max_seconds:g} s")
        return found
    except PartError:
        pass
    try:
        with pooled_process() as process:
            process.call(make_part, clip, sha256, part, read, CURATION_DEFAULTS, poses)
        return read_row(part)
    except PartError:
        raise
    except Exception as error:  # noqa: BLE001 - any failure of one file is reported in its row
        return replace(row, reason=failure_reason(error).removeprefix(f"{clip.path.name}: "))


def make_part(
    clip: Clip,
    sha256: str,
    part: Path,
    read: ReadSettings,
    curation: CurationSettings,
    poses: PoseSettings | None = None,
    max_bytes: int | None = MAX_CLIP_BYTES,
    *,
    heartbeat: Callable[[], None],
) -> None:
    """Read and curate one clip in this process and write its part.

    Memory holds a few frames at a time, about 200 bytes for each frame of the clip, and 1 kB for each pose.

    Raises:
        ReadError: the clip cannot be read, has over `max_bytes` bytes of frames, or the disk is too full for them.
        PartError: no part can be written.
    """
    from dance_tf.video.sound import read_onsets

    cv2.setNumThreads(read.threads or -1)  # -1: as many as OpenCV chooses
    with ExitStack() as files:
        try:  # on the disk of the part: that for temporary files may be in memory
            held, cutouts = (files.enter_context(FrameFile(part.parent, max_bytes)) for _ in range(2))
        except FrameFileError as error:
            raise PartError(f"{part}: cannot be written ({error})") from error
        tracker = None
        if poses:
            blazepose = load_blazepose(read.threads or cpu_count())
            tracker = DancerTracker(blazepose, poses.poses_per_second, poses.smoothing, cutouts)
        try:
            reading = replace(read, start=clip.start, end=clip.end)
            footage = read_footage(clip.path, reading, heartbeat, held, tracker)
            frames = footage.frames, footage.timestamps, footage.seconds
            skeletons, alone = tracker.finish() if tracker else (NO_SKELETONS, NO_CUTOUTS)
            curated = curate_frames(clip, *frames, curation, heartbeat, held, skeletons)
            onsets = read_onsets(clip.path, reading, heartbeat) if poses else NO_ONSETS
            curated = replace(curated, cutouts=alone, onsets=onsets)
        except FrameFileError as error:  # the next clip may be small enough for the disk
            raise ReadError(f"no room for its frames: {error}") from error
        seen, kept = curated.seen, len(curated.frames)
        dropped = {reason: sum(frame.reason == reason for frame in curated.dropped) for reason in REASONS}
        reasons = [f"{count} {reason.replace('_', ' ')}" for reason, count in dropped.items() if count]
        if not kept:
            reasons.insert(0, f"none of its {seen} frames is left")
        row = replace(
            CurationRow.of(clip, sha256),
            status=KEPT if kept == seen and not footage.warnings else PARTLY_KEPT if kept else REFUSED,
            reason="; ".join((*reasons, *footage.warnings)),
            seen=seen,
            kept=kept,
            **dropped,
            seconds=round(footage.seconds, 6),
            width=footage.width,
            height=footage.height,
            frame_rate=round(footage.frame_rate, 6),
            room_known=curated.background_valid,
            part=part.name if kept else "",
            poses=len(curated.skeletons.times),
            poses_found=int(curated.skeletons.valid.sum()),
        )
        with background_heartbeat(heartbeat):
            write_part(part, curated, row)
