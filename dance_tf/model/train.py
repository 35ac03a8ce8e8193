"""Training: the growth of the autoencoder, the classifier, and its predictions."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from dance_tf.dataset.batches import sample_evenly
from dance_tf.dataset.dataset import Dataset
from dance_tf.dataset.splits import Split
from dance_tf.model.autoencoder import STAGES, build_autoencoder, copy_weights
from dance_tf.model.fit import FrameSequence, History, fit, load_sequences
from dance_tf.model.layers import initialize_weights
from dance_tf.model.networks import STRATEGIES, strategy_of
from dance_tf.model.settings import TrainingSettings, growth_settings


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and the backend; make TensorFlow's operations deterministic."""
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def _validation_frames(dataset: Dataset, split: Split, settings: TrainingSettings) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs of the validation part, and their styles."""
    chosen = sample_evenly(split.validation, dataset.clip_index, settings.validation_frames)
    return load_sequences(dataset, chosen, split.validation, settings), dataset.labels[chosen]


def grow_autoencoder(
    dataset: Dataset, split: Split, settings: TrainingSettings, folder: Path, seed: int = 0, progress: bool = False
) -> list[tuple[keras.Model, History]]:
    """Grow the autoencoder on a split's training frames, stage by stage (section 3.3).

    Args:
        dataset: frames.
        split: its training part is learnt from, its validation part chooses the epoch.
        settings: only their `growth_settings` matter.
        folder: checkpoints of the stages; must not hold those of another run.
        seed: of weights and batches.
        progress: show a bar for each stage.

    Returns:
        the autoencoder after each stage, from one to five stages (only the last when not progressive), and its history.
    """
    settings = growth_settings(settings)
    inputs, _ = _validation_frames(dataset, split, settings)
    seed_everything(seed)
    first, schedule = 1, settings.growth
    if not settings.progressive:
        first = STAGES
        schedule = replace(schedule, epochs=schedule.epochs * STAGES, patience=schedule.patience * STAGES)
    # not the squared error: the sigmoid starts at gray, where dark frames give it gradients too small to learn from
    loss = "binary_crossentropy"
    grown: list[tuple[keras.Model, History]] = []
    for stages in range(first, STAGES + 1):
        model = build_autoencoder(stages, settings.network.low_resolution_factor, seed + stages)
        if grown:
            copy_weights(grown[-1][0], model)
        frames = FrameSequence(dataset, split.train, settings, seed * STAGES + stages, reconstruct=True)
        title = f"autoencoder, {stages} of {STAGES} stages" if progress else ""
        validation, place = (inputs, inputs.astype(np.float32) / 255), Path(folder) / f"stage_{stages}"
        grown.append(fit(model, frames, validation, schedule, place, seed, loss, progress=title))
    return grown


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
    seed_everything(seed)
    network = replace(settings.network, classes=len(dataset.styles))
    model = strategy.build(network)
    if settings.strategy in STRATEGIES and not network.imagenet_weights:  # others keep their initial weights
        initialize_weights(model, seed)
    if encoder is not None and strategy.grows_autoencoder:
        copied = copy_weights(encoder, model)
        for name in copied if settings.freeze_encoder else ():
            model.get_layer(name).trainable = False
    validation = _validation_frames(dataset, split, settings)
    frames = FrameSequence(dataset, split.train, settings, seed)
    loss, logs, title = "sparse_categorical_crossentropy", Path(folder) / "tensorboard", strategy.title
    return fit(model, frames, validation, settings.schedule, folder, seed, loss, logs, title if progress else "")


def predict(
    model: keras.Model, dataset: Dataset, indices: np.ndarray, allowed: np.ndarray, settings: TrainingSettings
) -> np.ndarray:
    """Return probabilities float32 [n, styles] of frames int64 [n]; memory does not grow with n.

    Windows hold only frames in `allowed`, sorted int64: the part of a split that the frames are from.
    """
    parts = [
        model.predict(load_sequences(dataset, part, allowed, settings), batch_size=128, verbose=0)
        for part in np.array_split(indices, max(1, -(-len(indices) // 2048)))
    ]
    return np.concatenate(parts)
