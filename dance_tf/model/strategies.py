"""The networks that the paper compares (Tables 2 and 4), each a function from its settings to a Keras model.

All read uint8 frames and give softmax probabilities. The CNN path ends in 512 numbers, the encoder in 1024.
"""

from collections.abc import Callable
from dataclasses import dataclass

import keras

from dance_tf.model.autoencoder import FRAME_SHAPE, encode
from dance_tf.model.paths import NetworkSettings, attend, cnn_path, gray_levels, head
from dance_tf.model.recurrent import build_cnn_lstm
from dance_tf.model.resnet import build_resnet

# numbers that vary less than this are not blown up to full size: at 0.001, what stirs in a few frames alone outweighed
# the rest, and a validation loss of 2 became 10
CODE_EPSILON = 0.1


@dataclass(frozen=True)
class Strategy:
    """A row of the paper's comparison.

    Attributes:
        name: as the command line says it.
        title: as the paper prints it.
        build: from settings to an uncompiled model, uint8 frames in, probabilities [batch, classes] out.
        grows_autoencoder: whether an autoencoder is grown first and its encoder taken over.
        sequence: whether the model reads [batch, sequence_length, 128, 128, 1].
    """

    name: str
    title: str
    build: Callable[[NetworkSettings], keras.Model]
    grows_autoencoder: bool = False
    sequence: bool = False


def code_normalization(vector):
    """Batch normalisation of the encoder's vector float [batch, 1024], each number by itself.

    A grown encoder's code of a frame with its room is for the most part the same for every frame: what the average
    frame looks like. The head learns from the small rest only once that is taken away; without this step an
    autoencoder's code taught it nothing about frames whose room was kept. The paper names no such step.
    """
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=CODE_EPSILON, name="encoder_normalization")(vector)


def frame_network(settings: NetworkSettings, name: str, cnn: bool, autoencoder: bool, attention: bool) -> keras.Model:
    """A network of one frame with the paths asked for, joined by concatenation."""
    frames = keras.Input(FRAME_SHAPE, dtype="uint8", name="frames")
    levels = gray_levels(frames)
    vectors = []
    if cnn:
        features = cnn_path(levels, settings)
        features = attend(features, "cnn", settings) if attention else features
        vectors.append(keras.layers.Flatten(name="cnn_vector")(features))
    if autoencoder:
        features = encode(levels, factor=settings.low_resolution_factor)
        features = attend(features, "encoder", settings) if attention else features
        vector = keras.layers.Flatten(name="encoder_vector")(features)
        vectors.append(code_normalization(vector))
    fused = keras.layers.Concatenate(name="fusion")(vectors) if len(vectors) > 1 else vectors[0]
    return keras.Model(frames, head(fused, settings), name=name)


def build_cnn(settings: NetworkSettings) -> keras.Model:
    """CNN path alone: 512 features into the head."""
    return frame_network(settings, "cnn", cnn=True, autoencoder=False, attention=False)


def build_autoencoder_classifier(settings: NetworkSettings) -> keras.Model:
    """Encoder alone: 1024 features into the head."""
    return frame_network(settings, "ae", cnn=False, autoencoder=True, attention=False)


def build_cnn_ae(settings: NetworkSettings) -> keras.Model:
    """Both paths: 512 + 1024 features into the head."""
    return frame_network(settings, "cnn_ae", cnn=True, autoencoder=True, attention=False)


def build_cnn_ae_attention(settings: NetworkSettings) -> keras.Model:
    """The paper's proposal: both paths, each with channel attention."""
    return frame_network(settings, "cnn_ae_attention", cnn=True, autoencoder=True, attention=True)


STRATEGIES: dict[str, Strategy] = {
    strategy.name: strategy
    for strategy in (
        Strategy("resnet", "ResNet", build_resnet),
        Strategy("cnn", "CNN", build_cnn),
        Strategy("ae", "AE only", build_autoencoder_classifier, grows_autoencoder=True),
        Strategy("cnn_lstm", "CNN + LSTM", build_cnn_lstm, sequence=True),
        Strategy("cnn_ae", "CNN + AE", build_cnn_ae, grows_autoencoder=True),
        Strategy("cnn_ae_attention", "CNN + AE + Attention", build_cnn_ae_attention, grows_autoencoder=True),
    )
}
