"""Weights drawn from a seed alone."""

import random

import keras
import numpy as np
import pytest

from dance_tf.model.autoencoder import build_autoencoder
from dance_tf.model.layers import initialize_weights
from dance_tf.model.networks import STRATEGIES, NetworkSettings

SMALL = NetworkSettings(classes=3, resnet_width=4, sequence_length=2)


def drawn(name: str, seed: int, disturbed: int = 0) -> list[np.ndarray]:
    """The weights of a strategy after a draw, with Python's random numbers at some other place."""
    random.seed(disturbed)
    model = STRATEGIES[name].build(SMALL)
    initialize_weights(model, seed)
    return model.get_weights()


@pytest.mark.parametrize("name", STRATEGIES)
def test_only_the_seed_decides(name):
    first, again, other = drawn(name, 1), drawn(name, 1, disturbed=5), drawn(name, 2)
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    moved = [one.size for one, two in zip(first, other, strict=True) if not np.array_equal(one, two)]
    matrices = [weight.size for weight in first if weight.ndim > 1]
    assert sorted(moved) == sorted(matrices), "all kernels, and nothing else, come from the draw"


def test_layers_of_one_shape_get_weights_of_their_own():
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(6), keras.layers.Dense(6)])
    initialize_weights(model, 0)
    first, second = model.get_weights()[::2]
    assert np.abs(first - second).max() > 0.1


def test_they_keep_the_spread_that_the_initializer_asks_for():
    model = keras.Sequential([keras.Input((400,)), keras.layers.Dense(300, kernel_initializer="he_normal")])
    initialize_weights(model, 3)
    assert np.std(model.get_weights()[0]) == pytest.approx(np.sqrt(2 / 400), rel=0.02)


def test_an_autoencoder_is_drawn_too():
    first, again, other = (build_autoencoder(2, seed=seed).get_weights() for seed in (4, 4, 5))
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])
