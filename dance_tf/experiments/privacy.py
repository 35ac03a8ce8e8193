"""What tells of a dancer in that which an edge sends: who dances, and what the dancer looks like."""

from collections.abc import Sequence

import cv2
import keras
import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dance_tf.dataset.batches import sample_evenly
from dance_tf.dataset.dataset import Dataset
from dance_tf.evaluation.predictions import predict_batches
from dance_tf.experiments.cache import Run
from dance_tf.experiments.shortcuts import guess_all
from dance_tf.experiments.spec import split_of
from dance_tf.model.fit import load_sequences
from dance_tf.model.split import split_network

SHRUNK = 16  # side of frames from which dancers are guessed, pixels
REBUILT = 64  # side of frames that are rebuilt, pixels
LEARNT, SCORED, SHOWN = 8, 4, 6  # frames of each clip; pictures
ALPHAS = 10.0 ** np.arange(0, 7)  # of the ridge regression, chosen by leave-one-out


def cut_answers(dataset: Dataset, runs: Sequence[Run]) -> pd.DataFrame:
    """Return whether a linear classifier tells held-out dancers apart from what an edge sends, at each cut.

    Returns:
        As `dancer_answers`, with the column cut (`serving.wire.CUTS`).
    """
    return guess_all(dataset, runs, _sent)


def _sent(model: keras.Model, inputs: np.ndarray | dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return by cut what is sent of each input, float [n, numbers]; of skeletons their mean and spread over time."""
    sent = {cut: predict_batches(edge, inputs) for cut, (edge, _) in split_network(model).items()}
    if isinstance(inputs, np.ndarray) and inputs.dtype == np.uint8:
        frames = inputs.reshape(len(inputs), -1, *inputs.shape[-3:]).mean(axis=1)
        sent["frames"] = np.stack([cv2.resize(one, (SHRUNK, SHRUNK), interpolation=cv2.INTER_AREA) for one in frames])
        sent["frames"] = sent["frames"].reshape(len(inputs), -1)
    elif isinstance(inputs, np.ndarray):
        sent["skeletons"] = np.concatenate([inputs.mean(axis=1), inputs.std(axis=1)], axis=1).reshape(len(inputs), -1)
    return sent | {"verdict": predict_batches(model, inputs)}


def rebuild_frames(dataset: Dataset, run: Run) -> dict[str, np.ndarray]:
    """Rebuild what a network of frames reads from what an edge sends at each cut, as someone who listens could.

    A ridge regression learns on the training part to tell the pixels from what is sent of the same frame; where there
    are skeletons, also from the 33 landmarks, as the cut "skeletons" sends them.

    Returns:
        clip, dancer: str [clips], of the test part. total: float64 [clips], squared difference of the pixels from their
        mean over the training part. `explained CUT`: float64 [clips], how much of it the rebuilt pixels explain, which
        is negative where they are worse than the mean. `picture` and `picture CUT`: uint8 [SHOWN, REBUILT, REBUILT],
        original and rebuilt frames of several clips, brightened.
    """
    split, settings, model = split_of(dataset, run.spec), run.spec.settings, run.load_model()
    learnt = sample_evenly(split.train, dataset.clip_index, LEARNT)
    scored = sample_evenly(split.test, dataset.clip_index, SCORED)
    sent, pixels = [], []
    for indices, part in ((learnt, split.train), (scored, split.test)):
        frames = load_sequences(dataset, indices, part, settings)
        values = {cut: predict_batches(edge, frames) for cut, (edge, _) in split_network(model).items()}
        if dataset.has_poses:
            values["skeletons"] = dataset.skeletons.landmarks[dataset.nearest_pose[indices]].reshape(len(indices), -1)
        sent.append(values | {"verdict": predict_batches(model, frames)})
        small = [cv2.resize(frame, (REBUILT, REBUILT), interpolation=cv2.INTER_AREA) for frame in frames]
        pixels.append(np.stack(small).reshape(len(small), -1).astype(np.float32))
    clips, rows = np.unique(dataset.clip_index[scored], return_inverse=True)
    shown = np.unique(rows, return_index=True)[1][np.linspace(0, len(clips) - 1, SHOWN).round().astype(int)]

    def by_clip(squares: np.ndarray) -> np.ndarray:
        return np.bincount(rows, squares.sum(axis=1, dtype=np.float64))

    def pictures(values: np.ndarray) -> np.ndarray:
        brighter = 255 * np.sqrt(values[shown].clip(0, 255) / 255)
        return brighter.round().astype(np.uint8).reshape(-1, REBUILT, REBUILT)

    total = by_clip((pixels[1] - pixels[0].mean(axis=0)) ** 2)
    found = {
        "clip": np.array([dataset.clips[clip].clip_id for clip in clips]),
        "dancer": np.array(dataset.dancers)[clips],
        "total": total,
        "picture": pictures(pixels[1]),
    }
    for cut in sent[0]:
        decoder = make_pipeline(StandardScaler(), RidgeCV(ALPHAS)).fit(sent[0][cut], pixels[0])
        rebuilt = decoder.predict(sent[1][cut])
        found[f"explained {cut}"] = total - by_clip((pixels[1] - rebuilt) ** 2)
        found[f"picture {cut}"] = pictures(rebuilt)
    return found
