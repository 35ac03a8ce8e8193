"""Networks cut into parts, and what attention weighs."""

import keras
import numpy as np
import pytest

from dance_tf.experiments.cost import attention_blocks, attention_weights, cut_network
from dance_tf.model.networks import STRATEGIES, NetworkSettings

FRAMES = np.random.default_rng(4).integers(0, 256, (5, 128, 128, 1), dtype=np.uint8)


def build(strategy, **changes):
    keras.utils.set_random_seed(0)  # with other weights every channel may be dark
    return STRATEGIES[strategy].build(NetworkSettings(classes=4, dropout=0.3, resnet_width=4, **changes))


@pytest.mark.parametrize("strategy", ["cnn", "resnet", "cnn_ae"])
def test_parts_without_attention_make_the_whole(strategy):
    network = build(strategy)
    parts = cut_network(network)
    assert parts.attention is None
    vector = parts.extraction.predict_on_batch(FRAMES)
    np.testing.assert_allclose(parts.head.predict_on_batch(vector), network.predict_on_batch(FRAMES), atol=1e-5)


@pytest.mark.parametrize("spatial", [False, True])
def test_parts_with_attention_make_the_whole(spatial):
    network = build("cnn_ae_attention", spatial_attention=spatial)
    assert [len(block) for block in attention_blocks(network)] == [1 + spatial] * 2
    parts = cut_network(network)
    maps = parts.extraction.predict_on_batch(FRAMES)
    assert sorted(found.shape for found in maps) == [(5, 4, 4, 32), (5, 4, 4, 64)]
    weighed = parts.attention.predict_on_batch(maps)
    cnn, encoder = sorted((found.reshape(5, -1) for found in weighed), key=lambda found: found.shape[1])
    normalized = np.array(network.get_layer("encoder_normalization")(encoder))
    vector = np.concatenate([cnn, normalized], axis=1)
    assert vector.shape == (5, 1536)
    np.testing.assert_allclose(parts.head.predict_on_batch(vector), network.predict_on_batch(FRAMES), atol=1e-5)


def test_weights_are_the_means_of_what_the_layer_does_to_each_channel():
    network = build("cnn_ae_attention")
    labels = np.array([0, 2, 2, 0, 0])
    found = dict(attention_weights(network, FRAMES, labels, 4))
    assert {path: weights.shape for path, weights in found.items()} == {"cnn": (4, 32), "encoder": (4, 64)}
    layer = network.get_layer("encoder_attention")
    maps = keras.Model(network.inputs, [layer.input, layer.output]).predict_on_batch(FRAMES)
    before, after = (side.sum(axis=(1, 2)) for side in maps)
    ratio = np.divide(after, before, out=np.full(after.shape, np.nan), where=before != 0)  # a channel may be dark
    for style in (0, 2):
        seen = np.isfinite(ratio[labels == style]).all(axis=0)
        assert seen.sum() > 8
        expected = ratio[labels == style].mean(axis=0)[seen]
        np.testing.assert_allclose(found["encoder"][style, seen], expected, rtol=1e-3)
    assert np.isnan(found["cnn"][[1, 3]]).all()
