"""The still room behind a dancer."""

from dataclasses import dataclass

import numpy as np

from dance_tf.footage.framing import picture_area
from dance_tf.footage.measures import Pictures

ROOM_SAMPLE = 48  # frames that the median is taken over, whatever the clip's length
UNSTEADY_LEVELS = 8  # gray levels that a pixel may typically lie off the room and still belong to it
UNSTEADY_SHARE = 0.35  # share of the picture that may be unsteady before the room counts as unknown


@dataclass(frozen=True)
class Room:
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


def estimate_room(frames: np.ndarray | Pictures) -> Room:
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
    return Room(picture, motion <= UNSTEADY_SHARE, motion)
