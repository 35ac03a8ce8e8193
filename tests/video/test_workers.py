"""Loops on this machine and on a Dask cluster."""

import os
import signal
import subprocess
import sys
import time

import joblib
import psutil
import pytest

from dance_tf.video.workers import SCHEDULER, SchedulerError, named_scheduler, worker_pool

held: list[bytes] = []  # in each process

BUSY = """
import os, time
import joblib
from dance_tf.video.workers import worker_pool

def work(number):
    print(os.getpid(), flush=True)
    time.sleep(600)

with worker_pool(2):
    joblib.Parallel()(joblib.delayed(work)(number) for number in range(2))
"""


@pytest.fixture(autouse=True)
def no_scheduler(monkeypatch):
    monkeypatch.delenv(SCHEDULER, raising=False)


def where(number: int) -> tuple[int, int]:
    return number, os.getpid()


def grow(number: int) -> tuple[int, int]:
    held.append(b"." * 320_000_000)  # loky allows 300 MB of growth, and checks once a second
    time.sleep(1.1)
    return where(number)


def run_loop(function=where, count=4, **options) -> list[tuple[int, int]]:
    return joblib.Parallel(**options)(joblib.delayed(function)(number) for number in range(count))


def is_running(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(scope="module")
def running_cluster():
    distributed = pytest.importorskip("distributed")
    # with a single worker joblib runs the loop in this process
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster:
        with distributed.Client(cluster, set_as_default=False) as client:
            workers = set(client.run(os.getpid).values())
        yield cluster.scheduler_address, workers


def test_a_pool_of_one_is_this_process():
    with worker_pool(1):
        assert run_loop() == [(number, os.getpid()) for number in range(4)]


@pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")
def test_processes_end_with_a_killed_program():
    program = subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE, text=True)
    with program:
        workers = {psutil.Process(int(program.stdout.readline())) for _ in range(2)}
        assert len(workers) == 2 and all(map(is_running, workers))
        program.send_signal(signal.SIGKILL)
    ends = time.monotonic() + 60
    while (running := [worker for worker in workers if is_running(worker)]) and time.monotonic() < ends:
        time.sleep(0.1)
    for worker in running:
        worker.kill()
    assert not running


def test_a_process_that_grows_large_is_replaced_without_a_warning():
    with worker_pool(2):
        grown = run_loop(grow, 6, timeout=60)
    assert [number for number, _ in grown] == list(range(6))
    assert len({process for _, process in grown}) > 2


@pytest.mark.parametrize("named", ["argument", "environment"])
def test_a_named_cluster_runs_the_loop(running_cluster, monkeypatch, named):
    address, workers = running_cluster
    monkeypatch.setenv(SCHEDULER, address if named == "environment" else "tcp://127.0.0.1:9")
    with worker_pool(1, address if named == "argument" else None):
        found = run_loop()
    assert [number for number, _ in found] == list(range(4))
    assert {process for _, process in found} <= workers


def test_missing_schedulers(monkeypatch):
    monkeypatch.setenv(SCHEDULER, "")
    assert named_scheduler() is None and named_scheduler("tcp://one:1") == "tcp://one:1"
    monkeypatch.setattr("dance_tf.video.workers.SCHEDULER_SECONDS", 1)
    with pytest.raises(SchedulerError, match="tcp://127.0.0.1:9: no Dask scheduler answers there"):
        with worker_pool(2, "tcp://127.0.0.1:9"):
            pass
