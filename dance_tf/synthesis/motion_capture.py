"""Captured motion as the joints of the generator: names of joints and markers, units, axes, the floor.

`read_motion` goes from a file of motion capture straight to joint positions, without pictures.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from os.path import commonprefix
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from dance_tf.synthesis.body import JOINT, JOINTS, SIDES, SIGNS, Body, Motion, body_of, rotation
from dance_tf.synthesis.motion_file import Capture, MotionError, read_capture

# names of each joint in the files of common programs, without side and separators, in order of preference
NAMES = {
    "shoulder": ("upperarm", "uparm", "uarm", "humerus", "shldr", "arm", "shoulder"),
    "elbow": ("elbow", "forearm", "lowerarm", "lowarm", "farm", "radius"),
    "wrist": ("wrist", "hand"),
    "hip": ("upleg", "upperleg", "thigh", "femur", "hip"),
    "knee": ("knee", "lowerleg", "lowleg", "shin", "calf", "tibia", "leg"),
    "ankle": ("ankle", "foot"),
}
MIDDLE = {"neck": ("neck", "lowerneck"), "head": ("head",)}
MARKERS = {  # of the Plug-in Gait model, without side
    "shoulder": ("SHO",), "elbow": ("ELB",), "wrist": ("WRA", "WRB"), "hand": ("FIN",), "knee": ("KNE",),
    "ankle": ("ANK",), "toe": ("TOE",),
}  # fmt: skip
WAISTS = (("LASI", "RASI", "LPSI", "RPSI"), ("LFWT", "RFWT", "LBWT", "RBWT"))  # front left, front right, and behind
HEAD = ("LFHD", "RFHD", "LBHD", "RBHD")
# metres; the factor between two units is above that between the tallest and the smallest performer
UNITS = {"m": 1.0, "ft": 0.3048, "CMU units": 0.0254 / 0.45, "inches": 0.0254, "cm": 0.01, "mm": 0.001}
SMALLEST, TALLEST, AVERAGE = 1.1, 2.3, 1.68  # metres
LONGEST_GAP = 0.25  # seconds in which a marker may be hidden
JUMP = 15.0  # metres per second that no joint of a dancer reaches
WAIST, CHEST = 0.42, 0.75  # heights on the spine from pelvis to neck, as in `place_joints`


@dataclass(frozen=True, eq=False)
class CapturedMotion:
    """A captured performance in metres, y up, on the floor y = 0; place and direction are those of the file."""

    motion: Motion  # joints of `JOINTS` and orientations, of each frame of the file
    frame_rate: float
    height: float  # of the performer, metres, from the lengths of legs and trunk
    unit: str  # of the file: a key of `UNITS`, or "unknown unit" if the performer was scaled to `AVERAGE`
    up: str  # axis of the file that points up, such as "y" or "-z"
    rest_pose: bool  # whether the file begins with a rest pose, which was left out

    @property
    def seconds(self) -> float:
        """Duration."""
        return (len(self.motion.joints) - 1) / self.frame_rate

    def at(self, times: np.ndarray) -> Motion:
        """Return the motion at other times [n], seconds from the start: linear between frames, the ends are held."""
        place = np.clip(np.asarray(times) * self.frame_rate, 0, len(self.motion.joints) - 1)
        before = np.minimum(place.astype(int), len(self.motion.joints) - 2)
        share, joints = (place - before)[:, None, None], self.motion.joints
        parts = (self.motion.pelvis, self.motion.chest, self.motion.head)
        frames = np.arange(len(joints))
        turned = [Slerp(frames, Rotation.from_matrix(part))(place).as_matrix() for part in parts]
        return Motion((1 - share) * joints[before] + share * joints[before + 1], *turned)

    def body(self, body: Body) -> Body:
        """Return a body with the performer's lengths; only the girth is that of `body`."""
        sides = [[self.motion.joints[:, JOINT[f"{side}_{part}"]] for side in SIDES] for part in ("shoulder", "hip")]
        shoulder, hip = (0.5 * _length(*ends) for ends in sides)
        return replace(body_of(self.height, girth=body.girth), shoulder=shoulder, hip=hip)


def read_motion(path: Path) -> CapturedMotion:
    """Return the performance in a BVH or C3D file.

    The unit is found from the performer's size, the axis that points up from the direction from feet to head. Toes and
    hands are estimated if the file has none, as are the middle of the head and, from markers, the hip joints (Bell et
    al. 1990); other joints are where their markers are.

    Raises:
        MotionError: a file that cannot be read, or joints that are missing; the message is one line.
        OSError: the file cannot be opened.
    """
    capture = read_capture(Path(path))
    markers = not capture.parents and "LSHO" in map(_label, capture.names)
    points, spine, gaze = (_marker_joints if markers else _named_joints)(capture)
    stature = _stature(points)
    if not 0 < stature < np.inf:
        raise MotionError("the skeleton has no size")
    unit = next((name for name, metres in UNITS.items() if SMALLEST <= stature * metres <= TALLEST), "unknown unit")
    scale = UNITS.get(unit, AVERAGE / stature)
    up, axes = _upright(_middle(points, "shoulder") - _middle(points, "ankle"))
    points = {name: scale * (where @ axes.T) for name, where in points.items()}
    spine = [scale * (where @ axes.T) for where in spine]
    motion = _assemble(points, spine, None if gaze is None else axes @ gaze, scale * stature)
    speed = capture.frame_rate * np.linalg.norm(np.diff(motion.joints[:3], axis=0), axis=2).max(axis=1)
    rest_pose = len(speed) == 2 and bool(speed[0] > JUMP >= speed[1])
    if rest_pose:  # as exporters write it in the first frame
        motion = Motion(*(part[1:] for part in (motion.joints, motion.pelvis, motion.chest, motion.head)))
    return CapturedMotion(motion, capture.frame_rate, scale * stature, unit, up, rest_pose)


def _words(names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield the side ("left", "right" or "") and the rest of each name, in small letters, without prefix and digits."""
    prefix = commonprefix(names[1:]) if len(names) > 2 else ""
    prefix = "" if prefix[-1:].isalpha() else prefix
    known = {part for parts in NAMES.values() for part in parts}
    for name in names:
        name = re.sub("(?i)^mixamorig", "", re.split("[:|]", name.removeprefix(prefix))[-1])
        words = [word.lower() for word in re.findall("[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+", name)]
        side = next((word for word in words if word in ("left", "right", "l", "r")), "")
        rest = "".join(word for word in words if word not in (side, "c"))
        if not side and rest[:1] in ("l", "r") and rest[1:] in known:  # lfemur, RFArm
            side, rest = rest[0], rest[1:]
        yield {"l": "left", "r": "right"}.get(side, side), rest


def _named_joints(capture: Capture) -> tuple[dict[str, np.ndarray], list[np.ndarray], np.ndarray | None]:
    """Return positions [n, 3] by joint, those of the spine from below, and the rotation of the head, as in the file."""
    found: dict[tuple[str, str], int] = {}
    for number, words in enumerate(_words(capture.names)):
        found.setdefault(words, number)
    wanted = {f"{side}_{part}": [(side, name) for name in NAMES[part]] for part in NAMES for side in SIDES}
    wanted |= {part: [("", name) for name in MIDDLE[part]] for part in MIDDLE}
    index = {joint: next((found[name] for name in names if name in found), -1) for joint, names in wanted.items()}
    if missing := [joint for joint, number in index.items() if number < 0 and joint not in MIDDLE]:
        shown = ", ".join(name for name in capture.names if not name.endswith(" end"))
        raise MotionError(f"no joint or marker is known as {', '.join(missing)}; the file has: {shown[:300]}")
    points = {joint: _filled(capture, number) for joint, number in index.items() if number >= 0}
    spine = []
    if capture.parents and index["neck"] >= 0:
        below = set(_ancestors(capture, index["left_hip"]))
        above = [joint for joint in _ancestors(capture, index["neck"]) if joint not in below]
        spine = [capture.positions[:, joint] for joint in reversed(above)]
    points |= _ends(capture, index, points)
    turns = capture.rotations is not None and index["head"] >= 0
    return points, spine, capture.rotations[:, index["head"]] if turns else None


def _ancestors(capture: Capture, joint: int) -> Iterator[int]:
    while (joint := capture.parents[joint]) >= 0:
        yield joint


def _label(name: str) -> str:
    """Return the label of a marker without the name of the performer before it."""
    return re.split("[:|]", name)[-1].strip().upper()


def _marker_joints(capture: Capture) -> tuple[dict[str, np.ndarray], list[np.ndarray], np.ndarray | None]:
    """Return the same as `_named_joints` for the markers of the Plug-in Gait model."""
    index = {_label(name): number for number, name in reversed(list(enumerate(capture.names)))}
    waist = next((names for names in WAISTS if set(names) <= set(index)), WAISTS[0])
    needed = [f"{side}{MARKERS[part][0]}" for part in NAMES if part in MARKERS for side in "LR"]
    if missing := [label for label in (*needed, *waist) if label not in index]:
        raise MotionError(f"no marker {', '.join(missing)}; the file has: {', '.join(capture.names)[:300]}")

    def mean(labels: tuple[str, ...]) -> np.ndarray:
        return np.mean([_filled(capture, index[label]) for label in labels if label in index], axis=0)

    points = {
        f"{side}_{part}": mean(tuple(side[0].upper() + label for label in labels))
        for side in SIDES
        for part, labels in MARKERS.items()
        if side[0].upper() + labels[0] in index
    }
    front, behind = mean(waist[:2]), mean(waist[2:])
    left = mean(waist[:1]) - mean(waist[1:2])
    width = np.linalg.norm(left, axis=1, keepdims=True)
    frame = _frame(left, np.cross(front - behind, left))
    for side, sign in SIGNS.items():
        offset = width * np.array([0.36 * sign, -0.30, -0.19])
        points[f"{side}_hip"] = front + np.einsum("nij,nj->ni", frame, offset)
    if {"C7", "CLAV"} <= set(index):
        points["neck"] = mean(("C7", "CLAV"))
    if not set(HEAD) <= set(index):
        return points, [], None
    points["head"] = mean(HEAD)
    ahead, left = mean(HEAD[:2]) - mean(HEAD[2:]), mean(HEAD[::2]) - mean(HEAD[1::2])
    return points, [], _frame(left, np.cross(ahead, left))


def _filled(capture: Capture, number: int) -> np.ndarray:
    """Return the positions [n, 3] of a joint or marker, with short gaps filled linearly."""
    where = capture.positions[:, number]
    seen = np.flatnonzero(np.isfinite(where).all(axis=1))
    if len(seen) == len(where):
        return where
    gap = np.diff([-1, *seen, len(where)]).max() - 1
    if not len(seen) or gap > LONGEST_GAP * capture.frame_rate:
        raise MotionError(f"{capture.names[number]} is hidden for {gap / capture.frame_rate:.2g} s")
    frames = np.arange(len(where))
    return np.stack([np.interp(frames, seen, where[seen, axis]) for axis in range(3)], axis=1)


def _middle(points: dict[str, np.ndarray], part: str) -> np.ndarray:
    return 0.5 * (points[f"left_{part}"] + points[f"right_{part}"])


def _length(one: np.ndarray, two: np.ndarray) -> float:
    return float(np.median(np.linalg.norm(one - two, axis=1)))


def _stature(points: dict[str, np.ndarray]) -> float:
    """Return the height of a performer from the lengths of legs and trunk, with the proportions of `body_of`."""
    bones = (("hip", "knee"), ("knee", "ankle"))
    legs = sum(_length(points[f"{side}_{one}"], points[f"{side}_{two}"]) for side in SIDES for one, two in bones)
    body = body_of(1.0)
    trunk = _length(_middle(points, "hip"), _middle(points, "shoulder"))
    return (0.5 * legs + trunk) / (body.leg + body.torso - 0.03)


def _ends(capture: Capture, index: dict[str, int], points: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return toes and hands: the mean of the joints that follow ankle and wrist, at a plausible distance from them."""
    found, stature = {}, _stature(points)
    for base, end, nearest, farthest in (("ankle", "toe", 0.03, 0.2), ("wrist", "hand", 0.02, 0.14)):
        for joint in (f"{side}_{base}" for side in SIDES):
            after = [capture.positions[:, n] for n, above in enumerate(capture.parents) if above == index[joint]]
            near = [where for where in after if nearest * stature < _length(where, points[joint]) < farthest * stature]
            if near:
                found[joint.replace(base, end)] = np.mean(near, axis=0)
    return found


def _upright(along: np.ndarray) -> tuple[str, np.ndarray]:
    """Return the axis nearest to the directions [n, 3] from feet to head, and the rotation [3, 3] that makes it y."""
    mean = np.median(along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9), axis=0)
    axis = int(np.argmax(np.abs(mean)))
    turn = np.eye(3)[[(axis - 1) % 3, axis, (axis + 1) % 3]]
    if mean[axis] < 0:
        turn = np.diag([1.0, -1.0, -1.0]) @ turn
    return "-" * bool(mean[axis] < 0) + "xyz"[axis], turn


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def _frame(left: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Return orientations [n, 3, 3] with columns left, up and forward from directions [n, 3]; `left` is kept."""
    left = _unit(left)
    forward = _unit(np.cross(left, up))
    return np.stack([left, np.cross(forward, left), forward], axis=2)


def _assemble(points: dict[str, np.ndarray], spine: list[np.ndarray], gaze: np.ndarray | None, height: float) -> Motion:
    """Return all joints on the floor y = 0, with the orientations of pelvis, chest and head."""
    body, up = body_of(height), np.array([0.0, 1.0, 0.0])
    pelvis = _middle(points, "hip")
    shoulders = _middle(points, "shoulder")
    neck = points.get("neck", shoulders + 0.03 * height * _unit(shoulders - pelvis))
    waist, chest = (_along([pelvis, *spine, neck], share) for share in (WAIST, CHEST))
    frames = {
        "pelvis": _frame(points["left_hip"] - points["right_hip"], waist - pelvis),
        "chest": _frame(points["left_shoulder"] - points["right_shoulder"], neck - waist),
    }
    frames["head"] = frames["chest"] if gaze is None else _head_frame(gaze, frames["chest"], neck - pelvis)
    skull = points.get("head", neck)
    away = np.linalg.norm(skull - neck, axis=1, keepdims=True)
    head = skull + np.maximum(body.neck - away, 0.0) * frames["head"][:, :, 1]
    joints = {**points, "pelvis": pelvis, "waist": waist, "chest": chest, "neck": neck, "head": head}
    for side in SIDES:
        elbow, wrist, ankle = (points[f"{side}_{part}"] for part in ("elbow", "wrist", "ankle"))
        ahead = _unit(frames["pelvis"][:, :, 2] * np.array([1.0, 0.0, 1.0]))
        joints.setdefault(f"{side}_hand", wrist + body.hand * _unit(wrist - elbow))
        joints.setdefault(f"{side}_toe", ankle + body.foot * ahead - 0.55 * body.ankle * up)
    stacked = np.stack([joints[name] for name in JOINTS], axis=1)
    # the lowest foot stands on the floor; one in a hundred frames may be lower, for example by noise
    rises = {"ankle": body.ankle, "toe": 0.45 * body.ankle}
    soles = [stacked[:, JOINT[f"{side}_{part}"], 1] - rise for side in SIDES for part, rise in rises.items()]
    stacked[..., 1] -= np.quantile(np.min(soles, axis=0), 0.01)
    return Motion(stacked, **frames)


def _along(line: list[np.ndarray], share: float) -> np.ndarray:
    """Return the point [n, 3] at a share of the length of a line through points [n, 3]."""
    steps = [_length(one, two) for one, two in zip(line, line[1:], strict=False)]
    ends = np.concatenate([[0.0], np.cumsum(steps)]) / max(sum(steps), 1e-9)
    after = int(np.clip(np.searchsorted(ends, share), 1, len(line) - 1))
    part = (share - ends[after - 1]) / max(ends[after] - ends[after - 1], 1e-9)
    return (1 - part) * line[after - 1] + part * line[after]


def _head_frame(gaze: np.ndarray, chest: np.ndarray, trunk: np.ndarray) -> np.ndarray:
    """Return the orientation [n, 3, 3] of a head from rotations whose rest is unknown.

    While the performer is most upright, the head is taken as level and in the direction of the chest, on average.
    """
    tilt = -_unit(trunk)[:, 1]
    still = tilt <= np.quantile(tilt, 0.3)
    level = _frame(chest[still, :, 0] * np.array([1.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0]))
    rest = Rotation.from_matrix(level.transpose(0, 2, 1) @ gaze[still]).mean().as_matrix()
    return gaze @ rest.T


def face_camera(motion: Motion, width: float) -> Motion:
    """Return a motion turned and moved so that the performer faces z on average, in the middle of the floor.

    A performer who would need more than `width` metres from left to right is turned further, up to a right angle, so
    that the way leads to the camera or away from it.
    """
    ahead = (motion.pelvis[:, :, 2] + motion.chest[:, :, 2]).mean(axis=0)
    front = -np.degrees(np.arctan2(ahead[0], ahead[2]))
    turns = [rotation("y", front + turn) for turn in sorted(range(-90, 91, 15), key=abs)]
    widths = [np.ptp(motion.joints @ turn[0], axis=(0, 1)) for turn in turns]
    turn = next(
        (turn for turn, wide in zip(turns, widths, strict=True) if wide <= width), turns[int(np.argmin(widths))]
    )
    joints = motion.joints @ turn.T
    middle = 0.5 * (joints.min(axis=(0, 1)) + joints.max(axis=(0, 1)))
    joints = joints - middle * np.array([1.0, 0.0, 1.0])
    return Motion(joints, turn @ motion.pelvis, turn @ motion.chest, turn @ motion.head)
