"""Film strips of curated clips, with the dropped frames and their reasons."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np

from dance_tf.curation.filters import CuratedClip
from dance_tf.curation.parts import CurationRow, PartError, part_name, read_part, read_rows
from dance_tf.curation.run import close_pool, failure_reason, pooled_process
from dance_tf.dataset.build import parts_folder
from dance_tf.report.figures.clips import choose_frames, clip_strip
from dance_tf.report.section import png, write_whole
from dance_tf.video.catalog import Clip
from dance_tf.video.frames import open_footage
from dance_tf.video.settings import READ_DEFAULTS, ReadSettings
from dance_tf.video.stills import ReadError
from dance_tf.video.workers import worker_pool

STRIP_FRAMES = 16  # two rows of eight


def strips_folder(dataset: Path) -> Path:
    """Return the folder of a dataset's strips, next to the dataset."""
    return dataset.with_name(f"{dataset.name}-strips")


class StripError(RuntimeError):
    """Some strips could not be drawn; the message is one line with the reason of the first."""


def strip_frames(
    clip: CuratedClip, path: Path, read: ReadSettings = READ_DEFAULTS, count: int = STRIP_FRAMES
) -> tuple[np.ndarray, np.ndarray]:
    """Read the frames that represent a clip again from its file.

    Args:
        clip: the curated clip.
        path: its file.
        read: the settings of its curation.
        count: maximum number of frames.

    Returns:
        uint8 [k, 128, 128] and float64 [k] seconds.

    Raises:
        ReadError: the file can no longer be read.
        LostProcess: the file crashes the decoder or makes it hang.
    """
    times = np.sort(np.r_[clip.timestamps, [frame.timestamp for frame in clip.dropped]])
    chosen = frozenset(choose_frames(times, clip.dropped, count))
    with pooled_process() as process:
        return process.call(_pick_frames, path, read, chosen)


def _pick_frames(
    path: Path, read: ReadSettings, chosen: frozenset[int], heartbeat: Callable[[], None]
) -> tuple[np.ndarray, np.ndarray]:
    reader = open_footage(path, read, heartbeat)
    picked = [frame for place, frame in enumerate(reader) if place in chosen]
    if reader.broken and read.threads != 1:  # as in `read_footage`: several threads may give other frames
        return _pick_frames(path, replace(read, threads=1), chosen, heartbeat)
    if len(picked) != len(chosen):
        raise ReadError(f"{path.name}: has fewer frames than at curation")
    return np.stack([picture for _, picture in picked]), np.array([moment for moment, _ in picked])


def write_strips(
    dataset: Path,
    find: Callable[[CurationRow], Path],
    source: str,
    read: ReadSettings = READ_DEFAULTS,
    jobs: int = 1,
    scheduler: str | None = None,
) -> tuple[Path, ...]:
    """Draw the strip of every clip of a dataset into `strips_folder`, including clips without kept frames.

    A strip that is newer than the curated clip is not drawn again.

    Args:
        dataset: folder written by `curate_folder`.
        find: returns the file of a row.
        source: "synthetic" or the name of the footage.
        read: the settings of their curation.
        jobs: parallel processes.
        scheduler: address of a Dask scheduler to use instead; its workers need the same folders.

    Returns:
        the strips, `<clip id>.png`, in the order of the dataset's rows.

    Raises:
        StripError: a clip's file can no longer be read; all other strips are drawn.
    """
    dataset = dataset.resolve()
    rows = [row for row in read_rows(dataset / "curation.csv") if row.seen]
    out = strips_folder(dataset)
    places = [out / f"{row.clip_id}.png" for row in rows]
    parts = [parts_folder(dataset) / (row.part or _name_part(row, read)) for row in rows]
    todo = [
        (part, find(row).absolute(), place)
        for row, part, place in zip(rows, parts, places, strict=True)
        if not _is_newer(place, part)
    ]
    if todo:
        with worker_pool(jobs, scheduler):
            faults = joblib.Parallel()(joblib.delayed(_draw)(*paths, source, read) for paths in todo)
        close_pool()
        if missing := [fault for fault in faults if fault]:
            raise StripError(f"{len(missing)} of {len(rows)} strips could not be drawn: {missing[0]}")
    return tuple(places)


def _name_part(row: CurationRow, read: ReadSettings) -> str:
    """Return the part of a row that names none because no frame of its clip was kept."""
    clip = Clip(Path(), row.style, row.dancer, row.clip_id, row.source, row.consent)
    return part_name(clip, row.sha256, read)


def _is_newer(picture: Path, part: Path) -> bool:
    return picture.is_file() and part.is_file() and picture.stat().st_mtime >= part.stat().st_mtime


def _draw(part: Path, path: Path, out: Path, source: str, read: ReadSettings) -> str:
    """Draw one strip and return the reason if that failed, else ""."""
    try:
        clip = read_part(part)
        frames, times = strip_frames(clip, path, read)
    except PartError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - an error of one file must not stop the others
        return failure_reason(error)
    title = f"Clip {clip.clip.clip_id}: kept and dropped frames"
    write_whole(out, png(clip_strip(frames, times, clip.dropped, clip.timestamps, title, source)))
    return ""
