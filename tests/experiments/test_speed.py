"""Stages of a training step and of making a clip: every one is measured beside the least that it needs."""

from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest

from dance_tf.experiments import speed
from dance_tf.experiments.cost import in_subprocess
from dance_tf.experiments.spec import RunSpec
from dance_tf.experiments.speed import count_operations, making_stages, medians, training_stages
from dance_tf.synthesis.settings import StudioSettings


def test_operations_are_counted_for_one_input():
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(5, 3, padding="same", use_bias=False)(inputs))
    assert count_operations(model) == 2 * 8 * 8 * 9 * 3 * 5


def test_the_median_of_each_stage_is_kept_in_order():
    rounds = [[("late", 5.0, 1.0, "memory"), ("early", number, np.nan, "")] for number in (1.0, 9.0, 2.0)]
    found = medians(pd.DataFrame(rows, columns=speed.COLUMNS) for rows in rounds)
    assert list(found["stage"]) == ["late", "early"] and list(found["seconds"]) == [5.0, 2.0]
    assert found["least"][0] == 1.0 and np.isnan(found["least"][1])


def test_the_stages_of_a_training_step(tiny, tiny_data):
    spec = RunSpec(tiny, folds=5)
    found = in_subprocess(training_stages, tiny_data, spec, 2).set_index("stage")
    assert list(found.index) == ["frames", "forward", "backward"]
    assert (found["seconds"][["frames", "forward"]] > 0).all() and (found["frames"] == found["frames"].iloc[0]).all()
    assert found["least"]["backward"] == pytest.approx(2 * found["least"]["forward"])
    assert 0 < found["least"]["forward"] < found["seconds"]["forward"]


def test_the_stages_of_making_a_clip(monkeypatch, tmp_path):
    settings = StudioSettings(1, 1, 0.5, width=96, height=128, frame_rate=10.0)
    written = []
    monkeypatch.setattr(speed, "write_clip", lambda folder, name, key, clip: written.extend(clip.frames()))
    found = making_stages(settings, 2).set_index("stage")
    assert list(found.index) == ["dance", "draw", "encode"] and (found["frames"] == 5).all()
    assert len(written) == 2 * 5, "each round draws all frames again while it encodes"
    longer = making_stages(replace(settings, seconds=2.0), 1).set_index("stage")
    assert longer["least"]["draw"] > found["least"]["draw"]
