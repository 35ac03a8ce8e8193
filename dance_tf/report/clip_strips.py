"""A picture of each curated clip: its film strip with the frames that curation left out, and why."""

import os
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np

from dance_tf.dataset.build import parts_folder
from dance_tf.footage.curation import CuratedClip
from dance_tf.footage.curation_table import CurationRow, read_rows
from dance_tf.footage.parts import read_part
from dance_tf.footage.settings import READ_DEFAULTS, ReadSettings
from dance_tf.footage.video import FootageReader
from dance_tf.footage.workers import side_by_side
from dance_tf.report.figures.footage import choose_frames, clip_strip
from dance_tf.report.writer import png

PICTURES = 16  # frames of a strip: two rows of eight


def strips_folder(dataset: Path) -> Path:
    """Where a dataset's strips lie: beside it, as its parts do."""
    return dataset.with_name(f"{dataset.name}-strips")


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
    """
    times = np.sort(np.r_[clip.timestamps, [frame.timestamp for frame in clip.dropped]])
    chosen = set(choose_frames(times, clip.dropped, count))
    picked = [frame for place, frame in enumerate(FootageReader(path, read)) if place in chosen]
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

    Args:
        dataset: what `curate_folder` wrote.
        find: where the file of a row lies.
        source: "synthetic" or the footage's name.
        read: how the clips were read when they were curated.
        jobs: processes side by side.
        scheduler: address of a Dask scheduler to draw on instead.

    Returns:
        the pictures, `<clip id>.png`, in the order of the dataset's rows.

    Raises:
        ReadError: a clip's file cannot be read any more.
    """
    rows = [row for row in read_rows(dataset / "curation.csv") if row.part]
    out = strips_folder(dataset)
    places = [out / f"{row.clip_id}.png" for row in rows]
    todo = [
        (parts_folder(dataset) / row.part, find(row), place)
        for row, place in zip(rows, places, strict=True)
        if not _newer(place, parts_folder(dataset) / row.part)
    ]
    if todo:
        with side_by_side(jobs, scheduler):
            joblib.Parallel()(joblib.delayed(_draw)(*paths, source, read) for paths in todo)
    return tuple(places)


def _newer(picture: Path, part: Path) -> bool:
    return picture.is_file() and picture.stat().st_mtime >= part.stat().st_mtime


def _draw(part: Path, path: Path, out: Path, source: str, read: ReadSettings) -> None:
    clip = read_part(part)
    frames, times = strip_frames(clip, path, read)
    title = f"Clip {clip.clip.clip_id}: what was kept"
    figure = clip_strip(frames, times, clip.dropped, clip.timestamps, title, source)
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    partial.write_bytes(png(figure))
    partial.replace(out)
