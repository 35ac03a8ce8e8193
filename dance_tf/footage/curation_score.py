"""How well curation finds what is wrong, where the truth is known."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dance_tf.footage.curation import REASONS, CuratedClip


@dataclass(frozen=True)
class ReasonScore:
    """How well frames with one fault are found.

    Attributes:
        reason: one of `REASONS`.
        planted: frames that have the fault.
        dropped: frames dropped for it.
        right: frames that are both.
        precision: right over dropped; not a number where nothing was dropped.
        recall: right over planted; not a number where nothing was planted.
    """

    reason: str
    planted: int
    dropped: int
    right: int
    precision: float
    recall: float


def frame_reasons(curated: CuratedClip) -> tuple[str, ...]:
    """For each frame that was seen the reason it was dropped, or "" where it was kept."""
    reasons = [""] * curated.seen
    for frame in curated.dropped:
        reasons[frame.index] = frame.reason
    return tuple(reasons)


def score_curation(dropped: Sequence[Sequence[str]], truth: Sequence[Sequence[str]]) -> tuple[ReasonScore, ...]:
    """Precision and recall of each filter, pooled over the frames of all clips.

    Args:
        dropped: for each clip, for each frame, the reason it was dropped or "" (`frame_reasons`).
        truth: the same as it really is.

    Returns:
        One score for each of `REASONS`, in their order.

    Raises:
        ValueError: not as many clips, or frames of a clip, in the two.
    """
    pairs = [pair for found, real in zip(dropped, truth, strict=True) for pair in zip(found, real, strict=True)]
    scores = []
    for reason in REASONS:
        planted = sum(real == reason for _, real in pairs)
        found = sum(what == reason for what, _ in pairs)
        right = sum(what == reason == real for what, real in pairs)
        scores.append(
            ReasonScore(
                reason,
                planted,
                found,
                right,
                right / found if found else np.nan,
                right / planted if planted else np.nan,
            )
        )
    return tuple(scores)
