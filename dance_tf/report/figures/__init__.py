"""Figures of the report. Each function returns a matplotlib figure; `RunReport.save` writes it.

In all of them `source` is "synthetic" or the name of the footage, `title` says what is shown, and `chance` is the
accuracy of guessing. Columns mean, low and high are fractions; low and high are NaN without an interval.
"""

from dance_tf.report.figures.assessment import agreement, class_map, moment, timeline
from dance_tf.report.figures.clips import clip_strip, picture_rows, sample_frames
from dance_tf.report.figures.comparison import (
    accuracy_against_cost,
    accuracy_bars,
    accuracy_lines,
    frame_interval_curve,
    leakage_gap,
    risk_lines,
)
from dance_tf.report.figures.confusion import attention_by_style, confusion_matrices, confusion_matrix
from dance_tf.report.figures.corruption import (
    accuracy_drops,
    corruption_sheet,
    severity_curves,
    strategies_by_condition,
)
from dance_tf.report.figures.edge_cloud import accuracy_by_size, latency_lines
from dance_tf.report.figures.network import network_diagram
from dance_tf.report.figures.poses import moving_skeletons, share_dots
from dance_tf.report.figures.speed import stage_bars
from dance_tf.report.figures.training import growth_errors, growth_stages, training_curves
