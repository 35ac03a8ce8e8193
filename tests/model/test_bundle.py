import dataclasses
import json

import keras
import numpy as np
import pytest

from dance_tf.model.bundle import ModelBundle, ModelDescription, ModelError, load_bundle, save_bundle
from dance_tf.model.networks import STRATEGIES

FRAMES = np.random.default_rng(0).integers(0, 256, (2, 128, 128, 1), dtype=np.uint8)
DESCRIPTION = ModelDescription(
    styles=tuple(f"s{number}" for number in range(12)),
    strategy="cnn_ae_attention",
    view="difference",
    sequence_length=1,
    frame_size=64,
    data_hash="abc",
    held_out=("d1", "d2"),
    settings={"batch_size": 32, "schedule": {"epochs": 3}},
    reading={"fit": "pad"},
    thresholds={"doubtful": 0.4},
)


@pytest.fixture(scope="module")
def folder(networks, tmp_path_factory):
    bundle = ModelBundle(networks["cnn_ae_attention"], DESCRIPTION)
    return save_bundle(tmp_path_factory.mktemp("bundle") / "model", bundle)


def test_a_bundle_comes_back_as_it_was(folder, networks):
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "model.keras"]
    found = load_bundle(folder)
    assert found.description == DESCRIPTION
    np.testing.assert_array_equal(found.model(FRAMES), networks["cnn_ae_attention"](FRAMES))


def test_older_descriptions_lack_keys(folder, tmp_path):
    found = load_bundle(broken(folder, tmp_path, frame_size=None, learnt_clips=None, learnt_dancers=None)).description
    assert found == dataclasses.replace(DESCRIPTION, frame_size=128)


@pytest.mark.parametrize("name", ["resnet", "cnn_lstm"])
def test_every_kind_of_network_can_be_kept(networks, tmp_path, name):
    description = dataclasses.replace(DESCRIPTION, strategy=name, sequence_length=8)
    found = load_bundle(save_bundle(tmp_path / "model", ModelBundle(networks[name], description)))
    shape = (2, 8, 128, 128, 1) if STRATEGIES[name].sequence else (2, 128, 128, 1)
    frames = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(found.model(frames), networks[name](frames))


def test_a_folder_of_that_name_is_replaced_whole(networks, tmp_path, folder):
    bundle = load_bundle(folder)
    save_bundle(tmp_path / "model", bundle)
    (tmp_path / "model" / "stray").touch()
    save_bundle(tmp_path / "model", bundle)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["model", "model.json", "model.keras"]


def broken(folder, tmp_path, **changes):
    """A copy of a model folder whose description was changed; None takes a key away."""
    content = json.loads((folder / "model.json").read_text()) | changes
    (tmp_path / "model.keras").write_bytes((folder / "model.keras").read_bytes())
    (tmp_path / "model.json").write_text(
        json.dumps({name: value for name, value in content.items() if value is not None})
    )
    return tmp_path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 99}, "written by another version of dance_tf: train it again"),
        ({"format": None}, "cannot be read as a model"),
        ({"styles": None}, "cannot be read as a model"),
        ({"surprise": 1}, "cannot be read as a model"),
    ],
)
def test_a_description_that_does_not_fit_is_refused_in_one_line(folder, tmp_path, changes, message):
    with pytest.raises(ModelError, match=message) as refused:
        load_bundle(broken(folder, tmp_path, **changes))
    assert "\n" not in str(refused.value) and str(tmp_path) in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"no model at all"])
def test_a_broken_model_file_is_refused_in_one_line(folder, tmp_path, content):
    broken(folder, tmp_path)
    (tmp_path / "model.keras").write_bytes(content)
    with pytest.raises(ModelError, match="model.keras cannot be read as a model.*train it again") as refused:
        load_bundle(tmp_path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("share", [0.001, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.999])
def test_bytes_that_were_damaged_are_refused_in_one_line_that_names_the_file(folder, tmp_path, share):
    broken(folder, tmp_path)
    content = bytearray((tmp_path / "model.keras").read_bytes())
    start = int(share * len(content))
    content[start : start + 40] = bytes(byte ^ 255 for byte in content[start : start + 40])
    (tmp_path / "model.keras").write_bytes(content)
    with pytest.raises(ModelError) as refused:
        load_bundle(tmp_path)
    assert str(refused.value).startswith(f"{tmp_path / 'model.keras'} cannot be read as a model (")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "[]", '"text"', "{"])
def test_a_broken_description_is_refused_in_one_line(folder, tmp_path, text):
    broken(folder, tmp_path)
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(ModelError, match="cannot be read as a model") as refused:
        load_bundle(tmp_path)
    assert "\n" not in str(refused.value)


def test_a_layer_that_nobody_knows_is_refused_in_one_line(folder, tmp_path):
    class Passing(keras.layers.Layer):
        def call(self, inputs):
            return inputs

    frames = keras.Input((128, 128, 1), dtype="uint8")
    keras.Model(frames, Passing()(frames)).save(tmp_path / "strange.keras")
    broken(folder, tmp_path)
    (tmp_path / "strange.keras").replace(tmp_path / "model.keras")
    with pytest.raises(ModelError, match="cannot be read as a model.*deserialized") as refused:
        load_bundle(tmp_path)
    assert "\n" not in str(refused.value)


def test_a_folder_without_a_model_says_how_to_make_one(tmp_path):
    with pytest.raises(ModelError, match="holds no model: make one with `python -m dance_tf train"):
        load_bundle(tmp_path)
    with pytest.raises(ModelError, match="holds no model"):
        load_bundle(tmp_path / "absent")


def test_the_model_can_be_trained_on(folder):
    model = load_bundle(folder).model
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert isinstance(model, keras.Model) and model.trainable_weights
