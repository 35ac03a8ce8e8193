"""Compare the paper's numbers with ours, and describe the audits of the paper and of our runs."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from dance_tf.audit.audit import OwnAudit
from dance_tf.audit.published import TABLE_1, TABLE_2, TABLE_3
from dance_tf.audit.rules import Finding
from dance_tf.evaluation.intervals import UNITS
from dance_tf.experiments.cache import Run
from dance_tf.experiments.scores import PARTS, group_runs, predictions_of
from dance_tf.model.networks import strategy_of
from dance_tf.report.tables import MISSING, percent

PRINTED = "paper (its own footage)"
KEYS = ["table", "row", "score"]
MAIN_SCORES = ("frames", "accuracy", "kappa")


def published_numbers() -> pd.DataFrame:
    """Return the numbers of the paper's Tables 1 to 3: table, row, score, value (percent, or frames)."""
    one = TABLE_1.assign(row=lambda table: table["style"])
    two = TABLE_2.assign(row=lambda t: "experiment " + t["experiment"].astype(str) + ", " + t["strategy"])
    three = TABLE_3.assign(row=lambda table: "one frame of " + table["interval"].astype(str))
    parts = [
        part.melt(id_vars="row", value_vars=columns, var_name="score").assign(table=number)
        for number, part, columns in (
            (1, one, ["frames"]),
            (2, two, ["precision", "sensitivity", "specificity", "accuracy", "f1"]),
            (3, three, ["accuracy", "recall", "kappa"]),
        )
    ]
    total = pd.DataFrame({"row": ["all"], "score": "frames", "value": one["frames"].sum(), "table": 1})
    return pd.concat([*parts, total], ignore_index=True)[[*KEYS, "value"]]


def measured_numbers(counts: pd.DataFrame, by_repeat: pd.DataFrame, by_interval: pd.DataFrame) -> pd.DataFrame:
    """Return our numbers under the names of the paper's: table, row, score, mean, low, high, runs; fractions.

    Args:
        counts: of `frames_by_style`.
        by_repeat: `estimates` by strategy and repeat.
        by_interval: `estimates` by interval, at the largest frame size.
    """
    frames = pd.concat([counts[["style", "kept"]], pd.DataFrame({"style": ["all"], "kept": counts["kept"].sum()})])
    one = frames.rename(columns={"style": "row", "kept": "mean"}).assign(table=1, score="frames", runs=1)
    one = one.assign(mean=one["mean"] / 100, low=np.nan, high=np.nan)  # `beside_paper` prints percent
    paper_like = "part == 'validation' and unit == 'frame'"
    two, three = by_repeat.query(paper_like), by_interval.query(paper_like)
    titles = two["strategy"].map(lambda name: strategy_of(name).title)
    two = two.assign(table=2, row="experiment " + (two["repeat"] + 1).astype(str) + ", " + titles, score=two["metric"])
    three = three.assign(table=3, row="one frame of " + three["interval"].astype(str), score=three["metric"])
    three = three.replace({"score": {"sensitivity": "recall"}})
    columns = [*KEYS, "mean", "low", "high", "runs"]
    return pd.concat([one[columns], two[columns], three[columns]], ignore_index=True)


def beside_paper(measured: pd.DataFrame) -> pd.DataFrame:
    """Return every number of the paper's Tables 1 to 3 that is in `measured_numbers`, in percent as printed.

    Returns:
        Columns table, row, score, paper, ours, difference (two decimals), interval ("[55.0, 67.1]" or a dash), runs.
    """
    both = published_numbers().merge(measured, on=KEYS, validate="one_to_one").dropna(subset=["value", "mean"])
    paper, ours = both["value"].astype(float).round(2), (100 * both["mean"].astype(float)).round(2)
    bounds = both[["low", "high"]].map(percent)
    interval = ("[" + bounds["low"] + ", " + bounds["high"] + "]").where(bounds["low"] != MISSING, MISSING)
    table = both[KEYS].assign(paper=paper, ours=ours, difference=(ours - paper).round(2), interval=interval)
    table["runs"] = both["runs"].astype("Int64")
    styles = set(TABLE_1["style"])
    if not styles <= set(table.loc[table["table"] == 1, "row"]):  # the paper's total is of its own twelve styles
        table = table[(table["table"] != 1) | (table["row"] != "all")]
    return table.reset_index(drop=True)


def main_numbers(beside: pd.DataFrame) -> pd.DataFrame:
    """Return the total number of frames, and accuracy and kappa of each row."""
    chosen = beside["score"].isin(MAIN_SCORES) & ((beside["table"] != 1) | (beside["row"] == "all"))
    return beside[chosen].reset_index(drop=True)


def accuracy_rows(beside: pd.DataFrame, measured: pd.DataFrame) -> pd.DataFrame:
    """Return Table 2's accuracies of experiment 1, the paper's and ours, for `figures.accuracy_bars`."""
    place = "table == 2 and score == 'accuracy' and row.str.startswith('experiment 1, ')"
    paper, ours = beside.query(place, engine="python"), measured.query(place, engine="python")
    paper = paper.assign(mean=paper["paper"] / 100, low=np.nan, high=np.nan, group=PRINTED)
    ours = ours[ours["row"].isin(paper["row"])].assign(group="measured here")
    rows = pd.concat([paper, ours], ignore_index=True)
    return rows.assign(name=rows["row"].str.partition(", ")[2])[["name", "group", "mean", "low", "high"]]


def confusions_of_runs(runs: Iterable[Run]) -> dict[str, np.ndarray]:
    """Return the confusion matrices of runs that differ only in fold: int64 [runs, styles, styles] by name."""
    networks = [run for run in runs if not run.spec.baseline]
    by = ("name", "strategy", "view", "split", "frame_size", "interval", "repeat")
    return {
        f"{', '.join(map(str, key))}, {part}, by {unit}": np.stack(
            [each.confusion_by_clip(unit).sum(axis=0) for each in predictions_of(group, part)]
        )
        for key, group in group_runs(networks, by).items()
        for part in PARTS
        for unit in UNITS
    }


def audit_text(beside: pd.DataFrame, findings: Sequence[Finding], own: OwnAudit, source: str) -> str:
    """Describe which printed numbers contradict each other, and what the same audit finds in ours."""
    impossible = [finding for finding in findings if finding.level == "impossible"]
    rules = Counter(finding.rule for finding in impossible if finding.row.startswith(("Table 2", "Table 3")))
    names = ("f1 against precision and sensitivity", "specificity against accuracy and supports")
    f1, specificity, kappa = (rules[name] for name in (*names, "kappa against accuracy and supports"))
    return (
        f"**Our numbers come from {source} footage and do not reproduce the paper**: the clips, the dancers and the "
        f"training budget differ. For {len(beside)} of the paper's numbers the table shows our value, measured on the "
        "validation folds as in the paper. Tables 4 and 5 are compared in the sections on cost and on corrupted "
        "footage.\n\n"
        f"{audit_headline(findings, own)} Table 2 has {len(TABLE_2)} rows: in {f1} rows F1 is higher than "
        f"precision and sensitivity allow; in {specificity} rows accuracy rules out the printed specificity. Table 3 "
        f"has {len(TABLE_3)} rows: in {kappa} rows kappa is far lower than accuracy implies. This does not mean that "
        "the network is bad. It means that these numbers cannot all come from the same predictions.\n\n"
        f"The audit of our own runs covers {own.runs} training runs of this report: each is scored by frame and by "
        "clip on its validation and held-out parts, rounded to two decimals, and audited with the class sizes of that "
        "part. The means over folds are audited too."
    )


def audit_headline(findings: Sequence[Finding], own: OwnAudit) -> str:
    """Return one sentence: how many statements of the paper, and how many rows of ours, contradict each other."""
    levels = Counter(finding.level for finding in findings)
    return (
        f"The paper's tables and claims contain {levels['impossible']} statements that are arithmetically impossible "
        f"and {levels['implausible']} that are implausible; the same audit finds {len(own.findings)} contradictions in "
        f"{own.rows} rows of ours."
    )
