"""Compressed networks beside the network itself: bytes, time, and what they still know of held-out dancers."""

import time
from collections.abc import Sequence

import keras
import numpy as np
import pandas as pd

from dance_tf.dataset.batches import sample_evenly
from dance_tf.dataset.dataset import Dataset
from dance_tf.evaluation.predictions import Predictions
from dance_tf.experiments.cache import Run
from dance_tf.experiments.spec import split_of
from dance_tf.experiments.training import pair_with_truth
from dance_tf.model.fit import load_sequences
from dance_tf.model.litert import PRECISIONS, ExportError, Inputs, LiteNetwork, convert
from dance_tf.model.train import predict
from dance_tf.serving.export import sample_inputs

THREADS = (1, 2)
TIMED_ROWS = 32


def measure_precisions(runs: Sequence[Run], dataset: Dataset, rounds: int = 5) -> pd.DataFrame:
    """Compare the LiteRT files of trained runs with their networks, on the clips of their test parts.

    "int8" finds the range of all activations with clips of the training part. A network that LiteRT does not have is
    left out.

    Args:
        runs: with their models.
        rounds: of timing, in which the precisions take turns, after one that is not counted.

    Returns:
        One row per run, precision and clip: name, precision, bytes, `ms N` (median time of a frame or window with N of
        `THREADS`), clip, dancer, right, same (the style is that of the network), drift (change of the probability of
        the clip's style).
    """
    columns = ["name", "precision", "bytes", *(f"ms {threads}" for threads in THREADS)]
    columns += ["clip", "dancer", "right", "same", "drift"]
    tables = []
    for run in runs:
        settings, split, model = run.spec.settings, split_of(dataset, run.spec), run.load_model()
        samples = sample_inputs(settings, dataset, split.train)
        try:
            files = {precision: convert(model, precision, samples) for precision in PRECISIONS}
        except ExportError:
            continue
        indices = sample_evenly(split.test, dataset.clip_index, run.spec.score_frames)
        spent = _time_files(files, load_sequences(dataset, indices[:TIMED_ROWS], split.test, settings), rounds)

        def answers(network: keras.Model | LiteNetwork, run=run, split=split, indices=indices) -> Predictions:
            probabilities = predict(network, dataset, indices, split.test, run.spec.settings)
            return pair_with_truth(dataset, indices, probabilities)

        whole = answers(model)
        places = np.arange(len(whole.labels)), whole.labels
        for precision, content in files.items():
            found = answers(LiteNetwork(content))
            answered = {
                "clip": whole.clip_ids,
                "dancer": whole.groups,
                "right": found.predicted == whole.labels,
                "same": found.predicted == whole.predicted,
                "drift": np.abs(found.probabilities[places] - whole.probabilities[places]),
            }
            about = {"name": run.spec.name, "precision": precision, "bytes": len(content), **spent[precision]}
            tables.append(pd.DataFrame({**about, **answered}))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def _time_files(files: dict[str, bytes], inputs: Inputs, rounds: int) -> dict[str, dict[str, float]]:
    """Return by precision, as `ms N`, the median milliseconds of an input with each number of threads."""
    count = len(keras.tree.flatten(inputs)[0])
    networks = {
        (precision, threads): LiteNetwork(content, threads)
        for precision, content in files.items()
        for threads in THREADS
    }
    seconds = {key: [] for key in networks}
    for _ in range(rounds + 1):
        for key, network in networks.items():
            started = time.perf_counter()
            network.predict(inputs)
            seconds[key].append(time.perf_counter() - started)
    return {
        precision: {f"ms {threads}": 1e3 * np.median(seconds[precision, threads][1:]) / count for threads in THREADS}
        for precision in files
    }
