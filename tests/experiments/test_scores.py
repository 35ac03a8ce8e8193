"""The one table of results, and the leakage gap, on runs made by hand."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from dance_tf.evaluation.intervals import compare_dancers, estimate_difference, estimate_scores
from dance_tf.evaluation.predictions import Predictions
from dance_tf.experiments.scores import (
    DESCRIPTION,
    dancer_scores,
    differences,
    estimates,
    group_runs,
    leakage_gaps,
    learning_curve,
    pooled_shares,
    scores,
)
from dance_tf.experiments.spec import RunSpec, fold_specs

DANCERS = ("Ada", "Bo", "Cy", "Di")


@dataclass(frozen=True)
class HandMade:
    spec: RunSpec
    validation: Predictions | None
    test: Predictions
    history: pd.DataFrame | None = None


def predictions(hits: list[int], dancers=DANCERS, frames=10) -> Predictions:
    """Return two clips a dancer, one a style; hits[i] of the frames of dancer i are right."""
    labels = np.tile([0, 1], len(dancers))
    right = np.repeat(hits, 2)
    counts = np.where(np.eye(2)[labels] == 1, right[:, None], frames - right[:, None])
    names = tuple(np.repeat(dancers, 2))
    return Predictions(("a", "b"), [f"c{i}" for i in range(len(labels))], names, labels, counts / frames, counts)


@pytest.fixture
def runs(tiny):
    hits = {"cnn": [[9, 8, 7, 6], [9, 9, 9, 2]], "ae": [[5, 6, 5, 4], [6, 6, 5, 3]]}
    return [
        HandMade(spec, None if name == "ae" else predictions(found), predictions(found))
        for name, several in hits.items()
        for spec, found in zip(fold_specs(replace(tiny, strategy=name), 2), several, strict=True)
    ]


def test_a_row_for_each_run_part_unit_and_metric(runs):
    table = scores(runs)
    assert list(table.columns) == [*DESCRIPTION, "part", "unit", "metric", "value"]
    assert len(table) == (2 * 2 + 2) * 2 * 6  # "ae" has no validation part
    chosen = table.query("name == 'cnn' and fold == 0 and part == 'held out' and unit == 'frame'")
    assert chosen.set_index("metric")["value"]["accuracy"] == pytest.approx(0.75)
    by_dancer = dancer_scores(runs).query("name == 'cnn' and fold == 1 and part == 'validation' and unit == 'frame'")
    assert by_dancer.set_index("dancer")["value"].to_dict() == pytest.approx(dict(Ada=0.9, Bo=0.9, Cy=0.9, Di=0.2))


def test_estimates_are_those_of_the_groups(runs):
    table = estimates(runs, by=["name"], resamples=50, seed=1)
    found = table.query("name == 'ae' and part == 'held out' and unit == 'clip' and metric == 'f1'").iloc[0]
    expected = estimate_scores([run.test for run in runs[2:]], "clip", 50, 1)["f1"]
    assert (found["mean"], found["low"], found["high"]) == (expected.mean, expected.low, expected.high)
    assert (found["runs"], found["dancers"]) == (2, 4)
    assert set(table.query("name == 'ae'")["part"]) == {"held out"}
    assert list(group_runs(runs, ("strategy", "fold"))) == [("cnn", 0), ("cnn", 1), ("ae", 0), ("ae", 1)]


def test_differences_are_tested_over_dancers_and_corrected_together(runs):
    table = differences(runs, {"better?": ("cnn", "ae"), "worse?": ("ae", "cnn")}, resamples=50)
    assert len(table) == 4  # held out alone, since "ae" has no validation part
    row = table.query("question == 'better?' and unit == 'frame'").iloc[0]
    sides = [run.test for run in runs[:2]], [run.test for run in runs[2:]]
    assert row["mean"] == estimate_difference(*sides, "frame", 50)["accuracy"].mean
    test = compare_dancers([(1, sides[0]), (-1, sides[1])])
    assert (row["t_mean"], row["p"], row["dancers"]) == (test.mean, test.p, 4)
    assert row["p_holm"] >= row["p"] and (table["p_holm"] <= 1).all()


def test_the_leakage_gap_is_by_frame_minus_by_dancer(tiny):
    by_frame = HandMade(RunSpec(tiny, split="frame"), None, predictions([9, 9, 8, 8]))
    by_dancer = HandMade(RunSpec(tiny, split="dancer"), None, predictions([4, 6], dancers=("Ada", "Bo")))
    table = leakage_gaps([by_frame, by_dancer], 50).set_index("unit")
    assert table.loc["frame", "mean"] == pytest.approx(0.85 - 0.5)
    assert table.loc["frame, same dancers", "mean"] == pytest.approx(0.9 - 0.5)
    assert table["learnt"].all() and table.loc["frame", "low"] <= table.loc["frame", "mean"]
    one = HandMade(RunSpec(tiny, split="dancer"), None, predictions([4], dancers=("Ada",)))
    assert leakage_gaps([by_frame, one], 50)["low"].isna().all()
    assert leakage_gaps([by_dancer], 50).empty
    assert isinstance(table, pd.DataFrame)


def test_a_learning_curve_has_held_out_and_training_accuracy_for_each_number_of_dancers(tiny):
    found = [(2, [5, 5, 5, 5], 0.9), (0, [9, 9, 9, 2], 0.75), (0, [9, 9, 9, 9], 0.65)]
    runs = [
        HandMade(
            RunSpec(tiny, training_dancers=dancers, fold=fold),
            None,
            predictions(hits),
            pd.DataFrame({"accuracy": [0, last]}),
        )
        for fold, (dancers, hits, last) in enumerate(found)
    ]
    wide = learning_curve(runs, trained=7, resamples=50).pivot(index="dancers", columns="group", values="mean")
    assert wide["held out, by frame"].to_dict() == pytest.approx({2: 0.5, 7: 65 / 80})
    assert wide["held out, by clip"].to_dict() == pytest.approx({2: 0.5, 7: 7 / 8}, abs=0.5)
    assert wide["training frames"].to_dict() == pytest.approx({2: 0.9, 7: 0.7})


def test_shares_are_pooled_with_intervals_over_dancers():
    rows = pd.DataFrame(
        [("a", "x", "d1", 1, 2), ("b", "x", "d2", 6, 6), ("c", "y", "d1", 1, 4), ("d", "z", "d1", 0, 0)],
        columns=["clip", "style", "dancer", "found", "poses"],
    )
    [whole] = pooled_shares(rows, "found", "poses").to_dict("records")
    assert (whole["mean"], whole["clips"], whole["dancers"], whole["poses"]) == (8 / 12, 4, 2, 12)
    assert whole["low"] < whole["mean"] < whole["high"]
    x, y, z = pooled_shares(rows, "found", "poses", ["style"]).to_dict("records")
    assert (x["style"], x["mean"], y["mean"], y["dancers"]) == ("x", 7 / 8, 1 / 4, 1)
    assert np.isnan([y["low"], y["high"], z["mean"]]).all()
    [rows_right] = pooled_shares(rows.assign(right=[True, False, True, True]), "right").to_dict("records")
    assert (rows_right["mean"], rows_right["rows"]) == (3 / 4, 4)
