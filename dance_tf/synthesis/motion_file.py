"""Read files of motion capture: BVH, and C3D by the library ezc3d.

BVH is read here because no maintained library on the package index reads files whose joints have position channels (as
those of Bandai-Namco have), except with loops over frames in Python.
"""

import re
import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

SUFFIXES = (".bvh", ".c3d")
SLOWEST, FASTEST = 5.0, 2000.0  # frames per second of a plausible recording
# https://www.c3d.org/docs/C3D_User_Guide.pdf: the header counts no further; the type of processor in the parameters
C3D_MANY, C3D_MIPS = 65535, 86


class MotionError(ValueError):
    """A file that gives no motion; the message is one line."""


@dataclass(frozen=True, eq=False)
class Capture:
    """The content of a file, in its own unit and axes."""

    names: tuple[str, ...]  # of joints or markers
    positions: np.ndarray  # float64 [n, j, 3]; NaN where a marker was not seen
    rotations: np.ndarray | None  # float64 [n, j, 3, 3], of joints in the axes of the file; None for markers
    parents: tuple[int, ...]  # of joints, -1 for the root; empty for markers
    frame_rate: float


def check_file(path: Path) -> None:
    """Check the kind of a path, without reading it.

    Raises:
        MotionError: it is no file with one of `SUFFIXES`.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise MotionError(f"not a file of motion capture: {' and '.join(SUFFIXES)} are read")
    if path.exists() and not path.is_file():
        raise MotionError("not a file")  # reading a pipe would wait


def read_capture(path: Path) -> Capture:
    """Read a BVH or C3D file.

    Raises:
        MotionError: another extension, a damaged file, or numbers that are not finite.
        OSError: the file cannot be opened.
    """
    check_file(path)
    capture = _read_bvh(path) if path.suffix.lower() == ".bvh" else _read_c3d(path)
    if len(capture.positions) < 2:
        raise MotionError(f"no motion: {len(capture.positions)} frame(s)")
    if not SLOWEST <= capture.frame_rate <= FASTEST:
        raise MotionError(f"{capture.frame_rate:g} frames a second cannot be right ({SLOWEST:g} to {FASTEST:g})")
    return capture


@dataclass
class _Joint:
    name: str
    parent: int
    offset: tuple[float, ...] = (0.0, 0.0, 0.0)
    channels: list[str] = field(default_factory=list)


def _read_bvh(path: Path) -> Capture:
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    parts = re.split(r"^\s*MOTION\s*$", text, maxsplit=1, flags=re.MULTILINE | re.IGNORECASE)
    if len(parts) < 2 or "HIERARCHY" not in parts[0].upper():
        raise MotionError("not a BVH file, or cut off: it needs the parts HIERARCHY and MOTION")
    joints = _read_hierarchy(parts[0])
    header = re.match(r"\s*Frames\s*:\s*(\d+)\s*Frame\s+Time\s*:\s*(\S+)(.*)", parts[1], re.IGNORECASE | re.DOTALL)
    try:
        frames, step = int(header[1]), float(header[2])
        numbers = np.array(header[3].split(), np.float64)
    except TypeError as error:
        raise MotionError("the part MOTION does not begin with Frames and Frame Time") from error
    except ValueError as error:
        raise MotionError(f"the part MOTION holds something other than numbers ({error})") from error
    width = sum(len(joint.channels) for joint in joints)
    if len(numbers) != frames * width:
        declared = f"{frames} frames of {width} numbers are declared, but there are {len(numbers)} numbers"
        raise MotionError(f"{declared}: the file is cut off, or its counts are wrong")
    values = numbers.reshape(frames, width)
    if not np.isfinite(values).all():
        raise MotionError(f"frame {np.flatnonzero(~np.isfinite(values).all(axis=1))[0] + 1} holds NaN or infinity")
    positions, rotations = _place(joints, values)
    names, parents = tuple(joint.name for joint in joints), tuple(joint.parent for joint in joints)
    return Capture(names, positions, rotations, parents, 1.0 / step if step > 0 else np.inf)


def _read_hierarchy(text: str) -> list[_Joint]:
    """Return the joints, parents first; an end site is a joint without channels, called "<parent> end"."""
    joints: list[_Joint] = []
    stack: list[int] = []
    try:
        for line in re.sub(r"([{}])", r"\n\1\n", text).splitlines():
            word, *rest = line.split() or [""]
            if word.upper() in ("ROOT", "JOINT", "END"):
                if not stack and joints:
                    raise MotionError("two skeletons in one file: only one performer can be drawn")
                parent = stack[-1] if stack else -1
                name = f"{joints[parent].name} end" if word.upper() == "END" else " ".join(rest)
                joints.append(_Joint(name, parent))
            elif word == "{":
                stack.append(len(joints) - 1)
            elif word == "}":
                stack.pop()
            elif word.upper() == "OFFSET":
                x, y, z = map(float, rest)
                joints[stack[-1]].offset = (x, y, z)
            elif word.upper() == "CHANNELS":
                names = [name.capitalize() for name in rest[1:]]
                turns = "".join(name[0] for name in names if name.endswith("rotation"))
                if len(names) != int(rest[0]) or not all(re.fullmatch("[XYZ](rotation|position)", n) for n in names):
                    raise ValueError(" ".join(rest))
                if len(set(names)) < len(names) or len(turns) > 3:
                    raise ValueError("a channel twice")
                joints[stack[-1]].channels = names
    except (ValueError, IndexError) as error:
        if isinstance(error, MotionError):
            raise
        raise MotionError(f"the part HIERARCHY is damaged at {line.strip()[:60]!r}") from error
    if stack or not any(joint.channels for joint in joints):
        raise MotionError("the part HIERARCHY is damaged: a brace is missing, or it has no channels")
    return joints


def _place(joints: list[_Joint], values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return positions [n, j, 3] and rotations [n, j, 3, 3] of all joints by forward kinematics."""
    positions, rotations = np.empty((len(values), len(joints), 3)), np.empty((len(values), len(joints), 3, 3))
    column = 0
    for number, joint in enumerate(joints):
        named = dict(zip(joint.channels, values[:, column : column + len(joint.channels)].T, strict=True))
        column += len(joint.channels)
        turns = [name for name in joint.channels if name.endswith("rotation")]
        angles = np.stack([named[name] for name in turns], axis=1) if turns else None
        order = "".join(name[0] for name in turns)
        local = Rotation.from_euler(order, angles, degrees=True).as_matrix() if turns else np.eye(3)
        # a position channel takes the place of the offset, as in the files of joints that are not rigidly linked
        shift = np.tile(np.array(joint.offset), (len(values), 1))
        for axis in "XYZ":
            if f"{axis}position" in named:
                shift[:, "XYZ".index(axis)] = named[f"{axis}position"]
        if joint.parent < 0:
            positions[:, number], rotations[:, number] = shift, local
        else:
            turn = rotations[:, joint.parent]
            positions[:, number] = positions[:, joint.parent] + np.einsum("nij,nj->ni", turn, shift)
            rotations[:, number] = turn @ local
    return positions, rotations


def _read_c3d(path: Path) -> Capture:
    import ezc3d

    data = path.read_bytes()
    try:
        content = ezc3d.c3d(str(path))
    except (OSError, RuntimeError, ValueError) as error:
        raise MotionError(f"not a C3D file that can be read ({' '.join(str(error).split())})") from error
    point, points = content["parameters"]["POINT"], content["data"]["points"][:3].transpose(2, 1, 0).astype(np.float64)
    # the library corrects the number of frames where a file is cut off: the header has the true one
    big_endian = data[512 * data[0] - 509] == C3D_MIPS
    first, last = struct.unpack(">HH" if big_endian else "<HH", data[6:10])
    if last < C3D_MANY and len(points) < last - first + 1:
        raise MotionError(f"{last - first + 1} frames are declared, but there are {len(points)}: the file is cut off")
    labels = [label for key in sorted(point) if re.fullmatch(r"LABELS\d*", key) for label in point[key]["value"]]
    names = tuple(labels[: points.shape[1]])
    rate = point["RATE"]["value"]
    return Capture(names, points[:, : len(names)], None, (), float(rate[0]) if len(rate) else 0.0)
