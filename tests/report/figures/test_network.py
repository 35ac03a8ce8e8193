"""The network drawn from the model object."""

import keras
import numpy as np
import pytest

from dance_tf.experiments.attention import attention_inside
from dance_tf.model.layers import ConvolutionStage, SqueezeExcitation
from dance_tf.report.figures import network_diagram
from dance_tf.report.figures.network import read_layers


@pytest.fixture(scope="module")
def model():
    frames = keras.Input((8, 8, 1), name="frames")
    left = keras.layers.Flatten(name="cnn_vector")(ConvolutionStage(2, name="cnn_1")(frames))
    right = keras.layers.Flatten(name="pixels")(frames)
    both = keras.layers.Concatenate(name="fusion")([left, right])
    return keras.Model(frames, keras.layers.Dense(3, name="dense_1")(both))


def test_layers_are_read_with_links_shapes_weights_and_places(model):
    layers = {layer.name: layer for layer in read_layers(model)}
    names = list(layers)
    assert layers["frames"].parents == []
    assert [names[parent] for parent in layers["fusion"].parents] == ["cnn vector", "pixels"]
    stage = layers["cnn 1"]
    assert stage.shape == (4, 4, 2) and stage.weights == (9 * 2 + 2) + (9 * 2 * 2 + 2) + 4 * 2
    assert stage.inside.startswith("2 Conv2D + MaxPooling2D") and layers["fusion"].shape == (96,)
    # two paths lie side by side and meet in the middle
    assert {name: (layer.row, abs(layer.lane)) for name, layer in layers.items()} == {
        "frames": (0, 0), "cnn 1": (1, 0.5), "pixels": (1, 0.5), "cnn vector": (2, 0.5), "fusion": (3, 0),
        "dense 1": (4, 0),
    }  # fmt: skip
    assert stage.lane == layers["cnn vector"].lane == -layers["pixels"].lane


def test_the_diagram_shows_what_the_model_is(model, sound):
    figure = sound(network_diagram(model, "A small network"), source="")
    written = {text.get_text() for text in figure.axes[0].texts}
    assert {"cnn 1", "4 × 4 × 2", "66 weights", "fusion", "96", f"{96 * 3 + 3} weights"} <= written
    assert figure.get_suptitle() == f"A small network: {66 + 96 * 3 + 3:,} weights"


def test_a_model_without_connections_is_refused():
    with pytest.raises(ValueError, match="bare is not part of a functional model"):
        read_layers(keras.Sequential([keras.layers.Flatten(name="bare")]))


def test_the_inside_of_attention_does_what_attention_does_and_its_shortcut_is_drawn(sound):
    frames = keras.Input((4, 4, 16), name="frames")
    layer = SqueezeExcitation(4, name="cnn_attention")
    model = keras.Model(frames, layer(frames))
    inside = attention_inside(layer)
    maps = np.random.default_rng(0).random((3, 4, 4, 16), np.float32)
    np.testing.assert_allclose(inside(maps), model(maps), rtol=1e-6)
    layers = read_layers(inside)
    names = [part.name for part in layers]
    assert names == ["feature maps", "squeeze", "reduce", "expand", "scale"]
    assert [names[parent] for parent in layers[-1].parents] == ["feature maps", "expand"]
    assert [part.activation for part in layers] == ["", "", "relu", "sigmoid", ""]
    axes = sound(network_diagram(inside, "Inside"), source="").axes[0]
    assert "Dense, sigmoid" in {text.get_text() for text in axes.texts}
    for patch in axes.patches:  # nothing is cut off
        box = patch.get_path().get_extents(patch.get_patch_transform())
        assert axes.get_xlim()[0] <= box.x0 and box.x1 <= axes.get_xlim()[1]
