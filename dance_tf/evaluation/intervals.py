"""Whether a difference is shown where few dancers were tested: paired t over each dancer's own difference.

The bootstrap of `intervals` draws from the dancers it has, and with few it sees too little of their spread: over four
dancers without any true difference its 95 % interval leaves zero out in one case of five (20 % of 20,000 made-up ones;
11 % over eight, 7 % over twenty), Student's paired t (1908) in one of twenty. So intervals describe, and claims rest on
these tests. Of many tests one is passed by luck: Holm's correction (1979) takes their number into account.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import stats

from dance_tf.evaluation.metrics import SCORES, scores_of_confusion
from dance_tf.evaluation.predictions import Predictions, aggregate_clips

Level = Literal["frame", "clip"]


@dataclass(frozen=True)
class Estimate:
    """One score: its mean over runs, its 95 % interval and the number of runs."""

    mean: float
    low: float
    high: float
    runs: int = 1

    def to_json(self) -> dict:
        """`{"mean": …, "interval": [low, high], "runs": n}`; the interval is None where it cannot be told."""
        interval = None if math.isnan(self.low) else [self.low, self.high]
        return {"mean": self.mean, "interval": interval, "runs": self.runs}


@dataclass(frozen=True)
class ScoreEstimates:
    """An estimate of every score of `metrics.Scores` (or of a difference of scores)."""

    accuracy: Estimate
    precision: Estimate
    sensitivity: Estimate
    specificity: Estimate
    f1: Estimate
    kappa: Estimate

    def to_json(self) -> dict[str, dict]:
        """Each score's JSON by its name."""
        return {name: getattr(self, name).to_json() for name in SCORES}


@dataclass(frozen=True)
class RunSummary:
    """Estimates over several runs, with the frame and with the clip as what is counted."""

    frame: ScoreEstimates
    clip: ScoreEstimates

    def to_json(self) -> dict[str, dict]:
        """`{"frame": {…}, "clip": {…}}`, as metrics.json has it below strategy and split."""
        return {"frame": self.frame.to_json(), "clip": self.clip.to_json()}


def bootstrap_scores(
    predictions: Predictions, by: Level = "frame", resamples: int = 1000, seed: int = 0
) -> ScoreEstimates:
    """Scores of one run with their intervals.

    Args:
        predictions: of frames.
        by: "frame" scores each row; "clip" first takes the mean of each clip's frames.
        resamples: draws of the bootstrap.
        seed: of the draws.

    Raises:
        ValueError: no predictions, or `by` is neither.
    """
    return estimate_scores([predictions], by, resamples, seed)


def summarise_runs(runs: Sequence[Predictions], resamples: int = 1000, seed: int = 0) -> RunSummary:
    """Scores over folds and repeats, by frame and by clip; see `estimate_scores`."""
    return RunSummary(
        frame=estimate_scores(runs, "frame", resamples, seed), clip=estimate_scores(runs, "clip", resamples, seed)
    )


def estimate_scores(
    runs: Sequence[Predictions], by: Level = "frame", resamples: int = 1000, seed: int = 0
) -> ScoreEstimates:
    """Mean over runs of each run's own scores, as Table 2 averages its folds.

    One draw of dancers serves all runs, because a dancer who is tested in several runs brings the same luck to each.
    A run none of whose dancers is drawn is left out of that draw's mean.

    Raises:
        ValueError: no runs, a run without predictions, runs with different styles, or `by` is neither.
    """
    dancers, counts = _count(runs, by)
    drawn = _mean_scores(counts, _draw(len(dancers), resamples, seed))
    return _estimates(_observed(counts), drawn, len(dancers) > 1, len(runs))


def estimate_difference(
    first: Sequence[Predictions],
    second: Sequence[Predictions],
    by: Level = "frame",
    resamples: int = 1000,
    seed: int = 0,
    paired: bool = True,
) -> ScoreEstimates:
    """First minus second: difference of the mean scores of two sets of runs, with its interval.

    Args:
        first: runs of one model or split.
        second: runs of the other.
        by: "frame" or "clip".
        resamples: draws of the bootstrap.
        seed: of the draws.
        paired: True draws dancers once from all that occur and gives the draw to both sides. It holds where the two
            sides were tested on the same dancers, known by name (two strategies on one split; a frame-disjoint against
            a dancer-disjoint split of the same footage), and where they overlap in part. A draw that
            leaves a side with no dancer at all is dropped.
            False draws each side by itself. It holds where the sides are different people; on the same dancers it
            ignores that a hard dancer is hard for both, and gives too wide an interval.

    Returns:
        Estimates whose `runs` is the smaller number of the two sides.

    Raises:
        ValueError: as `estimate_scores`, or the sides have different styles.
    """
    if first and second and first[0].styles != second[0].styles:
        raise ValueError("the two sides have different styles")
    if paired:
        dancers, counts = _count([*first, *second], by)
        sides = counts[: len(first)], counts[len(first) :]
        draw = _draw(len(dancers), resamples, seed)
        drawn = _mean_scores(sides[0], draw) - _mean_scores(sides[1], draw)
        enough = len(dancers) > 1
    else:
        (names_first, counts_first), (names_second, counts_second) = _count(first, by), _count(second, by)
        sides = counts_first, counts_second
        drawn = _mean_scores(counts_first, _draw(len(names_first), resamples, seed, side=1)) - _mean_scores(
            counts_second, _draw(len(names_second), resamples, seed, side=2)
        )
        enough = min(len(names_first), len(names_second)) > 1
    return _estimates(_observed(sides[0]) - _observed(sides[1]), drawn, enough, min(len(first), len(second)))


def _count(runs: Sequence[Predictions], by: Level) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of all dancers, and their confusion matrices float64 [runs, dancers, classes, classes]."""
    if by not in ("frame", "clip"):
        raise ValueError(f"by is {by!r}: say 'frame' or 'clip'")
    if not runs:
        raise ValueError("no runs to score")
    if any(run.styles != runs[0].styles for run in runs):
        raise ValueError("the runs have different styles")
    if any(not len(run.labels) for run in runs):
        raise ValueError("no predictions to score")
    rows = [aggregate_clips(run) if by == "clip" else run for run in runs]
    # only dancers with a row, or a draw could hold people who were never tested
    names = [[name or f"clip {clip}" for name, clip in zip(run.dancers, run.clip_ids, strict=True)] for run in rows]
    tested = [{owners[clip] for clip in np.unique(run.clips)} for run, owners in zip(rows, names, strict=True)]
    dancers = tuple(sorted(set().union(*tested)))
    index = {name: position for position, name in enumerate(dancers)}
    classes = len(runs[0].styles)
    counts = []
    for run, owners in zip(rows, names, strict=True):
        # -1 marks an owner none of whose clips has a row; indexing by the rows' clips never meets it
        owner = np.array([index.get(name, -1) for name in owners])[run.clips]
        cells = (owner * classes + run.labels) * classes + run.predicted
        counts.append(np.bincount(cells, minlength=len(dancers) * classes**2))
    counts = np.array(counts, dtype=np.float64).reshape(len(runs), len(dancers), classes, classes)
    return dancers, counts


def _draw(dancers: int, resamples: int, seed: int, side: int = 0) -> np.ndarray:
    """How often each dancer is drawn, float64 [resamples, dancers]: rows sum to the number of dancers."""
    random = np.random.default_rng([seed, side])
    return random.multinomial(dancers, np.full(dancers, 1 / dancers), size=resamples).astype(np.float64)


def _observed(counts: np.ndarray) -> np.ndarray:
    """Scores of what was really seen, mean over runs: float64 [6]."""
    return scores_of_confusion(counts.sum(axis=1)).mean(axis=0)


def _mean_scores(counts: np.ndarray, draw: np.ndarray) -> np.ndarray:
    """Scores of each draw, mean over the runs that have someone in it: float64 [resamples, 6]; nan where none has."""
    runs, dancers, classes, _ = counts.shape
    total = np.zeros((len(draw), len(SCORES)))
    taken = np.zeros((len(draw), 1))
    for run in range(runs):  # one run at a time bounds the memory: resamples x classes x classes numbers
        matrices = (draw @ counts[run].reshape(dancers, -1)).reshape(-1, classes, classes)
        someone = (matrices.sum(axis=(1, 2)) > 0)[:, None]
        total += scores_of_confusion(matrices) * someone
        taken += someone
    return np.divide(total, taken, out=np.full_like(total, np.nan), where=taken > 0)


def _estimates(mean: np.ndarray, drawn: np.ndarray, enough: bool, runs: int) -> ScoreEstimates:
    """Put means and the middle 95 % of the draws together."""
    drawn = drawn[~np.isnan(drawn).any(axis=1)]
    if enough and len(drawn):
        low, high = np.percentile(drawn, (2.5, 97.5), axis=0)
    else:
        low = high = np.full(len(SCORES), np.nan)
    return ScoreEstimates(
        *(Estimate(float(m), float(lo), float(hi), runs) for m, lo, hi in zip(mean, low, high, strict=True))
    )


LEVEL = 0.05  # a difference counts as shown below it

Side = tuple[
    float, Sequence[Predictions]
]  # what a set of runs counts: 1 for one side of a difference, -1 for the other


@dataclass(frozen=True)
class DancerDifference:
    """A difference of accuracies, tested over dancers.

    Attributes:
        mean: of the dancers' own differences, each dancer counting alike; a fraction.
        low: where its 95 % t interval begins; nan with fewer than two dancers. No correction for many tests is in it.
        high: where it ends.
        p: how likely a mean as far from zero would be without a true difference; nan with fewer than two dancers.
            After `holm`, of all the tests made together.
        dancers: tested.
        runs: of the side that has fewest.
    """

    mean: float
    low: float
    high: float
    p: float
    dancers: int
    runs: int = 1

    @property
    def tested(self) -> bool:
        """Whether there were dancers enough for a test."""
        return not math.isnan(self.p)

    @property
    def above(self) -> bool:
        """Whether it is shown to be above zero."""
        return self.p < LEVEL and self.mean > 0

    @property
    def below(self) -> bool:
        """Whether it is shown to be below zero."""
        return self.p < LEVEL and self.mean < 0

    def to_json(self) -> dict:
        """`{"mean": …, "interval": [low, high], "p": …, "dancers": n, "runs": n}`; null where it cannot be told."""
        told = {"interval": [self.low, self.high], "p": self.p} if self.tested else {"interval": None, "p": None}
        return {"mean": self.mean, **told, "dancers": self.dancers, "runs": self.runs}


def accuracy_by_dancer(runs: Sequence[Predictions]) -> dict[str, float]:
    """Each dancer's share of right frames, mean over the runs with this dancer; a clip of nobody known stands alone."""
    shares: dict[str, list[float]] = {}
    for run in runs:
        owners = [name or f"clip {clip}" for name, clip in zip(run.dancers, run.clip_ids, strict=True)]
        right = run.predicted == run.labels
        owner = np.array(owners)[run.clips]
        for name in np.unique(owner):
            shares.setdefault(str(name), []).append(float(right[owner == name].mean()))
    return {name: float(np.mean(found)) for name, found in shares.items()}


def compare_dancers(sides: Sequence[Side]) -> DancerDifference:
    """Weigh sets of runs against each other, for each dancer alone, and test the mean over dancers.

    Two sides, 1 and -1, make a difference. Four make a difference of differences: what one model gains on another under
    a condition, less what it gains on clean footage. Dancers who are not in all the sides are left out.

    Raises:
        ValueError: no sides, a side without runs, or no dancer in all of them.
    """
    if not sides or any(not runs for _, runs in sides):
        raise ValueError("every side of a difference needs at least one run")
    scores = [(weight, accuracy_by_dancer(runs)) for weight, runs in sides]
    names = sorted(set.intersection(*(set(score) for _, score in scores)))
    if not names:
        raise ValueError("no dancer was tested on all sides")
    found = np.array([sum(weight * score[name] for weight, score in scores) for name in names])
    return _paired_t(found, min(len(runs) for _, runs in sides))


def holm(found: Mapping[Hashable, DancerDifference]) -> dict[Hashable, DancerDifference]:
    """The same differences with p raised so that any of them is shown by luck in at most one case of twenty."""
    names = sorted((name for name in found if found[name].tested), key=lambda name: found[name].p)
    corrected, highest = dict(found), 0.0
    for rank, name in enumerate(names):
        highest = max(highest, min(1.0, (len(names) - rank) * found[name].p))
        corrected[name] = replace(found[name], p=highest)
    return corrected


def _paired_t(found: np.ndarray, runs: int) -> DancerDifference:
    """Student's t over differences float64 [dancers]."""
    count, mean = len(found), float(found.mean())
    if count < 2:
        return DancerDifference(mean, math.nan, math.nan, math.nan, count, runs)
    error = float(found.std(ddof=1)) / math.sqrt(count)
    if error < 1e-12:
        # all alike to the last frame: no spread to test against, so nothing is shown
        return DancerDifference(mean, mean, mean, 1.0, count, runs)
    reach = float(stats.t.ppf(0.975, count - 1)) * error
    return DancerDifference(
        mean, mean - reach, mean + reach, float(2 * stats.t.sf(abs(mean) / error, count - 1)), count, runs
    )
