import json
import math

import keras
import numpy as np
import pytest
from tqdm import tqdm

from dance_tf.model import fit as fitting
from dance_tf.model.fit import FrameSequence, InputConfig, Schedule, fit
from dance_tf.model.layers import ConvolutionStage, EncoderStage
from dance_tf.model.train import seed_everything

SEED = 4
CROSS_ENTROPY = "sparse_categorical_crossentropy"
LEARNS = Schedule(epochs=4, learning_rate=0.02, momentum=0.9, decay="cosine", patience=10)


class Killed(RuntimeError):
    """Stands for a power cut."""


def small_network(frozen: bool) -> keras.Model:
    """Something of everything that carries state from step to step: normalisation, dropout, stages of ours."""
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


@pytest.fixture
def train(dataset, tmp_path):
    """Trains on all clips but the last dancer's, who is the validation part."""
    held = np.flatnonzero(np.array(dataset.dancers)[dataset.clip_index] == "dancer3")
    learnt = np.setdiff1d(np.arange(len(dataset.frames)), held)

    def run(schedule: Schedule = LEARNS, folder: str = "run", frozen: bool = False, **options):
        frames = Recording(dataset, learnt, InputConfig(view="frame", batch_size=8, frames_per_clip=3), seed=SEED)
        validation = (dataset.frames[held], dataset.labels[held])
        return fit(
            small_network(frozen), frames, validation, schedule, tmp_path / folder, SEED, CROSS_ENTROPY, **options
        )

    return run


def assert_same(found, expected):
    (model, history), (other, other_history) = found, expected
    assert history == other_history
    for one, two in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy(), err_msg=one.path)


class Recording(FrameSequence):
    """Keeps which batches were asked for, epoch by epoch."""

    asked: list[tuple[int, int]] = []

    def __getitem__(self, number):
        self.asked.append((self.epoch, number))
        return super().__getitem__(number)


def die_after_epoch(monkeypatch, epoch):
    whole = fitting._Resumable.on_epoch_end

    def on_epoch_end(self, number, logs=None):
        whole(self, number, logs)
        if number == epoch:
            raise Killed

    monkeypatch.setattr(fitting._Resumable, "on_epoch_end", on_epoch_end)


def die_within_epoch(monkeypatch, epoch):
    def on_train_batch_end(self, batch, logs=None):
        if len(self.rows) == epoch and batch == 1:
            raise Killed

    monkeypatch.setattr(fitting._Resumable, "on_train_batch_end", on_train_batch_end, raising=False)


def die_while_saving(monkeypatch, epoch):
    whole = np.savez

    def savez(path, *arrays):
        whole(path, *arrays)
        if len(json.loads((path.parents[1] / "checkpoint" / "state.json").read_text())["rows"]) == epoch:
            raise Killed

    def savez_once_there_is_one(path, *arrays):
        return (savez if (path.parents[1] / "checkpoint").is_dir() else whole)(path, *arrays)

    monkeypatch.setattr(np, "savez", savez_once_there_is_one)


def test_killed_and_resumed_ends_bit_for_bit_the_same(train, monkeypatch):
    expected = train(folder="whole")
    # two kills of one run: within an epoch, and while a checkpoint is written
    for kill, epoch in ((die_within_epoch, 1), (die_while_saving, 2)):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            kill(patch, epoch)
            train(folder="killed")
    Recording.asked.clear()
    found = train(folder="killed")
    assert_same(found, expected)
    # two epochs were left, of four batches each; Keras looks at two batches' shapes before it starts
    assert Recording.asked[2:] == [(epoch, number) for epoch in (2, 3) for number in range(4)]
    assert [row["epoch"] for row in found[1].rows] == list(range(LEARNS.epochs))

    def refuse(*arguments, **options):
        raise AssertionError("a finished run was trained again")

    monkeypatch.setattr(keras.Model, "fit", refuse)
    assert_same(train(folder="killed"), expected)


def test_killed_with_a_frozen_encoder_it_stays_frozen(train, monkeypatch):
    schedule = Schedule(epochs=3, learning_rate=0.01, optimizer="adam")
    expected = train(schedule, "whole", frozen=True)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        die_after_epoch(patch, 1)
        train(schedule, "killed", frozen=True)
    found = train(schedule, "killed", frozen=True)
    assert_same(found, expected)
    before = small_network(frozen=True).get_layer("encoder_1").get_weights()
    for value, kept in zip(before, found[0].get_layer("encoder_1").get_weights(), strict=True):
        np.testing.assert_array_equal(kept, value)


def test_it_gives_back_the_weights_of_its_best_epoch(train, dataset, tmp_path):
    schedule = Schedule(epochs=6, learning_rate=0.3, momentum=0.9, patience=12)
    model, history = train(schedule, logs=tmp_path / "logs")
    best = max(history.rows, key=lambda row: (row["val_accuracy"], -row["val_loss"]))
    assert history.best_epoch == best["epoch"] < len(history.rows) - 1
    held = np.flatnonzero(np.array(dataset.dancers)[dataset.clip_index] == "dancer3")
    probabilities = np.array(model(dataset.frames[held]))
    loss = -np.log(probabilities[np.arange(len(held)), dataset.labels[held]]).mean()
    assert loss == pytest.approx(best["val_loss"], rel=1e-4)
    accuracy = (probabilities.argmax(axis=1) == dataset.labels[held]).mean()
    assert accuracy == pytest.approx(best["val_accuracy"])
    assert {path.name for path in (tmp_path / "logs").iterdir()} == {"train", "validation"}


def watcher(folder, schedule: Schedule) -> fitting._Resumable:
    """What watches training, on a model that is not trained."""
    best = {"val_loss": math.inf, "kept_loss": math.inf, "val_accuracy": -1.0, "wait": 0, "epoch": 0, "weights": []}
    callback = fitting._Resumable(folder, schedule, SEED, [], best, tqdm(disable=True))
    model = small_network(frozen=False)
    model.compile(schedule.build_optimizer(), CROSS_ENTROPY)
    callback.set_model(model)
    return callback


# by epoch: validation loss and accuracy; with patience 2 the count of epochs that ran
SCRIPTS = [
    ([(1.0, 0.5), (1.1, 0.5), (1.2, 0.5), (0.1, 0.9)], 3, 0),  # neither improves twice
    ([(1.0, 0.5), (1.1, 0.6), (1.2, 0.6), (1.3, 0.7), (1.4, 0.7), (1.5, 0.7)], 6, 3),  # accuracy alone keeps it going
    ([(1.0, 0.5), (0.9, 0.4), (0.8, 0.3), (0.8, 0.5), (0.8, 0.5), (0.1, 0.9)], 5, 3),  # equal is not better
    ([(1.0, 0.5), (1.1, 0.5), (0.9, 0.5), (1.0, 0.5), (1.0, 0.5), (0.1, 0.9)], 5, 2),  # the count starts anew
    ([(1.0, 0.5), (1.1, 0.6), (1.2, 0.55), (1.05, 0.6), (0.1, 0.9)], 4, 3),  # against the best, not the last
]


@pytest.mark.parametrize(("script", "ran", "best"), SCRIPTS)
def test_early_stopping_strikes_when_neither_measure_improved(script, ran, best, tmp_path):
    callback = watcher(tmp_path, Schedule(patience=2))
    for epoch, (loss, accuracy) in enumerate(script):
        callback.on_epoch_end(epoch, {"val_loss": loss, "val_accuracy": accuracy})
        if callback.model.stop_training:
            break
    assert (len(callback.rows), callback.best["epoch"]) == (ran, best)


def test_stopped_early_and_killed_before_the_end_it_stays_stopped(train, tmp_path, monkeypatch):
    schedule = Schedule(epochs=9, patience=2)
    callback = watcher(tmp_path / "killed", schedule)
    best = callback.model.get_weights()
    for epoch, loss in enumerate((0.5, 0.6, 0.6)):
        callback.on_epoch_end(epoch, {"val_loss": loss, "val_accuracy": 0.5})
        callback.model.set_weights([weight + 1 for weight in best])
    monkeypatch.setattr(keras.Model, "fit", None)
    model, history = train(schedule, "killed")
    assert (len(history.rows), history.best_epoch, history.stopped_early) == (3, 0, True)
    for weight, kept in zip(model.get_weights(), best, strict=True):
        np.testing.assert_array_equal(weight, kept)


def test_rates_of_the_schedules():
    assert [Schedule(4, 0.1).rate(epoch) for epoch in range(4)] == [0.1] * 4
    cosine = [Schedule(4, 0.1, decay="cosine").rate(epoch) for epoch in range(4)]
    np.testing.assert_allclose(cosine, [0.1, 0.05 * (1 + math.sqrt(0.5)), 0.05, 0.05 * (1 - math.sqrt(0.5))])
    assert Schedule().rate(0) == 0.001  # the paper's
    optimizer = Schedule(4, 0.1, 0.8).build_optimizer()
    assert isinstance(optimizer, keras.optimizers.SGD) and optimizer.momentum == 0.8
    assert isinstance(Schedule(optimizer="adam").build_optimizer(), keras.optimizers.Adam)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"optimizer": "lion"}, "unknown optimizer 'lion': use one of sgd, adam"),
        ({"decay": "linear"}, "unknown decay 'linear': use one of constant, cosine"),
        ({"learning_rate": math.nan}, "learning rate must be a number above 0, not nan"),
        ({"learning_rate": 0.0}, "learning rate must be a number above 0, not 0.0"),
        ({"momentum": 1.0}, r"momentum must lie in \[0, 1\), not 1.0"),
        ({"epochs": -1}, "-1 epochs with a patience of 10 is no schedule"),
        ({"patience": 0}, "30 epochs with a patience of 0 is no schedule"),
    ],
)
def test_a_schedule_that_teaches_nothing_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        Schedule(**wrong)


def test_each_epoch_has_its_rate_and_its_own_dropout(tmp_path):
    callback = watcher(tmp_path, Schedule(3, 0.1, decay="cosine"))
    rates, states = [], set()
    for epoch in range(3):
        callback.on_epoch_begin(epoch)
        rates.append(float(callback.model.optimizer.learning_rate))
        states |= {
            tuple(callback.model.get_layer(name).seed_generator.state.numpy()) for name in ("dropout_1", "dropout_2")
        }
    np.testing.assert_allclose(rates, [0.1, 0.075, 0.025], rtol=1e-6)
    assert len(states) == 6
