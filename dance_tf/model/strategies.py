"""The networks that the paper compares (Tables 2 and 4), each a function from its settings to a Keras model.

All read uint8 frames and give softmax probabilities. The CNN path ends in 512 numbers, the encoder in 1024.
"""

from collections.abc import Callable
from dataclasses import dataclass

import keras

from dance_tf.model.attention import SpatialAttention, SqueezeExcitation
from dance_tf.model.autoencoder import FRAME_SHAPE, encode
from dance_tf.model.layers import ConvolutionStage

CNN_FILTERS = (2, 4, 8, 16, 32)
HEAD_UNITS = (400, 150)


@dataclass(frozen=True)
class NetworkSettings:
    """What the paper leaves open about the networks' shape.

    Attributes:
        classes: number of styles.
        squeeze_ratio: of the channel attention.
        spatial_attention: also weigh places (the text beside Table 4 says so; nothing describes it).
        normalize: batch normalisation in the CNN path.
        dropout: share of the fused features and of the head's units dropped in training; the paper names none.
        low_resolution_factor: how many times the autoencoder's input is lowered in resolution.
        sequence_length: consecutive frames that CNN + LSTM reads.
        gated_logits: "softmax over sigmoid-gated logits", one reading of section 4.3's "integration of Softmax and
            sigmoid activation functions".
    """

    classes: int = 12
    squeeze_ratio: int = 8
    spatial_attention: bool = False
    normalize: bool = True
    dropout: float = 0.0
    low_resolution_factor: int = 2
    sequence_length: int = 8
    gated_logits: bool = False


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


def cnn_path(levels, settings: NetworkSettings):
    """The CNN path on gray levels float [batch, 128, 128, 1]: a feature map float [batch, 4, 4, 32]."""
    outputs = levels
    for stage, filters in enumerate(CNN_FILTERS, start=1):
        outputs = ConvolutionStage(filters, normalize=settings.normalize, name=f"cnn_{stage}")(outputs)
    return outputs


def attend(features, path: str, settings: NetworkSettings):
    """Channel attention on a path's last feature map, the place that Figure 3 gives it; spatial attention after it."""
    outputs = SqueezeExcitation(settings.squeeze_ratio, name=f"{path}_attention")(features)
    if settings.spatial_attention:
        outputs = SpatialAttention(name=f"{path}_spatial_attention")(outputs)
    return outputs


def head(features, settings: NetworkSettings):
    """Fully connected 400 → 150 → classes on a feature vector float [batch, n]; softmax probabilities out."""
    outputs = features
    for number, units in enumerate(HEAD_UNITS, start=1):
        if settings.dropout:
            outputs = keras.layers.Dropout(settings.dropout, name=f"dropout_{number}")(outputs)
        outputs = keras.layers.Dense(units, activation="relu", kernel_initializer="he_normal", name=f"dense_{number}")(
            outputs
        )
    logits = keras.layers.Dense(settings.classes, name="logits")(outputs)
    if settings.gated_logits:
        gates = keras.layers.Dense(settings.classes, activation="sigmoid", name="gates")(outputs)
        logits = keras.layers.Multiply(name="gated_logits")([logits, gates])
    return keras.layers.Softmax(name="probabilities", dtype="float32")(logits)


def frame_network(settings: NetworkSettings, name: str, cnn: bool, autoencoder: bool, attention: bool) -> keras.Model:
    """A network of one frame with the paths asked for, joined by concatenation."""
    frames = keras.Input(FRAME_SHAPE, dtype="uint8", name="frames")
    levels = keras.layers.Rescaling(1 / 255, name="gray_levels")(frames)
    vectors = []
    if cnn:
        features = cnn_path(levels, settings)
        features = attend(features, "cnn", settings) if attention else features
        vectors.append(keras.layers.Flatten(name="cnn_vector")(features))
    if autoencoder:
        features = encode(levels, factor=settings.low_resolution_factor)
        features = attend(features, "encoder", settings) if attention else features
        vectors.append(keras.layers.Flatten(name="encoder_vector")(features))
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
        Strategy("cnn", "CNN", build_cnn),
        Strategy("ae", "AE only", build_autoencoder_classifier, grows_autoencoder=True),
        Strategy("cnn_ae", "CNN + AE", build_cnn_ae, grows_autoencoder=True),
        Strategy("cnn_ae_attention", "CNN + AE + Attention", build_cnn_ae_attention, grows_autoencoder=True),
    )
}
