"""What scores of one classifier on one test set say about each other, as inequalities.

Throughout, a test set has n frames of C classes. Class i has the share w_i of the frames, recall r_i, precision p_i and
F1 f_i; t_i, a_i, b_i are its frames found, missed, and wrongly taken in, each divided by n. So t_i + a_i = w_i, the t_i
sum to the accuracy A, and the a_i, like the b_i, to the error e = 1 - A. P, R, S, F are the plain (macro) averages of
precision, recall, specificity and F1.

Every bound holds, too, for means of the scores over several test sets (folds, repeats): it is linear, or it is taken
on the side of a concave or convex curve where the mean can only move inwards, or its chord is used. Where classes are
absent it holds whether averages run over the classes that occur, over those that occur or are predicted, or over all C,
with 0 for 0/0; and where a score leaves out the classes whose own is 0/0, all but the harmonic mean as F1's upper bound
hold as well (`f1_with_classes_left_out` has that one's place): such a class has recall 0, so that leaving it out lowers
the number of classes and the sum of what is missed by as much. Bounds that need class shares take `Shares`, which has
room for folds whose shares differ.
"""

import math
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

import numpy as np

METRICS = ("accuracy", "precision", "sensitivity", "specificity", "f1", "kappa")

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
# past this many decimals a number was not rounded to be read, and its last digits are those of binary fractions
_LONGEST = 10


class Range(NamedTuple):
    """All numbers from `low` to `high`."""

    low: float
    high: float


@dataclass(frozen=True)
class Printed:
    """A number in print and what it may stand for.

    Attributes:
        text: as printed.
        low: smallest fraction (0.97 for 97 %) that is printed so.
        high: largest one.
        scale: 100 where it is printed in percent, else 1.
        decimals: how many of its decimals count.
    """

    text: str
    low: float
    high: float
    scale: int = 1
    decimals: int = 2

    @property
    def middle(self) -> float:
        """The printed fraction itself."""
        return (self.low + self.high) / 2


@dataclass(frozen=True)
class PublishedRow:
    """One row of a table of scores: macro averages over classes, but for accuracy and kappa; None where not printed.

    A row may be the scores of one test set, or the means of each score over several (folds, repeats).
    """

    label: str
    accuracy: Printed | None = None
    precision: Printed | None = None
    sensitivity: Printed | None = None
    specificity: Printed | None = None
    f1: Printed | None = None
    kappa: Printed | None = None


def read_printed(text: str, percent: bool = False) -> Printed | None:
    """Read a number as printed: "97.14", "97.14 %", "0.971", "97,14", "97.1 ± 0.3" (the spread is passed over).

    Rounding is to the nearest, so the number lies within half a unit of its last printed decimal, ends included. A
    number of more than ten decimals was written by a program; zeros or nines past the tenth decimal are taken for
    binary dust, and what stands before them for what was meant.

    Args:
        text: the cell.
        percent: a number without a percent sign is percent all the same.

    Returns:
        None where the cell is empty, a dash, or says that there is no number (n/a, nan).

    Raises:
        ValueError: the cell holds something else.
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
        raise ValueError(f"{text.strip()!r} is no number")
    try:
        number = Decimal(body)
        decimals = max(0, -number.as_tuple().exponent)
        if decimals > _LONGEST:
            shortened = number.quantize(Decimal(1).scaleb(-_LONGEST)).normalize()
            if abs(float(shortened - number)) < 1e-12 and -shortened.as_tuple().exponent < _LONGEST:
                number, decimals = shortened, max(0, -shortened.as_tuple().exponent)
    except (InvalidOperation, OverflowError) as problem:
        raise ValueError(f"{text.strip()!r} is no number to work with") from problem
    value, half = float(number), 0.5 * 10.0**-decimals
    if not math.isfinite(value):
        raise ValueError(f"{text.strip()!r} is no number to work with")
    scale = 100 if sign or percent else 1
    return Printed(text.strip(), (value - half) / scale, (value + half) / scale, scale, decimals)


@dataclass(frozen=True, eq=False)
class Shares:
    """Within what limits each class's share of a test set lies: float64 [classes], low and high."""

    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, supports: tuple[int, ...], slack: float = 1.0) -> "Shares":
        """Shares of the supports; with `slack` 2 each share of a test set may be half or twice that of the whole."""
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
    """max(0, P + R - 1) <= F <= 2PR / (P + R), the harmonic mean of the two averages.

    Each f_i is h(p_i, r_i) with h(x, y) = 2xy / (x + y). h is concave, so by Jensen's inequality the mean of h is at
    most h of the means (Opitz and Burst 2019 compare the two). Below, h >= xy >= x + y - 1 for x, y in [0, 1]. Both
    survive averaging over folds, and over classes with any weights; and both hold if F1 was computed as h(P, R).

    The upper one needs all three averages to run over the same classes. The lower one does not: classes that P or F
    leaves out for 0/0 have r_i = 0, so the others' mean recall is at least R.
    """
    low = max(0.0, precision.low + recall.low - 1)
    return Range(low, _harmonic(precision.high, recall.high))


def f1_with_classes_left_out(precision: Range, recall: Range, classes: int, found: int) -> Range:
    """0 <= F <= h(P C / k, R C / k), each at most 1, if at least k classes have a frame found; one test set only.

    A program may leave out of each average the classes for which it is 0/0: precision those never predicted, F1 (as
    2pr / (p + r)) those of which no frame is found. h is concave and h(cx, cy) = c h(x, y), so the f_i sum to at most h
    of the sums of the p_i and the r_i, which are at most C P and C R. F is that sum over at least k classes. With k = C
    nothing can have been left out, and it is the harmonic mean again.
    """
    share = classes / found
    return Range(0.0, _harmonic(min(1.0, share * precision.high), min(1.0, share * recall.high)))


def least_classes_found(recall: Range, accuracy: Range | None, shares: Shares) -> int:
    """How many classes have at least one frame found, at least.

    The r_i sum to R times the occurring classes or more, and each is at most 1. A class of which no frame is found
    makes errors of its whole share, so no more of them can be than of the smallest shares that fit into e.
    """
    least = max(1, math.ceil(max(0.0, recall.low) * shares.occurring - 1e-9))
    if accuracy is None:
        return least
    smallest = np.cumsum(np.sort(shares.low[shares.high > 0]))
    missed = int((smallest <= _errors(accuracy).high + 1e-9).sum())
    return max(least, shares.occurring - missed)


def specificity_from_recall(recall: Range) -> Range:
    """R <= S <= 1.

    Let q_ji be the share of class j's frames that are taken for i. 1 - s_i is a weighted mean of q_ji over j != i, so
    at most their sum. Summed over i, that is at most the sum of all q_ji, which is the sum of 1 - r_j. So
    1 - S <= 1 - R. It needs two classes in each test set: with one alone, specificity is 0/0, and a program may print
    0 for it.
    """
    return Range(recall.low, 1.0)


def accuracy_from_macro_score(score: Range, classes: int) -> Range:
    """A <= C X, for X any of P, R and F.

    A is a mean of r_i with weights w_i, so at most the largest r_i, which is at most their sum. Likewise for p_i, with
    the shares of the verdicts as weights (a class that never occurs but is predicted adds nothing to A). For F:
    f_i = 2 t_i / (w_i + v_i) with v_i the share of verdicts; w_i + v_i <= 1 + t_i <= 2, so f_i >= t_i, and the t_i sum
    to A.
    """
    return Range(0.0, min(1.0, classes * score.high))


def accuracy_from_any_recall(recall: Range, classes: int) -> Range:
    """1 - C (1 - R) <= A <= C R, whatever the class sizes.

    e is a mean of 1 - r_i with weights w_i, so at most the largest 1 - r_i, which is at most their sum, C (1 - R).
    """
    return Range(max(0.0, 1 - classes * (1 - recall.low)), min(1.0, classes * recall.high))


def kappa_from_accuracy(accuracy: Range) -> Range:
    """A - 1 <= kappa <= A, whatever the class sizes.

    kappa = (A - c) / (1 - c) = 1 - (1 - A) / (1 - c), with c the sum of w_i v_i, the agreement by chance. c >= 0 gives
    kappa <= A. For the other side: w_i v_i <= u_i^2 with u_i = (w_i + v_i) / 2. The u_i sum to 1, and
    u_i = t_i + (a_i + b_i) / 2 <= (1 + A) / 2, for the cells of a_i and b_i are different errors. A sum of squares is
    largest at the corner ((1 + A) / 2, (1 - A) / 2), so c <= (1 + A^2) / 2 and kappa >= -(1 - A) / (1 + A). That is
    concave in A; its chord A - 1 holds for means as well.
    """
    return Range(accuracy.low - 1, accuracy.high)


def accuracy_from_recall(recall: Range, shares: Shares) -> Range:
    """Accuracy between what the smallest and what the largest classes would make of the recall.

    A is the sum of w_i r_i where the r_i, each in [0, 1], sum to C R. It is largest if the largest classes have all the
    recall (a fractional knapsack), and smallest if the smallest have. The same holds for e and the 1 - r_i. With equal
    classes it is A = R. The largest sum is concave in R, the smallest convex, so means over folds stay inside. Where
    some classes do not occur, R may be the mean over those that do or over all: the room between the two is left.
    """
    occurring, classes = shares.occurring, len(shares.high)
    total = Range(max(0.0, recall.low) * occurring, min(1.0, recall.high * classes / occurring) * occurring)
    missed = Range(occurring - total.high, occurring - min(total.low, float(occurring)))
    low = max(_smallest(shares, total.low), 1 - _largest(shares, missed.high))
    return Range(low, min(_largest(shares, total.high), 1 - _smallest(shares, missed.low)))


def specificity_from_accuracy(accuracy: Range, shares: Shares) -> Range:
    """1 - S lies between e / (C (1 - w_min)) and e / (C (1 - w_max)).

    1 - s_i = b_i / (1 - w_i), and the b_i sum to e. With equal classes it is S = 1 - e / (C - 1). Where some classes do
    not occur, errors may all have gone to those, which an average over the occurring classes does not see: the upper
    bound of S is then 1.
    """
    largest, errors = float(shares.high.max()), _errors(accuracy)
    if largest >= 1:
        return Range(0.0, 1.0)
    low = 1 - errors.high / (shares.occurring * (1 - largest))
    if not shares.complete:
        return Range(max(0.0, low), 1.0)
    return Range(max(0.0, low), 1 - errors.low / (len(shares.high) * (1 - float(shares.low.min()))))


def precision_from_accuracy(accuracy: Range, shares: Shares) -> Range:
    """1 - K(2e) / C <= P <= 1 - e / (C (1 + w_max)); K(x): how many of the smallest classes the share x can fill.

    1 - p_i = b_i / (w_i - a_i + b_i) <= (a_i + b_i) / w_i, because a_i <= w_i; it is also at most 1, and the a_i + b_i
    sum to 2e. Their sum over i is then largest if the smallest classes have all the errors. For the upper bound,
    1 - p_i >= b_i / (w_i + b_i) >= b_i / (w_max + e), and e / (w_max + e) lies above its chord e / (w_max + 1). Where
    some classes do not occur, P may be an average over all, and errors may go where no average sees them.
    """
    errors = _errors(accuracy)
    low = (shares.occurring - _filled(shares, 2 * errors.high)) / len(shares.high)
    high = 1 - errors.low / (len(shares.high) * (1 + float(shares.high.max()))) if shares.complete else 1.0
    return Range(max(0.0, low), high)


def f1_from_accuracy(accuracy: Range, shares: Shares) -> Range:
    """1 - K(2e) / C <= F; K as in `precision_from_accuracy`.

    1 - f_i = (a_i + b_i) / (2 w_i - a_i + b_i) <= (a_i + b_i) / w_i, again because a_i <= w_i.
    """
    return Range(precision_from_accuracy(accuracy, shares).low, 1.0)


def kappa_from_accuracy_and_shares(accuracy: Range, shares: Shares, averaged: bool) -> Range:
    """Kappa between the most and the least that chance can explain.

    c = sum of w_i v_i and v_i = w_i - a_i + b_i, so c differs from Q, the sum of w_i^2, by at most e d with
    d = w_max - w_min. kappa = 1 - e / (1 - c) lies between 1 - e / (1 - Q - e d) and 1 - e / (1 - Q + e d). With equal
    classes c = 1 / C whatever the verdicts, and kappa = (A - 1/C) / (1 - 1/C) exactly. Both curves bend the wrong way
    for means over folds; their chords from e = 0 to e = 1 hold: 1 - e / (1 - Q - d) and 1 - e / (1 - Q + d).
    """
    plain, errors = kappa_from_accuracy(accuracy), _errors(accuracy)
    spread = float(shares.high.max() - shares.low.min())
    # the share of a class is at most the largest one and the shares sum to 1: so Q is at most the largest share
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
    """Largest sum of w_i x_i with x_i in [0, 1] that sum to `units`; at most 1."""
    return min(1.0, _knapsack(np.sort(shares.high)[::-1], units))


def _smallest(shares: Shares, units: float) -> float:
    """Smallest such sum, over the classes that occur."""
    return _knapsack(np.sort(shares.low[shares.high > 0]), units)


def _knapsack(weights: np.ndarray, units: float) -> float:
    """Sum of the first weights, `units` of them; the last one in part."""
    taken = np.clip(units - np.arange(len(weights)), 0.0, 1.0)
    return float((weights * taken).sum())


def _filled(shares: Shares, share: float) -> float:
    """Largest sum of y_i in [0, 1] with the sum of w_i y_i at most `share`: the smallest classes first."""
    weights = np.sort(shares.low[shares.high > 0])
    before = np.concatenate([[0.0], np.cumsum(weights)[:-1]])
    return float(np.clip((share - before) / weights, 0.0, 1.0).sum())
