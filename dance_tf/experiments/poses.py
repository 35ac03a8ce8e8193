"""Skeletons of curated clips: where they were found, and how near they are to the true joints of made-up clips.

Shares are computed from tables with one row per clip, so that their intervals are over dancers (`pooled_shares`).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from dance_tf.dataset.dataset import Dataset
from dance_tf.evaluation.intervals import bootstrap_dancers
from dance_tf.experiments.cache import Experiment
from dance_tf.experiments.curation import CAMERAS
from dance_tf.model.provenance import source_hash
from dance_tf.pose.skeleton import LANDMARK, SIDES, Skeletons
from dance_tf.synthesis.body import JOINT
from dance_tf.synthesis.studio import folder_settings
from dance_tf.synthesis.take import DrawnClip, RenderedClip, clip_id
from dance_tf.synthesis.truth import ClipTruth, read_truths

PARTS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
TORSO = [f"{side}_{part}" for part in ("shoulder", "hip") for side in SIDES]
MAIN_JOINTS = tuple(f"{side}_{part}" for part in PARTS for side in SIDES)
REACH = 0.2  # torso lengths within which a joint is correct (PCK@0.2)
UNKNOWN = "unknown"  # camera of real footage
SHOWN_SECONDS = 4.0  # of each clip in the animation
COVERAGE_COLUMNS = ["clip", "style", "dancer", "camera", "poses", "found", "good", "good_found"]
JOINT_COLUMNS = ["clip", "style", "dancer", "camera", "joint", "frames", "near"]


def measure_coverage(experiment: Experiment) -> pd.DataFrame:
    """Return in how many pictures of each clip the dancer was found; recorded as `pose_coverage`.

    Returns:
        One row per clip: clip, style, dancer, camera ("still", "moving" or "unknown"), poses (pictures in which the
        dancer was looked for), found (those with a skeleton), good (those without fault by the truth; 0 for real
        footage), good_found. Empty for a dataset without skeletons and for the records of one.
    """
    if experiment.from_records and not any(experiment.records.glob("pose_coverage.*")):
        return pd.DataFrame(columns=COVERAGE_COLUMNS)

    def compute() -> pd.DataFrame:
        return pose_coverage(experiment.dataset, read_truths(experiment.workspace.footage))

    return experiment.measure("pose_coverage", compute, source_hash("pose"))


def pose_coverage(dataset: Dataset, truths: Mapping[str, ClipTruth]) -> pd.DataFrame:
    """Return the table of `measure_coverage`; `truths` are of `read_truths`."""
    rows = []
    for clip, dancer, poses in zip(dataset.clips, dataset.dancers, dataset.pose_slices, strict=True):
        valid, truth = dataset.skeletons.valid[poses], truths.get(clip.clip_id)
        good = np.zeros(len(valid), bool)
        if truth:
            reasons = truth.reasons()
            good = np.array([not reasons[number] for number in frame_numbers(dataset.skeletons.times[poses], truth)])
        camera = CAMERAS[truth.camera_moves] if truth else UNKNOWN
        counts = len(valid), valid.sum(), good.sum(), valid[good].sum()
        rows.append((clip.clip_id, clip.style, dancer, camera, *counts))
    return pd.DataFrame([row for row in rows if row[4]], columns=COVERAGE_COLUMNS)


def frame_numbers(times: np.ndarray, truth: ClipTruth) -> np.ndarray:
    """Return the numbers of the made-up frames at times [n] in seconds, int64 [n]."""
    return np.rint(times * truth.frame_rate).astype(int).clip(0, truth.frames - 1)


def compare_with_truth(skeletons: Skeletons, drawn: DrawnClip) -> tuple[np.ndarray, np.ndarray]:
    """Compare skeletons with the true joints of a made-up clip, in its frames without fault.

    Returns:
        bool [n], whether such a frame has a skeleton, and bool [m, 12], for those with one, whether each of
        `MAIN_JOINTS` is within `REACH` of the truth.
    """
    settings, reasons = drawn.settings, drawn.truth.reasons()
    numbers = frame_numbers(skeletons.times, drawn.truth)
    truth = np.array([drawn.snapshots[number].points[:, :2] for number in numbers]).reshape(-1, len(JOINT), 2)
    torso = torso_lengths(truth[:, [JOINT[name] for name in TORSO]])
    size = np.array([settings.width, settings.height])
    points = places(skeletons, MAIN_JOINTS) * float(size.max()) + size / 2
    away = np.linalg.norm(points - truth[:, [JOINT[name] for name in MAIN_JOINTS]], axis=-1)
    good = np.array([not reasons[number] for number in numbers], bool)
    return skeletons.valid[good], (away < REACH * torso[:, None])[skeletons.valid & good]


def places(skeletons: Skeletons, names: Sequence[str]) -> np.ndarray:
    """Return the places of some landmarks in the picture, float64 [n, names, 2], in the unit of `Skeletons`."""
    return skeletons.landmarks[:, [LANDMARK[name] for name in names], :2].astype(np.float64)


def torso_lengths(ends: np.ndarray) -> np.ndarray:
    """Return the distance [n] from the middle of the shoulders to that of the hips; `ends` [n, 4, 2] are of `TORSO`."""
    return np.linalg.norm(ends[:, :2].mean(axis=1) - ends[:, 2:].mean(axis=1), axis=-1)


def measure_joints(experiment: Experiment) -> pd.DataFrame:
    """Compare the skeletons of made-up clips with the true joints; recorded as `pose_joints`.

    The joints are made again from the settings and the seed of the footage, without drawing a picture.

    Returns:
        One row per clip and joint of `MAIN_JOINTS`: clip, style, dancer, camera, joint, frames (with a skeleton and
        without fault), near (those in which the joint is within `REACH` of the truth). Empty without truth.
    """

    def compute() -> pd.DataFrame:
        dataset, rows = experiment.dataset, []
        drawn = made_up_clips(experiment.workspace.footage)
        for clip, dancer, skeletons in zip(dataset.clips, dataset.dancers, dataset.clip_skeletons, strict=True):
            if make := drawn.get(clip.clip_id):
                made = make()
                _, near = compare_with_truth(skeletons, made)
                place = clip.clip_id, clip.style, dancer, CAMERAS[made.camera_moves]
                rows += [
                    (*place, joint, len(near), count)
                    for joint, count in zip(MAIN_JOINTS, near.sum(axis=0), strict=True)
                ]
        return pd.DataFrame(rows, columns=JOINT_COLUMNS)

    return experiment.measure("pose_joints", compute, source_hash("pose", "synthesis"))


def made_up_clips(footage: Path) -> dict[str, Callable[[], DrawnClip]]:
    """Return functions that make the clips of a folder again, by clip id; empty for clips without known joints."""
    settings = folder_settings(footage)
    pairs = settings.clips() if settings else []
    return {clip_id(*pair): partial(RenderedClip, *pair, settings) for pair in pairs}


def pooled_shares(
    rows: pd.DataFrame, hits: str, total: str, by: Sequence[str] = (), resamples: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Return shares pooled over clips, with intervals from a bootstrap over dancers.

    Args:
        rows: one of the tables of this module.
        hits: column of what is counted.
        total: column of what it is a share of.
        by: columns of groups, in the order of their first rows; by default there is one group of all rows.
        resamples: draws of the bootstrap.
        seed: of the draws.

    Returns:
        The columns `by`, mean, low, high (fractions; NaN where nothing is counted), clips, dancers and `total`.
    """

    def share(weights: np.ndarray) -> np.ndarray:
        summed = weights @ counts
        return np.divide(summed[:, :1], summed[:, 1:], out=np.full((len(weights), 1), np.nan), where=summed[:, 1:] > 0)

    found = []
    for place, group in rows.groupby(list(by), sort=False) if by else [((), rows)]:
        counts = group.groupby("dancer")[[hits, total]].sum().to_numpy(float)
        estimate = bootstrap_dancers(share, len(counts), resamples, seed)[:, 0].tolist()
        found.append((*place, *estimate, group["clip"].nunique(), len(counts), int(counts[:, 1].sum())))
    return pd.DataFrame(found, columns=[*by, "mean", "low", "high", "clips", "dancers", total])


def measure_shown(experiment: Experiment, count: int = 4) -> dict[str, np.ndarray]:
    """Return the first seconds of the skeletons of a few clips, each of another style; recorded as `pose_shown`.

    Returns:
        clips and styles (text [k]), and of all of them, one after the other: clip int64 [n], which of them;
        landmarks float16 [n, 33, 4], valid bool [n] and times float64 [n], as in `Skeletons`.
    """

    def compute() -> dict[str, np.ndarray]:
        dataset, chosen = experiment.dataset, []
        for style in np.linspace(0, len(dataset.styles) - 1, min(count, len(dataset.styles))).round():
            own = np.flatnonzero(dataset.clip_labels == style)
            chosen.append(own[len(chosen) * len(own) // count])  # of different dancers
        skeletons = [dataset.clip_skeletons[clip] for clip in chosen]
        early = [one.times < SHOWN_SECONDS for one in skeletons]
        parts = {
            name: np.concatenate([getattr(one, name)[part] for one, part in zip(skeletons, early, strict=True)])
            for name in ("landmarks", "valid", "times")
        }
        clips, styles = ([getattr(dataset.clips[clip], name) for clip in chosen] for name in ("clip_id", "style"))
        number = np.repeat(np.arange(len(chosen)), [part.sum() for part in early])
        return {"clips": np.array(clips), "styles": np.array(styles), "clip": number, **parts}

    return experiment.measure("pose_shown", compute, count)
