"""Accuracies with intervals, against the frame interval, against cost, across splits."""

import math

import numpy as np
import pandas as pd
from matplotlib.collections import PolyCollection

from dance_tf.report.figures import (
    accuracy_against_cost,
    accuracy_bars,
    accuracy_lines,
    frame_interval_curve,
    leakage_gap,
)


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_dots_and_intervals_are_the_data_and_groups_share_a_line(sound):
    rows = pd.DataFrame(
        [("linear", "ours", 0.3, 0.2, 0.45), ("CNN", "ours", 0.6, math.nan, math.nan),
         ("CNN", "theirs", 0.9, math.nan, math.nan)],
        columns=["name", "group", "mean", "low", "high"],
    )  # fmt: skip
    figure = sound(accuracy_bars(rows, "Held-out dancers", "synthetic", chance=1 / 12, quoted="theirs"))
    (axes,) = figure.axes
    assert texts(axes) == ["30.0", "60.0", "90.0"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["linear", "CNN"]
    ours, theirs = axes.containers
    assert list(ours.lines[0].get_xdata()) == [0.3, 0.6]
    assert np.allclose([bar[:, 0] for bar in ours.lines[2][0].get_segments()], [[0.2, 0.45], [0.6, 0.6]])
    assert ours.lines[0].get_ydata()[1] < 1 < theirs.lines[0].get_ydata()[0]
    # numbers printed by others are open diamonds
    marks = [(one.lines[0].get_marker(), one.lines[0].get_markerfacecolor() == "white") for one in (ours, theirs)]
    assert marks == [("o", False), ("D", True)]
    assert "chance (8.3 %)" in [text.get_text() for text in figure.legends[0].get_texts()]


def thinned(intervals, **factors):
    """Rows of Table 3: each measure is a factor of 1 / n."""
    return pd.DataFrame(
        [(every, size, metric, factor / every, 0.9 * factor / every, factor / every)
         for metric, factor in factors.items() for size in intervals for every in intervals[size]],
        columns=["every", "size", "metric", "mean", "low", "high"],
    )  # fmt: skip


def test_frame_interval_curves(sound):
    rows = thinned({64: (2, 1), 128: (2, 1)}, accuracy=1.0, recall=0.9, f1=0.9, kappa=0.8)
    figure = sound(frame_interval_curve(rows, "synthetic"))
    # equal measures share a panel
    assert [axes.get_title("left") for axes in figure.axes] == ["accuracy", "recall = f1", "kappa × 100"]
    dots = figure.axes[1].containers[0].lines[0]
    assert np.allclose(dots.get_xdata(), [1, 2], atol=0.1)
    assert np.allclose(dots.get_ydata(), [0.9, 0.45])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["64 × 64 pixels", "128 × 128 pixels"]


def test_no_line_is_drawn_through_intervals_that_were_not_measured(sound):
    rows = thinned({64: (1, 4), 128: (1, 2, 3, 4)}, accuracy=1.0)
    (axes,) = sound(frame_interval_curve(rows, "synthetic")).axes
    dots = [container.lines[0].get_xdata().round().tolist() for container in axes.containers]
    assert dots == [[1, 4], [1, 2, 3, 4]]
    # lines and bands apart from the dots: of 128 pixels alone
    lines = [line for line in axes.lines if line.get_linestyle() == "-"]
    assert [line.get_xdata().round().tolist() for line in lines] == [[1, 2, 3, 4]]
    assert len([one for one in axes.collections if isinstance(one, PolyCollection)]) == 1


def test_accuracy_against_cost_names_every_dot(sound):
    found = [("CNN", 1.0, 0.5, 0.4, 0.6), ("ResNet", 100.0, 0.6, 0.5, 0.7)]
    rows = pd.DataFrame(found, columns=["name", "cost", "mean", "low", "high"])
    (axes,) = sound(accuracy_against_cost(rows, "ms a frame", "synthetic", 0.1)).axes
    # the most accurate first
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["ResNet", "CNN", "chance (10.0 %)"]
    assert [float(c.lines[0].get_xdata()[0]) for c in axes.containers] == [100.0, 1.0]
    assert (axes.get_xscale(), axes.get_xlabel()) == ("log", "ms a frame")


def test_leakage_has_a_panel_per_view_and_the_gaps_as_text(sound):
    rows = pd.DataFrame(
        [("CNN", split, view, value, value - 0.05, value + 0.05)
         for view, drop in (("frame", 0.0), ("difference", 0.1))
         for split, value in (("frame", 0.95), ("clip", 0.7), ("dancer", 0.4 + drop))],
        columns=["name", "split", "view", "mean", "low", "high"],
    )  # fmt: skip
    gaps = pd.DataFrame([("CNN", "frame", 0.55, 0.41, 0.7)], columns=["name", "view", "mean", "low", "high"])
    frame, difference = sound(leakage_gap(rows, "synthetic", chance=1 / 12, gaps=gaps)).axes
    assert (texts(frame), texts(difference)) == (["gap 55.0 [41.0, 70.0]"], [])
    assert (frame.get_title("left"), difference.get_title("left")) == ("with background", "background subtracted")
    assert [float(c.lines[0].get_xdata()[0]) for c in difference.containers] == [0.95, 0.7, 0.5]
    more = rows[rows["view"] == "difference"].assign(name="ResNet")
    frame, difference = sound(leakage_gap(pd.concat([rows[:3], more, rows[3:]]), "synthetic", 0.1, gaps)).axes
    assert [label.get_text() for label in frame.get_yticklabels()] == ["ResNet", "CNN"]
    assert [len(container.lines[0].get_xdata()) for container in frame.containers] == [1, 1, 1]


def test_lines_of_accuracy_have_a_line_for_each_group(sound):
    rows = pd.DataFrame(
        [(8, "held out", 0.6, 0.5, 0.7), (4, "held out", 0.4, 0.3, 0.5), (4, "training", 0.9, math.nan, math.nan)],
        columns=["number", "group", "mean", "low", "high"],
    )
    figure = sound(accuracy_lines(rows, "More dancers", "training dancers", "synthetic", chance=1 / 12))
    dots = [container.lines[0] for container in figure.axes[0].containers]
    assert [line.get_ydata().tolist() for line in dots] == [[0.4, 0.6], [0.9]]
    assert np.allclose(dots[0].get_xdata(), [4, 8], atol=0.1)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sorted(legend) == ["chance (8.3 %)", "held out", "training"]
    assert figure.axes[0].get_xlabel() == "training dancers"
