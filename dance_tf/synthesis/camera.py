"""The camera, its framing of each clip, and the filters, captions and noise that an app and a sensor add."""

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np

from dance_tf.synthesis.body import JOINT, Motion, pick
from dance_tf.synthesis.figure import Snapshot
from dance_tf.synthesis.performance import minimum_jerk

MARGIN = 0.16  # of width and height: drawn part of the room outside of each side of the frame


@dataclass(frozen=True)
class Camera:
    """A pinhole camera in front of the dancer."""

    position: tuple[float, float, float]  # x, y, z in metres, world axes
    yaw: float  # rotation to the right, degrees
    pitch: float  # rotation downwards, degrees
    focal: float  # focal length in frame heights

    def axes(self) -> np.ndarray:
        """Return float64 [3, 3]: the rows are right, down and ahead in world axes."""
        yaw, pitch = np.radians([self.yaw, self.pitch])
        ahead = np.array([np.sin(yaw) * np.cos(pitch), -np.sin(pitch), -np.cos(yaw) * np.cos(pitch)])
        right = np.array([np.cos(yaw), 0.0, np.sin(yaw)])
        return np.stack([right, np.cross(ahead, right), ahead])

    def project(self, points: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return pixels [..., 2], pixels per metre [...] and distance in metres [...] of world points [..., 3]."""
        relative = (points - np.array(self.position)) @ self.axes().T
        distance = np.maximum(relative[..., 2], 0.2)
        scale = self.focal * height / distance
        return relative[..., :2] * scale[..., None] + np.array([width / 2, height / 2]), scale, distance


def framing_path(
    rng: np.random.Generator, times: np.ndarray, width: int, height: int, moves: bool, difficulty: float
) -> np.ndarray:
    """Return affine maps float64 [n, 2, 3] from the camera's picture to each frame: framing, shaking and zoom.

    Args:
        times: float64 [n], seconds.
        width, height: of a frame, pixels.
        moves: False gives the same map for all frames.
        difficulty: 0 to 1, increases the differences between clips.
    """
    spread = 0.35 + 0.65 * difficulty
    zoom = float(np.exp(rng.normal(0, 0.07 * spread)))
    shift = rng.normal(0, 0.045 * spread, 2) * np.array([1.6 * width, height])
    zooms = np.full(len(times), np.clip(zoom, 0.88, 1.16))
    shifts = np.tile(np.clip(shift, -0.08 * height, 0.08 * height), (len(times), 1))
    angles = np.full(len(times), np.radians(rng.normal(0, 1.2 * spread)))
    rates, starts, sizes = rng.uniform(0.25, 2.6, (3, 5)), rng.uniform(0, 2 * np.pi, (3, 5)), rng.normal(0, 1, (3, 5))
    strength, ending = rng.uniform(0.002, 0.010), pick(rng, (0.0, 0.0, 0.10, -0.06))
    if moves:
        # shaking of a hand: a few slow sines, weaker at higher frequencies
        waves = np.sin(2 * np.pi * rates[..., None] * times + starts[..., None])
        wobble = (waves * (sizes / (0.5 + rates))[..., None]).sum(axis=1)
        shifts = shifts + strength * height * wobble[:2].T
        angles = angles + np.radians(60 * strength * wobble[2])
        zooms = zooms * (1.0 + ending * minimum_jerk(times / max(float(times[-1]), 1e-6)))
    cosine, sine = zooms * np.cos(angles), zooms * np.sin(angles)
    centre = np.array([width / 2, height / 2])
    maps = np.empty((len(times), 2, 3))
    maps[:, 0, 0], maps[:, 0, 1], maps[:, 1, 0], maps[:, 1, 1] = cosine, -sine, sine, cosine
    maps[:, :, 2] = centre + shifts - maps[:, :, :2] @ centre
    return maps


def keep_in_view(camera: Camera, motion: Motion, rim: float, maps: np.ndarray, width: int, height: int) -> Camera:
    """Return a camera that is turned, and zooms out, as far as needed to show a body in every frame.

    Args:
        rim: metres around the joints that must be visible too.
        maps: of `framing_path`.
    """
    size = np.array([width, height])
    for _ in range(12):  # each round leaves a smaller error, as framing and perspective are nearly linear
        pixels, scale, _ = camera.project(motion.joints, width, height)
        pixels = np.einsum("nij,nkj->nki", maps[:, :, :2], pixels) + maps[:, None, :, 2]
        reach = rim * (scale * np.hypot(maps[:, 0, 0], maps[:, 1, 0])[:, None])[..., None]
        low, high = (pixels - reach).min(axis=(0, 1)), (pixels + reach).max(axis=(0, 1))
        if (low >= 0).all() and (high <= size).all():
            break
        outside = (low + high - size) / 2 * ((low < 0) | (high > size))
        yaw, pitch = np.degrees(np.arctan(outside / (camera.focal * height)))
        focal = camera.focal * min(1.0, 0.98 / float(((high - low) / size).max()))
        camera = replace(camera, yaw=camera.yaw + float(yaw), pitch=camera.pitch + float(pitch), focal=focal)
    return camera


def take_snapshots(motion: Motion, camera: Camera, maps: np.ndarray, width: int, height: int) -> list[Snapshot]:
    """Return the projection of a body in each frame of `width` × `height` pixels, after framing by `framing_path`."""
    joints, count = motion.joints, len(JOINT)
    floor = joints[:, [JOINT["left_toe"], JOINT["right_toe"], JOINT["pelvis"]]]
    floor[:, :2] += 0.35 * (joints[:, [JOINT["left_ankle"], JOINT["right_ankle"]]] - floor[:, :2])
    floor[:, :, 1] = 0.0
    pixels, scale, distance = camera.project(np.concatenate([joints, floor], axis=1), width, height)
    pixels = np.einsum("nij,nkj->nki", maps[:, :, :2], pixels) + maps[:, None, :, 2]
    scale = scale * np.hypot(maps[:, 0, 0], maps[:, 1, 0])[:, None]
    # depth in pixels: how much nearer than the hips
    nearer = (distance[:, JOINT["pelvis"], None] - distance[:, :count]) * scale[:, :count]
    points = np.concatenate([pixels[:, :count], nearer[..., None]], axis=2)
    # orientations in the camera's axes, y up
    axes = camera.axes() * np.array([1.0, -1.0, -1.0])[:, None]
    pelvis, chest, head = (axes @ part for part in (motion.pelvis, motion.chest, motion.head))
    return [
        Snapshot(points[i], scale[i, :count], pixels[i, count:], pelvis[i], chest[i], head[i])
        for i in range(len(joints))
    ]


CAPTIONS = ("dance with me", "day 12", "take 47 lol", "wait for it", "POV: weekend", "tutorial soon", "my turn", "#fyp")
NOISE_SIDE = 1024


@dataclass(frozen=True)
class Finish:
    """Post-processing of the frames of one clip; the defaults change nothing."""

    gamma: float = 1.0  # of the tone curve
    contrast: float = 1.0  # of the tone curve
    warmth: float = 0.0  # relative gain of red and loss of blue
    softness: float = 0.0  # share of a blurred copy in the frame, 0 to 1
    vignette: float = 0.0  # darkening of the corners, 0 to 1
    noise: float = 0.0  # standard deviation, gray levels
    caption: str = ""
    caption_at: float = 0.9  # share of the frame's height
    sticker: tuple[tuple[int, int, int], float, float] | None = None  # colour and position


def make_finish(rng: np.random.Generator, difficulty: float) -> Finish:
    """Return the random post-processing of one clip; many clips get noise only."""
    filtered, captioned, stuck = rng.random(3) < np.array([0.45, 0.35, 0.2])
    look = {
        "gamma": float(np.exp(rng.normal(0, 0.13))),
        "contrast": float(rng.uniform(0.88, 1.15)),
        "warmth": float(rng.normal(0, 0.06)),
        "softness": float(rng.choice([0.0, 0.5])),
        "vignette": float(rng.uniform(0, 0.35)),
    }
    look = look if filtered else {}
    noise = float(rng.uniform(1.0, 2.0 + 6.0 * difficulty))
    caption, place = pick(rng, CAPTIONS), pick(rng, (0.1, 0.16, 0.84, 0.9))
    colour = tuple(int(part) for part in rng.integers(40, 256, 3))
    sticker = (colour, pick(rng, (0.14, 0.86)), float(rng.uniform(0.12, 0.88))) if stuck else None
    return Finish(**look, noise=noise, caption=caption if captioned else "", caption_at=place, sticker=sticker)


@lru_cache(maxsize=1)
def _noise_tile() -> tuple[np.ndarray, np.ndarray]:
    """Return the positive and the negative part of Gaussian noise of standard deviation 16, uint8."""
    noise = np.clip(np.random.default_rng(5).normal(0, 16, (NOISE_SIDE, NOISE_SIDE, 3)), -255, 255).round()
    return np.maximum(noise, 0).astype(np.uint8), np.maximum(-noise, 0).astype(np.uint8)


class Finisher:
    """Apply a finish to frames of one size; its masks are drawn once."""

    def __init__(self, finish: Finish, width: int, height: int):
        self.finish, self.width, self.height = finish, width, height
        tone = 0.5 + ((np.arange(256) / 255.0) ** finish.gamma - 0.5) * finish.contrast
        graded = tone[:, None] * np.array([1 + finish.warmth, 1.0, 1 - finish.warmth])
        self._curves = np.clip(255 * graded + 0.5, 0, 255).astype(np.uint8)[None]
        x, y = np.linspace(-1, 1, width)[None, :], np.linspace(-1, 1, height)[:, None]
        mask = 255 * (1 - finish.vignette * np.clip((x**2 + y**2) / 2, 0, 1) ** 1.2)
        self._vignette = np.repeat(mask.round().astype(np.uint8)[..., None], 3, axis=2) if finish.vignette else None
        overlay, cover = self._draw_overlay()
        used = np.flatnonzero(cover.any(axis=1))
        self._rows = slice(used[0], used[-1] + 1) if used.size else slice(0)
        self._cover = np.repeat(cover[self._rows, :, None] / np.float32(255), 3, axis=2) if used.size else None
        self._overlay = overlay[self._rows] * self._cover + np.float32(0.5) if used.size else None
        # a table scales the noise of standard deviation 16 to whole gray levels
        levels = np.clip(np.arange(256) * finish.noise / 16 + 0.5, 0, 255).astype(np.uint8)
        spare = [(0, max(side + 64 - NOISE_SIDE, 0)) for side in (height, width)]
        self._tiles = [np.pad(cv2.LUT(tile, levels), (*spare, (0, 0)), mode="wrap") for tile in _noise_tile()]

    def _draw_overlay(self) -> tuple[np.ndarray, np.ndarray]:
        finish, size = self.finish, self.height / 480
        overlay = np.zeros((self.height, self.width, 3), np.uint8)
        cover = np.zeros((self.height, self.width), np.uint8)
        if finish.sticker:
            colour, across, down = finish.sticker
            centre, radius = (round(across * self.width), round(down * self.height)), max(round(17 * size), 2)
            cv2.circle(overlay, centre, radius, colour, -1, cv2.LINE_AA)
            cv2.circle(cover, centre, radius, 255, -1, cv2.LINE_AA)
            for step in (-1, 1):
                eye = (centre[0] + step * radius // 3, centre[1] - radius // 4)
                cv2.circle(overlay, eye, max(radius // 7, 1), (20, 20, 20), -1, cv2.LINE_AA)
            cv2.ellipse(overlay, centre, (radius // 2, radius // 2), 0, 20, 160, (20, 20, 20), max(radius // 8, 1))
        if finish.caption:
            font, scale = cv2.FONT_HERSHEY_DUPLEX, 0.62 * size
            (wide, tall), _ = cv2.getTextSize(finish.caption, font, scale, 1)
            corner = ((self.width - wide) // 2, round(finish.caption_at * self.height) + tall // 2)
            rim = max(round(1.5 * size), 1)
            around = [(x, y) for x in (-rim, 0, rim) for y in (-rim, 0, rim) if x or y]
            for (x, y), ink in [*((step, (15, 15, 15)) for step in around), ((0, 0), (250, 250, 250))]:
                at = (corner[0] + x, corner[1] + y)
                cv2.putText(overlay, finish.caption, at, font, scale, ink, 1, cv2.LINE_AA)
                cv2.putText(cover, finish.caption, at, font, scale, 255, 1, cv2.LINE_AA)
        return overlay, cover

    def grade(self, frame: np.ndarray) -> np.ndarray:
        """Return a frame uint8 [h, w, 3] with softness, tone curve and vignette."""
        if self.finish.softness:
            soft = cv2.GaussianBlur(frame, (0, 0), 1.6 * self.height / 480)
            frame = cv2.addWeighted(frame, 1 - self.finish.softness, soft, self.finish.softness, 0)
        frame = cv2.LUT(frame, self._curves)
        if self._vignette is not None:
            frame = cv2.multiply(frame, self._vignette, scale=1 / 255)
        return frame

    def decorate(self, frame: np.ndarray) -> np.ndarray:
        """Return a frame with caption and sticker."""
        if self._cover is None:
            return frame
        frame = frame.copy()
        region = frame[self._rows]
        region[:] = region * (1 - self._cover) + self._overlay
        return frame

    def add_noise(self, frame: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return a frame with sensor noise, a random part of one large tile."""
        rows, columns = self._tiles[0].shape[:2]
        top, left = rng.integers(0, rows - self.height + 1), rng.integers(0, columns - self.width + 1)
        more, less = (tile[top : top + self.height, left : left + self.width] for tile in self._tiles)
        return cv2.subtract(cv2.add(frame, more), less)
