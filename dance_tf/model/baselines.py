"""Simple baselines for the networks and the autoencoder."""

import cv2
import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dance_tf.dataset.batches import View, downsample, load_frames, sample_evenly
from dance_tf.dataset.dataset import Dataset
from dance_tf.dataset.splits import Split

SMALL_SIDE = 32  # pixels
PATCH_SIDE = 32  # pixels


def linear_baseline(
    dataset: Dataset, split: Split, view: View, indices: np.ndarray, frames_per_clip: int = 12
) -> np.ndarray:
    """Return the probabilities float32 [n, styles] of a logistic regression on 32×32 frames.

    Args:
        split: its training and validation parts are both learnt from, since nothing is chosen on the latter.
        indices: int64 [n], frames to classify.
    """
    learnt = np.sort(np.concatenate([split.train, split.validation]))
    learnt = sample_evenly(learnt, dataset.clip_index, frames_per_clip)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000, tol=1e-3))
    model.fit(_shrink(load_frames(dataset, learnt, view)), dataset.labels[learnt])
    probabilities = np.zeros((len(indices), len(dataset.styles)), dtype=np.float32)
    probabilities[:, model.classes_] = model.predict_proba(_shrink(load_frames(dataset, indices, view)))
    return probabilities


def _shrink(frames: np.ndarray) -> np.ndarray:
    """Return frames uint8 [n, 128, 128, 1] at 32×32 as rows of gray levels, float32 [n, 1024] in [0, 1]."""
    size = (SMALL_SIDE, SMALL_SIDE)
    small = [cv2.resize(frame[..., 0], size, interpolation=cv2.INTER_AREA).reshape(-1) for frame in frames]
    return np.array(small, dtype=np.float32).reshape(len(frames), -1) / 255


def low_resolution_error(frames: np.ndarray, factor: int = 2) -> float:
    """Return the mean squared error, gray levels in [0, 1], of frames uint8 [n, 128, 128, 1] shrunk and enlarged."""
    pairs = zip(downsample(frames, 128 // factor), frames, strict=True)
    return float(np.mean([np.mean((after.astype(np.float32) - before) ** 2) for after, before in pairs])) / 255**2


def patch_components_error(train: np.ndarray, test: np.ndarray, components: int = 64) -> float:
    """Return the mean squared error, gray levels in [0, 1], of a linear code of the autoencoder's shape.

    Each of 4 × 4 patches of 32 × 32 pixels is reconstructed from its principal components, the same for all places.

    Args:
        train: uint8 [n, 128, 128, 1], frames to compute the components from.
        test: uint8 [m, 128, 128, 1], frames to reconstruct.
        components: numbers kept of a patch; 64 give a code of 4 × 4 × 64.
    """

    def patches(frames: np.ndarray) -> np.ndarray:
        count, side = 128 // PATCH_SIDE, PATCH_SIDE
        cut = frames.reshape(len(frames), count, side, count, side).transpose(0, 1, 3, 2, 4)
        return cut.reshape(-1, side * side).astype(np.float32) / 255

    model, rows = PCA(components, svd_solver="covariance_eigh").fit(patches(train)), patches(test)
    return float(np.mean((model.inverse_transform(model.transform(rows)) - rows) ** 2))


def principal_components_error(train: np.ndarray, test: np.ndarray, components: int = 1024, seed: int = 0) -> float:
    """Return the mean squared error, gray levels in [0, 1], of frames reconstructed from principal components.

    Args:
        train: uint8 [n, 128, 128, 1], frames to compute the components from; at most n exist.
        test: uint8 [m, 128, 128, 1], frames to reconstruct.
        components: numbers kept of a frame; 1024 is the size of the autoencoder's code.
    """
    model = PCA(min(components, len(train)), svd_solver="randomized", iterated_power=2, random_state=seed)
    model.fit(train.reshape(len(train), -1).astype(np.float32) / 255)
    rows = test.reshape(len(test), -1).astype(np.float32) / 255
    return float(np.mean((model.inverse_transform(model.transform(rows)) - rows) ** 2))
