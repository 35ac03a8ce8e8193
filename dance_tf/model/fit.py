"""Epochs of training that can be killed at any moment and go on to the same weights."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

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


@dataclass(frozen=True)
class InputConfig:
    """How frames are fed.

    Attributes:
        view: what the network sees, "frame" or "difference".
        batch_size: frames (or windows) in a batch.
        frames_per_clip: frames drawn of each clip in an epoch.
        jitter: random change of training frames.
        frame_size: side in pixels that frames are shrunk to before they are enlarged again; 128 leaves them alone.
        sequence_length: frames in a window for a network that reads sequences; 1 for single frames.
        target: "style", or "frame" for an autoencoder, whose target is what it sees.
        change: further change of a batch uint8 [b, 128, 128, 1] in training, as the network sees it; takes the batch
            and a generator.
        degrade: change of a batch's frames and rooms, uint8 [b, 128, 128, 1] each, before one is seen against the
            other, as footage is degraded before anyone takes its room away; takes both, a generator and the number of
            frames in a row that belong to one window.
    """

    view: View = "difference"
    batch_size: int = 64
    frames_per_clip: int = 12
    jitter: Jitter = Jitter()
    frame_size: int = 128
    sequence_length: int = 1
    target: str = "style"
    change: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = None
    degrade: Callable[[np.ndarray, np.ndarray, np.random.Generator, int], tuple[np.ndarray, np.ndarray]] | None = None


class FrameSequence(keras.utils.PyDataset):
    """Each epoch's frames, drawn anew and changed a little; batch b of epoch e depends on (seed, e, b) alone.

    That is what lets a run that was killed go on as if nothing had happened.
    """

    def __init__(self, dataset: Dataset, indices: np.ndarray, feed: InputConfig, seed: int, epoch: int = 0):
        super().__init__()
        self.dataset, self.indices, self.feed, self.seed = dataset, indices, feed, seed
        self.start_epoch(epoch)

    def start_epoch(self, epoch: int) -> None:
        """Draw the frames of an epoch."""
        self.epoch = epoch
        generator = np.random.default_rng([self.seed, epoch])
        self.order = sample_random(self.indices, self.dataset.clip_index, self.feed.frames_per_clip, generator)

    def on_epoch_end(self) -> None:
        self.start_epoch(self.epoch + 1)

    @property
    def num_batches(self) -> int:
        """Batches in an epoch."""
        return -(-len(self.order) // self.feed.batch_size)

    def __getitem__(self, number: int):
        feed = self.feed
        chosen = self.order[number * feed.batch_size : (number + 1) * feed.batch_size]
        generator = np.random.default_rng([self.seed, self.epoch, number])
        seen = load_sequences(self.dataset, chosen, self.indices, feed, generator)
        if feed.change is not None:
            seen = feed.change(seen.reshape(-1, 128, 128, 1), generator).reshape(seen.shape)
        if feed.jitter != Jitter():
            flat = seen.reshape(-1, 128, 128, 1)
            seen = jitter_frames(flat, feed.jitter, generator, feed.sequence_length).reshape(seen.shape)
        if feed.target == "frame":
            return seen, seen.astype(np.float32) / 255
        return seen, self.dataset.labels[chosen]


def load_sequences(
    dataset: Dataset,
    indices: np.ndarray,
    allowed: np.ndarray,
    feed: InputConfig,
    generator: np.random.Generator | None = None,
) -> np.ndarray:
    """Frames, or windows that end at them: uint8 [n, 128, 128, 1] or [n, sequence_length, 128, 128, 1].

    Windows hold only frames in `allowed`, the sorted int64 indices of a part of a split, which has all of `indices`.
    With a generator the frames are degraded as the feed says; without one they are clean.
    """
    if feed.sequence_length > 1:
        indices = windows(indices, allowed, dataset.segments, feed.sequence_length)
    if feed.degrade is not None and generator is not None:
        flat = indices.reshape(-1)
        rooms = dataset.backgrounds[dataset.clip_index[flat]]
        seen = apply_view(*feed.degrade(dataset.frames[flat], rooms, generator, feed.sequence_length), feed.view)
        seen = seen.reshape(*indices.shape, *seen.shape[1:])
    else:
        seen = load_frames(dataset, indices, feed.view)
    return downsample(seen.reshape(-1, *seen.shape[-3:]), feed.frame_size).reshape(seen.shape)


CHECKPOINT = "checkpoint"
DECAYS = ("constant", "cosine")
OPTIMIZERS = ("sgd", "adam")
NO_ACCURACY = -1.0  # of a network that is no classifier


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to learn.

    Attributes:
        epochs: at most this many.
        learning_rate: at the start (the paper: 0.001).
        momentum: of SGD (the paper names none: 0).
        decay: "constant" (the paper's) or "cosine" down to zero over `epochs`.
        patience: epochs in which neither validation loss nor validation accuracy improves before training stops.
        optimizer: "sgd" (the paper's) or "adam".

    Raises:
        ValueError: a schedule that nothing could be learnt with.
    """

    epochs: int = 30
    learning_rate: float = 0.001
    momentum: float = 0.0
    decay: str = "constant"
    patience: int = 10
    optimizer: str = "sgd"

    def __post_init__(self):
        if self.epochs < 0 or self.patience < 1:
            raise ValueError(f"{self.epochs} epochs with a patience of {self.patience} is no schedule")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(f"the learning rate must be a number above 0, not {self.learning_rate}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1), not {self.momentum}")
        if self.decay not in DECAYS:
            raise ValueError(f"unknown decay {self.decay!r}: use one of {', '.join(DECAYS)}")
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"unknown optimizer {self.optimizer!r}: use one of {', '.join(OPTIMIZERS)}")

    def rate(self, epoch: int) -> float:
        """Learning rate of an epoch, from 0."""
        if self.decay == "cosine":
            return self.learning_rate * 0.5 * (1 + math.cos(math.pi * epoch / self.epochs))
        return self.learning_rate

    def build_optimizer(self) -> keras.optimizers.Optimizer:
        """The optimizer, at the first epoch's rate."""
        if self.optimizer == "sgd":
            return keras.optimizers.SGD(self.learning_rate, momentum=self.momentum)
        return keras.optimizers.Adam(self.learning_rate)


@dataclass(frozen=True)
class History:
    """What happened epoch by epoch.

    Attributes:
        rows: one mapping an epoch: epoch, loss, val_loss and, for classifiers, accuracy and val_accuracy.
        best_epoch: the epoch whose weights were kept: of a classifier the one of highest validation accuracy (of equals
            the one of lowest validation loss), of others the one of lowest validation loss. A classifier that grows
            surer than it should be raises its loss while its accuracy still rises.
        stopped_early: whether patience ran out before the epochs did.
    """

    rows: tuple[dict[str, float], ...]
    best_epoch: int
    stopped_early: bool


class _Resumable(keras.callbacks.Callback):
    """After each epoch: history, best weights, and a checkpoint of everything the next epoch needs."""

    def __init__(self, folder: Path, schedule: Schedule, seed: int, rows: list, best: dict, bar: tqdm):
        super().__init__()
        self.folder, self.schedule, self.seed, self.rows, self.best, self.bar = folder, schedule, seed, rows, best, bar

    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.learning_rate = self.schedule.rate(epoch)
        for number, layer in enumerate(self.model._flatten_layers()):
            if hasattr(layer, "seed_generator"):
                layer.seed_generator.state.assign([self.seed + epoch, number])

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch, **{name: float(value) for name, value in sorted(logs.items())}}
        self.rows.append(row)
        loss, accuracy = row["val_loss"], row.get("val_accuracy", NO_ACCURACY)
        best = self.best
        improved, risen = loss < best["val_loss"], accuracy > best["val_accuracy"]
        best["wait"] = 0 if improved or risen else best["wait"] + 1
        if risen or (accuracy == best["val_accuracy"] and loss < best["kept_loss"]):
            best.update(epoch=epoch, kept_loss=loss, weights=self.model.get_weights())
        best.update(val_loss=min(loss, best["val_loss"]), val_accuracy=max(accuracy, best["val_accuracy"]))
        self.model.stop_training = self.best["wait"] >= self.schedule.patience
        self._save(epoch)
        shown = {name: f"{row[name]:.3f}" for name in ("loss", "val_loss", "val_accuracy") if name in row}
        self.bar.set_postfix(shown)
        self.bar.update()

    def _save(self, epoch: int) -> None:
        state = {name: value for name, value in self.best.items() if name != "weights"}
        state.update(rows=self.rows, next_epoch=epoch + 1, stopped=bool(self.model.stop_training))
        with atomic_folder(self.folder / CHECKPOINT) as partial:
            self.model.save(partial / "model.keras")
            np.savez(partial / "best.npz", *self.best["weights"])
            (partial / "state.json").write_text(json.dumps(state))


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
    """Train a model; after a kill, the same call goes on from the last whole epoch.

    Args:
        model: uncompiled; its weights at the start.
        frames: training batches.
        validation: inputs uint8 [n, …] and targets.
        schedule: epochs, rate, patience.
        folder: where the checkpoint lives.
        seed: for dropout, with the epoch's number.
        loss: a Keras loss; "sparse_categorical_crossentropy" also tracks accuracy, others the mean squared error.
        logs: folder for TensorBoard; none by default, and none where the backend is not TensorFlow.
        progress: what the progress bar says; no bar when empty.

    Returns:
        the model with the weights of its best epoch, and the history.
    """
    checkpoint = Path(folder) / CHECKPOINT
    rows: list[dict[str, float]] = []
    best = {"val_loss": math.inf, "kept_loss": math.inf, "val_accuracy": NO_ACCURACY, "wait": 0, "epoch": 0}
    best["weights"] = model.get_weights()
    start, stopped = 0, False
    if (checkpoint / "state.json").is_file():
        model = keras.saving.load_model(checkpoint / "model.keras")
        state = json.loads((checkpoint / "state.json").read_text())
        with np.load(checkpoint / "best.npz") as kept:
            best["weights"] = [kept[name] for name in kept.files]
        rows.extend(state.pop("rows"))
        start, stopped = state.pop("next_epoch"), state.pop("stopped")
        best.update(state)
    else:
        metrics = ["accuracy"] if loss == "sparse_categorical_crossentropy" else ["mean_squared_error"]
        model.compile(schedule.build_optimizer(), loss, metrics=metrics)
    if start < schedule.epochs and not stopped:
        with tqdm(
            total=schedule.epochs, initial=start, desc=progress, disable=not progress, unit="epoch", leave=False
        ) as bar:
            # by number, not by counting: Keras ends an epoch before the first one begins
            tied = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: frames.start_epoch(epoch))
            callbacks = [tied, _Resumable(Path(folder), schedule, seed, rows, best, bar)]
            if logs is not None and keras.backend.backend() == "tensorflow":
                callbacks.append(keras.callbacks.TensorBoard(logs, write_graph=False))
            model.fit(
                frames,
                validation_data=validation,
                validation_batch_size=frames.feed.batch_size,
                initial_epoch=start,
                epochs=schedule.epochs,
                shuffle=False,
                callbacks=callbacks,
                verbose=0,
            )
    model.set_weights(best["weights"])
    early = best["wait"] >= schedule.patience and len(rows) < schedule.epochs
    return model, History(tuple(rows), int(best["epoch"]), early)
