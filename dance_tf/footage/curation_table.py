"""`curation.csv`: one row for every file that was ever offered."""

from __future__ import annotations

import csv
import os
import uuid
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from dance_tf.footage.clip import legible

KEPT, PARTLY_KEPT, REFUSED = "kept", "partly kept", "refused"


@dataclass(frozen=True)
class CurationRow:
    r"""What became of one file that was offered.

    Every text is made one that UTF-8 can hold: the byte E9 of a file name that is no UTF-8 becomes `\xe9`.

    Attributes:
        path: what was offered; absolute, as the table knows a file by it.
        clip_id: its name in the catalog; empty where it is no clip.
        style: its label.
        dancer: who dances.
        source: where it came from.
        consent: what the dancer agreed to.
        status: "kept" (every frame), "partly kept" or "refused".
        reason: why not all of it was kept, in one line; empty for "kept".
        sha256: of its content; empty where it cannot be read at all.
        seen: frames read.
        kept: frames kept.
        blank: frames dropped as blank.
        blurred: frames dropped as blurred.
        no_dancing: frames dropped as nobody dances.
        seconds: length.
        width: of the picture as displayed.
        height: of the picture as displayed.
        frame_rate: frames per second on average.
        room_known: whether the still room could be told.
        part: file name of its part; empty for "refused".
    """

    path: str
    clip_id: str = ""
    style: str = ""
    dancer: str = ""
    source: str = ""
    consent: str = ""
    status: str = REFUSED
    reason: str = ""
    sha256: str = ""
    seen: int = 0
    kept: int = 0
    blank: int = 0
    blurred: int = 0
    no_dancing: int = 0
    seconds: float = 0.0
    width: int = 0
    height: int = 0
    frame_rate: float = 0.0
    room_known: bool = False
    part: str = ""

    def __post_init__(self) -> None:
        for field in fields(self):
            if isinstance(value := getattr(self, field.name), str):
                object.__setattr__(self, field.name, legible(value))


def write_rows(path: Path, rows: tuple[CurationRow, ...]) -> None:
    """Write `curation.csv`, whole or not at all.

    Rows that an earlier run wrote about files not offered this time stay, after the new ones: the table knows every
    file ever offered.
    """
    offered = {row.path for row in rows}
    earlier = [row for row in read_rows(path) if row.path not in offered] if path.is_file() else []
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [field.name for field in fields(CurationRow)], lineterminator="\n")
            writer.writeheader()
            writer.writerows(asdict(row) for row in (*rows, *earlier))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def set_stranger_aside(path: Path) -> Path | None:
    """Move a table of other columns, such as another version wrote, out of the way; returns where it lies then."""
    try:
        read_rows(path)
    except FileNotFoundError:
        return None
    except (ValueError, csv.Error):
        aside = path.with_name(f"{path.stem}-{uuid.uuid4().hex[:8]}.old{path.suffix}")
        os.replace(path, aside)
        return aside
    return None


def read_rows(path: Path) -> tuple[CurationRow, ...]:
    """Read `curation.csv` back.

    Raises:
        ValueError: it is not such a table.
    """
    kinds = {field.name: type(getattr(CurationRow(""), field.name)) for field in fields(CurationRow)}
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != list(kinds):
            raise ValueError(f"{path}: not a table of curated clips")
        return tuple(
            CurationRow(
                **{name: value == "True" if kinds[name] is bool else kinds[name](value) for name, value in row.items()}
            )
            for row in reader
        )
