"""Training that can be killed at any moment and resumed to the same weights, bit for bit."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from dance_tf.corruption.augment import augment_with_backgrounds
from dance_tf.dataset.batches import (
    WINDOW_VIEWS,
    Jitter,
    apply_view,
    downsample,
    jitter_frames,
    load_frames,
    load_pairs,
    sample_balanced,
    sample_random,
    spread_places,
    windows,
)
from dance_tf.dataset.dataset import Dataset
from dance_tf.dataset.output import atomic_folder
from dance_tf.model.layers import all_layers
from dance_tf.model.settings import SMOOTHED_EPOCHS, Schedule, TrainingSettings
from dance_tf.model.skeletons import augment_windows

DIVERGED_LOSS = 1000.0  # that of chance is the logarithm of the number of styles


class FrameSequence(keras.utils.PyDataset):
    """Training batches. Batch b of epoch e depends only on (seed, e, b), so a resumed run gets the same ones.

    Args:
        indices: int64 [n], sorted, the part of a split to learn from.
        reconstruct: the target is the input, for an autoencoder, instead of the style.
    """

    def __init__(
        self, dataset: Dataset, indices: np.ndarray, settings: TrainingSettings, seed: int, reconstruct: bool = False
    ):
        super().__init__()
        self.dataset, self.indices, self.settings, self.seed = dataset, indices, settings, seed
        self.reconstruct = reconstruct
        self.weights = label_weights(dataset, indices)
        self.start_epoch(0)

    def start_epoch(self, epoch: int) -> None:
        """Sample the frames of an epoch."""
        self.epoch = epoch
        generator = np.random.default_rng([self.seed, epoch])
        clips, per_clip = self.dataset.clip_index, self.settings.frames_per_clip
        if self.settings.balance:
            self.order = sample_balanced(self.indices, clips, self.dataset.labels, per_clip, generator)
        else:
            self.order = sample_random(self.indices, clips, per_clip, generator)

    @property
    def num_batches(self) -> int:
        """Batches in an epoch."""
        return -(-len(self.order) // self.settings.batch_size)

    def __getitem__(self, number: int):
        settings = self.settings
        chosen = self.order[number * settings.batch_size : (number + 1) * settings.batch_size]
        generator = np.random.default_rng([self.seed, self.epoch, number])
        inputs = load_sequences(self.dataset, chosen, self.indices, settings, generator)
        if settings.jitter != Jitter():
            inputs = keras.tree.map_structure(lambda each: _change(each, settings, generator), inputs)
        if self.reconstruct:
            return inputs, inputs.astype(np.float32) / 255
        labels = self.dataset.labels[chosen]
        return (inputs, labels) if self.weights is None else (inputs, labels, self.weights[chosen])


def label_weights(dataset: Dataset, indices: np.ndarray) -> np.ndarray | None:
    """Return the weight in the loss of each frame, float32 [n]: the trust in its clip's label, with mean 1 over a part.

    None stands for equal weights.

    Args:
        indices: int64 [m], of the part.
    """
    trust = dataset.trust[dataset.clip_index]
    mean = trust[indices].mean()
    return (trust / mean).astype(np.float32) if mean and np.ptp(trust[indices]) else None


def _change(inputs: np.ndarray, settings: TrainingSettings, generator: np.random.Generator) -> np.ndarray:
    """Return frames, sequences of frames or windows of joints with random changes."""
    if inputs.dtype != np.uint8:
        return augment_windows(inputs, generator, settings.jitter.zoom)
    flat = inputs.reshape(-1, 128, 128, 1)
    return jitter_frames(flat, settings.jitter, generator, settings.sequence_length).reshape(inputs.shape)


def load_sequences(
    dataset: Dataset,
    indices: np.ndarray,
    allowed: np.ndarray,
    settings: TrainingSettings,
    generator: np.random.Generator | None = None,
) -> np.ndarray | dict[str, np.ndarray]:
    """Return frames, or windows that end at them: uint8 [n, 128, 128, 1] or [n, sequence_length, 128, 128, 1].

    Windows hold only frames in `allowed`, the sorted int64 indices of a part of a split, which has all of `indices`.
    For the view "skeleton", return the windows of joints around the frames, float32 [n, length, joints, 6]; these hold
    all of a clip's joints, so a split by frame does not divide them. For "skeleton+cutout", return them as "windows",
    with "cutouts" spread over their time, uint8 [n, sequence_length, 128, 128, 1].
    `settings.augment` applies only where a generator is given.
    """
    if settings.view in WINDOW_VIEWS:
        joints, nearest = dataset.skeleton_windows
        chosen = nearest[indices]
        if settings.view == "skeleton":
            return joints[chosen]
        places = spread_places(joints.shape[1], settings.sequence_length)
        poses = dataset.window_poses[chosen][:, places]
        cutouts = downsample(dataset.cutouts[poses.reshape(-1)], settings.frame_size)
        return {"windows": joints[chosen], "cutouts": cutouts.reshape(*poses.shape, *cutouts.shape[1:])}
    length = settings.sequence_length
    if length > 1:
        indices = windows(indices, allowed, dataset.segments, length)
    if settings.augment and generator is not None:
        flat = indices.reshape(-1)
        pairs = load_pairs(dataset, flat, settings.view)
        pairs = augment_with_backgrounds(*pairs, generator, settings.augment, window=length)
        frames = apply_view(*pairs, settings.view).reshape(*indices.shape, 128, 128, 1)
    else:
        frames = load_frames(dataset, indices, settings.view)
    return downsample(frames.reshape(-1, 128, 128, 1), settings.frame_size).reshape(frames.shape)


@dataclass(frozen=True)
class History:
    """Losses and metrics of a training run."""

    # one mapping per epoch: epoch, loss, val_loss and, for classifiers, accuracy and val_accuracy
    rows: tuple[dict[str, float], ...]
    # the epoch whose weights are kept: that with the lowest smoothed loss. A single epoch's loss or accuracy is
    # partly luck, and the best of many is partly the luckiest
    best_epoch: int
    stopped_early: bool  # whether patience ended training


def _best_epoch(rows: Sequence[dict[str, float]]) -> int:
    """Return the epoch with the lowest mean validation loss of the `SMOOTHED_EPOCHS` up to it; nan counts as inf."""
    losses = [row["val_loss"] for row in rows]
    means = [np.mean(losses[max(0, end - SMOOTHED_EPOCHS) : end]) for end in range(1, len(losses) + 1)]
    return int(np.argmin(np.nan_to_num(means, nan=math.inf))) if rows else 0


class DivergedError(ValueError):
    """Training that makes a network worse than chance by far; the message says what to do."""


def _check_loss(loss: float, schedule: Schedule) -> None:
    if not loss <= DIVERGED_LOSS:
        rate = f"the learning rate {schedule.learning_rate:g} is too high, choose a lower one"
        raise DivergedError(f"training diverged (loss {loss:.3g}): {rate}")


class _Resumable(keras.callbacks.Callback):
    """Save model, best weights and history after each epoch; set dropout seeds and frames before it.

    After a kill, Keras' `BackupAndRestore` restores neither the best weights nor the patience of `EarlyStopping`.
    """

    def __init__(self, folder: Path, frames: FrameSequence, schedule: Schedule, seed: int, bar: tqdm):
        super().__init__()
        self.folder, self.frames, self.schedule, self.seed, self.bar = folder, frames, schedule, seed, bar
        self.rows: list[dict[str, float]] = []
        self.best_weights: list[np.ndarray] = []

    def restore(self) -> keras.Model:
        """Return the model of the checkpoint; its best weights and history become those of this object."""
        self.rows = json.loads((self.folder / "state.json").read_text())["rows"]
        with np.load(self.folder / "best.npz") as best:
            self.best_weights = [best[name] for name in best.files]
        self.bar.update(len(self.rows))
        return keras.saving.load_model(self.folder / "model.keras")

    @property
    def out_of_patience(self) -> bool:
        waited = len(self.rows) - 1 - _best_epoch(self.rows)
        return self.schedule.decay == "constant" and waited >= self.schedule.patience

    def on_epoch_begin(self, epoch, logs=None):
        self.frames.start_epoch(epoch)
        for number, layer in enumerate(all_layers(self.model)):
            if hasattr(layer, "seed_generator"):
                layer.seed_generator.state.assign([self.seed + epoch, number])

    def on_epoch_end(self, epoch, logs=None):
        finite = all(np.isfinite(values).all() for values in self.model.get_weights())
        _check_loss(logs.get("loss", 0.0) if finite else math.nan, self.schedule)
        row = {"epoch": epoch, **{name: float(value) for name, value in sorted(logs.items())}}
        self.rows.append(row)
        if _best_epoch(self.rows) == epoch:
            self.best_weights = self.model.get_weights()
        self.model.stop_training = self.out_of_patience
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
    loss: str | Callable,
    logs: Path | None = None,
    progress: str = "",
) -> tuple[keras.Model, History]:
    """Train a model; after a kill, the same call resumes from the last complete epoch.

    Args:
        model: uncompiled, with its initial weights.
        validation: inputs uint8 [n, …] and targets.
        folder: where the checkpoint is kept.
        loss: a Keras loss; "sparse_categorical_crossentropy" also tracks accuracy, other names the mean squared error.
        logs: TensorBoard folder; used on the TensorFlow backend only.
        progress: label of the progress bar; no bar when empty.

    Returns:
        the model with the weights of its best epoch, and the history.

    Raises:
        DivergedError: a weight is not finite, or the training loss, or the validation loss of the best epoch, is above
            `DIVERGED_LOSS`.
    """
    with tqdm(total=schedule.epochs, desc=progress, disable=not progress, unit="epoch", leave=False) as bar:
        saver = _Resumable(Path(folder) / "checkpoint", frames, schedule, seed, bar)
        if (saver.folder / "state.json").is_file():
            model = saver.restore()
        else:
            metrics = []
            if loss == "sparse_categorical_crossentropy":
                metrics = [keras.metrics.SparseCategoricalAccuracy("accuracy")]
            elif isinstance(loss, str):
                metrics = [keras.metrics.MeanSquaredError("mean_squared_error")]
            model.compile(schedule.build_optimizer(frames.num_batches), loss, metrics=metrics)
            model.optimizer.build(model.trainable_variables)  # TensorFlow traces a step that makes variables twice
            saver.best_weights = model.get_weights()
        if len(saver.rows) < schedule.epochs and not saver.out_of_patience:
            callbacks = [saver]
            if logs is not None and keras.backend.backend() == "tensorflow":
                callbacks.append(keras.callbacks.TensorBoard(logs, write_graph=False))
            model.fit(
                frames,
                validation_data=validation,
                validation_batch_size=frames.settings.batch_size,
                initial_epoch=len(saver.rows),
                epochs=schedule.epochs,
                shuffle=False,
                callbacks=callbacks,
                verbose=0,
            )
    if saver.rows:
        _check_loss(saver.rows[_best_epoch(saver.rows)]["val_loss"], schedule)
    model.set_weights(saver.best_weights)
    stopped_early = saver.out_of_patience and len(saver.rows) < schedule.epochs
    return model, History(tuple(saver.rows), _best_epoch(saver.rows), stopped_early)
