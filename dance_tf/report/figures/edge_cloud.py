"""Figures of the cuts between edge and cloud."""

import pandas as pd
from matplotlib.figure import Figure

from dance_tf.report.figures.style import PALETTE, new_figure, report_style


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
