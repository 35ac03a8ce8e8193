"""The paper beside ours: which rows are matched, and what the auditor says of both."""

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from dance_tf.audit.audit import audit_paper
from dance_tf.audit.own import OwnAudit
from dance_tf.audit.published import ASSUMPTIONS, assumptions_frame
from dance_tf.evaluation.intervals import Estimate, ScoreEstimates
from dance_tf.evaluation.predictions import Predictions
from dance_tf.experiments.spec import Job, load_result, write_jobs
from dance_tf.model.train import TrainingSettings
from dance_tf.report.figures import accuracy_bars
from dance_tf.report.paper_chapter import (
    PRINTED,
    accuracy_rows,
    audit_ourselves,
    beside_paper,
    job_lists,
    main_numbers,
    paper_chapter,
    paper_tables,
    read_tables,
)
from dance_tf.report.section import Section


@pytest.fixture
def tables():
    nan = float("nan")
    return {
        "table_1": pd.DataFrame(
            {"style": ["Tokyo", "all"], "ours": 100, "paper": 22_365, "difference": -22_265, "interval": "–", "runs": 1}
        ),
        "t2_strategies": pd.DataFrame(
            [
                (1, "ResNet", "accuracy", 93.44, 41.0, -52.44, "[30.0, 50.5]", 2, "x"),
                (1, "ResNet", "kappa", nan, 36.0, nan, "–", 2, "x"),
                (1, "CNN + AE", "accuracy", 94.84, nan, nan, "–", 2, "x"),
            ],
            columns=["experiment", "strategy", "metric", "paper", "ours", "difference", "interval", "runs", "by clip"],
        ),
        "t3_frame_interval": pd.DataFrame(
            [(128, 2, "kappa", 83.44, 20.0, -63.44, "–", 1)],
            columns=["size", "one frame of every", "metric", "paper", "ours", "difference", "interval", "runs"],
        ),
        "t4_against_paper": pd.DataFrame(
            [
                ("CNN", "size (MB)", 85.4, 1.4, -84.0, "–", 1.0, 1.0, 1),
                ("CNN", "similar styles confused (%)", 14.6, 20.0, 5.4, "[10.0, 30.0]", 1.0, 1.0, 3),
                ("ResNet", "size (MB)", nan, 9.0, nan, "–", nan, 2.0, 1),
            ],
            columns=["strategy", "measure", "paper", "ours", "difference", "interval", "paper / CNN", "ours / CNN"]
            + ["runs"],
        ),
        "t5_robustness": pd.DataFrame(
            [("Low light", "40.5 [30.0, 50.0]", "39.0", 94.83, 94.91, 1), ("240 lines", "40.0", "39.0", nan, nan, 1)],
            columns=["condition", "accuracy by frame (%)", "F1 by frame (%)", "paper: accuracy (%)", "paper: F1 (%)"]
            + ["runs"],
        ),
    }  # fmt: skip


def test_only_numbers_with_both_sides_are_matched(tables):
    beside = beside_paper(tables)
    keys = list(beside[["table", "row", "score"]].itertuples(index=False, name=None))
    assert keys == [
        (1, "Tokyo", "frames"),
        (1, "all", "frames"),
        (2, "experiment 1, ResNet", "accuracy"),
        (3, "one frame of 2", "kappa"),
        (4, "CNN", "size (MB)"),
        (4, "CNN", "similar styles confused (%)"),
        (5, "Low light", "accuracy"),
        (5, "Low light", "f1"),
    ]
    assert beside["difference"].tolist() == pytest.approx([-22265, -22265, -52.44, -63.44, -84.0, 5.4, -54.33, -55.91])
    assert beside["interval"].tolist() == [
        "–", "–", "[30.0, 50.5]", "–", "–", "[10.0, 30.0]", "[30.0, 50.0]", "–",
    ]  # fmt: skip
    assert beside["runs"].fillna(0).tolist() == [1, 1, 2, 1, 1, 3, 1, 1]
    assert main_numbers(beside)["row"].tolist() == [
        "all", "experiment 1, ResNet", "one frame of 2", "CNN", "Low light",
    ]  # fmt: skip


def test_a_report_without_the_tables_has_nothing_beside(tables):
    assert beside_paper({}).empty
    assert beside_paper({"table_1": tables["table_1"]})["table"].tolist() == [1, 1]
    empty = accuracy_rows(beside_paper({}))
    assert empty.empty
    accuracy_bars(empty, "Nothing", "synthetic", 0.1)


def test_rows_of_the_figure_are_fractions_with_our_interval(tables):
    rows = accuracy_rows(beside_paper(tables))
    assert rows["name"].tolist() == ["ResNet", "ResNet"]
    assert rows["group"].tolist() == [PRINTED, "measured here"]
    assert rows["mean"].tolist() == pytest.approx([0.9344, 0.41])
    assert rows.loc[1, ["low", "high"]].tolist() == pytest.approx([0.3, 0.505])
    assert rows.loc[0, ["low", "high"]].isna().all()


def test_tables_survive_the_csv(tables, tmp_path):
    (tmp_path / "tables").mkdir()
    for name, table in tables.items():
        table.to_csv(tmp_path / "tables" / f"{name}.csv", index=False)
    pd.testing.assert_frame_equal(beside_paper(read_tables(tmp_path)), beside_paper(tables), check_dtype=False)


def test_the_chapter_counts_what_cannot_be_true_and_says_it_is_no_reproduction(tables):
    beside, findings = beside_paper(tables), audit_paper()
    chapter = paper_chapter(beside, findings, OwnAudit(40, (), runs=8, means=10), "synthetic")
    assert "30 of them are of 8 training runs" in chapter.text
    assert "The other 10 are all the means" in chapter.text
    impossible = sum(finding.level == "impossible" for finding in findings)
    assert f"{impossible} statements that cannot be true" in chapter.headline
    assert "40 rows of ours, the auditor accuses none" in chapter.headline
    assert "reproduce nothing" in chapter.text
    # the ledger: seven F1, six specificities beyond doubt, nine kappas
    assert "Of the 9 rows of Table 2, 7 have an F1" in chapter.text
    assert "and 6 a specificity" in chapter.text
    assert "9 have a kappa" in chapter.text
    assert chapter.metrics["audit"]["ours"] == {"rows": 40, "findings": 0}
    names = [table.name for table in paper_tables(beside, findings, OwnAudit(40, ()), "synthetic")]
    assert names == ["paper_main_numbers", "paper_and_ours", "paper_audit", "paper_unsaid"]
    accused = paper_tables(beside, findings, OwnAudit(40, findings[:2]), "synthetic")[-1]
    assert (accused.name, len(accused.frame)) == ("own_audit", 2)
    assert "accuses 2 of them" in paper_chapter(beside, findings, OwnAudit(40, findings[:2]), "synthetic").headline


def test_our_own_false_number_would_be_found(tmp_path):
    def section(name, order, f1):
        values = dict(accuracy=0.5, precision=0.5, sensitivity=0.5, specificity=0.95, f1=f1, kappa=0.45)
        scores = ScoreEstimates(**{score: Estimate(mean, 0.1, 0.9, 2) for score, mean in values.items()})
        return Section(order, name, name, "", "", json.loads(json.dumps({"a": {"frame": scores.to_json()}})), (), ())

    sections = [section("right", 30, 0.49), section("wrong", 40, 0.6), section("later", 60, 0.6)]
    own = audit_ourselves(tmp_path, tmp_path, sections, 12)
    assert (own.rows, own.means, own.runs) == (2, 2, 0)
    assert [(finding.row, finding.rule) for finding in own.findings] == [
        ("wrong/a/frame", "f1 against precision and sensitivity")
    ]


def test_what_is_unsaid_has_a_choice():
    table = assumptions_frame()
    assert len(table) == len(ASSUMPTIONS) == table["not_stated"].nunique()
    assert table["choice"].str.len().min() > 0


def test_every_list_of_runs_in_the_folder_is_audited_and_no_run_twice(tmp_path):
    generator = np.random.default_rng(0)
    results = []
    for fold in range(3):
        folder = tmp_path / "runs" / f"run{fold}"
        folder.mkdir(parents=True)
        labels = np.repeat(np.arange(6) % 3, 4)
        for part in ("validation", "test"):
            shares = generator.dirichlet(np.ones(3), len(labels))
            names = [f"clip{clip}" for clip in range(6)]
            Predictions(shares, labels, np.repeat(np.arange(6), 4), names, ("a", "b", "c"), names).save(
                folder / f"{part}.npz"
            )
        job = Job(TrainingSettings("cnn"), "dancer", fold)
        kept = {"job": asdict(job), "parameters": 7, "best_epoch": 0, "stopped_early": False, "seconds": 1.0}
        (folder / "result.json").write_text(json.dumps(kept))
        results.append(load_result(folder))
    write_jobs(tmp_path, "comparison_jobs", results[:2])
    write_jobs(tmp_path, "robustness_jobs", results[1:])
    assert job_lists(tmp_path) == ["comparison_jobs", "robustness_jobs"]
    own = audit_ourselves(tmp_path, tmp_path, [], 3)
    # three folds and their mean, two parts, by frame and by clip
    assert own == OwnAudit(16, (), runs=3)
