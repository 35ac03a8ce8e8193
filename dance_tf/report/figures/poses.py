"""Figures of skeletons: over frames, over time, where they are found, and how exact they are."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from dance_tf.pose.skeleton import BONE_SIDES, BONES, COLOURS, LANDMARK, SIDES
from dance_tf.report.figures.style import (
    INK,
    ORANGE,
    PALETTE,
    SKY,
    MovingFigure,
    bare,
    draw_dots,
    new_figure,
    percent_axis,
    report_style,
)

SPACING = 0.26  # of dots of one label, in lines
LONGEST_NAME = 24  # characters above a panel of four
SERIES_COLOURS = {"left": ORANGE, "right": SKY, "both": INK}  # sides of the body have about the colours of their bones
BONE_COLOURS = {side: tuple(part / 255 for part in colour) for side, colour in COLOURS.items()} | {"": INK}


@report_style
def share_dots(rows: pd.DataFrame, title: str, source: str, axis: str) -> Figure:
    """Draw shares with intervals, one line for each label, and one panel for each quantity.

    Args:
        rows: columns label, series (dots of a label, side by side), panel (title of the panel), mean, low, high
            (fractions); a label without a row in a panel is empty there.
    """
    labels, names, quantities = (list(dict.fromkeys(rows[column])) for column in ("label", "series", "panel"))
    beside = rows.groupby(["panel", "label"], sort=False)["mean"]
    places = rows["label"].map(labels.index) + SPACING * (beside.cumcount() - (beside.transform("size") - 1) / 2)
    most = int(beside.transform("size").max())
    figure = new_figure(1.3 + len(labels) * (0.2 + 0.1 * most), title, source)
    grid = figure.subplots(1, len(quantities), sharey=True, squeeze=False)[0]
    for axes, quantity in zip(grid, quantities, strict=True):
        for name, colour in zip(names, PALETTE, strict=False):
            chosen = (rows["series"] == name) & (rows["panel"] == quantity)
            style = {"color": SERIES_COLOURS.get(name, colour), "label": name, "markersize": 6}
            draw_dots(axes, rows[chosen], places[chosen], horizontal=True, **style)
        axes.set(yticks=range(len(labels)), yticklabels=labels, ylim=(len(labels) - 0.5, -0.5), xlabel=axis)
        axes.set_title(quantity)
        axes.grid(axis="y", visible=False)
        percent_axis(axes, "x")
    if len(names) > 1:
        figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(names))
    return figure


@report_style
def moving_skeletons(shown: Mapping[str, np.ndarray], source: str) -> MovingFigure:
    """Draw skeletons that move as the dancers of a few clips do, side by side; they play at the speed of the dance.

    Args:
        shown: of `experiments.poses.measure_shown`.
    """
    labels = [
        f"{_short(style)}\n{_short(clip)}" for style, clip in zip(shown["styles"], shown["clip_ids"], strict=True)
    ]
    parts = [shown["clip"] == number for number in range(len(labels))]
    clips = [(shown["landmarks"][part].astype(float), shown["valid"][part], shown["times"][part]) for part in parts]
    figure = new_figure(3.0, "Skeletons of the dancers", source, width=8.0, kind=MovingFigure)
    grid = figure.subplots(1, len(clips), squeeze=False)[0]
    drawn = [_bones(axes, *clip[:2]) for axes, clip in zip(grid, clips, strict=True)]
    for axes, label in zip(grid, labels, strict=True):
        axes.set_title(label, loc="center", fontsize=9)
    intervals = np.concatenate([np.diff(times) for *_, times in clips])
    figure.seconds = float(np.median(intervals)) if len(intervals) else 0.1
    figure.steps = max(1, *(len(times) for *_, times in clips))

    def draw_step(step: int) -> None:
        for bones, (landmarks, valid, _) in zip(drawn, clips, strict=True):
            there = step < len(valid) and valid[step]
            bones.set_segments(_segments(landmarks[step, :, :2]) if there else [])

    figure.draw_step = draw_step
    return figure


def _short(name: str) -> str:
    """Return a name that fits above a panel."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _bones(axes: Axes, landmarks: np.ndarray, valid: np.ndarray) -> LineCollection:
    """Prepare axes for the bones of a clip, whose limits hold all its skeletons, and return their empty lines."""
    ends = landmarks[valid][:, np.unique(BONES), :2].reshape(-1, 2) if valid.any() else np.zeros((1, 2))
    low, high = ends.min(axis=0), ends.max(axis=0)
    middle, half = (low + high) / 2, 0.53 * max(*(high - low), 1e-3)
    axes.set(xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] + half, middle[1] - half))
    axes.set(xticks=[], yticks=[], aspect="equal")
    bare(axes)
    colours = [BONE_COLOURS[side] for side in (*BONE_SIDES, "")]
    return axes.add_collection(LineCollection([], colors=colours, linewidths=2.5, capstyle="round"), autolim=False)


def _segments(points: np.ndarray) -> list[np.ndarray]:
    """Return the bones of landmarks [33, 2], each [2, 2], and last a neck."""
    shoulders = points[[LANDMARK[f"{side}_shoulder"] for side in SIDES]].mean(axis=0)
    return [*points[np.array(BONES)], np.stack([shoulders, points[LANDMARK["nose"]]])]
