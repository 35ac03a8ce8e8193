"""Skeletons of a few clips under the fourteen conditions of Table 5: how often they are found, how exact they are."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

import cv2
import joblib
import numpy as np
import pandas as pd

from dance_tf.corruption.conditions import degrade
from dance_tf.curation.parts import CurationRow, content_sha256
from dance_tf.curation.run import failure_reason
from dance_tf.experiments.cache import Experiment
from dance_tf.experiments.conditions import CLEAN, Corruption, paper_corruptions
from dance_tf.experiments.corrupted_clips import MEMORY_BYTES, TIMEOUT_SECONDS
from dance_tf.experiments.poses import MAIN_JOINTS, TORSO, compare_with_truth, made_up_clips, places, torso_lengths
from dance_tf.model.provenance import source_hash
from dance_tf.pose.read import PoseSettings, load_blazepose
from dance_tf.pose.skeleton import Skeletons
from dance_tf.pose.track import DancerTracker
from dance_tf.synthesis.take import DrawnClip
from dance_tf.video.isolation import DecodingProcess, LostProcess, no_heartbeat
from dance_tf.video.settings import READ_DEFAULTS, sample
from dance_tf.video.stills import ReadError, scaled_size
from dance_tf.video.workers import worker_pool

CORRUPTED_FRAMES = 250  # of a clip, its first ones
SAME_TIME = 1e-3  # seconds
COUNTS = ["poses", "found", "joints", "near"]
COLUMNS = ["clip", "style", "dancer", "reason", "condition", *COUNTS, "away"]


def measure_corrupted(experiment: Experiment, count: int, poses: PoseSettings) -> pd.DataFrame:
    """Find skeletons in a few clips, clean and under each condition of Table 5; recorded as `corrupted_poses`.

    The first `CORRUPTED_FRAMES` frames of a clip are corrupted in gray at their own resolution, and then scaled as in
    curation. Frames that curation dropped are not counted.

    Args:
        experiment: whose clips they are.
        count: of clips, chosen at random.
        poses: how skeletons are found.

    Returns:
        One row per clip and condition: clip, style, dancer, reason (why the clip could not be read; such a clip has one
        row), condition, poses, found, joints (12 for each frame with a skeleton and without fault; 0 without truth),
        near (those within `REACH` of the truth), away (median distance of the joints from those in the clean clip, in
        torso lengths; NaN without any).
    """

    def compute() -> pd.DataFrame:
        dataset, workspace = experiment.dataset, experiment.workspace
        chosen = np.sort(np.random.default_rng(0).permutation(len(dataset.clips))[:count])
        listed = {row.clip_id: row for row in workspace.rows() if row.part}
        drawn, tasks = made_up_clips(workspace.footage), []
        for place in chosen:
            row = listed[dataset.clips[place].clip_id]
            kept, make = dataset.timestamps[dataset.clip_slices[place]], drawn.get(row.clip_id)
            labels = row.clip_id, row.style, dataset.dancers[place]
            tasks.append(joblib.delayed(_corrupted_rows)(row, workspace.clip_path(row), labels, kept, poses, make))
        with worker_pool(experiment.jobs):
            return pd.concat(joblib.Parallel()(tasks), ignore_index=True)

    return experiment.measure(
        "corrupted_poses", compute, count, asdict(poses), source_hash("pose", "synthesis", "video")
    )


def _corrupted_rows(
    row: CurationRow,
    path: Path,
    labels: tuple[str, str, str],
    kept: np.ndarray,
    poses: PoseSettings,
    make: Callable[[], DrawnClip] | None,
) -> pd.DataFrame:
    corruptions = paper_corruptions()
    try:
        if content_sha256(path) != row.sha256:
            raise ReadError("the file has changed since it was curated")
        with DecodingProcess(TIMEOUT_SECONDS, MEMORY_BYTES) as process:
            part = row.start, row.end or None
            found = process.call(skeletons_under, path.resolve(), part, corruptions, row.sha256, poses)
    except (OSError, ReadError, LostProcess, MemoryError) as error:
        refused = (*labels, failure_reason(error), CLEAN, *[0] * len(COUNTS), np.nan)
        return pd.DataFrame([refused], columns=COLUMNS)
    found = [_at_times(skeletons, kept) for skeletons in found]
    drawn, rows = make() if make else None, []
    for corruption, skeletons in zip(corruptions, found, strict=True):
        near = compare_with_truth(skeletons, drawn)[1] if drawn else np.zeros((0, len(MAIN_JOINTS)), bool)
        counts = len(skeletons.times), skeletons.valid.sum(), near.size, near.sum()
        rows.append((*labels, "", corruption.condition, *counts, distance_from(found[0], skeletons)))
    return pd.DataFrame(rows, columns=COLUMNS)


def _at_times(skeletons: Skeletons, times: np.ndarray) -> Skeletons:
    """Return the skeletons at some of the times, float64 [n], ascending."""
    after = np.searchsorted(times, skeletons.times - SAME_TIME).clip(0, len(times) - 1)
    kept = np.abs(times[after] - skeletons.times) < SAME_TIME
    return Skeletons(*(values[kept] for values in vars(skeletons).values()))


def distance_from(clean: Skeletons, other: Skeletons) -> float:
    """Return the median distance of the main joints of two readings of a clip, in torso lengths of the first.

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


def skeletons_under(
    path: Path,
    part: tuple[float, float | None],
    corruptions: Sequence[Corruption],
    sha256: str,
    poses: PoseSettings,
    heartbeat: Callable[[], None] = no_heartbeat,
) -> list[Skeletons]:
    """Return the skeletons of the dancer under each corruption; called in a subprocess (`video.isolation`).

    Args:
        path: the file.
        part: seconds of the file where the clip starts and ends, None for the end of the file.
        corruptions: one after the other, on the first `CORRUPTED_FRAMES` frames.
        sha256: of the file, from which the corruptions take their random numbers.
        poses: how skeletons are found.
        heartbeat: called often.

    Raises:
        ReadError: the file cannot be read, or the picture size changes.
    """
    from dance_tf.video.frames import open_footage

    cv2.setNumThreads(1)
    start, end = part
    reader = open_footage(path, replace(READ_DEFAULTS, threads=1, start=start, end=end), heartbeat)
    timed = list(islice(reader.pictures(), CORRUPTED_FRAMES))
    if len({picture.shape for _, picture in timed}) != 1:
        raise ReadError(f"{path.name}: it has no frames, or they change their size")
    times, pictures = (np.array(column) for column in zip(*timed, strict=True))
    size = scaled_size(pictures.shape[2] * reader.pixel_aspect, pictures.shape[1])
    until = times[-1] + (np.median(np.diff(times)) if len(times) > 1 else 1.0)
    found = []
    for each in corruptions:
        shown, kept = pictures, slice(None)
        if each.condition != CLEAN:
            degraded = degrade(pictures, each.condition, each.severity, each.clip_seed(sha256), times)
            shown, kept = degraded.frames, degraded.kept_indices
        heartbeat()
        tracker = DancerTracker(load_blazepose(), poses.poses_per_second, poses.smoothing)
        for time, picture in sample(zip(times[kept], shown, strict=True), poses.poses_per_second, lambda: until):
            gray = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
            tracker.see(time, cv2.cvtColor(gray, cv2.COLOR_GRAY2RGB))
            heartbeat()
        found.append(tracker.finish()[0])
    return found
