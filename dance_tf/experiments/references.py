"""How well clips are classified by the nearest of a few reference clips, without training."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dance_tf.dataset.dataset import Dataset
from dance_tf.experiments.cache import Experiment
from dance_tf.fidelity.align import bone_directions, distances
from dance_tf.video.workers import call_each

PAIRS = 2000  # of clips that a worker compares at a time


def clip_distances(dataset: Dataset, jobs: int = 1) -> list[np.ndarray]:
    """Return for each clip the distances of its parts to all clips (`fidelity.align.distances`).

    Returns:
        float32 [parts, clips] for each clip, in degrees; infinite for clips in which the dancer is not found long
        enough, which have no parts themselves.

    Raises:
        DatasetError: a clip has no skeletons.
    """
    dances = [bone_directions(skeletons) for skeletons in dataset.clip_skeletons]
    usable = np.flatnonzero([len(dance) > 0 for dance in dances])
    others = [dances[clip] for clip in usable]
    # the processes that trained: another pool would end them
    batch = max(1, PAIRS // max(1, len(others)))
    found = call_each(distances, [(dance, others) for dance in dances], "clips", jobs, batch_size=batch)
    full = [np.full((len(parts), len(dances)), np.inf, np.float32) for parts in found]
    for parts, result in zip(found, full, strict=True):
        result[:, usable] = parts
    return full


def reference_accuracy(
    dataset: Dataset, apart: Sequence[np.ndarray], counts: Sequence[int], draws: int = 20, seed: int = 0
) -> pd.DataFrame:
    """Classify the clips of each dancer by a few reference clips of each style, of other dancers.

    The references of a style are of as many dancers as there are references, or of all but one if there are fewer.

    Args:
        apart: of `clip_distances`.
        draws: random choices for each count; a single reference is of each dancer in turn.

    Returns:
        One row for each count, draw and tested clip: references (the count), draw, clip, dancer, style, right. Clips
        without a skeleton are tested, and wrong.
    """
    dancers, labels = np.array(dataset.dancers), dataset.clip_labels
    styles, ids = np.array(dataset.styles)[labels], np.array([clip.clip_id for clip in dataset.clips])
    everyone = np.unique(dancers)
    generator = np.random.default_rng(seed)
    tables = []
    for count in counts:
        for draw in range(draws):
            names = generator.permutation(everyone)[: min(count, len(everyone) - 1)]
            if count == 1:
                names = everyone[[draw % len(everyone)]]
            known = _choose_clips(dancers, labels, names, count, generator)
            right = np.array([_nearest(parts[:, known], labels[known]) for parts in apart]) == labels
            tested = ~np.isin(dancers, names)
            answers = {"clip": ids[tested], "dancer": dancers[tested], "style": styles[tested], "right": right[tested]}
            tables.append(pd.DataFrame({"references": count, "draw": draw, **answers}))
    return pd.concat(tables, ignore_index=True)


def measure_references(experiment: Experiment, counts: Sequence[int], draws: int = 20, seed: int = 0) -> pd.DataFrame:
    """Return `reference_accuracy` of an experiment's clips; recorded as `references`."""

    def compute() -> pd.DataFrame:
        dataset = experiment.dataset
        return reference_accuracy(dataset, clip_distances(dataset, experiment.jobs), counts, draws, seed)

    return experiment.measure("references", compute, counts, draws, seed)


def _choose_clips(
    dancers: np.ndarray, labels: np.ndarray, names: np.ndarray, count: int, generator: np.random.Generator
) -> np.ndarray:
    """Return at most `count` random clips of each style, of as many of the named dancers as possible."""
    clips = pd.DataFrame({"dancer": dancers, "style": labels}).loc[np.isin(dancers, names)]
    clips = clips.iloc[generator.permutation(len(clips))]
    turn = clips.groupby(["style", "dancer"]).cumcount()  # the first clip of each dancer, then the second ones
    chosen = clips.loc[turn.sort_values(kind="stable").index].groupby("style").head(count)
    return np.sort(chosen.index.to_numpy())


def _nearest(parts: np.ndarray, labels: np.ndarray) -> int:
    """Return the style whose references are nearest on average over the parts of a clip; -1 without any part."""
    if not len(parts):
        return -1
    styles = np.unique(labels)
    return int(styles[np.argmin([parts[:, labels == style].min(axis=1).mean() for style in styles])])
