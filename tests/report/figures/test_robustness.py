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
        [("rain", 0.02, -0.01, 0.05, 0.03), ("fog", 0.10, 0.05, 0.15, 0.066)],
        columns=["condition", "drop", "low", "high", "paper"],
    )
    figure = sound(accuracy_drops(rows, "synthetic"))
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["fog", "rain"]
    assert [text.get_text() for text in axes.texts] == ["10.0", "2.0"]
    bars = axes.containers[0].lines[2][0].get_segments()
    assert np.allclose(bars[1][:, 0], [-0.01, 0.05])
    paper = next(line for line in axes.lines if line.get_marker() == "D")
    assert list(paper.get_xdata()) == [0.066, 0.03]


def test_each_condition_has_its_severity_curve(sound):
    rows = pd.DataFrame(
        [(name, severity, 0.8 - slope * severity, 0.7 - slope * severity, 0.9 - slope * severity)
         for name, slope in (("rain", 0.1), ("fog", 0.05)) for severity in (2, 1, 0)],
        columns=["condition", "severity", "value", "low", "high"],
    )  # fmt: skip
    figure = sound(severity_curves(rows, "synthetic"))
    rain, fog = figure.axes
    assert (rain.get_title("left"), fog.get_title("left")) == ("rain", "fog")
    assert np.allclose(rain.lines[-1].get_ydata(), [0.8, 0.7, 0.6])
    assert np.allclose(fog.lines[-1].get_ydata(), [0.8, 0.75, 0.7])
    assert len(rain.lines) == 3  # both pale, then its own


def test_the_heat_map_writes_percentages(sound):
    accuracy = pd.DataFrame([[0.9, 0.5], [0.333, math.nan]], index=["CNN", "AE"], columns=["clean", "rain"])
    (axes,) = sound(strategies_by_condition(accuracy, "synthetic")).axes
    assert [text.get_text() for text in axes.texts] == ["90", "50", "33"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["CNN", "AE"]
