"""Epochs of training that can be killed at any moment and go on to the same weights."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from dance_tf.dataset.atomic import written_whole
from dance_tf.model.feeding import TrainingFrames

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
        with written_whole(self.folder / CHECKPOINT) as partial:
            self.model.save(partial / "model.keras")
            np.savez(partial / "best.npz", *self.best["weights"])
            (partial / "state.json").write_text(json.dumps(state))


def fit(
    model: keras.Model,
    frames: TrainingFrames,
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
