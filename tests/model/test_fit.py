import dataclasses
import json
import math

import keras
import numpy as np
import pytest

from dance_tf.corruption.augment import augment_with_backgrounds
from dance_tf.dataset.batches import (
    Jitter,
    apply_view,
    downsample,
    jitter_frames,
    load_frames,
    sample_random,
    windows,
)
from dance_tf.model.fit import FrameSequence, fit, load_sequences
from dance_tf.model.layers import ConvolutionStage, EncoderStage
from dance_tf.model.networks import NetworkSettings
from dance_tf.model.settings import Schedule, TrainingSettings, training_settings
from dance_tf.model.skeletons import augment_windows
from dance_tf.model.train import seed_everything
from dance_tf.pose.joints import CHANNELS, JOINTS, LENGTH, cut_windows
from dance_tf.pose.skeleton import Skeletons

SEED = 4
LEARNS = Schedule(epochs=4, learning_rate=0.02, momentum=0.9, decay="cosine", patience=10)
SETTINGS = TrainingSettings("cnn", batch_size=5, frames_per_clip=3, jitter=Jitter(8, 0.15, 5, 0.2, 0.7))
FAMILIES = ("noise", "light")


def of_sequences(length: int, **options) -> TrainingSettings:
    return TrainingSettings("cnn_lstm", "frame", NetworkSettings(sequence_length=length), **options)


@pytest.fixture(scope="module")
def indices(dataset):
    """All frames but the first clip's."""
    return np.flatnonzero(dataset.clip_index > 0)


def test_a_batch_depends_only_on_seed_epoch_and_number(dataset, indices):
    epochs, autoencoder = (FrameSequence(dataset, indices, SETTINGS, 7, reconstruct) for reconstruct in (False, True))
    for each in (epochs, autoencoder):
        each.start_epoch(4)
    order = sample_random(indices, dataset.clip_index, 3, np.random.default_rng([7, 4]))
    assert len(order) == 33 and epochs.num_batches == 7
    for number in (6, 0):
        chosen = order[5 * number : 5 * number + 5]
        expected = load_frames(dataset, chosen, "difference")
        expected = jitter_frames(expected, SETTINGS.jitter, np.random.default_rng([7, 4, number]))
        found, labels = epochs[number]
        assert found.dtype == np.uint8 and len(found) == (3 if number == 6 else 5)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(labels, dataset.labels[chosen])
        inputs, target = autoencoder[number]
        assert target.dtype == np.float32
        np.testing.assert_array_equal(inputs, expected)
        np.testing.assert_allclose(target, expected / 255, rtol=1e-6)


def test_a_balanced_epoch_has_as_many_frames_of_each_style(dataset):
    learnt = np.flatnonzero(np.isin(dataset.clip_index, (0, 1, 2, 3, 4, 8, 9)))  # 4, 1 and 2 clips of three styles
    counts = {}
    for balance in (False, True):
        settings = TrainingSettings("cnn", frames_per_clip=3, balance=balance)
        frames = FrameSequence(dataset, learnt, settings, seed=2)
        counts[balance] = np.bincount(dataset.labels[frames.order]).tolist()
        assert set(frames.order.tolist()) <= set(learnt.tolist())
        before = frames.order.tolist()
        frames.start_epoch(1)
        assert before != frames.order.tolist()
    assert counts == {False: [12, 3, 6], True: [7, 7, 7]}


@pytest.mark.parametrize("jitter", [1.0, 0.0])
def test_networks_of_skeletons_get_the_window_around_each_frame(dataset, indices, jitter):
    settings = training_settings("skeleton_tcn", batch_size=5, frames_per_clip=3, jitter=jitter)
    frames = FrameSequence(dataset, indices, settings, 7)
    chosen = frames.order[:5]
    parts = [dataset.pose_slices[clip] for clip in dataset.clip_index[chosen]]
    values = vars(dataset.skeletons).values()
    expected = [cut_windows(Skeletons(*(each[part] for each in values)))[0][0] for part in parts]
    plain = load_sequences(dataset, chosen, indices, settings)
    np.testing.assert_array_equal(plain, expected)
    found, labels = frames[0]
    np.testing.assert_array_equal(labels, dataset.labels[chosen])
    if jitter:
        expected = augment_windows(plain, np.random.default_rng([7, 0, 0]))
        assert np.abs(expected - plain).max() > 0.1
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("frame_size", [128, 16])
def test_the_fusion_gets_windows_and_cut_outs_spread_over_their_time(dataset, indices, frame_size):
    settings = training_settings("fusion", batch_size=5, frames_per_clip=3, jitter=1)
    network = dataclasses.replace(settings.network, sequence_length=2)
    settings = dataclasses.replace(settings, network=network, frame_size=frame_size)
    frames = FrameSequence(dataset, indices, settings, 7)
    chosen = frames.order[:5]
    plain = load_sequences(dataset, chosen, indices, settings)
    joints = load_sequences(dataset, chosen, indices, training_settings("skeleton_tcn"))
    np.testing.assert_array_equal(plain["windows"], joints)
    for index, cutouts in zip(chosen, plain["cutouts"], strict=True):
        poses = dataset.pose_slices[dataset.clip_index[index]]
        times, seen = dataset.skeletons.times[poses], dataset.cutouts[poses]
        usable = np.flatnonzero(seen.any(axis=(1, 2, 3)))
        for cutout, place in zip(cutouts, (LENGTH / 4, 3 * LENGTH / 4), strict=True):
            wanted = times[0] + place / (LENGTH - 1) * (times[-1] - times[0])
            nearest = usable[np.abs(times[usable] - wanted).argmin()]
            np.testing.assert_array_equal(cutout, downsample(seen[nearest][None], frame_size)[0])
    found, labels = frames[0]
    np.testing.assert_array_equal(labels, dataset.labels[chosen])
    assert {name: (each.shape, each.dtype) for name, each in found.items()} == {
        "cutouts": ((5, 2, 128, 128, 1), np.uint8),
        "windows": ((5, LENGTH, len(JOINTS), CHANNELS), np.float32),
    }
    for name, each in found.items():
        assert np.abs(each.astype(float) - plain[name]).max() > 0.1


def test_all_frames_of_a_window_get_the_same_jitter(dataset, indices):
    settings, every = of_sequences(4, batch_size=5, frames_per_clip=3, jitter=Jitter(shift=8)), np.arange(84)
    chosen = sample_random(indices, dataset.clip_index, 3, np.random.default_rng([0, 0]))[:5]
    found, labels = FrameSequence(dataset, indices, settings, seed=0)[0]
    assert found.shape == (5, 4, 128, 128, 1) and len(labels) == 5
    members = windows(chosen, every, dataset.segments, 4)
    assert (dataset.clip_index[members] == dataset.clip_index[chosen][:, None]).all()
    clean = load_sequences(dataset, chosen, every, settings)
    np.testing.assert_array_equal(clean, dataset.frames[members])
    generator = np.random.default_rng([0, 0, 0])
    moved = jitter_frames(clean.reshape(-1, 128, 128, 1), settings.jitter, generator, sequence_length=4)
    np.testing.assert_array_equal(found, moved.reshape(found.shape))
    repeated = members[:, 0] == members[:, 1]  # where a window would start before its clip
    assert repeated.any()
    np.testing.assert_array_equal(found[repeated, 0], found[repeated, 1])


@pytest.mark.parametrize("view", ["difference", "frame"])
def test_frames_are_corrupted_before_background_subtraction(dataset, view):
    settings = TrainingSettings("cnn", view, batch_size=8, frames_per_clip=6, augment=FAMILIES)
    frames = FrameSequence(dataset, np.arange(24), settings, seed=4)
    found, labels = frames[1]
    chosen = frames.order[8:16]
    pairs = dataset.frames[chosen], dataset.backgrounds[dataset.clip_index[chosen]]
    changed = augment_with_backgrounds(*pairs, np.random.default_rng([4, 0, 1]), FAMILIES)
    np.testing.assert_array_equal(found, apply_view(*changed, view))
    np.testing.assert_array_equal(labels, dataset.labels[chosen])
    assert 0 < (found != load_sequences(dataset, chosen, np.arange(84), settings)).any((1, 2, 3)).sum() < 8


def test_all_frames_of_a_window_are_corrupted_or_none(dataset):
    settings = of_sequences(3, batch_size=12, frames_per_clip=6, augment=FAMILIES)
    frames = FrameSequence(dataset, np.arange(24), settings, seed=1)
    clean = load_sequences(dataset, frames.order[:12], np.arange(84), settings)
    changed = (frames[0][0] != clean).any((2, 3, 4))
    assert changed.shape == (12, 3) and changed.any() and not changed.all()
    np.testing.assert_array_equal(changed.all(axis=1), changed.any(axis=1))


class Killed(RuntimeError):
    """Stands for a kill of the process."""


def small_network(frozen: bool = False) -> keras.Model:
    """A network with every kind of state: normalisation, dropout, our stages."""
    seed_everything(SEED)
    frames = keras.Input((128, 128, 1), dtype="uint8", name="frames")
    outputs = keras.layers.AveragePooling2D(16)(keras.layers.Rescaling(1 / 255)(frames))
    outputs = EncoderStage(3, name="encoder_1")(outputs)
    outputs = ConvolutionStage(4, name="cnn_1")(outputs)
    outputs = keras.layers.Dropout(0.4, name="dropout_1")(keras.layers.Flatten()(outputs))
    outputs = keras.layers.Dropout(0.2, name="dropout_2")(keras.layers.Dense(8, activation="relu")(outputs))
    model = keras.Model(frames, keras.layers.Dense(3, activation="softmax")(outputs))
    model.get_layer("encoder_1").trainable = not frozen
    return model


class Recording(FrameSequence):
    """Records the batches that Keras reads."""

    read: list[tuple[int, int]] = []

    def __getitem__(self, number):
        self.read.append((self.epoch, number))
        return super().__getitem__(number)


@pytest.fixture
def train(dataset, tmp_path):
    """Trains on all clips but those of the last dancer, who is the validation part."""
    held = np.flatnonzero(np.array(dataset.dancers)[dataset.clip_index] == "dancer3")
    learnt = np.setdiff1d(np.arange(len(dataset.frames)), held)

    def run(schedule: Schedule = LEARNS, folder: str = "run", frozen: bool = False, **options):
        settings = TrainingSettings("cnn", "frame", batch_size=8, frames_per_clip=3)
        frames = Recording(dataset, learnt, settings, seed=SEED)
        given = small_network(frozen), frames, (dataset.frames[held], dataset.labels[held]), schedule, tmp_path / folder
        return fit(*given, SEED, "sparse_categorical_crossentropy", **options)

    return run


def assert_same(found, expected):
    (model, history), (other, other_history) = found, expected
    assert repr(history) == repr(other_history)  # nan equals nan
    for one, two in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy(), err_msg=one.path)


def die(monkeypatch, epoch, batch=None):
    """Kill training after a batch of an epoch, or after the whole epoch."""
    whole = keras.Model.fit

    class Killer(keras.callbacks.Callback):
        def on_epoch_begin(self, number, logs=None):
            self.number = number

        def on_train_batch_end(self, number, logs=None):
            if (self.number, number) == (epoch, batch):
                raise Killed

        def on_epoch_end(self, number, logs=None):
            if batch is None and number == epoch:
                raise Killed

    def with_killer(self, *arguments, callbacks, **options):
        return whole(self, *arguments, callbacks=[*callbacks, Killer()], **options)

    monkeypatch.setattr(keras.Model, "fit", with_killer)


def die_while_saving(monkeypatch, epoch):
    """Kill training while the checkpoint of an epoch is written."""
    whole = np.savez

    def savez(path, *arrays):
        whole(path, *arrays)
        state = path.parents[1] / "checkpoint" / "state.json"
        if state.is_file() and len(json.loads(state.read_text())["rows"]) == epoch:
            raise Killed

    monkeypatch.setattr(np, "savez", savez)


def test_a_killed_run_resumes_to_the_same_weights_bit_for_bit(train, monkeypatch):
    expected = train(folder="whole")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        die(patch, epoch=1, batch=1)
        train(folder="killed")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        die_while_saving(patch, epoch=2)
        train(folder="killed")
    Recording.read.clear()
    found = train(folder="killed")
    assert_same(found, expected)
    # two epochs were left, of four batches each; Keras reads two batches for their shapes first
    assert Recording.read[2:] == [(epoch, number) for epoch in (2, 3) for number in range(4)]
    assert [row["epoch"] for row in found[1].rows] == list(range(LEARNS.epochs))
    monkeypatch.setattr(keras.Model, "fit", None)  # a finished run is not trained again
    assert_same(train(folder="killed"), expected)


def test_a_frozen_encoder_stays_frozen_after_a_kill(train, monkeypatch):
    schedule = Schedule(epochs=3, learning_rate=0.01, optimizer="adam")
    expected = train(schedule, "whole", frozen=True)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        die(patch, epoch=1)
        train(schedule, "killed", frozen=True)
    found = train(schedule, "killed", frozen=True)
    assert_same(found, expected)
    before = small_network(frozen=True).get_layer("encoder_1").get_weights()
    for value, kept in zip(before, found[0].get_layer("encoder_1").get_weights(), strict=True):
        np.testing.assert_array_equal(kept, value)


def test_the_weights_of_the_best_epoch_are_returned(train, dataset, tmp_path):
    schedule = Schedule(epochs=6, learning_rate=0.3, momentum=0.9, patience=12)
    model, history = train(schedule, logs=tmp_path / "logs")
    losses = [row["val_loss"] for row in history.rows]
    means = [np.mean(losses[max(0, epoch - 2) : epoch + 1]) for epoch in range(len(losses))]
    assert history.best_epoch == np.argmin(means)
    best = history.rows[history.best_epoch]
    held = np.flatnonzero(np.array(dataset.dancers)[dataset.clip_index] == "dancer3")
    probabilities = np.array(model(dataset.frames[held]))
    loss = -np.log(probabilities[np.arange(len(held)), dataset.labels[held]]).mean()
    assert loss == pytest.approx(best["val_loss"], rel=1e-4)
    accuracy = (probabilities.argmax(axis=1) == dataset.labels[held]).mean()
    assert accuracy == pytest.approx(best["val_accuracy"])
    assert {path.name for path in (tmp_path / "logs").iterdir()} == {"train", "validation"}


def follow_script(monkeypatch, script):
    """Let Keras report these validation losses by epoch, and add 1 to all weights in each epoch.

    Returns the dropout seeds of the epochs that ran.
    """
    ran = []

    def scripted(self, frames, callbacks, initial_epoch, epochs, **options):
        for callback in callbacks:
            callback.set_model(self)
        for epoch in range(initial_epoch, epochs):
            for callback in callbacks:
                callback.on_epoch_begin(epoch)
            seeds = [tuple(self.get_layer(f"dropout_{n}").seed_generator.state.numpy()) for n in (1, 2)]
            ran.append(seeds)
            self.set_weights([weight + 1 for weight in self.get_weights()])
            for callback in callbacks:
                callback.on_epoch_end(epoch, {"val_loss": script[epoch]})
            if self.stop_training:
                break

    monkeypatch.setattr(keras.Model, "fit", scripted)
    return ran


# validation losses by epoch; with patience 2 at a constant rate the number of epochs that ran, and the best one
SCRIPTS = [
    ([1.0, 1.1, 1.2, 0.1], 3, 0),
    ([1.0, 0.9, 0.2, 0.95, 0.95, 0.95, 0.1], 6, 3),  # a lucky epoch is not the best one: means 0.7, 0.68, 0.7
    ([1.0, 1.0, 1.0, 0.1], 3, 0),  # equal is not better
    ([1.0, 1.3, 0.6, 1.2, 1.2, 0.1], 5, 2),  # the count starts again
    ([1.0, 0.9, math.nan, 0.95, 0.1], 4, 1),
]


@pytest.mark.parametrize(("script", "ran", "best"), SCRIPTS)
def test_training_stops_when_the_smoothed_loss_no_longer_falls(train, monkeypatch, script, ran, best):
    start = small_network().get_weights()
    follow_script(monkeypatch, script)
    schedule = Schedule(epochs=len(script), patience=2)
    model, history = train(schedule)
    assert (len(history.rows), history.best_epoch, history.stopped_early) == (ran, best, ran < len(script))
    for weight, value in zip(model.get_weights(), start, strict=True):
        np.testing.assert_array_equal(weight, sum([1] * (best + 1), value))
    monkeypatch.setattr(keras.Model, "fit", None)  # stopped runs are not continued
    assert_same(train(schedule), (model, history))


def test_a_cosine_is_not_cut_off_and_each_epoch_has_its_own_dropout(train, monkeypatch):
    ran = follow_script(monkeypatch, [1.0, *[2.0] * 5])
    _, history = train(Schedule(6, 0.1, decay="cosine", patience=1))
    assert (len(history.rows), history.best_epoch, history.stopped_early) == (6, 0, False)
    assert len({seed for seeds in ran for seed in seeds}) == 12


def test_a_cosine_ends_at_zero_after_the_last_batch(train):
    model, _ = train(LEARNS)
    assert float(model.optimizer.learning_rate) == pytest.approx(0, abs=1e-9)
    assert int(model.optimizer.iterations) == LEARNS.epochs * 4
