"""Figures of the report. Each function returns a matplotlib figure; `RunReport.save` writes it."""

from dance_tf.report.figures.clips import background_views, clip_strip, frame_strip, sample_frames
from dance_tf.report.figures.comparison import (
    accuracy_against_cost,
    accuracy_bars,
    frame_interval_curve,
    leakage_gap,
)
from dance_tf.report.figures.confusion import attention_by_style, confusion_matrices, confusion_matrix
from dance_tf.report.figures.corruption import (
    accuracy_drops,
    corruption_sheet,
    severity_curves,
    strategies_by_condition,
)
from dance_tf.report.figures.network import network_diagram
from dance_tf.report.figures.training import growth_errors, growth_stages, training_curves

__all__ = [
    "accuracy_against_cost",
    "accuracy_drops",
    "accuracy_bars",
    "attention_by_style",
    "clip_strip",
    "confusion_matrices",
    "confusion_matrix",
    "corruption_sheet",
    "frame_interval_curve",
    "frame_strip",
    "growth_errors",
    "growth_stages",
    "leakage_gap",
    "network_diagram",
    "background_views",
    "sample_frames",
    "severity_curves",
    "strategies_by_condition",
    "training_curves",
]
