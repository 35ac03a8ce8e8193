"""The networks that the paper compares (Tables 2 and 4), each a function from its settings to a Keras model.

All are uncompiled, read uint8 frames [batch, 128, 128, 1] (or what their docstring says) and return softmax
probabilities [batch, classes]. The CNN path gives 512 features, the encoder 1024.
`strategy_of` also takes a user's own network.
"""

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import keras
import numpy as np
from keras import ops

from dance_tf.dataset.batches import View
from dance_tf.model.autoencoder import FRAME_SHAPE, encode
from dance_tf.model.layers import (
    ConvolutionStage,
    FrameStandardization,
    GradientScale,
    SpatialAttention,
    SqueezeExcitation,
)
from dance_tf.model.skeletons import SMALL_FILTERS, build_gcn, build_tcn, classified, tcn_vector
from dance_tf.pose.joints import CHANNELS, JOINTS, LENGTH

CNN_FILTERS = (2, 4, 8, 16, 32)
HEAD_UNITS = (400, 150)
LSTM_UNITS = 128
CUTOUT_UNITS = 64  # features of the cut-outs beside the skeleton's 256
RESNET_DEPTHS = (18, 50)
IMAGENET_MEAN = (123.68, 116.779, 103.939)  # red, green, blue of 255; keras.applications subtracts it


@dataclass(frozen=True)
class NetworkSettings:
    """What the paper does not say about the networks' shape."""

    classes: int = 12  # number of styles
    squeeze_ratio: int = 8  # of the channel attention
    # add spatial attention, which the text beside Table 4 mentions and does not describe
    spatial_attention: bool = False
    normalize: bool = True  # use batch normalisation in the CNN path
    # share of the fused features and of the head's units dropped in training; the paper names none
    dropout: float = 0.0
    low_resolution_factor: int = 2  # how many times the resolution of the autoencoder's input is lowered
    # share of the learning rate at which the grown encoder learns; at the full rate it is overwritten
    encoder_rate: float = 1.0
    sequence_length: int = 8  # consecutive frames that CNN + LSTM reads, or cut-outs of a window that the fusion reads
    # use a "softmax over sigmoid-gated logits", one reading of section 4.3's "integration of Softmax and sigmoid
    # activation functions"
    gated_logits: bool = False
    resnet_depth: int = 18  # 18 or 50 (the paper says "ResNet")
    # channels of ResNet-18's first stage. 64 is the original with 11.2 million weights; 16 has 700,000 weights, as
    # many as the hybrid, and costs a sixth
    resnet_width: int = 16
    imagenet_weights: bool = False  # start ResNet-50 from ImageNet's weights, which Keras downloads


@dataclass(frozen=True)
class Strategy:
    """A row of the paper's comparison."""

    title: str  # in tables
    # from settings to an uncompiled model, uint8 frames in, probabilities [batch, classes] out
    build: Callable[[NetworkSettings], keras.Model]
    grows_autoencoder: bool = False  # whether an autoencoder is grown first and its encoder reused
    sequence: bool = False  # whether the model reads [batch, sequence_length, 128, 128, 1]
    view: View | None = None  # the only view that the model reads; None for any view of frames


def standardized_frames(frames):
    """Return uint8 frames [batch, 128, 128, 1] as floats of the same shape, each frame with mean 0 and deviation 1."""
    levels = keras.layers.Rescaling(1 / 255, name="gray_levels")(frames)
    return FrameStandardization(name="standardized")(levels)


def cnn_path(frames, settings: NetworkSettings):
    """Return the CNN path's feature map float [batch, 4, 4, 32] of standardized frames float [batch, 128, 128, 1].

    The first stage has no batch normalisation: its frames are standardized, and its large maps would double the cost.
    """
    outputs = frames
    for stage, filters in enumerate(CNN_FILTERS, start=1):
        outputs = ConvolutionStage(filters, settings.normalize and stage > 1, name=f"cnn_{stage}")(outputs)
    return outputs


def head(features, settings: NetworkSettings):
    """Return softmax probabilities [batch, classes] of a feature vector float [batch, n]: dense 400 → 150 → classes."""
    outputs = features
    for number, units in enumerate(HEAD_UNITS, start=1):
        if settings.dropout:
            outputs = keras.layers.Dropout(settings.dropout, name=f"dropout_{number}")(outputs)
        options = {"activation": "relu", "kernel_initializer": "he_normal", "name": f"dense_{number}"}
        outputs = keras.layers.Dense(units, **options)(outputs)
    logits = keras.layers.Dense(settings.classes, name="logits")(outputs)
    if settings.gated_logits:
        gates = keras.layers.Dense(settings.classes, activation="sigmoid", name="gates")(outputs)
        logits = keras.layers.Multiply(name="gated_logits")([logits, gates])
    return keras.layers.Softmax(name="probabilities", dtype="float32")(logits)


def hybrid_vector(
    frames, settings: NetworkSettings, cnn: bool = False, autoencoder: bool = False, attention: bool = False
):
    """Return the vector of frames: of the CNN path (512 features), the encoder (1024 features) or both.

    The encoder's map is batch-normalised before its attention, which would otherwise be divided out again: its channels
    have as different scales as the decoder liked. The paper names no such step.

    Args:
        frames: uint8 [batch, 128, 128, 1].
        settings: shape of the paths.
        cnn: use the CNN path.
        autoencoder: use the encoder.
        attention: use channel attention (Figure 3) and, if set, spatial attention at the end of each path.
    """
    inputs, maps = standardized_frames(frames), {}
    if cnn:
        maps["cnn"] = cnn_path(inputs, settings)
    if autoencoder:
        code = encode(inputs, factor=settings.low_resolution_factor)
        if settings.encoder_rate != 1:
            code = GradientScale(settings.encoder_rate, name="encoder_rate")(code)
        maps["encoder"] = keras.layers.BatchNormalization(momentum=0.9, name="encoder_normalization")(code)
    vectors = []
    for path, features in maps.items():
        if attention:
            features = SqueezeExcitation(settings.squeeze_ratio, name=f"{path}_attention")(features)
            if settings.spatial_attention:
                features = SpatialAttention(name=f"{path}_spatial_attention")(features)
        vectors.append(keras.layers.Flatten(name=f"{path}_vector")(features))
    return keras.layers.Concatenate(name="fusion")(vectors) if len(vectors) > 1 else vectors[0]


def build_hybrid(settings: NetworkSettings, name: str, **paths: bool) -> keras.Model:
    """Return a network of single frames: a `hybrid_vector` of the given `paths` (its arguments), and a head."""
    frames = keras.Input(FRAME_SHAPE, dtype="uint8", name="frames")
    return keras.Model(frames, head(hybrid_vector(frames, settings, **paths), settings), name=name)


def build_fusion(settings: NetworkSettings) -> keras.Model:
    """Return CNN + AE + Attention on cut-outs of a window, joined with temporal convolutions over its joints.

    The features of the cut-outs are averaged with learnt weights that sum to 1, and brought down to as few as the
    skeleton needs: 1536 features a picture can tell each training clip from the others.

    Returns:
        uncompiled model from {"windows": float32 [batch, LENGTH, joints, 6], "cutouts": uint8 [batch, sequence_length,
        128, 128, 1]} to probabilities [batch, classes].
    """
    length = settings.sequence_length
    windows = keras.Input((LENGTH, len(JOINTS), CHANNELS), name="windows")
    cutouts = keras.Input((length, *FRAME_SHAPE), dtype="uint8", name="cutouts")
    # time is folded into the batch, as in `build_cnn_lstm`
    folded = ops.reshape(cutouts, (-1, *FRAME_SHAPE))
    features = hybrid_vector(folded, settings, cnn=True, autoencoder=True, attention=True)
    sequence = ops.reshape(features, (-1, length, features.shape[-1]))
    scores = keras.layers.Dense(1, use_bias=False, name="time_scores")(sequence)
    weights = keras.layers.Softmax(axis=1, name="time_weights")(scores)
    pooled = ops.sum(weights * sequence, axis=1)
    pooled = keras.layers.Dropout(settings.dropout, name="cutout_dropout")(pooled)
    reduced = keras.layers.Dense(CUTOUT_UNITS, use_bias=False, name="cutout_reduced")(pooled)
    look = keras.layers.BatchNormalization(momentum=0.9, name="cutout_vector")(reduced)
    vector = keras.layers.Concatenate(name="fused_vector")([tcn_vector(windows), look])
    inputs = {"windows": windows, "cutouts": cutouts}
    return keras.Model(inputs, classified(vector, settings.classes, settings.dropout), name="fusion")


def build_cnn_lstm(settings: NetworkSettings) -> keras.Model:
    """Return CNN + LSTM over `settings.sequence_length` consecutive frames; it classifies the last one.

    It reads uint8 [batch, sequence_length, 128, 128, 1]. The paper gives neither units nor length.

    Reference:
        CNN + LSTM of section 4.3; long short-term memory (Hochreiter and Schmidhuber 1997).
    """
    length = settings.sequence_length
    frames = keras.Input((length, *FRAME_SHAPE), dtype="uint8", name="frames")
    # time is folded into the batch, so that all frames share one pass through the path on every backend
    folded = standardized_frames(ops.reshape(frames, (-1, *FRAME_SHAPE)))
    vectors = keras.layers.Flatten(name="cnn_vector")(cnn_path(folded, settings))
    sequence = ops.reshape(vectors, (-1, length, vectors.shape[-1]))
    outputs = keras.layers.LSTM(LSTM_UNITS, name="lstm")(sequence)
    return keras.Model(frames, head(outputs, settings), name="cnn_lstm")


def build_resnet(settings: NetworkSettings) -> keras.Model:
    """Return ResNet-18 on gray frames, or ResNet-50 of keras.applications on gray frames repeated as three channels.

    The feature vector, layer "resnet_vector", has 8 × width numbers for ResNet-18 and 2048 for ResNet-50.

    Raises:
        ValueError: a depth other than 18 and 50, or ImageNet's weights that cannot be downloaded.

    Reference:
        Deep residual learning (He et al. 2016), table 1; ResNet-18 with projection shortcuts where the shape changes
        (option B).
    """
    if settings.resnet_depth not in RESNET_DEPTHS:
        raise ValueError(f"resnet_depth is 18 or 50, not {settings.resnet_depth}")
    if settings.resnet_depth == 18 and settings.imagenet_weights:
        raise ValueError("there are no ImageNet weights for the gray ResNet-18: set resnet_depth to 50")
    frames = keras.Input(FRAME_SHAPE, dtype="uint8", name="frames")
    levels = keras.layers.Rescaling(1 / 255, name="gray_levels")(frames)
    shallow = settings.resnet_depth == 18
    vector = _resnet_18(levels, settings.resnet_width) if shallow else _resnet_50(levels, settings.imagenet_weights)
    logits = keras.layers.Dense(settings.classes, name="logits")(vector)
    probabilities = keras.layers.Softmax(name="probabilities", dtype="float32")(logits)
    return keras.Model(frames, probabilities, name="resnet")


def _resnet_18(levels, width: int):
    outputs = _normalized_convolution(FrameStandardization(name="standardized")(levels), width, 7, 2, "stem")
    outputs = keras.layers.ReLU(name="stem_relu")(outputs)
    outputs = keras.layers.MaxPooling2D(3, strides=2, padding="same", name="stem_pooling")(outputs)
    for stage in range(1, 5):
        for block in (1, 2):
            strides = 2 if stage > 1 and block == 1 else 1
            outputs = _basic_block(outputs, width * 2 ** (stage - 1), strides, f"stage_{stage}_block_{block}")
    return keras.layers.GlobalAveragePooling2D(name="resnet_vector")(outputs)


def _resnet_50(levels, imagenet_weights: bool):
    if imagenet_weights:
        # these weights take blue, green, red of 0 to 255 less the mean; the three channels are equal before that
        shift = [-mean for mean in reversed(IMAGENET_MEAN)]
        colours = keras.layers.Rescaling(255, offset=shift, name="imagenet_levels")(ops.repeat(levels, 3, axis=-1))
    else:
        colours = ops.repeat(FrameStandardization(name="standardized")(levels), 3, axis=-1)
    options = {"include_top": False, "input_shape": (*FRAME_SHAPE[:2], 3), "pooling": "avg", "name": "resnet_vector"}
    try:
        return keras.applications.ResNet50(weights="imagenet" if imagenet_weights else None, **options)(colours)
    except Exception as error:  # Keras raises a bare Exception where a download fails
        if not imagenet_weights:
            raise
        raise ValueError(
            f"ImageNet's weights for ResNet-50 are not available ({error}): leave imagenet_weights off, "
            "or put Keras's file of them into ~/.keras/models"
        ) from error


def _normalized_convolution(inputs, filters: int, size: int, strides: int, name: str):
    options = {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal", "name": f"{name}_convolution"}
    outputs = keras.layers.Conv2D(filters, size, strides=strides, **options)(inputs)
    return keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_normalization")(outputs)  # as in `layers`


def _basic_block(inputs, filters: int, strides: int, name: str):
    """Add two 3×3 convolutions to a shortcut, which is a 1×1 convolution where the shape changes."""
    outputs = _normalized_convolution(inputs, filters, 3, strides, f"{name}_first")
    outputs = keras.layers.ReLU(name=f"{name}_first_relu")(outputs)
    outputs = _normalized_convolution(outputs, filters, 3, 1, f"{name}_second")
    shortcut = inputs
    if strides > 1 or inputs.shape[-1] != filters:
        shortcut = _normalized_convolution(inputs, filters, 1, strides, f"{name}_shortcut")
    return keras.layers.ReLU(name=f"{name}_relu")(keras.layers.Add(name=f"{name}_sum")([outputs, shortcut]))


def _hybrid(name: str, title: str, **paths: bool) -> Strategy:
    return Strategy(title, partial(build_hybrid, name=name, **paths), paths.get("autoencoder", False))


STRATEGIES: dict[str, Strategy] = {
    "resnet": Strategy("ResNet", build_resnet),
    "cnn": _hybrid("cnn", "CNN", cnn=True),
    "ae": _hybrid("ae", "AE only", autoencoder=True),
    "cnn_lstm": Strategy("CNN + LSTM", build_cnn_lstm, sequence=True),
    "cnn_ae": _hybrid("cnn_ae", "CNN + AE", cnn=True, autoencoder=True),
    "cnn_ae_attention": _hybrid("cnn_ae_attention", "CNN + AE + Attention", cnn=True, autoencoder=True, attention=True),
}


# beyond the paper
SKELETON_STRATEGIES: dict[str, Strategy] = {
    "skeleton_tcn": Strategy("Skeleton TCN", lambda own: build_tcn(own.classes, own.dropout), view="skeleton"),
    "skeleton_tcn_small": Strategy(
        "Small skeleton TCN", lambda own: build_tcn(own.classes, own.dropout, SMALL_FILTERS), view="skeleton"
    ),
    "skeleton_gcn": Strategy("Skeleton GCN", lambda own: build_gcn(own.classes, own.dropout), view="skeleton"),
    "fusion": Strategy(
        "CNN + AE + Attention + Skeleton TCN",
        build_fusion,
        grows_autoencoder=True,
        sequence=True,
        view="skeleton+cutout",
    ),
}
REGISTERED = STRATEGIES | SKELETON_STRATEGIES


def check_strategy_name(name: str) -> None:
    """Raise ValueError unless a name is registered or has the form of an import path; nothing is imported."""
    if name not in REGISTERED and ":" not in name:
        raise ValueError(
            f"unknown strategy {name!r}: use one of {', '.join(REGISTERED)}, "
            "or your own function, package.module:function or path/to/file.py:function"
        )


def strategy_of(name: str) -> Strategy:
    """Return a registered strategy, or one made of a user's own function.

    Args:
        name: a key of `REGISTERED`, or the import path of a function: `package.module:function` or
            `path/to/file.py:function`. The function takes `NetworkSettings` and returns an uncompiled functional
            `keras.Model` from uint8 [batch, 128, 128, 1] to softmax probabilities [batch, settings.classes]. Its
            title is the function's name. Its weights stay as the function sets them; the seed is set before the call.
            Layers of its own must be registered with `keras.saving.register_keras_serializable`, and their module must
            be imported before a saved model is loaded.

    Raises:
        ValueError: a name that is not registered, a function that cannot be imported, fails or does not return such
            a model. It is called once with default settings to find out.
    """
    check_strategy_name(name)
    if name in REGISTERED:
        return REGISTERED[name]
    path = Path(name.rpartition(":")[0])
    return _own_strategy(name, path.stat().st_mtime_ns if path.suffix == ".py" and path.is_file() else 0)


@cache
def _own_strategy(name: str, modified_ns: int) -> Strategy:
    """Import a user's builder; `modified_ns` makes the cache forget a file that was edited."""
    place, _, function = name.rpartition(":")
    with _one_line_error(f"strategy {name!r} cannot be imported"):
        if place.endswith(".py"):
            spec = importlib.util.spec_from_file_location(Path(place).stem, place)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
        else:
            module = importlib.import_module(place)
        builder = getattr(module, function)

    def build(settings: NetworkSettings) -> keras.Model:
        with _one_line_error(f"strategy {name!r} failed to build a network"):
            model = builder(settings)
        _check_network(model, f"strategy {name!r} must", settings.classes)
        return model

    build(NetworkSettings())
    return Strategy(function, build)


@contextmanager
def _one_line_error(what: str) -> Iterator[None]:
    """Turn any error of a user's code into a ValueError of one line."""
    try:
        yield
    except Exception as error:
        raise ValueError(f"{what} ({type(error).__name__}: {' '.join(str(error).split())})") from error


def _check_network(model: object, must: str, classes: int) -> None:
    """Raise ValueError unless a user's network reads frames and returns probabilities."""
    if not isinstance(model, keras.Model):
        raise ValueError(f"{must} return a keras.Model, not a {type(model).__name__}")
    wanted = {"inputs": [("uint8", (None, *FRAME_SHAPE))], "outputs": [("float32", (None, classes))]}
    for side, expected in wanted.items():
        tensors = getattr(model, side, None) or []
        found = [(keras.backend.standardize_dtype(tensor.dtype), tuple(tensor.shape)) for tensor in tensors]
        if found != expected:
            raise ValueError(f"{must} have the {side} {expected}, not {found}")
    sums = ops.convert_to_numpy(model(np.zeros((1, *FRAME_SHAPE), np.uint8))).sum(axis=-1)
    if not np.allclose(sums, 1, atol=1e-3):
        raise ValueError(f"{must} end with a softmax: its outputs sum to {sums[0]:.3g}, not 1")
