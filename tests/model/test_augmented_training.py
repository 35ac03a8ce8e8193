"""Training against degradations: what reaches the network, and what stays as it was."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from dance_tf.corruption.augment import augment_with_backgrounds
from dance_tf.dataset.batches import apply_view
from dance_tf.dataset.dataset import ClipRecord, Dataset
from dance_tf.dataset.splits import Split
from dance_tf.model.fit import FrameSequence, InputConfig, load_sequences
from dance_tf.model.train import TrainingSettings, growth_key, train_classifier, training_settings

FAMILIES = ("noise", "light")


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """Two styles, four clips of six frames: a room and a bar that stands elsewhere in each frame."""
    random = np.random.default_rng(0)
    rooms = random.integers(60, 180, (4, 128, 128, 1), dtype=np.uint8)
    frames = np.repeat(rooms, 6, axis=0)
    for i, frame in enumerate(frames):
        frame[20:110, 10 * (i % 6) : 10 * (i % 6) + 20] = 220
    clips = tuple(ClipRecord(f"c{i}", "ab"[i % 2], f"d{i}", "here", 6, 6, (), True, 1.0) for i in range(4))
    return Dataset(("a", "b"), clips, frames, np.tile(np.arange(6) / 6, 4), rooms)


def degrade(frames, rooms, generator, alike):
    return augment_with_backgrounds(frames, rooms, generator, FAMILIES, window=alike)


@pytest.mark.parametrize("view", ["difference", "frame"])
def test_frames_are_degraded_before_the_room_is_taken_away(dataset, view):
    feed = InputConfig(view=view, batch_size=8, frames_per_clip=6, degrade=degrade)
    frames = FrameSequence(dataset, np.arange(24), feed, seed=4)
    seen, labels = frames[1]
    chosen = frames.order[8:16]
    changed = augment_with_backgrounds(
        dataset.frames[chosen], dataset.rooms[dataset.clip_index[chosen]], np.random.default_rng([4, 0, 1]), FAMILIES
    )
    np.testing.assert_array_equal(seen, apply_view(*changed, view))
    np.testing.assert_array_equal(labels, dataset.labels[chosen])
    clean = load_sequences(dataset, chosen, feed)
    assert 0 < (seen != clean).any((1, 2, 3)).sum() < 8


def test_a_window_is_degraded_as_one(dataset):
    feed = InputConfig(view="frame", batch_size=12, frames_per_clip=6, sequence_length=3, degrade=degrade)
    frames = FrameSequence(dataset, np.arange(24), feed, seed=1)
    seen, _ = frames[0]
    touched = (seen != load_sequences(dataset, frames.order[:12], feed)).any((2, 3, 4))
    assert touched.shape == (12, 3) and touched.any() and not touched.all()
    np.testing.assert_array_equal(touched.all(axis=1), touched.any(axis=1))


def test_settings_know_the_families_and_survive_json():
    settings = training_settings("cnn", augment=["blur"])
    assert settings.augment == ("blur",)
    assert TrainingSettings(augment=asdict(settings)["augment"]).augment == ("blur",)
    with pytest.raises(ValueError, match="time"):
        TrainingSettings(augment=("time",))


def test_the_autoencoder_is_shared_and_the_classifier_is_not(dataset, tmp_path):
    split = Split("clip", 0, np.arange(12), np.arange(12, 18), np.arange(18, 24))
    plain = training_settings("cnn", epochs=1, batch_size=8, frames_per_clip=4)
    against = replace(plain, augment=FAMILIES)
    assert growth_key(dataset, split, plain, 0) == growth_key(dataset, split, against, 0)
    weights = [
        train_classifier(dataset, split, settings, tmp_path / name)[0].get_weights()
        for name, settings in (("plain", plain), ("against", against))
    ]
    assert any(not np.array_equal(one, other) for one, other in zip(*weights, strict=True))
