"""What is claimed of models under disturbances, tested over dancers: losses, gains, and gains beyond clean footage's.

All conditions that are tested together are corrected together (`paired.holm`); clean footage is no condition.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dance_tf.assessment.paired import DancerDifference, compare_dancers, holm
from dance_tf.paper.disturbances import CLEAN, Disturbance
from dance_tf.paper.robustness_runs import Verdicts, runs_under


@dataclass(frozen=True)
class Gain:
    """One model against another under some conditions; accuracies by frame.

    Attributes:
        total: the first less the second.
        beyond_clean: `total` less what it is on clean footage; None for clean footage itself. Only this is robustness:
            a model that is better all around is better under every condition too.
    """

    total: DancerDifference
    beyond_clean: DancerDifference | None = None

    @property
    def helps(self) -> bool:
        """Whether the first model is shown to be better here, and by more than on clean footage."""
        return self.total.above and self.beyond_clean is not None and self.beyond_clean.above

    def to_json(self) -> dict:
        """`total`'s entries, and `beyond_clean`."""
        beyond = self.beyond_clean.to_json() if self.beyond_clean else None
        return {**self.total.to_json(), "beyond_clean": beyond}


def by_condition(disturbances: Sequence[Disturbance]) -> dict[str, tuple[Disturbance, ...]]:
    """Disturbances in groups of one condition each, clean footage among them."""
    names = dict.fromkeys(each.condition for each in disturbances)
    return {name: tuple(each for each in disturbances if each.condition == name) for name in names}


def compare_losses(verdicts: Sequence[Verdicts], disturbances: Sequence[Disturbance]) -> dict[str, DancerDifference]:
    """Accuracy by frame that each condition costs a model: clean less degraded, tested."""
    groups = by_condition(disturbances)
    clean = runs_under(verdicts, groups.pop(CLEAN))
    return holm(
        {name: compare_dancers([(1, clean), (-1, runs_under(verdicts, group))]) for name, group in groups.items()}
    )


def compare_gains(
    first: Sequence[Verdicts], second: Sequence[Verdicts], groups: Mapping[str, Sequence[Disturbance]]
) -> dict[str, Gain]:
    """Accuracy by frame of the first model less that of the second, tested for each group of disturbances.

    Args:
        first: verdicts of the first model's networks.
        second: of the second's, on the same clips.
        groups: disturbances by name, clean footage among them as "clean".
    """
    sides = {name: [(1, runs_under(first, group)), (-1, runs_under(second, group))] for name, group in groups.items()}
    less_clean = [(-weight, runs) for weight, runs in sides[CLEAN]]
    total = holm({name: compare_dancers(both) for name, both in sides.items() if name != CLEAN})
    beyond = holm({name: compare_dancers([*sides[name], *less_clean]) for name in total})
    return {
        name: Gain(total[name], beyond[name]) if name in total else Gain(compare_dancers(sides[name])) for name in sides
    }
