"""Costs: what is made of the measurements, and that they are made once; nothing here depends on a machine's speed."""

import json
import math
from dataclasses import asdict, replace

import cv2
import numpy as np
import pytest

from dance_tf.dataset.arrays import gather
from dance_tf.experiments import cost_table as cost
from dance_tf.experiments.cost import time_rounds, weigh_network
from dance_tf.experiments.cost_table import Cost, Span, measure_costs
from dance_tf.experiments.spec import Job, load_result
from dance_tf.model.networks import STRATEGIES, NetworkSettings
from dance_tf.model.train import TrainingSettings


@pytest.fixture
def clip(tmp_path):
    """A clip of 20 pictures, 64 × 48."""
    folder = tmp_path / "clip"
    folder.mkdir()
    for number in range(20):
        cv2.imwrite(str(folder / f"{number:04d}.png"), np.full((48, 64), 10 * number, np.uint8))
    return folder


@pytest.fixture
def make_run(tmp_path):
    """Makes what a run of a strategy leaves on disk, without any run."""

    def make(view="difference"):
        job = Job(TrainingSettings(strategy="cnn", view=view))
        folder = tmp_path / "runs" / view
        folder.mkdir(parents=True)
        STRATEGIES["cnn"].build(NetworkSettings(classes=3)).save(folder / "model.keras")
        kept = {"job": asdict(job), "parameters": 7, "best_epoch": 0, "stopped_early": False, "seconds": 12.0}
        (folder / "result.json").write_text(json.dumps(kept))
        return load_result(folder)

    return make


def test_costs_are_measured_once_and_kept(monkeypatch, tmp_path, clip, make_run, blob_clips):
    dataset = gather(blob_clips(styles=2, dancers=2, frames=3))
    measured = []

    def here_and_now(function, *arguments):
        """In place of processes, which take seconds to start, and of a stopwatch."""
        measured.append(function)
        if function is weigh_network:
            path, frames = arguments
            assert frames.shape == (20, 128, 128, 1)
            return 100.0, 130.0
        assert function is time_rounds
        networks, path, frames, repeats = arguments
        assert (path, frames, repeats) == (str(clip), 20, 2)
        assert {view for _, view in networks.values()} == {"difference", "frame"}
        taken = {"network": [2.0, 4.0], "extraction": [1.0, 3.0], "head": [0.5, 0.25]}
        return {name: taken for name in networks}, {"decode": [10.0, 20.0], "room": [100.0, 300.0]}

    monkeypatch.setattr(cost, "apart", here_and_now)
    run = make_run()
    seconds = (12.0, 99.0, 13.0)
    rivals = {"cnn": [replace(run, seconds=each) for each in seconds], "other": [make_run("frame")]}

    def measure(machine):
        return measure_costs(rivals, dataset, [clip], tmp_path, machine, frames=20, repeats=2)

    first, again = measure("a machine"), measure("a machine")
    assert sorted(function.__name__ for function in measured) == ["time_rounds", "weigh_network", "weigh_network"]
    assert again.networks["cnn"].network == first.networks["cnn"].network == Span(3.0, 2.0, 4.0, 2)
    found = first.networks["cnn"]
    # a median: one slow run does not move it; and as many as there were
    assert found.training == Span(13.0, 12.0, 99.0, 3)
    # added round by round: 10 + 100 + 2 and 20 + 300 + 4
    assert found.total == Span(218.0, 112.0, 324.0, 2)
    assert first.networks["other"].total == Span(18.0, 12.0, 24.0, 2)
    assert (found.attention.count, math.isnan(found.attention.median)) == (0, True)
    assert (found.parameters, found.peak_memory_mb, first.idle_memory_mb) == (7, 130.0, 100.0)
    assert found.size_mb == (run.folder / "model.keras").stat().st_size / 1e6
    assert (first.picture, first.frames, first.repeats, first.filmed) == ((64, 48), 20, 2, False)
    assert (first.decode.median, first.room.median) == (15.0, 200.0)
    measure("another machine")
    assert measured.count(time_rounds) == 2


def test_ratios_to_another_network():
    def spans(*medians):
        return (Span(median, 0.0, 9.0, 3) for median in medians)

    one = Cost(*spans(2.0, math.nan, 1.0, 3.0, 4.0, 10.0), 6.0, 300, 50.0)
    other = Cost(*spans(1.0, 0.5, 0.5, 2.0, 1.0, 5.0), 3.0, 100, 100.0)
    ratios = one.relative_to(other)
    assert (ratios["extraction_seconds"], ratios["parameters"], ratios["peak_memory_mb"]) == (2.0, 3.0, 0.5)
    assert (ratios["network_seconds"], ratios["total_seconds"]) == (1.5, 4.0)
    assert math.isnan(ratios["attention_seconds"])


def test_a_span_of_nothing():
    assert Span.of([3.0, 1.0, 2.0]) == Span(2.0, 1.0, 3.0, 3)
    nothing = Span.of([])
    assert nothing.count == 0
    assert math.isnan(nothing.median)
