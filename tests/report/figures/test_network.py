"""The network drawn from the model object."""

import keras
import pytest

from dance_tf.report.figures import network_diagram
from dance_tf.report.figures.network import read_layers


@pytest.fixture(scope="module")
def model():
    frames = keras.Input((8, 8, 1), name="frames")
    left = keras.layers.Conv2D(2, 3, padding="same", name="cnn_1")(frames)
    left = keras.layers.Flatten(name="cnn_vector")(left)
    right = keras.layers.Flatten(name="pixels")(frames)
    both = keras.layers.Concatenate(name="fusion")([left, right])
    return keras.Model(frames, keras.layers.Dense(3, name="dense_1")(both))


def test_layers_are_read_with_links_shapes_and_weights(model):
    layers = {layer.name: layer for layer in read_layers(model)}
    names = list(layers)
    assert layers["frames"].parents == []
    assert [names[parent] for parent in layers["fusion"].parents] == ["cnn vector", "pixels"]
    assert layers["cnn 1"].shape == (8, 8, 2)
    assert layers["cnn 1"].weights == 3 * 3 * 2 + 2
    assert layers["fusion"].shape == (192,)
    assert {name: layer.row for name, layer in layers.items()} == {
        "frames": 0, "cnn 1": 1, "pixels": 1, "cnn vector": 2, "fusion": 3, "dense 1": 4,
    }  # fmt: skip


def test_paths_lie_side_by_side_and_meet_in_the_middle(model):
    lanes = {layer.name: layer.lane for layer in read_layers(model)}
    assert lanes["frames"] == lanes["fusion"] == lanes["dense 1"] == 0
    assert lanes["cnn 1"] == lanes["cnn vector"]
    assert {lanes["cnn 1"], lanes["pixels"]} == {-0.5, 0.5}


def test_the_diagram_says_what_the_model_is(model, sound):
    figure = sound(network_diagram(model, "A small network"), source="")
    written = {text.get_text() for text in figure.axes[0].texts}
    assert {"cnn 1", "8 × 8 × 2", "20 weights", "fusion", "192", f"{192 * 3 + 3} weights"} <= written
    assert figure.get_suptitle() == f"A small network: {20 + 192 * 3 + 3:,} weights"


def test_a_stage_says_what_is_inside():
    from dance_tf.model.layers import ConvolutionStage

    frames = keras.Input((8, 8, 1), name="frames")
    model = keras.Model(frames, ConvolutionStage(2, name="cnn_1")(frames))
    assert read_layers(model)[1].inside.startswith("2 Conv2D + MaxPooling2D")


def test_a_model_without_tensors_is_refused():
    class Bare(keras.layers.Layer):
        output = "nothing"

    class Model:
        layers = (Bare(name="bare"),)

    with pytest.raises(ValueError, match="bare is not part of a functional model"):
        read_layers(Model())
