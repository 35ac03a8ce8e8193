"""What a camera does to a clip: sensor noise, shake, few pixels, frames that never arrive.

Every effect has one signature, `effect(frames, seconds, generator, **settings)`: frames uint8 [n, h, w], seconds
float64 [n] from the start of the clip, a random generator of its own, and the settings of one severity. It returns new
frames of the same shape and dtype and never writes into what it was given.

Two effects look beyond the frame at hand: the sway of a camera is centred over the clip, and a dancer is told from the
clip's median. Given a part of a clip's frames, they take `clip`, a `WholeClip`, and treat each frame as in the whole.
"""

from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import cv2
import numpy as np

QUANTILES = 1 << 16
SHAKE_RATES = (0.5, 3.0)  # Hz of the three sines that a hand's sway is made of: tremor and breathing
SHAKE_SWING = 0.5  # how far a frame's streak may be from the clip's mean streak, as a share of it


@dataclass(frozen=True, eq=False)
class WholeClip:
    """What an effect must know of a clip of which it is given only some frames.

    Attributes:
        seconds: float64 [n], of all its frames.
        samples: uint8 [k, h, w], frames that `degrade_light.sample_places` names.
    """

    seconds: np.ndarray
    samples: np.ndarray


@lru_cache(maxsize=1)
def _normal_quantiles() -> np.ndarray:
    """float32 [65536]: the standard normal's quantiles at the middles of 65536 equal shares of probability."""
    upper = np.array(
        [NormalDist().inv_cdf((i + 0.5) / QUANTILES) for i in range(QUANTILES // 2, QUANTILES)], np.float32
    )
    return np.concatenate([-upper[::-1], upper])


def add_gaussian_noise(
    frames: np.ndarray, seconds: np.ndarray, generator: np.random.Generator, *, sigma: float
) -> np.ndarray:
    """White Gaussian noise, new in every pixel of every frame, clipped to 0..255 (section 4: mean 0, sigma 10 and 30).

    Frames are whole numbers, so noise rounded before it is added equals a sum rounded after: the noise is looked up
    among the normal's quantiles with 16 random bits a pixel.

    Args:
        sigma: standard deviation in gray levels of 0..255, before clipping.
    """
    table = np.rint(_normal_quantiles() * sigma).astype(np.int16)
    noisy = np.empty_like(frames)
    for i, frame in enumerate(frames):
        draws = np.frombuffer(generator.bytes(2 * frame.size), np.dtype("<u2")).reshape(frame.shape)
        noisy[i] = cv2.add(frame, table[draws], dtype=cv2.CV_8U)
    return noisy


def streak_kernel(length: float) -> np.ndarray:
    """The horizontal point spread of a camera that moves evenly while the shutter is open.

    Args:
        length: the streak in pixels; 1 or less is no streak.

    Returns:
        float32 [1, k], k odd, sums to 1: full weight for pixels the streak covers whole, a part for the two at its
        ends.
    """
    length = max(float(length), 1.0)
    reach = int(np.ceil((length - 1) / 2))
    covered = np.clip(length / 2 + 0.5 - np.abs(np.arange(-reach, reach + 1)), 0, 1)
    return (covered / covered.sum()).astype(np.float32)[None, :]


def streak_lengths(
    length: float, seconds: np.ndarray, generator: np.random.Generator, clip_seconds: np.ndarray | None = None
) -> np.ndarray:
    """How far the image moves during each frame's exposure while a hand-held camera sways from side to side.

    The speed is a sum of three sines of 0.5 to 3 Hz (hand tremor and breathing), so neighbouring frames streak alike;
    its mean over the clip is the length asked for, and a clip of one frame has exactly that.

    Args:
        length: mean over the clip, in pixels.
        seconds: float64 [n] of the frames.
        generator: of rates and phases.
        clip_seconds: of all the clip's frames, where `seconds` are only some of them.

    Returns:
        float64 [n], pixels, each within 50 % of `length`.
    """
    rates, phases = generator.uniform(*SHAKE_RATES, 3), generator.uniform(0, 2 * np.pi, 3)

    def sway_at(moments: np.ndarray) -> np.ndarray:
        return np.sin(2 * np.pi * rates * np.asarray(moments, np.float64)[:, None] + phases).sum(1)

    whole = sway_at(seconds if clip_seconds is None else clip_seconds)
    centre = whole.mean() if whole.size else 0.0
    sway = sway_at(seconds) - centre
    largest = np.abs(whole - centre).max(initial=0.0)
    return length * (1 + SHAKE_SWING * (sway / largest if largest > 1e-9 else np.zeros_like(sway)))


def blur_by_motion(
    frames: np.ndarray,
    seconds: np.ndarray,
    generator: np.random.Generator,
    *,
    streak: float,
    clip: WholeClip | None = None,
) -> np.ndarray:
    """Horizontal streaks of a shaking camera (section 4: a kernel "to mimic horizontal streaking caused by camera
    movement").

    Args:
        streak: mean length of the streak as a share of the frame's short side, so that it survives a later change of
            size.
        clip: where `frames` are only some of a clip's.
    """
    blurred = np.empty_like(frames)
    whole = None if clip is None else clip.seconds
    lengths = streak_lengths(streak * min(frames.shape[1:]), seconds, generator, whole)
    for i, (frame, length) in enumerate(zip(frames, lengths, strict=True)):
        kernel = streak_kernel(length)
        cv2.filter2D(frame, -1, kernel, dst=blurred[i], borderType=cv2.BORDER_REPLICATE)
    return blurred


def lower_resolution(
    frames: np.ndarray, seconds: np.ndarray, generator: np.random.Generator, *, inverse_side: float
) -> np.ndarray:
    """Shrink each frame by area so that its short side has few pixels, and enlarge it again bilinearly.

    A frame whose short side is that small already comes back as it was: nothing was there to lose.

    Args:
        inverse_side: 1 / pixels of the short side that are left (1/360 for "360p").
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
    """Which frames of a clip arrive when some are lost at random.

    Args:
        count: frames in the clip.
        share: the part that is lost; round(share × count) frames go (a half rounds up), but one frame always stays.

    Returns:
        int64, increasing: the places of the frames that remain.
    """
    lost = min(int(np.floor(share * count + 0.5)), max(count - 1, 0))
    return np.sort(generator.permutation(count)[lost:]).astype(np.int64)
