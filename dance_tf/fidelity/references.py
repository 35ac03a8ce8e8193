"""Classify a dance by the reference dance that it resembles most. Nothing is trained.

Each second of the dance is searched in all references of a style; the mean over the seconds is the distance of the
style. So several references of a style may show different parts of the choreography.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from dance_tf.fidelity.align import distances

# With one reference a style, T of softmax(-distance / T) with the best likelihood on 240 synthetic clips of seed 0; the
# likelihood then says too little with three references a style. T of a leave-one-out test on the references alone was
# far worse, because few references are mostly told apart without an error.
TEMPERATURE = 1.0  # degrees
CLOSE = 1.05  # a second style whose distance is less than so many times the best one makes the answer unsure


@dataclass(frozen=True, eq=False)
class Reference:
    """A dance whose style is given."""

    name: str
    style: str
    series: Sequence[np.ndarray]  # of `bone_directions`, at least one


@dataclass(frozen=True)
class Match:
    """The style of a dance by its references.

    Attributes:
        style: the nearest one.
        second: the next one.
        distances: by style, degrees (`align.part_distance`).
        probabilities: by style; a softmax of the distances, calibrated on synthetic dances only.
        unsure: whether the second style is nearly as near, see `CLOSE`.
        reference: name of the nearest reference of `style`.
        reference_distance: degrees, at least the distance of the style.
    """

    style: str
    second: str
    distances: dict[str, float]
    probabilities: dict[str, float]
    unsure: bool
    reference: str
    reference_distance: float


def match_references(dance: Sequence[np.ndarray], references: Sequence[Reference]) -> Match:
    """Return the style of the references that a dance resembles most.

    Args:
        dance: of `bone_directions`, at least one series.
        references: of two styles or more.
    """
    found = distances(dance, [reference.series for reference in references])
    of_style = np.array([reference.style for reference in references])
    styles = np.unique(of_style).tolist()
    by_style = np.array([found[:, of_style == style].min(axis=1).mean() for style in styles])
    nearest, second = np.argsort(by_style, kind="stable")[:2]
    means = np.where(of_style == styles[nearest], found.mean(axis=0), np.inf)
    return Match(
        style=styles[nearest],
        second=styles[second],
        distances=dict(zip(styles, by_style.tolist(), strict=True)),
        probabilities=dict(zip(styles, softmax(-by_style / TEMPERATURE).tolist(), strict=True)),
        unsure=bool(by_style[second] < CLOSE * by_style[nearest]),
        reference=references[means.argmin()].name,
        reference_distance=float(means.min()),
    )
