"""Intervals and tests over dancers: cluster bootstrap, paired t, Holm's correction.

The dancer is the unit. Runs are pooled: their confusion matrices are added before a score is computed, because the mean
of macro scores of small folds is biased. A bootstrap over few dancers is too narrow even so; intervals describe, and
claims rest on the tests.
"""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from dance_tf.evaluation.metrics import SCORES, scores_of_confusion
from dance_tf.evaluation.predictions import Predictions

ALPHA = 0.05  # level of significance
MIN_TESTED_DANCERS = 8  # with fewer dancers no test is reported and nothing is called significant
UNITS = ("frame", "clip")

Side = tuple[float, Sequence[Predictions]]  # weight of a set of runs in a difference: 1 or -1


@dataclass(frozen=True)
class Estimate:
    """A score of pooled runs, its 95 % interval over dancers (nan where there is one dancer), number of runs."""

    mean: float
    low: float
    high: float
    runs: int = 1

    def to_json(self) -> dict[str, object]:
        """Return `{"mean": …, "interval": [low, high] or None, "runs": n}`."""
        interval = None if math.isnan(self.low) else [self.low, self.high]
        return {"mean": self.mean, "interval": interval, "runs": self.runs}


def estimate_scores(
    runs: Sequence[Predictions], unit: str = "frame", resamples: int = 1000, seed: int = 0
) -> dict[str, Estimate]:
    """Return each of `SCORES` of pooled runs, with BCa intervals from a bootstrap over dancers.

    Args:
        runs: predictions of each run: folds, repeats or both.
        unit: "frame" or "clip".
    """
    return _estimate([(1, runs)], unit, resamples, seed)


def estimate_difference(
    first: Sequence[Predictions],
    second: Sequence[Predictions],
    unit: str = "frame",
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Return first minus second for each score of the pooled runs; each draw of dancers serves both sides.

    Args are those of `estimate_scores`; both sides must have the same styles.
    """
    return _estimate([(1, first), (-1, second)], unit, resamples, seed)


def _estimate(sides: Sequence[Side], unit: str, resamples: int, seed: int) -> dict[str, Estimate]:
    dancers, counts = confusion_by_dancer([runs for _, runs in sides], unit)

    def difference(weights: np.ndarray) -> np.ndarray:
        return sum(sign * pooled_scores(own, weights) for (sign, _), own in zip(sides, counts, strict=True))

    found = bootstrap_dancers(difference, len(dancers), resamples, seed)
    runs = min(len(runs) for _, runs in sides)
    return {name: Estimate(*values, runs) for name, values in zip(SCORES, found.T.tolist(), strict=True)}


def confusion_by_dancer(groups: Sequence[Sequence[Predictions]], unit: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the names of all tested dancers and the confusion matrices of pooled runs.

    Args:
        groups: sets of runs; those of a set are pooled.
        unit: "frame" or "clip".

    Returns:
        names in alphabetical order, and float64 [groups, dancers, classes, classes], rows are the truth.

    Raises:
        ValueError: runs with different styles.
    """
    runs = [run for group in groups for run in group]
    if any(run.styles != runs[0].styles for run in runs):
        raise ValueError("the runs have different styles")
    dancers = tuple(sorted({name for run in runs for name in run.groups}))
    index = {name: place for place, name in enumerate(dancers)}
    classes = len(runs[0].styles)
    counts = np.zeros((len(groups), len(dancers), classes, classes))
    for group, found in zip(groups, counts, strict=True):
        for run in group:
            np.add.at(found, [index[name] for name in run.groups], run.confusion_by_clip(unit))
    return dancers, counts


def pooled_scores(counts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the scores under weights of dancers.

    Args:
        counts: float64 [dancers, classes, classes].
        weights: float64 [draws, dancers], how often each dancer counts.

    Returns:
        float64 [draws, 6]; nan where no dancer with predictions counts.
    """
    matrices = np.tensordot(weights, counts, axes=1)
    return np.where(matrices.sum(axis=(1, 2))[:, None] > 0, scores_of_confusion(matrices), np.nan)


def bootstrap_dancers(
    statistic: Callable[[np.ndarray], np.ndarray], dancers: int, resamples: int, seed: int
) -> np.ndarray:
    """Return values of a statistic with 95 % intervals: bias-corrected and accelerated bootstrap (BCa).

    Args:
        statistic: from weights of dancers, float64 [draws, dancers], to values, float64 [draws, values]; nan where they
            are not defined.

    Returns:
        float64 [3, values]: observed, low, high; low and high are nan with one dancer.

    Reference:
        Efron 1987; scipy.stats.bootstrap has no weights, with which one matrix product makes all draws.
    """
    observed = statistic(np.ones((1, dancers)))[0]
    if dancers < 2:
        return np.stack([observed, *np.full((2, len(observed)), np.nan)])
    drawn = np.random.default_rng([seed, 0]).multinomial(dancers, np.full(dancers, 1 / dancers), size=resamples)
    drawn, left_out = statistic(drawn.astype(float)), statistic(1 - np.eye(dancers))
    found = [_bca(*columns) for columns in zip(observed, drawn.T, left_out.T, strict=True)]
    return np.concatenate([observed[None], np.transpose(found)])


def _bca(observed: float, drawn: np.ndarray, left_out: np.ndarray) -> tuple[float, float]:
    drawn, left_out = drawn[~np.isnan(drawn)], left_out[~np.isnan(left_out)]
    if not len(drawn) or math.isnan(observed):
        return math.nan, math.nan
    below = (np.mean(drawn < observed) + np.mean(drawn <= observed)) / 2
    bias = stats.norm.ppf(np.clip(below, 0.5 / len(drawn), 1 - 0.5 / len(drawn)))
    skewed = left_out.mean() - left_out if len(left_out) else np.zeros(1)
    spread = np.sum(skewed**2) ** 1.5
    acceleration = np.sum(skewed**3) / (6 * spread) if spread > 1e-12 else 0.0
    shifted = bias + stats.norm.ppf([ALPHA / 2, 1 - ALPHA / 2])
    low, high = np.quantile(drawn, stats.norm.cdf(bias + shifted / (1 - acceleration * shifted)))
    return float(low), float(high)


@dataclass(frozen=True)
class DancerDifference:
    """A difference of accuracies, tested over dancers."""

    mean: float  # of the dancers' own differences, each dancer counting equally; a fraction
    low: float  # of its 95 % t interval, not corrected for several tests; nan with fewer than two dancers
    high: float  # of the same
    p: float  # two-sided p value; nan with fewer than two dancers. After `holm`, corrected
    dancers: int  # number of dancers
    runs: int = 1  # of the side with the fewest


def accuracy_by_dancer(runs: Sequence[Predictions], unit: str = "frame") -> dict[str, float]:
    """Return each dancer's accuracy over the pooled runs."""
    dancers, [counts] = confusion_by_dancer([runs], unit)
    shares = np.trace(counts, axis1=1, axis2=2) / counts.sum(axis=(1, 2))
    return dict(zip(dancers, shares.tolist(), strict=True))


def compare_dancers(sides: Sequence[Side], unit: str = "frame") -> DancerDifference:
    """Sum weighted accuracies for each dancer and test the mean over dancers with Student's paired t (1908).

    Weights 1 and -1 make a difference of two sets of runs, four sides a difference of differences. Dancers missing from
    a side are left out. Dancers that the same runs test share a network, and their differences may be alike. Where
    these groups differ by more than their dancers explain, the groups are the unit of the test: the standard error is
    that of the groups' means, and the degrees of freedom are one less than the groups.

    Raises:
        ValueError: no dancer tested on all sides.
    """
    scores = [(weight, accuracy_by_dancer(runs, unit)) for weight, runs in sides]
    names = sorted(set.intersection(*(set(score) for _, score in scores)))
    if not names:
        raise ValueError("no dancer was tested on all sides")
    found = np.array([sum(weight * score[name] for weight, score in scores) for name in names])
    runs, count, mean = min(len(runs) for _, runs in sides), len(found), float(found.mean())
    if count < 2:
        return DancerDifference(mean, math.nan, math.nan, math.nan, count, runs)
    tested = [set(run.groups) for _, runs in sides for run in runs]
    shared = [tuple(name in by_run for by_run in tested) for name in names]
    groups = [found[[mine == each for mine in shared]] for each in dict.fromkeys(shared)]
    variance, freedom = found.var(ddof=1), count - 1
    if 1 < len(groups) < count:
        between = sum(len(group) * (group.mean() - mean) ** 2 for group in groups) / (len(groups) - 1)
        if between > variance:
            variance, freedom = between, len(groups) - 1
    error = math.sqrt(variance / count)
    if error < 1e-12:  # no spread to test against: nothing is significant
        return DancerDifference(mean, mean, mean, 1.0, count, runs)
    half = float(stats.t.ppf(1 - ALPHA / 2, freedom)) * error
    p = 2 * float(stats.t.sf(abs(mean) / error, freedom))
    return DancerDifference(mean, mean - half, mean + half, p, count, runs)


def holm(found: Mapping[Hashable, DancerDifference]) -> dict[Hashable, DancerDifference]:
    """Correct p values for the number of tests (Holm 1979); differences without a test stay as they are."""
    names = sorted((name for name in found if not math.isnan(found[name].p)), key=lambda name: found[name].p)
    corrected, highest = dict(found), 0.0
    for rank, name in enumerate(names):
        highest = max(highest, min(1.0, (len(names) - rank) * found[name].p))
        corrected[name] = replace(found[name], p=highest)
    return corrected
