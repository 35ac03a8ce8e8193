"""Networks for TensorFlow Serving and LiteRT give the answers of the network."""

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from dance_tf.cli import DONE, FAILED, app
from dance_tf.dataset.dataset import gather, write_arrays
from dance_tf.dataset.output import PlaceError
from dance_tf.model.bundle import ModelBundle, ModelDescription, save_bundle
from dance_tf.model.layers import initialize_weights
from dance_tf.model.litert import ExportError, LiteNetwork, convert
from dance_tf.model.networks import strategy_of
from dance_tf.model.settings import training_settings
from dance_tf.serving.export import export_bundle, sample_inputs

STYLES = ("style0", "style1", "style2")


def make_bundle(strategy):
    settings = training_settings(strategy)
    model = strategy_of(strategy).build(replace(settings.network, classes=3))
    initialize_weights(model, 0)
    return ModelBundle(model, ModelDescription(STYLES, strategy, settings.view, settings.sequence_length))


@pytest.fixture(scope="module")
def dataset(blob_clips):
    return gather(blob_clips(styles=3, dancers=2, frames=12))


@pytest.mark.parametrize("strategy", ["cnn", "fusion"])
def test_a_file_for_litert_gives_the_answers_of_the_network(strategy, dataset, tmp_path):
    bundle = make_bundle(strategy)
    inputs = sample_inputs(bundle.description.inputs, dataset)
    expected = bundle.model.predict(inputs, verbose=0)
    content = convert(bundle.model, "float32")
    np.testing.assert_allclose(LiteNetwork(content).predict(inputs), expected, atol=1e-5)
    np.testing.assert_array_equal(
        LiteNetwork(content, threads=2).predict(inputs, batch_size=7).argmax(axis=1), expected.argmax(axis=1)
    )


@pytest.mark.parametrize(("precision", "size", "error"), [("float16", 0.55, 0.01), ("int8", 0.35, 0.1)])
def test_smaller_files_give_nearly_the_same_answers(precision, size, error, dataset, tmp_path):
    bundle = make_bundle("skeleton_tcn")
    inputs = sample_inputs(bundle.description.inputs, dataset)
    written = export_bundle(bundle, tmp_path / "out", precision, inputs)
    content = (tmp_path / "out" / "model.tflite").read_bytes()
    assert written == len(content) < size * 4 * bundle.model.count_params()
    apart = np.abs(LiteNetwork(content).predict(inputs) - bundle.model.predict(inputs, verbose=0))
    assert 0 < apart.max() < error
    described = json.loads((tmp_path / "out" / "export.json").read_text())
    assert described["styles"] == list(STYLES) and described["form"] == precision
    assert described["inputs"]["windows"]["dtype"] == "float32"


def test_a_saved_model_gives_the_answers_of_the_network_and_replaces_an_export_only(dataset, tmp_path):
    import tensorflow as tf

    bundle = make_bundle("cnn")
    inputs = sample_inputs(bundle.description.inputs, dataset)
    assert export_bundle(bundle, tmp_path / "out", "saved_model") > 4 * bundle.model.count_params()
    served = tf.saved_model.load(str(tmp_path / "out" / "1")).signatures["serving_default"]
    (found,) = served(tf.constant(inputs)).values()
    np.testing.assert_allclose(found, bundle.model.predict(inputs, verbose=0), atol=1e-5)
    export_bundle(bundle, tmp_path / "out", "float16")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"export.json", "model.tflite"}
    (tmp_path / "out" / "notes.txt").touch()
    with pytest.raises(PlaceError, match="notes.txt"):
        export_bundle(bundle, tmp_path / "out", "float32")


def test_what_cannot_be_exported_is_said_in_one_line(tmp_path):
    for strategy, form, message in (
        ("cnn", "onnx", "'onnx' is none of saved_model, float32"),
        ("cnn", "int8", "int8 needs samples"),
        (
            "cnn_lstm",
            "float32",
            "LiteRT cannot hold this network, which needs TensorListReserve: export it as saved_model",
        ),
    ):
        with pytest.raises(ExportError, match=message):
            export_bundle(make_bundle(strategy), tmp_path / "out", form)
    assert not list(tmp_path.iterdir())


def test_the_verb_exports(blob_clips, tmp_path):
    folder = save_bundle(tmp_path / "model", make_bundle("skeleton_tcn"))
    data = write_arrays(tmp_path / "arrays", blob_clips(styles=3, dancers=2, frames=12))
    order = ["export", str(folder), str(tmp_path / "out"), "--to", "int8"]
    done = CliRunner().invoke(app, [*order, "--dataset", str(data), "--json"])
    assert done.exit_code == DONE, done.output
    assert json.loads(done.stdout)["bytes"] == (tmp_path / "out" / "model.tflite").stat().st_size
    refused = CliRunner().invoke(app, order)
    assert refused.exit_code == FAILED and "give a dataset" in refused.stderr
