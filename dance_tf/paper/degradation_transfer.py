"""What training against degradations gives back, and whether it carries over to conditions never trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dance_tf.assessment.intervals import Estimate, estimate_scores
from dance_tf.assessment.paired import holm
from dance_tf.footage.degrade_augment import SPATIAL_FAMILIES
from dance_tf.footage.degrade_conditions import CONDITIONS
from dance_tf.paper.disturbances import CLEAN, Disturbance
from dance_tf.paper.robustness_claims import Gain, compare_gains
from dance_tf.paper.robustness_runs import Verdicts, runs_under
from dance_tf.paper.runs import Job

EVERYTHING = "all families"  # the mean over every condition that training can be against


def augmentation_jobs(runs: Sequence[Job], left_out: Sequence[str]) -> dict[str, tuple[Job, ...]]:
    """The same runs trained without degradations, against all families, and against all but one.

    Args:
        runs: those without, one a fold.
        left_out: families that are left out, one at a time.

    Returns:
        jobs by "none", "all" and "all but FAMILY".
    """

    def against(families: Sequence[str]) -> tuple[Job, ...]:
        return tuple(replace(job, settings=replace(job.settings, augment=tuple(families))) for job in runs)

    jobs = {"none": against(()), "all": against(SPATIAL_FAMILIES)}
    for family in left_out:
        jobs[f"all but {family}"] = against([name for name in SPATIAL_FAMILIES if name != family])
    return jobs


@dataclass(frozen=True)
class Transfer:
    """What training against degradations gives on one family of conditions; accuracies by frame.

    Attributes:
        family: what is tested; "clean" for clean footage, `EVERYTHING` for the mean over all conditions.
        none: trained on clean frames only.
        all: trained against every family.
        without: trained against every family but this one; None where that was not run, or on clean footage.
        gain_all: `all` less `none`, tested over dancers and corrected for all families; the mean over all conditions
            is one test and is corrected for none.
        gain_without: `without` less `none`, corrected for all families left out; robustness carries over to a family
            never trained on where this is above zero, and above what it is on clean footage.
    """

    family: str
    none: Estimate
    all: Estimate
    without: Estimate | None
    gain_all: Gain
    gain_without: Gain | None

    def to_json(self) -> dict:
        """The estimates by name; null for those that are not there."""
        names = ("none", "all", "without", "gain_all", "gain_without")
        return {name: found.to_json() if (found := getattr(self, name)) else None for name in names}


def measure_transfer(
    verdicts: Mapping[str, Sequence[Verdicts]],
    disturbances: Sequence[Disturbance],
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[Transfer, ...]:
    """Hold the networks of `augmentation_jobs` against each other, on clean footage and on each family of conditions.

    A family's accuracy is the mean over its conditions. Clean footage comes first, the mean over all conditions last.

    Args:
        verdicts: of each fold's network, by the names of `augmentation_jobs`.
        disturbances: clean footage and the conditions; those that changed no clip are better left out, and a family
            that has no others has no row.
        resamples: draws of dancers behind each interval.
        seed: of the draws.
    """
    family_of = {condition.name: condition.family for condition in CONDITIONS}
    families = (CLEAN, *SPATIAL_FAMILIES)
    groups = {
        name: [each for each in disturbances if family_of.get(each.condition, CLEAN) == name] for name in families
    }
    groups = {name: group for name, group in groups.items() if group}
    everything = {EVERYTHING: [each for name, group in groups.items() if name != CLEAN for each in group]}
    gains_all = compare_gains(verdicts["all"], verdicts["none"], groups)
    if everything[EVERYTHING]:
        mean = compare_gains(verdicts["all"], verdicts["none"], {CLEAN: groups[CLEAN], **everything})
        gains_all |= {EVERYTHING: mean[EVERYTHING]}
    without = {name: verdicts[f"all but {name}"] for name in groups if f"all but {name}" in verdicts}
    gains_without = _gains_without(without, verdicts["none"], groups)
    groups |= everything if everything[EVERYTHING] else {}

    def accuracy(judged: Sequence[Verdicts], family: str) -> Estimate:
        return estimate_scores(runs_under(judged, groups[family]), "frame", resamples, seed).accuracy

    return tuple(
        Transfer(
            family,
            none=accuracy(verdicts["none"], family),
            all=accuracy(verdicts["all"], family),
            without=accuracy(without[family], family) if family in without else None,
            gain_all=gains_all[family],
            gain_without=gains_without.get(family),
        )
        for family in groups
    )


def _gains_without(
    without: Mapping[str, Sequence[Verdicts]],
    none: Sequence[Verdicts],
    groups: Mapping[str, Sequence[Disturbance]],
) -> dict[str, Gain]:
    """Each family's gain when it is left out; another model for each, so they are corrected here, together."""
    found = {
        family: compare_gains(judged, none, {CLEAN: groups[CLEAN], family: groups[family]})[family]
        for family, judged in without.items()
    }
    total = holm({family: gain.total for family, gain in found.items()})
    beyond = holm({family: gain.beyond_clean for family, gain in found.items()})
    return {family: Gain(total[family], beyond[family]) for family in found}
