"""Sections of a report, which notebooks save (text, metrics, tables, figures), and the run folder."""

import io
import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dance_tf.report.profile import ROOT
from dance_tf.report.tables import to_markdown
from dance_tf.video.files import whole_file

DPI = 150
SYNTHETIC = "synthetic"


@dataclass(frozen=True)
class Table:
    """A table of the report."""

    name: str  # file name without suffix, such as "t2_strategies"
    title: str  # one line above the table
    frame: pd.DataFrame  # the numbers; the index is not written
    caption: str = ""  # number of runs, kind of interval
    main: bool = False  # whether REPORT.md prints it. If no table of a section is marked, the first one is printed


@dataclass(frozen=True)
class Picture:
    """A figure of the report."""

    name: str  # file name without suffix
    figure: Figure  # of matplotlib
    caption: str = ""  # what it shows
    # whether it shows data. A title of such a figure must name the source of the run ("synthetic" or the name of the
    # footage). A diagram of a network does not need this
    on_data: bool = True
    main: bool = False  # whether it may open REPORT.md; the first two such figures do


@dataclass(frozen=True)
class Section:
    """A saved section, as stored in `sections/NN_name.json`."""

    order: int  # number of the notebook; the report prints sections in this order
    name: str  # file name without number and suffix
    title: str  # heading of the section
    headline: str  # one sentence for the top of the report; empty for none
    text: str  # Markdown
    metrics: Mapping[str, object]  # branch of metrics.json
    tables: Sequence[Mapping[str, object]]  # one mapping per table: name, title, caption, rows, main
    figures: Sequence[Mapping[str, object]]  # one mapping per figure: name, title, caption, main
    part: int = 0  # place among the sections of the same notebook

    @property
    def file_name(self) -> str:
        """Name of the section's file in `sections/`."""
        return f"{self.order:02d}_{self.name}.json"

    @property
    def files(self) -> list[str]:
        """Files of its tables and figures, relative to the run folder."""
        tables = [f"tables/{entry['name']}.{suffix}" for entry in self.tables for suffix in ("csv", "md")]
        return tables + [f"figures/{entry['name']}.png" for entry in self.figures]


class RunReport:
    """The report of one run: a folder of files that the notebooks write and `build.write_report` reads.

    ```
    report = RunReport(run_folder)
    report.save("evaluate_classifier", "Held-out dancers", order=30, metrics={...}, tables=[...], figures=[...])
    ```

    Args:
        folder: the run folder; created if absent. A relative path is relative to the repository root.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = (ROOT / folder).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def run(self) -> dict[str, object]:
        """Facts about the run, as stored in run.json: source, profile, parameters."""
        file = self.folder / "run.json"
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}

    @property
    def source(self) -> str:
        """The source of the run's frames: the name of the footage; "synthetic" until run.json states it."""
        return str(self.run.get("source", SYNTHETIC))

    def describe_run(self, **entries: object) -> None:
        """Add facts about the run to run.json."""
        write_whole(self.folder / "run.json", json_text({**self.run, **entries}))

    def save(
        self,
        section: str,
        title: str,
        text: str = "",
        metrics: Mapping[str, object] | None = None,
        tables: Sequence[Table] = (),
        figures: Sequence[Picture] = (),
        *,
        order: int,
        part: int = 0,
        headline: str = "",
    ) -> None:
        """Save a section. It replaces the section of the same name and order; other sections do not change.

        A notebook may save several sections with the same `order`. When the report is rebuilt from records, cells
        tagged `needs_clips` do not run, so save content that needs clips as a separate section in such a cell.

        Args:
            section: name that is also a file name: "evaluate_classifier".
            title, part, headline: as in `Section`.
            text: Markdown between the heading and the tables; its headings start at "####".
            metrics: branch of metrics.json; values that are not finite become null.
            tables: written to tables/<name>.csv and .md.
            figures: written to figures/<name>.png.

        Raises:
            ValueError: a name is not a valid file name or belongs to another section, or no title of a figure on data
                names the source. Nothing is written in this case.
        """
        names = [section, *(item.name for item in (*tables, *figures))]
        if bad := [name for name in names if not re.fullmatch(r"[a-z0-9][a-z0-9_]*", name)]:
            raise ValueError(f"not a valid file name (lower case, digits, underscores): {', '.join(bad)}")
        for picture in figures:
            shown, source = " ".join(titles_of(picture.figure)), self.source
            if picture.on_data and source.lower() not in shown.lower():
                raise ValueError(f"the figure {picture.name} shows data, but none of its titles contains {source!r}")
        new = Section(
            order=order,
            name=section,
            title=title,
            headline=headline,
            text=text,
            metrics=plain(metrics or {}),
            tables=[_entry(one, one.title) | {"rows": len(one.frame)} for one in tables],
            figures=[_entry(one, next(iter(titles_of(one.figure)), one.name)) for one in figures],
            part=part,
        )
        if len(new.files) != len(set(new.files)):
            raise ValueError(f"two tables or two figures of {section} have the same name")
        before: set[str] = set()
        for other in self.sections():
            if other.file_name == new.file_name:
                before = set(other.files)
            elif taken := set(new.files) & set(other.files):
                raise ValueError(f"{Path(min(taken)).name} already belongs to the section {other.name}")
        for table in tables:
            path = self.folder / "tables" / table.name
            write_whole(path.with_suffix(".csv"), table.frame.to_csv(index=False, lineterminator="\n"))
            write_whole(path.with_suffix(".md"), to_markdown(table.frame))
        for picture in figures:
            write_whole(self.folder / "figures" / f"{picture.name}.png", png(picture.figure))
        write_whole(self.folder / "sections" / new.file_name, json_text(asdict(new)))
        for file in before - set(new.files):
            (self.folder / file).unlink(missing_ok=True)

    def sections(self) -> list[Section]:
        """Return all saved sections in the order of the report."""
        files = sorted((self.folder / "sections").glob("*.json"))
        found = [Section(**json.loads(file.read_text(encoding="utf-8"))) for file in files]
        return sorted(found, key=lambda section: (section.order, section.part, section.name))

    def last_saved(self) -> int:
        """Return when the last section was saved, in nanoseconds by the clock of its disk; 0 without sections."""
        return max((file.stat().st_mtime_ns for file in (self.folder / "sections").glob("*.json")), default=0)

    def remove_sections(self, orders: Collection[int], saved_until: float = math.inf) -> None:
        """Remove the sections of these notebooks, with their tables and figures, that were saved until a time."""
        for section in self.sections():
            stored = self.folder / "sections" / section.file_name
            if section.order in orders and stored.stat().st_mtime_ns <= saved_until:
                for file in [self.folder / name for name in section.files] + [stored]:
                    file.unlink(missing_ok=True)


def _entry(item: Table | Picture, title: str) -> dict[str, object]:
    return {"name": item.name, "title": title, "caption": item.caption, "main": item.main}


def titles_of(figure: Figure) -> list[str]:
    """Return all titles of a figure, its axes and its subfigures; the title of the figure comes first."""
    titles = [figure.get_suptitle()]
    titles += [axes.get_title(loc) for axes in figure.axes for loc in ("center", "left", "right")]
    for part in figure.subfigs:
        titles += titles_of(part)
    return [" ".join(title.split()) for title in titles if title]


def png(figure: Figure, dpi: int = DPI) -> bytes:
    """Return a figure as PNG. Equal figures give equal bytes: the file has no date and no version."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, bbox_inches="tight", metadata={"Software": None})
    return buffer.getvalue()


def plain(value: object) -> object:
    """Convert a value to JSON types: keys become sorted strings, values that are not finite become null.

    Floats are rounded to six decimals, or to six significant digits if smaller than 0.1.

    Raises:
        TypeError: JSON has no such type.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return round(value, 6) if abs(value) >= 0.1 else float(f"{value:.6g}")
    if value is pd.NA:
        return None
    if isinstance(value, bool | int | str | None):
        return value
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written to metrics.json")


def merge_metrics(parts: Sequence[tuple[str, Mapping[str, object]]]) -> dict[str, object]:
    """Merge the metrics of all sections into one tree.

    Args:
        parts: (name of the section, its metrics). Two sections may add to the same branch.

    Raises:
        ValueError: two sections give different values for the same entry.
    """
    merged: dict[str, object] = {}

    def add(target: dict[str, object], branch: Mapping[str, object], path: str, name: str) -> None:
        for key, value in branch.items():
            if isinstance(value, Mapping) and isinstance(target.get(key, {}), dict):
                add(target.setdefault(key, {}), value, f"{path}{key}/", name)
            elif target.setdefault(key, value) != value:
                raise ValueError(f"{name} gives another value for {path}{key} in metrics.json than a section before it")

    for name, metrics in parts:
        add(merged, metrics, "", name)
    return plain(merged)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file, whole or not at all."""
    with whole_file(path) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


def json_text(value: object) -> str:
    """Return `plain(value)` as indented JSON with sorted keys."""
    return json.dumps(plain(value), indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"
