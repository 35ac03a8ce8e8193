"""Calibrated confidence and sets of styles."""

import numpy as np
import pytest
from scipy.special import softmax

from dance_tf.evaluation.calibration import (
    calibration_error,
    fit_operating_points,
    fit_temperature,
    fit_threshold,
    likely_styles,
    measure_calibration,
    risk_coverage,
    scale_confidence,
)
from dance_tf.evaluation.predictions import Predictions

STYLES = ("a", "b", "c", "d")


def predictions(dancers=20, clips=40, temperature=1.0, seed=0):
    """Clips whose true classes are drawn from probabilities, which are then stated at another temperature."""
    generator = np.random.default_rng(seed)
    true = softmax(generator.normal(0, 2, (dancers * clips, 4)), axis=1)
    labels = np.array([generator.choice(4, p=row) for row in true])
    names = [f"d{dancer}" for dancer in range(dancers) for _ in range(clips)]
    ids = [f"clip{number}" for number in range(len(labels))]
    stated = scale_confidence(true, temperature)
    return Predictions(STYLES, ids, names, labels, stated, np.eye(4, dtype=int)[labels])


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_temperature_of_stated_probabilities_is_found(temperature):
    stated = predictions(temperature=temperature)
    assert fit_temperature(stated.probabilities, stated.labels) == pytest.approx(1 / temperature, rel=0.15)
    assert (scale_confidence(stated.probabilities, 3.0).argmax(axis=1) == stated.predicted).all()


def test_the_error_is_that_of_a_hand_count():
    probabilities = np.array([[0.95, 0.05], [0.95, 0.05], [0.35, 0.65], [0.58, 0.42]])
    labels = np.array([0, 1, 1, 1])  # in bins .9-1: one of two right; .6-.7: right; .5-.6: wrong
    expected = (2 * (0.95 - 0.5) + abs(0.65 - 1) + 0.58) / 4
    assert calibration_error(probabilities, labels) == pytest.approx(expected)


@pytest.mark.parametrize(("count", "expected"), [(19, 0.2), (9, 0.1), (8, 0.0), (0, 0.0)])
def test_the_threshold_is_a_low_quantile_of_the_true_style(count, expected):
    own = np.arange(1, count + 1) / 10
    probabilities = np.stack([own, 1 - own], axis=1)
    assert fit_threshold(probabilities, np.zeros(count, int)) == pytest.approx(expected)


def test_sets_cover_as_promised_and_confidence_is_mended():
    found = measure_calibration([predictions(temperature=0.4)], repeats=30).mean()
    assert 0.88 < found["coverage"] < 0.92
    assert found["before"] > 0.1 and found["after"] < 0.04
    assert found["temperature"] == pytest.approx(2.5, rel=0.15) and 1 < found["size"] < 4
    assert measure_calibration([predictions(dancers=3)]).empty


def test_risk_grows_with_coverage():
    curve = risk_coverage([predictions()])
    assert curve["coverage"].iloc[-1] == 1
    assert curve["risk"].iloc[200] < curve["risk"].iloc[-1] - 0.1
    found = predictions()
    assert curve["risk"].iloc[-1] == pytest.approx((found.predicted != found.labels).mean())


def test_operating_points_give_the_set_of_a_clip():
    points = fit_operating_points(predictions(temperature=0.4))
    assert points["temperature"] == pytest.approx(2.5, rel=0.15) and 0 < points["set"] < 0.5
    assert likely_styles({"a": 0.1, "b": 0.6, "c": 0.3}, 0.2) == ("b", "c")
    assert likely_styles({"a": 0.1, "b": 0.6, "c": 0.3}, 0.7) == ()
