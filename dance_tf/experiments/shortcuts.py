"""Shortcut tests of trained runs on their held-out clips: one row per clip and change, kept as records."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from dance_tf.dataset.batches import sample_evenly
from dance_tf.dataset.dataset import Dataset
from dance_tf.evaluation.importance import deletion_probabilities, features_of, guess_dancers, joint_importance
from dance_tf.evaluation.shortcuts import shortcut_probabilities
from dance_tf.experiments.cache import Run
from dance_tf.experiments.scores import answers
from dance_tf.experiments.spec import split_of
from dance_tf.experiments.training import pair_with_truth
from dance_tf.model.fit import load_sequences
from dance_tf.pose.joints import JOINTS

FIRST, LAST = "most important first", "least important first"
PROBED_FRAMES = 4  # of each clip, whose features are averaged


def shortcut_answers(dataset: Dataset, runs: Sequence[Run], frames_per_clip: int = 6, seed: int = 0) -> pd.DataFrame:
    """Return what networks answer where the dancer, left and right, or time are changed (`evaluation.shortcuts`).

    Args:
        frames_per_clip: held-out frames (or windows) that are averaged.

    Returns:
        One row per run, change and held-out clip: name, view, change, clip, dancer, style, right.
    """
    tables = []
    for run in runs:
        model, test = run.load_model(), split_of(dataset, run.spec).test
        indices = sample_evenly(test, dataset.clip_index, frames_per_clip)
        for change, found in shortcut_probabilities(model, dataset, indices, test, run.spec.settings, seed).items():
            place = {"name": run.spec.name, "view": run.spec.settings.view, "change": change}
            tables.append(answers(pair_with_truth(dataset, indices, found)).assign(**place))
    return pd.concat(tables, ignore_index=True)


def joint_answers(dataset: Dataset, runs: Sequence[Run], frames_per_clip: int = 6) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return which joints networks of skeletons need, and what they answer as they lose more and more joints.

    The order of the joints is found on validation clips, and the answers are those for held-out clips.

    Returns:
        Columns name, fold, joint, loss (of the probability of the true style); and name, order (`FIRST` or `LAST`),
        lost (number of joints), clip, dancer, style, right.
    """
    losses, tables = [], []
    for run in runs:
        model, split, settings = run.load_model(), split_of(dataset, run.spec), run.spec.settings
        indices = {
            part: sample_evenly(getattr(split, part), dataset.clip_index, frames_per_clip)
            for part in ("validation", "test")
        }
        windows = {part: load_sequences(dataset, each, each, settings) for part, each in indices.items()}
        loss = joint_importance(model, windows["validation"], dataset.labels[indices["validation"]])
        place = {"name": run.spec.name}
        losses.append(pd.DataFrame({**place, "fold": run.spec.fold, "joint": JOINTS, "loss": loss}))
        needed = np.argsort(-loss, kind="stable")
        for order, joints in {FIRST: needed, LAST: needed[::-1]}.items():
            for lost, found in enumerate(deletion_probabilities(model, windows["test"], joints)):
                predictions = pair_with_truth(dataset, indices["test"], found)
                tables.append(answers(predictions).assign(**place, order=order, lost=lost))
    return pd.concat(losses, ignore_index=True), pd.concat(tables, ignore_index=True)


def dancer_answers(dataset: Dataset, runs: Sequence[Run]) -> pd.DataFrame:
    """Return whether a linear classifier tells held-out dancers apart from a network's features (`guess_dancers`).

    Returns:
        One row per run and held-out clip: name, view, clip, dancer, right, chance; none for folds with one dancer.
    """
    return guess_all(dataset, runs, lambda model, inputs: {"": features_of(model, inputs)}).drop(columns="cut")


def guess_all(dataset: Dataset, runs: Sequence[Run], values_of: Callable[..., dict[str, np.ndarray]]) -> pd.DataFrame:
    """Guess the dancers of held-out clips from each kind of values, of a network and its inputs."""
    columns = ["name", "view", "cut", "chance", "clip", "dancer", "right"]
    tables = [pd.DataFrame(columns=columns)]
    for run in runs:
        test = split_of(dataset, run.spec).test
        indices = sample_evenly(test, dataset.clip_index, PROBED_FRAMES)
        clips, rows = np.unique(dataset.clip_index[indices], return_inverse=True)
        dancers = np.array(dataset.dancers)[clips]
        styles = dataset.clip_labels[clips]
        if len(np.unique(dancers)) < 2 or len(np.unique(styles)) < 3:
            continue
        ids = [dataset.clips[clip].clip_id for clip in clips]
        inputs = load_sequences(dataset, indices, test, run.spec.settings)
        for cut, values in values_of(run.load_model(), inputs).items():
            means = np.zeros((len(clips), values.shape[1]))
            np.add.at(means, rows, values)
            right = guess_dancers(means / np.bincount(rows)[:, None], dancers, styles) == dancers
            place = run.spec.name, run.spec.settings.view, cut, 1 / len(np.unique(dancers))
            about = dict(zip(columns, place, strict=False))
            tables.append(pd.DataFrame({**about, "clip": ids, "dancer": dancers, "right": right}))
    return pd.concat(tables, ignore_index=True)
