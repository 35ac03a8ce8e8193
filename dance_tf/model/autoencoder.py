"""The progressively grown autoencoder (section 3.3): up to five encoder and five decoder stages, 1024 numbers between.

A network of any number of stages reads and writes whole frames. Growth adds one encoder stage after the last and one
decoder stage before the first; all other stages keep their weights (`copy_weights`), and the new ones are initialised.
"""

import keras

from dance_tf.model.layers import DecoderStage, EncoderStage, LowerResolution, initialize_weights

FRAME_SHAPE = (128, 128, 1)
ENCODER_FILTERS = (4, 8, 16, 32, 64)
STAGES = len(ENCODER_FILTERS)


def encode(frames, stages: int = STAGES, factor: int = 2):
    """Return the encoder's last feature map.

    Args:
        frames: float [batch, 128, 128, 1], gray levels in [0, 1].
        stages: 1 to 5.
        factor: how many times the resolution of the input is lowered first.

    Returns:
        float [batch, 128 / 2^stages, 128 / 2^stages, filters]: 4 × 4 × 64 with all five stages.

    Raises:
        ValueError: another number of stages.
    """
    if not 1 <= stages <= STAGES:
        raise ValueError(f"the autoencoder has 1 to {STAGES} stages, not {stages}")
    outputs = LowerResolution(factor, name="lower_resolution")(frames)
    for stage in range(1, stages + 1):
        outputs = EncoderStage(ENCODER_FILTERS[stage - 1], name=f"encoder_{stage}")(outputs)
    return outputs


def decode(code, stages: int = STAGES):
    """Return frames float [batch, 128, 128, 1] in (0, 1) from the feature map of `encode`."""
    for stage in range(stages, 1, -1):
        code = DecoderStage(ENCODER_FILTERS[stage - 2], name=f"decoder_{stage}")(code)
    return DecoderStage(1, activation="sigmoid", normalize=False, name="decoder_1")(code)


def build_autoencoder(stages: int = STAGES, factor: int = 2, seed: int = 0) -> keras.Model:
    """Return an autoencoder from uint8 [batch, 128, 128, 1] to float [batch, 128, 128, 1] in (0, 1).

    Args:
        stages: 1 to 5.
        factor: low-resolution factor of its input; the target is the frame at full resolution.
        seed: of its weights.
    """
    frames = keras.Input(FRAME_SHAPE, dtype="uint8", name="frames")
    levels = keras.layers.Rescaling(1 / 255, name="gray_levels")(frames)
    model = keras.Model(frames, decode(encode(levels, stages, factor), stages), name=f"autoencoder_{stages}")
    initialize_weights(model, seed)
    return model


def copy_weights(source: keras.Model, target: keras.Model) -> tuple[str, ...]:
    """Copy the weights of all layers that both models have by name, and return these names."""
    names = {layer.name for layer in source.layers if layer.weights} & {layer.name for layer in target.layers}
    for name in names:
        target.get_layer(name).set_weights(source.get_layer(name).get_weights())
    return tuple(sorted(names))
