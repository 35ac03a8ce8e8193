"""Table 5 and its neighbours as the report prints them."""

from collections.abc import Mapping, Sequence

import pandas as pd

from dance_tf.audit.published import TABLE_5
from dance_tf.corruption.conditions import condition_table, constant_table, find_condition
from dance_tf.evaluation.intervals import DancerDifference, Estimate, RunSummary
from dance_tf.evaluation.robustness import ConditionRobustness, Robustness, Worst, robustness_table
from dance_tf.experiments.conditions import CLEAN
from dance_tf.experiments.corruption import Gain
from dance_tf.experiments.corruption_suite import Transfer
from dance_tf.report.tables import MISSING, percent, percent_interval

PAPER_CLEAN = "Baseline (optimal)"
PAPER_SCORES = {row.condition: row for row in TABLE_5}
FINER_ROW = "Low resolution (240 lines)"
UNCHANGED = ": clips unchanged"  # behind the name of a condition that was therefore not tried
FEW_DANCERS = 10  # below it a bootstrap interval over dancers misses about twice as often as it says, or more


def row_name(condition: str) -> str:
    """A condition as the paper's Table 5 calls it."""
    return PAPER_CLEAN if condition == CLEAN else find_condition(condition).row


def row_in_text(condition: str) -> str:
    """The same within a sentence: only a name keeps its capital."""
    return row_name(condition).lower().replace("gaussian", "Gaussian")


def in_text(conditions: Sequence[str]) -> str:
    """Several of them, one after the other."""
    return ", ".join(row_in_text(condition) for condition in conditions)


def named(conditions: Sequence[str]) -> str:
    """The same in brackets after a blank; empty for none."""
    return f" ({in_text(conditions)})" if conditions else ""


def percents(found: Estimate | DancerDifference) -> str:
    """Percent, with the interval."""
    return percent_interval(found.mean, found.low, found.high)


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
    idle = found is not None and not found.changed
    hit = found is not None and not idle  # a condition that changed nothing hits nobody
    lost = PAPER_SCORES[PAPER_CLEAN].accuracy - paper.accuracy if paper and found else float("nan")
    return {
        "condition": name + UNCHANGED * idle,
        "accuracy by frame (%)": percents(scores.frame.accuracy),
        "F1 by frame (%)": percents(scores.frame.f1),
        "accuracy by clip (%)": percents(scores.clip.accuracy),
        "F1 by clip (%)": percents(scores.clip.f1),
        "lost by frame (points)": percents(found.drop.frame.accuracy) if hit else MISSING,
        "paper: accuracy (%)": paper.accuracy if paper else float("nan"),
        "paper: F1 (%)": paper.f1 if paper else float("nan"),
        "paper: lost (points)": lost,
        "worst dancer (clips right)": _worst(found.worst_dancer) if hit else MISSING,
        "worst style (clips right)": _worst(found.worst_style) if hit else MISSING,
        "dancer who loses most": lost_share(found.losing_dancer) if hit else MISSING,
        "style that loses most": lost_share(found.losing_style) if hit else MISSING,
        "room not told (% of clips)": 100 * unknown if unknown is not None else float("nan"),
        "runs": scores.frame.accuracy.runs,
    }


def beats_chance(clean: Estimate, chance: float) -> bool:
    """Whether the interval of a clean accuracy lies above a guess; where not, no share of it means anything."""
    # an interval that cannot be told is nan, and no comparison with nan holds
    return clean.low > chance


def _worst(worst: Worst) -> str:
    return f"{worst.name}: {percent(worst.score, 0)} %, clean {percent(worst.clean, 0)} %"


def lost_share(found: Worst | None) -> str:
    """A dancer or style with the clips that are right, clean and under a condition; a dash where nothing is lost."""
    if found is None or not found.loss > 0:
        return MISSING
    return f"{found.name} ({percent(found.clean, 0)} to {percent(found.score, 0)} % of clips right)"


MEAN = ("mean", "low", "high")


def drop_rows(main: Robustness) -> pd.DataFrame:
    """Accuracy lost by frame, ours and the paper's, to what changed the clips, for `figures.accuracy_drops`."""
    rows = robustness_table(main, "frame").dropna(subset="drop")
    rows = rows[rows["condition"].isin([row.condition for row in main.tried])]
    paper = [None if drop is None else drop / 100 for drop in map(paper_drop, rows["condition"])]
    lost = {name: rows[column] / 100 for name, column in zip(MEAN, ("drop", "drop_low", "drop_high"), strict=True)}
    return rows.assign(condition=[row_name(name) for name in rows["condition"]], paper=paper, **lost)


def curve_rows(curves: Robustness) -> pd.DataFrame:
    """Accuracy by frame at each severity of each effect, for `figures.severity_curves`.

    The name is the effect's, not the level's: along the curve of fog lie both mild and heavy fog.
    """
    rows = robustness_table(curves, "frame")
    names = [name if name == CLEAN else find_condition(name).kind for name in rows["condition"]]
    columns = ("accuracy", "accuracy_low", "accuracy_high")
    fractions = {name: rows[column] / 100 for name, column in zip(MEAN, columns, strict=True)}
    return rows.assign(condition=names, **fractions).drop_duplicates(["condition", "severity"])


def condition_rows(by_strategy: Mapping[str, Robustness]) -> pd.DataFrame:
    """Accuracies by frame, one row a strategy and condition, for `figures.strategies_by_condition`."""
    rows = []
    for name, found in by_strategy.items():
        rows += [(name, "clean", found.clean.frame.accuracy.mean)]
        rows += [(name, row_name(row.condition), row.scores.frame.accuracy.mean) for row in found.tried]
    return pd.DataFrame(rows, columns=["name", "condition", "mean"])


def strategies_above_chance(
    by_strategy: Mapping[str, Robustness], chance: float
) -> tuple[dict[str, Robustness], list[str]]:
    """Strategies that do better than a guess on clean footage, and the names of the others; all where none does."""
    above = {name: found for name, found in by_strategy.items() if beats_chance(found.clean.frame.accuracy, chance)}
    if not above:
        return dict(by_strategy), []
    return above, [name for name in by_strategy if name not in above]


def strategy_table(by_strategy: Mapping[str, Robustness], chance: float) -> pd.DataFrame:
    """Each strategy's clean accuracy and its mean and relative performance under corruption.

    Args:
        by_strategy: robustness by the strategy's title.
        chance: accuracy of a guess; where the clean interval reaches it, there is no rPC.
    """
    rows = []
    for name, found in by_strategy.items():
        row = {"strategy": name}
        for unit in ("frame", "clip"):
            clean, corrupted = getattr(found.clean, unit).accuracy, getattr(found, unit)
            row[f"clean, by {unit} (%)"] = percents(clean)
            row[f"mPC, by {unit} (%)"] = percents(corrupted.mean.accuracy)
            above = beats_chance(clean, chance)
            row[f"rPC, by {unit} (%)"] = percents(corrupted.relative.accuracy) if above else MISSING
        rows.append({**row, "runs": found.clean.frame.accuracy.runs})
    return pd.DataFrame(rows)


def gain_table(gains: Mapping[str, Gain]) -> pd.DataFrame:
    """What attention gains under each condition, and beyond what it gains on clean footage."""
    return pd.DataFrame(
        [{"condition": row_name(name), **_gain(found, "gain (points)")} for name, found in gains.items()]
    )


def _gain(found: Gain | None, title: str) -> dict[str, str]:
    beyond = found.beyond_clean if found else None
    return {
        title: percents(found.total) if found else MISSING,
        f"p of {title.removesuffix(' (points)')}": _p(found.total) if found else MISSING,
        "beyond clean (points)": percents(beyond) if beyond else MISSING,
        "p of beyond clean": _p(beyond) if beyond else MISSING,
    }


def _p(found: DancerDifference) -> str:
    if not found.tested:
        return MISSING
    return "< 0.001" if found.p < 0.001 else f"{found.p:.3f}"


def transfer_table(transfers: Sequence[Transfer]) -> pd.DataFrame:
    """Accuracy by frame on each family: trained on clean frames, against all families, against all but this one."""
    rows = []
    for found in transfers:
        rows.append(
            {
                "tested on": found.family,
                "trained on clean frames (%)": percents(found.none),
                "against all families (%)": percents(found.all),
                "gain (points)": percents(found.gain_all.total),
                "p of gain": _p(found.gain_all.total),
                "against all but this one (%)": percents(found.without) if found.without else MISSING,
                **_gain(found.gain_without, "gain without it (points)"),
            }
        )
    return pd.DataFrame(rows)


def parameter_table() -> pd.DataFrame:
    """Every parameter of every condition at each severity, and what no severity changes; numbers as text."""
    table = condition_table()
    levels = [*(f"severity_{level}" for level in range(1, 6)), "paper_value"]
    inverse = table["parameter"] == "inverse_side"
    text = table[levels].map(lambda value: f"{value:.3g}").astype(object)
    text[inverse] = (1 / table.loc[inverse, levels]).map(lambda value: f"{value:.0f}")
    table[levels] = text
    table.loc[inverse, ["parameter", "unit"]] = ["short side", "px"]
    table["paper_severity"] = table["paper_severity"].map("{:g}".format)
    same = constant_table()
    same = same.assign(
        condition=same["paper_rows"].map(", ".join), paper_value=same["value"], paper_severity=MISSING, note=""
    )
    same[levels[:-1]] = MISSING  # one value at all severities
    table = table.drop(columns="condition").rename(columns={"paper_row": "condition"})
    columns = ["condition", "family", "acts_on", "parameter", "unit", *levels, "paper_severity", "note"]
    return pd.concat([table[columns], same[columns]], ignore_index=True)
