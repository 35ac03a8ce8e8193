"""Table 5 as one suite: which clips under which disturbances, and all that is measured on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from dance_tf.corruption.augment import SPATIAL_FAMILIES
from dance_tf.corruption.conditions import CONDITIONS, find_condition
from dance_tf.dataset.dataset import Dataset
from dance_tf.dataset.workspace import Workspace
from dance_tf.evaluation.intervals import DancerDifference, Estimate, estimate_scores, holm
from dance_tf.evaluation.robustness import ConditionRobustness, Robustness
from dance_tf.experiments.conditions import CLEAN, Disturbance, paper_disturbances, severity_disturbances
from dance_tf.experiments.corrupted_clips import (
    SAMPLING,
    FrameSampling,
    HeldOutClip,
    compression_of,
    degrade_held_out,
    find_held_out,
    rooms_unknown,
    unchanged_levels,
)
from dance_tf.experiments.corruption import (
    Gain,
    Verdicts,
    assess_verdicts,
    by_condition,
    compare_gains,
    compare_losses,
    judge_degraded,
    runs_under,
    strategy_jobs,
)
from dance_tf.experiments.spec import Job, Result, split_of
from dance_tf.experiments.strategies import run_rivals
from dance_tf.model.networks import STRATEGIES

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


FINER = ("low_resolution", 4.0)  # 240 lines, for clips that have no more than 360


@dataclass(frozen=True)
class RobustnessFindings:
    """All that the notebook measured.

    Attributes:
        main: the proposed network, trained in full, under the conditions at the paper's levels.
        curves: the same network at severities 1 to 5 of some conditions.
        strategies: every strategy at the comparison's smaller budget, by title.
        losses: of the proposed network by frame, by condition that changed the clips, tested over dancers.
        attention_gains: accuracy by frame of the hybrid with attention less without, by condition that changed the
            clips, the clean one too; tested over dancers.
        transfers: training against degradations, by family.
        compression: measured PSNR and bit rate, by CRF.
        unknown: share of the clips whose room cannot be told, by condition, the clean one too.
        clips: those tested.
        dancers: how many danced them.
        chance: accuracy of a guess, one over the number of styles.
        seeds: of the random conditions.
        source: "synthetic", or the footage's name.
        refused: why, by the id of each held-out clip that could not be degraded and is in no number.
    """

    main: Robustness
    curves: Robustness
    strategies: Mapping[str, Robustness]
    losses: Mapping[str, DancerDifference]
    attention_gains: Mapping[str, Gain]
    transfers: Sequence[Transfer]
    compression: pd.DataFrame
    unknown: Mapping[str, float]
    clips: Sequence[HeldOutClip]
    dancers: int
    chance: float
    seeds: int
    source: str
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def finer(self) -> ConditionRobustness | None:
        """240 lines, where that was among the severities."""
        rows = [row for row in self.curves.conditions if (row.condition, row.severity) == FINER]
        return rows[0] if rows else None


WITH_ATTENTION, WITHOUT_ATTENTION = "cnn_ae_attention", "cnn_ae"
FULL = "CNN + AE + Attention, trained in full"
FULL_ROOM_KEPT = "the same, room kept"
COMPRESSED = ("mild_compression", "severe_compression")
MEASURED_CLIPS = 4  # clips that compression is measured on


@dataclass(frozen=True)
class Suite:
    """What is tested.

    Attributes:
        clips: held out from every network.
        table: clean footage and the conditions of Table 5 at the paper's levels, at all seeds.
        severities: some conditions at severities 1 to 5.
        sampling: which frames of a clip are looked at.
    """

    clips: tuple[HeldOutClip, ...]
    table: tuple[Disturbance, ...]
    severities: tuple[Disturbance, ...]
    sampling: FrameSampling = SAMPLING

    @property
    def first_seed(self) -> tuple[Disturbance, ...]:
        """The table at its first seed, which has the windows that networks of sequences need."""
        return tuple(each for each in self.table if each.seed == 0)

    @property
    def curves(self) -> tuple[Disturbance, ...]:
        """Clean footage and the severities."""
        return tuple(dict.fromkeys((self.table[0], *self.severities)))


def plan_suite(
    workspace: Workspace,
    dataset: Dataset,
    job: Job,
    seeds: int,
    window: int,
    severity_conditions: Sequence[str],
    sampling: FrameSampling = SAMPLING,
) -> Suite:
    """The suite on the clips that a job's split holds out.

    Args:
        workspace: where the clips' files lie.
        dataset: their curated frames.
        job: whose split it is.
        seeds: of the conditions that have something random in them.
        window: consecutive frames that networks of sequences read.
        severity_conditions: conditions that are tested at severities 1 to 5; 240 lines are tested in any case.
        sampling: which frames of a clip are looked at.
    """
    severities = (*severity_disturbances(severity_conditions, window=window), Disturbance(*FINER))
    clips = find_held_out(workspace, dataset, split_of(dataset, job).test)
    return Suite(clips, paper_disturbances(seeds, window), tuple(dict.fromkeys(severities)), sampling)


def train_rivals(
    workspace: Workspace,
    strategies: Sequence[str],
    left_out: Sequence[str],
    folds: int = 5,
    run_folds: int = 1,
    seed: int = 0,
    score_frames: int = 24,
    processes: int = 1,
    **settings: float | int | str,
) -> tuple[dict[str, tuple[Result, ...]], dict[str, tuple[Result, ...]]]:
    """Train every strategy, and the hybrid with attention against degradations, at the comparisons' budget.

    Args:
        workspace: where the dataset lies and runs are kept.
        strategies: keys of `STRATEGIES`.
        left_out: families of degradations, each left out of training once.
        folds: how many there are.
        run_folds: how many of them are run.
        seed: of split, weights and batches.
        score_frames: frames of each clip that are scored clean.
        processes: runs at once.
        settings: whatever else `comparison_settings` takes.

    Returns:
        runs by strategy, and by the names of `augmentation_jobs`.
    """
    rivals = strategy_jobs([*strategies, WITH_ATTENTION], folds, run_folds, seed, score_frames, **settings)
    against = augmentation_jobs(rivals[WITH_ATTENTION], left_out)
    first, second = run_rivals(workspace.dataset, [rivals, against], workspace.work, processes)
    return first, second


def measure_suite(
    workspace: Workspace,
    dataset: Dataset,
    suite: Suite,
    trained: Sequence[Result],
    strategies: Mapping[str, Sequence[Result]],
    against: Mapping[str, Sequence[Result]],
    processes: int = 1,
    resamples: int = 1000,
    seed: int = 0,
) -> RobustnessFindings:
    """Degrade the clips, let all networks judge them, and score the verdicts; what was done before is read from disk.

    Args:
        workspace: where degraded clips and verdicts are kept.
        dataset: the truth.
        suite: what is tested.
        trained: runs of the proposed network trained in full, on either view.
        strategies: runs of each strategy at the comparisons' budget, by its key.
        against: runs of `augmentation_jobs`, by their names.
        processes: at once.
        resamples: draws of dancers behind each interval.
        seed: of the draws.
    """
    everything = tuple(dict.fromkeys((*suite.table, *suite.severities)))
    refused = degrade_held_out(suite.clips, everything, workspace.work, suite.sampling, processes)
    suite = replace(suite, clips=tuple(clip for clip in suite.clips if clip.clip_id not in refused))
    judged = _judge_all(workspace, dataset, suite, trained, (*strategies.values(), *against.values()), processes)

    def verdicts(runs: Sequence[Result]) -> list[Verdicts]:
        return [judged[result.folder.name] for result in runs]

    views = {
        view: verdicts([result for result in trained if result.job.settings.view == view])
        for view in ("difference", "frame")
    }
    fought = {name: verdicts(runs) for name, runs in strategies.items()}
    hardened = {name: verdicts(runs) for name, runs in against.items()}
    unchanged = unchanged_levels(suite.clips, everything, workspace.work, suite.sampling)
    tried = [each for each in suite.first_seed if each.level not in unchanged]
    # each network with all that it was asked: the main one at all seeds here too, so that it has one number everywhere
    rows = {FULL: views["difference"], FULL_ROOM_KEPT: views["frame"]}
    rows |= {STRATEGIES[name].title: found for name, found in fought.items()}
    gains = {}
    if {WITH_ATTENTION, WITHOUT_ATTENTION} <= set(strategies):
        gains = compare_gains(fought[WITH_ATTENTION], fought[WITHOUT_ATTENTION], by_condition(tried))
    kept = {clip.clip_id for clip in suite.clips}
    draws = resamples, seed
    return RobustnessFindings(
        main=assess_verdicts(views["difference"], suite.table, *draws, unchanged),
        curves=assess_verdicts(views["difference"], suite.curves, *draws, unchanged),
        strategies={
            name: assess_verdicts(found, suite.table, *draws, unchanged) for name, found in rows.items() if found
        },
        losses=compare_losses(views["difference"], [each for each in suite.table if each.level not in unchanged]),
        attention_gains=gains,
        transfers=measure_transfer(hardened, tried, *draws),
        compression=_measured_compression(suite),
        unknown=rooms_unknown(suite.clips, suite.first_seed, workspace.work, suite.sampling),
        clips=suite.clips,
        dancers=len({clip.dancer or clip.clip_id for clip in dataset.clips if clip.clip_id in kept}),
        chance=1 / len(dataset.styles),
        seeds=1 + max(each.seed for each in suite.table),
        source=workspace.source,
        refused=refused,
    )


def _judge_all(
    workspace: Workspace,
    dataset: Dataset,
    suite: Suite,
    trained: Sequence[Result],
    rivals: Sequence[Sequence[Result]],
    processes: int,
) -> dict[str, Verdicts]:
    """Verdicts by the name of a run's folder.

    Only the main network is asked at all seeds and severities; the others are compared at the first seed.
    """
    many = [result for result in trained if result.job.settings.view == "difference"]
    others = [*trained, *(result for runs in rivals for result in runs)]
    few = [result for result in others if result not in many]
    everything = tuple(dict.fromkeys((*suite.table, *suite.severities)))
    judged = {}
    for networks, disturbances in ((many, everything), (few, suite.first_seed)):
        networks = {result.folder.name: result for result in networks}
        verdicts = judge_degraded(
            tuple(networks.values()), dataset, suite.clips, disturbances, workspace.work, suite.sampling, processes
        )
        judged |= dict(zip(networks, verdicts, strict=True))
    return judged


def _measured_compression(suite: Suite) -> pd.DataFrame:
    conditions = [find_condition(name) for name in COMPRESSED]
    levels = tuple(condition.settings(condition.severity)["crf"] for condition in conditions)
    return compression_of(suite.clips[:MEASURED_CLIPS], levels)
