"""Scores of a classifier from its confusion matrix (section 4.3; Tables 2 and 3).

The paper does not define two details. Here macro averages include the classes that occur in the labels, and 0/0 counts
as 0 (scikit-learn's `labels=unique(labels), zero_division=0`).
"""

from typing import NamedTuple

import numpy as np

SCORES = ("accuracy", "precision", "sensitivity", "specificity", "f1", "kappa")


class ClassScores(NamedTuple):
    """Scores of each class against all others: float64 [classes], support int64 [classes]."""

    support: np.ndarray
    precision: np.ndarray
    sensitivity: np.ndarray
    specificity: np.ndarray
    f1: np.ndarray


def class_scores(matrix: np.ndarray) -> ClassScores:
    """Return scores of each class from a confusion matrix [..., classes, classes], rows are the truth."""
    hits = np.diagonal(matrix, axis1=-2, axis2=-1).astype(np.float64)
    support, verdicts = matrix.sum(axis=-1), matrix.sum(axis=-2)
    others = matrix.sum(axis=(-2, -1))[..., None] - support
    return ClassScores(
        support=support,
        precision=_ratio(hits, verdicts),
        sensitivity=_ratio(hits, support),
        specificity=_ratio(others - (verdicts - hits), others),
        f1=_ratio(2 * hits, support + verdicts),
    )


def scores_of_confusion(matrix: np.ndarray) -> np.ndarray:
    """Return the scores of one or many confusion matrices, in the order of `SCORES`.

    Args:
        matrix: int or float [..., classes, classes], rows are the truth.

    Returns:
        float64 [..., 6]; all zero where a matrix is empty.
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    support, *each = class_scores(matrix)
    occurs = support > 0
    macro = [_ratio((values * occurs).sum(axis=-1), occurs.sum(axis=-1)) for values in each]
    total = matrix.sum(axis=(-2, -1))
    accuracy = _ratio(np.trace(matrix, axis1=-2, axis2=-1), total)
    chance = _ratio((support * matrix.sum(axis=-2)).sum(axis=-1), total * total)
    return np.stack([accuracy, *macro, _ratio(accuracy - chance, 1 - chance)], axis=-1)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Divide; 0/0 gives 0."""
    above, below = np.broadcast_arrays(np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64))
    return np.divide(above, below, out=np.zeros(above.shape), where=below != 0)
