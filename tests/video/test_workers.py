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


def who(number: int) -> tuple[int, int]:
    return number, os.getpid()


def grow(number: int) -> tuple[int, int]:
    held.append(b"." * 320_000_000)  # loky lets a process grow by 300 MB, and looks once a second
    time.sleep(1.1)
    return who(number)


def asked() -> list[tuple[int, int]]:
    return joblib.Parallel()(joblib.delayed(who)(number) for number in range(4))


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE  # which nobody may have fetched yet
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(scope="module")
def running():
    distributed = pytest.importorskip("distributed")
    # of a single worker joblib thinks little: it then loops in this process
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster:
        with distributed.Client(cluster, set_as_default=False) as client:
            workers = set(client.run(os.getpid).values())
        yield cluster.scheduler_address, workers


def test_one_process_is_this_one(monkeypatch):
    monkeypatch.delenv(SCHEDULER, raising=False)
    with worker_pool(1):
        assert asked() == [(number, os.getpid()) for number in range(4)]


@pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")
def test_processes_end_with_a_program_that_is_killed(monkeypatch):
    monkeypatch.delenv(SCHEDULER, raising=False)
    program = subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE, text=True)
    with program:
        workers = {psutil.Process(int(program.stdout.readline())) for _ in range(2)}
        assert len(workers) == 2 and all(worker.is_running() for worker in workers)
        program.send_signal(signal.SIGKILL)
    ends = time.monotonic() + 60
    while (alive := [worker for worker in workers if is_alive(worker)]) and time.monotonic() < ends:
        time.sleep(0.1)
    for worker in alive:
        worker.kill()
    assert not alive


def test_a_process_that_grows_large_is_replaced_without_a_word(monkeypatch):
    monkeypatch.delenv(SCHEDULER, raising=False)
    with worker_pool(2):
        grown = joblib.Parallel(timeout=60)(joblib.delayed(grow)(number) for number in range(6))
    assert [number for number, _ in grown] == list(range(6))
    assert len({process for _, process in grown}) > 2


@pytest.mark.parametrize("named", ["argument", "environment"])
def test_a_cluster_does_the_work_where_one_is_named(running, monkeypatch, named):
    address, workers = running
    monkeypatch.setenv(SCHEDULER, address if named == "environment" else "tcp://127.0.0.1:9")
    with worker_pool(1, address if named == "argument" else None):
        found = asked()
    assert [number for number, _ in found] == list(range(4))
    assert {process for _, process in found} <= workers


def test_an_empty_name_is_none(monkeypatch):
    monkeypatch.setenv(SCHEDULER, "")
    assert named_scheduler() is None and named_scheduler("tcp://one:1") == "tcp://one:1"


def test_a_cluster_that_is_not_there_is_one_clear_line(monkeypatch):
    monkeypatch.setattr("dance_tf.video.workers.SCHEDULER_SECONDS", 1)
    with pytest.raises(SchedulerError, match="tcp://127.0.0.1:9: no Dask scheduler answers there"):
        with worker_pool(2, "tcp://127.0.0.1:9"):
            pass
