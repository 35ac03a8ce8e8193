"""The parts that networks are put together from: the CNN path, the attention after a path, the head."""

from dataclasses import dataclass

import keras

from dance_tf.model.attention import SpatialAttention, SqueezeExcitation
from dance_tf.model.layers import ConvolutionStage, FrameStandardization

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
        resnet_depth: 18, or 50 (the paper says "ResNet" alone).
        resnet_width: channels of ResNet-18's first stage. 64 is the original, of 11.2 million weights; 16 gives the
            700,000 that the hybrid has too, and costs a sixth.
        imagenet_weights: start ResNet-50 from ImageNet's weights, which Keras downloads; never by default.
    """

    classes: int = 12
    squeeze_ratio: int = 8
    spatial_attention: bool = False
    normalize: bool = True
    dropout: float = 0.0
    low_resolution_factor: int = 2
    sequence_length: int = 8
    gated_logits: bool = False
    resnet_depth: int = 18
    resnet_width: int = 16
    imagenet_weights: bool = False


def gray_levels(frames):
    """Frames uint8 as gray levels float in [0, 1], of the same shape."""
    return keras.layers.Rescaling(1 / 255, name="gray_levels")(frames)


def cnn_path(levels, settings: NetworkSettings):
    """The CNN path on gray levels float [batch, 128, 128, 1]: a feature map float [batch, 4, 4, 32].

    The first stage is not batch-normalised: its frames are standardised already, and its maps are so large that it
    would cost as much as the rest of the path.
    """
    outputs = FrameStandardization(name="standardized")(levels)
    for stage, filters in enumerate(CNN_FILTERS, start=1):
        normalize = settings.normalize and stage > 1
        outputs = ConvolutionStage(filters, normalize=normalize, name=f"cnn_{stage}")(outputs)
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
