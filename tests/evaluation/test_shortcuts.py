"""Changes that show what a network rests on, each with a network that sees only one thing."""

import keras
import numpy as np
import pytest

from dance_tf.dataset.dataset import gather
from dance_tf.evaluation import shortcuts
from dance_tf.evaluation.shortcuts import hold_still, mirror, remove_dancer, shortcut_probabilities, shuffle_time
from dance_tf.model.networks import NetworkSettings
from dance_tf.model.settings import TrainingSettings, training_settings
from dance_tf.pose.joints import CHANNELS, JOINTS, LENGTH
from dance_tf.pose.skeleton import LANDMARK


@pytest.fixture(scope="module")
def dataset(blob_clips):
    return gather(blob_clips(styles=2, dancers=3, frames=4))


@pytest.fixture(scope="module")
def every(dataset):
    return np.arange(len(dataset.frames))


def test_without_the_dancer_the_background_and_nobody_are_left(dataset):
    found = remove_dancer(dataset)
    for clip, part in enumerate(dataset.clip_slices):
        assert (found.frames[part] == dataset.backgrounds[clip]).all()
    assert not found.cutouts.any() and not found.skeletons.valid.any() and not found.skeletons.landmarks.any()
    assert not found.skeleton_windows[0].any()
    assert found.labels.tolist() == dataset.labels.tolist()


def test_mirror_images_exchange_left_and_right(dataset):
    found = mirror(dataset)
    for name in ("frames", "backgrounds", "cutouts"):
        np.testing.assert_array_equal(getattr(found, name), getattr(dataset, name)[:, :, ::-1])
    left, right = LANDMARK["left_wrist"], LANDMARK["right_wrist"]
    for name, signs in (("landmarks", [-1, 1, 1, 1]), ("world", [-1, 1, 1])):
        mirrored, before = getattr(found.skeletons, name), getattr(dataset.skeletons, name)
        np.testing.assert_array_equal(mirrored[:, left], before[:, right] * np.array(signs, np.float16))
        assert mirrored.dtype == np.float16
    np.testing.assert_array_equal(mirror(found).skeletons.landmarks, dataset.skeletons.landmarks)


def test_changes_of_time_by_hand():
    sequences = np.arange(40).reshape(2, 10, 2)
    generator = np.random.default_rng(0)
    assert (hold_still(sequences, generator) == sequences[:, 5:6]).all()
    shuffled = shuffle_time(sequences, generator)
    np.testing.assert_array_equal(np.sort(shuffled, axis=1), sequences)
    orders = (shuffled[:, :, 0] - sequences[:, :1, 0]) // 2
    assert orders[0].tolist() != orders[1].tolist() and sorted(orders[0]) == list(range(10))


def brightness(*shape: int) -> keras.Model:
    """Gives the mean gray level of the left half of the first frame, and the rest."""
    frames = keras.Input((*shape, 128, 128, 1), dtype="uint8")
    first = frames[:, 0] if shape else frames
    share = keras.ops.mean(keras.ops.cast(first[:, :, :64], "float32") / 255, axis=(1, 2))
    return keras.Model(frames, keras.ops.concatenate([share, 1 - share], axis=-1))


@pytest.mark.parametrize("view", ["frame", "difference", "cutout"])
def test_a_network_of_frames_sees_what_is_left(dataset, every, view):
    found = shortcut_probabilities(brightness(), dataset, every, every, TrainingSettings("cnn", view))
    assert list(found) == [shortcuts.AS_IT_IS, shortcuts.BACKGROUND, shortcuts.MIRRORED]
    levels = {name: probabilities[:, 0] for name, probabilities in found.items()}
    left = dataset.backgrounds[dataset.clip_index, :, :64].mean(axis=(1, 2, 3)) / 255
    np.testing.assert_allclose(levels[shortcuts.BACKGROUND], left if view == "frame" else 0 * left, atol=1e-5)
    if view == "frame":
        right = dataset.frames[:, :, 64:].mean(axis=(1, 2, 3)) / 255
        np.testing.assert_allclose(levels[shortcuts.MIRRORED], right, atol=1e-5)
    assert np.abs(levels[shortcuts.AS_IT_IS] - levels[shortcuts.MIRRORED]).max() > 0.001


def test_networks_that_see_time_are_tested_with_time_changed(dataset, every):
    settings = TrainingSettings("cnn_lstm", "frame", NetworkSettings(sequence_length=3))
    found = shortcut_probabilities(brightness(3), dataset, every, every, settings)
    # the first frame of a window that is held still is its middle one
    middles = shortcut_probabilities(brightness(3), dataset, every, every, settings, seed=1)[shortcuts.STILL]
    np.testing.assert_array_equal(found[shortcuts.STILL], middles)
    assert np.abs(found[shortcuts.SHUFFLED] - found[shortcuts.AS_IT_IS]).max() > 0.001
    windows = keras.Input((LENGTH, len(JOINTS), CHANNELS), name="windows")
    steps = keras.ops.mean(keras.ops.abs(windows[:, 1:] - windows[:, :-1]), axis=(1, 2))
    moving = keras.Model(windows, steps)
    found = shortcut_probabilities(moving, dataset, every, every, training_settings("skeleton_tcn"))
    speed = {name: values.mean() for name, values in found.items()}
    assert speed[shortcuts.BACKGROUND] == speed[shortcuts.STILL] == 0
    assert speed[shortcuts.SHUFFLED] > 2 * speed[shortcuts.AS_IT_IS] > 0
    assert speed[shortcuts.MIRRORED] == pytest.approx(speed[shortcuts.AS_IT_IS], rel=0.01)
    # the fusion's cut-outs change with its windows; this one gives the steps between cut-outs
    cutouts = keras.Input((4, 128, 128, 1), dtype="uint8", name="cutouts")
    levels = keras.ops.cast(cutouts, "float32") / 255
    changes = keras.ops.mean(keras.ops.abs(levels[:, 1:] - levels[:, :-1]), axis=(1, 2, 3))
    inputs = {"windows": windows, "cutouts": cutouts}
    both = keras.Model(inputs, keras.ops.concatenate([steps[:, :1], changes], axis=-1))
    found = shortcut_probabilities(both, dataset, every, every, training_settings("fusion"))
    assert list(found) == [*shortcuts.OF_CLIPS, *shortcuts.OF_TIME]
    for name in (shortcuts.BACKGROUND, shortcuts.STILL):
        assert not found[name].any()
    assert (found[shortcuts.AS_IT_IS] > 0).all()
    np.testing.assert_allclose(found[shortcuts.MIRRORED][:, 1], found[shortcuts.AS_IT_IS][:, 1], rtol=1e-5)
    assert np.abs(found[shortcuts.SHUFFLED] - found[shortcuts.AS_IT_IS]).max() > 0.001
