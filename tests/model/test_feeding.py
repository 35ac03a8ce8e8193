import dataclasses

import keras
import numpy as np
import pytest

from dance_tf.dataset.batches import Jitter, jitter_frames, load_frames, sample_random, windows
from dance_tf.dataset.splits import make_splits
from dance_tf.model.fit import FrameSequence, InputConfig, load_sequences
from dance_tf.model.networks import NetworkSettings, build_cnn_lstm

FEED = InputConfig(view="difference", batch_size=5, frames_per_clip=3, jitter=Jitter(8, 0.15, 5, 0.2, 0.7))


@pytest.fixture(scope="module")
def indices(dataset):
    """All frames but the first clip's."""
    return np.flatnonzero(dataset.clip_index > 0)


def every_batch(frames: FrameSequence) -> list[tuple[np.ndarray, np.ndarray]]:
    return [frames[number] for number in range(frames.num_batches)]


def test_a_batch_depends_on_seed_epoch_and_number_alone(dataset, indices):
    walked = FrameSequence(dataset, indices, FEED, seed=1)
    for _ in range(2):
        every_batch(walked)
        walked.on_epoch_end()
    expected = every_batch(walked)
    there_at_once = FrameSequence(dataset, indices, FEED, seed=1, epoch=2)
    for number in reversed(range(7)):  # in another order, too
        for found, wanted in zip(there_at_once[number], expected[number], strict=True):
            np.testing.assert_array_equal(found, wanted)
    started = FrameSequence(dataset, indices, FEED, seed=1)
    started.start_epoch(2)
    np.testing.assert_array_equal(started[4][0], expected[4][0])
    for other in (FrameSequence(dataset, indices, FEED, 2, 2), FrameSequence(dataset, indices, FEED, 1, 3)):
        assert (other[0][0] != expected[0][0]).any()


def test_a_batch_by_hand(dataset, indices):
    order = sample_random(indices, dataset.clip_index, 3, np.random.default_rng([7, 4]))
    frames = FrameSequence(dataset, indices, FEED, seed=7, epoch=4)
    assert len(order) == 33 and frames.num_batches == 7
    for number in (0, 6):
        chosen = order[5 * number : 5 * number + 5]
        seen = load_frames(dataset, chosen, "difference")
        seen = jitter_frames(seen, FEED.jitter, np.random.default_rng([7, 4, number]))
        found, labels = frames[number]
        assert found.dtype == np.uint8 and len(found) == (3 if number == 6 else 5)
        np.testing.assert_array_equal(found, seen)
        np.testing.assert_array_equal(labels, dataset.labels[chosen])


def test_an_autoencoder_s_target_is_what_it_sees(dataset, indices):
    seen, target = FrameSequence(dataset, indices, dataclasses.replace(FEED, target="frame"), seed=0)[1]
    assert target.dtype == np.float32
    np.testing.assert_allclose(target, seen / 255, rtol=1e-6)


def test_windows_change_alike_from_frame_to_frame(dataset, indices):
    feed = dataclasses.replace(FEED, view="frame", sequence_length=4, jitter=Jitter(shift=8))
    chosen = sample_random(indices, dataset.clip_index, 3, np.random.default_rng([0, 0]))[:5]
    found, labels = FrameSequence(dataset, indices, feed, seed=0)[0]
    assert found.shape == (5, 4, 128, 128, 1) and len(labels) == 5
    members = windows(chosen, indices, dataset.segments, 4)
    assert (dataset.clip_index[members] == dataset.clip_index[chosen][:, None]).all()
    still = load_sequences(dataset, chosen, indices, feed)
    np.testing.assert_array_equal(still, dataset.frames[members])
    # one window, one shift: moving its last frame as the batch did moves all of them as the batch did
    moved = jitter_frames(
        still.reshape(-1, 128, 128, 1), feed.jitter, np.random.default_rng([0, 0, 0]), sequence_length=4
    ).reshape(found.shape)
    np.testing.assert_array_equal(found, moved)
    repeated = members[:, 0] == members[:, 1]  # where a window would start before its clip
    assert repeated.any()
    np.testing.assert_array_equal(found[repeated, 0], found[repeated, 1])


def test_a_further_change_comes_before_the_jitter_and_has_its_own_dice(dataset, indices):
    def negative(frames, generator):
        assert frames.shape[1:] == (128, 128, 1) and generator.uniform() == np.random.default_rng([3, 0, 2]).uniform()
        return 255 - frames

    plain = InputConfig(view="frame", batch_size=5)
    changed = dataclasses.replace(plain, change=negative)
    before = FrameSequence(dataset, indices, plain, seed=3)[2][0]
    np.testing.assert_array_equal(FrameSequence(dataset, indices, changed, seed=3)[2][0], 255 - before)


def test_sequences_train(dataset, indices):
    feed = InputConfig(view="frame", batch_size=4, frames_per_clip=1, sequence_length=2)
    keras.utils.set_random_seed(0)
    model = build_cnn_lstm(NetworkSettings(classes=3, sequence_length=2))
    before = model.get_weights()
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(FrameSequence(dataset, indices, feed, seed=0), shuffle=False, verbose=0)
    for path, old, new in zip([w.path for w in model.weights], before, model.get_weights(), strict=True):
        assert (old != new).any(), path


def test_windows_of_a_split_by_frame_hold_training_frames_only(dataset):
    split = make_splits(dataset, "frame", folds=2)[0]
    feed = InputConfig(view="frame", frames_per_clip=8, sequence_length=4)
    allowed = {dataset.frames[index].tobytes() for index in split.train}
    for batch, _ in every_batch(FrameSequence(dataset, split.train, feed, seed=0)):
        assert {frame.tobytes() for frame in batch.reshape(-1, 128, 128, 1)} <= allowed
