"""Stages of the autoencoder path and its low-resolution input; as in `layers`, any Keras backend runs them."""

import keras
from keras import ops


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
