import os
import urllib.request
from urllib.error import URLError

import keras
import numpy as np
import pytest

from dance_tf.model.networks import STRATEGIES, NetworkSettings, build_cnn_lstm, build_resnet, strategy_of

FRAMES = np.random.default_rng(0).integers(0, 256, (3, 128, 128, 1), dtype=np.uint8)
WINDOWS = np.random.default_rng(1).integers(0, 256, (3, 8, 128, 128, 1), dtype=np.uint8)
HYBRID = "cnn_ae_attention"


def outputs_of(model: keras.Model, *names: str) -> list[np.ndarray]:
    """What layers of a model output for FRAMES."""
    parts = keras.Model(model.input, [model.get_layer(name).output for name in names])(FRAMES)
    return [np.array(part) for part in parts]


def test_the_six_rows_of_the_paper_in_its_order():
    titles = ["ResNet", "CNN", "AE only", "CNN + LSTM", "CNN + AE", "CNN + AE + Attention"]
    assert [strategy.title for strategy in STRATEGIES.values()] == titles
    assert [name for name, strategy in STRATEGIES.items() if strategy.grows_autoencoder] == ["ae", "cnn_ae", HYBRID]
    assert [name for name, strategy in STRATEGIES.items() if strategy.sequence] == ["cnn_lstm"]


@pytest.mark.parametrize("name", STRATEGIES)
def test_uint8_frames_in_and_probabilities_out(networks, name):
    model = networks[name]
    assert model.input.dtype == "uint8" and model.input.name == "frames"
    assert model.layers[-1].name == "probabilities"
    found = np.array(model(WINDOWS if STRATEGIES[name].sequence else FRAMES))
    assert found.shape == (3, 12) and found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    assert (found > 0).all() and (found[0] != found[1]).any()


def test_the_hybrid_has_the_paper_s_shapes(networks):
    model = networks[HYBRID]
    for path, expected in (
        ("cnn", [(64, 64, 2), (32, 32, 4), (16, 16, 8), (8, 8, 16), (4, 4, 32)]),
        ("encoder", [(64, 64, 4), (32, 32, 8), (16, 16, 16), (8, 8, 32), (4, 4, 64)]),
    ):
        assert [model.get_layer(f"{path}_{stage}").output.shape[1:] for stage in range(1, 6)] == expected
    sizes = {"cnn_vector": 512, "encoder_vector": 1024, "fusion": 1536, "dense_1": 400, "dense_2": 150, "logits": 12}
    assert {name: model.get_layer(name).output.shape[-1] for name in sizes} == sizes
    for name, vector in (("cnn", "cnn_vector"), ("ae", "encoder_vector")):
        assert networks[name].get_layer(vector).output.shape == (None, sizes[vector])
        assert "fusion" not in {layer.name for layer in networks[name].layers}


def test_the_hybrid_has_about_three_quarters_of_a_million_weights(networks):
    convolutions = [(1, 2), (2, 2), (2, 4), (4, 4), (4, 8), (8, 8), (8, 16), (16, 16), (16, 32), (32, 32)]
    biases = sum(b for _, b in convolutions) + 64  # the encoder's inner stages have normalisation's offsets instead
    convolutions += [(1, 4), (4, 8), (8, 16), (16, 32), (32, 64)]
    dense = [(1536, 400), (400, 150), (150, 12), (32, 4), (4, 32), (64, 8), (8, 64)]
    kernels = sum(9 * a * b for a, b in convolutions) + sum(a * b + b for a, b in dense)
    scales = 4 * (4 + 8 + 16 + 32) + 4 * (4 + 8 + 16 + 32 + 64)
    assert 700_000 < networks[HYBRID].count_params() == kernels + biases + scales < 800_000


def test_attention_follows_each_path_of_the_hybrid_only(networks):
    names = {name: {layer.name for layer in model.layers} for name, model in networks.items()}
    assert {"cnn_attention", "encoder_attention"} == names[HYBRID] - names["cnn_ae"]
    assert not any("attention" in layer for layer in names["cnn"] | names["ae"] | names["cnn_ae"])
    units = [networks[HYBRID].get_layer(f"{path}_attention").reduce.units for path in ("cnn", "encoder")]
    assert units == [32 // 8, 64 // 8]


def test_the_fused_vector_is_the_concatenation_of_both_vectors(networks):
    cnn, encoder, fused = outputs_of(networks["cnn_ae"], "cnn_vector", "encoder_vector", "fusion")
    np.testing.assert_array_equal(fused, np.concatenate([cnn, encoder], axis=1))


def test_attention_weighs_the_encoder_s_map_after_its_normalization(networks):
    layer = networks[HYBRID].get_layer("encoder_attention")
    assert layer.input is networks[HYBRID].get_layer("encoder_normalization").output
    normalized, weighted, vector = outputs_of(
        networks[HYBRID], "encoder_normalization", "encoder_attention", "encoder_vector"
    )
    assert normalized.shape[1:] == (4, 4, 64)
    np.testing.assert_array_equal(vector, weighted.reshape(len(weighted), -1))


def test_light_and_contrast_do_not_change_an_answer(networks):
    frames = np.random.default_rng(0).integers(20, 100, (2, 128, 128, 1), dtype=np.uint8)
    lit = (2 * frames + 10).astype(np.uint8)
    for name in ("ae", "cnn", HYBRID):
        np.testing.assert_allclose(networks[name](lit), networks[name](frames), atol=1e-4)


def test_settings_reach_the_network():
    settings = NetworkSettings(
        spatial_attention=True, squeeze_ratio=2, low_resolution_factor=4, classes=5, encoder_rate=0.1
    )
    spatial = STRATEGIES[HYBRID].build(settings)
    assert {"cnn_spatial_attention", "encoder_spatial_attention"} <= {layer.name for layer in spatial.layers}
    assert spatial.get_layer("cnn_attention").reduce.units == 16
    assert spatial.get_layer("lower_resolution").factor == 4
    assert spatial.get_layer("encoder_rate").scale == 0.1
    assert spatial.output_shape == (None, 5)
    plain = STRATEGIES["cnn"].build(NetworkSettings(normalize=False, dropout=0.25))
    assert not any("normalization" in weight.path for weight in plain.weights)
    assert [plain.get_layer(f"dropout_{number}").rate for number in (1, 2)] == [0.25, 0.25]


def test_gated_logits_are_logits_times_gates():
    model = STRATEGIES["cnn"].build(NetworkSettings(gated_logits=True, classes=4))
    dense, logits, gates, found = outputs_of(model, "dense_2", "logits", "gates", "probabilities")
    kernel, bias = model.get_layer("gates").get_weights()
    np.testing.assert_allclose(gates, 1 / (1 + np.exp(-(dense @ kernel + bias))), rtol=1e-4)
    raised = np.exp(logits * gates)
    np.testing.assert_allclose(found, raised / raised.sum(axis=1, keepdims=True), rtol=1e-4)


def lstm(sequence, kernel, recurrent, bias):
    """A written-out LSTM of one sequence [steps, n], with Keras' gates input, forget, cell, output."""
    hidden, cell = np.zeros(len(recurrent)), np.zeros(len(recurrent))
    for step in sequence:
        gates = np.split(step @ kernel + hidden @ recurrent + bias, 4)
        enter, forget, leave = (1 / (1 + np.exp(-gates[place])) for place in (0, 1, 3))
        cell = forget * cell + enter * np.tanh(gates[2])
        hidden = leave * np.tanh(cell)
    return hidden


def test_each_frame_goes_through_the_cnn_path_and_the_lstm_reads_them_in_order():
    keras.utils.set_random_seed(0)
    recurrent = build_cnn_lstm(NetworkSettings(classes=3, sequence_length=4))
    frame = keras.Input((128, 128, 1), dtype="uint8")
    outputs = frame
    for name in ("gray_levels", "standardized", *(f"cnn_{stage}" for stage in range(1, 6)), "cnn_vector"):
        outputs = recurrent.get_layer(name)(outputs)
    vectors = keras.Model(frame, outputs)
    windows = WINDOWS[:, :4]
    expected = [lstm(np.array(vectors(window)), *recurrent.get_layer("lstm").get_weights()) for window in windows]
    found = keras.Model(recurrent.input, recurrent.get_layer("lstm").output)(windows)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
    probabilities = recurrent.predict(windows, verbose=0)
    np.testing.assert_allclose(recurrent.predict(windows[[2, 1]], verbose=0), probabilities[[2, 1]], rtol=1e-4)
    assert np.abs(recurrent.predict(windows[:, ::-1], verbose=0) - probabilities).max() > 1e-4


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
    model = build_resnet(NetworkSettings(resnet_width=64, classes=1000))
    # the literature counts 11,689,512 trainable weights for colour; gray saves 2 × 49 × 64 of them
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == 11_689_512 - 2 * 49 * 64
    assert model.count_params() == resnet_18_weights(64, 1000)


def test_width_scales_every_stage_of_resnet_18(networks):
    model = networks["resnet"]
    assert model.count_params() == resnet_18_weights(16, 12)
    shapes = [model.get_layer(f"stage_{stage}_block_2_relu").output.shape[1:] for stage in range(1, 5)]
    assert shapes == [(32, 32, 16), (16, 16, 32), (8, 8, 64), (4, 4, 128)]
    assert model.get_layer("resnet_vector").output.shape == (None, 128)


def test_a_residual_block_adds_its_shortcut(networks):
    model = networks["resnet"]
    names = ("stem_pooling", "stage_1_block_1_second_normalization", "stage_1_block_1_relu")
    inputs, inner, outputs = outputs_of(model, *names)
    np.testing.assert_allclose(outputs, np.maximum(inputs + inner, 0), rtol=1e-5)
    assert model.get_layer("stem_convolution").input is model.get_layer("standardized").output
    names = {layer.name for layer in model.layers if "shortcut_convolution" in layer.name}
    assert names == {f"stage_{stage}_block_1_shortcut_convolution" for stage in (2, 3, 4)}


def test_resnet_50_is_keras_s_with_our_head_and_can_be_restored():
    model = build_resnet(NetworkSettings(resnet_depth=50))
    trunk = model.get_layer("resnet_vector")
    assert trunk.count_params() == 23_587_712  # Keras' own count without its top
    assert model.count_params() == 23_587_712 + 2048 * 12 + 12
    np.testing.assert_allclose(np.array(model(FRAMES)).sum(axis=1), np.ones(3), rtol=1e-5)
    assert keras.Model.from_config(model.get_config()).count_params() == model.count_params()


def test_imagenet_weights_that_cannot_be_downloaded(monkeypatch):
    addresses = []

    def offline(origin, *arguments, **options):
        addresses.append(origin)
        raise URLError("offline")

    monkeypatch.setattr(urllib.request, "urlopen", offline)
    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", offline)
    monkeypatch.setattr("os.path.exists", lambda path: False)  # nor are they in this machine's cache
    with pytest.raises(ValueError, match="weights for ResNet-50 are not available.*imagenet_weights off") as refused:
        build_resnet(NetworkSettings(resnet_depth=50, imagenet_weights=True))
    assert "\n" not in str(refused.value)
    assert len(addresses) == 1 and "resnet50" in addresses[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"resnet_depth": 34}, "resnet_depth is 18 or 50, not 34"),
        ({"imagenet_weights": True}, "no ImageNet weights for the gray ResNet-18"),
    ],
)
def test_a_resnet_that_cannot_be_built_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        build_resnet(NetworkSettings(**settings))


def test_a_user_s_own_network_is_a_strategy(tmp_path, monkeypatch, own_network):
    path = own_network(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in (f"{path}:tiny", "own_network:tiny"):
        strategy = strategy_of(name)
        assert strategy.title == "tiny"
        assert not strategy.grows_autoencoder and not strategy.sequence
        assert strategy.build(NetworkSettings(classes=5)).output_shape == (None, 5)
    assert strategy_of("cnn") is STRATEGIES["cnn"]


def test_a_user_s_file_is_read_again_after_an_edit(tmp_path, own_network):
    path = own_network(tmp_path)
    first = strategy_of(f"{path}:tiny")
    assert strategy_of(f"{path}:tiny") is first
    own_network(tmp_path, activation="relu")
    os.utime(path, ns=(1, 1))
    with pytest.raises(ValueError, match="must end with a softmax"):
        strategy_of(f"{path}:tiny")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dtype": "float32"}, "must have the inputs .*uint8.*, not .*float32"),
        ({"units": 7}, r"must have the outputs .*12.*, not .*7"),
        ({"units": "missing"}, "failed to build a network .NameError"),
        ({"activation": None}, "must end with a softmax: its outputs sum to 0, not 1"),
        ({"name": "other"}, "cannot be imported .AttributeError: .*tiny"),
        ({"name": "tiny(settings): return 3\ndef other"}, "must return a keras.Model, not a int"),
        ({"name": "1"}, "cannot be imported .SyntaxError"),
    ],
)
def test_a_user_s_network_that_does_not_fit_is_refused_in_one_line(tmp_path, own_network, changes, message):
    path = own_network(tmp_path, **changes)
    with pytest.raises(ValueError, match=f"^strategy '{path}:tiny' {message}") as refused:
        strategy_of(f"{path}:tiny")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("svm", "unknown strategy 'svm': use one of resnet, cnn, ae, .* or your own function"),
        ("absent.py:build", "cannot be imported .FileNotFoundError"),
        ("no_such_module:build", "cannot be imported .ModuleNotFoundError"),
        (":build", "cannot be imported"),
        ("own.py:", "cannot be imported"),
    ],
)
def test_a_strategy_that_cannot_be_found_is_refused_in_one_line(name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message) as refused:
        strategy_of(name)
    assert "\n" not in str(refused.value)
