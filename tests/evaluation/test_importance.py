"""Joints that a network needs, and who dances, on networks and features made by hand."""

import keras
import numpy as np
import pytest

from dance_tf.evaluation.importance import (
    deletion_probabilities,
    features_of,
    guess_dancers,
    joint_importance,
    lose_joints,
)
from dance_tf.pose.joints import CHANNELS, JOINTS, LENGTH

SEEN = 3  # the joint that the network reads


@pytest.fixture(scope="module")
def network():
    """Gives a style the probability of the mean first coordinate of one joint."""
    windows = keras.Input((LENGTH, len(JOINTS), CHANNELS))
    mean = keras.ops.mean(windows[:, :, SEEN, :1], axis=1)
    return keras.Model(windows, keras.ops.concatenate([mean, 1 - mean], axis=-1))


@pytest.fixture(scope="module")
def windows():
    return np.random.default_rng(0).uniform(0.6, 1, (5, LENGTH, len(JOINTS), CHANNELS)).astype(np.float32)


def test_lost_joints_are_zero_and_others_stay(windows):
    changed = lose_joints(windows, [1, 4])
    assert not changed[:, :, [1, 4]].any()
    np.testing.assert_array_equal(np.delete(changed, [1, 4], axis=2), np.delete(windows, [1, 4], axis=2))
    assert windows.all()


@pytest.mark.parametrize(("label", "sign"), [(0, 1), (1, -1)])
def test_a_joint_is_as_important_as_the_probability_that_is_lost_without_it(network, windows, label, sign):
    found = joint_importance(network, windows, np.full(5, label))
    assert found[SEEN] == pytest.approx(sign * windows[:, :, SEEN, 0].mean(), abs=1e-5)
    np.testing.assert_allclose(np.delete(found, SEEN), 0, atol=1e-6)


def test_a_deletion_curve_falls_when_the_joint_is_lost(network, windows):
    order = [0, SEEN, 1]
    found = np.array([probabilities[:, 0].mean() for probabilities in deletion_probabilities(network, windows, order)])
    assert len(found) == 4 and (found[:2] > 0.6).all() and (found[2:] == 0).all()


def test_features_are_what_the_last_layer_reads():
    inputs = keras.Input((3,))
    hidden = keras.layers.Rescaling(2.0, name="hidden")(inputs)
    logits = keras.layers.Dense(2, name="logits")(hidden)
    model = keras.Model(inputs, keras.layers.Softmax()(logits))
    np.testing.assert_array_equal(features_of(model, np.ones((4, 3), np.float32)), np.full((4, 3), 2.0))


@pytest.mark.parametrize(("told", "share"), [(True, 1.0), (False, 1 / 3)])
def test_dancers_are_guessed_from_features_that_hold_them(told, share):
    generator = np.random.default_rng(0)
    dancers, styles = (each.ravel() for each in np.meshgrid(np.arange(3), np.arange(20)))
    features = generator.normal(size=(60, 6)) + 5 * np.eye(20)[styles][:, :6]
    if told:
        features[:, :3] += 12 * np.eye(3)[dancers]
    names = np.array(["a", "b", "c"])[dancers]
    guessed = guess_dancers(features, names, styles)
    assert np.mean(guessed == names) == pytest.approx(share, abs=0.02 if told else 0.2)
