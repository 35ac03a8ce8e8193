"""A published table of scores, read from a CSV file."""

import csv
import io
import itertools
import re
from pathlib import Path

from dance_tf.paper.findings import AuditError
from dance_tf.paper.printed import PublishedRow, read_printed

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
