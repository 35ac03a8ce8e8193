"""Tables and sentences of the leakage gap, made from tidy tables of results.

Everywhere `table` is `estimates` by strategy, view and split, `gaps` is of `leakage_gaps`, `duplicates` is of
`near_duplicates`; `chance` is the accuracy of guessing, and `source` is "synthetic" or the name of the footage.
"""

import numpy as np
import pandas as pd

from dance_tf.dataset.batches import VIEWS
from dance_tf.experiments.scores import HELD_OUT
from dance_tf.experiments.spec import PROPOSED
from dance_tf.report.comparison import strategy_title
from dance_tf.report.tables import VIEW_NAMES, only, percent, percents, wide_table

SAME_DANCERS = "frame, same dancers"
NOT_LEARNT = "– (close to chance)"  # in place of a gap


def leakage_table(table: pd.DataFrame, gaps: pd.DataFrame) -> pd.DataFrame:
    """Return Table L1: held-out accuracy under each split and the gap, one row per view, strategy and unit."""
    rows = ["view", "strategy", "unit"]
    accuracy = table[(table["part"] == HELD_OUT) & (table["metric"] == "accuracy")]
    splits = accuracy.assign(column="split by " + accuracy["split"])
    same = gaps["unit"] == SAME_DANCERS
    named = gaps.assign(column=np.where(same, "gap, same dancers", "gap"), unit=gaps["unit"].where(~same, "frame"))
    wide = wide_table(pd.concat([splits, named]), rows, "column")
    learnt = wide.merge(named.drop_duplicates(rows)[[*rows, "learnt"]], how="left")["learnt"]
    wide.loc[learnt.eq(False), ["gap", "gap, same dancers"]] = NOT_LEARNT
    return wide.assign(view=wide["view"].map(VIEW_NAMES), strategy=wide["strategy"].map(strategy_title))


def duplicate_table(duplicates: pd.DataFrame) -> pd.DataFrame:
    """Return the held-out frames with a near-duplicate in training, one row per view and split."""
    shares = ["share", "dancer_in_training", "dancer_and_style_in_training"]
    named = duplicates.assign(view=duplicates["view"].map(VIEW_NAMES), **(100 * duplicates[shares]))
    titles = {name: f"{name.replace('_', ' ')} (%)" for name in shares}
    titles = {"frames": "held-out frames", "count": "with a near-duplicate in training", **titles}
    return named[["view", "split", *titles]].rename(columns=titles)


def leakage_headline(table: pd.DataFrame, gaps: pd.DataFrame, source: str) -> str:
    """Describe the gap of the paper's network, or of another strategy if it was not run, in both views.

    Raises:
        ValueError: a view was not run.
    """
    parts = [_describe_gap(table, _main_gap(gaps, view)) for view in VIEWS]
    return f"Leakage ({source}): {'; '.join(parts)}."


def _main_gap(gaps: pd.DataFrame, view: str) -> pd.Series:
    rows = gaps[(gaps["view"] == view) & (gaps["unit"] == "frame")]
    if rows.empty:
        raise ValueError(
            f"no strategy was run {VIEW_NAMES[view]}: name one in leakage_strategies and in background_strategies"
        )
    proposed = rows[rows["strategy"] == PROPOSED]
    return (proposed if len(proposed) else rows).iloc[0]


def _accuracy(table: pd.DataFrame, gap: pd.Series, split: str) -> pd.Series:
    place = {"strategy": gap["strategy"], "view": gap["view"], "split": split, "part": HELD_OUT, "unit": "frame"}
    return only(table, metric="accuracy", **place)


def _who(gap: pd.Series) -> str:
    return f"{strategy_title(gap['strategy'])} ({VIEW_NAMES[gap['view']]})"


def _describe_gap(table: pd.DataFrame, gap: pd.Series) -> str:
    if not gap["learnt"]:
        return f"{_who(gap)} is close to chance even under the split by frame, so no gap is reported"
    frame, dancer = (percent(_accuracy(table, gap, split)["mean"]) for split in ("frame", "dancer"))
    interval = percents(gap).partition(" ")[2] or "(one held-out dancer)"
    return (
        f"{_who(gap)} has {frame} % frame accuracy under the split by frame and {dancer} % under the split by dancer, "
        f"a gap of **{percent(gap['mean'])} points** {interval}"
    )


def leakage_text(table: pd.DataFrame, gaps: pd.DataFrame, duplicates: pd.DataFrame, source: str, chance: float) -> str:
    """Describe the gaps, the split by clip and the near-duplicates."""
    by_frame = gaps[gaps["unit"] == "frame"]
    learnt, idle = by_frame[by_frame["learnt"]], by_frame[~by_frame["learnt"]]
    sentences = [leakage_headline(table, gaps, source)]
    for view, rows in learnt.groupby("view", sort=False)["mean"]:
        if len(rows) > 1:
            span = f"from {percent(rows.min())} to {percent(rows.max())} points in {len(rows)} strategies"
            sentences.append(f"The gap by frame ({VIEW_NAMES[view]}) ranges {span}.")
    if len(idle):
        sentences.append(
            f"No gap is reported for {', '.join(map(_who, idle.to_dict('records')))}, because their accuracy is close "
            "to chance even under the split by frame."
        )
    sentences.append(
        f"Chance is {percent(chance)} %. An epoch has about as many frames under each split. Each bootstrap sample of "
        'dancers is used for both splits. The column "gap, same dancers" uses only the dancers that both splits test.'
    )
    main = _main_gap(gaps, "frame")
    met = only(duplicates, view="frame", split="clip")
    explained = (
        f"Under the split by clip, {strategy_title(main['strategy'])} has "
        f"{percents(_accuracy(table, main, 'clip'))} % frame accuracy ({VIEW_NAMES['frame']}). "
        f"For {percent(met['dancer_in_training'])} % of the held-out frames the dancer is in training, for "
        f"{percent(met['dancer_and_style_in_training'])} % the same dancer in the same style is in training."
    )
    if met["dancer_and_style_in_training"] < 0.5 * met["dancer_in_training"]:
        explained += (
            " A network that recognises dancers or backgrounds then predicts another style of this dancer, and can "
            "fall below chance: with one clip for each dancer and style, this split does not show leakage."
        )
    shares = "; ".join(
        f"{VIEW_NAMES[view]}: "
        + ", ".join(f"{percent(row.share)} % (split by {row.split})" for row in rows.itertuples())
        for view, rows in duplicates.groupby("view", sort=False)
    )
    hashed = (
        f"Held-out frames with a near-duplicate in training, by perceptual hash: {shares}. Under the split by dancer "
        "no frame has a neighbour in training, so its share is the rate of false matches."
    )
    return "\n\n".join([" ".join(sentences), explained, hashed])
