"""Where joblib's loops run: processes of this machine, or a Dask cluster."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from joblib import parallel_config


def bar_hidden(progress: bool) -> bool:
    """True where no bar was asked for, or where TQDM_DISABLE says that nobody watches, as in a report's kernels.

    tqdm heeds that variable only where its own `disable` is not given.
    """
    return not progress or os.environ.get("TQDM_DISABLE", "0") not in ("", "0")


def silent() -> None:
    """The sign of life of a process that nobody watches."""


if TYPE_CHECKING:
    from distributed import Client

SCHEDULER = "DANCE_TF_SCHEDULER"  # the environment variable that names a cluster for every loop of a program
SCHEDULER_SECONDS = 20  # how long a Dask scheduler may take to answer

ORPHAN_SECONDS = 1.0  # how often a process looks whether the program that it works for is still there


class SchedulerError(RuntimeError):
    """No Dask scheduler where one was named."""


def named_scheduler(scheduler: str | None = None) -> str | None:
    """The scheduler that was asked for, or else the one that the environment names."""
    return scheduler or os.environ.get(SCHEDULER) or None


@contextmanager
def cluster(scheduler: str) -> Iterator[Client]:
    """Have joblib's loops inside this block run on a Dask cluster; its workers must see the same folders.

    Args:
        scheduler: its address, such as "tcp://host:8786".

    Yields:
        The client, to speak to the workers themselves.

    Raises:
        SchedulerError: nobody answers there.
    """
    from distributed import Client

    try:
        client = Client(scheduler, timeout=SCHEDULER_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise SchedulerError(f"{scheduler}: no Dask scheduler answers there ({error})") from error
    with client, parallel_config(backend="dask", client=client):
        yield client


@contextmanager
def side_by_side(processes: int, scheduler: str | None = None) -> Iterator[None]:
    """Have joblib's loops inside this block run in processes of one thread each, or on a Dask cluster.

    The processes end with the program, also where it is killed: loky alone would have them finish their work, then hold
    their memory for five more minutes. That loky replaces a process which has grown large goes unsaid, as the work goes
    on; where warnings are errors, saying it would stop the thread that hands out the work, for good.

    Args:
        processes: on this machine; a cluster's workers count instead.
        scheduler: address of a Dask scheduler; None for the one that DANCE_TF_SCHEDULER names, if it names one.

    Raises:
        SchedulerError: nobody answers there.
    """
    if address := named_scheduler(scheduler):
        with cluster(address):
            yield
    else:
        own = {"initializer": _end_with, "initargs": (os.getpid(),)}
        with warnings.catch_warnings(), parallel_config("loky", n_jobs=processes, inner_max_num_threads=1, **own):
            warnings.filterwarnings("ignore", "A worker stopped while some jobs were given", UserWarning)
            yield


def _end_with(program: int) -> None:
    """Have this process end when the program that started it, of that process number, is no more its parent."""

    def watch() -> None:
        while os.getppid() == program:
            time.sleep(ORPHAN_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
