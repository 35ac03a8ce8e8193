"""Tables and figure rows of corrupted footage (Table 5), from the DataFrames of `experiments.corruption`.

Everywhere `scores` is of `condition_scores`, `means` of `corruption_means`, `clips` of `describe_corrupted`, and
`chance` is the accuracy of a random guess.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dance_tf.audit.published import TABLE_5
from dance_tf.corruption.conditions import CONDITIONS, Condition, find_condition
from dance_tf.experiments.conditions import CLEAN, FINER, Corruption
from dance_tf.experiments.corruption import BEYOND, LEVEL, TOTAL, paper_levels
from dance_tf.report.tables import MISSING, counted, nest, percent, percents

PAPER_CLEAN = "Baseline (optimal)"
PAPER = TABLE_5.set_index("condition")[["accuracy", "f1"]]  # percent
FINER_ROW = "Low resolution (240 lines)"
UNCHANGED = " (no effect on these clips)"  # after the name of a condition that changed no clip
BACKGROUND_KEPT = "the same network, with background"
GROUPS = {  # kind and group of `hardest_groups`: title of the column
    ("worst", "dancer"): "worst dancer (correct)",
    ("worst", "style"): "worst style (correct)",
    ("losing", "dancer"): "dancer with the largest loss",
    ("losing", "style"): "style with the largest loss",
}
METRIC_LEVELS = {  # branch of metrics.json: levels of its table
    "scores": ("name", *LEVEL, "unit", "metric"),
    "means": ("name", "summary", "unit", "metric"),
    "severities": (*LEVEL, "unit", "metric"),
    "hardest": (*LEVEL, "kind", "group"),
    "losses": ("condition",),
    "attention_gain": ("condition", "kind"),
    "training_against": ("family", "training"),
    "training_gain": ("family", "training", "kind"),
    "compression": ("CRF",),
}


def row_name(condition: str) -> str:
    """Return the name of a condition in the paper's Table 5."""
    return PAPER_CLEAN if condition == CLEAN else find_condition(condition).row


def named_frames(frames: Mapping[Corruption, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the frames of `frames_under_corruptions` by the paper's name, with a note where a frame is unchanged."""
    clean = next(frame for each, frame in frames.items() if each.condition == CLEAN)
    named = {"Clean": clean}
    for each, frame in frames.items():
        if each.condition != CLEAN:
            note = "\n(no effect)" if np.array_equal(frame, clean) else ""
            named[row_name(each.condition) + note] = frame
    return named


def paper_loss(condition: str) -> float:
    """Return the loss of accuracy under a condition in the paper, as a fraction."""
    return (PAPER.at[PAPER_CLEAN, "accuracy"] - PAPER.at[row_name(condition), "accuracy"]) / 100


def accuracy_rows(scores: pd.DataFrame, unit: str = "frame") -> pd.DataFrame:
    """Return the rows of the accuracy by frame or by clip."""
    return scores[(scores["unit"] == unit) & (scores["metric"] == "accuracy")]


def corrupted_rows(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the accuracy by frame under each condition that changed clips."""
    rows = accuracy_rows(scores)
    return rows[rows["changed"] & (rows["condition"] != CLEAN)]


def above_chance(clean: Mapping[str, float], chance: float) -> bool:
    """Return whether the interval of a clean accuracy lies above chance; False without an interval."""
    return clean["low"] > chance


def unknown_backgrounds(clips: pd.DataFrame) -> pd.Series:
    """Return the share of clips whose background is unknown, by condition, first seed at the paper's level."""
    chosen = paper_levels(clips[(clips["reason"] == "") & (clips["seed"] == 0)])
    return 1 - chosen.groupby("condition", sort=False)["background_valid"].mean()


def count_clips(clips: pd.DataFrame) -> dict[str, object]:
    """Return the numbers of clips, dancers and seeds, and the refused clips with their reasons.

    A clip whose dancer is unknown is a dancer of its own.
    """
    used, refused = clips[clips["reason"] == ""], clips[clips["reason"] != ""]
    return {
        "clips": used["clip"].nunique(),
        "dancers": used["dancer"].where(used["dancer"] != "", used["clip"]).nunique(),
        "seeds": 1 + int(clips["seed"].max()),
        "refused": dict(zip(refused["clip"], refused["reason"], strict=True)),
    }


def corruption_metrics(clips: pd.DataFrame, **tables: pd.DataFrame) -> dict[str, object]:
    """Return the branch "robustness" of metrics.json: `count_clips` and the tables, named as in `METRIC_LEVELS`."""
    return count_clips(clips) | {name: nest(table, METRIC_LEVELS[name]) for name, table in tables.items()}


def table_5(scores: pd.DataFrame, hardest: pd.DataFrame, clips: pd.DataFrame, finer: pd.DataFrame) -> pd.DataFrame:
    """Return Table 5 of one model with the values of the paper.

    Args:
        scores: at the paper's levels.
        hardest: of `hardest_groups`, these levels and 240 lines, each once.
        clips: all that were described.
        finer: of `condition_scores`; its rows of 240 lines come last, and may be absent.
    """
    unknown, rows = unknown_backgrounds(clips), []
    hardest = hardest[(hardest["kind"] == "worst") | (hardest["clean"] > hardest["accuracy"])]
    texts = {
        tuple(row[name] for name in (*LEVEL, "kind", "group")): f"{row['member']}: {percent(row['clean'], 0)} → "
        f"{percent(row['accuracy'], 0)} % of {counted(row['clips'], 'clip')}"
        for row in hardest.to_dict("records")
    }
    finer = finer[(finer["condition"] == FINER[0]) & (finer["severity"] == FINER[1])]
    for level, found in pd.concat([scores, finer]).groupby(LEVEL, sort=False):
        changed, cells = found["changed"].iloc[0], found.set_index(["unit", "metric"])
        title = FINER_ROW if level == FINER else row_name(level[0])
        paper = PAPER.reindex([title]).iloc[0]
        lost = PAPER.at[PAPER_CLEAN, "accuracy"] - paper["accuracy"]
        row = {"condition": title if changed else title + UNCHANGED}
        for unit in ("frame", "clip"):
            row[f"accuracy by {unit} (%)"] = percents(cells.loc[unit, "accuracy"])
            row[f"F1 by {unit} (%)"] = percents(cells.loc[unit, "f1"])
        row["lost by frame (points)"] = percents(cells.loc["frame", "accuracy"], "drop") if changed else MISSING
        row |= {"paper: accuracy (%)": paper["accuracy"], "paper: F1 (%)": paper["f1"]}
        row["paper: lost (points)"] = np.nan if level[0] == CLEAN else lost
        row |= {name: texts.get((*level, *place), MISSING) if changed else MISSING for place, name in GROUPS.items()}
        row["background unknown (% of clips)"] = np.nan if level == FINER else 100 * unknown.get(level[0], np.nan)
        rows.append({**row, "runs": int(cells.loc[("frame", "accuracy"), "runs"])})
    return pd.DataFrame(rows)


def loss_rows(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy lost by frame under each condition that changed clips, for `figures.accuracy_drops`."""
    rows = corrupted_rows(scores)
    named = rows.assign(mean=rows["drop"], low=rows["drop_low"], high=rows["drop_high"])
    return named.assign(condition=rows["condition"].map(row_name), paper=rows["condition"].map(paper_loss))


def curve_rows(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy by frame at each severity for `figures.severity_curves`; mild and heavy fog are one curve."""
    rows = accuracy_rows(scores)
    kinds = rows["condition"].map(lambda name: name if name == CLEAN else find_condition(name).kind)
    return rows.assign(condition=kinds).drop_duplicates(LEVEL)


def strategy_rows(scores: pd.DataFrame, chance: float) -> pd.DataFrame:
    """Return accuracies by frame for `figures.strategies_by_condition`, of conditions that changed clips.

    Models not above chance on clean clips are left out, unless no model is above it.
    """
    rows = accuracy_rows(scores)
    clean = rows[rows["condition"] == CLEAN]
    good = clean.loc[clean["low"] > chance, "name"]
    rows = rows[rows["changed"] & rows["name"].isin(good if len(good) else clean["name"])]
    return rows.assign(condition=rows["condition"].map(lambda name: name if name == CLEAN else row_name(name)))


def strategy_table(scores: pd.DataFrame, means: pd.DataFrame, chance: float) -> pd.DataFrame:
    """Return one row per model: clean accuracy, mPC and rPC, by frame and by clip; rPC only for models above chance."""
    rows = []
    for name in dict.fromkeys(scores["name"]):
        row = {"strategy": name}
        for unit in ("frame", "clip"):
            own = accuracy_rows(scores[(scores["name"] == name) & (scores["condition"] == CLEAN)], unit).iloc[0]
            mean = accuracy_rows(means[means["name"] == name], unit).set_index("summary")
            row[f"clean, by {unit} (%)"] = percents(own)
            row[f"mPC, by {unit} (%)"] = percents(mean.loc["mpc"])
            row[f"rPC, by {unit} (%)"] = percents(mean.loc["rpc"]) if above_chance(own, chance) else MISSING
        rows.append({**row, "runs": int(own["runs"])})
    return pd.DataFrame(rows)


def gain_cells(gains: pd.DataFrame, title: str = "gain") -> dict[str, str]:
    """Return the cells of one group of `gains`: the gain, the gain minus that on clean clips, and their p values."""
    cells, kinds = {}, gains.set_index("kind").reindex([TOTAL, BEYOND])
    names = ((title, f"p of {title}"), ("gain minus clean gain", "p"))
    for row, (name, p_name) in zip(kinds.to_dict("records"), names, strict=True):
        p = row["p_holm"]
        cells[f"{name} (points)"] = percents(row)
        cells[p_name] = MISSING if np.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"
    return cells


def gain_table(gains: pd.DataFrame) -> pd.DataFrame:
    """Return one row per condition: the gain, the gain minus that on clean clips, and their p values."""
    groups = gains.groupby("condition", sort=False)
    return pd.DataFrame([{"condition": row_name(name), **gain_cells(found)} for name, found in groups])


def transfer_table(accuracies: pd.DataFrame, gains: pd.DataFrame) -> pd.DataFrame:
    """Return one row per family of conditions: accuracy by frame after each training, and gains from corruptions."""
    rows = []
    for family, found in accuracies.groupby("family", sort=False):
        cells = found.set_index("training").reindex(["none", "all", "all but"])
        none, everything, without = map(percents, cells.to_dict("records"))
        own = gains[gains["family"] == family]
        with_all = gain_cells(own[own["training"] == "all"])
        row = {"tested on": family, "trained on clean frames (%)": none, "trained on all families (%)": everything}
        row |= {name: with_all[name] for name in ("gain (points)", "p of gain")}
        row |= {"trained without this family (%)": without}
        rows.append(row | gain_cells(own[own["training"] == "all but"], "gain without this family"))
    return pd.DataFrame(rows)


def parameter_table() -> pd.DataFrame:
    """Return all parameters of all conditions at each severity, and their constants; numbers as text."""
    rows, effects = [], {}

    def add_row(levels: list[Condition], *cells: str) -> None:
        acts_on = "frames, own resolution" if levels[0].spatial else "clip, which frames remain"
        rows.append((", ".join(level.row for level in levels), levels[0].family, acts_on, *cells))

    for condition in CONDITIONS:
        effects.setdefault(condition.kind, []).append(condition)
        for each in condition.parameters:
            name, unit, form = each.name, each.unit, "{:.3g}".format
            if name == "inverse_side":
                name, unit, form = "short side", "px", lambda value: f"{1 / value:.0f}"
            values = map(form, (*each.values[1:], each.at(condition.severity)))
            add_row([condition], name, unit, *values, f"{condition.severity:g}", condition.note)
    for levels in effects.values():
        for each in levels[0].constants:
            add_row(levels, each.name, each.unit, *[MISSING] * 5, str(each), MISSING, "")
    columns = ["condition", "family", "acts_on", "parameter", "unit", *(f"severity_{level}" for level in range(1, 6))]
    return pd.DataFrame(rows, columns=[*columns, "paper_value", "paper_severity", "note"])
