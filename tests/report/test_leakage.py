"""Tables, sentences and metrics of the leakage gap, from hand-made estimates."""

import numpy as np
import pandas as pd
import pytest

from dance_tf.evaluation.metrics import SCORES
from dance_tf.report import leakage

ACCURACY = {"frame": 0.95, "clip": 0.7, "dancer": 0.4}
NAMES = ("cnn", "cnn_ae_attention")


def bounded(rows, **columns):
    table = pd.DataFrame(rows).assign(**columns)
    return table.assign(low=table["mean"] - 0.05, high=table["mean"] + 0.05, runs=3)


@pytest.fixture
def table():
    rows = [
        {"strategy": name, "view": view, "split": split, "part": part, "unit": unit, "metric": metric,
         "mean": accuracy - drop + 0.02 * (unit == "clip")}
        for name in NAMES for view, drop in (("frame", 0.0), ("difference", 0.1))
        for split, accuracy in ACCURACY.items() for part in ("validation", "held out")
        for unit in ("frame", "clip") for metric in SCORES
    ]  # fmt: skip
    return bounded(rows, dancers=4)


@pytest.fixture
def gaps():
    rows = [
        {"strategy": name, "view": view, "unit": unit, "mean": gap + more + step}
        for name, more in zip(NAMES, (0.0, 0.02), strict=True)
        for view, gap in (("frame", 0.55), ("difference", 0.3))
        for unit, step in (("frame", 0.0), ("clip", 0.01), ("frame, same dancers", -0.01))
    ]
    return bounded(rows, learnt=True)


@pytest.fixture
def duplicates():
    return pd.DataFrame(
        [
            {"view": view, "split": split, "count": count, "frames": 100, "share": count / 100,
             "dancer_in_training": float(split != "dancer"), "dancer_and_style_in_training": float(split == "frame")}
            for view in ("frame", "difference") for split, count in {"frame": 90, "clip": 10, "dancer": 0}.items()
        ]
    )  # fmt: skip


def test_table_has_a_row_a_view_strategy_and_unit(table, gaps):
    rows = leakage.leakage_table(table, gaps).set_index(["view", "strategy", "unit"])
    assert len(rows) == 8
    first = rows.loc[("with background", "CNN", "frame")]
    assert (first["split by frame"], first["split by dancer"]) == ("95.0 [90.0, 100.0]", "40.0 [35.0, 45.0]")
    assert (first["gap"], first["gap, same dancers"], first["runs"]) == ("55.0 [50.0, 60.0]", "54.0 [49.0, 59.0]", 3)
    by_clip = rows.loc[("background subtracted", "CNN + AE + Attention", "clip")]
    assert (by_clip["gap"], by_clip["gap, same dancers"]) == ("33.0 [28.0, 38.0]", "–")


def test_headline_has_the_gap_and_its_interval(table, gaps):
    text = leakage.leakage_headline(table, gaps, "synthetic")
    assert text.startswith(
        "Leakage (synthetic): CNN + AE + Attention (with background) has 95.0 % frame accuracy under the split by "
        "frame and 40.0 % under the split by dancer, a gap of **57.0 points** [52.0, 62.0]; CNN + AE + Attention "
    )
    assert text.endswith("30.0 % under the split by dancer, a gap of **32.0 points** [27.0, 37.0].")
    one_dancer = gaps.assign(low=np.nan, high=np.nan)
    assert "**32.0 points** (one held-out dancer)" in leakage.leakage_headline(table, one_dancer, "synthetic")
    some = gaps[(gaps["strategy"] == "cnn") | (gaps["view"] == "difference")]
    assert "CNN (with background) has 95.0 %" in leakage.leakage_headline(table, some, "synthetic")
    with pytest.raises(ValueError, match="background_strategies"):
        leakage.leakage_headline(table, gaps[gaps["view"] == "difference"], "synthetic")


def test_text_explains_the_gaps_the_split_by_clip_and_the_duplicates(table, gaps, duplicates):
    text = leakage.leakage_text(table, gaps, duplicates, "synthetic", 1 / 12)
    assert "gap by frame (with background) ranges from 55.0 to 57.0 points in 2 strategies." in text
    assert "Under the split by clip, CNN + AE + Attention has 70.0 [65.0, 75.0] % frame accuracy (with" in text
    assert "For 100.0 % of the held-out frames the dancer is in training, for 0.0 % the same dancer in the same" in text
    assert "fall below chance" in text and "No gap is reported" not in text
    assert "with background: 90.0 % (split by frame), 10.0 % (split by clip), 0.0 % (split by dancer)" in text
    met = duplicates.assign(dancer_and_style_in_training=1.0)
    assert "fall below chance" not in leakage.leakage_text(table, gaps, met, "synthetic", 1 / 12)


def test_no_gap_of_a_network_that_learnt_nothing(table, gaps, duplicates):
    idle = (gaps["strategy"] == "cnn_ae_attention") & (gaps["view"] == "frame")
    gaps = gaps.assign(learnt=~idle)
    assert "Attention (with background) is close to chance" in leakage.leakage_headline(table, gaps, "x")
    text = leakage.leakage_text(table, gaps, duplicates, "synthetic", 1 / 12)
    assert "gap by frame (background subtracted) ranges" in text and "gap by frame (with" not in text
    assert "No gap is reported for CNN + AE + Attention (with background), because" in text
    column = leakage.leakage_table(table, gaps).set_index(["view", "strategy", "unit"])["gap"]
    assert column["with background", "CNN + AE + Attention", "frame"] == "– (close to chance)"
    assert column["background subtracted", "CNN + AE + Attention", "frame"] == "32.0 [27.0, 37.0]"
    assert leakage.duplicate_table(duplicates)["share (%)"].tolist() == [90, 10, 0, 90, 10, 0]
