"""Networks that see the dancer's skeleton: temporal convolutions (TCN) and a spatio-temporal graph network (GCN).

They read windows of joints (`pose.joints.cut_windows`).
"""

import keras
import numpy as np
from keras import ops

from dance_tf.model.layers import GraphStreams
from dance_tf.pose.joints import CHANNELS, JOINTS, LENGTH, PARENT, PICTURE, WORLD

GCN_FILTERS, GCN_STRIDES, GCN_DILATIONS = (16, 32, 64), (2, 2, 1), (1, 2, 3, 4)
TCN_FILTERS, SMALL_FILTERS, TCN_DILATIONS = 128, 32, (1, 2, 4, 1)


def augment_windows(windows: np.ndarray, generator: np.random.Generator, zoom: float = 0.15) -> np.ndarray:
    """Return windows changed at random: turned dancers, size, place, tempo, jitter and lost joints.

    Args:
        windows: float32 [n, length, joints, 6]; the result has this shape and type.
        zoom: maximum relative change of size; all other amounts are in proportion to it.
    """
    changed = windows.copy()
    count, length, strength = len(windows), windows.shape[1], zoom / 0.15
    turn, lean = generator.normal(0, 0.3 * strength, count), generator.normal(0, 0.1 * strength, count)
    turned = _turn(changed[..., WORLD], turn, 0, 2)
    changed[..., WORLD] = _turn(turned, lean, 0, 1)
    changed[..., PICTURE] = _turn(changed[..., PICTURE], lean, 0, 1)
    sizes, sides = ((count, 1, 1, axes) for axes in (1, 5))
    changed[..., :5] *= (1 + zoom * generator.uniform(-1, 1, sizes)) * (1 + zoom / 2 * generator.uniform(-1, 1, sides))
    changed[..., PICTURE] += generator.normal(0, 0.1 * strength, (count, 1, 1, 2))
    changed[..., :5] += generator.normal(0, 0.03 * strength, changed[..., :5].shape)
    lost = generator.random((count, 1, windows.shape[2], 1)) < 0.05 * strength
    changed = np.where(lost, 0, changed)
    share = generator.uniform(1 - min(0.5, 0.25 * strength), 1.0, count)
    start = generator.uniform(0, 1 - share)
    for number in range(count):
        at = (start[number] + share[number] * np.linspace(0, 1, length)) * (length - 1)
        low = np.minimum(at.astype(int), length - 2)
        part = (at - low)[:, None, None]
        changed[number] = changed[number, low] * (1 - part) + changed[number, low + 1] * part
    return changed.astype(np.float32)


def _turn(places: np.ndarray, angles: np.ndarray, first: int, second: int) -> np.ndarray:
    """Return places [n, length, joints, axes] turned by an angle each in the plane of two axes."""
    cosine, sine = (function(angles)[:, None, None] for function in (np.cos, np.sin))
    turned = places.copy()
    turned[..., first] = places[..., first] * cosine + places[..., second] * sine
    turned[..., second] = places[..., second] * cosine - places[..., first] * sine
    return turned


def neighbours() -> np.ndarray:
    """Return which joints a joint hears at the start: float32 [4, joints, joints], rows sum to 1.

    The means of itself alone, with its parent, with its children, and with all of them.
    """
    own, parent = np.eye(len(JOINTS)), np.zeros((len(JOINTS),) * 2)
    joints = np.arange(len(JOINTS))
    parent[joints, PARENT] = PARENT != joints
    heard = np.stack([own, own + parent, own + parent.T, own + parent + parent.T])
    return (heard / heard.sum(axis=2, keepdims=True)).astype(np.float32)


def motion(windows):
    """Return the change since the time before, zero at the first, of float [batch, length, joints, channels]."""
    return ops.pad(windows[:, 1:] - windows[:, :-1], ((0, 0), (1, 0), (0, 0), (0, 0)))


def bones(windows):
    """Return joints minus their parents, of the same shape; a visibility stays that of the joint."""
    parents = ops.take(windows, PARENT, axis=2)
    return ops.concatenate([windows[..., :-1] - parents[..., :-1], windows[..., -1:]], axis=-1)


def tcn_vector(windows, filters: int = TCN_FILTERS):
    """Return the layer "skeleton_vector", by convolution of windows float32 [batch, LENGTH, joints, 6].

    It has two features for each filter.

    Reference:
        Dilated residual temporal convolutions (Bai et al. 2018).
    """
    parts = [windows, bones(windows), motion(windows)]
    outputs = ops.reshape(ops.concatenate(parts, axis=-1), (-1, LENGTH, len(JOINTS) * CHANNELS * len(parts)))
    outputs = _activated(keras.layers.Conv1D(filters, 1, use_bias=False, name="joints")(outputs), "joints")
    for block, dilation in enumerate(TCN_DILATIONS, start=1):
        options = {"padding": "same", "use_bias": False, "dilation_rate": dilation, "name": f"block_{block}"}
        step = _activated(keras.layers.Conv1D(filters, 5, **options)(outputs), f"block_{block}")
        outputs = outputs + keras.layers.Dropout(0.2, name=f"block_{block}_dropout")(step)
    pooled = [ops.max(outputs, axis=1), ops.mean(outputs, axis=1)]
    return keras.layers.Concatenate(name="skeleton_vector")(pooled)


def build_tcn(classes: int, dropout: float = 0.0, filters: int = TCN_FILTERS) -> keras.Model:
    """Return temporal convolutions over joints, bones and their motion.

    Returns:
        uncompiled model from float32 [batch, LENGTH, joints, 6] to probabilities [batch, classes].
    """
    windows = keras.Input((LENGTH, len(JOINTS), CHANNELS), name="windows")
    return keras.Model(windows, classified(tcn_vector(windows, filters), classes, dropout), name="skeleton_tcn")


def build_gcn(classes: int, dropout: float = 0.0) -> keras.Model:
    """Return four graph networks, of joints, bones and the motion of each, whose logits are added.

    Two times in a row are read as one with twice the channels. A training step takes about twice as long as the TCN's.

    Returns:
        as `build_tcn`; "skeleton_vector" has 4 × 128 features.

    Reference:
        ST-GCN++ (Duan et al. 2022): learnt adjacency, temporal convolution in branches, four streams.
    """
    windows = keras.Input((LENGTH, len(JOINTS), CHANNELS), name="windows")
    streams = ops.stack([windows, bones(windows), motion(windows), motion(bones(windows))], axis=1)
    pairs = ops.reshape(streams, (-1, 4, LENGTH // 2, 2, len(JOINTS), CHANNELS))
    pairs = ops.reshape(ops.transpose(pairs, (0, 1, 2, 4, 3, 5)), (-1, 4, LENGTH // 2, len(JOINTS), 2 * CHANNELS))
    graph = GraphStreams(GCN_FILTERS, GCN_STRIDES, GCN_DILATIONS, neighbours().tolist(), name="streams")
    vector = keras.layers.Flatten(name="skeleton_vector")(graph(pairs))
    return keras.Model(windows, classified(vector, classes, dropout), name="skeleton_gcn")


def _activated(inputs, name: str):
    normalized = keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_normalization")(inputs)
    return keras.layers.ReLU(name=f"{name}_relu")(normalized)


def classified(vector, classes: int, dropout: float = 0.0):
    """Return softmax probabilities [batch, classes] of a vector float [batch, n], some of it dropped in training."""
    dropped = keras.layers.Dropout(dropout, name="dropout")(vector)
    logits = keras.layers.Dense(classes, name="logits")(dropped)
    return keras.layers.Softmax(name="probabilities", dtype="float32")(logits)
