"""Audit: find numbers that cannot all be true, in a CSV table of scores, in the paper, and in our own runs.

The scores of one confusion matrix depend on each other. `bounds` derives the inequalities, `rules` applies them to a
row, and `claims` checks the paper's statements about its own tables.
"""

import csv
import io
import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dance_tf.audit import published
from dance_tf.audit.bounds import Bound, PublishedRow, Range, RoundingInterval, parse_score
from dance_tf.audit.claims import audit_claims
from dance_tf.audit.rules import (
    FOLD_SLACK,
    AuditError,
    Finding,
    audit_row,
    bounds_of_row,
    can_judge,
    check_classes,
    compare,
)
from dance_tf.evaluation.metrics import SCORES, scores_of_confusion

_HEADERS = {
    "accuracy": {"accuracy", "acc", "accur", "overallaccuracy", "overallacc", "oa", "top1", "top1acc", "top1accuracy"},
    "precision": {"precision", "prec", "pre", "ppv", "positivepredictivevalue"},
    "sensitivity": {"sensitivity", "sens", "recall", "rec", "tpr", "truepositiverate"},
    "specificity": {"specificity", "spec", "tnr", "truenegativerate"},
    "f1": {"f1", "f1score", "f1sc", "fscore", "fmeasure", "f1measure"},
    "kappa": {"kappa", "cohenskappa", "cohenkappa", "κ"},
}
_IGNORED_IN_HEADER = re.compile(r"\(.*?\)|%|\bmacro\b|\bmean\b|\baveraged?\b|\bavg\b")
_MAX_FRACTION = 2  # a larger number is percent; a number between 1 and this is a fraction out of range
_MEAN = {"mean", "means", "average", "averages", "avg"}
# other words that the label of a mean may contain; "Mean Teacher" and "average pooling" are names of methods
_MEAN_WORDS = set(
    "the of over across all its above and value values score scores result results overall grand total plain simple "
    "arithmetic macro micro pooled weighted unweighted class classes column fold folds row rows run runs repeat "
    "repeats repetitions experiment experiments seed seeds trial trials dancer dancers n sd std stdev standard "
    "deviation se sem ci two three four five ten".split()
)
_SEPARATORS = re.compile(r"\s+/\s+|[,;:|()\[\]]|\s+[–—-]\s+")
_WEIGHTED = re.compile(r"(?<!un)weighted|micro|pooled", re.IGNORECASE)


class TableAudit(NamedTuple):
    """Result of the audit of a CSV table."""

    findings: tuple[Finding, ...]  # row by row, then those on means; empty if there is no contradiction
    read: dict[str, str]  # name of the score of each column that was read as one
    unread: tuple[str, ...]  # other columns that hold numbers
    rows: int  # number of rows
    judged: int  # number of rows with at least two scores that limit each other, or that are means of others


def audit_csv(
    path: Path | str, classes: int, supports: Sequence[int] | None = None, averaged: bool = False
) -> TableAudit:
    """Audit a CSV table of macro-averaged scores, one row per model.

    Columns are found by name: accuracy, precision, recall or sensitivity, specificity, f1, kappa and common variants,
    in any case and order. All other columns are the label of the row. A row whose label is a mean ("mean", "macro avg",
    "ResNet, mean of 3") is also compared with the rows above it.

    Args:
        path: CSV in UTF-8, separated by commas, semicolons or tabs; the first line contains the column names.
        supports: frames (or clips) of each class in the set that each row was computed on.
        averaged: rows are means over several test sets (folds), and `supports` are those of all of them together.
            Rules that need supports are then applied with `rules.FOLD_SLACK`.

    Raises:
        AuditError: the file is not such a table, no row can be judged, or classes and supports do not fit.
    """
    supports = None if supports is None else tuple(supports)
    check_classes(classes, supports)
    header, body = _read_cells(Path(path))
    columns = _metric_columns(header, path)
    readings = []
    for rows in _read_rows(path, header, body, columns):
        found, judged = [], 0
        for row in rows:
            is_mean = mean_of(row.label) is not None  # of others: not the scores of one test set
            found += audit_row(row, classes, supports, averaged or is_mean)
            judged += is_mean or any(map(can_judge, bounds_of_row(row, classes, supports, averaged)))
        readings.append(((*found, *audit_means(rows)), judged))
    # a percent sign may be missing: the reading with fewer findings counts
    findings, judged = min(readings, key=lambda reading: len(reading[0]))
    read = {header[column]: name for name, column in columns.items()}
    others = [place for place in range(len(header)) if place not in columns.values()]
    unread = tuple(header[place] for place in others if _holds_numbers([cells[place] for _, cells in body]))
    if not (findings or judged):
        names = ", ".join(f"{title!r} as {name}" for title, name in read.items())
        more = f", not read: {', '.join(unread)}" if unread else ""
        raise AuditError(f"{path}: nothing can be judged, the scores of no row limit each other (read: {names}{more})")
    return TableAudit(findings, read, unread, len(body), judged)


def _holds_numbers(cells: Sequence[str]) -> bool:
    try:
        return any([parse_score(cell) for cell in cells])
    except ValueError:
        return False


def _read_rows(
    path: Path | str, header: list[str], body: list[tuple[int, list[str]]], columns: dict[str, int]
) -> list[list[PublishedRow]]:
    """Return one or more readings of the rows, fractions first.

    A column is percent if its name or a cell contains a percent sign or a number exceeds 2, else fractions. If another
    column is percent, a column without these signs is ambiguous (kappa 0.8 beside accuracy 9.1), so both are returned.
    """
    percent = {name for name, column in columns.items() if "%" in header[column]}
    rows = []
    for line, cells in body:
        scores = {}
        for name, column in columns.items():
            try:
                scores[name] = score = parse_score(cells[column])
            except ValueError as problem:
                raise AuditError(f"{path}, line {line}, column {header[column]!r}: {problem}") from problem
            if "%" in cells[column] or score and abs(score.low + score.high) / 2 > _MAX_FRACTION:
                percent.add(name)
        labels = [cell.strip() for column, cell in enumerate(cells) if column not in columns.values() and cell.strip()]
        rows.append(PublishedRow(" / ".join(labels) or f"line {line}", **scores))
    unclear = [name for name in columns if name not in percent] if percent else []
    readings = []
    for choice in itertools.product((False, True), repeat=len(unclear)):
        names = percent.union(itertools.compress(unclear, choice))
        readings.append([_in_percent(row, names) for row in rows])
    return readings


def _in_percent(row: PublishedRow, names: set[str]) -> PublishedRow:
    """Read scores of a row as percent."""
    scores = {name: score for name in names if (score := getattr(row, name))}
    return row._replace(**{name: parse_score(score.text, percent=True) for name, score in scores.items()})


def _read_cells(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the column names, and each row with its line number."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        delimiter = max(",;\t", key=text.lstrip().partition("\n")[0].count)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        cells = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except UnicodeDecodeError as problem:
        raise AuditError(f"cannot read {path}: it is not UTF-8 text") from problem
    except OSError as problem:
        raise AuditError(f"cannot read {path}: {problem.strerror}") from problem
    except csv.Error as problem:
        raise AuditError(f"cannot read {path}: {problem}") from problem
    if len(cells) < 2:
        raise AuditError(f"{path} has no rows: a table needs a line of column names and lines of numbers")
    (_, header), *body = cells
    for line, row in body:
        if len(row) > len(header):
            raise AuditError(f"{path}, line {line}: {len(row)} cells under {len(header)} column names")
        row += [""] * (len(header) - len(row))
    return header, body


def _metric_columns(header: list[str], path: Path) -> dict[str, int]:
    """Return the position of each score's column, in the order of the file."""
    columns: dict[str, int] = {}
    for position, title in enumerate(header):
        plain = re.sub(r"[^a-z0-9κ]", "", _IGNORED_IN_HEADER.sub(" ", title.lower().replace("_", " ")))
        for name, aliases in _HEADERS.items():
            if plain in aliases and not _WEIGHTED.search(title):  # the bounds are those of macro averages
                if name in columns:
                    first = header[columns[name]]
                    raise AuditError(f"{path}: columns {first!r} and {title!r} are both {name}: keep one")
                columns[name] = position
    if not columns:
        raise AuditError(f"{path}: no column is named accuracy, precision, recall, specificity, f1 or kappa")
    return columns


def mean_of(label: str) -> frozenset[str] | None:
    """Return the name of the rows that a row is the mean of, from its label.

    Returns:
        empty for "mean", "Average of 3" or "mean ± sd"; {"resnet"} for "ResNet, mean" and "ResNet / mean"; None if the
        row is not a mean, such as "Mean Teacher" and "CNN with average pooling".
    """
    if _is_mean(label):
        return frozenset()
    parts = _parts(label)
    names = frozenset(part for part in parts if not _is_mean(part))
    return names if len(names) < len(parts) else None


def _is_mean(text: str) -> bool:
    words = set(re.findall(r"[^\W\d_]+", text.lower()))
    return bool(words & _MEAN) and words <= _MEAN | _MEAN_WORDS


def _parts(label: str) -> frozenset[str]:
    return frozenset(part.strip().lower() for part in _SEPARATORS.split(label) if part.strip())


def audit_means(rows: Sequence[PublishedRow]) -> tuple[Finding, ...]:
    """Compare rows that are means by their label with the rows above them.

    A mean with any weights lies between the smallest and the largest row: outside is impossible. The unweighted mean of
    rounded numbers lies between the means of their rounding intervals: outside of it, but between the rows, is
    implausible, except if the label contains weighted, micro or pooled. A mean may be that of the rows since the last
    mean or of all rows above; a finding must hold for both. "ResNet, mean" is compared with rows with "ResNet" in their
    label.
    """
    findings: list[Finding] = []
    above: list[PublishedRow] = []
    start = 0
    for row in rows:
        subject = mean_of(row.label)
        if subject is None:
            above.append(row)
            continue
        groups = [[other for other in group if subject <= _parts(other.label)] for group in (above[start:], above)]
        for name in SCORES:
            columns = [[getattr(other, name) for other in group] for group in groups]
            columns = [column for column in columns if len(column) > 1 and None not in column]
            if columns and getattr(row, name):
                findings += _mean_finding(row, name, columns)
        start = len(above)
    return tuple(findings)


def _mean_finding(row: PublishedRow, name: str, columns: list[list[RoundingInterval]]) -> list[Finding]:
    """Return the more severe finding that holds for every choice of rows, or nothing."""
    ends = [([cell.low for cell in cells], [cell.high for cell in cells]) for cells in columns]
    between = [Range(min(low), max(high)) for low, high in ends]
    plain = [Range(sum(low) / len(low), sum(high) / len(high)) for low, high in ends]
    choices = [(between, "which lies between them", "impossible")]
    if not _WEIGHTED.search(row.label):
        choices.append((plain, "and their unweighted mean differs", "implausible"))
    for limits, how, level in choices:
        reason = f"its label says that it is a mean of the rows above, {how}"
        found = [compare(row, Bound("mean of rows", name, limit, (), reason, level)) for limit in limits]
        if all(found):
            return found[:1]
    return []


def audit_paper() -> tuple[Finding, ...]:
    """Audit the paper: Tables 2 and 3 (means over five folds, with Table 1's frames as supports) and its statements."""
    supports = tuple(published.TABLE_1["frames"])
    rows = []
    for row in published.TABLE_2.to_dict("records"):
        label = f"Table 2, experiment {row['experiment']}, {row['strategy']}"
        rows.append(row_in_percent(label, **{name: row[name] for name in SCORES if name in row}))
    for row in published.TABLE_3.itertuples():
        label = f"Table 3, one frame of {row.interval}"
        rows.append(row_in_percent(label, accuracy=row.accuracy, sensitivity=row.recall, kappa=row.kappa))
    findings = (finding for row in rows for finding in audit_row(row, len(supports), supports, averaged=True))
    return (*findings, *audit_claims())


def row_in_percent(label: str, **scores: float) -> PublishedRow:
    """Return a row with scores in percent, rounded to two decimals."""
    return PublishedRow(label, **{name: parse_score(f"{value:.2f}", percent=True) for name, value in scores.items()})


class OwnAudit(NamedTuple):
    """Result of the audit of our scores."""

    rows: int  # number of audited rows
    findings: tuple[Finding, ...]  # contradictions, each of them a fault of ours
    runs: int = 0  # number of scored runs, which are audited with the class sizes of their test sets


def audit_confusions(confusions: Mapping[str, np.ndarray]) -> OwnAudit:
    """Audit the scores of runs with the class sizes of their test sets, and the means of runs that differ in fold only.

    A mean is also compared with its runs, and with the class sizes only if those of its runs are similar.

    Args:
        confusions: by name, int64 [runs, styles, styles] of runs that differ in fold only; rows are the true styles.
    """
    count, findings, runs = 0, [], 0
    for name, matrices in confusions.items():
        classes, supports, scores = matrices.shape[-1], matrices.sum(axis=-1), scores_of_confusion(matrices)
        rows = [_row(f"{name}, run {number}", run) for number, run in enumerate(scores, start=1)]
        for row, support in zip(rows, supports.tolist(), strict=True):
            findings += audit_row(row, classes, tuple(support))
        if len(rows) > 1:
            rows.append(_row(f"{name}, mean", scores.mean(axis=0)))
            findings += audit_row(rows[-1], classes, _total_supports(supports), averaged=True)
            findings += audit_means(rows)
        count, runs = count + len(rows), runs + len(matrices)
    return OwnAudit(count, tuple(findings), runs)


def _row(label: str, scores: np.ndarray) -> PublishedRow:
    return row_in_percent(label, **dict(zip(SCORES, 100 * scores, strict=True)))


def _total_supports(supports: np.ndarray) -> tuple[int, ...] | None:
    """Return the sum of supports int [runs, classes] if the shares of the runs are within the smallest fold slack."""
    slack = min(slack for slack, _, _ in FOLD_SLACK)
    shares, total = supports / supports.sum(axis=1, keepdims=True), supports.sum(axis=0)
    limits = total / total.sum()
    similar = (shares <= slack * limits) & (shares >= limits / slack)
    return tuple(total.tolist()) if similar.all() else None
