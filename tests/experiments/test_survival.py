"""Runs that are killed, and runs on a Dask cluster, end in the numbers of undisturbed runs."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest

from dance_tf.experiments.cache import Experiment
from dance_tf.experiments.scores import estimates
from dance_tf.experiments.spec import RunSpec

ROOT = Path(__file__).resolve().parents[2]
RUN = """
import sys
import joblib
from dance_tf.experiments.cache import Experiment
if __name__ == "__main__":
    Experiment(sys.argv[1], jobs=2).run(joblib.load(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def specs(tiny):
    longer = replace(tiny, schedule=replace(tiny.schedule, epochs=3))  # its autoencoder takes five epochs
    return [RunSpec(replace(longer, strategy=strategy), folds=3, score_frames=2) for strategy in ("ae", "cnn")]


@pytest.fixture(scope="module")
def undisturbed(specs, tmp_path_factory, make_run_folder):
    return Experiment(make_run_folder(tmp_path_factory.mktemp("undisturbed")), jobs=2).run(specs)


def assert_same(found, expected):
    assert [run.spec for run in found] == [run.spec for run in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.history.equals(other.history) and one.best_epoch == other.best_epoch
        np.testing.assert_array_equal(one.validation.probabilities, other.validation.probabilities)
        np.testing.assert_array_equal(one.test.probabilities, other.test.probabilities)
    pd.testing.assert_frame_equal(estimates(found), estimates(expected), check_exact=True)


def wait_for_checkpoint(folder: Path, alive) -> None:
    """Wait until a training in a folder of the cache has a checkpoint and is not finished."""
    while not any(list(place.rglob("state.json")) for place in folder.glob("*.unfinished")):
        assert alive()
        time.sleep(0.02)


@pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")
def test_runs_killed_while_growing_and_while_training_resume_to_the_same_table(
    specs, undisturbed, tmp_path, make_run_folder
):
    folder = make_run_folder(tmp_path)
    joblib.dump(specs, tmp_path / "specs")
    for kind in ("growth", "runs"):
        command = [sys.executable, "-c", RUN, folder, tmp_path / "specs"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        begun = subprocess.Popen(command, cwd=ROOT, start_new_session=True, **quiet)
        wait_for_checkpoint(tmp_path / "work" / kind, lambda begun=begun: begun.poll() is None)
        os.killpg(begun.pid, signal.SIGKILL)
        begun.wait()
        assert list((tmp_path / "work" / kind).glob("*.unfinished"))
    assert_same(Experiment(folder, jobs=2).run(specs), undisturbed)


@pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")
def test_a_killed_dask_worker_changes_nothing(specs, undisturbed, tmp_path, make_run_folder, recwarn, monkeypatch):
    distributed = pytest.importorskip("distributed")
    folder, killed = make_run_folder(tmp_path), []
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
    with distributed.LocalCluster(**options) as cluster:
        with distributed.Client(cluster, set_as_default=False) as client:
            workers = list(client.run(os.getpid).values())

        def kill_one_in_training():
            wait_for_checkpoint(tmp_path / "work" / "runs", lambda: True)
            killed.append(workers[0])
            os.kill(workers[0], signal.SIGKILL)

        killer = threading.Thread(target=kill_one_in_training, daemon=True)
        killer.start()
        monkeypatch.setenv("DANCE_TF_SCHEDULER", cluster.scheduler_address)
        found = Experiment(folder).run(specs)
        killer.join(timeout=5)
    assert killed
    assert_same(found, undisturbed)
