"""Degradations as training augmentation: one random condition on some of a batch's frames.

Frames of a batch are strangers to each other; a condition is drawn anew for each batch, and the frames that share it
each get another moment of it (another place of the shadow, another patch of fog).

They are at the network's size already, while footage is degraded at its own size and then shrunk, which averages much
of it away. So the picture between a frame's black bars is taken to be footage of `SOURCE_SIDE` that was shrunk:
`degrade_small` makes of it what would be left of a condition then.

A network that sees a frame's difference from the still room must be shown what a degraded clip gives: fog that stands
in the frame stands in the room too, and most of it goes when one is taken from the other. `augment_with_rooms`
degrades both.
"""

from collections.abc import Callable, Iterator, Mapping

import cv2
import numpy as np

from dance_tf.corruption.camera import add_gaussian_noise, lower_resolution
from dance_tf.corruption.codec import compress_h264
from dance_tf.corruption.conditions import CONDITIONS, FAMILIES, HARSHEST, Condition
from dance_tf.corruption.light import light_from_behind
from dance_tf.video.luma import picture_area

# measured on made-up clips of 432 px shrunk to 72: the CRF that harms shrunk single frames as much as CRF 28 to 48
# harms the clips lies 16.5 to 19.2 below at 6 frames a second and 16.4 to 19.1 at 30, which is 7 for each halving
CRF_A_HALVING = 7.0
# x264 spends more on a frame that is shown longer, so CRF 38 leaves 41 dB of a clip of 6 frames a second and 36 dB of
# 30; single frames have no rate, and get that of the made-up clips in the reports
SOURCE_RATE = 6.0


def small_effect(
    effect: Callable,
    pictures: np.ndarray,
    seconds: np.ndarray,
    generator: np.random.Generator,
    source_side: int,
    settings: Mapping[str, float | bool],
) -> np.ndarray:
    """One effect on pictures that are no clip and were shrunk.

    Args:
        effect: of a condition.
        pictures: uint8 [n, h, w], without black bars.
        seconds: float64 [n], the moment of each.
        generator: of all chance.
        source_side: pixels of the short side that the footage had; a larger picture is taken as it is.
        settings: the effect's keywords, as for the footage itself.

    Returns:
        uint8 [n, h, w].
    """
    ratio = max(1.0, source_side / min(pictures.shape[1:]))
    settings = dict(settings)
    if effect is add_gaussian_noise:
        settings["sigma"] /= ratio  # the mean of ratio² pixels
    if effect is compress_h264:
        settings["crf"] = max(0.0, settings["crf"] - CRF_A_HALVING * np.log2(ratio))
        settings["keyframe_interval"] = 1
        seconds = np.arange(len(pictures)) / SOURCE_RATE
    if effect is lower_resolution:
        return _lower(pictures, ratio, **settings)
    return effect(pictures, seconds, generator, **settings)


def _lower(pictures: np.ndarray, ratio: float, inverse_side: float) -> np.ndarray:
    """Few lines of what the pictures were shrunk from: enlarged, made coarse, shrunk, less what resizing does alone.

    Nobody knows how sharp the footage was. It is taken to lie midway between squares of one gray level each, which lose
    too much, and the smooth curve through them, which loses too little.
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


SPATIAL_FAMILIES = tuple(family for family in FAMILIES if family != "time")
SOURCE_SIDE = (
    432  # px: a frame's picture is taken to have been shrunk from footage of this short side, the studio's own
)
MILDEST = 0.5
DAY = 86_400.0  # seconds: moments of one condition are drawn from so long that they are unlike each other
ROOM_MOMENTS = 3  # moments of a condition that a room's median is taken over
ROOM_SECONDS = 8.0  # they lie within so many seconds of the frame, before or after it
WINDOW_STEP = 1 / 15  # seconds from one frame of a window to the next


def augment_frames(
    frames: np.ndarray,
    generator: np.random.Generator,
    families: tuple[str, ...] = SPATIAL_FAMILIES,
    share: float = 0.5,
    harshest: float = HARSHEST,
) -> np.ndarray:
    """Put a random condition on a random part of a batch.

    Each frame that is picked gets one effect of the families allowed, all effects as likely; frames with the same
    effect share its severity, drawn evenly from 0.5 to `harshest`. Dropped frames change no frame and are no
    augmentation.

    Args:
        frames: uint8 [n, h, w] or [n, h, w, 1], single frames of any clips.
        generator: the source of all chance here: the same state gives the same batch.
        families: which of `SPATIAL_FAMILIES` may occur; leave one out to ask later whether robustness carries over to
            it.
        share: 0..1, how likely a frame is to be picked.
        harshest: the highest severity, up to 5.

    Returns:
        uint8, a new array of the same shape.

    Raises:
        ValueError: an unknown family, or frames of another dtype or shape.
        ModuleNotFoundError: "compression" is allowed and PyAV is not installed.
    """
    check_families(families)
    frames = np.asarray(frames)
    if frames.dtype != np.uint8 or frames.ndim not in (3, 4) or (frames.ndim == 4 and frames.shape[3] != 1):
        raise ValueError(f"a batch is uint8 [n, h, w] or [n, h, w, 1], not {frames.dtype} {list(frames.shape)}")
    augmented = np.array(frames)
    planes = augmented.reshape(frames.shape[:3])  # a view: writing here writes there
    for condition, chosen, severity in _choices(len(frames), generator, families, share, harshest):
        for (rows, columns), part in _by_area(planes[:, None], chosen):
            pictures = np.ascontiguousarray(planes[part, rows, columns])
            planes[part, rows, columns] = _apply(condition, pictures, severity, generator)
    return augmented


def augment_with_rooms(
    frames: np.ndarray,
    rooms: np.ndarray,
    generator: np.random.Generator,
    families: tuple[str, ...] = SPATIAL_FAMILIES,
    share: float = 0.5,
    harshest: float = HARSHEST,
    alike: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Put a random condition on a random part of a batch, and on the still rooms of the frames that are hit.

    A degraded clip's room is the median of its degraded frames. Nobody has those in training, so the clean room is
    degraded at `ROOM_MOMENTS` other moments of the same condition and their median is the room: what stands still (the
    lamp, drops that stick, blur) is in frame and room alike, what moves (shadows, drifting fog) is only in the frame.
    Noise is new in every frame and leaves the median of a clip almost clean, so the room stays as it is. The black bars
    of a padded frame stay black.

    Args:
        frames: uint8 [n, h, w, 1].
        rooms: uint8 [n, h, w, 1], the still room of each frame's clip.
        generator: the source of all chance here.
        families: as in `augment_frames`.
        share: 0..1, how likely a frame (or window) is to be picked.
        harshest: the highest severity, up to 5.
        alike: frames in a row that belong to one window, and get one condition; divides n.

    Returns:
        Frames and rooms, new arrays.

    Raises:
        ValueError: as `augment_frames`, or frames and rooms differ in shape.
        ModuleNotFoundError: "compression" is allowed and PyAV is not installed.
    """
    check_families(families)
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 1 or frames.shape != rooms.shape:
        raise ValueError(f"frames {list(frames.shape)} and rooms {list(rooms.shape)} must both be uint8 [n, h, w, 1]")
    frames, rooms = np.array(frames), np.array(rooms)
    planes, still = frames[..., 0], rooms[..., 0]
    # one window of frames and rooms a row, so that all of them have the same picture area
    shape = len(frames) // alike, alike, *planes.shape[1:]
    pairs = np.concatenate([planes.reshape(shape), still.reshape(shape)], axis=1)
    for condition, windows, severity in _choices(len(pairs), generator, families, share, harshest):
        for (rows, columns), part in _by_area(pairs, windows):
            chosen = (part[:, None] * alike + np.arange(alike)).ravel()
            pictures, backs = (np.ascontiguousarray(side[chosen, rows, columns]) for side in (planes, still))
            change = _light_windows if condition.effect is light_from_behind else _change_windows
            settings = condition.settings(severity)
            changed = change(condition, pictures, backs, generator, alike, settings)
            planes[chosen, rows, columns], still[chosen, rows, columns] = changed
    return frames, rooms


def check_families(families: tuple[str, ...]) -> None:
    """Refuse families that are no augmentation.

    Raises:
        ValueError: names them, and those that are.
    """
    unknown = [family for family in families if family not in SPATIAL_FAMILIES]
    if unknown:
        raise ValueError(f"no augmentation for {', '.join(unknown)}; there are {', '.join(SPATIAL_FAMILIES)}")


def _choices(
    count: int, generator: np.random.Generator, families: tuple[str, ...], share: float, harshest: float
) -> Iterator[tuple[Condition, np.ndarray, float]]:
    """Which of `count` frames get which effect, at which severity."""
    # mild and severe rows share one effect, which is drawn once
    effects = list({c.effect: c for c in CONDITIONS if c.spatial and c.family in families}.values())
    if not effects or not count:
        return
    choices = np.where(generator.random(count) < share, generator.integers(len(effects), size=count), -1)
    for i, condition in enumerate(effects):
        chosen = np.flatnonzero(choices == i)
        if chosen.size:
            yield condition, chosen, generator.uniform(min(MILDEST, harshest), harshest)


def _by_area(windows: np.ndarray, chosen: np.ndarray) -> Iterator[tuple[tuple[slice, slice], np.ndarray]]:
    """The chosen of uint8 [n, k, h, w] in groups that have one picture area, which need not be the whole frame."""
    areas = [picture_area(windows[i]) for i in chosen]
    corners = np.array([(rows.start, rows.stop, columns.start, columns.stop) for rows, columns in areas])
    for corner in np.unique(corners, axis=0):
        top, bottom, left, right = corner.tolist()
        yield (slice(top, bottom), slice(left, right)), chosen[(corners == corner).all(axis=1)]


def _apply(condition: Condition, pictures: np.ndarray, severity: float, generator: np.random.Generator) -> np.ndarray:
    """One effect on frames that are no clip; uint8 [k, h, w]."""
    settings: dict[str, float | bool] = dict(condition.settings(severity))
    if condition.effect is light_from_behind:
        settings["one_clip"] = False
    seconds = generator.uniform(0, DAY, len(pictures))
    return small_effect(condition.effect, pictures, seconds, generator, SOURCE_SIDE, settings)


def _change_windows(
    condition: Condition, planes: np.ndarray, rooms: np.ndarray, generator: np.random.Generator, alike: int, settings
) -> tuple[np.ndarray, np.ndarray]:
    """Windows of frames at one moment each, their rooms at others; uint8 [k, h, w] both."""
    count = len(planes)
    start = generator.uniform(0, DAY, count // alike)
    seconds = np.repeat(start, alike) + np.tile(np.arange(alike) * WINDOW_STEP, count // alike)
    if condition.effect is add_gaussian_noise:
        return small_effect(condition.effect, planes, seconds, generator, SOURCE_SIDE, settings), rooms
    others = ROOM_MOMENTS if condition.seeded else 1
    away = generator.uniform(-ROOM_SECONDS, ROOM_SECONDS, (others, count))
    # one call, so that frames and rooms stand in the same fog
    stack = np.concatenate([planes, *[rooms] * others])
    moments = np.concatenate([seconds, (seconds + away).ravel()])
    changed = small_effect(condition.effect, stack, moments, generator, SOURCE_SIDE, settings)
    median = np.median(changed[count:].reshape(others, *planes.shape), axis=0).astype(np.uint8)
    return changed[:count], median


def _light_windows(
    condition: Condition, planes: np.ndarray, rooms: np.ndarray, generator: np.random.Generator, alike: int, settings
) -> tuple[np.ndarray, np.ndarray]:
    """Light from behind on windows that each have a lamp of their own; the dancer is what differs from the room."""
    frames, stills = [], []
    for start in range(0, len(planes), alike):
        window = planes[start : start + alike]
        # more rooms than frames, so that their median is the room
        clip = np.concatenate([window, *[rooms[start : start + 1]] * (alike + 1)])
        lit = condition.effect(clip, np.zeros(len(clip)), generator, **settings)
        frames.append(lit[:alike])
        stills.append(np.repeat(lit[-1:], alike, axis=0))
    return np.concatenate(frames), np.concatenate(stills)
