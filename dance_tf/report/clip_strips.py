"""A picture of each curated clip: its film strip with the frames that curation left out, and why."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np

from dance_tf.curation.filters import CURATION_DEFAULTS, CuratedClip
from dance_tf.curation.parts import CurationRow, PartError, part_name, read_part, read_rows
from dance_tf.curation.run import close_pool, failure_reason, pooled_process
from dance_tf.dataset.build import parts_folder
from dance_tf.report.figures.footage import choose_frames, clip_strip
from dance_tf.report.writer import png
from dance_tf.video.catalog import Clip
from dance_tf.video.frames import FootageReader
from dance_tf.video.settings import READ_DEFAULTS, ReadSettings
from dance_tf.video.stills import ReadError
from dance_tf.video.workers import side_by_side

PICTURES = 16  # frames of a strip: two rows of eight
SILENCE_SECONDS = 20.0  # without a sign of life, after which a clip is given up


def strips_folder(dataset: Path) -> Path:
    """Where a dataset's strips lie: beside it, as its parts do."""
    return dataset.with_name(f"{dataset.name}-strips")


class StripError(RuntimeError):
    """Strips that could not be drawn, with the reason of the first in one line."""


def strip_frames(
    clip: CuratedClip, path: Path, read: ReadSettings = READ_DEFAULTS, count: int = PICTURES
) -> tuple[np.ndarray, np.ndarray]:
    """The frames that stand for a clip, read again from its file; the rest is decoded and let go.

    Args:
        clip: what curation made of it.
        path: its file.
        read: how it was read when it was curated.
        count: how many frames at most.

    Returns:
        uint8 [k, 128, 128] and float64 [k] seconds.

    Raises:
        ReadError: the file cannot be read any more.
        LostProcess: it crashes the decoder, or makes it hang.
    """
    times = np.sort(np.r_[clip.timestamps, [frame.timestamp for frame in clip.dropped]])
    chosen = frozenset(choose_frames(times, clip.dropped, count))
    with pooled_process(SILENCE_SECONDS) as process:
        return process.call(_pick_frames, path, read, chosen)


def _pick_frames(
    path: Path, read: ReadSettings, chosen: frozenset[int], alive: Callable[[], None]
) -> tuple[np.ndarray, np.ndarray]:
    reader = FootageReader(path, read, alive)
    picked = [frame for place, frame in enumerate(reader) if place in chosen]
    if reader.source.broken and read.threads != 1:  # as `read_footage`: on more threads it may be other frames
        return _pick_frames(path, replace(read, threads=1), chosen, alive)
    if len(picked) != len(chosen):
        raise ReadError(f"{path.name}: has fewer frames than when it was curated")
    return np.stack([picture for _, picture in picked]), np.array([moment for moment, _ in picked])


def write_strips(
    dataset: Path,
    find: Callable[[CurationRow], Path],
    source: str,
    read: ReadSettings = READ_DEFAULTS,
    jobs: int = 1,
    scheduler: str | None = None,
) -> tuple[Path, ...]:
    """Draw the strip of every clip of a dataset into `strips_folder`; one that is newer than its clip's part stays.

    A clip of which no frame is left has one too: it tells why.

    Args:
        dataset: what `curate_folder` wrote.
        find: where the file of a row lies.
        source: "synthetic" or the footage's name.
        read: how the clips were read when they were curated.
        jobs: processes side by side.
        scheduler: address of a Dask scheduler to draw on instead; its workers must see the same folders.

    Returns:
        the pictures, `<clip id>.png`, in the order of the dataset's rows.

    Raises:
        StripError: a clip's file cannot be read any more; all other strips are drawn.
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
        with side_by_side(jobs, scheduler):
            faults = joblib.Parallel()(joblib.delayed(_draw)(*paths, source, read) for paths in todo)
        close_pool()
        if missing := [fault for fault in faults if fault]:
            raise StripError(f"{len(missing)} of {len(rows)} strips could not be drawn: {missing[0]}")
    return tuple(places)


def _name_part(row: CurationRow, read: ReadSettings) -> str:
    """The part of a row that names none, as no frame of its clip is left."""
    clip = Clip(Path(), row.style, row.dancer, row.clip_id, row.source, row.consent)
    return part_name(clip, row.sha256, read, CURATION_DEFAULTS)


def _is_newer(picture: Path, part: Path) -> bool:
    return picture.is_file() and part.is_file() and picture.stat().st_mtime >= part.stat().st_mtime


def _draw(part: Path, path: Path, out: Path, source: str, read: ReadSettings) -> str:
    """Draw one strip; returns why not, or ""."""
    try:
        clip = read_part(part)
        frames, times = strip_frames(clip, path, read)
    except PartError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - whatever one file provokes, the others get their strips
        return failure_reason(error)
    title = f"Clip {clip.clip.clip_id}: what was kept"
    figure = clip_strip(frames, times, clip.dropped, clip.timestamps, title, source)
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    partial.write_bytes(png(figure))
    partial.replace(out)
    return ""
