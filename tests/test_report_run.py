"""The report of the smoke profile: complete, and made again from cached runs and from records."""

import json
import shutil
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.metrics import accuracy_score, cohen_kappa_score, precision_recall_fscore_support, recall_score
from typer.testing import CliRunner

from dance_tf.cli import FAILED, app
from dance_tf.corruption.conditions import CONDITIONS
from dance_tf.experiments.cache import Experiment
from dance_tf.experiments.spec import leakage_specs
from dance_tf.pose.weights import missing_weights
from dance_tf.report.profile import load_profile
from dance_tf.report.run_notebooks import run_profile
from dance_tf.report.settings import compared_settings

ROOT = Path(__file__).resolve().parents[1]


def test_report_is_complete(finished):
    report = finished / "report"
    content = json.loads((report / "metrics.json").read_text())
    assert {"data", "curation", "autoencoder", "strategies", "leakage"} <= set(content)
    robustness = content["robustness"]
    [scores] = (found for name, found in robustness["scores"].items() if name.endswith("trained in full"))
    levels = {(name, float(severity)) for name, found in scores.items() for severity in found}
    assert levels == {("clean", 0.0), *((each.name, each.severity) for each in CONDITIONS)}
    assert len(CONDITIONS) == 14 and {"clean", "noise"} <= set(robustness["training_against"])
    table = pd.read_csv(report / "tables" / "t5_robustness.csv")
    assert len(table) >= 1 + len(CONDITIONS)
    page = (report / "REPORT.md").read_text()
    assert "(tables/t5_robustness.csv)" in page
    assert ("pose" in content) == ("no skeletons" not in page) == (not missing_weights())
    for line in page.splitlines():
        if line.startswith("!["):
            assert (report / line.split("](")[1].rstrip(")")).is_file()
    assert str(ROOT) not in page
    interactive = (report / "index.html").read_text()
    assert interactive.count("<table>") == len(list((report / "tables").glob("*.csv")))
    assert interactive.count("<img ") == len(list((report / "figures").glob("*.png")))
    provenance = json.loads((report / "provenance.json").read_text())
    assert provenance["data_hash"] == content["data"]["hash"]


def scores_by_scikit_learn(predictions):
    """Return the six scores by frame of recorded predictions, computed by scikit-learn."""
    truth = np.repeat(predictions.labels, predictions.counts.sum(axis=1))
    predicted = np.concatenate([np.repeat(np.arange(len(row)), row) for row in predictions.counts])
    kinds = np.unique(truth)
    precision, sensitivity, f1, _ = precision_recall_fscore_support(
        truth, predicted, labels=kinds, average="macro", zero_division=0
    )
    specificity = np.mean([recall_score(truth == kind, predicted == kind, pos_label=False) for kind in kinds])
    accuracy, kappa = accuracy_score(truth, predicted), cohen_kappa_score(truth, predicted)
    return dict(
        accuracy=accuracy, precision=precision, sensitivity=sensitivity, specificity=specificity, f1=f1, kappa=kappa
    )


def test_metrics_follow_from_the_recorded_predictions(finished):
    content = json.loads((finished / "report" / "metrics.json").read_text())
    profile = load_profile(finished / "smoke.yaml")
    fields = {"folds": profile.folds, "seed": profile.seed, "score_frames": profile.score_frames}
    specs = [
        spec
        for view, strategies in (("difference", profile.leakage_strategies), ("frame", profile.background_strategies))
        for strategy in strategies
        for spec in leakage_specs(compared_settings(profile, strategy, view), profile.compare_folds, **fields)
    ]
    for run in Experiment(finished / "report", from_records=True).run(specs):
        view, split, strategy = run.spec.settings.view, run.spec.split, run.spec.settings.strategy
        found = content["leakage"]["splits"][view][strategy][split]
        for part, predictions in ((found["held_out"], run.test), (found, run.validation)):
            expected = scores_by_scikit_learn(predictions)
            assert {name: part["frame"][name]["mean"] for name in expected} == pytest.approx(expected, abs=1e-5)
        if (view, split) == ("difference", "dancer"):
            assert content["strategies"][strategy][split]["frame"] == found["frame"]


def test_every_notebook_ran_without_error_or_warning(finished):
    executed = sorted((finished / "report" / "executed").glob("*.ipynb"))
    assert [path.name for path in executed] == sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
    for path in executed:
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                assert output.output_type != "error"
                assert output.get("name") != "stderr", (path.name, output.get("text"))


def test_notebooks_run_from_the_repository_root_and_train_nothing_again(finished, papermill, join_notebooks, tmp_path):
    sections = {path: path.read_bytes() for path in (finished / "report" / "sections").glob("*.json")}
    runs = {path: path.stat().st_mtime_ns for path in (finished / "work" / "runs").glob("*/run.json")}
    given = {"run_folder": str(finished / "report"), "profile": str(finished / "smoke.yaml")}
    # the others are made again from their records in the next tests
    join_notebooks(tmp_path / "first.ipynb", ("0", "1", "2", "3"), **given)
    assert papermill(tmp_path / "first.ipynb", finished, finished / "report") == ""
    assert {path: path.read_bytes() for path in sections} == sections
    assert {path: path.stat().st_mtime_ns for path in (finished / "work" / "runs").glob("*/run.json")} == runs


def test_own_network_and_dotted_ablation_join_the_grid(finished, papermill, own_network, smoke_profile):
    own, report = finished / "own", finished / "own_report"
    own.mkdir()
    row = {"name": "slower", "title": "lower learning rate", "changes": {"schedule.learning_rate": 0.01}}
    (own / "rows.yaml").write_text(yaml.safe_dump([row]))
    smoke_profile(own, finished / "work", ablations=str(own / "rows.yaml"))
    shutil.copytree(finished / "report", report)
    before = set((report / "runs").glob("*/run.json"))
    [path] = (ROOT / "notebooks").glob("40_*.ipynb")
    notebook = nbformat.read(path, as_version=4)
    # measuring takes a process for each network; tests of experiments.cost and report.cost have a user's network
    notebook.cells = [cell for cell in notebook.cells if "costs" not in cell.source or "import" in cell.source]
    nbformat.write(notebook, own / path.name)
    assert papermill(own / path.name, own, report, networks=[f"{own_network(own)}:tiny"]) == ""
    assert len(set((report / "runs").glob("*/run.json")) - before) == 3  # the network under two protocols, the ablation
    assert "own_network:tiny" in set(pd.read_csv(report / "tables" / "t2_strategies.csv")["strategy"])
    assert "lower learning rate" in (report / "tables" / "ablations.csv").read_text()


def test_a_report_is_rebuilt_from_its_records_bit_for_bit(finished, join_notebooks, tmp_path):
    report, profile = tmp_path / "report", str(finished / "smoke.yaml")
    shutil.copytree(finished / "report", report)
    made = [report / "metrics.json", *(report / "tables").glob("*.csv")]
    expected = {path: path.read_bytes() for path in made}
    assert len(expected) > 20
    for path in made:
        path.unlink()
    given = {"run_folder": str(report), "profile": profile, "from_records": True}
    join_notebooks(tmp_path / "notebooks" / "00_all_notebooks.ipynb", **given)
    run_profile(profile, tmp_path / "notebooks", report, from_records=True)
    assert {path: path.read_bytes() for path in made} == expected
    refused = CliRunner().invoke(app, ["report", profile, "--out", str(tmp_path / "new"), "--from-records"])
    assert refused.exit_code == FAILED and "no stored runs" in refused.stderr
