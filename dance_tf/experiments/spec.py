"""A training run of the protocol and what it left on disk: jobs, their results, and plain rivals on the same part."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from dance_tf.dataset.batches import Jitter, sample_evenly, subsample
from dance_tf.dataset.dataset import Dataset, DatasetError
from dance_tf.dataset.splits import Group, Split, make_splits
from dance_tf.evaluation.predictions import Predictions
from dance_tf.model.baselines import linear_baseline
from dance_tf.model.fit import Schedule
from dance_tf.model.networks import NetworkSettings
from dance_tf.model.train import TrainingSettings


@dataclass(frozen=True)
class Job:
    """One training run of the protocol.

    Attributes:
        settings: what is trained and how.
        unit: of the split, "frame", "clip" or "dancer".
        fold: which of the folds is validated on.
        folds: how many folds there are.
        repeat: number of the repeat ("experiment" in Table 2).
        seed: cuts the split, which is the same for all repeats.
        score_frames: frames of each clip that are scored.
        interval: of this many consecutive frames one is learnt from or chosen on; all are scored (Table 3).
    """

    settings: TrainingSettings
    unit: Group = "dancer"
    fold: int = 0
    folds: int = 5
    repeat: int = 0
    seed: int = 0
    score_frames: int = 24
    interval: int = 1

    @property
    def draw(self) -> int:
        """Seed of weights and batches: another one for each fold and repeat, the same for every strategy.

        Were it the same for all folds, their mean would carry the luck of one draw, and no interval would show it.
        """
        return int(np.random.SeedSequence([self.seed, self.repeat, self.fold]).generate_state(1)[0] >> 1)


@dataclass(frozen=True)
class Result:
    """What a run left on disk.

    Attributes:
        job: what was run.
        folder: where it lies: `model.keras`, `validation.npz`, `test.npz`, `history.csv`.
        parameters: trainable and other weights of the network.
        best_epoch: the epoch whose weights were kept.
        stopped_early: whether patience ran out.
        seconds: that the classifier's training took on one thread, those of attempts that were killed included.
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
    """The split a job is scored on."""
    splits = make_splits(dataset, job.unit, job.folds, job.seed)
    if job.fold >= len(splits):
        raise DatasetError(f"there is no fold {job.fold + 1}: {splits[0].note or f'{len(splits)} folds'}")
    return splits[job.fold]


def training_split(dataset: Dataset, job: Job) -> Split:
    """The same split with training and validation parts thinned as the job asks; its test part is whole."""
    split = split_of(dataset, job)
    if job.interval == 1:
        return split
    generator = np.random.default_rng([job.seed, job.fold, job.interval])
    train, validation = (
        subsample(part, dataset.clip_index, job.interval, generator) for part in (split.train, split.validation)
    )
    return replace(split, train=train, validation=validation)


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


def baseline_predictions(dataset: Dataset, job: Job) -> Predictions:
    """What a logistic regression on 32×32 frames says of the frames a job's test part is scored on."""
    split = split_of(dataset, job)
    indices = sample_evenly(split.test, dataset.clip_index, job.score_frames)
    probabilities = linear_baseline(dataset, split, job.settings.view, indices, job.settings.frames_per_clip)
    return pair_with_truth(dataset, indices, probabilities)


def load_result(folder: Path) -> Result:
    """The result that a run left in its folder."""
    kept = json.loads((Path(folder) / "result.json").read_text())
    job = kept["job"]
    settings = job.pop("settings")
    parts = {"network": NetworkSettings, "schedule": Schedule, "growth": Schedule, "jitter": Jitter}
    settings = TrainingSettings(**{**settings, **{name: kind(**settings[name]) for name, kind in parts.items()}})
    return Result(
        Job(settings, **job),
        Path(folder),
        kept["parameters"],
        kept["best_epoch"],
        kept["stopped_early"],
        kept["seconds"],
    )


def write_jobs(run_folder: Path, name: str, results: Sequence[Result]) -> None:
    """Leave word in a report's folder of which runs it rests on, for the notebooks that come after."""
    path = Path(run_folder) / f"{name}.json"
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps([result.folder.name for result in results]))
    partial.replace(path)


def read_jobs(run_folder: Path, name: str, work: Path) -> tuple[Result, ...]:
    """The runs that `write_jobs` left word of."""
    keys = json.loads((Path(run_folder) / f"{name}.json").read_text())
    return tuple(load_result(Path(work) / "runs" / key) for key in keys)
