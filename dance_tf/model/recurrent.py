"""CNN + LSTM: the CNN path on each of some consecutive frames, and a recurrent layer that reads them in order."""

import keras
from keras import ops

from dance_tf.model.autoencoder import FRAME_SHAPE
from dance_tf.model.paths import NetworkSettings, cnn_path, gray_levels, head

LSTM_UNITS = 128


def build_cnn_lstm(settings: NetworkSettings) -> keras.Model:
    """CNN + LSTM over `settings.sequence_length` consecutive frames; the verdict is on the last of them.

    The paper tells neither the units nor the length: 128 units here, and the length is a setting.
    A training step costs as much as that of the CNN path on every frame of the window.

    Args:
        settings: of the CNN path and the head, and the length of the sequence.

    Returns:
        uncompiled model from uint8 [batch, sequence_length, 128, 128, 1] to probabilities [batch, classes].

    Reference:
        CNN + LSTM of section 4.3; long short-term memory (Hochreiter and Schmidhuber 1997).
    """
    length = settings.sequence_length
    frames = keras.Input((length, *FRAME_SHAPE), dtype="uint8", name="frames")
    # time folded into the batch: the frames of a window share one pass through the path, on every backend
    folded = ops.reshape(gray_levels(frames), (-1, *FRAME_SHAPE))
    vectors = keras.layers.Flatten(name="cnn_vector")(cnn_path(folded, settings))
    sequence = ops.reshape(vectors, (-1, length, vectors.shape[-1]))
    outputs = keras.layers.LSTM(LSTM_UNITS, name="lstm")(sequence)
    return keras.Model(frames, head(outputs, settings), name="cnn_lstm")
