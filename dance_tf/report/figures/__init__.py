"""Figures of the report. Each function returns a matplotlib Figure and saves nothing; the writer saves."""

from dance_tf.report.figures.comparison import (
    accuracy_against_cost,
    accuracy_bars,
    frame_interval_curve,
    leakage_gap,
)
from dance_tf.report.figures.confusion import attention_by_style, confusion_matrices, confusion_matrix
from dance_tf.report.figures.footage import clip_strip, room_views, sample_frames
from dance_tf.report.figures.network import network_diagram
from dance_tf.report.figures.robustness import (
    accuracy_drops,
    degradation_sheet,
    severity_curves,
    strategies_by_condition,
)
from dance_tf.report.figures.training import growth_errors, growth_stages, training_curves

__all__ = [
    "accuracy_against_cost",
    "accuracy_drops",
    "accuracy_bars",
    "attention_by_style",
    "clip_strip",
    "confusion_matrices",
    "confusion_matrix",
    "degradation_sheet",
    "frame_interval_curve",
    "growth_errors",
    "growth_stages",
    "leakage_gap",
    "network_diagram",
    "room_views",
    "sample_frames",
    "severity_curves",
    "strategies_by_condition",
    "training_curves",
]
