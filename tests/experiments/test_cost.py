"""Costs: how networks are cut, what is timed, and the table made of it; no test depends on the speed of a machine."""

from pathlib import Path
from types import SimpleNamespace

import cv2
import keras
import numpy as np
import pytest

from dance_tf.curation.background import estimate_background
from dance_tf.experiments import cost
from dance_tf.experiments.attention import attention_blocks
from dance_tf.experiments.cache import Run
from dance_tf.experiments.cost import (
    BATCH,
    SHARED,
    NetworkFile,
    cut_network,
    measure_costs,
    measure_memory,
    network_steps,
    peak_memory,
    read_clip,
    subtract_background,
    time_rounds,
    timed_clip,
)
from dance_tf.experiments.spec import RunSpec
from dance_tf.model.networks import STRATEGIES, NetworkSettings
from dance_tf.model.settings import TrainingSettings

FRAMES = np.random.default_rng(4).integers(0, 256, (70, 128, 128, 1), dtype=np.uint8)


def build(strategy, **changes):
    keras.utils.set_random_seed(0)  # with other weights all outputs of a channel may be 0
    return STRATEGIES[strategy].build(NetworkSettings(classes=4, dropout=0.3, resnet_width=4, **changes))


@pytest.fixture
def clip(tmp_path):
    """A clip of 20 pictures, 64 × 48."""
    folder = tmp_path / "clip"
    folder.mkdir()
    for number in range(20):
        cv2.imwrite(str(folder / f"{number:04d}.png"), np.full((48, 64), 10 * number, np.uint8))
    return folder


@pytest.fixture
def network(tmp_path):
    path = tmp_path / "model.keras"
    build("cnn").save(path)
    return str(path)


@pytest.mark.parametrize(
    ("strategy", "attention", "spatial"),
    [("cnn", 0, False), ("resnet", 0, False), ("cnn_ae", 0, False), ("cnn_ae_attention", 1, False),
     ("cnn_ae_attention", 2, True)],
)  # fmt: skip
def test_parts_make_the_whole(strategy, attention, spatial):
    whole = build(strategy, spatial_attention=spatial)
    parts = cut_network(whole)
    assert [len(block) for block in attention_blocks(whole)] == ([attention] * 2 if attention else [])
    assert set(parts) == {"extraction", "head", *(["attention"] if attention else [])}
    vector = parts["extraction"].predict_on_batch(FRAMES[:5])
    if attention:
        assert sorted(found.shape for found in vector) == [(5, 4, 4, 32), (5, 4, 4, 64)]
        weighted = parts["attention"].predict_on_batch(vector)
        cnn, encoder = sorted((found.reshape(5, -1) for found in weighted), key=lambda found: found.shape[1])
        vector = np.concatenate([cnn, encoder], axis=1)
    np.testing.assert_allclose(parts["head"].predict_on_batch(vector), whole.predict_on_batch(FRAMES[:5]), atol=1e-5)


def test_a_long_clip_is_used_and_a_short_one_replaced_by_a_synthetic_clip_once(clip, tmp_path):
    assert timed_clip([clip], 20, tmp_path) == (clip, (64, 48), False)
    frames = read_clip(clip, 4)
    assert frames.shape == (4, 128, 128, 1) and frames[:, 64, 64, 0].tolist() == [0, 10, 20, 30]
    path, size, synthetic = timed_clip([clip], 32, tmp_path / "work")
    assert (size, synthetic, path.suffix, len(read_clip(path, 100))) == ((64, 48), True, ".mp4", 32)
    written = path.stat().st_mtime_ns
    assert timed_clip([clip], 32, tmp_path / "work")[0] == path and path.stat().st_mtime_ns == written


def test_the_background_is_subtracted_as_in_curation():
    background = estimate_background(FRAMES[..., 0]).picture
    expected = np.abs(FRAMES[..., 0].astype(int) - background.astype(int))
    np.testing.assert_array_equal(subtract_background(FRAMES, "difference")[..., 0], expected)
    assert subtract_background(FRAMES, "frame") is FRAMES


@pytest.mark.parametrize("strategy", ["cnn_lstm", "cnn_ae_attention"])
def test_every_step_runs_over_the_whole_clip(strategy):
    whole = build(strategy)
    steps = network_steps(whole, FRAMES, cut=True)
    assert set(steps) == {"network", "extraction", "head", *(["attention"] if strategy.endswith("attention") else [])}
    for step in steps.values():
        sizes = [len(part[0] if isinstance(part, list) else part) for part in step()]
        assert sizes == [BATCH, len(FRAMES) - BATCH]
    assert np.concatenate(steps["network"]()).shape == (len(FRAMES), 4)
    assert set(network_steps(whole, FRAMES[:2], cut=False)) == {"network"}


def test_every_step_is_timed_once_a_round_and_a_users_network_as_a_whole(network, clip, tmp_path):
    own = tmp_path / "own.py"
    own.write_text("from dance_tf.model.networks import STRATEGIES\nbuild = STRATEGIES['cnn'].build\n")
    networks = {"a": NetworkFile("cnn", network, "frame"), "b": NetworkFile(f"{own}:build", network, "difference")}
    taken = time_rounds(networks, str(clip), 5, 2)
    steps = {"a": {"network", "extraction", "head"}, "b": {"network"}, SHARED: {"decode", "background"}}
    assert {name: set(found) for name, found in taken.items()} == steps
    times = [seconds for found in taken.values() for seconds in found.values()]
    assert all(len(seconds) == 2 and min(seconds) > 0 for seconds in times)
    before, peak = measure_memory(networks["b"], FRAMES[:5])
    assert 0 < before <= peak <= 1.01 * peak_memory()  # Linux counts in steps


def test_the_table_of_costs(monkeypatch, tmp_path, clip, network):
    def without_processes(function, *arguments):
        if function is measure_memory:
            assert arguments[1].shape == (20, 128, 128, 1)
            return 100.0, 130.0
        networks, path, frames, repeats = arguments
        assert (function, path, frames, repeats) == (time_rounds, str(clip), 20, 2)
        times = {"network": [2.0, 4.0], "extraction": [1.0, 3.0], "head": [0.5, 0.25]}
        return {SHARED: {"decode": [10.0, 20.0], "background": [100.0, 300.0]}, **dict.fromkeys(networks, times)}

    monkeypatch.setattr(cost, "in_subprocess", without_processes)
    folder = Path(network).parent
    specs = [RunSpec(TrainingSettings("cnn"), fold=fold) for fold in range(3)]
    specs.append(RunSpec(TrainingSettings("cnn", "frame"), name="other"))
    runs = [Run(spec, folder, 7, 0, False, s, 1.0) for spec, s in zip(specs, (11, 98, 12, 5), strict=True)]
    runs.append(Run(RunSpec(TrainingSettings("cnn"), fold=3), folder, 7, 0, False, 2.0, 1.0, backend="jax"))
    rows = [SimpleNamespace(part="clip"), SimpleNamespace(part="")]  # curation refused the second
    workspace = SimpleNamespace(rows=lambda: rows, clip_path=lambda row: clip, work=tmp_path)
    given = []
    experiment = SimpleNamespace(workspace=workspace, with_weights=given.extend)
    table = measure_costs(runs, experiment, "a machine", frames=20, repeats=2)
    assert given == [runs[0], runs[3]]
    described = table[["machine", "frames", "width", "height", "synthetic"]].drop_duplicates()
    assert described.to_numpy().tolist() == [["a machine", 20, 64, 48, False]]
    found = table.set_index(["name", "cost"])[["median", "min", "max", "count"]]
    assert found.loc[("cnn", "network_seconds")].tolist() == [3.0, 2.0, 4.0, 2]
    # summed in each round: 10 + 100 + 2 and 20 + 300 + 4
    assert found.loc[("cnn", "total_seconds")].tolist() == [218.0, 112.0, 324.0, 2]
    assert found.loc[("other", "total_seconds")].tolist() == [18.0, 12.0, 24.0, 2]
    assert found.loc[("cnn", "training_seconds")].tolist() == [13.0, 12.0, 99.0, 3]
    assert np.isnan(found.loc[("cnn", "attention_seconds"), "median"])
    medians = found["median"]
    assert (medians["cnn", "parameters"], medians["cnn", "peak_memory_mb"]) == (7, 130.0)
    assert medians["cnn", "size_mb"] == Path(network).stat().st_size / 1e6
    shared = {"decode_seconds": 15.0, "background_seconds": 200.0, "idle_memory_mb": 100.0}
    assert medians[SHARED].to_dict() == shared
