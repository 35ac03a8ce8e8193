"""Labels that are likely wrong, and what trust in labels is worth when some of them are."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dance_tf.dataset.dataset import Dataset, DatasetError
from dance_tf.dataset.splits import Split, make_splits, outer_splits
from dance_tf.dataset.store import open_dataset
from dance_tf.experiments.training import one_thread, pair_with_truth
from dance_tf.model.settings import TrainingSettings, training_settings
from dance_tf.model.train import predict, train_classifier
from dance_tf.video.workers import call_each

if TYPE_CHECKING:
    from dance_tf.experiments.cache import Experiment

COLUMNS = ["clip", "dancer", "style", "likely", "probability"]
DOUBTED = 0.1  # trust in labels that are likely wrong
WRONG = 0.2  # share of labels that are planted wrong
CASES = {  # of `trust_of_fold`, for readers
    "right labels": "all labels right",
    "wrong labels": f"{100 * WRONG:.0f} % of the labels wrong",
    "listed, less trust": f"the same, trust {DOUBTED:g} in labels that are likely wrong",
    "listed, corrected": "the same, labels that are likely wrong corrected by a teacher",
}


def doubtful_labels(
    dataset: Dataset,
    settled: Collection[str] = (),
    settings: TrainingSettings | None = None,
    seed: int = 0,
    splits: Sequence[Split] = (),
) -> pd.DataFrame:
    """Return the labels that are likely wrong, the most doubtful first.

    Each clip is judged by a network that has learnt from other dancers. Confident learning compares its probabilities
    with the label (Northcutt et al. 2021, "Confident learning: estimating uncertainty in dataset labels").

    Args:
        settled: ids of clips whose labels a teacher has confirmed or corrected.
        settings: of the network; one of skeletons by default, so clips need skeletons.
        splits: whose test parts are judged; by default folds over dancers that judge all clips.

    Returns:
        clip, dancer, style (the label), likely (the style that the network sees) and probability (of it).

    Raises:
        DatasetError: a clip has no skeletons, or there are too few dancers to hold some out.
    """
    from cleanlab.filter import find_label_issues  # warns in notebooks, where workers call this

    settings = settings or training_settings("skeleton_tcn")
    shares = np.full((len(dataset.clips), len(dataset.styles)), np.nan)
    for fold, split in enumerate(splits or outer_splits(dataset, "dancer", seed=seed)):
        shares[np.unique(dataset.clip_index[split.test])] = _probabilities(dataset, split, settings, seed + fold)
    judged = np.flatnonzero(np.isfinite(shares[:, 0]))
    labels = dataset.clip_labels[judged]
    if missing := sorted(set(range(len(dataset.styles))) - set(labels.tolist())):
        raise DatasetError(f"no clip of {dataset.styles[missing[0]]} can be judged: add dancers")
    ranked = judged[find_label_issues(labels, shares[judged], return_indices_ranked_by="self_confidence", n_jobs=1)]
    rows = []
    for place in ranked:
        clip, likely = dataset.clips[place], int(shares[place].argmax())
        if clip.clip_id not in settled and likely != dataset.clip_labels[place]:
            about = clip.clip_id, dataset.dancers[place], clip.style, dataset.styles[likely]
            rows.append((*about, float(shares[place, likely])))
    return pd.DataFrame(rows, columns=COLUMNS)


def _probabilities(dataset: Dataset, split: Split, settings: TrainingSettings, seed: int) -> np.ndarray:
    """Train on a split, and return the probabilities of the test part by clip, float32 [clips, styles]."""
    with TemporaryDirectory() as folder:
        model, _ = train_classifier(dataset, split, settings, Path(folder), seed)
    found = predict(model, dataset, split.test, split.test, settings)
    return pair_with_truth(dataset, split.test, found).probabilities


def plant_wrong_labels(dataset: Dataset, clips: Sequence[int], seed: int = 0) -> Dataset:
    """Return a dataset in which some clips, given by their indices, have another of its styles."""
    generator, changed = np.random.default_rng(seed), list(dataset.clips)
    for place in clips:
        others = [style for style in dataset.styles if style != changed[place].style]
        changed[place] = replace(changed[place], style=generator.choice(others).item())
    return replace(dataset, clips=tuple(changed))


def measure_trust(
    experiment: Experiment, folds: int, settings: TrainingSettings, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables of `trust_of_fold` of the first outer folds; recorded as `trust_answers`, `trust_listed`."""

    @cache
    def measured() -> list[tuple[pd.DataFrame, pd.DataFrame]]:
        tasks = [(str(experiment.workspace.dataset), fold, settings, seed) for fold in range(folds)]
        # joblib runs a single worker in this process, with other threads
        return call_each(_trust_of_fold, tasks, "folds", max(experiment.jobs, 2))

    names, key = ("trust_answers", "trust_listed"), (folds, asdict(settings), seed)
    return tuple(
        experiment.measure(name, lambda place=place: pd.concat([each[place] for each in measured()]), *key)
        for place, name in enumerate(names)
    )


def _trust_of_fold(data: str, fold: int, settings: TrainingSettings, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    one_thread()
    return trust_of_fold(open_dataset(Path(data)), fold, settings, seed)


def trust_of_fold(
    dataset: Dataset, fold: int, settings: TrainingSettings, seed: int = 0, share: float = WRONG
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Plant wrong labels among the dancers to learn from, list those that are likely wrong, and train with less trust.

    Args:
        fold: of the outer folds; the labels of the dancers that it holds out stay right.
        share: of the labels that are wrong.

    Returns:
        Answers: case (of `CASES`), dancer, clip, right. And one row with fold, planted, listed, right (of the listed).
    """
    split = outer_splits(dataset, "dancer", seed=seed)[fold]
    known = np.unique(dataset.clip_index[np.concatenate([split.train, split.validation])])
    chosen = np.random.default_rng([seed, fold]).choice(known, round(share * len(known)), replace=False)
    planted = {dataset.clips[place].clip_id for place in chosen}
    wrong = plant_wrong_labels(dataset, chosen, seed + fold)
    judged = [dataset.clips[place] for place in np.unique(dataset.clip_index[split.test])]
    tested = sorted({dataset.dancers[clip] for clip in np.unique(dataset.clip_index[split.test])})
    listed = set(doubtful_labels(wrong, (), settings, seed, _inner_splits(wrong, tested, seed))["clip"])
    pairs = [(own, given, own.clip_id in listed) for own, given in zip(dataset.clips, wrong.clips, strict=True)]
    doubted = tuple(replace(given, trust=DOUBTED) if bad else given for _, given, bad in pairs)
    corrected = tuple(own if bad else given for own, given, bad in pairs)
    sets = dataset, wrong, replace(wrong, clips=doubted), replace(wrong, clips=corrected)
    answers = []
    for case, data in zip(CASES, sets, strict=True):
        seen = _probabilities(data, split, settings, seed + fold).argmax(axis=1)
        for clip, label in zip(judged, seen, strict=True):
            right = dataset.styles[label] == clip.style
            answers.append({"case": case, "dancer": clip.dancer, "clip": clip.clip_id, "right": right})
    counts = {"fold": fold, "planted": len(planted), "listed": len(listed), "right": len(listed & planted)}
    return pd.DataFrame(answers), pd.DataFrame([counts])


def _inner_splits(dataset: Dataset, hold_out: Sequence[str], seed: int) -> list[Split]:
    """Return folds without some dancers, each of the others in one test part."""
    inner = make_splits(dataset, "dancer", seed=seed, hold_out=hold_out)
    return [
        replace(
            one, train=np.setdiff1d(one.train, another.validation), validation=another.validation, test=one.validation
        )
        for one, another in zip(inner, [*inner[1:], inner[0]], strict=True)
    ]
