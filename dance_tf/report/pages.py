"""Parts of a section that is too long for one function: words and numbers, tables and pictures."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from dance_tf.evaluation.intervals import DancerDifference, Estimate
from dance_tf.experiments.spec import Result
from dance_tf.report.section import Picture, Table, merge_metrics
from dance_tf.report.tables import MEASURE, percent_interval

Runs = Sequence[Result]


@dataclass(frozen=True)
class Page:
    """A part of a section, words and numbers, tables and pictures."""

    text: str
    metrics: Mapping[str, object] = field(default_factory=dict)
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()

    @property
    def content(self) -> tuple[str, Mapping[str, object], Sequence[Table], Sequence[Picture]]:
        """Its four parts, in the order in which `RunReport.save` takes them."""
        return self.text, self.metrics, self.tables, self.pictures


@dataclass(frozen=True)
class Draws:
    """The bootstrap behind every interval.

    Attributes:
        resamples: draws of dancers.
        seed: of the draws.
    """

    resamples: int = 1000
    seed: int = 0


def join_pages(pages: Sequence[Page]) -> Page:
    """One page of several, in their order."""
    return Page(
        "\n\n".join(page.text for page in pages if page.text),
        merge_metrics([(f"page {number}", page.metrics) for number, page in enumerate(pages, start=1)]),
        [table for page in pages for table in page.tables],
        [picture for page in pages for picture in page.pictures],
    )


def behind(runs: Runs) -> str:
    """How many runs stand behind a number, for its caption."""
    job = runs[0].job
    folds, repeats = len({run.job.fold for run in runs}), len({run.job.repeat for run in runs})
    return (
        f"{folds} of {job.folds} folds × {repeats} repeat(s), split by {job.unit}, at most "
        f"{job.settings.schedule.epochs} epochs of {job.settings.frames_per_clip} frames a clip"
    )


def dancers_of(runs: Runs) -> str:
    """How many dancers the intervals of each part are drawn from."""
    held_out = {run.test.dancers[clip] for run in runs for clip in np.unique(run.test.clips)}
    validated = {run.validation.dancers[clip] for run in runs for clip in np.unique(run.validation.clips)}
    return f"intervals are drawn from {len(held_out)} dancer(s) held out and {len(validated)} validated on"


def tell(difference: Estimate, test: DancerDifference) -> str:
    """A difference in words; whether it is shown is for its test to say, not for its interval."""
    points = f"{percent_interval(difference.mean, difference.low, difference.high)} points"
    if not test.tested:
        return f"{points}, of one dancer: nothing can be tested"
    tested = f"{points} (paired t over {test.dancers} dancers: p = {test.p:.2g})"
    if test.above or test.below:
        return f"{tested}, {'better' if test.above else 'worse'}"
    return f"{tested}, so that these runs do not tell"


def long_form(nested: Mapping[str, object], levels: Sequence[str]) -> pd.DataFrame:
    """Measures as metrics.json nests them, as one row each.

    Args:
        nested: as deep as `levels`, ending in `{"mean": m, "interval": [low, high] or None, "runs": n}`.
        levels: a name for each level, such as `["strategy", "split", "unit", "metric"]`.

    Returns:
        a frame with the columns `levels`, mean, low, high, runs, in the order of `nested`.

    Raises:
        ValueError: a branch ends too early or lacks one of the three entries.
    """
    rows = []

    def walk(node: Mapping[str, object], path: tuple[str, ...]) -> None:
        if len(path) < len(levels):
            for key, child in node.items():
                if not isinstance(child, Mapping):
                    raise ValueError(f"{'/'.join((*path, key))} ends before the level {levels[len(path)]}")
                walk(child, (*path, key))
            return
        if not {"mean", "interval", "runs"} <= set(node):
            raise ValueError(f"{'/'.join(path)} has no mean, interval and runs")
        low, high = node["interval"] or (math.nan, math.nan)
        rows.append((*path, node["mean"], low, high, node["runs"]))

    walk(nested, ())
    return pd.DataFrame(rows, columns=[*levels, *MEASURE])
