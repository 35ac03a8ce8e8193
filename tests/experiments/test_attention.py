"""Channel attention of trained networks: its weights, their variation, and frozen gates."""

import keras
import numpy as np
import pytest

from dance_tf.dataset.store import open_dataset
from dance_tf.experiments.attention import attention_weights, freeze_gates, frozen_gate_loss, held_out_weights
from dance_tf.experiments.cache import Run
from dance_tf.experiments.spec import RunSpec, split_of
from dance_tf.experiments.training import pair_with_truth
from dance_tf.model.networks import STRATEGIES, NetworkSettings
from dance_tf.model.settings import TrainingSettings
from dance_tf.model.train import predict

FRAMES = np.random.default_rng(4).integers(0, 256, (8, 128, 128, 1), dtype=np.uint8)


@pytest.fixture
def network():
    keras.utils.set_random_seed(0)
    return STRATEGIES["cnn_ae_attention"].build(NetworkSettings(classes=2))


def test_weights_are_the_factors_of_the_layer(network):
    found = attention_weights(network, FRAMES)
    assert {path: weights.shape for path, weights in found.items()} == {"cnn": (8, 32), "encoder": (8, 64)}
    layer = network.get_layer("encoder_attention")
    before, after = keras.Model(network.inputs, [layer.input, layer.output]).predict_on_batch(FRAMES)
    np.testing.assert_allclose(after, before * found["encoder"][:, None, None], rtol=1e-4, atol=1e-6)


def test_frozen_gates_are_the_means_over_the_given_frames(network):
    before = attention_weights(network, FRAMES)
    freeze_gates(network, FRAMES[:5])
    after = attention_weights(network, FRAMES)
    for path, weights in before.items():
        assert weights.std(axis=0).max() > 1e-4
        np.testing.assert_allclose(after[path], np.tile(weights[:5].mean(axis=0), (8, 1)), rtol=1e-4)


@pytest.fixture(scope="module")
def dataset(tiny_data):
    return open_dataset(tiny_data)


@pytest.fixture
def run(network, dataset, tmp_path):
    """An untrained network as a run with predictions on its held-out dancer."""
    spec = RunSpec(TrainingSettings(view="frame"), folds=3)
    network.save(tmp_path / "model.keras")
    run = Run(spec, tmp_path, 0, 0, False, 0.0, 0.0)
    test = split_of(dataset, spec).test
    pair_with_truth(dataset, test, predict(network, dataset, test, test, spec.settings)).save(tmp_path / "test.csv")
    return run


def test_weights_on_held_out_frames_are_described_by_style(run, dataset):
    table = held_out_weights(dataset, run, frames_per_clip=100)
    assert list(table.columns) == ["path", "channel", "style", "mean", "deviation"]
    assert table.groupby("path")["channel"].nunique().to_dict() == {"cnn": 32, "encoder": 64}
    test = split_of(dataset, run.spec).test
    weights = attention_weights(run.load_model(), dataset.frames[test[dataset.labels[test] == 0]])["cnn"]
    found = table[(table["path"] == "cnn") & (table["style"] == dataset.styles[0])].sort_values("channel")
    np.testing.assert_allclose(found["mean"], weights.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(found["deviation"], weights.std(axis=0, ddof=1), rtol=1e-2, atol=1e-6)


def test_the_loss_of_frozen_gates_is_measured_on_the_run_s_own_frames(run, dataset):
    found = frozen_gate_loss(dataset, [run], resamples=50)
    assert set(found) == {"frame", "clip"} and found["frame"]["runs"] == 1
    for change in found.values():
        assert -1 <= change["low"] <= change["mean"] <= change["high"] <= 1 and change["runs"] == 1
