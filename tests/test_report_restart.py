"""The report of the smoke profile without pose weights, and after a kill and a restart."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dance_tf.experiments.spec import PROPOSED
from dance_tf.pose.weights import CACHE_VARIABLE

ROOT = Path(__file__).resolve().parents[1]
RUN_SOME = (
    "import sys; from pathlib import Path as P; from dance_tf.report.run_notebooks import run_profile as run; "
    "run(*map(P, sys.argv[1:]))"
)
TIMED = ("cost", "speed")  # measured times, which differ from run to run
KILLED_AT = (  # files that show how far a report has come
    "work/dataset-*-parts/*.npy",  # while clips are curated
    "work/runs/*/run.json",  # while classifiers are trained
)


def metrics(folder):
    content = json.loads((folder / "report" / "metrics.json").read_text())
    return {key: value for key, value in content.items() if key not in TIMED}


@pytest.fixture
def some_notebooks(finished, smoke_profile, join_notebooks, tmp_path):
    """Return a function that prepares a report of some notebooks, and returns the command that makes it.

    Footage is copied, and grown autoencoders if wanted; curation and training start again.
    """

    def prepare(numbers, copied, **changes):
        for folder in (each for kind in copied for each in (finished / "work").glob(f"{kind}*")):
            shutil.copytree(folder, tmp_path / "work" / folder.name)
        profile = smoke_profile(tmp_path, tmp_path / "work", **changes)
        given = {"run_folder": str(tmp_path / "report"), "profile": profile}
        join_notebooks(tmp_path / "notebooks" / "00_some_notebooks.ipynb", numbers, **given)
        return [sys.executable, "-c", RUN_SOME, profile, str(tmp_path / "notebooks"), str(tmp_path / "report")]

    return prepare


def test_without_weights_the_report_has_no_skeletons_and_all_other_inputs(some_notebooks, tmp_path):
    changes = {"ladder_strategies": [], "other_difficulties": [1.0]}
    command = some_notebooks(("00", "05", "48"), ("footage",), **changes)
    out_of_reach = os.environ | {CACHE_VARIABLE: str(tmp_path / "no_cache"), "PIP_NO_INDEX": "1", "TQDM_DISABLE": "1"}
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


def test_killed_report_ends_in_the_same_metrics(finished, some_notebooks, tmp_path):
    # curation and the main runs; test_survival.py kills while autoencoders grow
    command = some_notebooks(("00", "30"), ("footage", "growth"))
    for sign in KILLED_AT:
        assert not list(tmp_path.glob(sign)), f"{sign} existed before the report was killed"
        going = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        until = time.monotonic() + 600
        while going.poll() is None and time.monotonic() < until and not list(tmp_path.glob(sign)):
            time.sleep(0.05)
        assert going.poll() is None, f"the report ended before it could be killed at {sign}"
        os.killpg(going.pid, signal.SIGKILL)
        going.wait()
        assert not (tmp_path / "report" / "metrics.json").exists()
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT, timeout=1800)
    ended = metrics(tmp_path)
    assert ended["network"]["scores"]["difference"][PROPOSED]["held_out"]["clip"]["accuracy"]["runs"] == 1
    assert contained(ended, metrics(finished))
