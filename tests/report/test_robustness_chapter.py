"""Table 5 as it is printed, what is said of it, and the advice drawn from it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dance_tf.evaluation.robustness import Robustness
from dance_tf.experiments.corruption_suite import RobustnessFindings, Transfer
from dance_tf.report.robustness_chapter import robustness_chapter
from dance_tf.report.robustness_pages import robustness_pictures, robustness_tables, sheet_figure
from dance_tf.report.robustness_tables import (
    condition_rows,
    curve_rows,
    drop_rows,
    gain_table,
    parameter_table,
    row_name,
    strategies_above_chance,
    strategy_table,
    table_5,
    transfer_table,
)

from dance_tf.corruption.conditions import CONDITION_NAMES, CONDITIONS
from dance_tf.evaluation.intervals import DancerDifference, Estimate
from dance_tf.evaluation.predictions import Predictions
from dance_tf.experiments.conditions import CLEAN, Disturbance, paper_disturbances
from dance_tf.experiments.corrupted_clips import HeldOutClip
from dance_tf.experiments.corruption import Gain, assess_verdicts, compare_losses
from dance_tf.report.section import titles_of
from dance_tf.report.tables import to_markdown

STYLES = ("Tok", "TDS")
DANCERS = tuple(f"d{i}" for i in range(10))
SHEET = {Disturbance(CLEAN): np.zeros((8, 6), np.uint8), Disturbance("rain", 3): np.ones((8, 6), np.uint8)}
RIGHT = {CLEAN: 10, "backlight": 2, "heavy_fog": 6, "severe_noise": 9}  # clips right of ten; all others as clean


def verdict(right: int) -> Predictions:
    """Ten dancers, one clip each; the first `right` are recognised."""
    labels = np.arange(10) % 2
    predicted = np.where(np.arange(10) < right, labels, 1 - labels)
    ids = tuple(f"{name}/clip" for name in DANCERS)
    return Predictions(np.eye(2)[predicted], labels, np.arange(10), DANCERS, STYLES, ids)


def judged(right: dict[str, int], disturbances=None) -> dict[Disturbance, Predictions]:
    return {each: verdict(right.get(each.condition, 10)) for each in disturbances or paper_disturbances()}


def assessed(right: dict[str, int], disturbances=None, unchanged=()) -> Robustness:
    verdicts = judged(right, disturbances)
    return assess_verdicts([verdicts], list(verdicts), 200, unchanged=unchanged)


def losses(right: dict[str, int], disturbances=None) -> dict[str, DancerDifference]:
    verdicts = judged(right, disturbances)
    return compare_losses([verdicts], list(verdicts))


def estimate(mean: float, low: float, high: float) -> Estimate:
    return Estimate(mean, low, high)


def difference(mean: float, p: float = 0.5, dancers: int = 4, runs: int = 1) -> DancerDifference:
    low, high = (mean - 0.1, mean + 0.1) if dancers > 1 else (np.nan, np.nan)
    return DancerDifference(mean, low, high, p if dancers > 1 else np.nan, dancers, runs)


NO_GAIN = Gain(difference(0.0), difference(0.0))


@pytest.fixture(scope="module")
def findings() -> RobustnessFindings:
    severities = [Disturbance(CLEAN), Disturbance("low_resolution", 4), Disturbance("low_light", 1)]
    gains = {CLEAN: Gain(difference(0.0))} | dict.fromkeys(CONDITION_NAMES, NO_GAIN)
    carried = Gain(difference(0.2, 0.01), difference(0.1, 0.02))
    noise = Transfer("noise", *[estimate(0.5, 0.4, 0.6)] * 3, NO_GAIN, carried)
    clean = replace(noise, family=CLEAN, without=None, gain_all=Gain(difference(0.0)), gain_without=None)
    return RobustnessFindings(
        main=assessed(RIGHT),
        curves=assessed({"low_resolution": 8, "low_light": 9}, severities),
        strategies={"CNN": assessed({"rain": 5}), "ResNet": assessed({CLEAN: 8})},
        losses=losses(RIGHT),
        attention_gains=gains,
        transfers=[clean, noise],
        compression=pd.DataFrame({"CRF": [38.0], "PSNR (dB)": [34.0], "kbit/s": [26.0], "clips": [4]}),
        unknown={CLEAN: 0.0, "severe_motion_blur": 0.25},
        clips=[HeldOutClip("a", Path("a.mp4"), "0", (0.0,), 270), HeldOutClip("b", Path("b.mp4"), "1", (0.0,), 1080)],
        dancers=4,
        chance=0.5,
        seeds=3,
        source="synthetic",
    )


@pytest.fixture(scope="module")
def small(findings) -> RobustnessFindings:
    """The same on clips of 270 lines, which 360 lines leave as they are."""
    curves = [Disturbance(CLEAN), Disturbance("low_resolution", 2), Disturbance("low_resolution", 4)]
    idle = {("low_resolution", 3.0), ("low_resolution", 2.0)}
    tried = [each for each in paper_disturbances() if each.level not in idle]
    return replace(
        findings,
        main=assessed(RIGHT, unchanged=idle),
        curves=assessed({"low_resolution": 8}, curves, idle),
        strategies={"CNN": assessed({"rain": 5}, unchanged=idle)},
        losses=losses(RIGHT, tried),
        clips=[findings.clips[0]] * 3,
    )


def test_every_condition_has_its_row_in_the_paper():
    names = [row_name(condition.name) for condition in CONDITIONS]
    assert len(set(names)) == 14
    table = table_5(assessed(RIGHT), {CLEAN: 0.5}, None).set_index("condition")
    assert list(table.index) == ["Baseline (optimal)", *names]
    assert table["paper: accuracy (%)"].notna().all()


def test_table_5_holds_ours_beside_the_papers(findings):
    table = table_5(findings.main, findings.unknown, findings.finer).set_index("condition")
    fog = table.loc["Heavy fog/haze"]
    assert fog["accuracy by frame (%)"].startswith("60.0 [")
    assert fog["lost by frame (points)"].startswith("40.0 [")
    assert fog["paper: lost (points)"] == pytest.approx(97.14 - 90.51)
    assert fog["worst dancer (clips right)"] == "d6: 0 %, clean 100 %"
    assert fog["dancer who loses most"] == "d6 (100 to 0 % of clips right)"
    assert fog["style that loses most"] == "Tok (100 to 60 % of clips right)"
    assert table.loc["Severe motion blur", "room not told (% of clips)"] == 25
    assert table.loc["Low resolution (240 lines)", "lost by frame (points)"].startswith("20.0 [")
    assert table.loc["Baseline (optimal)", "lost by frame (points)"] == "–"
    assert "Heavy fog/haze" in to_markdown(table.reset_index())


def test_rows_for_the_figures(findings):
    drops = drop_rows(findings.main).set_index("condition")
    assert drops.loc["Backlight (strong)", "drop"] == pytest.approx(80)
    assert drops.loc["Backlight (strong)", "paper"] == pytest.approx(0.0565)
    curves = curve_rows(findings.curves)
    assert list(curves["condition"]) == ["clean", "low resolution", "low light"]
    names = [("severe_noise", 2), ("mild_noise", 2), ("heavy_fog", 1)]
    by_effect = curve_rows(assessed({}, [Disturbance(CLEAN), *(Disturbance(*each) for each in names)]))
    assert list(by_effect["condition"]) == ["clean", "noise", "fog"]
    heat = condition_rows(findings.strategies).set_index(["name", "condition"])["mean"]
    assert heat["CNN", "Rain effect"] == pytest.approx(0.5) and heat["ResNet", "clean"] == pytest.approx(0.8)
    assert len(heat) == 2 * 15


def test_every_parameter_is_printed_with_its_digits():
    table = parameter_table()
    lines = table[table["parameter"] == "short side"].iloc[0]
    assert [lines[f"severity_{level}"] for level in range(1, 6)] == ["720", "480", "360", "240", "144"]
    assert lines["paper_value"] == "360"
    scatter = table[(table["parameter"] == "scatter") & (table["condition"] == "Mild fog/haze")].iloc[0]
    assert scatter["severity_1"] == "0.001"
    effects = {condition.effect: condition.constants for condition in CONDITIONS}
    constants = sum(map(len, effects.values()))
    assert len(table) == sum(len(condition.parameters) for condition in CONDITIONS) + constants
    drift = table[table["parameter"] == "drift"].iloc[0]
    assert drift["condition"] == "Mild fog/haze, Heavy fog/haze" and drift["paper_value"] == "0.1 to 0.25"
    assert drift["severity_1"] == drift["severity_5"] == drift["paper_severity"] == "–"
    for needed in ("pace", "breadth", "reach", "tilt", "lamp's distance", "magnification", "focus", "patchiness"):
        assert needed in set(table["parameter"]), needed
    assert "sway frequency" in set(table["parameter"]) and "power of sizes" in set(table["parameter"])


def test_gains_are_printed_with_their_tests(findings):
    shown = Gain(difference(0.2, 0.0004), difference(0.1, 0.03))
    row = gain_table({CLEAN: Gain(difference(0.0)), "rain": shown}).set_index("condition").loc["Rain effect"]
    assert list(row) == ["20.0 [10.0, 30.0]", "< 0.001", "10.0 [0.0, 20.0]", "0.030"]
    noise = transfer_table(findings.transfers).set_index("tested on").loc["noise"]
    assert noise["p of gain without it"] == "0.010" and noise["beyond clean (points)"].startswith("10.0 [")


def test_a_share_of_a_guess_is_not_printed(findings):
    by_strategy = {"good": assessed({"rain": 5}), "guess": assessed({CLEAN: 6})}
    table = strategy_table(by_strategy, 0.5).set_index("strategy")
    assert table.loc["good", "rPC, by frame (%)"] != "–" and table.loc["good", "rPC, by clip (%)"] != "–"
    assert table.loc["guess", "rPC, by frame (%)"] == "–" and table.loc["guess", "rPC, by clip (%)"] == "–"
    assert table.loc["guess", "mPC, by frame (%)"] != "–"
    caption = robustness_tables(findings, "1 run each")[1].caption
    assert "No rPC where the clean interval reaches chance (50.0 %)" in caption
    weak = replace(findings, main=assessed({CLEAN: 6}))
    assert "% of it" in robustness_chapter(findings).headline and "% of it" not in robustness_chapter(weak).headline


def test_a_condition_that_changed_no_clip_was_not_tried(small):
    chapter = robustness_chapter(small)
    assert (
        f"{100 * (10 * 13 - 8 - 4 - 1) / 130:.1f}" in chapter.headline and "mean of 13 conditions" in chapter.headline
    )
    assert "13 of 14 conditions changed the clips; low resolution (360p) leaves these clips" in chapter.text
    assert "have 270 pixels, as they are" in chapter.text and "At 240 lines the loss is 20.0" in chapter.text
    assert "of 13 conditions clearly cost more" in chapter.text and "cannot harm" not in chapter.text
    row = table_5(small.main, {}).set_index("condition").loc["Low resolution (360p): clips unchanged"]
    assert row["lost by frame (points)"] == "–" and row["accuracy by frame (%)"].startswith("100.0")
    assert (row[["worst dancer (clips right)", "worst style (clips right)"]] == "–").all()
    assert (row[["dancer who loses most", "style that loses most"]] == "–").all()
    assert "Low resolution (360p)" not in set(drop_rows(small.main)["condition"])
    assert len(condition_rows(small.strategies)) == 14
    conditions = chapter.metrics["robustness"]["proposed"]["conditions"]
    assert not conditions["low_resolution@3"]["changed"] and conditions["rain@3"]["changed"]
    tables = {table.name: table.caption for table in robustness_tables(small, "1 run each")}
    assert "Low resolution (360p): clips unchanged, so not tried" in tables["t5_robustness"]
    captions = {each.name: each.caption for each in robustness_pictures(small, sheet_figure(SHEET, "synthetic"), "1")}
    assert "Hollow: clips unchanged, at low resolution 2." in captions["severity_curves"]


def test_losses_are_held_against_the_papers_as_shares_of_the_clean_accuracy(findings):
    clean = findings.main.clean.frame.accuracy.mean
    assert clean == 1.0

    def loss(low: float, high: float) -> DancerDifference:
        return DancerDifference((low + high) / 2, low, high, 0.01, 4)

    # the paper loses 6.8 % of its accuracy to heavy fog, 3.4 % to severe noise and 3.1 % to rain
    measured = {"heavy_fog": loss(0.07, 0.2), "severe_noise": loss(-0.01, 0.03), "rain": loss(0.02, 0.2)}
    text = robustness_chapter(replace(findings, losses=measured)).text
    assert "1 of 14 conditions clearly cost more than it says (heavy fog/haze) and 1 clearly less (severe Gauss" in text
    assert "100 % here and 97 % there" in text
    untested = dict.fromkeys(measured, DancerDifference(0.2, np.nan, np.nan, np.nan, 1))
    assert "clearly" not in robustness_chapter(replace(findings, losses=untested)).text


def test_the_chapter_says_whom_it_hits_and_why_the_room_is_part_of_it(findings):
    unknown = {CLEAN: 0.01, "backlight": 0.9, "rain": 0.2}
    text = robustness_chapter(replace(findings, unknown=unknown)).text
    most = (
        "Under backlight (strong), most clips are lost by dancer d2 (100 to 0 % of clips right) and style Tok (100 to"
    )
    assert most in text and "The largest loss" not in text
    spared = assessed({CLEAN: 5, "backlight": 5})
    assert "most clips are lost" not in robustness_chapter(replace(findings, main=spared)).text
    assert (table_5(spared, {})["dancer who loses most"] == "–").all()
    assert "For 90.0 % of the clips under backlight (strong) (1.0 % when clean) the still room cannot be told" in text
    assert "the likely cause of most of the 80.0 [60.0, 100.0] points that are lost." in text
    assert "under rain effect" not in text
    assert "cannot be told" not in robustness_chapter(findings).text.split("### ")[0]
    assert "the picture of a camera that shakes moves as well" in text


def test_a_row_at_chance_does_not_take_the_heat_maps_colours(findings):
    weak = {"CNN": assessed({"rain": 5}), "guess": assessed({CLEAN: 5})}
    shown, at_chance = strategies_above_chance(weak, 0.5)
    assert (list(shown), at_chance) == (["CNN"], ["guess"])
    assert strategies_above_chance({"guess": weak["guess"]}, 0.5) == ({"guess": weak["guess"]}, [])
    sheet = sheet_figure(SHEET, "synthetic")
    heat = robustness_pictures(replace(findings, strategies=weak), sheet, "1 run each")[3]
    assert "Left out, at chance (50.0 %): guess." in heat.caption
    assert [label.get_text() for label in heat.figure.axes[0].get_yticklabels()] == ["CNN"]


def test_a_panel_that_shows_the_clean_picture_says_so():
    same = {**SHEET, Disturbance("dropped_frames", 3): np.zeros((8, 6), np.uint8)}
    titles = titles_of(sheet_figure(same, "synthetic"))
    assert "Frame drop (20%):\nunchanged" in titles and "Rain effect" in titles and "Clean" in titles


def test_the_chapter_says_what_was_measured(findings):
    chapter = robustness_chapter(findings)
    mean = (10 * 14 - 8 - 4 - 1) / 140
    assert f"{100 * mean:.1f}" in chapter.headline and "most is lost to backlight (strong)" in chapter.headline
    assert "that holds for 1 of 2 clips here (short sides of 270, 1080 pixels)" in chapter.text
    assert "At 240 lines the loss is 20.0" in chapter.text
    branch = chapter.metrics["robustness"]
    assert branch["proposed"]["conditions"]["heavy_fog@4"]["drop"]["frame"]["accuracy"]["mean"] == pytest.approx(0.4)
    assert branch["proposed"]["frame"]["mpc"]["accuracy"]["mean"] == pytest.approx(mean)
    assert branch["strategies"]["CNN"]["accuracy"]["rain"]["mean"] == pytest.approx(0.5)
    assert branch["compression"]["crf_38"]["PSNR (dB)"] == 34
    assert (branch["clips"], branch["dancers"], branch["seeds"], branch["refused"]) == (2, 4, 3, {})
    assert branch["losses"]["backlight"]["mean"] == pytest.approx(0.8)
    assert "14 of 14 conditions changed the clips." in chapter.text
    refused = replace(findings, refused={"c": "the decoder crashed (SIGSEGV)"})
    assert "1 held-out clip(s) could not be degraded" in robustness_chapter(refused).text
    assert "c (the decoder crashed (SIGSEGV))" in robustness_chapter(refused).text


def test_tables_and_figures_name_what_stands_behind_them(findings):
    tables = robustness_tables(findings, "1 run each")
    assert [table.name for table in tables][0] == "t5_robustness"
    assert all(table.caption for table in tables)
    assert "3 seed(s)" in tables[0].caption and "1 run each" in tables[2].caption and "1 run each" in tables[3].caption
    assert all("over 4 dancers (too narrow" in tables[number].caption for number in (0, 1, 3))
    assert all("t intervals over 4 dancer(s)" in tables[number].caption for number in (2, 3))
    sheet = sheet_figure(SHEET, "synthetic")
    assert "Rain effect" in titles_of(sheet)
    for picture in robustness_pictures(findings, sheet, "1 run each"):
        assert any("synthetic" in title for title in titles_of(picture.figure))
        assert "4 dancer" in picture.caption or picture.name == "degradation_sheet"
    alone = robustness_tables(replace(findings, dancers=1), "1 run each")
    assert "no intervals: one dancer" in alone[0].caption
