"""Which joints a network of skeletons needs, and whether a network's features tell who dances."""

from collections.abc import Sequence

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dance_tf.evaluation.predictions import predict_batches


def lose_joints(windows: np.ndarray, joints: Sequence[int]) -> np.ndarray:
    """Return windows float32 [n, length, joints, 6] without some joints, as where a camera does not see them."""
    changed = windows.copy()
    changed[:, :, list(joints)] = 0
    return changed


def joint_importance(model: keras.Model, windows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return for each joint by how much the probability of the true style falls without it.

    Args:
        windows: float32 [n, length, joints, 6].
        labels: int64 [n], the true styles.

    Returns:
        float64 [joints], mean over the windows; below 0 where the network is better without the joint.
    """

    def confidence(joints: Sequence[int]) -> float:
        found = predict_batches(model, lose_joints(windows, joints))
        return float(found[np.arange(len(labels)), labels].mean())

    whole = confidence(())
    return np.array([whole - confidence([joint]) for joint in range(windows.shape[2])])


def deletion_probabilities(model: keras.Model, windows: np.ndarray, order: Sequence[int]) -> list[np.ndarray]:
    """Return the probabilities float32 [n, styles] of windows that lose 0, 1, 2, … joints in the given order.

    Reference:
        Deletion curves (Petsiuk et al. 2018), for joints instead of pixels.
    """
    lost = [order[:count] for count in range(len(order) + 1)]
    return [predict_batches(model, lose_joints(windows, joints)) for joints in lost]


def features_of(model: keras.Model, inputs: np.ndarray) -> np.ndarray:
    """Return what a network's last layer ("logits") reads: float32 [n, features]."""
    probe = keras.Model(model.inputs, model.get_layer("logits").input)
    return predict_batches(probe, inputs)


def guess_dancers(features: np.ndarray, dancers: Sequence[str], styles: Sequence[str]) -> np.ndarray:
    """Guess who dances in each clip from the network's features, by a linear classifier.

    The classifier learns from the clips of all other styles, so that a dancer is told by looks or manner and not by the
    style. Where it is right more often than by chance, the features hold the identity of dancers whom the network has
    not learnt from.

    Args:
        features: float32 [clips, n], mean over each clip's frames.
        dancers: of the clips, at least two, each in at least two styles.

    Returns:
        names [clips].
    """
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return cross_val_predict(classifier, features, np.array(dancers), groups=styles, cv=LeaveOneGroupOut())
