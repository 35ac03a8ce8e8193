"""Conditions on one sheet, their cost, their severity, strategies against conditions."""

import math

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb

from dance_tf.report.figures import accuracy_drops, corruption_sheet, severity_curves, strategies_by_condition


def test_the_sheet_labels_every_condition(frames, sound):
    shown = dict(zip(["clean", "rain", "fog", "noise", "360p", "blur"], frames(6), strict=True))
    figure = sound(corruption_sheet(shown, "synthetic"))
    visible = [axes for axes in figure.axes if axes.get_visible()]
    assert {axes.get_title(): axes.images[0].get_array().sum() for axes in visible} == {
        name: frame.sum() for name, frame in shown.items()
    }


def test_drops_are_sorted_and_written(sound):
    rows = pd.DataFrame(
        [
            ("rain", 0.02, -0.01, 0.05, 0.03),
            ("fog", 0.1, 0.05, 0.15, 0.066),
        ],
        columns=["condition", "mean", "low", "high", "paper"],
    )
    figure = sound(accuracy_drops(rows, "synthetic"))
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["fog", "rain"]
    assert [text.get_text() for text in axes.texts] == ["10.0", "2.0"]
    bars = axes.containers[0].lines[2][0].get_segments()
    assert np.allclose(bars[1][:, 0], [-1, 5])
    paper = next(line for line in axes.lines if line.get_marker() == "D")
    assert np.allclose(paper.get_xdata(), [6.6, 3])


def test_each_condition_has_its_severity_curve(sound):
    rows = pd.DataFrame(
        [("clean", 0, 0.8, 0.7, 0.9)]
        + [(name, severity, 0.8 - slope * severity, 0.7 - slope * severity, 0.9 - slope * severity)
           for name, slope in (("rain", 0.1), ("fog", 0.05)) for severity in (2, 1)],
        columns=["condition", "severity", "mean", "low", "high"],
    ).assign(changed=True)  # fmt: skip
    figure = sound(severity_curves(rows, "synthetic"))
    rain, fog = figure.axes
    assert (rain.get_title("left"), fog.get_title("left")) == ("rain", "fog")
    assert np.allclose(rain.lines[2].get_ydata(), [0.8, 0.7, 0.6])
    assert np.allclose(fog.lines[2].get_ydata(), [0.8, 0.75, 0.7])
    assert len(rain.lines) == 4  # both pale, its own, hollow points


def test_levels_that_change_nothing_are_hollow(sound):
    rows = pd.DataFrame(
        [
            ("clean", 0, 0.8, 0.7, 0.9, True),
            ("fewer lines", 1, 0.8, 0.7, 0.9, False),
            ("fewer lines", 2, 0.6, 0.5, 0.7, True),
        ],
        columns=["condition", "severity", "mean", "low", "high", "changed"],
    )
    (axes,) = sound(severity_curves(rows, "synthetic")).axes
    hollow = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
    assert [list(line.get_xdata()) for line in hollow] == [[1]]


def test_ink_can_be_read_on_every_cell(sound):
    values = np.linspace(5, 95, 7)
    rows = pd.DataFrame({"name": "CNN", "condition": list("abcdefg"), "mean": values / 100})
    (axes,) = sound(strategies_by_condition(rows, "synthetic")).axes
    image = axes.images[0]
    for text, value in zip(axes.texts, values, strict=True):
        assert contrast(to_rgb(text.get_color()), image.cmap(image.norm(value))[:3]) > 4.5


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Contrast ratio of two sRGB colours as WCAG 2 defines it."""
    weights = np.array([0.2126, 0.7152, 0.0722])
    linear = [np.where(np.array(c) <= 0.04045, np.array(c) / 12.92, ((np.array(c) + 0.055) / 1.055) ** 2.4) @ weights
              for c in (one, other)]  # fmt: skip
    return (max(linear) + 0.05) / (min(linear) + 0.05)


def test_the_heat_map_writes_percentages(sound):
    rows = pd.DataFrame(
        [("CNN", "clean", 0.9), ("CNN", "rain", 0.5), ("AE", "clean", 0.333), ("AE", "rain", math.nan)],
        columns=["name", "condition", "mean"],
    )
    (axes,) = sound(strategies_by_condition(rows, "synthetic")).axes
    assert [text.get_text() for text in axes.texts] == ["90", "50", "33"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["CNN", "AE"]
