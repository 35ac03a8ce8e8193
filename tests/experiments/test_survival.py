"""Runs that are killed, and runs on a Dask cluster, end in the numbers of undisturbed runs."""

import os
import random
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
from dance_tf.experiments.spec import fold_specs

ROOT = Path(__file__).resolve().parents[2]
KILLS = 3
RUN = """
import sys
import joblib
from dance_tf.experiments.cache import Experiment
if __name__ == "__main__":
    Experiment(sys.argv[1], jobs=2).run(joblib.load(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def specs(tiny):
    longer = replace(tiny, progressive=True, schedule=replace(tiny.schedule, epochs=3))
    return [
        spec
        for strategy in ("ae", "cnn")
        for spec in fold_specs(replace(longer, strategy=strategy), 2, folds=2, score_frames=2)
    ]


@pytest.fixture(scope="module")
def undisturbed(specs, tmp_path_factory, make_run_folder):
    """The runs in two processes of this machine, and how long they took."""
    folder, started = make_run_folder(tmp_path_factory.mktemp("undisturbed")), time.perf_counter()
    return Experiment(folder, jobs=2).run(specs), time.perf_counter() - started


def assert_same(found, expected):
    assert [run.spec for run in found] == [run.spec for run in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.history.equals(other.history) and one.best_epoch == other.best_epoch
        np.testing.assert_array_equal(one.validation.probabilities, other.validation.probabilities)
        np.testing.assert_array_equal(one.test.probabilities, other.test.probabilities)
    pd.testing.assert_frame_equal(estimates(found), estimates(expected), check_exact=True)


@pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")
def test_runs_killed_at_random_points_resume_to_the_same_table(specs, undisturbed, tmp_path, make_run_folder):
    expected, seconds = undisturbed
    chance = random.Random(0)
    folder = make_run_folder(tmp_path)
    joblib.dump(specs, tmp_path / "specs")
    for _ in range(KILLS):
        command = [sys.executable, "-c", RUN, folder, tmp_path / "specs"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        begun = subprocess.Popen(command, cwd=ROOT, start_new_session=True, **quiet)
        time.sleep(chance.uniform(0.3, 1.0) * seconds)
        os.killpg(begun.pid, signal.SIGKILL)
        begun.wait()
    assert_same(Experiment(folder, jobs=2).run(specs), expected)


@pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")
def test_a_killed_dask_worker_changes_nothing(specs, undisturbed, tmp_path, make_run_folder, recwarn):
    distributed = pytest.importorskip("distributed")
    expected, _ = undisturbed
    folder, killed = make_run_folder(tmp_path), []
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
    with distributed.LocalCluster(**options) as cluster:
        with distributed.Client(cluster, set_as_default=False) as client:
            workers = list(client.run(os.getpid).values())

        def kill_one_in_training():
            # a classifier's checkpoint: at least one run has begun and is not finished
            while not list((tmp_path / "work" / "runs").glob("*.unfinished")):
                time.sleep(0.02)
            killed.append(workers[0])
            os.kill(workers[0], signal.SIGKILL)

        killer = threading.Thread(target=kill_one_in_training, daemon=True)
        killer.start()
        found = Experiment(folder, scheduler=cluster.scheduler_address).run(specs)
        killer.join(timeout=5)
    assert killed
    assert_same(found, expected)
