"""Settings of a training run, flat ones from notebooks and the command line, and changes of them by name."""

import math
import numbers
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, is_dataclass, replace

import keras

from dance_tf.corruption.augment import check_families
from dance_tf.dataset.batches import ALL_VIEWS, WINDOW_VIEWS, Jitter, View
from dance_tf.model.networks import REGISTERED, SKELETON_STRATEGIES, NetworkSettings, check_strategy_name, strategy_of

DECAYS = ("constant", "cosine")
OPTIMIZERS = ("sgd", "adam")
SMOOTHED_EPOCHS = 3  # validation losses of so many epochs are averaged before the best epoch is chosen


def _check_choice(kind: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise ValueError(f"unknown {kind} {value!r}: use one of {', '.join(choices)}")


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train.

    Raises:
        ValueError: a value that nothing can be trained with.
    """

    epochs: int = 30  # maximum
    learning_rate: float = 0.001  # at the start (the paper: 0.001)
    momentum: float = 0.0  # of SGD (the paper names none: 0)
    decay: str = "constant"  # "constant" (the paper) or "cosine" down to zero over all steps of `epochs`
    # epochs without a lower validation loss, averaged over `SMOOTHED_EPOCHS`, before training stops. Only at a
    # constant rate: a cosine's last steps, which improve a network most, are not cut off
    patience: int = 10
    optimizer: str = "sgd"  # "sgd" (the paper) or "adam"
    # share of the learning rate by which kernels shrink in each step (the paper names none: 0)
    weight_decay: float = 0.0

    def __post_init__(self):
        if self.epochs < 0 or self.patience < 1:
            raise ValueError(
                f"epochs must be at least 0 and patience at least 1, not {self.epochs} and {self.patience}"
            )
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(f"the learning rate must be a number above 0, not {self.learning_rate}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1), not {self.momentum}")
        if not 0 <= self.weight_decay < 1:
            raise ValueError(f"weight_decay must lie in [0, 1), not {self.weight_decay}")
        _check_choice("decay", self.decay, DECAYS)
        _check_choice("optimizer", self.optimizer, OPTIMIZERS)

    def build_optimizer(self, steps_per_epoch: int) -> keras.optimizers.Optimizer:
        """Return the optimizer, with the learning rate of each step."""
        rate = self.learning_rate
        if self.decay == "cosine":
            rate = keras.optimizers.schedules.CosineDecay(rate, max(1, self.epochs * steps_per_epoch))
        options = {"weight_decay": self.weight_decay or None}
        if self.optimizer == "sgd":
            optimizer = keras.optimizers.SGD(rate, momentum=self.momentum, **options)
        else:
            optimizer = keras.optimizers.Adam(rate, **options)
        if self.weight_decay:
            optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        return optimizer


@dataclass(frozen=True)
class TrainingSettings:
    """Everything that decides a training run besides the data, the split and the seed."""

    # a key of `REGISTERED`, or the import path of a user's own network (`strategy_of`)
    strategy: str = "cnn_ae_attention"
    # input of the network: the "frame", its "difference" from the background, the dancer's "cutout", the dancer's
    # "skeleton", or "skeleton+cutout"
    view: View = "difference"
    network: NetworkSettings = NetworkSettings()  # shape of the network
    schedule: Schedule = Schedule()  # of the classifier
    # of each stage of the autoencoder but the last
    growth: Schedule = field(default_factory=lambda: Schedule(epochs=5, patience=5))
    growth_last_epochs: int = 5  # of the last stage
    # of each stage but the first, before the others: only the new layers learn, so that their random start does not
    # overwrite what the others have learnt
    growth_frozen_epochs: int = 0
    growth_batch_size: int = 32  # frames in a batch of the autoencoder
    progressive: bool = True  # grow stage by stage, or train all five stages at once for as many epochs in total
    freeze_encoder: bool = False  # keep the grown encoder unchanged while the classifier trains
    batch_size: int = 64  # frames (or windows) in a batch; the paper gives none
    frames_per_clip: int = 12  # frames sampled from each clip in an epoch; of skeletons, the windows around them
    validation_frames: int = 8  # frames of each validation clip
    # random change of training frames. Skeletons are changed in proportion to its zoom (`augment_windows`)
    jitter: Jitter = Jitter()
    # side in pixels that frames are shrunk to before they are enlarged again (Table 3); 128 leaves them unchanged
    frame_size: int = 128
    # families of corruptions (`SPATIAL_FAMILIES`) that half of the classifier's training frames (or windows) get,
    # before background subtraction
    augment: tuple[str, ...] = ()
    balance: bool = False  # draw as many training frames of each style for the classifier, whatever its number of clips

    def __post_init__(self):
        object.__setattr__(self, "augment", tuple(self.augment))  # JSON gives a list back
        check_families(self.augment)
        check_strategy_name(self.strategy)
        _check_choice("view", self.view, ALL_VIEWS)
        only = REGISTERED[self.strategy].view if self.strategy in REGISTERED else None
        if self.view != only if only else self.view in WINDOW_VIEWS:
            needed = f'the view "{only}"' if only else "frames, not skeletons"
            raise ValueError(f"{self.strategy} reads {needed}: view {self.view!r} does not suit it")
        if only and self.augment:
            raise ValueError(f"{self.strategy} reads no frames that could be corrupted in training: leave out augment")
        for name in ("growth_last_epochs", "growth_frozen_epochs"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, not {getattr(self, name)}")
        for name in ("batch_size", "growth_batch_size", "frames_per_clip", "validation_frames", "frame_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not 0 <= self.network.dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1), not {self.network.dropout}")

    @property
    def sequence_length(self) -> int:
        """Frames (or cut-outs) that the network reads at once; a user's own network reads one."""
        reads_sequences = self.strategy in REGISTERED and REGISTERED[self.strategy].sequence
        return self.network.sequence_length if reads_sequences else 1


def growth_settings(settings: TrainingSettings) -> TrainingSettings:
    """Return settings with which a run's autoencoder grows; runs that differ only in the classifier have equal ones.

    It always grows on clean single frames, without `augment` and `jitter`: turning and enlarging blurs frames, and an
    autoencoder of blurred frames rebuilds sharp ones worse.
    """
    network = NetworkSettings(low_resolution_factor=settings.network.low_resolution_factor)
    names = ("progressive", "frames_per_clip", "validation_frames", "frame_size")
    growth = ("growth", "growth_last_epochs", "growth_frozen_epochs", "growth_batch_size")
    kept = {name: getattr(settings, name) for name in (*names, *growth)}
    view = settings.view
    if view == "skeleton+cutout":  # of a window, the classifier sees so many cut-outs
        view, kept["frames_per_clip"] = "cutout", settings.frames_per_clip * settings.sequence_length
    return TrainingSettings("ae", view, network, batch_size=settings.growth_batch_size, **kept)


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


FUSED_CUTOUTS = 4  # of a window of 8 s
FRAME_RECIPE = {"epochs": 24, "learning_rate": 0.03, "optimizer": "sgd", "weight_decay": 0.05}
FRAME_RECIPE |= {"frames_per_clip": 12, "dropout": 0.0, "jitter": 1.5}
# chosen on validation clips of synthetic footage
SKELETON_RECIPE = {"epochs": 30, "learning_rate": 0.002, "optimizer": "adam", "weight_decay": 0.001}
SKELETON_RECIPE |= {"frames_per_clip": 4, "dropout": 0.4, "jitter": 1.0}
RECIPES = dict.fromkeys(SKELETON_STRATEGIES, SKELETON_RECIPE)
RECIPES["skeleton_gcn"] = SKELETON_RECIPE | {"learning_rate": 0.01}


def training_settings(
    strategy: str = "cnn_ae_attention",
    view: View | None = None,
    epochs: int | None = None,
    learning_rate: float | None = None,
    momentum: float = 0.9,
    decay: str = "cosine",
    patience: int = 10,
    weight_decay: float | None = None,
    growth_epochs: int = 1,
    growth_last_epochs: int = 24,
    growth_frozen_epochs: int = 1,
    growth_learning_rate: float = 0.005,
    growth_optimizer: str = "adam",
    growth_momentum: float = 0.9,
    batch_size: int = 32,
    frames_per_clip: int | None = None,
    dropout: float | None = None,
    jitter: float | None = None,
    squeeze_ratio: int = 8,
    low_resolution_factor: int = 2,
    encoder_rate: float = 1.0,
    augment: Sequence[str] = (),
) -> TrainingSettings:
    """Return settings from flat values, as notebooks and the command line have them.

    The defaults suit a few hundred clips on a laptop. The names are those of `TrainingSettings`, of its `schedule`, of
    its `network` and, with `growth_` before them, of the schedule of each stage of the autoencoder. Where a value is
    None, it is that of `RECIPES` or, for networks of frames, of `FRAME_RECIPE`.

    Args:
        view: by default the only one that the strategy reads, or "difference".
        frames_per_clip: for networks of skeletons, windows of each clip in an epoch; short clips are one window, which
            is changed in another way each time.
        growth_optimizer: "adam", since plain SGD (the paper) is too slow for a laptop.
        dropout: in the head (the paper: none). With 0.3 a network of whole frames learns nothing in tens of epochs.
        jitter: 1 for shifts of 8 pixels, 15 % of size, 5 degrees, 20 % of brightness, gray levels to a power of 0.5
            to 2; 0 for none (the paper).

    Raises:
        ValueError: a value that nothing can be trained with, by name.
    """
    only = strategy_of(strategy).view
    given = {"epochs": epochs, "learning_rate": learning_rate, "weight_decay": weight_decay, "jitter": jitter}
    given |= {"frames_per_clip": frames_per_clip, "dropout": dropout}
    recipe = RECIPES.get(strategy, FRAME_RECIPE) | {name: value for name, value in given.items() if value is not None}
    for name, count in {"epochs": recipe["epochs"], "growth epochs": min(growth_epochs, growth_last_epochs)}.items():
        if count < 1:
            raise ValueError(f"{name}: at least 1 is needed to learn anything, not {count}")
    strength = recipe["jitter"]
    if not (math.isfinite(strength) and strength >= 0):
        raise ValueError(f"jitter must be a number of at least 0, not {strength}")
    schedule = recipe["epochs"], recipe["learning_rate"], momentum, decay, patience, recipe["optimizer"]
    growth = growth_epochs, growth_learning_rate, growth_momentum, "cosine", growth_epochs, growth_optimizer
    network = {"low_resolution_factor": low_resolution_factor, "encoder_rate": encoder_rate}
    if only == "skeleton+cutout":
        network["sequence_length"] = FUSED_CUTOUTS
    return TrainingSettings(
        strategy=strategy,
        view=view or only or "difference",
        network=NetworkSettings(squeeze_ratio=squeeze_ratio, dropout=recipe["dropout"], **network),
        schedule=Schedule(*schedule, recipe["weight_decay"]),
        growth=Schedule(*growth),
        growth_last_epochs=growth_last_epochs,
        growth_frozen_epochs=growth_frozen_epochs,
        batch_size=batch_size,
        frames_per_clip=recipe["frames_per_clip"],
        augment=tuple(augment),
        jitter=Jitter(8 * strength, 0.15 * strength, 5 * strength, 0.2 * strength, 0.7 * strength),
    )
