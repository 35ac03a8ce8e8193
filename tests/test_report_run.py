"""The whole report, tiny: it runs, it is whole, and a run that was killed ends in the same numbers."""

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
from sklearn.metrics import accuracy_score, cohen_kappa_score, precision_recall_fscore_support, recall_score

from dance_tf.corruption.conditions import CONDITIONS
from dance_tf.model.networks import STRATEGIES
from dance_tf.report.profile import defaults_of

ROOT = Path(__file__).resolve().parents[1]
SMOKE = ROOT / "notebooks" / "runs" / "smoke.yaml"
TIMED = ("cost", "speed")  # measured in seconds, so no two measurements are alike
KILLED_AT = (  # files whose appearance says how far a report has come
    "work/dataset-*-parts/*.json",  # while clips are curated
    "work/growth/*.unfinished/stage_3/checkpoint/state.json",  # while an autoencoder grows
    "work/runs/*/result.json",  # while classifiers are trained
)


def command(folder):
    """The report of the smoke profile into a folder that has its own work folder."""
    profile = folder / "smoke.yaml"
    profile.write_text(yaml.safe_dump({**yaml.safe_load(SMOKE.read_text()), "work": str(folder / "work")}))
    return [sys.executable, "-m", "dance_tf", "report", str(profile), "--out", str(folder / "report")]


def metrics(folder):
    content = json.loads((folder / "report" / "metrics.json").read_text())
    return {key: value for key, value in content.items() if key not in TIMED}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smoke")
    done = subprocess.run(command(folder), capture_output=True, text=True, cwd=ROOT, timeout=1800)
    assert done.returncode == 0, done.stderr
    return folder


def test_report_is_whole(finished):
    report = finished / "report"
    content = json.loads((report / "metrics.json").read_text())
    assert {"data", "curation", "autoencoder", "strategies", "leakage"} <= set(content)
    robustness = content["robustness"]
    assert set(robustness["proposed"]["conditions"]) == {f"{each.name}@{each.severity:g}" for each in CONDITIONS}
    assert len(CONDITIONS) == 14 and {"clean", "noise"} <= set(robustness["training_against"])
    table = pd.read_csv(report / "tables" / "t5_robustness.csv")
    assert len(table) >= 1 + len(CONDITIONS)
    page = (report / "REPORT.md").read_text()
    assert "(tables/t5_robustness.csv)" in page
    for line in page.splitlines():
        if line.startswith("!["):
            assert (report / line.split("](")[1].rstrip(")")).is_file()
    assert str(ROOT) not in page
    provenance = json.loads((report / "provenance.json").read_text())
    assert provenance["data_hash"] == content["data"]["hash"]


def scores_by_scikit_learn(predictions):
    """The six scores of stored predictions by frame, without a line of ours."""
    truth, said = predictions["labels"], predictions["probabilities"].argmax(axis=1)
    kinds = np.unique(truth)
    precision, sensitivity, f1, _ = precision_recall_fscore_support(
        truth, said, labels=kinds, average="macro", zero_division=0
    )
    specificity = np.mean([recall_score(truth == kind, said == kind, pos_label=False) for kind in kinds])
    accuracy, kappa = accuracy_score(truth, said), cohen_kappa_score(truth, said)
    return dict(
        accuracy=accuracy, precision=precision, sensitivity=sensitivity, specificity=specificity, f1=f1, kappa=kappa
    )


def test_metrics_follow_from_the_stored_predictions(finished):
    content = metrics(finished)
    runs = [
        finished / "work" / "runs" / key for key in json.loads((finished / "report" / "leakage_jobs.json").read_text())
    ]
    checked = set()
    for run in runs:
        job = json.loads((run / "result.json").read_text())["job"]
        strategy, view, unit = job["settings"]["strategy"], job["settings"]["view"], job["unit"]
        found = content["leakage"]["splits"]["room_kept" if view == "frame" else "room_removed"][strategy][unit]
        for part, stored in ((found["held_out"], "test"), (found, "validation")):
            with np.load(run / f"{stored}.npz") as predictions:
                expected = scores_by_scikit_learn(predictions)
            assert {name: part["frame"][name]["mean"] for name in expected} == pytest.approx(expected, abs=1e-5)
        if view == "difference":
            assert content["strategies"][strategy][unit] == found
            checked.add((strategy, unit))
    assert checked == {(strategy, unit) for strategy in STRATEGIES for unit in ("frame", "clip", "dancer")}


def test_every_notebook_ran_without_error_or_warning(finished):
    executed = sorted((finished / "report" / "executed").glob("*.ipynb"))
    assert [path.name for path in executed] == sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
    for path in executed:
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                assert output.output_type != "error"
                assert output.get("name") != "stderr", (path.name, output.get("text"))


def test_second_run_takes_its_numbers_from_the_cache(finished):
    before = (finished / "report" / "metrics.json").read_bytes()
    runs = {path: path.stat().st_mtime_ns for path in (finished / "work" / "runs").glob("*/result.json")}
    subprocess.run(command(finished), check=True, capture_output=True, cwd=ROOT, timeout=1800)
    assert (finished / "report" / "metrics.json").read_bytes() == before
    assert {path: path.stat().st_mtime_ns for path in (finished / "work" / "runs").glob("*/result.json")} == runs


def contained(part, whole):
    """Whether every number of a metrics document is in another, at the same place and equal."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and contained(part[key], whole[key]) for key in part)
    return part == whole


def test_killed_report_goes_on_to_the_same_metrics(finished, tmp_path):
    (tmp_path / "notebooks").mkdir()
    for number in ("00", "10", "20", "30"):  # the main path: the other notebooks keep their runs in the same way
        [path] = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
        shutil.copy(path, tmp_path / "notebooks")
    known = set().union(*(defaults_of(path) for path in (tmp_path / "notebooks").glob("*.ipynb")))
    parameters = {key: value for key, value in yaml.safe_load(SMOKE.read_text()).items() if key in known}
    profile = tmp_path / "smoke.yaml"
    profile.write_text(yaml.safe_dump({**parameters, "work": str(tmp_path / "work")}))
    # the footage is taken over; it is curated and learnt from anew
    again = shutil.ignore_patterns("dataset-*", "runs", "growth", "degraded*")
    shutil.copytree(finished / "work", tmp_path / "work", ignore=again)
    go = "import sys; from pathlib import Path as P; from dance_tf.report.runner import run_profile as run; "
    go += "run(*map(P, sys.argv[1:]), progress=False)"
    arguments = [sys.executable, "-c", go, str(profile), str(tmp_path / "notebooks"), str(tmp_path / "report")]
    for sign in KILLED_AT:
        assert not list(tmp_path.glob(sign)), f"{sign} was there before the report was killed at it"
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
    assert ended["network"]["scores"]["difference"]["network"]["held_out"]["clip"]["accuracy"]["runs"] == 1
    assert contained(ended, metrics(finished))
