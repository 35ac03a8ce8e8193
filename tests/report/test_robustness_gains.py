"""What is said of attention's gains and of training against degradations, whichever way they come out."""

from dataclasses import replace

import numpy as np
import pytest
from dance_tf.experiments.corruption_suite import EVERYTHING, Transfer
from dance_tf.report.robustness_gains import attention_sentences, transfer_sentences

from dance_tf.corruption.conditions import CONDITION_NAMES
from dance_tf.evaluation.intervals import DancerDifference, Estimate
from dance_tf.experiments.conditions import CLEAN
from dance_tf.experiments.corruption import Gain


def difference(mean: float, p: float = 0.5, dancers: int = 4, runs: int = 1) -> DancerDifference:
    low, high = (mean - 0.1, mean + 0.1) if dancers > 1 else (np.nan, np.nan)
    return DancerDifference(mean, low, high, p if dancers > 1 else np.nan, dancers, runs)


UP, DOWN, UNSURE, ALONE = (
    difference(0.2, 0.01),
    difference(-0.2, 0.01),
    difference(0.1, 0.3),
    difference(0.2, dancers=1),
)
HALF = Estimate(0.5, 0.4, 0.6)
CLEAN_ROW = Transfer(CLEAN, HALF, HALF, None, Gain(difference(0.0)), None)


def row(family: str, total: DancerDifference, beyond: DancerDifference = UNSURE) -> Transfer:
    return Transfer(family, HALF, HALF, None, Gain(total, beyond), None)


def left_out(total: DancerDifference, beyond: DancerDifference, trained_on: DancerDifference = UP) -> str:
    noise = replace(row("noise", trained_on), without=HALF, gain_without=Gain(total, beyond))
    return transfer_sentences([CLEAN_ROW, noise, row(EVERYTHING, trained_on)])


def test_attention_helps_only_where_it_is_ahead_by_more_than_clean():
    nothing = {CLEAN: Gain(difference(0.0))} | dict.fromkeys(CONDITION_NAMES, Gain(difference(0.0), difference(0.0)))
    assert attention_sentences(nothing).startswith("No help of attention against any condition is shown.")
    ahead, behind = Gain(UP, difference(0.1, 0.03)), Gain(DOWN, difference(-0.2))
    gains = {**nothing, "rain": ahead, "backlight": behind}
    told = attention_sentences(gains)
    assert told.startswith("In these runs attention helps against rain effect")
    assert "corrected for 14 tests (Holm), it is shown ahead in 1 (rain effect) and behind in 1 (backlight" in told
    assert "rests on 4 dancers" in told and "too narrow" in told
    for unsure in (Gain(ahead.total, difference(0.1, 0.3)), Gain(difference(0.2, 0.06), ahead.beyond_clean)):
        assert attention_sentences({**gains, "rain": unsure}).startswith("No help of attention")
    assert "nothing can be said" in attention_sentences({})
    one = dict.fromkeys((CLEAN, "rain"), Gain(ALONE, ALONE))
    assert "cannot be told from one dancer" in attention_sentences(one)


NOTHING_THERE = "Even trained on, this family gains nothing that is shown, so there was nothing to carry over."
NOT_CARRIED = "What training on this family gives is not shown to carry over from the others."


@pytest.mark.parametrize(
    ("total", "beyond", "trained_on", "told"),
    [
        (UP, UP, UP, "Robustness carries over to this family, which was never trained on: what it gains here less"),
        (UP, UNSURE, UP, "not shown to be so by more than on clean footage (what it gains here less"),
        (UNSURE, UP, UP, "It loses less here than on clean footage, but is not better than without such training ("),
        (UNSURE, UP, UP, NOT_CARRIED),
        (UNSURE, UP, UNSURE, "It loses less here than on clean footage, but is not better"),
        (UNSURE, UP, UNSURE, NOTHING_THERE),
        (DOWN, UP, UNSURE, "It loses less here than on clean footage, but is not better"),
        (DOWN, UNSURE, UP, "Training against the other families makes this one worse ("),
        (DOWN, UNSURE, DOWN, NOTHING_THERE),
        (UNSURE, UNSURE, UP, "No gain is shown ("),
        (UNSURE, UNSURE, UP, NOT_CARRIED),
        (UNSURE, UNSURE, UNSURE, NOTHING_THERE),
        (ALONE, ALONE, ALONE, "Whether robustness carries over to this family cannot be told from one dancer: no test"),
    ],
)
def test_what_carries_over_is_said_whichever_way_it_comes_out(total, beyond, trained_on, told):
    text = left_out(total, beyond, trained_on)
    assert told in text and "from so few" not in text
    for other in {NOTHING_THERE, NOT_CARRIED, "Robustness carries over"} - {told}:
        assert not (told in (NOTHING_THERE, NOT_CARRIED) and other in text)


def test_what_training_gives_back_is_said_before_what_carries_over():
    text = left_out(UNSURE, UNSURE)
    assert text.index("In the mean of all conditions it was trained against") < text.index("Noise, left out")
    assert "with noise trained on (20.0 [10.0, 30.0] points)" in text


@pytest.mark.parametrize(
    ("total", "beyond", "told"),
    [
        (UP, UP, "this gives accuracy back: 20.0 [10.0, 30.0] points, 20.0 [10.0, 30.0] less what it does to clean "
                 "footage, which is shown to be above zero."),
        (DOWN, DOWN, "this costs accuracy: -20.0 [-30.0, -10.0] points, -20.0 [-30.0, -10.0] less what it does to "
                     "clean footage, which is shown to be below zero."),
        (UNSURE, UNSURE, "this gives nothing back that is shown: 10.0 [0.0, 20.0] points, 10.0 [0.0, 20.0] less what "
                         "it does to clean footage, which is not shown to differ from zero."),
    ],
)  # fmt: skip
def test_the_mean_gain_is_put_into_words(total, beyond, told):
    assert told in transfer_sentences([CLEAN_ROW, row("noise", UNSURE), row(EVERYTHING, total, beyond)])


def test_each_familys_gain_is_put_into_words():
    families = [row("compression", UP), row("noise", DOWN), row("blur", UNSURE, UP), row("light", UNSURE)]
    text = transfer_sentences([CLEAN_ROW, *families, row(EVERYTHING, UNSURE)])
    assert "A gain is shown on compression (20.0 [10.0, 30.0] points)." in text
    assert "A loss is shown on noise (-20.0 [-30.0, -10.0] points)." in text
    assert (
        "Neither a gain nor a loss is shown on blur (10.0 [0.0, 20.0] points), light (10.0 [0.0, 20.0] points)." in text
    )
    assert "Less is lost than on clean footage, though nothing is gained, on blur." in text
    assert "corrected for 4 tests (Holm)" in text
    alone = transfer_sentences([replace(CLEAN_ROW, gain_all=Gain(ALONE)), row("noise", ALONE, ALONE)])
    assert "What it gives back cannot be told from one dancer" in alone and "noise 20.0" in alone
    assert transfer_sentences([]) == ""


def test_what_stands_behind_a_side_is_said():
    several = replace(CLEAN_ROW, gain_all=Gain(difference(0.0, runs=3)))
    assert "Each side is one short training run:" in transfer_sentences([CLEAN_ROW])
    assert "Each side is the mean of 3 short training runs, one a fold:" in transfer_sentences([several])
