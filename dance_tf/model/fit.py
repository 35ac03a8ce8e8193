"""Training that can be killed at any moment and resumed to the same weights, bit for bit."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from dance_tf.corruption.augment import augment_with_backgrounds
from dance_tf.dataset.batches import (
    Jitter,
    View,
    apply_view,
    downsample,
    jitter_frames,
    load_frames,
    sample_random,
    windows,
)
from dance_tf.dataset.dataset import Dataset
from dance_tf.dataset.output import atomic_folder
from dance_tf.model.layers import all_layers


@dataclass(frozen=True)
class InputConfig:
    """How a network gets its frames.

    Attributes:
        view: "frame" or "difference".
        batch_size: frames (or windows) in a batch.
        frames_per_clip: frames sampled from each clip in an epoch.
        jitter: random change of training frames.
        frame_size: side in pixels that frames are shrunk to before they are enlarged again; 128 leaves them unchanged.
        sequence_length: frames in a window for a network that reads sequences; 1 for single frames.
        target: "style", or "frame" for an autoencoder, whose target is its input.
        augment: families of corruptions that half of the training frames (or windows) get, before background
            subtraction.
    """

    view: View = "difference"
    batch_size: int = 64
    frames_per_clip: int = 12
    jitter: Jitter = Jitter()
    frame_size: int = 128
    sequence_length: int = 1
    target: str = "style"
    augment: tuple[str, ...] = ()


class FrameSequence(keras.utils.PyDataset):
    """Training batches. Batch b of epoch e depends only on (seed, e, b), so a resumed run gets the same ones."""

    def __init__(self, dataset: Dataset, indices: np.ndarray, config: InputConfig, seed: int):
        super().__init__()
        self.dataset, self.indices, self.config, self.seed = dataset, indices, config, seed
        self.start_epoch(0)

    def start_epoch(self, epoch: int) -> None:
        """Sample the frames of an epoch."""
        self.epoch = epoch
        generator = np.random.default_rng([self.seed, epoch])
        self.order = sample_random(self.indices, self.dataset.clip_index, self.config.frames_per_clip, generator)

    @property
    def num_batches(self) -> int:
        """Batches in an epoch."""
        return -(-len(self.order) // self.config.batch_size)

    def __getitem__(self, number: int):
        config = self.config
        chosen = self.order[number * config.batch_size : (number + 1) * config.batch_size]
        generator = np.random.default_rng([self.seed, self.epoch, number])
        inputs = load_sequences(self.dataset, chosen, self.indices, config, generator)
        if config.jitter != Jitter():
            flat = inputs.reshape(-1, 128, 128, 1)
            inputs = jitter_frames(flat, config.jitter, generator, config.sequence_length).reshape(inputs.shape)
        if config.target == "frame":
            return inputs, inputs.astype(np.float32) / 255
        return inputs, self.dataset.labels[chosen]


def load_sequences(
    dataset: Dataset,
    indices: np.ndarray,
    allowed: np.ndarray,
    config: InputConfig,
    generator: np.random.Generator | None = None,
) -> np.ndarray:
    """Return frames, or windows that end at them: uint8 [n, 128, 128, 1] or [n, sequence_length, 128, 128, 1].

    Windows hold only frames in `allowed`, the sorted int64 indices of a part of a split, which has all of `indices`.
    `config.augment` applies only where a generator is given.
    """
    length = config.sequence_length
    if length > 1:
        indices = windows(indices, allowed, dataset.segments, length)
    if config.augment and generator is not None:
        flat = indices.reshape(-1)
        pairs = dataset.frames[flat], dataset.backgrounds[dataset.clip_index[flat]]
        frames = apply_view(*augment_with_backgrounds(*pairs, generator, config.augment, window=length), config.view)
        frames = frames.reshape(*indices.shape, *frames.shape[1:])
    else:
        frames = load_frames(dataset, indices, config.view)
    return downsample(frames.reshape(-1, *frames.shape[-3:]), config.frame_size).reshape(frames.shape)


CHECKPOINT = "checkpoint"
DECAYS = ("constant", "cosine")
OPTIMIZERS = ("sgd", "adam")


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
            raise ValueError(f"{self.epochs} epochs with a patience of {self.patience} is not a valid schedule")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(f"the learning rate must be a number above 0, not {self.learning_rate}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1), not {self.momentum}")
        if self.decay not in DECAYS:
            raise ValueError(f"unknown decay {self.decay!r}: use one of {', '.join(DECAYS)}")
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"unknown optimizer {self.optimizer!r}: use one of {', '.join(OPTIMIZERS)}")

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
class History:
    """Losses and metrics of a training run.

    Attributes:
        rows: one mapping per epoch: epoch, loss, val_loss and, for classifiers, accuracy and val_accuracy.
        best_epoch: the epoch whose weights are kept: highest validation accuracy (of equals the lowest validation
            loss) for classifiers, lowest validation loss otherwise. An overconfident classifier raises its loss while
            its accuracy still improves.
        stopped_early: whether patience ended training.
    """

    rows: tuple[dict[str, float], ...]
    best_epoch: int
    stopped_early: bool


def _best_epoch(rows: Sequence[dict[str, float]]) -> int:
    def score(row: dict[str, float]) -> tuple[float, float]:
        return row.get("val_accuracy", 0.0), -math.inf if math.isnan(row["val_loss"]) else -row["val_loss"]

    return max(rows, key=score, default={"epoch": 0})["epoch"]


def _epochs_without_improvement(rows: Sequence[dict[str, float]]) -> int:
    waited, loss, accuracy = 0, math.inf, -1.0
    for row in rows:
        improved = row["val_loss"] < loss or row.get("val_accuracy", -1.0) > accuracy
        waited = 0 if improved else waited + 1
        loss, accuracy = min(row["val_loss"], loss), max(row.get("val_accuracy", -1.0), accuracy)
    return waited


class _Resumable(keras.callbacks.Callback):
    """Save model, best weights and history after each epoch; set learning rate, dropout seeds and frames before it.

    After a kill, Keras' `BackupAndRestore` restores neither the best weights nor the patience of `EarlyStopping`.
    """

    def __init__(self, folder: Path, frames: FrameSequence, schedule: Schedule, seed: int, bar: tqdm):
        super().__init__()
        self.folder, self.frames, self.schedule, self.seed, self.bar = folder, frames, schedule, seed, bar
        self.rows: list[dict[str, float]] = []
        self.best_weights: list[np.ndarray] = []

    def on_epoch_begin(self, epoch, logs=None):
        self.frames.start_epoch(epoch)
        self.model.optimizer.learning_rate = self.schedule.rate(epoch)
        for number, layer in enumerate(all_layers(self.model)):
            if hasattr(layer, "seed_generator"):
                layer.seed_generator.state.assign([self.seed + epoch, number])

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch, **{name: float(value) for name, value in sorted(logs.items())}}
        self.rows.append(row)
        if _best_epoch(self.rows) == epoch:
            self.best_weights = self.model.get_weights()
        self.model.stop_training = _epochs_without_improvement(self.rows) >= self.schedule.patience
        with atomic_folder(self.folder) as partial:
            self.model.save(partial / "model.keras")
            np.savez(partial / "best.npz", *self.best_weights)
            (partial / "state.json").write_text(json.dumps({"rows": self.rows}))
        self.bar.set_postfix({key: f"{row[key]:.3f}" for key in ("loss", "val_loss", "val_accuracy") if key in row})
        self.bar.update()


def fit(
    model: keras.Model,
    frames: FrameSequence,
    validation: tuple[np.ndarray, np.ndarray],
    schedule: Schedule,
    folder: Path,
    seed: int,
    loss: str,
    logs: Path | None = None,
    progress: str = "",
) -> tuple[keras.Model, History]:
    """Train a model; after a kill, the same call resumes from the last complete epoch.

    Args:
        model: uncompiled, with its initial weights.
        frames: training batches.
        validation: inputs uint8 [n, …] and targets.
        schedule: epochs, learning rate, patience.
        folder: where the checkpoint is kept.
        seed: of dropout, together with the epoch.
        loss: a Keras loss; "sparse_categorical_crossentropy" also tracks accuracy, others the mean squared error.
        logs: TensorBoard folder; used on the TensorFlow backend only.
        progress: label of the progress bar; no bar when empty.

    Returns:
        the model with the weights of its best epoch, and the history.
    """
    checkpoint = Path(folder) / CHECKPOINT
    bar = tqdm(total=schedule.epochs, desc=progress, disable=not progress, unit="epoch", leave=False)
    saver = _Resumable(checkpoint, frames, schedule, seed, bar)
    if (checkpoint / "state.json").is_file():
        model = keras.saving.load_model(checkpoint / "model.keras")
        saver.rows = json.loads((checkpoint / "state.json").read_text())["rows"]
        with np.load(checkpoint / "best.npz") as best:
            saver.best_weights = [best[name] for name in best.files]
    else:
        metrics = ["accuracy"] if loss == "sparse_categorical_crossentropy" else ["mean_squared_error"]
        model.compile(schedule.build_optimizer(), loss, metrics=metrics)
        saver.best_weights = model.get_weights()
    with bar:
        bar.update(len(saver.rows))
        waited = _epochs_without_improvement(saver.rows)
        if len(saver.rows) < schedule.epochs and waited < schedule.patience:
            callbacks = [saver]
            if logs is not None and keras.backend.backend() == "tensorflow":
                callbacks.append(keras.callbacks.TensorBoard(logs, write_graph=False))
            model.fit(
                frames,
                validation_data=validation,
                validation_batch_size=frames.config.batch_size,
                initial_epoch=len(saver.rows),
                epochs=schedule.epochs,
                shuffle=False,
                callbacks=callbacks,
                verbose=0,
            )
    model.set_weights(saver.best_weights)
    rows = saver.rows
    stopped_early = _epochs_without_improvement(rows) >= schedule.patience and len(rows) < schedule.epochs
    return model, History(tuple(rows), _best_epoch(rows), stopped_early)
