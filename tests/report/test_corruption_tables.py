"""Table 5 and its neighbours as printed, rows for the figures, and the branch of metrics.json."""

import json

import numpy as np
import pandas as pd
import pytest

from dance_tf.corruption.conditions import CONDITIONS
from dance_tf.experiments.conditions import CLEAN, FINER, Corruption, paper_corruptions
from dance_tf.experiments.corruption import (
    augmentation_transfer,
    condition_scores,
    corruption_means,
    gains,
    hardest_groups,
    losses,
)
from dance_tf.report import corruption_tables as tables

STYLES = ["Tok", "TDS"]
RIGHT = {CLEAN: 10, "backlight": 2, "heavy_fog": 6, "severe_noise": 9}  # correct clips of ten; all others like clean


def judge(right, corruptions=(), name="network", unchanged=()):
    """Return rows of `judge_corrupted`: ten dancers with one clip each, of which the first are recognised."""
    rows = []
    for each in corruptions or paper_corruptions():
        changed = (each.condition, each.severity) not in unchanged
        for i in range(10):
            place = i % 2 if i < right.get(each.condition, right[CLEAN]) else 1 - i % 2
            found = {"predicted": STYLES[place], "counts": ["1 0", "0 1"][place], "changed": changed}
            rows.append({"clip": f"d{i}/clip", "dancer": f"d{i}", "style": STYLES[i % 2], **each.level, **found})
    table = pd.DataFrame(rows).assign(run=name, name=name)
    return table.astype(dict.fromkeys(("style", "predicted"), pd.CategoricalDtype(STYLES)))


def describe(corruptions=(), background_invalid=(), refused=None):
    """Return rows of `describe_corrupted` for these clips."""
    rows = [
        {"clip": f"d{i}/clip", "dancer": f"d{i}", "style": STYLES[i % 2], **each.level}
        for i in range(10)
        for each in corruptions or paper_corruptions()
    ]
    table = pd.DataFrame(rows).assign(short_side=270, reason="", changed=1)
    table["background_valid"] = (~table["condition"].isin(background_invalid)).astype(int)
    return pd.concat([table, *(table[:1].assign(clip=clip, reason=reason) for clip, reason in (refused or {}).items())])


LEVELS = [Corruption(CLEAN), Corruption(*FINER), Corruption("low_light", 1), Corruption("low_light", 5)]
JUDGED = judge(RIGHT)
SCORES, HARDEST = condition_scores(JUDGED, 50), hardest_groups(JUDGED)
CURVES_JUDGED = judge({CLEAN: 10, "low_resolution": 8, "low_light": 9}, LEVELS)
CURVES = condition_scores(CURVES_JUDGED, 50)


def test_table_5_shows_ours_beside_the_papers():
    both = pd.concat([HARDEST, hardest_groups(CURVES_JUDGED)])
    table = tables.table_5(SCORES, both, describe(background_invalid=["severe_motion_blur"]), CURVES).set_index(
        "condition"
    )
    names = ["Baseline (optimal)", *(tables.row_name(condition.name) for condition in CONDITIONS)]
    assert list(table.index) == [*names, "Low resolution (240 lines)"] and len(set(names)) == 15
    assert table.loc[names, "paper: accuracy (%)"].notna().all()
    fog = table.loc["Heavy fog/haze"]
    assert fog["accuracy by frame (%)"].startswith("60.0 [") and fog["lost by frame (points)"].startswith("40.0 [")
    assert fog["paper: lost (points)"] == pytest.approx(97.14 - 90.51)
    assert fog["worst dancer (correct)"] == fog["dancer with the largest loss"] == "d6: 100 → 0 % of 1 clip"
    assert fog["style with the largest loss"] == "Tok: 100 → 60 % of 5 clips"
    assert table.loc["Rain effect", "dancer with the largest loss"] == "–"
    assert table.loc["Severe motion blur", "background unknown (% of clips)"] == 100
    assert table.loc["Low resolution (240 lines)", "lost by frame (points)"].startswith("20.0 [")
    assert table.loc["Baseline (optimal)", "lost by frame (points)"] == "–"


def test_a_condition_that_changed_no_clip_is_marked_and_left_out():
    same = judge(RIGHT, unchanged={("low_resolution", 3.0)})
    scores = condition_scores(same, 50)
    row = tables.table_5(scores, hardest_groups(same), describe(), CURVES[:0]).set_index("condition")
    row = row.loc["Low resolution (360p) (no effect on these clips)"]
    assert row["lost by frame (points)"] == row["worst style (correct)"] == "–"
    assert row["accuracy by frame (%)"].startswith("100.0")
    assert "Low resolution (360p)" not in set(tables.loss_rows(scores)["condition"])
    assert tables.strategy_rows(scores, 0.5)["condition"].nunique() == 14


def test_rows_for_the_figures():
    drops = tables.loss_rows(SCORES).set_index("condition")
    assert drops.loc["Backlight (strong)", "mean"] == pytest.approx(0.8)
    assert drops.loc["Backlight (strong)", "paper"] == pytest.approx(0.0565)
    assert list(tables.curve_rows(CURVES)["condition"]) == ["clean", "low resolution", "low light", "low light"]
    weak = pd.concat([SCORES, condition_scores(judge({CLEAN: 5}, name="guess"), 50)])
    assert set(tables.strategy_rows(weak, 0.5)["name"]) == {"network"}
    assert set(tables.strategy_rows(weak[weak["name"] == "guess"], 0.5)["name"]) == {"guess"}


def test_frames_of_the_sheet_are_named_and_marked():
    black, white = np.zeros((8, 6), np.uint8), np.ones((8, 6), np.uint8)
    frames = {Corruption(CLEAN): black, Corruption("rain", 3): white, Corruption("dropped_frames", 3): black}
    assert list(tables.named_frames(frames)) == ["Clean", "Rain effect", "Frame drop (20%)\n(no effect)"]


def test_parameters_are_printed_with_their_digits():
    table = tables.parameter_table()
    lines = table[table["parameter"] == "short side"].iloc[0]
    assert [lines[f"severity_{level}"] for level in range(1, 6)] == ["720", "480", "360", "240", "144"]
    constants = {condition.effect: len(condition.constants) for condition in CONDITIONS}
    assert len(table) == sum(len(condition.parameters) for condition in CONDITIONS) + sum(constants.values())
    drift = table[table["parameter"] == "drift"].iloc[0]
    assert drift["condition"] == "Mild fog/haze, Heavy fog/haze" and drift["paper_value"] == "0.1 to 0.25"
    assert drift["severity_1"] == drift["severity_5"] == drift["paper_severity"] == "–"


def test_the_relative_performance_of_a_guess_is_not_printed():
    table = pd.concat([JUDGED, judge({CLEAN: 6, "rain": 5}, name="guess")])
    shown = tables.strategy_table(condition_scores(table, 50), corruption_means(table, 50), 0.5).set_index("strategy")
    missing = shown[["rPC, by frame (%)", "rPC, by clip (%)"]].eq("–")
    assert not missing.loc["network"].any() and missing.loc["guess"].all()
    assert shown.loc["guess", "mPC, by frame (%)"] != "–"


def test_gains_are_printed_with_their_tests():
    found = gains(JUDGED, judge({**RIGHT, CLEAN: 9}))
    table = tables.gain_table(found).set_index("condition")
    assert table.loc["Baseline (optimal)", "gain minus clean gain (points)"] == "–"
    assert table.loc["Rain effect", "gain (points)"].startswith("10.0 [")
    assert table.loc["Rain effect", "gain minus clean gain (points)"].startswith("0.0 [")
    assert table.loc["Rain effect", "p of gain"] == "1.000"
    assert tables.gain_table(gains(JUDGED, JUDGED[:0])).empty


TRAINED = {"none": RIGHT, "all": {**RIGHT, "severe_noise": 10}, "all but noise": RIGHT}
TRANSFER = augmentation_transfer(pd.concat([judge(right, name=name) for name, right in TRAINED.items()]), 50)


def test_transfer_is_printed_by_family():
    table = tables.transfer_table(*TRANSFER).set_index("tested on")
    assert table.loc["noise", "gain (points)"].startswith("5.0 [")
    assert table.loc["noise", "gain without this family (points)"].startswith("0.0")
    assert table.loc["light", "trained without this family (%)"] == "–"
    assert table.loc["all families", "gain minus clean gain (points)"] == "–"


def test_metrics_are_plain_and_have_every_branch():
    clips = describe(paper_corruptions(2), refused={"c": "the decoder crashed"})
    lost, (accuracies, gained) = losses(JUDGED), TRANSFER
    found = dict(scores=SCORES, means=corruption_means(JUDGED, 50), severities=CURVES, hardest=HARDEST, losses=lost)
    found |= dict(attention_gain=gains(JUDGED, JUDGED), training_against=accuracies, training_gain=gained)
    branch = tables.corruption_metrics(clips, **found, compression=pd.DataFrame({"CRF": [38.0], "PSNR (dB)": [34.0]}))
    json.dumps(branch, default=lambda value: value.item())
    fog = branch["scores"]["network"]["heavy_fog"]["4.0"]["frame"]["accuracy"]
    assert fog["drop"] == pytest.approx(0.4) and fog["changed"] is True
    worst = branch["hardest"]["heavy_fog"]["4.0"]["worst"]["dancer"]
    assert (worst["member"], worst["accuracy"], worst["clean"], worst["clips"]) == ("d6", 0, 1, 1)
    assert branch["means"]["network"]["mpc"]["frame"]["accuracy"]["mean"] == pytest.approx((140 - 8 - 4 - 1) / 140)
    assert set(branch["severities"]) == {CLEAN, "low_resolution", "low_light"}
    assert branch["losses"]["backlight"]["p_holm"] == lost.set_index("condition").loc["backlight", "p_holm"]
    assert set(branch["attention_gain"][CLEAN]) == {"total"}
    assert branch["training_against"]["noise"]["all but"]["mean"] == pytest.approx(0.95)
    assert branch["training_gain"]["noise"]["all"]["total"]["mean"] == pytest.approx(0.05)
    assert branch["compression"]["38.0"]["PSNR (dB)"] == 34
    assert (branch["clips"], branch["dancers"], branch["seeds"]) == (10, 10, 2)
    assert branch["refused"] == {"c": "the decoder crashed"}
