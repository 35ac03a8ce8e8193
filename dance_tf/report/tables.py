"""Tables for readers: percentages with intervals, wide tables from tidy frames, Markdown, metrics."""

from collections.abc import Hashable, Mapping, Sequence

import pandas as pd

from dance_tf.synthesis.choreography import STYLES

MISSING = "–"
VIEW_NAMES = {  # of the network's inputs
    "difference": "background subtracted",
    "frame": "with background",
    "cutout": "dancer cut out",
    "skeleton": "skeleton",
}
PROTOCOL_NAMES = {"outer": "each dancer held out once", "paper": "80/20, inner folds"}


def abbreviate(styles: Sequence[str]) -> tuple[str, ...]:
    """Return the paper's abbreviations of its styles; other styles keep their names."""
    published = {style.name: style.abbreviation for style in STYLES}
    return tuple(published.get(style, style) for style in styles)


def counted(number: float, noun: str) -> str:
    """Return a number with its noun: "1 clip", "2 clips"."""
    return f"{number:.0f} {noun}{'' if number == 1 else 's'}"


def percent(value: float, digits: int = 1) -> str:
    """Return a fraction as a percentage without sign: 0.6123 is "61.2"; NaN is a dash."""
    return MISSING if pd.isna(value) else f"{100 * value:.{digits}f}"


def percents(row: Mapping[Hashable, float], prefix: str = "") -> str:
    """Return a mean and its interval as percentages: "61.2 [55.0, 67.1]"; without brackets if there is no interval.

    Args:
        row: columns mean, low, high (fractions).
        prefix: if given, the columns are PREFIX, PREFIX_low, PREFIX_high.
    """
    names = (prefix, f"{prefix}_low", f"{prefix}_high") if prefix else ("mean", "low", "high")
    mean, low, high = (percent(row[name]) for name in names)
    return mean if MISSING in (low, high) else f"{mean} [{low}, {high}]"


def only(table: pd.DataFrame, **values: object) -> pd.Series:
    """Return the only row of a table with these values.

    Raises:
        ValueError: no row or several rows have them.
    """
    for column, value in values.items():
        table = table[table[column] == value]
    if len(table) != 1:
        raise ValueError(f"{len(table)} rows have {values}")
    return table.iloc[0]


def to_markdown(frame: pd.DataFrame) -> str:
    """Return a frame as a Markdown table, without its index. (`DataFrame.to_markdown` would need tabulate.)

    Floats get two decimals, NaN and None a dash; numeric columns are aligned right; "|" is escaped.
    """

    def cell(value: object) -> str:
        if pd.isna(value):
            return MISSING
        return f"{value:.2f}" if isinstance(value, float) else str(value).replace("|", "\\|").replace("\n", " ")

    rules = ["---:" if pd.api.types.is_numeric_dtype(kind) else "---" for kind in frame.dtypes]
    lines = [[cell(name) for name in frame.columns], rules]
    lines += [[cell(value) for value in row] for row in frame.itertuples(index=False, name=None)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def wide_table(
    tidy: pd.DataFrame, rows: Sequence[str], columns: str = "metric", order: Sequence[str] = ()
) -> pd.DataFrame:
    """Return a wide table with a mean and its interval in each cell, in percent: `61.2 [55.0, 67.1]`.

    Args:
        tidy: columns mean, low, high (fractions) and those that `rows` and `columns` name; a column runs is optional.
        rows: the columns that name a row, such as `["strategy", "unit"]`.
        columns: the column whose values become columns.
        order: these values in the order of the table; by default all, in the order of their first row.

    Returns:
        a frame of strings with the columns `rows`, the values of `columns`, and runs (the smallest number of a row), if
        `tidy` has it.

    Raises:
        ValueError: two rows of `tidy` belong to one cell.
    """
    rows, order = list(rows), list(order) or list(dict.fromkeys(tidy[columns]))
    if tidy.duplicated([*rows, columns]).any():
        raise ValueError(f"several measures share one cell: {rows} do not identify a row")
    lines = []
    for key, group in tidy.groupby(rows, sort=False, dropna=False):
        cells = {row[columns]: percents(row) for row in group.to_dict("records")}
        runs = [int(group["runs"].min())] if "runs" in tidy else []
        lines.append([*key, *(cells.get(name, MISSING) for name in order), *runs])
    return pd.DataFrame(lines, columns=[*rows, *order, *(["runs"] if "runs" in tidy else [])])


def nest(tidy: pd.DataFrame, levels: Sequence[str]) -> dict[str, object]:
    """Return the rows of a tidy frame nested by `levels` for metrics.json; a level that is "" is skipped.

    A row becomes a mapping of its other columns; low and high become `interval`, which is None if they are NaN.

    Raises:
        ValueError: two rows have the same levels.
    """
    nested: dict[str, object] = {}
    for row in tidy.to_dict("records"):
        *parents, last = (str(row[level]) for level in levels if row[level] != "")
        node = nested
        for key in parents:
            node = node.setdefault(key, {})
        if last in node:
            raise ValueError(f"{'/'.join([*parents, last])} is given twice")
        interval = {"interval": None if pd.isna(row["low"]) else [row["low"], row["high"]]} if "low" in row else {}
        node[last] = {key: row[key] for key in row if key not in (*levels, "low", "high")} | interval
    return nested


def nest_parts(table: pd.DataFrame, *by: str) -> dict[str, object]:
    """Return `estimates` by some columns, or `differences`, nested by these, "held_out" if it applies, unit, metric."""
    levels = [*(by or ["question"]), "part", "unit"]
    if table.empty:
        return {}
    if "metric" in table:
        levels, table = [*levels, "metric"], table.drop(columns="dancers")
    return nest(table.assign(part=table["part"].map({"validation": "", "held out": "held_out"})), levels)
