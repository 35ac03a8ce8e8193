import dataclasses
import shutil

import keras
import numpy as np
import pytest

from dance_tf.dataset.batches import sample_evenly
from dance_tf.dataset.splits import make_splits
from dance_tf.model import train as training
from dance_tf.model.autoencoder import build_autoencoder
from dance_tf.model.fit import History, load_sequences
from dance_tf.model.networks import NetworkSettings, strategy_of
from dance_tf.model.settings import Schedule, TrainingSettings, training_settings
from dance_tf.model.train import grow_autoencoder, predict, seed_everything, train_classifier

TINY = TrainingSettings(
    view="frame",
    schedule=Schedule(epochs=7, learning_rate=0.05, momentum=0.9),
    growth=Schedule(epochs=2, learning_rate=0.01, momentum=0.9, optimizer="adam"),
    growth_last_epochs=3,
    growth_frozen_epochs=1,
    growth_batch_size=8,
    batch_size=8,
    frames_per_clip=4,
    validation_frames=2,
)


@pytest.fixture(scope="module")
def split(dataset):
    return make_splits(dataset, "clip", folds=2)[0]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """The folder of the checkpoints of `growth`."""
    return tmp_path_factory.mktemp("growth")


@pytest.fixture(scope="module")
def growth(dataset, split, checkpoints):
    """Two stages instead of five, to save time; the shapes of five are tested with the autoencoder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "STAGES", 2)
        return grow_autoencoder(dataset, split, TINY, checkpoints, seed=3)


def assert_same_weights(one: keras.Model, other: keras.Model):
    for first, second in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(first.numpy(), second.numpy())


def test_growth_trains_stage_by_stage(growth, dataset, split):
    assert [sum("encoder" in layer.name for layer in model.layers) for model, _ in growth] == [1, 2]
    epochs = [[row["epoch"] for row in history.rows] for _, history in growth]
    assert epochs == [[0, 1], [0, 1, 2, 3]], "one epoch of the second stage with the first one frozen"
    frames = dataset.frames[sample_evenly(split.validation, dataset.clip_index, 2)]
    for model, history in growth:
        error = np.mean((np.array(model(frames)) - frames / 255) ** 2)
        assert error == pytest.approx(history.rows[history.best_epoch]["val_mean_squared_error"], rel=1e-3)


@pytest.mark.parametrize("killed", ["stage_2_frozen", "stage_2_all"])
def test_killed_growth_resumes_to_the_same_weights(growth, checkpoints, dataset, split, tmp_path, monkeypatch, killed):
    monkeypatch.setattr(training, "STAGES", 2)
    shutil.copytree(checkpoints / "stage_1_all", tmp_path / "stage_1_all")  # is not trained again
    whole = training.fit

    def dies_in_the_second_stage(model, frames, validation, schedule, folder, *others, **options):
        if folder.name == killed:
            whole(model, frames, validation, dataclasses.replace(schedule, epochs=1), folder, *others, **options)
            raise KeyboardInterrupt
        return whole(model, frames, validation, schedule, folder, *others, **options)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(training, "fit", dies_in_the_second_stage)
        grow_autoencoder(dataset, split, TINY, tmp_path, seed=3)
    found = grow_autoencoder(dataset, split, TINY, tmp_path, seed=3)
    for (one, history), (other, expected) in zip(found, growth, strict=True):
        assert_same_weights(one, other)
        assert history == expected


@pytest.fixture
def calls(monkeypatch):
    """Replaces training by a list of its calls: layers of the model that learn, settings, epochs, folder."""
    made = []

    def fit(model, frames, validation, schedule, folder, *others, **options):
        learning = {layer.name for layer in model.layers if layer.trainable_weights}
        made.append((learning, frames.settings, schedule.epochs, folder.name))
        return model, History((), 0, False)

    monkeypatch.setattr(training, "fit", fit)
    return made


def test_new_layers_learn_first_and_the_last_stage_longest(dataset, split, tmp_path, calls):
    grow_autoencoder(dataset, split, TINY, tmp_path)
    expected = [(2, "stage_1_all")]
    for stage in range(2, 6):
        expected += [(1, f"stage_{stage}_frozen"), (3 if stage == 5 else 2, f"stage_{stage}_all")]
    found = [(epochs, folder) for _, _, epochs, folder in calls if epochs]
    assert found == expected
    learning = {folder: layers for layers, _, _, folder in calls}
    assert learning["stage_3_frozen"] == {"encoder_3", "decoder_3", "code_3", "linear_3"}
    stages = {f"{side}_{n}" for side in ("encoder", "decoder") for n in (1, 2, 3)}
    assert learning["stage_3_all"] == stages | {"code_3", "linear_3"}


def test_all_stages_at_once_take_as_many_epochs_in_total(dataset, split, tmp_path, calls):
    at_once = grow_autoencoder(dataset, split, dataclasses.replace(TINY, progressive=False), tmp_path)
    assert [(len(layers), epochs) for layers, _, epochs, _ in calls if epochs] == [(11, 4 * 2 + 3 + 4 * 1)]
    assert len(at_once) == 1


def test_augmentation_reaches_the_classifier_and_not_the_autoencoder(dataset, split, tmp_path, calls):
    augmented = dataclasses.replace(TINY, augment=("noise", "light"))
    grow_autoencoder(dataset, split, augmented, tmp_path)
    train_classifier(dataset, split, augmented, tmp_path)
    *growing, classifier = [settings.augment for _, settings, _, _ in calls]
    assert set(growing) == {()} and classifier == ("noise", "light")


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


def test_a_user_s_own_network_trains_from_its_own_weights(dataset, split, tmp_path, own_network):
    path = own_network(tmp_path)
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
    difference = np.abs(dataset.frames[window].astype(int) - dataset.backgrounds[dataset.clip_index[40]])
    np.testing.assert_allclose(found[0], networks["cnn_lstm"](difference[None].astype(np.uint8))[0], rtol=1e-4)


@pytest.mark.parametrize("strategy", ["skeleton_tcn", "fusion"])
def test_each_window_is_predicted_once_for_all_its_frames(dataset, strategy):
    settings = training_settings(strategy)
    model = strategy_of(strategy).build(NetworkSettings(classes=3, sequence_length=settings.sequence_length))
    indices, seen = np.array([40, 0, 83, 41, 1]), []
    every = np.arange(len(dataset.frames))
    expected = model.predict(load_sequences(dataset, indices, every, settings), verbose=0)

    class Counted:
        def predict(self, inputs, **options):
            seen.append(len(inputs if strategy == "skeleton_tcn" else inputs["windows"]))
            return model.predict(inputs, **options)

    np.testing.assert_allclose(predict(Counted(), dataset, indices, every, settings), expected, atol=1e-5)
    assert seen == [len(set(dataset.clip_index[indices]))] and seen[0] < len(indices)  # each clip is one window
    assert np.abs(expected[0] - expected[1]).max() > 1e-4


def test_sequences_train(dataset, split, tmp_path):
    weights = []
    for epochs in (0, 1):
        changes = {"network": NetworkSettings(sequence_length=2), "frames_per_clip": 1, "schedule": Schedule(epochs)}
        settings = dataclasses.replace(TINY, strategy="cnn_lstm", **changes)
        weights.append(train_classifier(dataset, split, settings, tmp_path / str(epochs))[0].weights)
    for before, after in zip(*weights, strict=True):
        assert (before.numpy() != after.numpy()).any(), before.path


def test_one_seed_reaches_python_numpy_and_the_backend():
    made = []
    for seed in (5, 5, 6):
        seed_everything(seed)
        made.append((keras.ops.convert_to_numpy(keras.random.uniform((3,))), np.random.uniform()))
    np.testing.assert_array_equal(made[0][0], made[1][0])
    assert made[0][1] == made[1][1]
    assert (made[0][0] != made[2][0]).any() and made[0][1] != made[2][1]
