"""The phone that films: where it stands, how it projects, and how it moves while it films."""

from dataclasses import dataclass

import numpy as np

from dance_tf.synthesis.figure import Snapshot
from dance_tf.synthesis.performance import minimum_jerk
from dance_tf.synthesis.skeleton import JOINT, Motion

MARGIN = 0.16  # of width and height: how much more of the room is drawn on each side than a frame shows


@dataclass(frozen=True)
class Camera:
    """A pinhole camera in front of the dancer.

    Attributes:
        position: float64 [3], metres, world axes.
        yaw, pitch: degrees it is turned to the right, downwards.
        focal: focal length in frame heights.
    """

    position: tuple[float, float, float]
    yaw: float
    pitch: float
    focal: float

    def axes(self) -> np.ndarray:
        """Float64 [3, 3]: rows are right, down and ahead in world axes."""
        yaw, pitch = np.radians([self.yaw, self.pitch])
        ahead = np.array([np.sin(yaw) * np.cos(pitch), -np.sin(pitch), -np.cos(yaw) * np.cos(pitch)])
        right = np.array([np.cos(yaw), 0.0, np.sin(yaw)])
        return np.stack([right, np.cross(ahead, right), ahead])

    def project(self, points: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pixels [..., 2], pixels a metre [...] and distance in metres [...] of world points [..., 3]."""
        seen = (points - np.array(self.position)) @ self.axes().T
        distance = np.maximum(seen[..., 2], 0.2)
        scale = self.focal * height / distance
        return seen[..., :2] * scale[..., None] + np.array([width / 2, height / 2]), scale, distance


def framing_path(
    rng: np.random.Generator, times: np.ndarray, width: int, height: int, moves: bool, difficulty: float
) -> np.ndarray:
    """Affine maps float64 [n, 2, 3] from the camera's picture to each frame: how this clip is framed, shaken, zoomed.

    Args:
        rng: of this clip.
        times: float64 [n], seconds.
        width, height: of a frame, pixels.
        moves: False gives the same map throughout.
        difficulty: 0 to 1, widens how framings differ.
    """
    spread = 0.35 + 0.65 * difficulty
    zoom = float(np.exp(rng.normal(0, 0.07 * spread)))
    shift = rng.normal(0, 0.045 * spread, 2) * np.array([1.6 * width, height])
    tilt = rng.normal(0, 1.2 * spread)
    zooms = np.full(len(times), np.clip(zoom, 0.88, 1.16))
    shifts = np.tile(np.clip(shift, -0.08 * height, 0.08 * height), (len(times), 1))
    angles = np.full(len(times), np.radians(tilt))
    waves = rng.uniform(0.25, 2.6, (3, 5)), rng.uniform(0, 2 * np.pi, (3, 5)), rng.normal(0, 1, (3, 5))
    strength, ending = rng.uniform(0.002, 0.010), rng.choice([0.0, 0.0, 0.10, -0.06])
    if moves:
        # a hand that trembles: a few slow sines, weaker the faster they are
        rates, starts, sizes = waves
        wobble = np.sin(2 * np.pi * rates[..., None] * times + starts[..., None]) * (sizes / (0.5 + rates))[..., None]
        wobble = wobble.sum(axis=1)
        shifts = shifts + strength * height * wobble[:2].T
        angles = angles + np.radians(60 * strength * wobble[2])
        length = max(float(times[-1]), 1e-6)
        zooms = zooms * (1.0 + ending * minimum_jerk(times / length))
    cosine, sine = zooms * np.cos(angles), zooms * np.sin(angles)
    centre = np.array([width / 2, height / 2])
    maps = np.empty((len(times), 2, 3))
    maps[:, 0, 0], maps[:, 0, 1], maps[:, 1, 0], maps[:, 1, 1] = cosine, -sine, sine, cosine
    maps[:, :, 2] = centre + shifts - maps[:, :, :2] @ centre
    return maps


def take_snapshots(motion: Motion, camera: Camera, maps: np.ndarray, width: int, height: int) -> list[Snapshot]:
    """What the camera sees of a body at every moment, after framing.

    Args:
        motion: of n moments.
        camera: that films; maps: float64 [n, 2, 3] of `framing_path`.
        width, height: of a frame, pixels.
    """
    joints = motion.joints
    floor = joints[:, [JOINT["left_toe"], JOINT["right_toe"], JOINT["pelvis"]]].copy()
    floor[:, :2] += 0.35 * (joints[:, [JOINT["left_ankle"], JOINT["right_ankle"]]] - floor[:, :2])
    floor[:, :, 1] = 0.0
    pixels, scale, distance = camera.project(np.concatenate([joints, floor], axis=1), width, height)
    pixels = np.einsum("nij,nkj->nki", maps[:, :, :2], pixels) + maps[:, None, :, 2]
    zoom = np.hypot(maps[:, 0, 0], maps[:, 1, 0])[:, None]
    scale = scale * zoom
    count = joints.shape[1]
    # depth on the pixels' own scale: how much nearer than the hips
    nearer = (distance[:, JOINT["pelvis"], None] - distance[:, :count]) * scale[:, :count]
    points = np.concatenate([pixels[:, :count], nearer[..., None]], axis=2)
    # orientations in the camera's axes, y up
    axes = camera.axes() * np.array([1.0, -1.0, -1.0])[:, None]
    pelvis, chest, head = (axes @ part for part in (motion.pelvis, motion.chest, motion.head))
    return [
        Snapshot(points[i], scale[i, :count], pixels[i, count:], pelvis[i], chest[i], head[i])
        for i in range(len(joints))
    ]
