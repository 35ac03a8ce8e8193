"""Losses and gains under conditions, for each dancer alone, and what is shown of them."""

from dataclasses import replace

import numpy as np
import pytest
from dance_tf.experiments.corruption_suite import EVERYTHING, measure_transfer
from scipy import stats

from dance_tf.evaluation.predictions import Predictions
from dance_tf.experiments.conditions import CLEAN, Disturbance
from dance_tf.experiments.corruption import by_condition, compare_gains, compare_losses

CLEAR, FOG, RAIN = (
    Disturbance(CLEAN),
    Disturbance("heavy_fog", 4),
    Disturbance("rain", 3),
)
FRAMES = 100


def verdict(right: tuple[int, ...]) -> Predictions:
    """Four dancers, one clip of a hundred frames each; right[i] of them are recognised."""
    labels = np.zeros(4 * FRAMES, int)
    predicted = np.concatenate([np.arange(FRAMES) >= hits for hits in right]).astype(int)
    clips = np.arange(4).repeat(FRAMES)
    return Predictions(np.eye(2)[predicted], labels, clips, tuple("wxyz"), ("a", "b"), tuple("abcd"))


def judged(**right: tuple[int, ...]) -> dict[Disturbance, Predictions]:
    return {
        each: verdict(right[name]) for name, each in (("clear", CLEAR), ("fog", FOG), ("rain", RAIN)) if name in right
    }


PLAIN = judged(clear=(50, 52, 48, 50), fog=(20, 22, 18, 20), rain=(30, 31, 29, 30))
BETTER_ALL_AROUND = judged(clear=(60, 63, 57, 61), fog=(31, 32, 28, 30), rain=(40, 41, 39, 41))
BETTER_IN_FOG = judged(clear=(50, 53, 49, 51), fog=(41, 42, 38, 41), rain=(30, 33, 30, 29))


def test_conditions_group_their_seeds():
    again = replace(RAIN, seed=1)
    assert by_condition([CLEAR, RAIN, again]) == {CLEAN: (CLEAR,), "rain": (RAIN, again)}


def test_losses_are_tested_and_corrected_for_all_conditions():
    found = compare_losses([PLAIN], [CLEAR, FOG, RAIN])
    rain = stats.ttest_1samp(np.array([20, 21, 19, 20]) / 100, 0).pvalue
    assert set(found) == {"heavy_fog", "rain"}
    assert found["rain"].mean == pytest.approx(0.2) and found["heavy_fog"].mean == pytest.approx(0.3)
    assert found["rain"].p == pytest.approx(2 * rain, rel=1e-6)


def test_a_model_that_is_better_all_around_is_not_more_robust():
    groups = by_condition([CLEAR, FOG, RAIN])
    gains = compare_gains([BETTER_ALL_AROUND], [PLAIN], groups)
    assert gains["heavy_fog"].total.above and not gains["heavy_fog"].helps
    assert gains[CLEAN].beyond_clean is None and not gains[CLEAN].helps
    gains = compare_gains([BETTER_IN_FOG], [PLAIN], groups)
    assert gains["heavy_fog"].helps and not gains["rain"].helps
    assert gains["heavy_fog"].beyond_clean.mean == pytest.approx(0.205 - 0.0075)
    assert gains["heavy_fog"].to_json()["beyond_clean"]["dancers"] == 4


def test_what_carries_over_is_more_than_what_clean_footage_gains():
    runs = {"none": [PLAIN], "all": [PLAIN], "all but weather": [BETTER_ALL_AROUND]}
    weather = measure_transfer(runs, [CLEAR, FOG, RAIN], 50)[-2]
    assert weather.family == "weather"
    assert weather.gain_without.total.above and not weather.gain_without.helps
    runs["all but weather"] = [BETTER_IN_FOG | judged(rain=(50, 51, 48, 50))]
    assert measure_transfer(runs, [CLEAR, FOG, RAIN], 50)[-2].gain_without.helps


def test_a_family_whose_conditions_changed_nothing_has_no_row():
    runs = {"none": [PLAIN], "all": [PLAIN]}
    assert [found.family for found in measure_transfer(runs, [CLEAR, FOG], 50)] == [CLEAN, "weather", EVERYTHING]
