"""Bounds between the scores of one classifier on one test set.

Class i of C has the share w_i of the frames, recall r_i, precision p_i, F1 f_i and the share v_i of the predictions.
t_i, a_i and b_i are its true positives, false negatives and false positives, divided by the number of frames. So
t_i + a_i = w_i, the t_i sum to the accuracy A, and the a_i, like the b_i, sum to the error e = 1 - A. P, R, S and F are
the macro averages of precision, recall, specificity and F1.

Each bound also holds for means over several test sets (folds, repeats): it is linear, or a mean only moves inwards from
its convex or concave curve, or its chord is used. If classes are absent, it holds for averages over the classes that
occur, over those that occur or are predicted, and over all C with 0/0 = 0. If a score omits the classes for which it is
0/0, all bounds hold except the harmonic mean as upper bound of F1 (see `bounds_of_f1`), because an omitted
class has recall 0.
"""

import math
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Literal, NamedTuple

import numpy as np

Level = Literal["impossible", "implausible"]

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_MAX_DECIMALS = 10  # a number with more decimals was not rounded; its last digits are those of a binary fraction


class Range(NamedTuple):
    """All numbers from `low` to `high`."""

    low: float
    high: float


class RoundingInterval(NamedTuple):
    """A printed number and the interval of values that round to it."""

    text: str  # as printed
    low: float  # smallest fraction (0.97 for 97 %) that rounds to the number
    high: float  # largest fraction that rounds to it
    scale: int = 1  # 100 if it is printed in percent, else 1
    decimals: int = 2  # number of printed decimals


class PublishedRow(NamedTuple):
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


class Bound(NamedTuple):
    """The allowed range (fractions) of a score, given other scores; `reason` is the end of a sentence."""

    rule: str
    score: str
    allowed: Range
    given: tuple[str, ...]
    reason: str
    level: Level = "impossible"


class Shares(NamedTuple):
    """Limits of each class's share of a test set: float64 [classes], low and high."""

    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, supports: tuple[int, ...], slack: float = 1.0) -> "Shares":
        """Return the shares of the supports, each divided by and multiplied with `slack` as its limits."""
        shares = np.asarray(supports, dtype=np.float64) / sum(supports)
        return cls(low=shares / slack, high=np.minimum(shares * slack, 1.0))

    @property
    def occurring(self) -> np.ndarray:
        """Smallest possible shares of the classes that occur, in increasing order."""
        return np.sort(self.low[self.high > 0])


def parse_score(text: str, percent: bool = False) -> RoundingInterval | None:
    """Parse a printed number: "97.14", "97.14 %", "0.971", "97,14", "97.1 ± 0.3" (the deviation is ignored).

    The interval extends half a unit of the last decimal to either side, ends included. In numbers with more than ten
    decimals, zeros or nines after the tenth decimal are treated as binary rounding errors.

    Args:
        percent: read a number without a percent sign as percent.

    Returns:
        None if the cell is empty, a dash, n/a or nan.

    Raises:
        ValueError: the cell contains something else.
    """
    text = text.strip()
    cell = text.replace("\N{MINUS SIGN}", "-")
    if cell.lower() in ("", "-", "–", "—", "n/a", "na", "nan", "none", "null"):
        return None
    body = re.split(r"±|\+/-|\+-|\(|\[", cell)[0].strip()
    if re.fullmatch(r"[+-]?\d+,\d+\s*%?", body):
        body = body.replace(",", ".")
    scale = 100 if percent or body.endswith("%") or cell.endswith("%") else 1
    body = body.removesuffix("%").strip()
    if not _NUMBER.fullmatch(body):
        raise ValueError(f"{text!r} is not a number")
    try:
        number = Decimal(body)
        if -number.as_tuple().exponent > _MAX_DECIMALS:
            shortened = number.quantize(Decimal(1).scaleb(-_MAX_DECIMALS)).normalize()
            if abs(float(shortened - number)) < 1e-12 and -shortened.as_tuple().exponent < _MAX_DECIMALS:
                number = shortened
        value, decimals = float(number), max(0, -number.as_tuple().exponent)
    except (InvalidOperation, OverflowError):
        value = math.inf
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not a number in the supported range")
    half = 0.5 * 10.0**-decimals
    return RoundingInterval(text, (value - half) / scale, (value + half) / scale, scale, decimals)


def bounds_of_f1(
    row: PublishedRow, classes: int, supports: tuple[int, ...] | None = None, averaged: bool = False
) -> Iterator[Bound]:
    """Yield max(0, P + R - 1) <= F <= h(P, R), the harmonic mean h(x, y) = 2xy / (x + y) of the macro averages.

    f_i = h(p_i, r_i) and h is concave, so F is at most h of the means (Jensen). Below, h >= xy >= x + y - 1 in [0, 1].
    The upper bound requires that all three averages run over the same classes; the lower bound does not. F above h is
    impossible if every class has true positives. Otherwise it is impossible only if a class without them counts as 0
    (the default of scikit-learn) and is not omitted. For means over folds, the mean sensitivity shows this only for
    folds that are not far worse than the mean.

    Reference:
        Opitz and Burst 2019, "Macro F1 and Macro F1".
    """
    if not (row.f1 and row.precision and row.sensitivity):
        return

    def bound(reason: str, low: float = -math.inf, high: float = math.inf, **level: str) -> Bound:
        place = "f1 against precision and sensitivity", "f1", Range(low, high), ("precision", "sensitivity")
        return Bound(*place, f"macro F1 is at {reason}", **level)

    precision, recall = row.precision, row.sensitivity
    yield bound("least precision + sensitivity - 1", low=max(0.0, precision.low + recall.low - 1))
    plain, high = "most the harmonic mean of precision and sensitivity", _harmonic(precision.high, recall.high)
    if supports:
        # the r_i sum to at least R times the number of occurring classes, and each is at most 1
        occurring = Shares.of(supports).occurring
        found = max(1, math.ceil(max(0.0, recall.low) * len(occurring) - 1e-9))
        if row.accuracy and not averaged:
            # the share of a class without true positives is error, so at most as many have none as fit into e
            missed = int((np.cumsum(occurring) <= _errors(row.accuracy).high + 1e-9).sum())
            found = max(found, len(occurring) - missed)
        if found >= classes:
            worse = ", except in a fold that is far worse than the mean" if averaged else ""
            condition = f"; every class has true positives, so no class can be omitted as 0/0{worse}"
            yield bound(plain + condition, high=high)
        else:
            plain = "most the harmonic mean of the macro averages"
            # precision may omit classes that are never predicted, F1 those without true positives. h(cx, cy) =
            # c h(x, y), so the f_i of k classes sum to at most h of the sums of their p_i and r_i, at most C P and C R
            most = _harmonic(*(min(1.0, classes / found * score.high) for score in (precision, recall)))
            if not averaged:
                condition = f" over the other classes if {classes - found} of the {classes} classes are omitted as 0/0"
                yield bound(plain + condition, high=most)
    condition = ", if a class that is never predicted or never occurs counts as 0 (0/0) and is not omitted"
    yield bound(plain + condition, high=high, level="implausible")


def bounds_of_all_sizes(row: PublishedRow, classes: int) -> Iterator[Bound]:
    """Yield the other bounds that hold for all class sizes."""
    accuracy, recall = row.accuracy, row.sensitivity
    # programs also print specificity 0 for 0/0, if a test set contains one class only
    if row.specificity and recall and row.specificity.low + row.specificity.high != 0:
        # let q_ji be the share of class j's frames that are predicted as i. 1 - s_i is a weighted mean of q_ji over
        # j != i, so at most their sum. Summed over i, this is at most the sum of all 1 - r_j: 1 - S <= 1 - R
        reason = "macro specificity is at least macro sensitivity"
        allowed = Range(recall.low, 1.0)
        yield Bound("specificity against sensitivity", "specificity", allowed, ("sensitivity",), reason)
    if not accuracy:
        return
    if recall:
        # A is a mean of the r_i with weights w_i, so at most their sum; likewise e of the 1 - r_i: e <= C (1 - R)
        allowed = Range(max(0.0, 1 - classes * (1 - recall.low)), min(1.0, classes * recall.high))
        reason = f"accuracy is a weighted mean of the {classes} sensitivities"
        yield Bound("accuracy against sensitivity", "accuracy", allowed, ("sensitivity",), reason)
    for name in ("precision", "f1"):
        if score := getattr(row, name):
            # A is a mean of the p_i with weights v_i. f_i = 2 t_i / (w_i + v_i) >= t_i because w_i + v_i <= 2, and the
            # t_i sum to A
            allowed = Range(0.0, min(1.0, classes * score.high))
            reason = f"accuracy is at most {classes} times the macro average"
            yield Bound(f"accuracy against {name}", "accuracy", allowed, (name,), reason)
    if row.kappa:
        # kappa = 1 - e / (1 - c) with the chance agreement c = sum of w_i v_i. c >= 0 gives kappa <= A. Below,
        # w_i v_i <= u_i^2 with u_i = (w_i + v_i) / 2 <= (1 + A) / 2 (a_i and b_i are different errors), and the u_i sum
        # to 1. So c <= (1 + A^2) / 2 and kappa >= -(1 - A) / (1 + A), which is concave in A: its chord holds for means
        reason = "kappa lies between accuracy - 1 and accuracy"
        allowed = Range(accuracy.low - 1, accuracy.high)
        yield Bound("kappa against accuracy", "kappa", allowed, ("accuracy",), reason)


def bounds_of_shares(row: PublishedRow, shares: Shares, averaged: bool = False) -> Iterator[Bound]:
    """Yield the bounds that hold with these class shares."""
    occurring, classes = len(shares.occurring), len(shares.high)
    accuracy, given = row.accuracy, ("accuracy",)
    if row.sensitivity:
        allowed = _accuracy_of_recall(row.sensitivity, shares)
        if accuracy:
            rule, reason = (
                "accuracy against sensitivity and supports",
                "accuracy weights the sensitivities by class size",
            )
            yield Bound(rule, "accuracy", allowed, ("sensitivity",), reason)
        else:
            accuracy, given = allowed, ("sensitivity",)
    if not accuracy or accuracy.low > accuracy.high:  # a sensitivity outside its range is a finding already
        return
    errors, complete = _errors(accuracy), occurring == classes
    lightest, heaviest = float(shares.low.min()), float(shares.high.max())
    # 1 - s_i = b_i / (1 - w_i), and the b_i sum to e: 1 - S lies between e / (C (1 - w_min)) and e / (C (1 - w_max)).
    # If classes are absent, they may have all false positives, and an average over the occurring classes omits these
    specificity = Range(0.0, 1.0)
    if heaviest < 1:
        least = max(0.0, 1 - errors.high / (occurring * (1 - heaviest)))
        specificity = Range(least, 1 - errors.low / (classes * (1 - lightest)) if complete else 1.0)
    # 1 - p_i = b_i / (w_i - a_i + b_i) <= (a_i + b_i) / w_i because a_i <= w_i; it is at most 1, and the a_i + b_i sum
    # to 2e, which covers the K smallest classes: P >= 1 - K / C. F has the same lower bound, because
    # 1 - f_i = (a_i + b_i) / (2 w_i - a_i + b_i) <= (a_i + b_i) / w_i. Above, 1 - p_i >= b_i / (w_max + e), and
    # e / (w_max + e) lies above its chord e / (w_max + 1)
    before = np.r_[0.0, np.cumsum(shares.occurring)[:-1]]
    covered = float(np.clip((2 * errors.high - before) / shares.occurring, 0.0, 1.0).sum())
    least = max(0.0, (occurring - covered) / classes)
    precision = Range(least, 1 - errors.low / (classes * (1 + heaviest)) if complete else 1.0)
    # kappa = 1 - e / (1 - c), and the chance agreement c differs from Q, the sum of w_i^2, by at most e d with
    # d = w_max - w_min, because v_i = w_i - a_i + b_i. For means over folds the chords hold, with d for e d. Each share
    # is at most w_max and they sum to 1, so Q is at most w_max
    most, least = min(float((shares.high**2).sum()), heaviest), max(float((shares.low**2).sum()), 1 / occurring)
    reach = [heaviest - lightest if averaged else error * (heaviest - lightest) for error in errors]
    above, below = 1 - most - reach[1], 1 - least + reach[0]
    low = max(accuracy.low - 1, 1 - errors.high / above if above > 0 else -math.inf)
    kappa = Range(low, min(accuracy.high, 1 - errors.low / below if below > 0 else math.inf))
    for name, allowed, reason in (
        ("specificity", specificity, "each error is one false positive among the frames of all other classes"),
        ("precision", precision, "the number of errors limits precision"),
        ("f1", Range(precision.low, 1.0), "the number of errors limits F1"),
        ("kappa", kappa, "the class sizes limit the chance agreement"),
    ):
        if getattr(row, name):
            yield Bound(f"{name} against accuracy and supports", name, allowed, given, reason)


def _accuracy_of_recall(recall: RoundingInterval, shares: Shares) -> Range:
    """Return the range of A, the sum of w_i r_i, where the r_i in [0, 1] sum to C R.

    It is a fractional knapsack, concave above and convex below, so means stay inside. If classes are absent, R may be
    the mean over the occurring or over all classes.
    """
    smallest, largest = shares.occurring, np.sort(shares.high)[::-1]
    occurring, classes = len(smallest), len(largest)
    least = min(1.0, max(0.0, recall.low)) * occurring
    most = min(1.0, recall.high * classes / occurring) * occurring

    def sum_of(weights: np.ndarray, units: float) -> float:
        taken = np.clip(units - np.arange(len(weights)), 0.0, 1.0)  # the last one in part
        return min(1.0, float((weights * taken).sum()))

    low = max(sum_of(smallest, least), 1 - sum_of(largest, occurring - least))
    return Range(low, min(sum_of(largest, most), 1 - sum_of(smallest, occurring - most)))


def _harmonic(x: float, y: float) -> float:
    x, y = max(x, 0.0), max(y, 0.0)
    return 2 * x * y / (x + y) if x + y > 0 else 0.0


def _errors(accuracy: Range | RoundingInterval) -> Range:
    return Range(max(0.0, 1 - accuracy.high), min(1.0, 1 - accuracy.low))
