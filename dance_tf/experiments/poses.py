"""Skeletons of curated clips: where they were found, how near they are to the truth, what corruptions do to them.

Shares are computed from tables of one row per clip (`scores.pooled_shares`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

from dance_tf.corruption.clips import FrameRequest
from dance_tf.curation.parts import CurationRow, content_sha256
from dance_tf.curation.run import failure_reason
from dance_tf.dataset.dataset import Dataset
from dance_tf.experiments.cache import Experiment
from dance_tf.experiments.conditions import CLEAN, paper_corruptions
from dance_tf.experiments.corrupted_clips import MEMORY_BYTES, TIMEOUT_SECONDS
from dance_tf.experiments.corrupted_poses import FRAMES, skeletons_under
from dance_tf.experiments.curation import CAMERAS
from dance_tf.model.provenance import source_hash
from dance_tf.pose.read import PoseSettings
from dance_tf.pose.skeleton import LANDMARK, SIDES, Skeletons
from dance_tf.synthesis.body import JOINT
from dance_tf.synthesis.studio import folder_settings
from dance_tf.synthesis.take import DrawnClip, RenderedClip, clip_id
from dance_tf.synthesis.truth import ClipTruth, read_truths
from dance_tf.video.isolation import DecodingProcess, LostProcess
from dance_tf.video.settings import READ_DEFAULTS
from dance_tf.video.stills import ReadError

TORSO = [f"{side}_{part}" for part in ("shoulder", "hip") for side in SIDES]
MAIN_JOINTS = tuple(f"{side}_{part}" for part in "shoulder elbow wrist hip knee ankle".split() for side in SIDES)
REACH = 0.2  # torso lengths within which a joint is correct (PCK@0.2)
UNKNOWN = "unknown"  # camera of real footage
SHOWN_POSES = 30  # of each clip in the animation
COVERAGE_COLUMNS = ["clip", "style", "dancer", "camera", "poses", "found", "good", "good_found"]
SAME_TIME = 1e-3  # seconds
COUNTS = ["poses", "found", "joints", "near"]
CORRUPTED_COLUMNS = ["clip", "style", "dancer", "reason", "condition", *COUNTS, "away"]
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
            reasons, numbers = truth.reasons(), frame_numbers(dataset.skeletons.times[poses], truth)
            good = np.array([not reasons[number] for number in numbers], bool)
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
        without fault), near (those in which the joint is within `REACH` of the truth). Empty without truth or
        skeletons.
    """
    if measure_coverage(experiment).empty:
        return pd.DataFrame(columns=JOINT_COLUMNS)

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


def measure_shown(experiment: Experiment, count: int = 4) -> dict[str, np.ndarray]:
    """Return the first skeletons of a few clips, each of another style; recorded as `pose_shown`.

    Returns:
        clip_ids and styles (text [k]), and of all of them, one after the other: clip int64 [n], which of them;
        landmarks float16 [n, 33, 4], valid bool [n] and times float64 [n], as in `Skeletons`, at most `SHOWN_POSES` of
        a clip, from the first one that is valid. Empty without skeletons.
    """
    if measure_coverage(experiment).empty:
        return {}

    def compute() -> dict[str, np.ndarray]:
        dataset, chosen, parts = experiment.dataset, [], []
        for style in np.linspace(0, len(dataset.styles) - 1, min(count, len(dataset.styles))).round():
            own = np.flatnonzero(dataset.clip_labels == style)
            chosen.append(own[len(chosen) * len(own) // count])  # of different dancers
        for clip in chosen:
            start, stop = dataset.pose_slices[clip].start, dataset.pose_slices[clip].stop
            first = start + int(np.argmax(dataset.skeletons.valid[start:stop]))
            parts.append(np.arange(first, min(first + SHOWN_POSES, stop)))
        values = {
            name: getattr(dataset.skeletons, name)[np.concatenate(parts)] for name in ("landmarks", "valid", "times")
        }
        values |= {
            f"{name}s": np.array([getattr(dataset.clips[clip], name) for clip in chosen])
            for name in ("clip_id", "style")
        }
        return values | {"clip": np.repeat(np.arange(len(parts)), [len(part) for part in parts])}

    return experiment.measure("pose_shown", compute, count)


def measure_corrupted(experiment: Experiment, count: int, poses_per_second: float) -> pd.DataFrame:
    """Find skeletons in a few clips, clean and under each condition of Table 5; recorded as `corrupted_poses`.

    Only the first frames of a clip are corrupted (`corrupted_poses.FRAMES`), and only frames that curation kept count.

    Args:
        count: of clips, chosen at random, of different dancers if there are enough.

    Returns:
        One row per clip and condition: clip, style, dancer, reason (why the clip could not be read; such a clip has one
        row), condition, poses, found, joints (12 for each frame with a skeleton and without fault; 0 without truth),
        near (those within `REACH` of the truth), away (median distance of the joints from those in the clean clip, in
        torso lengths; NaN without any). Empty without skeletons.
    """
    if measure_coverage(experiment).empty:
        return pd.DataFrame(columns=CORRUPTED_COLUMNS)

    def compute() -> pd.DataFrame:
        dataset, workspace = experiment.dataset, experiment.workspace
        listed = {row.clip_id: row for row in workspace.rows() if row.part}
        drawn, tasks, poses = made_up_clips(workspace.footage), [], PoseSettings(poses_per_second)
        dancers = pd.Series(dataset.dancers).sample(frac=1, random_state=0)
        chosen = [*dancers.drop_duplicates().index, *dancers[dancers.duplicated()].index][:count]
        for place in sorted(chosen):
            row = listed[dataset.clips[place].clip_id]
            kept, make = dataset.timestamps[dataset.clip_slices[place]], drawn.get(row.clip_id)
            task = row, workspace.clip_path(row), dataset.dancers[place], kept, poses, make
            tasks.append(joblib.delayed(_corrupted_rows)(*task))
        # threads: each clip has a subprocess of its own
        return pd.concat(joblib.Parallel(n_jobs=experiment.jobs, prefer="threads")(tasks), ignore_index=True)

    code = source_hash("pose", "synthesis", "video")
    return experiment.measure("corrupted_poses", compute, count, poses_per_second, FRAMES, code)


def _corrupted_rows(
    row: CurationRow,
    path: Path,
    dancer: str,
    kept: np.ndarray,
    poses: PoseSettings,
    make: Callable[[], DrawnClip] | None,
) -> pd.DataFrame:
    labels, corruptions, nothing = (row.clip_id, row.style, dancer), paper_corruptions(), np.empty(0, np.int64)
    conditions = [(None if each.condition == CLEAN else each.condition, each.severity) for each in corruptions]
    seeds = [each.clip_seed(row.sha256) for each in corruptions]
    requests = [FrameRequest(nothing, *each, seed) for each, seed in zip(conditions, seeds, strict=True)]
    read = replace(READ_DEFAULTS, start=row.start, end=row.end or None)
    try:
        if content_sha256(path) != row.sha256:
            raise ReadError("the file has changed since it was curated")
        with DecodingProcess(TIMEOUT_SECONDS, MEMORY_BYTES) as process:
            found = process.call(skeletons_under, path.resolve(), read, requests, poses)
    except (OSError, ReadError, LostProcess, MemoryError) as error:
        refused = (*labels, failure_reason(error), CLEAN, *[0] * len(COUNTS), np.nan)
        return pd.DataFrame([refused], columns=CORRUPTED_COLUMNS)
    found = [_at_times(skeletons, kept) for skeletons in found]
    drawn, rows = make() if make else None, []
    for each, skeletons in zip(corruptions, found, strict=True):
        near = compare_with_truth(skeletons, drawn)[1] if drawn else np.zeros((0, len(MAIN_JOINTS)), bool)
        counts = len(skeletons.times), skeletons.valid.sum(), near.size, near.sum()
        rows.append((*labels, "", each.condition, *counts, distance_from(found[0], skeletons)))
    return pd.DataFrame(rows, columns=CORRUPTED_COLUMNS)


def _at_times(skeletons: Skeletons, times: np.ndarray) -> Skeletons:
    """Return the skeletons at some of the times, float64 [n], ascending."""
    nearest = np.searchsorted(times, skeletons.times - SAME_TIME).clip(0, len(times) - 1)
    kept = np.abs(times[nearest] - skeletons.times) < SAME_TIME
    return Skeletons(*(values[kept] for values in vars(skeletons).values()))


def distance_from(clean: Skeletons, other: Skeletons) -> float:
    """Return the median distance of the main joints in two readings of a clip, in torso lengths of the first.

    Frames in which both have a skeleton are compared; NaN without any.
    """
    _, ours, theirs = np.intersect1d(clean.times, other.times, return_indices=True)
    both = clean.valid[ours] & other.valid[theirs]
    if not both.any():
        return float("nan")
    ours, theirs = ours[both], theirs[both]
    torso = np.maximum(torso_lengths(places(clean, TORSO)[ours]), 1e-6)
    away = np.linalg.norm(places(clean, MAIN_JOINTS)[ours] - places(other, MAIN_JOINTS)[theirs], axis=-1)
    return float(np.median(away / torso[:, None]))
