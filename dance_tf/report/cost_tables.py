"""Table 4: what each strategy costs, as measured and beside the paper."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dance_tf.audit.published import table_frame
from dance_tf.evaluation.intervals import Estimate
from dance_tf.experiments.cost_table import BASELINE, Costs, Span
from dance_tf.model.networks import STRATEGIES
from dance_tf.report.tables import MISSING, percent_interval

# the paper's columns and ours
MEASURES = {
    "confusion_rate": "similar styles confused (%)",
    "extraction_seconds": "feature extraction (s)",
    "attention_seconds": "attention (s)",
    "size_mb": "size (MB)",
    "training_minutes": "training (min)",
    "inference_seconds": "inference (s)",
}


def table_4(costs: Costs, confusion: Mapping[str, Estimate]) -> pd.DataFrame:
    """What each strategy costs, as measured: a row a strategy."""
    rows = []
    for strategy, cost in costs.networks.items():
        found, ratio = confusion[strategy], cost.relative_to(costs.networks[BASELINE])
        rows.append(
            {
                "strategy": STRATEGIES[strategy].title,
                "similar pairs confused (%)": percent_interval(found.mean, found.low, found.high),
                "decoding (s)": costs.decode.median,
                "room (ms)": 1000 * costs.room.median,
                "extraction (s)": cost.extraction.median,
                "attention (ms)": 1000 * cost.attention.median,
                "head (ms)": 1000 * cost.head.median,
                "network (s)": cost.network.median,
                "network, least–most (s)": least_to_most(cost.network),
                "network / CNN": ratio["network_seconds"],
                "total (s)": cost.total.median,
                "total, least–most (s)": least_to_most(cost.total),
                "total / CNN": ratio["total_seconds"],
                "size (MB)": cost.size_mb,
                "parameters": cost.parameters,
                "training (s)": cost.training.median,
                "training, least–most (s)": least_to_most(cost.training),
                "training runs": cost.training.count,
                "peak memory (MB)": cost.peak_memory_mb,
            }
        )
    return pd.DataFrame(rows)


def least_to_most(span: Span, scale: float = 1.0) -> str:
    """As in "0.51–0.55", or a dash where nothing was measured."""
    if not span.count:
        return MISSING
    digits = 2 if scale * span.least >= 0.1 else 4  # attention takes milliseconds
    return f"{scale * span.least:.{digits}f}–{scale * span.most:.{digits}f}"


def cost_against_paper(costs: Costs, confusion: Mapping[str, Estimate]) -> pd.DataFrame:
    """What the paper's Table 4 prints, beside ours, and both as ratios to the CNN.

    Confusion has an interval over dancers and as many runs as were scored; times have their least and most, and as many
    runs as they were taken: rounds of measurements, or training runs.
    """
    published = table_frame(4).set_index("strategy")[list(MEASURES)].astype(float)
    ours = {strategy: _measured(costs, strategy, confusion[strategy]) for strategy in costs.networks}
    rows = []
    for strategy, measured in ours.items():
        title = STRATEGIES[strategy].title
        for column, (value, interval, span, runs) in measured.items():
            paper = float(published.at[title, column]) if title in published.index else np.nan
            if np.isnan(paper) and np.isnan(value):
                continue
            plain = ours[BASELINE][column][0]
            rows.append(
                {
                    "strategy": title,
                    "measure": MEASURES[column],
                    "paper": paper,
                    "ours": value,
                    "difference": value - paper,
                    "interval": interval,
                    "least–most": span,
                    "paper / CNN": paper / published.at[STRATEGIES[BASELINE].title, column],
                    "ours / CNN": value / plain if plain else np.nan,
                    "runs": runs,
                }
            )
    return pd.DataFrame(rows)


def _measured(costs: Costs, strategy: str, confusion: Estimate) -> dict[str, tuple[float, str, str, int]]:
    """For each of the paper's columns: our value, its interval, its least and most, and the number of runs."""
    cost = costs.networks[strategy]

    def timed(span: Span, scale: float = 1.0) -> tuple[float, str, str, int]:
        return scale * span.median, MISSING, least_to_most(span, scale), span.count

    _, _, interval = percent_interval(confusion.mean, confusion.low, confusion.high).partition(" ")
    return {
        "confusion_rate": (100 * confusion.mean, interval or MISSING, MISSING, confusion.runs),
        "extraction_seconds": timed(cost.extraction),
        "attention_seconds": timed(cost.attention),
        "size_mb": (cost.size_mb, MISSING, MISSING, 1),
        "training_minutes": timed(cost.training, 1 / 60),
        "inference_seconds": timed(cost.total),
    }
