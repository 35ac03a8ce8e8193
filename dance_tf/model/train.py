"""Training: the growth of the autoencoder, the classifier, and its predictions."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from dance_tf.dataset.batches import WINDOW_VIEWS, sample_evenly
from dance_tf.dataset.dataset import Dataset
from dance_tf.dataset.splits import Split
from dance_tf.model.autoencoder import STAGES, build_autoencoder, copy_weights
from dance_tf.model.fit import FrameSequence, History, fit, label_weights, load_sequences
from dance_tf.model.layers import initialize_weights
from dance_tf.model.networks import STRATEGIES, strategy_of
from dance_tf.model.settings import TrainingSettings, growth_settings

LOSS = "mean_squared_error"  # of the autoencoder: what its reconstructions are measured by


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and the backend; make TensorFlow's operations deterministic."""
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def _distinct(dataset: Dataset, indices: np.ndarray, settings: TrainingSettings) -> tuple[np.ndarray, np.ndarray]:
    """Return frames that a network sees differently, and for each frame which of them it equals, both int64.

    Frames of one window of joints are the same to a network of skeletons.
    """
    if settings.view not in WINDOW_VIEWS:
        return indices, np.arange(len(indices))
    _, nearest = dataset.skeleton_windows
    _, first, equal = np.unique(nearest[indices], return_index=True, return_inverse=True)
    return indices[first], equal


def validation_inputs(dataset: Dataset, split: Split, settings: TrainingSettings) -> tuple[np.ndarray, ...]:
    """Return inputs of the validation part and their styles, and their weights if labels differ in trust."""
    chosen = sample_evenly(split.validation, dataset.clip_index, settings.validation_frames)
    chosen, _ = _distinct(dataset, chosen, settings)
    inputs, weights = load_sequences(dataset, chosen, split.validation, settings), label_weights(dataset, chosen)
    return (inputs, dataset.labels[chosen]) if weights is None else (inputs, dataset.labels[chosen], weights[chosen])


def grow_autoencoder(
    dataset: Dataset, split: Split, settings: TrainingSettings, folder: Path, seed: int = 0, progress: bool = False
) -> list[tuple[keras.Model, History]]:
    """Grow the autoencoder on a split's training frames, stage by stage (section 3.3).

    Args:
        split: its training part is learnt from, its validation part chooses the epoch.
        settings: only their `growth_settings` matter.
        folder: checkpoints of the stages; must not hold those of another run.

    Returns:
        the autoencoder after each stage, from one to five stages (only the last when not progressive), and its history.
    """
    settings = growth_settings(settings)
    inputs = validation_inputs(dataset, split, settings)[0]
    validation = inputs, inputs.astype(np.float32) / 255
    seed_everything(seed)
    grown: list[tuple[keras.Model, History]] = []
    for stages, frozen, epochs in growth_plan(settings):
        model = build_autoencoder(stages, settings.network.low_resolution_factor, seed + stages)
        old = copy_weights(grown[-1][0], model) if grown else ()
        rows: list[dict[str, float]] = []
        for phase, count in (("frozen", frozen), ("all", epochs)):
            for name in old:
                model.get_layer(name).trainable = phase == "all"
            frames = FrameSequence(dataset, split.train, settings, seed * STAGES + stages, reconstruct=True)
            title = f"autoencoder, {stages} of {STAGES} stages" if progress else ""
            place, schedule = Path(folder) / f"stage_{stages}_{phase}", replace(settings.growth, epochs=count)
            model, history = fit(model, frames, validation, schedule, place, seed, LOSS, progress=title)
            best = len(rows) + history.best_epoch
            rows += [{**row, "epoch": len(rows) + row["epoch"]} for row in history.rows]
        grown.append((model, History(tuple(rows), best, history.stopped_early)))
    return grown


def growth_plan(settings: TrainingSettings) -> list[tuple[int, int, int]]:
    """Return, for each autoencoder to train, its stages, epochs with the old layers frozen, and epochs of all layers.

    All stages at once get as many epochs as the stages of a growth together.
    """
    frozen, early, last = settings.growth_frozen_epochs, settings.growth.epochs, settings.growth_last_epochs
    plan = [(1, 0, early), *((stages, frozen, early) for stages in range(2, STAGES)), (STAGES, frozen, last)]
    return plan if settings.progressive else [(STAGES, 0, sum(first + second for _, first, second in plan))]


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
        split: its test part is not used.
        folder: checkpoints and TensorBoard logs.
        encoder: a grown autoencoder, whose encoder is reused by strategies that have one.

    Returns:
        the trained model, uint8 frames in and probabilities out, and its history.
    """
    strategy = strategy_of(settings.strategy)
    seed_everything(seed)
    network = replace(settings.network, classes=len(dataset.styles))
    model = strategy.build(network)
    if settings.strategy in STRATEGIES and not network.imagenet_weights:  # others keep their initial weights
        initialize_weights(model, seed)
    if encoder is not None and strategy.grows_autoencoder:
        copied = copy_weights(encoder, model)
        for name in copied if settings.freeze_encoder else ():
            model.get_layer(name).trainable = False
    validation = validation_inputs(dataset, split, settings)
    frames = FrameSequence(dataset, split.train, settings, seed)
    loss, logs, title = "sparse_categorical_crossentropy", Path(folder) / "tensorboard", strategy.title
    return fit(model, frames, validation, settings.schedule, folder, seed, loss, logs, title if progress else "")


def predict(
    model: keras.Model, dataset: Dataset, indices: np.ndarray, allowed: np.ndarray, settings: TrainingSettings
) -> np.ndarray:
    """Return probabilities float32 [n, styles] of frames int64 [n]; memory does not grow with n.

    Windows hold only frames in `allowed`, sorted int64: the part of a split that the frames are from.
    """
    chosen, equal = _distinct(dataset, indices, settings)
    parts = [
        model.predict(load_sequences(dataset, part, allowed, settings), batch_size=128, verbose=0)
        for part in np.array_split(chosen, max(1, -(-len(chosen) // 2048)))
    ]
    return np.concatenate(parts)[equal]
