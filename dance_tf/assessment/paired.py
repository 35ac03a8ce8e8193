"""Whether a difference is shown where few dancers were tested: paired t over each dancer's own difference.

The bootstrap of `intervals` draws from the dancers it has, and with few it sees too little of their spread: over four
dancers without any true difference its 95 % interval leaves zero out in one case of five (20 % of 20,000 made-up ones;
11 % over eight, 7 % over twenty), Student's paired t (1908) in one of twenty. So intervals describe, and claims rest on
these tests. Of many tests one is passed by luck: Holm's correction (1979) takes their number into account.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from dance_tf.assessment.predictions import Predictions

LEVEL = 0.05  # a difference counts as shown below it

Side = tuple[
    float, Sequence[Predictions]
]  # what a set of runs counts: 1 for one side of a difference, -1 for the other


@dataclass(frozen=True)
class DancerDifference:
    """A difference of accuracies, tested over dancers.

    Attributes:
        mean: of the dancers' own differences, each dancer counting alike; a fraction.
        low: where its 95 % t interval begins; nan with fewer than two dancers. No correction for many tests is in it.
        high: where it ends.
        p: how likely a mean as far from zero would be without a true difference; nan with fewer than two dancers.
            After `holm`, of all the tests made together.
        dancers: tested.
        runs: of the side that has fewest.
    """

    mean: float
    low: float
    high: float
    p: float
    dancers: int
    runs: int = 1

    @property
    def tested(self) -> bool:
        """Whether there were dancers enough for a test."""
        return not math.isnan(self.p)

    @property
    def above(self) -> bool:
        """Whether it is shown to be above zero."""
        return self.p < LEVEL and self.mean > 0

    @property
    def below(self) -> bool:
        """Whether it is shown to be below zero."""
        return self.p < LEVEL and self.mean < 0

    def to_json(self) -> dict:
        """`{"mean": …, "interval": [low, high], "p": …, "dancers": n, "runs": n}`; null where it cannot be told."""
        told = {"interval": [self.low, self.high], "p": self.p} if self.tested else {"interval": None, "p": None}
        return {"mean": self.mean, **told, "dancers": self.dancers, "runs": self.runs}


def accuracy_by_dancer(runs: Sequence[Predictions]) -> dict[str, float]:
    """Each dancer's share of right frames, mean over the runs with this dancer; a clip of nobody known stands alone."""
    shares: dict[str, list[float]] = {}
    for run in runs:
        owners = [name or f"clip {clip}" for name, clip in zip(run.dancers, run.clip_ids, strict=True)]
        right = run.predicted == run.labels
        owner = np.array(owners)[run.clips]
        for name in np.unique(owner):
            shares.setdefault(str(name), []).append(float(right[owner == name].mean()))
    return {name: float(np.mean(found)) for name, found in shares.items()}


def compare_dancers(sides: Sequence[Side]) -> DancerDifference:
    """Weigh sets of runs against each other, for each dancer alone, and test the mean over dancers.

    Two sides, 1 and -1, make a difference. Four make a difference of differences: what one model gains on another under
    a condition, less what it gains on clean footage. Dancers who are not in all the sides are left out.

    Raises:
        ValueError: no sides, a side without runs, or no dancer in all of them.
    """
    if not sides or any(not runs for _, runs in sides):
        raise ValueError("every side of a difference needs at least one run")
    scores = [(weight, accuracy_by_dancer(runs)) for weight, runs in sides]
    names = sorted(set.intersection(*(set(score) for _, score in scores)))
    if not names:
        raise ValueError("no dancer was tested on all sides")
    found = np.array([sum(weight * score[name] for weight, score in scores) for name in names])
    return _paired_t(found, min(len(runs) for _, runs in sides))


def holm(found: Mapping[Hashable, DancerDifference]) -> dict[Hashable, DancerDifference]:
    """The same differences with p raised so that any of them is shown by luck in at most one case of twenty."""
    names = sorted((name for name in found if found[name].tested), key=lambda name: found[name].p)
    corrected, highest = dict(found), 0.0
    for rank, name in enumerate(names):
        highest = max(highest, min(1.0, (len(names) - rank) * found[name].p))
        corrected[name] = replace(found[name], p=highest)
    return corrected


def _paired_t(found: np.ndarray, runs: int) -> DancerDifference:
    """Student's t over differences float64 [dancers]."""
    count, mean = len(found), float(found.mean())
    if count < 2:
        return DancerDifference(mean, math.nan, math.nan, math.nan, count, runs)
    error = float(found.std(ddof=1)) / math.sqrt(count)
    if error < 1e-12:
        # all alike to the last frame: no spread to test against, so nothing is shown
        return DancerDifference(mean, mean, mean, 1.0, count, runs)
    reach = float(stats.t.ppf(0.975, count - 1)) * error
    return DancerDifference(
        mean, mean - reach, mean + reach, float(2 * stats.t.sf(abs(mean) / error, count - 1)), count, runs
    )
