"""The fit of the thresholds in tests/benchmarks/fit_curation.py."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dance_tf.curation.filters import BLANK, BLURRED, CURATION_DEFAULTS, NO_DANCING
from dance_tf.video.catalog import Clip


@pytest.fixture
def fit(monkeypatch):
    path = Path(__file__).parents[1] / "benchmarks" / "fit_curation.py"
    specification = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, path.stem, module)  # dataclasses need it there
    specification.loader.exec_module(module)
    return module


def test_each_threshold_moves_to_the_middle_of_the_best_values(fit):
    def score(settings):
        good = 3.4 < settings.blank_entropy < 4.4 and settings.blur_relative < 0.3
        return 0.5 + 0.3 * (3.4 < settings.blank_entropy < 4.4) + 0.2 * good

    factors = (0.5, 0.7, 1.0, 1.2, 1.4, 1.6)  # of 3.0: 1.5, 2.1, 3.0, 3.6, 4.2, 4.8
    fitted, ranges = fit.fit_thresholds(CURATION_DEFAULTS, score, factors, ("blank_entropy", "blur_relative"))
    assert ranges["blank_entropy"] == pytest.approx((3.6, 4.2))
    assert fitted.blank_entropy == pytest.approx(np.sqrt(3.6 * 4.2))
    assert fitted.blur_relative == pytest.approx(0.245)
    assert replace(fitted, blank_entropy=3.0, blur_relative=0.49) == CURATION_DEFAULTS  # nothing else moved


def test_mean_f1_ignores_filters_with_nothing_to_find(fit):
    counts = {BLANK: (4, 4, 4), BLURRED: (3, 5, 2), NO_DANCING: (0, 0, 0)}
    scores = [dict(zip(("planted", "dropped", "right"), each, strict=True)) for each in counts.values()]
    assert fit.mean_f1(scores) == pytest.approx((1 + 2 * 2 / 8) / 2)
    with pytest.raises(ValueError, match="no fault"):
        fit.mean_f1(scores[2:])


def test_a_wrong_threshold_is_corrected(fit, faulty):
    frames, reasons = (part[:70] for part in faulty)
    clips = [fit.LabelledClip(Clip(Path("a.mp4")), frames, np.arange(70) / 30, 2.3, reasons)]
    assert fit.mean_f1(fit.judge(clips, CURATION_DEFAULTS)) == pytest.approx(1.0, abs=0.05)
    wrong = replace(CURATION_DEFAULTS, blur_relative=0.01, blur_absolute=0.0)
    assert fit.mean_f1(fit.judge(clips, wrong)) < 0.8
    fitted, _ = fit.fit_thresholds(
        wrong, lambda settings: fit.mean_f1(fit.judge(clips, settings)), (1, 20, 40), ("blur_relative",), 1
    )
    assert fitted.blur_relative >= 0.2 and fit.mean_f1(fit.judge(clips, fitted)) == pytest.approx(1.0, abs=0.05)
