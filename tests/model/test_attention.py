import numpy as np
import pytest

from dance_tf.model.attention import SpatialAttention, SqueezeExcitation

# one map of 2 × 2 places and 2 channels, whose channel means are 2.5 and -1
MAPS = np.array([[[[1, -1], [2, -1]], [[3, -1], [4, -1]]]], dtype=np.float32)


def sigmoid(value):
    return 1 / (1 + np.exp(-np.asarray(value, dtype=np.float64)))


def test_squeeze_excitation_by_hand():
    layer = SqueezeExcitation(ratio=2)
    layer.build(MAPS.shape)
    layer.set_weights([np.array(w) for w in ([[2.0], [1.0]], [0.5], [[0.1, -0.2]], [0.0, 1.0])])
    # squeezed: (2.5, -1); hidden: relu(2.5 · 2 - 1 · 1 + 0.5) = 4.5; weights: sigmoid(0.45), sigmoid(-0.9 + 1)
    weights = sigmoid([0.45, 0.1])
    np.testing.assert_allclose(layer.weigh(MAPS), weights.reshape(1, 1, 1, 2), rtol=1e-6)
    np.testing.assert_allclose(layer(MAPS), MAPS * weights, rtol=1e-6)


def test_squeeze_excitation_has_a_hidden_unit_for_each_ratio_of_channels():
    for channels, ratio, units in ((32, 8, 4), (64, 8, 8), (32, 16, 2), (4, 8, 1), (7, 2, 3)):
        layer = SqueezeExcitation(ratio)
        layer.build((None, 4, 4, channels))
        assert [tuple(w.shape) for w in layer.weights] == [(channels, units), (units,), (units, channels), (channels,)]
    with pytest.raises(ValueError, match="ratio must be at least 1, not 0"):
        SqueezeExcitation(ratio=0)


def test_attention_weights_are_each_frame_s_own():
    frames = np.concatenate([MAPS, 2 * MAPS, MAPS])
    layer = SqueezeExcitation(ratio=1)
    layer.build(frames.shape)
    layer.set_weights([np.eye(2), np.zeros(2), np.eye(2), np.zeros(2)])
    weights = np.array(layer.weigh(frames))
    assert weights.shape == (3, 1, 1, 2) and (0 < weights).all() and (weights < 1).all()
    np.testing.assert_array_equal(weights[0], weights[2])
    assert (weights[0] != weights[1]).any()


def test_spatial_attention_by_hand():
    layer = SpatialAttention(kernel_size=1)
    layer.build(MAPS.shape)
    layer.set_weights([np.array([[[[3.0], [-1.0]]]]), np.array([0.5])])
    # means over channels 0, 0.5, 1, 1.5; maxima 1, 2, 3, 4; logits 3 · mean - maximum + 0.5
    weights = sigmoid([[-0.5, 0.0], [0.5, 1.0]])
    np.testing.assert_allclose(layer(MAPS), MAPS * weights[None, ..., None], rtol=1e-6)


def test_spatial_attention_looks_at_neighbours():
    layer = SpatialAttention(kernel_size=3)
    layer.build(MAPS.shape)
    kernel = np.zeros((3, 3, 2, 1), dtype=np.float32)
    kernel[1, 2, 1] = 1  # the maximum of the place to the right; beyond the border there is nothing
    layer.set_weights([kernel, np.zeros(1)])
    weights = sigmoid([[2, 0], [4, 0]])
    np.testing.assert_allclose(layer(MAPS), MAPS * weights[None, ..., None], rtol=1e-6)
