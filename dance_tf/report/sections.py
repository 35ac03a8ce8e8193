"""What a notebook hands to the report: tables, pictures, a section; and how sections are merged into one document."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure


@dataclass(frozen=True)
class Table:
    """A table of the report.

    Attributes:
        name: file name without its ending, such as "t2_strategies".
        title: one line above the table.
        frame: the numbers; the index is not written.
        caption: what the reader must know to read it: how many runs, what the interval is.
    """

    name: str
    title: str
    frame: pd.DataFrame
    caption: str = ""


@dataclass(frozen=True)
class Picture:
    """A figure of the report.

    Attributes:
        name: file name without its ending.
        figure: what to draw; the writer saves it.
        caption: what is to be seen.
        on_data: whether it shows data. Such a figure must name the run's source ("synthetic", or the footage's name) in
            one of its titles, or the writer refuses it; a drawing of a network need not.
    """

    name: str
    figure: Figure
    caption: str = ""
    on_data: bool = True


@dataclass(frozen=True)
class Section:
    """One notebook's contribution as it lies in `sections/NN_name.json`.

    Attributes:
        order: the notebook's number; sections are printed in this order.
        name: file name without number and ending.
        title: heading of the section.
        headline: one line for the top of the report; empty for none.
        text: Markdown.
        metrics: what goes into metrics.json.
        tables: one mapping per table: name, title, caption, rows.
        figures: one mapping per figure: name, title, caption.
    """

    order: int
    name: str
    title: str
    headline: str
    text: str
    metrics: Mapping[str, object]
    tables: Sequence[Mapping[str, object]]
    figures: Sequence[Mapping[str, object]]

    @property
    def file_name(self) -> str:
        """The section's file under `sections/`."""
        return f"{self.order:02d}_{self.name}.json"


def titles_of(figure: Figure) -> list[str]:
    """Every title of a figure and of its axes and subfigures, the uppermost first."""
    titles = [figure.get_suptitle()]
    titles += [axes.get_title(loc) for axes in figure.axes for loc in ("center", "left", "right")]
    for part in figure.subfigs:
        titles += titles_of(part)
    return [title for title in titles if title]


def plain(value: object) -> object:
    """A value as JSON holds it, the same on every run.

    NumPy scalars and arrays become Python's own, floats are rounded to six decimals (below 0.1 to six digits), what is
    not finite becomes null, keys become text and are sorted.

    Raises:
        TypeError: the value is of a kind that JSON does not know.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        number = float(value)
        if not math.isfinite(number):
            return None
        return round(number, 6) if abs(number) >= 0.1 else float(f"{number:.6g}")
    if value is None or value is pd.NA:
        return None
    if isinstance(value, str | Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} does not fit into metrics.json")


def merge_metrics(parts: Sequence[tuple[str, Mapping[str, object]]]) -> dict[str, object]:
    """The metrics of all sections as one tree.

    Args:
        parts: (name of the section, its metrics). Two sections may add to the same branch.

    Raises:
        ValueError: two sections give different values for the same leaf; both are named.
    """
    merged: dict[str, object] = {}
    owner: dict[tuple[str, ...], str] = {}

    def add(target: dict[str, object], branch: Mapping[str, object], path: tuple[str, ...], name: str) -> None:
        for key, value in branch.items():
            place = (*path, key)
            both = isinstance(value, Mapping) and isinstance(target.get(key, {}), dict)
            if both:
                add(target.setdefault(key, {}), value, place, name)
            elif key in target and target[key] != value:
                other = owner.get(place, "another section")
                raise ValueError(f"{name} and {other} disagree about {'/'.join(place)} in metrics.json")
            else:
                target[key] = value
            owner.setdefault(place, name)

    for name, metrics in parts:
        add(merged, metrics, (), name)
    return plain(merged)


def write_whole(path: Path, content: str | bytes) -> None:
    """Writes a file so that nobody ever sees half of it: a temporary name beside it, then a rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_bytes(content.encode() if isinstance(content, str) else content)
    os.replace(temporary, path)


def json_text(value: object) -> str:
    """`plain(value)` as indented JSON with sorted keys."""
    return json.dumps(plain(value), indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"
