"""What the report says of dancers never seen: the network beside chance and a linear model, room kept and removed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dance_tf.dataset.dataset import Dataset
from dance_tf.evaluation.intervals import RunSummary, summarise_runs
from dance_tf.evaluation.metrics import confusion
from dance_tf.evaluation.predictions import aggregate_clips
from dance_tf.experiments.spec import Result, baseline_predictions
from dance_tf.model.networks import STRATEGIES
from dance_tf.report.chapters import VIEW_NAMES, Chapter, by_view, fit_by_view
from dance_tf.report.pages import long_form
from dance_tf.report.tables import percent, wide_table

BASELINE = "logistic regression"
CARRIED = 0.5  # of what was learnt: below it, most of that does not hold for new dancers in new rooms
FITTED = 0.5  # of the way from chance to no error: below it, a network has not learnt its own training frames


@dataclass(frozen=True)
class Standing:
    """How a network and its plain rival stand on the same dancers, by what they see.

    Attributes:
        title: the strategy, as the paper prints it.
        fitted: accuracy on the frames learnt from, in the last epoch.
        folds: the network on the folds that picked its epochs.
        held_out: the network on dancers put aside before anything began.
        linear: logistic regression on the latter.
        chance: one over the number of styles.
        runs: networks behind each mean.
        dancers: held out.
        clips: of theirs.
    """

    title: str
    fitted: Mapping[str, float]
    folds: Mapping[str, RunSummary]
    held_out: Mapping[str, RunSummary]
    linear: Mapping[str, RunSummary]
    chance: float
    runs: int
    dancers: int
    clips: int

    @property
    def better_view(self) -> str:
        """The view with which the network does better on validation dancers."""
        return max(self.folds, key=lambda view: self.folds[view].frame.accuracy.mean)

    def bars(self) -> pd.DataFrame:
        """Accuracies for `figures.accuracy_bars`."""
        rows = []
        for view in self.held_out:
            for model, summary in ((self.title, self.held_out), (BASELINE, self.linear)):
                for by, scores in (("by frame", summary[view].frame), ("by clip", summary[view].clip)):
                    found = scores.accuracy
                    name = f"{model}, {VIEW_NAMES[view]}"
                    rows.append({"name": name, "group": by, "mean": found.mean, "low": found.low, "high": found.high})
        return pd.DataFrame(rows)

    def table(self) -> pd.DataFrame:
        """All scores with their intervals."""
        nested = {self.title: {}, BASELINE: {}}
        for view in self.folds:
            both = {"validation folds": self.folds[view].to_json(), "held out": self.held_out[view].to_json()}
            nested[self.title][VIEW_NAMES[view]] = both
            nested[BASELINE][VIEW_NAMES[view]] = {"held out": self.linear[view].to_json()}
        measures = long_form(nested, ("strategy", "network sees", "dancers", "by", "metric"))
        return wide_table(measures, ("strategy", "network sees", "dancers", "by"))


def measure_standing(dataset: Dataset, results: Sequence[Result], resamples: int = 1000, seed: int = 0) -> Standing:
    """Scores of the runs of `20_train_classifier`, and of a logistic regression on the same frames.

    Args:
        dataset: what they learnt from.
        results: runs of one strategy, of every view, on dancer-disjoint folds.
        resamples: draws of dancers behind each interval.
        seed: of the draws.
    """
    runs = by_view(results)
    first = next(iter(runs.values()))
    tested = np.unique(first[0].test.clips)
    return Standing(
        title=STRATEGIES[first[0].job.settings.strategy].title,
        fitted=fit_by_view(results),
        folds={view: summarise_runs([run.validation for run in mine], resamples, seed) for view, mine in runs.items()},
        held_out={view: summarise_runs([run.test for run in mine], resamples, seed) for view, mine in runs.items()},
        linear={
            view: summarise_runs([baseline_predictions(dataset, mine[0].job)], resamples, seed)
            for view, mine in runs.items()
        },
        chance=1 / len(dataset.styles),
        runs=len(first),
        dancers=len({dataset.dancers[clip] for clip in tested}),
        clips=len(tested),
    )


def clip_confusion(results: Sequence[Result]) -> np.ndarray:
    """Confusion matrix int64 [styles, styles] of the clips held out; each clip counts once for each run."""
    clips = [aggregate_clips(run.test) for run in results]
    return sum(confusion(run.labels, run.predicted, len(run.styles)) for run in clips)


def evaluation_chapter(standing: Standing, source: str) -> Chapter:
    """What the network is worth on dancers it never saw, beside chance and a linear model."""
    better = standing.better_view
    found, plain = standing.held_out[better].clip.accuracy, standing.linear[better].clip.accuracy
    frame = standing.held_out[better].frame.accuracy.mean
    rival = max(summary.frame.accuracy.mean for summary in standing.linear.values())
    headline = (
        f"Clip accuracy on dancers never seen ({source}): **{percent(found.mean)} %** [{percent(found.low)}, "
        f"{percent(found.high)}]; chance is {percent(standing.chance)} %, a logistic regression gets "
        f"{percent(plain.mean)} %."
    )
    text = (
        f"{headline} The network sees the {VIEW_NAMES[better]}, the better of the two views on validation dancers. By "
        f"frame it is right {percent(frame)} % of the time, {percent(frame - rival)} points above the better of "
        f"the two linear models ({percent(rival)} %). {_told_of_the_frame(standing)} Means of {standing.runs} run(s) "
        f"each, all tested on the same {standing.clips} clips of {standing.dancers} dancer(s), which the intervals "
        "are drawn from: with so few they are, if anything, too narrow."
    )
    scores = {}
    for view in standing.folds:
        own = {**standing.folds[view].to_json(), "held_out": standing.held_out[view].to_json()}
        scores[view] = {"network": own, "logistic_regression": {"held_out": standing.linear[view].to_json()}}
    return Chapter(text, {"network": {"scores": scores}}, headline)


def _told_of_the_frame(standing: Standing) -> str:
    """What becomes of the network that is shown frames as the paper shows them: learnt by heart, or not learnt."""
    if "frame" not in standing.held_out:
        return ""
    clips, fitted = standing.held_out["frame"].clip.accuracy.mean, standing.fitted["frame"]
    begun = f"Shown the frame as it is, as in the paper, the same network gets {percent(clips)} % of these clips"
    if fitted < standing.chance + FITTED * (1 - standing.chance):
        return (
            f"{begun}, and only {percent(fitted)} % of the frames that it learnt from: it has hardly learnt, and says "
            "nothing of what rooms do."
        )
    begun = f"{begun}, and {percent(fitted)} % of the frames that it learnt from"
    carried = standing.held_out["frame"].frame.accuracy.mean > standing.chance + CARRIED * (fitted - standing.chance)
    return f"{begun}." if carried else f"{begun}: most of what it learnt is not the dances."
