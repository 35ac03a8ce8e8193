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


Scored = dict[str, Estimate]  # an estimate of each of `metrics.SCORES`


def estimate_scores(
    runs: Sequence[Predictions], unit: str = "frame", resamples: int = 1000, seed: int = 0
) -> dict[str, Estimate]:
    """Return the mean over runs of each score, with intervals from a bootstrap over dancers.

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
    dancers, counts = confusion_by_dancer(runs, unit)
    drawn = mean_scores(counts, draw_dancers(len(dancers), resamples, seed))
    return _estimates(observed_scores(counts), drawn, len(dancers) > 1, len(runs))


def summarise_runs(runs: Sequence[Predictions], resamples: int = 1000, seed: int = 0) -> dict[str, Scored]:
    """Return `estimate_scores` by frame and by clip, keyed "frame" and "clip"."""
    return {unit: estimate_scores(runs, unit, resamples, seed) for unit in UNITS}


def summary_to_json(summary: Mapping[str, Mapping[str, Estimate]]) -> dict[str, dict[str, object]]:
    """Return a summary as metrics.json has it: unit, then metric, then mean, interval, runs."""
    return {unit: {name: found.to_json() for name, found in scores.items()} for unit, scores in summary.items()}


def estimate_difference(
    first: Sequence[Predictions],
    second: Sequence[Predictions],
    unit: str = "frame",
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Return first minus second for the mean of each score; each draw of dancers serves both sides.

    A draw that leaves a side without any dancer is dropped.

    Raises:
        ValueError: as `estimate_scores`, or the sides have different styles.
    """
    if not first or not second:
        raise ValueError("both sides of a difference need at least one run")
    dancers, counts = confusion_by_dancer([*first, *second], unit)
    sides = counts[: len(first)], counts[len(first) :]
    draw = draw_dancers(len(dancers), resamples, seed)
    drawn = mean_scores(sides[0], draw) - mean_scores(sides[1], draw)
    observed = observed_scores(sides[0]) - observed_scores(sides[1])
    return _estimates(observed, drawn, len(dancers) > 1, min(len(first), len(second)))


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


def observed_scores(counts: np.ndarray) -> np.ndarray:
    """Return the mean over runs of each run's scores: float64 [6] from [runs, dancers, classes, classes]."""
    return scores_of_confusion(counts.sum(axis=1)).mean(axis=0)


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
    """Return how often each dancer is drawn: float64 [resamples, dancers]; rows sum to the number of dancers."""
    generator = np.random.default_rng([seed, 0])
    return generator.multinomial(dancers, np.full(dancers, 1 / dancers), size=resamples).astype(np.float64)


def _estimates(observed: np.ndarray, drawn: np.ndarray, enough: bool, runs: int) -> dict[str, Estimate]:
    drawn = drawn[~np.isnan(drawn).any(axis=1)]
    low = high = np.full(len(SCORES), np.nan)
    if enough and len(drawn):
        low, high = np.percentile(drawn, (2.5, 97.5), axis=0)
    found = zip(SCORES, observed, low, high, strict=True)
    return {name: Estimate(float(mean), float(least), float(most), runs) for name, mean, least, most in found}


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

    @property
    def tested(self) -> bool:
        """Whether there were enough dancers for a test."""
        return not math.isnan(self.p)

    @property
    def above(self) -> bool:
        """Whether it is significantly above zero."""
        return self.p < ALPHA and self.mean > 0

    @property
    def below(self) -> bool:
        """Whether it is significantly below zero."""
        return self.p < ALPHA and self.mean < 0

    def to_json(self) -> dict[str, object]:
        """Return mean, interval, p, dancers and runs; null where there was no test."""
        interval, p = ([self.low, self.high], self.p) if self.tested else (None, None)
        return {"mean": self.mean, "interval": interval, "p": p, "dancers": self.dancers, "runs": self.runs}


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
        ValueError: no sides, a side without runs, or no dancer tested on all sides.
    """
    if not sides or any(not runs for _, runs in sides):
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
    names = sorted((name for name in found if found[name].tested), key=lambda name: found[name].p)
    corrected, highest = dict(found), 0.0
    for rank, name in enumerate(names):
        highest = max(highest, min(1.0, (len(names) - rank) * found[name].p))
        corrected[name] = replace(found[name], p=highest)
    return corrected
