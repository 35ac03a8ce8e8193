"""Conditions on one sheet, their cost, their severity, strategies against conditions."""

import math

import numpy as np
import pandas as pd

from dance_tf.report.figures import accuracy_drops, degradation_sheet, severity_curves, strategies_by_condition


def test_the_sheet_labels_every_condition(frames, sound):
    shown = dict(zip(["clean", "rain", "fog", "noise", "360p", "blur"], frames(6), strict=True))
    figure = sound(degradation_sheet(shown, "synthetic"))
    visible = [axes for axes in figure.axes if axes.get_visible()]
    assert {axes.get_title(): axes.images[0].get_array().sum() for axes in visible} == {
        name: frame.sum() for name, frame in shown.items()
    }


def test_drops_are_sorted_and_written(sound):
    rows = pd.DataFrame(
        [("clean", math.nan, math.nan, math.nan, 0.0), ("rain", 2, -1, 5, 3), ("fog", 10, 5, 15, 6.6)],
        columns=["condition", "drop", "drop_low", "drop_high", "paper"],
    )
    figure = sound(accuracy_drops(rows, "synthetic"))
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["fog", "rain"]
    assert [text.get_text() for text in axes.texts] == ["10.0", "2.0"]
    bars = axes.containers[0].lines[2][0].get_segments()
    assert np.allclose(bars[1][:, 0], [-1, 5])
    paper = next(line for line in axes.lines if line.get_marker() == "D")
    assert list(paper.get_xdata()) == [6.6, 3]


def test_each_condition_has_its_severity_curve(sound):
    rows = pd.DataFrame(
        [("clean", 0, 80, 70, 90)]
        + [(name, severity, 80 - slope * severity, 70 - slope * severity, 90 - slope * severity)
           for name, slope in (("rain", 10), ("fog", 5)) for severity in (2, 1)],
        columns=["condition", "severity", "accuracy", "accuracy_low", "accuracy_high"],
    )  # fmt: skip
    figure = sound(severity_curves(rows, "synthetic"))
    rain, fog = figure.axes
    assert (rain.get_title("left"), fog.get_title("left")) == ("rain", "fog")
    assert np.allclose(rain.lines[-1].get_ydata(), [80, 70, 60])
    assert np.allclose(fog.lines[-1].get_ydata(), [80, 75, 70])
    assert len(rain.lines) == 3  # both pale, then its own


def test_the_heat_map_writes_percentages(sound):
    accuracy = pd.DataFrame([[90, 50], [33.3, math.nan]], index=["CNN", "AE"], columns=["clean", "rain"])
    (axes,) = sound(strategies_by_condition(accuracy, "synthetic")).axes
    assert [text.get_text() for text in axes.texts] == ["90", "50", "33"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["CNN", "AE"]
