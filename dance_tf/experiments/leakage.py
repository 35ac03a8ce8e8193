"""How much of a score is leakage: every strategy trained under three splits, with the room kept and taken away.

The paper never says what its folds are cut by (section 4.2). Cut by frame, neighbours of a test frame are learnt from;
cut by clip, the dancer, the clothes and the room of a test clip are; cut by dancer, nothing of a test dancer is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dance_tf.dataset.batches import VIEWS, View
from dance_tf.dataset.splits import GROUPS, Group
from dance_tf.evaluation.intervals import Estimate, RunSummary, summarise_runs
from dance_tf.evaluation.overlap import leakage_gap
from dance_tf.evaluation.predictions import Predictions
from dance_tf.experiments.spec import Job, Result
from dance_tf.experiments.strategies import comparison_settings
from dance_tf.model.train import TrainingSettings

HELD_OUT_SHARE = 0.2  # section 4.2
LEARNT = 0.1  # Cohen's kappa below which a network has learnt nothing that a split could let through


@dataclass(frozen=True)
class SplitScores:
    """Scores of a strategy under one split.

    Attributes:
        strategy: a key of `STRATEGIES`.
        view: what the network sees: "frame" keeps the room, "difference" takes it away.
        unit: what the split is cut by.
        folds: on the folds that picked the epochs: the kind of number that the paper prints.
        held_out: on the part put aside before anything began.
        runs: runs behind each mean.
    """

    strategy: str
    view: View
    unit: Group
    folds: RunSummary
    held_out: RunSummary
    runs: int

    @property
    def learnt(self) -> bool:
        """Whether its verdicts on the part held out follow the truth at all, beyond chance."""
        return self.held_out.frame.kappa.mean > LEARNT

    def to_json(self) -> dict[str, dict]:
        """`frame` and `clip` of the folds, and `held_out` with the same two."""
        return {**self.folds.to_json(), "held_out": self.held_out.to_json()}


@dataclass(frozen=True)
class Gap:
    """Accuracy under the split by frame less that under the split by dancer, on the parts held out.

    Attributes:
        strategy: a key of `STRATEGIES`.
        view: what the network sees.
        frame: of frames.
        clip: of clips.
        frame_same_dancers: of frames of those dancers alone whom the split by dancer holds out: the same people on both
            sides, so that none of it is that they dance better or worse than others.
    """

    strategy: str
    view: View
    frame: Estimate
    clip: Estimate
    frame_same_dancers: Estimate

    def to_json(self) -> dict[str, dict]:
        """The three estimates."""
        same = self.frame_same_dancers.to_json()
        return {"frame": self.frame.to_json(), "clip": self.clip.to_json(), "frame_same_dancers": same}


@dataclass(frozen=True)
class Leakage:
    """All that is measured: scores of every strategy, view and split, and the gaps between splits."""

    scores: tuple[SplitScores, ...]
    gaps: tuple[Gap, ...]


def leakage_jobs(
    strategies: Sequence[str],
    run_folds: int,
    folds: int = 5,
    seed: int = 0,
    score_frames: int = 24,
    views: Sequence[View] = VIEWS,
    **settings: float | int | str,
) -> tuple[Job, ...]:
    """Runs of each strategy under each split with each view.

    Args:
        strategies: keys of `STRATEGIES`.
        run_folds: how many of the folds are run.
        folds: how many there are.
        seed: of splits, weights and batches.
        score_frames: frames of each clip that are scored.
        views: what the networks see.
        settings: whatever else `comparison_settings` takes.
    """
    chosen = [
        (_of_equal_length(comparison_settings(strategy, view, **settings), unit, folds), unit)
        for view in views
        for unit in GROUPS
        for strategy in strategies
    ]
    return tuple(
        Job(setting, unit, fold, folds, 0, seed, score_frames) for fold in range(run_folds) for setting, unit in chosen
    )


def _of_equal_length(settings: TrainingSettings, unit: Group, folds: int) -> TrainingSettings:
    """Settings under which an epoch is as long under the split by frame as under the others.

    Frames are drawn clip by clip. Cut by frame, every clip lies in training, not only those of the training part, so
    that as many of each would make epochs longer, and the gap would be part leakage, part longer training.
    """
    if unit != "frame":
        return settings
    rest = 1 - HELD_OUT_SHARE
    return replace(
        settings,
        frames_per_clip=max(1, round(settings.frames_per_clip * rest * (folds - 1) / folds)),
        validation_frames=max(1, round(settings.validation_frames * rest / folds)),
    )


def measure_leakage(results: Sequence[Result], resamples: int = 1000, seed: int = 0) -> Leakage:
    """Scores and gaps of the runs of `leakage_jobs`, with intervals from drawing dancers.

    Which draw: the split by dancer tests some of the dancers, the split by frame all of them, those among them. So
    the two sides share people, and a dancer who is drawn twice counts twice on both (`paired`). Drawing
    each side by itself would treat them as strangers.

    Args:
        results: runs.
        resamples: draws of dancers behind each interval.
        seed: of the draws.
    """
    runs: dict[tuple[str, View, Group], list[Result]] = {}
    for result in results:
        settings = result.job.settings
        runs.setdefault((settings.strategy, settings.view, result.job.unit), []).append(result)
    tests = {place: [run.test for run in part] for place, part in runs.items()}
    scores = tuple(
        SplitScores(
            *place,
            folds=summarise_runs([run.validation for run in part], resamples, seed),
            held_out=summarise_runs(tests[place], resamples, seed),
            runs=len(part),
        )
        for place, part in runs.items()
    )
    pairs = dict.fromkeys((strategy, view) for strategy, view, _ in runs)
    gaps = tuple(
        gap_of(strategy, view, tests[strategy, view, "frame"], tests[strategy, view, "dancer"], resamples, seed)
        for strategy, view in pairs
        if (strategy, view, "frame") in tests and (strategy, view, "dancer") in tests
    )
    return Leakage(scores, gaps)


def gap_of(
    strategy: str, view: View, leaking: Sequence[Predictions], honest: Sequence[Predictions], resamples: int, seed: int
) -> Gap:
    """The gap between a strategy's test predictions under the split by frame and under the split by dancer.

    Its interval is (nan, nan) where the split by dancer tests one dancer alone: nothing then tells how dancers differ.
    """
    tested = {run.dancers[clip] for run in honest for clip in np.unique(run.clips)}
    same = [of_dancers(run, tested) for run in leaking]
    estimates = {
        "frame": leakage_gap(leaking, honest, "frame", resamples, seed),
        "clip": leakage_gap(leaking, honest, "clip", resamples, seed),
        "frame_same_dancers": leakage_gap(same, honest, "frame", resamples, seed),
    }
    if len(tested) < 2:
        estimates = {name: replace(found, low=np.nan, high=np.nan) for name, found in estimates.items()}
    return Gap(strategy, view, **estimates)


def of_dancers(predictions: Predictions, dancers: set[str]) -> Predictions:
    """The rows of some dancers."""
    rows = np.isin(np.array(predictions.dancers)[predictions.clips], list(dancers))
    return replace(
        predictions,
        probabilities=predictions.probabilities[rows],
        labels=predictions.labels[rows],
        clips=predictions.clips[rows],
    )


def scores_for(scores: Sequence[SplitScores], strategy: str, view: View) -> Mapping[Group, SplitScores]:
    """Scores of a strategy and view by split."""
    return {score.unit: score for score in scores if (score.strategy, score.view) == (strategy, view)}
