"""What degraded footage costs a classifier, and whom (Table 5).

A model is tested on the same clips clean and under each condition, at several seeds. Each test is one run; the score of
a condition is the mean over its runs, a drop is the clean score minus that, and `corruption` sums the suite up.
Intervals come from a bootstrap over dancers, drawn for both sides of a drop together: a hard dancer is hard on both.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dance_tf.evaluation.intervals import (
    Estimate,
    Level,
    RunSummary,
    ScoreEstimates,
    estimate_difference,
    summarise_runs,
)
from dance_tf.evaluation.metrics import SCORES, class_scores, confusion, scores_of_confusion
from dance_tf.evaluation.predictions import Predictions, aggregate_clips


@dataclass(frozen=True, eq=False)
class DegradedRuns:
    """Runs of one model under one condition at one severity: a run for each fold and seed.

    `changed` is False where the condition left all of the clips as they were: nothing was tried, so nothing is counted.
    """

    condition: str
    severity: float
    runs: tuple[Predictions, ...]
    changed: bool = True


@dataclass(frozen=True)
class CorruptionSummary:
    """Mean and relative performance under corruption, every score by itself."""

    mean: ScoreEstimates
    relative: ScoreEstimates

    def to_json(self) -> dict:
        """`{"mpc": {score: …}, "rpc": {score: …}}`."""
        return {"mpc": self.mean.to_json(), "rpc": self.relative.to_json()}


def summarise_corruption(
    clean: Sequence[Predictions],
    degraded: Sequence[DegradedRuns],
    by: Level = "frame",
    resamples: int = 1000,
    seed: int = 0,
) -> CorruptionSummary:
    """Estimate mPC and rPC of all scores.

    Each condition counts once, however many severities and seeds it was tested at. Named levels of one effect ("mild
    fog", "heavy fog") are conditions of their own, as they are rows of Table 5. A condition that changed nothing does
    not count; where none did, mPC and rPC are nan. rPC is nan for a score that is 0 on clean footage.
    """
    everyone = [*clean, *(run for entry in degraded for run in entry.runs)]
    if not clean or not degraded or any(not entry.runs for entry in degraded):
        raise ValueError("clean footage and every condition need at least one run")
    dancers = sorted({name for run in everyone for name in tested_dancers(run)})
    generator = np.random.default_rng([seed, len(dancers)])
    drawn = generator.multinomial(len(dancers), np.full(len(dancers), 1 / len(dancers)), size=resamples)
    draw = np.concatenate([np.ones((1, len(dancers))), drawn])  # the first row is what was really seen
    levels: dict[str, list[np.ndarray]] = {}
    for entry in degraded:
        if entry.changed:
            levels.setdefault(entry.condition, []).append(_scores_by_draw(entry.runs, by, dancers, draw))
    nothing = [np.full((1, len(draw), len(SCORES)), np.nan)]
    mean = np.mean([np.mean(scores, axis=0) for scores in levels.values() or nothing], axis=0)
    reference = _scores_by_draw(clean, by, dancers, draw)
    relative = np.divide(mean, reference, out=np.full_like(mean, np.nan), where=reference > 0)
    runs = min(len(clean), *(len(entry.runs) for entry in degraded))
    return CorruptionSummary(_estimate(mean, len(dancers), runs), _estimate(relative, len(dancers), runs))


def tested_dancers(run: Predictions) -> list[str]:
    """Who danced each clip that has a row; a clip whose dancer is unknown stands for itself."""
    return [run.dancers[clip] or f"clip {run.clip_ids[clip]}" for clip in np.unique(run.clips)]


def _scores_by_draw(runs: Sequence[Predictions], by: Level, dancers: list[str], draw: np.ndarray) -> np.ndarray:
    """Mean over runs of each draw's scores, float64 [draws, 6]; a run with none of the drawn dancers is left out."""
    place = {name: i for i, name in enumerate(dancers)}
    classes = len(runs[0].styles)
    total, taken = np.zeros((len(draw), len(SCORES))), np.zeros((len(draw), 1))
    for run in runs:
        rows = aggregate_clips(run) if by == "clip" else run
        names = [name or f"clip {clip}" for name, clip in zip(rows.dancers, rows.clip_ids, strict=True)]
        owner = np.array([place.get(name, -1) for name in names])[rows.clips]
        counts = np.zeros((len(dancers), classes, classes))
        for dancer in np.unique(owner):
            mine = owner == dancer
            counts[dancer] = confusion(rows.labels[mine], rows.predicted[mine], classes)
        matrices = (draw @ counts.reshape(len(dancers), -1)).reshape(-1, classes, classes)
        someone = (matrices.sum((1, 2)) > 0)[:, None]
        total += scores_of_confusion(matrices) * someone
        taken += someone
    return np.divide(total, taken, out=np.full_like(total, np.nan), where=taken > 0)


def _estimate(values: np.ndarray, dancers: int, runs: int) -> ScoreEstimates:
    """Estimates from what was seen (first row) and the draws (the others), float64 [1 + resamples, 6]."""
    estimates = []
    for seen, drawn in zip(values[0], values[1:].T, strict=True):
        drawn = drawn[~np.isnan(drawn)]
        low, high = np.percentile(drawn, (2.5, 97.5)) if dancers > 1 and len(drawn) else (np.nan, np.nan)
        estimates.append(Estimate(float(seen), float(low), float(high), runs))
    return ScoreEstimates(*estimates)


@dataclass(frozen=True)
class Worst:
    """Who or what fares worst under a condition, or loses most to it.

    Attributes:
        name: the dancer or the style; the first of equals.
        score: its share of right verdicts by clip under the condition, over all runs together.
        clean: the same dancer's or style's share on clean footage; nan where it was not tested there.
        clips: verdicts behind `score`.
    """

    name: str
    score: float
    clean: float
    clips: int

    @property
    def loss(self) -> float:
        """Share of right verdicts that is lost; nan where it was not tested clean."""
        return self.clean - self.score

    def to_json(self) -> dict:
        """The attributes by name; null for a clean share that is not known."""
        clean = None if np.isnan(self.clean) else self.clean
        return {"name": self.name, "score": self.score, "clean": clean, "clips": self.clips}


@dataclass(frozen=True)
class ConditionRobustness:
    """One row of Table 5.

    Attributes:
        condition: its name.
        severity: its level.
        scores: under the condition, by frame and by clip.
        drop: clean minus degraded, by frame and by clip; above 0 where the condition harms.
        worst_dancer: the dancer with the fewest right verdicts.
        worst_style: the style with the fewest right verdicts.
        losing_dancer: the dancer who loses most right verdicts; None where none was tested clean.
        losing_style: the style that loses most.
        changed: False where the condition left all of the clips as they were, so that it was not tried.
    """

    condition: str
    severity: float
    scores: RunSummary
    drop: RunSummary
    worst_dancer: Worst
    worst_style: Worst
    losing_dancer: Worst | None = None
    losing_style: Worst | None = None
    changed: bool = True

    def to_json(self) -> dict:
        """Severity, whether clips changed, `frame` and `clip` scores, `drop` of both, who is worst and loses most."""
        losing = {"losing_dancer": self.losing_dancer, "losing_style": self.losing_style}
        return {
            "severity": self.severity,
            "changed": self.changed,
            **self.scores.to_json(),
            "drop": self.drop.to_json(),
            "worst_dancer": self.worst_dancer.to_json(),
            "worst_style": self.worst_style.to_json(),
            **{name: found.to_json() if found else None for name, found in losing.items()},
        }


@dataclass(frozen=True)
class Robustness:
    """A model's robustness: its clean scores, each condition's, and the two that sum them up, by frame and by clip."""

    clean: RunSummary
    conditions: tuple[ConditionRobustness, ...]
    frame: CorruptionSummary
    clip: CorruptionSummary

    @property
    def tried(self) -> tuple[ConditionRobustness, ...]:
        """The conditions that changed a clip: those that `frame` and `clip` sum up."""
        return tuple(row for row in self.conditions if row.changed)

    def to_json(self) -> dict:
        """`clean`, `conditions` by "name@severity", and `frame` and `clip` with mPC and rPC."""
        return {
            "clean": self.clean.to_json(),
            "conditions": {f"{row.condition}@{row.severity:g}": row.to_json() for row in self.conditions},
            "frame": self.frame.to_json(),
            "clip": self.clip.to_json(),
        }


def assess_robustness(
    clean: Sequence[Predictions], degraded: Sequence[DegradedRuns], resamples: int = 1000, seed: int = 0
) -> Robustness:
    """Score a model under every condition it was tested under.

    Args:
        clean: its runs on clean footage.
        degraded: its runs on the same clips under conditions; one entry for each condition and severity.
        resamples: draws of the bootstrap.
        seed: of the draws.

    Raises:
        ValueError: no conditions, a condition twice at one severity, no runs, or runs with different styles.
    """
    places = [(entry.condition, entry.severity) for entry in degraded]
    if not places:
        raise ValueError("no condition to assess")
    if not clean or any(not entry.runs for entry in degraded):
        raise ValueError("clean footage and every condition need at least one run")
    if len(set(places)) != len(places):
        raise ValueError("a condition occurs twice at one severity: put its seeds into one entry's runs")
    rows = []
    for entry in degraded:
        drops = [estimate_difference(clean, entry.runs, unit, resamples, seed) for unit in ("frame", "clip")]
        rows.append(
            ConditionRobustness(
                condition=entry.condition,
                severity=float(entry.severity),
                scores=summarise_runs(entry.runs, resamples, seed),
                drop=RunSummary(*drops),
                worst_dancer=find_worst_dancer(clean, entry.runs),
                worst_style=find_worst_style(clean, entry.runs),
                losing_dancer=_losing(_hits_by_dancer(entry.runs), _hits_by_dancer(clean)),
                losing_style=_losing(_hits_by_style(entry.runs), _hits_by_style(clean)),
                changed=entry.changed,
            )
        )
    return Robustness(
        clean=summarise_runs(clean, resamples, seed),
        conditions=tuple(rows),
        frame=summarise_corruption(clean, degraded, "frame", resamples, seed),
        clip=summarise_corruption(clean, degraded, "clip", resamples, seed),
    )


def find_worst_dancer(clean: Sequence[Predictions], degraded: Sequence[Predictions]) -> Worst:
    """The dancer with the smallest share of clips recognised under a condition; unknown dancers stand alone."""
    return _worst(_hits_by_dancer(degraded), _hits_by_dancer(clean))


def find_worst_style(clean: Sequence[Predictions], degraded: Sequence[Predictions]) -> Worst:
    """The style with the smallest share of its clips recognised (sensitivity) under a condition."""
    return _worst(_hits_by_style(degraded), _hits_by_style(clean))


def robustness_table(robustness: Robustness, by: Level = "frame") -> pd.DataFrame:
    """Table 5 as measured: a row for clean footage and one for each condition, accuracy and F1 in percent.

    Returns:
        Columns: condition, severity, accuracy, accuracy_low, accuracy_high, f1, f1_low, f1_high, drop, drop_low,
            drop_high (of accuracy, in points), worst_dancer, worst_dancer_accuracy, worst_style, worst_style_accuracy,
            changed (whether a clip was), runs.
    """
    rows = [{"condition": "clean", "severity": 0.0, "changed": True, **_percent(getattr(robustness.clean, by))}]
    for row in robustness.conditions:
        drop = getattr(row.drop, by).accuracy
        rows.append(
            {
                "condition": row.condition,
                "severity": row.severity,
                **_percent(getattr(row.scores, by)),
                "drop": 100 * drop.mean,
                "drop_low": 100 * drop.low,
                "drop_high": 100 * drop.high,
                "worst_dancer": row.worst_dancer.name,
                "worst_dancer_accuracy": 100 * row.worst_dancer.score,
                "worst_style": row.worst_style.name,
                "worst_style_accuracy": 100 * row.worst_style.score,
                "changed": row.changed,
            }
        )
    table = pd.DataFrame(rows)
    return table[[name for name in table.columns if name != "runs"] + ["runs"]]


def _percent(scores: ScoreEstimates) -> dict[str, float]:
    cells: dict[str, float] = {}
    for name in ("accuracy", "f1"):
        estimate = getattr(scores, name)
        cells |= {name: 100 * estimate.mean, f"{name}_low": 100 * estimate.low, f"{name}_high": 100 * estimate.high}
    return cells | {"runs": scores.accuracy.runs}


def _hits_by_dancer(runs: Sequence[Predictions]) -> dict[str, tuple[float, int]]:
    """Share of right verdicts by clip, and how many verdicts, for each dancer over all runs."""
    hits: dict[str, list[bool]] = {}
    for run in runs:
        clips = aggregate_clips(run)
        for owner, right in zip(tested_dancers(clips), clips.predicted == clips.labels, strict=True):
            hits.setdefault(owner, []).append(bool(right))
    return {name: (float(np.mean(hits[name])), len(hits[name])) for name in sorted(hits)}


def _hits_by_style(runs: Sequence[Predictions]) -> dict[str, tuple[float, int]]:
    """Sensitivity by clip, and how many clips, for each style that occurs, over all runs."""
    classes = len(runs[0].styles)
    clips = [aggregate_clips(run) for run in runs]
    each = class_scores(sum(confusion(run.labels, run.predicted, classes) for run in clips))
    return {
        style: (float(each.sensitivity[i]), int(each.support[i]))
        for i, style in enumerate(runs[0].styles)
        if each.support[i]
    }


def _worst(degraded: dict[str, tuple[float, int]], clean: dict[str, tuple[float, int]]) -> Worst:
    name = min(degraded, key=lambda each: degraded[each][0])
    score, clips = degraded[name]
    return Worst(name, score, clean.get(name, (float("nan"), 0))[0], clips)


def _losing(degraded: dict[str, tuple[float, int]], clean: dict[str, tuple[float, int]]) -> Worst | None:
    both = [name for name in degraded if name in clean]
    if not both:
        return None
    name = max(both, key=lambda each: clean[each][0] - degraded[each][0])
    return Worst(name, degraded[name][0], clean[name][0], degraded[name][1])
