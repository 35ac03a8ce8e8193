"""A trained network cut where Table 4 cuts it: feature extraction, attention, head."""

from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np

from dance_tf.dataset.batches import load_frames, spread
from dance_tf.dataset.dataset import Dataset
from dance_tf.model.attention import SpatialAttention, SqueezeExcitation
from dance_tf.paper.runs import Result, split_of

HEAD_STARTS = ("dropout_1", "dense_1", "logits")  # the first of these that a network has begins its head


@dataclass(frozen=True)
class NetworkParts:
    """Models that together do what the network does.

    Attributes:
        extraction: from frames to the feature maps before attention or, without attention, to the fused vector.
        attention: from those maps to weighted maps; None where the network has none.
        head: from the fused vector to probabilities. Laying maps out as a vector and normalising it costs nothing
            worth timing and is in none where there is attention.
    """

    extraction: keras.Model
    attention: keras.Model | None
    head: keras.Model


def cut_network(network: keras.Model) -> NetworkParts:
    """Cut one of `STRATEGIES`' networks, built or loaded, into its parts; they share its weights."""
    names = [layer.name for layer in network.layers]
    first = next(network.get_layer(name) for name in HEAD_STARTS if name in names)
    head = keras.Model(first.input, network.output, name="head")
    blocks = attention_blocks(network)
    if not blocks:
        return NetworkParts(keras.Model(network.inputs, first.input, name="extraction"), None, head)
    maps = [block[0].input for block in blocks]
    return NetworkParts(
        keras.Model(network.inputs, maps, name="extraction"),
        keras.Model(maps, [block[-1].output for block in blocks], name="attention"),
        head,
    )


def attention_blocks(network: keras.Model) -> list[list[keras.layers.Layer]]:
    """The attention layers of each path in the order they are passed: channel attention, then spatial attention."""
    blocks: list[list[keras.layers.Layer]] = []
    for layer in network.layers:
        if isinstance(layer, SqueezeExcitation):
            blocks.append([layer])
        elif isinstance(layer, SpatialAttention):
            next(block for block in blocks if block[-1].output is layer.input).append(layer)
    return blocks


def attention_inside(layer: SqueezeExcitation) -> keras.Model:
    """A channel attention block as a model of the very layers that it is made of: squeeze, reduce, expand, scale.

    Args:
        layer: of a built network.
    """
    maps = keras.Input(layer.input.shape[1:], name="feature_maps")
    weights = layer.expand(layer.reduce(layer.squeeze(maps)))
    return keras.Model(maps, keras.layers.Multiply(name="scale")([maps, weights]), name=layer.name)


def attention_weights(
    network: keras.Model, frames: np.ndarray, labels: np.ndarray, styles: int
) -> Iterator[tuple[str, np.ndarray]]:
    """How each path's channel attention weighs its channels for each style, mean over frames.

    Args:
        network: with channel attention.
        frames: uint8 [n, 128, 128, 1], what the network sees.
        labels: int64 [n], their styles.
        styles: number of styles.

    Yields:
        path ("cnn", "encoder") and weights float64 [styles, channels] in (0, 1); nan for a style without frames.
    """
    for block in attention_blocks(network):
        layer = block[0]
        probe = keras.Model(network.inputs, layer.weigh(layer.input))
        weights = probe.predict(frames, batch_size=128, verbose=0)[:, 0, 0].astype(np.float64)
        counts = np.bincount(labels, minlength=styles)[:, None]
        sums = np.zeros((styles, weights.shape[1]))
        np.add.at(sums, labels, weights)
        mean = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
        yield layer.name.removesuffix("_attention"), mean


def held_out_attention(dataset: Dataset, result: Result, frames_per_clip: int = 8) -> dict[str, np.ndarray]:
    """`attention_weights` of a run's network on frames of the part held out, by path.

    Args:
        dataset: frames.
        result: of a strategy with channel attention.
        frames_per_clip: frames of each clip that the mean is taken over.
    """
    chosen = spread(split_of(dataset, result.job).test, dataset.clip_index, frames_per_clip)
    frames = load_frames(dataset, chosen, result.job.settings.view)
    return dict(attention_weights(result.load_model(), frames, dataset.labels[chosen], len(dataset.styles)))
