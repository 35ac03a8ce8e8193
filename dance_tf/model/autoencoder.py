"""The progressively grown autoencoder (section 3.3): five stages in, five out, 1024 numbers between.

With `stages` stages the encoder halves the frame that many times and the decoder doubles it back, so the network of
every size reads and paints whole frames. To grow it, one encoder stage is put after the last and one decoder stage
before the first; all others keep their weights.
"""

import keras

from dance_tf.model.layers import DecoderStage, EncoderStage, LowerResolution, initialize_weights

FRAME_SHAPE = (128, 128, 1)
ENCODER_FILTERS = (4, 8, 16, 32, 64)
STAGES = len(ENCODER_FILTERS)


def encode(frames, stages: int = STAGES, factor: int = 2):
    """Encoder applied to a tensor: the feature map of the innermost stage.

    Args:
        frames: float [batch, 128, 128, 1], gray levels in [0, 1].
        stages: how many stages, 1 to 5.
        factor: how many times the input's resolution is lowered first; 1 for not at all.

    Returns:
        float [batch, 128 / 2^stages, 128 / 2^stages, filters]: with all five stages 4 × 4 × 64.

    Raises:
        ValueError: for a number of stages the paper's encoder cannot have.
    """
    if not 1 <= stages <= STAGES:
        raise ValueError(f"the autoencoder has 1 to {STAGES} stages, not {stages}")
    outputs = LowerResolution(factor, name="lower_resolution")(frames)
    for stage in range(1, stages + 1):
        outputs = EncoderStage(ENCODER_FILTERS[stage - 1], name=f"encoder_{stage}")(outputs)
    return outputs


def decode(code, stages: int = STAGES):
    """Decoder applied to the encoder's feature map: float [batch, 128, 128, 1] in (0, 1). It mirrors the encoder."""
    outputs = code
    for stage in range(stages, 1, -1):
        outputs = DecoderStage(ENCODER_FILTERS[stage - 2], name=f"decoder_{stage}")(outputs)
    return DecoderStage(1, activation="sigmoid", normalize=False, name="decoder_1")(outputs)


def build_autoencoder(stages: int = STAGES, factor: int = 2, seed: int = 0) -> keras.Model:
    """Autoencoder of `stages` stages, uint8 frames in, gray levels out.

    Args:
        stages: 1 to 5.
        factor: the low-resolution factor of its input; the target is the frame at full resolution.
        seed: of its weights.

    Returns:
        model from uint8 [batch, 128, 128, 1] to float [batch, 128, 128, 1] in (0, 1).
    """
    frames = keras.Input(FRAME_SHAPE, dtype="uint8", name="frames")
    levels = keras.layers.Rescaling(1 / 255, name="gray_levels")(frames)
    model = keras.Model(frames, decode(encode(levels, stages, factor), stages), name=f"autoencoder_{stages}")
    initialize_weights(model, seed)
    return model


def grow(model: keras.Model, stages: int, factor: int = 2, seed: int = 0) -> keras.Model:
    """A larger autoencoder that keeps, bit for bit, every weight that `model` has learnt.

    Args:
        model: autoencoder of fewer stages.
        stages: how many stages the new one has.
        factor: the low-resolution factor.
        seed: of the added stages' weights.

    Returns:
        autoencoder of `stages` stages; the added stages are newly initialised ("each layer is initialized
        individually", section 3.3).
    """
    grown = build_autoencoder(stages, factor, seed)
    copy_weights(model, grown)
    return grown


def copy_weights(source: keras.Model, target: keras.Model) -> tuple[str, ...]:
    """Copy the weights of every layer that both models have by name; returns those names."""
    names = {layer.name for layer in source.layers if layer.weights} & {layer.name for layer in target.layers}
    for name in names:
        target.get_layer(name).set_weights(source.get_layer(name).get_weights())
    return tuple(sorted(names))
