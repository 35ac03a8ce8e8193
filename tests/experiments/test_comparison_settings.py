"""The comparison's settings: what a strategy reads reaches it, what it does not read cannot split the cache."""

import pytest

from dance_tf.experiments.strategies import comparison_settings, settings_of_all
from dance_tf.model.networks import STRATEGIES


def test_the_budget_and_the_recipe_arrive():
    found = comparison_settings(
        "cnn_ae", "frame", 7, 2, 5, learning_rate=0.01, momentum=0.0, growth_optimizer="sgd", squeeze_ratio=4
    )
    assert (found.strategy, found.view, found.frames_per_clip) == ("cnn_ae", "frame", 5)
    assert (found.schedule.epochs, found.schedule.learning_rate, found.schedule.momentum) == (7, 0.01, 0.0)
    assert (found.growth.epochs, found.growth.optimizer, found.network.squeeze_ratio) == (2, "sgd", 4)


def test_only_resnet_has_a_width_and_only_cnn_lstm_a_length():
    wide, narrow = (
        {name: comparison_settings(name, resnet_width=width, sequence_length=length) for name in STRATEGIES}
        for width, length in ((32, 3), (8, 5))
    )
    assert {name for name in STRATEGIES if wide[name] != narrow[name]} == {"resnet", "cnn_lstm"}
    assert (wide["resnet"].network.resnet_width, wide["cnn_lstm"].network.sequence_length) == (32, 3)


def test_resnet_50_has_no_width():
    deep = [comparison_settings("resnet", resnet_depth=50, resnet_width=width) for width in (8, 64)]
    assert deep[0] == deep[1]
    assert deep[0].network.resnet_depth == 50


def test_only_resnet_50_may_start_from_imagenet():
    found = settings_of_all(imagenet_weights=True, resnet_depth=50)
    assert [name for name, settings in found.items() if settings.network.imagenet_weights] == ["resnet"]
    assert not comparison_settings("resnet", imagenet_weights=True).network.imagenet_weights


def test_an_unknown_parameter_is_refused():
    with pytest.raises(TypeError, match="compare_epochs"):
        comparison_settings("cnn", compare_epochs=3)
