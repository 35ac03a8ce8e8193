"""What curation measures on each frame: how much there is to see and how sharp it is."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from dance_tf.footage.progress import silent


class Pictures(Sequence):
    """Some of a clip's frames without the bars around them, copied out one by one when they are looked at.

    Args:
        frames: uint8 [n, h, w]; may lie on a disk.
        places: int [m], which of them.
        rows: of the picture between the bars; all by default.
        columns: of the picture between the bars; all by default.
    """

    def __init__(
        self, frames: np.ndarray, places: np.ndarray, rows: slice = slice(None), columns: slice = slice(None)
    ) -> None:
        self._frames, self._places, self._rows, self._columns = frames, places, rows, columns

    def __len__(self) -> int:
        """How many frames there are."""
        return len(self._places)

    def __getitem__(self, which: int | slice | np.ndarray) -> np.ndarray:
        """One frame uint8 [h, w] for a number, several uint8 [k, h, w] for a slice or an array of numbers."""
        return np.ascontiguousarray(self._frames[self._places[which], self._rows, self._columns])


def entropy(frames: Sequence[np.ndarray], alive: Callable[[], None] = silent) -> np.ndarray:
    """Shannon entropy of each frame's gray values, in bits.

    Args:
        frames: uint8 [n, h, w], an array or `Pictures`, as in all functions here.
        alive: called for each frame as a sign of life.

    Returns:
        float64 [n], 0 for a plain picture, at most 8.
    """
    result = np.empty(len(frames))
    for index, frame in enumerate(frames):
        alive()
        share = np.bincount(frame.ravel(), minlength=256) / frame.size
        share = share[share > 0]
        result[index] = abs((share * np.log2(share)).sum())
    return result


def sharpness(frames: Sequence[np.ndarray], alive: Callable[[], None] = silent) -> np.ndarray:
    """How steep a frame's sharpest edges are: the 98th percentile of its absolute Laplacian, in gray levels.

    The mean would follow sensor noise and captions, which stay as they are when a camera loses its focus.

    Args:
        frames: uint8 [n, h, w].
        alive: called for each frame as a sign of life.

    Returns:
        float64 [n].
    """
    place = int(0.98 * (frames[0].size - 1)) if len(frames) else 0
    result = np.empty(len(frames))
    for index, frame in enumerate(frames):
        alive()
        edges = np.abs(cv2.Laplacian(frame, cv2.CV_16S)).ravel()
        result[index] = np.partition(edges, place)[place]
    return result


def contrast(frames: Sequence[np.ndarray]) -> float:
    """Gray levels between the 5th and the 95th percentile of up to 32 frames uint8 [n, h, w]; 0 of none."""
    if len(frames) == 0:
        return 0.0
    low, high = np.percentile(frames[:: -(-len(frames) // 32)], [5, 95])
    return float(high - low)
