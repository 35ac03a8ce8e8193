"""Which inequalities are asked of a published row, and in what words a broken one is told.

The inequalities themselves, with their derivations, are in `bounds`.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from dance_tf.audit import bounds
from dance_tf.audit.bounds import METRICS, Printed, PublishedRow, Range, Shares

Level = Literal["impossible", "implausible"]


class AuditError(ValueError):
    """A table that cannot be audited; one line says why and what to do."""


@dataclass(frozen=True)
class Finding:
    """Numbers that cannot all be true.

    Attributes:
        row: which row of which table, or which sentence.
        rule: short name of the rule that they break.
        level: "impossible": no set of verdicts gives these numbers, on the assumptions that the message names;
            "implausible": some could, but only under circumstances that the message names.
        message: one sentence for a reader.
        values: the numbers involved, as printed: pairs of name and text.
    """

    row: str
    rule: str
    level: Level
    message: str
    values: tuple[tuple[str, str], ...]

    def to_json(self) -> dict:
        """All attributes, `values` as an object."""
        return {
            "row": self.row,
            "rule": self.rule,
            "level": self.level,
            "message": self.message,
            "values": dict(self.values),
        }


def findings_frame(findings: Sequence[Finding]) -> pd.DataFrame:
    """Findings as a data frame: row, rule, level, message, values ("f1 93.36, precision 93.29, …")."""
    return pd.DataFrame(
        [
            (
                finding.row,
                finding.rule,
                finding.level,
                finding.message,
                ", ".join(f"{name} {text}" for name, text in finding.values),
            )
            for finding in findings
        ],
        columns=["row", "rule", "level", "message", "values"],
    )


# room for the rounding of our own arithmetic
TOLERANCE = 1e-9
# Nobody prints the class shares of each fold. For means over folds, what needs the shares is called impossible only
# if it stays so with every share halved or doubled, implausible if it does with every share a tenth off.
FOLD_SLACK: tuple[tuple[float, Level, str], ...] = (
    (2.0, "impossible", ", even if each fold's class shares are anything from half to twice the whole's"),
    (1.1, "implausible", ", if each fold's class shares are within a tenth of the whole's"),
)
EXACT_SLACK: tuple[tuple[float, Level, str], ...] = ((1.0, "impossible", ""),)


@dataclass(frozen=True)
class Limit:
    """What the class shares leave possible of one score.

    Attributes:
        rule: its short name.
        score: the score that it bounds.
        allowed: the bound, as fractions.
        given: the scores that it comes from.
        reason: why, in words that end a sentence.
    """

    rule: str
    score: str
    allowed: Range
    given: tuple[tuple[str, Printed], ...]
    reason: str


def audit_row(
    row: PublishedRow, classes: int, supports: tuple[int, ...] | None = None, averaged: bool = False
) -> tuple[Finding, ...]:
    """Tell which numbers of a row cannot all be true.

    Args:
        row: macro scores as printed, any of them.
        classes: number of classes, at least 2.
        supports: frames (or clips) of each class in the set that was scored; zeros allowed. Without them only the
            rules that hold for every class balance are asked.
        averaged: the row holds means over several test sets (folds, repeats), and `supports` are those of the whole
            that they were cut from. Without it the row is taken for the scores of one test set.

    Returns:
        Findings in a fixed order of rules; empty where nothing speaks against the row.

    Raises:
        AuditError: fewer than two classes, or supports that do not fit.
    """
    check_classes(classes, supports)
    return tuple(
        [
            *_outside_range(row),
            *_f1_of_precision_and_sensitivity(row, classes, supports, averaged),
            *_without_supports(row, classes),
            *(_with_supports(row, supports, averaged) if supports else ()),
        ]
    )


def check_classes(classes: int, supports: tuple[int, ...] | None) -> None:
    """Refuse what cannot be a number of classes and their supports.

    Raises:
        AuditError: says what is wrong.
    """
    if classes < 2:
        raise AuditError(f"{classes} classes: an audit needs at least 2")
    if supports is None:
        return
    if len(supports) != classes:
        raise AuditError(f"{len(supports)} supports for {classes} classes: give one for each class")
    if any(support < 0 or support != int(support) for support in supports) or not sum(supports):
        raise AuditError("supports must be whole numbers of frames or clips, none negative and not all zero")


def _outside_range(row: PublishedRow) -> Iterator[Finding]:
    for name in METRICS:
        printed = getattr(row, name)
        allowed = Range(-1.0 if name == "kappa" else 0.0, 1.0)
        if printed is not None:
            yield from compare(row.label, "range", name, printed, allowed, (), "no such score exists")


def _f1_of_precision_and_sensitivity(
    row: PublishedRow, classes: int, supports: tuple[int, ...] | None, averaged: bool
) -> Iterator[Finding]:
    """Macro F1 against the harmonic mean of macro precision and sensitivity.

    Above it is impossible where no class can be without a frame found, and otherwise only if such a class counts as 0
    (scikit-learn's default) instead of being left out. Of means over folds, the sensitivity can tell that of a fold
    which does as well as the mean, and no more: the message says so.
    """
    if not (row.f1 and row.precision and row.sensitivity):
        return
    rule = "f1 against precision and sensitivity"
    given = (("precision", row.precision), ("sensitivity", row.sensitivity))
    precision, recall = _range(row.precision), _range(row.sensitivity)
    plain = bounds.f1_from_precision_and_recall(precision, recall)
    reason = "macro F1, in means over folds too, is at least their sum less 1"
    yield from compare(row.label, rule, "f1", row.f1, Range(plain.low, math.inf), given, reason)
    reason = "macro F1, in means over folds too, is at most their harmonic mean"
    if supports:
        accuracy = _range(row.accuracy) if row.accuracy else None
        found = bounds.least_classes_found(recall, None if averaged else accuracy, Shares.of(supports))
        allowed = bounds.f1_with_classes_left_out(precision, recall, classes, found)
        if found == classes:
            allowed = plain
            condition = "; every class has frames found, so that none can have been left out as 0/0"
            if averaged:
                condition += ", unless in a fold far worse than the mean"
        else:
            condition = f", even where {classes - found} of the {classes} classes are left out as 0/0"
        if found == classes or not averaged:
            proven = tuple(
                compare(row.label, rule, "f1", row.f1, Range(-math.inf, allowed.high), given, reason + condition)
            )
            yield from proven
            if proven:
                return
    condition = ", if a class that is never predicted, or never occurs, counts as 0 (0/0) and is not left out"
    yield from compare(
        row.label, rule, "f1", row.f1, Range(-math.inf, plain.high), given, reason + condition, "implausible"
    )  # fmt: skip


def _without_supports(row: PublishedRow, classes: int) -> Iterator[Finding]:
    sensitivity, accuracy = row.sensitivity, row.accuracy
    # 0 is also what programs print for 0/0, where a test set has one class only
    if row.specificity and sensitivity and row.specificity.middle != 0:
        allowed = bounds.specificity_from_recall(_range(sensitivity))
        given = (("sensitivity", sensitivity),)
        reason = "macro specificity is never below macro sensitivity"
        yield from compare(
            row.label, "specificity against sensitivity", "specificity", row.specificity, allowed, given, reason
        )
    if accuracy and sensitivity:
        allowed = bounds.accuracy_from_any_recall(_range(sensitivity), classes)
        reason = f"accuracy is a weighted mean of the {classes} sensitivities"
        given = (("sensitivity", sensitivity),)
        yield from compare(row.label, "accuracy against sensitivity", "accuracy", accuracy, allowed, given, reason)
    for name, score in (("precision", row.precision), ("f1", row.f1)):
        if accuracy and score:
            allowed = bounds.accuracy_from_macro_score(_range(score), classes)
            reason = f"accuracy is at most {classes} times the macro average"
            yield from compare(
                row.label, f"accuracy against {name}", "accuracy", accuracy, allowed, ((name, score),), reason
            )
    if row.kappa and accuracy:
        allowed = bounds.kappa_from_accuracy(_range(accuracy))
        reason = "kappa lies between accuracy less 1 and accuracy"
        given = (("accuracy", accuracy),)
        yield from compare(row.label, "kappa against accuracy", "kappa", row.kappa, allowed, given, reason)


def _with_supports(row: PublishedRow, supports: tuple[int, ...], averaged: bool) -> Iterator[Finding]:
    found: set[str] = set()
    for slack, level, condition in FOLD_SLACK if averaged else EXACT_SLACK:
        shares = Shares.of(supports, slack)
        for limit in _limits_of_shares(row, shares, averaged):
            if limit.rule in found:
                continue
            printed, reason = getattr(row, limit.score), limit.reason + condition
            findings = tuple(
                compare(row.label, limit.rule, limit.score, printed, limit.allowed, limit.given, reason, level)
            )
            found.update(finding.rule for finding in findings)
            yield from findings


def _limits_of_shares(row: PublishedRow, shares: Shares, averaged: bool) -> Iterator[Limit]:
    """What each score of a row may be, with these class shares."""
    if row.accuracy:
        accuracy, given = _range(row.accuracy), (("accuracy", row.accuracy),)
    elif row.sensitivity:
        accuracy = bounds.accuracy_from_recall(_range(row.sensitivity), shares)
        given = (("sensitivity", row.sensitivity),)
    else:
        return
    if accuracy.low > accuracy.high:
        return  # the sensitivity is out of its range, and that has been told
    if row.accuracy and row.sensitivity:
        allowed = bounds.accuracy_from_recall(_range(row.sensitivity), shares)
        reason = "accuracy weighs the sensitivities by the class sizes"
        sensitivity = (("sensitivity", row.sensitivity),)
        yield Limit("accuracy against sensitivity and supports", "accuracy", allowed, sensitivity, reason)
    if row.specificity:
        allowed = bounds.specificity_from_accuracy(accuracy, shares)
        reason = "each error is one false alarm among the frames of all other classes"
        yield Limit("specificity against accuracy and supports", "specificity", allowed, given, reason)
    if row.precision:
        allowed = bounds.precision_from_accuracy(accuracy, shares)
        reason = "the errors are too many, or too few, for it"
        yield Limit("precision against accuracy and supports", "precision", allowed, given, reason)
    if row.f1:
        allowed = bounds.f1_from_accuracy(accuracy, shares)
        yield Limit("f1 against accuracy and supports", "f1", allowed, given, "the errors are too few for it")
    if row.kappa:
        allowed = bounds.kappa_from_accuracy_and_shares(accuracy, shares, averaged)
        reason = "class sizes leave chance only so much to explain"
        yield Limit("kappa against accuracy and supports", "kappa", allowed, given, reason)


def compare(
    label: str,
    rule: str,
    name: str,
    printed: Printed,
    allowed: Range,
    given: tuple[tuple[str, Printed], ...],
    reason: str,
    level: Level = "impossible",
) -> Iterator[Finding]:
    """Yield a finding if nothing that is printed so lies in the allowed range."""
    above, below = printed.low > allowed.high + TOLERANCE, printed.high < allowed.low - TOLERANCE
    if not (above or below):
        return
    limit = (allowed.high if above else allowed.low) * printed.scale
    unit = " %" if printed.scale == 100 else ""
    source = f" for {' and '.join(f'{given_name} {score.text}' for given_name, score in given)}" if given else ""
    yield Finding(
        row=label,
        rule=rule,
        level=level,
        message=f"{name} {printed.text} is {'above' if above else 'below'} the {'largest' if above else 'smallest'} "
        f"that rounding leaves possible, {limit:.{min(printed.decimals + 2, 12)}f}{unit}{source}: {reason}.",
        values=((name, printed.text), *((given_name, score.text) for given_name, score in given)),
    )


def _range(printed: Printed) -> Range:
    return Range(printed.low, printed.high)
