"""Curation's thresholds, fitted on clips whose faults are known.

One threshold after the other is moved while the rest stay, and the value is taken under which the three filters are
right most often. `tests/benchmarks/fit_curation.py` does it on made-up clips and judges the result on others.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from dance_tf.curation.filters import CurationSettings, ReasonScore, curate_frames, frame_reasons, score_curation
from dance_tf.video.catalog import Clip

FITTED = tuple(field.name for field in fields(CurationSettings))  # every threshold there is
FACTORS = tuple(np.geomspace(0.5, 2.0, 13).tolist())  # a candidate is the starting value times one of them
AS_GOOD = 0.002  # of a mean F1: a smaller difference is no reason to prefer a value


@dataclass(frozen=True)
class KnownClip:
    """A clip with what is wrong with each of its frames.

    Attributes:
        clip: where it is from.
        frames: uint8 [n, h, w].
        timestamps: float64 [n], seconds.
        seconds: its length.
        reasons: n entries: one of `curation.REASONS`, or "" for a frame without fault.
    """

    clip: Clip
    frames: np.ndarray
    timestamps: np.ndarray
    seconds: float
    reasons: tuple[str, ...]


def judge(clips: Sequence[KnownClip], settings: CurationSettings) -> tuple[ReasonScore, ...]:
    """Precision and recall of each filter under some thresholds, pooled over the clips' frames."""
    found = [
        frame_reasons(curate_frames(clip.clip, clip.frames, clip.timestamps, clip.seconds, settings)) for clip in clips
    ]
    return score_curation(found, [clip.reasons for clip in clips])


def mean_f1(scores: Sequence[ReasonScore]) -> float:
    """Mean over the filters of F1 = 2·right / (dropped + planted).

    A filter with nothing to find that finds nothing does not count.

    Raises:
        ValueError: no filter has anything to find.
    """
    counted = [score for score in scores if score.dropped + score.planted]
    if not counted:
        raise ValueError("these clips have no fault to fit thresholds on")
    return float(np.mean([2 * score.right / (score.dropped + score.planted) for score in counted]))


def fit_thresholds(
    start: CurationSettings,
    score: Callable[[CurationSettings], float],
    factors: Sequence[float] = FACTORS,
    names: Sequence[str] = FITTED,
    rounds: int = 2,
) -> tuple[CurationSettings, Mapping[str, tuple[float, float]]]:
    """Move each threshold in turn to the middle of the values that are as good as the best.

    Args:
        start: where to begin.
        score: how good thresholds are, the higher the better (`mean_f1` of `judge`).
        factors: candidates are the starting value times these, increasing.
        names: the thresholds to move, in this order.
        rounds: how often to go through them.

    Returns:
        The thresholds, and for each name the lowest and highest value that were as good in the last round.
    """
    settings, ranges = start, {}
    for _ in range(rounds):
        for name in names:
            candidates = [getattr(start, name) * factor for factor in factors]
            scores = [score(replace(settings, **{name: value})) for value in candidates]
            best = int(np.argmax(scores))
            first = last = best  # the plateau around the best: values beyond a dip are another matter
            while first > 0 and scores[first - 1] >= scores[best] - AS_GOOD:
                first -= 1
            while last < len(scores) - 1 and scores[last + 1] >= scores[best] - AS_GOOD:
                last += 1
            ranges[name] = (candidates[first], candidates[last])
            settings = replace(settings, **{name: float(np.sqrt(candidates[first] * candidates[last]))})
    return settings, ranges
