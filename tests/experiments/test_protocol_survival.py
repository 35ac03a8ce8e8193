"""Training runs that are killed, and training runs on a Dask cluster: the same results as of runs left alone."""

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
import pytest

from dance_tf.dataset.arrays import write_arrays
from dance_tf.experiments.cache import run_jobs
from dance_tf.experiments.spec import Job
from dance_tf.experiments.strategies import score_rival
from dance_tf.model.fit import Schedule
from dance_tf.model.train import TrainingSettings

ROOT = Path(__file__).resolve().parents[2]
KILLS = 3
TINY = TrainingSettings(
    strategy="ae",
    schedule=Schedule(epochs=3, learning_rate=0.02, momentum=0.9),
    growth=Schedule(epochs=1, learning_rate=0.01, optimizer="adam"),
    growth_batch_size=8,
    batch_size=8,
    frames_per_clip=2,
    validation_frames=2,
)
JOBS = tuple(
    Job(replace(TINY, strategy=strategy), fold=fold, folds=2, score_frames=2)
    for strategy in ("ae", "cnn")
    for fold in range(2)
)
RUN = """
import sys
from pathlib import Path
import joblib
from dance_tf.experiments.cache import run_jobs
if __name__ == "__main__":
    data, work, jobs = map(Path, sys.argv[1:])
    run_jobs(data, joblib.load(jobs), work, processes=2, progress=False)
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory, blob_clips):
    """Two styles by five dancers."""
    return write_arrays(tmp_path_factory.mktemp("data") / "arrays", blob_clips(styles=2, dancers=5, frames=3))


@pytest.fixture(scope="module")
def left_alone(data, tmp_path_factory):
    """The jobs run in two processes of this machine, and how long they took."""
    work, started = tmp_path_factory.mktemp("work"), time.perf_counter()
    results = run_jobs(data, JOBS, work, processes=2, progress=False)
    return results, time.perf_counter() - started


def assert_same(found, expected):
    assert [result.job for result in found] == [result.job for result in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.history.equals(other.history) and one.best_epoch == other.best_epoch
        np.testing.assert_array_equal(one.validation.probabilities, other.validation.probabilities)
        np.testing.assert_array_equal(one.test.probabilities, other.test.probabilities)
    tables = [[score_rival(results[start : start + 2]).to_json() for start in (0, 2)] for results in (found, expected)]
    assert tables[0] == tables[1]


@pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")
def test_runs_killed_at_random_points_resume_to_the_same_table(data, left_alone, tmp_path):
    expected, seconds = left_alone
    chance = random.Random(0)
    joblib.dump(JOBS, tmp_path / "jobs")
    work = tmp_path / "work"
    for _ in range(KILLS):
        begun = subprocess.Popen(
            [sys.executable, "-c", RUN, data, work, tmp_path / "jobs"],
            cwd=ROOT,
            start_new_session=True,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(chance.uniform(0.3, 1.0) * seconds)
        os.killpg(begun.pid, signal.SIGKILL)
        begun.wait()
    assert_same(run_jobs(data, JOBS, work, processes=2, progress=False), expected)


@pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")
def test_a_dask_worker_killed_half_way_costs_nothing(data, left_alone, tmp_path, recwarn):
    distributed = pytest.importorskip("distributed")
    expected, _ = left_alone
    killed = []
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
    with distributed.LocalCluster(**options) as cluster:
        with distributed.Client(cluster, set_as_default=False) as client:
            workers = list(client.run(os.getpid).values())

        def kill_one_in_training():
            # a checkpoint of a classifier: one run at least has begun and is not done
            while not list((tmp_path / "runs").glob("*.unfinished")):
                time.sleep(0.02)
            killed.append(workers[0])
            os.kill(workers[0], signal.SIGKILL)

        killer = threading.Thread(target=kill_one_in_training, daemon=True)
        killer.start()
        found = run_jobs(data, JOBS, tmp_path, scheduler=cluster.scheduler_address, progress=False)
        killer.join(timeout=5)
    assert killed
    assert_same(found, expected)
