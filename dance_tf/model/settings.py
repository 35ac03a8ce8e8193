"""Settings of a training run, flat ones from notebooks and the command line, and changes of them by name."""

import math
import numbers
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, is_dataclass, replace

import keras

from dance_tf.corruption.augment import check_families
from dance_tf.dataset.batches import ALL_VIEWS, Jitter, View
from dance_tf.model.networks import SKELETON_STRATEGIES, STRATEGIES, NetworkSettings, check_strategy_name, strategy_of

DECAYS = ("constant", "cosine")
OPTIMIZERS = ("sgd", "adam")


def _check_choice(kind: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise ValueError(f"unknown {kind} {value!r}: use one of {', '.join(choices)}")


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train.

    Attributes:
        epochs: maximum.
        learning_rate: at the start (the paper: 0.001).
        momentum: of SGD (the paper names none: 0).
        decay: "constant" (the paper) or "cosine" down to zero over `epochs`.
        patience: epochs in which neither validation loss nor validation accuracy improves before training stops.
        optimizer: "sgd" (the paper) or "adam".

    Raises:
        ValueError: a value that nothing can be trained with.
    """

    epochs: int = 30
    learning_rate: float = 0.001
    momentum: float = 0.0
    decay: str = "constant"
    patience: int = 10
    optimizer: str = "sgd"

    def __post_init__(self):
        if self.epochs < 0 or self.patience < 1:
            raise ValueError(
                f"epochs must be at least 0 and patience at least 1, not {self.epochs} and {self.patience}"
            )
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(f"the learning rate must be a number above 0, not {self.learning_rate}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1), not {self.momentum}")
        _check_choice("decay", self.decay, DECAYS)
        _check_choice("optimizer", self.optimizer, OPTIMIZERS)

    def rate(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 0."""
        if self.decay == "cosine":
            return self.learning_rate * 0.5 * (1 + math.cos(math.pi * epoch / self.epochs))
        return self.learning_rate

    def build_optimizer(self) -> keras.optimizers.Optimizer:
        """Return the optimizer, at the learning rate of the first epoch."""
        if self.optimizer == "sgd":
            return keras.optimizers.SGD(self.learning_rate, momentum=self.momentum)
        return keras.optimizers.Adam(self.learning_rate)


@dataclass(frozen=True)
class TrainingSettings:
    """Everything that decides a training run besides the data, the split and the seed.

    Attributes:
        strategy: a key of `STRATEGIES`, or the import path of a user's own network (`strategy_of`).
        view: input of the network: the "frame", its "difference" from the background, the dancer's "cutout", or the
            dancer's "skeleton".
        network: shape of the network.
        schedule: of the classifier.
        growth: of each stage of the autoencoder.
        growth_batch_size: frames in a batch of the autoencoder; small, since its stages need many steps.
        progressive: grow stage by stage, or train all five stages at once for as many epochs in total.
        freeze_encoder: keep the grown encoder unchanged while the classifier trains.
        batch_size: frames (or windows) in a batch; the paper gives none.
        frames_per_clip: frames sampled from each clip in an epoch.
        validation_frames: frames of each validation clip.
        jitter: random change of training frames. Skeletons are changed by fixed amounts (`augment_windows`) if it is
            not all zero.
        frame_size: side in pixels that frames are shrunk to before they are enlarged again (Table 3); 128 leaves them
            unchanged.
        augment: families of corruptions (`SPATIAL_FAMILIES`) that half of the classifier's training frames (or
            windows) get, before background subtraction.
        balance: draw as many training frames of each style for the classifier, whatever its number of clips.
    """

    strategy: str = "cnn_ae_attention"
    view: View = "difference"
    network: NetworkSettings = NetworkSettings()
    schedule: Schedule = Schedule()
    growth: Schedule = field(default_factory=lambda: Schedule(epochs=5, patience=5))
    growth_batch_size: int = 16
    progressive: bool = True
    freeze_encoder: bool = False
    batch_size: int = 64
    frames_per_clip: int = 12
    validation_frames: int = 8
    jitter: Jitter = Jitter()
    frame_size: int = 128
    augment: tuple[str, ...] = ()
    balance: bool = False

    def __post_init__(self):
        object.__setattr__(self, "augment", tuple(self.augment))  # JSON gives a list back
        check_families(self.augment)
        check_strategy_name(self.strategy)
        _check_choice("view", self.view, ALL_VIEWS)
        skeleton = self.strategy in SKELETON_STRATEGIES
        if skeleton != (self.view == "skeleton"):
            needed = 'the view "skeleton"' if skeleton else "frames, not skeletons"
            raise ValueError(f"{self.strategy} reads {needed}: view {self.view!r} does not suit it")
        if skeleton and self.augment:
            raise ValueError(f"{self.strategy} reads no frames that could be corrupted in training: leave out augment")
        for name in ("batch_size", "growth_batch_size", "frames_per_clip", "validation_frames", "frame_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not 0 <= self.network.dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1), not {self.network.dropout}")

    @property
    def sequence_length(self) -> int:
        """Frames that the network reads at once; a user's own network reads one."""
        reads_sequences = self.strategy in STRATEGIES and STRATEGIES[self.strategy].sequence
        return self.network.sequence_length if reads_sequences else 1


def growth_settings(settings: TrainingSettings) -> TrainingSettings:
    """Return settings with which a run's autoencoder grows; runs that differ only in the classifier have equal ones.

    It always grows on clean single frames, without `augment`.
    """
    network = NetworkSettings(low_resolution_factor=settings.network.low_resolution_factor)
    names = ("view", "growth", "growth_batch_size", "progressive", "frames_per_clip", "validation_frames", "frame_size")
    kept = {name: getattr(settings, name) for name in (*names, "jitter")}
    return TrainingSettings("ae", network=network, batch_size=settings.growth_batch_size, **kept)


def apply_changes(settings: TrainingSettings, changes: Mapping[str, object]) -> TrainingSettings:
    """Return settings with some values replaced, as a row of an ablation asks.

    Args:
        settings: starting point; not changed.
        changes: new values by name: a field of `TrainingSettings` ("view"), a dotted field of one of its groups
            ("schedule.learning_rate", "network.squeeze_ratio"), or a bare field of `NetworkSettings` ("squeeze_ratio").

    Raises:
        ValueError: an unknown name, a value of a wrong kind, or a value that cannot be trained with.
    """
    known: dict[str, Field] = {}
    for entry in fields(settings):
        group = getattr(settings, entry.name)
        inner = fields(group) if is_dataclass(group) else ()
        known |= {f"{entry.name}.{each.name}": each for each in inner} or {entry.name: entry}
    groups: dict[str, dict[str, object]] = defaultdict(dict)
    for key, value in changes.items():
        full = key if key in known else f"network.{key}"
        if full not in known:
            raise ValueError(f"unknown setting {key!r}: use one of {', '.join(known)}")
        group, _, name = full.rpartition(".")
        if name in groups[group]:
            raise ValueError(f"{full} is changed twice")
        groups[group][name] = _value_of_kind(key, value, known[full].type)
    changed = {name: replace(getattr(settings, name), **values) for name, values in groups.items() if name}
    found = replace(settings, **changed, **groups[""])
    strategy_of(found.strategy)
    return found


def _value_of_kind(name: str, value: object, kind: object) -> object:
    """Return a value as the plain Python type that a field declares."""
    if kind == tuple[str, ...]:
        kind, wanted = tuple, "a list of names"
        fits = isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value)
    else:
        kind = kind if kind in (bool, int, float) else str  # others are Literals of strings
        wanted = {bool: "true or false", int: "a whole number", float: "a number", str: "a name"}[kind]
        fits = isinstance(value, {int: numbers.Integral, float: numbers.Real}.get(kind, kind))
        if kind in (int, float):
            fits = fits and not isinstance(value, bool) and math.isfinite(value)
    if not fits:
        raise ValueError(f"{name} must be {wanted}, not {value!r}")
    return kind(value)


def training_settings(
    strategy: str = "cnn_ae_attention",
    view: View | None = None,
    epochs: int = 24,
    learning_rate: float | None = None,
    momentum: float = 0.9,
    decay: str = "cosine",
    patience: int = 10,
    growth_epochs: int = 3,
    growth_learning_rate: float = 0.005,
    growth_optimizer: str = "adam",
    growth_momentum: float = 0.9,
    batch_size: int = 32,
    frames_per_clip: int = 12,
    dropout: float = 0.0,
    jitter: float = 1.0,
    squeeze_ratio: int = 8,
    low_resolution_factor: int = 2,
    augment: Sequence[str] = (),
) -> TrainingSettings:
    """Return settings from flat values, as notebooks and the command line have them.

    The defaults suit a few hundred clips on a laptop. The names are those of `TrainingSettings`, of its `schedule`, of
    its `network` and, with `growth_` before them, of the schedule of each stage of the autoencoder.

    Args:
        view: "skeleton" for networks of skeletons, else "difference" by default.
        learning_rate: 0.03 with SGD by default; for networks of skeletons 0.002, with Adam.
        growth_optimizer: "adam", since plain SGD (the paper) is too slow for a laptop.
        dropout: in the head (the paper: none). With 0.3 a network of whole frames learns nothing in tens of epochs.
        jitter: 1 for shifts of 8 pixels, 15 % of size, 5 degrees, 20 % of brightness, gray levels to a power of 0.5
            to 2; 0 for none (the paper).

    Raises:
        ValueError: a value that nothing can be trained with, by name.
    """
    for name, count in {"epochs": epochs, "growth epochs": growth_epochs}.items():
        if count < 1:
            raise ValueError(f"{name}: at least 1 is needed to learn anything, not {count}")
    if not (math.isfinite(jitter) and jitter >= 0):
        raise ValueError(f"jitter must be a number of at least 0, not {jitter}")
    skeleton = strategy_of(strategy).skeleton
    rate, optimizer = (0.002, "adam") if skeleton else (0.03, "sgd")
    rate = rate if learning_rate is None else learning_rate
    growth = growth_epochs, growth_learning_rate, growth_momentum, "constant", growth_epochs, growth_optimizer
    network = {"squeeze_ratio": squeeze_ratio, "low_resolution_factor": low_resolution_factor}
    return TrainingSettings(
        strategy=strategy,
        view=view or ("skeleton" if skeleton else "difference"),
        network=NetworkSettings(dropout=dropout, **network),
        schedule=Schedule(epochs, rate, momentum, decay, patience, optimizer),
        growth=Schedule(*growth),
        batch_size=batch_size,
        frames_per_clip=frames_per_clip,
        augment=tuple(augment),
        jitter=Jitter(shift=8 * jitter, zoom=0.15 * jitter, tilt=5 * jitter, gain=0.2 * jitter, gamma=0.7 * jitter),
    )
