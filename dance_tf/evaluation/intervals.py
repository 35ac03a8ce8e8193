"""Intervals and tests over dancers: cluster bootstrap, paired t, Holm's correction.

The dancer is the unit. A bootstrap over few dancers is too narrow: over four dancers without any true difference, its
95 % interval excludes zero in 20 % of 20,000 simulated cases (11 % over eight, 7 % over twenty). Student's paired t
does so in 5 %. Intervals therefore describe, and claims rest on the tests.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
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
    """A score: mean over runs, 95 % interval over dancers (nan where there is one dancer), number of runs."""

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
    """Return the mean over runs of each of `SCORES`, with intervals from a bootstrap over dancers.

    One draw of dancers serves all runs, since a dancer tested in several runs has the same influence on each. A run
    without any of the drawn dancers is left out of that draw's mean.

    Args:
        runs: predictions of each run.
        unit: "frame" or "clip".
        resamples: draws of the bootstrap.
        seed: of the draws.

    Raises:
        ValueError: no runs, a run without clips, runs with different styles, or an unknown unit.
    """
    return _estimate([(1, runs)], unit, resamples, seed)


def estimate_difference(
    first: Sequence[Predictions],
    second: Sequence[Predictions],
    unit: str = "frame",
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Return first minus second for the mean of each score; each draw of dancers serves both sides.

    Args and Raises are those of `estimate_scores`; both sides must have the same styles.
    """
    if not first or not second:
        raise ValueError("both sides of a difference need at least one run")
    return _estimate([(1, first), (-1, second)], unit, resamples, seed)


def _estimate(sides: Sequence[Side], unit: str, resamples: int, seed: int) -> dict[str, Estimate]:
    dancers, counts = confusion_by_dancer([run for _, runs in sides for run in runs], unit)
    draws = draw_dancers(len(dancers), resamples, seed)
    parts = np.split(counts, np.cumsum([len(runs) for _, runs in sides])[:-1])
    observed, *drawn = sum(weight * mean_scores(part, draws) for (weight, _), part in zip(sides, parts, strict=True))
    drawn = np.reshape(drawn, (-1, len(SCORES)))
    drawn = drawn[~np.isnan(drawn).any(axis=1)]  # a draw may leave a side without any dancer
    low = high = np.full(len(SCORES), np.nan)
    if len(dancers) > 1 and len(drawn):
        low, high = np.percentile(drawn, (2.5, 97.5), axis=0)
    numbers = zip(SCORES, np.stack([observed, low, high], axis=1).tolist(), strict=True)
    return {name: Estimate(*values, min(len(runs) for _, runs in sides)) for name, values in numbers}


def confusion_by_dancer(runs: Sequence[Predictions], unit: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the names of all tested dancers and float64 [runs, dancers, classes, classes], rows are the truth."""
    if not runs:
        raise ValueError("no runs to score")
    if any(run.styles != runs[0].styles for run in runs):
        raise ValueError("the runs have different styles")
    if any(not len(run.labels) for run in runs):
        raise ValueError("no predictions to score")
    dancers = tuple(sorted({name for run in runs for name in run.groups}))
    index = {name: place for place, name in enumerate(dancers)}
    classes = len(runs[0].styles)
    counts = np.zeros((len(runs), len(dancers), classes, classes))
    for run, found in zip(runs, counts, strict=True):
        np.add.at(found, [index[name] for name in run.groups], run.confusion_by_clip(unit))
    return dancers, counts


def mean_scores(counts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mean over runs of the scores under weights of dancers.

    Args:
        counts: float64 [runs, dancers, classes, classes].
        weights: float64 [draws, dancers], how often each dancer counts.

    Returns:
        float64 [draws, 6]; a run without any weighted dancer is left out, nan where that leaves none.
    """
    dancers, classes = counts.shape[1:3]
    total, taken = np.zeros((len(weights), len(SCORES))), np.zeros((len(weights), 1))
    for run in counts:  # run by run bounds the memory: draws x classes x classes numbers
        matrices = (weights @ run.reshape(dancers, -1)).reshape(-1, classes, classes)
        present = (matrices.sum(axis=(1, 2)) > 0)[:, None]
        total += scores_of_confusion(matrices) * present
        taken += present
    return np.divide(total, taken, out=np.full_like(total, np.nan), where=taken > 0)


def draw_dancers(dancers: int, resamples: int, seed: int) -> np.ndarray:
    """Return how often each dancer is drawn: float64 [1 + resamples, dancers]; each dancer once in the first row."""
    draws = np.random.default_rng([seed, 0]).multinomial(dancers, np.full(dancers, 1 / dancers), size=resamples)
    return np.concatenate([np.ones((1, dancers)), draws])


@dataclass(frozen=True)
class DancerDifference:
    """A difference of accuracies, tested over dancers.

    Attributes:
        mean: of the dancers' own differences, each dancer counting equally; a fraction.
        low: of its 95 % t interval, not corrected for several tests; nan with fewer than two dancers.
        high: of the same.
        p: two-sided p value; nan with fewer than two dancers. After `holm`, corrected.
        dancers: number of dancers.
        runs: of the side with the fewest.
    """

    mean: float
    low: float
    high: float
    p: float
    dancers: int
    runs: int = 1


def accuracy_by_dancer(runs: Sequence[Predictions], unit: str = "frame") -> dict[str, float]:
    """Return each dancer's accuracy, the mean over the runs that test the dancer."""
    shares: dict[str, list[float]] = {}
    for run in runs:
        dancers, counts = confusion_by_dancer([run], unit)
        for name, matrix in zip(dancers, counts[0], strict=True):
            shares.setdefault(name, []).append(float(np.trace(matrix) / matrix.sum()))
    return {name: float(np.mean(found)) for name, found in shares.items()}


def compare_dancers(sides: Sequence[Side], unit: str = "frame") -> DancerDifference:
    """Sum weighted accuracies for each dancer and test the mean over dancers with Student's paired t (1908).

    Weights 1 and -1 make a difference of two sets of runs, four sides a difference of differences. Dancers missing from
    a side are left out.

    Raises:
        ValueError: a side without runs, or no dancer tested on all sides.
    """
    if any(not runs for _, runs in sides):
        raise ValueError("every side of a difference needs at least one run")
    scores = [(weight, accuracy_by_dancer(runs, unit)) for weight, runs in sides]
    names = sorted(set.intersection(*(set(score) for _, score in scores)))
    if not names:
        raise ValueError("no dancer was tested on all sides")
    found = np.array([sum(weight * score[name] for weight, score in scores) for name in names])
    runs, count, mean = min(len(runs) for _, runs in sides), len(found), float(found.mean())
    if count < 2:
        return DancerDifference(mean, math.nan, math.nan, math.nan, count, runs)
    if found.std(ddof=1) / math.sqrt(count) < 1e-12:  # no spread to test against: nothing is significant
        return DancerDifference(mean, mean, mean, 1.0, count, runs)
    test = stats.ttest_1samp(found, 0.0)
    interval = test.confidence_interval(1 - ALPHA)
    return DancerDifference(mean, float(interval.low), float(interval.high), float(test.pvalue), count, runs)


def holm(found: Mapping[Hashable, DancerDifference]) -> dict[Hashable, DancerDifference]:
    """Correct p values for the number of tests (Holm 1979); differences without a test stay as they are."""
    names = sorted((name for name in found if not math.isnan(found[name].p)), key=lambda name: found[name].p)
    corrected, highest = dict(found), 0.0
    for rank, name in enumerate(names):
        highest = max(highest, min(1.0, (len(names) - rank) * found[name].p))
        corrected[name] = replace(found[name], p=highest)
    return corrected
