"""Training: the settings of a run, the growth of the autoencoder, the classifier, and its predictions."""

import hashlib
import json
import math
import numbers
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import Field, asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path

import keras
import numpy as np

from dance_tf.corruption.augment import check_families
from dance_tf.dataset.batches import VIEWS, Jitter, View, sample_evenly
from dance_tf.dataset.dataset import Dataset
from dance_tf.dataset.splits import Split
from dance_tf.model.autoencoder import STAGES, build_autoencoder, copy_weights, grow
from dance_tf.model.fit import FrameSequence, History, InputConfig, Schedule, fit, load_sequences
from dance_tf.model.layers import initialize_weights
from dance_tf.model.networks import STRATEGIES, NetworkSettings, check_strategy_name, strategy_of

CODE_VERSION = 5  # raised when a change of this code changes the content of a cached run


@dataclass(frozen=True)
class TrainingSettings:
    """Everything that decides a training run besides the data, the split and the seed.

    Attributes:
        strategy: a key of `STRATEGIES`, or the import path of a user's own network (`strategy_of`).
        view: input of the network: the "frame", or its "difference" from the background.
        network: shape of the network.
        schedule: of the classifier.
        growth: of each stage of the autoencoder.
        growth_batch_size: frames in a batch of the autoencoder; small, since its stages need many steps.
        progressive: grow stage by stage, or train all five stages at once for as many epochs in total.
        freeze_encoder: keep the grown encoder unchanged while the classifier trains.
        batch_size: frames in a batch; the paper gives none.
        frames_per_clip: frames sampled from each clip in an epoch.
        validation_frames: frames of each validation clip.
        jitter: random change of training frames.
        frame_size: side in pixels that frames are shrunk to before they are enlarged again (Table 3); 128 leaves them
            unchanged.
        augment: families of corruptions (`SPATIAL_FAMILIES`) that half of the classifier's training frames get. The
            autoencoder always grows on clean frames, so runs that differ only here share it.
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

    def __post_init__(self):
        object.__setattr__(self, "augment", tuple(self.augment))  # JSON gives a list back
        check_families(self.augment)
        check_strategy_name(self.strategy)
        if self.view not in VIEWS:
            raise ValueError(f"unknown view {self.view!r}: use one of {', '.join(VIEWS)}")
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
    if kind is bool:
        fits, wanted = isinstance(value, bool), "true or false"
    elif kind in (int, float):
        number = numbers.Integral if kind is int else numbers.Real
        fits = isinstance(value, number) and not isinstance(value, bool) and math.isfinite(value)
        wanted = "a whole number" if kind is int else "a number"
    elif kind == tuple[str, ...]:
        kind, wanted = tuple, "a list of names"
        fits = isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value)
    else:  # str or a Literal of strings
        kind, wanted = str, "a name"
        fits = isinstance(value, str)
    if not fits:
        raise ValueError(f"{name} must be {wanted}, not {value!r}")
    return kind(value)


@dataclass(frozen=True)
class Growth:
    """A grown autoencoder.

    Attributes:
        models: the autoencoder after each stage, from one to five stages (only the last when not progressive).
        histories: one for each model.
        validation_errors: mean squared error of gray levels in [0, 1] on the validation frames, for each model.
    """

    models: tuple[keras.Model, ...]
    histories: tuple[History, ...]
    validation_errors: tuple[float, ...]


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and the backend; make TensorFlow's operations deterministic."""
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def key_of(*parts: object) -> str:
    """Return a short key of everything that decides a run: dataclasses, arrays and JSON values."""
    text = json.dumps([CODE_VERSION, *parts], sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _plain(part: object):
    if isinstance(part, np.ndarray):
        return hashlib.sha256(np.ascontiguousarray(part)).hexdigest()
    return asdict(part)


def _input_config(settings: TrainingSettings, **changes) -> InputConfig:
    """Return the clean input of a settings' network."""
    names = ("view", "batch_size", "frames_per_clip", "jitter", "frame_size", "sequence_length")
    return InputConfig(**{name: getattr(settings, name) for name in names} | changes)


def growth_key(dataset: Dataset, split: Split, settings: TrainingSettings, seed: int) -> str:
    """Return the key of the autoencoder that a run needs; runs that differ only in the classifier share it."""
    decisive = [
        settings.view,
        settings.growth,
        settings.progressive,
        settings.growth_batch_size,
        settings.frames_per_clip,
        settings.validation_frames,
        settings.frame_size,
    ]
    factor = settings.network.low_resolution_factor
    return key_of(dataset.content_hash, split.train, split.validation, factor, *decisive, settings.jitter, seed)


def grow_autoencoder(
    dataset: Dataset, split: Split, settings: TrainingSettings, folder: Path, seed: int = 0, progress: bool = False
) -> Growth:
    """Grow the autoencoder on a split's training frames, stage by stage (section 3.3).

    Args:
        dataset: frames.
        split: its training part is learnt from, its validation part chooses the epoch.
        settings: view, growth schedule, low-resolution factor.
        folder: checkpoints of the stages; must not hold those of another run.
        seed: of weights and batches.
        progress: show a bar for each stage.
    """
    factor = settings.network.low_resolution_factor
    config = _input_config(settings, target="frame", sequence_length=1, batch_size=settings.growth_batch_size)
    chosen = sample_evenly(split.validation, dataset.clip_index, settings.validation_frames)
    inputs = load_sequences(dataset, chosen, split.validation, config)
    validation = (inputs, inputs.astype(np.float32) / 255)
    models, histories = [], []
    seed_everything(seed)
    sizes = range(1, STAGES + 1) if settings.progressive else (STAGES,)
    schedule = settings.growth
    if not settings.progressive:
        schedule = replace(schedule, epochs=schedule.epochs * STAGES, patience=schedule.patience * STAGES)
    # not the squared error: the sigmoid starts at gray, where dark frames give it gradients too small to learn from
    loss = "binary_crossentropy"
    for stages in sizes:
        weights_seed = seed + stages
        if models:
            model = grow(models[-1], stages, factor, weights_seed)
        else:
            model = build_autoencoder(stages, factor, weights_seed)
        frames = FrameSequence(dataset, split.train, config, seed=seed * STAGES + stages)
        title = f"autoencoder, {stages} of {STAGES} stages" if progress else ""
        stage_folder = Path(folder) / f"stage_{stages}"
        model, history = fit(model, frames, validation, schedule, stage_folder, seed, loss, progress=title)
        models.append(model)
        histories.append(history)
    errors = [history.rows[history.best_epoch]["val_mean_squared_error"] for history in histories]
    return Growth(tuple(models), tuple(histories), tuple(errors))


def train_classifier(
    dataset: Dataset,
    split: Split,
    settings: TrainingSettings,
    folder: Path,
    seed: int = 0,
    encoder: keras.Model | None = None,
    progress: bool = False,
) -> tuple[keras.Model, History]:
    """Train a strategy on a split's training frames; the validation part stops it early and chooses the epoch.

    Args:
        dataset: frames and labels.
        split: its test part is not used.
        settings: of the run.
        folder: checkpoints and TensorBoard logs.
        seed: of weights, batches and dropout.
        encoder: a grown autoencoder, whose encoder is reused by strategies that have one.
        progress: show a bar.

    Returns:
        the trained model, uint8 frames in and probabilities out, and its history.
    """
    strategy = strategy_of(settings.strategy)
    config = _input_config(settings)
    seed_everything(seed)
    network = replace(settings.network, classes=len(dataset.styles))
    model = strategy.build(network)
    if settings.strategy in STRATEGIES and not network.imagenet_weights:  # others keep their initial weights
        initialize_weights(model, seed)
    if encoder is not None and strategy.grows_autoencoder:
        copied = copy_weights(encoder, model)
        for name in copied if settings.freeze_encoder else ():
            model.get_layer(name).trainable = False
    chosen = sample_evenly(split.validation, dataset.clip_index, settings.validation_frames)
    validation = (load_sequences(dataset, chosen, split.validation, config), dataset.labels[chosen])
    frames = FrameSequence(dataset, split.train, replace(config, augment=settings.augment), seed)
    title = strategy.title if progress else ""
    loss, logs = "sparse_categorical_crossentropy", Path(folder) / "tensorboard"
    return fit(model, frames, validation, settings.schedule, Path(folder), seed, loss, logs, title)


def predict(
    model: keras.Model, dataset: Dataset, indices: np.ndarray, allowed: np.ndarray, settings: TrainingSettings
) -> np.ndarray:
    """Return probabilities float32 [n, styles] of frames int64 [n]; memory does not grow with n.

    Windows hold only frames in `allowed`, sorted int64: the part of a split that the frames are from.
    """
    config = _input_config(settings)
    parts = [
        model.predict(load_sequences(dataset, part, allowed, config), batch_size=128, verbose=0)
        for part in np.array_split(indices, max(1, -(-len(indices) // 2048)))
    ]
    return np.concatenate(parts)


def training_settings(
    strategy: str = "cnn_ae_attention",
    view: View = "difference",
    epochs: int = 24,
    learning_rate: float = 0.03,
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

    The defaults suit a few hundred clips on a laptop.

    Args:
        strategy: a key of `STRATEGIES`, or the import path of a user's own network (`strategy_of`).
        view: "frame" or "difference".
        epochs: of the classifier, maximum.
        learning_rate: of SGD at the start (the paper: 0.001).
        momentum: of SGD (the paper: none).
        decay: "constant" (the paper) or "cosine".
        patience: epochs without improvement before training stops.
        growth_epochs: of each stage of the autoencoder.
        growth_learning_rate: of the autoencoder.
        growth_optimizer: "sgd" (the paper) or "adam", since plain SGD is too slow for a laptop.
        growth_momentum: of the autoencoder's SGD (the paper names none: 0); "adam" does not use it.
        batch_size: frames in a batch.
        frames_per_clip: frames sampled from each clip in an epoch.
        dropout: in the head (the paper: none). With 0.3 a network of whole frames learns nothing in tens of epochs.
        jitter: 1 for shifts of 8 pixels, 15 % of size, 5 degrees, 20 % of brightness, gray levels to a power of 0.5
            to 2; 0 for none (the paper).
        squeeze_ratio: of the channel attention.
        low_resolution_factor: of the autoencoder's input.
        augment: families of corruptions that half of the training frames get.

    Raises:
        ValueError: a value that nothing can be trained with, by name.
    """
    for name, count in {"epochs": epochs, "growth epochs": growth_epochs}.items():
        if count < 1:
            raise ValueError(f"{name}: at least 1 is needed to learn anything, not {count}")
    if not (math.isfinite(jitter) and jitter >= 0):
        raise ValueError(f"jitter must be a number of at least 0, not {jitter}")
    strategy_of(strategy)
    return TrainingSettings(
        strategy=strategy,
        view=view,
        network=NetworkSettings(
            dropout=dropout, squeeze_ratio=squeeze_ratio, low_resolution_factor=low_resolution_factor
        ),
        schedule=Schedule(epochs, learning_rate, momentum, decay, patience),
        growth=Schedule(
            growth_epochs, growth_learning_rate, growth_momentum, "constant", growth_epochs, growth_optimizer
        ),
        batch_size=batch_size,
        frames_per_clip=frames_per_clip,
        augment=tuple(augment),
        jitter=Jitter(shift=8 * jitter, zoom=0.15 * jitter, tilt=5 * jitter, gain=0.2 * jitter, gamma=0.7 * jitter),
    )
