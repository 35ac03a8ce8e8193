"""Networks that see the dancer's skeleton: temporal convolutions (TCN) and a spatio-temporal graph network (GCN).

They read windows of joints (`pose.joints.cut_windows`).
"""

import keras
import numpy as np
from keras import ops

from dance_tf.model.layers import GraphConvolution
from dance_tf.pose.joints import CHANNELS, JOINTS, LENGTH, PARENT, PICTURE, WORLD

GCN_FILTERS, GCN_STRIDES = (32, 32, 64, 64, 128), (1, 1, 2, 1, 2)
GCN_STREAMS = ("joint", "bone", "joint_motion", "bone_motion")
TCN_FILTERS, TCN_DILATIONS = 128, (1, 2, 4, 1)


def augment_windows(windows: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return windows changed at random: turned dancers, size, place, tempo, jitter and lost joints.

    Args:
        windows: float32 [n, length, joints, 6]; the result has this shape and type.
    """
    changed = windows.copy()
    count, length = len(windows), windows.shape[1]
    turn, lean = generator.normal(0, 0.3, count), generator.normal(0, 0.1, count)
    turned = _turn(changed[..., WORLD], turn, 0, 2)
    changed[..., WORLD] = _turn(turned, lean, 0, 1)
    changed[..., PICTURE] = _turn(changed[..., PICTURE], lean, 0, 1)
    scale = generator.uniform(0.85, 1.15, (count, 1, 1, 1)) * generator.uniform(0.93, 1.07, (count, 1, 1, 5))
    changed[..., :5] *= scale
    changed[..., PICTURE] += generator.normal(0, 0.1, (count, 1, 1, 2))
    changed[..., :5] += generator.normal(0, 0.03, changed[..., :5].shape)
    lost = generator.random((count, 1, windows.shape[2], 1)) < 0.05
    changed = np.where(lost, 0, changed)
    share = generator.uniform(0.75, 1.0, count)
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


def adjacency() -> np.ndarray:
    """Return which joints a joint hears: float32 [3, joints, joints], rows sum to 1 or 0: itself, parent, children."""
    joints = np.arange(len(JOINTS))
    parent = np.zeros((len(JOINTS),) * 2, np.float32)
    parent[joints, PARENT] = PARENT != joints
    children = parent.T / np.maximum(parent.T.sum(axis=1, keepdims=True), 1)
    return np.stack([np.eye(len(JOINTS), dtype=np.float32), parent, children])


def motion(windows):
    """Return the change since the time before, zero at the first, of float [batch, length, joints, channels]."""
    return ops.pad(windows[:, 1:] - windows[:, :-1], ((0, 0), (1, 0), (0, 0), (0, 0)))


def bones(windows):
    """Return joints minus their parents, of the same shape; a visibility stays that of the joint."""
    parents = ops.take(windows, PARENT, axis=2)
    return ops.concatenate([windows[..., :-1] - parents[..., :-1], windows[..., -1:]], axis=-1)


def build_tcn(classes: int) -> keras.Model:
    """Return temporal convolutions over joints, bones and their motion.

    Returns:
        uncompiled model from float32 [batch, LENGTH, joints, 6] to probabilities [batch, classes]; the layer
        "skeleton_vector" has 256 features.

    Reference:
        Dilated residual temporal convolutions (Bai et al. 2018).
    """
    windows = keras.Input((LENGTH, len(JOINTS), CHANNELS), name="windows")
    parts = [windows, bones(windows), motion(windows)]
    outputs = ops.reshape(ops.concatenate(parts, axis=-1), (-1, LENGTH, len(JOINTS) * CHANNELS * len(parts)))
    outputs = _activated(keras.layers.Conv1D(TCN_FILTERS, 1, use_bias=False, name="joints")(outputs), "joints")
    for block, dilation in enumerate(TCN_DILATIONS, start=1):
        options = {"padding": "same", "use_bias": False, "dilation_rate": dilation, "name": f"block_{block}"}
        step = _activated(keras.layers.Conv1D(TCN_FILTERS, 5, **options)(outputs), f"block_{block}")
        outputs = outputs + keras.layers.Dropout(0.2, name=f"block_{block}_dropout")(step)
    pooled = [ops.max(outputs, axis=1), ops.mean(outputs, axis=1)]
    vector = keras.layers.Concatenate(name="skeleton_vector")(pooled)
    return keras.Model(windows, _classified(vector, classes), name="skeleton_tcn")


def build_gcn(classes: int) -> keras.Model:
    """Return four graph networks, of joints, bones and the motion of each, whose logits are added.

    Returns:
        as `build_tcn`; "skeleton_vector" has 4 × 128 features.

    Reference:
        ST-GCN++ (Duan et al. 2022): learnt adjacency, temporal convolution in branches.
    """
    windows = keras.Input((LENGTH, len(JOINTS), CHANNELS), name="windows")
    streams = dict(zip(GCN_STREAMS, (windows, bones(windows), motion(windows), motion(bones(windows))), strict=True))
    vectors = []
    for stream, outputs in streams.items():
        outputs = keras.layers.BatchNormalization(momentum=0.9, name=f"{stream}_normalization")(outputs)
        for block, (filters, stride) in enumerate(zip(GCN_FILTERS, GCN_STRIDES, strict=True), start=1):
            outputs = _graph_block(outputs, filters, stride, f"{stream}_{block}")
        vectors.append(keras.layers.GlobalAveragePooling2D(name=f"{stream}_pooling")(outputs))
    vector = keras.layers.Concatenate(name="skeleton_vector")(vectors)
    return keras.Model(windows, _classified(vector, classes), name="skeleton_gcn")


def _graph_block(inputs, filters: int, stride: int, name: str):
    """Return a graph convolution over joints, then a temporal convolution in branches, with a shortcut."""
    outputs = _activated(GraphConvolution(filters, adjacency().tolist(), name=f"{name}_graph")(inputs), f"{name}_graph")
    branches = []
    for dilation in (1, 2, 3):
        narrow = keras.layers.Conv2D(filters // 4, 1, use_bias=False, name=f"{name}_narrow_{dilation}")(outputs)
        narrow = _activated(narrow, f"{name}_narrow_{dilation}")
        padded = ops.pad(narrow, ((0, 0), (dilation, dilation), (0, 0), (0, 0)))  # Keras does not stride and dilate
        taken = [padded[:, shift * dilation : shift * dilation + inputs.shape[1] : stride] for shift in range(3)]
        options = {"use_bias": False, "name": f"{name}_temporal_{dilation}"}
        branches.append(keras.layers.Conv2D(filters // 4, 1, **options)(ops.concatenate(taken, axis=-1)))
    pooled = keras.layers.Conv2D(filters // 4, 1, use_bias=False, name=f"{name}_pooled")(outputs)
    branches.append(keras.layers.MaxPooling2D((3, 1), (stride, 1), padding="same", name=f"{name}_pooling")(pooled))
    joined = keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_joined")(ops.concatenate(branches, axis=-1))
    shortcut = inputs
    if stride > 1 or inputs.shape[-1] != filters:
        shortcut = keras.layers.Conv2D(filters, 1, strides=(stride, 1), use_bias=False, name=f"{name}_shortcut")(inputs)
    return keras.layers.ReLU(name=f"{name}_relu")(joined + shortcut)


def _activated(inputs, name: str):
    normalized = keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_normalization")(inputs)
    return keras.layers.ReLU(name=f"{name}_relu")(normalized)


def _classified(vector, classes: int):
    dropped = keras.layers.Dropout(0.4, name="dropout")(vector)
    logits = keras.layers.Dense(classes, name="logits")(dropped)
    return keras.layers.Softmax(name="probabilities", dtype="float32")(logits)
