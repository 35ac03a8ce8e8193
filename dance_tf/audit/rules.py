"""Findings: the bounds (`bounds`) that a row of published scores violates."""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from dance_tf.audit.bounds import (
    Bound,
    Level,
    PublishedRow,
    Range,
    Shares,
    bounds_of_all_sizes,
    bounds_of_f1,
    bounds_of_shares,
)
from dance_tf.evaluation.metrics import SCORES

_LOWEST = {"kappa": -1}  # possible value of a score, otherwise 0
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


class Finding(NamedTuple):
    """Printed numbers that contradict each other."""

    row: str  # table row or place of the statement
    rule: str  # short name of the violated rule
    # "impossible": no set of predictions gives these numbers, under the assumptions in the message; "implausible":
    # only under the conditions in the message
    level: Level
    message: str  # one sentence with the numbers
    values: tuple[tuple[str, str], ...]  # the numbers as printed: pairs of name and text

    def to_json(self) -> dict:
        """Return all attributes, with `values` as an object."""
        return self._asdict() | {"values": dict(self.values)}


def findings_frame(findings: Sequence[Finding]) -> pd.DataFrame:
    """Return findings as a DataFrame: row, rule, level, message, values ("f1 93.36, precision 93.29, …")."""
    rows = [finding._replace(values=", ".join(map(" ".join, finding.values))) for finding in findings]
    return pd.DataFrame(rows, columns=Finding._fields)


def audit_row(
    row: PublishedRow, classes: int, supports: tuple[int, ...] | None = None, averaged: bool = False
) -> tuple[Finding, ...]:
    """Return the scores of a row that contradict each other.

    Args:
        row: macro scores as printed, any subset of them.
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
    findings: dict[tuple[str, str], Finding] = {}
    # the first violation of a rule is the most severe one
    for limit in bounds_of_row(row, classes, supports, averaged):
        finding = None if (limit.rule, limit.score) in findings else compare(row, limit)
        if finding:
            findings[limit.rule, limit.score] = finding
    return tuple(findings.values())


def bounds_of_row(
    row: PublishedRow, classes: int, supports: tuple[int, ...] | None = None, averaged: bool = False
) -> list[Bound]:
    """Return all bounds on the scores of a row; the arguments are those of `audit_row`."""
    limits = []
    for name in SCORES:
        if getattr(row, name):
            low = _LOWEST.get(name, 0)
            limits.append(Bound("range", name, Range(low, 1), (), f"{name} lies between {low} and 1"))
    limits += [*bounds_of_f1(row, classes, supports, averaged), *bounds_of_all_sizes(row, classes)]
    for slack, level, condition in (FOLD_SLACK if averaged else NO_SLACK) if supports else ():
        for limit in bounds_of_shares(row, Shares.of(supports, slack), averaged):
            limits.append(limit._replace(reason=limit.reason + condition, level=level))
    return limits


def can_judge(limit: Bound) -> bool:
    """Return whether a bound follows from other scores and excludes a part of the range of its score."""
    return bool(limit.given) and (limit.allowed.low > _LOWEST.get(limit.score, 0) or limit.allowed.high < 1)


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
