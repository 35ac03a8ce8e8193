"""The still room behind a dancer, and how a frame differs from it."""

from dataclasses import dataclass

import cv2
import numpy as np

ROOM_SAMPLE = 48  # frames that the median is taken over, whatever the clip's length


@dataclass(frozen=True)
class Room:
    """What stays where it is throughout a clip.

    Attributes:
        picture: uint8 [h, w], the temporal median of the clip's frames.
        known: False where the camera moves too much for the room to be told.
        motion: how far the camera moves: the 90th percentile of the frames' shifts against the picture, in pixels.
    """

    picture: np.ndarray
    known: bool
    motion: float


def estimate_room(frames: np.ndarray, max_motion: float = 3.0) -> Room:
    """Take the temporal median of up to `ROOM_SAMPLE` frames, evenly spread, as the clip's still room.

    Args:
        frames: uint8 [n, h, w], n at least 1.
        max_motion: camera motion in pixels beyond which the room counts as unknown.

    Raises:
        ValueError: no frames.
    """
    if len(frames) == 0:
        raise ValueError("a room cannot be told from no frames")
    picks = np.unique(np.linspace(0, len(frames) - 1, min(ROOM_SAMPLE, len(frames))).round().astype(int))
    sample = frames[picks]
    picture = np.median(sample, axis=0).round().astype(np.uint8)
    shifts = np.array([_shift(picture, frame) for frame in sample])
    motion = float(np.percentile(np.hypot(*shifts.T), 90))
    return Room(picture, motion <= max_motion, motion)


def subtract_room(frames: np.ndarray, room: Room) -> np.ndarray:
    """Absolute difference of frames uint8 [n, h, w] from the room's picture; uint8 [n, h, w].

    Where the room is not known its picture is still the steadiest guess there is, and is used.
    """
    return np.where(frames > room.picture, frames - room.picture, room.picture - frames)


def _shift(reference: np.ndarray, frame: np.ndarray) -> tuple[float, float]:
    window = cv2.createHanningWindow(reference.shape[::-1], cv2.CV_32F)
    (x, y), _ = cv2.phaseCorrelate(reference.astype(np.float32), frame.astype(np.float32), window)
    return x, y
