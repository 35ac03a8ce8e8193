"""Residual networks, the paper's first rival: ResNet-18 for small runs, ResNet-50 for the full protocol.

The paper says "ResNet" and never which (section 4.3). keras.applications has 50 layers and more, none of 18, so the
basic block is written here.
"""

import keras
from keras import ops

from dance_tf.model.autoencoder import FRAME_SHAPE
from dance_tf.model.layers import FrameStandardization
from dance_tf.model.paths import NetworkSettings, gray_levels

BLOCKS_A_STAGE = 2
STAGE_WIDTHS = (1, 2, 4, 8)
IMAGENET_MEAN = (123.68, 116.779, 103.939)  # red, green, blue of 255; what keras.applications subtracts
DEPTHS = (18, 50)


def build_resnet(settings: NetworkSettings) -> keras.Model:
    """The residual network that the settings name, uint8 frames in, probabilities [batch, classes] out.

    Raises:
        ValueError: for a depth that is neither 18 nor 50, or where ImageNet's weights are asked for and cannot be had.
    """
    if settings.resnet_depth not in DEPTHS:
        raise ValueError(f"resnet_depth is 18 or 50, not {settings.resnet_depth}")
    weights = "imagenet" if settings.imagenet_weights else None
    if settings.resnet_depth == 50:
        return build_resnet_50(settings, weights)
    if weights:
        raise ValueError("there are no ImageNet weights for the gray ResNet-18: set resnet_depth to 50")
    return build_resnet_18(settings)


def build_resnet_18(settings: NetworkSettings) -> keras.Model:
    """ResNet-18 on gray frames: a 7×7 convolution, eight basic blocks in four stages, the mean over places.

    A training step on one core of a 2-core machine takes, a frame: 1.6 ms at width 8, 6 ms at 16, 10 ms at 32, 35 ms at
    64, and 140 ms for ResNet-50; the paper's hybrid takes 2.1 ms.

    Args:
        settings: `classes`, and `resnet_width`, the channels of the first stage; 64 is He's network.

    Returns:
        uncompiled model from uint8 [batch, 128, 128, 1] to probabilities [batch, classes]; its feature vector, layer
        "resnet_vector", has 8 × width numbers.

    Reference:
        Deep residual learning (He et al. 2016), table 1, 18 layers; shortcuts by projection where the shape changes
        (option B).
    """
    width = settings.resnet_width
    frames = keras.Input(FRAME_SHAPE, dtype="uint8", name="frames")
    # standardised as the CNN path has it, so that the comparison is one of networks
    levels = FrameStandardization(name="standardized")(gray_levels(frames))
    outputs = _normalized_convolution(levels, width, 7, 2, "stem")
    outputs = keras.layers.ReLU(name="stem_relu")(outputs)
    outputs = keras.layers.MaxPooling2D(3, strides=2, padding="same", name="stem_pooling")(outputs)
    for stage, times in enumerate(STAGE_WIDTHS, start=1):
        for block in range(1, BLOCKS_A_STAGE + 1):
            strides = 2 if stage > 1 and block == 1 else 1
            outputs = _basic_block(outputs, times * width, strides, f"stage_{stage}_block_{block}")
    vector = keras.layers.GlobalAveragePooling2D(name="resnet_vector")(outputs)
    return keras.Model(frames, _classify(vector, settings), name="resnet")


def build_resnet_50(settings: NetworkSettings, weights: str | None = None) -> keras.Model:
    """ResNet-50 of keras.applications on gray frames, repeated as red, green and blue.

    Args:
        settings: `classes`.
        weights: None for random ones, or "imagenet", which Keras then downloads once (94 MB).

    Returns:
        uncompiled model from uint8 [batch, 128, 128, 1] to probabilities [batch, classes]; its feature vector, layer
        "resnet_vector", has 2048 numbers.

    Raises:
        ValueError: where ImageNet's weights cannot be had.
    """
    frames = keras.Input(FRAME_SHAPE, dtype="uint8", name="frames")
    levels = gray_levels(frames)
    if weights == "imagenet":
        # those weights know blue, green, red of 0 to 255 less the mean; the three channels are equal before that
        shift = [-mean for mean in reversed(IMAGENET_MEAN)]
        colours = keras.layers.Rescaling(255, offset=shift, name="imagenet_levels")(ops.repeat(levels, 3, axis=-1))
    else:
        colours = ops.repeat(FrameStandardization(name="standardized")(levels), 3, axis=-1)
    try:
        trunk = keras.applications.ResNet50(
            include_top=False, weights=weights, input_shape=(*FRAME_SHAPE[:2], 3), pooling="avg", name="resnet_vector"
        )
    except Exception as error:  # Keras raises a bare Exception where a download fails
        if weights is None:
            raise
        raise ValueError(
            f"ImageNet's weights for ResNet-50 cannot be had ({error}): leave imagenet_weights off, "
            "or put Keras's file of them into ~/.keras/models"
        ) from error
    return keras.Model(frames, _classify(trunk(colours), settings), name="resnet")


def _classify(vector, settings: NetworkSettings):
    logits = keras.layers.Dense(settings.classes, name="logits")(vector)
    return keras.layers.Softmax(name="probabilities", dtype="float32")(logits)


def _normalized_convolution(inputs, filters: int, size: int, strides: int, name: str):
    outputs = keras.layers.Conv2D(
        filters,
        size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_convolution",
    )(inputs)
    # as in the CNN path: Keras' 0.99 needs hundreds of batches before validation sees the statistics of the training
    return keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_normalization")(outputs)


def _basic_block(inputs, filters: int, strides: int, name: str):
    """Two 3×3 convolutions beside a shortcut, which is a 1×1 convolution where the shape changes."""
    outputs = _normalized_convolution(inputs, filters, 3, strides, f"{name}_first")
    outputs = keras.layers.ReLU(name=f"{name}_first_relu")(outputs)
    outputs = _normalized_convolution(outputs, filters, 3, 1, f"{name}_second")
    shortcut = inputs
    if strides > 1 or inputs.shape[-1] != filters:
        shortcut = _normalized_convolution(inputs, filters, 1, strides, f"{name}_shortcut")
    return keras.layers.ReLU(name=f"{name}_relu")(keras.layers.Add(name=f"{name}_sum")([outputs, shortcut]))
