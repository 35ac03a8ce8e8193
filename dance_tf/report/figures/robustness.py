"""Figures of robustness: how the conditions look, what each costs, and to which strategy (Table 5)."""

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
    drawn,
    gray_image,
    new_figure,
)

CLEAN = "clean"
DARKEST = 0.7  # of the values' range that the colours go on beyond the largest


@drawn
def degradation_sheet(
    frames: Mapping[str, np.ndarray], source: str, title: str = "One frame under every condition"
) -> Figure:
    """One dancer under all conditions, a labelled picture each.

    Args:
        frames: condition to uint8 [h, w] (or one more axis of 1); the clean frame first.
        source: "synthetic" or the footage's name.
        title: what is shown.
    """
    columns = min(5, len(frames))
    rows = -(-len(frames) // columns)
    height, width = next(iter(frames.values())).shape[:2]
    figure = new_figure(0.6 + rows * (0.3 + 9.6 / columns * height / width), title, source)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(frames) :]:
        axes.set_visible(False)
    for axes, (condition, frame) in zip(grid.flat, frames.items(), strict=False):
        gray_image(axes, frame)
        axes.set_title(condition, loc="center", fontsize=10, fontweight="normal")
    return figure


@drawn
def accuracy_drops(rows: pd.DataFrame, source: str, title: str = "What each condition costs") -> Figure:
    """Accuracy lost under each condition, the dearest first, with intervals and the paper's figure.

    Args:
        rows: columns condition, drop, drop_low, drop_high, in points, positive where accuracy is lost, as
            `assessment.robustness_table` gives them (its clean row has no drop and is left out); a column paper,
            where known, in points too.
        source: "synthetic" or the footage's name.
        title: whose accuracy this is.
    """
    rows = rows.dropna(subset="drop").sort_values("drop", ascending=False, kind="stable").reset_index(drop=True)
    figure = new_figure(1.5 + 0.34 * len(rows), title, source)
    axes = figure.subplots()
    places = np.arange(len(rows))
    reach = np.nan_to_num(np.abs(rows[["drop_low", "drop_high"]].to_numpy(float).T - rows["drop"].to_numpy(float)))
    axes.errorbar(
        rows["drop"], places, xerr=reach, fmt="o", color=BLUE, markersize=7, elinewidth=2, label="measured here"
    )
    if "paper" in rows:
        axes.plot(rows["paper"], places, "D", color=ORANGE, markersize=6, label="the paper's, said to be simulated")
    for place, drop in enumerate(rows["drop"]):
        axes.annotate(
            f"{drop:.1f}", (1.0, place), xycoords=("axes fraction", "data"), ha="left", va="center", fontsize=9.5,
            xytext=(6, 0), textcoords="offset points", color=INK,
        )  # fmt: skip
    axes.axvline(0, color=INK, linewidth=1)
    axes.set(yticks=places, yticklabels=rows["condition"], ylim=(len(rows) - 0.5, -0.5), xlabel="accuracy lost, points")
    axes.grid(axis="y", visible=False)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


@drawn
def severity_curves(rows: pd.DataFrame, source: str, title: str = "Accuracy as each condition gets worse") -> Figure:
    """One small panel per condition: accuracy over its severity, all other conditions pale behind it.

    Args:
        rows: columns condition, severity (0 is clean), accuracy, accuracy_low, accuracy_high, in percent, as
            `assessment.robustness_table` gives them; its clean row begins every curve. A column changed, where there is
            one, is False at severities that left the clips as they were: their points are hollow.
        source: "synthetic" or the footage's name.
        title: whose accuracy this is.
    """
    clean = rows[rows["condition"] == CLEAN]
    conditions = [name for name in dict.fromkeys(rows["condition"]) if name != CLEAN]
    columns = min(5, len(conditions))
    count = -(-len(conditions) // columns)
    figure = new_figure(0.9 + 1.75 * count, title, source)
    grid = figure.subplots(count, columns, squeeze=False, sharex=True, sharey=True)
    lines = {name: pd.concat([clean, rows[rows["condition"] == name].sort_values("severity")]) for name in conditions}
    for axes in grid.flat[len(conditions) :]:
        axes.set_visible(False)
    for axes, name in zip(grid.flat, conditions, strict=False):
        for other in lines.values():
            axes.plot(other["severity"], other["accuracy"], color=PALE, linewidth=1, zorder=0)
        mine = lines[name]
        axes.plot(mine["severity"], mine["accuracy"], color=BLUE, marker="o", markersize=4)
        if "changed" in mine:
            idle = mine[~mine["changed"].astype(bool)]
            axes.plot(idle["severity"], idle["accuracy"], "o", color=BLUE, markersize=4, markerfacecolor="white")
        axes.fill_between(
            mine["severity"], mine["accuracy_low"], mine["accuracy_high"], color=BLUE, alpha=0.15, linewidth=0
        )
        axes.set_title(name, fontsize=9, fontweight="normal")
        axes.grid(axis="x", visible=False)
    grid[0, 0].set(ylim=(0, 100), xticks=sorted(rows["severity"].unique()))
    grid[0, 0].yaxis.set_major_formatter("{x:.0f} %")
    figure.supxlabel("severity", fontsize=10.5, color=GRAY)
    figure.supylabel("accuracy", fontsize=10.5, color=GRAY)
    return figure


@drawn
def strategies_by_condition(
    accuracy: pd.DataFrame, source: str, title: str = "Accuracy by strategy and condition"
) -> Figure:
    """Heat map of accuracies in percent.

    Args:
        accuracy: percent; strategies in the index, conditions in the columns, the clean one first. NaN stays empty.
        source: "synthetic" or the footage's name.
        title: what was classified.
    """
    values = accuracy.to_numpy(float)
    figure = new_figure(2.4 + 0.42 * len(accuracy), title, source, width=max(7.0, 2.6 + 0.56 * accuracy.shape[1]))
    axes = figure.subplots()
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    high += DARKEST * (high - low)  # the map's darker half is left out: ink can be read on all the rest
    axes.imshow(values, cmap="Blues", aspect="auto", vmin=low, vmax=high)
    for (row, column), value in np.ndenumerate(values):
        if not np.isnan(value):
            axes.text(column, row, f"{value:.0f}", ha="center", va="center", color=INK, fontsize=9.5)
    axes.set_xticks(range(accuracy.shape[1]), list(accuracy.columns), rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(accuracy)), list(accuracy.index))
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure
