"""Rivals on the same folds: the paper's strategies (Table 2), its thinned and coarse frames (Table 3), the ablations.

Every comparison is a set of named rivals, each a tuple of jobs. All of them are run together, each job once, so that no
core waits while one table's last run ends, and a run that two tables need is trained for both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import yaml

from dance_tf.dataset.batches import View
from dance_tf.dataset.splits import Group
from dance_tf.evaluation.intervals import (
    DancerDifference,
    Estimate,
    RunSummary,
    ScoreEstimates,
    compare_dancers,
    estimate_difference,
    summarise_runs,
)
from dance_tf.evaluation.predictions import aggregate_clips
from dance_tf.experiments.cache import run_jobs
from dance_tf.experiments.spec import Job, Result
from dance_tf.model.networks import STRATEGIES, NetworkSettings
from dance_tf.model.train import TrainingSettings, training_settings

BASE = "as_proposed"
IN_NETWORK = {entry.name for entry in fields(NetworkSettings)}
IN_TRAINING = {entry.name for entry in fields(TrainingSettings)}


@dataclass(frozen=True)
class Ablation:
    """One row.

    Attributes:
        name: as in metrics.json.
        title: as in the report's table.
        changes: settings that differ from the base, fields of `TrainingSettings` or `NetworkSettings`.
    """

    name: str
    title: str
    changes: Mapping[str, object] = field(default_factory=dict)

    def apply(self, base: TrainingSettings) -> TrainingSettings:
        """The base with this row's changes."""
        network = {key: value for key, value in self.changes.items() if key in IN_NETWORK}
        training = {key: value for key, value in self.changes.items() if key not in IN_NETWORK}
        return replace(base, network=replace(base.network, **network), **training)


def read_ablations(path: Path | str, rows: int = 0) -> tuple[Ablation, ...]:
    """The rows of a file, after the base without any change.

    Args:
        path: YAML, a list of mappings with name, title, changes.
        rows: how many of them are wanted, from the first; 0 for all.

    Raises:
        ValueError: a row that lacks something, a name given twice, or a setting that does not exist.
    """
    listed = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or []
    found = [Ablation(BASE, "as proposed")]
    for place, row in enumerate(listed, start=1):
        if not isinstance(row, dict) or set(row) != {"name", "title", "changes"}:
            raise ValueError(f"row {place} of {Path(path).name} must have name, title and changes, and nothing else")
        unknown = sorted(set(row["changes"]) - IN_NETWORK - IN_TRAINING)
        if unknown:
            raise ValueError(f"{row['name']} in {Path(path).name} changes {', '.join(unknown)}, which no setting is")
        if row["name"] in {ablation.name for ablation in found}:
            raise ValueError(f"{Path(path).name} has two rows named {row['name']}")
        found.append(Ablation(row["name"], row["title"], row["changes"]))
    return tuple(found[: rows + 1] if rows else found)


SMALLEST_DEPTH = 18


def comparison_settings(
    strategy: str,
    view: View = "difference",
    epochs: int = 6,
    growth_epochs: int = 1,
    frames_per_clip: int = 6,
    resnet_width: int = 8,
    resnet_depth: int = SMALLEST_DEPTH,
    imagenet_weights: bool = False,
    sequence_length: int = 4,
    jitter: float = 0.0,
    **recipe: float | int | str,
) -> TrainingSettings:
    """Settings of a comparison's run.

    Args:
        strategy: a key of `STRATEGIES`.
        view: "frame" as it is, or its "difference" from the still room.
        epochs: `compare_epochs`, of the classifier, at most.
        growth_epochs: `compare_growth_epochs`, of each stage of the autoencoder.
        frames_per_clip: `compare_frames_per_clip`, drawn of each training clip in an epoch.
        resnet_width: `compare_resnet_width`, channels of ResNet-18's first stage.
        resnet_depth: `compare_resnet_depth`, 18 or 50.
        imagenet_weights: `compare_imagenet`, of ResNet-50 alone.
        sequence_length: `compare_sequence_length`, consecutive frames that CNN + LSTM reads.
        jitter: `compare_jitter`, random change of training frames: none, as in the paper, so that a network learns in
            few epochs what there is to learn, rooms and dancers included.
        recipe: whatever else `training_settings` takes, by the names of the notebooks' parameters.

    Returns:
        settings in which what a strategy does not read has its default: two runs that differ only there are one run.
    """
    settings = training_settings(
        strategy,
        view,
        epochs=epochs,
        growth_epochs=growth_epochs,
        frames_per_clip=frames_per_clip,
        jitter=jitter,
        **recipe,
    )
    own = {}
    if strategy == "resnet":
        shallow = resnet_depth == SMALLEST_DEPTH
        own = {"resnet_width": resnet_width} if shallow else {"imagenet_weights": imagenet_weights}
        own["resnet_depth"] = resnet_depth
    elif strategy == "cnn_lstm":
        own = {"sequence_length": sequence_length}
    return replace(settings, network=replace(settings.network, **own))


def settings_of_all(**recipe: float | int | str) -> dict[str, TrainingSettings]:
    """`comparison_settings` of every strategy by the same recipe, room taken away."""
    return {name: comparison_settings(name, **recipe) for name in STRATEGIES}


PROPOSED = "cnn_ae_attention"


@dataclass(frozen=True)
class Trial:
    """The folds and repeats that every rival of a comparison goes through.

    Attributes:
        folds: how many folds there are.
        run_folds: how many of them are run.
        repeats: how often, each time with another seed ("experiments" in Table 2).
        seed: of splits, weights and batches.
        score_frames: frames of each clip that are scored.
        unit: of the split.
    """

    folds: int = 5
    run_folds: int = 5
    repeats: int = 1
    seed: int = 0
    score_frames: int = 24
    unit: Group = "dancer"

    def jobs(self, settings: TrainingSettings, interval: int = 1) -> tuple[Job, ...]:
        """One rival's jobs, repeat by repeat."""
        return tuple(
            Job(settings, self.unit, fold, self.folds, repeat, self.seed, self.score_frames, interval)
            for repeat in range(self.repeats)
            for fold in range(self.run_folds)
        )


def thinning_jobs(
    trial: Trial, settings: TrainingSettings, intervals: Sequence[int], frame_sizes: Sequence[int]
) -> dict[tuple[int, int], tuple[Job, ...]]:
    """Table 3's rivals by (frame size, interval): learnt from one frame of every `interval`, of that size in pixels.

    Frames are thinned before anything is learnt, the autoencoder too; scored are the same frames for all, so that the
    rows differ in what was learnt from and not in what they were asked. The largest size, which is the paper's column,
    is learnt at every interval, smaller ones at the first and the last.
    """
    at = sorted(intervals)
    ends = sorted({at[0], at[-1]})
    return {
        (size, interval): trial.jobs(replace(settings, frame_size=size), interval)
        for size in sorted(frame_sizes, reverse=True)
        for interval in (at if size == max(frame_sizes) else ends)
    }


def run_rivals(
    data: Path, comparisons: Sequence[Mapping[object, Sequence[Job]]], work: Path, processes: int = 1
) -> tuple[dict[object, tuple[Result, ...]], ...]:
    """Run all jobs of several comparisons, each job once, the longest first.

    Args:
        data: dataset folder.
        comparisons: rivals by name, for each comparison.
        work: where runs are kept.
        processes: how many at once.

    Returns:
        results in place of jobs.
    """
    distinct = dict.fromkeys(job for rivals in comparisons for jobs in rivals.values() for job in jobs)
    todo = sorted(distinct, key=_length, reverse=True)
    done = dict(zip(todo, run_jobs(data, todo, work, processes), strict=True))
    return tuple({name: tuple(done[job] for job in jobs) for name, jobs in rivals.items()} for rivals in comparisons)


def _length(job: Job) -> int:
    """What a job costs beside others, roughly: windows are whole sequences of frames."""
    strategy = STRATEGIES[job.settings.strategy]
    return job.settings.network.sequence_length if strategy.sequence else 1


@dataclass(frozen=True)
class RivalScores:
    """How a rival stands, by frame and by clip.

    Attributes:
        folds: on the folds that picked its epochs: the kind of number that the paper prints.
        held_out: on the part put aside before anything began.
    """

    folds: RunSummary
    held_out: RunSummary

    def to_json(self) -> dict[str, dict]:
        """`frame`, `clip` and `held_out`, as metrics.json has them below a strategy's split."""
        return {**self.folds.to_json(), "held_out": self.held_out.to_json()}

    def parts(self) -> dict[tuple[str, str], ScoreEstimates]:
        """Estimates by (dancers, counted by), in the words of the report's tables."""
        return {
            ("validation folds", "frame"): self.folds.frame,
            ("validation folds", "clip"): self.folds.clip,
            ("held out", "frame"): self.held_out.frame,
            ("held out", "clip"): self.held_out.clip,
        }


def score_rival(results: Sequence[Result], resamples: int = 1000, seed: int = 0) -> RivalScores:
    """Scores of one rival's runs, means over them, with intervals from drawing dancers."""
    return RivalScores(
        summarise_runs([run.validation for run in results], resamples, seed),
        summarise_runs([run.test for run in results], resamples, seed),
    )


@dataclass(frozen=True)
class Difference:
    """Accuracy of one rival less that of another on the same dancers of the same folds.

    Attributes:
        folds: by frame, on the validation folds.
        held_out: by frame, on the part held out.
        held_out_clip: by clip, on the part held out.
        tests: of the same three, by their names: what a claim rests on, as a bootstrap over few dancers is too narrow.
    """

    folds: Estimate
    held_out: Estimate
    held_out_clip: Estimate
    tests: Mapping[str, DancerDifference]

    def to_json(self) -> dict[str, dict]:
        """The three estimates, each with its test as `paired_t`."""
        frame, held_out, clip = (
            {**getattr(self, name).to_json(), "paired_t": self.tests[name].to_json()}
            for name in ("folds", "held_out", "held_out_clip")
        )
        return {"frame": frame, "held_out": {"frame": held_out, "clip": clip}}


def differ(first: Sequence[Result], second: Sequence[Result], resamples: int = 1000, seed: int = 0) -> Difference:
    """First less second; dancers are drawn for both at once, since both were tested on the same ones."""
    validation = [run.validation for run in first], [run.validation for run in second]
    test = [run.test for run in first], [run.test for run in second]
    by_clip = [[aggregate_clips(run) for run in side] for side in test]
    sides = {"folds": validation, "held_out": test, "held_out_clip": by_clip}
    return Difference(
        folds=estimate_difference(*validation, "frame", resamples, seed).accuracy,
        held_out=estimate_difference(*test, "frame", resamples, seed).accuracy,
        held_out_clip=estimate_difference(*test, "clip", resamples, seed).accuracy,
        tests={name: compare_dancers([(1, one), (-1, other)]) for name, (one, other) in sides.items()},
    )


@dataclass(frozen=True)
class Plan:
    """The jobs of the paper's comparisons, or their results.

    Attributes:
        strategies: Table 2's rivals by strategy.
        thinned: Table 3's by (frame size, interval).
        ablated: the ablations' by name, the base first.
    """

    strategies: Mapping[str, Sequence[Job] | Sequence[Result]]
    thinned: Mapping[tuple[int, int], Sequence[Job] | Sequence[Result]]
    ablated: Mapping[str, Sequence[Job] | Sequence[Result]]

    @property
    def runs(self) -> tuple[Result, ...]:
        """All results of a plan that has been run, each once."""
        sets = (self.strategies, self.thinned, self.ablated)
        return tuple({run.job: run for rivals in sets for runs in rivals.values() for run in runs}.values())


def plan_comparisons(
    settings: Mapping[str, TrainingSettings],
    table_trial: Trial,
    trial: Trial,
    intervals: Sequence[int],
    frame_sizes: Sequence[int],
    ablations: Sequence[Ablation],
) -> Plan:
    """All jobs of the paper's comparisons.

    Args:
        settings: of each strategy.
        table_trial: folds and repeats of Table 2.
        trial: folds and repeats of all else.
        intervals: Table 3's.
        frame_sizes: Table 3's, in pixels.
        ablations: rows, the base first.
    """
    return Plan(
        {name: table_trial.jobs(own) for name, own in settings.items()},
        thinning_jobs(trial, settings[PROPOSED], intervals, frame_sizes),
        {row.name: trial.jobs(row.apply(settings[PROPOSED])) for row in ablations},
    )


def run_plan(data: Path, plan: Plan, work: Path, processes: int = 1) -> Plan:
    """Run a plan; results in place of jobs."""
    return Plan(*run_rivals(data, (plan.strategies, plan.thinned, plan.ablated), work, processes))
