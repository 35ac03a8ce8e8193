"""Bounds between the scores of one classifier on one test set.

Class i of C has the share w_i of the frames, recall r_i, precision p_i, F1 f_i and the share v_i of the predictions.
t_i, a_i and b_i are its true positives, false negatives and false positives, divided by the number of frames. So
t_i + a_i = w_i, the t_i sum to the accuracy A, and the a_i, like the b_i, sum to the error e = 1 - A. P, R, S and F are
the macro averages of precision, recall, specificity and F1.

Each bound also holds for means over several test sets (folds, repeats): it is linear, or a mean only moves inwards from
its convex or concave curve, or its chord is used. If classes are absent, it holds for averages over the classes that
occur, over those that occur or are predicted, and over all C with 0/0 = 0. If a score omits the classes for which it is
0/0, all bounds hold except the harmonic mean as upper bound of F1 (see `f1_with_omitted_classes`), because an omitted
class has recall 0.
"""

import math
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

import numpy as np

METRICS = ("accuracy", "precision", "sensitivity", "specificity", "f1", "kappa")

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_MAX_DECIMALS = 10  # a number with more decimals was not rounded; its last digits are those of a binary fraction


class Range(NamedTuple):
    """All numbers from `low` to `high`."""

    low: float
    high: float


@dataclass(frozen=True)
class RoundingInterval:
    """A printed number and the interval of values that round to it.

    Attributes:
        text: as printed.
        low: smallest fraction (0.97 for 97 %) that rounds to the number.
        high: largest fraction that rounds to it.
        scale: 100 if it is printed in percent, else 1.
        decimals: number of printed decimals.
    """

    text: str
    low: float
    high: float
    scale: int = 1
    decimals: int = 2

    @property
    def middle(self) -> float:
        """The printed fraction."""
        return (self.low + self.high) / 2

    @property
    def range(self) -> Range:
        """The interval without its text."""
        return Range(self.low, self.high)


@dataclass(frozen=True)
class PublishedRow:
    """A row of a table of scores, of one test set or means over several; None for scores that are not printed.

    All scores except accuracy and kappa are macro averages.
    """

    label: str
    accuracy: RoundingInterval | None = None
    precision: RoundingInterval | None = None
    sensitivity: RoundingInterval | None = None
    specificity: RoundingInterval | None = None
    f1: RoundingInterval | None = None
    kappa: RoundingInterval | None = None


def parse_score(text: str, percent: bool = False) -> RoundingInterval | None:
    """Parse a printed number: "97.14", "97.14 %", "0.971", "97,14", "97.1 ± 0.3" (the deviation is ignored).

    The interval extends half a unit of the last decimal to either side, ends included. In numbers with more than ten
    decimals, zeros or nines after the tenth decimal are treated as binary rounding errors.

    Args:
        text: the table cell.
        percent: read a number without a percent sign as percent.

    Returns:
        None if the cell is empty, a dash, n/a or nan.

    Raises:
        ValueError: the cell contains something else.
    """
    cell = text.strip().replace("\N{MINUS SIGN}", "-")
    if cell.lower() in ("", "-", "–", "—", "n/a", "na", "nan", "none", "null"):
        return None
    body = re.split(r"±|\+/-|\+-|\(|\[", cell)[0].strip()
    if re.fullmatch(r"[+-]?\d+,\d+\s*%?", body):
        body = body.replace(",", ".")
    sign = body.endswith("%") or cell.endswith("%")
    body = body.removesuffix("%").strip()
    if not _NUMBER.fullmatch(body):
        raise ValueError(f"{text.strip()!r} is not a number")
    try:
        number = Decimal(body)
        decimals = max(0, -number.as_tuple().exponent)
        if decimals > _MAX_DECIMALS:
            shortened = number.quantize(Decimal(1).scaleb(-_MAX_DECIMALS)).normalize()
            if abs(float(shortened - number)) < 1e-12 and -shortened.as_tuple().exponent < _MAX_DECIMALS:
                number, decimals = shortened, max(0, -shortened.as_tuple().exponent)
    except (InvalidOperation, OverflowError) as problem:
        raise ValueError(f"{text.strip()!r} is not a number in the supported range") from problem
    value, half = float(number), 0.5 * 10.0**-decimals
    if not math.isfinite(value):
        raise ValueError(f"{text.strip()!r} is not a number in the supported range")
    scale = 100 if sign or percent else 1
    return RoundingInterval(text.strip(), (value - half) / scale, (value + half) / scale, scale, decimals)


@dataclass(frozen=True, eq=False)
class Shares:
    """Limits of each class's share of a test set: float64 [classes], low and high."""

    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, supports: tuple[int, ...], slack: float = 1.0) -> "Shares":
        """Return the shares of the supports, each divided by and multiplied with `slack` as its limits."""
        shares = np.asarray(supports, dtype=np.float64) / sum(supports)
        return cls(low=shares / slack, high=np.minimum(shares * slack, 1.0))

    @property
    def occurring(self) -> int:
        """Number of classes that occur."""
        return int((self.high > 0).sum())

    @property
    def complete(self) -> bool:
        """Whether every class occurs."""
        return self.occurring == len(self.high)


def f1_from_precision_and_recall(precision: Range, recall: Range) -> Range:
    """Return max(0, P + R - 1) <= F <= h(P, R), the harmonic mean h(x, y) = 2xy / (x + y) of the macro averages.

    f_i = h(p_i, r_i) and h is concave, so F is at most h of the means (Jensen). Below, h >= xy >= x + y - 1 in [0, 1].
    The upper bound requires that all three averages run over the same classes; the lower bound does not.

    Reference:
        Opitz and Burst 2019, "Macro F1 and Macro F1".
    """
    low = max(0.0, precision.low + recall.low - 1)
    return Range(low, _harmonic(precision.high, recall.high))


def f1_with_omitted_classes(precision: Range, recall: Range, classes: int, found: int) -> Range:
    """Return 0 <= F <= h(P C / k, R C / k), each at most 1, if k classes or more have true positives; for one test set.

    Precision may omit classes that are never predicted, F1 those without true positives. h is concave and
    h(cx, cy) = c h(x, y), so the f_i sum to at most h of the sums of the p_i and r_i, which are at most C P and C R.
    """
    share = classes / found
    return Range(0.0, _harmonic(min(1.0, share * precision.high), min(1.0, share * recall.high)))


def min_classes_found(recall: Range, accuracy: Range | None, shares: Shares) -> int:
    """Return the smallest possible number of classes with true positives.

    The r_i sum to at least R times the number of occurring classes, and each is at most 1. The whole share of a class
    without true positives is error, so at most as many classes have none as smallest shares fit into e.
    """
    least = max(1, math.ceil(max(0.0, recall.low) * shares.occurring - 1e-9))
    if accuracy is None:
        return least
    smallest = np.cumsum(np.sort(shares.low[shares.high > 0]))
    missed = int((smallest <= _errors(accuracy).high + 1e-9).sum())
    return max(least, shares.occurring - missed)


def specificity_from_recall(recall: Range) -> Range:
    """Return R <= S <= 1; each test set must contain two classes, because specificity is 0/0 with one class.

    Let q_ji be the share of class j's frames that are predicted as i. 1 - s_i is a weighted mean of q_ji over j != i,
    so at most their sum. Summed over i, this is at most the sum of all 1 - r_j. So 1 - S <= 1 - R.
    """
    return Range(recall.low, 1.0)


def accuracy_from_macro_score(score: Range, classes: int) -> Range:
    """Return A <= C X, where X is P, R or F.

    A is a mean of the r_i with weights w_i, so at most the largest r_i and at most their sum; likewise for the p_i with
    weights v_i. f_i = 2 t_i / (w_i + v_i) >= t_i because w_i + v_i <= 1 + t_i <= 2, and the t_i sum to A.
    """
    return Range(0.0, min(1.0, classes * score.high))


def accuracy_from_any_recall(recall: Range, classes: int) -> Range:
    """Return 1 - C (1 - R) <= A <= C R, for all class sizes.

    e is a mean of 1 - r_i with weights w_i, so at most their sum, C (1 - R).
    """
    return Range(max(0.0, 1 - classes * (1 - recall.low)), min(1.0, classes * recall.high))


def kappa_from_accuracy(accuracy: Range) -> Range:
    """Return A - 1 <= kappa <= A, for all class sizes.

    kappa = 1 - (1 - A) / (1 - c) with the chance agreement c = sum of w_i v_i. c >= 0 gives kappa <= A. Below,
    w_i v_i <= u_i^2 with u_i = (w_i + v_i) / 2 <= (1 + A) / 2 (a_i and b_i are different errors), and the u_i sum
    to 1. So c <= (1 + A^2) / 2 and kappa >= -(1 - A) / (1 + A), which is concave in A; its chord A - 1 holds for means.
    """
    return Range(accuracy.low - 1, accuracy.high)


def accuracy_from_recall(recall: Range, shares: Shares) -> Range:
    """Return the range of A if the smallest, or the largest, classes have all the recall.

    A is the sum of w_i r_i, where the r_i in [0, 1] sum to C R: a fractional knapsack, concave above and convex
    below, so means stay inside. If classes are absent, R may be the mean over the occurring or over all classes.
    """
    occurring, classes = shares.occurring, len(shares.high)
    total = Range(max(0.0, recall.low) * occurring, min(1.0, recall.high * classes / occurring) * occurring)
    missed = Range(occurring - total.high, occurring - min(total.low, float(occurring)))
    low = max(_smallest(shares, total.low), 1 - _largest(shares, missed.high))
    return Range(low, min(_largest(shares, total.high), 1 - _smallest(shares, missed.low)))


def specificity_from_accuracy(accuracy: Range, shares: Shares) -> Range:
    """Return the range of S: 1 - S lies between e / (C (1 - w_min)) and e / (C (1 - w_max)).

    1 - s_i = b_i / (1 - w_i), and the b_i sum to e. If classes are absent, all false positives may belong to them, and
    an average over the occurring classes omits these: S may then be 1.
    """
    largest, errors = float(shares.high.max()), _errors(accuracy)
    if largest >= 1:
        return Range(0.0, 1.0)
    low = 1 - errors.high / (shares.occurring * (1 - largest))
    if not shares.complete:
        return Range(max(0.0, low), 1.0)
    return Range(max(0.0, low), 1 - errors.low / (len(shares.high) * (1 - float(shares.low.min()))))


def precision_from_accuracy(accuracy: Range, shares: Shares) -> Range:
    """Return 1 - K(2e) / C <= P <= 1 - e / (C (1 + w_max)); the share x covers the K(x) smallest classes.

    1 - p_i = b_i / (w_i - a_i + b_i) <= (a_i + b_i) / w_i because a_i <= w_i; it is at most 1, and the a_i + b_i sum to
    2e. Above, 1 - p_i >= b_i / (w_max + e), and e / (w_max + e) lies above its chord e / (w_max + 1). If classes are
    absent, an average over the occurring classes may omit false positives. F1 has the same lower bound, because
    1 - f_i = (a_i + b_i) / (2 w_i - a_i + b_i) <= (a_i + b_i) / w_i.
    """
    errors = _errors(accuracy)
    low = (shares.occurring - _filled(shares, 2 * errors.high)) / len(shares.high)
    high = 1 - errors.low / (len(shares.high) * (1 + float(shares.high.max()))) if shares.complete else 1.0
    return Range(max(0.0, low), high)


def kappa_from_accuracy_and_shares(accuracy: Range, shares: Shares, averaged: bool) -> Range:
    """Return the range of kappa = 1 - e / (1 - c) for the possible chance agreement c.

    c differs from Q, the sum of w_i^2, by at most e d with d = w_max - w_min, because v_i = w_i - a_i + b_i. So kappa
    lies between 1 - e / (1 - Q - e d) and 1 - e / (1 - Q + e d), and is (A - 1/C) / (1 - 1/C) with equal classes. For
    means over folds the chords hold: 1 - e / (1 - Q - d) and 1 - e / (1 - Q + d).
    """
    plain, errors = kappa_from_accuracy(accuracy), _errors(accuracy)
    spread = float(shares.high.max() - shares.low.min())
    # each share is at most the largest one and they sum to 1, so Q is at most the largest share
    most = min(float((shares.high**2).sum()), float(shares.high.max()))
    least = max(float((shares.low**2).sum()), 1 / shares.occurring)
    reach = Range(1.0, 1.0) if averaged else errors
    lower, upper = 1 - most - reach.high * spread, 1 - least + reach.low * spread
    low = 1 - errors.high / lower if lower > 0 else plain.low
    high = 1 - errors.low / upper if upper > 0 else plain.high
    return Range(max(low, plain.low), min(high, plain.high))


def _harmonic(x: float, y: float) -> float:
    x, y = max(x, 0.0), max(y, 0.0)
    return 2 * x * y / (x + y) if x + y > 0 else 0.0


def _errors(accuracy: Range) -> Range:
    return Range(max(0.0, 1 - accuracy.high), min(1.0, 1 - accuracy.low))


def _largest(shares: Shares, units: float) -> float:
    """Return the largest sum of w_i x_i with x_i in [0, 1] that sum to `units`; at most 1."""
    return min(1.0, _knapsack(np.sort(shares.high)[::-1], units))


def _smallest(shares: Shares, units: float) -> float:
    """Return the smallest such sum over the occurring classes."""
    return _knapsack(np.sort(shares.low[shares.high > 0]), units)


def _knapsack(weights: np.ndarray, units: float) -> float:
    """Return the sum of the first `units` weights, the last one in part."""
    taken = np.clip(units - np.arange(len(weights)), 0.0, 1.0)
    return float((weights * taken).sum())


def _filled(shares: Shares, share: float) -> float:
    """Return the largest sum of y_i in [0, 1] with sum w_i y_i <= share: the smallest classes first."""
    weights = np.sort(shares.low[shares.high > 0])
    before = np.concatenate([[0.0], np.cumsum(weights)[:-1]])
    return float(np.clip((share - before) / weights, 0.0, 1.0).sum())
