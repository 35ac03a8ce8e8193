"""Which frames of a clip are kept, and for each dropped frame the reason and the measure behind it."""

from dataclasses import dataclass

import numpy as np

from dance_tf.footage.catalog import Clip

BLANK, BLURRED, NO_DANCING = "blank", "blurred", "no_dancing"
REASONS = (BLANK, BLURRED, NO_DANCING)


@dataclass(frozen=True)
class DroppedFrame:
    """A frame that curation left out.

    Attributes:
        index: position among the frames that were read.
        timestamp: seconds from the start of the clip.
        reason: one of `REASONS`.
        measure: the value that fell on the wrong side of its threshold.
    """

    index: int
    timestamp: float
    reason: str
    measure: float


@dataclass(frozen=True)
class CuratedClip:
    """A clip ready for a network.

    Attributes:
        clip: what was curated.
        frames: uint8 [n, 128, 128, 1], gray frames kept, in the order of time.
        timestamps: float64 [n], seconds from the start of the clip.
        room: uint8 [128, 128, 1], the still room: the temporal median of the clip's frames.
        room_known: False where the camera moves too much for the room to be told.
        seen: how many frames were read.
        dropped: the frames left out, in the order of time.
        seconds: length of the clip in seconds.
    """

    clip: Clip
    frames: np.ndarray
    timestamps: np.ndarray
    room: np.ndarray
    room_known: bool
    seen: int
    dropped: tuple[DroppedFrame, ...]
    seconds: float
