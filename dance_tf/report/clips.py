"""Clips and frames that represent a dataset in the report."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dance_tf.audit.published import TABLE_1
from dance_tf.curation.parts import CurationRow, read_part
from dance_tf.dataset.batches import load_frames
from dance_tf.dataset.dataset import Dataset
from dance_tf.dataset.workspace import Workspace
from dance_tf.experiments.curation import CAMERAS
from dance_tf.report.clip_strips import strip_frames
from dance_tf.report.figures.clips import background_views, clip_strip
from dance_tf.report.tables import abbreviate
from dance_tf.synthesis.truth import ClipTruth, moving_cameras


def table_1(counts: pd.DataFrame) -> pd.DataFrame:
    """Return the number of frames per style, ours and the paper's (Table 1), with a total in the last row.

    Args:
        counts: from `experiments.curation.frames_by_style`.
    """
    published = dict(zip(TABLE_1["abbreviation"], TABLE_1["frames"], strict=True))
    table = counts.rename(columns={"kept": "ours"})
    table.insert(1, "abbreviation", abbreviate(table["style"]))
    table["paper"] = [published.get(abbreviation) for abbreviation in table["abbreviation"]]
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
        chosen = clips[np.linspace(0, len(clips) - 1, each).round().astype(int)]
        row = []
        for place, clip in enumerate(chosen):
            members = np.flatnonzero(dataset.clip_index == clip)
            row.append(members[int((place + 1) / (each + 1) * len(members))])
        picked.append(row)
    return np.array(picked)


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
    """Draw frame, background and difference for clips of different dancers.

    Args:
        dataset: the curated clips.
        truths: from `read_truths`; empty for real footage.
        source: "synthetic" or the name of the footage.
    """
    shown = pick_views(dataset, truths)
    return background_views(
        load_frames(dataset, shown, "frame"),
        dataset.backgrounds[dataset.clip_index[shown]],
        load_frames(dataset, shown, "difference"),
        view_labels(dataset, shown, truths),
        source,
    )


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
    for dancer in [
        dancers[place] for place in evenly
    ] + dancers:  # then all dancers, if one of the first has no clip left
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
        invalid = "" if clip.background_valid else "no background"
        notes = ", ".join(note for note in (camera, invalid) if note)
        labels.append("\n".join(line for line in (f"{short[place]}, {clip.dancer}", notes) if line))
    return labels
