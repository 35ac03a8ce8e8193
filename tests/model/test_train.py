import dataclasses
import math
import operator
import re

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
    apply_changes,
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
    schedule=Schedule(epochs=7, learning_rate=0.05, momentum=0.9),
    growth=Schedule(epochs=2, learning_rate=0.01, momentum=0.9, optimizer="adam"),
    growth_batch_size=8,
    batch_size=8,
    frames_per_clip=4,
    validation_frames=2,
)
BASE = training_settings()


@pytest.fixture(scope="module")
def split(dataset):
    return make_splits(dataset, "clip", folds=2)[0]


@pytest.fixture(scope="module")
def growth(dataset, split, tmp_path_factory):
    """Two stages instead of five, to save time; the shapes of five are tested with the autoencoder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "STAGES", 2)
        return grow_autoencoder(dataset, split, TINY, tmp_path_factory.mktemp("growth"), seed=3)


def assert_same_weights(one: keras.Model, other: keras.Model):
    for first, second in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(first.numpy(), second.numpy())


def test_growth_trains_stage_by_stage(growth, dataset, split):
    assert [sum("encoder" in layer.name for layer in model.layers) for model in growth.models] == [1, 2]
    assert [len(history.rows) for history in growth.histories] == [2, 2]
    frames = dataset.frames[sample_evenly(split.validation, dataset.clip_index, 2)]
    for model, error in zip(growth.models, growth.validation_errors, strict=True):
        assert error == pytest.approx(np.mean((np.array(model(frames)) - frames / 255) ** 2), rel=1e-3)


def test_killed_growth_resumes_to_the_same_weights(growth, dataset, split, tmp_path, monkeypatch):
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
        assert_same_weights(one, other)


def test_all_stages_at_once_take_as_many_epochs_in_total(dataset, split, tmp_path, monkeypatch):
    calls = []

    def fit(model, frames, validation, schedule, folder, seed, loss, **options):
        calls.append((len(model.layers), schedule.epochs, folder.name))
        return model, training.History(({"val_mean_squared_error": 0.25},), 0, False)

    monkeypatch.setattr(training, "fit", fit)
    at_once = grow_autoencoder(dataset, split, dataclasses.replace(TINY, progressive=False), tmp_path)
    assert calls == [(len(build_autoencoder(5).layers), 5 * 2, "stage_5")]
    assert len(at_once.models) == 1 and at_once.validation_errors == (0.25,)
    grow_autoencoder(dataset, split, TINY, tmp_path)
    assert [(name, epochs) for _, epochs, name in calls[1:]] == [(f"stage_{stage}", 2) for stage in range(1, 6)]


@pytest.mark.parametrize("freeze", [False, True])
def test_the_classifier_reuses_the_grown_encoder(dataset, split, tmp_path, freeze):
    encoder = build_autoencoder(5, seed=8)
    settings = dataclasses.replace(TINY, schedule=Schedule(epochs=0), freeze_encoder=freeze)
    model, history = train_classifier(dataset, split, settings, tmp_path, encoder=encoder)
    assert model.output_shape == (None, 3) and history.rows == ()
    stages = [f"encoder_{stage}" for stage in range(1, 6)]
    for name in stages:
        assert_same_weights(model.get_layer(name), encoder.get_layer(name))
    assert {layer.name for layer in model.layers if not layer.trainable} == (set(stages) if freeze else set())
    assert model.get_layer("cnn_1").trainable_weights


class Watched:
    """Frames that record which of them were read."""

    def __init__(self, frames: np.ndarray):
        self.frames, self.read = frames, set()

    def __getitem__(self, indices):
        self.read |= set(np.asarray(indices).reshape(-1).tolist())
        return self.frames[indices]

    def __len__(self):
        return len(self.frames)


def test_a_network_learns_from_its_training_frames_only(dataset, split, tmp_path):
    watched = dataclasses.replace(dataset, frames=Watched(dataset.frames))
    settings = dataclasses.replace(TINY, strategy="cnn")
    model, history = train_classifier(watched, split, settings, tmp_path, seed=1)
    assert not watched.frames.read & set(split.test.tolist())
    assert watched.frames.read <= set(split.train.tolist()) | set(split.validation.tolist())
    probabilities = predict(model, dataset, split.test, split.test, settings)
    np.testing.assert_allclose(probabilities, model(dataset.frames[split.test]), rtol=1e-4, atol=1e-6)
    assert (probabilities.argmax(axis=1) == dataset.labels[split.test]).mean() > 0.6  # chance is a third
    assert (tmp_path / "tensorboard").is_dir() and len(history.rows) == 7


def test_augmentation_reaches_the_classifier_and_not_the_autoencoder(dataset, split, tmp_path, monkeypatch):
    augmented = dataclasses.replace(TINY, augment=("noise", "light"))
    assert growth_key(dataset, split, TINY, 0) == growth_key(dataset, split, augmented, 0)
    reached = []

    def fit(model, frames, *others, **options):
        reached.append(frames.config.augment)
        return model, training.History(({"val_mean_squared_error": 0.25},), 0, False)

    monkeypatch.setattr(training, "fit", fit)
    grow_autoencoder(dataset, split, augmented, tmp_path)
    train_classifier(dataset, split, augmented, tmp_path)
    assert reached == [()] * 5 + [("noise", "light")]


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
    assert predict(model, dataset, split.test, split.test, settings).shape == (len(split.test), 3)


def test_sequences_are_predicted_from_windows_of_their_clip(networks, dataset):
    settings = TrainingSettings(strategy="cnn_lstm", view="difference")
    found = predict(networks["cnn_lstm"], dataset, np.array([40, 0, 83]), np.arange(len(dataset.frames)), settings)
    assert found.shape == (3, 12)
    first = np.flatnonzero(dataset.clip_index == dataset.clip_index[40])[0]
    window = np.maximum(np.arange(33, 41), first)
    difference = np.abs(dataset.frames[window].astype(int) - dataset.backgrounds[dataset.clip_index[40]]).astype(
        np.uint8
    )
    np.testing.assert_allclose(found[0], networks["cnn_lstm"](difference[None])[0], rtol=1e-4)


def test_sequences_train(dataset, split, tmp_path):
    network = NetworkSettings(sequence_length=2)
    settings = dataclasses.replace(TINY, strategy="cnn_lstm", network=network, frames_per_clip=1)
    start, end = (
        train_classifier(dataset, split, apply_changes(settings, {"schedule.epochs": epochs}), tmp_path / str(epochs))
        for epochs in (0, 1)
    )
    for before, after in zip(start[0].weights, end[0].weights, strict=True):
        assert (before.numpy() != after.numpy()).any(), before.path


def test_keys_depend_on_everything_that_decides_a_run(dataset, split):
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


def test_one_seed_reaches_python_numpy_and_the_backend():
    made = []
    for seed in (5, 5, 6):
        seed_everything(seed)
        made.append((keras.ops.convert_to_numpy(keras.random.uniform((3,))), np.random.uniform()))
    np.testing.assert_array_equal(made[0][0], made[1][0])
    assert made[0][1] == made[1][1]
    assert (made[0][0] != made[2][0]).any() and made[0][1] != made[2][1]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"strategy": "svm"}, "unknown strategy 'svm': use one of resnet, cnn, ae"),
        ({"view": "edges"}, "unknown view 'edges': use one of frame, difference"),
        ({"augment": ("time",)}, "time"),
        ({"epochs": 0}, "epochs: at least 1 is needed to learn anything, not 0"),
        ({"growth_epochs": 0}, "growth epochs: at least 1"),
        ({"jitter": math.nan}, "jitter must be a number of at least 0, not nan"),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\), not 1.0"),
        ({"frames_per_clip": 0}, "frames_per_clip must be at least 1, not 0"),
    ],
)
def test_settings_that_cannot_be_trained_with_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        training_settings(**wrong)


def test_every_value_reaches_its_place():
    found = training_settings(
        strategy="cnn",
        view="frame",
        epochs=7,
        learning_rate=0.5,
        momentum=0.25,
        decay="constant",
        patience=3,
        growth_epochs=2,
        growth_learning_rate=0.125,
        growth_optimizer="sgd",
        growth_momentum=0.0,
        batch_size=5,
        frames_per_clip=6,
        dropout=0.125,
        jitter=0.5,
        squeeze_ratio=16,
        low_resolution_factor=4,
        augment=["noise"],
    )
    assert found.augment == ("noise",)
    assert (found.strategy, found.view, found.batch_size, found.frames_per_clip) == ("cnn", "frame", 5, 6)
    schedule = found.schedule
    assert (schedule.epochs, schedule.learning_rate, schedule.momentum) == (7, 0.5, 0.25)
    assert (schedule.decay, schedule.patience, schedule.optimizer) == ("constant", 3, "sgd")
    growth = found.growth
    assert (growth.epochs, growth.learning_rate, growth.momentum, growth.optimizer) == (2, 0.125, 0.0, "sgd")
    assert (found.network.dropout, found.network.squeeze_ratio, found.network.low_resolution_factor) == (0.125, 16, 4)
    assert training_settings(jitter=0).jitter == Jitter()
    whole = dataclasses.asdict(training_settings(jitter=1).jitter)
    assert all(whole.values()) and whole["shift"] == 8
    assert dataclasses.asdict(found.jitter) == {name: value / 2 for name, value in whole.items()}


NAMES = [
    f"{entry.name}.{inner.name}" if inner else entry.name
    for entry in dataclasses.fields(BASE)
    for inner in (dataclasses.fields(entry.type) if dataclasses.is_dataclass(entry.type) else [None])
]
OTHER_TEXTS = {"strategy": "cnn", "view": "frame", "schedule.decay": "constant", "schedule.optimizer": "adam"}
OTHER_TEXTS |= {"growth.decay": "cosine", "growth.optimizer": "sgd"}


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_can_be_changed_by_its_name(name):
    before = operator.attrgetter(name)(BASE)
    if isinstance(before, bool):
        value = not before
    elif isinstance(before, str):
        value = OTHER_TEXTS[name]
    else:
        value = ("noise",) if name == "augment" else before + 1 if isinstance(before, int) else before / 2 + 0.125
    changed = apply_changes(BASE, {name: value})
    assert operator.attrgetter(name)(changed) == value
    assert changed != BASE == apply_changes(changed, {name: before})


def test_changes_of_several_groups_and_bare_names_of_the_network():
    base = training_settings()
    changes = {"schedule.learning_rate": 1, "strategy": "cnn_ae", "squeeze_ratio": np.int64(2), "augment": ["noise"]}
    found = apply_changes(base, changes)
    assert found == dataclasses.replace(
        base,
        strategy="cnn_ae",
        schedule=dataclasses.replace(base.schedule, learning_rate=1.0),
        network=dataclasses.replace(base.network, squeeze_ratio=2),
        augment=("noise",),
    )
    assert type(found.schedule.learning_rate) is float and type(found.network.squeeze_ratio) is int
    assert apply_changes(base, {}) == base == training_settings()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": 0.1}, "unknown setting 'learning_rate': use one of strategy, view, network.classes, "),
        ({"schedule.rate": 0.1}, "unknown setting 'schedule.rate': use one of"),
        ({"network": {"squeeze_ratio": 2}}, "unknown setting 'network': use one of"),
        ({"view": {"name": "frame"}}, "view must be a name, not {'name': 'frame'}"),
        ({"schedule.learning_rate": "1e-3"}, "schedule.learning_rate must be a number, not '1e-3'"),
        ({"schedule.momentum": True}, "schedule.momentum must be a number, not True"),
        ({"jitter.shift": math.nan}, "jitter.shift must be a number, not nan"),
        ({"batch_size": 8.5}, "batch_size must be a whole number, not 8.5"),
        ({"progressive": 0}, "progressive must be true or false, not 0"),
        ({"augment": "noise"}, "augment must be a list of names, not 'noise'"),
        ({"squeeze_ratio": 2, "network.squeeze_ratio": 4}, "network.squeeze_ratio is changed twice"),
        ({"batch_size": 0}, "batch_size must be at least 1, not 0"),
        ({"schedule.decay": "linear"}, "unknown decay 'linear'"),
        ({"strategy": "svm"}, "unknown strategy 'svm'"),
        ({"strategy": "no_such_module:build"}, "strategy 'no_such_module:build' cannot be imported"),
    ],
)
def test_changes_that_cannot_be_made_are_refused_in_one_line(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)) as refused:
        apply_changes(training_settings(), changes)
    assert "\n" not in str(refused.value)
