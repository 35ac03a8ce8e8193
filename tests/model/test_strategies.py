import os

import numpy as np
import pytest

from dance_tf.model.networks import STRATEGIES, NetworkSettings, strategy_of

FRAMES = np.random.default_rng(0).integers(0, 256, (3, 128, 128, 1), dtype=np.uint8)
WINDOWS = np.random.default_rng(1).integers(0, 256, (3, 8, 128, 128, 1), dtype=np.uint8)
HYBRID = "cnn_ae_attention"


def build(name: str, **settings):
    return STRATEGIES[name].build(NetworkSettings(**settings))


def test_the_six_rows_of_the_paper_in_its_order():
    titles = ["ResNet", "CNN", "AE only", "CNN + LSTM", "CNN + AE", "CNN + AE + Attention"]
    assert [strategy.title for strategy in STRATEGIES.values()] == titles
    assert all(strategy.name == name for name, strategy in STRATEGIES.items())
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


def test_vectors_of_512_and_1024_make_1536(networks):
    model = networks[HYBRID]
    assert model.get_layer("cnn_vector").output.shape == (None, 512)
    assert model.get_layer("encoder_vector").output.shape == (None, 1024)
    assert model.get_layer("fusion").output.shape == (None, 1536)
    units = [model.get_layer(name).units for name in ("dense_1", "dense_2", "logits")]
    assert units == [400, 150, 12]
    for name, vector, size in (("cnn", "cnn_vector", 512), ("ae", "encoder_vector", 1024)):
        assert networks[name].get_layer(vector).output.shape == (None, size)
        assert "fusion" not in {layer.name for layer in networks[name].layers}


def test_the_stages_have_the_paper_s_shapes(networks):
    model = networks[HYBRID]
    shapes = [model.get_layer(f"cnn_{stage}").output.shape[1:] for stage in range(1, 6)]
    assert shapes == [(64, 64, 2), (32, 32, 4), (16, 16, 8), (8, 8, 16), (4, 4, 32)]
    shapes = [model.get_layer(f"encoder_{stage}").output.shape[1:] for stage in range(1, 6)]
    assert shapes == [(64, 64, 4), (32, 32, 8), (16, 16, 16), (8, 8, 32), (4, 4, 64)]


def test_the_hybrid_has_about_three_quarters_of_a_million_weights(networks):
    model = networks[HYBRID]
    assert 700_000 < model.count_params() < 800_000
    convolutions = [(1, 2), (2, 2), (2, 4), (4, 4), (4, 8), (8, 8), (8, 16), (16, 16), (16, 32), (32, 32)]
    convolutions += [(1, 4), (4, 8), (8, 16), (16, 32), (32, 64)]
    dense = [(1536, 400), (400, 150), (150, 12), (32, 4), (4, 32), (64, 8), (8, 64)]
    kernels = sum(9 * a * b for a, b in convolutions) + sum(a * b + b for a, b in dense)
    biases = sum(b for _, b in convolutions[:10])  # the encoder's stages have the normalisation's offsets instead
    scales = 4 * (4 + 8 + 16 + 32) + 4 * (4 + 8 + 16 + 32 + 64)
    assert model.count_params() == kernels + biases + scales + 4 * 1024


def test_attention_stands_after_each_path_and_nowhere_without_it(networks):
    names = {name: {layer.name for layer in model.layers} for name, model in networks.items()}
    assert {"cnn_attention", "encoder_attention"} == names[HYBRID] - names["cnn_ae"]
    assert not any("attention" in layer for layer in names["cnn"] | names["ae"] | names["cnn_ae"])
    model = networks[HYBRID]
    assert model.get_layer("cnn_attention").reduce.units == 32 // 8
    assert model.get_layer("encoder_attention").reduce.units == 64 // 8


def test_the_fused_vector_is_the_two_vectors_side_by_side(networks):
    import keras

    model = networks["cnn_ae"]
    names = ("cnn_vector", "encoder_normalization", "fusion")
    parts = keras.Model(model.input, [model.get_layer(name).output for name in names])
    cnn, encoder, fused = (np.array(part) for part in parts(FRAMES))
    np.testing.assert_array_equal(fused, np.concatenate([cnn, encoder], axis=1))


def test_what_a_code_has_in_common_with_all_codes_never_reaches_the_head(networks):
    layer = networks["ae"].get_layer("encoder_normalization")
    common = np.linspace(0, 50, 1024, dtype=np.float32)
    own = np.random.default_rng(0).normal(0, 1, (64, 1024)).astype(np.float32)
    own[:, 0] = 0.01 * own[:, 0]
    found = np.array(layer(common + own, training=True))
    expected = (own - own.mean(axis=0)) / np.sqrt(own.var(axis=0) + 0.1)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert found[:, 0].std() < 0.1 < 0.9 < found[:, 1:].std()  # what hardly varies is not blown up


def test_settings_reach_the_network():
    spatial = build(HYBRID, spatial_attention=True, squeeze_ratio=2, low_resolution_factor=4, classes=5)
    names = {layer.name for layer in spatial.layers}
    assert {"cnn_spatial_attention", "encoder_spatial_attention"} <= names
    assert spatial.get_layer("cnn_attention").reduce.units == 16
    assert spatial.get_layer("lower_resolution").factor == 4
    assert spatial.output_shape == (None, 5)
    plain = build("cnn", normalize=False, dropout=0.25)
    assert not any("normalization" in weight.path for weight in plain.weights)
    assert [plain.get_layer(f"dropout_{number}").rate for number in (1, 2)] == [0.25, 0.25]


def test_gated_logits_are_logits_times_gates():
    import keras

    model = build("cnn", gated_logits=True, classes=4)
    names = ("dense_2", "logits", "gates", "probabilities")
    dense, logits, gates, found = (
        np.array(part) for part in keras.Model(model.input, [model.get_layer(n).output for n in names])(FRAMES)
    )
    kernel, bias = model.get_layer("gates").get_weights()
    np.testing.assert_allclose(gates, 1 / (1 + np.exp(-(dense @ kernel + bias))), rtol=1e-4)
    raised = np.exp(logits * gates)
    np.testing.assert_allclose(found, raised / raised.sum(axis=1, keepdims=True), rtol=1e-4)


OWN_NETWORK = """
import keras

def {name}(settings):
    frames = keras.Input((128, 128, 1), dtype="{dtype}")
    levels = keras.layers.Rescaling(1 / 255)(frames)
    outputs = keras.layers.Flatten()(keras.layers.AveragePooling2D(32)(levels))
    return keras.Model(frames, keras.layers.Dense({units}, activation={activation!r})(outputs))
"""


def own_network(folder, **changes):
    """Write a user's module with one builder; returns its file."""
    parts = {"name": "tiny", "dtype": "uint8", "units": "settings.classes", "activation": "softmax"} | changes
    path = folder / "own_network.py"
    path.write_text(OWN_NETWORK.format(**parts))
    return path


def test_a_user_s_own_network_is_a_strategy(tmp_path, monkeypatch):
    path = own_network(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in (f"{path}:tiny", "own_network:tiny"):
        strategy = strategy_of(name)
        assert (strategy.name, strategy.title) == (name, "tiny")
        assert not strategy.grows_autoencoder and not strategy.sequence
        assert strategy.build(NetworkSettings(classes=5)).output_shape == (None, 5)
    assert strategy_of("cnn") is STRATEGIES["cnn"]


def test_a_user_s_file_is_read_again_after_an_edit(tmp_path):
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
def test_a_user_s_network_that_does_not_fit_is_refused_in_one_line(tmp_path, changes, message):
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
