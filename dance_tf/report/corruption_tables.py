"""Tables, figure rows and metrics of corrupted footage (Table 5), from the DataFrames of `experiments.corruption`."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dance_tf.audit.published import TABLE_5
from dance_tf.corruption.conditions import condition_table, constant_table, find_condition
from dance_tf.experiments.conditions import CLEAN, FINER, Corruption
from dance_tf.experiments.corruption import BEYOND, LEVEL, TOTAL
from dance_tf.report.tables import MISSING, nest, percent, percent_interval

PAPER_CLEAN = "Baseline (optimal)"
PAPER_SCORES = {row.condition: row for row in TABLE_5}
FINER_ROW = "Low resolution (240 lines)"
UNCHANGED = " (no effect on these clips)"  # after the name of a condition that changed no clip
BACKGROUND_KEPT = "the same network, with background"
METRIC_KEYS = {BACKGROUND_KEPT: "the same, room kept"}  # keys of metrics.json stay as they are


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


def percents(row: Mapping[str, float], prefix: str = "") -> str:
    """Return a mean and its interval in percent; with a prefix, of the columns PREFIX, PREFIX_low and PREFIX_high."""
    names = (prefix, f"{prefix}_low", f"{prefix}_high") if prefix else ("mean", "low", "high")
    return percent_interval(*(row[name] for name in names))


def paper_loss(condition: str) -> float:
    """Return the loss of accuracy under a condition in the paper, as a fraction."""
    return (PAPER_SCORES[PAPER_CLEAN].accuracy - PAPER_SCORES[row_name(condition)].accuracy) / 100


def accuracy_rows(scores: pd.DataFrame, unit: str = "frame") -> pd.DataFrame:
    """Return the rows of the accuracy by frame or by clip."""
    return scores[(scores["unit"] == unit) & (scores["metric"] == "accuracy")]


def above_chance(clean: Mapping[str, float], chance: float) -> bool:
    """Return whether the interval of a clean accuracy lies above chance; False without an interval."""
    return clean["low"] > chance


def unknown_backgrounds(clips: pd.DataFrame) -> pd.Series:
    """Return the share of clips whose background is unknown, by condition, first seed at the paper's level.

    Args:
        clips: of `describe_corrupted`.
    """
    severity = clips["condition"].map(lambda name: 0.0 if name == CLEAN else find_condition(name).severity)
    chosen = clips[(clips["reason"] == "") & (clips["seed"] == 0) & (clips["severity"] == severity)]
    return 1 - chosen.groupby("condition", sort=False)["background_valid"].mean()


def table_5(scores: pd.DataFrame, hardest: pd.DataFrame, clips: pd.DataFrame, finer: pd.DataFrame) -> pd.DataFrame:
    """Return Table 5 of one model with the values of the paper.

    Args:
        scores: of `condition_scores` at the paper's levels.
        hardest: of `hardest_groups`, these levels and 240 lines.
        clips: of `describe_corrupted`.
        finer: of `condition_scores`; its rows of 240 lines come last, and may be absent.
    """
    unknown, rows = unknown_backgrounds(clips), []
    hardest = hardest.drop_duplicates([*LEVEL, "kind", "group"])
    finer = finer[(finer["condition"] == FINER[0]) & (finer["severity"] == FINER[1])]
    clean = PAPER_SCORES[PAPER_CLEAN]
    for (condition, severity), found in pd.concat([scores, finer]).groupby(LEVEL, sort=False):
        is_finer = (condition, severity) == FINER
        changed, corrupted = found["changed"].iloc[0], condition != CLEAN
        paper = None if is_finer else PAPER_SCORES[row_name(condition)]
        cells = found.set_index(["unit", "metric"])
        row = {"condition": (FINER_ROW if is_finer else row_name(condition)) + ("" if changed else UNCHANGED)}
        for unit in ("frame", "clip"):
            row[f"accuracy by {unit} (%)"] = percents(cells.loc[unit, "accuracy"])
            row[f"F1 by {unit} (%)"] = percents(cells.loc[unit, "f1"])
        lost = corrupted and changed
        row["lost by frame (points)"] = percents(cells.loc["frame", "accuracy"], "drop") if lost else MISSING
        row["paper: accuracy (%)"] = paper.accuracy if paper else np.nan
        row["paper: F1 (%)"] = paper.f1 if paper else np.nan
        row["paper: lost (points)"] = clean.accuracy - paper.accuracy if paper and corrupted else np.nan
        own = hardest[(hardest["condition"] == condition) & (hardest["severity"] == severity)] if lost else hardest[:0]
        own = own.set_index(["kind", "group"])
        for group in ("dancer", "style"):
            row[f"worst {group} (correct)"] = change_of(own, "worst", group)
        for group, title in (("dancer", "dancer with the largest loss"), ("style", "style with the largest loss")):
            row[title] = change_of(own, "losing", group)
        row["background unknown (% of clips)"] = np.nan if is_finer else 100 * unknown.get(condition, np.nan)
        rows.append({**row, "runs": int(cells.loc["frame", "accuracy"]["runs"])})
    return pd.DataFrame(rows)


def change_of(hardest: pd.DataFrame, kind: str, group: str) -> str:
    """Return a dancer or style with its accuracy by clip, clean and corrupted, and its clips; a dash without a loss.

    Args:
        hardest: rows of `hardest_groups` of one condition, indexed by kind and group.
        kind: "worst" or "losing".
        group: "dancer" or "style".
    """
    if (kind, group) not in hardest.index:
        return MISSING
    row = hardest.loc[(kind, group)]
    if kind == "losing" and not row["clean"] > row["accuracy"]:
        return MISSING
    return f"{row['member']}: {percent(row['clean'], 0)} → {percent(row['accuracy'], 0)} % of {row['clips']} clip(s)"


def loss_rows(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy lost by frame under each condition that changed clips, for `figures.accuracy_drops`."""
    rows = accuracy_rows(scores)
    rows = rows[rows["changed"] & (rows["condition"] != CLEAN)]
    named = rows.assign(mean=rows["drop"], low=rows["drop_low"], high=rows["drop_high"])
    return named.assign(condition=rows["condition"].map(row_name), paper=rows["condition"].map(paper_loss))


def curve_rows(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy by frame at each severity of each effect, for `figures.severity_curves`.

    Rows are named by effect: mild and heavy fog lie on one curve.
    """
    rows = accuracy_rows(scores)
    kinds = rows["condition"].map(lambda name: name if name == CLEAN else find_condition(name).kind)
    return rows.assign(condition=kinds).drop_duplicates(LEVEL)


def strategy_rows(scores: pd.DataFrame, chance: float) -> pd.DataFrame:
    """Return accuracies by frame for `figures.strategies_by_condition`: models above chance on clean clips.

    Conditions that changed no clip are left out. If no model is above chance, all models are kept.
    """
    rows = accuracy_rows(scores)
    clean = rows[rows["condition"] == CLEAN]
    good = clean.loc[clean["low"] > chance, "name"]
    rows = rows[rows["changed"] & rows["name"].isin(good if len(good) else clean["name"])]
    return rows.assign(condition=rows["condition"].map(lambda name: name if name == CLEAN else row_name(name)))


def strategy_table(scores: pd.DataFrame, means: pd.DataFrame, chance: float) -> pd.DataFrame:
    """Return one row per model: clean accuracy, mPC and rPC, by frame and by clip.

    Args:
        scores: of `condition_scores`.
        means: of `corruption_means`.
        chance: accuracy of a random guess; rPC is left out if the clean accuracy is not above it.
    """
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
    kinds, cells = gains.set_index("kind"), {}
    for kind, name, p_name in ((TOTAL, title, f"p of {title}"), (BEYOND, "gain minus clean gain", "p")):
        found = kinds.loc[kind] if kind in kinds.index else None
        p = None if found is None or np.isnan(found["p_holm"]) else found["p_holm"]
        cells[f"{name} (points)"] = MISSING if found is None else percents(found)
        cells[p_name] = MISSING if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"
    return cells


def gain_table(gains: pd.DataFrame) -> pd.DataFrame:
    """Return one row per condition: the gain, the gain minus that on clean clips, and their p values."""
    groups = gains.groupby("condition", sort=False)
    return pd.DataFrame([{"condition": row_name(name), **gain_cells(found)} for name, found in groups])


def transfer_table(accuracies: pd.DataFrame, gains: pd.DataFrame) -> pd.DataFrame:
    """Return one row per family of conditions: accuracy by frame after each training, and gains from corruptions."""
    rows = []
    for family, found in accuracies.groupby("family", sort=False):
        found, own = found.set_index("training"), gains[gains["family"] == family]
        without = percents(found.loc["all but"]) if "all but" in found.index else MISSING
        rows.append(
            {
                "tested on": family,
                "trained on clean frames (%)": percents(found.loc["none"]),
                "trained on all families (%)": percents(found.loc["all"]),
                **dict(list(gain_cells(own[own["training"] == "all"]).items())[:2]),
                "trained without this family (%)": without,
                **gain_cells(own[own["training"] == "all but"], "gain without this family"),
            }
        )
    return pd.DataFrame(rows)


def parameter_table() -> pd.DataFrame:
    """Return all parameters of all conditions at each severity, and their constants; numbers as text."""
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
    same[levels[:-1]] = MISSING
    table = table.drop(columns="condition").rename(columns={"paper_row": "condition"})
    columns = ["condition", "family", "acts_on", "parameter", "unit", *levels, "paper_severity", "note"]
    return pd.concat([table[columns], same[columns]], ignore_index=True)


def corruption_metrics(
    scores: pd.DataFrame,
    means: pd.DataFrame,
    hardest: pd.DataFrame,
    curves: pd.DataFrame,
    curves_hardest: pd.DataFrame,
    losses: pd.DataFrame,
    attention: pd.DataFrame,
    accuracies: pd.DataFrame,
    transfer: pd.DataFrame,
    compression: pd.DataFrame,
    clips: pd.DataFrame,
) -> dict[str, object]:
    """Return the branch `robustness` of metrics.json.

    Args:
        scores: of `condition_scores` at the paper's levels; the first model is the proposed one.
        means: of `corruption_means`.
        hardest: of `hardest_groups` of the proposed model at the paper's levels.
        curves: of `condition_scores` of the proposed model by severity.
        curves_hardest: of `hardest_groups` on these.
        losses: of `losses`.
        attention: of `gains`; may be empty.
        accuracies: the first table of `augmentation_transfer`.
        transfer: the second one.
        compression: of `measure_compression`.
        clips: of `describe_corrupted`.
    """
    own = scores[scores["name"] == scores["name"].iloc[0]]
    summaries = ["unit", "summary", "metric"]
    strategies = {}
    for name, found in scores.groupby("name", sort=False):
        own_means = means[(means["name"] == name) & (means["metric"] == "accuracy")]
        brief = {"accuracy": nest(accuracy_rows(found), ["condition"]), **nest(own_means, summaries[:2])}
        strategies[METRIC_KEYS.get(name, name)] = brief
    proposed = {
        "clean": nest(own[own["condition"] == CLEAN], summaries[::2]),
        "conditions": _conditions(own, hardest),
        **nest(means[means["name"] == own["name"].iloc[0]], summaries),
    }
    families = {}
    for family, found in accuracies.groupby("family", sort=False):
        keys = {"none": "none", "all": "all", "all but": "without"}
        estimates = nest(found.assign(training=found["training"].map(keys)), ["training"])
        gained = transfer[transfer["family"] == family]
        families[family] = {
            **dict.fromkeys(keys.values()),
            **estimates,
            "gain_all": _gain(gained[gained["training"] == "all"]),
            "gain_without": _gain(gained[gained["training"] == "all but"]),
        }
    accepted, refused = clips[clips["reason"] == ""], clips[clips["reason"] != ""]
    dancers = accepted["dancer"].where(accepted["dancer"] != "", accepted["clip"])
    branch = {
        "proposed": proposed,
        "severities": _conditions(curves, curves_hardest),
        "strategies": strategies,
        "losses": {row["condition"]: _test(row) for row in losses.to_dict("records")},
        "attention_gain": {name: _gain(found) for name, found in attention.groupby("condition")},
        "training_against": families,
        "compression": {f"crf_{row['CRF']:g}": row for row in compression.to_dict("records")},
        "clips": accepted["clip"].nunique(),
        "dancers": dancers.nunique(),
        "refused": dict(zip(refused["clip"], refused["reason"], strict=True)),
        "seeds": 1 + int(clips["seed"].max()),
    }
    return {"robustness": branch}


def _conditions(scores: pd.DataFrame, hardest: pd.DataFrame) -> dict[str, object]:
    """Return the rows of Table 5 by "condition@severity"."""
    branch = {}
    for (condition, severity), found in scores[scores["condition"] != CLEAN].groupby(LEVEL, sort=False):
        drop = found[["unit", "metric"]].assign(
            mean=found["drop"], low=found["drop_low"], high=found["drop_high"], runs=found["drop_runs"]
        )
        own = hardest[(hardest["condition"] == condition) & (hardest["severity"] == severity)]
        groups = dict.fromkeys(f"{kind}_{group}" for kind in ("worst", "losing") for group in ("dancer", "style"))
        for row in own.to_dict("records"):
            clean = None if np.isnan(row["clean"]) else row["clean"]
            found_group = {"name": row["member"], "score": row["accuracy"], "clean": clean, "clips": row["predictions"]}
            groups[f"{row['kind']}_{row['group']}"] = found_group
        branch[f"{condition}@{severity:g}"] = {
            "severity": severity,
            "changed": bool(found["changed"].iloc[0]),
            **nest(found, ["unit", "metric"]),
            "drop": nest(drop, ["unit", "metric"]),
            **groups,
        }
    return branch


def _test(row: Mapping[str, object]) -> dict[str, object]:
    tested = not np.isnan(row["p_holm"])
    interval, p = ([row["low"], row["high"]], row["p_holm"]) if tested else (None, None)
    return {"mean": row["mean"], "interval": interval, "p": p, "dancers": row["dancers"], "runs": row["runs"]}


def _gain(gains: pd.DataFrame) -> dict[str, object] | None:
    kinds = {row["kind"]: _test(row) for row in gains.to_dict("records")}
    return {**kinds[TOTAL], "beyond_clean": kinds.get(BEYOND)} if kinds else None
