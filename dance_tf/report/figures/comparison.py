"""Figures that compare: accuracy with its interval, against the frame interval, against cost, across splits."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dance_tf.report.figures.style import (
    BLUE,
    GRAY,
    GREEN,
    INK,
    ORANGE,
    PALETTE,
    RED,
    drawn,
    new_figure,
    percent_axis,
    spread,
)
from dance_tf.report.tables import percent, percent_interval

SPLIT_COLOURS = {"frame": RED, "clip": ORANGE, "dancer": BLUE}


def _with_interval(
    axes: Axes,
    rows: pd.DataFrame,
    places: Sequence[float],
    colour: str,
    label: str | None,
    across: bool,
    quoted: bool = False,
) -> None:
    """Dots with their intervals; a missing interval leaves the dot alone. `across`: values run along x.

    What is `quoted`, and was not measured on the footage that the title names, is an open diamond.
    """
    middle = rows["mean"].to_numpy(float)
    reach = np.abs(np.stack([rows["low"].to_numpy(float), rows["high"].to_numpy(float)]) - middle)
    reach = np.nan_to_num(reach)
    style = {"fmt": "o", "color": colour, "markersize": 7, "elinewidth": 2, "capsize": 0, "label": label}
    if quoted:
        style |= {"fmt": "D", "color": INK, "markerfacecolor": "white"}
    if across:
        axes.errorbar(middle, places, xerr=reach, **style)
    else:
        axes.errorbar(places, middle, yerr=reach, **style)


def _chance_line(axes: Axes, chance: float | None, across: bool) -> None:
    if chance is None:
        return
    draw = axes.axvline if across else axes.axhline
    draw(chance, color=GRAY, linestyle="--", linewidth=1.2, label=f"chance ({100 * chance:.1f} %)", zorder=0)


@drawn
def accuracy_bars(rows: pd.DataFrame, title: str, source: str, chance: float | None = None, quoted: str = "") -> Figure:
    """Accuracies as dots with their intervals, one line each; a bar would hide how wide the interval is.

    Args:
        rows: columns name, mean, low, high (fractions; NaN where no interval is known); a column group ("by frame",
            "by clip") puts several dots on one line.
        title: what was classified.
        source: "synthetic" or the footage's name.
        chance: accuracy of guessing.
        quoted: the group, if any, that somebody else printed about other footage; its dots are open diamonds.
    """
    names = list(dict.fromkeys(rows["name"]))
    groups = list(dict.fromkeys(rows["group"])) if "group" in rows else [None]
    figure = new_figure(1.5 + 0.42 * len(names) + 0.12 * len(names) * len(groups), title, source)
    axes = figure.subplots()
    offsets = spread(len(groups), 0.36)
    for group, offset, colour in zip(groups, offsets, PALETTE, strict=False):
        part = rows if group is None else rows[rows["group"] == group]
        places = [names.index(name) + offset for name in part["name"]]
        _with_interval(axes, part, places, colour, group, across=True, quoted=bool(quoted) and group == quoted)
        for place, value, high in zip(places, part["mean"], part["high"].fillna(part["mean"]), strict=True):
            axes.annotate(
                f"{100 * value:.1f}", (max(value, high), place), xytext=(8, 0), textcoords="offset points",
                va="center", fontsize=9.5, color=INK,
            )  # fmt: skip
    _chance_line(axes, chance, across=True)
    axes.set(
        yticks=range(len(names)), yticklabels=names, xlim=(0, 1.06), ylim=(len(names) - 0.45, -0.55), xlabel="accuracy"
    )
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.grid(axis="y", visible=False)
    percent_axis(axes, "x")
    if chance is not None or groups != [None]:
        figure.legend(loc="outside lower center", ncols=4)
    return figure


@drawn
def frame_interval_curve(rows: pd.DataFrame, source: str) -> Figure:
    """What is lost when only one frame of every 1 to 10 is kept (Table 3), one panel per measure.

    Lines and bands join intervals that stand next to each other; where a size was measured here and there alone, its
    dots stand alone with their intervals. Measures that are the same throughout, as accuracy and macro recall are where
    each style has as many frames, share a panel that names both.

    Args:
        rows: columns every (one frame of every n), size (pixels), metric, mean, low, high (fractions, kappa as it is).
        source: "synthetic" or the footage's name.
    """
    metrics = _panels(rows)
    figure = new_figure(4.0, "One frame of every n", source)
    panels = figure.subplots(1, len(metrics), squeeze=False, sharey=True)[0]
    measured = sorted(rows["every"].unique())
    for axes, (metric, names) in zip(panels, metrics.items(), strict=True):
        part = rows[rows["metric"] == metric]
        sizes = list(part.groupby("size", sort=True))
        offsets = spread(len(sizes), 0.16)
        for colour, offset, (size, line) in zip(PALETTE, offsets, sizes, strict=False):
            line = line.sort_values("every")
            label = f"{size} × {size} pixels" if axes is panels[0] else None
            places = line["every"].to_numpy(float) + offset
            _with_interval(axes, line, places, colour, label, across=False)
            for stretch in _stretches(line["every"], measured):
                axes.plot(places[stretch], line["mean"].iloc[stretch], color=colour)
                axes.fill_between(
                    places[stretch], line["low"].iloc[stretch], line["high"].iloc[stretch],
                    color=colour, alpha=0.15, linewidth=0,
                )  # fmt: skip
        axes.set_title(names)
        axes.set_xlabel("one frame of every")
        axes.set_xticks(measured)
    panels[0].set_ylim(min(0.0, rows["low"].min()), 1)
    percent_axis(panels[0])
    figure.legend(loc="outside lower center", ncols=6)
    return figure


def _panels(rows: pd.DataFrame) -> dict[str, str]:
    """The measures that need a panel, with its title; one whose numbers another has already is named in that one's."""
    numbers = {
        metric: part.sort_values(["size", "every"])[["mean", "low", "high"]].to_numpy(float)
        for metric, part in rows.groupby("metric", sort=False)
    }
    titles: dict[str, str] = {}
    for metric, values in numbers.items():
        title = "kappa × 100" if metric == "kappa" else metric
        same = [one for one in titles if numbers[one].shape == values.shape]
        same = [one for one in same if np.allclose(numbers[one], values, rtol=0, atol=5e-4, equal_nan=True)]
        if same:
            titles[same[0]] += f" = {title}"
        else:
            titles[metric] = title
    return titles


def _stretches(places: Sequence[int], measured: Sequence[int]) -> list[slice]:
    """Runs of two or more places that stand next to each other among all that were measured: slices of `places`."""
    order = [measured.index(place) for place in places]
    breaks = [0, *(n for n in range(1, len(order)) if order[n] != order[n - 1] + 1), len(order)]
    return [slice(a, b) for a, b in zip(breaks, breaks[1:], strict=False) if b - a > 1]


@drawn
def accuracy_against_cost(
    rows: pd.DataFrame, cost: str, source: str, score: str = "accuracy", chance: float | None = None
) -> Figure:
    """What accuracy costs: one named dot per strategy, the cost on a log axis.

    Args:
        rows: columns strategy, cost, mean (a fraction), low, high.
        cost: what the column cost holds, with its unit, as the axis says it.
        source: "synthetic" or the footage's name.
        score: what the column mean holds.
        chance: accuracy of guessing.
    """
    figure = new_figure(4.8, f"{score[:1].upper()}{score[1:]} against cost", source)
    axes = figure.subplots()
    colours = dict(zip(rows.index, [*PALETTE] * len(rows), strict=False))
    for place, row in rows.sort_values("mean", ascending=False).iterrows():
        _with_interval(axes, row.to_frame().T, [row["cost"]], colours[place], row["strategy"], across=False)
    _chance_line(axes, chance, across=False)
    axes.set(xscale="log", xlabel=cost, ylabel=score)
    for formatter in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        formatter(lambda number, _: f"{number:g}" if f"{number:e}"[0] in "1235" else "")
    axes.margins(x=0.12)
    axes.set_ylim(0, min(1.0, 1.2 * float(np.nanmax(rows[["mean", "high"]].to_numpy(float)))))
    percent_axis(axes)
    # names beside the plot, the most accurate first: strategies of like cost lie too near each other to be named there
    handles, labels = axes.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda place: labels[place].startswith("chance"))
    axes.legend(
        [handles[place] for place in order], [labels[place] for place in order],
        loc="center left", bbox_to_anchor=(1.01, 0.5),
    )  # fmt: skip
    return figure


@drawn
def leakage_gap(
    rows: pd.DataFrame,
    source: str,
    unit: str = "frame",
    chance: float | None = None,
    gaps: pd.DataFrame | None = None,
) -> Figure:
    """How much of an accuracy is leakage: each strategy under the three splits, with the room kept and removed.

    Args:
        rows: columns strategy, split ("frame", "clip", "dancer"), room ("kept", "removed"), mean, low, high.
        source: "synthetic" or the footage's name.
        unit: what the accuracy counts: "frame" or "clip".
        chance: accuracy of guessing.
        gaps: columns strategy, room, mean, low, high: the gap between the frame's and the dancer's split with its
            interval, written beside the dots; without it the plain difference is.
    """
    rooms = list(dict.fromkeys(rows["room"]))
    fullest = max(rooms, key=list(rows["room"]).count)  # a short run may keep the room for some strategies alone
    strategies = list(dict.fromkeys([*rows.loc[rows["room"] == fullest, "strategy"], *rows["strategy"]]))
    figure = new_figure(1.6 + 0.62 * len(strategies), "What leaks through the split", source)
    panels = figure.subplots(1, len(rooms), squeeze=False, sharey=True)[0]
    splits = list(dict.fromkeys(rows["split"]))
    offsets = dict(zip(splits, spread(len(splits), 0.4), strict=True))
    for axes, room in zip(panels, rooms, strict=True):
        part = rows[rows["room"] == room]
        for split in splits:
            dots = part[part["split"] == split]
            places = [strategies.index(name) + offsets[split] for name in dots["strategy"]]
            label = f"split by {split}" if axes is panels[0] else None
            _with_interval(axes, dots, places, SPLIT_COLOURS.get(split, GREEN), label, across=True)
        _chance_line(axes, chance if axes is panels[0] else None, across=True)
        if chance is not None and axes is not panels[0]:
            axes.axvline(chance, color=GRAY, linestyle="--", linewidth=1.2, zorder=0)
        for place, strategy in enumerate(strategies):
            axes.annotate(
                _gap(part[part["strategy"] == strategy], gaps, strategy, room), (1.0, place),
                xycoords=("axes fraction", "data"), ha="right", va="center", color=INK, fontsize=9,
            )  # fmt: skip
        axes.set_title(f"room {room}")
        axes.set(
            xlim=(0, 1.22 if gaps is None else 1.55),
            xlabel=f"accuracy by {unit}",
            yticks=range(len(strategies)),
            yticklabels=strategies,
        )
        axes.set_xticks(np.linspace(0, 1, 6))
        axes.grid(axis="y", visible=False)
        percent_axis(axes, "x")
    panels[0].set_ylim(len(strategies) - 0.5, -0.5)
    figure.legend(loc="outside lower center", ncols=4)
    return figure


def _gap(mine: pd.DataFrame, gaps: pd.DataFrame | None, strategy: str, room: str) -> str:
    if gaps is not None:
        for _, gap in gaps[(gaps["strategy"] == strategy) & (gaps["room"] == room)].iterrows():
            return f"gap {percent_interval(gap['mean'], gap['low'], gap['high'])}"
        return ""
    by_split = mine.set_index("split")["mean"]
    return (
        f"gap {percent(by_split['frame'] - by_split['dancer'])}" if {"frame", "dancer"} <= set(by_split.index) else ""
    )
