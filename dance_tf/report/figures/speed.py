"""Figure of the stages of a process."""

import pandas as pd
from matplotlib.figure import Figure

from dance_tf.report.figures.style import BLUE, INK, new_figure, panels, report_style


@report_style
def stage_bars(rows: pd.DataFrame, source: str) -> Figure:
    """Draw the time of each stage as a bar, and the least time as a dark one in it; one panel for each process.

    Args:
        rows: columns process, stage, ms (a frame), least (ms a frame, nan if not known); no stage stands for others.
    """
    groups = list(rows.groupby("process", sort=False))
    most = rows.groupby("process").size().max()
    figure = new_figure(0.9 + (1.1 + 0.34 * most) * -(-len(groups) // 2), "Where the time goes", source)
    for axes, (process, group) in zip(panels(figure, len(groups), 2), groups, strict=True):
        places = range(len(group))
        axes.barh(places, group["ms"], 0.62, color=BLUE, alpha=0.6, label="measured")
        axes.barh(places, group["least"], 0.2, color=INK, label="at least")
        axes.set_yticks(places, group["stage"])
        axes.set(title=process, xlabel="time for a frame / ms", ylim=(most - 0.5, -0.5))
        axes.grid(False, axis="y")
    axes.legend(loc="lower right")
    return figure
