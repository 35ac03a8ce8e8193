"""Read `manifest.csv`, the table of clips and labels in a footage folder, row by row and strictly."""

import codecs
import csv
import math
import os
import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from dance_tf.video.files import entries
from dance_tf.video.layouts import plain_name, split_name

MANIFEST = "manifest.csv"
COLUMNS = ("path", "style", "dancer", "source", "consent", "split", "group", "start", "end", "trust")
NAMES = ("style", "dancer", "group")  # columns with names
LONGEST_NAME = 200  # characters
SHOWN = 120  # characters of a line that is refused
LOOKALIKES = re.compile(r"manifest(\.csv)?\.?(txt|tsv|csv|xlsx?|ods|numbers|bak)?", re.IGNORECASE)


class ManifestError(ValueError):
    """A manifest that cannot be read at all; the message is one line."""


@dataclass(frozen=True)
class Row:
    """A row that can be read: its cells by column, "" where there is none."""

    line: int  # in the file, from 1
    cells: dict[str, str]
    start: float = 0.0  # seconds
    end: float | None = None  # seconds; None for the end of the file


@dataclass(frozen=True)
class Manifest:
    """The content of a manifest."""

    rows: tuple[Row, ...]
    faults: tuple[str, ...]  # lines that cannot be read, each with its number and the reason
    unknown: tuple[str, ...] = field(default=())  # columns that are not read


def find_manifest(folder: Path) -> tuple[Path | None, list[str]]:
    """Return the manifest of a folder, in any case ("Manifest.CSV"), and the names of files that may be meant as one.

    Raises:
        ManifestError: two files differ only in case.
    """
    files = [path for path in entries(folder) if path.is_file()]
    found = [path for path in files if path.name.casefold() == MANIFEST]
    if len(found) > 1:
        raise ManifestError(f"{folder}: {found[0].name} and {found[1].name} are both manifests: keep one")
    alike = [path.name for path in files if path not in found and LOOKALIKES.fullmatch(path.name)]
    return (found[0] if found else None), [] if found else alike


def read_manifest(path: Path) -> Manifest:
    """Read a manifest: comma, semicolon or tab; UTF-8, or UTF-16 with its mark; quotes as in RFC 4180, within a line.

    Raises:
        ManifestError: another encoding, no column path or style, or a column twice.
    """
    data = path.read_bytes()
    encoding = "utf-16" if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    try:
        lines = re.split("\r\n|\r|\n", data.decode(encoding))
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path}: not a CSV file in UTF-8 or UTF-16 ({error})") from error
    if any("\0" in line for line in lines):
        raise ManifestError(f"{path}: not a CSV file in UTF-8 or UTF-16 (it has NUL characters)")
    delimiter, columns = _read_header(path, lines)
    rows, faults = [], []
    for number, line in enumerate(lines[1:], start=2):
        try:
            cells = _split(line, delimiter)
            if any(cells):
                rows.append(_read_row(number, columns, cells))
        except ValueError as error:
            faults.append(f"line {number}: {error}: {line[:SHOWN]!r}")
    unknown = tuple(name for name in columns if name and name not in COLUMNS)
    return Manifest(tuple(rows), tuple(faults), unknown)


def _read_header(path: Path, lines: list[str]) -> tuple[str, list[str]]:
    """Return the delimiter, with which the first line has the most known columns, and the names of all columns."""
    headers, fault = {}, None
    for delimiter in ",;\t":
        try:
            headers[delimiter] = [name.casefold() for name in _split(lines[0], delimiter)]
        except ValueError as error:
            headers[delimiter], fault = [], error
    delimiter = max(headers, key=lambda each: len(set(headers[each]) & set(COLUMNS)))
    columns = headers[delimiter]
    if fault and not any(headers.values()):
        raise ManifestError(f"{path}: line 1: {fault}: {lines[0][:SHOWN]!r}")
    if missing := [name for name in ("path", "style") if name not in columns]:
        raise ManifestError(f"{path}: no column {' and no column '.join(missing)}; line 1 is {lines[0][:SHOWN]!r}")
    if twice := [name for name in COLUMNS if columns.count(name) > 1]:
        raise ManifestError(f"{path}: two columns {twice[0]}")
    return delimiter, columns


def _split(line: str, delimiter: str) -> list[str]:
    """Return the cells of a line.

    Raises:
        ValueError: a quote that is not closed, or text after a closing quote.
    """
    try:
        cells = next(csv.reader([line.strip(" ")], delimiter=delimiter, skipinitialspace=True, strict=True), [])
    except csv.Error as error:
        reason = "a quote is not closed" if "unexpected end" in str(error) else f"wrong quotes ({error})"
        raise ValueError(reason) from error
    if any('"' in cell for cell in cells) and '""' not in line:
        raise ValueError("a quote in the middle of a cell")
    return [cell.strip() for cell in cells]


def _read_row(number: int, columns: list[str], cells: list[str]) -> Row:
    """Return the row of a line.

    Raises:
        ValueError: the number of cells is not that of columns, or a cell cannot be what its column says.
    """
    if len(cells) != len(columns):
        why = "too many: quote a name that holds the delimiter" if len(cells) > len(columns) else "too few"
        raise ValueError(f"{len(cells)} cells for {len(columns)} columns, {why}")
    found = {name: cell for name, cell in zip(columns, cells, strict=True) if name in COLUMNS}
    for name, cell in found.items():
        if any(unicodedata.category(letter) == "Cc" for letter in cell):
            raise ValueError(f"a control character in {name}: {cell!r}")
    for name in NAMES:
        cell = found[name] = plain_name(found.get(name, ""))
        if len(cell) > LONGEST_NAME or cell and not any(map(str.isalnum, cell)):
            raise ValueError(f"no {name} can be called {cell[:40]!r}")
    if not found["path"]:
        raise ValueError("no path")
    if (split := found.get("split", "")) and not split_name(split):
        raise ValueError(f"split is {split!r}: use train, validation or test")
    found["split"] = split_name(split)
    if trust := found.get("trust", ""):
        read_trust(trust)
    start = _seconds("start", found.get("start", ""))
    end = _seconds("end", found.get("end", ""))
    if end is not None and end <= (start or 0):
        raise ValueError(f"end {end:g} is not after start {start or 0:g}")
    return Row(number, found, start or 0.0, end)


def read_trust(cell: str) -> float:
    """Return how far a label can be trusted.

    Raises:
        ValueError: not a number from 0 to 1.
    """
    with suppress(ValueError):
        if 0 <= float(cell) <= 1:
            return float(cell)
    raise ValueError(f"trust is {cell!r}, not a number from 0 to 1")


def _seconds(name: str, cell: str) -> float | None:
    try:
        seconds = float(cell) if cell else None
    except ValueError:
        seconds = math.nan
    if seconds is not None and not 0 <= seconds < math.inf:
        raise ValueError(f"{name} is {cell!r}, not a number of seconds")
    return seconds


def locate(folder: Path, name: str) -> Path:
    """Return the path of a manifest's cell: with "/" or backslashes, and in any Unicode form; it need not exist."""
    forms = ("NFC", "NFD")
    names = [os.path.normpath(each) for each in (name, name.replace("\\", "/"))]
    names += [unicodedata.normalize(form, names[1]) for form in forms]
    found = [folder / each for each in names]
    with suppress(OSError):  # for example, a name too long for the system
        return next((path for path in found if path.exists()), found[1])
    return found[1]
