"""Layers of the two paths, written with `keras` and `keras.ops` alone, so that any Keras backend runs them."""

import keras
import numpy as np
from keras import ops

DRAWN = (("kernel", "kernel_initializer"), ("recurrent_kernel", "recurrent_initializer"))


def initialize_weights(model: keras.Model, seed: int) -> None:
    """Draw the kernels of a model anew, layer k's from (seed, k) alone.

    Keras takes the seeds of its initializers from Python's own random numbers, which any other thread of the process
    may draw from meanwhile; the threads of a Dask worker do. All weights but kernels start at fixed values.

    Args:
        model: built; changed in place.
        seed: 0 or above.
    """
    for number, layer in enumerate(model._flatten_layers()):
        for name, initializer in DRAWN:
            weight = getattr(layer, name, None)
            if not isinstance(weight, keras.Variable):
                continue
            rule = getattr(layer, initializer)
            own = int(np.random.SeedSequence([seed, number, name == "kernel"]).generate_state(1)[0] >> 1)
            config = {**rule.get_config(), "seed": own}
            weight.assign(type(rule).from_config(config)(weight.shape, dtype=weight.dtype))


def stage_normalization(stage: keras.layers.Layer, shape=None) -> keras.layers.BatchNormalization:
    """Batch normalisation inside a stage, built for a shape if one is given; its momentum suits short runs."""
    layer = keras.layers.BatchNormalization(
        momentum=0.9, dtype=stage.dtype_policy, trainable=stage.trainable, name="normalization"
    )
    if shape is not None:
        layer.build(shape)
    return layer


@keras.saving.register_keras_serializable(package="dance_tf")
class EncoderStage(keras.layers.Layer):
    """A 3×3 convolution of stride 2, batch normalisation, ReLU: one of the encoder's five layers.

    Args:
        filters: channels out.
        normalize: batch normalisation between convolution and ReLU. The paper names none; a frame without its room is
            mostly black, and without it the code of such a frame is so small that five stages learn nothing from it
            within a laptop's patience.
        **kwargs: passed on to `keras.layers.Layer`.

    Shapes:
        input: float [batch, height, width, channels]; output: float [batch, height / 2, width / 2, filters].

    Example:
        >>> EncoderStage(4)(keras.ops.ones((1, 128, 128, 1))).shape
        (1, 64, 64, 4)

    Reference:
        Section 3.3: 128 × 128 × 1 "progressively reducing to 4 × 4 × 64 through five layers".
    """

    def __init__(self, filters: int, normalize: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.normalize = normalize

    def build(self, input_shape):
        self.convolution = keras.layers.Conv2D(
            self.filters,
            3,
            strides=2,
            padding="same",
            use_bias=not self.normalize,  # the normalisation has one
            kernel_initializer="he_normal",
            dtype=self.dtype_policy,
            trainable=self.trainable,
            name="convolution",
        )
        self.convolution.build(input_shape)
        if self.normalize:
            self.normalization = stage_normalization(self, self.convolution.compute_output_shape(input_shape))
        self.built = True

    def call(self, inputs, training=None):
        outputs = self.convolution(inputs)
        return ops.relu(self.normalization(outputs, training=training) if self.normalize else outputs)

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return (batch, height and -(-height // 2), width and -(-width // 2), self.filters)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "normalize": self.normalize}


@keras.saving.register_keras_serializable(package="dance_tf")
class DecoderStage(keras.layers.Layer):
    """Doubling by nearest neighbour, a 3×3 convolution, batch normalisation: the mirror of an encoder stage.

    Args:
        filters: channels out.
        activation: at the end; the outermost stage, which paints the frame, uses "sigmoid".
        normalize: batch normalisation before the activation; the outermost stage has none.
        **kwargs: passed on to `keras.layers.Layer`.

    Shapes:
        input: float [batch, height, width, channels]; output: float [batch, 2 × height, 2 × width, filters].

    Example:
        >>> DecoderStage(4)(keras.ops.ones((1, 32, 32, 8))).shape
        (1, 64, 64, 4)

    Reference:
        Section 3.3 leaves the decoder open; upsampling layers are in its Figure 1 (Odena et al. 2016 say why not
        transposed convolutions).
    """

    def __init__(self, filters: int, activation: str = "relu", normalize: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.activation = activation
        self.normalize = normalize

    def build(self, input_shape):
        self.upsampling = keras.layers.UpSampling2D(2, dtype=self.dtype_policy, name="upsampling")
        self.convolution = keras.layers.Conv2D(
            self.filters,
            3,
            padding="same",
            use_bias=not self.normalize,
            dtype=self.dtype_policy,
            trainable=self.trainable,
            name="convolution",
        )
        self.convolution.build(self.upsampling.compute_output_shape(input_shape))
        if self.normalize:
            self.normalization = stage_normalization(self, self.compute_output_shape(input_shape))
        self.built = True

    def call(self, inputs, training=None):
        outputs = self.convolution(self.upsampling(inputs))
        outputs = self.normalization(outputs, training=training) if self.normalize else outputs
        return keras.activations.get(self.activation)(outputs)

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return (batch, height and 2 * height, width and 2 * width, self.filters)

    def get_config(self):
        own = {"filters": self.filters, "activation": self.activation, "normalize": self.normalize}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="dance_tf")
class LowerResolution(keras.layers.Layer):
    """The frame shrunk by a factor and enlarged again: the autoencoder's low-resolution input.

    Args:
        factor: how many times smaller; 1 leaves the frame as it is.
        **kwargs: passed on to `keras.layers.Layer`.

    Shapes:
        input and output: float [batch, height, width, channels]; height and width must be multiples of `factor`.

    Example:
        >>> LowerResolution(2)(keras.ops.ones((1, 128, 128, 1))).shape
        (1, 128, 128, 1)

    Reference:
        Section 3.2 feeds "low-resolution frames" and never says how low; the factor is our setting.
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
        size = inputs.shape[1:3]
        return ops.image.resize(small, size, interpolation="bilinear", data_format="channels_last")

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


__all__ = ["ConvolutionStage", "DecoderStage", "EncoderStage", "FrameStandardization", "LowerResolution"]


@keras.saving.register_keras_serializable(package="dance_tf")
class FrameStandardization(keras.layers.Layer):
    """Each frame by itself brought to mean 0 and standard deviation 1, so that light and clothing weigh less.

    Args:
        floor: least standard deviation divided by: the noise of a frame with nothing in it stays small.
        **kwargs: passed on to `keras.layers.Layer`.

    Shapes:
        input and output: float [batch, height, width, channels].

    Example:
        >>> FrameStandardization()(keras.ops.ones((1, 128, 128, 1))).shape
        (1, 128, 128, 1)

    Reference:
        The paper says that frames are "standardized" (section 3) and its section 3.1 did not survive; this is our
        reading of it.
    """

    def __init__(self, floor: float = 1 / 128, **kwargs):
        super().__init__(**kwargs)
        self.floor = floor

    def call(self, inputs):
        mean = ops.mean(inputs, axis=(1, 2, 3), keepdims=True)
        spread = ops.sqrt(ops.mean(ops.square(inputs - mean), axis=(1, 2, 3), keepdims=True))
        return (inputs - mean) / ops.maximum(spread, self.floor)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "floor": self.floor}


@keras.saving.register_keras_serializable(package="dance_tf")
class ConvolutionStage(keras.layers.Layer):
    """Two 3×3 convolutions with ReLU, then 2×2 max-pooling: one stage of the CNN path.

    Args:
        filters: channels out.
        normalize: batch normalisation after the pooling. The paper names none; with it plain SGD trains the ten
            convolutions in tens of epochs instead of hundreds, and after the pooling it costs a quarter of what it
            costs before.
        **kwargs: passed on to `keras.layers.Layer`.

    Shapes:
        input: float [batch, height, width, channels]; output: float [batch, height // 2, width // 2, filters].

    Example:
        >>> ConvolutionStage(4)(keras.ops.ones((1, 64, 64, 2))).shape
        (1, 32, 32, 4)

    Reference:
        Section 3.2: "two convolutional layers followed by a max-pooling layer".
    """

    def __init__(self, filters: int, normalize: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.normalize = normalize

    def build(self, input_shape):
        self.steps = []
        for turn in ("first", "second"):
            self.steps.append(
                keras.layers.Conv2D(
                    self.filters,
                    3,
                    padding="same",
                    activation="relu",
                    kernel_initializer="he_normal",
                    dtype=self.dtype_policy,
                    trainable=self.trainable,
                    name=f"{turn}_convolution",
                )
            )
        self.steps.append(keras.layers.MaxPooling2D(2, dtype=self.dtype_policy, name="pooling"))
        if self.normalize:
            self.steps.append(stage_normalization(self))
        shape = tuple(input_shape)
        for step in self.steps:
            step.build(shape)
            shape = step.compute_output_shape(shape)
        self.built = True

    def call(self, inputs, training=None):
        outputs = inputs
        for step in self.steps:
            is_norm = isinstance(step, keras.layers.BatchNormalization)
            outputs = step(outputs, training=training) if is_norm else step(outputs)
        return outputs

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return (batch, height and height // 2, width and width // 2, self.filters)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "normalize": self.normalize}
