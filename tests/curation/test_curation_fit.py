"""Thresholds move to where the filters are right, and judging counts what curation really does."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from dance_tf.curation.filters import BLANK, BLURRED, CURATION_DEFAULTS, NO_DANCING, ReasonScore
from dance_tf.curation.fit import KnownClip, fit_thresholds, judge, mean_f1
from dance_tf.video.catalog import Clip


def test_each_threshold_moves_to_the_middle_of_what_is_as_good():
    def score(settings):
        good = 3.4 < settings.blank_entropy < 4.4 and settings.blur_relative < 0.3
        return 0.5 + 0.3 * (3.4 < settings.blank_entropy < 4.4) + 0.2 * good

    factors = (0.5, 0.7, 1.0, 1.2, 1.4, 1.6)  # of 3.0: 1.5, 2.1, 3.0, 3.6, 4.2, 4.8
    fitted, ranges = fit_thresholds(CURATION_DEFAULTS, score, factors, ("blank_entropy", "blur_relative"))
    assert ranges["blank_entropy"] == pytest.approx((3.6, 4.2))
    assert fitted.blank_entropy == pytest.approx(np.sqrt(3.6 * 4.2))
    assert fitted.blur_relative == pytest.approx(0.245)
    assert replace(fitted, blank_entropy=3.0, blur_relative=0.49) == CURATION_DEFAULTS  # nothing else moved


def test_mean_f1_leaves_out_what_was_neither_there_nor_found():
    def found(reason, planted, dropped, right):
        return ReasonScore(reason, planted, dropped, right, 0.0, 0.0)

    some = [found(BLANK, 4, 4, 4), found(BLURRED, 3, 5, 2), found(NO_DANCING, 0, 0, 0)]
    assert mean_f1(some) == pytest.approx((1 + 2 * 2 / 8) / 2)
    with pytest.raises(ValueError, match="no fault"):
        mean_f1(some[2:])


def test_a_spoilt_threshold_judges_worse_and_is_mended(make_dance):
    frames = make_dance(60)
    frames[:10] = 17
    for number in range(30, 40):
        frames[number] = cv2.GaussianBlur(frames[number], (0, 0), 4)
    reasons = (BLANK,) * 10 + ("",) * 20 + (BLURRED,) * 10 + ("",) * 20
    clips = [KnownClip(Clip(Path("a.mp4"), "Tok", "d1", "a"), frames, np.arange(60) / 30, 2.0, reasons)]
    assert mean_f1(judge(clips, CURATION_DEFAULTS)) == pytest.approx(1.0, abs=0.05)
    spoilt = replace(CURATION_DEFAULTS, blur_relative=0.01, blur_absolute=0.0)
    assert mean_f1(judge(clips, spoilt)) < 0.8
    mended, _ = fit_thresholds(
        spoilt, lambda settings: mean_f1(judge(clips, settings)), (1, 20, 40), ("blur_relative",), 1
    )
    assert mended.blur_relative >= 0.2 and mean_f1(judge(clips, mended)) == pytest.approx(1.0, abs=0.05)
