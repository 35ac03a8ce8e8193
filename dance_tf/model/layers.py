"""Layers of the two paths, written with `keras` and `keras.ops` alone, so that any Keras backend runs them."""

import keras
from keras import ops

from dance_tf.model.autoencoder_layers import DecoderStage, EncoderStage, LowerResolution, stage_normalization

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
