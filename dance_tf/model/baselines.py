"""Plain rivals: what any network or autoencoder has to beat before its number means anything."""

import cv2
import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dance_tf.dataset.batches import View, load_frames, sample_evenly
from dance_tf.dataset.dataset import Dataset
from dance_tf.dataset.splits import Split

SMALL = 32


def shrink(frames: np.ndarray, side: int = SMALL) -> np.ndarray:
    """Frames uint8 [n, 128, 128, 1] shrunk by area and laid out as rows, float32 [n, side²], gray levels in [0, 1]."""
    small = [cv2.resize(frame[..., 0], (side, side), interpolation=cv2.INTER_AREA).reshape(-1) for frame in frames]
    return np.array(small, dtype=np.float32).reshape(len(frames), side * side) / 255


def linear_baseline(
    dataset: Dataset, split: Split, view: View, indices: np.ndarray, frames_per_clip: int = 12
) -> np.ndarray:
    """Logistic regression on 32×32 frames.

    Args:
        dataset: frames and labels.
        split: its training and validation parts are learnt from, since nothing is chosen on the latter.
        view: what the regression sees, "frame" or "difference".
        indices: int64 [n], frames to predict.
        frames_per_clip: frames of each clip to learn from.

    Returns:
        probabilities float32 [n, styles].
    """
    learnt = np.sort(np.concatenate([split.train, split.validation]))
    learnt = sample_evenly(learnt, dataset.clip_index, frames_per_clip)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000, tol=1e-3))
    model.fit(shrink(load_frames(dataset, learnt, view)), dataset.labels[learnt])
    found = model.predict_proba(shrink(load_frames(dataset, indices, view)))
    probabilities = np.zeros((len(indices), len(dataset.styles)), dtype=np.float32)
    probabilities[:, model.classes_] = found
    return probabilities


def low_resolution_error(frames: np.ndarray, factor: int = 2) -> float:
    """Mean squared error, gray levels in [0, 1], of frames uint8 [n, 128, 128, 1] shrunk by `factor` and enlarged."""
    errors = []
    for frame in frames[..., 0]:
        side = frame.shape[0]
        small = cv2.resize(frame, (side // factor, side // factor), interpolation=cv2.INTER_AREA)
        back = cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR)
        errors.append(np.mean((back.astype(np.float32) - frame) ** 2))
    return float(np.mean(errors)) / 255**2


def principal_components_error(train: np.ndarray, test: np.ndarray, components: int = 1024, seed: int = 0) -> float:
    """Mean squared error, gray levels in [0, 1], of frames rebuilt from as many numbers as the autoencoder keeps.

    Args:
        train: uint8 [n, 128, 128, 1], frames whose principal components are taken; at most n of them exist.
        test: uint8 [m, 128, 128, 1], frames to rebuild.
        components: numbers kept of a frame.
        seed: of the randomised solver.
    """
    model = PCA(min(components, len(train)), svd_solver="randomized", iterated_power=2, random_state=seed)
    model.fit(train.reshape(len(train), -1).astype(np.float32) / 255)
    rows = test.reshape(len(test), -1).astype(np.float32) / 255
    return float(np.mean((model.inverse_transform(model.transform(rows)) - rows) ** 2))
