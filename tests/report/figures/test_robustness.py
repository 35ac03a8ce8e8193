"""Conditions on one sheet, their cost, their severity, strategies against conditions."""

import math

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb

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


def test_levels_that_change_nothing_are_hollow(sound):
    rows = pd.DataFrame(
        [("clean", 0, 80, 70, 90, True), ("few lines", 1, 80, 70, 90, False), ("few lines", 2, 60, 50, 70, True)],
        columns=["condition", "severity", "accuracy", "accuracy_low", "accuracy_high", "changed"],
    )
    (axes,) = sound(severity_curves(rows, "synthetic")).axes
    hollow = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
    assert [list(line.get_xdata()) for line in hollow] == [[1]]


def test_ink_can_be_read_on_every_cell(sound):
    accuracy = pd.DataFrame([np.linspace(5, 95, 7)], index=["CNN"], columns=list("abcdefg"))
    (axes,) = sound(strategies_by_condition(accuracy, "synthetic")).axes
    image = axes.images[0]
    for text, value in zip(axes.texts, accuracy.iloc[0], strict=True):
        assert contrast(to_rgb(text.get_color()), image.cmap(image.norm(value))[:3]) > 4.5


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Contrast ratio of two sRGB colours as WCAG 2 defines it."""
    weights = np.array([0.2126, 0.7152, 0.0722])
    linear = [np.where(np.array(c) <= 0.04045, np.array(c) / 12.92, ((np.array(c) + 0.055) / 1.055) ** 2.4) @ weights
              for c in (one, other)]  # fmt: skip
    return (max(linear) + 0.05) / (min(linear) + 0.05)


def test_the_heat_map_writes_percentages(sound):
    accuracy = pd.DataFrame([[90, 50], [33.3, math.nan]], index=["CNN", "AE"], columns=["clean", "rain"])
    (axes,) = sound(strategies_by_condition(accuracy, "synthetic")).axes
    assert [text.get_text() for text in axes.texts] == ["90", "50", "33"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["CNN", "AE"]
