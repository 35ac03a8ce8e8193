import dataclasses

import keras
import numpy as np
import pytest

from dance_tf.dataset.batches import Jitter, sample_evenly
from dance_tf.dataset.splits import make_splits
from dance_tf.model import train as training
from dance_tf.model.autoencoder import build_autoencoder
from dance_tf.model.fit import Schedule
from dance_tf.model.networks import NetworkSettings
from dance_tf.model.train import (
    TrainingSettings,
    grow_autoencoder,
    growth_key,
    key_of,
    predict,
    seed_everything,
    train_classifier,
    training_settings,
)

TINY = TrainingSettings(
    view="frame",
    schedule=Schedule(epochs=10, learning_rate=0.05, momentum=0.9),
    growth=Schedule(epochs=2, learning_rate=0.01, momentum=0.9, optimizer="adam"),
    growth_batch_size=8,
    batch_size=8,
    frames_per_clip=4,
    validation_frames=2,
)


@pytest.fixture(scope="module")
def split(dataset):
    return make_splits(dataset, "clip", folds=2)[0]


@pytest.fixture(scope="module")
def growth(dataset, split, tmp_path_factory):
    """Two stages instead of five: what holds from one to two holds for the others, whose shapes are tested apart."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "STAGES", 2)
        return grow_autoencoder(dataset, split, TINY, tmp_path_factory.mktemp("growth"), seed=3)


def weights(model: keras.Model) -> list[np.ndarray]:
    return [np.array(weight.numpy()) for weight in model.weights]


def test_growth_trains_stage_by_stage(growth, dataset, split):
    assert [sum("encoder" in layer.name for layer in model.layers) for model in growth.models] == [1, 2]
    assert [len(history.rows) for history in growth.histories] == [2, 2]
    seen = dataset.frames[sample_evenly(split.validation, dataset.clip_index, 2)]
    for model, error in zip(growth.models, growth.validation_errors, strict=True):
        real = np.mean((np.array(model(seen)) - seen / 255) ** 2)
        assert error == pytest.approx(real, rel=1e-3)


def test_growth_that_was_killed_goes_on_to_the_same_weights(growth, dataset, split, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "STAGES", 2)
    whole = training.fit

    def dies_in_the_second_stage(model, frames, validation, schedule, folder, *others, **options):
        if folder.name == "stage_2":
            whole(model, frames, validation, dataclasses.replace(schedule, epochs=1), folder, *others, **options)
            raise KeyboardInterrupt
        return whole(model, frames, validation, schedule, folder, *others, **options)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(training, "fit", dies_in_the_second_stage)
        grow_autoencoder(dataset, split, TINY, tmp_path, seed=3)
    found = grow_autoencoder(dataset, split, TINY, tmp_path, seed=3)
    assert found.histories == growth.histories and found.validation_errors == growth.validation_errors
    for one, other in zip(found.models, growth.models, strict=True):
        for mine, theirs in zip(weights(one), weights(other), strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_all_stages_at_once_take_as_many_epochs_in_all(dataset, split, tmp_path, monkeypatch):
    asked = []

    def fit(model, frames, validation, schedule, folder, seed, loss, **options):
        asked.append((len(model.layers), schedule.epochs, folder.name))
        return model, training.History(({"val_mean_squared_error": 0.25},), 0, False)

    monkeypatch.setattr(training, "fit", fit)
    at_once = grow_autoencoder(dataset, split, dataclasses.replace(TINY, progressive=False), tmp_path)
    assert asked == [(len(build_autoencoder(5).layers), 5 * 2, "stage_5")]
    assert len(at_once.models) == 1 and at_once.validation_errors == (0.25,)
    grow_autoencoder(dataset, split, TINY, tmp_path)
    assert [name for _, _, name in asked[1:]] == [f"stage_{stage}" for stage in range(1, 6)]
    assert [epochs for _, epochs, _ in asked[1:]] == [2] * 5


@pytest.mark.parametrize("freeze", [False, True])
def test_the_classifier_takes_the_grown_encoder_over(dataset, split, tmp_path, freeze):
    keras.utils.set_random_seed(8)
    encoder = build_autoencoder(5)
    settings = dataclasses.replace(TINY, schedule=Schedule(epochs=0), freeze_encoder=freeze)
    model, history = train_classifier(dataset, split, settings, tmp_path, encoder=encoder)
    assert model.output_shape == (None, 3) and history.rows == ()
    stages = [f"encoder_{stage}" for stage in range(1, 6)]
    for name in stages:
        for taken, grown in zip(
            model.get_layer(name).get_weights(), encoder.get_layer(name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(taken, grown)
    assert {layer.name for layer in model.layers if not layer.trainable} == (set(stages) if freeze else set())
    assert model.get_layer("cnn_1").trainable_weights


class Watched:
    """Frames that remember which of them were looked at."""

    def __init__(self, frames: np.ndarray):
        self.frames, self.looked = frames, set()

    def __getitem__(self, indices):
        self.looked |= set(np.asarray(indices).reshape(-1).tolist())
        return self.frames[indices]

    def __len__(self):
        return len(self.frames)


def test_a_network_learns_from_its_training_frames_alone(dataset, split, tmp_path):
    watched = dataclasses.replace(dataset, frames=Watched(dataset.frames))
    settings = dataclasses.replace(TINY, strategy="cnn")
    model, history = train_classifier(watched, split, settings, tmp_path, seed=1)
    assert not watched.frames.looked & set(split.test.tolist())
    assert watched.frames.looked <= set(split.train.tolist()) | set(split.validation.tolist())
    probabilities = predict(model, dataset, split.test, split.test, settings)
    np.testing.assert_allclose(probabilities, model(dataset.frames[split.test]), rtol=1e-4, atol=1e-6)
    assert (probabilities.argmax(axis=1) == dataset.labels[split.test]).mean() > 0.6  # chance is a third
    assert (tmp_path / "tensorboard").is_dir() and len(history.rows) == 10


OWN_NETWORK = """
import keras

def tiny(settings):
    frames = keras.Input((128, 128, 1), dtype="uint8")
    vector = keras.layers.Flatten()(keras.layers.AveragePooling2D(32)(keras.layers.Rescaling(1 / 255)(frames)))
    dense = keras.layers.Dense(settings.classes, activation="softmax", kernel_initializer="ones")
    return keras.Model(frames, dense(vector))
"""


def test_a_user_s_own_network_trains_from_its_own_weights(dataset, split, tmp_path):
    path = tmp_path / "own.py"
    path.write_text(OWN_NETWORK)
    settings = training_settings(f"{path}:tiny", "frame", epochs=2, batch_size=8, jitter=0)
    start = dataclasses.replace(settings, schedule=Schedule(epochs=0))
    model, _ = train_classifier(dataset, split, start, tmp_path / "start")
    assert model.output_shape == (None, 3) and (model.get_weights()[0] == 1).all()
    model, history = train_classifier(dataset, split, settings, tmp_path / "run")
    assert history.rows[1]["loss"] < history.rows[0]["loss"]
    path.unlink()  # a trained model does not need the file that built it
    assert predict(model, dataset, split.test, settings).shape == (len(split.test), 3)


def test_sequences_are_predicted_from_the_windows_they_were_trained_on(networks, dataset):
    settings = TrainingSettings(strategy="cnn_lstm", view="difference")
    allowed = np.arange(len(dataset.frames))
    found = predict(networks["cnn_lstm"], dataset, np.array([40, 0, 83]), allowed, settings)
    assert found.shape == (3, 12)
    first = np.flatnonzero(dataset.clip_index == dataset.clip_index[40])[0]
    window = np.maximum(np.arange(33, 41), first)
    room = dataset.backgrounds[dataset.clip_index[40]]
    seen = np.abs(dataset.frames[window].astype(int) - room).astype(np.uint8)
    np.testing.assert_allclose(found[0], networks["cnn_lstm"](seen[None])[0], rtol=1e-4)


def test_keys_tell_what_decides_a_run(dataset, split):
    def key(split=split, seed=0, **changes):
        return growth_key(dataset, split, dataclasses.replace(TINY, **changes), seed)

    shared = {
        key(),
        key(strategy="ae", freeze_encoder=True, schedule=Schedule(epochs=99), batch_size=3),
        key(network=NetworkSettings(squeeze_ratio=2, dropout=0.5, classes=4)),
    }
    assert len(shared) == 1
    different = [
        key(seed=1),
        key(make_splits(dataset, "clip", folds=2)[1]),
        key(view="difference"),
        key(growth=Schedule(epochs=3)),
        key(growth_batch_size=9),
        key(progressive=False),
        key(frames_per_clip=5),
        key(validation_frames=3),
        key(frame_size=64),
        key(jitter=Jitter(shift=1)),
        key(network=NetworkSettings(low_resolution_factor=4)),
    ]
    assert len({*shared, *different}) == 1 + len(different)
    assert key_of(np.arange(3), TINY, "a") == key_of(np.arange(3), dataclasses.replace(TINY), "a")
    assert key_of(np.arange(3)) != key_of(np.arange(1, 4))


def test_a_seed_makes_the_same_weights_and_dice():
    made = []
    for seed in (5, 5, 6):
        seed_everything(seed)
        made.append((keras.ops.convert_to_numpy(keras.random.uniform((3,))), np.random.uniform()))
    np.testing.assert_array_equal(made[0][0], made[1][0])
    assert made[0][1] == made[1][1]
    assert (made[0][0] != made[2][0]).any() and made[0][1] != made[2][1]


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="unknown strategy 'svm': use one of resnet, cnn, ae"):
        TrainingSettings(strategy="svm")
    with pytest.raises(ValueError, match="unknown view 'edges': use one of frame, difference"):
        TrainingSettings(view="edges")
