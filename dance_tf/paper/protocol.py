"""The paper's experiments as jobs: each training run independent, cached by what went into it, and resumable.

Section 4.2: 80 / 20, five folds inside the 80, three repeats. The held-out 20 % is scored by each fold's model; the
paper prints only the folds' validation numbers, and so we keep both apart.
"""

import json
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import joblib
import keras
import numpy as np
import pandas as pd
from tqdm import tqdm

from dance_tf.assessment.predictions import Predictions
from dance_tf.dataset.atomic import written_whole
from dance_tf.dataset.batches import spread
from dance_tf.dataset.dataset import Dataset
from dance_tf.dataset.splits import Split, Unit, make_splits
from dance_tf.dataset.store import open_dataset
from dance_tf.model.autoencoder import STAGES
from dance_tf.model.strategies import STRATEGIES
from dance_tf.model.training import (
    Growth,
    History,
    TrainingSettings,
    grow_autoencoder,
    growth_key,
    key_of,
    predict,
    train_classifier,
)


@dataclass(frozen=True)
class Job:
    """One training run of the protocol.

    Attributes:
        settings: what is trained and how.
        unit: of the split, "frame", "clip" or "dancer".
        fold: which of the folds is validated on.
        folds: how many folds there are.
        repeat: number of the repeat ("experiment" in Table 2); its seed is `seed + repeat`.
        seed: cuts the split, which is the same for all repeats.
        score_frames: frames of each clip that are scored.
    """

    settings: TrainingSettings
    unit: Unit = "dancer"
    fold: int = 0
    folds: int = 5
    repeat: int = 0
    seed: int = 0
    score_frames: int = 24


@dataclass(frozen=True)
class Result:
    """What a run left on disk.

    Attributes:
        job: what was run.
        folder: where it lies: `model.keras`, `validation.npz`, `test.npz`, `history.csv`.
        parameters: trainable and other weights of the network.
        best_epoch: the epoch whose weights were kept.
        stopped_early: whether patience ran out.
        seconds: that the classifier's training took on one thread, the first time it ran through.
    """

    job: Job
    folder: Path
    parameters: int
    best_epoch: int
    stopped_early: bool
    seconds: float

    @property
    def validation(self) -> Predictions:
        """Predictions on the fold that chose the epoch: the kind of number that the paper prints."""
        return Predictions.load(self.folder / "validation.npz")

    @property
    def test(self) -> Predictions:
        """Predictions on the part held out from everything."""
        return Predictions.load(self.folder / "test.npz")

    @property
    def history(self) -> pd.DataFrame:
        """A row an epoch."""
        return pd.read_csv(self.folder / "history.csv")

    def load_model(self) -> keras.Model:
        """The trained network."""
        return keras.saving.load_model(self.folder / "model.keras")


def split_of(dataset: Dataset, job: Job) -> Split:
    """The split a job trains on."""
    return make_splits(dataset, job.unit, job.folds, job.seed)[job.fold]


def pair_with_truth(dataset: Dataset, indices: np.ndarray, probabilities: np.ndarray) -> Predictions:
    """Probabilities float32 [n, styles] of frames int64 [n] beside the truth."""
    return Predictions(
        probabilities=probabilities,
        labels=dataset.labels[indices],
        clips=dataset.clip_index[indices],
        dancers=dataset.dancers,
        styles=dataset.styles,
        clip_ids=tuple(clip.clip_id for clip in dataset.clips),
    )


def run_jobs(
    data: Path, jobs: Sequence[Job], work: Path, processes: int = 1, scheduler: str | None = None, progress: bool = True
) -> tuple[Result, ...]:
    """Run jobs side by side; those already done are read from their cache.

    Args:
        data: dataset folder, to be seen under the same path by every worker.
        jobs: what to run.
        work: where runs are kept, by key.
        processes: how many at once on this machine, one thread each.
        scheduler: address of a Dask scheduler to run on instead.
        progress: show a bar.

    Returns:
        one result a job, in their order.
    """
    dataset = _open(str(data))
    grown = {}
    for job in jobs:
        if STRATEGIES[job.settings.strategy].grows_autoencoder:
            grown.setdefault(growth_key(dataset, split_of(dataset, job), job.settings, job.seed + job.repeat), job)
    with _backend(processes, scheduler):
        _side_by_side(_grow, data, list(grown.values()), work, processes, progress, "autoencoders")
        return tuple(_side_by_side(_run, data, jobs, work, processes, progress, "classifiers"))


@contextmanager
def _backend(processes: int, scheduler: str | None) -> Iterator[None]:
    if scheduler is None:
        with joblib.parallel_config(backend="loky", n_jobs=processes, inner_max_num_threads=1):
            yield
        return
    from distributed import Client

    with Client(scheduler), joblib.parallel_config(backend="dask"):
        yield


def _side_by_side(step, data: Path, jobs: Sequence[Job], work: Path, processes: int, progress: bool, what: str):
    todo = joblib.Parallel(return_as="generator")(joblib.delayed(step)(str(data), job, str(work)) for job in jobs)
    return list(tqdm(todo, total=len(jobs), desc=what, disable=not progress, unit="run"))


@lru_cache(maxsize=2)
def _open(data: str) -> Dataset:
    return open_dataset(Path(data))


def _one_thread() -> None:
    """One thread a run, so that runs side by side do not fight over cores and give the same bits everywhere."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with suppress(RuntimeError):  # already at work in this process, with as many threads as it was started with
            tf.config.threading.set_intra_op_parallelism_threads(1)
            tf.config.threading.set_inter_op_parallelism_threads(1)


def grown_folder(dataset: Dataset, job: Job, work: Path) -> Path:
    """Where the autoencoder of a job lies: `autoencoder_1.keras` to `autoencoder_5.keras` and `growth.json`."""
    key = growth_key(dataset, split_of(dataset, job), job.settings, job.seed + job.repeat)
    return Path(work) / "growth" / key


def _grow(data: str, job: Job, work: str) -> Path:
    _one_thread()
    dataset = _open(data)
    folder = grown_folder(dataset, job, Path(work))
    if not (folder / "growth.json").is_file():
        unfinished = folder.with_name(f"{folder.name}.unfinished")
        growth = grow_autoencoder(dataset, split_of(dataset, job), job.settings, unfinished, job.seed + job.repeat)
        _save_growth(growth, folder)
        shutil.rmtree(unfinished)
    return folder


def _save_growth(growth: Growth, folder: Path) -> None:
    first = STAGES + 1 - len(growth.models)
    with written_whole(folder) as partial:
        for stage, model in enumerate(growth.models, start=first):
            model.save(partial / f"autoencoder_{stage}.keras")
        rows = [
            {"stage": stage, **row}
            for stage, history in enumerate(growth.histories, start=first)
            for row in history.rows
        ]
        summary = {"stages": list(range(first, STAGES + 1)), "validation_errors": growth.validation_errors}
        (partial / "growth.json").write_text(json.dumps({**summary, "rows": rows}))


def _run(data: str, job: Job, work: str) -> Result:
    _one_thread()
    dataset = _open(data)
    split = split_of(dataset, job)
    key = key_of(dataset.content_hash, split.train, split.validation, split.test, job)
    folder = Path(work) / "runs" / key
    if not (folder / "result.json").is_file():
        unfinished = folder.with_name(f"{folder.name}.unfinished")
        encoder = None
        if STRATEGIES[job.settings.strategy].grows_autoencoder:
            encoder = keras.saving.load_model(_grow(data, job, work) / f"autoencoder_{STAGES}.keras")
        started = time.perf_counter()
        model, history = train_classifier(
            dataset, split, job.settings, unfinished, job.seed + job.repeat, encoder=encoder
        )
        seconds = time.perf_counter() - started
        _save_run(dataset, split, job, model, history, seconds, folder)
        shutil.rmtree(unfinished)
    kept = json.loads((folder / "result.json").read_text())
    return Result(job, folder, kept["parameters"], kept["best_epoch"], kept["stopped_early"], kept["seconds"])


def _save_run(
    dataset: Dataset, split: Split, job: Job, model: keras.Model, history: History, seconds: float, folder: Path
) -> None:
    with written_whole(folder) as partial:
        for name, part in (("validation", split.validation), ("test", split.test)):
            indices = spread(part, dataset.clip_index, job.score_frames)
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
