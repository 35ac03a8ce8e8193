"""Training of runs: keys of the cache, worker processes, and the files in the folder of a run."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from filelock import FileLock
from tqdm import tqdm

from dance_tf.dataset.batches import sample_evenly
from dance_tf.dataset.dataset import Dataset
from dance_tf.dataset.output import atomic_folder, write_text
from dance_tf.dataset.store import open_dataset
from dance_tf.evaluation.predictions import Predictions
from dance_tf.experiments.spec import RunSpec, split_of, training_split
from dance_tf.model.networks import strategy_of
from dance_tf.model.provenance import backend_versions, source_hash, strategy_hash
from dance_tf.model.settings import growth_settings
from dance_tf.video.workers import bar_hidden, named_scheduler, worker_pool

TIMES, STATE = "times.json", "state.json"  # attempts of a run; state.json is the last file of each checkpoint
# packages and modules whose source determines the numbers of a run
COMPUTED_BY = ("corruption", "dataset", "model", "experiments.spec", "experiments.training")


def key_of(*parts: object) -> str:
    """Return a short hash of values that can be written as JSON."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:20]


def run_folder(dataset: Dataset, spec: RunSpec, work: Path) -> Path:
    """Return the folder of a run in the cache.

    Its name is a hash of the data, the spec, the source of the packages that compute the run, and the versions of Keras
    and its backend. If one of them changes, the run is trained again.
    """
    code = [source_hash(*COMPUTED_BY), backend_versions(), strategy_hash(spec.settings.strategy)]
    return Path(work) / "runs" / key_of(dataset.content_hash, spec.identity, code)


def run_specs(
    data: Path,
    specs: Sequence[RunSpec],
    work: Path,
    processes: int = 1,
    scheduler: str | None = None,
    progress: bool = True,
) -> None:
    """Grow each autoencoder that the runs need, once, then train the runs, in worker processes with one thread.

    Args:
        data: dataset folder; every worker must have it under the same path.
        specs: the runs.
        work: the cache.
        processes: worker processes on this machine.
        scheduler: address of a Dask scheduler to use instead.
        progress: show a progress bar.
    """
    grow_specs(data, specs, work, processes, scheduler, progress)
    longest_first = sorted(specs, key=_relative_cost, reverse=True)
    _parallel(_run, longest_first, "classifiers", str(data), str(work), processes, scheduler, progress)


def grow_specs(
    data: Path,
    specs: Sequence[RunSpec],
    work: Path,
    processes: int = 1,
    scheduler: str | None = None,
    progress: bool = True,
) -> None:
    """Grow each autoencoder that the runs need, once; the arguments are those of `run_specs`."""
    if growing := [spec for spec in specs if _grows(spec)]:
        dataset = _open(str(data))
        folders = {grown_folder(dataset, spec, work): spec for spec in growing}
        missing = [spec for folder, spec in folders.items() if not (folder / "growth.json").is_file()]
        _parallel(_grow, missing, "autoencoders", str(data), str(work), processes, scheduler, progress)


def _parallel(step, specs, title, data, work, processes, scheduler, progress) -> None:
    """Call `step(data, spec, work)` for each spec in a worker process, even for a single spec.

    All runs then have the same number of threads, so their numbers do not depend on how many there are. joblib runs the
    tasks of a single worker in the calling process, so there are always at least two workers.
    """
    if not specs:  # workers take seconds to start
        return
    ahead = "2*n_jobs" if processes > 1 or named_scheduler(scheduler) else 1
    with worker_pool(max(processes, 2), scheduler):
        parallel = joblib.Parallel(return_as="generator", batch_size=1, pre_dispatch=ahead)
        done = parallel(joblib.delayed(step)(data, spec, work) for spec in specs)
        for _ in tqdm(done, total=len(specs), desc=title, disable=bar_hidden(progress), unit="run"):
            pass


def _grows(spec: RunSpec) -> bool:
    return not spec.baseline and strategy_of(spec.settings.strategy).grows_autoencoder


def _relative_cost(spec: RunSpec) -> int:
    """Return the approximate cost of a run relative to others: windows are whole sequences of frames."""
    return spec.settings.network.sequence_length if strategy_of(spec.settings.strategy).sequence else 1


@lru_cache(maxsize=2)
def _open(data: str) -> Dataset:
    return open_dataset(Path(data))


def one_thread() -> None:
    """Limit TensorFlow to one thread: parallel runs do not compete for cores, and results are equal bit for bit."""
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with suppress(RuntimeError):  # TensorFlow already started in this process with another number of threads
            tf.config.threading.set_intra_op_parallelism_threads(1)
            tf.config.threading.set_inter_op_parallelism_threads(1)


def grown_folder(dataset: Dataset, spec: RunSpec, work: Path) -> Path:
    """Return the folder of a run's autoencoder: `autoencoder_1.keras` to `autoencoder_5.keras` and `growth.json`."""
    split = training_split(dataset, spec)
    parts = [hashlib.sha256(part).hexdigest() for part in (split.train, split.validation)]
    run = [dataset.content_hash, parts, asdict(growth_settings(spec.settings)), spec.training_seed]
    return Path(work) / "growth" / key_of(run, source_hash(*COMPUTED_BY), backend_versions())


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Hold a folder's lock, and yield whether the folder does not exist yet.

    A worker of a killed program may still write to it for a short time.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        yield not folder.is_dir()


def _grow(data: str, spec: RunSpec, work: str) -> Path:
    from dance_tf.model.autoencoder import STAGES
    from dance_tf.model.train import grow_autoencoder

    one_thread()
    dataset = _open(data)
    folder = grown_folder(dataset, spec, Path(work))
    with _locked(folder) as todo:
        if todo:
            unfinished = folder.with_name(f"{folder.name}.unfinished")
            seconds = _stopwatch(unfinished)
            split = training_split(dataset, spec)
            grown = grow_autoencoder(dataset, split, spec.settings, unfinished, spec.training_seed)
            stages = range(STAGES + 1 - len(grown), STAGES + 1)
            histories = zip(stages, grown, strict=True)
            rows = [{"stage": stage, **row} for stage, (_, history) in histories for row in history.rows]
            with atomic_folder(folder) as partial:
                for stage, (model, _) in zip(stages, grown, strict=True):
                    model.save(partial / f"autoencoder_{stage}.keras")
                summary = {"stages": list(stages), "seconds": seconds(), "rows": rows}
                (partial / "growth.json").write_text(json.dumps(summary))
            shutil.rmtree(unfinished)
    return folder


def _run(data: str, spec: RunSpec, work: str) -> None:
    one_thread()
    dataset = _open(data)
    folder = run_folder(dataset, spec, Path(work))
    with _locked(folder) as todo:
        if todo:
            (_run_baseline if spec.baseline else _run_network)(dataset, spec, folder, data, work)


def _run_network(dataset: Dataset, spec: RunSpec, folder: Path, data: str, work: str) -> None:
    import keras

    from dance_tf.model.autoencoder import STAGES
    from dance_tf.model.train import predict, train_classifier

    keras.utils.clear_session()  # otherwise a worker keeps every trained network in memory
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    encoder, growth_seconds = None, 0.0
    if _grows(spec):
        grown = _grow(data, spec, work)
        encoder = keras.saving.load_model(grown / f"autoencoder_{STAGES}.keras")
        growth_seconds = json.loads((grown / "growth.json").read_text())["seconds"]
    seconds = _stopwatch(unfinished)
    split = training_split(dataset, spec)
    model, history = train_classifier(dataset, split, spec.settings, unfinished, spec.training_seed, encoder=encoder)
    with atomic_folder(folder) as partial:
        for name, part in (("validation", split_of(dataset, spec).validation), ("test", split.test)):
            indices = sample_evenly(part, dataset.clip_index, spec.score_frames)
            probabilities = predict(model, dataset, indices, part, spec.settings)
            pair_with_truth(dataset, indices, probabilities).save(partial / f"{name}.csv")
        model.save(partial / "model.keras")
        pd.DataFrame(history.rows).to_csv(partial / "history.csv", index=False)
        _write_run(
            partial,
            dataset,
            spec,
            parameters=int(model.count_params()),
            best_epoch=int(history.best_epoch),
            stopped_early=bool(history.stopped_early),
            seconds=seconds(),
            growth_seconds=growth_seconds,
        )
    shutil.rmtree(unfinished)


def _run_baseline(dataset: Dataset, spec: RunSpec, folder: Path, data: str, work: str) -> None:
    from dance_tf.model.baselines import linear_baseline

    split = split_of(dataset, spec)
    indices = sample_evenly(split.test, dataset.clip_index, spec.score_frames)
    started = time.perf_counter()
    probabilities = linear_baseline(dataset, split, spec.settings.view, indices, spec.settings.frames_per_clip)
    with atomic_folder(folder) as partial:
        pair_with_truth(dataset, indices, probabilities).save(partial / "test.csv")
        numbers = {"parameters": 0, "best_epoch": 0, "stopped_early": False, "growth_seconds": 0.0}
        _write_run(partial, dataset, spec, seconds=time.perf_counter() - started, **numbers)


def _write_run(folder: Path, dataset: Dataset, spec: RunSpec, **numbers: object) -> None:
    provenance = {"data": dataset.content_hash, "source": source_hash(*COMPUTED_BY), **backend_versions()}
    content = {"spec": spec.to_json(), **numbers, "provenance": provenance}
    write_text(folder / "run.json", json.dumps(content, indent=1, sort_keys=True) + "\n")


def pair_with_truth(dataset: Dataset, indices: np.ndarray, probabilities: np.ndarray) -> Predictions:
    """Aggregate probabilities float32 [n, styles] of frames int64 [n] by clip, with the true styles."""
    return Predictions.from_frames(
        probabilities,
        dataset.clip_index[indices],
        dataset.clip_labels,
        dataset.dancers,
        dataset.styles,
        tuple(clip.clip_id for clip in dataset.clips),
    )


def _stopwatch(unfinished: Path) -> Callable[[], float]:
    """Start timing a training, and return a function that returns its seconds so far.

    Killed attempts count up to their last checkpoint, because later work is repeated and counted then.
    """
    note, earlier = unfinished / TIMES, 0.0
    if note.is_file():
        before = json.loads(note.read_text())
        checkpoints = [state.stat().st_mtime for state in unfinished.rglob(STATE)]
        earlier = before["earlier"] + max(0.0, max(checkpoints, default=0.0) - before["started"])
    write_text(note, json.dumps({"earlier": earlier, "started": time.time()}))
    started = time.perf_counter()
    return lambda: earlier + time.perf_counter() - started
