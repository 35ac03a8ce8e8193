"""The background of a clip: what stays still while a dancer moves."""

from dataclasses import dataclass

import numpy as np

from dance_tf.video.luma import picture_area

BACKGROUND_FRAMES = 48  # frames that the median is taken over, whatever the length of the clip
UNSTEADY_LEVELS = 8  # gray levels; a pixel is unsteady if its median distance from the background is larger
UNSTEADY_SHARE = 0.35  # share of the picture that may be unsteady before the background counts as invalid


@dataclass(frozen=True)
class Background:
    """The background of a clip."""

    picture: np.ndarray  # uint8 [h, w], the temporal median of the frames
    valid: bool  # False if the camera moves too much for a background


def estimate_background(frames: np.ndarray, indices: np.ndarray | None = None) -> Background:
    """Return the temporal median of up to `BACKGROUND_FRAMES` evenly spaced frames.

    The background is valid while most of the picture stays near the median most of the time: with a moving camera
    every pixel changes. (The shift of whole frames against the median, by phase correlation, separates the two cases
    much worse, because a large dancer shifts it too.)

    Args:
        frames: uint8 [n, h, w]; only the frames used are read.
        indices: int64 [m], the frames to choose from, at least one; all by default.
    """
    indices = np.arange(len(frames)) if indices is None else indices
    count = min(BACKGROUND_FRAMES, len(indices))
    sample = frames[indices[np.unique(np.linspace(0, len(indices) - 1, count).round().astype(int))]]
    picture = np.rint(np.median(sample, axis=0)).astype(np.uint8)
    rows, columns = picture_area(sample)
    distance = np.median(np.abs(sample.astype(np.int16) - picture), axis=0)
    unsteady = (distance[rows, columns] > UNSTEADY_LEVELS).mean()
    return Background(picture, bool(unsteady <= UNSTEADY_SHARE))
