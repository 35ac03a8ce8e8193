"""Figures of an assessment: the body over time, a moment beside the references, and a class of dancers."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dance_tf.fidelity.align import BONES
from dance_tf.fidelity.assess import MOMENT, Assessment
from dance_tf.fidelity.template import PARTS
from dance_tf.pose.joints import JOINTS, PARENT
from dance_tf.report.figures.style import BLUE, GRAY, INK, RED, bare, draw_dots, new_figure, report_style

FAR = 6.0  # units of the references' spread, the darkest colour of a timeline


@report_style
def timeline(found: Assessment) -> Figure:
    """Draw how far each part of the body is from the references over time, and how early or late the dancer is."""
    figure = new_figure(3.8, "")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.2))
    edges = np.r_[found.starts, found.starts[-1] + MOMENT]
    above.set_facecolor("white")
    above.pcolormesh(
        edges, np.arange(len(PARTS) + 1), np.ma.masked_invalid(found.closeness.T), cmap="YlOrRd", vmin=1, vmax=FAR
    )
    for start, row in zip(found.starts, found.closeness, strict=True):
        if np.isnan(row).all():
            above.axvspan(start, start + MOMENT, facecolor="none", edgecolor=GRAY, hatch="///", linewidth=0)
    above.set_yticks(np.arange(len(PARTS)) + 0.5, list(PARTS))
    above.invert_yaxis()
    bare(above)
    late = pd.DataFrame(found.late).mean(axis=1)
    below.axhline(0, color=GRAY, linewidth=0.8)
    below.plot(found.starts + MOMENT / 2, late, color=INK, marker="o", markersize=3)
    reach = max(0.3, float(np.nanmax(np.abs(late), initial=0)) * 1.1)
    below.set_ylim(-reach, reach)
    below.set_yticks([-reach * 0.7, 0, reach * 0.7], ["early", "on time", "late"])
    below.set_xlabel("seconds of the clip")
    below.set_xlim(edges[0], edges[-1])
    return figure


@report_style
def moment(found: Assessment, time: float, pictures: Sequence[tuple[str, np.ndarray]]) -> Figure:
    """Draw a moment: pictures with their titles, and the skeletons of dancer and references, both from the front.

    Args:
        time: of the moment, seconds of the clip.
        pictures: title and uint8 [h, w, 3], RGB.
    """
    shapes = [picture.shape[1] / picture.shape[0] for _, picture in pictures] + [0.75]
    figure = new_figure(3.4, "", width=3.2 * sum(shapes) + 0.4)
    grid = figure.subplots(1, len(shapes), width_ratios=shapes)
    for axes, (title, picture) in zip(grid, pictures, strict=False):
        axes.imshow(picture, interpolation="bilinear")
        axes.set_axis_off()
        axes.set_title(title, fontsize=10, fontweight="normal")
    frame = int(np.abs(found.dance.times - time).argmin())
    for bones, colour, label in ((found.target, BLUE, "references"), (found.turned, RED, "dancer")):
        _draw_bones(grid[-1], bones[frame], found.dance.lengths, colour, label)
    grid[-1].set_aspect("equal")
    grid[-1].invert_yaxis()
    grid[-1].set_axis_off()
    grid[-1].legend(loc="upper center", bbox_to_anchor=(0.5, 0.02), ncols=2, fontsize=9)
    grid[-1].set_title("from the front", fontsize=10, fontweight="normal")
    return figure


def _draw_bones(axes: Axes, bones: np.ndarray, lengths: np.ndarray, colour: str, label: str) -> None:
    """Draw bones, unit vectors float64 [18, 3], of some lengths, [18], from the middle of the hips."""
    joints = np.zeros((len(JOINTS), 3))
    for joint, bone, length in zip(BONES, bones, lengths, strict=True):
        joints[joint] = joints[PARENT[joint]] + bone * length
    for joint in BONES:
        x, y, _ = joints[[PARENT[joint], joint]].T
        axes.plot(x, y, color=colour, linewidth=3, alpha=0.75, solid_capstyle="round", label=label)
        label = None


@report_style
def class_map(scores: pd.DataFrame, title: str, source: str) -> Figure:
    """Draw the scores of a class, of `report.fidelity.class_scores`, as a map."""
    figure = new_figure(2.2 + 0.25 * len(scores), title, source)
    axes = figure.subplots()
    seaborn.heatmap(
        scores, ax=axes, vmin=0, vmax=100, cmap="RdYlBu", annot=True, fmt=".0f", annot_kws={"fontsize": 8},
        cbar_kws={"label": "score"}, linewidths=0.5,
    )  # fmt: skip
    axes.set(xlabel="", ylabel="")
    axes.tick_params(axis="x", rotation=40)
    for label in axes.get_xticklabels():
        label.set_ha("right")
    axes.tick_params(axis="y", rotation=0)
    return figure


@report_style
def agreement(clips: pd.DataFrame, title: str, source: str) -> Figure:
    """Draw the measured distance of each clip against its true deviation.

    Args:
        clips: columns style, deviation (torsos), away; one colour for each style.
    """
    figure = new_figure(4.2, title, source)
    axes = figure.subplots()
    seaborn.scatterplot(clips, x="deviation", y="away", hue="style", ax=axes, palette="husl", s=28)
    axes.set(xlabel="true deviation / torso", ylabel="measured distance (log)")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9)
    return figure


@report_style
def distribution(scores: pd.DataFrame) -> Figure:
    """Draw the scores of a class, one line for each clip; columns name, mean, low, high (0 to 100)."""
    rows = scores.sort_values("mean", ascending=False)
    figure = new_figure(1.0 + 0.25 * len(rows), "")
    axes = figure.subplots()
    draw_dots(axes, rows, np.arange(len(rows)), horizontal=True, fmt="o", color=BLUE)
    axes.set_yticks(np.arange(len(rows)), rows["name"])
    axes.set_xlim(-2, 102)
    axes.set_xlabel("fidelity: percent of the reference dancers who are further from the style")
    return figure
