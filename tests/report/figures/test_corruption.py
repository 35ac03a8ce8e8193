"""Conditions on one sheet, their cost, their severity, strategies against conditions."""

import math

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb

from dance_tf.report.figures import accuracy_drops, corruption_sheet, severity_curves, strategies_by_condition


def test_the_sheet_labels_every_condition(frames, sound):
    shown = dict(zip(["clean", "rain", "fog", "noise", "360p", "blur"], frames(6), strict=True))
    visible = [axes for axes in sound(corruption_sheet(shown, "synthetic")).axes if axes.get_visible()]
    found = {axes.get_title(): axes.images[0].get_array().sum() for axes in visible}
    assert found == {name: frame.sum() for name, frame in shown.items()}


def test_drops_are_sorted_and_written(sound):
    rows = [("rain", 0.02, -0.01, 0.05, 0.03), ("fog", 0.1, 0.05, 0.15, 0.066)]
    (axes,) = sound(
        accuracy_drops(pd.DataFrame(rows, columns=["condition", "mean", "low", "high", "paper"]), "synthetic")
    ).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["fog", "rain"]
    assert [text.get_text() for text in axes.texts] == ["10.0", "2.0"]
    assert np.allclose(axes.containers[0].lines[2][0].get_segments()[1][:, 0], [-1, 5])
    paper = next(line for line in axes.lines if line.get_marker() == "D")
    assert np.allclose(paper.get_xdata(), [6.6, 3])


def test_each_condition_has_its_severity_curve(sound):
    points = [("clean", 0, 0.8)]
    points += [
        (name, level, 0.8 - slope * level) for name, slope in {"rain": 0.1, "fog": 0.05}.items() for level in (2, 1)
    ]
    rows = pd.DataFrame(points, columns=["condition", "severity", "mean"])
    rows = rows.assign(low=rows["mean"] - 0.1, high=rows["mean"] + 0.1, changed=[True, True, False, True, True])
    rain, fog = sound(severity_curves(rows, "synthetic")).axes
    assert (rain.get_title("left"), fog.get_title("left")) == ("rain", "fog")
    assert np.allclose(rain.lines[2].get_ydata(), [0.8, 0.7, 0.6])
    assert np.allclose(fog.lines[2].get_ydata(), [0.8, 0.75, 0.7])
    hollow = [line for line in rain.lines if line.get_markerfacecolor() == "white"]
    assert [list(line.get_xdata()) for line in hollow] == [[1]]  # a level that changes nothing


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Contrast ratio of two sRGB colours as WCAG 2 defines it."""
    weights = np.array([0.2126, 0.7152, 0.0722])
    linear = [np.where(np.array(c) <= 0.04045, np.array(c) / 12.92, ((np.array(c) + 0.055) / 1.055) ** 2.4) @ weights
              for c in (one, other)]  # fmt: skip
    return (max(linear) + 0.05) / (min(linear) + 0.05)


def test_the_heat_map_writes_percentages_that_can_be_read_on_every_cell(sound):
    values = [0.9, 0.5, 0.05, 0.333, math.nan, 0.7]
    rows = pd.DataFrame({"name": ["CNN"] * 3 + ["AE"] * 3, "condition": ["clean", "rain", "fog"] * 2, "mean": values})
    (axes,) = sound(strategies_by_condition(rows, "synthetic")).axes
    assert [text.get_text() for text in axes.texts] == ["90", "50", "5", "33", "70"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["CNN", "AE"]
    image = axes.images[0]
    for text in axes.texts:
        assert contrast(to_rgb(text.get_color()), image.cmap(image.norm(float(text.get_text())))[:3]) > 4.5
