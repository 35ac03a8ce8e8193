"""Tables for readers: percentages with intervals, wide tables from tidy frames, Markdown, comparison with the paper."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from dance_tf.synthesis.choreography import STYLES

MISSING = "–"
VIEW_NAMES = {"difference": "background subtracted", "frame": "with background"}  # names of the network's inputs
MEASURE = ["mean", "low", "high", "runs"]


def abbreviate(styles: Sequence[str]) -> tuple[str, ...]:
    """Return the paper's abbreviations of its styles; other styles keep their names."""
    published = {style.name: style.abbreviation for style in STYLES}
    return tuple(published.get(style, style) for style in styles)


def percent(value: float, digits: int = 1) -> str:
    """Return a fraction as a percentage without sign: 0.6123 is "61.2"; NaN is a dash."""
    return MISSING if value is None or math.isnan(value) else f"{100 * value:.{digits}f}"


def percent_interval(value: float, low: float, high: float, digits: int = 1) -> str:
    """Return a fraction and its interval as percentages: "61.2 [55.0, 67.1]"; without brackets if there is none."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return percent(value, digits)
    return f"{percent(value, digits)} [{percent(low, digits)}, {percent(high, digits)}]"


def to_markdown(frame: pd.DataFrame, digits: int = 2) -> str:
    """Return a frame as a Markdown table, without its index. (`DataFrame.to_markdown` would need tabulate.)

    Args:
        frame: floats get `digits` decimals, NaN and None a dash; numeric columns are aligned right; "|" is escaped.
        digits: decimals of the floats.
    """

    def cell(value: object) -> str:
        if value is None or value is pd.NA or (isinstance(value, float | np.floating) and math.isnan(value)):
            return MISSING
        if isinstance(value, float | np.floating):
            return f"{value:.{digits}f}"
        return str(value).replace("|", "\\|").replace("\n", " ")

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
        order: these values, in the order of the table; all, in the order of their first row, if empty.

    Returns:
        a frame of strings with the columns `rows`, the values of `columns`, and runs (smallest number of runs behind
        any cell of the row), if `tidy` has it.

    Raises:
        ValueError: two rows of `tidy` belong to one cell.
    """
    rows, order = list(rows), list(order) or list(dict.fromkeys(tidy[columns]))
    if tidy.duplicated([*rows, columns]).any():
        raise ValueError(f"several measures share one cell: {rows} do not identify a row")
    lines = []
    for key, group in tidy.groupby(rows, sort=False, dropna=False):
        cells = {row[columns]: percent_interval(row["mean"], row["low"], row["high"]) for _, row in group.iterrows()}
        runs = [int(group["runs"].min())] if "runs" in tidy else []
        lines.append([*key, *(cells.get(name, MISSING) for name in order), *runs])
    return pd.DataFrame(lines, columns=[*rows, *order, *(["runs"] if "runs" in tidy else [])])


def nest(tidy: pd.DataFrame, levels: Sequence[str]) -> dict[str, object]:
    """Return measures nested for metrics.json, ending in `{"mean": m, "interval": [low, high], "runs": n}`.

    Args:
        tidy: columns mean, low, high, runs and `levels`; the interval of a row with NaN in low is None.
        levels: the columns to nest by, such as `["strategy", "split", "unit", "metric"]`.

    Raises:
        ValueError: two rows have the same levels.
    """
    nested: dict[str, object] = {}
    for row in tidy.to_dict("records"):
        node = nested
        *parents, last = (str(row[level]) for level in levels)
        for key in parents:
            node = node.setdefault(key, {})
        if last in node:
            raise ValueError(f"{'/'.join([*parents, last])} is given twice")
        interval = None if pd.isna(row["low"]) else [float(row["low"]), float(row["high"])]
        node[last] = {"mean": float(row["mean"]), "interval": interval, "runs": int(row["runs"])}
    return nested


def compare_with_paper(tidy: pd.DataFrame, published: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Return the numbers of the paper and ours in one table.

    Args:
        tidy: columns `keys`, mean, low, high (fractions) and runs.
        published: columns `keys` and value, in percent as printed.
        keys: the columns that name a number in both, such as `["strategy", "metric"]`.

    Returns:
        a frame with `keys`, paper, ours, difference (all in percent, two decimals), interval ("[55.0, 67.1]") and runs,
        in the order of the paper, then numbers that the paper lacks. Missing values are NaN.

    Raises:
        ValueError: a number occurs twice in one table.
    """
    keys = list(keys)
    for name, frame in (("measured", tidy), ("published", published)):
        if frame.duplicated(keys).any():
            raise ValueError(f"a {name} number occurs twice for the same {keys}")
    both = pd.concat([published[keys], tidy[keys]]).drop_duplicates(ignore_index=True)
    joined = both.merge(published[[*keys, "value"]], how="left").merge(tidy[[*keys, *MEASURE]], how="left")
    paper, ours = joined["value"].astype(float).round(2), (100 * joined["mean"].astype(float)).round(2)
    bounds = zip(joined["low"].astype(float), joined["high"].astype(float), strict=True)
    return both.assign(
        paper=paper,
        ours=ours,
        difference=(ours - paper).round(2),
        interval=[MISSING if math.isnan(low) else f"[{percent(low)}, {percent(high)}]" for low, high in bounds],
        runs=joined["runs"].astype("Int64"),
    )
