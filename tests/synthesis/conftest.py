"""Files of motion capture, written from a made-up dance."""

import numpy as np
import pytest

from dance_tf.synthesis.body import JOINT, Motion, make_dancer
from dance_tf.synthesis.choreography import STYLES
from dance_tf.synthesis.performance import perform

MIXAMO = (
    "Hips Spine Neck Head {Left}Arm {Left}ForeArm {Left}Hand {Left}HandMiddle1 {Left}UpLeg {Left}Leg {Left}Foot "
    "{Left}ToeBase"
)
MIDDLE = (("pelvis", ""), ("waist", "pelvis"), ("neck", "waist"), ("head", "neck"))
SIDED = (
    ("shoulder", "neck"), ("elbow", "shoulder"), ("wrist", "elbow"), ("hand", "wrist"), ("hip", "pelvis"),
    ("knee", "hip"), ("ankle", "knee"), ("toe", "ankle"),
)  # fmt: skip


def danced(seconds: float = 1.0, rate: float = 60.0, style: int = 0) -> Motion:
    """A dance of dancer 0."""
    times = np.arange(round(seconds * rate)) / rate
    return perform(np.random.default_rng(5), STYLES[style], make_dancer(0, 0, 0.5), times).motion


def bvh_text(joints: np.ndarray, names: str = MIXAMO, rate: float = 60.0) -> str:
    """Return a BVH file in which each joint has three position channels, under the names of an exporter."""
    named = names.split()
    (wanted, sided), sides = (named[:4], named[4:]), (("left", "Left", "L", "l"), ("right", "Right", "R", "r"))
    rows = [(one, parent, name) for (one, parent), name in zip(MIDDLE, wanted, strict=True)]
    for side, *forms in sides:
        forms = dict(zip(("Left", "L", "l"), forms, strict=True))
        for (part, above), name in zip(SIDED, sided, strict=True):
            above = above if above in JOINT else f"{side}_{above}"
            if name != "-":  # a joint that the exporter does not write
                rows.append((f"{side}_{part}", above, name.format(**forms)))
    lines, values = ["HIERARCHY"], []

    def write(joint: str, parent: str, name: str) -> None:
        lines.extend([f"{'JOINT' if parent else 'ROOT'} {name}", "{", "OFFSET 0 0 0"])
        lines.append("CHANNELS 3 Xposition Yposition Zposition")
        values.append(joints[:, JOINT[joint]] - (joints[:, JOINT[parent]] if parent else 0.0))
        below = [row for row in rows if row[1] == joint]
        for row in below:
            write(*row)
        lines.extend([*["End Site", "{", "OFFSET 0 0 0", "}"] * (not below), "}"])

    write(*rows[0])
    motion = [" ".join(f"{number:.6f}" for number in row) for row in np.concatenate(values, axis=1)]
    return "\n".join([*lines, "MOTION", f"Frames: {len(joints)}", f"Frame Time: {1 / rate:.8f}", *motion]) + "\n"


@pytest.fixture(scope="session")
def dance():
    """The function `danced`."""
    return danced


@pytest.fixture(scope="session")
def as_bvh():
    """The function `bvh_text`."""
    return bvh_text
