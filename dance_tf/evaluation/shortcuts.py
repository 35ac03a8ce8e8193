"""What a network's answers rest on: clips without the dancer, mirrored, held still, or with time shuffled."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import keras
import numpy as np

from dance_tf.dataset.batches import WINDOW_VIEWS
from dance_tf.dataset.dataset import Dataset
from dance_tf.evaluation.predictions import predict_batches
from dance_tf.model.fit import load_sequences
from dance_tf.model.settings import TrainingSettings
from dance_tf.pose.skeleton import OTHER_SIDE, Skeletons

AS_IT_IS, BACKGROUND, MIRRORED = "as it is", "background only", "mirrored"
STILL, SHUFFLED = "one still frame", "time shuffled"


def remove_dancer(dataset: Dataset) -> Dataset:
    """Return the clips with only the background left, and without skeletons."""
    found = dataset.skeletons
    nobody = Skeletons(*(np.zeros_like(each) for each in (found.landmarks, found.world, found.valid)), found.times)
    frames, cutouts = dataset.backgrounds[dataset.clip_index], np.zeros_like(dataset.cutouts)
    return replace(dataset, frames=frames, skeletons=nobody, cutouts=cutouts)


def mirror(dataset: Dataset) -> Dataset:
    """Return the mirror images of all clips, their left and right exchanged."""
    found, across = dataset.skeletons, np.array([-1, 1, 1], np.float16)
    landmarks, world = found.landmarks[:, OTHER_SIDE] * np.append(across, np.float16(1)), found.world[:, OTHER_SIDE]
    pictures = {name: getattr(dataset, name)[:, :, ::-1] for name in ("frames", "backgrounds", "cutouts")}
    return replace(dataset, skeletons=Skeletons(landmarks, world * across, found.valid, found.times), **pictures)


def hold_still(sequences: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return sequences [n, length, …] in which the middle one of the frames lasts the whole time."""
    return np.repeat(sequences[:, sequences.shape[1] // 2, None], sequences.shape[1], axis=1)


def shuffle_time(sequences: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return sequences [n, length, …] with their frames in random order, another one for each."""
    count, length = sequences.shape[:2]
    order = generator.permuted(np.tile(np.arange(length), (count, 1)), axis=1)
    return sequences[np.arange(count)[:, None], order]


OF_CLIPS: dict[str, Callable[[Dataset], Dataset]] = {
    AS_IT_IS: lambda dataset: dataset,
    BACKGROUND: remove_dancer,
    MIRRORED: mirror,
}
OF_TIME = {STILL: hold_still, SHUFFLED: shuffle_time}


def shortcut_probabilities(
    model: keras.Model,
    dataset: Dataset,
    indices: np.ndarray,
    allowed: np.ndarray,
    settings: TrainingSettings,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Return the probabilities float32 [n, styles] of frames under each change, and as they are.

    The changes of time are for networks that see time: of skeletons, or of several frames.

    Args:
        dataset, indices, allowed, settings: as in `model.train.predict`.
    """
    found = {}
    for name, change in OF_CLIPS.items():
        found[name] = predict_batches(model, load_sequences(change(dataset), indices, allowed, settings))
    if settings.view in WINDOW_VIEWS or settings.sequence_length > 1:
        sequences = load_sequences(dataset, indices, allowed, settings)
        for name, change in OF_TIME.items():
            changed = partial(change, generator=np.random.default_rng(seed))
            found[name] = predict_batches(model, keras.tree.map_structure(changed, sequences))
    return found
