"""Figures that compare strategies: accuracy with intervals, by frame interval, by cost, by split."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dance_tf.report.figures.style import (
    BLUE,
    GRAY,
    INK,
    ORANGE,
    PALETTE,
    RED,
    centred_offsets,
    draw_band,
    draw_dots,
    new_figure,
    panels,
    percent_axis,
    report_style,
)
from dance_tf.report.tables import VIEW_NAMES, percents

SPLIT_COLOURS = {"frame": RED, "clip": ORANGE, "dancer": BLUE}


def _chance_line(draw: Callable[..., object], chance: float, label: bool = True) -> None:
    text = f"chance ({100 * chance:.1f} %)" if label else None
    draw(chance, color=GRAY, linestyle="--", linewidth=1.2, label=text, zorder=0)


def _name_lines(axes: Axes, names: Sequence[str]) -> None:
    """Name the lines of a horizontal plot, the first one at the top, with accuracy in percent along x."""
    axes.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.45, -0.55))
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.grid(axis="y", visible=False)
    percent_axis(axes, "x")


@report_style
def accuracy_bars(rows: pd.DataFrame, title: str, source: str, chance: float, quoted: str = "") -> Figure:
    """Draw accuracies as dots with intervals, one line per name.

    Args:
        rows: columns name, group (dots of one line), mean, low, high.
        quoted: the group with published numbers on other footage; drawn as open diamonds.
    """
    names = list(dict.fromkeys(rows["name"]))
    groups = list(rows.groupby("group", sort=False))
    figure = new_figure(1.5 + 0.42 * len(names) + 0.12 * len(names) * len(groups), title, source)
    axes = figure.subplots()
    for (group, part), offset, colour in zip(groups, centred_offsets(len(groups), 0.36), PALETTE, strict=False):
        places = [names.index(name) + offset for name in part["name"]]
        open_mark = {"fmt": "D", "color": INK, "markerfacecolor": "white"} if group == quoted else {}
        draw_dots(axes, part, places, horizontal=True, **{"color": colour, "label": group, **open_mark})
        for place, mean, high in zip(places, part["mean"], part["high"].fillna(part["mean"]), strict=True):
            axes.annotate(
                f"{100 * mean:.1f}", (max(mean, high), place), xytext=(8, 0), textcoords="offset points",
                va="center", fontsize=9.5, color=INK,
            )  # fmt: skip
    _chance_line(axes.axvline, chance)
    _name_lines(axes, names)
    axes.set(xlim=(0, 1.06), xlabel="accuracy")
    figure.legend(loc="outside lower center", ncols=4)
    return figure


@report_style
def frame_interval_curve(rows: pd.DataFrame, source: str) -> Figure:
    """Draw scores when every n-th frame is used for training (Table 3), one panel per metric.

    Lines and bands join neighbouring intervals only. Metrics with equal values, such as accuracy and macro recall of
    styles with equally many frames, share a panel.

    Args:
        rows: columns every (one frame of every n), size (pixels), metric, mean, low, high.
    """
    titles = _panel_titles(rows)
    figure = new_figure(4.0, "Scores when every n-th frame is used for training", source)
    grid = panels(figure, len(titles), sharey=True)
    measured = sorted(rows["every"].unique())
    for axes, (metric, title) in zip(grid, titles.items(), strict=True):
        sizes = list(rows[rows["metric"] == metric].groupby("size", sort=True))
        for colour, offset, (size, line) in zip(PALETTE, centred_offsets(len(sizes), 0.16), sizes, strict=False):
            line = line.sort_values("every")
            places = line["every"].to_numpy(float) + offset
            label = f"{size} × {size} pixels" if axes is grid[0] else None
            draw_dots(axes, line, places, color=colour, label=label)
            order = np.array([measured.index(every) for every in line["every"]])
            for segment in np.split(np.arange(len(order)), np.flatnonzero(np.diff(order) != 1) + 1):
                if len(segment) > 1:
                    axes.plot(places[segment], line["mean"].iloc[segment], color=colour)
                    draw_band(axes, line.iloc[segment], places[segment], colour)
        axes.set_title(title)
        axes.set(xlabel="one frame of every", xticks=measured)
    grid[0].set_ylim(min(0.0, rows["low"].min()), 1)
    percent_axis(grid[0])
    figure.legend(loc="outside lower center", ncols=6)
    return figure


@report_style
def accuracy_lines(rows: pd.DataFrame, title: str, against: str, source: str, chance: float) -> Figure:
    """Draw accuracy against a number, such as that of the dancers that a network learnt from.

    Args:
        rows: columns number, group (one line each), mean, low, high.
        against: label of the axis of the number.
    """
    figure = new_figure(4.0, title, source)
    axes = figure.subplots()
    lines = list(rows.groupby("group", sort=False))
    for colour, offset, (group, line) in zip(PALETTE, centred_offsets(len(lines), 0.1), lines, strict=False):
        line = line.sort_values("number")
        places = line["number"].to_numpy(float) + offset
        draw_dots(axes, line, places, color=colour, label=group)
        axes.plot(places, line["mean"], color=colour)
    axes.axhline(chance, color=GRAY, linestyle="--", label=f"chance ({100 * chance:.1f} %)")
    axes.set(xlabel=against, xticks=sorted(rows["number"].unique()), ylim=(0, 1))
    percent_axis(axes)
    figure.legend(loc="outside lower center", ncols=4)
    return figure


@report_style
def risk_lines(rows: pd.DataFrame, title: str, source: str) -> Figure:
    """Draw the share of wrong verdicts against the share of clips that get one, the surest first.

    Args:
        rows: columns group (one line each), coverage, risk.
    """
    figure = new_figure(4.0, title, source)
    axes = figure.subplots()
    for colour, (group, line) in zip(PALETTE * 2, rows.groupby("group", sort=False), strict=False):
        axes.step(line["coverage"], line["risk"], where="post", color=colour, label=group)
    axes.set(xlabel="clips that get a verdict", ylabel="wrong verdicts", xlim=(0, 1), ylim=(0, None))
    percent_axis(axes, "x")
    percent_axis(axes)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _panel_titles(rows: pd.DataFrame) -> dict[str, str]:
    """Return the metrics that get a panel, with its title; metrics with equal values share a panel."""
    values = rows.pivot(index="metric", columns=["size", "every"], values=["mean", "low", "high"])
    titles: dict[str, str] = {}
    for metric in rows["metric"].unique():
        title = "kappa × 100" if metric == "kappa" else metric
        same = (np.allclose(values.loc[each], values.loc[metric], rtol=0, atol=5e-4, equal_nan=True) for each in titles)
        if other := next((each for each, equal in zip(titles, same, strict=True) if equal), None):
            titles[other] += f" = {title}"
        else:
            titles[metric] = title
    return titles


@report_style
def accuracy_against_cost(rows: pd.DataFrame, cost: str, source: str, chance: float) -> Figure:
    """Draw accuracy against cost, one dot per name, with cost on a logarithmic axis.

    Args:
        rows: columns name, cost, mean, low, high.
        cost: label of the cost axis, with its unit.
    """
    figure = new_figure(4.8, "Accuracy against cost", source)
    axes = figure.subplots()
    colours = dict(zip(rows["name"], [*PALETTE] * len(rows), strict=False))
    for name, row in rows.sort_values("mean", ascending=False).groupby("name", sort=False):
        draw_dots(axes, row, row["cost"], color=colours[name], label=name)
    _chance_line(axes.axhline, chance)
    axes.set(xscale="log", xlabel=cost, ylabel="accuracy")
    for formatter in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        formatter(lambda number, _: f"{number:g}" if f"{number:e}"[0] in "1235" else "")
    axes.margins(x=0.12)
    axes.set_ylim(0, min(1.0, 1.2 * float(np.nanmax(rows[["mean", "high"]].to_numpy(float)))))
    percent_axis(axes)
    # names beside the plot: strategies of similar cost are too close to each other for names at the dots
    named = sorted(zip(*axes.get_legend_handles_labels(), strict=True), key=lambda pair: pair[1].startswith("chance"))
    axes.legend(*zip(*named, strict=True), loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


@report_style
def leakage_gap(rows: pd.DataFrame, source: str, chance: float, gaps: pd.DataFrame) -> Figure:
    """Draw accuracy by frame under splits by frame, clip and dancer, one panel for each view.

    Args:
        rows: columns name, split ("frame", "clip", "dancer"), view ("frame", "difference"), mean, low, high.
        gaps: columns name, view, mean, low, high: accuracy under the split by frame minus that under the split by
            dancer, written beside the dots.
    """
    views = list(dict.fromkeys(rows["view"]))
    fullest = max(views, key=list(rows["view"]).count)  # a short run may have fewer strategies in one view
    names = list(dict.fromkeys([*rows.loc[rows["view"] == fullest, "name"], *rows["name"]]))
    splits = list(dict.fromkeys(rows["split"]))
    figure = new_figure(1.6 + 0.62 * len(names), "Accuracy by split: the leakage gap", source)
    grid = panels(figure, len(views), sharey=True)
    for axes, view in zip(grid, views, strict=True):
        part = rows[rows["view"] == view]
        for split, offset in zip(splits, centred_offsets(len(splits), 0.4), strict=True):
            dots = part[part["split"] == split]
            places = [names.index(name) + offset for name in dots["name"]]
            label = f"split by {split}" if axes is grid[0] else None
            draw_dots(axes, dots, places, horizontal=True, color=SPLIT_COLOURS[split], label=label)
        _chance_line(axes.axvline, chance, label=axes is grid[0])
        for gap in gaps[gaps["view"] == view].to_dict("records"):
            axes.annotate(
                f"gap {percents(gap)}", (1.0, names.index(gap["name"])),
                xycoords=("axes fraction", "data"), ha="right", va="center", color=INK, fontsize=9,
            )  # fmt: skip
        _name_lines(axes, names)
        axes.set_title(VIEW_NAMES[view])
        axes.set(xlim=(0, 1.55), xlabel="accuracy by frame")
    figure.legend(loc="outside lower center", ncols=4)
    return figure
