"""Advice drawn from losses: what is shown, what is likely, what is not known, and how much is too much."""

import numpy as np
import pytest
from dance_tf.evaluation.robustness import Robustness
from dance_tf.report.filming_advice import HABITS, filming_advice

from dance_tf.corruption.conditions import CONDITION_NAMES
from dance_tf.evaluation.intervals import DancerDifference
from dance_tf.evaluation.predictions import Predictions
from dance_tf.experiments.conditions import CLEAN, Disturbance, paper_disturbances
from dance_tf.experiments.corruption import assess_verdicts

STYLES = ("Tok", "TDS")


def verdict(right: int) -> Predictions:
    """Ten dancers, one clip each; the first `right` are recognised."""
    labels = np.arange(10) % 2
    predicted = np.where(np.arange(10) < right, labels, 1 - labels)
    dancers = tuple(f"d{i}" for i in range(10))
    return Predictions(np.eye(2)[predicted], labels, np.arange(10), dancers, STYLES, dancers)


def assessed(right: dict[tuple[str, float], int], unchanged=()) -> Robustness:
    """Clean and the paper's levels, or those that are named; clips right of ten, all where nothing is said."""
    levels = [Disturbance(CLEAN), *(Disturbance(*level) for level in right)] if right else paper_disturbances()
    verdicts = {each: verdict(right.get(each.level, 10)) for each in levels}
    return assess_verdicts([verdicts], list(verdicts), 50, unchanged=unchanged)


def loss(mean: float, p: float, reach: float = 0.05) -> DancerDifference:
    return DancerDifference(mean, mean - reach, mean + reach, p, 4)


MAIN = assessed({})


def advice(**losses: DancerDifference) -> list[str]:
    return filming_advice(MAIN, losses).splitlines()


def test_every_condition_belongs_to_one_habit():
    assert sorted(name for habit in HABITS for name in habit.conditions) == sorted(CONDITION_NAMES)


def test_advice_is_in_the_order_of_what_is_lost_and_names_the_level():
    lines = advice(rain=loss(0.2, 0.01), backlight=loss(0.3, 0.01), low_light=loss(0.06, 0.01))
    assert lines[0] == (
        "- Stand so that the window or lamp is behind the camera, not behind you: 30.0 [25.0, 35.0] points of frame "
        "accuracy are lost to light behind you (backlight (strong))."
    )
    assert lines[1].startswith("- Keep the lens dry and clean: 20.0 [15.0, 25.0] points")
    assert lines[2].startswith(
        "- Worth minding, but cheaper: a dark room (low light: 6.0 [1.0, 11.0] points; only gray"
    )
    assert len(lines) == 3


def test_a_loss_whose_interval_leaves_zero_out_is_probable_and_not_called_free():
    lines = advice(backlight=loss(0.19, 0.2), severe_noise=loss(0.13, 0.1), rain=loss(0.03, 0.6))
    assert lines[0] == "- Nothing that was tried is shown to cost 10 points of frame accuracy or more."
    assert lines[1].startswith("- Probably costly, not proven") and "light behind you (backlight" in lines[1]
    assert "a noisy picture (severe Gaussian noise: 13.0 [8.0, 18.0] points)" in lines[1]
    assert (
        lines[2].startswith("- Not shown to cost anything here") and "drops on the lens (rain effect: 3.0" in lines[2]
    )


def test_a_mild_level_that_is_shown_is_not_hidden_by_a_severe_one_that_is_not():
    (line,) = advice(mild_fog=loss(0.18, 0.01), heavy_fog=loss(0.34, 0.3, 0.4))
    assert line == (
        "- Film in clear air, and not through a dusty window: 18.0 [13.0, 23.0] points of frame accuracy are lost to "
        "fog or haze (mild fog/haze; heavy fog/haze 34.0 [-6.0, 74.0], not proven)."
    )


def test_what_a_condition_leaves_out_is_said():
    (line,) = advice(severe_motion_blur=loss(0.2, 0.01))
    assert line.endswith("Only its streaks were tried: a camera that shakes moves the whole picture as well.")


def test_advice_does_not_count_what_was_not_tried():
    idle = assessed({("low_resolution", 3.0): 10, ("rain", 3.0): 3}, {("low_resolution", 3.0)})
    lines = filming_advice(idle, {"rain": loss(0.7, 0.01)}).splitlines()
    assert lines[-1] == "- Not tried, because it leaves these clips as they are: 360 lines." and len(lines) == 2


def test_one_dancer_proves_nothing():
    (_, line) = advice(rain=DancerDifference(0.5, np.nan, np.nan, np.nan, 1))
    assert line.startswith("- Not shown to cost anything here")


def test_the_curves_say_how_much_is_too_much():
    right = {("severe_noise", level): clips for level, clips in zip((1.0, 2.0, 3.0), (10, 8, 2), strict=True)}
    right |= {("low_light", 1.0): 10, ("low_light", 5.0): 10, ("low_resolution", 2.0): 2, ("low_resolution", 5.0): 8}
    curves = assessed(right, {("low_resolution", 2.0)})
    passed, never = filming_advice(MAIN, {}, curves).splitlines()[-2:]
    # noise: nothing is lost at severity 1, 20 points at 2, so 10 at 1.5, which is sigma 7.5; lines: 20 points at 5
    # after none at 2, so 10 at 3.5
    assert "noise from severity 1.5 (sigma 7.5 gray levels)" in passed
    lines = 1 / np.interp(3.5, (3, 4), (1 / 360, 1 / 240))
    assert f"low resolution from severity 3.5 ({lines:.0f} lines and fewer)" in passed
    assert never == "- At no severity up to 5 are as many lost to low light."


@pytest.mark.parametrize("curves", [None, MAIN])
def test_curves_without_a_loss_add_no_level(curves):
    assert "are gone, by the curves" not in filming_advice(MAIN, {}, curves)
