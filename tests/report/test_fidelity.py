"""The section on fidelity from recorded tables."""

import numpy as np
import pandas as pd
import pytest

from dance_tf.experiments.fidelity import style_verdicts
from dance_tf.report.fidelity import (
    class_scores,
    fidelity_metrics,
    fidelity_text,
    style_shares,
    style_table,
    validation_table,
)

DISTANCES = {  # of the clips of dancers a to d in style x, to the templates of x, y, z
    "a": (0.1, 1.0, 2.0),  # right, and unknown without x
    "b": (0.2, 0.5, 2.0),  # right, but taken for y without x
    "c": (0.6, 0.4, 2.0),  # wrong
    "d": (1.0, 1.5, np.inf),  # right, but of none
}


@pytest.fixture
def tables():
    styles = [
        {"clip": f"x/{dancer}", "style": "x", "dancer": dancer, "compared": compared, "distance": distance}
        for dancer, row in DISTANCES.items()
        for compared, distance in zip("xyz", row, strict=True)
    ]
    clips = {"style": list("xxxyyy"), "dancer": list("abcabc"), "away": [1.0, 2, 3, 1, 3, 2]}
    clips |= {"deviation": [0.1, 0.2, 0.3] * 2, "skill": [0.9, 0.5, 0.1] * 2, "score": [90.0, 40, 10, 80, 20, 30]}
    mistakes = {"found": [8], "missed": [1], "wrong": [1], "narrow": [4], "right": [2]}
    timing = {"delay": [0.1, 0.2], "found": [0.12, 0.18]}
    controls = {"control": ["noise"], "score": [0.0]}
    music = {"delay": [], "found": []}
    made = {"clips": clips, "mistakes": mistakes, "timing": timing, "music": music}
    made |= {"controls": controls, "styles": styles}
    return {name: pd.DataFrame(rows) for name, rows in made.items()}


def test_each_clip_is_of_the_nearest_style_or_of_none(tables):
    found = style_verdicts(tables["styles"]).set_index("dancer")
    assert found["nearest"].tolist() == ["x", "x", "y", "x"]
    assert found["right"].tolist() == [True, True, False, True]
    assert found["none"].tolist() == [False, False, False, True]
    assert found["unknown"].tolist() == [True, False, False, True]


def test_shares_are_of_clips_and_are_said(tables):
    shares = style_shares(tables, resamples=20)
    assert shares["mean"].tolist() == [0.75, 0.25, 0.5]
    assert style_table(shares)["share (%)"].str.split(" ").str[0].tolist() == ["75.0", "25.0", "50.0"]
    validation = validation_table(tables)
    values = validation.set_index("measure")["value"]
    assert values["correlation with deviation"] == 0.75 and values["F1 of weak moments"] == pytest.approx(0.889)
    text = fidelity_text(shares, validation)
    assert text.startswith("Compared with templates of other dancers, 75.0 [") and "of 4 clips" in text
    assert "rank correlation of 0.75" in text and "4 of 6 goals are reached" in text
    assert "Missed: correlation with deviation (0.75, goal 0.8); right part of the body (0.50, goal 0.8)." in text
    metrics = fidelity_metrics(shares, validation)["fidelity"]
    assert metrics["styles"]["none"]["mean"] == 0.25
    assert metrics["validation"]["correlation_with_deviation"] == 0.75


def test_real_clips_have_no_validation(tables):
    tables["clips"]["deviation"] = np.nan
    assert validation_table(tables).empty
    assert "goal" not in fidelity_text(style_shares(tables, resamples=20), validation_table(tables))


def test_the_class_begins_with_the_lowest_scores(tables):
    scores = class_scores(tables)
    assert scores.index.tolist() == ["c", "b", "a"] and scores.loc["c", "y"] == 30
