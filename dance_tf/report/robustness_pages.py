"""Tables and pictures of the section on degraded footage."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from dance_tf.corruption.conditions import find_condition
from dance_tf.experiments.conditions import CLEAN, Disturbance
from dance_tf.experiments.corruption_suite import RobustnessFindings
from dance_tf.report import figures
from dance_tf.report.robustness_tables import (
    FEW_DANCERS,
    UNCHANGED,
    condition_rows,
    curve_rows,
    drop_rows,
    gain_table,
    parameter_table,
    row_name,
    strategies_above_chance,
    strategy_table,
    table_5,
    transfer_table,
)
from dance_tf.report.section import Picture, Table
from dance_tf.report.tables import percent

CAPTION = (
    "One dancer never seen, at the clip's own size, under each condition. A panel marked as unchanged shows the clean "
    "picture: lost frames leave the others as they are, and 360 lines cannot be taken from a clip that has no more."
)


def sheet_figure(pictures: Mapping[Disturbance, np.ndarray], source: str) -> Figure:
    """One dancer under all conditions, labelled as the paper labels them."""
    clean = next((picture for each, picture in pictures.items() if each.condition == CLEAN), None)
    named = {}
    for each, picture in pictures.items():
        name = "Clean" if each.condition == CLEAN else row_name(each.condition)
        same = each.condition != CLEAN and clean is not None and np.array_equal(picture, clean)
        named[f"{name}:\nunchanged" if same else name] = picture
    return figures.corruption_sheet(named, source)


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
            f"{len(found.main.tried)} conditions that changed the clips. {_rows_behind(found, behind)} {suite}. No rPC "
            f"where the clean interval reaches chance ({percent(found.chance)} %): a share of a guess says nothing.",
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
            "Severities 1 to 5 and the level that stands for the paper's word; between two levels values are linear "
            "(of the short side, one over it). Where no severity is given one value holds for all; of a range, each "
            "seed draws evenly for each clip.",
        ),
        Table(
            "compression_measured",
            "What the two levels of compression do",
            found.compression,
            "H.264 by x264, preset veryfast, at the clips' own size and rate, on which both the bit rate and the PSNR "
            "hang; means over clips.",
        ),
    ]


def robustness_pictures(found: RobustnessFindings, sheet: Figure, behind: str) -> list[Picture]:
    """The section's figures; the arguments are those of `robustness_tables`, and the sheet of one dancer."""
    runs = found.main.clean.frame.accuracy.runs
    source = found.source
    over = _over_dancers(found)
    main = f"{runs} network(s) trained in full, {found.seeds} seed(s), {over}."
    flat = [
        f"{find_condition(row.condition).kind} {row.severity:g}" for row in found.curves.conditions if not row.changed
    ]
    unmoved = f" Hollow: clips unchanged, at {', '.join(flat)}." if flat else ""
    shown, at_chance = strategies_above_chance(found.strategies, found.chance)
    left_out = f" Left out, at chance ({percent(found.chance)} %): {', '.join(at_chance)}." if at_chance else ""
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
            f"By frame; {runs} network(s) trained in full, first seed, which is another draw on each clip, {over}."
            f"{unmoved}",
        ),
        Picture(
            "strategies_by_condition",
            figures.strategies_by_condition(condition_rows(shown), source),
            f"By frame, {found.dancers} dancer(s). {_rows_behind(found, behind)}{left_out}{_idle(found, 'left out')}",
        ),
    ]


def _rows_behind(found: RobustnessFindings, behind: str) -> str:
    """What stands behind the rows of a table of strategies."""
    runs = found.main.clean.frame.accuracy.runs
    return (
        f"The first row, trained in full: {runs} network(s), {found.seeds} seed(s). All others: first seed; trained in "
        f"full with the room kept: as many networks; the rest: {behind}."
    )


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
