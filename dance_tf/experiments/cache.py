"""The paper's experiments as jobs: each training run independent, cached by what went into it, and resumable.

Section 4.2: 80 / 20, five folds inside the 80, three repeats. The held-out 20 % is scored by each fold's model; the
paper prints only the folds' validation numbers, and so we keep both apart.
"""

import json
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import joblib
import keras
import pandas as pd
from filelock import FileLock
from tqdm import tqdm

from dance_tf.dataset.batches import sample_evenly
from dance_tf.dataset.dataset import Dataset
from dance_tf.dataset.output import written_whole
from dance_tf.dataset.splits import Split
from dance_tf.dataset.store import open_dataset
from dance_tf.experiments.spec import Job, Result, load_result, pair_with_truth, split_of, training_split
from dance_tf.model.autoencoder import STAGES
from dance_tf.model.networks import STRATEGIES
from dance_tf.model.train import (
    Growth,
    History,
    grow_autoencoder,
    growth_key,
    key_of,
    predict,
    train_classifier,
)
from dance_tf.video.workers import bar_hidden, worker_pool

NOTE = "stopwatch.json"
STATE = "state.json"  # in each checkpoint, written last


class Stopwatch:
    """Seconds of a training, with those of earlier attempts that were killed.

    An earlier attempt counts up to its last checkpoint: what it did after that is done again, and counted then.

    Args:
        unfinished: folder of the training's checkpoints, in which the start of each attempt is noted.
    """

    def __init__(self, unfinished: Path):
        note = Path(unfinished) / NOTE
        self.earlier = 0.0
        if note.is_file():
            before = json.loads(note.read_text())
            kept = [state.stat().st_mtime for state in Path(unfinished).rglob(STATE)]
            self.earlier = before["earlier"] + max(0.0, max(kept, default=0.0) - before["started"])
        note.parent.mkdir(parents=True, exist_ok=True)
        partial = note.with_suffix(".partial")
        partial.write_text(json.dumps({"earlier": self.earlier, "started": time.time()}))
        partial.replace(note)
        self._started = time.perf_counter()

    def seconds(self) -> float:
        """Seconds so far."""
        return self.earlier + time.perf_counter() - self._started


def run_jobs(
    data: Path, jobs: Sequence[Job], work: Path, processes: int = 1, scheduler: str | None = None, progress: bool = True
) -> tuple[Result, ...]:
    """Run jobs side by side; those already done are read from their cache.

    Args:
        data: dataset folder, to be seen under the same path by every worker.
        jobs: what to run.
        work: where runs are kept, by key.
        processes: how many at once on this machine, one thread each.
        scheduler: address of a Dask scheduler to run on instead; None for the one that DANCE_TF_SCHEDULER names.
        progress: show a bar.

    Returns:
        one result a job, in their order.
    """
    dataset = _open(str(data))
    waiting = [job for job in jobs if not (run_folder(dataset, job, work) / "result.json").is_file()]
    grow_jobs(data, waiting, work, processes, scheduler, progress)
    if waiting:  # workers take seconds to start
        with worker_pool(processes, scheduler):
            _all(_run, data, waiting, work, progress, "classifiers")
    return tuple(load_result(run_folder(dataset, job, work)) for job in jobs)


def run_folder(dataset: Dataset, job: Job, work: Path) -> Path:
    """Where the result of a job lies, named by what went into it."""
    split = split_of(dataset, job)
    return Path(work) / "runs" / key_of(dataset.content_hash, split.train, split.validation, split.test, job)


def grow_jobs(
    data: Path, jobs: Sequence[Job], work: Path, processes: int = 1, scheduler: str | None = None, progress: bool = True
) -> None:
    """Grow the autoencoders that jobs need, each once; the arguments are those of `run_jobs`."""
    dataset = _open(str(data))
    needed = {}
    for job in jobs:
        if STRATEGIES[job.settings.strategy].grows_autoencoder:
            needed.setdefault(growth_key(dataset, training_split(dataset, job), job.settings, job.draw), job)
    missing = [job for key, job in needed.items() if not (Path(work) / "growth" / key / "growth.json").is_file()]
    if missing:
        with worker_pool(processes, scheduler):
            _all(_grow, data, missing, work, progress, "autoencoders")


def _all(step, data: Path, jobs: Sequence[Job], work: Path, progress: bool, what: str):
    todo = joblib.Parallel(return_as="generator")(joblib.delayed(step)(str(data), job, str(work)) for job in jobs)
    return list(tqdm(todo, total=len(jobs), desc=what, disable=bar_hidden(progress), unit="run"))


@lru_cache(maxsize=2)
def _open(data: str) -> Dataset:
    return open_dataset(Path(data))


def one_thread() -> None:
    """One thread a run, so that runs side by side do not fight over cores and give the same bits everywhere."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with suppress(RuntimeError):  # already at work in this process, with as many threads as it was started with
            tf.config.threading.set_intra_op_parallelism_threads(1)
            tf.config.threading.set_inter_op_parallelism_threads(1)


def grown_folder(dataset: Dataset, job: Job, work: Path) -> Path:
    """Where the autoencoder of a job lies: `autoencoder_1.keras` to `autoencoder_5.keras` and `growth.json`."""
    key = growth_key(dataset, training_split(dataset, job), job.settings, job.draw)
    return Path(work) / "growth" / key


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Whether the run of this folder has yet to be done, by nobody else meanwhile.

    A run that was killed may leave a process behind that is still at work on it for a moment.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        yield not folder.is_dir()


def _grow(data: str, job: Job, work: str) -> Path:
    one_thread()
    dataset = _open(data)
    folder = grown_folder(dataset, job, Path(work))
    with _alone(folder) as todo:
        if todo:
            unfinished = folder.with_name(f"{folder.name}.unfinished")
            watch = Stopwatch(unfinished)
            growth = grow_autoencoder(dataset, training_split(dataset, job), job.settings, unfinished, job.draw)
            _save_growth(growth, watch.seconds(), folder)
            shutil.rmtree(unfinished)
    return folder


def _save_growth(growth: Growth, seconds: float, folder: Path) -> None:
    first = STAGES + 1 - len(growth.models)
    with written_whole(folder) as partial:
        for stage, model in enumerate(growth.models, start=first):
            model.save(partial / f"autoencoder_{stage}.keras")
        rows = [
            {"stage": stage, **row}
            for stage, history in enumerate(growth.histories, start=first)
            for row in history.rows
        ]
        summary = {
            "stages": list(range(first, STAGES + 1)),
            "validation_errors": growth.validation_errors,
            "seconds": seconds,
        }
        (partial / "growth.json").write_text(json.dumps({**summary, "rows": rows}))


def _run(data: str, job: Job, work: str) -> Result:
    one_thread()
    dataset = _open(data)
    split = split_of(dataset, job)
    folder = run_folder(dataset, job, Path(work))
    with _alone(folder) as todo:
        if todo:
            keras.utils.clear_session()  # a worker that trains a hundred networks must not keep them all
            unfinished = folder.with_name(f"{folder.name}.unfinished")
            encoder = None
            if STRATEGIES[job.settings.strategy].grows_autoencoder:
                encoder = keras.saving.load_model(_grow(data, job, work) / f"autoencoder_{STAGES}.keras")
            watch = Stopwatch(unfinished)
            model, history = train_classifier(
                dataset, training_split(dataset, job), job.settings, unfinished, job.draw, encoder=encoder
            )
            _save_run(dataset, split, job, model, history, watch.seconds(), folder)
            shutil.rmtree(unfinished)
    return load_result(folder)


def _save_run(
    dataset: Dataset, split: Split, job: Job, model: keras.Model, history: History, seconds: float, folder: Path
) -> None:
    with written_whole(folder) as partial:
        for name, part in (("validation", split.validation), ("test", split.test)):
            indices = sample_evenly(part, dataset.clip_index, job.score_frames)
            probabilities = predict(model, dataset, indices, job.settings)
            pair_with_truth(dataset, indices, probabilities).save(partial / f"{name}.npz")
        model.save(partial / "model.keras")
        pd.DataFrame(history.rows).to_csv(partial / "history.csv", index=False)
        kept = {
            "job": asdict(job),
            "parameters": int(model.count_params()),
            "best_epoch": history.best_epoch,
            "stopped_early": history.stopped_early,
            "seconds": seconds,
        }
        (partial / "result.json").write_text(json.dumps(kept))
