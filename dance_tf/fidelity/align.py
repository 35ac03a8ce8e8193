"""Align two dances in time by dynamic time warping of the directions of their bones.

Directions of bones depend neither on the size and place of the dancer nor on the lengths of limbs. Each clip is turned
so that the dancer faces the camera on average. Left and right are kept apart.
"""

from collections.abc import Sequence

import numpy as np

from dance_tf.pose.joints import JOINTS, PARENT, WORLD, joint_features
from dance_tf.pose.skeleton import SIDES, Skeletons
from dance_tf.pose.track import runs

RATE = 10.0  # frames per second of a series
PART, STEP = 10, 5  # frames of a part that is searched in another dance, and from one part to the next
BONES = np.flatnonzero(PARENT != np.arange(len(JOINTS)))  # joints at the outer ends of the bones
_LEFT, _RIGHT = ([JOINTS.index(f"{side}_{part}") for part in ("shoulder", "hip")] for side in SIDES)


class AlignmentError(RuntimeError):
    """Nothing can be aligned; the message says why and what to do, in one line."""


def bone_directions(skeletons: Skeletons) -> list[np.ndarray]:
    """Return the directions of the 18 bones over time, for each run of valid frames that lasts `PART` frames.

    Longer gaps than `Skeletons` interpolates divide a clip into runs.

    Returns:
        float64 [n, 54] each, at `RATE` frames per second: unit vectors, axes as in `Skeletons.world`.
    """
    valid, times, bones = skeletons.valid, skeletons.times, facing_bones(skeletons)
    found = []
    for run in runs(valid):
        at = np.arange(times[run][0], times[run][-1] + 1e-6, 1 / RATE)
        if len(at) < PART:
            continue
        columns = bones[run].reshape(len(times[run]), -1).T
        even = np.stack([np.interp(at, times[run], column) for column in columns], axis=1).reshape(len(at), -1, 3)
        lengths = np.linalg.norm(even, axis=-1, keepdims=True)
        found.append((even / np.maximum(lengths, 1e-6)).reshape(len(at), -1))
    return found


def facing_bones(skeletons: Skeletons) -> np.ndarray:
    """Return the bones of each frame, turned so that the dancer faces the camera on average.

    Returns:
        float64 [n, 18, 3], from the inner to the outer end, in lengths of the torso; axes as in `Skeletons.world`;
        zeros where not valid.
    """
    valid = skeletons.valid
    joints = _facing(joint_features(skeletons.landmarks, skeletons.world, valid)[..., WORLD], valid)
    return (joints - joints[:, PARENT])[:, BONES]


def _facing(joints: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Turn joints [n, joints, 3] about the vertical, so that hips and shoulders face the camera on average."""
    if not valid.any():
        return joints
    across = (joints[valid][:, _LEFT] - joints[valid][:, _RIGHT]).mean(axis=1)
    right, away = np.median(across[:, [0, 2]], axis=0)
    angle = np.arctan2(away, right)
    turn = np.array([[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]])
    return joints @ turn


def parts_of(dance: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the overlapping parts of a dance that are searched in another one, float64 [PART, 54] each."""
    return [series[start : start + PART] for series in dance for start in range(0, len(series) - PART + 1, STEP)]


def part_distance(part: np.ndarray, series: np.ndarray) -> float:
    """Return the distance of a part of a dance to the most similar part of another one, whatever its tempo.

    Args:
        part: float64 [n, 3 × bones], of `parts_of` or a whole series.
        series: float64 [m, 3 × bones].

    Returns:
        degrees: the angle between bones of the same length in both dances, as root mean square of the chords.

    Raises:
        AlignmentError: `dtaidistance` is installed without its compiled code.

    Reference:
        Subsequence dynamic time warping (Müller 2007, "Information Retrieval for Music and Motion", section 4.4).
    """
    distance = _compiled().distance_fast(part, series, **_options(series))
    chord = distance / np.sqrt(part.size / 3)
    return float(np.degrees(2 * np.arcsin(min(chord / 2, 1.0))))


def part_path(part: np.ndarray, series: np.ndarray) -> np.ndarray:
    """Return which frames of a part and of the most similar part of another dance belong together.

    Args:
        part, series: as in `part_distance`, whose distance belongs to this path.

    Returns:
        int64 [k, 2], frame in `part` (all of them) and frame in `series`; both ascend.

    Raises:
        AlignmentError: as `part_distance`.
    """
    return np.array(_compiled().warping_path(part, series, use_c=True, **_options(series)), np.int64)


def distances(dance: Sequence[np.ndarray], references: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """Return the distance of each part of a dance to each reference.

    Args:
        dance: of `bone_directions`.
        references: of `bone_directions` each, at least one series in each.

    Returns:
        float64 [parts, references], degrees. A mean over parts depends on the length of neither dance, as long as the
        reference shows the whole choreography.
    """
    parts = parts_of(dance)
    found = [[min(part_distance(part, series) for series in other) for other in references] for part in parts]
    return np.array(found).reshape(len(parts), len(references))


def _options(series: np.ndarray) -> dict[str, object]:
    """Return the options by which the other dance may begin and end before or after the part that fits."""
    return {"psi": (0, 0, len(series) - 1, len(series) - 1)}


def _compiled():
    """Return `dtaidistance.dtw_ndim`, which needs its compiled code: without it, a clip takes minutes."""
    from dtaidistance import dtw, dtw_ndim

    if dtw.dtw_cc is None:
        raise AlignmentError(
            "dtaidistance is installed without its compiled code: reinstall it with "
            "`pip install --force-reinstall --no-deps dtaidistance==2.5.1`"
        )
    return dtw_ndim
