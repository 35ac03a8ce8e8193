"""The report of the smoke profile: complete, reproducible, and equal after a kill and a restart."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
import yaml
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook
from sklearn.metrics import accuracy_score, cohen_kappa_score, precision_recall_fscore_support, recall_score
from typer.testing import CliRunner

from dance_tf.cli import FAILED, app
from dance_tf.corruption.conditions import CONDITIONS
from dance_tf.experiments.cache import Experiment
from dance_tf.experiments.spec import PROPOSED, leakage_specs
from dance_tf.pose.weights import CACHE_VARIABLE, missing_weights
from dance_tf.report.profile import load_profile
from dance_tf.report.run_notebooks import NEEDS_CLIPS
from dance_tf.report.settings import compared_settings

ROOT = Path(__file__).resolve().parents[1]
SMOKE = ROOT / "notebooks" / "runs" / "smoke.yaml"
RUN_SOME = (
    "import sys; from pathlib import Path as P; from dance_tf.report.run_notebooks import run_profile as run; "
    "run(*map(P, sys.argv[1:]), progress=False)"
)
TIMED = ("cost", "speed")  # measured times, which differ from run to run
KILLED_AT = (  # files that show how far a report has come
    "work/dataset-*-parts/*.npy",  # while clips are curated
    "work/runs/*/run.json",  # while classifiers are trained
)


def write_profile(folder, work, **changes):
    """Write the smoke profile with a work folder of its own, and return its path."""
    profile = {**yaml.safe_load(SMOKE.read_text()), "work": str(work), **changes}
    (folder / "smoke.yaml").write_text(yaml.safe_dump(profile))
    return str(folder / "smoke.yaml")


def metrics(folder):
    content = json.loads((folder / "report" / "metrics.json").read_text())
    return {key: value for key, value in content.items() if key not in TIMED}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smoke")
    command = [sys.executable, "-m", "dance_tf", "report", write_profile(folder, folder / "work")]
    command += ["--out", str(folder / "report")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=1800)
    assert done.returncode == 0, done.stderr
    return folder


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
    content, profile = metrics(finished), load_profile(finished / "smoke.yaml")
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


def join_notebooks(path, finished, **given):
    """Write all notebooks as one: with cached runs a kernel takes longer to start than a notebook's cells take."""
    given |= {"run_folder": str(finished / "report"), "profile": str(finished / "smoke.yaml")}
    notebooks = [load_notebook_node(str(each)) for each in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    parts = [parameterize_notebook(notebook, given).cells for notebook in notebooks]
    for cell in (cell for part in parts[1:] for cell in part):
        cell.metadata.tags = [tag for tag in cell.metadata.tags if tag == NEEDS_CLIPS]  # one cell has the parameters
    notebooks[0].cells = [cell for part in parts for cell in part]
    for place, cell in enumerate(notebooks[0].cells):
        cell["id"] = f"cell-{place}"
    nbformat.write(notebooks[0], path)


def test_notebooks_run_from_the_repository_root_and_train_nothing_again(finished, papermill, tmp_path):
    sections = {path: path.read_bytes() for path in (finished / "report" / "sections").glob("*.json")}
    runs = {path: path.stat().st_mtime_ns for path in (finished / "work" / "runs").glob("*/run.json")}
    join_notebooks(tmp_path / "all.ipynb", finished)
    assert papermill(tmp_path / "all.ipynb", finished, finished / "report") == ""
    assert {path: path.read_bytes() for path in sections} == sections
    assert {path: path.stat().st_mtime_ns for path in (finished / "work" / "runs").glob("*/run.json")} == runs


def test_own_network_and_dotted_ablation_join_the_grid(finished, papermill, own_network):
    own, report = finished / "own", finished / "own_report"
    own.mkdir()
    row = {"name": "slower", "title": "lower learning rate", "changes": {"schedule.learning_rate": 0.01}}
    (own / "rows.yaml").write_text(yaml.safe_dump([row]))
    write_profile(own, finished / "work", ablations=str(own / "rows.yaml"))
    shutil.copytree(finished / "report", report)
    before = set((report / "runs").glob("*/run.json"))
    [notebook] = (ROOT / "notebooks").glob("40_*.ipynb")
    assert papermill(notebook, own, report, networks=[f"{own_network(own)}:tiny"]) == ""
    assert len(set((report / "runs").glob("*/run.json")) - before) == 3  # the network under two protocols, the ablation
    for table in ("t2_strategies", "t4_cost"):
        assert "own_network:tiny" in set(pd.read_csv(report / "tables" / f"{table}.csv")["strategy"])
    assert "lower learning rate" in (report / "tables" / "ablations.csv").read_text()


def test_a_report_is_rebuilt_from_its_records_bit_for_bit(finished, tmp_path):
    report, profile = tmp_path / "report", str(finished / "smoke.yaml")
    shutil.copytree(finished / "report", report)
    made = [report / "metrics.json", *(report / "tables").glob("*.csv")]
    expected = {path: path.read_bytes() for path in made}
    assert len(expected) > 20
    for path in made:
        path.unlink()
    command = [sys.executable, "-m", "dance_tf", "report", profile, "--out", str(report), "--from-records"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=900)
    assert done.returncode == 0, done.stderr
    assert {path: path.read_bytes() for path in made} == expected
    refused = CliRunner().invoke(app, ["report", profile, "--out", str(tmp_path / "new"), "--from-records"])
    assert refused.exit_code == FAILED and "no stored runs" in refused.stderr


def test_without_weights_the_report_has_no_skeletons_and_all_other_inputs(finished, tmp_path):
    shutil.copytree(finished / "work", tmp_path / "work", ignore=shutil.ignore_patterns("dataset-*", "runs", "growth"))
    (tmp_path / "notebooks").mkdir()
    for number in ("00", "05", "48"):
        [path] = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
        shutil.copy(path, tmp_path / "notebooks")
    profile = write_profile(tmp_path, tmp_path / "work", ladder_strategies=[], other_difficulties=[1.0])
    command = [sys.executable, "-c", RUN_SOME, profile, str(tmp_path / "notebooks"), str(tmp_path / "report")]
    out_of_reach = os.environ | {CACHE_VARIABLE: str(tmp_path / "no_cache"), "PIP_NO_INDEX": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=900, env=out_of_reach)
    assert done.returncode == 0, done.stderr
    said = done.stderr.splitlines()
    assert said[0].startswith("no skeletons: the pose weights cannot be fetched (") and len(said) == 1
    page = (tmp_path / "report" / "REPORT.md").read_text()
    assert "This report has no skeletons: the pose weights cannot be fetched (ERROR: " in page
    assert str(tmp_path) not in page
    without = metrics(tmp_path)
    assert "pose" not in without and not (tmp_path / "report" / "tables" / "pose_coverage.csv").exists()
    assert set(without["ladder"]) == set(without["ladder_of"]["difficulty_1"]) == {"logistic_regression_difference"}
    assert without["ladder"] != without["ladder_of"]["difficulty_1"]


def contained(part, whole):
    """Return whether every number of one metrics document is in another, at the same place and equal."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and contained(part[key], whole[key]) for key in part)
    return part == whole


def test_killed_report_ends_in_the_same_metrics(finished, tmp_path):
    (tmp_path / "notebooks").mkdir()
    for number in ("00", "30"):  # curation and the main runs; the other notebooks use the same cache
        [path] = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
        shutil.copy(path, tmp_path / "notebooks")
    # the footage is copied; curation and training start again
    again = shutil.ignore_patterns("dataset-*", "runs", "growth", "degraded*")
    shutil.copytree(finished / "work", tmp_path / "work", ignore=again)
    profile = write_profile(tmp_path, tmp_path / "work")
    arguments = [sys.executable, "-c", RUN_SOME, profile, str(tmp_path / "notebooks"), str(tmp_path / "report")]
    for sign in KILLED_AT:
        assert not list(tmp_path.glob(sign)), f"{sign} existed before the report was killed"
        going = subprocess.Popen(
            arguments, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        until = time.monotonic() + 600
        while going.poll() is None and time.monotonic() < until and not list(tmp_path.glob(sign)):
            time.sleep(0.05)
        assert going.poll() is None, f"the report ended before it could be killed at {sign}"
        os.killpg(going.pid, signal.SIGKILL)
        going.wait()
        assert not (tmp_path / "report" / "metrics.json").exists()
    subprocess.run(arguments, check=True, capture_output=True, cwd=ROOT, timeout=1800)
    ended = metrics(tmp_path)
    assert ended["network"]["scores"]["difference"][PROPOSED]["held_out"]["clip"]["accuracy"]["runs"] == 1
    assert contained(ended, metrics(finished))
