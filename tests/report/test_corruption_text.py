"""Sentences and advice on corrupted footage: what is significant, what is not, what cannot be said."""

import numpy as np
import pandas as pd
import pytest

from dance_tf.corruption.conditions import CONDITION_NAMES, CONDITIONS
from dance_tf.evaluation.intervals import DancerDifference
from dance_tf.experiments.conditions import CLEAN, paper_corruptions
from dance_tf.experiments.corruption import EVERYTHING, HIGHER, LOWER, NOT_SIGNIFICANT, TOO_FEW, difference_rows
from dance_tf.report.corruption_text import (
    FILMING_ADVICE,
    advice_table,
    attention_text,
    clips_text,
    headline,
    paper_text,
    transfer_text,
)

P = {HIGHER: 0.001, LOWER: 0.001, NOT_SIGNIFICANT: 0.5, TOO_FEW: 0.5}


def score_rows(drops, unchanged=(), clean=0.9, half=0.05):
    """Return rows of `condition_scores`, accuracy by frame, from drops by condition or (condition, severity)."""
    rows = [{"condition": CLEAN, "severity": 0.0, "changed": True, "mean": clean, "drop": np.nan}]
    for key, drop in drops.items():
        name, severity = key if isinstance(key, tuple) else (key, CONDITIONS[CONDITION_NAMES.index(key)].severity)
        rows.append({"condition": name, "severity": severity, "changed": name not in unchanged, "drop": drop})
    table = pd.DataFrame(rows).assign(unit="frame", metric="accuracy", name="network", runs=1)
    table["mean"] = clean - table["drop"].fillna(0.0)
    bounds = {"low": table["mean"] - half, "high": table["mean"] + half}
    return table.assign(**bounds, drop_low=table["drop"] - half, drop_high=table["drop"] + half)


MEANS = pd.DataFrame({"summary": ["mpc", "rpc"], "mean": [0.6, 0.67], "low": [0.5, 0.57], "high": [0.7, 0.77]})
MEANS = MEANS.assign(unit="frame", metric="accuracy")


def clip_rows(dancers=10, short_side=1080, unknown=(), refused=None):
    """Return rows of `describe_corrupted`, one clip a dancer."""
    rows = [{"clip": f"c{i}", "dancer": f"d{i}", **each.level} for i in range(dancers) for each in paper_corruptions()]
    table = pd.DataFrame(rows).assign(style="Tok", short_side=short_side, reason="")
    table["background_valid"] = (~table["condition"].isin(unknown)).astype(int)
    return pd.concat([table, *(table[:1].assign(clip=clip, reason=reason) for clip, reason in (refused or {}).items())])


def test_the_headline_names_a_loss_only_if_its_interval_excludes_zero():
    text = headline(score_rows({"rain": 0.2, "backlight": 0.3}), MEANS, 0.5, "synthetic")
    assert "(synthetic)" in text and "90.0 [85.0, 95.0] % accuracy on clean clips" in text
    assert "on average over 2 conditions, 67 % of the clean accuracy" in text
    assert text.endswith("The largest loss is 30.0 [25.0, 35.0] points (backlight (strong)).")
    for uncertain in (score_rows({"rain": 0.02}), score_rows({"rain": 0.2}, half=np.nan)):
        assert "largest loss" not in headline(uncertain, MEANS, 0.5, "synthetic")
    assert "of the clean accuracy" not in headline(score_rows({"rain": 0.2}), MEANS, 0.9, "synthetic")
    assert headline(score_rows({"rain": 0.0}, ["rain"]), MEANS, 0.5, "x").endswith("No condition changed the clips.")


def test_the_text_says_what_was_tested_and_what_cannot_be_said():
    scores = score_rows({"rain": 0.3, "low_resolution": 0.0}, ["low_resolution"])
    text = clips_text(scores, clip_rows(short_side=270, refused={"c": "the decoder crashed"}))
    assert text.startswith("Tested on 10 held-out clips of 10 dancers. 1 held-out clip could not be corrupted")
    assert "c (the decoder crashed)" in text and "1 of 2 conditions changed the clips." in text
    assert "The others (low resolution (360p)) did not change them (short side: 270 pixels)" in text
    assert "A test needs" not in text and "too narrow" not in text and "360p does not change" not in text
    assert "With one dancer there is no interval. A test needs at least 8 dancers" in clips_text(scores, clip_rows(1))
    assert "too narrow. A test needs at least 8 dancers" in clips_text(scores, clip_rows(4))
    small = clips_text(score_rows({"low_resolution": 0.0}), clip_rows(short_side=270))
    assert "360p does not change 10 clips with a short side of at most 360 pixels." in small
    blind = clips_text(scores, clip_rows(unknown=["rain"]))
    assert "Under rain effect, no background could be estimated for 100 % of the clips." in blind
    assert "no background" not in clips_text(score_rows({"rain": 0.0}), clip_rows(unknown=["rain"]))


def difference(mean, result=NOT_SIGNIFICANT, half=0.05):
    dancers = 4 if result == TOO_FEW else 20
    mean = -abs(mean) if result == LOWER else mean
    return DancerDifference(mean, mean - half, mean + half, P[result], dancers, 1)


def differences_of(found, label="condition"):
    """Return `difference_rows` without the correction, so that results are those that were asked for."""
    parts = [difference_rows({name: each}, label) for name, each in found.items()]
    return pd.concat(parts, ignore_index=True)


def test_losses_are_compared_with_the_papers_as_shares_of_the_clean_accuracy():
    # the paper loses 6.8 % of its accuracy to heavy fog, 3.4 % to severe noise and 3.1 % to rain
    lost = {
        "heavy_fog": DancerDifference(0.14, 0.07, 0.2, 0.01, 10),
        "severe_noise": DancerDifference(0.01, -0.01, 0.03, 0.01, 10),
        "rain": DancerDifference(0.1, 0.02, 0.2, 0.01, 10),
    }
    scores = score_rows({name: each.mean for name, each in lost.items()}, clean=1.0)
    text = paper_text(scores, differences_of(lost), 0.5)
    assert "(100 % here, 97 % in the paper), 1 of 3 losses are larger than the paper's (heavy fog/haze)" in text
    assert "1 are smaller (severe Gaussian noise)" in text and "rank correlation" in text
    untested = differences_of(dict.fromkeys(lost, DancerDifference(0.2, np.nan, np.nan, np.nan, 1)))
    assert paper_text(scores, untested, 0.5) == "The paper calls its values simulated and estimated. Ours are measured."
    assert "share" not in paper_text(score_rows({"rain": 0.1}, clean=0.5), differences_of(lost), 0.5)


def gain_rows(total, beyond, label="condition", **fields):
    kinds = {"total": total, "beyond clean": beyond}
    both = [differences_of(found, label).assign(kind=kind) for kind, found in kinds.items()]
    return pd.concat(both, ignore_index=True).assign(**fields)


def test_attention_is_more_robust_only_if_both_gains_are_significant():
    total = {CLEAN: difference(0.02), "rain": difference(0.2, HIGHER), "heavy_fog": difference(0.2, HIGHER)}
    total["low_light"] = difference(0.2, LOWER)
    beyond = {"rain": difference(0.2, HIGHER), "heavy_fog": difference(0.1), "low_light": difference(0.2, LOWER)}
    text = attention_text(gain_rows(total, beyond))
    assert "significantly higher under 2 of 3 conditions (rain effect, heavy fog/haze)" in text
    assert "significantly lower under 1 (low light)" in text
    assert "Under 1 condition (rain effect) the gain is also" in text
    assert "corrected for 3 tests (Holm)" in text and "one short run" in text
    rain = {"rain": difference(0.2, TOO_FEW)}
    few = gain_rows({CLEAN: difference(0.1, TOO_FEW), **rain}, rain)
    assert "4 dancers are too few for a test" in attention_text(few)
    assert "1 dancer is too few" in attention_text(few.assign(dancers=1))
    assert "no comparison" in attention_text(few[:0])


def transferred(total, beyond, trained, clean=NOT_SIGNIFICANT):
    """Return the text for the family noise, left out of training once."""
    found = {CLEAN: difference(0.02, clean), "noise": difference(0.2, trained)}
    parts = [
        gain_rows(found, {"noise": difference(0.2, trained)}, "family", training="all"),
        gain_rows({EVERYTHING: difference(0.2, trained)}, {EVERYTHING: difference(0.2)}, "family", training="all"),
        gain_rows({"noise": difference(0.1, total)}, {"noise": difference(0.1, beyond)}, "family", training="all but"),
    ]
    families = [(CLEAN, "none"), (CLEAN, "all"), ("noise", "none"), ("noise", "all"), ("noise", "all but")]
    accuracies = pd.DataFrame(families, columns=["family", "training"]).assign(mean=0.5, low=0.4, high=0.6, runs=1)
    return transfer_text(accuracies, pd.concat(parts, ignore_index=True))


@pytest.mark.parametrize(
    ("total", "beyond", "trained", "said"),
    [
        (HIGHER, HIGHER, HIGHER, "Robustness transfers to this family."),
        (HIGHER, NOT_SIGNIFICANT, HIGHER, "The gain from training with this family does not transfer significantly."),
        (NOT_SIGNIFICANT, HIGHER, HIGHER, "does not transfer significantly."),
        (NOT_SIGNIFICANT, NOT_SIGNIFICANT, NOT_SIGNIFICANT, "so there is nothing to transfer."),
        (LOWER, LOWER, LOWER, "so there is nothing to transfer."),
    ],
)
def test_robustness_transfers_only_if_both_gains_are_significant(total, beyond, trained, said):
    text = transferred(total, beyond, trained)
    assert said in text and text.count("transfer") == 1
    assert "By family: noise" in text and "Tests: paired t-test over dancers at 5 %" in text


def test_too_few_dancers_say_nothing_about_training():
    text = transferred(TOO_FEW, TOO_FEW, TOO_FEW, TOO_FEW)
    assert text.endswith("4 dancers are too few for a test, so no conclusion about robustness is possible.")
    assert "transfer" not in text


def test_every_condition_belongs_to_one_piece_of_advice():
    assert sorted(name for conditions, *_ in FILMING_ADVICE for name in conditions) == sorted(CONDITION_NAMES)


def test_advice_is_sorted_by_loss_and_prefers_significant_levels():
    found = {"rain": difference(0.2, HIGHER), "mild_fog": difference(0.18, HIGHER)}
    lost = differences_of({**found, "heavy_fog": difference(0.34, half=0.4), "low_light": difference(0.03)})
    drops = lost.set_index("condition")["mean"].to_dict()
    scores = score_rows({**drops, "low_resolution": 0.0}, ["low_resolution"])
    # noise: no loss at severity 1, 0.2 at 2, so 0.1 at 1.5, which is sigma 7.5
    curves = {("severe_noise", 1.0): 0.0, ("severe_noise", 2.0): 0.2, ("heavy_fog", 5.0): 0.05}
    table = advice_table(scores, lost, score_rows(curves))
    assert list(table["condition"]) == ["Rain effect", "Mild fog/haze", "Low light", "–"]
    assert list(table["result"]) == ["significant loss"] * 2 + ["not significant", "no effect on these clips"]
    assert table.loc[2, "not simulated"].startswith("only gray levels") and table.loc[0, "not simulated"] == "–"
    lost = differences_of({"severe_noise": difference(0.2, HIGHER)})
    table = advice_table(score_rows({"severe_noise": 0.2}), lost, score_rows(curves))
    assert table.loc[0, "10 points lost from"] == "severity 1.5 (sigma 7.5 gray levels)"
    lines = {("low_resolution", 2.0): 0.0, ("low_resolution", 5.0): 0.2}
    lost = differences_of({"low_resolution": difference(0.2)})
    table = advice_table(score_rows({"low_resolution": 0.2}), lost, score_rows(lines))
    pixels = 1 / np.interp(3.5, (3, 4), (1 / 360, 1 / 240))
    assert table.loc[0, "10 points lost from"] == f"severity 3.5 ({pixels:.0f} pixels)"
