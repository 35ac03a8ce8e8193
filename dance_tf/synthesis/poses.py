"""Key poses in the words of a dancer: what the arms, the trunk, the hips and the feet do."""

from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np


class Arm(NamedTuple):
    """One arm relative to the chest, degrees.

    `lift` 0 hangs down, 90 is level, 180 points up; `swing` turns a lifted arm: 0 to its own side, 90 to the front, 180
    across the body, negative to the back; `bend` is the elbow (0 straight); `roll` says which way the forearm bends:
    0 upwards (outwards when the arm hangs), 90 to the front, 180 downwards.
    """

    lift: float
    swing: float
    roll: float
    bend: float


class Foot(NamedTuple):
    """One foot relative to where the dancer stands, in leg lengths: outwards, to the front, above the floor."""

    out: float
    forward: float = 0.0
    lift: float = 0.0


DOWN = Arm(12, 0, 90, 18)
OUT = Arm(88, 5, 0, 10)
UP = Arm(168, 10, 0, 12)
HIGH_OUT = Arm(138, 0, 0, 6)
LOW_OUT = Arm(48, 5, 0, 12)
GOALPOST = Arm(90, 0, 0, 92)
SCARECROW = Arm(88, 0, 180, 88)
ON_HIP = Arm(42, -12, 180, 88)
FLEX = Arm(68, 25, 0, 128)
FRONT = Arm(86, 82, 0, 8)
AT_CHEST = Arm(38, 30, 75, 118)
LEVEL_CHEST = Arm(78, 38, 90, 108)
CROSSED = Arm(38, 70, 92, 88)
PRAYING = Arm(44, 42, 52, 122)
ON_HEAD = Arm(132, 5, 0, 138)
AT_FACE = Arm(42, 40, 32, 142)
CIRCLE = Arm(146, 8, 10, 62)
BACK = Arm(38, -70, 0, 12)
SHRUG = Arm(20, 0, 28, 98)
ACROSS_LOW = Arm(46, 128, 0, 10)
ACROSS_LEVEL = Arm(84, 132, 0, 12)
ACROSS_HIGH = Arm(128, 130, 0, 10)
ROLL_HIGH = Arm(52, 52, 82, 92)
ROLL_LOW = Arm(28, 58, 84, 78)

CLOSED, HIP_WIDE, WIDE, VERY_WIDE = Foot(0.08), Foot(0.14), Foot(0.26), Foot(0.38)


@dataclass(frozen=True)
class Pose:
    """A key pose. Angles in degrees, shifts in leg lengths; left and right are the dancer's own.

    Attributes:
        left, right: the arms.
        bow: trunk to the front. lean: trunk to the left. twist: chest turned to the left against the hips.
        nod, tilt, look: head down, to the left, turned to the left.
        sway, push: hips moved to the left, to the front. sink: hips lowered by bending the knees.
        hip: pelvis rolled so that the left side drops. facing: whole body turned to the left.
        left_foot, right_foot: where the feet are.
    """

    left: Arm = DOWN
    right: Arm = DOWN
    bow: float = 0.0
    lean: float = 0.0
    twist: float = 0.0
    nod: float = 0.0
    tilt: float = 0.0
    look: float = 0.0
    sway: float = 0.0
    push: float = 0.0
    sink: float = 0.03
    hip: float = 0.0
    facing: float = 0.0
    left_foot: Foot = HIP_WIDE
    right_foot: Foot = HIP_WIDE

    def mirrored(self) -> "Pose":
        """The pose as a mirror shows it."""
        swapped = {"left": self.right, "right": self.left, "left_foot": self.right_foot, "right_foot": self.left_foot}
        return replace(self, **swapped, **{name: -getattr(self, name) for name in SIDED})

    def vector(self) -> np.ndarray:
        """All controls as float64 [len(CONTROLS)], in the order of `CONTROLS`."""
        numbers: list[float] = []
        for field in fields(self):
            value = getattr(self, field.name)
            numbers.extend(value if isinstance(value, tuple) else (value,))
        return np.array(numbers, np.float64)


SIDED = ("lean", "twist", "tilt", "look", "sway", "hip", "facing")


def _control_names() -> tuple[str, ...]:
    names: list[str] = []
    for field in fields(Pose):
        parts = getattr(field.default, "_fields", None)
        names.extend([f"{field.name}_{part}" for part in parts] if parts else [field.name])
    return tuple(names)


CONTROLS = _control_names()
NEUTRAL = Pose()
