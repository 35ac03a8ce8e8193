"""Costs: what is measured and that it is measured once; nothing here depends on the speed of a machine."""

import json
import math
from dataclasses import asdict, replace

import numpy as np
import pytest

from dance_tf.dataset.arrays import gather
from dance_tf.model.paths import NetworkSettings
from dance_tf.model.strategies import STRATEGIES
from dance_tf.model.training import TrainingSettings
from dance_tf.paper import cost
from dance_tf.paper.cost import Cost, measure_costs, peak_memory, time_decoding, time_network
from dance_tf.paper.runs import Job, load_result

FRAMES = np.zeros((70, 128, 128, 1), np.uint8)


@pytest.fixture
def clip(tmp_path):
    """A clip of five pictures, 64 × 48."""
    import cv2

    folder = tmp_path / "clip"
    folder.mkdir()
    for number in range(5):
        cv2.imwrite(str(folder / f"{number:04d}.png"), np.full((48, 64), 40 * number, np.uint8))
    return folder


@pytest.fixture
def run(tmp_path):
    job = Job(TrainingSettings(strategy="cnn"))
    folder = tmp_path / "runs" / "abc"
    folder.mkdir(parents=True)
    STRATEGIES["cnn"].build(NetworkSettings(classes=3)).save(folder / "model.keras")
    kept = {"job": asdict(job), "parameters": 7, "best_epoch": 0, "stopped_early": False, "seconds": 12.5}
    (folder / "result.json").write_text(json.dumps(kept))
    return load_result(folder)


def test_a_network_without_attention_has_no_time_for_it(run):
    seconds, before, peak = time_network(str(run.folder / "model.keras"), FRAMES, repeats=1)
    assert set(seconds) == {"attention", "extraction", "head", "network"}
    assert math.isnan(seconds["attention"])
    assert min(seconds["extraction"], seconds["head"], seconds["network"]) > 0
    assert 0 < before <= peak <= peak_memory()


def test_decoding_reads_clips_again_until_there_are_enough(clip):
    seconds, picture = time_decoding([clip], frames=13, repeats=1)
    assert seconds > 0
    assert picture == (64, 48)


def test_nothing_to_decode_is_refused():
    with pytest.raises(ValueError, match="no clips"):
        time_decoding([], 1, 1)


def test_costs_are_measured_once_and_kept(monkeypatch, tmp_path, clip, run, blob_clips):
    dataset = gather(blob_clips(styles=2, dancers=2, frames=3))
    measured = []

    class HereAndNow:
        """In place of a process of its own, which takes seconds to start."""

        def __init__(self, *_):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def submit(self, function, path, frames, repeats):
            measured.append(frames.shape)
            return self

        def result(self):
            return {"extraction": 2.0, "attention": math.nan, "head": 0.5, "network": 2.25}, 100.0, 130.0

    monkeypatch.setattr(cost, "ProcessPoolExecutor", HereAndNow)
    rivals = {"cnn": [run, replace(run, seconds=13.5)]}
    first = measure_costs(rivals, dataset, [clip], tmp_path, "a machine", frames=20, repeats=2)
    again = measure_costs(rivals, dataset, [clip], tmp_path, "a machine", frames=20, repeats=2)
    assert measured == [(20, 128, 128, 1)]
    assert again.networks["cnn"].inference_seconds == first.networks["cnn"].inference_seconds
    found = first.networks["cnn"]
    assert (found.training_seconds, found.parameters, found.peak_memory_mb) == (13.0, 7, 130.0)
    assert found.inference_seconds == first.decode_seconds + 2.25
    assert found.size_mb == (run.folder / "model.keras").stat().st_size / 1e6
    assert (first.picture, first.frames, first.repeats, first.idle_memory_mb) == ((64, 48), 20, 2, 100.0)
    measure_costs(rivals, dataset, [clip], tmp_path, "another machine", frames=20, repeats=2)
    assert len(measured) == 2


def test_ratios_to_another_network():
    one = Cost(2.0, math.nan, 1.0, 3.0, 4.0, 6.0, 300, 10.0, 50.0)
    other = Cost(1.0, 0.5, 0.5, 2.0, 1.0, 3.0, 100, 5.0, 100.0)
    ratios = one.relative_to(other)
    assert (ratios["extraction_seconds"], ratios["parameters"], ratios["peak_memory_mb"]) == (2.0, 3.0, 0.5)
    assert math.isnan(ratios["attention_seconds"])
