"""Tables and pictures of the section on degraded footage."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from dance_tf.paper.disturbances import CLEAN, Disturbance
from dance_tf.paper.robustness_suite import RobustnessFindings
from dance_tf.report import figures
from dance_tf.report.robustness_tables import (
    FEW_DANCERS,
    UNCHANGED,
    curve_rows,
    drop_rows,
    gain_table,
    parameter_table,
    row_name,
    strategy_accuracies,
    strategy_table,
    table_5,
    transfer_table,
)
from dance_tf.report.sections import Picture, Table
from dance_tf.report.tables import percent

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
    suite = f"{len(found.clips)} held-out clips, {_over_dancers(found)}"
    tests = (
        f"95 % t intervals over {found.dancers} dancer(s); p of paired t tests over them, corrected for all tests of a "
        "column (Holm)"
    )
    main = f"{runs} network(s) trained in full, {found.seeds} seed(s) of the random conditions; {suite}."
    return [
        Table(
            "t5_robustness",
            "Degraded footage (Table 5)",
            table_5(found.main, found.unknown, found.finer),
            f'{main} The paper\'s columns are its own, "simulated and estimated".{_idle(found)}',
        ),
        Table(
            "strategies_degraded",
            "Mean (mPC) and relative (rPC) performance under the conditions",
            strategy_table(found.strategies, found.chance),
            f"First seed, {len(found.main.tried)} conditions that changed the clips. The rows trained in full: {runs} "
            f"network(s); the others: {behind}. {suite}. No rPC where the clean interval reaches chance "
            f"({percent(found.chance)} %): a share of a guess says nothing.",
        ),
        Table(
            "attention_by_condition",
            "The hybrid with attention less the one without",
            gain_table(found.attention_gains),
            f"{behind}; points of accuracy by frame, first seed; {tests}. Beyond clean: less what it gains clean.",
        ),
        Table(
            "training_against",
            "Training against degradations, one family left out",
            transfer_table(found.transfers),
            f"CNN + AE + Attention: {behind}; accuracy by frame, mean over a family's conditions that changed the "
            f"clips, first seed; {suite}. Gains: {tests}.",
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
    over = _over_dancers(found)
    main = f"{runs} network(s) trained in full, {found.seeds} seed(s), {over}."
    flat = [f"{row.condition.replace('_', ' ')} {row.severity:g}" for row in found.curves.conditions if not row.changed]
    unmoved = f" Clips unchanged at: {', '.join(flat)}." if flat else ""
    return [
        Picture("degradation_sheet", sheet, CAPTION),
        Picture(
            "accuracy_drops",
            figures.accuracy_drops(drop_rows(found.main), source),
            f"By frame; {main}{_idle(found, 'left out')}",
        ),
        Picture(
            "severity_curves",
            figures.severity_curves(curve_rows(found.curves), source),
            f"By frame; {runs} network(s) trained in full, first seed, {over}.{unmoved}",
        ),
        Picture(
            "strategies_by_condition",
            figures.strategies_by_condition(strategy_accuracies(found.strategies), source),
            f"By frame, first seed, {found.dancers} dancer(s). The rows trained in full: {runs} network(s); the "
            f"others: {behind}.{_idle(found, 'left out')}",
        ),
    ]


def _over_dancers(found: RobustnessFindings) -> str:
    """How sure accuracies are."""
    if found.dancers < 2:
        return "no intervals: one dancer"
    narrow = " (too narrow, as always over so few)" if found.dancers < FEW_DANCERS else ""
    return f"95 % bootstrap intervals over {found.dancers} dancers{narrow}"


def _idle(found: RobustnessFindings, fate: str = "in no mean") -> str:
    """Which conditions changed nothing; `fate` says what became of them."""
    names = [row_name(row.condition) for row in found.main.conditions if not row.changed]
    if not names:
        return ""
    return f" {', '.join(names)}{UNCHANGED}, so not tried and {fate}."
