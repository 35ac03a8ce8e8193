"""The section on edge and cloud: its tables, and what it says about the paper's claims."""

import numpy as np
import pandas as pd
import pytest

from dance_tf.experiments.scores import pooled_shares
from dance_tf.report import figures
from dance_tf.report.edge_cloud import (
    UPLINKS,
    cut_table,
    identity_table,
    judge_claims,
    judge_precisions,
    name_cut,
    precision_table,
    rebuilt_pictures,
    rebuilt_rows,
    rebuilt_table,
)

# cut, packing, bytes a second, seconds of edge and cloud
CUTS = [("clip", "exact", 100_000, 0.0, 2.0), ("1536", "float32", 20_000, 1.5, 0.5), ("1536", "int8", 5_000, 1.5, 0.5)]


@pytest.fixture
def costs():
    rows = [
        {
            "name": "cnn_ae_attention_difference",
            "cut": cut,
            "packing": packing,
            "uplink": uplink,
            "bytes": 10 * size,
            "bytes_per_second": size,
            "edge_seconds": edge,
            "cpu_seconds": 2 * edge,
            "cloud_seconds": cloud,
            "latency": edge + cloud + 80 * size / uplink,
            "same": 1.0 if packing != "int8" else 0.75,
        }
        for uplink in UPLINKS
        for cut, packing, size, edge, cloud in CUTS
    ]
    return pd.DataFrame(rows)


def shares(*rows, columns):
    return pd.DataFrame(rows, columns=["name", *columns, "mean", "low", "high"])


@pytest.fixture
def guessed():
    name = "cnn_ae_attention_difference"
    rows = [
        (name, "1536", 0.25, 0.5, 0.4, 0.6),
        (name, "400", 0.25, 0.4, 0.3, 0.5),
        (name, "verdict", 0.25, 0.3, 0.2, 0.4),
    ]
    return shares(*rows, columns=["cut", "chance"])


def test_the_table_has_a_row_for_each_cut_the_largest_first(costs):
    right = shares(
        *(("cnn_ae_attention_difference", *cut[:2], 0.5, 0.25, 0.75) for cut in CUTS), columns=["cut", "packing"]
    )
    table = cut_table(costs, right)
    assert table["cut"].tolist() == ["clip", "1536 float32", "1536 int8"]
    assert table["verdict at 0.5 Mbit/s (s)"].tolist() == [18.0, 5.2, 2.8]
    assert table["kB a second of video"].tolist() == [100, 20, 5]
    assert table["clips right (%)"].tolist() == ["50.0 [25.0, 75.0]"] * 3
    assert table["same verdict as whole (%)"].tolist() == [100, 100, 75]


def test_the_claims_of_the_paper_are_judged_one_by_one(costs, guessed):
    text = judge_claims(costs, guessed)
    assert text.startswith("CNN + AE + Attention, background subtracted, cut at its 1536 features. ")
    assert "Faster: yes, than sending the file, up to 100 Mbit/s." in text
    assert "the verdict is that of the whole network for 100 % of the clips" in text and "75 % of the seconds" in text
    assert "(chance 25.0 %): CNN + AE + Attention, background subtracted, 1536: 50.0 [40.0, 60.0] %; " in text
    slow = costs.assign(latency=costs["latency"].where(costs["cut"] == "clip", 100.0))
    assert "Faster: no, sending the file is faster at all uplinks." in judge_claims(slow, guessed.iloc[:0])
    assert "who dances" not in judge_claims(slow, guessed.iloc[:0])


def test_identities_are_in_percent(guessed):
    table = identity_table(guessed)
    assert table["dancer told (%)"].tolist()[0] == "50.0 [40.0, 60.0]" and set(table["chance (%)"]) == {25.0}


def test_each_cut_has_a_line(costs):
    rows = costs.assign(cut=costs.apply(name_cut, axis=1))
    figure = figures.latency_lines(rows, "Time to the verdict", "synthetic")
    [axes] = figure.axes
    assert [line.get_label() for line in axes.get_lines()] == ["clip", "1536 float32", "1536 int8"]
    assert axes.get_lines()[0].get_ydata().tolist() == pytest.approx([2 + 8e6 / uplink for uplink in UPLINKS])


@pytest.fixture
def precisions():
    columns = ["name", "precision", "bytes", "ms 1", "ms 2", "mean", "low", "high", "same", "drift"]
    rows = [
        ("skeleton_tcn", "float32", 1_500_000, 0.5, 0.3, 0.975, 0.95, 0.99, 1.0, 0.0),
        ("skeleton_tcn", "int8", 400_000, 0.2, 0.2, 0.972, 0.94, 0.99, 0.99, 0.004),
        ("skeleton_gcn", "float32", 280_000, 2.0, 1.5, 0.90, 0.85, 0.95, 1.0, 0.0),
        ("skeleton_gcn", "int8", 300_000, 2.0, 1.5, 0.89, 0.85, 0.95, 0.98, 0.01),
    ]
    return pd.DataFrame(rows, columns=columns)


def test_files_that_another_beats_in_size_and_accuracy_are_not_pareto(precisions):
    table = precision_table(precisions)
    assert table["Pareto"].tolist() == ["yes", "yes", "yes", ""]
    assert table["MB"].tolist() == [1.5, 0.4, 0.28, 0.3] and table["drift (points)"].tolist() == [0, 0.4, 0, 1]


def test_the_smallest_file_that_loses_little_is_named(precisions):
    said = judge_precisions(precisions)
    assert "97.5 % of the clips" in said and "Skeleton TCN as int8, 0.40 MB and 97.2 %" in said, said


def test_accuracy_is_drawn_against_size(precisions):
    axes = figures.accuracy_by_size(precisions, "synthetic", 1 / 12).axes[0]
    named = [text.get_text() for text in axes.get_legend().get_texts()]
    assert named == ["skeleton_tcn", "skeleton_gcn", "float32", "int8", "chance (8.3 %)"]


def test_rebuilt_frames_have_a_row_for_each_cut():
    found = {"clip": np.array(["a", "b"]), "dancer": np.array(["x", "y"]), "total": np.array([4.0, 6.0])}
    found |= {"explained 400": np.array([2.0, 3.0]), "explained verdict": np.array([-1.0, 1.0])}
    pictures = np.zeros((6, 64, 64), np.uint8)
    shares = pooled_shares(rebuilt_rows(found), "explained", "total", by=["cut"])
    table = rebuilt_table(shares)
    assert table["cut"].tolist() == ["400", "verdict"] and table["variance rebuilt (%)"][0].startswith("50.0 [")
    assert list(rebuilt_pictures({**found, "picture": pictures, "picture 400": pictures})) == ["original", "400"]
