"""What is claimed of models under disturbances, tested over dancers: losses, gains, and gains beyond clean footage's.

All conditions that are tested together are corrected together (`paired.holm`); clean footage is no condition.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import joblib
import keras
import numpy as np
from tqdm import tqdm

from dance_tf.dataset.batches import View, apply_view
from dance_tf.dataset.dataset import Dataset
from dance_tf.evaluation.intervals import DancerDifference, compare_dancers, holm
from dance_tf.evaluation.predictions import Predictions
from dance_tf.evaluation.robustness import DegradedRuns, Robustness, assess_robustness
from dance_tf.experiments.conditions import CLEAN, Disturbance
from dance_tf.experiments.corrupted_clips import (
    SAMPLING,
    DegradedClip,
    FrameSampling,
    HeldOutClip,
    load_degraded,
    place_of,
)
from dance_tf.experiments.spec import Job, Result
from dance_tf.experiments.strategies import Trial, comparison_settings
from dance_tf.model.networks import STRATEGIES
from dance_tf.model.train import key_of
from dance_tf.video.workers import bar_hidden, worker_pool

BATCH = 128

Verdicts = Mapping[Disturbance, Predictions]


@dataclass(frozen=True)
class _Truth:
    """What the clips are: labels, dancers and names by clip, and the styles."""

    labels: tuple[int, ...]
    dancers: tuple[str, ...]
    clip_ids: tuple[str, ...]
    styles: tuple[str, ...]


def strategy_jobs(
    strategies: Sequence[str],
    folds: int = 5,
    run_folds: int = 1,
    seed: int = 0,
    score_frames: int = 24,
    **settings: float | int | str,
) -> dict[str, tuple[Job, ...]]:
    """Runs of each strategy at the comparisons' budget, room taken away, on the first dancer-disjoint folds.

    Args:
        strategies: keys of `STRATEGIES`.
        folds: how many folds there are.
        run_folds: how many of them are run.
        seed: of split, weights and batches.
        score_frames: frames of each clip that are scored.
        settings: whatever else `comparison_settings` takes; runs that other comparisons made are found again.
    """
    trial = Trial(folds, run_folds, 1, seed, score_frames)
    return {name: trial.jobs(comparison_settings(name, "difference", **settings)) for name in strategies}


def judge_degraded(
    results: Sequence[Result],
    dataset: Dataset,
    clips: Sequence[HeldOutClip],
    disturbances: Sequence[Disturbance],
    work: Path,
    sampling: FrameSampling = SAMPLING,
    processes: int = 1,
    progress: bool = True,
) -> tuple[Verdicts, ...]:
    """Let networks judge the clips that `degrade_held_out` made.

    A network that reads sequences is asked where whole windows were kept, and nowhere else.

    Args:
        results: the networks.
        dataset: what they were trained on; the truth of the clips.
        clips: held out from all of the networks.
        disturbances: under which.
        work: where degraded clips lie, and where verdicts are kept.
        sampling: as `degrade_held_out` was given.
        processes: networks at work at once.
        progress: show a bar.

    Returns:
        Predictions by disturbance, for each network.
    """
    number = {clip.clip_id: place for place, clip in enumerate(dataset.clips)}
    records = [number[clip.clip_id] for clip in clips]
    truth = _Truth(
        tuple(int(dataset.clip_labels[record]) for record in records),
        tuple(dataset.dancers[record] for record in records),
        tuple(clip.clip_id for clip in clips),
        dataset.styles,
    )
    disturbances = tuple(dict.fromkeys(disturbances))
    with worker_pool(processes):
        todo = joblib.Parallel(return_as="generator")(
            joblib.delayed(_judge)(result, truth, tuple(clips), disturbances, str(work), sampling) for result in results
        )
        return tuple(tqdm(todo, total=len(results), desc="networks", disable=bar_hidden(progress), unit="network"))


def _judge(
    result: Result,
    truth: _Truth,
    clips: tuple[HeldOutClip, ...],
    disturbances: tuple[Disturbance, ...],
    work: str,
    sampling: FrameSampling,
) -> dict[Disturbance, Predictions]:
    settings = result.job.settings
    length = settings.network.sequence_length if STRATEGIES[settings.strategy].sequence else 1
    model: keras.Model | None = None
    verdicts = {}
    for each in disturbances:
        if each.window < length:
            continue
        places = [place_of(clip, each, Path(work), sampling) for clip in clips]
        key = key_of(result.folder.name, [f"{place.parent.name}/{place.name}" for place in places])
        kept = Path(work) / "robustness" / f"{key}.npz"
        if not kept.is_file():
            model = model or result.load_model()
            shown = [load_degraded(clip, each, Path(work), sampling) for clip in clips]
            _predict(model, shown, settings.view, length, truth).save(kept)
        verdicts[each] = Predictions.load(kept)
    return verdicts


def _predict(model: keras.Model, shown: Sequence[DegradedClip], view: View, length: int, truth: _Truth) -> Predictions:
    inputs = np.concatenate([as_seen(clip, view, length) for clip in shown])
    rows = np.repeat(np.arange(len(shown)), [len(clip.frames) for clip in shown])
    return Predictions(
        probabilities=model.predict(inputs, batch_size=BATCH, verbose=0),
        labels=np.array(truth.labels)[rows],
        clips=rows,
        dancers=truth.dancers,
        styles=truth.styles,
        clip_ids=truth.clip_ids,
    )


def as_seen(clip: DegradedClip, view: View, length: int = 1) -> np.ndarray:
    """A degraded clip as a network sees it: uint8 [n, 128, 128, 1], or [n, length, 128, 128, 1] for sequences."""
    frames = clip.frames[:, -length:]
    seen = apply_view(
        frames.reshape(-1, *clip.room.shape),
        np.broadcast_to(clip.room, (frames[..., 0, 0, 0].size, *clip.room.shape)),
        view,
    )
    return seen.reshape(frames.shape) if length > 1 else seen


def assess_verdicts(
    verdicts: Sequence[Verdicts],
    disturbances: Sequence[Disturbance],
    resamples: int = 1000,
    seed: int = 0,
    unchanged: Collection[tuple[str, float]] = (),
) -> Robustness:
    """Score the same model's networks (folds, repeats) under disturbances, the clean one among them.

    A condition's runs are all its seeds for all the networks. Those of `unchanged_levels` keep their row and do not
    count.
    """
    places = dict.fromkeys(each.level for each in disturbances if each.condition != CLEAN)
    degraded = [
        DegradedRuns(
            *place,
            tuple(runs_under(verdicts, [each for each in disturbances if each.level == place])),
            changed=place not in unchanged,
        )
        for place in places
    ]
    clean = runs_under(verdicts, [each for each in disturbances if each.condition == CLEAN])
    return assess_robustness(clean, degraded, resamples, seed)


def runs_under(verdicts: Sequence[Verdicts], disturbances: Sequence[Disturbance]) -> list[Predictions]:
    """The runs of several networks under several disturbances; a network that was not asked has none."""
    return [judged[each] for judged in verdicts for each in disturbances if each in judged]


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
