"""Settings of a training run: what is refused, how flat values reach their place, and changes by name."""

import dataclasses
import math
import operator
import re

import keras
import numpy as np
import pytest

from dance_tf.dataset.batches import Jitter
from dance_tf.model.networks import NetworkSettings
from dance_tf.model.settings import Schedule, TrainingSettings, apply_changes, growth_settings, training_settings

BASE = training_settings()


def test_rates_and_optimizers_of_schedules():
    optimizer = Schedule(4, 0.1, 0.8).build_optimizer(5)
    assert isinstance(optimizer, keras.optimizers.SGD) and optimizer.momentum == 0.8
    assert float(optimizer.learning_rate) == pytest.approx(0.1)
    assert float(Schedule().build_optimizer(5).learning_rate) == pytest.approx(0.001), "the paper's"
    cosine = Schedule(4, 0.1, decay="cosine", optimizer="adam", weight_decay=0.01).build_optimizer(5)
    assert isinstance(cosine, keras.optimizers.Adam)
    variable = keras.Variable(np.ones(1))
    rates = []
    for _ in range(21):
        rates.append(float(cosine.learning_rate))
        cosine.apply([np.ones(1)], [variable])
    np.testing.assert_allclose(rates, 0.05 * (1 + np.cos(np.pi * np.arange(21) / 20)), atol=1e-7)


def test_weights_decay_and_offsets_do_not():
    kernel, bias = (keras.Variable(np.ones(2), name=name) for name in ("kernel", "bias"))
    Schedule(4, 0.5, weight_decay=0.1).build_optimizer(5).apply([np.zeros(2)] * 2, [kernel, bias])
    np.testing.assert_allclose(kernel, [0.95, 0.95])
    np.testing.assert_allclose(bias, [1, 1])


def test_the_autoencoder_depends_on_everything_but_the_classifier():
    def grown(**changes):
        return growth_settings(dataclasses.replace(BASE, **changes))

    others = NetworkSettings(squeeze_ratio=2, dropout=0.5, classes=4)
    same = grown(
        strategy="ae", network=others, freeze_encoder=True, schedule=Schedule(9), batch_size=3, augment=["noise"],
        jitter=Jitter(shift=1),
    )  # fmt: skip
    assert same == grown()
    different = dict(view="frame", growth=Schedule(epochs=4), growth_batch_size=9, progressive=False, frame_size=64)
    different |= dict(frames_per_clip=5, validation_frames=3)
    different |= dict(growth_last_epochs=3, growth_frozen_epochs=3)
    different |= dict(network=NetworkSettings(low_resolution_factor=4))
    assert len({grown(), *(grown(**{name: value}) for name, value in different.items())}) == 1 + len(different)


@pytest.mark.parametrize(
    ("make", "wrong", "message"),
    [
        (Schedule, {"optimizer": "lion"}, "unknown optimizer 'lion': use one of sgd, adam"),
        (Schedule, {"decay": "linear"}, "unknown decay 'linear': use one of constant, cosine"),
        (Schedule, {"learning_rate": math.nan}, "learning rate must be a number above 0, not nan"),
        (Schedule, {"learning_rate": 0.0}, "learning rate must be a number above 0, not 0.0"),
        (Schedule, {"weight_decay": 1.0}, r"weight_decay must lie in \[0, 1\), not 1.0"),
        (Schedule, {"momentum": 1.0}, r"momentum must lie in \[0, 1\), not 1.0"),
        (Schedule, {"epochs": -1}, "epochs must be at least 0 and patience at least 1, not -1 and 10"),
        (Schedule, {"patience": 0}, "epochs must be at least 0 and patience at least 1, not 30 and 0"),
        (training_settings, {"strategy": "svm"}, "unknown strategy 'svm': use one of resnet, cnn, ae"),
        (training_settings, {"strategy": "skeleton_tcn", "view": "frame"}, 'skeleton_tcn reads the view "skeleton"'),
        (training_settings, {"view": "skeleton"}, "cnn_ae_attention reads frames, not skeletons"),
        (training_settings, {"strategy": "skeleton_gcn", "augment": ("noise",)}, "reads no frames that could be corr"),
        (training_settings, {"strategy": "fusion", "view": "skeleton"}, r'fusion reads the view "skeleton\+cutout"'),
        (training_settings, {"view": "skeleton+cutout"}, "cnn_ae_attention reads frames, not skeletons"),
        (training_settings, {"view": "edges"}, "unknown view 'edges': use one of frame, difference"),
        (training_settings, {"augment": ("time",)}, "time"),
        (training_settings, {"epochs": 0}, "epochs: at least 1 is needed to learn anything, not 0"),
        (training_settings, {"growth_epochs": 0}, "growth epochs: at least 1"),
        (training_settings, {"growth_frozen_epochs": -1}, "growth_frozen_epochs must be at least 0, not -1"),
        (training_settings, {"jitter": math.nan}, "jitter must be a number of at least 0, not nan"),
        (training_settings, {"dropout": 1.0}, r"dropout must lie in \[0, 1\), not 1.0"),
        (training_settings, {"frames_per_clip": 0}, "frames_per_clip must be at least 1, not 0"),
    ],
)
def test_settings_that_cannot_be_trained_with_are_refused(make, wrong, message):
    with pytest.raises(ValueError, match=message):
        make(**wrong)


def test_every_value_reaches_its_place():
    values = dict(epochs=7, learning_rate=0.5, momentum=0.25, decay="constant", patience=3, batch_size=5)
    values |= dict(weight_decay=0.01, encoder_rate=0.25, growth_last_epochs=9, growth_frozen_epochs=4)
    values |= dict(growth_epochs=2, growth_learning_rate=0.125, growth_optimizer="sgd", growth_momentum=0.0, jitter=0.5)
    values |= dict(frames_per_clip=6, dropout=0.125, squeeze_ratio=16, low_resolution_factor=4, augment=["noise"])
    assert training_settings("cnn", "frame", **values) == TrainingSettings(
        "cnn",
        "frame",
        NetworkSettings(dropout=0.125, squeeze_ratio=16, low_resolution_factor=4, encoder_rate=0.25),
        Schedule(7, 0.5, 0.25, "constant", 3, weight_decay=0.01),
        Schedule(2, 0.125, 0.0, "cosine", 2, "sgd"),
        growth_last_epochs=9,
        growth_frozen_epochs=4,
        batch_size=5,
        frames_per_clip=6,
        jitter=Jitter(4, 0.075, 2.5, 0.1, 0.35),
        augment=("noise",),
    )
    assert training_settings(jitter=0).jitter == Jitter()


@pytest.mark.parametrize("strategy", ["skeleton_tcn", "skeleton_gcn", "fusion"])
def test_networks_of_skeletons_have_a_recipe_of_their_own_and_given_values_win(strategy):
    found, given = training_settings(strategy), dict(epochs=7, learning_rate=0.5, weight_decay=0.25, frames_per_clip=9)
    assert (found.schedule.optimizer, BASE.schedule.optimizer) == ("adam", "sgd")
    assert found.network.dropout > 0 == BASE.network.dropout
    changed = training_settings(strategy, dropout=0, jitter=0, **given)
    assert (changed.schedule, changed.frames_per_clip) == (Schedule(7, 0.5, 0.9, "cosine", 10, "adam", 0.25), 9)
    assert (changed.network.dropout, changed.jitter) == (0, Jitter())


def test_the_autoencoder_of_the_fusion_grows_on_as_many_cut_outs():
    found = growth_settings(training_settings("fusion", frames_per_clip=3))
    assert (found.strategy, found.view, found.frames_per_clip) == ("ae", "cutout", 3 * 4)


NAMES = [
    f"{entry.name}.{inner.name}" if inner else entry.name
    for entry in dataclasses.fields(BASE)
    for inner in (dataclasses.fields(entry.type) if dataclasses.is_dataclass(entry.type) else [None])
]
OTHER_TEXTS = {"strategy": "cnn", "view": "frame", "schedule.decay": "constant", "schedule.optimizer": "adam"}
OTHER_TEXTS |= {"growth.decay": "constant", "growth.optimizer": "sgd"}


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
