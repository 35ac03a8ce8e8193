"""Rules: the bounds that a row of published scores must satisfy, and findings for those it violates.

`bounds` derives the bounds.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple

import pandas as pd

from dance_tf.audit import bounds
from dance_tf.audit.bounds import METRICS, PublishedRow, Range, Shares

Level = Literal["impossible", "implausible"]

TOLERANCE = 1e-9  # for the rounding errors of our own arithmetic
# Papers do not print the class shares of each fold. For means over folds, a bound that needs the shares is impossible
# to violate if it holds with every share halved or doubled, and implausible to violate if it holds within 10 %.
FOLD_SLACK: tuple[tuple[float, Level, str], ...] = (
    (2.0, "impossible", ", even if the class shares of a fold are half or twice those of the whole set"),
    (1.1, "implausible", ", if the class shares of a fold differ from those of the whole set by at most 10 %"),
)
NO_SLACK: tuple[tuple[float, Level, str], ...] = ((1.0, "impossible", ""),)


class AuditError(ValueError):
    """A table that cannot be audited; the message states the reason and the remedy in one line."""


@dataclass(frozen=True)
class Finding:
    """Printed numbers that contradict each other.

    Attributes:
        row: table row or place of the statement.
        rule: short name of the violated rule.
        level: "impossible": no set of predictions gives these numbers, under the assumptions in the message;
            "implausible": only under the conditions in the message.
        message: one sentence with the numbers.
        values: the numbers as printed: pairs of name and text.
    """

    row: str
    rule: str
    level: Level
    message: str
    values: tuple[tuple[str, str], ...]

    def to_json(self) -> dict:
        """Return all attributes, with `values` as an object."""
        return asdict(self) | {"values": dict(self.values)}


def findings_frame(findings: Sequence[Finding]) -> pd.DataFrame:
    """Return findings as a DataFrame: row, rule, level, message, values ("f1 93.36, precision 93.29, …")."""
    rows = [
        asdict(finding) | {"values": ", ".join(f"{name} {text}" for name, text in finding.values)}
        for finding in findings
    ]
    return pd.DataFrame(rows, columns=["row", "rule", "level", "message", "values"])


class Bound(NamedTuple):
    """The allowed range (fractions) of a score, given other scores; `reason` is the end of a sentence."""

    rule: str
    score: str
    allowed: Range
    given: tuple[str, ...]
    reason: str
    level: Level = "impossible"


def audit_row(
    row: PublishedRow, classes: int, supports: tuple[int, ...] | None = None, averaged: bool = False
) -> tuple[Finding, ...]:
    """Return the scores of a row that contradict each other.

    Args:
        row: macro scores as printed, any subset of them.
        classes: number of classes, at least 2.
        supports: frames (or clips) of each class in the scored set; may contain zeros. Without supports only the rules
            that hold for all class sizes are applied.
        averaged: the row contains means over several test sets (folds, repeats), and `supports` are those of all of
            them together. Otherwise the row contains the scores of one test set.

    Returns:
        Findings in a fixed order of rules; empty if there is no contradiction.

    Raises:
        AuditError: fewer than two classes, or supports that do not fit.
    """
    check_classes(classes, supports)
    limits = [*_ranges(row), *_f1_limits(row, classes, supports, averaged), *_limits(row, classes)]
    for slack, level, condition in (FOLD_SLACK if averaged else NO_SLACK) if supports else ():
        for limit in _limits_of_shares(row, Shares.of(supports, slack), averaged):
            limits.append(limit._replace(reason=limit.reason + condition, level=level))
    findings: dict[tuple[str, str], Finding] = {}
    for limit in limits:  # the first violation of a rule is the most severe one
        finding = None if (limit.rule, limit.score) in findings else compare(row, limit)
        if finding:
            findings[limit.rule, limit.score] = finding
    return tuple(findings.values())


def check_classes(classes: int, supports: tuple[int, ...] | None) -> None:
    """Raise AuditError for fewer than two classes, or supports that do not fit."""
    if classes < 2:
        raise AuditError(f"{classes} classes: an audit needs at least 2")
    if supports is None:
        return
    if len(supports) != classes:
        raise AuditError(f"{len(supports)} supports for {classes} classes: give one for each class")
    if any(support < 0 or support != int(support) for support in supports) or not sum(supports):
        raise AuditError("supports must be whole numbers of frames or clips, not negative and not all zero")


def compare(row: PublishedRow, limit: Bound) -> Finding | None:
    """Return a finding if the rounding interval of a score lies outside its allowed range."""
    printed, allowed = getattr(row, limit.score), limit.allowed
    above, below = printed.low > allowed.high + TOLERANCE, printed.high < allowed.low - TOLERANCE
    if not (above or below):
        return None
    given = [(name, getattr(row, name).text) for name in limit.given]
    value = f"{(allowed.high if above else allowed.low) * printed.scale:.{min(printed.decimals + 2, 12)}f}"
    side, extreme = ("above", "largest") if above else ("below", "smallest")
    message = (
        f"{limit.score} {printed.text} is {side} {value}{' %' if printed.scale == 100 else ''}, the {extreme} value"
        f" possible{' for ' if given else ''}{' and '.join(f'{name} {text}' for name, text in given)} after rounding:"
        f" {limit.reason}."
    )
    return Finding(row.label, limit.rule, limit.level, message, ((limit.score, printed.text), *given))


def _ranges(row: PublishedRow) -> Iterator[Bound]:
    for name in METRICS:
        if getattr(row, name):
            low = -1 if name == "kappa" else 0
            yield Bound("range", name, Range(low, 1), (), f"{name} lies between {low} and 1")


def _f1_limits(row: PublishedRow, classes: int, supports: tuple[int, ...] | None, averaged: bool) -> Iterator[Bound]:
    """Yield the bounds of macro F1 from macro precision and sensitivity.

    F1 above the harmonic mean is impossible if every class has true positives. Otherwise it is impossible only if such
    a class counts as 0 (the default of scikit-learn) and is not omitted. For means over folds, the mean sensitivity
    shows this only for folds that are not far worse than the mean.
    """
    if not (row.f1 and row.precision and row.sensitivity):
        return
    precision, recall = row.precision.range, row.sensitivity.range
    plain = bounds.f1_from_precision_and_recall(precision, recall)
    key = ("f1 against precision and sensitivity", "f1")
    given = ("precision", "sensitivity")
    yield Bound(*key, Range(plain.low, math.inf), given, "macro F1 is at least precision + sensitivity - 1")
    reason = "macro F1 is at most the harmonic mean of precision and sensitivity"
    if supports:
        accuracy = row.accuracy.range if row.accuracy and not averaged else None
        found = min(classes, bounds.min_classes_found(recall, accuracy, Shares.of(supports)))
        high, condition = plain.high, "; every class has true positives, so no class can be omitted as 0/0"
        if averaged:
            condition += ", except in a fold that is far worse than the mean"
        if found < classes:
            high = bounds.f1_with_omitted_classes(precision, recall, classes, found).high
            reason = "macro F1 is at most the harmonic mean of the macro averages"
            condition = f" over the other classes if {classes - found} of the {classes} classes are omitted as 0/0"
        if found == classes or not averaged:
            yield Bound(*key, Range(-math.inf, high), given, reason + condition)
    condition = ", if a class that is never predicted or never occurs counts as 0 (0/0) and is not omitted"
    yield Bound(*key, Range(-math.inf, plain.high), given, reason + condition, "implausible")


def _limits(row: PublishedRow, classes: int) -> Iterator[Bound]:
    """Yield the bounds that hold for all class sizes."""
    # programs also print specificity 0 for 0/0, if a test set contains one class only
    if row.specificity and row.sensitivity and row.specificity.middle != 0:
        allowed = bounds.specificity_from_recall(row.sensitivity.range)
        reason = "macro specificity is at least macro sensitivity"
        yield Bound("specificity against sensitivity", "specificity", allowed, ("sensitivity",), reason)
    if not row.accuracy:
        return
    if row.sensitivity:
        allowed = bounds.accuracy_from_any_recall(row.sensitivity.range, classes)
        reason = f"accuracy is a weighted mean of the {classes} sensitivities"
        yield Bound("accuracy against sensitivity", "accuracy", allowed, ("sensitivity",), reason)
    for name in ("precision", "f1"):
        if getattr(row, name):
            allowed = bounds.accuracy_from_macro_score(getattr(row, name).range, classes)
            reason = f"accuracy is at most {classes} times the macro average"
            yield Bound(f"accuracy against {name}", "accuracy", allowed, (name,), reason)
    if row.kappa:
        allowed = bounds.kappa_from_accuracy(row.accuracy.range)
        reason = "kappa lies between accuracy - 1 and accuracy"
        yield Bound("kappa against accuracy", "kappa", allowed, ("accuracy",), reason)


def _limits_of_shares(row: PublishedRow, shares: Shares, averaged: bool) -> Iterator[Bound]:
    """Yield the bounds that hold with these class shares."""
    accuracy, given = row.accuracy and row.accuracy.range, ("accuracy",)
    if row.sensitivity:
        of_sensitivity = bounds.accuracy_from_recall(row.sensitivity.range, shares)
        if not accuracy:
            accuracy, given = of_sensitivity, ("sensitivity",)
    if not accuracy or accuracy.low > accuracy.high:  # a sensitivity outside its range is a finding already
        return
    if row.accuracy and row.sensitivity:
        reason = "accuracy weights the sensitivities by class size"
        rule = "accuracy against sensitivity and supports"
        yield Bound(rule, "accuracy", of_sensitivity, ("sensitivity",), reason)
    specificity = bounds.specificity_from_accuracy(accuracy, shares)
    precision = bounds.precision_from_accuracy(accuracy, shares)
    kappa = bounds.kappa_from_accuracy_and_shares(accuracy, shares, averaged)
    for name, allowed, reason in (
        ("specificity", specificity, "each error is one false positive among the frames of all other classes"),
        ("precision", precision, "the number of errors limits precision"),
        ("f1", Range(precision.low, 1.0), "the number of errors limits F1"),
        ("kappa", kappa, "the class sizes limit the chance agreement"),
    ):
        if getattr(row, name):
            yield Bound(f"{name} against accuracy and supports", name, allowed, given, reason)
