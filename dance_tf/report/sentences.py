"""Sentences of the report; all their numbers are computed from tidy tables.

Everywhere `table` is `estimates` by name and view, of one network and the baseline; `chance` is the accuracy of
guessing, and `source` is "synthetic" or the name of the footage.
"""

from collections.abc import Sequence

import pandas as pd

from dance_tf.evaluation.intervals import MIN_TESTED_DANCERS
from dance_tf.evaluation.metrics import SCORES
from dance_tf.experiments.cache import Run
from dance_tf.experiments.scores import HELD_OUT
from dance_tf.experiments.spec import BASELINE, BASELINE_TITLE
from dance_tf.report.comparison import budget, strategy_title
from dance_tf.report.tables import VIEW_NAMES, counted, percent, percents

FITTED = 0.5  # from chance to 1: a lower training accuracy shows nothing about generalisation
CARRIED = 0.5  # of the training accuracy above chance; a lower share means that most of it does not generalise


def data_text(data: dict[str, object], counts: pd.DataFrame) -> str:
    """Describe the clips, what curation kept, and the limits of a small data set."""
    kept, seen = int(counts["kept"].sum()), int(counts["seen"].sum())
    sentences = [
        f"{counted(data['clips'], 'clip')} of {counted(data['dancers'], 'dancer')} in "
        f"{counted(len(data['styles']), 'style')} ({data['source']}). "
        f"Curation kept {kept:,} of {seen:,} frames ({kept / max(seen, 1):.1%}).",
        "The background is valid in every clip."
        if not data["rooms_unknown"]
        else f"In {counted(data['rooms_unknown'], 'clip')} the camera moves too much to estimate a background.",
    ]
    if few := list(counts.loc[counts["clips"] < 2, "style"]):
        sentences.append(f"These styles have one clip: {', '.join(few)}. Their scores have no meaning.")
    if data["dancers"] < MIN_TESTED_DANCERS:
        sentences.append(
            f"With {counted(data['dancers'], 'dancer')}, intervals over dancers are too narrow, and no difference is "
            "tested."
        )
    return " ".join(sentences)


def reconstruction_text(errors: pd.DataFrame) -> str:
    """Compare the autoencoder's error on held-out dancers with its baselines, for each view."""
    sentences = []
    for view, table in errors.groupby("view", sort=False):
        error = table.groupby("method")["error"].last()
        grown = error["autoencoder"]
        compared = {
            "a linear code of the same shape": error["linear code"],
            "the frame shrunk to 32 × 32 pixels": error["32 × 32 pixels"],
            "as many principal components of whole frames": error["principal components"],
            "all five stages trained at once for as many steps": error["all stages at once"],
        }
        listed = ", ".join(
            f"{grown / other:.2f} times that of {name} ({1000 * other:.2f})" for name, other in compared.items()
        )
        sentences.append(
            f"{VIEW_NAMES[view].capitalize()}: the mean squared error of the grown autoencoder on held-out dancers is "
            f"{1000 * grown:.2f} × 10⁻³ (gray levels from 0 to 1): {listed}."
        )
    return " ".join(sentences)


def training_accuracy(runs: Sequence[Run]) -> dict[str, float]:
    """Return the accuracy on training frames in the last epoch, mean over the runs of each view."""
    last = pd.DataFrame([(run.spec.settings.view, run.history["accuracy"].iloc[-1]) for run in runs])
    return last.groupby(0, sort=False)[1].mean().to_dict()


def training_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Return one row per run."""
    return pd.DataFrame(
        {
            "network reads": VIEW_NAMES[run.spec.settings.view],
            "fold": run.spec.fold + 1,
            "repeat": run.spec.repeat + 1,
            "epochs": len(run.history),
            "kept epoch": run.best_epoch + 1,
            "validation accuracy (%)": 100 * run.history["val_accuracy"].iloc[run.best_epoch],
        }
        for run in runs
    )


def training_text(runs: Sequence[Run]) -> str:
    """Describe the main runs: their number, training accuracy, size of the network."""
    first = runs[0]
    folds, repeats = budget(runs)["folds"], counted(budget(runs)["repeats"], "repeat")
    fitted = ", ".join(f"{percent(value)} % ({VIEW_NAMES[view]})" for view, value in training_accuracy(runs).items())
    return (
        f"{len(runs)} runs: {folds} of {first.spec.folds} folds over dancers, {repeats}, two views of the "
        f"frame. Accuracy on the training frames in the last epoch: {fitted}. The network has {first.parameters:,} "
        f"parameters, {first.parameters * 4 / 1e6:.1f} MB in float32; the paper states 157.4 MB for its "
        "network."
    )


def evaluation_headline(table: pd.DataFrame, title: str, source: str, chance: float) -> str:
    """Return the report's first sentence: clip accuracy on held-out dancers, compared with chance and the baseline."""
    view, accuracy = better_view(table), _held_out_accuracy(table)
    found, baseline = accuracy.loc["clip", "network", view], accuracy.loc["clip", BASELINE, view]
    return (
        f"{title}, {VIEW_NAMES[view]}, recognises **{percents(found)} %** of the clips of "
        f"{counted(found['dancers'], 'held-out dancer')} ({source}). A logistic regression recognises "
        f"{percent(baseline['mean'])} %; chance is {percent(chance)} %."
    )


def better_view(table: pd.DataFrame) -> str:
    """Return the view with the higher accuracy by frame on validation dancers."""
    chosen = table.query("part == 'validation' and unit == 'frame' and metric == 'accuracy'")
    return chosen.loc[chosen["mean"].idxmax(), "view"]


def _held_out_accuracy(table: pd.DataFrame) -> pd.DataFrame:
    """Return mean, low, high, runs, dancers by unit, name ("network" or the baseline) and view."""
    rows = table[(table["part"] == HELD_OUT) & (table["metric"] == "accuracy")]
    named = rows.assign(name=rows["name"].where(rows["name"] == BASELINE, "network"))
    return named.set_index(["unit", "name", "view"])[["mean", "low", "high", "runs", "dancers"]].sort_index()


def evaluation_text(table: pd.DataFrame, fitted: dict[str, float], chance: float) -> str:
    """Describe the accuracy by frame, and that of the network with background; `fitted` is of `training_accuracy`."""
    accuracy = _held_out_accuracy(table)
    best = accuracy.loc[("frame", BASELINE), "mean"].max()
    frame = accuracy.loc["frame", "network", better_view(table)]
    few = " With so few dancers, the intervals are too narrow." if frame["dancers"] < MIN_TESTED_DANCERS else ""
    sentences = [
        f"By frame the accuracy is {percent(frame['mean'])} %. The difference from the better of the two logistic "
        f"regressions ({percent(best)} %) is {percent(frame['mean'] - best)} percentage points. "
        f"{counted(frame['runs'], 'run')} tested {counted(frame['dancers'], 'dancer')}, whose clips are scored "
        f"together. The intervals are computed over these dancers.{few}"
    ]
    if "frame" in fitted:
        clip, by_frame = (accuracy.loc[(unit, "network", "frame"), "mean"] for unit in ("clip", "frame"))
        sentence = (
            f"With the background, as in the paper, the same network recognises {percent(clip)} % of the clips, and "
            f"{percent(fitted['frame'])} % of its training frames"
        )
        if fitted["frame"] < chance + FITTED * (1 - chance):
            sentence += ". Its training accuracy is low, so no conclusion about backgrounds is possible"
        elif by_frame < chance + CARRIED * (fitted["frame"] - chance):
            sentence += ": most of what it learns does not generalise to new dancers"
        sentences.append(sentence + ".")
    return " ".join(sentences)


def learning_curve_text(rows: pd.DataFrame) -> str:
    """Say how accuracy by clip on held-out dancers grows with the number of training dancers, and what that limits.

    Args:
        rows: columns dancers, group ("held out, by clip", "training frames" and others), mean, low, high.
    """
    clips = rows[rows["group"] == "held out, by clip"].sort_values("dancers").to_dict("records")
    fitted = rows[rows["group"] == "training frames"].sort_values("dancers").iloc[-1]
    listed = ", ".join(f"{percents(row)} % with {row['dancers']}" for row in clips)
    first, last = clips[0], clips[-1]
    added = f" From {first['dancers']} to {last['dancers']} it rises by {percent(last['mean'] - first['mean'])} points."
    return (
        f"Clips of held-out dancers that are recognised after learning from so many dancers, in equally many steps: "
        f"{listed}.{added if len(clips) > 1 else ''} With all of them the network recognises "
        f"{percent(fitted['mean'])} % of its (changed) training frames in the last epoch."
    )


def wide_scores(table: pd.DataFrame) -> pd.DataFrame:
    """Return `estimates` for `wide_table`: titles of networks and views, metrics in the order of `metrics.SCORES`."""
    titles = table["name"].map(lambda name: BASELINE_TITLE if name == BASELINE else strategy_title(name))
    named = table.assign(name=titles, view=table["view"].map(VIEW_NAMES))
    return named.sort_values("metric", key=lambda column: column.map(SCORES.index), kind="stable")
