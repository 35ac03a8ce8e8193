"""Corruptions by the camera: sensor noise, motion blur, low resolution and lost frames.

Every effect of this package has the signature `effect(frames, seconds, generator, **settings)`: frames uint8 [n, h, w],
seconds float64 [n] from the start of the clip, a random generator, and the settings of one severity. It returns new
frames of the same shape and dtype.

Two effects depend on the whole clip: motion blur is centred over the clip, and backlight finds the dancer against the
median of the clip. For some frames of a clip they take `clip`, a `WholeClip`, and give the result of the whole clip.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from scipy.special import ndtri


@dataclass(frozen=True)
class Constant:
    """A number of an effect that does not depend on the severity, with its name and unit for the report."""

    name: str
    unit: str
    value: Any  # a number, a word, or the two ends of a uniform distribution

    def __str__(self) -> str:
        """Return the value as text."""
        ends = self.value if isinstance(self.value, tuple) else (self.value,)
        return " to ".join(end if isinstance(end, str) else f"{end:g}" for end in ends)


QUANTILES = 1 << 16
SWAY_RATES = Constant("sway frequency", "Hz, each of three sines", (0.5, 3.0))  # of a hand: tremor and breathing
SWAY = Constant("sway", "of the mean length, largest", 0.5)


@dataclass(frozen=True, eq=False)
class WholeClip:
    """What the effects on some frames of a clip need of the others."""

    seconds: np.ndarray  # float64 [n], of all frames
    samples: np.ndarray  # uint8 [k, h, w], the frames at `light.sample_indices`


@lru_cache(maxsize=1)
def _normal_quantiles() -> np.ndarray:
    """Return the standard normal quantiles at the centres of 65536 equal shares of probability, float32 [65536]."""
    upper = ndtri((np.arange(QUANTILES // 2, QUANTILES) + 0.5) / QUANTILES).astype(np.float32)
    return np.concatenate([-upper[::-1], upper])


def add_gaussian_noise(
    frames: np.ndarray, seconds: np.ndarray, generator: np.random.Generator, *, sigma: float
) -> np.ndarray:
    """Add white Gaussian noise, clipped to 0..255 (section 4: mean 0, sigma 10 and 30).

    The noise is read from a table of normal quantiles with 16 random bits for each pixel. As frames are integers,
    rounding the noise is the same as rounding the sum.

    Args:
        sigma: standard deviation in gray levels, before clipping.
    """
    table = np.rint(_normal_quantiles() * sigma).astype(np.int16)
    noisy = np.empty_like(frames)
    for i, frame in enumerate(frames):
        draws = np.frombuffer(generator.bytes(2 * frame.size), np.dtype("<u2")).reshape(frame.shape)
        noisy[i] = cv2.add(frame, table[draws], dtype=cv2.CV_8U)
    return noisy


def motion_blur_kernel(length: float) -> np.ndarray:
    """Return the point spread function float32 [1, k], sum 1, of a camera that moves `length` pixels at constant speed.

    k is odd; the two ends have the weight of the part of the pixel that is covered. A length of 1 or less is no blur.
    """
    length = max(float(length), 1.0)
    reach = int(np.ceil((length - 1) / 2))
    covered = np.clip(length / 2 + 0.5 - np.abs(np.arange(-reach, reach + 1)), 0, 1)
    return (covered / covered.sum()).astype(np.float32)[None, :]


def motion_blur_lengths(
    length: float, seconds: np.ndarray, generator: np.random.Generator, clip_seconds: np.ndarray | None = None
) -> np.ndarray:
    """Return how far the image moves during the exposure of each frame of a hand-held camera, float64 [n], pixels.

    The speed is a sum of three sines of 0.5 to 3 Hz, so neighbouring frames have similar blur.

    Args:
        length: mean over the clip, in pixels; each frame's is within 50 % of it.
        seconds: float64 [n] of the frames.
        clip_seconds: of all frames of the clip, if `seconds` are some of them.
    """
    rates, phases = generator.uniform(*SWAY_RATES.value, 3), generator.uniform(0, 2 * np.pi, 3)

    def sway_at(times: np.ndarray) -> np.ndarray:
        return np.sin(2 * np.pi * rates * np.asarray(times, np.float64)[:, None] + phases).sum(1)

    whole = sway_at(seconds if clip_seconds is None else clip_seconds)
    sway, largest = sway_at(seconds) - whole.mean(), np.abs(whole - whole.mean()).max()
    return length * (1 + SWAY.value * (sway / largest if largest > 1e-9 else np.zeros_like(sway)))


def blur_by_motion(
    frames: np.ndarray,
    seconds: np.ndarray,
    generator: np.random.Generator,
    *,
    motion_blur_length: float,
    clip: WholeClip | None = None,
) -> np.ndarray:
    """Blur each frame horizontally (section 4: "horizontal streaking caused by camera movement").

    Args:
        motion_blur_length: mean length as a share of the short side of the frame.
    """
    blurred = np.empty_like(frames)
    length = motion_blur_length * min(frames.shape[1:])
    lengths = motion_blur_lengths(length, seconds, generator, None if clip is None else clip.seconds)
    for i, (frame, length) in enumerate(zip(frames, lengths, strict=True)):
        cv2.filter2D(frame, -1, motion_blur_kernel(length), dst=blurred[i], borderType=cv2.BORDER_REPLICATE)
    return blurred


def lower_resolution(
    frames: np.ndarray, seconds: np.ndarray, generator: np.random.Generator, *, inverse_side: float
) -> np.ndarray:
    """Shrink each frame by area averaging, and enlarge it bilinearly; frames that are small already do not change.

    Args:
        inverse_side: 1 / pixels of the short side (1/360 for "360p").
    """
    height, width = frames.shape[1:]
    scale = 1 / (inverse_side * min(height, width))
    if scale >= 1:
        return frames.copy()
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    coarse = np.empty_like(frames)
    shrunk = np.empty(small[::-1], np.uint8)
    for i, frame in enumerate(frames):
        cv2.resize(frame, small, dst=shrunk, interpolation=cv2.INTER_AREA)
        cv2.resize(shrunk, (width, height), dst=coarse[i], interpolation=cv2.INTER_LINEAR)
    return coarse


def kept_after_drops(count: int, generator: np.random.Generator, *, share: float) -> np.ndarray:
    """Return the indices int64 of the frames that remain of `count` when some are lost at random, increasing.

    round(share × count) frames are lost, a half rounded up, but at least one remains.
    """
    lost = min(int(np.floor(share * count + 0.5)), max(count - 1, 0))
    return np.sort(generator.permutation(count)[lost:]).astype(np.int64)
