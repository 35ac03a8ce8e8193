"""Percentages, Markdown, wide tables, metrics as nested."""

import math

import pandas as pd
import pytest

from dance_tf.report.tables import counted, nest, nest_parts, only, percent, percents, to_markdown, wide_table

MEASURES = pd.DataFrame(
    [
        ("cnn", "frame", "accuracy", 0.6123, 0.55, 0.671, 5),
        ("cnn", "frame", "kappa", 0.577, math.nan, math.nan, 4),
        ("ae", "frame", "accuracy", 0.5, 0.4, 0.6, 5),
    ],
    columns=["strategy", "unit", "metric", "mean", "low", "high", "runs"],
)
LEVELS = ["strategy", "unit", "metric"]


def test_percentages_and_counts():
    assert (percent(0.6123), percent(math.nan)) == ("61.2", "–")
    assert [counted(number, "clip") for number in (0, 1, 2.0)] == ["0 clips", "1 clip", "2 clips"]
    assert percents({"mean": 0.6123, "low": 0.55, "high": 0.671}) == "61.2 [55.0, 67.1]"
    assert percents({"mean": 0.5, "low": math.nan, "high": math.nan}) == "50.0"
    assert percents({"drop": -0.031, "drop_low": -0.05, "drop_high": 0.002}, "drop") == "-3.1 [-5.0, 0.2]"


def test_markdown_by_hand():
    frame = pd.DataFrame({"style": ["Tok", "a|b"], "frames": [24890, 3], "share": [0.125, math.nan]})
    assert to_markdown(frame).splitlines() == [
        "| style | frames | share |",
        "| --- | ---: | ---: |",
        "| Tok | 24890 | 0.12 |",
        "| a\\|b | 3 | – |",
    ]
    assert to_markdown(pd.DataFrame({"style": []})).splitlines()[0] == "| style |"


def test_measures_are_nested_as_in_metrics_json():
    assert nest(MEASURES, LEVELS) == {
        "cnn": {
            "frame": {
                "accuracy": {"mean": 0.6123, "interval": [0.55, 0.671], "runs": 5},
                "kappa": {"mean": 0.577, "interval": None, "runs": 4},
            }
        },
        "ae": {"frame": {"accuracy": {"mean": 0.5, "interval": [0.4, 0.6], "runs": 5}}},
    }
    with pytest.raises(ValueError, match="cnn/frame/accuracy is given twice"):
        nest(pd.concat([MEASURES, MEASURES]), LEVELS)


def test_parts_are_nested_with_held_out_as_a_level_and_other_columns_kept():
    rows = [("validation", "frame", 0.1), ("held out", "frame", 0.2)]
    table = pd.DataFrame(rows, columns=["part", "unit", "mean"]).assign(low=0.0, high=1.0, question="q", p=0.5)
    first, second = ({"mean": mean, "p": 0.5, "interval": [0.0, 1.0]} for *_, mean in rows)
    assert nest_parts(table) == {"q": {"frame": first, "held_out": {"frame": second}}}
    scores = nest_parts(table.drop(columns="p").assign(metric="f1", dancers=4), "question")
    assert scores["q"]["frame"] == {"f1": {"mean": 0.1, "interval": [0.0, 1.0]}}
    assert nest_parts(table[:0]) == {}


def test_only_one_row_is_accepted():
    assert only(MEASURES, strategy="cnn", metric="kappa")["runs"] == 4
    with pytest.raises(ValueError, match="2 rows have"):
        only(MEASURES, strategy="cnn")


def test_wide_table():
    table = wide_table(MEASURES, ["strategy", "unit"])
    assert list(table.columns) == ["strategy", "unit", "accuracy", "kappa", "runs"]
    assert table.to_numpy().tolist() == [
        ["cnn", "frame", "61.2 [55.0, 67.1]", "57.7", 4],
        ["ae", "frame", "50.0 [40.0, 60.0]", "–", 5],
    ]
    kappa = wide_table(MEASURES, ["strategy"], order=["kappa"])
    assert list(kappa.columns) == ["strategy", "kappa", "runs"]
    by_strategy = wide_table(MEASURES.drop(columns="runs"), ["metric"], "strategy", ["ae", "cnn"])
    assert by_strategy.to_numpy().tolist() == [
        ["accuracy", "50.0 [40.0, 60.0]", "61.2 [55.0, 67.1]"],
        ["kappa", "–", "57.7"],
    ]
    with pytest.raises(ValueError, match="share one cell"):
        wide_table(MEASURES, ["unit"])
