"""Layers of the networks, written with `keras` and `keras.ops` alone, so that every Keras backend runs them."""

import inspect
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

KERNELS = (("kernel", "kernel_initializer"), ("recurrent_kernel", "recurrent_initializer"))


def all_layers(layer: keras.Layer) -> list[keras.Layer]:
    """Return a layer and all layers inside it, each once, in an order that depends only on how they were made."""
    found = [layer]
    waiting = list(reversed(_inner_layers(layer)))
    while waiting:
        inner = waiting.pop()
        if all(inner is not other for other in found):
            found.append(inner)
            waiting += _inner_layers(inner)
    return found


def _inner_layers(layer: keras.Layer) -> list[keras.Layer]:
    if isinstance(layer, keras.Model):
        return layer.layers
    values = [value if isinstance(value, (list, tuple)) else [value] for value in vars(layer).values()]
    inner = [each for value in values for each in value if isinstance(each, keras.Layer)]
    return list({id(each): each for each in inner}.values())


def initialize_weights(model: keras.Model, seed: int) -> None:
    """Draw the kernels of a built model again, those of layer k from (seed, k) alone.

    Keras seeds its initializers from Python's global generator, which other threads (those of a Dask worker) also use.
    Weights that are not kernels start at fixed values.
    """
    for number, layer in enumerate(all_layers(model)):
        for name, initializer_name in KERNELS:
            weight = getattr(layer, name, None)
            if isinstance(weight, keras.Variable):
                sequence = np.random.SeedSequence([seed, number, name == "kernel"])
                initializer = getattr(layer, initializer_name)
                config = {**initializer.get_config(), "seed": int(sequence.generate_state(1)[0] >> 1)}
                weight.assign(type(initializer).from_config(config)(weight.shape, dtype=weight.dtype))


def _sublayer(parent: keras.Layer, kind: type[keras.Layer], *arguments, **options) -> keras.Layer:
    """Return a layer of a kind with the precision and trainability of the layer it is part of."""
    return kind(*arguments, dtype=parent.dtype_policy, trainable=parent.trainable, **options)


class _Layer(keras.layers.Layer):
    """A layer with an attribute for each argument, whose output has the shape of its input."""

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        arguments = list(inspect.signature(type(self).__init__).parameters)[1:-1]  # without self and kwargs
        return {**super().get_config(), **{name: getattr(self, name) for name in arguments}}


class _Stage(_Layer):
    """Layers in a row, which the initializer of a subclass makes in this order, and an activation after them."""

    activation = "linear"

    def __init__(self, filters: int, normalize: bool, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.normalize = normalize

    def _convolution(self, name: str, **options) -> keras.layers.Conv2D:
        return _sublayer(self, keras.layers.Conv2D, self.filters, 3, padding="same", name=name, **options)

    def _normalization(self) -> keras.layers.BatchNormalization:
        # Keras' momentum of 0.99 needs hundreds of batches before validation uses the statistics of the training frames
        return _sublayer(self, keras.layers.BatchNormalization, momentum=0.9, name="normalization")

    def build(self, input_shape):
        for layer in all_layers(self)[1:]:
            layer.build(input_shape)
            input_shape = layer.compute_output_shape(input_shape)

    def call(self, inputs):
        for layer in all_layers(self)[1:]:
            inputs = layer(inputs)
        return keras.activations.get(self.activation)(inputs)

    def compute_output_shape(self, input_shape):
        for layer in all_layers(self)[1:]:
            input_shape = layer.compute_output_shape(input_shape)
        return tuple(input_shape)


@keras.saving.register_keras_serializable(package="dance_tf")
class SqueezeExcitation(_Layer):
    """Channel attention: scale each channel by a weight computed from the means of all channels.

    Args:
        ratio: squeeze ratio; the hidden layer has `max(1, channels // ratio)` units.

    Shapes: input and output float [batch, height, width, channels].
    Example: `SqueezeExcitation(ratio=4)(keras.ops.ones((2, 4, 4, 32))).shape` is (2, 4, 4, 32).
    Reference: Squeeze-and-excitation (Hu et al. 2018); section 3.4 of the paper, which gives no ratio.
    """

    def __init__(self, ratio: int = 8, **kwargs):
        super().__init__(**kwargs)
        if ratio < 1:
            raise ValueError(f"ratio must be at least 1, not {ratio}")
        self.ratio = ratio

    def build(self, input_shape):
        batch, _, _, channels = input_shape
        units = max(1, channels // self.ratio)
        self.squeeze = _sublayer(self, keras.layers.GlobalAveragePooling2D, keepdims=True, name="squeeze")
        self.reduce = _sublayer(self, keras.layers.Dense, units, activation="relu", name="reduce")
        self.expand = _sublayer(self, keras.layers.Dense, channels, activation="sigmoid", name="expand")
        self.reduce.build((batch, 1, 1, channels))
        self.expand.build((batch, 1, 1, units))

    def weigh(self, inputs):
        """Return attention weights float [batch, 1, 1, channels] in (0, 1) for [batch, height, width, channels]."""
        return self.expand(self.reduce(self.squeeze(inputs)))

    def call(self, inputs):
        return inputs * self.weigh(inputs)


@keras.saving.register_keras_serializable(package="dance_tf")
class SpatialAttention(_Layer):
    """Spatial attention: scale each place by a weight computed from the mean and the maximum over its channels.

    Args:
        kernel_size: side of the convolution over the two maps.

    Shapes: input and output float [batch, height, width, channels].
    Example: `SpatialAttention()(keras.ops.ones((2, 4, 4, 32))).shape` is (2, 4, 4, 32).
    Reference: The spatial half of CBAM (Woo et al. 2018). The paper mentions "spatial attention" beside Table 4 and
        does not describe it, so it is off by default.
    """

    def __init__(self, kernel_size: int = 3, **kwargs):
        super().__init__(**kwargs)
        self.kernel_size = kernel_size

    def build(self, input_shape):
        options = {"padding": "same", "activation": "sigmoid", "name": "convolution"}
        self.convolution = _sublayer(self, keras.layers.Conv2D, 1, self.kernel_size, **options)
        self.convolution.build((*input_shape[:-1], 2))

    def call(self, inputs):
        maps = [ops.mean(inputs, axis=-1, keepdims=True), ops.max(inputs, axis=-1, keepdims=True)]
        return inputs * self.convolution(ops.concatenate(maps, axis=-1))


@keras.saving.register_keras_serializable(package="dance_tf")
class EncoderStage(_Stage):
    """One stage of the encoder: a 3×3 convolution of stride 2, batch normalisation, ReLU.

    Args:
        filters: output channels.
        normalize: use batch normalisation. The paper names none; background-subtracted frames are mostly black, and
            without it five stages learn nothing from them in a laptop's time.

    Shapes: input float [batch, height, width, channels], output float [batch, height / 2, width / 2, filters].
    Example: `EncoderStage(4)(keras.ops.ones((1, 128, 128, 1))).shape` is (1, 64, 64, 4).
    Reference: Section 3.3: 128 × 128 × 1 "progressively reducing to 4 × 4 × 64 through five layers".
    """

    activation = "relu"

    def __init__(self, filters: int, normalize: bool = True, **kwargs):
        super().__init__(filters, normalize, **kwargs)
        # the normalisation has a bias of its own
        options = {"strides": 2, "kernel_initializer": "he_normal", "use_bias": not normalize}
        self.convolution = self._convolution("convolution", **options)
        if normalize:
            self.normalization = self._normalization()


@keras.saving.register_keras_serializable(package="dance_tf")
class DecoderStage(_Stage):
    """One stage of the decoder: nearest-neighbour upsampling by 2, a 3×3 convolution, batch normalisation.

    Args:
        filters: output channels.
        activation: at the end; the outermost stage uses "sigmoid".
        normalize: use batch normalisation before the activation; the outermost stage has none.

    Shapes: input float [batch, height, width, channels], output float [batch, 2 × height, 2 × width, filters].
    Example: `DecoderStage(4)(keras.ops.ones((1, 32, 32, 8))).shape` is (1, 64, 64, 4).
    Reference: Section 3.3 does not describe the decoder; its Figure 1 has upsampling layers (Odena et al. 2016
        compare them with transposed convolutions).
    """

    def __init__(self, filters: int, activation: str = "relu", normalize: bool = True, **kwargs):
        super().__init__(filters, normalize, **kwargs)
        self.activation = activation
        self.upsampling = _sublayer(self, keras.layers.UpSampling2D, 2, name="upsampling")
        self.convolution = self._convolution("convolution", use_bias=not normalize)
        if normalize:
            self.normalization = self._normalization()


@keras.saving.register_keras_serializable(package="dance_tf")
class ConvolutionStage(_Stage):
    """One stage of the CNN path: two 3×3 convolutions with ReLU, then 2×2 max-pooling.

    Args:
        filters: output channels.
        normalize: use batch normalisation after the pooling, where it costs a quarter of what it costs before. The
            paper names none; with it plain SGD needs tens of epochs instead of hundreds.

    Shapes: input float [batch, height, width, channels], output float [batch, height // 2, width // 2, filters].
    Example: `ConvolutionStage(4)(keras.ops.ones((1, 64, 64, 2))).shape` is (1, 32, 32, 4).
    Reference: Section 3.2: "two convolutional layers followed by a max-pooling layer".
    """

    def __init__(self, filters: int, normalize: bool = True, **kwargs):
        super().__init__(filters, normalize, **kwargs)
        options = {"activation": "relu", "kernel_initializer": "he_normal"}
        # model files name the weights by this list and its order
        self.steps = [self._convolution(f"{place}_convolution", **options) for place in ("first", "second")]
        self.steps.append(_sublayer(self, keras.layers.MaxPooling2D, 2, name="pooling"))
        if normalize:
            self.steps.append(self._normalization())


@keras.saving.register_keras_serializable(package="dance_tf")
class LowerResolution(_Layer):
    """Shrink frames by a factor and enlarge them again: the autoencoder's low-resolution input.

    Args:
        factor: how many times smaller; 1 leaves frames unchanged.

    Shapes: input and output float [batch, height, width, channels]; height and width must be multiples of `factor`.
    Example: `LowerResolution(2)(keras.ops.ones((1, 128, 128, 1))).shape` is (1, 128, 128, 1).
    Reference: Section 3.2 uses "low-resolution frames" without a size; the factor is our setting.
    """

    def __init__(self, factor: int = 2, **kwargs):
        super().__init__(**kwargs)
        if factor < 1:
            raise ValueError(f"factor must be at least 1, not {factor}")
        self.factor = factor

    def call(self, inputs):
        if self.factor == 1:
            return inputs
        small = ops.average_pool(inputs, self.factor, strides=self.factor, padding="valid")
        return ops.image.resize(small, inputs.shape[1:3], interpolation="bilinear", data_format="channels_last")


@keras.saving.register_keras_serializable(package="dance_tf")
class FrameStandardization(_Layer):
    """Bring each frame to mean 0 and standard deviation 1, so that light and clothing matter less.

    Args:
        floor: smallest standard deviation to divide by, so that the noise of an empty frame stays small.

    Shapes: input and output float [batch, height, width, channels].
    Example: `FrameStandardization()(keras.ops.ones((1, 128, 128, 1))).shape` is (1, 128, 128, 1).
    Reference: Section 3 says that frames are "standardized" and does not say how; this is our reading.
    """

    def __init__(self, floor: float = 1 / 128, **kwargs):
        super().__init__(**kwargs)
        self.floor = floor

    def call(self, inputs):
        mean = ops.mean(inputs, axis=(1, 2, 3), keepdims=True)
        deviation = ops.sqrt(ops.mean(ops.square(inputs - mean), axis=(1, 2, 3), keepdims=True))
        return (inputs - mean) / ops.maximum(deviation, self.floor)


@keras.saving.register_keras_serializable(package="dance_tf")
class GraphConvolution(_Layer):
    """Graph convolution over joints: a linear map for each subset of neighbours, with learnt weights of the joints.

    The adjacency starts as the skeleton's and is learnt, so that joints that move together can hear each other.

    Args:
        filters: output channels.
        subsets: float [subsets, joints, joints], nested lists: which joints (columns) a joint (row) hears at the start.

    Shapes: input float [batch, length, joints, channels], output float [batch, length, joints, filters].
    Example: `GraphConvolution(8, [[[1, 0], [0, 1]]])(keras.ops.ones((1, 4, 2, 6))).shape` is (1, 4, 2, 8).
    Reference: ST-GCN (Yan et al. 2018), with the learnt adjacency of ST-GCN++ (Duan et al. 2022).
    """

    def __init__(self, filters: int, subsets: Sequence, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.subsets = subsets

    def build(self, input_shape):
        units = self.filters * len(self.subsets)
        self.linear = _sublayer(self, keras.layers.Dense, units, use_bias=False, name="linear")
        self.linear.build(input_shape)
        start = np.array(self.subsets, np.float32)
        self.adjacency = self.add_weight(name="adjacency", shape=start.shape, initializer="zeros")
        self.adjacency.assign(start)

    def call(self, inputs):
        length, joints = inputs.shape[1:3]
        mapped = ops.reshape(self.linear(inputs), (-1, length, joints, len(self.subsets), self.filters))
        return ops.einsum("btjkf,kij->btif", mapped, ops.cast(self.adjacency, mapped.dtype))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)
