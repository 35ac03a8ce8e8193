"""Measurements of curation: frames of each style, precision and recall of the filters, quality of the backgrounds."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dance_tf.curation.background import UNSTEADY_LEVELS
from dance_tf.curation.filters import REASONS, frame_reasons, score_curation
from dance_tf.curation.parts import read_part
from dance_tf.dataset.dataset import Dataset
from dance_tf.dataset.workspace import Workspace
from dance_tf.synthesis.truth import ClipTruth, moving_cameras
from dance_tf.video.luma import picture_area

CAMERAS = {False: "still", True: "moving"}
FILTER_COLUMNS = ["reason", "planted", "dropped", "right", "precision", "recall"]
BACKGROUND_COLUMNS = ["camera", "clips", "rooms_told", "share_told", "plates", "distance", "ghosts"]


def describe_data(dataset: Dataset, source: str) -> dict[str, object]:
    """Return the branch `data` of metrics.json: hash, source, clips, dancers, styles, frames, rooms_unknown."""
    return {
        "hash": dataset.content_hash,
        "source": source,
        "clips": len(dataset.clips),
        "dancers": len(set(dataset.dancers)),
        "styles": list(dataset.styles),
        "frames": len(dataset.frames),
        "rooms_unknown": sum(not clip.background_valid for clip in dataset.clips),
    }


def frames_by_style(dataset: Dataset) -> pd.DataFrame:
    """Count frames (Table 1): columns style, clips, seen, one for each reason a frame is dropped for, kept."""
    rows = [
        {"style": clip.style, "clips": 1, "seen": clip.seen, **dict(clip.dropped), "kept": clip.kept}
        for clip in dataset.clips
    ]
    table = pd.DataFrame(rows, columns=["style", "clips", "seen", *REASONS, "kept"]).groupby("style").sum()
    return table.loc[list(dataset.styles)].astype(int).reset_index()


def filter_scores(workspace: Workspace) -> pd.DataFrame:
    """Return precision and recall of each filter on synthetic clips, whose faults are known; no rows for real ones."""
    truths = [(row, workspace.truth(row.clip_id)) for row in workspace.rows() if row.part]
    pairs = [(frame_reasons(read_part(workspace.part(row))), truth.reasons()) for row, truth in truths if truth]
    return pd.DataFrame(score_curation(*zip(*pairs, strict=True)) if pairs else (), columns=FILTER_COLUMNS)


def background_distance(background: np.ndarray, plate: np.ndarray) -> tuple[float, float]:
    """Compare an estimated background with the clean plate, bars at the borders left out.

    Args:
        background: uint8 [128, 128].
        plate: uint8 [128, 128], the same room rendered without the dancer.

    Returns:
        the median absolute difference in gray levels, and the share of the picture that differs by more than
        `UNSTEADY_LEVELS`: remains of the dancer.
    """
    rows, columns = picture_area(plate[None])
    off = np.abs(background[rows, columns].astype(int) - plate[rows, columns])
    return float(np.median(off)), float((off > UNSTEADY_LEVELS).mean())


def backgrounds_by_camera(
    dataset: Dataset, truths: Mapping[str, ClipTruth], plates: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """Measure the estimated backgrounds of synthetic clips, a row for still and one for moving cameras.

    Args:
        truths: of `read_truths`; clips without one are left out, so that real footage gives no rows.
        plates: of `clean_plates`, uint8 [128, 128] by clip id; a clip with a moving camera has none.

    Returns:
        Columns camera, clips, rooms_told (clips with a valid background), share_told, plates (clean plates compared),
        distance (median over them of `background_distance`), ghosts (mean of its share).
    """
    moving, rows = moving_cameras(truths), []
    for moves, camera in CAMERAS.items():
        chosen = moving if moves else set(truths) - moving
        clips = {place: clip for place, clip in enumerate(dataset.clips) if clip.clip_id in chosen}
        if not clips:
            continue
        valid = sum(clip.background_valid for clip in clips.values())
        found = [
            background_distance(dataset.backgrounds[place, ..., 0], plates[clip.clip_id])
            for place, clip in clips.items()
            if clip.clip_id in plates
        ]
        levels, shares = np.transpose(found or [(np.nan, np.nan)])
        values = (camera, len(clips), valid, valid / len(clips), len(found), np.median(levels), shares.mean())
        rows.append(dict(zip(BACKGROUND_COLUMNS, values, strict=True)))
    return pd.DataFrame(rows, columns=BACKGROUND_COLUMNS)
