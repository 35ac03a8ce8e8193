"""The stages of a verdict: each is measured, and none takes less than what it cannot do without."""

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from dance_tf.cli import DONE, FAILED, app
from dance_tf.curation.filters import CURATION_DEFAULTS
from dance_tf.curation.run import reading_to_json
from dance_tf.model.bundle import ModelBundle, ModelDescription, save_bundle
from dance_tf.model.layers import initialize_weights
from dance_tf.model.networks import NetworkSettings, strategy_of
from dance_tf.pose.read import PoseSettings
from dance_tf.pose.weights import WeightsError, load_weights
from dance_tf.serving.stages import describe_stages
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.studio import synthesize
from dance_tf.video.settings import READ_DEFAULTS


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    synthesize(folder, StudioSettings(1, 1, 3.0, frame_rate=10.0, faults=False, width=180, height=320))
    return next(folder.rglob("*.mp4"))


def measured(strategy, view, poses, clip, tmp_path):
    """Profile a network with random weights by the verb; return the rows by stage, and what the terminal shows."""
    model = strategy_of(strategy).build(NetworkSettings(classes=3))
    initialize_weights(model, 0)
    reading = reading_to_json(READ_DEFAULTS, CURATION_DEFAULTS, poses)
    description = ModelDescription(("a", "b", "c"), strategy, view, reading=reading)
    folder = save_bundle(tmp_path / strategy, ModelBundle(model, description), fast=True)
    done = CliRunner().invoke(app, ["profile", str(folder), str(clip), "--rounds", "1", "--json"])
    assert done.exit_code == DONE, done.output
    return pd.DataFrame(json.loads(done.stdout)["stages"]).set_index("stage")


def test_the_stages_of_a_network_of_frames(clip, tmp_path):
    stages = measured("cnn", "frame", None, clip, tmp_path)
    assert list(stages.index) == ["decode", "shrink", "curate", "network", "verdict"]
    assert (stages.drop(index="shrink")["seconds"] > 0).all()
    assert 0 < stages["least"]["network"] < stages["seconds"]["network"]
    assert stages["seconds"]["verdict"] > stages["seconds"]["network"]
    shown = describe_stages(stages.reset_index()).splitlines()
    assert len(shown) == 6 and shown[1].startswith("decode") and shown[1].endswith("decoder")


def test_the_stages_of_a_network_of_skeletons(clip, tmp_path):
    try:
        load_weights()
    except WeightsError as error:
        pytest.skip(str(error))
    stages = measured("skeleton_tcn", "skeleton", PoseSettings(), clip, tmp_path)
    assert list(stages.index) == ["decode", "shrink", "poses", "curate", "network", "verdict"]
    assert 0 < stages["least"]["poses"] < stages["seconds"]["poses"]


def test_a_folder_of_images_is_refused(tmp_path, clip):
    folder = tmp_path / "images"
    folder.mkdir()
    model = strategy_of("cnn").build(NetworkSettings(classes=3))
    place = save_bundle(tmp_path / "model", ModelBundle(model, ModelDescription(("a", "b", "c"), "cnn", "frame")))
    refused = CliRunner().invoke(app, ["profile", str(place), str(folder)])
    assert refused.exit_code == FAILED and "stages are measured on a video file" in refused.stderr
