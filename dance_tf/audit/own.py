"""The auditor turned on ourselves: every run, and every mean of runs, as it would be printed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dance_tf.audit.audit import audit_means
from dance_tf.audit.bounds import PublishedRow, read_printed
from dance_tf.audit.rules import FOLD_SLACK, Finding, audit_row
from dance_tf.evaluation.metrics import SCORES, Scores, score
from dance_tf.evaluation.predictions import Predictions, aggregate_clips
from dance_tf.experiments.spec import Result

DECIMALS = 2  # as the paper prints
NO_SCORES = {"difference", "differences", "drop", "rpc", "gaps"}  # branches of differences and ratios


@dataclass(frozen=True)
class OwnAudit:
    """What the auditor says of rows of ours.

    Attributes:
        rows: how many it was shown.
        findings: what it accuses; anything here is a fault of ours.
        runs: training runs that were scored anew for it, on the class sizes of what they were scored on.
        means: rows that were read from metrics.json as means, without class sizes.
    """

    rows: int
    findings: tuple[Finding, ...]
    runs: int = 0
    means: int = 0

    def __add__(self, other: "OwnAudit") -> "OwnAudit":
        """Both together."""
        findings = (*self.findings, *other.findings)
        return OwnAudit(self.rows + other.rows, findings, self.runs + other.runs, self.means + other.means)


def print_row(label: str, scores: Mapping[str, float]) -> PublishedRow:
    """Scores (fractions) as they would stand in print: percent, two decimals."""
    return PublishedRow(
        label, **{name: read_printed(f"{100 * value:.{DECIMALS}f}", percent=True) for name, value in scores.items()}
    )


def audit_runs(results: Sequence[Result]) -> OwnAudit:
    """Audit each run on the very class sizes it was scored on, and the mean of the runs that differ only in fold.

    A mean is held against its runs too, and against class sizes only where its runs have about the same.

    Args:
        results: runs of any strategies, splits and views.
    """
    groups: dict[tuple, list[Result]] = {}
    for result in results:
        job = result.job
        groups.setdefault((job.settings, job.unit, job.folds, job.seed, job.score_frames, job.interval), []).append(
            result
        )
    return sum((_audit_group(group) for group in groups.values()), OwnAudit(0, ()))


def _audit_group(group: Sequence[Result]) -> OwnAudit:
    settings, unit = group[0].job.settings, group[0].job.unit
    name = f"{settings.strategy}, {settings.view}, split by {unit}"
    found = OwnAudit(0, (), runs=len(group))
    for part, tested in (("validation", [run.validation for run in group]), ("held out", [run.test for run in group])):
        for by in ("frame", "clip"):
            runs = tested if by == "frame" else [aggregate_clips(run) for run in tested]
            found += _audit_parts(f"{name}, {part}, by {by}", runs)
    return found


def _audit_parts(name: str, runs: Sequence[Predictions]) -> OwnAudit:
    classes = len(runs[0].styles)
    supports = [tuple(np.bincount(run.labels, minlength=classes).tolist()) for run in runs]
    scores = [score(run.labels, run.predicted, classes) for run in runs]
    rows = [print_row(f"{name}, run {number}", _by_name(found)) for number, found in enumerate(scores, start=1)]
    findings = [
        finding for row, support in zip(rows, supports, strict=True) for finding in audit_row(row, classes, support)
    ]
    if len(runs) > 1:
        means = {metric: float(np.mean([getattr(found, metric) for found in scores])) for metric in SCORES}
        mean = print_row(f"{name}, mean", means)
        findings += audit_row(mean, classes, _whole(np.array(supports)), averaged=True)
        findings += audit_means([*rows, mean])
    return OwnAudit(len(runs) + (len(runs) > 1), tuple(findings))


def _whole(supports: np.ndarray) -> tuple[int, ...] | None:
    """Supports of all runs together, where each run's class shares are as near to theirs as the auditor supposes.

    Args:
        supports: int [runs, classes].

    Returns:
        None where a run's shares are another's by more than that: what is true of it may then look false.
    """
    slack = min(slack for slack, _, _ in FOLD_SLACK)
    shares = supports / supports.sum(axis=1, keepdims=True)
    whole = supports.sum(axis=0) / supports.sum()
    near = (shares <= slack * whole) & (shares >= whole / slack)
    return tuple(supports.sum(axis=0).tolist()) if near.all() else None


def _by_name(scores: Scores) -> dict[str, float]:
    return {name: getattr(scores, name) for name in SCORES}


def audit_metrics(name: str, metrics: Mapping[str, object], classes: int) -> OwnAudit:
    """Audit every group of six scores in a branch of metrics.json, on what holds for every class balance.

    Args:
        name: where the branch is from.
        metrics: nested; a group of scores ends in `{"mean": …, "interval": …, "runs": …}` for each.
        classes: number of styles.
    """
    rows = [print_row(label, scores) for label, scores in _score_groups(name, metrics)]
    findings = tuple(finding for row in rows for finding in audit_row(row, classes, averaged=True))
    return OwnAudit(len(rows), findings, means=len(rows))


def _score_groups(path: str, node: object) -> Iterator[tuple[str, dict[str, float]]]:
    if not isinstance(node, Mapping):
        return
    if all(isinstance(node.get(metric), Mapping) and "mean" in node[metric] for metric in SCORES):
        means = {metric: node[metric]["mean"] for metric in SCORES}
        if None not in means.values():
            yield path, means
        return
    for key, child in node.items():
        if key not in NO_SCORES:
            yield from _score_groups(f"{path}/{key}", child)
