"""Tables: percentages, Markdown, the way from metrics.json and back, the paper beside us."""

import math

import pandas as pd
import pytest

from dance_tf.report.pages import long_form
from dance_tf.report.tables import (
    compare_with_paper,
    metric_table,
    nest,
    percent,
    percent_interval,
    to_markdown,
)

NESTED = {
    "cnn": {
        "frame": {
            "accuracy": {"mean": 0.6123, "interval": [0.55, 0.671], "runs": 5},
            "kappa": {"mean": 0.577, "interval": None, "runs": 4},
        }
    },
    "ae": {"frame": {"accuracy": {"mean": 0.5, "interval": [0.4, 0.6], "runs": 5}}},
}
LEVELS = ["strategy", "unit", "metric"]


def test_percentages():
    assert percent(0.6123) == "61.2"
    assert percent(math.nan) == "–"
    assert percent_interval(0.6123, 0.55, 0.671) == "61.2 [55.0, 67.1]"
    assert percent_interval(0.5, math.nan, math.nan, digits=2) == "50.00"
    assert percent_interval(-0.031, -0.05, 0.002) == "-3.1 [-5.0, 0.2]"


def test_markdown_by_hand():
    frame = pd.DataFrame({"style": ["Tok", "a|b"], "frames": [24890, 3], "share": [0.125, math.nan]})
    assert to_markdown(frame).splitlines() == [
        "| style | frames | share |",
        "| --- | ---: | ---: |",
        "| Tok | 24890 | 0.12 |",
        "| a\\|b | 3 | – |",
    ]


def test_markdown_of_an_empty_frame_keeps_its_head():
    assert to_markdown(pd.DataFrame({"style": []})).splitlines()[0] == "| style |"


def test_long_form_and_back():
    measures = long_form(NESTED, LEVELS)
    assert list(measures.columns) == ["strategy", "unit", "metric", "mean", "low", "high", "runs"]
    assert measures.iloc[0].tolist() == ["cnn", "frame", "accuracy", 0.6123, 0.55, 0.671, 5]
    assert math.isnan(measures.iloc[1]["low"])
    assert nest(measures, LEVELS) == NESTED


@pytest.mark.parametrize("broken", [{"cnn": 0.5}, {"cnn": {"frame": {"accuracy": {"mean": 1.0}}}}])
def test_long_form_refuses_what_is_not_nested_so(broken):
    with pytest.raises(ValueError, match="cnn"):
        long_form(broken, LEVELS)


def test_nest_refuses_two_numbers_in_one_place():
    measures = long_form(NESTED, LEVELS)
    with pytest.raises(ValueError, match="cnn/frame/accuracy is given twice"):
        nest(pd.concat([measures, measures]), LEVELS)


def test_metric_table():
    table = metric_table(long_form(NESTED, LEVELS), ["strategy", "unit"])
    assert list(table.columns) == ["strategy", "unit", "accuracy", "kappa", "runs"]
    assert table.to_numpy().tolist() == [
        ["cnn", "frame", "61.2 [55.0, 67.1]", "57.7", 4],
        ["ae", "frame", "50.0 [40.0, 60.0]", "–", 5],
    ]
    assert list(metric_table(long_form(NESTED, LEVELS), ["strategy"], ["kappa"]).columns) == [
        "strategy",
        "kappa",
        "runs",
    ]


def test_metric_table_refuses_to_hide_numbers():
    with pytest.raises(ValueError, match="share one cell"):
        metric_table(long_form(NESTED, LEVELS), ["unit"])


def test_the_paper_beside_us():
    published = pd.DataFrame(
        [("ae", "accuracy", 91.2), ("resnet", "accuracy", 93.44), ("cnn", "accuracy", 95.07)],
        columns=["strategy", "metric", "value"],
    )
    table = compare_with_paper(long_form(NESTED, LEVELS), published, ["strategy", "metric"])
    assert table["strategy"].tolist() == ["ae", "resnet", "cnn", "cnn"]
    assert table["metric"].tolist() == ["accuracy", "accuracy", "accuracy", "kappa"]
    assert table.iloc[2].tolist() == ["cnn", "accuracy", 95.07, 61.23, -33.84, "[55.0, 67.1]", 5]
    assert table["interval"].tolist() == ["[40.0, 60.0]", "–", "[55.0, 67.1]", "–"]
    assert math.isnan(table["ours"][1])
    assert math.isnan(table["paper"][3])
    assert to_markdown(table).splitlines()[3] == "| resnet | accuracy | 93.44 | – | – | – | – |"


def test_the_paper_beside_us_refuses_doubles():
    published = pd.DataFrame([("cnn", 1.0), ("cnn", 2.0)], columns=["strategy", "value"])
    with pytest.raises(ValueError, match="published"):
        compare_with_paper(long_form(NESTED, LEVELS).head(1), published, ["strategy"])
