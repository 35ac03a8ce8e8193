"""The paper's Table 5 as conditions that can be repeated: clean footage in, degraded footage out, by name, severity and
seed.

Section 4 names fourteen conditions and gives parameters for some. Here each is a function on a whole clip, consistent
over the clip's time, with severities 1 to 5 as in ImageNet-C (Hendrycks & Dietterich 2019) beside the paper's own
level. Every parameter stands in one table, which `condition_table` prints. Spatial conditions belong on the clip
at its own resolution, before it is shrunk to the network's 128 pixels.
"""

from dataclasses import dataclass
from zlib import crc32

import numpy as np

from dance_tf.corruption.camera import WholeClip
from dance_tf.corruption.conditions import (
    CONDITION_NAMES,
    CONDITIONS,
    FAMILIES,
    HARSHEST,
    Condition,
    condition_table,
    constant_table,
    find_condition,
)
from dance_tf.corruption.parameters import Parameter

__all__ = [
    "CONDITIONS",
    "CONDITION_NAMES",
    "FAMILIES",
    "Condition",
    "Degraded",
    "Parameter",
    "WholeClip",
    "condition_table",
    "constant_table",
    "degrade",
    "effect_generator",
    "find_condition",
]

DEFAULT_RATE = 30.0  # frames per second where a clip brings no timestamps


@dataclass(frozen=True)
class Degraded:
    """A clip under a condition.

    Attributes:
        frames: uint8, shaped as the clip was but for frames that were lost.
        kept_indices: int64, increasing: the places in the clip of the frames that remain (all, for a spatial
            condition).
    """

    frames: np.ndarray
    kept_indices: np.ndarray


def effect_generator(condition: Condition, seed: int) -> np.random.Generator:
    """The random generator of a condition at a seed.

    It hangs on the effect, not on the level: mild and heavy fog of one seed are the same fog, thinner and thicker.
    """
    return np.random.Generator(np.random.SFC64([seed, crc32(condition.chance.encode())]))


def degrade(
    frames: np.ndarray,
    condition_name: str,
    severity: float | None = None,
    seed: int = 0,
    timestamps: np.ndarray | None = None,
    clip: WholeClip | None = None,
) -> Degraded:
    """Put one clip under one condition.

    Args:
        frames: uint8 [n, h, w] gray, or [n, h, w, c], at the clip's own resolution. Colour channels are treated alike,
            with the same noise, fog and drops.
        condition_name: one of `CONDITION_NAMES`.
        severity: 0 (the clip as it is) to 5; the paper's named level where left out.
        seed: a whole number, 0 or more, of any size; the same seed gives the same frames on any number of threads.
        timestamps: seconds [n] from the start of the clip; 30 frames per second where left out.
        clip: where `frames` are only some of a gray clip's. Each then comes out as if the whole clip had been given,
            but for noise, which is another draw, and compression and lost frames, which need the whole clip anyway.

    Raises:
        ValueError: an unknown condition, a severity outside 0..5, a seed that is negative or no whole number, frames of
            another dtype or shape, or timestamps of another length or not finite.
    """
    condition = find_condition(condition_name)
    severity = float(condition.severity if severity is None else severity)
    if not 0 <= severity <= HARSHEST:
        raise ValueError(f"severity is a number of 0..5, not {severity}")
    frames = np.asarray(frames)
    if frames.dtype != np.uint8 or frames.ndim not in (3, 4) or 0 in frames.shape[1:]:
        raise ValueError(f"a clip is uint8 [n, h, w] or [n, h, w, c], not {frames.dtype} {list(frames.shape)}")
    count = len(frames)
    seconds = np.arange(count) / DEFAULT_RATE if timestamps is None else np.asarray(timestamps, np.float64)
    if seconds.shape != (count,):
        raise ValueError(f"{count} frames need as many timestamps, not {list(seconds.shape)}")
    if not np.isfinite(seconds).all():
        raise ValueError(f"timestamps are finite numbers of seconds; {np.sum(~np.isfinite(seconds))} are not")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"a seed is a whole number of 0 or more, not {seed!r}")
    if clip is not None and frames.ndim != 3:
        raise ValueError("frames that are part of a whole clip must be gray, uint8 [n, h, w]")
    everything = np.arange(count, dtype=np.int64)
    if severity == 0 or count == 0:
        return Degraded(frames.copy(), everything)
    settings = condition.settings(severity)
    if not condition.spatial:
        kept = condition.effect(count, effect_generator(condition, seed), **settings)
        return Degraded(frames[kept], kept)
    if clip is not None and condition.whole:
        settings["clip"] = clip
    if frames.ndim == 3:
        return Degraded(
            condition.effect(np.ascontiguousarray(frames), seconds, effect_generator(condition, seed), **settings),
            everything,
        )
    channels = [
        condition.effect(np.ascontiguousarray(frames[..., c]), seconds, effect_generator(condition, seed), **settings)
        for c in range(frames.shape[3])
    ]
    return Degraded(np.stack(channels, axis=-1), everything)
