"""The layers by hand, and what every layer must do. A new layer is found by itself and needs an example here."""

import importlib
import inspect
import pkgutil
import random as python_random

import keras
import numpy as np
import pytest
import tensorflow as tf

import dance_tf.model
from dance_tf.model.layers import (
    ConvolutionStage,
    DecoderStage,
    EncoderStage,
    FrameStandardization,
    GradientScale,
    GraphStreams,
    LowerResolution,
    RowNormalization,
    SpatialAttention,
    SqueezeExcitation,
    all_layers,
    initialize_weights,
)
from dance_tf.model.networks import STRATEGIES, NetworkSettings

TWO_GROUPS = [[[1.0, 0.5], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.25]]]
# arguments (none at its default), and the shape of an input
EXAMPLES = {
    SqueezeExcitation: ({"ratio": 3}, (2, 4, 4, 12)),
    SpatialAttention: ({"kernel_size": 5}, (2, 6, 6, 3)),
    ConvolutionStage: ({"filters": 4, "normalize": False}, (3, 8, 12, 2)),
    EncoderStage: ({"filters": 6, "normalize": False, "activation": "tanh"}, (2, 8, 10, 3)),
    DecoderStage: ({"filters": 3, "activation": "sigmoid", "normalize": False}, (2, 4, 5, 6)),
    LowerResolution: ({"factor": 4}, (2, 8, 12, 2)),
    FrameStandardization: ({"floor": 0.25}, (2, 6, 5, 1)),
    GradientScale: ({"scale": 0.5}, (2, 3, 4, 5)),
    GraphStreams: (
        {"filters": [4, 6], "strides": [1, 2], "dilations": [1, 2], "subsets": TWO_GROUPS, "taps": 5},
        (3, 2, 6, 2, 5),
    ),
}
# more examples where an argument changes the weights or the computation
VARIANTS = [
    (ConvolutionStage, {"filters": 4, "normalize": True}, (3, 8, 12, 2)),
    (EncoderStage, {"filters": 6, "normalize": True, "activation": "relu"}, (2, 8, 10, 3)),
    (DecoderStage, {"filters": 3, "activation": "relu", "normalize": True}, (2, 4, 5, 6)),
    (LowerResolution, {"factor": 1}, (2, 5, 7, 1)),
    (
        GraphStreams,
        {"filters": [2], "strides": [1], "dilations": [1], "subsets": TWO_GROUPS[:1], "taps": 3},
        (3, 2, 4, 2, 5),
    ),
]
CASES = [(layer, *example) for layer, example in EXAMPLES.items()] + VARIANTS

# one map of 2 × 2 places and 2 channels, whose channel means are 2.5 and -1
MAPS = np.array([[[[1, -1], [2, -1]], [[3, -1], [4, -1]]]], dtype=np.float32)


def layer_classes() -> set[type]:
    """Every layer class that a module of dance_tf.model defines."""
    names = [module.name for module in pkgutil.iter_modules(dance_tf.model.__path__)]
    modules = [importlib.import_module(f"dance_tf.model.{name}") for name in names]
    return {
        found
        for module in modules
        for name, found in inspect.getmembers(module, inspect.isclass)
        if issubclass(found, keras.layers.Layer) and found.__module__ == module.__name__ and not name.startswith("_")
    }


def random(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def with_random_weights(layer: keras.Layer, shape: tuple[int, ...]) -> list[np.ndarray]:
    """Build a layer with random weights, positive except kernels (variances must be), and return them."""
    layer.build(shape)
    values = [random(w.shape, seed) for seed, w in enumerate(layer.weights)]
    values = [value if value.ndim > 1 else np.abs(value) + 0.1 for value in values]
    layer.set_weights(values)
    return values


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0].__name__}-{'-'.join(map(str, case[1].values()))}")
def case(request):
    keras.utils.set_random_seed(1)
    return request.param


def test_every_layer_has_an_example_is_registered_and_documented():
    assert layer_classes() == {*EXAMPLES, RowNormalization}  # whose arguments are Keras's
    for layer, (given, _) in EXAMPLES.items():
        arguments = dict(inspect.signature(layer.__init__).parameters)
        del arguments["self"], arguments["kwargs"]
        assert set(given) == set(arguments), layer
        assert all(given[name] != argument.default for name, argument in arguments.items()), layer
        assert keras.saving.get_registered_name(layer) == f"dance_tf>{layer.__name__}"
        for part in ("Args:", "Shapes:", "Example:", "Reference:"):
            assert part in layer.__doc__, (layer, part)


def test_a_config_holds_the_arguments_and_makes_the_same_layer(case):
    layer, given, shape = case
    first = layer(**given, name="one", dtype="float32")
    config = first.get_config()
    assert {name: config[name] for name in given} == {name: getattr(first, name) for name in given} == given
    assert set(config) == set(given) | {"name", "trainable", "dtype"}
    second = layer.from_config(config)
    assert second.get_config() == config
    expected = first(random(shape))
    second.build(shape)
    second.set_weights(first.get_weights())
    np.testing.assert_array_equal(second(random(shape)), expected)


@pytest.mark.parametrize("trainable", [True, False])
def test_a_saved_model_gives_the_same_output_and_stays_frozen(case, tmp_path, trainable):
    layer, given, shape = case
    inputs = keras.Input(shape[1:])
    model = keras.Model(inputs, layer(**given)(inputs))
    model.set_weights([random(weight.shape) ** 2 for weight in model.get_weights()])  # squares: variances are positive
    model.layers[-1].trainable = trainable
    model.save(tmp_path / "model.keras")
    found = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(found.layers[-1], layer)
    np.testing.assert_array_equal(found(random(shape)), model(random(shape)))
    assert [weight.path for weight in found.weights] == [weight.path for weight in model.weights]
    assert len(found.trainable_weights) == len(model.trainable_weights) and (trainable or not found.trainable_weights)


def test_the_computed_output_shape_is_the_real_one(case):
    layer, given, shape = case
    made = layer(**given)
    real = tuple(made(random(shape)).shape)
    assert tuple(made.compute_output_shape(shape)) == real
    assert tuple(made.compute_output_shape((None, *shape[1:]))) == (None, *real[1:])
    assert tuple(layer(**given)(keras.Input(shape[1:])).shape) == (None, *real[1:])


def test_mixed_precision_computes_in_half_and_keeps_full_precision_weights(case):
    layer, given, shape = case
    made = layer(**given, dtype="mixed_float16")
    half = made(random(shape))
    assert keras.backend.standardize_dtype(half.dtype) == "float16"
    assert np.isfinite(half).all()
    assert {keras.backend.standardize_dtype(weight.dtype) for weight in made.weights} <= {"float32"}
    full = layer(**given, dtype="float32")
    full.build(shape)
    full.set_weights(made.get_weights())
    np.testing.assert_allclose(half, full(random(shape)), atol=0.02)


def test_the_gradient_reaches_every_trainable_weight_and_the_input(case):
    layer, given, shape = case
    made = layer(**given)
    inputs = tf.constant(random(shape))
    made(inputs)
    training = {"training": True} if "training" in inspect.signature(made.call).parameters else {}
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = made(inputs, **training)
        loss = tf.reduce_sum(outputs * random(tuple(outputs.shape), seed=1))
    sources = {"input": inputs, **{weight.path: weight.value for weight in made.trainable_variables}}
    for place, gradient in tape.gradient(loss, sources).items():
        assert gradient is not None, place
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 1e-4, place


def sigmoid(value):
    return 1 / (1 + np.exp(-np.asarray(value, dtype=np.float64)))


def relu(values):
    return np.maximum(values, 0)


def leaky_relu(values):
    return np.where(values > 0, values, 0.2 * values)


def test_squeeze_excitation_by_hand():
    layer = SqueezeExcitation(ratio=2)
    layer.build(MAPS.shape)
    layer.set_weights([np.array(w) for w in ([[2.0], [1.0]], [0.5], [[0.1, -0.2]], [0.0, 1.0])])
    # squeezed: (2.5, -1); hidden: relu(2.5 · 2 - 1 · 1 + 0.5) = 4.5; weights: sigmoid(0.45), sigmoid(-0.9 + 1)
    weights = sigmoid([0.45, 0.1])
    np.testing.assert_allclose(layer.weigh(MAPS), weights.reshape(1, 1, 1, 2), rtol=1e-6)
    np.testing.assert_allclose(layer(MAPS), MAPS * weights, rtol=1e-6)
    three = np.array(layer.weigh(np.concatenate([MAPS, 2 * MAPS, MAPS])))  # each frame has its own
    np.testing.assert_array_equal(three[0], three[2])
    assert (three[0] != three[1]).any()


def test_squeeze_excitation_has_a_hidden_unit_for_each_ratio_of_channels():
    for channels, ratio, units in ((32, 8, 4), (64, 8, 8), (32, 16, 2), (4, 8, 1), (7, 2, 3)):
        layer = SqueezeExcitation(ratio)
        layer.build((None, 4, 4, channels))
        assert [tuple(w.shape) for w in layer.weights] == [(channels, units), (units,), (units, channels), (channels,)]


@pytest.mark.parametrize(
    ("kernel", "bias", "logits"),
    [
        # 3 · mean - maximum + 0.5; the means are 0, 0.5, 1, 1.5 and the maxima 1, 2, 3, 4
        ([[[[3.0], [-1.0]]]], 0.5, [[-0.5, 0.0], [0.5, 1.0]]),
        # the maximum of the place to the right; zero beyond the border
        (np.pad([[[[0.0], [1.0]]]], ((1, 1), (2, 0), (0, 0), (0, 0))), 0.0, [[2, 0], [4, 0]]),
    ],
)
def test_spatial_attention_by_hand(kernel, bias, logits):
    layer = SpatialAttention(kernel_size=len(kernel))
    layer.build(MAPS.shape)
    layer.set_weights([np.array(kernel), np.array([bias])])
    np.testing.assert_allclose(layer(MAPS), MAPS * sigmoid(logits)[None, ..., None], rtol=1e-6)


def convolve(maps, kernel, bias, stride=1, before=1):
    """A written-out convolution: maps [h, w, in], kernel [3, 3, in, out], zeros around."""
    padded = np.pad(maps, ((before, 1), (before, 1), (0, 0)))
    height, width = ((size - 3) // stride + 1 for size in padded.shape[:2])
    found = np.empty((height, width, kernel.shape[-1]))
    for row in range(height):
        for column in range(width):
            patch = padded[row * stride : row * stride + 3, column * stride : column * stride + 3]
            found[row, column] = (patch[..., None] * kernel).sum(axis=(0, 1, 2)) + bias
    return found


def pool(maps):
    """The maximum of each 2 × 2 block; an odd row or column at the end is dropped."""
    height, width, channels = maps.shape
    blocks = maps[: height // 2 * 2, : width // 2 * 2].reshape(height // 2, 2, width // 2, 2, channels)
    return blocks.max(axis=(1, 3))


def normalized(maps, weights):
    """Batch normalisation by stored means and variances; maps are unchanged without weights."""
    if not weights:
        return maps
    gain, offset, mean, variance = weights
    return gain * (maps - mean) / np.sqrt(variance + 1e-3) + offset


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(4, 6, 8, 2), (3, 5, 7, 16)])
def test_rows_are_normalised_as_keras_normalises_channels(shape, training):
    layers = [kind(momentum=0.9) for kind in (RowNormalization, keras.layers.BatchNormalization)]
    maps, weights = tf.constant(3 * random(shape) + 1), random((4, shape[-1])) ** 2 + 0.5
    found = []
    for layer in layers:
        layer.build(shape)
        layer.set_weights(list(weights))
        with tf.GradientTape() as tape:
            tape.watch(maps)
            outputs = layer(maps, training=training)
            loss = tf.reduce_sum(outputs**3)
        gradients = tape.gradient(loss, [maps, layer.gamma.value, layer.beta.value])
        found.append([outputs, *gradients, *layer.get_weights()])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-4)
    assert np.allclose(found[0][-1], weights[3]) != training


def test_bias_and_relu_after_pooling_are_those_before_it_bit_for_bit():
    maps, stage = random((2, 12, 16, 1)), ConvolutionStage(2, normalize=False)
    with_random_weights(stage, maps.shape)
    outputs = maps
    for step in stage.steps:
        outputs = step(outputs)
    np.testing.assert_array_equal(stage(maps), outputs)


@pytest.mark.parametrize("normalize", [False, True])
def test_convolution_stage_by_hand(normalize):
    maps = random((2, 6, 7, 2))
    layer = ConvolutionStage(3, normalize=normalize)
    weights = with_random_weights(layer, maps.shape)
    for one, found in zip(maps, np.array(layer(maps)), strict=True):
        pooled = pool(relu(convolve(relu(convolve(one, *weights[0:2])), *weights[2:4])))
        np.testing.assert_allclose(found, normalized(pooled, weights[4:]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("size", [8, 7])
def test_encoder_stage_by_hand(size, normalize):
    maps = random((2, size, size, 2))
    layer = EncoderStage(3, normalize)
    kernel, *rest = with_random_weights(layer, maps.shape)
    bias, rest = (0, rest) if normalize else (rest[0], [])
    before = size % 2  # "same" padding at stride 2: an even side is padded only at its end, an odd one on both sides
    for one, found in zip(maps, np.array(layer(maps)), strict=True):
        expected = leaky_relu(normalized(convolve(one, kernel, bias, stride=2, before=before), rest))
        assert expected.shape == (4, 4, 3)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("activation", "function", "normalize"), [("relu", relu, True), ("sigmoid", sigmoid, False)])
def test_decoder_stage_by_hand(activation, function, normalize):
    maps = random((2, 3, 4, 2))
    layer = DecoderStage(3, activation, normalize)
    kernel, *rest = with_random_weights(layer, maps.shape)
    bias, rest = (0, rest) if normalize else (rest[0], [])
    for one, found in zip(maps, np.array(layer(maps)), strict=True):
        whole = np.zeros((8, 10, 3))  # each place adds a block of 4 x 4; the outermost pixels are cut off
        for row in range(3):
            for column in range(4):
                whole[2 * row : 2 * row + 4, 2 * column : 2 * column + 4] += kernel @ one[row, column]
        expected = function(normalized(whole[1:-1, 1:-1] + bias, rest))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_scaled_gradients_change_nothing_else():
    maps = tf.constant(random((2, 3, 3, 2)))
    with tf.GradientTape() as tape:
        tape.watch(maps)
        outputs = GradientScale(0.25)(maps)
        loss = tf.reduce_sum(outputs**2)
    np.testing.assert_allclose(outputs, maps, rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(loss, maps), 0.25 * 2 * maps, rtol=1e-6)


def test_normalization_uses_the_batch_in_training_and_moves_slowly_towards_it():
    maps = random((8, 4, 4, 1))
    layer = ConvolutionStage(2)
    layer.build(maps.shape)
    in_training = np.array(layer(maps, training=True))
    np.testing.assert_allclose(in_training.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    plain = ConvolutionStage(2, normalize=False)
    plain.build(maps.shape)
    plain.set_weights(layer.get_weights()[:4])
    before = np.array(plain(maps))
    mean, variance = layer.get_weights()[-2:]
    np.testing.assert_allclose(mean, 0.1 * before.mean(axis=(0, 1, 2)), rtol=1e-4)
    np.testing.assert_allclose(variance, 0.9 + 0.1 * before.var(axis=(0, 1, 2)), rtol=1e-4)


def test_lower_resolution_by_hand():
    row = np.array([0, 2, 4, 8], dtype=np.float32)
    frame = np.broadcast_to(row[:, None], (4, 4))[None, ..., None]
    # blocks of two rows have means 1 and 6; linear interpolation between the blocks' centres
    expected = np.array([1, 2.25, 4.75, 6])
    np.testing.assert_allclose(np.array(LowerResolution(2)(frame))[0, :, 0, 0], expected, rtol=1e-6)
    across = np.array(LowerResolution(2)(frame.transpose(0, 2, 1, 3)))[0, 0, :, 0]
    np.testing.assert_allclose(across, expected, rtol=1e-6)
    np.testing.assert_array_equal(LowerResolution(1)(frame), frame)
    np.testing.assert_allclose(LowerResolution(4)(frame), np.full((1, 4, 4, 1), 3.5), rtol=1e-6)


@pytest.mark.parametrize(("layer", "name"), [(LowerResolution, "factor"), (SqueezeExcitation, "ratio")])
def test_arguments_below_one_are_refused(layer, name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1, not 0"):
        layer(0)


def test_standardization_by_hand():
    frame = np.array([[0, 0], [0, 4]], dtype=np.float32)[None, ..., None]  # mean 1, variance 12 / 4
    expected = (frame - 1) / np.sqrt(3)
    np.testing.assert_allclose(FrameStandardization()(frame), expected, rtol=1e-6)
    np.testing.assert_allclose(FrameStandardization(floor=5)(frame), (frame - 1) / 5, rtol=1e-6)
    lit = np.concatenate([frame, 10 + 3 * frame])  # another light and contrast
    np.testing.assert_allclose(FrameStandardization()(lit), np.concatenate([expected] * 2), rtol=1e-5, atol=1e-6)
    empty = np.full((1, 8, 8, 1), 0.25, dtype=np.float32)
    np.testing.assert_array_equal(FrameStandardization()(empty), np.zeros_like(empty))


def test_moments_put_standardized_frames_back():
    layer, frames = FrameStandardization(), 0.3 + 0.2 * random((128, 128, 128, 1))
    mean, deviation = layer.moments(frames)
    np.testing.assert_allclose(np.array(layer(frames)) * deviation + np.array(mean), frames, atol=1e-6)


def test_standardization_in_half_precision_does_not_overflow():
    frame = 0.5 + 0.1 * random((1, 128, 128, 1))
    half = np.array(FrameStandardization(dtype="mixed_float16")(frame)).astype(np.float64)
    np.testing.assert_allclose(half, FrameStandardization()(frame), atol=0.02)


@pytest.mark.parametrize("name", STRATEGIES)
def test_weights_depend_only_on_the_seed(name):
    model = STRATEGIES[name].build(NetworkSettings(classes=3, resnet_width=4, sequence_length=2))

    def drawn(seed: int, disturbed: int) -> list[np.ndarray]:
        python_random.seed(disturbed)  # the generator that Keras seeds its initializers from
        initialize_weights(model, seed)
        return model.get_weights()

    first, again, other = drawn(1, 0), drawn(1, 5), drawn(2, 0)
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    changed = [one.size for one, two in zip(first, other, strict=True) if not np.array_equal(one, two)]
    assert sorted(changed) == sorted(weight.size for weight in first if weight.ndim > 1), "all kernels, nothing else"


def test_layers_of_one_shape_get_different_weights_with_the_initializer_s_deviation():
    options = {"kernel_initializer": "he_normal"}
    model = keras.Sequential([keras.Input((400,)), *(keras.layers.Dense(400, **options) for _ in range(2))])
    initialize_weights(model, 3)
    first, second = model.get_weights()[::2]
    assert np.abs(first - second).max() > 0.1
    assert np.std(first) == pytest.approx(np.sqrt(2 / 400), rel=0.02)


def test_all_layers_come_in_the_order_that_numbers_their_seeds():
    shared = keras.layers.Dense(4, name="shared")
    inputs = keras.Input((8, 8, 4), name="maps")
    inner = keras.Sequential([shared, ConvolutionStage(4, name="stage")], name="inner")
    model = keras.Model(inputs, inner(shared(inputs)), name="outer")
    stage = ["normalization", "pooling", "second_convolution", "first_convolution"]
    assert [layer.name for layer in all_layers(model)] == ["outer", "maps", "shared", "inner", "stage", *stage]
