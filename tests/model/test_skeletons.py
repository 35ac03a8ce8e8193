"""Networks of skeletons: windows, augmentation, graph convolution."""

import keras
import numpy as np
import pytest

from dance_tf.model.layers import GraphConvolution
from dance_tf.model.networks import SKELETON_STRATEGIES, NetworkSettings
from dance_tf.model.skeletons import (
    adjacency,
    augment_windows,
    bones,
    motion,
)
from dance_tf.pose.joints import CHANNELS, JOINTS, LENGTH, PARENT

SHAPE = (LENGTH, len(JOINTS), CHANNELS)


def place(joint: str) -> int:
    return JOINTS.index(joint)


def test_augmented_windows_depend_on_the_generator_and_keep_their_form():
    windows = np.random.default_rng(1).normal(size=(6, *SHAPE)).astype(np.float32)
    one, same, other = (augment_windows(windows, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert one.shape == windows.shape and one.dtype == np.float32 and np.isfinite(one).all()
    assert np.abs(one - windows).mean() > 0.05 and np.abs(one - other).mean() > 0.05


def test_a_joint_hears_itself_its_parent_and_the_mean_of_its_children():
    own, parent, children = adjacency()
    np.testing.assert_array_equal(own, np.eye(len(JOINTS)))
    assert JOINTS[parent[place("left_wrist")].argmax()] == "left_elbow" and not parent[place("pelvis")].any()
    heard = {JOINTS[index]: weight for index, weight in enumerate(children[place("neck")]) if weight}
    assert heard == pytest.approx({"nose": 1 / 3, "left_shoulder": 1 / 3, "right_shoulder": 1 / 3})


def test_graph_convolution_by_hand():
    inputs = np.random.default_rng(2).normal(size=(2, 3, len(JOINTS), 4)).astype(np.float32)
    layer = GraphConvolution(5, adjacency().tolist())
    layer.build(inputs.shape)
    kernel = np.array(layer.linear.kernel).reshape(4, 3, 5)
    expected = sum(
        np.einsum("ij,btjc,cf->btif", weights, inputs, kernel[:, subset]) for subset, weights in enumerate(adjacency())
    )
    np.testing.assert_allclose(layer(inputs), expected, rtol=1e-4, atol=1e-5)
    assert layer.compute_output_shape(inputs.shape) == expected.shape


def test_bones_and_motion_by_hand():
    windows = np.random.default_rng(3).normal(size=(2, *SHAPE)).astype(np.float32)
    wrist, elbow = place("left_wrist"), place("left_elbow")
    assert PARENT[wrist] == elbow
    found = np.array(bones(windows))
    np.testing.assert_allclose(found[:, :, wrist, :5], windows[:, :, wrist, :5] - windows[:, :, elbow, :5], rtol=1e-5)
    np.testing.assert_array_equal(found[..., 5], windows[..., 5])
    moved = np.array(motion(windows))
    assert not moved[:, 0].any()
    np.testing.assert_allclose(moved[:, 1:], np.diff(windows, axis=1), rtol=1e-5)


@pytest.mark.parametrize("name", SKELETON_STRATEGIES)
def test_networks_learn_and_are_the_same_after_loading(name, tmp_path):
    keras.utils.set_random_seed(0)
    model, generator = SKELETON_STRATEGIES[name].build(NetworkSettings(classes=3)), np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 4)
    windows = (generator.normal(size=(12, *SHAPE)) + labels[:, None, None, None]).astype(np.float32)
    # tracing hundreds of layers would take most of the time
    model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy", run_eagerly=True)
    losses = model.fit(windows, labels, batch_size=12, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    probabilities = np.array(model(windows))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(windows), probabilities)
    assert model.get_layer("skeleton_vector").output.shape[1] == {"skeleton_tcn": 256, "skeleton_gcn": 512}[name]
