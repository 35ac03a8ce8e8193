"""Scores of a classifier, all from its confusion matrix (section 4.3; Tables 2 and 3).

Two choices hold everywhere in this module, because the paper says neither:

* a macro average runs over the classes that occur in the labels: a class that nobody danced cannot be recognised, and
  its frames cannot be found; a false alarm for it still counts against the class it was taken from;
* 0/0 counts as 0: the precision of a class that is never predicted, and kappa where chance alone would be perfect.

Both are scikit-learn's `labels=unique(labels), zero_division=0`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SCORES = ("accuracy", "precision", "sensitivity", "specificity", "f1", "kappa")


@dataclass(frozen=True)
class Scores:
    """Scores of one set of predictions, as fractions: macro averages but for accuracy and Cohen's kappa."""

    accuracy: float
    precision: float
    sensitivity: float
    specificity: float
    f1: float
    kappa: float

    def to_json(self) -> dict[str, float]:
        """The scores by name."""
        return {name: getattr(self, name) for name in SCORES}


@dataclass(frozen=True, eq=False)
class ClassScores:
    """Scores of each class against all others: float64 [classes], support int64 [classes]."""

    support: np.ndarray
    precision: np.ndarray
    sensitivity: np.ndarray
    specificity: np.ndarray
    f1: np.ndarray


def confusion(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Count who was taken for whom: int64 [classes, classes], a row for each true class.

    Args:
        labels: int [n], the truth.
        predicted: int [n], the verdicts.
        classes: number of classes.

    Raises:
        ValueError: lengths differ, or a class lies outside 0..classes - 1.
    """
    labels, predicted = np.asarray(labels, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    if labels.shape != predicted.shape or labels.ndim != 1:
        raise ValueError(f"labels {list(labels.shape)} and predicted {list(predicted.shape)} must both be [n]")
    for name, values in (("labels", labels), ("predicted", predicted)):
        if len(values) and not (0 <= values.min() and values.max() < classes):
            raise ValueError(f"{name} run from {values.min()} to {values.max()}, outside 0..{classes - 1}")
    return np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def class_scores(matrix: np.ndarray) -> ClassScores:
    """Scores of each class from a confusion matrix [..., classes, classes] (rows: truth); 0/0 counts as 0."""
    matrix = np.asarray(matrix)
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
    """Scores of one or many confusion matrices, in the order of `SCORES`.

    Args:
        matrix: int or float [..., classes, classes], rows are the truth. Float, so that matrices may be weighted.

    Returns:
        float64 [..., 6]; all zero where a matrix is empty.
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    each = class_scores(matrix)
    occurs = each.support > 0
    present = occurs.sum(axis=-1)
    macro = [
        _ratio((values * occurs).sum(axis=-1), present)
        for values in (each.precision, each.sensitivity, each.specificity, each.f1)
    ]
    total = matrix.sum(axis=(-2, -1))
    accuracy = _ratio(np.trace(matrix, axis1=-2, axis2=-1), total)
    chance = _ratio((each.support * matrix.sum(axis=-2)).sum(axis=-1), total * total)
    return np.stack([accuracy, *macro, _ratio(accuracy - chance, 1 - chance)], axis=-1)


def score(labels: np.ndarray, predicted: np.ndarray, classes: int) -> Scores:
    """Score verdicts against the truth; see the module for absent classes and 0/0.

    Args:
        labels: int [n].
        predicted: int [n].
        classes: number of classes.

    Raises:
        ValueError: as `confusion`, or there is nothing to score.
    """
    if not len(labels):
        raise ValueError("no predictions to score")
    return Scores(*(float(value) for value in scores_of_confusion(confusion(labels, predicted, classes))))


def pair_confusion(matrix: np.ndarray, pairs: Sequence[tuple[int, int]]) -> float:
    """Confusion rate of similar styles (Table 4): share of either style of a pair that is taken for the other.

    Several pairs are counted together: all frames (or clips) taken for their pair's other style, over all frames of
    the styles in `pairs`. The paper gives no formula; this is the rate a reader would want. 0 where none was danced.

    Args:
        matrix: confusion matrix [classes, classes], rows are the truth.
        pairs: indices of the two styles of each pair.
    """
    matrix = np.asarray(matrix)
    taken = sum(int(matrix[first, second] + matrix[second, first]) for first, second in pairs)
    danced = sum(int(matrix[first].sum() + matrix[second].sum()) for first, second in pairs)
    return taken / danced if danced else 0.0


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Divide, with 0/0 (and only that, here) giving 0."""
    above, below = np.broadcast_arrays(np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64))
    return np.divide(above, below, out=np.zeros(above.shape), where=below != 0)
