"""The table of results, one row per run, part, unit and metric; estimates, and differences with their tests.

Intervals are over dancers, from `resamples` draws of them with `seed`.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from dance_tf.evaluation.intervals import (
    UNITS,
    accuracy_by_dancer,
    bootstrap_dancers,
    compare_dancers,
    estimate_difference,
    estimate_scores,
    holm,
)
from dance_tf.evaluation.metrics import SCORES, scores_of_confusion
from dance_tf.evaluation.predictions import Predictions
from dance_tf.experiments.cache import Run
from dance_tf.experiments.spec import RunSpec

VALIDATION, HELD_OUT = "validation", "held out"
PARTS = (VALIDATION, HELD_OUT)
LEARNT_KAPPA = 0.1  # a network below it has learnt nothing that a split could leak
DESCRIPTION = (
    "name",
    "strategy",
    "split",
    "protocol",
    "view",
    "frame_size",
    "interval",
    "training_dancers",
    "fold",
    "repeat",
)


def describe(spec: RunSpec) -> dict[str, object]:
    """Return the columns that identify a run: those of `DESCRIPTION`."""
    values = {**vars(spec.settings), **vars(spec)} | ({"strategy": spec.name} if spec.baseline else {})
    return {column: values[column] for column in DESCRIPTION}


def predictions_of(runs: Sequence[Run], part: str) -> list[Predictions]:
    """Return the predictions of runs on a part; a baseline has none on validation."""
    found = (run.validation if part == VALIDATION else run.test for run in runs)
    return [predictions for predictions in found if predictions is not None]


def _scored_parts(runs: Sequence[Run]) -> Iterator[tuple[dict[str, object], Predictions]]:
    """Yield the columns `DESCRIPTION`, part and unit, and the predictions, of each run, part and unit."""
    for run in runs:
        for part in PARTS:
            for predictions in predictions_of([run], part):
                for unit in UNITS:
                    yield {**describe(run.spec), "part": part, "unit": unit}, predictions


def scores(runs: Sequence[Run]) -> pd.DataFrame:
    """Return every score of every run: `DESCRIPTION`, part, unit, metric, value (a fraction)."""
    rows = []
    for place, predictions in _scored_parts(runs):
        values = scores_of_confusion(predictions.confusion_by_clip(place["unit"]).sum(axis=0))
        rows += [{**place, "metric": metric, "value": value} for metric, value in zip(SCORES, values, strict=True)]
    return pd.DataFrame(rows)


def dancer_scores(runs: Sequence[Run]) -> pd.DataFrame:
    """Return the accuracy of every run on every dancer: `DESCRIPTION`, part, unit, dancer, metric, value."""
    rows = [
        {**place, "dancer": dancer, "metric": "accuracy", "value": value}
        for place, predictions in _scored_parts(runs)
        for dancer, value in accuracy_by_dancer([predictions], place["unit"]).items()
    ]
    return pd.DataFrame(rows)


def group_runs(runs: Sequence[Run], by: Sequence[str]) -> dict[tuple, list[Run]]:
    """Return runs grouped by columns of `DESCRIPTION`, in the order of their first run."""
    groups: dict[tuple, list[Run]] = {}
    for run in runs:
        described = describe(run.spec)
        groups.setdefault(tuple(described[column] for column in by), []).append(run)
    return groups


def estimates(runs: Sequence[Run], by: Sequence[str] = ("name",), resamples: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Return each score of the pooled runs of a group, with its interval over dancers.

    Args:
        by: columns of `DESCRIPTION` that make a group.

    Returns:
        Columns by…, part, unit, metric, mean, low, high, runs, dancers; fractions.
    """
    rows = []
    for key, group in group_runs(runs, by).items():
        for part in PARTS:
            predictions = predictions_of(group, part)
            if not predictions:
                continue
            dancers = len({name for each in predictions for name in each.groups})
            for unit in UNITS:
                for metric, found in estimate_scores(predictions, unit, resamples, seed).items():
                    place = dict(zip(by, key, strict=True), part=part, unit=unit, metric=metric)
                    rows.append({**place, **vars(found), "dancers": dancers})
    return pd.DataFrame(rows)


def answers(found: Predictions) -> pd.DataFrame:
    """Return one row per clip: clip, dancer, style, right."""
    styles = [found.styles[label] for label in found.labels]
    rows = {"clip": found.clip_ids, "dancer": found.groups, "style": styles, "right": found.predicted == found.labels}
    return pd.DataFrame(rows)


def pooled_shares(
    rows: pd.DataFrame, hits: str, total: str = "", by: Sequence[str] = (), resamples: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Return shares pooled over rows, with intervals from a bootstrap over dancers.

    Args:
        rows: columns clip, dancer, those of `by`, hits and total.
        total: column of what it is a share of; by default of the rows, as column rows.
        by: columns of groups, in the order of their first rows; by default there is one group of all rows.

    Returns:
        The columns `by`, mean, low, high (fractions; NaN where nothing is counted), clips, dancers and `total`.
    """
    total = total or "rows"
    rows = rows if total in rows else rows.assign(rows=1)

    def share(weights: np.ndarray) -> np.ndarray:
        summed = weights @ counts
        return np.divide(summed[:, :1], summed[:, 1:], out=np.full((len(weights), 1), np.nan), where=summed[:, 1:] > 0)

    found = []
    for place, group in rows.groupby(list(by), sort=False) if by else [((), rows)]:
        counts = group.groupby("dancer")[[hits, total]].sum().to_numpy(float)
        estimate = bootstrap_dancers(share, len(counts), resamples, seed)[:, 0].tolist()
        found.append((*place, *estimate, group["clip"].nunique(), len(counts), int(counts[:, 1].sum())))
    return pd.DataFrame(found, columns=[*by, "mean", "low", "high", "clips", "dancers", total])


def learning_curve(runs: Sequence[Run], trained: int, resamples: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Return accuracies of runs that learnt from different numbers of dancers.

    Args:
        runs: of one network.
        trained: dancers of the runs that learnt from all of their training part.

    Returns:
        Columns dancers (learnt from), group ("held out, by clip", "held out, by frame", or "training frames": in the
        last epoch, as they were changed at random), mean, low, high; fractions.
    """
    scored = estimates(runs, ["training_dancers"], resamples, seed).query("part == @HELD_OUT and metric == 'accuracy'")
    held_out = scored.assign(group="held out, by " + scored["unit"])
    last = [(run.spec.training_dancers, run.history["accuracy"].iloc[-1]) for run in runs]
    fitted = pd.DataFrame(last, columns=["training_dancers", "mean"]).groupby("training_dancers", as_index=False).mean()
    rows = pd.concat([held_out, fitted.assign(group="training frames")], ignore_index=True)
    return rows.assign(dancers=rows["training_dancers"].replace(0, trained))[
        ["dancers", "group", "mean", "low", "high"]
    ]


def differences(
    runs: Sequence[Run],
    questions: Mapping[str, tuple[object, object]],
    resamples: int = 1000,
    seed: int = 0,
    parts: Sequence[str] = PARTS,
    units: Sequence[str] = UNITS,
) -> pd.DataFrame:
    """Compare accuracies of two groups of runs on the same dancers: bootstrap interval, paired t-test over dancers.

    Args:
        questions: what is asked, and the names of two groups: the first's accuracy minus the second's.
        parts: that are compared; with `units`, the family of tests that p values are corrected for.

    Returns:
        One row per question, part and unit: question, first, second, part, unit, mean, low, high (bootstrap), runs,
        then of the test t_mean, t_low, t_high, p, p_holm (corrected for all rows), dancers. t_mean weighs dancers
        equally.
    """
    groups = {key[0]: group for key, group in group_runs(runs, ("name",)).items()}
    rows, tests = [], {}
    for question, (first, second) in questions.items():
        for part in parts:
            sides = [predictions_of(groups[name], part) for name in (first, second)]
            if not all(sides):
                continue
            for unit in units:
                found = estimate_difference(*sides, unit, resamples, seed)["accuracy"]
                test = compare_dancers([(1, sides[0]), (-1, sides[1])], unit)
                tests[len(tests)] = test
                place = {"question": question, "first": first, "second": second, "part": part, "unit": unit}
                tested = {"t_mean": test.mean, "t_low": test.low, "t_high": test.high, "p": test.p}
                rows.append({**place, **vars(found), **tested, "dancers": test.dancers})
    corrected = holm(tests)
    return pd.DataFrame(rows).assign(p_holm=[corrected[place].p for place in range(len(rows))])


def leakage_gaps(runs: Sequence[Run], resamples: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Return the leakage gap: held-out accuracy under the split by frame minus that under the split by dancer.

    Under the split by frame, neighbours of a test frame are in training; by clip, the dancer, clothes and background of
    a test clip; by dancer, nothing of a test dancer. Each draw of dancers serves both sides.

    Args:
        runs: of `leakage_specs`.

    Returns:
        Columns strategy, view, unit ("frame", "clip" or "frame, same dancers": only the dancers that the split by
        dancer holds out), mean, low, high (fractions; nan with one held-out dancer), runs, learnt (whether kappa under
        the split by frame exceeds `LEARNT_KAPPA`).
    """
    rows = []
    groups = group_runs(runs, ("strategy", "view", "split"))
    for strategy, view in dict.fromkeys(key[:2] for key in groups):
        if not {(strategy, view, "frame"), (strategy, view, "dancer")} <= set(groups):
            continue
        leaking, honest = ([run.test for run in groups[strategy, view, split]] for split in ("frame", "dancer"))
        dancers = {name for predictions in honest for name in predictions.dancers}
        kappa = estimate_scores(leaking, "frame", resamples, seed)["kappa"].mean
        same = [predictions.of_dancers(dancers) for predictions in leaking]
        compared = {unit: (leaking, unit) for unit in UNITS} | {"frame, same dancers": (same, "frame")}
        for unit, (first, counted) in compared.items():
            found = estimate_difference(first, honest, counted, resamples, seed)["accuracy"]
            interval = {} if len(dancers) > 1 else {"low": np.nan, "high": np.nan}
            place = {"strategy": strategy, "view": view, "unit": unit}
            rows.append({**place, **vars(found), **interval, "learnt": kappa > LEARNT_KAPPA})
    return pd.DataFrame(rows)
