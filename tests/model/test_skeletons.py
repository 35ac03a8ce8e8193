"""Networks of skeletons: windows, augmentation, graph convolution."""

import keras
import numpy as np
import pytest

from dance_tf.model.layers import GraphStreams
from dance_tf.model.networks import SKELETON_STRATEGIES, NetworkSettings
from dance_tf.model.skeletons import augment_windows, bones, motion, neighbours
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


def test_a_joint_hears_itself_its_parent_and_its_children():
    own, with_parent, with_children, all_of_them = neighbours()
    np.testing.assert_array_equal(own, np.eye(len(JOINTS)))
    for weights, joint, expected in (
        (with_parent, "left_wrist", {"left_wrist", "left_elbow"}),
        (with_parent, "pelvis", {"pelvis"}),
        (with_children, "neck", {"neck", "nose", "left_shoulder", "right_shoulder"}),
        (all_of_them, "left_elbow", {"left_shoulder", "left_elbow", "left_wrist"}),
    ):
        heard = {JOINTS[index]: weight for index, weight in enumerate(weights[place(joint)]) if weight}
        assert heard == pytest.approx(dict.fromkeys(expected, 1 / len(expected)))


@pytest.mark.parametrize("strides", [[1, 1], [1, 2], [3, 2]])
def test_graph_streams_by_hand(strides):
    """A slow twin: each stream, joint, time and tap by itself."""
    generator, dilations, filters, length, groups = np.random.default_rng(2), [1, 2], [4, 6], 12, 2
    inputs = generator.normal(size=(2, 3, length, 5, 2)).astype(np.float32)
    layer = GraphStreams(filters, strides, dilations, generator.normal(size=(2, 5, 5)).tolist())
    layer.build(inputs.shape)
    layer.set_weights([np.abs(generator.normal(size=weight.shape)) + 0.1 for weight in layer.get_weights()])

    def normalized(values, normalization, stream):  # [time, joints, channels]
        gain, offset, mean, variance = (weight.reshape(3, -1)[stream] for weight in normalization.get_weights())
        return (values - mean) / np.sqrt(variance + normalization.epsilon) * gain + offset

    found = np.array(layer(inputs))
    for clip, stream in np.ndindex(2, 3):
        embedding = np.array(layer.embedding)[stream]
        values = np.stack([inputs[clip, stream, :, joint] @ embedding[joint].T for joint in range(5)], axis=1)
        values = np.maximum(normalized(values, layer.embedded, stream), 0)
        for block, stride in enumerate(strides):
            mapped = values @ np.array(layer.kernels[block])[stream].T
            size, adjacency = filters[block] // groups, np.array(layer.adjacencies[block])[stream]
            pairs = zip(adjacency, np.split(mapped, groups, axis=2), strict=True)
            mapped = np.concatenate([np.einsum("ij,tjc->tic", *pair) for pair in pairs], axis=2)
            mapped = np.maximum(normalized(mapped, layer.spatial[block], stream), 0)
            taps, steps = np.array(layer.temporal_kernels[block])[stream], np.zeros_like(mapped[::stride])
            for time, channel, tap in np.ndindex(len(steps), filters[block], 3):
                at = time * stride + (tap - 1) * dilations[channel // size]
                if 0 <= at < len(mapped):
                    steps[time, :, channel] += taps[channel // size, channel % size, tap] * mapped[at, :, channel]
            shortcut = values[::stride]
            if layer.shortcuts[block] is not None:
                shortcut = shortcut @ np.array(layer.shortcuts[block])[stream].T
            values = np.maximum(normalized(steps, layer.temporal[block], stream) + shortcut, 0)
        read = np.einsum("tjc,cj->tc", values, np.array(layer.readout)[stream, :, :, 0])
        expected = np.concatenate([read.mean(axis=0), read.max(axis=0)])
        np.testing.assert_allclose(found[clip, stream], expected, rtol=1e-3)
    np.testing.assert_allclose(layer(inputs[1:]), found[1:], rtol=1e-4)


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
    model = SKELETON_STRATEGIES[name].build(NetworkSettings(classes=3, sequence_length=2, dropout=0.1))
    generator, labels = np.random.default_rng(0), np.repeat(np.arange(3), 4)
    inputs = (generator.normal(size=(12, *SHAPE)) + labels[:, None, None, None]).astype(np.float32)
    if name == "fusion":
        inputs = {"windows": inputs, "cutouts": generator.integers(0, 255, (12, 2, 128, 128, 1), dtype=np.uint8)}
    # tracing hundreds of layers would take most of the time
    model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy", run_eagerly=True)
    losses = model.fit(inputs, labels, batch_size=12, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < 0.6 * losses[0]
    probabilities = np.array(model(inputs))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(inputs), probabilities)
    features = {"skeleton_gcn": 512, "skeleton_tcn_small": 64}.get(name, 256)
    assert model.get_layer("skeleton_vector").output.shape[1] == features


def test_the_fusion_weighs_its_cut_outs_and_uses_both_inputs():
    model = SKELETON_STRATEGIES["fusion"].build(NetworkSettings(classes=3, sequence_length=3))
    generator = np.random.default_rng(0)
    windows = generator.normal(size=(2, *SHAPE)).astype(np.float32)
    cutouts = generator.integers(0, 255, (2, 3, 128, 128, 1), dtype=np.uint8)
    names = ("fusion", "time_weights", "cutout_dropout")
    parts = keras.Model(model.input, [model.get_layer(name).output for name in names])
    features, weights, pooled = map(np.array, parts({"windows": windows, "cutouts": cutouts}))
    assert features.shape == (6, 1536)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
    expected = (weights * features.reshape(2, 3, 1536)).sum(axis=1)
    np.testing.assert_allclose(pooled, expected, rtol=1e-4, atol=1e-5)
    assert np.ptp(weights, axis=1).min() > 0
    before = np.array(model({"windows": windows, "cutouts": cutouts}))
    for changed in ({"windows": windows[::-1], "cutouts": cutouts}, {"windows": windows, "cutouts": cutouts[::-1]}):
        assert np.abs(np.array(model(changed)) - before).max() > 1e-4
    shuffled = np.array(model({"windows": windows, "cutouts": cutouts[:, ::-1]}))
    np.testing.assert_allclose(shuffled, before, rtol=1e-3)
