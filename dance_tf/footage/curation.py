"""Which frames of a clip are kept, and for each dropped frame the reason and the measure behind it."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from dance_tf.footage.catalog import Clip
from dance_tf.footage.room import estimate_room
from dance_tf.footage.settings import READ_DEFAULTS, ReadSettings

BLANK, BLURRED, NO_DANCING = "blank", "blurred", "no_dancing"
REASONS = (BLANK, BLURRED, NO_DANCING)


@dataclass(frozen=True)
class CurationSettings:
    """Every threshold of curation, in one place.

    Attributes:
        blank_entropy: bits; a frame whose gray values have less entropy than this is blank.
        blur_relative: a frame whose sharpness is below this share of its clip's median sharpness is blurred.
        blur_absolute: a frame whose sharpness is below this is blurred whatever the clip.
        still_energy: gray levels; motion energy below which nobody dances.
        still_seconds: length of time that the motion energy is averaged over.
    """

    blank_entropy: float = 3.0
    blur_relative: float = 0.45
    blur_absolute: float = 1.0
    still_energy: float = 0.35
    still_seconds: float = 1.0


CURATION_DEFAULTS = CurationSettings()


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


def entropy(frames: np.ndarray) -> np.ndarray:
    """Shannon entropy in bits of each frame's gray values; frames uint8 [n, h, w], result float64 [n]."""
    result = np.empty(len(frames))
    for index, frame in enumerate(frames):
        share = np.bincount(frame.ravel(), minlength=256) / frame.size
        share = share[share > 0]
        result[index] = -(share * np.log2(share)).sum()
    return result


def sharpness(frames: np.ndarray) -> np.ndarray:
    """Mean absolute Laplacian of each frame, in gray levels; frames uint8 [n, h, w], result float64 [n]."""
    return np.array([np.abs(cv2.Laplacian(frame, cv2.CV_16S)).mean() for frame in frames])


def motion_energy(frames: np.ndarray, timestamps: np.ndarray, seconds: float) -> np.ndarray:
    """Mean absolute change between neighbouring frames, averaged over a stretch of time around each frame."""
    if len(frames) < 2:
        return np.full(len(frames), np.inf)
    change = np.array([cv2.absdiff(a, b).mean() for a, b in zip(frames[:-1], frames[1:], strict=True)])
    middle = (timestamps[:-1] + timestamps[1:]) / 2
    return np.array(
        [change[np.abs(middle - time) <= max(seconds / 2, np.abs(middle - time).min())].mean() for time in timestamps]
    )


def curate_frames(
    clip: Clip,
    frames: np.ndarray,
    timestamps: np.ndarray,
    seconds: float,
    settings: CurationSettings = CURATION_DEFAULTS,
) -> CuratedClip:
    """Sort a clip's frames into kept and dropped, and take its still room.

    Args:
        clip: where the frames are from.
        frames: uint8 [n, h, w], n at least 1.
        timestamps: float64 [n], seconds from the start.
        seconds: length of the clip.
        settings: the thresholds.

    Raises:
        ValueError: no frames, or as many timestamps as there are not frames.
    """
    if len(frames) == 0 or len(frames) != len(timestamps):
        raise ValueError(f"{len(frames)} frames and {len(timestamps)} timestamps")
    bits = entropy(frames)
    blank = bits < settings.blank_entropy
    sharp = sharpness(frames)
    typical = float(np.median(sharp[~blank])) if (~blank).any() else 0.0
    blurred = sharp < max(settings.blur_absolute, settings.blur_relative * typical)
    energy = motion_energy(frames, timestamps, settings.still_seconds)
    still = energy < settings.still_energy
    dropped = []
    for index, time in enumerate(timestamps):
        if blank[index]:
            dropped.append(DroppedFrame(index, float(time), BLANK, float(bits[index])))
        elif blurred[index]:
            dropped.append(DroppedFrame(index, float(time), BLURRED, float(sharp[index] / typical)))
        elif still[index]:
            dropped.append(DroppedFrame(index, float(time), NO_DANCING, float(energy[index])))
    kept = ~(blank | blurred | still)
    room = estimate_room(frames[kept] if kept.any() else frames)
    return CuratedClip(
        clip,
        frames[kept][..., None],
        timestamps[kept],
        room.picture[..., None],
        room.known,
        len(frames),
        tuple(dropped),
        seconds,
    )


def _silent() -> None:
    """The sign of life of a process that nobody watches."""


def curate_clip(
    clip: Clip,
    read: ReadSettings = READ_DEFAULTS,
    curation: CurationSettings = CURATION_DEFAULTS,
    alive: Callable[[], None] = _silent,
) -> CuratedClip:
    """Read a clip in this process and curate it; `isolation.call_apart` does it where a crash does no harm.

    Raises:
        ReadError: the clip cannot be read.
    """
    from dance_tf.footage.video import read_footage

    footage = read_footage(clip.path, read, alive)
    return curate_frames(clip, footage.frames, footage.timestamps, footage.seconds, curation)
