"""Specifications of training runs, and the grids of runs behind the paper's tables."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from dance_tf.corruption.augment import SPATIAL_FAMILIES
from dance_tf.dataset.batches import Jitter, subsample
from dance_tf.dataset.dataset import Dataset, DatasetError
from dance_tf.dataset.splits import GROUPS, Group, Split, make_splits, outer_splits
from dance_tf.model.networks import NetworkSettings, strategy_of
from dance_tf.model.settings import Schedule, TrainingSettings, apply_changes

PROPOSED = "cnn_ae_attention"
BASELINE = "logistic_regression"
BASELINE_TITLE = "Logistic regression"
Protocol = Literal["outer", "paper"]
PROTOCOLS: dict[Protocol, Callable[..., tuple[Split, ...]]] = {"outer": outer_splits, "paper": make_splits}


@dataclass(frozen=True)
class RunSpec:
    """One training run: settings, fold and seed."""

    settings: TrainingSettings  # settings of the network and its training
    name: str = ""  # name of the run in tables; the strategy by default. Not part of the run's identity
    split: Group = "dancer"  # unit that a split does not divide: "frame", "clip" or "dancer"
    # "outer" tests each unit in exactly one fold (`outer_splits`); "paper" has one test part for all folds
    # (`make_splits`)
    protocol: Protocol = "outer"
    fold: int = 0  # index of the fold
    folds: int = 5  # number of folds
    repeat: int = 0  # index of the repeat ("experiment" in Table 2)
    seed: int = 0  # seed of the split, which is the same for all repeats
    score_frames: int = 24  # frames scored per clip
    interval: int = 1  # training and validation use every n-th frame; scores use all frames (Table 3)
    training_dancers: int = 0  # number of dancers that training uses; 0 for all of its part
    baseline: bool = False  # train a logistic regression on 32×32 frames instead of the network
    teacher: str = ""  # strategy of a network, trained on the same part, from which this one learns (`model.distill`)

    def __post_init__(self):
        if not self.name:
            object.__setattr__(self, "name", BASELINE if self.baseline else self.settings.strategy)

    @property
    def of_teacher(self) -> "RunSpec":
        """The run of the teacher."""
        return replace(self, settings=replace(self.settings, strategy=self.teacher), name="", teacher="")

    @property
    def training_seed(self) -> int:
        """Seed of weights and batches: one for each fold and repeat, so that intervals include its effect."""
        return int(np.random.SeedSequence([self.seed, self.repeat, self.fold]).generate_state(1)[0] >> 1)

    @property
    def title(self) -> str:
        """Title of the strategy in the paper."""
        return BASELINE_TITLE if self.baseline else strategy_of(self.settings.strategy).title

    @property
    def identity(self) -> dict[str, object]:
        """All fields that determine the run, except data and code, as JSON values."""
        content = asdict(self)
        del content["name"]
        if self.baseline:  # a baseline uses no other settings
            kept = ("view", "frames_per_clip")
            content["settings"] = {name: content["settings"][name] for name in kept}
        return content

    @classmethod
    def from_json(cls, content: Mapping[str, object]) -> "RunSpec":
        """Return the spec from its `asdict`, read from JSON."""
        settings = dict(content["settings"])
        parts = {"network": NetworkSettings, "schedule": Schedule, "growth": Schedule, "jitter": Jitter}
        settings |= {name: kind(**settings[name]) for name, kind in parts.items()}
        return cls(**{**content, "settings": TrainingSettings(**settings)})


def split_of(dataset: Dataset, spec: RunSpec) -> Split:
    """Return the split of a run.

    Raises:
        DatasetError: the dataset is too small for the fold.
    """
    splits = PROTOCOLS[spec.protocol](dataset, spec.split, spec.folds, spec.seed)
    if spec.fold >= len(splits):
        raise DatasetError(f"fold {spec.fold + 1} does not exist: {splits[0].note or f'{len(splits)} folds'}")
    return splits[spec.fold]


def training_split(dataset: Dataset, spec: RunSpec) -> Split:
    """Return the same split with `training_dancers`, and frames subsampled by `interval`."""
    split = split_of(dataset, spec)
    if spec.training_dancers:
        owners = np.array(dataset.dancers)[dataset.clip_index[split.train]]
        order = np.random.default_rng([spec.seed, spec.fold]).permutation(np.unique(owners))
        split = replace(split, train=split.train[np.isin(owners, order[: spec.training_dancers])])
    if spec.interval == 1:
        return split
    generator = np.random.default_rng([spec.seed, spec.fold, spec.interval])
    train, validation = (
        subsample(part, dataset.clip_index, spec.interval, generator) for part in (split.train, split.validation)
    )
    return replace(split, train=train, validation=validation)


def fold_specs(settings: TrainingSettings, run_folds: int, repeats: int = 1, **fields: object) -> tuple[RunSpec, ...]:
    """Return one run for each fold and repeat, in the order of the repeats; `fields` are others of `RunSpec`."""
    return tuple(
        RunSpec(settings, fold=fold, repeat=repeat, **fields) for repeat in range(repeats) for fold in range(run_folds)
    )


@dataclass(frozen=True)
class Ablation:
    """A row of the ablations."""

    name: str  # key in metrics.json
    title: str  # title in the report's table
    # dotted keys of `TrainingSettings` and their values, such as `{"schedule.learning_rate": 0.01}`
    changes: Mapping[str, object] = field(default_factory=dict)

    def apply(self, base: TrainingSettings) -> TrainingSettings:
        """Return the base settings with the changes of this row."""
        return apply_changes(base, self.changes)


def read_ablations(path: Path | str, rows: int = 0) -> tuple[Ablation, ...]:
    """Read a YAML file: a list of mappings with name, title and changes.

    Args:
        rows: number of rows to return; 0 for all.

    Raises:
        ValueError: a row is incomplete, a name occurs twice, or a change is not a setting.
    """
    import yaml  # absent on machines that only train

    path = Path(path)
    found: dict[str, Ablation] = {}
    for place, row in enumerate(yaml.safe_load(path.read_text(encoding="utf-8")) or [], start=1):
        if not isinstance(row, dict) or set(row) != {"name", "title", "changes"}:
            raise ValueError(f"{path.name}, row {place}: needs name, title and changes, and nothing else")
        if row["name"] in found:
            raise ValueError(f"{path.name}, row {place}: the name {row['name']} occurs twice")
        ablation = Ablation(**row)
        try:
            ablation.apply(TrainingSettings())
        except ValueError as error:
            raise ValueError(f"{path.name}, row {place} ({row['name']}): {error}") from error
        found[row["name"]] = ablation
    return tuple(found.values())[: rows or None]


def frame_interval_specs(
    settings: TrainingSettings, intervals: Sequence[int], frame_sizes: Sequence[int], run_folds: int, **fields: object
) -> tuple[RunSpec, ...]:
    """Return the runs of Table 3: training on every n-th frame, for each interval n and frame size in pixels.

    Frames are subsampled before all training, including that of the autoencoder; all frames are scored. The largest
    size (the paper's) is trained at all intervals, smaller sizes at the smallest and largest interval.
    """
    at = sorted(intervals)
    return tuple(
        spec
        for size in sorted(frame_sizes, reverse=True)
        for interval in (at if size == max(frame_sizes) else sorted({at[0], at[-1]}))
        for spec in fold_specs(replace(settings, frame_size=size), run_folds, interval=interval, **fields)
    )


def count_training_dancers(dataset: Dataset, spec: RunSpec) -> int:
    """Return the number of dancers in the training part of a run."""
    return len({dataset.dancers[clip] for clip in np.unique(dataset.clip_index[training_split(dataset, spec).train])})


def dancer_specs(
    settings: TrainingSettings, counts: Sequence[int], trained: int, run_folds: int, **fields: object
) -> tuple[RunSpec, ...]:
    """Return runs that learn from fewer dancers, each set of dancers a part of the next larger one.

    Epochs have about the same length for all counts: with fewer dancers, more frames of each clip are sampled.

    Args:
        trained: number of dancers in the training part.
    """
    return tuple(
        spec
        for count in counts
        for spec in fold_specs(
            replace(settings, frames_per_clip=round(settings.frames_per_clip * trained / count)),
            run_folds,
            training_dancers=count,
            **fields,
        )
    )


def leakage_specs(settings: TrainingSettings, run_folds: int, folds: int = 5, **fields: object) -> tuple[RunSpec, ...]:
    """Return runs of one network under each split.

    Under the split by frame all clips are in training, so fewer frames of each are sampled: epochs have about the same
    length under all splits, and the gap is not caused by longer training.
    """
    shorter = replace(  # of `outer_splits`, a fold learns from all but one and a half of its shares
        settings,
        frames_per_clip=max(1, round(settings.frames_per_clip * (1 - 1.5 / folds))),
        validation_frames=max(1, round(settings.validation_frames * 0.5 / folds)),
    )
    return tuple(
        spec
        for split in GROUPS
        for spec in fold_specs(shorter if split == "frame" else settings, run_folds, split=split, folds=folds, **fields)
    )


def augmentation_specs(specs: Sequence[RunSpec], left_out: Sequence[str]) -> tuple[RunSpec, ...]:
    """Return runs trained without corruptions ("none"), with all families ("all"), and with "all but FAMILY"."""
    augmented = {"none": (), "all": SPATIAL_FAMILIES}
    augmented |= {f"all but {family}": tuple(f for f in SPATIAL_FAMILIES if f != family) for family in left_out}
    return tuple(
        replace(spec, name=name, settings=replace(spec.settings, augment=families))
        for name, families in augmented.items()
        for spec in specs
    )
