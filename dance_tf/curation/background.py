"""The still room behind a dancer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from dance_tf.video.isolation import no_heartbeat
from dance_tf.video.luma import picture_area


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


def entropy(frames: Sequence[np.ndarray], heartbeat: Callable[[], None] = no_heartbeat) -> np.ndarray:
    """Shannon entropy of each frame's gray values, in bits.

    Args:
        frames: uint8 [n, h, w], an array or `Pictures`, as in all functions here.
        heartbeat: called for each frame.

    Returns:
        float64 [n], 0 for a plain picture, at most 8.
    """
    result = np.empty(len(frames))
    for index, frame in enumerate(frames):
        heartbeat()
        share = np.bincount(frame.ravel(), minlength=256) / frame.size
        share = share[share > 0]
        result[index] = abs((share * np.log2(share)).sum())
    return result


def sharpness(frames: Sequence[np.ndarray], heartbeat: Callable[[], None] = no_heartbeat) -> np.ndarray:
    """How steep a frame's sharpest edges are: the 98th percentile of its absolute Laplacian, in gray levels.

    The mean would follow sensor noise and captions, which stay as they are when a camera loses its focus.

    Args:
        frames: uint8 [n, h, w].
        heartbeat: called for each frame.

    Returns:
        float64 [n].
    """
    place = int(0.98 * (frames[0].size - 1)) if len(frames) else 0
    result = np.empty(len(frames))
    for index, frame in enumerate(frames):
        heartbeat()
        edges = np.abs(cv2.Laplacian(frame, cv2.CV_16S)).ravel()
        result[index] = np.partition(edges, place)[place]
    return result


def contrast(frames: Sequence[np.ndarray]) -> float:
    """Gray levels between the 5th and the 95th percentile of up to 32 frames uint8 [n, h, w]; 0 of none."""
    if len(frames) == 0:
        return 0.0
    low, high = np.percentile(frames[:: -(-len(frames) // 32)], [5, 95])
    return float(high - low)


ROOM_SAMPLE = 48  # frames that the median is taken over, whatever the clip's length
UNSTEADY_LEVELS = 8  # gray levels that a pixel may typically lie off the room and still belong to it
UNSTEADY_SHARE = 0.35  # share of the picture that may be unsteady before the room counts as unknown


@dataclass(frozen=True)
class Background:
    """What stays where it is throughout a clip.

    Attributes:
        picture: uint8 [h, w], the temporal median of the clip's frames.
        known: False where the camera moves too much for the room to be told.
        motion: share of the picture, 0 to 1, that does not hold still: whose median distance from `picture` is over
            `UNSTEADY_LEVELS`. A dancer alone makes it small; a camera that walks about makes it large.
    """

    picture: np.ndarray
    known: bool
    motion: float


def estimate_background(frames: np.ndarray | Pictures) -> Background:
    """Take the temporal median of up to `ROOM_SAMPLE` frames, evenly spread, as the clip's still room.

    The room counts as known while most of the picture stays near the median most of the time. A dancer who fills much
    of the frame moves, so that the room shows through more often than not; a moving camera leaves no pixel in peace.
    (The shift of whole frames against the median, found by phase correlation, tells the two apart much worse: a large
    dancer drags it along.)

    Args:
        frames: uint8 [n, h, w], n at least 1; of `Pictures` no more than `ROOM_SAMPLE` are held at once.

    Raises:
        ValueError: no frames.
    """
    if len(frames) == 0:
        raise ValueError("a room cannot be told from no frames")
    picks = np.unique(np.linspace(0, len(frames) - 1, min(ROOM_SAMPLE, len(frames))).round().astype(int))
    sample = frames[picks]
    picture = np.rint(np.median(sample, axis=0)).astype(np.uint8)
    rows, columns = picture_area(sample)
    distance = np.median(np.where(sample > picture, sample - picture, picture - sample), axis=0)
    motion = float((distance[rows, columns] > UNSTEADY_LEVELS).mean())
    return Background(picture, motion <= UNSTEADY_SHARE, motion)
