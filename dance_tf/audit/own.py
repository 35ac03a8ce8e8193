"""Our own runs: the audit of their scores, and the paper's confusion of similar styles (section 4.3 and Table 4)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dance_tf.audit.audit import audit_means, row_in_percent
from dance_tf.audit.bounds import PublishedRow
from dance_tf.audit.published import similar_pairs
from dance_tf.audit.rules import FOLD_SLACK, Finding, audit_row
from dance_tf.evaluation.intervals import Estimate
from dance_tf.evaluation.metrics import SCORES, pair_confusion, scores_of_confusion
from dance_tf.evaluation.predictions import Predictions

NO_SCORES = {"difference", "differences", "drop", "rpc", "gaps"}  # keys of differences and ratios in metrics.json


@dataclass(frozen=True)
class OwnAudit:
    """Result of the audit of our scores.

    Attributes:
        rows: number of audited rows.
        findings: contradictions, each of them a fault of ours.
        runs: number of scored runs, which are audited with the class sizes of their test sets.
        means: number of rows that are means in metrics.json, without class sizes.
    """

    rows: int
    findings: tuple[Finding, ...]
    runs: int = 0
    means: int = 0

    def __add__(self, other: "OwnAudit") -> "OwnAudit":
        """Return both together."""
        findings = (*self.findings, *other.findings)
        return OwnAudit(self.rows + other.rows, findings, self.runs + other.runs, self.means + other.means)


def audit_confusions(confusions: Mapping[str, np.ndarray]) -> OwnAudit:
    """Audit the scores of runs with the class sizes of their test sets, and the means of runs that differ in fold only.

    A mean is also compared with its runs, and with the class sizes only if those of its runs are similar.

    Args:
        confusions: by name, int64 [styles, styles] of one run or [runs, styles, styles] of runs that differ in fold
            only; rows are the true styles.
    """
    return sum((_audit_runs(name, np.asarray(matrices)) for name, matrices in confusions.items()), OwnAudit(0, ()))


def _audit_runs(name: str, matrices: np.ndarray) -> OwnAudit:
    matrices = matrices.reshape(-1, *matrices.shape[-2:])
    classes, supports, scores = matrices.shape[-1], matrices.sum(axis=-1), scores_of_confusion(matrices)
    rows = [_row(f"{name}, run {number}", run) for number, run in enumerate(scores, start=1)]
    findings = [
        finding
        for row, support in zip(rows, supports.tolist(), strict=True)
        for finding in audit_row(row, classes, tuple(support))
    ]
    if len(rows) > 1:
        rows.append(_row(f"{name}, mean", scores.mean(axis=0)))
        findings += audit_row(rows[-1], classes, _total_supports(supports), averaged=True)
        findings += audit_means(rows)
    return OwnAudit(len(rows), tuple(findings), runs=len(matrices))


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


def audit_metrics(name: str, metrics: Mapping[str, object], classes: int) -> OwnAudit:
    """Audit all groups of six mean scores in a branch of metrics.json, with the rules that hold for all class sizes.

    Args:
        name: name of the branch.
        metrics: nested; a group contains `{"mean": …, "interval": …, "runs": …}` for each score.
        classes: number of styles.
    """
    rows = [_row(label, scores) for label, scores in _score_groups(name, metrics)]
    findings = tuple(finding for row in rows for finding in audit_row(row, classes, averaged=True))
    return OwnAudit(len(rows), findings, means=len(rows))


def _score_groups(path: str, node: object) -> Iterator[tuple[str, list[float]]]:
    if not isinstance(node, Mapping):
        return
    if all(isinstance(node.get(metric), Mapping) and "mean" in node[metric] for metric in SCORES):
        means = [node[metric]["mean"] for metric in SCORES]
        if None not in means:
            yield path, means
        return
    for key, child in node.items():
        if key not in NO_SCORES:
            yield from _score_groups(f"{path}/{key}", child)


def similar_confusion(runs: Sequence[Predictions], resamples: int = 1000, seed: int = 0) -> Estimate:
    """Return the share of the similar styles' frames that are predicted as the other style of the pair, mean over runs.

    Args:
        runs: predictions of frames.
        resamples: number of bootstrap samples of dancers for the interval.
        seed: seed of the bootstrap.

    Returns:
        the rate with its 95 % interval; nan if the styles contain no similar pair, or for fewer than two dancers.
    """
    pairs = similar_pairs(runs[0].styles)
    if not pairs:
        return Estimate(np.nan, np.nan, np.nan, len(runs))
    owners = [np.array(run.dancers)[run.clips] for run in runs]
    dancers, classes = np.unique(np.concatenate(owners)), len(runs[0].styles)
    counts = np.zeros((len(runs), len(dancers), classes, classes), dtype=np.int64)
    for count, run, owner in zip(counts, runs, owners, strict=True):
        np.add.at(count, (np.searchsorted(dancers, owner), run.labels, run.predicted), 1)
    mean = float(np.mean([pair_confusion(run.sum(axis=0), pairs) for run in counts]))
    if len(dancers) < 2:
        return Estimate(mean, np.nan, np.nan, len(runs))
    one, other = (list(side) for side in zip(*pairs, strict=True))
    confused = counts[:, :, one, other].sum(axis=-1) + counts[:, :, other, one].sum(axis=-1)
    frames = counts[:, :, one].sum(axis=(-2, -1)) + counts[:, :, other].sum(axis=(-2, -1))
    generator = np.random.default_rng([seed, 0])
    samples = generator.multinomial(len(dancers), np.full(len(dancers), 1 / len(dancers)), size=resamples)
    above, below = samples @ confused.T, samples @ frames.T  # [resamples, runs]
    rates = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
    rates = rates[~np.isnan(rates).all(axis=1)]
    low, high = np.percentile(np.nanmean(rates, axis=1), (2.5, 97.5)) if len(rates) else (np.nan, np.nan)
    return Estimate(mean, float(low), float(high), len(runs))
