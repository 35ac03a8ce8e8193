"""The audit of our own runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dance_tf.audit.audit import audit_means, row_in_percent
from dance_tf.audit.bounds import PublishedRow
from dance_tf.audit.rules import FOLD_SLACK, Finding, audit_row
from dance_tf.evaluation.metrics import SCORES, scores_of_confusion


@dataclass(frozen=True)
class OwnAudit:
    """Result of the audit of our scores.

    Attributes:
        rows: number of audited rows.
        findings: contradictions, each of them a fault of ours.
        runs: number of scored runs, which are audited with the class sizes of their test sets.
    """

    rows: int
    findings: tuple[Finding, ...]
    runs: int = 0


def audit_confusions(confusions: Mapping[str, np.ndarray]) -> OwnAudit:
    """Audit the scores of runs with the class sizes of their test sets, and the means of runs that differ in fold only.

    A mean is also compared with its runs, and with the class sizes only if those of its runs are similar.

    Args:
        confusions: by name, int64 [styles, styles] of one run or [runs, styles, styles] of runs that differ in fold
            only; rows are the true styles.
    """
    count, findings, runs = 0, [], 0
    for name, matrices in confusions.items():
        matrices = np.asarray(matrices)
        matrices = matrices.reshape(-1, *matrices.shape[-2:])
        classes, supports, scores = matrices.shape[-1], matrices.sum(axis=-1), scores_of_confusion(matrices)
        rows = [_row(f"{name}, run {number}", run) for number, run in enumerate(scores, start=1)]
        for row, support in zip(rows, supports.tolist(), strict=True):
            findings += audit_row(row, classes, tuple(support))
        if len(rows) > 1:
            rows.append(_row(f"{name}, mean", scores.mean(axis=0)))
            findings += audit_row(rows[-1], classes, _total_supports(supports), averaged=True)
            findings += audit_means(rows)
        count, runs = count + len(rows), runs + len(matrices)
    return OwnAudit(count, tuple(findings), runs)


def _row(label: str, scores: Sequence[float]) -> PublishedRow:
    return row_in_percent(label, **{name: 100 * value for name, value in zip(SCORES, scores, strict=True)})


def _total_supports(supports: np.ndarray) -> tuple[int, ...] | None:
    """Return the supports of all runs together if the class shares of the runs are within the smallest fold slack.

    Args:
        supports: int [runs, classes].
    """
    slack = min(slack for slack, _, _ in FOLD_SLACK)
    shares, total = supports / supports.sum(axis=1, keepdims=True), supports.sum(axis=0)
    limits = total / total.sum()
    similar = (shares <= slack * limits) & (shares >= limits / slack)
    return tuple(total.tolist()) if similar.all() else None
