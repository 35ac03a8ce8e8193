"""Training runs and measurements: each is computed once, cached under a hash of its inputs, and recorded.

The cache is in the work folder: runs and grown autoencoders with their weights. The records are in the report's folder,
a few kB per run: every table, and every figure without clips or weights, can be made from them without training.

Copies of run folders, without weights, in `REPORT/gathered` are used instead of training: a long report can be made in
pieces.
"""

import gzip
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from dance_tf.dataset.dataset import Dataset, DatasetError
from dance_tf.dataset.output import atomic_folder
from dance_tf.dataset.workspace import Workspace, open_workspace
from dance_tf.evaluation.predictions import Predictions
from dance_tf.experiments.spec import RunSpec
from dance_tf.experiments.training import (
    COMPUTED_BY,
    TRAINED_AGAIN,
    WEIGHTS,
    grow,
    grown_folder,
    grows_autoencoder,
    key_of,
    run_folder,
    train,
)
from dance_tf.model.networks import strategy_of
from dance_tf.model.provenance import source_hash
from dance_tf.video.files import whole_file
from dance_tf.video.workers import call_each, named_scheduler

RECORD = ("run.json", "validation.csv", "test.csv", "history.csv")
# columns of measurements that stay text, even if their values look like numbers
TEXT = ("run", "name", "clip", "dancer", "style", "predicted", "counts", "reason", "frame (px)", "frames/s")
GATHERED = "gathered"
# `source_hash(*COMPUTED_BY)` of earlier code that gives the same runs, bit for bit, as this code
SAME_NUMBERS = ("9c46e4f6b29cfe790bcf8b80535aa6a3f2c40dc9d9fe75c15e818681f2d8ca14",)
LARGE = 1000  # rows of a measurement above which its record is compressed


@dataclass(frozen=True)
class Run:
    """A finished run."""

    spec: RunSpec  # settings, fold and seed of the run
    # with `run.json`, `validation.csv`, `test.csv`, `history.csv`; in the cache, unless it was gathered, `model.keras`
    folder: Path
    parameters: int  # number of weights
    best_epoch: int  # index of the epoch whose weights were kept
    stopped_early: bool  # whether training ended before its last epoch
    seconds: float  # of the classifier's training on one thread, interrupted attempts included
    growth_seconds: float  # of growing its autoencoder; 0 without one
    backend: str = "tensorflow"  # of Keras, which trained it; others are of a machine with a GPU

    @property
    def training_seconds(self) -> float:
        """Of autoencoder and classifier; nan if another backend trained them, whose times cannot be compared."""
        import keras

        return self.seconds + self.growth_seconds if self.backend == keras.backend.backend() else np.nan

    @property
    def key(self) -> str:
        """Name of the run's folder: a hash of its data, spec, code and package versions."""
        return self.folder.name

    @cached_property
    def validation(self) -> Predictions | None:
        """Predictions on the fold that chose the epoch, as the paper reports them; None for a baseline."""
        path = self.folder / "validation.csv"
        return Predictions.load(path) if path.is_file() else None

    @cached_property
    def test(self) -> Predictions:
        """Predictions on the held-out part."""
        return Predictions.load(self.folder / "test.csv")

    @property
    def history(self) -> pd.DataFrame:
        """Loss and accuracy, one row per epoch."""
        return pd.read_csv(self.folder / "history.csv")

    def load_model(self):
        """Load the trained Keras model from the cache."""
        import keras

        strategy_of(self.spec.settings.strategy)  # registers the layers of a user's own network
        return keras.saving.load_model(self.folder / WEIGHTS, compile=False)


def load_run(folder: Path) -> Run:
    """Read a run from its folder, in the cache or among the records."""
    content = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    numbers = ("parameters", "best_epoch", "stopped_early", "seconds", "growth_seconds")
    found = {field: content[field] for field in numbers}
    return Run(RunSpec.from_json(content["spec"]), folder, **found, backend=content["provenance"]["backend"])


class Experiment:
    """Runs and measurements of one report.

    ```
    experiment = Experiment("reports/quick", jobs=2)
    runs = experiment.run(fold_specs(settings, run_folds=5))
    duplicates = experiment.measure("near_duplicates", lambda: near_duplicates(experiment.dataset))
    ```

    Args:
        run_folder: the report's folder, prepared by notebook 00.
        jobs: parallel processes on this machine, one thread each; ignored if DANCE_TF_SCHEDULER names a Dask scheduler,
            whose workers must have the dataset and the cache under the same paths.
        force: ignore the cache: train and measure again.
        from_records: read the records in `run_folder/runs` only; nothing is trained, and clips are not needed.
    """

    def __init__(self, run_folder: Path | str, jobs: int = 1, force: bool = False, from_records: bool = False):
        self.run_folder = Path(run_folder)
        self.records = self.run_folder / "runs"
        self.jobs, self.force, self.from_records = jobs, force, from_records
        self._forced: set[Path] = set()

    @cached_property
    def workspace(self) -> Workspace:
        """The folders of footage, dataset and cache."""
        return open_workspace(self.run_folder)

    @cached_property
    def dataset(self) -> Dataset:
        """The curated clips."""
        return self.workspace.open()

    @cached_property
    def source(self) -> str:
        """The source of the frames: "synthetic", or the name of the footage."""
        if not self.from_records:
            return self.workspace.source
        return json.loads((self.run_folder / "run.json").read_text(encoding="utf-8"))["source"]

    def run(self, specs: Sequence[RunSpec]) -> tuple[Run, ...]:
        """Train the runs that are not cached, in parallel, the longest first; equal runs are trained once.

        Returns:
            One run per spec, in the same order, with the name of the spec.

        Raises:
            DatasetError: with `from_records`, a run is not among the records.
        """
        recorded = {_identity(run.spec): run.folder for run in self.recorded()}
        if self.from_records:
            missing = [spec for spec in specs if _identity(spec) not in recorded]
            if missing:
                first = f"{missing[0].name}, split by {missing[0].split}, fold {missing[0].fold + 1}"
                raise DatasetError(f"{len(missing)} of {len(specs)} runs have no record in {self.records} ({first})")
            return tuple(replace(load_run(recorded[_identity(spec)]), spec=spec) for spec in specs)
        self._take_gathered()
        folders = {spec: run_folder(self.dataset, spec, self.workspace.work) for spec in specs}
        distinct = {folder: spec for spec, folder in folders.items()}
        for folder in distinct:
            self._forget(folder)
        waiting = [spec for folder, spec in distinct.items() if not (folder / "run.json").is_file()]
        print(f"{len(distinct) - len(waiting)} of {len(distinct)} runs from cache")
        self.grow(waiting)
        longest_first = sorted(waiting, key=lambda spec: spec.settings.sequence_length, reverse=True)
        self._parallel(train, longest_first, "classifiers")
        for folder, spec in distinct.items():
            stale = recorded.get(_identity(spec), folder)
            if stale.name != folder.name:  # made by other code or from other data
                shutil.rmtree(stale)
            for file in filter(Path.is_file, map(folder.joinpath, RECORD)):
                _copy(file, self.records / folder.name / file.name)
        return tuple(replace(load_run(folders[spec]), spec=spec) for spec in specs)

    def with_weights(self, runs: Sequence[Run]) -> tuple[Run, ...]:
        """Return the same runs; those that were gathered without weights are trained again, for `Run.load_model`.

        Their predictions stay those that were gathered: another backend or processor rounds differently. With
        `from_records`, nothing is trained.
        """
        if self.from_records:
            return tuple(runs)
        missing = {run.folder: run.spec for run in runs if not (run.folder / WEIGHTS).is_file()}
        again = self.workspace.work / TRAINED_AGAIN
        self._parallel(train, list(missing.values()), "weights", again)
        for folder, spec in missing.items():
            with whole_file(folder / WEIGHTS) as partial:
                shutil.move(run_folder(self.dataset, spec, again) / WEIGHTS, partial)
        return tuple(runs)

    def _take_gathered(self) -> None:
        """Copy gathered runs of the same clips and code into the cache."""
        code = source_hash(*COMPUTED_BY), *SAME_NUMBERS
        for record in sorted(self.run_folder.glob(f"{GATHERED}/*/run.json")):
            content = json.loads(record.read_text(encoding="utf-8"))
            if content["provenance"]["data"] == self.dataset.content_hash and content["provenance"]["source"] in code:
                folder = run_folder(self.dataset, RunSpec.from_json(content["spec"]), self.workspace.work)
                if not folder.is_dir():
                    with atomic_folder(folder) as partial:
                        shutil.copytree(record.parent, partial, dirs_exist_ok=True)

    def recorded(self) -> tuple[Run, ...]:
        """Return all runs with a record in this report, from all notebooks."""
        return tuple(load_run(path.parent) for path in sorted(self.records.glob("*/run.json")))

    def grow(self, specs: Sequence[RunSpec]) -> None:
        """Grow each autoencoder that the runs need, once."""
        growing = [spec for spec in specs if grows_autoencoder(spec)]
        folders = {grown_folder(self.dataset, spec, self.workspace.work): spec for spec in growing}
        missing = [spec for folder, spec in folders.items() if not (folder / "growth.json").is_file()]
        self._parallel(grow, missing, "autoencoders")

    def measure(self, name: str, compute: Callable[[], object], *key: object):
        """Return the result of `compute` (a table, arrays or numbers), which is computed once for each key.

        Args:
            name: of the record: `runs/NAME.csv` for a DataFrame (`.csv.gz` for a large one), `.npz` for a dict of
                arrays, `.json` otherwise.
            key: what the result depends on besides the dataset and the source of the package.

        Raises:
            DatasetError: with `from_records`, the record is missing.
        """
        if self.from_records:
            return _read_measurement(self.records, name)
        code = source_hash(*COMPUTED_BY, "experiments", "evaluation", "fidelity")
        cached = self.workspace.work / "measurements" / key_of(self.dataset.content_hash, name, code, list(key))
        self._forget(cached)
        if not cached.is_dir():
            with atomic_folder(cached) as partial:
                _write_measurement(partial, name, compute())
        for other in self.records.glob(f"{name}.*"):
            other.unlink()
        for file in cached.iterdir():
            _copy(file, self.records / file.name)
        return _read_measurement(cached, name)

    def _forget(self, folder: Path) -> None:
        """Remove a cached result, once, if the cache is to be ignored."""
        if self.force and folder not in self._forced:
            shutil.rmtree(folder, ignore_errors=True)
            self._forced.add(folder)

    def _parallel(
        self, step: Callable[[str, RunSpec, str], None], specs: Sequence[RunSpec], title: str, work: Path | None = None
    ) -> None:
        """Call a step for each spec in a worker process, even for a single spec.

        All runs then have the same number of threads, so their numbers do not depend on how many there are. joblib runs
        the tasks of a single worker in the calling process, so there are always at least two workers.
        """
        if not specs:  # workers take seconds to start
            return
        data, work = str(self.workspace.dataset), str(work or self.workspace.work)
        ahead = "2*n_jobs" if self.jobs > 1 or named_scheduler() else 1
        tasks = [(data, spec, work) for spec in specs]
        call_each(step, tasks, title, max(self.jobs, 2), batch_size=1, pre_dispatch=ahead)


def _copy(file: Path, to: Path) -> None:
    with whole_file(to) as partial:
        shutil.copyfile(file, partial)


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, compressed if the name ends in ".gz"; equal tables give equal bytes."""
    text = table.to_csv(index=False, lineterminator="\n")
    path.write_bytes(gzip.compress(text.encode(), mtime=0) if path.suffix == ".gz" else text.encode())


def read_table(path: Path) -> pd.DataFrame:
    """Read a table of `write_table`; the columns in `TEXT` stay text."""
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
    return json.dumps(spec.identity, sort_keys=True)
