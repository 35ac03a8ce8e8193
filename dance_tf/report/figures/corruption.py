"""Figures of corrupted footage: examples, and loss of accuracy by condition and strategy (Table 5)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dance_tf.report.figures.style import (
    BLUE,
    GRAY,
    INK,
    ORANGE,
    PALE,
    bare,
    draw_band,
    draw_dots,
    gray_image,
    new_figure,
    panels,
    percent_axis,
    report_style,
)

CLEAN = "clean"
LIGHT_SHARE = 0.7  # share of the value range added above the largest value, so that text is readable on every colour


@report_style
def corruption_sheet(frames: Mapping[str, np.ndarray], source: str) -> Figure:
    """Draw one frame under all conditions, with labels.

    Args:
        frames: condition to uint8 [h, w] or [h, w, 1]; the clean frame first.
    """
    columns = min(5, len(frames))
    height, width = next(iter(frames.values())).shape[:2]
    rows = -(-len(frames) // columns)
    inches = 0.6 + rows * (0.3 + 9.6 / columns * height / width)
    figure = new_figure(inches, "One frame under every condition", source)
    for axes, (condition, frame) in zip(panels(figure, len(frames)), frames.items(), strict=True):
        gray_image(axes, frame)
        axes.set_title(condition, loc="center", fontsize=10, fontweight="normal")
    return figure


@report_style
def accuracy_drops(rows: pd.DataFrame, source: str) -> Figure:
    """Draw the loss of accuracy under each condition, largest loss first, with the values of the paper.

    Args:
        rows: columns condition, mean, low, high (accuracy lost here) and paper (lost in the paper, a fraction).
    """
    rows = rows.sort_values("mean", ascending=False, kind="stable")
    figure = new_figure(1.5 + 0.34 * len(rows), "Loss of accuracy under each condition", source)
    axes, places, points = figure.subplots(), np.arange(len(rows)), 100 * rows[["mean", "low", "high", "paper"]]
    draw_dots(axes, points, places, horizontal=True, color=BLUE, label="measured")
    axes.plot(points["paper"], places, "D", color=ORANGE, markersize=6, label="paper (simulated)")
    for place, drop in enumerate(points["mean"]):
        axes.annotate(
            f"{drop:.1f}", (1.0, place), xycoords=("axes fraction", "data"), ha="left", va="center", fontsize=9.5,
            xytext=(6, 0), textcoords="offset points", color=INK,
        )  # fmt: skip
    axes.axvline(0, color=INK, linewidth=1)
    axes.set(yticks=places, yticklabels=rows["condition"], ylim=(len(rows) - 0.5, -0.5))
    axes.set_xlabel("loss of accuracy (percentage points)")
    axes.grid(axis="y", visible=False)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


@report_style
def severity_curves(rows: pd.DataFrame, source: str) -> Figure:
    """Draw accuracy over severity, one panel per condition with the curves of all others in pale gray.

    Args:
        rows: columns condition, severity, mean, low, high, changed (False where the corruption left the clips
            unchanged; these points are hollow). The row of the condition "clean" begins every curve.
    """
    clean = rows[rows["condition"] == CLEAN]
    conditions = [name for name in dict.fromkeys(rows["condition"]) if name != CLEAN]
    curves = {name: pd.concat([clean, rows[rows["condition"] == name].sort_values("severity")]) for name in conditions}
    figure = new_figure(0.9 + 1.75 * -(-len(conditions) // 5), "Accuracy by severity of each condition", source)
    grid = panels(figure, len(conditions), sharex=True, sharey=True)
    for axes, (name, curve) in zip(grid, curves.items(), strict=True):
        for other in curves.values():
            axes.plot(other["severity"], other["mean"], color=PALE, linewidth=1, zorder=0)
        axes.plot(curve["severity"], curve["mean"], color=BLUE, marker="o", markersize=4)
        same = curve[~curve["changed"].astype(bool)]
        axes.plot(same["severity"], same["mean"], "o", color=BLUE, markersize=4, markerfacecolor="white")
        draw_band(axes, curve, curve["severity"], BLUE)
        axes.set_title(name, fontsize=9, fontweight="normal")
        axes.grid(axis="x", visible=False)
    for axes in grid[-5:]:  # the last panel of each column
        axes.tick_params(labelbottom=True)
    grid[0].set(ylim=(0, 1), xticks=sorted(rows["severity"].unique()))
    percent_axis(grid[0])
    figure.supxlabel("severity", fontsize=10.5, color=GRAY)
    figure.supylabel("accuracy", fontsize=10.5, color=GRAY)
    return figure


@report_style
def strategies_by_condition(rows: pd.DataFrame, source: str) -> Figure:
    """Draw a heat map of accuracies.

    Args:
        rows: columns name, condition, mean (fraction; NaN stays empty), in the order of the map, the clean one first.
    """
    names, conditions = (list(dict.fromkeys(rows[column])) for column in ("name", "condition"))
    table = rows.pivot(index="name", columns="condition", values="mean").loc[names, conditions]
    values = 100 * table.to_numpy(float)
    width = max(7.0, 2.6 + 0.56 * len(conditions))
    figure = new_figure(2.4 + 0.42 * len(names), "Accuracy by strategy and condition", source, width)
    axes = figure.subplots()
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    axes.imshow(values, cmap="Blues", aspect="auto", vmin=low, vmax=high + LIGHT_SHARE * (high - low))
    for (row, column), value in np.ndenumerate(values):
        if not np.isnan(value):
            axes.text(column, row, f"{value:.0f}", ha="center", va="center", color=INK, fontsize=9.5)
    axes.set_xticks(range(len(conditions)), conditions, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.set_title("percent", fontsize=9.5, fontweight="normal", color=GRAY)
    bare(axes)
    return figure
