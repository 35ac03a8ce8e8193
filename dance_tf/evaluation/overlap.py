"""What lies on both sides of a split's wall: all but the same frames, the same dancers, the same dancers in a style."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.fft import dct

from dance_tf.dataset.batches import VIEWS, View, load_frames
from dance_tf.dataset.dataset import Dataset
from dance_tf.dataset.splits import GROUPS, Group, make_splits
from dance_tf.evaluation.intervals import Estimate, Level, estimate_difference
from dance_tf.evaluation.predictions import Predictions

HASH_SIZE = 8  # 8 x 8 bits fill one uint64
_SHRUNK = 4 * HASH_SIZE
# a block of 64 test hashes by 4,096 training hashes is 2 MB: it stays in the cache
_TEST_BLOCK, _TRAINING_BLOCK = 64, 4096


@dataclass(frozen=True)
class NearDuplicates:
    """How many test frames have all but the same frame in training.

    Attributes:
        count: test frames with a training frame within `distance`.
        frames: all test frames.
        distance: largest number of differing bits, of 64, that counts as the same picture.
    """

    count: int
    frames: int
    distance: int

    @property
    def share(self) -> float:
        """`count` over `frames`; 0 where there are no test frames."""
        return self.count / self.frames if self.frames else 0.0

    def to_json(self) -> dict[str, float]:
        """Count, frames, distance and share."""
        return {"count": self.count, "frames": self.frames, "distance": self.distance, "share": self.share}


def hash_frames(frames: np.ndarray) -> np.ndarray:
    """Perceptual hash (pHash) of each frame: the signs of its 8 x 8 lowest frequencies against their median.

    The definition, bit for bit, is that of the ImageHash library's `phash`: Lanczos to 32 x 32, cosine transform both
    ways, first 8 x 8 coefficients, greater than their median. Only the transform is done for all frames at once.

    Args:
        frames: uint8 [n, height, width, 1] or [n, height, width].

    Returns:
        uint64 [n]; the first coefficient is the highest bit.

    Raises:
        ValueError: frames have another shape or type.
    """
    frames = np.asarray(frames)
    if frames.ndim == 4 and frames.shape[-1] == 1:
        frames = frames[..., 0]
    if frames.ndim != 3 or frames.dtype != np.uint8:
        raise ValueError(f"frames are {frames.dtype} {list(frames.shape)}, not uint8 [n, height, width, 1]")
    hashes = np.empty(len(frames), dtype=np.uint64)
    for start in range(0, len(frames), 1024):
        small = np.array(
            [
                Image.fromarray(frame).resize((_SHRUNK, _SHRUNK), Image.Resampling.LANCZOS)
                for frame in frames[start : start + 1024]
            ]
        ).astype(np.float64)
        low = dct(dct(small, axis=1), axis=2)[:, :HASH_SIZE, :HASH_SIZE].reshape(len(small), -1)
        bits = low > np.median(low, axis=1, keepdims=True)
        hashes[start : start + 1024] = np.packbits(bits, axis=1).view(">u8")[:, 0]
    return hashes


def nearest_distances(test: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Hamming distance of each test hash to the training hash nearest to it.

    Every pair is compared, block by block (exclusive or, then a count of bits); the extra memory is a few megabytes
    whatever the sizes.

    Args:
        test: uint64 [n].
        training: uint64 [m].

    Returns:
        int64 [n], 0 to 64; 65, more than any distance, where `training` is empty.
    """
    unique, rows = np.unique(np.asarray(test, dtype=np.uint64), return_inverse=True)
    training = np.unique(np.asarray(training, dtype=np.uint64))
    nearest = np.full(len(unique), 65, dtype=np.int64)
    for first in range(0, len(unique), _TEST_BLOCK):
        block = unique[first : first + _TEST_BLOCK, None]
        best = nearest[first : first + _TEST_BLOCK]  # a view: the minimum below is written through it
        for start in range(0, len(training), _TRAINING_BLOCK):
            distances = np.bitwise_count(block ^ training[None, start : start + _TRAINING_BLOCK])
            np.minimum(best, distances.min(axis=1), out=best)
    return nearest[rows]


def count_near_duplicates(test: np.ndarray, training: np.ndarray, distance: int = 4) -> NearDuplicates:
    """Count test frames that have a training frame within a Hamming distance.

    Args:
        test: uint64 [n], hashes of the test frames (`hash_frames`).
        training: uint64 [m], hashes of the training frames.
        distance: differing bits of 64 that still count as the same picture. Our choice of 4: neighbouring frames lie
            within it, and unrelated pictures are about 32 apart.
    """
    count = int((nearest_distances(test, training) <= distance).sum())
    return NearDuplicates(count=count, frames=len(test), distance=distance)


def leakage_gap(
    leaking: Sequence[Predictions],
    honest: Sequence[Predictions],
    by: Level = "frame",
    resamples: int = 1000,
    seed: int = 0,
    paired: bool = True,
) -> Estimate:
    """What accuracy owes to leakage: under the leaking split minus under the honest one, with its interval.

    Args:
        leaking: runs of a strategy under, say, the split by frame.
        honest: runs of the same strategy under, say, the split by dancer.
        by: "frame" or "clip".
        resamples: draws of the bootstrap.
        seed: of the draws.
        paired: as `estimate_difference`: True where both splits test the same dancers, as the folds of one set of
            footage do.

    Returns:
        Mean, interval and number of runs of the difference, as a fraction (0.3 is 30 points).
    """
    return estimate_difference(leaking, honest, by, resamples, seed, paired).accuracy


@dataclass(frozen=True)
class Wall:
    """Near-duplicates across the wall between the training part and the part held out.

    Attributes:
        view: what is compared: frames as they are, or their differences from the room.
        unit: what the split is cut by.
        found: test frames with all but the same frame in training.
        met: share of the test frames whose dancer is in training.
        met_in_style: share of the test frames whose dancer is in training with the very style of the frame. Where
            it is smaller than `met`, who knows dancers or rooms by heart will say another style.
    """

    view: View
    unit: Group
    found: NearDuplicates
    met: float
    met_in_style: float

    def to_json(self) -> dict[str, float]:
        """Near-duplicates, and who is met in training."""
        return {**self.found.to_json(), "met": self.met, "met_in_style": self.met_in_style}


def near_duplicates(dataset: Dataset, folds: int = 5, seed: int = 0, views: Sequence[View] = VIEWS) -> tuple[Wall, ...]:
    """Count held-out frames that have all but the same frame in the training part of the first fold, for each split.

    Args:
        dataset: what is split.
        folds: as the runs have them.
        seed: of the splits.
        views: what the networks see.
    """
    walls = []
    for view in views:
        hashes = np.concatenate(
            [hash_frames(load_frames(dataset, part, view)) for part in _blocks(len(dataset.labels))]
        )
        for unit in GROUPS:
            split = make_splits(dataset, unit, folds, seed)[0]
            found = count_near_duplicates(hashes[split.test], hashes[split.train])
            dancers = np.unique(np.array(dataset.dancers), return_inverse=True)[1][dataset.clip_index]
            pairs = dancers * len(dataset.styles) + dataset.labels
            met, in_style = (np.isin(who[split.test], who[split.train]).mean() for who in (dancers, pairs))
            walls.append(Wall(view, unit, found, float(met), float(in_style)))
    return tuple(walls)


def _blocks(frames: int, size: int = 4096) -> list[np.ndarray]:
    """Indices in blocks, so that a view of all frames never lies in memory at once."""
    return np.array_split(np.arange(frames), max(1, -(-frames // size)))
