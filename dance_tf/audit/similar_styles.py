"""Confusion of the similar styles (section 4.3 and Table 4), with its interval."""

from collections.abc import Sequence

import numpy as np

from dance_tf.audit.published import SIMILAR_STYLES
from dance_tf.evaluation.intervals import Estimate
from dance_tf.evaluation.metrics import confusion, pair_confusion
from dance_tf.evaluation.predictions import Predictions


def similar_pairs(styles: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Those of the paper's similar pairs that are both among `styles`, as indices; quotes may be of either kind."""
    places = {_plain(style): place for place, style in enumerate(styles)}
    pairs = [(_plain(first), _plain(second)) for first, second in SIMILAR_STYLES]
    return tuple((places[first], places[second]) for first, second in pairs if {first, second} <= places.keys())


def _plain(style: str) -> str:
    return style.replace("’", "'").lower()


def similar_confusion(runs: Sequence[Predictions], resamples: int = 1000, seed: int = 0) -> Estimate:
    """Share of the similar styles' frames that are taken for their pair's other style, mean over runs.

    Args:
        runs: predictions of frames.
        resamples: draws of dancers behind the interval.
        seed: of the draws.

    Returns:
        the rate; all nan where no pair is among the styles.
    """
    pairs = similar_pairs(runs[0].styles)
    if not pairs:
        return Estimate(np.nan, np.nan, np.nan, len(runs))
    owners = [np.array(run.dancers)[run.clips] for run in runs]
    dancers = sorted(set(np.concatenate(owners).tolist()))
    classes = len(runs[0].styles)
    counts = np.array(
        [
            [confusion(run.labels[owner == dancer], run.predicted[owner == dancer], classes) for dancer in dancers]
            for run, owner in zip(runs, owners, strict=True)
        ]
    )
    observed = np.mean([pair_confusion(run.sum(axis=0), pairs) for run in counts])
    if len(dancers) < 2:
        return Estimate(float(observed), np.nan, np.nan, len(runs))
    one, other = (list(side) for side in zip(*pairs, strict=True))
    taken = counts[:, :, one, other].sum(axis=-1) + counts[:, :, other, one].sum(axis=-1)
    danced = counts[:, :, one].sum(axis=(-2, -1)) + counts[:, :, other].sum(axis=(-2, -1))
    generator = np.random.default_rng([seed, 0])
    draw = generator.multinomial(len(dancers), np.full(len(dancers), 1 / len(dancers)), size=resamples)
    above, below = draw @ taken.T, draw @ danced.T  # [resamples, runs]
    rates = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
    rates = rates[~np.isnan(rates).all(axis=1)]
    low, high = np.percentile(np.nanmean(rates, axis=1), (2.5, 97.5)) if len(rates) else (np.nan, np.nan)
    return Estimate(float(observed), float(low), float(high), len(runs))
