import dataclasses
import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from dance_tf.model.bundle import ModelBundle, ModelDescription, ModelError, load_bundle, load_classifier, save_bundle
from dance_tf.model.networks import STRATEGIES

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


@pytest.mark.parametrize("name", ["cnn_ae_attention", "resnet", "cnn_lstm"])
def test_a_bundle_comes_back_as_it_was(networks, tmp_path, name):
    description = dataclasses.replace(DESCRIPTION, strategy=name, sequence_length=8)
    bundle = ModelBundle(networks[name], description)
    found = load_bundle(save_bundle(tmp_path / "model", bundle))
    assert found.description == description
    assert found.fingerprint == bundle.fingerprint
    assert found.fingerprint != ModelBundle(networks[name], DESCRIPTION).fingerprint
    shape = (2, 8, 128, 128, 1) if STRATEGIES[name].sequence else (2, 128, 128, 1)
    frames = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(found.model(frames), networks[name](frames))


def test_other_weights_have_another_fingerprint(networks):
    bundles = [ModelBundle(networks["cnn_lstm"], DESCRIPTION) for _ in range(2)]
    before = bundles[0].fingerprint
    weight = networks["cnn_lstm"].trainable_weights[-1]
    weight.assign_add(weight * 0 + 1)
    assert bundles[1].fingerprint != before
    weight.assign_sub(weight * 0 + 1)


def test_older_descriptions_lack_keys(folder, tmp_path):
    found = load_bundle(changed(folder, tmp_path, frame_size=None, learnt_clips=None, learnt_dancers=None)).description
    assert found == dataclasses.replace(DESCRIPTION, frame_size=128)


def test_a_folder_of_that_name_is_replaced(tmp_path, folder):
    bundle = load_bundle(folder)
    save_bundle(tmp_path / "model", bundle)
    (tmp_path / "model" / "stray").touch()
    save_bundle(tmp_path / "model", bundle)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["model", "model.json", "model.keras"]


def changed(folder, tmp_path, **changes):
    """A copy of a model folder with changes in its description; None removes a key."""
    content = json.loads((folder / "model.json").read_text()) | changes
    (tmp_path / "model.keras").write_bytes((folder / "model.keras").read_bytes())
    kept = {name: value for name, value in content.items() if value is not None}
    (tmp_path / "model.json").write_text(json.dumps(kept))
    return tmp_path


def refusal(folder):
    """The one line that a folder is refused with."""
    with pytest.raises(ModelError) as refused:
        load_bundle(folder)
    assert "\n" not in str(refused.value) and str(folder) in str(refused.value)
    return str(refused.value)


def test_another_format_is_refused(folder, tmp_path):
    assert "written by another version of dance_tf: train it again" in refusal(changed(folder, tmp_path, format=99))


@pytest.mark.parametrize("changes", [{"format": None}, {"styles": None}, {"surprise": 1}])
def test_a_description_with_missing_or_unknown_keys_is_refused(folder, tmp_path, changes):
    assert "model.json cannot be read as a model (" in refusal(changed(folder, tmp_path, **changes))


@pytest.mark.parametrize("text", ["", "[]", '"text"', "{"])
def test_a_broken_description_is_refused(folder, tmp_path, text):
    (changed(folder, tmp_path) / "model.json").write_text(text)
    assert "model.json cannot be read as a model (" in refusal(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"no model", 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_broken_model_file_is_refused(folder, tmp_path, content):
    path = changed(folder, tmp_path) / "model.keras"
    if isinstance(content, float):  # 40 bytes are inverted at this share of the file
        share, content = content, bytearray(path.read_bytes())
        start = int(share * len(content))
        content[start : start + 40] = bytes(byte ^ 255 for byte in content[start : start + 40])
    path.write_bytes(content)
    assert refusal(tmp_path).startswith(f"{path} cannot be read as a model (")


def test_an_unknown_layer_is_refused(folder, tmp_path):
    class Passing(keras.layers.Layer):
        def call(self, inputs):
            return inputs

    frames = keras.Input((128, 128, 1), dtype="uint8")
    keras.Model(frames, Passing()(frames)).save(tmp_path / "strange.keras")
    changed(folder, tmp_path)
    (tmp_path / "strange.keras").replace(tmp_path / "model.keras")
    assert "deserialized" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["", "absent"])
def test_a_folder_without_a_model_says_how_to_make_one(tmp_path, name):
    assert "holds no model: make one with `python -m dance_tf train" in refusal(tmp_path / name)


def test_a_loaded_model_can_be_trained(folder):
    model = load_bundle(folder).model
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert isinstance(model, keras.Model) and model.trainable_weights


@pytest.fixture(scope="module")
def fast_folder(networks, tmp_path_factory):
    bundle = ModelBundle(networks["cnn_ae_attention"], DESCRIPTION)
    return save_bundle(tmp_path_factory.mktemp("fast") / "model", bundle, fast=True)


def test_a_network_for_litert_gives_the_answers_of_the_network_for_keras(fast_folder, folder):
    frames = np.random.default_rng(1).integers(0, 256, (5, 128, 128, 1), dtype=np.uint8)
    fast, bundle = load_classifier(fast_folder), load_bundle(fast_folder)
    assert fast.description == bundle.description == DESCRIPTION
    assert not isinstance(fast.model, keras.Model)
    np.testing.assert_allclose(fast.model.predict(frames, batch_size=2), bundle.model.predict(frames), atol=1e-5)
    assert isinstance(load_classifier(folder).model, keras.Model)


def test_classifying_by_litert_imports_neither_keras_nor_tensorflow(fast_folder):
    script = f"""
import sys
import numpy as np
import dance_tf.serving.verdict
from dance_tf.model.bundle import load_classifier
found = load_classifier({str(fast_folder)!r}).model.predict(np.zeros((1, 128, 128, 1), np.uint8))
print(found.shape, [name for name in ("keras", "tensorflow") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(1, 12) []"


def test_a_network_that_litert_cannot_run_is_written_for_keras_only(networks, tmp_path):
    folder = save_bundle(tmp_path / "model", ModelBundle(networks["cnn_lstm"], DESCRIPTION), fast=True)
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "model.keras"]
    assert isinstance(load_classifier(folder).model, keras.Model)


@pytest.mark.parametrize("name", ["model.keras", "model.tflite"])
def test_networks_that_do_not_belong_together_are_refused(fast_folder, tmp_path, name):
    for path in fast_folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    content = bytearray((tmp_path / name).read_bytes())
    content[len(content) // 2] ^= 255
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match="model.tflite cannot be read as a model .it or model.keras is damaged"):
        load_classifier(tmp_path)
