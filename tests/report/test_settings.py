"""Settings and runs that compare inputs, from a profile."""

import pytest

from dance_tf.report.profile import Profile
from dance_tf.report.settings import compared_settings, input_settings, input_specs, rung_specs

PROFILE = Profile(ladder_strategies=("cnn",), compare_growth_last_epochs=3)
FRAMES, SKELETONS = ["cnn_frame", "cnn_difference"], ["skeleton_tcn", "skeleton_gcn", "fusion"]


@pytest.mark.parametrize(("posed", "names"), [(True, [*FRAMES, "cnn_cutout", *SKELETONS]), (False, FRAMES)])
def test_each_input_is_run_on_each_fold(posed, names):
    specs = input_specs(PROFILE, 2, posed)
    assert [(spec.name, spec.fold) for spec in specs] == [(name, fold) for name in names for fold in (0, 1)]
    views = {spec.name: spec.settings.view for spec in specs}
    assert all(name.endswith(view) for name, view in views.items() if name not in SKELETONS)
    assert {views.get("skeleton_tcn", "skeleton"), views.get("fusion", "skeleton+cutout")} <= {
        "skeleton", "skeleton+cutout"
    }  # fmt: skip


def test_the_ladder_starts_with_a_logistic_regression():
    specs = rung_specs(PROFILE, 2, posed=True)
    assert [(spec.name, spec.fold, spec.baseline) for spec in specs[:2]] == [
        ("logistic_regression_difference", fold, True) for fold in (0, 1)
    ]
    assert specs[2:] == input_specs(PROFILE, 2, posed=True)
    fewer = [spec for spec in specs[2:] if spec.name == "skeleton_gcn"]
    assert list(rung_specs(PROFILE, 2, True, ["skeleton_gcn"])) == [*specs[:2], *fewer] and len(fewer) == 2


def test_settings_that_a_strategy_does_not_read_have_their_default():
    wide, deep = Profile(compare_resnet_width=4, compare_sequence_length=6), Profile(compare_resnet_depth=50)
    assert compared_settings(wide, "cnn") == compared_settings(deep, "cnn") == compared_settings(Profile(), "cnn")
    assert compared_settings(wide, "resnet").network.resnet_width == 4
    assert compared_settings(deep, "resnet").network.resnet_depth == 50
    assert compared_settings(wide, "cnn_lstm").network.sequence_length == 6


def test_networks_of_skeletons_have_their_own_recipe():
    own, short = (input_settings(each, "fusion") for each in (PROFILE, Profile(skeleton_epochs=2)))
    assert own.schedule.epochs > 2 == short.schedule.epochs and own.schedule.optimizer == "adam"
    assert own.growth_last_epochs == 3
    assert input_settings(PROFILE, "skeleton_tcn").growth_last_epochs != 3  # it grows no autoencoder
    assert input_settings(PROFILE, "cnn", "cutout").schedule.epochs == PROFILE.compare_epochs
