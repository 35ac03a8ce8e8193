"""What training against degradations gives back, and whether it carries over to conditions never trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dance_tf.assessment.intervals import Estimate, estimate_difference, estimate_scores
from dance_tf.footage.degrade_augment import SPATIAL_FAMILIES
from dance_tf.footage.degrade_conditions import CONDITIONS
from dance_tf.paper.disturbances import CLEAN, Disturbance
from dance_tf.paper.robustness_runs import Verdicts, runs_under
from dance_tf.paper.runs import Job


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
        family: what is tested; "clean" for clean footage.
        none: trained on clean frames only.
        all: trained against every family.
        without: trained against every family but this one; None where that was not run, or on clean footage.
        gain_all: `all` less `none`.
        gain_without: `without` less `none`: what carries over to a family never trained on.
    """

    family: str
    none: Estimate
    all: Estimate
    without: Estimate | None
    gain_all: Estimate
    gain_without: Estimate | None

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

    A family's accuracy is the mean over its conditions.

    Args:
        verdicts: of each fold's network, by the names of `augmentation_jobs`.
        disturbances: clean footage and the conditions.
        resamples: draws of dancers behind each interval.
        seed: of the draws.
    """
    families = {condition.name: condition.family for condition in CONDITIONS}
    found = []
    for family in (CLEAN, *SPATIAL_FAMILIES):
        chosen = [each for each in disturbances if families.get(each.condition, CLEAN) == family]
        if not chosen:
            continue
        runs = {name: runs_under(judged, chosen) for name, judged in verdicts.items()}
        without = runs.get(f"all but {family}")
        found.append(
            Transfer(
                family,
                none=estimate_scores(runs["none"], "frame", resamples, seed).accuracy,
                all=estimate_scores(runs["all"], "frame", resamples, seed).accuracy,
                without=estimate_scores(without, "frame", resamples, seed).accuracy if without else None,
                gain_all=estimate_difference(runs["all"], runs["none"], "frame", resamples, seed).accuracy,
                gain_without=(
                    estimate_difference(without, runs["none"], "frame", resamples, seed).accuracy if without else None
                ),
            )
        )
    return tuple(found)
