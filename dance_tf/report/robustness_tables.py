"""Table 5 and its neighbours as the report prints them."""

from collections.abc import Mapping, Sequence

import pandas as pd

from dance_tf.assessment.intervals import Estimate, RunSummary
from dance_tf.assessment.robustness import ConditionRobustness, Robustness, Worst, robustness_table
from dance_tf.footage.degrade_conditions import condition_table, find_condition
from dance_tf.paper.degradation_transfer import Transfer
from dance_tf.paper.disturbances import CLEAN
from dance_tf.paper.tables import TABLE_5
from dance_tf.report.tables import MISSING, percent, percent_interval

PAPER_CLEAN = "Baseline (optimal)"
PAPER_SCORES = {row.condition: row for row in TABLE_5}
FINER_ROW = "Low resolution (240 lines)"


def row_name(condition: str) -> str:
    """A condition as the paper's Table 5 calls it."""
    return PAPER_CLEAN if condition == CLEAN else find_condition(condition).row


def paper_drop(condition: str) -> float:
    """Points of accuracy that the paper says a condition costs."""
    return PAPER_SCORES[PAPER_CLEAN].accuracy - PAPER_SCORES[row_name(condition)].accuracy


def table_5(main: Robustness, unknown: Mapping[str, float], finer: ConditionRobustness | None = None) -> pd.DataFrame:
    """Table 5, ours beside the paper's.

    Args:
        main: the proposed network under the fourteen conditions at the paper's levels.
        unknown: share of the clips whose room cannot be told, by condition, the clean one too.
        finer: 240 lines, to stand below 360p; no part of the suite's mean.
    """
    rows = [_row(PAPER_CLEAN, main.clean, unknown.get(CLEAN))]
    for found in main.conditions:
        rows.append(_row(row_name(found.condition), found.scores, unknown.get(found.condition), found))
    if finer is not None:
        rows.append(_row(FINER_ROW, finer.scores, None, finer))
    return pd.DataFrame(rows)


def _row(
    name: str, scores: RunSummary, unknown: float | None, found: ConditionRobustness | None = None
) -> dict[str, object]:
    paper = PAPER_SCORES.get(name)
    lost = PAPER_SCORES[PAPER_CLEAN].accuracy - paper.accuracy if paper and found else float("nan")
    return {
        "condition": name,
        "accuracy by frame (%)": _percent(scores.frame.accuracy),
        "F1 by frame (%)": _percent(scores.frame.f1),
        "accuracy by clip (%)": _percent(scores.clip.accuracy),
        "F1 by clip (%)": _percent(scores.clip.f1),
        "lost by frame (points)": _percent(found.drop.frame.accuracy) if found else MISSING,
        "paper: accuracy (%)": paper.accuracy if paper else float("nan"),
        "paper: F1 (%)": paper.f1 if paper else float("nan"),
        "paper: lost (points)": lost,
        "worst dancer (clips right)": _worst(found.worst_dancer) if found else MISSING,
        "worst style (clips right)": _worst(found.worst_style) if found else MISSING,
        "room not told (% of clips)": 100 * unknown if unknown is not None else float("nan"),
        "runs": scores.frame.accuracy.runs,
    }


def _percent(found: Estimate) -> str:
    return percent_interval(found.mean, found.low, found.high)


def _worst(worst: Worst) -> str:
    return f"{worst.name}: {percent(worst.score, 0)} %, clean {percent(worst.clean, 0)} %"


def drop_rows(main: Robustness) -> pd.DataFrame:
    """Accuracy lost by frame, ours and the paper's, for `figures.accuracy_drops`."""
    rows = robustness_table(main, "frame").dropna(subset="drop")
    paper = [paper_drop(name) for name in rows["condition"]]
    return rows.assign(condition=[row_name(name) for name in rows["condition"]], paper=paper)


def curve_rows(curves: Robustness) -> pd.DataFrame:
    """Accuracy by frame at each severity, for `figures.severity_curves`."""
    rows = robustness_table(curves, "frame")
    return rows.assign(condition=[name.replace("_", " ") for name in rows["condition"]])


def strategy_accuracies(by_strategy: Mapping[str, Robustness]) -> pd.DataFrame:
    """Accuracies by frame in percent, strategies down and conditions across, for `figures.strategies_by_condition`."""
    rows = {}
    for name, found in by_strategy.items():
        rows[name] = {"clean": 100 * found.clean.frame.accuracy.mean} | {
            row_name(row.condition): 100 * row.scores.frame.accuracy.mean for row in found.conditions
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def strategy_table(by_strategy: Mapping[str, Robustness]) -> pd.DataFrame:
    """Each strategy's clean accuracy and its mean and relative performance under corruption."""
    return pd.DataFrame(
        [
            {
                "strategy": name,
                "clean, by frame (%)": _percent(found.clean.frame.accuracy),
                "mPC, by frame (%)": _percent(found.frame.mean.accuracy),
                "rPC, by frame (%)": _percent(found.frame.relative.accuracy),
                "clean, by clip (%)": _percent(found.clean.clip.accuracy),
                "mPC, by clip (%)": _percent(found.clip.mean.accuracy),
                "rPC, by clip (%)": _percent(found.clip.relative.accuracy),
                "runs": found.clean.frame.accuracy.runs,
            }
            for name, found in by_strategy.items()
        ]
    )


def transfer_table(transfers: Sequence[Transfer]) -> pd.DataFrame:
    """Accuracy by frame on each family: trained on clean frames, against all families, against all but this one."""
    rows = []
    for found in transfers:
        rows.append(
            {
                "tested on": found.family,
                "trained on clean frames (%)": _percent(found.none),
                "against all families (%)": _percent(found.all),
                "gain (points)": _percent(found.gain_all),
                "against all but this one (%)": _percent(found.without) if found.without else MISSING,
                "gain without it (points)": _percent(found.gain_without) if found.gain_without else MISSING,
            }
        )
    return pd.DataFrame(rows)


def parameter_table() -> pd.DataFrame:
    """Every parameter of every condition at each severity, numbers as text with three digits."""
    table = condition_table()
    levels = [*(f"severity_{level}" for level in range(1, 6)), "paper_value"]
    inverse = table["parameter"] == "inverse_side"
    text = table[levels].map(lambda value: f"{value:.3g}").astype(object)
    text[inverse] = (1 / table.loc[inverse, levels]).map(lambda value: f"{value:.0f}")
    table[levels] = text
    table.loc[inverse, ["parameter", "unit"]] = ["short side", "px"]
    table["paper_severity"] = table["paper_severity"].map("{:g}".format)
    return table.drop(columns="condition").rename(columns={"paper_row": "condition"})[
        ["condition", "family", "acts_on", "parameter", "unit", *levels, "paper_severity", "note"]
    ]
