"""Clips and frames that represent a dataset in the report, and film strips of all clips with the dropped frames."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dance_tf.audit.published import TABLE_1
from dance_tf.curation.filters import CuratedClip
from dance_tf.curation.parts import CurationRow, PartError, part_name, read_part, read_row, read_rows
from dance_tf.curation.run import close_pool, failure_reason, pooled_process
from dance_tf.dataset.batches import VIEWS, load_frames
from dance_tf.dataset.build import parts_folder
from dance_tf.dataset.dataset import Dataset
from dance_tf.dataset.workspace import Workspace
from dance_tf.experiments.curation import CAMERAS
from dance_tf.pose.read import PoseSettings
from dance_tf.pose.skeleton import Skeletons, draw_skeleton
from dance_tf.report.figures.clips import STRIP_FRAMES, choose_frames, clip_strip, picture_rows
from dance_tf.report.section import png, write_whole
from dance_tf.report.tables import abbreviate
from dance_tf.synthesis.truth import ClipTruth, moving_cameras
from dance_tf.video.frames import open_footage
from dance_tf.video.settings import GRACE, READ_DEFAULTS, ReadSettings
from dance_tf.video.stills import ReadError
from dance_tf.video.workers import call_each


def table_1(counts: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers of `frames_by_style` beside the paper's (Table 1), with a total in the last row."""
    published = dict(zip(TABLE_1["abbreviation"], TABLE_1["frames"], strict=True))
    table = counts.rename(columns={"kept": "ours"})
    table.insert(1, "abbreviation", abbreviate(table["style"]))
    table["paper"] = table["abbreviation"].map(published)
    total = table.drop(columns=["style", "abbreviation"]).sum()
    if set(table["paper"]) != set(published.values()):  # the paper's total counts its own twelve styles
        total["paper"] = None
    table.loc[len(table)] = {"style": "all", "abbreviation": "", **total}
    counted = table.columns[2:]
    table[counted] = table[counted].astype("Int64")
    return table.assign(difference=table["ours"] - table["paper"])


def pick_frames(dataset: Dataset, each: int) -> np.ndarray:
    """Return a few frames of every style, from different clips if there are enough: int64 [styles, each]."""
    picked = []
    for style in range(len(dataset.styles)):
        clips = np.flatnonzero(dataset.clip_labels == style)
        for place, clip in enumerate(clips[np.linspace(0, len(clips) - 1, each).round().astype(int)]):
            members = np.flatnonzero(dataset.clip_index == clip)
            picked.append(members[int((place + 1) / (each + 1) * len(members))])
    return np.reshape(picked, (-1, each))


def strip_of_one_clip(workspace: Workspace) -> Figure:
    """Draw the film strip of the clip that lost frames for the most reasons, with the truth for a synthetic clip.

    Raises:
        ValueError: no clip was curated.
    """

    def dropped(row: CurationRow) -> tuple[int, int]:
        return (row.blank > 0) + (row.blurred > 0) + (row.no_dancing > 0), row.seen - row.kept

    row = max((row for row in workspace.rows() if row.part), key=dropped)
    clip, truth = read_part(workspace.part(row)), workspace.truth(row.clip_id)
    frames, times = strip_frames(clip, workspace.clip_path(row))
    title = f"Clip {row.clip_id}: frames kept and dropped"
    reasons = truth.reasons() if truth else None
    return clip_strip(frames, times, clip.dropped, clip.timestamps, title, workspace.source, truth=reasons)


def background_figure(dataset: Dataset, truths: Mapping[str, ClipTruth], source: str) -> Figure:
    """Draw frame, background and difference for clips of different dancers; `truths` are empty for real footage."""
    shown = pick_views(dataset, truths)
    gray, subtracted = (load_frames(dataset, shown, view) for view in VIEWS)
    backgrounds = dataset.backgrounds[dataset.clip_index[shown]]
    rows = {"frame": gray, "background": backgrounds, "background\nsubtracted": subtracted}
    return picture_rows(rows, "Background subtraction", source, view_labels(dataset, shown, truths))


def pick_views(dataset: Dataset, truths: Mapping[str, ClipTruth], count: int = 4) -> np.ndarray:
    """Return the middle frames of clips of different dancers: int64 [k], k at most `count`.

    Styles differ if there are enough. The last clip has a moving camera if there is such a clip; the others do not.
    """
    moving, names = moving_cameras(truths), np.array(dataset.dancers)
    still = [place for place, clip in enumerate(dataset.clips) if clip.clip_id not in moving]
    shaken = [place for place, clip in enumerate(dataset.clips) if clip.clip_id in moving]
    dancers = sorted(set(dataset.dancers))
    evenly = np.linspace(0, len(dancers) - 1, min(count, len(dancers))).round().astype(int)
    chosen = [shaken[len(shaken) // 2]] if shaken else []
    # all dancers after those, since one of them may have no clip left
    for dancer in [dancers[place] for place in evenly] + dancers:
        if len(chosen) == count:
            break
        danced = {dataset.clip_labels[place] for place in chosen}
        own = [place for place in still if names[place] == dancer]
        fresh = [place for place in own if dataset.clip_labels[place] not in danced] or own
        if fresh and dancer not in names[chosen]:
            chosen.append(fresh[len(chosen) * len(fresh) // count])
    chosen = chosen[1:] + chosen[:1] if shaken else chosen
    members = [np.flatnonzero(dataset.clip_index == clip) for clip in chosen]
    return np.array([found[len(found) // 2] for found in members], np.int64)


def view_labels(dataset: Dataset, frames: Sequence[int], truths: Mapping[str, ClipTruth]) -> list[str]:
    """Label each frame: style, dancer, camera if known, and whether the background is invalid."""
    moving, labels = moving_cameras(truths), []
    short = abbreviate([clip.style for clip in dataset.clips])
    for place in dataset.clip_index[frames]:
        clip = dataset.clips[place]
        camera = f"{CAMERAS[clip.clip_id in moving]} camera" if clip.clip_id in truths else ""
        notes = ", ".join(filter(None, [camera, "" if clip.background_valid else "no background"]))
        labels.append("\n".join(filter(None, [f"{short[place]}, {dataset.dancers[place]}", notes])))
    return labels


def strips_folder(dataset: Path) -> Path:
    """Return the folder of a dataset's strips, next to the dataset."""
    return dataset.with_name(f"{dataset.name}-strips")


class StripError(RuntimeError):
    """Some strips could not be drawn; the message is one line with the reason of the first."""


def strip_frames(clip: CuratedClip, path: Path, read: ReadSettings = READ_DEFAULTS) -> tuple[np.ndarray, np.ndarray]:
    """Read the frames that represent a clip again from its file, with the settings of its curation.

    Returns:
        uint8 [k, 128, 128] and float64 [k] seconds; k is at most `STRIP_FRAMES`.

    Raises:
        ReadError: the file can no longer be read.
        LostProcess: the file crashes the decoder or makes it hang.
    """
    times = np.sort(np.r_[clip.timestamps, [frame.timestamp for frame in clip.dropped]])
    chosen = frozenset(choose_frames(times, clip.dropped, STRIP_FRAMES))
    read = replace(read, start=clip.clip.start, end=clip.clip.end)
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
    poses: PoseSettings | None = None,
) -> tuple[Path, ...]:
    """Draw and return the strip `<clip id>.png` of every clip, including clips without kept frames, in order.

    A strip that is newer than the curated clip is not drawn again.

    Args:
        find: returns the file of a row.

    Raises:
        StripError: a clip's file can no longer be read; all other strips are drawn.
    """
    dataset = dataset.resolve()
    rows = [row for row in read_rows(dataset / "curation.csv") if row.seen]
    out = strips_folder(dataset)
    places = [out / f"{row.clip_id}.png" for row in rows]
    looked_for = poses and poses.to_json()
    # the row of a clip without kept frames names no part
    parts = [parts_folder(dataset) / (row.part or part_name(row.clip, row.sha256, read, looked_for)) for row in rows]
    changed = {path: path.stat().st_mtime for path in [*parts, *places] if path.is_file()}
    todo = [
        (part, find(row).absolute(), place)
        for row, part, place in zip(rows, parts, places, strict=True)
        if changed.get(place, -1) < changed.get(part, math.inf)
    ]
    if todo:
        faults = call_each(_draw, [(*paths, source, read) for paths in todo], "strips", jobs, scheduler)
        close_pool()
        if missing := [fault for fault in faults if fault]:
            raise StripError(f"{len(missing)} of {len(rows)} strips could not be drawn: {missing[0]}")
    return tuple(places)


def add_skeletons(frames: np.ndarray, times: np.ndarray, skeletons: Skeletons, zoom: float = 1.0) -> np.ndarray:
    """Draw on each frame the skeleton nearest in time, if it is at most half a pose interval away.

    Args:
        frames: uint8 [k, 128, 128].
        times: float64 [k], seconds.
        zoom: by how much a frame that was cropped shows the picture larger than a padded one.

    Returns:
        uint8 [k, 128, 128, 3], RGB.
    """
    drawn = np.repeat(frames[..., None], 3, axis=3)
    reach = np.median(np.diff(skeletons.times)) / 2 + GRACE if len(skeletons.times) > 1 else 0.0
    for frame, time, out in zip(frames, times, drawn, strict=True):
        nearest = np.abs(skeletons.times - time).argmin()
        if skeletons.valid[nearest] and abs(skeletons.times[nearest] - time) <= reach:
            out[:] = draw_skeleton(frame, skeletons.landmarks[nearest] * [zoom, zoom, 1, 1])
    return drawn


def _draw(part: Path, path: Path, out: Path, source: str, read: ReadSettings) -> str:
    """Draw one strip and return the reason if that failed, else ""."""
    try:
        clip = read_part(part)
        frames, times = strip_frames(clip, path, read)
        if len(clip.skeletons.times):
            row = read_row(part)
            zoom = max(row.width, row.height) / min(row.width, row.height) if read.fit == "crop" else 1.0
            frames = add_skeletons(frames, times, clip.skeletons, zoom)
    except PartError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - an error of one file must not stop the others
        return failure_reason(error)
    title = f"Clip {clip.clip.clip_id}: kept and dropped frames"
    write_whole(out, png(clip_strip(frames, times, clip.dropped, clip.timestamps, title, source)))
    return ""
