"""Numbers to tables: percentages with their intervals, the paper's value beside ours, tidy Markdown."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

MISSING = "–"
MEASURE = ["mean", "low", "high", "runs"]


def percent(value: float, digits: int = 1) -> str:
    """A fraction as a percentage without its sign: 0.6123 is "61.2"; NaN is a dash."""
    return MISSING if value is None or math.isnan(value) else f"{100 * value:.{digits}f}"


def percent_interval(value: float, low: float, high: float, digits: int = 1) -> str:
    """A fraction and its interval: "61.2 [55.0, 67.1]"; without the brackets where no interval is known."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return percent(value, digits)
    return f"{percent(value, digits)} [{percent(low, digits)}, {percent(high, digits)}]"


def to_markdown(frame: pd.DataFrame, digits: int = 2) -> str:
    """A frame as a Markdown table; its index is left out, so name what matters in a column.

    Numbers stand right and text stands left. Written here because pandas needs one more dependency for these few lines.

    Args:
        frame: what to show; floats get `digits` decimals, NaN and None a dash, "|" is escaped.
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


def nest(measures: pd.DataFrame, levels: Sequence[str]) -> dict[str, object]:
    """The other way round: rows as `long_form` makes them, as metrics.json nests them.

    Raises:
        ValueError: two rows have the same place.
    """
    nested: dict[str, object] = {}
    for row in measures.to_dict("records"):
        node = nested
        *parents, last = (str(row[level]) for level in levels)
        for key in parents:
            node = node.setdefault(key, {})
        if last in node:
            raise ValueError(f"{'/'.join([*parents, last])} is given twice")
        interval = None if pd.isna(row["low"]) else [float(row["low"]), float(row["high"])]
        node[last] = {"mean": float(row["mean"]), "interval": interval, "runs": int(row["runs"])}
    return nested


def metric_table(measures: pd.DataFrame, rows: Sequence[str], metrics: Sequence[str] = ()) -> pd.DataFrame:
    """One row per combination of `rows`, one column per metric, each `61.2 [55.0, 67.1]` in percent.

    Args:
        measures: as `long_form` makes it, fractions; must have the columns `rows` and "metric".
        rows: the columns that name a row, such as `["strategy", "unit"]`.
        metrics: which metrics, in which order; all, in the order of their first row, where empty.

    Returns:
        a frame of text with the columns `rows`, the metrics, and runs (the fewest behind any number of that row).

    Raises:
        ValueError: two measures fall into one cell.
    """
    rows, metrics = list(rows), list(metrics) or list(dict.fromkeys(measures["metric"]))
    if measures.duplicated([*rows, "metric"]).any():
        raise ValueError(f"several measures share one cell: name more columns than {rows}")
    lines = []
    for key, group in measures.groupby(rows, sort=False):
        cells = {row["metric"]: percent_interval(row["mean"], row["low"], row["high"]) for _, row in group.iterrows()}
        lines.append([*key, *(cells.get(metric, MISSING) for metric in metrics), int(group["runs"].min())])
    return pd.DataFrame(lines, columns=[*rows, *metrics, "runs"])


def compare_with_paper(measures: pd.DataFrame, published: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """What the paper printed beside what was measured here.

    Args:
        measures: as `long_form` makes it, fractions; `keys` are among its columns.
        published: the columns `keys` and "value", in percent as printed.
        keys: the columns that name a number in both, such as `["strategy", "metric"]`.

    Returns:
        a frame with `keys`, paper, ours, difference (all in percent, two decimals), interval ("[55.0, 67.1]") and runs,
        in the paper's order, then what the paper does not have. A side that is missing is NaN.

    Raises:
        ValueError: a number is there twice on one side.
    """
    keys = list(keys)
    for name, frame in (("measured", measures), ("published", published)):
        if frame.duplicated(keys).any():
            raise ValueError(f"a {name} number is there twice for the same {keys}")
    places = dict.fromkeys(_keys_of(published, keys) + _keys_of(measures, keys))
    table = pd.DataFrame(list(places), columns=keys)
    joined = table.merge(published[[*keys, "value"]], on=keys, how="left").merge(
        measures[[*keys, *MEASURE]], on=keys, how="left"
    )
    table["paper"] = joined["value"].astype(float).round(2)
    table["ours"] = (100 * joined["mean"].astype(float)).round(2)
    table["difference"] = (table["ours"] - table["paper"]).round(2)
    table["interval"] = [
        MISSING if math.isnan(low) else f"[{percent(low)}, {percent(high)}]"
        for low, high in zip(joined["low"].astype(float), joined["high"].astype(float), strict=True)
    ]
    table["runs"] = joined["runs"].astype("Int64")
    return table


def _keys_of(frame: pd.DataFrame, keys: list[str]) -> list[tuple[object, ...]]:
    return list(frame[keys].itertuples(index=False, name=None))
