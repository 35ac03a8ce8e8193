"""Training settings from flat values, as a notebook's parameters and the command line's options give them."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import keras
import numpy as np

from dance_tf.corruption.augment import augment_with_backgrounds, check_families
from dance_tf.dataset.batches import VIEWS, Jitter, View, sample_evenly
from dance_tf.dataset.dataset import Dataset
from dance_tf.dataset.splits import Split
from dance_tf.model.autoencoder import STAGES, build_autoencoder, copy_weights, grow
from dance_tf.model.fit import FrameSequence, History, InputConfig, Schedule, fit, load_sequences
from dance_tf.model.layers import initialize_weights
from dance_tf.model.networks import STRATEGIES, NetworkSettings

CODE_VERSION = 5  # raised when a change of this code changes what a cached run would hold


@dataclass(frozen=True)
class TrainingSettings:
    """All that decides a training run besides the data, the split and the seed.

    Attributes:
        strategy: a key of `STRATEGIES`.
        view: what the network sees: the "frame", or its "difference" from the still room.
        network: what the paper leaves open about the network.
        schedule: of the classifier.
        growth: of each stage of the autoencoder.
        growth_batch_size: frames in a batch of the autoencoder: small, since its stages have few weights and many
            steps to make.
        progressive: grow stage by stage; else train all five stages at once for as many epochs in all.
        freeze_encoder: keep the grown encoder as it is while the classifier learns; else it learns on.
        batch_size: frames in a batch; the paper gives none.
        frames_per_clip: frames drawn of each clip in an epoch.
        validation_frames: frames of each validation clip.
        jitter: random change of training frames.
        frame_size: side in pixels that frames are shrunk to before they are enlarged again (Table 3's other dimension);
            128 leaves them alone.
        augment: families of degradations (`corruption.augment.SPATIAL_FAMILIES`) that half of the classifier's training
            frames are put under; none by default. The autoencoder grows on clean frames all the same, so that runs
            that differ in this alone share it.
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
        if self.strategy not in STRATEGIES:
            raise ValueError(f"unknown strategy {self.strategy!r}: use one of {', '.join(STRATEGIES)}")
        if self.view not in VIEWS:
            raise ValueError(f"unknown view {self.view!r}: use one of {', '.join(VIEWS)}")
        for name in ("batch_size", "growth_batch_size", "frames_per_clip", "validation_frames", "frame_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not 0 <= self.network.dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1), not {self.network.dropout}")


@dataclass(frozen=True)
class Growth:
    """A grown autoencoder.

    Attributes:
        models: the autoencoder after each stage, from one stage to five (only the last when not progressive).
        histories: their training.
        validation_errors: mean squared error of gray levels in [0, 1] on the validation frames after each stage.
    """

    models: tuple[keras.Model, ...]
    histories: tuple[History, ...]
    validation_errors: tuple[float, ...]


def seed_everything(seed: int) -> None:
    """One seed for Python, NumPy and the backend; on TensorFlow also ops that give the same bits each time."""
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def key_of(*parts: object) -> str:
    """Short key of whatever decides a run: equal parts, equal key."""
    text = json.dumps([CODE_VERSION, *parts], sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _plain(part: object):
    if isinstance(part, np.ndarray):
        return hashlib.sha256(np.ascontiguousarray(part)).hexdigest()
    return asdict(part)


def _feed(settings: TrainingSettings, **changes) -> InputConfig:
    strategy = STRATEGIES[settings.strategy]
    feed = InputConfig(
        view=settings.view,
        batch_size=settings.batch_size,
        frames_per_clip=settings.frames_per_clip,
        jitter=settings.jitter,
        frame_size=settings.frame_size,
        sequence_length=settings.network.sequence_length if strategy.sequence else 1,
    )
    return replace(feed, **changes)


def _degradation(families: tuple[str, ...]):
    """The change of a batch that training against families of degradations makes."""

    def degrade(frames: np.ndarray, rooms: np.ndarray, generator: np.random.Generator, alike: int):
        return augment_with_backgrounds(frames, rooms, generator, families, window=alike)

    return degrade


def growth_key(dataset: Dataset, split: Split, settings: TrainingSettings, seed: int) -> str:
    """Key of the autoencoder a run needs: runs that differ only in the classifier share it."""
    network = settings.network.low_resolution_factor
    decisive = [
        settings.view,
        settings.growth,
        settings.progressive,
        settings.growth_batch_size,
        settings.frames_per_clip,
        settings.validation_frames,
        settings.frame_size,
    ]
    return key_of(dataset.content_hash, split.train, split.validation, network, *decisive, settings.jitter, seed)


def grow_autoencoder(
    dataset: Dataset, split: Split, settings: TrainingSettings, folder: Path, seed: int = 0, progress: bool = False
) -> Growth:
    """Grow the autoencoder on a split's training frames, stage by stage (section 3.3).

    Args:
        dataset: the frames.
        split: only its training part is learnt from; its validation part picks the epoch.
        settings: view, growth schedule, low-resolution factor.
        folder: where the stages are kept; a folder of another run's stages must not be given.
        seed: of weights and batches.
        progress: show a bar for each stage.

    Returns:
        the autoencoder after each stage.
    """
    factor = settings.network.low_resolution_factor
    feed = _feed(settings, target="frame", sequence_length=1, batch_size=settings.growth_batch_size)
    chosen = sample_evenly(split.validation, dataset.clip_index, settings.validation_frames)
    seen = load_sequences(dataset, chosen, feed)
    validation = (seen, seen.astype(np.float32) / 255)
    models, histories = [], []
    seed_everything(seed)
    sizes = range(1, STAGES + 1) if settings.progressive else (STAGES,)
    schedule = settings.growth
    if not settings.progressive:
        schedule = replace(schedule, epochs=schedule.epochs * STAGES, patience=schedule.patience * STAGES)
    for stages in sizes:
        own = seed + stages
        model = grow(models[-1], stages, factor, own) if models else build_autoencoder(stages, factor, own)
        frames = FrameSequence(dataset, split.train, feed, seed=seed * STAGES + stages)
        title = f"autoencoder, {stages} of {STAGES} stages" if progress else ""
        stage_folder = Path(folder) / f"stage_{stages}"
        # not the squared error: on a sigmoid that starts at gray, dark frames give it gradients too small to learn from
        model, history = fit(
            model, frames, validation, schedule, stage_folder, seed, "binary_crossentropy", progress=title
        )
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
    """Train a strategy on a split's training frames; its validation part stops it early and picks the epoch.

    Args:
        dataset: frames and labels.
        split: the test part is not touched.
        settings: what to train and how.
        folder: where checkpoints and TensorBoard logs go.
        seed: of weights, batches and dropout.
        encoder: a grown autoencoder, whose encoder is taken over by strategies that have one.
        progress: show a bar.

    Returns:
        the trained model, uint8 frames in and probabilities out, and its history.
    """
    strategy = STRATEGIES[settings.strategy]
    feed = _feed(settings)
    degraded = replace(feed, degrade=_degradation(settings.augment)) if settings.augment else feed
    seed_everything(seed)
    network = replace(settings.network, classes=len(dataset.styles))
    model = strategy.build(network)
    if not network.imagenet_weights:
        initialize_weights(model, seed)
    if encoder is not None and strategy.grows_autoencoder:
        taken = copy_weights(encoder, model)
        for name in taken if settings.freeze_encoder else ():
            model.get_layer(name).trainable = False
    chosen = sample_evenly(split.validation, dataset.clip_index, settings.validation_frames)
    validation = (load_sequences(dataset, chosen, feed), dataset.labels[chosen])
    frames = FrameSequence(dataset, split.train, degraded, seed=seed)
    title = strategy.title if progress else ""
    loss = "sparse_categorical_crossentropy"
    logs = Path(folder) / "tensorboard"
    return fit(model, frames, validation, settings.schedule, Path(folder), seed, loss, logs, title)


def predict(model: keras.Model, dataset: Dataset, indices: np.ndarray, settings: TrainingSettings) -> np.ndarray:
    """Probabilities float32 [n, styles] for frames of a dataset, int64 [n]; memory does not grow with n."""
    feed = _feed(settings)
    parts = [
        model.predict(load_sequences(dataset, part, feed), batch_size=128, verbose=0)
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
    batch_size: int = 32,
    frames_per_clip: int = 12,
    dropout: float = 0.0,
    jitter: float = 1.0,
    squeeze_ratio: int = 8,
    low_resolution_factor: int = 2,
    augment: Sequence[str] = (),
) -> TrainingSettings:
    """Settings of a run; the defaults suit a few hundred clips on a laptop.

    Args:
        strategy: a key of `STRATEGIES`.
        view: "frame" or "difference".
        epochs: of the classifier, at most.
        learning_rate: of SGD at the start (the paper: 0.001).
        momentum: of SGD (the paper: none).
        decay: "constant" (the paper) or "cosine".
        patience: epochs without improvement before training stops.
        growth_epochs: of each stage of the autoencoder.
        growth_learning_rate: of the autoencoder.
        growth_optimizer: "sgd" (the paper) or "adam": the squared error's gradients are too small for plain SGD to
            get anywhere within a laptop's patience.
        batch_size: frames in a batch.
        frames_per_clip: frames drawn of each clip in an epoch.
        dropout: in the head (the paper: none). With 0.3 a network that is shown whole frames learns nothing in tens of
            epochs.
        jitter: 1 for shifts of 8 pixels, 15 % of size, 5 degrees, 20 % of brightness, gray levels to a power of 0.5
            to 2; 0 for none (the paper).
        squeeze_ratio: of the channel attention.
        low_resolution_factor: of the autoencoder's input.
        augment: families of degradations that half of the training frames are put under.

    Raises:
        ValueError: a value that nothing could be learnt with; it is named.
    """
    for name, count in {"epochs": epochs, "growth epochs": growth_epochs}.items():
        if count < 1:
            raise ValueError(f"{name}: at least 1 is needed to learn anything, not {count}")
    if not (math.isfinite(jitter) and jitter >= 0):
        raise ValueError(f"jitter must be a number of at least 0, not {jitter}")
    return TrainingSettings(
        strategy=strategy,
        view=view,
        network=NetworkSettings(
            dropout=dropout, squeeze_ratio=squeeze_ratio, low_resolution_factor=low_resolution_factor
        ),
        schedule=Schedule(epochs, learning_rate, momentum, decay, patience),
        growth=Schedule(growth_epochs, growth_learning_rate, 0.9, "constant", growth_epochs, growth_optimizer),
        batch_size=batch_size,
        frames_per_clip=frames_per_clip,
        augment=tuple(augment),
        jitter=Jitter(shift=8 * jitter, zoom=0.15 * jitter, tilt=5 * jitter, gain=0.2 * jitter, gamma=0.7 * jitter),
    )
