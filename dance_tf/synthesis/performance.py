"""A dancer dances a style: joint angles over time, with their timing, their looseness and their mistakes."""

from dataclasses import dataclass

import numpy as np

from dance_tf.synthesis.choreography import STYLES, Style, key_sequence
from dance_tf.synthesis.dancer import Dancer, control_spread
from dance_tf.synthesis.poses import CONTROLS, DOWN, NEUTRAL, Foot, Pose
from dance_tf.synthesis.skeleton import JOINTS, Motion, place_joints
from dance_tf.synthesis.truth import Mistake

MISTAKES = ("wrong pose", "wrong side", "arm forgotten", "frozen", "late")
SETTLING = 0.4  # seconds it takes to stop dancing, and to start again
_ARMS = {side: [i for i, name in enumerate(CONTROLS) if name in _names] for side, _names in (
    ("left", ("left_lift", "left_swing", "left_roll", "left_bend")),
    ("right", ("right_lift", "right_swing", "right_roll", "right_bend")),
)}  # fmt: skip
_FEET = [index for index, name in enumerate(CONTROLS) if "_foot_" in name]
_IDLE = Pose(DOWN, DOWN, sway=0.03, hip=-3, left_foot=Foot(0.11), right_foot=Foot(0.14, 0.05))


@dataclass(frozen=True)
class Performance:
    """One take of one dancer.

    Attributes:
        motion: joints and orientations at every timestamp.
        mistakes: where the dancer errs. beats: seconds of the beats. phase: beat of the choreography at time 0.
    """

    motion: Motion
    mistakes: tuple[Mistake, ...]
    beats: tuple[float, ...]
    phase: float


def minimum_jerk(progress: np.ndarray) -> np.ndarray:
    """Smoothest way from 0 to 1 for `progress` in [0, 1], as human reaching goes (Flash and Hogan 1985)."""
    t = np.clip(progress, 0.0, 1.0)
    return t**3 * (10 - 15 * t + 6 * t**2)


def interpolate_keys(times: np.ndarray, arrivals: np.ndarray, values: np.ndarray, moving: np.ndarray) -> np.ndarray:
    """Values [n, c] at `times` [n]: each key is reached at its arrival after `moving` seconds and held until the next.

    Args:
        times: seconds.
        arrivals: float64 [k], ascending, seconds.
        values: float64 [k, c].
        moving: float64 [k], seconds; longer than the time since the key before counts as that time.
    """
    following = np.clip(np.searchsorted(arrivals, times, side="left"), 1, len(arrivals) - 1)
    gap = arrivals[following] - arrivals[following - 1]
    duration = np.maximum(np.minimum(moving[following], gap), 1e-6)
    share = minimum_jerk((times - (arrivals[following] - duration)) / duration)[:, None]
    return values[following - 1] + share * (values[following] - values[following - 1])


def affected_joints(danced: np.ndarray, taught: np.ndarray) -> tuple[str, ...]:
    """Joints at which controls [k, c] visibly differ: an arm from the elbow on, a leg from the knee on, the trunk."""
    differs = (np.abs(danced - taught) > 2.5 * np.maximum(control_spread(), 0.03)).any(axis=0)
    found: list[str] = []
    for side in ("left", "right"):
        if differs[_ARMS[side]].any():
            found += [f"{side}_{part}" for part in ("elbow", "wrist", "hand")]
        if any(differs[index] for index in _FEET if CONTROLS[index].startswith(side)):
            found += [f"{side}_{part}" for part in ("knee", "ankle", "toe")]
    trunk = [index for index in range(len(CONTROLS)) if index not in (*_ARMS["left"], *_ARMS["right"], *_FEET)]
    if differs[trunk].any():
        found += ["pelvis", "waist", "chest", "neck", "head"]
    return tuple(joint for joint in JOINTS if joint in found)


def _err(
    rng: np.random.Generator, style: Style, skill: float, arrivals: np.ndarray, poses: list[Pose], free: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple[Mistake, ...]]:
    """Controls [k, c] and arrivals [k] with mistakes put in, and the list of them.

    `free` [k] says at which keys a mistake could be seen. Mistakes never touch each other: between two of them at
    least one key is danced right.
    """
    values = np.stack([pose.vector() for pose in poses])
    arrivals = arrivals.copy()
    chance = 0.22 * (1.0 - skill) ** 1.3
    others = [pose for other in STYLES if other is not style for phrase in other.phrases for pose in phrase.poses]
    found: list[Mistake] = []
    key = 1
    while key < len(poses) - 3:
        length = int(rng.integers(1, 4))
        kind = MISTAKES[rng.integers(len(MISTAKES))]
        draw, pick, side, delay = rng.random(), rng.integers(len(others)), rng.integers(2), rng.uniform(0.35, 0.6)
        if draw > chance or not free[key - 1 : key + length + 1].all():
            key += 1
            continue
        span = slice(key, key + length)
        taught = values[span].copy()
        if kind == "wrong pose":
            values[span] = others[pick].vector()
        elif kind == "wrong side":
            values[span] = np.stack([pose.mirrored().vector() for pose in poses[span]])
        elif kind == "arm forgotten":
            values[span, _ARMS[("left", "right")[side]]] = DOWN
        elif kind == "frozen":
            values[span] = values[key - 1]
        else:
            arrivals[span] += delay * np.diff(arrivals).min()
        joints = affected_joints(values[span], taught) if kind != "late" else JOINTS
        if joints:
            # it shows from the way towards the first wrong key to the arrival of the next right one
            found.append(Mistake(float(arrivals[key - 1]), float(arrivals[key + length]), kind, joints))
        key += length + 2
    return values, arrivals, tuple(found)


def perform(
    rng: np.random.Generator,
    style: Style,
    dancer: Dancer,
    times: np.ndarray,
    still: tuple[tuple[float, float], ...] = (),
    unseen: tuple[tuple[float, float], ...] = (),
    difficulty: float = 0.5,
) -> Performance:
    """Dance `style` and say what went wrong.

    Args:
        rng: of this clip alone.
        style: what is danced; it starts on any key of its round.
        dancer: who dances.
        times: float64 [n], seconds, ascending.
        still: stretches (start, end) in seconds in which the dancer stands; stopping and starting lie outside.
        unseen: further stretches in which no mistake counts.
        difficulty: 0 to 1, how far clumsiness goes.
    """
    beat = 60.0 / (style.tempo * float(rng.normal(1.0, 0.01)))
    keys = style.keys()
    phase = keys[rng.integers(len(keys))][0] + float(rng.uniform(0.0, 1.0))
    first, last = phase + times[0] / beat - 8.0, phase + times[-1] / beat + 8.0
    key_beats, poses = key_sequence(style, first, last)
    arrivals = (key_beats - phase) * beat
    hidden = [(start - SETTLING, end + SETTLING) for start, end in still] + list(unseen)
    free = (arrivals > times[0]) & (arrivals < times[-1])
    for start, end in hidden:
        free &= (arrivals < start - 0.1) | (arrivals > end + 0.1)
    values, arrivals, mistakes = _err(rng, style, dancer.skill, arrivals, poses, free)

    neutral = NEUTRAL.vector()
    loose = rng.normal(0.0, 1.0, values.shape) * control_spread()
    loose *= (1.0 - dancer.skill) * (0.5 + difficulty) + 0.15
    values = neutral + dancer.amplitude * (values - neutral) + dancer.habits + loose
    arrivals = arrivals + dancer.lateness + np.clip(rng.normal(0, dancer.sloppiness, len(arrivals)), -0.1, 0.1)
    arrivals = np.maximum.accumulate(arrivals + np.arange(len(arrivals)) * 1e-6)
    moving = np.append(beat, np.diff(arrivals)) * dancer.sharpness
    controls = interpolate_keys(times, arrivals, values, moving)
    late_arms = interpolate_keys(times - dancer.lag, arrivals, values, moving)
    for side in _ARMS.values():
        controls[:, side] = late_arms[:, side]
    beat_now = phase + times / beat
    dip = style.bounce * dancer.bounce * (0.5 + 0.5 * np.cos(2 * np.pi * beat_now))
    controls[:, CONTROLS.index("sink")] += dip
    turn_rate, turn_start, walk_start = rng.uniform(0.05, 0.12), *rng.uniform(0, 2 * np.pi, 2)
    controls[:, CONTROLS.index("facing")] += dancer.turning * np.sin(2 * np.pi * turn_rate * times + turn_start)

    idle = np.tile(_IDLE.vector() + 0.5 * dancer.habits, (len(times), 1))
    idle[:, CONTROLS.index("sink")] = 0.01 + 0.002 * np.sin(2 * np.pi * 0.27 * times)  # breathing
    standing = np.zeros(len(times))
    for start, end in still:
        outside = np.maximum(np.maximum(start - times, times - end), 0.0)
        standing = np.maximum(standing, 1.0 - minimum_jerk(outside / SETTLING))
    controls = controls + standing[:, None] * (idle - controls)
    # time spent standing is no time to wander
    danced = np.concatenate([[0.0], np.cumsum(np.diff(times) * (1.0 - standing[1:]))])
    wander = dancer.travel * np.stack(
        [np.sin(0.5 * danced + walk_start), 0.6 * np.sin(0.37 * danced + 2 * walk_start)], axis=1
    )
    beats = (np.arange(np.ceil(beat_now[0]), np.floor(beat_now[-1]) + 1) - phase) * beat
    return Performance(
        motion=place_joints(controls, dancer.body, wander),
        mistakes=mistakes,
        beats=tuple(round(float(moment), 4) for moment in beats),
        phase=float(phase % style.beats),
    )
