import urllib.request
from urllib.error import URLError

import keras
import numpy as np
import pytest

from dance_tf.model.networks import NetworkSettings, build_resnet, build_resnet_18, build_resnet_50

FRAMES = np.random.default_rng(0).integers(0, 256, (2, 128, 128, 1), dtype=np.uint8)


def resnet_18_weights(width: int, classes: int) -> int:
    """Weights of table 1's 18 layers counted by hand; each normalisation has four numbers a channel."""

    def convolution(size, before, after):
        return size * size * before * after + 4 * after

    total = convolution(7, 1, width)
    before = width
    for after in (width, 2 * width, 4 * width, 8 * width):
        total += convolution(3, before, after) + 3 * convolution(3, after, after)
        total += convolution(1, before, after) if before != after else 0
        before = after
    return total + 8 * width * classes + classes


def test_resnet_18_has_the_weights_of_18_layers():
    model = build_resnet_18(NetworkSettings(resnet_width=64, classes=1000))
    # 11,689,512 trainable weights is what the literature counts for colour; gray saves 2 × 49 × 64 of them
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == 11_689_512 - 2 * 49 * 64
    assert model.count_params() == resnet_18_weights(64, 1000)


def test_width_scales_every_stage(networks):
    model = networks["resnet"]
    assert model.count_params() == resnet_18_weights(16, 12)
    shapes = [model.get_layer(f"stage_{stage}_block_2_relu").output.shape[1:] for stage in range(1, 5)]
    assert shapes == [(32, 32, 16), (16, 16, 32), (8, 8, 64), (4, 4, 128)]
    assert model.get_layer("resnet_vector").output.shape == (None, 128)


def test_a_block_adds_its_shortcut(networks):
    model = networks["resnet"]
    names = ("stem_pooling", "stage_1_block_1_second_normalization", "stage_1_block_1_relu")
    inputs, inner, outputs = (
        np.array(part) for part in keras.Model(model.input, [model.get_layer(n).output for n in names])(FRAMES)
    )
    np.testing.assert_allclose(outputs, np.maximum(inputs + inner, 0), rtol=1e-5)
    assert model.get_layer("stem_convolution").input is model.get_layer("standardized").output
    names = {layer.name for layer in model.layers if "shortcut_convolution" in layer.name}
    assert names == {f"stage_{stage}_block_1_shortcut_convolution" for stage in (2, 3, 4)}


@pytest.fixture(scope="module")
def resnet_50():
    return build_resnet(NetworkSettings(resnet_depth=50))


def test_resnet_50_is_keras_s_with_our_head(resnet_50):
    trunk = resnet_50.get_layer("resnet_vector")
    assert trunk.count_params() == 23_587_712  # Keras's own count without its top
    assert resnet_50.count_params() == 23_587_712 + 2048 * 12 + 12
    found = np.array(resnet_50(FRAMES))
    assert found.shape == (2, 12)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)


def test_resnet_50_comes_back_from_its_file(resnet_50):
    found = keras.Model.from_config(resnet_50.get_config())
    found.set_weights(resnet_50.get_weights())
    np.testing.assert_allclose(found(FRAMES), resnet_50(FRAMES), rtol=1e-5)


def test_imagenet_s_weights_are_asked_for_and_never_by_default(monkeypatch):
    asked = []

    def offline(origin, *arguments, **options):
        asked.append(origin)
        raise URLError("offline")

    monkeypatch.setattr(urllib.request, "urlopen", offline)
    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", offline)
    monkeypatch.setattr("os.path.exists", lambda path: False)  # nor from a cache of this machine
    with pytest.raises(
        ValueError, match="ImageNet's weights for ResNet-50 cannot be had.*imagenet_weights off"
    ) as refused:
        build_resnet_50(NetworkSettings(), weights="imagenet")
    assert "\n" not in str(refused.value)
    assert len(asked) == 1 and "resnet50" in asked[0]


def test_what_cannot_be_built_is_refused():
    with pytest.raises(ValueError, match="resnet_depth is 18 or 50, not 34"):
        build_resnet(NetworkSettings(resnet_depth=34))
    with pytest.raises(ValueError, match="no ImageNet weights for the gray ResNet-18"):
        build_resnet(NetworkSettings(imagenet_weights=True))
