"""Confusion of the similar styles, by hand."""

import math

import numpy as np
import pytest

from dance_tf.audit.similar_styles import similar_confusion, similar_pairs
from dance_tf.evaluation.predictions import Predictions

STYLES = ("Say So", "Tokyo", "Supalonely", "Big Up's")


def predictions(pairs, dancers, styles=STYLES):
    """One frame for each (true, predicted), of a clip of its own; `dancers` of the clips."""
    probabilities = np.eye(len(styles))[[styles.index(predicted) for _, predicted in pairs]]
    labels = [styles.index(true) for true, _ in pairs]
    clips = np.arange(len(pairs))
    return Predictions(probabilities, labels, clips, dancers, styles, [f"c{clip}" for clip in clips])


def test_pairs_are_found_where_both_styles_are_danced():
    assert similar_pairs(STYLES) == ((2, 0),)
    assert similar_pairs(("Big Up’s", "All TikTok Mashup")) == ((0, 1),)
    assert similar_pairs(("Big Up's", "All TikTok Mashup", "Say So")) == ((0, 1),)
    assert similar_pairs(("Tokyo",)) == ()


def test_the_rate_counts_either_style_taken_for_the_other():
    rows = [
        ("Say So", "Supalonely"),
        ("Say So", "Say So"),
        ("Supalonely", "Tokyo"),
        ("Supalonely", "Say So"),
        ("Tokyo", "Say So"),
    ]
    first = predictions(rows, ["x", "x", "y", "y", "y"])
    second = predictions(rows[1:], ["x", "y", "y", "y"])
    found = similar_confusion([first, second], resamples=400, seed=1)
    assert found.mean == pytest.approx((2 / 4 + 1 / 3) / 2)
    # dancer x alone: 1 of 2 and 0 of 1; y alone: 1 of 2 and 1 of 2
    assert (found.low, found.high) == pytest.approx((0.25, 0.5))
    assert found.runs == 2


def test_without_a_pair_there_is_no_rate():
    found = similar_confusion([predictions([("Tokyo", "Tokyo")], ["x"], ("Tokyo", "Laxed"))])
    assert math.isnan(found.mean)


def test_one_dancer_gives_no_interval():
    found = similar_confusion([predictions([("Say So", "Supalonely")], ["x"])])
    assert found.mean == 1.0
    assert math.isnan(found.low)
