"""Overlap of training and held-out parts: near-duplicate frames, shared dancers, shared performances."""

import numpy as np
import pandas as pd

from dance_tf.dataset.batches import VIEWS, load_frames
from dance_tf.dataset.dataset import Dataset
from dance_tf.dataset.splits import GROUPS, make_splits


def hash_frames(frames: np.ndarray) -> np.ndarray:
    """Return the perceptual hash (pHash, as ImageHash computes it) of frames uint8 [n, h, w, 1]: uint64 [n]."""
    import imagehash  # absent on machines that only train
    from PIL import Image

    bits = np.array([imagehash.phash(Image.fromarray(frame[..., 0])).hash.ravel() for frame in frames])
    return np.packbits(bits.reshape(-1, 64), axis=1).view(">u8")[:, 0].astype(np.uint64)


def nearest_distances(test: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Return the Hamming distance of each test hash, uint64 [n], to the nearest training hash, uint64 [m].

    Returns:
        int64 [n], 0 to 64; 65, more than any distance, where `training` is empty.
    """
    unique, rows = np.unique(np.asarray(test, dtype=np.uint64), return_inverse=True)
    training = np.unique(np.asarray(training, dtype=np.uint64))
    nearest = [np.bitwise_count(training ^ one).min(initial=65) for one in unique]
    return np.array(nearest, dtype=np.int64)[rows]


def near_duplicates(dataset: Dataset, folds: int = 5, seed: int = 0, distance: int = 4) -> pd.DataFrame:
    """Compare the held-out part of each split with the training part of its first fold.

    Args:
        distance: largest number of differing bits, of 64, between near-duplicates. Our choice of 4: neighbouring frames
            lie within it, unrelated pictures are about 32 apart.

    Returns:
        One row per view and split: view, split, count (held-out frames with a near-duplicate in training), frames,
        share, dancer_in_training (share of held-out frames whose dancer is in training), dancer_and_style_in_training.
    """
    dancers = np.unique(np.array(dataset.dancers), return_inverse=True)[1][dataset.clip_index]
    performances = dancers * len(dataset.styles) + dataset.labels
    rows = []
    for view in VIEWS:
        # in blocks, so that a view of all frames is never in memory at once
        blocks = np.array_split(np.arange(len(dataset.labels)), max(1, -(-len(dataset.labels) // 4096)))
        hashes = np.concatenate([hash_frames(load_frames(dataset, block, view)) for block in blocks])
        for group in GROUPS:
            split = make_splits(dataset, group, folds, seed)[0]
            near = nearest_distances(hashes[split.test], hashes[split.train]) <= distance
            met, in_style = (np.isin(who[split.test], who[split.train]).mean() for who in (dancers, performances))
            counted = {"count": int(near.sum()), "frames": len(near), "share": float(near.mean())}
            met = {"dancer_in_training": float(met), "dancer_and_style_in_training": float(in_style)}
            rows.append({"view": view, "split": group, **counted, **met})
    return pd.DataFrame(rows)
