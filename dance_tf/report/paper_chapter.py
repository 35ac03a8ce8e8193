"""The paper's tables beside ours, what in its tables cannot be true, and the same questions put to our own."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from dance_tf.audit.own import OwnAudit, audit_confusions, audit_metrics
from dance_tf.audit.published import TABLE_2, TABLE_3, assumptions_frame
from dance_tf.audit.rules import Finding, findings_frame
from dance_tf.evaluation.metrics import confusion
from dance_tf.evaluation.predictions import aggregate_clips
from dance_tf.experiments.spec import Result, read_jobs
from dance_tf.report.chapters import Chapter
from dance_tf.report.section import Section, Table
from dance_tf.report.tables import MISSING

COLUMNS = ["table", "row", "score", "paper", "ours", "difference", "interval", "runs"]
PRINTED = "printed in the paper, on its own footage"  # the figure's name for the numbers that are not ours
LAST_ORDER = 60  # sections from here on are not ours to compare
# the scores that stand in the short table
MAIN_SCORES = ("frames", "accuracy", "kappa", "size (MB)", "inference (s)")


def beside_paper(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Every number of the paper's Tables 1 to 5 that we have one for, beside it.

    Args:
        tables: the report's tables by name, those of them that are there.

    Returns:
        columns table (1 to 5), row, score, paper, ours, difference, interval ("[55.0, 67.1]", or a dash where none is
        known) and runs.
    """
    readers = {
        "table_1": _frames_of_styles,
        "t2_strategies": _strategies,
        "t3_frame_interval": _frame_intervals,
        "t4_against_paper": _costs,
        "t5_robustness": _conditions,
    }
    rows = [row for name, read in readers.items() if name in tables for row in read(tables[name])]
    found = pd.DataFrame(rows, columns=COLUMNS).dropna(subset=["paper", "ours"], ignore_index=True)
    found["difference"] = (found["ours"] - found["paper"]).astype(float)
    found["runs"] = found["runs"].astype("Int64")
    return found


def _frames_of_styles(table: pd.DataFrame) -> Iterator[tuple]:
    for row in table.to_dict("records"):
        yield 1, row["style"], "frames", row["paper"], row["ours"], None, row["interval"], row["runs"]


def _strategies(table: pd.DataFrame) -> Iterator[tuple]:
    for row in table.to_dict("records"):
        name = f"experiment {row['experiment']}, {row['strategy']}"
        yield 2, name, row["metric"], row["paper"], row["ours"], None, row["interval"], row["runs"]


def _frame_intervals(table: pd.DataFrame) -> Iterator[tuple]:
    for row in table.to_dict("records"):
        name = f"one frame of {row['one frame of every']}"
        yield 3, name, row["metric"], row["paper"], row["ours"], None, row["interval"], row["runs"]


def _costs(table: pd.DataFrame) -> Iterator[tuple]:
    for row in table.to_dict("records"):
        yield 4, row["strategy"], row["measure"], row["paper"], row["ours"], None, row["interval"], row["runs"]


def _conditions(table: pd.DataFrame) -> Iterator[tuple]:
    for row in table.to_dict("records"):
        for score, title in (("accuracy", "accuracy"), ("f1", "F1")):
            ours, _, interval = str(row[f"{title} by frame (%)"]).partition(" ")
            value = pd.to_numeric(ours, errors="coerce")
            paper = row[f"paper: {title} (%)"]
            yield 5, row["condition"], score, paper, value, None, interval or MISSING, row["runs"]


def main_numbers(beside: pd.DataFrame) -> pd.DataFrame:
    """The rows that a first reader wants: all frames, each accuracy and kappa, size and time."""
    chosen = beside[beside["score"].isin(MAIN_SCORES) & ((beside["table"] != 1) | (beside["row"] == "all"))]
    return chosen.reset_index(drop=True)


def accuracy_rows(beside: pd.DataFrame) -> pd.DataFrame:
    """Table 2's accuracies of experiment 1 in the paper and here, for `figures.accuracy_bars`: fractions."""
    part = beside[(beside["table"] == 2) & (beside["score"] == "accuracy")]
    part = part[part["row"].str.startswith("experiment 1, ")]
    rows = []
    for row in part.to_dict("records"):
        name = row["row"].partition(", ")[2]
        ends = [] if row["interval"] == MISSING else row["interval"].strip("[]").split(",")
        low, high = (float(end) / 100 for end in ends) if ends else (math.nan, math.nan)
        rows.append((name, PRINTED, row["paper"] / 100, math.nan, math.nan))
        rows.append((name, "measured here", row["ours"] / 100, low, high))
    return pd.DataFrame(rows, columns=["name", "group", "mean", "low", "high"])


def read_tables(run_folder: Path) -> dict[str, pd.DataFrame]:
    """All tables that a run's sections have saved so far, by name."""
    return {path.stem: pd.read_csv(path) for path in sorted((Path(run_folder) / "tables").glob("*.csv"))}


def audit_ourselves(run_folder: Path, work: Path, sections: Sequence[Section], classes: int) -> OwnAudit:
    """Every score of the earlier sections, and every run that a notebook left word of, through the auditor.

    Args:
        run_folder: the report's folder, with the notebooks' `*_jobs.json`.
        work: where runs are kept.
        sections: of the report.
        classes: number of styles.
    """
    earlier = [section for section in sections if section.order < LAST_ORDER]
    audits = [audit_metrics(section.name, section.metrics, classes) for section in earlier]
    results: dict[str, Result] = {}
    for name in job_lists(run_folder):
        results |= {result.folder.name: result for result in read_jobs(run_folder, name, work)}
    runs = audit_confusions(confusions_of_runs(list(results.values())))
    return sum(audits, replace(runs, runs=len(results)))


def confusions_of_runs(results: Sequence[Result]) -> dict[str, np.ndarray]:
    """Return the confusion matrices of runs: name of the group, part and level → int64 [runs, styles, styles].

    A group contains the runs that differ in fold only.
    """
    groups: dict[tuple, list[Result]] = {}
    for result in results:
        job = result.job
        key = (job.settings, job.unit, job.folds, job.seed, job.score_frames, job.interval)
        groups.setdefault(key, []).append(result)
    confusions = {}
    for number, group in enumerate(groups.values(), start=1):
        job = group[0].job
        name = f"{job.settings.strategy}, {job.settings.view}, split by {job.unit}, group {number}"
        parts = {"validation": [run.validation for run in group], "held out": [run.test for run in group]}
        for part, runs in parts.items():
            for level, scored in (("frame", runs), ("clip", [aggregate_clips(run) for run in runs])):
                matrices = [confusion(run.labels, run.predicted, len(run.styles)) for run in scored]
                confusions[f"{name}, {part}, by {level}"] = np.stack(matrices)
    return confusions


def job_lists(run_folder: Path) -> list[str]:
    """Names of all lists of runs that the notebooks left in a report's folder, such as "comparison_jobs"."""
    return sorted(path.stem for path in Path(run_folder).glob("*_jobs.json"))


def paper_tables(beside: pd.DataFrame, findings: Sequence[Finding], own: OwnAudit, source: str) -> list[Table]:
    """The section's tables."""
    warning = f"Ours: {source} footage, another budget; beside the paper's number, no reproduction of it."
    tables = [
        Table("paper_main_numbers", "The paper's main numbers beside ours", main_numbers(beside), warning),
        Table("paper_and_ours", "Every number of the paper's tables beside ours", beside, warning),
        Table("paper_audit", "What in the paper cannot be true", findings_frame(findings).drop(columns="values"),
              "Impossible: no set of verdicts gives these numbers, on what the message supposes; implausible: only "
              "under what it names."),
        Table("paper_unsaid", "What the paper does not state", assumptions_frame(), "The setting changes our choice."),
    ]  # fmt: skip
    if own.findings:
        accused = findings_frame(own.findings).drop(columns="values")
        tables.append(Table("own_audit", "What the auditor says of our own tables", accused, "Faults of ours."))
    return tables


def paper_chapter(beside: pd.DataFrame, findings: Sequence[Finding], own: OwnAudit, source: str) -> Chapter:
    """What stands beside the paper, what in it cannot be true, and what the auditor says of us."""
    levels = Counter(finding.level for finding in findings)
    accused = f"accuses {len(own.findings)} of them" if own.findings else "accuses none"
    headline = (
        f"The paper's tables and claims hold {levels['impossible']} statements that cannot be true and "
        f"{levels['implausible']} that are implausible; asked the same of {own.rows} rows of ours, the auditor "
        f"{accused}."
    )
    proven = [finding for finding in findings if finding.level == "impossible"]
    rules = Counter(finding.rule for finding in proven if finding.row.startswith(("Table 2", "Table 3")))
    f1, specificity, kappa = (
        rules[name]
        for name in (
            "f1 against precision and sensitivity",
            "specificity against accuracy and supports",
            "kappa against accuracy and supports",
        )
    )
    text = (
        f"**Ours are measured on {source} footage and reproduce nothing**: other clips, other dancers, another budget. "
        "They stand beside the paper's numbers to show which of its statements could be asked here, and what was "
        f"found. {len(beside)} of its numbers have one of ours beside them, on the validation folds where there are "
        "any, as the paper has it.\n\n"
        f"### What in the paper cannot be true\n\n{headline} Of the {len(TABLE_2)} rows of Table 2, {f1} have an F1 "
        f"above what their precision and sensitivity allow, and {specificity} a specificity that their accuracy rules "
        f"out; of the {len(TABLE_3)} rows of Table 3, {kappa} have a kappa far below the one that their accuracy "
        "forces. None of this says that the network is bad. It says that these numbers cannot all have come from the "
        "same verdicts.\n\n"
        f"### The same questions, put to us\n\n{own.rows} rows were put in print with two decimals and shown to the "
        f"auditor. {own.rows - own.means} of them are of {own.runs} training runs: each scored anew on its validation "
        "fold and on the part held out, by frame and by clip, with the class sizes of that very part, and the means of "
        f"those that differ in fold or repeat alone. The other {own.means} are all the means of six scores in the "
        "earlier chapters' metrics, asked only what holds for every class balance; a run that no notebook left word of "
        f"is in these alone. The auditor {accused}."
    )
    counts = {"impossible": levels["impossible"], "implausible": levels["implausible"]}
    metrics = {"audit": {"paper": counts, "ours": {"rows": own.rows, "findings": len(own.findings)}}}
    return Chapter(text, metrics, headline)
