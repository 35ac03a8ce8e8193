"""Run joblib's loops in processes of this machine, or on a Dask cluster."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from joblib import Parallel, delayed, parallel_config
from tqdm import tqdm

if TYPE_CHECKING:
    from distributed import Client

SCHEDULER = "DANCE_TF_SCHEDULER"  # environment variable with the address of a cluster for every loop
SCHEDULER_SECONDS = 20  # timeout for the connection to a Dask scheduler
PARENT_CHECK_SECONDS = 1.0  # how often a worker process checks that its parent is running


class SchedulerError(RuntimeError):
    """No Dask scheduler answers at an address."""


def named_scheduler(scheduler: str | None = None) -> str | None:
    """Return the given scheduler, or else the one that the environment names."""
    return scheduler or os.environ.get(SCHEDULER) or None


@contextmanager
def cluster(scheduler: str) -> Iterator[Client]:
    """Run joblib's loops inside this block on a Dask cluster, whose workers must see the same folders; yield a client.

    Args:
        scheduler: its address, such as "tcp://host:8786".

    Raises:
        SchedulerError: no scheduler answers.
    """
    from distributed import Client

    try:
        client = Client(scheduler, timeout=SCHEDULER_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise SchedulerError(f"{scheduler}: no Dask scheduler answers there ({error})") from error
    with client, parallel_config(backend="dask", client=client):
        yield client


@contextmanager
def worker_pool(processes: int, scheduler: str | None = None) -> Iterator[None]:
    """Run joblib's loops inside this block in single-threaded processes, or on a Dask cluster.

    The processes end with the program, even if it is killed; by default loky keeps them for minutes. loky's warning
    that it replaces a large process is ignored: as an error it would stop loky's dispatching thread.

    Args:
        processes: number of processes on this machine; ignored for a cluster.
        scheduler: address of a Dask scheduler; None for the one that DANCE_TF_SCHEDULER names, if any.

    Raises:
        SchedulerError: no scheduler answers.
    """
    if address := named_scheduler(scheduler):
        with cluster(address):
            yield
    else:
        ends = {"initializer": _end_with_parent, "initargs": (os.getpid(),)}
        with warnings.catch_warnings(), parallel_config("loky", n_jobs=processes, inner_max_num_threads=1, **ends):
            warnings.filterwarnings("ignore", "A worker stopped while some jobs were given", UserWarning)
            yield


def call_each(
    function: Callable, tasks: Sequence[tuple], title: str, processes: int, scheduler: str | None = None, **options
) -> list:
    """Call a function with each tuple of arguments in a `worker_pool`, with a progress bar, and return all results.

    Args:
        title: of the bar, a plural.
        processes, scheduler: as in `worker_pool`.
        options: of `joblib.Parallel`.
    """
    with worker_pool(processes, scheduler):
        done = Parallel(return_as="generator", **options)(delayed(function)(*task) for task in tasks)
        return list(tqdm(done, total=len(tasks), desc=title, unit=title.removesuffix("s")))


def _end_with_parent(parent: int) -> None:
    """End this process when its parent process does."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_CHECK_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
