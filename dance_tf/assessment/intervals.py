"""How sure a score is: bootstrap over dancers.

Frames of a clip, and clips of a dancer, resemble each other; the dancer is what is drawn anew when the experiment is
repeated. So dancers are resampled with replacement and all their frames go with them (cluster bootstrap; Davison and
Hinkley 1997, section 3.8), and the interval is the middle 95 % of the scores (percentile method). With 20 dancers it
is wide, and still a little too narrow; it says nothing about other rooms, cameras or seeds than those in the runs.

A clip whose dancer is unknown stands for itself. With fewer than two dancers there is nothing to resample: the
interval is then (nan, nan), and null in JSON.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dance_tf.assessment.aggregation import aggregate_clips
from dance_tf.assessment.metrics import SCORES, scores_of_confusion
from dance_tf.assessment.predictions import Predictions

Unit = Literal["frame", "clip"]


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
    predictions: Predictions, by: Unit = "frame", resamples: int = 1000, seed: int = 0
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
    runs: Sequence[Predictions], by: Unit = "frame", resamples: int = 1000, seed: int = 0
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
    by: Unit = "frame",
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


def _count(runs: Sequence[Predictions], by: Unit) -> tuple[tuple[str, ...], np.ndarray]:
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
