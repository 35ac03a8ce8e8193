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
        return _sublayer(self, RowNormalization, momentum=0.9, name="normalization")

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
class RowNormalization(keras.layers.BatchNormalization):
    """Batch normalisation of feature maps, computed on rows of width × channels numbers.

    It is Keras's layer within rounding. With few channels, rows fill the vector units of a processor and channels do
    not: a training step of CNN + AE + Attention takes 7 % less time.

    Shapes: input and output float [batch, height, width, channels].
    Example: `RowNormalization()(keras.ops.ones((1, 4, 4, 2))).shape` is (1, 4, 4, 2).
    Reference: Batch normalization (Ioffe and Szegedy 2015).
    """

    def call(self, inputs, training=None):
        height, width, channels = inputs.shape[1:]
        rows = ops.cast(ops.reshape(inputs, (-1, height, width * channels)), self.variable_dtype)
        stored = (self.moving_mean, self.moving_variance, self.gamma, self.beta)
        mean, variance, gain, offset = (ops.cast(weight, self.variable_dtype) for weight in stored)
        if training and self.trainable:
            mean = self._channel_means(rows)
            variance = self._channel_means(ops.square(rows - ops.tile(mean, width)))
            for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving * self.momentum + batch * (1 - self.momentum))
        gain = gain * ops.rsqrt(variance + self.epsilon)
        outputs = (rows - ops.tile(mean, width)) * ops.tile(gain, width) + ops.tile(offset, width)
        return ops.cast(ops.reshape(outputs, (-1, height, width, channels)), self.compute_dtype)

    def _channel_means(self, rows):
        return ops.mean(ops.reshape(ops.mean(rows, axis=(0, 1)), (-1, self.gamma.shape[0])), axis=0)


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
    """One stage of the encoder: a 3×3 convolution of stride 2, batch normalisation, leaky ReLU.

    Args:
        filters: output channels.
        normalize: use batch normalisation. The paper names none; background-subtracted frames are mostly black, and
            without it five stages learn nothing from them in a laptop's time.
        activation: at the end (the paper names none). A ReLU would halve what the few numbers can say; the innermost
            stage is linear.

    Shapes: input float [batch, height, width, channels], output float [batch, height / 2, width / 2, filters].
    Example: `EncoderStage(4)(keras.ops.ones((1, 128, 128, 1))).shape` is (1, 64, 64, 4).
    Reference: Section 3.3: 128 × 128 × 1 "progressively reducing to 4 × 4 × 64 through five layers".
    """

    def __init__(self, filters: int, normalize: bool = True, activation: str = "leaky_relu", **kwargs):
        super().__init__(filters, normalize, **kwargs)
        self.activation = activation
        # the normalisation has a bias of its own
        options = {"strides": 2, "kernel_initializer": "he_normal", "use_bias": not normalize}
        self.convolution = self._convolution("convolution", **options)
        if normalize:
            self.normalization = self._normalization()


@keras.saving.register_keras_serializable(package="dance_tf")
class DecoderStage(_Stage):
    """One stage of the decoder: a transposed 4×4 convolution of stride 2, batch normalisation, ReLU.

    Args:
        filters: output channels.
        activation: at the end; the outermost stage is linear.
        normalize: use batch normalisation before the activation; the outermost stage has none.

    Shapes: input float [batch, height, width, channels], output float [batch, 2 × height, 2 × width, filters].
    Example: `DecoderStage(4)(keras.ops.ones((1, 32, 32, 8))).shape` is (1, 64, 64, 4).
    Reference: Section 3.3 does not describe the decoder. A kernel that is a multiple of the stride reaches all output
        pixels alike (Odena et al. 2016).
    """

    def __init__(self, filters: int, activation: str = "relu", normalize: bool = True, **kwargs):
        super().__init__(filters, normalize, **kwargs)
        self.activation = activation
        options = {"padding": "same", "use_bias": not normalize, "name": "convolution"}
        self.convolution = _sublayer(self, keras.layers.Conv2DTranspose, filters, 4, strides=2, **options)
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

    def call(self, inputs):
        first, second, pooling, *rest = self.steps
        # bias and ReLU change no order, so they may follow the pooling, which leaves a quarter of the numbers
        outputs = ops.relu(pooling(second.convolution_op(first(inputs), second.kernel)) + second.bias)
        return rest[0](outputs) if rest else outputs


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

    def moments(self, inputs):
        """Return mean and standard deviation of each frame, float [batch, 1, 1, 1] both."""
        mean = ops.mean(inputs, axis=(1, 2, 3), keepdims=True)
        deviation = ops.sqrt(ops.mean(ops.square(inputs - mean), axis=(1, 2, 3), keepdims=True))
        return mean, ops.maximum(deviation, self.floor)

    def call(self, inputs):
        mean, deviation = self.moments(inputs)
        return (inputs - mean) / deviation


@keras.saving.register_keras_serializable(package="dance_tf")
class GradientScale(_Layer):
    """Pass inputs on and scale their gradient: the layers before this one learn at a share of the learning rate.

    Args:
        scale: of the gradient.

    Shapes: input and output float [batch, height, width, channels].
    Example: `GradientScale(0.5)(keras.ops.ones((2, 4, 4, 64))).shape` is (2, 4, 4, 64).
    Reference: Our own: a lower rate for a part of a network, which with SGD is a smaller gradient.
    """

    def __init__(self, scale: float = 0.1, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs):
        return self.scale * inputs + (1 - self.scale) * ops.stop_gradient(inputs)


@keras.saving.register_keras_serializable(package="dance_tf")
class GraphStreams(_Layer):
    """Graph networks side by side, one for each stream of joints, each with its own weights.

    Each joint has its own linear map to features. Then follow blocks of a linear map, a graph convolution over joints,
    a temporal convolution, and a shortcut. The features of a block are in equal groups, and each group has its own
    neighbours and its own dilation in time. The adjacency starts as the skeleton's and is learnt, so that joints that
    move together can hear each other. At the end, joints are added with learnt weights, and the mean and the maximum
    over time are taken. All steps are products of matrices of all streams at once; a temporal convolution is a product
    with a matrix of times, in which a dilation or a stride costs nothing.

    Args:
        filters: channels of each block, multiples of the number of dilations.
        strides: in time, of each block; they divide the length.
        dilations: in time, of each group.
        subsets: float [groups, joints, joints], nested lists: which joints (columns) a joint (row) hears at the start.
        taps: times that a temporal convolution reads.

    Shapes: input float [batch, streams, length, joints, channels], output float [batch, streams, 2 × filters].
    Example: `GraphStreams([4], [2], [1], [[[1, 0], [0, 1]]])(keras.ops.ones((1, 3, 6, 2, 5))).shape` is (1, 3, 8).
    Reference: ST-GCN (Yan et al. 2018), with the learnt adjacency and temporal branches of ST-GCN++ (Duan et al. 2022)
        and graph convolutions by group (Cheng et al. 2020, decoupled GCN).
    """

    def __init__(
        self, filters: Sequence, strides: Sequence, dilations: Sequence, subsets: Sequence, taps: int = 3, **kwargs
    ):
        super().__init__(**kwargs)
        self.filters, self.strides, self.dilations, self.subsets, self.taps = filters, strides, dilations, subsets, taps

    def build(self, input_shape):
        _, streams, length, joints, channels = input_shape
        groups, first, last = len(self.dilations), self.filters[0], self.filters[-1]
        self.embedding = self._kernel("embedding", (streams, joints, first, channels), 1 / channels)
        self.embedded = self._normalization("embedded", streams * first)
        self.kernels, self.adjacencies, self.temporal_kernels, self.shortcuts, self.places = [], [], [], [], []
        self.spatial, self.temporal, channels = [], [], first  # normalisations
        for block, (filters, stride) in enumerate(zip(self.filters, self.strides, strict=True), start=1):
            self.kernels.append(self._kernel(f"kernel_{block}", (streams, filters, channels), 2 / channels))
            self.adjacencies.append(self._start(f"adjacency_{block}", np.array([self.subsets] * streams)))
            shape = (streams, groups, filters // groups, self.taps)
            self.temporal_kernels.append(self._kernel(f"temporal_kernel_{block}", shape, 2 / self.taps))
            self.places.append(self._tap_places(length, stride))
            self.spatial.append(self._normalization(f"spatial_{block}", streams * filters))
            self.temporal.append(self._normalization(f"temporal_{block}", streams * filters))
            changes = stride > 1 or filters != channels
            shape = (streams, filters, channels)
            self.shortcuts.append(self._kernel(f"shortcut_{block}", shape, 1 / channels) if changes else None)
            length, channels = length // stride, filters
        self.readout = self._kernel("readout", (streams, last, joints, 1), 1 / joints)

    def _kernel(self, name: str, shape: tuple[int, ...], variance: float) -> keras.Variable:
        return self.add_weight(name=name, shape=shape, initializer=keras.initializers.RandomNormal(0, variance**0.5))

    def _start(self, name: str, values: np.ndarray) -> keras.Variable:
        weight = self.add_weight(name=name, shape=values.shape, initializer="zeros")
        weight.assign(values)
        return weight

    def _normalization(self, name: str, channels: int) -> keras.layers.BatchNormalization:
        layer = _sublayer(self, keras.layers.BatchNormalization, axis=0, momentum=0.9, name=name)
        layer.build((channels, None))
        return layer

    def _tap_places(self, length: int, stride: int) -> np.ndarray:
        """Return which time each tap reads for each output: float32 [groups, taps, length / stride × length]."""
        at = np.arange(0, length, stride)[:, None] - np.arange(length)
        offsets = np.outer(self.dilations, np.arange(self.taps) - self.taps // 2)
        found = at + offsets[:, :, None, None] == 0
        return found.reshape(len(self.dilations), self.taps, -1).astype(np.float32)

    def call(self, inputs, training=None):
        _, streams, length, joints, _ = inputs.shape
        rows = (streams, joints, inputs.shape[-1], -1)  # of length × batch
        outputs = ops.matmul(self.embedding, ops.reshape(ops.transpose(inputs, (1, 3, 4, 2, 0)), rows))
        outputs = ops.transpose(outputs, (0, 2, 3, 1))
        shape = outputs.shape[:2]
        # from here on [streams, channels, length × batch × joints], of which each product takes what it needs
        outputs = ops.relu(self._normalized(self.embedded, outputs, shape, training))
        for block, (filters, stride) in enumerate(zip(self.filters, self.strides, strict=True)):
            shortcut, shape, groups = outputs, (streams, filters), (streams, len(self.dilations))
            heard = ops.swapaxes(self.adjacencies[block], 2, 3)
            steps = ops.matmul(self.kernels[block], outputs)
            steps = ops.matmul(ops.reshape(steps, (*groups, -1, joints)), heard)
            steps = ops.relu(self._normalized(self.spatial[block], steps, shape, training))
            places = ops.cast(self.places[block], steps.dtype)
            over_time = ops.reshape(ops.matmul(self.temporal_kernels[block], places), (*shape, -1, length))
            steps = ops.matmul(over_time, ops.reshape(steps, (*shape, length, -1)))
            steps = self._normalized(self.temporal[block], steps, shape, training)
            if stride > 1:
                parts = ops.reshape(shortcut, (*shortcut.shape[:2], length // stride, stride, -1))
                shortcut = ops.reshape(ops.split(parts, stride, axis=3)[0], (*shortcut.shape[:2], -1))
                length //= stride
            if self.shortcuts[block] is not None:
                shortcut = ops.matmul(self.shortcuts[block], shortcut)
            outputs = ops.relu(steps + shortcut)
        outputs = ops.matmul(ops.reshape(outputs, (*shape, -1, joints)), self.readout)
        outputs = ops.reshape(outputs, (*shape, length, -1))
        vectors = ops.concatenate([ops.mean(outputs, axis=2), ops.max(outputs, axis=2)], axis=1)
        return ops.transpose(vectors, (2, 0, 1))

    def _normalized(self, layer, inputs, shape: tuple[int, int], training):
        """Return the normalised inputs as [streams, channels, n]; each channel of a stream has its own statistics."""
        outputs = layer(ops.reshape(inputs, (shape[0] * shape[1], -1)), training=training)
        return ops.reshape(outputs, (*shape, -1))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:2], 2 * self.filters[-1])
