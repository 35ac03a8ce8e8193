"""What curation measures on each frame: how much there is to see, how sharp it is, how much moves in it."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import cv2
import numpy as np
from scipy.ndimage import median_filter

from dance_tf.footage.progress import silent

CELL = 8  # side of the square that motion is averaged over, in pixels: about a limb at 128×128
NOISE_CELLS = 1.5  # how many times the typical cell's change counts as noise or camera
CUT = 15.0  # gray levels: where half the picture changes more than this, the scene is cut and tells nothing of motion
MARGIN = 3  # pixels left out at each edge, where a shifted picture has no content


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


def motion_energy(
    frames: Sequence[np.ndarray],
    frame_rate: float,
    lag_seconds: float,
    seconds: float,
    alive: Callable[[], None] = silent,
) -> np.ndarray:
    """How strongly the liveliest place of a frame moves, beyond what moves everywhere.

    Two frames `lag_seconds` apart are compared, not neighbours: many clips hold frames twice. A pixel counts by the
    smaller of its change as it is and its change after the shift between the two frames (phase correlation) is undone:
    the first is 0 for captions laid over a shaking picture, the second for the room behind a shaking camera. Of the
    cells' mean changes, the largest less `NOISE_CELLS` times the median is taken; of a frame's comparisons forwards
    and backwards the smaller, so that the frames beside a cut count with their own side; and a running median over
    `seconds` bridges short rests and flashes.

    Args:
        frames: uint8 [n, h, w].
        frame_rate: of the frames, per second.
        lag_seconds: time between the two frames compared.
        seconds: length of the running median.
        alive: called for each frame as a sign of life.

    Returns:
        float64 [n], gray levels; infinite where it cannot be told.
    """
    lag = max(1, round(lag_seconds * frame_rate))
    if len(frames) <= lag:
        return np.full(len(frames), np.inf)
    change = np.empty(len(frames) - lag)
    for index in range(len(change)):
        alive()
        change[index] = _local_change(frames[index], frames[index + lag])
    unknown = np.full(lag, np.inf)
    energy = np.minimum(np.r_[unknown, change], np.r_[change, unknown])
    width = max(1, int(seconds * frame_rate) | 1)
    return median_filter(energy, min(width, len(energy) - 1 + len(energy) % 2), mode="nearest")


def _local_change(one: np.ndarray, two: np.ndarray) -> float:
    height, width = one.shape
    change = cv2.absdiff(one, two)
    if min(height, width) > 2 * MARGIN + CELL:
        shift, _ = cv2.phaseCorrelate(one.astype(np.float32), two.astype(np.float32), _window(height, width))
        if 0.1 < np.hypot(*shift) < width / 8:
            moved = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
            aligned = cv2.warpAffine(one, moved, (width, height), borderMode=cv2.BORDER_REPLICATE)
            change = cv2.min(change, cv2.absdiff(aligned, two))
        change = change[MARGIN:-MARGIN, MARGIN:-MARGIN]
    cells = cv2.blur(change.astype(np.float32), (CELL, CELL))
    typical = float(np.median(cells))
    return np.inf if typical > CUT else float(cells.max()) - NOISE_CELLS * typical


@lru_cache(maxsize=8)
def _window(height: int, width: int) -> np.ndarray:
    return cv2.createHanningWindow((width, height), cv2.CV_32F)
