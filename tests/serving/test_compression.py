"""Compressed networks: the table that compares them with the network itself."""

import keras
import numpy as np
import pytest

from dance_tf.dataset.dataset import gather
from dance_tf.experiments.cache import Run
from dance_tf.experiments.spec import RunSpec, split_of
from dance_tf.model.litert import PRECISIONS
from dance_tf.model.networks import REGISTERED, NetworkSettings
from dance_tf.model.settings import training_settings
from dance_tf.serving.compression import measure_precisions


@pytest.fixture(scope="module")
def dataset(blob_clips):
    return gather(blob_clips(styles=3, dancers=6, frames=4))


def untrained(strategy, folder):
    keras.utils.set_random_seed(1)
    REGISTERED[strategy].build(NetworkSettings(classes=3)).save(folder / "model.keras")
    return Run(RunSpec(training_settings(strategy), folds=3), folder, 0, 0, False, 0.0, 0.0)


def test_each_precision_is_compared_with_the_network_on_held_out_clips(dataset, tmp_path):
    run = untrained("skeleton_tcn", tmp_path)
    table = measure_precisions([run], dataset, rounds=1)
    test = split_of(dataset, run.spec).test
    clips = {dataset.clips[clip].clip_id for clip in np.unique(dataset.clip_index[test])}
    assert table["precision"].unique().tolist() == list(PRECISIONS)
    assert all(set(rows["clip"]) == clips for _, rows in table.groupby("precision"))
    exact, small = (table[table["precision"] == precision] for precision in ("float32", "int8"))
    assert exact["same"].all() and exact["drift"].max() < 1e-5 < small["drift"].max() < 0.3
    assert 0 < small["bytes"].iloc[0] < 0.35 * exact["bytes"].iloc[0]
    assert (table[["ms 1", "ms 2"]] > 0).all(axis=None)


def test_a_network_that_litert_does_not_have_is_left_out(dataset, tmp_path):
    table = measure_precisions([untrained("cnn_lstm", tmp_path)], dataset)
    assert table.empty and "precision" in table
