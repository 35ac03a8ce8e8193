"""Attention blocks: which channels, and which places, of a feature map count."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="dance_tf")
class SqueezeExcitation(keras.layers.Layer):
    """Channel attention: each channel is scaled by how much the whole map speaks for it.

    Squeeze: the average of each channel over the map. Excitation: two dense layers, ReLU then sigmoid.
    Scale: each channel times its weight.

    Args:
        ratio: squeeze ratio; the hidden layer has `max(1, channels // ratio)` units.
        **kwargs: passed on to `keras.layers.Layer`.

    Shapes:
        input and output: float [batch, height, width, channels].

    Example:
        >>> SqueezeExcitation(ratio=4)(keras.ops.ones((2, 4, 4, 32))).shape
        (2, 4, 4, 32)

    Reference:
        Squeeze-and-excitation (Hu et al. 2018; section 3.4 of the paper, which gives no ratio).
    """

    def __init__(self, ratio: int = 8, **kwargs):
        super().__init__(**kwargs)
        if ratio < 1:
            raise ValueError(f"ratio must be at least 1, not {ratio}")
        self.ratio = ratio

    def build(self, input_shape):
        channels = input_shape[-1]
        self.squeeze = keras.layers.GlobalAveragePooling2D(keepdims=True, dtype=self.dtype_policy, name="squeeze")
        self.reduce = keras.layers.Dense(
            max(1, channels // self.ratio),
            activation="relu",
            dtype=self.dtype_policy,
            trainable=self.trainable,
            name="reduce",
        )
        self.expand = keras.layers.Dense(
            channels, activation="sigmoid", dtype=self.dtype_policy, trainable=self.trainable, name="expand"
        )
        self.reduce.build((input_shape[0], 1, 1, channels))
        self.expand.build((input_shape[0], 1, 1, self.reduce.units))
        self.built = True

    def weigh(self, inputs):
        """Attention weights float [batch, 1, 1, channels], each in (0, 1), of maps [batch, height, width, channels]."""
        return self.expand(self.reduce(self.squeeze(inputs)))

    def call(self, inputs):
        return inputs * self.weigh(inputs)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "ratio": self.ratio}


@keras.saving.register_keras_serializable(package="dance_tf")
class SpatialAttention(keras.layers.Layer):
    """Spatial attention: each place is scaled by a weight read from the mean and the maximum over its channels.

    Args:
        kernel_size: side of the convolution that reads the two maps.
        **kwargs: passed on to `keras.layers.Layer`.

    Shapes:
        input and output: float [batch, height, width, channels].

    Example:
        >>> SpatialAttention()(keras.ops.ones((2, 4, 4, 32))).shape
        (2, 4, 4, 32)

    Reference:
        The spatial half of CBAM (Woo et al. 2018). The paper names "spatial attention" beside Table 4 and never
        describes it, so it is an option here and off by default.
    """

    def __init__(self, kernel_size: int = 3, **kwargs):
        super().__init__(**kwargs)
        self.kernel_size = kernel_size

    def build(self, input_shape):
        self.convolution = keras.layers.Conv2D(
            1,
            self.kernel_size,
            padding="same",
            activation="sigmoid",
            dtype=self.dtype_policy,
            trainable=self.trainable,
            name="convolution",
        )
        self.convolution.build((*input_shape[:-1], 2))
        self.built = True

    def call(self, inputs):
        maps = [ops.mean(inputs, axis=-1, keepdims=True), ops.max(inputs, axis=-1, keepdims=True)]
        return inputs * self.convolution(ops.concatenate(maps, axis=-1))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "kernel_size": self.kernel_size}
