import keras
import numpy as np
import pytest

from dance_tf.model.networks import NetworkSettings, build_fusion, build_hybrid
from dance_tf.model.skeletons import build_tcn
from dance_tf.model.split import split_network

CUTS = ("1536", "400", "150")


@pytest.fixture(scope="module")
def hybrid():
    settings = NetworkSettings(classes=5, dropout=0.3, gated_logits=True, spatial_attention=True)
    return build_hybrid(settings, "hybrid", cnn=True, autoencoder=True, attention=True)


@pytest.mark.parametrize("cut", CUTS)
def test_the_halves_of_the_papers_network_give_its_probabilities(hybrid, cut):
    frames = np.random.default_rng(0).integers(0, 256, (5, 128, 128, 1), np.uint8)
    edge, cloud = split_network(hybrid)[cut]
    features = edge.predict(frames, verbose=0)
    assert features.shape == (5, int(cut))
    whole = hybrid.predict(frames, verbose=0)
    np.testing.assert_allclose(cloud.predict(features, verbose=0), whole, rtol=0, atol=1e-7)
    assert np.ptp(whole, axis=0).max() > 1e-3  # the frames matter
    assert sum(map(len, (edge.weights, cloud.weights))) == len(hybrid.weights)


def small(*, bypass: bool) -> keras.Model:
    frames = keras.Input((128, 128, 1), dtype="uint8")
    means = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(frames))
    features = keras.layers.Dense(400, name="dense_1")(means)
    features = keras.layers.Dense(150, name="dense_2")(features)
    vector = keras.layers.Concatenate()([features, means]) if bypass else features
    return keras.Model(frames, keras.layers.Dense(3, activation="softmax", name="shares")(vector))


def test_only_layers_that_all_of_a_network_goes_through_are_cuts(hybrid):
    one_path = build_hybrid(NetworkSettings(), "cnn", cnn=True)
    fusion = build_fusion(NetworkSettings(sequence_length=2))
    networks = (hybrid, one_path, build_tcn(3), fusion, small(bypass=False), small(bypass=True))
    assert [tuple(split_network(each)) for each in networks] == [CUTS, CUTS[1:], (), (), CUTS[1:], ()]
