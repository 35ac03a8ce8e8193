"""The performance of a style by a dancer: joint positions over time, with timing errors, looseness and mistakes.

With it comes the perfect performance, which the same body would give at the same place to the same music. Everywhere
`times` are float64 [n], seconds, ascending, and `still` are intervals (start, end) in seconds in which the dancer
stands; stopping and starting lie outside.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dance_tf.synthesis.body import JOINTS, SIDES, SPREAD, Dancer, Motion, pick, place_joints
from dance_tf.synthesis.choreography import CONTROLS, DOWN, NEUTRAL, STYLES, Arm, Foot, Pose, Style
from dance_tf.synthesis.truth import Mistake

MISTAKES = ("wrong pose", "wrong side", "arm forgotten", "frozen", "late")
_ARMS = {side: [CONTROLS.index(f"{side}_{part}") for part in Arm._fields] for side in SIDES}
_FEET = {side: [CONTROLS.index(f"{side}_foot_{part}") for part in Foot._fields] for side in SIDES}
_TRUNK = [index for index, name in enumerate(CONTROLS) if not name.startswith(SIDES)]
SETTLING = 0.4  # seconds to stop dancing, and to start again
SHARPNESS, BOUNCE = 0.45, 1.0  # of the perfect performance, as in `Dancer`
_IDLE = Pose(DOWN, DOWN, sway=0.03, hip=-3, left_foot=Foot(0.11), right_foot=Foot(0.14, 0.05))


def affected_joints(danced: np.ndarray, taught: np.ndarray) -> tuple[str, ...]:
    """Return the joints at which controls [k, c] visibly differ: arms from the elbow, legs from the knee, the trunk."""
    differs = (np.abs(danced - taught) > 2.5 * np.maximum(SPREAD, 0.03)).any(axis=0)
    found = ["pelvis", "waist", "chest", "neck", "head"] if differs[_TRUNK].any() else []
    for controls, parts in ((_ARMS, ("elbow", "wrist", "hand")), (_FEET, ("knee", "ankle", "toe"))):
        found += [f"{side}_{part}" for side in SIDES if differs[controls[side]].any() for part in parts]
    return tuple(joint for joint in JOINTS if joint in found)


def _vectors(poses: Sequence[Pose]) -> np.ndarray:
    return np.stack([pose.vector() for pose in poses])


def _add_mistakes(
    rng: np.random.Generator,
    style: Style,
    skill: float,
    arrivals: np.ndarray,
    poses: list[Pose],
    window: tuple[float, float],
    hidden: list[tuple[float, float]],
) -> tuple[np.ndarray, np.ndarray, tuple[Mistake, ...]]:
    """Replace or delay some poses of a dance, and describe these mistakes.

    Dancers of less skill make more mistakes. Between two mistakes at least one pose is correct.

    Returns:
        The poses that are danced, float [k, len(CONTROLS)]; the times at which they are reached, float [k], seconds;
        the mistakes in the order of time, all of them inside `window` and outside `hidden`.
    """
    correct = _vectors(poses)
    danced_poses, danced_arrivals = correct.copy(), arrivals.copy()
    chance = 0.16 * (1.0 - skill) ** 1.3  # of a mistake at a pose
    others = [pose for another in STYLES if another is not style for pose in another.poses]
    found, key = [], 1
    while key < len(poses) - 3:
        length, kind = int(rng.integers(1, 4)), pick(rng, MISTAKES)
        draw, other, side, delay = rng.random(), rng.integers(len(others)), rng.integers(2), rng.uniform(0.35, 0.6)
        # a mistake is visible until the next correct pose is reached
        start, end = arrivals[key - 1], arrivals[key + length]
        visible = window[0] <= start and end <= window[1] and all(end < one or two < start for one, two in hidden)
        if draw > chance or not visible:
            key += 1
            continue
        span = slice(key, key + length)
        if kind == "late":
            danced_arrivals[span] += delay * np.diff(arrivals).min()
        elif kind == "arm forgotten":
            danced_poses[span, _ARMS[SIDES[side]]] = DOWN
        else:
            mirrored = [pose.mirrored().vector() for pose in poses[span]]
            wrong = {"wrong pose": others[other].vector(), "wrong side": mirrored, "frozen": danced_poses[key - 1]}
            danced_poses[span] = wrong[kind]
        joints = JOINTS if kind == "late" else affected_joints(danced_poses[span], correct[span])
        if joints:
            found.append(Mistake(float(start), float(end), kind, joints))
        else:  # no visible difference
            danced_poses[span] = correct[span]
        key += length + 2
    return danced_poses, danced_arrivals, tuple(found)


@dataclass(frozen=True)
class Performance:
    """One performance of one dancer."""

    motion: Motion  # joints and orientations at every timestamp
    mistakes: tuple[Mistake, ...]
    beats: tuple[float, ...]  # seconds
    phase: float  # beat of the choreography at time 0
    beat: float  # seconds from one beat to the next
    perfect: Motion  # of the same body at the same music time, place and direction, without any error
    late: np.ndarray  # float64 [n], seconds by which the dancer reaches the poses late; the arms are later still
    torso: float  # length of the body's torso, metres

    @property
    def deviation(self) -> np.ndarray:
        """Distance of each joint from the perfect performance, float64 [n, 21], in lengths of the torso."""
        return np.linalg.norm(self.motion.joints - self.perfect.joints, axis=-1) / self.torso


def minimum_jerk(progress: np.ndarray) -> np.ndarray:
    """Return the minimum-jerk curve from 0 to 1 for `progress` in [0, 1] (Flash and Hogan 1985)."""
    t = np.clip(progress, 0.0, 1.0)
    return t**3 * (10 - 15 * t + 6 * t**2)


def interpolate_keys(times: np.ndarray, arrivals: np.ndarray, values: np.ndarray, moving: np.ndarray) -> np.ndarray:
    """Return values [n, c] between keys: each movement ends at a key's arrival, which is then held.

    Args:
        arrivals: float64 [k], ascending, seconds.
        values: float64 [k, c].
        moving: float64 [k], duration of the movement to each key, seconds; at most the time since the previous key.
    """
    following = np.clip(np.searchsorted(arrivals, times, side="left"), 1, len(arrivals) - 1)
    gap = arrivals[following] - arrivals[following - 1]
    duration = np.maximum(np.minimum(moving[following], gap), 1e-6)
    share = minimum_jerk((times - (arrivals[following] - duration)) / duration)[:, None]
    return values[following - 1] + share * (values[following] - values[following - 1])


def pauses(times: np.ndarray, still: Sequence[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Return how far the dancer stands, from 0 to 1, and the seconds danced since the first time; both float64 [n]."""
    standing = np.zeros(len(times))
    for start, end in still:
        outside = np.maximum(start - times, times - end)
        standing = np.maximum(standing, 1.0 - minimum_jerk(outside / SETTLING))
    return standing, np.concatenate([[0.0], np.cumsum(np.diff(times) * (1.0 - standing[1:]))])


def perform(
    rng: np.random.Generator,
    style: Style,
    dancer: Dancer,
    times: np.ndarray,
    still: Sequence[tuple[float, float]] = (),
    hidden: Sequence[tuple[float, float]] = (),
    difficulty: float = 0.5,
) -> Performance:
    """Return a performance of a style, which starts on a random key of the choreography.

    Args:
        hidden: further intervals without mistakes.
        difficulty: 0 to 1, size of the looseness.
    """
    beat, taught = 60.0 / (style.tempo * float(rng.normal(1.0, 0.01))), style.poses
    phase = rng.integers(len(taught)) + float(rng.uniform(0.0, 1.0))
    key_beats = np.arange(np.ceil(phase + times[0] / beat - 8.0), np.floor(phase + times[-1] / beat + 8.0) + 1)
    poses = [taught[int(number) % len(taught)] for number in key_beats]
    music = (key_beats - phase) * beat
    arrivals = music + dancer.lateness
    arrivals = arrivals + np.clip(rng.normal(0, dancer.sloppiness, len(arrivals)), -0.1, 0.1)
    loose = rng.normal(0.0, 1.0, (len(poses), len(CONTROLS))) * SPREAD
    loose *= (1.0 - dancer.skill) * (0.1 + 0.8 * difficulty) + 0.08
    turn_rate, turn_start, walk_start = rng.uniform(0.05, 0.12), *rng.uniform(0, 2 * np.pi, 2)
    excluded = [(start - SETTLING, end + SETTLING) for start, end in still] + list(hidden)
    window = (float(times[0]), float(times[-1]) - dancer.lag)  # the arms follow later
    keys, arrivals, found = _add_mistakes(rng, style, dancer.skill, arrivals, poses, window, excluded)

    neutral = NEUTRAL.vector()
    values = neutral + dancer.amplitude * (keys - neutral) + dancer.habits + loose
    moving = np.append(beat, np.diff(arrivals)) * dancer.sharpness
    controls = interpolate_keys(times, arrivals, values, moving)
    late_arms = interpolate_keys(times - dancer.lag, arrivals, values, moving)
    for side in _ARMS.values():
        controls[:, side] = late_arms[:, side]
    beat_now = phase + times / beat
    perfect = interpolate_keys(times, music, _vectors(poses), np.full(len(poses), beat * SHARPNESS))
    standing, danced = pauses(times, still)
    # no travel while the dancer stands
    across, ahead = np.sin(0.5 * danced + walk_start), 0.6 * np.sin(0.37 * danced + 2 * walk_start)
    wander = dancer.travel * np.stack([across, ahead], axis=1)
    motions = []
    for moved, bounce, habits in ((controls, dancer.bounce, dancer.habits), (perfect, BOUNCE, 0.0 * dancer.habits)):
        dip = style.bounce * bounce * (0.5 + 0.5 * np.cos(2 * np.pi * beat_now))
        moved[:, CONTROLS.index("sink")] += dip
        moved[:, CONTROLS.index("facing")] += dancer.turning * np.sin(2 * np.pi * turn_rate * times + turn_start)
        idle = np.tile(_IDLE.vector() + 0.5 * habits, (len(times), 1))
        idle[:, CONTROLS.index("sink")] = 0.01 + 0.002 * np.sin(2 * np.pi * 0.27 * times)  # breathing
        motions.append(place_joints(moved + standing[:, None] * (idle - moved), dancer.body, wander))
    beats = (np.arange(np.ceil(beat_now[0]), np.floor(beat_now[-1]) + 1) - phase) * beat
    moments = tuple(round(float(moment), 4) for moment in beats)
    mistakes = tuple(one._replace(end=one.end + dancer.lag) for one in found)
    late = np.interp(times, arrivals, arrivals - music)
    start = float(phase % len(taught))
    return Performance(motions[0], mistakes, moments, start, beat, motions[1], late, dancer.body.torso)
