"""Table 5 as it is printed, what is said of it, and the advice drawn from it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dance_tf.assessment.intervals import Estimate
from dance_tf.assessment.predictions import Predictions
from dance_tf.assessment.robustness import Robustness
from dance_tf.footage.degrade_conditions import CONDITION_NAMES, CONDITIONS
from dance_tf.paper.degradation_transfer import Transfer
from dance_tf.paper.degraded_clips import HeldOutClip
from dance_tf.paper.disturbances import CLEAN, Disturbance, paper_disturbances
from dance_tf.paper.robustness_runs import assess_verdicts
from dance_tf.paper.robustness_suite import RobustnessFindings
from dance_tf.report.filming_advice import HABITS, filming_advice
from dance_tf.report.robustness_chapter import attention_sentences, robustness_chapter, transfer_sentences
from dance_tf.report.robustness_pages import robustness_pictures, robustness_tables, sheet_figure
from dance_tf.report.robustness_tables import (
    curve_rows,
    drop_rows,
    parameter_table,
    row_name,
    strategy_accuracies,
    table_5,
)
from dance_tf.report.sections import titles_of
from dance_tf.report.tables import to_markdown

STYLES = ("Tok", "TDS")
DANCERS = tuple(f"d{i}" for i in range(10))
RIGHT = {CLEAN: 10, "backlight": 2, "heavy_fog": 6, "severe_noise": 9}  # clips right of ten; all others as clean


def verdict(right: int) -> Predictions:
    """Ten dancers, one clip each; the first `right` are recognised."""
    labels = np.arange(10) % 2
    predicted = np.where(np.arange(10) < right, labels, 1 - labels)
    ids = tuple(f"{name}/clip" for name in DANCERS)
    return Predictions(np.eye(2)[predicted], labels, np.arange(10), DANCERS, STYLES, ids)


def assessed(right: dict[str, int], disturbances=None) -> Robustness:
    disturbances = disturbances or paper_disturbances()
    return assess_verdicts([{each: verdict(right.get(each.condition, 10)) for each in disturbances}], disturbances, 200)


def estimate(mean: float, low: float, high: float) -> Estimate:
    return Estimate(mean, low, high)


@pytest.fixture(scope="module")
def findings() -> RobustnessFindings:
    severities = [Disturbance(CLEAN), Disturbance("low_resolution", 4), Disturbance("low_light", 1)]
    gains = {name: estimate(0.0, -0.1, 0.1) for name in (CLEAN, *CONDITION_NAMES)}
    transfer = Transfer("noise", *[estimate(0.5, 0.4, 0.6)] * 3, estimate(0.1, -0.1, 0.2), estimate(0.2, 0.1, 0.3))
    return RobustnessFindings(
        main=assessed(RIGHT),
        curves=assessed({"low_resolution": 8, "low_light": 9}, severities),
        strategies={"CNN": assessed({"rain": 5}), "ResNet": assessed({CLEAN: 8})},
        attention_gains=gains,
        transfers=[replace(transfer, family=CLEAN, without=None, gain_without=None), transfer],
        compression=pd.DataFrame({"CRF": [38.0], "PSNR (dB)": [34.0], "kbit/s": [26.0], "clips": [4]}),
        unknown={CLEAN: 0.0, "severe_motion_blur": 0.25},
        clips=[HeldOutClip("a", Path("a.mp4"), "0", (0.0,), 270), HeldOutClip("b", Path("b.mp4"), "1", (0.0,), 1080)],
        seeds=3,
        source="synthetic",
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
    assert table.loc["Severe motion blur", "room not told (% of clips)"] == 25
    assert table.loc["Low resolution (240 lines)", "lost by frame (points)"].startswith("20.0 [")
    assert table.loc["Baseline (optimal)", "lost by frame (points)"] == "–"
    assert "Heavy fog/haze" in to_markdown(table.reset_index())


def test_rows_for_the_figures(findings):
    drops = drop_rows(findings.main).set_index("condition")
    assert drops.loc["Backlight (strong)", "drop"] == pytest.approx(80)
    assert drops.loc["Backlight (strong)", "paper"] == pytest.approx(5.65)
    curves = curve_rows(findings.curves)
    assert list(curves["condition"]) == ["clean", "low resolution", "low light"]
    heat = strategy_accuracies(findings.strategies)
    assert heat.loc["CNN", "Rain effect"] == pytest.approx(50) and heat.loc["ResNet", "clean"] == pytest.approx(80)
    assert heat.shape == (2, 15)


def test_every_parameter_is_printed_with_its_digits():
    table = parameter_table()
    lines = table[table["parameter"] == "short side"].iloc[0]
    assert [lines[f"severity_{level}"] for level in range(1, 6)] == ["720", "480", "360", "240", "144"]
    assert lines["paper_value"] == "360"
    scatter = table[(table["parameter"] == "scatter") & (table["condition"] == "Mild fog/haze")].iloc[0]
    assert scatter["severity_1"] == "0.001"
    assert len(table) == sum(len(condition.parameters) for condition in CONDITIONS)


def test_advice_is_in_the_order_of_what_is_lost(findings):
    lines = filming_advice(findings.main).splitlines()
    assert lines[0].startswith("- Stand so that the window or lamp is behind the camera")
    assert "80.0 points of frame accuracy" in lines[0] and lines[0].endswith("are lost to light behind you.")
    assert "40.0 points" in lines[1] and lines[1].endswith("are lost to fog or haze.")
    assert len(lines) == 3  # noise costs 10 points, but the interval reaches zero
    assert lines[2].startswith("- Not shown to cost anything here") and "a noisy picture (10.0 points)" in lines[2]


def test_advice_speaks_only_of_what_was_shown():
    advice = filming_advice(assessed({}))
    assert advice.splitlines()[0] == "- Nothing that was tried is shown to cost 10 points of frame accuracy or more."
    assert {name for conditions, _, _ in HABITS for name in conditions} == set(CONDITION_NAMES)
    few = assessed({"rain": 3}, [Disturbance(CLEAN), Disturbance("rain", 3)])
    assert filming_advice(few).count("\n") == 0


def test_attention_helps_only_where_it_is_ahead_by_more_than_clean(findings):
    assert attention_sentences(findings).startswith("No help of attention against any condition is shown.")
    gains = {**findings.attention_gains, "rain": estimate(0.2, 0.1, 0.3), "backlight": estimate(-0.2, -0.3, -0.1)}
    told = attention_sentences(replace(findings, attention_gains=gains))
    assert told.startswith("In these runs attention helps against rain effect")
    assert "excludes zero in its favour in 1 (rain effect) and to its disadvantage in 1 (backlight (strong))" in told
    gains[CLEAN] = estimate(0.3, 0.2, 0.4)
    assert attention_sentences(replace(findings, attention_gains=gains)).startswith("No help of attention")
    assert "nothing can be said" in attention_sentences(replace(findings, attention_gains={}))


def test_what_carries_over_is_said_whichever_way_it_comes_out(findings):
    clean, noise = findings.transfers
    assert "Robustness carries over" in transfer_sentences([clean, noise])
    several = replace(clean, none=replace(clean.none, runs=3))
    assert "Each side is one short training run:" in transfer_sentences([replace(clean, none=estimate(0.5, 0.4, 0.6))])
    assert "Each side is the mean of 3 short training runs, one a fold:" in transfer_sentences([several, noise])
    assert "makes this one worse" in transfer_sentences([replace(noise, gain_without=estimate(-0.2, -0.3, -0.1))])
    assert "cannot be told" in transfer_sentences([replace(noise, gain_without=estimate(0.1, -0.1, 0.3))])
    assert "cannot be told" in transfer_sentences([replace(noise, gain_without=estimate(0.1, np.nan, np.nan))])


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
    assert (branch["clips"], branch["seeds"]) == (2, 3)


def test_tables_and_figures_name_what_stands_behind_them(findings):
    tables = robustness_tables(findings, "1 run each")
    assert [table.name for table in tables][0] == "t5_robustness"
    assert all(table.caption for table in tables)
    assert "3 seed(s)" in tables[0].caption and "1 run each" in tables[2].caption
    pictures = {Disturbance(CLEAN): np.zeros((8, 6), np.uint8), Disturbance("rain", 3): np.ones((8, 6), np.uint8)}
    sheet = sheet_figure(pictures, "synthetic")
    assert "Rain effect" in titles_of(sheet)
    for picture in robustness_pictures(findings, sheet, "1 run each"):
        assert any("synthetic" in title for title in titles_of(picture.figure))
