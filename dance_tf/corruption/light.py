"""Corruptions by light: low light, backlight and moving shadows; `camera` describes the signature of the effects."""

import cv2
import numpy as np

from dance_tf.corruption.camera import Constant, WholeClip

# finer contours vanish at the network's 128 pixels
SILHOUETTE_SIDE = Constant("silhouette resolution", "px, short side", 128)
BACKGROUND_FRAMES = Constant("background frames", "evenly spaced over the clip", 15)
MIN_MOVING = Constant("smallest dancer", "of the picture", 0.005)
MAX_MOVING = Constant("largest dancer", "of the picture", 0.5)  # above it, the camera moves
CHEST = Constant("still chest filled", "fifths of a side", 2)  # between parts that move
FOREGROUND_FROM = Constant("foreground from", "gray levels off the background", 10.0)
FOREGROUND_FULL = Constant("foreground fully", "gray levels off the background", 24.0)
GAP = Constant("gaps closed", "parts in a short side", 8)
LAMP_ANGLE = Constant("lamp's direction", "half turns from the right, upwards negative", (-0.85, -0.15))
LAMP_DISTANCE = Constant("lamp's distance", "picture sides from the middle", 0.4)
LAMP_SPREAD = Constant("lamp's spread", "picture widths", 0.35)
LAMP_DISC = Constant("lamp's disc", "of full glow", 0.65)
LAMP_RAMP = Constant("lamp's ramp", "of full glow", 0.55)  # light that decreases across the picture
RAMP_SLOPE = Constant("ramp's slope", "a picture side", 0.7)
SHADOW_PACE = Constant("pace", "picture widths a second, either way", (0.08, 0.3))
SHADOW_ALONG = Constant("height of the middle", "of the picture's, from the top", (0.25, 0.75))
SHADOW_BREADTH = Constant("breadth", "half axis, short sides", (0.10, 0.2))
SHADOW_REACH = Constant("reach", "half axis, short sides", (0.4, 0.75))
SHADOW_TILT = Constant("tilt", "degrees", (-25.0, 25.0))
SHADOW_SWAY = Constant("rocking", "degrees", (3.0, 9.0))
SHADOW_GAIT = Constant("gait", "radians a second", 4.0)
SHADOW_EDGE = Constant("soft edge", "standard deviation, short sides", 0.035)
SHADOW_SIDE = Constant("resolution", "px, short side", 64)  # soft shadows are drawn small and enlarged


def dim(frames: np.ndarray, seconds: np.ndarray, generator: np.random.Generator, *, brightness: float) -> np.ndarray:
    """Multiply every gray level by a constant ("reduced brightness, 30 % of standard light").

    The paper does not say whether 30 % refers to light or gray levels. Gray levels are the harsher reading: 30 % of the
    light would leave 58 % of the gray level on a display of gamma 2.2.
    """
    table = np.rint(np.arange(256) * brightness).astype(np.uint8)
    return cv2.LUT(frames.reshape(len(frames), -1), table).reshape(frames.shape)


def working_size(height: int, width: int, side: int) -> tuple[int, int]:
    """Return the (width, height) of a frame that is shrunk to a short side of at most `side`."""
    scale = min(1.0, side / min(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))


def enlarge(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize a mask bilinearly to [height, width]."""
    return cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR).reshape(height, width)


def sample_indices(count: int) -> np.ndarray:
    """Return up to 15 evenly spaced frames of a clip, int64, from which its background is taken."""
    return np.linspace(0, count - 1, min(count, BACKGROUND_FRAMES.value)).astype(int)


def silhouettes(frames: np.ndarray, samples: np.ndarray | None = None) -> np.ndarray | None:
    """Find the dancer in frames uint8 [n, h, w] by background subtraction.

    Args:
        samples: uint8 [k, h, w], the frames of the clip at `sample_indices`, if `frames` are some of its frames.

    Returns:
        float32 [n, h', w'], 0..1, at a short side of at most 128; None if there are fewer than three frames, nothing
        moves, or the camera moves.
    """
    if len(frames if samples is None else samples) < 3:
        return None
    size = working_size(*frames.shape[1:], SILHOUETTE_SIDE.value)

    def shrink(pictures: np.ndarray) -> np.ndarray:
        return np.stack([cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in pictures])

    small = shrink(frames)
    sample = small[sample_indices(len(small))] if samples is None else shrink(samples)
    background = np.median(sample, axis=0).astype(np.uint8)
    masks = _foreground(small, background)
    clip_masks = masks if samples is None else _foreground(sample, background)
    return masks if MIN_MOVING.value < clip_masks.mean() < MAX_MOVING.value else None


def _foreground(small: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Return the difference to the background without specks and gaps: float32 [n, h', w'], 0..1."""
    width, height = small.shape[:0:-1]
    ramp = np.clip(
        (np.arange(256) - FOREGROUND_FROM.value) * (255 / (FOREGROUND_FULL.value - FOREGROUND_FROM.value)), 0, 255
    ).astype(np.uint8)
    # small gaps are closed; larger ones only if there is foreground above, below and on both sides, as around a chest
    # that does not move, but not below a raised arm
    speck = cv2.getStructuringElement(cv2.MORPH_RECT, (min(3, width), min(3, height)))
    gap = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (max(1, min(width, height) // GAP.value) | 1,) * 2)
    upright = cv2.getStructuringElement(cv2.MORPH_RECT, (1, max(1, CHEST.value * height // 5) | 1))
    across = cv2.getStructuringElement(cv2.MORPH_RECT, (max(1, CHEST.value * width // 5) | 1, 1))
    masks = np.empty(small.shape, np.float32)
    for i, frame in enumerate(small):
        mask = cv2.LUT(cv2.blur(cv2.absdiff(frame, background), (3, 3)), ramp)
        mask = cv2.morphologyEx(cv2.morphologyEx(mask, cv2.MORPH_OPEN, speck), cv2.MORPH_CLOSE, gap)
        # closing extends to the edge of the picture, so each pixel must also have foreground on all sides
        column, row = (cv2.morphologyEx(mask, cv2.MORPH_CLOSE, kernel) for kernel in (upright, across))
        mask = np.minimum.reduce([column, row, _between(mask, 0), _between(mask, 1)])
        np.multiply(cv2.blur(mask, (3, 3)), np.float32(1 / 255), out=masks[i])
    return masks


def _between(mask: np.ndarray, axis: int) -> np.ndarray:
    """Return for each pixel the smaller of the maxima before and after it along an axis."""
    return np.minimum(
        np.maximum.accumulate(mask, axis), np.flip(np.maximum.accumulate(np.flip(mask, axis), axis), axis)
    )


def lamp_mask(height: int, width: int, generator: np.random.Generator) -> np.ndarray:
    """Return the directional light of a lamp or window above or beside the dancer: float32 [h, w], 0..1."""
    angle = np.pi * generator.uniform(*LAMP_ANGLE.value)
    towards = np.array([np.cos(angle), np.sin(angle)])
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = (x + 0.5) / width - 0.5, (y + 0.5) / height - 0.5
    ramp = 0.5 + RAMP_SLOPE.value * (x * towards[0] + y * towards[1])
    distance = np.hypot(x - LAMP_DISTANCE.value * towards[0], (y - LAMP_DISTANCE.value * towards[1]) * height / width)
    return np.clip(
        LAMP_RAMP.value * ramp + LAMP_DISC.value * np.exp(-((distance / LAMP_SPREAD.value) ** 2)), 0, 1
    ).astype(np.float32)


def add_backlight(
    frames: np.ndarray,
    seconds: np.ndarray,
    generator: np.random.Generator,
    *,
    gamma: float,
    fill: float,
    glow: float,
    clip: WholeClip | None = None,
) -> np.ndarray:
    """Put a strong light behind the dancer: the background becomes white near the lamp, the dancer a dark silhouette.

    Section 4: "adjusting the gamma correction curve and inserting directional light masks". The dancer (`silhouettes`)
    gets the full gamma and no light. The background gets the square root of gamma, as the exposure follows the lamp,
    and the light. If no dancer is found, the area that the lamp does not light is the foreground.

    Args:
        gamma: exponent for the dancer's gray levels of 0..1; above 1 darkens.
        fill: 0..1, the share of the front light that remains on the dancer.
        glow: 0..1, how close to white the background is at the brightest point of the lamp.
    """
    height, width = frames.shape[1:]
    lamp = lamp_mask(height, width, generator)
    kept, added = 1 - glow * lamp, 255 * glow * lamp + np.float32(0.5)
    grays = np.arange(256) / 255
    dark, dimmed = (np.rint(255 * curve).astype(np.uint8) for curve in (fill * grays**gamma, grays ** (gamma**0.5)))
    masks = silhouettes(frames, None if clip is None else clip.samples)
    unlit = 1 - lamp
    lit = np.empty_like(frames)
    mixed, dancer = np.empty((2, height, width), np.float32)
    for i, frame in enumerate(frames):
        np.multiply(cv2.LUT(frame, dimmed).reshape(height, width), kept, out=mixed)
        mixed += added
        np.subtract(cv2.LUT(frame, dark).reshape(height, width), mixed, out=dancer)
        dancer *= unlit if masks is None else enlarge(masks[i], height, width)
        mixed += dancer
        lit[i] = mixed
    return lit


def cast_moving_shadows(
    frames: np.ndarray, seconds: np.ndarray, generator: np.random.Generator, *, depth: float, shadows: float
) -> np.ndarray:
    """Add the soft shadows of passers-by, who cross the picture at different speeds and sway as they walk.

    Args:
        depth: 0..1, the share of the light that is lost in the middle of a shadow.
        shadows: number of passers-by (rounded; at least one).
    """
    height, width = frames.shape[1:]
    size = working_size(height, width, SHADOW_SIDE.value)
    side, number = min(size), max(1, round(shadows))
    start, along = generator.uniform(0, 1, number), generator.uniform(*SHADOW_ALONG.value, number)
    pace = generator.uniform(*SHADOW_PACE.value, number) * generator.choice([-1.0, 1.0], number)
    breadth, reach = generator.uniform(*SHADOW_BREADTH.value, number), generator.uniform(*SHADOW_REACH.value, number)
    tilt, sway = generator.uniform(*SHADOW_TILT.value, number), generator.uniform(*SHADOW_SWAY.value, number)
    phase = generator.uniform(0, 6.28, number)
    penumbra = max(0.1, SHADOW_EDGE.value * side)
    shaded = np.empty_like(frames)
    for i, second in enumerate(seconds):
        light = np.ones((size[1], size[0]), np.float32)
        # paths extend beyond the picture by the breadth of a shadow, so that no shadow appears suddenly
        x = (-0.4 + 1.8 * ((start + pace * second / 1.8) % 1.0)) * size[0]
        turn = tilt + sway * np.sin(SHADOW_GAIT.value * second + phase)
        for k in range(number):
            centre = (round(x[k] * 16), round(along[k] * size[1] * 16))
            axes = (max(1, round(breadth[k] * side * 16)), max(1, round(reach[k] * side * 16)))
            cv2.ellipse(light, centre, axes, turn[k], 0, 360, 1 - depth, -1, cv2.LINE_8, 4)
        light = enlarge(cv2.GaussianBlur(light, (0, 0), penumbra), height, width)
        shaded[i] = frames[i] * light + np.float32(0.5)
    return shaded
