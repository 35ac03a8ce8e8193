"""What every layer of the house keeps to. A new layer is found by itself and must be given an example here."""

import importlib
import inspect
import pkgutil

import keras
import numpy as np
import pytest
import tensorflow as tf

import dance_tf.model
from dance_tf.model.attention import SpatialAttention, SqueezeExcitation
from dance_tf.model.layers import ConvolutionStage, DecoderStage, EncoderStage, FrameStandardization, LowerResolution

# arguments (none at its default), and the shape of an input
EXAMPLES = {
    SqueezeExcitation: ({"ratio": 3}, (2, 4, 4, 12)),
    SpatialAttention: ({"kernel_size": 5}, (2, 6, 6, 3)),
    ConvolutionStage: ({"filters": 4, "normalize": False}, (3, 8, 12, 2)),
    EncoderStage: ({"filters": 6, "normalize": False}, (2, 8, 10, 3)),
    DecoderStage: ({"filters": 3, "activation": "sigmoid", "normalize": False}, (2, 4, 5, 6)),
    LowerResolution: ({"factor": 4}, (2, 8, 12, 2)),
    FrameStandardization: ({"floor": 0.25}, (2, 6, 5, 1)),
}
# the same once more where an argument changes what the layer is made of
VARIANTS = [
    (ConvolutionStage, {"filters": 4, "normalize": True}, (3, 8, 12, 2)),
    (EncoderStage, {"filters": 6, "normalize": True}, (2, 8, 10, 3)),
    (DecoderStage, {"filters": 3, "activation": "relu", "normalize": True}, (2, 4, 5, 6)),
    (LowerResolution, {"factor": 1}, (2, 5, 7, 1)),
]
CASES = [(layer, *example) for layer, example in EXAMPLES.items()] + VARIANTS


def layer_classes() -> set[type]:
    """Every layer class that a module of dance_tf.model defines, private ones too."""
    modules = [
        importlib.import_module(f"dance_tf.model.{module.name}")
        for module in pkgutil.iter_modules(dance_tf.model.__path__)
    ]
    return {
        found
        for module in modules
        for _, found in inspect.getmembers(module, inspect.isclass)
        if issubclass(found, keras.layers.Layer) and found.__module__ == module.__name__
    }


def arguments_of(layer: type) -> dict[str, inspect.Parameter]:
    """The arguments of `__init__` that are the layer's own."""
    parameters = inspect.signature(layer.__init__).parameters
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {name: value for name, value in parameters.items() if name != "self" and value.kind in kinds}


def random(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0].__name__}-{'-'.join(map(str, case[1].values()))}")
def case(request):
    keras.utils.set_random_seed(1)
    return request.param


def test_every_layer_has_an_example_with_no_argument_at_its_default():
    assert layer_classes() == set(EXAMPLES)
    for layer, (given, _) in EXAMPLES.items():
        known = arguments_of(layer)
        assert set(given) == set(known), layer
        assert all(given[name] != argument.default for name, argument in known.items()), layer


def test_every_layer_is_registered_and_says_what_it_is():
    for layer in layer_classes():
        assert keras.saving.get_registered_name(layer) == f"dance_tf>{layer.__name__}"
        for part in ("Args:", "Shapes:", "Example:", "Reference:", "**kwargs"):
            assert part in layer.__doc__, (layer, part)


def test_arguments_are_attributes_and_in_the_config(case):
    layer, given, _ = case
    made = layer(**given, name="one", dtype="float32")
    config = made.get_config()
    for name, value in given.items():
        assert getattr(made, name) == value
        assert config[name] == value
    plain = {"name", "trainable", "dtype"}
    assert set(config) == set(given) | plain, "keys that are no arguments cannot be given back"


def test_a_config_makes_the_same_layer(case):
    layer, given, shape = case
    first = layer(**given, name="one")
    second = layer.from_config(first.get_config())
    assert second.get_config() == first.get_config()
    inputs = random(shape)
    expected = first(inputs)
    second.build(shape)
    second.set_weights(first.get_weights())
    np.testing.assert_array_equal(second(inputs), expected)


def test_a_saved_model_gives_the_same_output(case, tmp_path):
    layer, given, shape = case
    inputs = keras.Input(shape[1:])
    model = keras.Model(inputs, layer(**given)(inputs))
    model.set_weights([random(weight.shape) ** 2 for weight in model.get_weights()])  # squares: variances are positive
    model.save(tmp_path / "model.keras")
    found = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(found.layers[-1], layer)
    np.testing.assert_array_equal(found(random(shape)), model(random(shape)))
    assert [weight.path for weight in found.weights] == [weight.path for weight in model.weights]


def test_a_frozen_layer_stays_frozen_in_its_file(case, tmp_path):
    layer, given, shape = case
    inputs = keras.Input(shape[1:])
    model = keras.Model(inputs, layer(**given)(inputs))
    model.layers[-1].trainable = False
    model.save(tmp_path / "model.keras")
    found = keras.saving.load_model(tmp_path / "model.keras")
    assert found.trainable_weights == model.trainable_weights == []


def test_the_shape_it_promises_is_the_shape_it_gives(case):
    layer, given, shape = case
    made = layer(**given)
    real = tuple(made(random(shape)).shape)
    assert tuple(made.compute_output_shape(shape)) == real
    assert tuple(made.compute_output_shape((None, *shape[1:]))) == (None, *real[1:])
    symbolic = layer(**given)(keras.Input(shape[1:]))
    assert tuple(symbolic.shape) == (None, *real[1:])


def test_mixed_precision_computes_in_half_and_keeps_whole_weights(case):
    layer, given, shape = case
    made = layer(**given, dtype="mixed_float16")
    half = made(random(shape))
    assert keras.backend.standardize_dtype(half.dtype) == "float16"
    assert np.isfinite(half).all()
    assert {keras.backend.standardize_dtype(weight.dtype) for weight in made.weights} <= {"float32"}
    whole = layer(**given, dtype="float32")
    whole.build(shape)
    whole.set_weights(made.get_weights())
    np.testing.assert_allclose(half, whole(random(shape)), atol=0.02)


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
