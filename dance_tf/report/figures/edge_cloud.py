"""Figures of the cuts between edge and cloud."""

import pandas as pd
from matplotlib.figure import Figure

from dance_tf.report.figures.style import GRAY, PALETTE, draw_dots, new_figure, percent_axis, report_style


@report_style
def latency_lines(rows: pd.DataFrame, title: str, source: str) -> Figure:
    """Draw the seconds to a verdict against the uplink, one line for each cut.

    Args:
        rows: columns cut, uplink (bits per second), latency (seconds).
    """
    figure = new_figure(4.4, title, source)
    axes = figure.subplots()
    for colour, (cut, line) in zip(PALETTE * 2, rows.groupby("cut", sort=False), strict=False):
        line = line.sort_values("uplink")
        axes.plot(line["uplink"] / 1e6, line["latency"], color=colour, label=cut)
    axes.set(xscale="log", yscale="log", xlabel="uplink / Mbit/s", ylabel="time to the verdict / s")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else "")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


@report_style
def accuracy_by_size(rows: pd.DataFrame, source: str, chance: float) -> Figure:
    """Draw accuracy against the size of a file, one line for each network, with a dot for each precision.

    Args:
        rows: columns name, precision, bytes, mean, low, high.
    """
    figure = new_figure(4.4, "Accuracy against the size of the file", source)
    axes = figure.subplots()
    marks = dict(zip(dict.fromkeys(rows["precision"]), "os^D", strict=False))
    for colour, (name, line) in zip(PALETTE, rows.groupby("name", sort=False), strict=False):
        line = line.sort_values("bytes")
        axes.plot(line["bytes"] / 1e6, line["mean"], color=colour, label=name, linewidth=1)
        for precision, dot in line.groupby("precision"):
            draw_dots(axes, dot, dot["bytes"] / 1e6, fmt=marks[precision], color=colour, elinewidth=1)
    for precision, mark in marks.items():
        axes.plot([], [], mark, color=GRAY, label=precision)
    axes.axhline(chance, color=GRAY, linestyle="--", linewidth=1.2, label=f"chance ({100 * chance:.1f} %)")
    axes.set(xscale="log", xlabel="file / MB", ylabel="clips right", ylim=(0, 1.02))
    for formatter in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "125" else "")
    percent_axis(axes)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure
