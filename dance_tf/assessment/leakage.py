"""How much of a score is leakage: near-duplicates across a split's wall, and the gap between two splits.

Consecutive frames of a clip are all but equal. A split by frame puts one into training and its neighbour into the
test; this module counts such pairs and tells what the accuracy owes to them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.fft import dct

from dance_tf.assessment.intervals import Estimate, Unit, estimate_difference
from dance_tf.assessment.predictions import Predictions

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
    by: Unit = "frame",
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
