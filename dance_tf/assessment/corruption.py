"""Mean and relative performance under corruption: a whole suite of conditions in two numbers.

mPC is the mean over conditions of the mean over severities, rPC is mPC over the clean score (Hendrycks and Dietterich
2019; Michaelis et al. 2019, section 3.2). Their intervals come from one bootstrap over dancers, drawn for clean and
degraded footage together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dance_tf.assessment.aggregation import aggregate_clips
from dance_tf.assessment.intervals import Estimate, ScoreEstimates, Unit
from dance_tf.assessment.metrics import SCORES, confusion, scores_of_confusion
from dance_tf.assessment.predictions import Predictions


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
    by: Unit = "frame",
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


def _scores_by_draw(runs: Sequence[Predictions], by: Unit, dancers: list[str], draw: np.ndarray) -> np.ndarray:
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
