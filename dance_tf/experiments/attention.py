"""What channel attention does in trained networks: how its weights vary, and what is lost when they are frozen."""

from collections.abc import Sequence

import keras
import numpy as np
import pandas as pd

from dance_tf.dataset.batches import load_frames, sample_evenly
from dance_tf.dataset.dataset import Dataset
from dance_tf.evaluation.intervals import UNITS, estimate_difference
from dance_tf.evaluation.predictions import Predictions
from dance_tf.experiments.cache import Run
from dance_tf.experiments.spec import split_of
from dance_tf.experiments.training import pair_with_truth
from dance_tf.model.layers import SpatialAttention, SqueezeExcitation
from dance_tf.model.train import predict


def attention_blocks(network: keras.Model) -> list[list[keras.layers.Layer]]:
    """Return the attention layers of each path in their order: channel attention, then spatial attention if any."""
    blocks: list[list[keras.layers.Layer]] = []
    for layer in network.layers:
        if isinstance(layer, SqueezeExcitation):
            blocks.append([layer])
        elif isinstance(layer, SpatialAttention):
            next(block for block in blocks if block[-1].output is layer.input).append(layer)
    return blocks


def attention_inside(layer: SqueezeExcitation) -> keras.Model:
    """Return a built channel attention layer as a model of its own layers: squeeze, reduce, expand, scale."""
    maps = keras.Input(layer.input.shape[1:], name="feature_maps")
    weights = layer.expand(layer.reduce(layer.squeeze(maps)))
    return keras.Model(maps, keras.layers.Multiply(name="scale")([maps, weights]), name=layer.name)


def attention_weights(network: keras.Model, frames: np.ndarray) -> dict[str, np.ndarray]:
    """Return the channel weights of each path ("cnn", "encoder"), float32 [n, channels] in (0, 1).

    Args:
        frames: uint8 [n, 128, 128, 1], in the network's view.
    """
    layers = [block[0] for block in attention_blocks(network)]
    probe = keras.Model(network.inputs, {layer.name: layer.input for layer in layers})
    maps = probe.predict(frames, batch_size=64, verbose=0)
    weights = {layer.name: keras.ops.convert_to_numpy(layer.weigh(maps[layer.name])) for layer in layers}
    return {name.removesuffix("_attention"): found[:, 0, 0] for name, found in weights.items()}


def held_out_weights(dataset: Dataset, run: Run, frames_per_clip: int = 8) -> pd.DataFrame:
    """Return how the channel weights of a run's network vary over frames of held-out dancers.

    Returns:
        Columns path, channel, style, mean, deviation (standard deviation over the frames of the style).
    """
    chosen = sample_evenly(split_of(dataset, run.spec).test, dataset.clip_index, frames_per_clip)
    weights = attention_weights(run.load_model(), load_frames(dataset, chosen, run.spec.settings.view))
    styles = np.array(dataset.styles)[dataset.labels[chosen]]
    tables = []
    for path, found in weights.items():
        table = pd.DataFrame(found).assign(style=styles).melt("style", var_name="channel")
        grouped = table.groupby(["style", "channel"])["value"]
        tables.append(grouped.agg(mean="mean", deviation="std").reset_index().assign(path=path))
    return pd.concat(tables, ignore_index=True)[["path", "channel", "style", "mean", "deviation"]]


def freeze_gates(network: keras.Model, frames: np.ndarray) -> None:
    """Replace in place the weights that channel attention computes for each frame by their means over frames.

    `frames` are those of `attention_weights`.
    """
    means = {name: weights.mean(axis=0) for name, weights in attention_weights(network, frames).items()}
    for layer, *_ in attention_blocks(network):
        mean = means[layer.name.removesuffix("_attention")]
        layer.expand.set_weights([np.zeros(layer.expand.kernel.shape), np.log(mean / (1 - mean))])


def frozen_gates(dataset: Dataset, run: Run, frames_per_clip: int = 8) -> Predictions:
    """Return a run's predictions on its held-out frames with all gates at their means over training frames."""
    split, settings = split_of(dataset, run.spec), run.spec.settings
    network = run.load_model()
    learnt = sample_evenly(split.train, dataset.clip_index, frames_per_clip)
    freeze_gates(network, load_frames(dataset, learnt, settings.view))
    indices = sample_evenly(split.test, dataset.clip_index, run.spec.score_frames)
    return pair_with_truth(dataset, indices, predict(network, dataset, indices, split.test, settings))


def frozen_gate_loss(
    dataset: Dataset, runs: Sequence[Run], resamples: int = 1000, seed: int = 0
) -> dict[str, dict[str, float]]:
    """Return by unit ("frame", "clip") how frozen gates change the accuracy on held-out dancers.

    Args:
        runs: of a network with channel attention, pooled.

    Returns:
        The `Estimate` of each difference, frozen minus as trained, as a mapping.
    """
    frozen, trained = [frozen_gates(dataset, run) for run in runs], [run.test for run in runs]
    return {unit: vars(estimate_difference(frozen, trained, unit, resamples, seed)["accuracy"]) for unit in UNITS}
