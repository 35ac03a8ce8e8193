import dataclasses
import inspect

import pytest

from dance_tf.dataset.batches import Jitter
from dance_tf.model.train import training_settings


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
        batch_size=5,
        frames_per_clip=6,
        dropout=0.125,
        jitter=0.5,
        squeeze_ratio=16,
        low_resolution_factor=4,
    )
    assert (found.strategy, found.view, found.batch_size, found.frames_per_clip) == ("cnn", "frame", 5, 6)
    schedule = found.schedule
    assert (schedule.epochs, schedule.learning_rate, schedule.momentum) == (7, 0.5, 0.25)
    assert (schedule.decay, schedule.patience, schedule.optimizer) == ("constant", 3, "sgd")
    assert (found.growth.epochs, found.growth.learning_rate, found.growth.optimizer) == (2, 0.125, "sgd")
    assert (found.network.dropout, found.network.squeeze_ratio, found.network.low_resolution_factor) == (0.125, 16, 4)
    assert training_settings(jitter=0).jitter == Jitter()
    whole = dataclasses.asdict(training_settings(jitter=1).jitter)
    assert all(whole.values()) and whole["shift"] == 8
    assert dataclasses.asdict(found.jitter) == {name: value / 2 for name, value in whole.items()}


@pytest.mark.parametrize(
    "name", [n for n in inspect.signature(training_settings).parameters if n not in ("strategy", "view")]
)
def test_no_value_is_lost(name):
    given = {"decay": "constant", "growth_optimizer": "sgd", "augment": ("noise",), "squeeze_ratio": 3}
    default = inspect.signature(training_settings).parameters[name].default
    value = given.get(name, 77 if isinstance(default, int) else 0.77)
    assert dataclasses.asdict(training_settings(**{name: value})) != dataclasses.asdict(training_settings())
