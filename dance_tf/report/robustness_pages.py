"""Tables and pictures of the section on degraded footage."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from dance_tf.paper.disturbances import CLEAN, Disturbance
from dance_tf.paper.robustness_suite import RobustnessFindings
from dance_tf.report import figures
from dance_tf.report.robustness_tables import (
    curve_rows,
    drop_rows,
    parameter_table,
    row_name,
    strategy_accuracies,
    strategy_table,
    table_5,
    transfer_table,
)
from dance_tf.report.sections import Picture, Table

CAPTION = (
    "One dancer never seen, at the clip's own size, under each condition. Lost frames leave the others as they are; "
    "360 lines leave a clip that has fewer."
)


def sheet_figure(pictures: Mapping[Disturbance, np.ndarray], source: str) -> Figure:
    """One dancer under all conditions, labelled as the paper labels them."""
    named = {
        "Clean" if each.condition == CLEAN else row_name(each.condition): picture for each, picture in pictures.items()
    }
    return figures.degradation_sheet(named, source)


def robustness_tables(found: RobustnessFindings, behind: str) -> list[Table]:
    """The section's tables.

    Args:
        found: what was measured.
        behind: what stands behind the networks of the comparison, for the captions.
    """
    runs = found.main.clean.frame.accuracy.runs
    suite = f"{len(found.clips)} held-out clips; 95 % intervals over dancers"
    main = f"{runs} network(s) trained in full, {found.seeds} seed(s) of the random conditions; {suite}."
    return [
        Table(
            "t5_robustness",
            "Degraded footage (Table 5)",
            table_5(found.main, found.unknown, found.finer),
            f'{main} The paper\'s columns are its own, "simulated and estimated".',
        ),
        Table(
            "strategies_degraded",
            "Mean (mPC) and relative (rPC) performance under the conditions",
            strategy_table(found.strategies),
            f"First seed. The rows trained in full: {runs} network(s); the others: {behind}. {suite}.",
        ),
        Table(
            "training_against",
            "Training against degradations, one family left out",
            transfer_table(found.transfers),
            f"CNN + AE + Attention: {behind}; accuracy by frame, mean over a family's conditions, first seed; {suite}.",
        ),
        Table(
            "degradation_parameters",
            "Every parameter of every condition",
            parameter_table(),
            "Severities 1 to 5 and the level that stands for the paper's word; between two levels values are linear.",
        ),
        Table(
            "compression_measured",
            "What the two levels of compression do",
            found.compression,
            "H.264 by x264, preset veryfast, at the clips' own size; means over clips.",
        ),
    ]


def robustness_pictures(found: RobustnessFindings, sheet: Figure, behind: str) -> list[Picture]:
    """The section's figures; the arguments are those of `robustness_tables`, and the sheet of one dancer."""
    runs = found.main.clean.frame.accuracy.runs
    source = found.source
    main = f"{runs} network(s) trained in full, {found.seeds} seed(s), intervals over dancers."
    return [
        Picture("degradation_sheet", sheet, CAPTION),
        Picture("accuracy_drops", figures.accuracy_drops(drop_rows(found.main), source), f"By frame; {main}"),
        Picture(
            "severity_curves",
            figures.severity_curves(curve_rows(found.curves), source),
            f"By frame; {runs} network(s) trained in full, first seed, intervals over dancers.",
        ),
        Picture(
            "strategies_by_condition",
            figures.strategies_by_condition(strategy_accuracies(found.strategies), source),
            f"By frame, first seed. The rows trained in full: {runs} network(s); the others: {behind}.",
        ),
    ]
