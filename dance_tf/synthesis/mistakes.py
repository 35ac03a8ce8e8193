"""Mistakes that the unskilled make, and when, and what of the body shows them."""

from dataclasses import dataclass

import numpy as np

from dance_tf.synthesis.choreography import STYLES, Style
from dance_tf.synthesis.dancer import control_spread
from dance_tf.synthesis.poses import CONTROLS, DOWN, Pose
from dance_tf.synthesis.skeleton import JOINTS
from dance_tf.synthesis.truth import Mistake

MISTAKES = ("wrong pose", "wrong side", "arm forgotten", "frozen", "late")
ARM_CONTROLS = {
    side: [CONTROLS.index(f"{side}_{part}") for part in ("lift", "swing", "roll", "bend")] for side in ("left", "right")
}
_FEET = [index for index, name in enumerate(CONTROLS) if "_foot_" in name]
_TRUNK = [
    index for index in range(len(CONTROLS)) if index not in (*ARM_CONTROLS["left"], *ARM_CONTROLS["right"], *_FEET)
]


@dataclass(frozen=True)
class Attempt:
    """What a dancer tries to do, mistakes included.

    Attributes:
        controls: float64 [k, len(CONTROLS)], the key poses. arrivals: float64 [k], seconds at which they are reached.
        mistakes: in the order of time, at least one key danced right between two of them.
    """

    controls: np.ndarray
    arrivals: np.ndarray
    mistakes: tuple[Mistake, ...]


def affected_joints(danced: np.ndarray, taught: np.ndarray) -> tuple[str, ...]:
    """Joints at which controls [k, c] visibly differ: an arm from the elbow on, a leg from the knee on, the trunk."""
    differs = (np.abs(danced - taught) > 2.5 * np.maximum(control_spread(), 0.03)).any(axis=0)
    found: list[str] = []
    for side in ("left", "right"):
        if differs[ARM_CONTROLS[side]].any():
            found += [f"{side}_{part}" for part in ("elbow", "wrist", "hand")]
        if any(differs[index] for index in _FEET if CONTROLS[index].startswith(side)):
            found += [f"{side}_{part}" for part in ("knee", "ankle", "toe")]
    if differs[_TRUNK].any():
        found += ["pelvis", "waist", "chest", "neck", "head"]
    return tuple(joint for joint in JOINTS if joint in found)


def err(
    rng: np.random.Generator,
    style: Style,
    skill: float,
    arrivals: np.ndarray,
    poses: list[Pose],
    window: tuple[float, float],
    hidden: list[tuple[float, float]],
) -> Attempt:
    """Put mistakes into a sequence of key poses: the less skill, the more.

    Args:
        rng: of this take.
        style: what is danced. skill: 0 to 1, at 1 nothing goes wrong.
        arrivals: float64 [k], seconds at which the poses are reached. poses: [k], as taught.
        window: seconds (start, end) of the clip; mistakes lie inside.
        hidden: stretches (start, end) in seconds that no mistake may touch.
    """
    taught = np.stack([pose.vector() for pose in poses])
    controls, moved = taught.copy(), arrivals.copy()
    chance = 0.16 * (1.0 - skill) ** 1.3
    others = [pose for other in STYLES if other is not style for phrase in other.phrases for pose in phrase.poses]
    found: list[Mistake] = []
    key = 1
    while key < len(poses) - 3:
        length, kind = int(rng.integers(1, 4)), MISTAKES[rng.integers(len(MISTAKES))]
        draw, pick, side, delay = rng.random(), rng.integers(len(others)), rng.integers(2), rng.uniform(0.35, 0.6)
        # it shows from the way towards the first wrong key to the arrival of the next right one
        start, end = arrivals[key - 1], arrivals[key + length]
        seen = window[0] <= start and end <= window[1] and all(end < one or two < start for one, two in hidden)
        if draw > chance or not seen:
            key += 1
            continue
        span = slice(key, key + length)
        if kind == "wrong pose":
            controls[span] = others[pick].vector()
        elif kind == "wrong side":
            controls[span] = np.stack([pose.mirrored().vector() for pose in poses[span]])
        elif kind == "arm forgotten":
            controls[span, ARM_CONTROLS[("left", "right")[side]]] = DOWN
        elif kind == "frozen":
            controls[span] = controls[key - 1]
        else:
            moved[span] += delay * np.diff(arrivals).min()
        joints = JOINTS if kind == "late" else affected_joints(controls[span], taught[span])
        if joints:
            found.append(Mistake(float(start), float(end), kind, joints))
        else:  # what came out is what was taught, or as good as
            controls[span] = taught[span]
        key += length + 2
    return Attempt(controls, moved, tuple(found))
