"""Tables 2 and 3 and the ablations, the paper's values beside ours."""

from collections.abc import Mapping, Sequence

import pandas as pd

from dance_tf.audit.published import table_frame
from dance_tf.dataset.batches import FRAME_SIDE
from dance_tf.evaluation.intervals import Estimate, ScoreEstimates
from dance_tf.evaluation.metrics import SCORES
from dance_tf.experiments.strategies import Difference, RivalScores
from dance_tf.model.networks import STRATEGIES
from dance_tf.report.tables import compare_with_paper, percent_interval

PUBLISHED_SCORES = ("precision", "sensitivity", "specificity", "accuracy", "f1")
THINNING_SCORES = {"accuracy": "accuracy", "recall": "sensitivity", "kappa": "kappa"}  # Table 3's word: ours
VALIDATION, HELD_OUT = "validation folds", "held out"


def score_rows(place: Mapping[str, object], scores: ScoreEstimates) -> list[dict[str, object]]:
    """A row for each score, as `tables.long_form` has them; `place` goes before."""
    found = {metric: getattr(scores, metric) for metric in SCORES}
    return [
        {**place, "metric": metric, "mean": one.mean, "low": one.low, "high": one.high, "runs": one.runs}
        for metric, one in found.items()
    ]


def strategy_measures(scores: Mapping[tuple[int, str], RivalScores]) -> pd.DataFrame:
    """Every score of every repeat and strategy in long form.

    Args:
        scores: by (repeat from 0, strategy).
    """
    rows = []
    for (repeat, strategy), standing in scores.items():
        for (dancers, by), estimates in standing.parts().items():
            place = {"experiment": repeat + 1, "strategy": STRATEGIES[strategy].title, "dancers": dancers, "by": by}
            rows += score_rows(place, estimates)
    return pd.DataFrame(rows)


def table_2(measures: pd.DataFrame) -> pd.DataFrame:
    """Repeats × strategies × scores: the paper's value, ours on validation folds by frame, and what it does not print.

    Args:
        measures: of `strategy_measures`.
    """
    keys = ["experiment", "strategy", "metric"]
    published = table_frame(2).melt(keys[:2], list(PUBLISHED_SCORES), "metric", "value")
    published = published[published["experiment"].isin(measures["experiment"])]
    validation = measures[(measures["dancers"] == VALIDATION) & (measures["by"] == "frame")]
    table = compare_with_paper(validation, published, keys)
    for title, dancers, by in (
        ("by clip", VALIDATION, "clip"),
        ("held out", HELD_OUT, "frame"),
        ("held out by clip", HELD_OUT, "clip"),
    ):
        table = _join(table, measures[(measures["dancers"] == dancers) & (measures["by"] == by)], keys, title)
    order = {strategy.title: place for place, strategy in enumerate(STRATEGIES.values())}
    place = {metric: number for number, metric in enumerate((*PUBLISHED_SCORES, "kappa"))}
    return table.sort_values(keys, key=lambda column: column.map({**order, **place}).fillna(column), ignore_index=True)


def _join(table: pd.DataFrame, measures: pd.DataFrame, keys: Sequence[str], title: str) -> pd.DataFrame:
    """A further column of percentages with intervals."""
    cells = {
        tuple(row[key] for key in keys): percent_interval(row["mean"], row["low"], row["high"])
        for row in measures.to_dict("records")
    }
    return table.assign(**{title: [cells.get(tuple(row), "–") for row in table[list(keys)].itertuples(index=False)]})


def thinning_measures(scores: Mapping[tuple[int, int], RivalScores]) -> pd.DataFrame:
    """Table 3's three scores in long form: columns size, every, dancers, by, metric (the paper's words), mean, …."""
    rows = []
    for (size, every), standing in scores.items():
        for (dancers, by), estimates in standing.parts().items():
            place = {"size": size, "every": every, "dancers": dancers, "by": by}
            rows += [{**row, "every": every} for row in score_rows(place, estimates)]
    measures = pd.DataFrame(rows)
    words = {ours: theirs for theirs, ours in THINNING_SCORES.items()}
    measures = measures[measures["metric"].isin(words)]
    return measures.assign(metric=measures["metric"].map(words)).reset_index(drop=True)


def table_3(measures: pd.DataFrame) -> pd.DataFrame:
    """One frame of every n at several frame sizes; the paper's rows stand beside the full size.

    Args:
        measures: of `thinning_measures`.
    """
    keys = ["size", "every", "metric"]
    published = table_frame(3).rename(columns={"interval": "every"}).assign(size=FRAME_SIDE)
    published = published.melt(keys[:2], list(THINNING_SCORES), "metric", "value")
    published = published[published["every"].isin(measures["every"])]
    validation = measures[(measures["dancers"] == VALIDATION) & (measures["by"] == "frame")]
    table = compare_with_paper(validation, published, keys)
    held_out = measures[(measures["dancers"] == HELD_OUT) & (measures["by"] == "frame")]
    place = {metric: number for number, metric in enumerate(THINNING_SCORES)}
    table = _join(table, held_out, keys, "held out").sort_values(
        keys, key=lambda column: -column if column.name == "size" else column.map(place).fillna(column)
    )
    return table.rename(columns={"every": "one frame of every"}).reset_index(drop=True)


def difference_table(differences: Mapping[str, Difference]) -> pd.DataFrame:
    """Differences of accuracy in percentage points, a row each.

    Args:
        differences: by what they tell.
    """
    return pd.DataFrame(
        [
            {
                "difference": name,
                "validation folds, by frame": _points(found.folds),
                "held out, by frame": _points(found.held_out),
                "held out, by clip": _points(found.held_out_clip),
                "runs": found.folds.runs,
            }
            for name, found in differences.items()
        ]
    )


def ablation_table(
    titles: Mapping[str, str], scores: Mapping[str, RivalScores], differences: Mapping[str, Difference]
) -> pd.DataFrame:
    """A row for each ablation: accuracies in percent, and what it has over the network as proposed, in points."""
    return pd.DataFrame(
        [
            {
                "network": titles[name],
                "validation folds, by frame": _points(standing.folds.frame.accuracy),
                "held out, by frame": _points(standing.held_out.frame.accuracy),
                "held out, by clip": _points(standing.held_out.clip.accuracy),
                "more than as proposed, held out, by frame": _points(differences[name].held_out)
                if name in differences
                else "–",
                "runs": standing.folds.frame.accuracy.runs,
            }
            for name, standing in scores.items()
        ]
    )


def _points(found: Estimate) -> str:
    return percent_interval(found.mean, found.low, found.high)
