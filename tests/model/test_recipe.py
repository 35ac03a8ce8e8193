import dataclasses
import inspect
import math
import operator
import re

import numpy as np
import pytest

from dance_tf.dataset.batches import Jitter
from dance_tf.model.train import apply_changes, training_settings


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
    )
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


@pytest.mark.parametrize(
    "name", [n for n in inspect.signature(training_settings).parameters if n not in ("strategy", "view")]
)
def test_no_value_is_lost(name):
    given = {"decay": "constant", "growth_optimizer": "sgd", "augment": ("noise",), "squeeze_ratio": 3}
    default = inspect.signature(training_settings).parameters[name].default
    value = given.get(name, 77 if isinstance(default, int) else 0.77)
    assert dataclasses.asdict(training_settings(**{name: value})) != dataclasses.asdict(training_settings())


BASE = training_settings()
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
