"""The progressively grown autoencoder (section 3.3): up to five encoder and five decoder stages, 1024 numbers between.

Its frames are standardized, and get their mean and standard deviation back at the end. A network of any number of
stages reads and writes whole frames. Growth adds one encoder stage after the last and one decoder stage before the
first; all other stages keep their weights (`copy_weights`). The paper gives the encoder's shape; the decoder's is ours.
"""

import keras

from dance_tf.model.layers import DecoderStage, EncoderStage, FrameStandardization, LowerResolution, initialize_weights

FRAME_SHAPE = (128, 128, 1)
ENCODER_FILTERS = (4, 8, 16, 32, 64)
DECODER_FILTERS = (1, 8, 16, 32, 64)  # output of decoder stages 1 to 5, twice as many as the encoder reads there
STAGES = len(ENCODER_FILTERS)


def encode(frames, stages: int = STAGES, factor: int = 2):
    """Return the encoder's last feature map.

    Args:
        frames: float [batch, 128, 128, 1], standardized.
        stages: 1 to 5.
        factor: how many times the resolution of the input is lowered first.

    Returns:
        float [batch, 128 / 2^stages, 128 / 2^stages, filters]: 4 × 4 × 64 with all five stages.
    """
    outputs = LowerResolution(factor, name="lower_resolution")(frames)
    for stage, filters in enumerate(ENCODER_FILTERS[:stages], start=1):
        last = {"normalize": False, "activation": "linear"} if stage == STAGES else {}
        outputs = EncoderStage(filters, name=f"encoder_{stage}", **last)(outputs)
    return outputs


def decode(code, stages: int = STAGES):
    """Return standardized frames float [batch, 128, 128, 1] from the feature map of `encode`.

    They are a sum: a linear map from each place of the code to its patch of pixels, which learns within few steps what
    a linear code of this size can say, and the decoder stages, which add what it cannot.
    """
    size = 2**stages
    linear = keras.layers.Conv2DTranspose(1, size, strides=size, use_bias=False, name=f"linear_{stages}")(code)
    if stages < STAGES:  # a decoder stage reads as many channels as it will when the next one has been added
        code = keras.layers.Conv2D(DECODER_FILTERS[stages], 1, name=f"code_{stages}")(code)
    for stage in range(stages, 1, -1):
        code = DecoderStage(DECODER_FILTERS[stage - 1], name=f"decoder_{stage}")(code)
    return linear + DecoderStage(1, activation="linear", normalize=False, name="decoder_1")(code)


def build_autoencoder(stages: int = STAGES, factor: int = 2, seed: int = 0) -> keras.Model:
    """Return an autoencoder from uint8 [batch, 128, 128, 1] to gray levels, float [batch, 128, 128, 1], 0 to 1.

    Args:
        stages: 1 to 5.
        factor: low-resolution factor of its input; the target is the frame at full resolution.
    """
    frames = keras.Input(FRAME_SHAPE, dtype="uint8", name="frames")
    levels = keras.layers.Rescaling(1 / 255, name="gray_levels")(frames)
    standardization = FrameStandardization(name="standardized")
    mean, deviation = standardization.moments(levels)
    decoded = decode(encode(standardization(levels), stages, factor), stages)
    # not a sum: Keras takes [128, 128, 128, 1] + [128, 1, 1, 1] for a bias of rows, and adds the wrong means
    restored = decoded * deviation - (-mean)
    model = keras.Model(frames, restored, name=f"autoencoder_{stages}")
    initialize_weights(model, seed)
    return model


def copy_weights(source: keras.Model, target: keras.Model) -> tuple[str, ...]:
    """Copy the weights of all layers that both models have by name, and return these names."""
    names = {layer.name for layer in source.layers if layer.weights} & {layer.name for layer in target.layers}
    for name in names:
        target.get_layer(name).set_weights(source.get_layer(name).get_weights())
    return tuple(sorted(names))
