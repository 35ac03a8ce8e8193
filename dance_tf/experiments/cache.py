"""Training runs and measurements, each made once: cached by what went into them, recorded for the report.

The cache lies in the work folder: runs and grown autoencoders with their weights. The records lie beside the report, a
few kB a run: every table and figure can be made from them without training and without the clips.
"""

import gzip
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from filelock import FileLock
from tqdm import tqdm

from dance_tf.dataset.batches import sample_evenly
from dance_tf.dataset.dataset import Dataset, DatasetError
from dance_tf.dataset.output import write_text, written_whole
from dance_tf.dataset.store import open_dataset
from dance_tf.dataset.workspace import Workspace, open_workspace
from dance_tf.evaluation.predictions import Predictions
from dance_tf.experiments.spec import RunSpec, builder_hash, split_of, training_split
from dance_tf.model.networks import strategy_of
from dance_tf.model.train import backend_versions, growth_key, source_hash
from dance_tf.video.workers import bar_hidden, named_scheduler, side_by_side

RECORD = ("run.json", "validation.csv", "test.csv", "history.csv")
TIMES, STATE = "times.json", "state.json"  # attempts of a run; state.json is the last file of each checkpoint
# columns of measurements that are text, also where they look like numbers
TEXT = ("run", "name", "clip", "dancer", "style", "predicted", "counts", "reason", "frame (px)", "frames/s")
LARGE = 1000  # rows of a measurement above which its record is compressed
COMPUTED_BY = ("corruption", "dataset", "model", "experiments.spec")  # whose source decides a run's numbers


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        spec: what was run.
        folder: with `run.json`, `validation.csv`, `test.csv`, `history.csv`; in the cache also `model.keras`.
        parameters: number of weights.
        best_epoch: index of the epoch whose weights were kept.
        stopped_early: whether training ended before its last epoch.
        seconds: of the classifier's training on one thread, interrupted attempts included.
        growth_seconds: of growing its autoencoder; 0 without one.
    """

    spec: RunSpec
    folder: Path
    parameters: int
    best_epoch: int
    stopped_early: bool
    seconds: float
    growth_seconds: float

    @property
    def key(self) -> str:
        """Name of the run's folder: a hash of all that went into it."""
        return self.folder.name

    @cached_property
    def validation(self) -> Predictions | None:
        """Predictions on the fold that chose the epoch, the paper's kind of number; None for a baseline."""
        path = self.folder / "validation.csv"
        return Predictions.load(path) if path.is_file() else None

    @cached_property
    def test(self) -> Predictions:
        """Predictions on the held-out part."""
        return Predictions.load(self.folder / "test.csv")

    @property
    def history(self) -> pd.DataFrame:
        """Loss and accuracy, a row an epoch."""
        return pd.read_csv(self.folder / "history.csv")

    def load_model(self):
        """Load the trained Keras model from the cache."""
        import keras

        return keras.saving.load_model(self.folder / "model.keras")


def load_run(folder: Path, name: str = "") -> Run:
    """Read a run from its folder.

    Args:
        folder: of the run, in the cache or among the records.
        name: the run's name in a table, in place of the recorded one.
    """
    content = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    spec = RunSpec.from_json({**content["spec"], **({"name": name} if name else {})})
    numbers = ("parameters", "best_epoch", "stopped_early", "seconds", "growth_seconds")
    return Run(spec, folder, **{field: content[field] for field in numbers})


class Experiment:
    """Runs and measurements of one report.

    ```
    experiment = Experiment("reports/quick", jobs=2)
    runs = experiment.run(fold_specs(settings, run_folds=5))
    duplicates = experiment.measure("near_duplicates", lambda: near_duplicates(experiment.dataset))
    ```

    Args:
        run_folder: the report's folder, prepared by notebook 00.
        jobs: processes at once on this machine, one thread each.
        force: train and measure again what is cached.
        from_records: read the records in `run_folder/runs` only; nothing is trained, and clips are not needed.
        scheduler: address of a Dask scheduler; by default DANCE_TF_SCHEDULER's, if set.
    """

    def __init__(
        self,
        run_folder: Path | str,
        jobs: int = 1,
        force: bool = False,
        from_records: bool = False,
        scheduler: str | None = None,
    ):
        self.run_folder = Path(run_folder)
        self.records = self.run_folder / "runs"
        self.jobs, self.force, self.from_records, self.scheduler = jobs, force, from_records, scheduler
        self._forced: set[str] = set()

    @cached_property
    def workspace(self) -> Workspace:
        """Where footage, dataset and cache lie."""
        return open_workspace(self.run_folder)

    @cached_property
    def dataset(self) -> Dataset:
        """The curated clips."""
        return self.workspace.open()

    @cached_property
    def source(self) -> str:
        """What the frames are: "synthetic", or the name of the footage."""
        described = self.run_folder / "run.json"
        if self.from_records and described.is_file():
            return json.loads(described.read_text(encoding="utf-8")).get("source", "synthetic")
        return self.workspace.source

    def run(self, specs: Sequence[RunSpec], progress: bool = True) -> tuple[Run, ...]:
        """Train what is not cached, on all processes, the longest runs first.

        Args:
            specs: what to run; equal ones are trained once.
            progress: show a bar.

        Returns:
            One run a spec, in their order, under the spec's name.

        Raises:
            DatasetError: with `from_records`, a run is not among the records.
        """
        if self.from_records:
            recorded = _recorded(self.records)
            missing = [spec for spec in specs if _identity(spec) not in recorded]
            if missing:
                first = f"{missing[0].name}, split by {missing[0].split}, fold {missing[0].fold + 1}"
                raise DatasetError(f"{len(missing)} of {len(specs)} runs have no record in {self.records} ({first})")
            return tuple(load_run(recorded[_identity(spec)], spec.name) for spec in specs)
        data, work = self.workspace.dataset, self.workspace.work
        folders = {spec: run_folder(self.dataset, spec, work) for spec in dict.fromkeys(specs)}
        distinct = {folder: spec for spec, folder in folders.items()}
        for folder in distinct if self.force else ():
            if folder.name not in self._forced:
                shutil.rmtree(folder, ignore_errors=True)
                self._forced.add(folder.name)
        waiting = [spec for folder, spec in distinct.items() if not (folder / "run.json").is_file()]
        print(f"{len(distinct) - len(waiting)} of {len(distinct)} runs from cache")
        run_specs(data, waiting, work, self.jobs, self.scheduler, progress)
        for folder in distinct:
            self._record(folder)
        return tuple(load_run(folders[spec], spec.name) for spec in specs)

    def grow(self, specs: Sequence[RunSpec], progress: bool = True) -> None:
        """Grow the autoencoders that runs need, each once."""
        grow_specs(self.workspace.dataset, specs, self.workspace.work, self.jobs, self.scheduler, progress)

    def measure(self, name: str, compute: Callable[[], object], *key: object):
        """Return what `compute` measures: a table, arrays or numbers; computed once for a key.

        Args:
            name: of the record: `runs/NAME.csv` for a DataFrame (`.csv.gz` for a large one), `.npz` for a dict of
                arrays, `.json` otherwise.
            compute: called without arguments when there is no cached result.
            key: what the result depends on besides the dataset and the source of the package.

        Raises:
            DatasetError: with `from_records`, there is no such record.
        """
        if self.from_records:
            return _read_measurement(self.records, name)
        cached = (
            self.workspace.work
            / "measurements"
            / key_of(self.dataset.content_hash, name, source_hash(*COMPUTED_BY, "experiments", "evaluation"), list(key))
        )
        if self.force and cached.name not in self._forced:
            shutil.rmtree(cached, ignore_errors=True)
            self._forced.add(cached.name)
        if not cached.is_dir():
            with written_whole(cached) as partial:
                _write_measurement(partial, name, compute())
        for file in cached.iterdir():
            for other in self.records.glob(f"{name}.*"):
                other.unlink()
            _copy(file, self.records / file.name)
        return _read_measurement(cached, name)

    def _record(self, folder: Path) -> None:
        """Copy a run's small files beside the report."""
        for name in RECORD:
            if (folder / name).is_file():
                _copy(folder / name, self.records / folder.name / name)


def _copy(file: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    partial = to.with_name(f".{to.name}.partial")
    shutil.copyfile(file, partial)
    partial.replace(to)


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, as gzip where the name ends in ".gz"; equal tables give equal bytes."""
    text = table.to_csv(index=False, lineterminator="\n")
    path.write_bytes(gzip.compress(text.encode(), mtime=0) if path.suffix == ".gz" else text.encode())


def read_table(path: Path) -> pd.DataFrame:
    """Read what `write_table` wrote; the columns `TEXT` stay text, whatever it looks like."""
    numbers = [name for name in pd.read_csv(path, nrows=0).columns if name not in TEXT]
    missing = dict.fromkeys(numbers, ["", "nan", "NaN"])
    text = dict.fromkeys(TEXT, str)
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values=missing)


def _write_measurement(folder: Path, name: str, found: object) -> None:
    if isinstance(found, pd.DataFrame):
        write_table(folder / f"{name}.csv{'.gz' if len(found) > LARGE else ''}", found)
    elif isinstance(found, dict) and found and all(isinstance(value, np.ndarray) for value in found.values()):
        np.savez_compressed(folder / f"{name}.npz", **found)
    else:
        (folder / f"{name}.json").write_text(json.dumps(found), encoding="utf-8")


def _read_measurement(folder: Path, name: str):
    for table in (folder / f"{name}.csv", folder / f"{name}.csv.gz"):
        if table.is_file():
            return read_table(table)
    if (arrays := folder / f"{name}.npz").is_file():
        with np.load(arrays) as content:
            return dict(content)
    if not (document := folder / f"{name}.json").is_file():
        raise DatasetError(f"{folder} has no record {name}: run the notebook once without from_records")
    return json.loads(document.read_text(encoding="utf-8"))


def _identity(spec: RunSpec) -> str:
    return json.dumps(json.loads(json.dumps(spec.identity)), sort_keys=True)


@lru_cache(maxsize=1)
def _recorded(records: Path) -> dict[str, Path]:
    """The folder of each recorded run by the identity of its spec."""
    return {_identity(load_run(path.parent).spec): path.parent for path in sorted(records.glob("*/run.json"))}


def key_of(*parts: object) -> str:
    """Return a short hash of values that JSON holds."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:20]


def run_folder(dataset: Dataset, spec: RunSpec, work: Path) -> Path:
    """Return the folder of a run in the cache.

    Its name hashes the data, the spec, the source of the packages that compute the run, and the versions of Keras and
    its backend: a change in any of them trains anew.
    """
    code = [source_hash(*COMPUTED_BY), backend_versions(), builder_hash(spec.settings.strategy)]
    return Path(work) / "runs" / key_of(dataset.content_hash, spec.identity, code)


def run_specs(
    data: Path,
    specs: Sequence[RunSpec],
    work: Path,
    processes: int = 1,
    scheduler: str | None = None,
    progress: bool = True,
) -> None:
    """Grow the autoencoders that runs need, each once, then train the runs, in worker processes of one thread.

    Args:
        data: dataset folder; every worker must have it under the same path.
        specs: what to run.
        work: the cache.
        processes: workers on this machine.
        scheduler: address of a Dask scheduler to run on instead.
        progress: show a bar.
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
    """Grow the autoencoders that runs need, each once; the arguments are those of `run_specs`."""
    if growing := [spec for spec in specs if _grows(spec)]:
        dataset = _open(str(data))
        folders = {grown_folder(dataset, spec, work): spec for spec in growing}
        missing = [spec for folder, spec in folders.items() if not (folder / "growth.json").is_file()]
        _parallel(_grow, missing, "autoencoders", str(data), str(work), processes, scheduler, progress)


def _parallel(step, specs, title, data, work, processes, scheduler, progress) -> None:
    """Call `step(data, spec, work)` for each spec in worker processes, one too in a process of its own.

    Its threads, and so its numbers, are then those of the others. joblib would run a single one in the caller: it gets
    two workers, of which one is given work.
    """
    if not specs:  # workers take seconds to start
        return
    ahead = "2*n_jobs" if processes > 1 or named_scheduler(scheduler) else 1
    with side_by_side(max(processes, 2), scheduler):
        parallel = joblib.Parallel(return_as="generator", batch_size=1, pre_dispatch=ahead)
        done = parallel(joblib.delayed(step)(data, spec, work) for spec in specs)
        for _ in tqdm(done, total=len(specs), desc=title, disable=bar_hidden(progress), unit="run"):
            pass


def _grows(spec: RunSpec) -> bool:
    return not spec.baseline and strategy_of(spec.settings.strategy).grows_autoencoder


def _relative_cost(spec: RunSpec) -> int:
    """A run's cost beside others', roughly: windows are whole sequences of frames."""
    return spec.settings.network.sequence_length if strategy_of(spec.settings.strategy).sequence else 1


@lru_cache(maxsize=2)
def _open(data: str) -> Dataset:
    return open_dataset(Path(data))


def one_thread() -> None:
    """Give TensorFlow one thread: parallel runs do not compete for cores, and give the same bits everywhere."""
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with suppress(RuntimeError):  # TensorFlow has started in this process with its own number of threads
            tf.config.threading.set_intra_op_parallelism_threads(1)
            tf.config.threading.set_inter_op_parallelism_threads(1)


def grown_folder(dataset: Dataset, spec: RunSpec, work: Path) -> Path:
    """Return the folder of a run's autoencoder: `autoencoder_1.keras` to `autoencoder_5.keras` and `growth.json`."""
    key = growth_key(dataset, training_split(dataset, spec), spec.settings, spec.training_seed)
    return Path(work) / "growth" / key_of(key, source_hash(*COMPUTED_BY), backend_versions())


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Hold a folder's lock, and yield whether the folder is still to be made.

    A process of a killed program may still be at work on it for a moment.
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
            growth = grow_autoencoder(
                dataset, training_split(dataset, spec), spec.settings, unfinished, spec.training_seed
            )
            first = STAGES + 1 - len(growth.models)
            histories = enumerate(growth.histories, start=first)
            rows = [{"stage": stage, **row} for stage, history in histories for row in history.rows]
            with written_whole(folder) as partial:
                for stage, model in enumerate(growth.models, start=first):
                    model.save(partial / f"autoencoder_{stage}.keras")
                summary = {"stages": list(range(first, STAGES + 1)), "seconds": seconds(), "rows": rows}
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

    keras.utils.clear_session()  # or a worker would keep every network that it has trained
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    encoder, growth_seconds = None, 0.0
    if _grows(spec):
        grown = _grow(data, spec, work)
        encoder = keras.saving.load_model(grown / f"autoencoder_{STAGES}.keras")
        growth_seconds = json.loads((grown / "growth.json").read_text())["seconds"]
    seconds = _stopwatch(unfinished)
    split = training_split(dataset, spec)
    model, history = train_classifier(dataset, split, spec.settings, unfinished, spec.training_seed, encoder=encoder)
    with written_whole(folder) as partial:
        for name, part in (("validation", split_of(dataset, spec).validation), ("test", split.test)):
            indices = sample_evenly(part, dataset.clip_index, spec.score_frames)
            pair_with_truth(dataset, indices, predict(model, dataset, indices, spec.settings)).save(
                partial / f"{name}.csv"
            )
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
    with written_whole(folder) as partial:
        pair_with_truth(dataset, indices, probabilities).save(partial / "test.csv")
        numbers = {"parameters": 0, "best_epoch": 0, "stopped_early": False, "growth_seconds": 0.0}
        _write_run(partial, dataset, spec, seconds=time.perf_counter() - started, **numbers)


def _write_run(folder: Path, dataset: Dataset, spec: RunSpec, **numbers: object) -> None:
    provenance = {"data": dataset.content_hash, "source": source_hash(*COMPUTED_BY), **backend_versions()}
    content = {"spec": spec.to_json(), **numbers, "provenance": provenance}
    write_text(folder / "run.json", json.dumps(content, indent=1, sort_keys=True) + "\n")


def pair_with_truth(dataset: Dataset, indices: np.ndarray, probabilities: np.ndarray) -> Predictions:
    """Return the predictions of frames int64 [n], probabilities float32 [n, styles], aggregated by clip."""
    return Predictions.from_frames(
        probabilities,
        dataset.clip_index[indices],
        dataset.clip_labels,
        dataset.dancers,
        dataset.styles,
        tuple(clip.clip_id for clip in dataset.clips),
    )


def _stopwatch(unfinished: Path) -> Callable[[], float]:
    """Start timing a training, and return a function that gives its seconds so far.

    Attempts that were killed count up to their last checkpoint; what they did after it is done again and counted then.
    """
    note, earlier = unfinished / TIMES, 0.0
    if note.is_file():
        before = json.loads(note.read_text())
        checkpoints = [state.stat().st_mtime for state in unfinished.rglob(STATE)]
        earlier = before["earlier"] + max(0.0, max(checkpoints, default=0.0) - before["started"])
    write_text(note, json.dumps({"earlier": earlier, "started": time.time()}))
    started = time.perf_counter()
    return lambda: earlier + time.perf_counter() - started
