"""The paper's numbers beside ours."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dance_tf.audit.audit import audit_confusions, audit_paper
from dance_tf.audit.published import TABLE_1, TABLE_2, TABLE_3
from dance_tf.evaluation.metrics import SCORES
from dance_tf.evaluation.predictions import Predictions
from dance_tf.experiments.spec import RunSpec
from dance_tf.model.settings import TrainingSettings
from dance_tf.report.paper import (
    PRINTED,
    accuracy_rows,
    audit_headline,
    audit_text,
    beside_paper,
    confusions_of_runs,
    main_numbers,
    measured_numbers,
    published_numbers,
)


def scored(**columns) -> pd.DataFrame:
    place = {"part": "validation", "unit": "frame", "mean": 0.5, "low": 0.4, "high": 0.6, "runs": 3}
    return pd.DataFrame([{**columns, **place, "metric": metric} for metric in SCORES])


@pytest.fixture
def measured():
    counts = pd.DataFrame({"style": TABLE_1["style"], "kept": 10})
    return measured_numbers(counts, scored(strategy="resnet", repeat=0), scored(interval=2))


def test_ours_are_beside_the_papers(measured):
    published = published_numbers()
    assert published["table"].value_counts().to_dict() == {1: 13, 2: 5 * len(TABLE_2), 3: 3 * len(TABLE_3)}
    assert published.query("row == 'all'")["value"].item() == 263_471
    table = beside_paper(measured).set_index(["table", "row", "score"])
    resnet = table.loc[2, "experiment 1, ResNet", "accuracy"]
    assert (resnet["paper"], resnet["ours"], resnet["difference"]) == (93.44, 50, -43.44)
    assert (resnet["interval"], resnet["runs"]) == ("[40.0, 60.0]", 3)
    assert table.loc[(3, "one frame of 2", "recall"), "paper"] == 96.25
    assert table.loc[(1, "all", "frames"), ["ours", "interval"]].tolist() == [120, "–"]
    assert len(table) == 13 + 5 + 3
    assert set(main_numbers(beside_paper(measured))["score"]) == {"frames", "accuracy", "kappa"}
    fewer = measured[measured["row"] != TABLE_1["style"][0]]
    assert "all" not in set(beside_paper(fewer)["row"])  # a total of other styles
    with pytest.raises(ValueError, match="not unique"):
        beside_paper(pd.concat([measured, measured]))


def test_the_figure_has_both_numbers_of_each_strategy(measured):
    rows = accuracy_rows(beside_paper(measured), measured)
    assert rows["group"].tolist() == [PRINTED, "measured here"] and set(rows["name"]) == {"ResNet"}
    assert rows["mean"].tolist() == [pytest.approx(0.9344), 0.5] and rows["low"].isna().tolist() == [True, False]


def test_runs_that_differ_in_fold_are_audited_together(measured):
    class Run:
        def __init__(self, spec):
            self.spec = spec
            ids = [f"c{i}" for i in range(4)]
            self.test = Predictions(("a", "b"), ids, "wxyz", [0, 1, 0, 1], np.full((4, 2), 0.5), [[3, 1]] * 4)
            self.validation = None if spec.baseline else self.test

    specs = [RunSpec(TrainingSettings(), fold=fold) for fold in (0, 1)]
    runs = [Run(spec) for spec in (*specs, replace(specs[0], baseline=True))]
    found = confusions_of_runs(runs)
    assert len(found) == 4 and all(matrices.shape == (2, 2, 2) for matrices in found.values())
    by_frame = next(matrices for name, matrices in found.items() if name.endswith("by frame"))
    assert by_frame[0].tolist() == [[6, 2], [6, 2]]
    own, findings = audit_confusions(found), audit_paper()
    assert own.rows == 12 and own.findings == ()
    assert "0 contradictions in 12 rows" in audit_headline(findings, own)
    assert "synthetic footage" in audit_text(beside_paper(measured), findings, own, "synthetic")
