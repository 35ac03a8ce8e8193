"""Key poses: angles of arms and trunk, shifts of hips and feet."""

from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np


class Arm(NamedTuple):
    """Angles of one arm relative to the chest, degrees.

    Attributes:
        lift: 0 hangs down, 90 is level, 180 points up.
        swing: direction of a lifted arm: 0 to its own side, 90 to the front, 180 across the body, negative to the back.
        roll: direction in which the forearm bends: 0 upwards (outwards when the arm hangs), 90 to the front, 180
            downwards.
        bend: of the elbow, 0 for a straight arm.
    """

    lift: float
    swing: float
    roll: float
    bend: float


class Foot(NamedTuple):
    """Position of one foot relative to the dancer's place, in leg lengths: outwards, forwards, above the floor."""

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
    """A key pose. Angles are in degrees, shifts in leg lengths; left and right are the dancer's own.

    Attributes:
        left, right: the arms.
        bow, lean, twist: trunk bent forwards, bent to the left; chest turned to the left relative to the hips.
        nod, tilt, look: head bent down, bent to the left, turned to the left.
        sway, push, sink: hips moved to the left, forwards, and down by bending the knees.
        hip, facing: pelvis rolled with its left side down; whole body turned to the left.
        left_foot, right_foot: positions of the feet.
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
        """Return the mirror image of the pose."""
        swapped = {"left": self.right, "right": self.left, "left_foot": self.right_foot, "right_foot": self.left_foot}
        return replace(self, **swapped, **{name: -getattr(self, name) for name in SIDED})

    def vector(self) -> np.ndarray:
        """Return all controls as float64 [len(CONTROLS)], in the order of `CONTROLS`."""
        values = (getattr(self, field.name) for field in fields(self))
        return np.hstack([np.float64(value) for value in values])


SIDED = ("lean", "twist", "tilt", "look", "sway", "hip", "facing")


CONTROLS = tuple(
    f"{field.name}_{part}" if part else field.name
    for field in fields(Pose)
    for part in getattr(field.default, "_fields", ("",))
)
NEUTRAL = Pose()
