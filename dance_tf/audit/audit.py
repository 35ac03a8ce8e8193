"""Audit: which printed numbers cannot all be true, in a table of anybody's, in ours, and in the paper.

The scores of one confusion matrix hang together: macro F1 cannot exceed what macro precision and recall allow, nor
specificity and kappa leave the range that accuracy and class sizes set. `bounds` derives each inequality, `rules` asks
them of a row, `ledger` works out what the paper states about its own tables; this module gathers what they find.
"""

import csv
import io
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from dance_tf.audit import published as tables
from dance_tf.audit.bounds import METRICS, Printed, PublishedRow, Range, read_printed
from dance_tf.audit.claims import audit_claims
from dance_tf.audit.rules import AuditError, Finding, audit_row, check_classes, compare, findings_frame

_HEADERS = {
    "accuracy": {"accuracy", "acc", "overallaccuracy"},
    "precision": {"precision", "ppv", "positivepredictivevalue"},
    "sensitivity": {"sensitivity", "recall", "tpr", "truepositiverate"},
    "specificity": {"specificity", "tnr", "truenegativerate"},
    "f1": {"f1", "f1score", "fscore", "fmeasure", "f1measure"},
    "kappa": {"kappa", "cohenskappa", "cohenkappa"},
}
_AROUND = re.compile(r"\(.*?\)|%|\bmacro\b|\bmean\b|\baveraged?\b|\bavg\b")
# no fraction is above 1; up to here a number is taken for a wrong fraction, beyond it for percent
_LARGEST_FRACTION = 2


def read_score_table(path: Path | str) -> list[tuple[PublishedRow, ...]]:
    """Rows of a table of scores, a column for each score and any others as labels.

    A column is percent where its name or a cell has a percent sign or a number exceeds 2, else fractions. Where that
    leaves a column open beside percents (kappa 0.8 beside accuracy 9.1: 80 % or 0.8 %?), both readings are given.

    Args:
        path: CSV in UTF-8, separated by commas, semicolons or tabs; the first line names the columns.

    Returns:
        One or more readings of the same rows, fractions first.

    Raises:
        AuditError: no such file, no such table, or a cell that is no number.
    """
    path = Path(path)
    header, body = _read_cells(path)
    columns = _metric_columns(header, path)
    percent = {name: _is_percent(header[column], [row[column] for _, row in body]) for name, column in columns.items()}
    undecided = [name for name in columns if percent[name] is None]
    choices = (False, True) if any(percent.values()) else (False,)
    return [
        tuple(
            _read_row(row, f"{path}, line {line}", header, columns, percent | dict(zip(undecided, units, strict=True)))
            for line, row in body
        )
        for units in itertools.product(choices, repeat=len(undecided))
    ]


def _read_cells(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Column names, and each row with the number of its line in the file."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        raise AuditError(f"cannot read {path}: it is no UTF-8 text") from problem
    except OSError as problem:
        raise AuditError(f"cannot read {path}: {problem.strerror}") from problem
    first_line = text.lstrip().partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first_line.count))
    try:
        cells = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
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
    """Position of each score's column, in the order of the file."""
    columns: dict[str, int] = {}
    for position, title in enumerate(header):
        plain = re.sub(r"[^a-z0-9]", "", _AROUND.sub(" ", title.lower().replace("_", " ")))
        for name, aliases in _HEADERS.items():
            if plain in aliases:
                if name in columns:
                    raise AuditError(
                        f"{path}: columns {header[columns[name]]!r} and {title!r} are both {name}: keep one"
                    )
                columns[name] = position
    if not columns:
        raise AuditError(f"{path}: no column is named accuracy, precision, recall, specificity, f1 or kappa")
    return columns


def _is_percent(title: str, cells: list[str]) -> bool | None:
    """Whether a column is percent; None where it has no sign and no number that is too large for a fraction."""
    if "%" in title or any("%" in cell for cell in cells):
        return True
    for cell in cells:
        try:
            printed = read_printed(cell)
        except ValueError:
            continue  # told with its line and column when the row is read
        if printed is not None and abs(printed.middle) > _LARGEST_FRACTION:
            return True
    return None


def _read_row(
    row: list[str], place: str, header: list[str], columns: dict[str, int], percent: dict[str, bool]
) -> PublishedRow:
    scores = {}
    for name, column in columns.items():
        try:
            scores[name] = read_printed(row[column], percent=percent[name])
        except ValueError as problem:
            raise AuditError(f"{place}, column {header[column]!r}: {problem}") from problem
    labels = [cell.strip() for column, cell in enumerate(row) if column not in columns.values() and cell.strip()]
    return PublishedRow(label=" / ".join(labels) or place.rpartition(", ")[2], **scores)


__all__ = ["AuditError", "Finding", "audit_csv", "audit_means", "audit_paper", "audit_row", "findings_frame"]

_MEAN = {"mean", "means", "average", "averages", "avg"}
# what a label may say beside that and still be a mean; "Mean Teacher" and "average pooling" are names of methods
_BESIDE = set(
    "the of over across all its above and value values score scores result results overall grand total plain simple "
    "arithmetic macro micro pooled weighted unweighted class classes column fold folds row rows run runs repeat "
    "repeats repetitions experiment experiments seed seeds trial trials dancer dancers n sd std stdev standard "
    "deviation se sem ci two three four five ten".split()
)
_PARTS = re.compile(r"\s+/\s+|[,;:|()\[\]]|\s+[–—-]\s+")
_WEIGHTED = re.compile(r"weighted|micro|pooled", re.IGNORECASE)


def audit_csv(
    path: Path | str, classes: int, supports: Sequence[int] | None = None, averaged: bool = False
) -> tuple[Finding, ...]:
    """Audit a CSV table of scores: one row a model (not a class), macro averages, columns in any order.

    Columns are known by their names: accuracy, precision, recall or sensitivity, specificity, f1, kappa and the usual
    variants, in any case, with "macro", "mean" or "(%)" around them; `read_score_table` tells percent from fractions.
    All other columns label the row; a row whose label is a mean ("mean", "macro avg", "ResNet, mean of 3") is also held
    against the rows above it.

    Args:
        path: the file.
        classes: number of classes, at least 2.
        supports: frames (or clips) of each class in the set that each row was computed on.
        averaged: rows are means over several test sets (folds), and `supports` are those of the whole they were cut
            from. What needs the supports is then said with less force: see `rules.FOLD_SLACK`.

    Returns:
        Findings row by row, then those on means; empty where nothing speaks against the table.

    Raises:
        AuditError: the file cannot be read as such a table, or classes and supports do not fit.
    """
    supports = None if supports is None else tuple(supports)
    check_classes(classes, supports)
    # of two readings the better one stands: a table is not accused of what may be a missing percent sign
    return min((_audit_rows(rows, classes, supports, averaged) for rows in read_score_table(path)), key=len)


def _audit_rows(
    rows: tuple[PublishedRow, ...], classes: int, supports: tuple[int, ...] | None, averaged: bool
) -> tuple[Finding, ...]:
    """Findings on each row, then on those that are means of others (and so not the scores of one test set)."""
    findings = (
        finding
        for row in rows
        for finding in audit_row(row, classes, supports, averaged or mean_of(row.label) is not None)
    )
    return (*findings, *audit_means(rows))


def mean_of(label: str) -> frozenset[str] | None:
    """What a row is the mean of, by its label: the parts of it that say no mean, in small letters.

    Returns:
        none of them for "mean", "Average of 3" or "mean ± sd"; {"resnet"} for "ResNet, mean" and "ResNet / mean"; None
        where the row is no mean, as "Mean Teacher" and "CNN with average pooling" are none.
    """
    if _is_mean(label):
        return frozenset()
    parts = _parts(label)
    left = frozenset(part for part in parts if not _is_mean(part))
    return left if len(left) < len(parts) else None


def _is_mean(text: str) -> bool:
    words = set(re.findall(r"[^\W\d_]+", text.lower()))
    return bool(words & _MEAN) and words <= _MEAN | _BESIDE


def _parts(label: str) -> frozenset[str]:
    return frozenset(part.strip().lower() for part in _PARTS.split(label) if part.strip())


def audit_means(rows: Sequence[PublishedRow]) -> tuple[Finding, ...]:
    """Hold rows that call themselves means against the rows above them.

    A mean with any weights lies between its smallest and its largest row: outside is impossible. The plain mean of
    rounded numbers lies between the means of what each can have been: inside the rows but not there is implausible,
    and not told of a row that says weighted, micro or pooled. The rows meant may be those since the last such row, or
    all above; only what fits neither is told. "ResNet, mean" is held against rows with "ResNet" in their label.
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
        for name in METRICS:
            columns = [[getattr(other, name) for other in group] for group in groups]
            columns = [column for column in columns if len(column) > 1 and None not in column]
            if columns and getattr(row, name) is not None:
                findings += _mean_finding(row, name, columns)
        start = len(above)
    return tuple(findings)


def _mean_finding(row: PublishedRow, name: str, columns: list[list[Printed]]) -> Iterator[Finding]:
    """The stronger finding that every choice of rows agrees on, if any."""
    reason = "a mean of the rows above, as its label has it, lies between them"
    between = [Range(min(cell.low for cell in cells), max(cell.high for cell in cells)) for cells in columns]
    found = [
        tuple(compare(row.label, "mean of rows", name, getattr(row, name), limits, (), reason)) for limits in between
    ]
    if not all(found) and not _WEIGHTED.search(row.label):
        reason = "the plain mean of the rows above is another"
        plain = [
            Range(sum(cell.low for cell in cells) / len(cells), sum(cell.high for cell in cells) / len(cells))
            for cells in columns
        ]
        found = [
            tuple(compare(row.label, "mean of rows", name, getattr(row, name), limits, (), reason, "implausible"))
            for limits in plain
        ]
    if all(found):
        yield found[0][0]


def audit_paper() -> tuple[Finding, ...]:
    """Audit the paper's own Tables 2 and 3 (means over five folds; Table 1's frames as supports) and its claims."""
    supports = tuple(row.frames for row in tables.TABLE_1)
    rows = (*repeat_rows(), *interval_rows())
    findings = (finding for row in rows for finding in audit_row(row, len(supports), supports, averaged=True))
    return (*findings, *audit_claims())


def repeat_rows() -> tuple[PublishedRow, ...]:
    """Table 2 in the auditor's form."""
    return tuple(
        PublishedRow(
            label=f"Table 2, experiment {row.experiment}, {row.strategy}",
            accuracy=_percent(row.accuracy),
            precision=_percent(row.precision),
            sensitivity=_percent(row.sensitivity),
            specificity=_percent(row.specificity),
            f1=_percent(row.f1),
        )
        for row in tables.TABLE_2
    )


def interval_rows() -> tuple[PublishedRow, ...]:
    """Table 3 in the auditor's form."""
    return tuple(
        PublishedRow(
            label=f"Table 3, one frame of {row.interval}",
            accuracy=_percent(row.accuracy),
            sensitivity=_percent(row.recall),
            kappa=_percent(row.kappa),
        )
        for row in tables.TABLE_3
    )


def _percent(value: float) -> Printed | None:
    return read_printed(f"{value:.2f}", percent=True)
