"""The figure of stages: one panel for each process, a bar for each stage, a dark one where the least is known."""

import numpy as np
import pandas as pd

from dance_tf.report.figures import stage_bars


def test_each_process_has_a_panel_with_a_bar_for_each_stage():
    rows = [("one", "decode", 2.0, 1.0), ("one", "curate", 3.0, np.nan), ("two", "draw", 20.0, 5.0)]
    figure = stage_bars(pd.DataFrame(rows, columns=["process", "stage", "ms", "least"]), "synthetic")
    first, second = figure.axes
    assert [axes.get_title("left") for axes in figure.axes] == ["one", "two"]
    assert [label.get_text() for label in first.get_yticklabels()] == ["decode", "curate"]
    measured, least = ([bar.get_width() for bar in bars] for bars in second.containers)
    assert measured == [20.0] and least == [5.0]
    assert np.isnan(first.containers[1][1].get_width())
    assert "synthetic" in figure.get_suptitle()
