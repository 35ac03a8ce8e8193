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


def test_a_shortcut_past_a_chain_is_drawn_beside_it(sound):
    from dance_tf.experiments.cost import attention_inside
    from dance_tf.model.layers import SqueezeExcitation

    frames = keras.Input((8, 8, 16), name="frames")
    layer = SqueezeExcitation(4, name="cnn_attention")
    keras.Model(frames, layer(frames))
    inside = attention_inside(layer)
    layers = read_layers(inside)
    names = [part.name for part in layers]
    assert names == ["feature maps", "squeeze", "reduce", "expand", "scale"]
    assert [names[parent] for parent in layers[-1].parents] == ["feature maps", "expand"]
    assert [part.activation for part in layers] == ["", "", "relu", "sigmoid", ""]
    assert layers[2].weights == 16 * 4 + 4
    figure = sound(network_diagram(inside, "Inside"), source="")
    axes = figure.axes[0]
    assert "Dense, sigmoid" in {text.get_text() for text in axes.texts}
    for patch in axes.patches:  # nothing is cut off
        box = patch.get_path().get_extents(patch.get_patch_transform())
        assert axes.get_xlim()[0] <= box.x0 and box.x1 <= axes.get_xlim()[1]


def test_what_is_inside_attention_does_what_attention_does():
    import numpy as np

    from dance_tf.experiments.cost import attention_inside
    from dance_tf.model.layers import SqueezeExcitation

    frames = keras.Input((4, 4, 8))
    layer = SqueezeExcitation(2)
    model = keras.Model(frames, layer(frames))
    maps = np.random.default_rng(0).random((3, 4, 4, 8), np.float32)
    np.testing.assert_allclose(attention_inside(layer)(maps), model(maps), rtol=1e-6)
