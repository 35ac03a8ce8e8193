"""Corruptions by weather: fog, and drops of rain on the lens; `camera` describes the signature of the effects."""

from functools import lru_cache

import cv2
import numpy as np

from dance_tf.corruption.camera import Constant
from dance_tf.corruption.light import enlarge, working_size

AIRLIGHT = Constant("airlight", "gray level", 215.0)  # of the light that fog scatters towards the camera
PATCHINESS = Constant("patchiness", "of the depth, standard deviation", 0.45)
FOG_FALLOFF = Constant("texture falloff", "power of frequency", 1.7)
FOG_PACE = Constant("drift", "short sides a second, each of two layers", (0.1, 0.25))
FOG_RISE = Constant("drift up or down", "of the drift, at most", 0.35)
FOG_SIDE = Constant("texture resolution", "px, short side", 48)  # fog has no fine detail: made small and enlarged
FOG_TILE = Constant("texture period", "of those px", 128)
DROP_SIZES = Constant("sizes", "of the largest radius, before the power", (0.3, 1.0))
DROP_POWER = Constant("power of sizes", "exponent", 1.5)  # makes most of them small
DROP_WIDTH = Constant("drop width", "of its height", 0.85)
DROP_SHRINKS = Constant("magnification", "times smaller in the drop, upside down", (1.5, 3.0))
DROP_FOCUS = Constant("focus", "blur in a drop, short sides", 0.012)
DROP_SHINE = Constant("shine, lower edge", "of brightness", 0.3)  # which shows the sky
DROP_SHADE = Constant("shade, rim", "of brightness", 0.35)
DROP_RUNNING = Constant("running", "of all drops", 0.3)
DROP_PACE = Constant("pace", "picture heights a second", (0.05, 0.5))
HALTS = Constant("halts", "seconds ahead or behind", 0.35)  # drops stick and slip
HALT_RATE = Constant("rate of halts", "radians a second", 2.5)
SWERVE = Constant("swerve", "short sides", 0.01)
SWERVE_RATE = Constant("rate of swerves", "radians a height", 9.0)


@lru_cache(maxsize=64)
def fog_texture(seed: int) -> np.ndarray:
    """Return a periodic cloud texture: noise whose amplitude falls with the power 1.7 of the frequency.

    It is float32 [128, 128], mean 0, standard deviation 1, within ±2; cached, so read-only.
    """
    side = FOG_TILE.value
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :]) * side
    amplitude = np.where(frequency > 0, np.maximum(frequency, 1.0), np.inf) ** -FOG_FALLOFF.value
    spectrum = np.fft.rfft2(np.random.default_rng(seed).standard_normal((side, side))) * amplitude
    texture = np.fft.irfft2(spectrum, s=(side, side))
    texture = np.clip(texture / texture.std(), -2, 2)
    return ((texture - texture.mean()) / texture.std()).clip(-2, 2).astype(np.float32)


def add_fog(
    frames: np.ndarray, seconds: np.ndarray, generator: np.random.Generator, *, depth: float, scatter: float
) -> np.ndarray:
    """Add drifting fog after Koschmieder (1924): result = scene × t + airlight × (1 - t), t = exp(-depth).

    Two texture layers drift at different speeds, so that the shape of the fog changes. There is no depth map, so dancer
    and background are at one distance.

    Args:
        depth: mean optical depth; 0.45 transmits 64 % of the contrast, 1.2 transmits 30 %.
        scatter: blur by forward scattering, standard deviation as a share of the short side.
    """
    height, width = frames.shape[1:]
    small = working_size(height, width, FOG_SIDE.value)
    layers = [
        np.pad(fog_texture(int(generator.integers(1 << 31))), ((1, small[1] + 2), (1, small[0] + 2)), "wrap")
        for _ in range(2)
    ]
    start = generator.uniform(0, FOG_TILE.value, (2, 2))
    course = generator.uniform(0, 2 * np.pi, 2)
    pace = generator.uniform(*FOG_PACE.value, 2) * FOG_SIDE.value
    velocity = np.stack([np.cos(course), FOG_RISE.value * np.sin(course)], 1) * pace[:, None]
    sigma = scatter * min(height, width)
    foggy = np.empty_like(frames)
    result = np.empty((height, width), np.float32)
    for i, second in enumerate(seconds):
        corner = (start + velocity * second) % FOG_TILE.value + 1
        parts = [
            cv2.getRectSubPix(layer, small, (c[0] + (small[0] - 1) / 2, c[1] + (small[1] - 1) / 2))
            for layer, c in zip(layers, corner, strict=True)
        ]
        unevenness = (parts[0] + parts[1]) * np.float32(PATCHINESS.value / 2**1.5)
        through = enlarge(np.exp(np.float32(-depth) * (1 + unevenness)), height, width)
        scene = cv2.GaussianBlur(frames[i], (0, 0), sigma) if sigma >= 0.3 else frames[i]
        np.subtract(scene.reshape(height, width), np.float32(AIRLIGHT.value), out=result)
        result *= through
        result += np.float32(AIRLIGHT.value + 0.5)
        foggy[i] = result
    return foggy


def _drop(radius: float, magnify: float) -> np.ndarray:
    """Return a drop as a lens, float32 [4, s, s]: shift to the source of each pixel (x, y), cover 0..1, shine."""
    reach = int(np.ceil(radius)) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    distance = np.hypot(x, DROP_WIDTH.value * y) / radius
    cover = np.clip((1.0 - distance) * max(radius, 1.0) / 1.5 + 0.5, 0, 1)
    shine = 1.0 + DROP_SHINE.value * y / reach - DROP_SHADE.value * np.clip(distance - 0.6, 0, 1) / 0.4
    # a drop shows the scene upside down and smaller: the source is on the other side of the drop's centre
    return np.stack([-(1 + magnify) * x, -(1 + magnify) * y, cover, shine]).astype(np.float32)


def _put(lens: np.ndarray, drop: np.ndarray, x: int, y: int) -> None:
    """Add a drop with its centre at pixel (x, y), which may be outside the picture, to a lens float32 [4, h, w]."""
    height, width = lens.shape[1:]
    reach = drop.shape[1] // 2
    top, left = max(0, y - reach), max(0, x - reach)
    bottom, right = min(height, y + reach + 1), min(width, x + reach + 1)
    if top < bottom and left < right:
        here = lens[:, top:bottom, left:right]
        part = drop[:, top - y + reach : bottom - y + reach, left - x + reach : right - x + reach]
        np.copyto(here, part, where=part[2] > here[2])


def rain_on_lens(
    frames: np.ndarray, seconds: np.ndarray, generator: np.random.Generator, *, drops: float, radius: float, film: float
) -> np.ndarray:
    """Add drops of water on the lens, which show the scene upside down and out of focus; some run down.

    Args:
        drops: number of drops (rounded).
        radius: of the largest drops, as a share of the short side.
        film: 0..1, the share of the light that is blurred by the film of water between the drops.
    """
    height, width = frames.shape[1:]
    side, number = min(height, width), max(1, round(drops))
    radii = radius * side * generator.uniform(*DROP_SIZES.value, number) ** DROP_POWER.value
    x, y = generator.uniform(0, width, number), generator.uniform(-0.15, 1.15, number)
    pace = generator.uniform(*DROP_PACE.value, number)
    phase = generator.uniform(0, 2 * np.pi, number)
    shapes = [_drop(max(r, 0.5), m) for r, m in zip(radii, generator.uniform(*DROP_SHRINKS.value, number), strict=True)]
    running = np.arange(number) < round(DROP_RUNNING.value * number)
    still = np.zeros((4, height, width), np.float32)
    still[3] = 1
    lens = np.empty_like(still)
    visible = radii >= 0.5  # smaller ones are less than a pixel
    for k in np.flatnonzero(visible & ~running):
        _put(still, shapes[k], round(x[k]), round(np.clip(y[k], 0, 1) * height))
    grid = np.stack(np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)))
    wet = np.empty_like(frames)
    focus = max(0.3, DROP_FOCUS.value * side)
    for i, second in enumerate(seconds):
        lens[:] = still
        for k in np.flatnonzero(visible & running):
            fallen = pace[k] * (second + HALTS.value * np.sin(HALT_RATE.value * second + phase[k]))
            row = (y[k] + 0.15 + fallen) % 1.3 - 0.15
            swerve = SWERVE.value * side * np.sin(SWERVE_RATE.value * row + phase[k])
            _put(lens, shapes[k], round(x[k] + swerve), round(row * height))
        soft = cv2.GaussianBlur(frames[i], (0, 0), focus).reshape(height, width)
        around = cv2.addWeighted(frames[i], 1 - film, soft, film, 0).reshape(height, width)
        sources = grid + lens[:2]
        inside = cv2.remap(soft, sources[0], sources[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        inside = inside.reshape(height, width) * lens[3]
        result = around + lens[2] * (inside - around) + np.float32(0.5)
        wet[i] = np.clip(result, 0, 255, out=result)
    return wet
