"""The leakage gap: accuracy under the split by frame minus accuracy under the split by dancer.

The paper never says what its folds are split by (section 4.2). Under the split by frame, neighbours of a test frame are
in training; by clip, the dancer, clothes and background of a test clip; by dancer, nothing of a test dancer.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dance_tf.evaluation.intervals import UNITS, estimate_difference, estimate_scores
from dance_tf.experiments.cache import Run
from dance_tf.experiments.scores import group_runs

LEARNT_KAPPA = 0.1  # no gap is reported for a network with a lower kappa: it is close to chance


def leakage_gaps(runs: Sequence[Run], resamples: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Return the gap in held-out accuracy of each strategy and view that was run under both splits.

    Both splits test people of one data set, so each draw of dancers serves both sides.

    Args:
        runs: of `leakage_specs`.
        resamples: draws of dancers.
        seed: of the draws.

    Returns:
        Columns strategy, view, unit ("frame", "clip" or "frame, same dancers": only the dancers that the split by
        dancer holds out), mean, low, high (fractions; nan with one held-out dancer), runs, learnt (whether kappa under
        the split by frame exceeds `LEARNT_KAPPA`).
    """
    rows = []
    groups = group_runs(runs, ("strategy", "view", "split"))
    for strategy, view in dict.fromkeys(key[:2] for key in groups):
        if not {(strategy, view, "frame"), (strategy, view, "dancer")} <= set(groups):
            continue
        leaking, honest = ([run.test for run in groups[strategy, view, split]] for split in ("frame", "dancer"))
        dancers = {name for predictions in honest for name in predictions.dancers}
        kappa = estimate_scores(leaking, "frame", resamples, seed)["kappa"].mean
        same = [predictions.of_dancers(dancers) for predictions in leaking]
        for unit, first, counted in (
            *((unit, leaking, unit) for unit in UNITS),
            ("frame, same dancers", same, "frame"),
        ):
            found = estimate_difference(first, honest, counted, resamples, seed)["accuracy"]
            interval = {} if len(dancers) > 1 else {"low": np.nan, "high": np.nan}
            place = {"strategy": strategy, "view": view, "unit": unit}
            rows.append({**place, **vars(found), **interval, "learnt": kappa > LEARNT_KAPPA})
    return pd.DataFrame(rows)
