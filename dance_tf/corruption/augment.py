"""Corruptions as training augmentation: one random condition on some of the frames of a batch and their backgrounds.

Footage is degraded at its own size and then resized, which averages much of a condition away. Frames of a batch are
already resized, so they are treated as footage of `SOURCE_SIDE`: `small_effect` gives what would remain of a condition.

The background of a degraded clip is degraded too: fog that stands in a frame also stands in its background, and
background subtraction removes most of it. So both are degraded.
"""

from collections.abc import Callable, Mapping

import cv2
import numpy as np

from dance_tf.corruption.camera import add_gaussian_noise, lower_resolution
from dance_tf.corruption.codec import compress_h264
from dance_tf.corruption.conditions import CONDITIONS, FAMILIES, MAX_SEVERITY, Condition
from dance_tf.corruption.light import add_backlight
from dance_tf.video.luma import picture_area

SPATIAL_FAMILIES = tuple(family for family in FAMILIES if family != "time")
SOURCE_SIDE = 432  # px; short side of the footage that the frames are assumed to come from, as in synthetic clips
SHARE = 0.5  # probability that a frame (or window) is changed
MIN_SEVERITY = 0.5
DAY = 86_400.0  # seconds; the times of a condition are drawn from so long a period that they are independent
BACKGROUND_TIMES = 3  # times of a condition for the median of a background
BACKGROUND_SECONDS = 8.0  # largest distance of these times from the time of the frame
WINDOW_STEP = 1 / 15  # seconds between the frames of a window
# measured on synthetic clips of 432 px resized to 72: for single frames, the CRF of the same harm as CRF 28 to 48 on
# clips is 16.5 to 19.2 lower at 6 frames per second and 16.4 to 19.1 at 30, which is 7 for each halving of the side
CRF_PER_HALVING = 7.0
# x264 spends more bits on a frame that is shown longer: CRF 38 leaves 41 dB of a clip at 6 frames per second and 36 dB
# at 30. Single frames get the rate of the synthetic clips in the reports
SOURCE_RATE = 6.0


def check_families(families: tuple[str, ...]) -> None:
    """Raise ValueError if families of conditions cannot be used for augmentation; it names those that can."""
    unknown = [family for family in families if family not in SPATIAL_FAMILIES]
    if unknown:
        raise ValueError(f"no augmentation for {', '.join(unknown)}; there are {', '.join(SPATIAL_FAMILIES)}")


def augment_with_backgrounds(
    frames: np.ndarray,
    backgrounds: np.ndarray,
    generator: np.random.Generator,
    families: tuple[str, ...] = SPATIAL_FAMILIES,
    window: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Return frames and backgrounds of a batch with random conditions on random frames and their backgrounds.

    Half of the frames (or windows) get one effect each, all equally likely; those with the same effect share its
    severity, uniform from 0.5 to 5, and have different times: another place of the shadow, another patch of fog.
    The background becomes the median of the clean background under the condition at `BACKGROUND_TIMES` other times. So
    static effects (lamp, drops that stick, blur) are in the frame and the background, moving ones (shadows, drifting
    fog) only in the frame. Noise leaves the background unchanged, as it leaves the median of a clip. Black bars stay
    black. Lost frames change no frame, so they are no augmentation.

    Args:
        frames: uint8 [n, h, w, 1].
        backgrounds: uint8 [n, h, w, 1], the background of the clip of each frame.
        families: the families of conditions, from `SPATIAL_FAMILIES`.
        window: number of consecutive frames that get the same condition; divides n.

    Raises:
        ModuleNotFoundError: "compression" is used and PyAV is not installed.
    """
    frames, backgrounds = np.array(frames), np.array(backgrounds)
    planes, still = frames[..., 0], backgrounds[..., 0]  # views
    count = len(frames) // window
    # mild and severe conditions are one effect
    effects = list({c.effect: c for c in CONDITIONS if c.spatial and c.family in families}.values())
    if not effects or not count:
        return frames, backgrounds
    choices = np.where(generator.random(count) < SHARE, generator.integers(len(effects), size=count), -1)
    for number, condition in enumerate(effects):
        windows = np.flatnonzero(choices == number)
        if not windows.size:
            continue
        severity = generator.uniform(MIN_SEVERITY, MAX_SEVERITY)
        indices = windows[:, None] * window + np.arange(window)
        # frames of one picture area, which excludes black bars, are changed together
        areas = [picture_area(np.concatenate([planes[each], still[each]])) for each in indices]
        corners = np.array([(rows.start, rows.stop, columns.start, columns.stop) for rows, columns in areas])
        for corner in np.unique(corners, axis=0):
            top, bottom, left, right = corner.tolist()
            chosen = indices[(corners == corner).all(axis=1)].ravel()
            area = chosen, slice(top, bottom), slice(left, right)
            pair = np.ascontiguousarray(planes[area]), np.ascontiguousarray(still[area])
            planes[area], still[area] = _change_windows(condition, severity, *pair, generator, window)
    return frames, backgrounds


def small_effect(
    effect: Callable,
    pictures: np.ndarray,
    seconds: np.ndarray,
    generator: np.random.Generator,
    settings: Mapping[str, float],
) -> np.ndarray:
    """Apply an effect to independent pictures as if they had been resized from `SOURCE_SIDE` after it.

    Args:
        pictures: uint8 [n, h, w], without black bars; those larger than `SOURCE_SIDE` are their own footage.
        seconds: float64 [n], the time of each.
        settings: keywords of the effect for the footage.
    """
    ratio, settings = max(1.0, SOURCE_SIDE / min(pictures.shape[1:])), dict(settings)
    if effect is add_gaussian_noise:
        settings["sigma"] /= ratio  # the mean of ratio² pixels
    if effect is compress_h264:
        settings["crf"] = max(0.0, settings["crf"] - CRF_PER_HALVING * np.log2(ratio))
        settings["keyframe_interval"] = 1
        seconds = np.arange(len(pictures)) / SOURCE_RATE
    if effect is lower_resolution:
        return _lower(pictures, ratio, **settings)
    return effect(pictures, seconds, generator, **settings)


def _lower(pictures: np.ndarray, ratio: float, inverse_side: float) -> np.ndarray:
    """Lower the resolution of the enlarged pictures, and apply the change to the pictures.

    The sharpness of the footage is unknown. It is taken to be between nearest-neighbour enlargement, which loses too
    much, and bicubic enlargement, which loses too little.
    """
    height, width = pictures.shape[1:]
    large = (round(width * ratio), round(height * ratio))
    coarse = np.empty_like(pictures)
    for i, picture in enumerate(pictures):
        squares, curve = (cv2.resize(picture, large, interpolation=way) for way in (cv2.INTER_NEAREST, cv2.INTER_CUBIC))
        sharp = cv2.addWeighted(squares, 0.5, curve, 0.5, 0)
        few = lower_resolution(sharp[None], np.zeros(1), np.random.default_rng(0), inverse_side=inverse_side)[0]
        before, after = (cv2.resize(each, (width, height), interpolation=cv2.INTER_AREA) for each in (sharp, few))
        change = after.reshape(height, width).astype(np.int16) - before.reshape(height, width)
        coarse[i] = np.clip(picture + change, 0, 255)
    return coarse


def _change_windows(
    condition: Condition,
    severity: float,
    planes: np.ndarray,
    backgrounds: np.ndarray,
    generator: np.random.Generator,
    window: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Change windows of frames at one time each, and their backgrounds at others; uint8 [k, h, w] both."""
    count, settings = len(planes), condition.settings(severity)
    if condition.effect is add_backlight:  # each window has a lamp of its own
        lit = []
        for first in range(0, count, window):
            # more backgrounds than frames, so that their median is the background that the dancer is found against
            clip = np.concatenate([planes[first : first + window], *[backgrounds[first : first + 1]] * (window + 1)])
            lit.append(condition.effect(clip, np.zeros(len(clip)), generator, **settings))
        frames, stills = [each[:window] for each in lit], [each[-1:] for each in lit]
        return np.concatenate(frames), np.concatenate(stills).repeat(window, axis=0)
    start = generator.uniform(0, DAY, count // window)
    seconds = np.repeat(start, window) + np.tile(np.arange(window) * WINDOW_STEP, count // window)
    if condition.effect is add_gaussian_noise:
        return small_effect(condition.effect, planes, seconds, generator, settings), backgrounds
    others = BACKGROUND_TIMES if condition.seeded else 1
    offsets = generator.uniform(-BACKGROUND_SECONDS, BACKGROUND_SECONDS, (others, count))
    # one call, so that frames and backgrounds are in the same fog
    stack = np.concatenate([planes, *[backgrounds] * others])
    times = np.concatenate([seconds, (seconds + offsets).ravel()])
    changed = small_effect(condition.effect, stack, times, generator, settings)
    median = np.median(changed[count:].reshape(others, *planes.shape), axis=0).astype(np.uint8)
    return changed[:count], median
