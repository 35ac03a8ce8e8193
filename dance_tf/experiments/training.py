"""Training of one run in a worker process: keys of the cache, and the files in the folder of a run."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock

from dance_tf.dataset.backend import keep_freed_memory
from dance_tf.dataset.batches import sample_evenly
from dance_tf.dataset.dataset import Dataset
from dance_tf.dataset.output import atomic_folder, write_text
from dance_tf.dataset.store import open_dataset
from dance_tf.evaluation.predictions import Predictions
from dance_tf.experiments.spec import RunSpec, split_of, training_split
from dance_tf.model.networks import strategy_of
from dance_tf.model.provenance import backend_versions, source_hash, strategy_hash
from dance_tf.model.settings import growth_settings

WEIGHTS = "model.keras"
TRAINED_AGAIN = "trained_again"  # folder of the weights of gathered runs
# packages and modules whose source determines the numbers of a run
COMPUTED_BY = ("corruption", "dataset", "model", "experiments.spec", "experiments.training")


def key_of(*parts: object) -> str:
    """Return a short hash of values that can be written as JSON."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:20]


def run_folder(dataset: Dataset, spec: RunSpec, work: Path) -> Path:
    """Return the folder of a run in the cache: a hash of data, spec, source and versions of Keras and its backend."""
    code = [source_hash(*COMPUTED_BY), backend_versions(), strategy_hash(spec.settings.strategy)]
    return Path(work) / "runs" / key_of(dataset.content_hash, spec.identity, code)


def grows_autoencoder(spec: RunSpec) -> bool:
    """Return whether a run needs a grown autoencoder."""
    return not spec.baseline and strategy_of(spec.settings.strategy).grows_autoencoder


@lru_cache(maxsize=2)
def _open(data: str) -> Dataset:
    return open_dataset(Path(data))


def one_thread() -> None:
    """Limit TensorFlow to one thread: parallel runs do not compete for cores, and results are equal bit for bit.

    The process also keeps the memory that it frees.
    """
    keep_freed_memory()
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
    """Hold a folder's lock (a killed program's worker may still write), and yield whether the folder is missing."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        yield not folder.is_dir()


def grow(data: str, spec: RunSpec, work: str) -> Path:
    """Grow the autoencoder of a run, unless it is cached; return its folder."""
    from dance_tf.model.autoencoder import STAGES
    from dance_tf.model.train import grow_autoencoder

    one_thread()
    dataset = _open(data)
    folder = grown_folder(dataset, spec, Path(work))
    with _locked(folder) as todo:
        if todo:
            unfinished = folder.with_name(f"{folder.name}.unfinished")
            seconds, split = _stopwatch(unfinished), training_split(dataset, spec)
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


def train(data: str, spec: RunSpec, work: str) -> None:
    """Train and score a run, unless it is cached; the arguments are those of `grow`."""
    one_thread()
    dataset = _open(data)
    folder = run_folder(dataset, spec, Path(work))
    with _locked(folder) as todo:
        if todo and spec.baseline:
            _run_baseline(dataset, spec, folder)
        elif todo:
            teacher = _teacher(data, spec.of_teacher, work) if spec.teacher else None
            grown = grow(data, spec, work) if grows_autoencoder(spec) else None
            _run_network(dataset, spec, folder, grown, teacher)


def _teacher(data: str, spec: RunSpec, work: str) -> Path:
    """Return the weights of a teacher, which is trained again if its run was gathered without them."""
    for place in (work, str(Path(work) / TRAINED_AGAIN)):
        train(data, spec, place)
        weights = run_folder(_open(data), spec, Path(place)) / WEIGHTS
        if weights.is_file():
            break
    return weights


def _run_network(dataset: Dataset, spec: RunSpec, folder: Path, grown: Path | None, teacher: Path | None) -> None:
    import keras

    from dance_tf.model.autoencoder import STAGES
    from dance_tf.model.distill import distill
    from dance_tf.model.train import predict, train_classifier

    keras.utils.clear_session()  # otherwise a worker keeps every trained network in memory
    encoder, growth_seconds = None, 0.0
    if grown:
        encoder = keras.saving.load_model(grown / f"autoencoder_{STAGES}.keras")
        growth_seconds = json.loads((grown / "growth.json").read_text())["seconds"]
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    seconds, split = _stopwatch(unfinished), training_split(dataset, spec)
    if teacher:
        taught_by = keras.saving.load_model(teacher, compile=False)
        model, history = distill(taught_by, dataset, split, spec.settings, unfinished, spec.training_seed)
    else:
        model, history = train_classifier(dataset, split, spec.settings, unfinished, spec.training_seed, encoder)
    with atomic_folder(folder) as partial:
        for name, part in (("validation", split_of(dataset, spec).validation), ("test", split.test)):
            indices = sample_evenly(part, dataset.clip_index, spec.score_frames)
            probabilities = predict(model, dataset, indices, part, spec.settings)
            pair_with_truth(dataset, indices, probabilities).save(partial / f"{name}.csv")
        model.save(partial / WEIGHTS)
        pd.DataFrame(history.rows).to_csv(partial / "history.csv", index=False)
        numbers = {"parameters": int(model.count_params()), "best_epoch": int(history.best_epoch)}
        numbers |= {"stopped_early": bool(history.stopped_early), "growth_seconds": growth_seconds}
        _write_run(partial, dataset, spec, seconds=seconds(), **numbers)
    shutil.rmtree(unfinished)


def _run_baseline(dataset: Dataset, spec: RunSpec, folder: Path) -> None:
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
    content = {"spec": asdict(spec), **numbers, "provenance": provenance}
    write_text(folder / "run.json", json.dumps(content, indent=1, sort_keys=True) + "\n")


def pair_with_truth(
    dataset: Dataset, indices: np.ndarray, probabilities: np.ndarray, styles: Sequence[str] = ()
) -> Predictions:
    """Aggregate probabilities float32 [n, styles] of frames int64 [n] by clip, with the true styles.

    Args:
        styles: of the model, all of the dataset's among them; by default the dataset's.
    """
    styles = tuple(styles or dataset.styles)
    labels = np.array([styles.index(style) for style in dataset.styles])[dataset.clip_labels]
    ids = [clip.clip_id for clip in dataset.clips]
    return Predictions.from_frames(probabilities, dataset.clip_index[indices], labels, dataset.dancers, styles, ids)


def _stopwatch(unfinished: Path) -> Callable[[], float]:
    """Start timing a training, and return a function that returns its seconds so far.

    Killed attempts count up to their last checkpoint, because later work is repeated and counted then.
    """
    note, earlier = unfinished / "times.json", 0.0
    if note.is_file():
        before = json.loads(note.read_text())
        # state.json is the last file of each checkpoint
        checkpoints = [state.stat().st_mtime for state in unfinished.rglob("state.json")]
        earlier = before["earlier"] + max(0.0, max(checkpoints, default=0.0) - before["started"])
    write_text(note, json.dumps({"earlier": earlier, "started": time.time()}))
    started = time.perf_counter()
    return lambda: earlier + time.perf_counter() - started
