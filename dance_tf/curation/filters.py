"""How well curation finds what is wrong, where the truth is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dance_tf.curation.background import Background, Pictures, contrast, entropy, estimate_background, sharpness
from dance_tf.curation.motion import motion_energy
from dance_tf.video.catalog import Clip
from dance_tf.video.frames import BLOCK, FrameFile
from dance_tf.video.isolation import no_heartbeat
from dance_tf.video.luma import picture_area
from dance_tf.video.settings import READ_DEFAULTS, ReadSettings

if TYPE_CHECKING:
    from dance_tf.video.frames import Footage

BLANK, BLURRED, NO_DANCING = "blank", "blurred", "no_dancing"
REASONS = (BLANK, BLURRED, NO_DANCING)


@dataclass(frozen=True)
class CurationSettings:
    """Every threshold of curation, in one place; fitted on made-up clips of some dancers, tried on others.

    Attributes:
        blank_entropy: bits; a frame whose gray values have less entropy is blank.
        blur_relative: a frame less sharp than this share of its clip's median sharpness is blurred.
        blur_absolute: gray levels; a frame less sharp than this is blurred whatever its clip.
        still_energy: gray levels; motion energy below which nobody dances, in a clip of full contrast.
        still_contrast: gray levels; a clip of less contrast moves fewer gray levels, and `still_energy` falls by its
            share of this.
        still_lag: seconds between the two frames that motion is told from.
        still_seconds: length of the running median over motion energy.
        still_shortest: seconds; a shorter rest is part of a dance.
    """

    blank_entropy: float = 3.0
    blur_relative: float = 0.49
    blur_absolute: float = 2.5
    still_energy: float = 0.5
    still_contrast: float = 100.0
    still_lag: float = 0.1
    still_seconds: float = 0.5
    still_shortest: float = 0.4


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


@dataclass(frozen=True)
class _Sorted:
    """What becomes of a clip's frames: bool [n] of those kept, those dropped, and the room behind those kept."""

    kept: np.ndarray
    dropped: tuple[DroppedFrame, ...]
    room: Background


def curate_frames(
    clip: Clip,
    frames: np.ndarray,
    timestamps: np.ndarray,
    seconds: float,
    settings: CurationSettings = CURATION_DEFAULTS,
    heartbeat: Callable[[], None] = no_heartbeat,
) -> CuratedClip:
    """Sort a clip's frames into kept and dropped, and take its still room.

    Args:
        clip: where the frames are from.
        frames: uint8 [n, h, w], n at least 1.
        timestamps: float64 [n], seconds from the start.
        seconds: length of the clip.
        settings: the thresholds.
        heartbeat: called for each frame and measure.

    Raises:
        ValueError: no frames, or as many timestamps as there are not frames.
    """
    found = _sort(frames, timestamps, settings, heartbeat)
    return _curated(clip, found, frames[found.kept], timestamps, seconds)


def curate_held(
    clip: Clip,
    footage: Footage,
    held: FrameFile,
    settings: CurationSettings = CURATION_DEFAULTS,
    heartbeat: Callable[[], None] = no_heartbeat,
) -> CuratedClip:
    """`curate_frames` of footage that was read into `held`; the frames stay on the disk.

    Those dropped are taken out of `held`, and with it out of `footage`.

    Raises:
        FrameFileError: the disk is gone.
    """
    found = _sort(footage.frames, footage.timestamps, settings, heartbeat)
    if not found.kept.all():
        held.keep(found.kept)
    return _curated(clip, found, held.frames(), footage.timestamps, footage.seconds)


def _curated(clip: Clip, found: _Sorted, frames: np.ndarray, timestamps: np.ndarray, seconds: float) -> CuratedClip:
    return CuratedClip(
        clip,
        frames[..., None],
        timestamps[found.kept],
        found.room.picture[..., None],
        found.room.known,
        len(timestamps),
        found.dropped,
        seconds,
    )


def _sort(
    frames: np.ndarray, timestamps: np.ndarray, settings: CurationSettings, heartbeat: Callable[[], None]
) -> _Sorted:
    if len(frames) == 0 or len(frames) != len(timestamps):
        raise ValueError(f"{len(frames)} frames and {len(timestamps)} timestamps")
    rows, columns = picture_area(_brightest(frames, heartbeat)[None])
    picture = Pictures(frames, np.arange(len(frames)), rows, columns)
    bits = entropy(picture, heartbeat)
    blank = bits < settings.blank_entropy
    sharp = sharpness(picture, heartbeat)
    typical = float(np.median(sharp[~blank])) if not blank.all() else 0.0
    blurred = sharp < max(settings.blur_absolute, settings.blur_relative * typical)
    # motion is told from the frames that show something: blank ones would look like rests, cuts to them like motion
    usable = ~(blank | blurred)
    shown = Pictures(frames, np.flatnonzero(usable), rows, columns)
    energy = np.full(len(frames), np.inf)
    energy[usable] = motion_energy(shown, timestamps[usable], settings.still_lag, settings.still_seconds, heartbeat)
    share = min(1.0, contrast(shown) / settings.still_contrast)
    still = _long_runs(energy < settings.still_energy * share, timestamps, settings.still_shortest)
    dropped = []
    for index, time in enumerate(timestamps):
        # a blank frame is neither sharp nor moving, a blurred one seems still: the first reason that holds is told
        for reason, holds, measure in ((BLANK, blank, bits), (BLURRED, blurred, sharp), (NO_DANCING, still, energy)):
            if holds[index]:
                dropped.append(DroppedFrame(index, float(time), reason, float(measure[index])))
                break
    kept = usable & ~still
    room = estimate_background(Pictures(frames, np.flatnonzero(kept if kept.any() else ~kept)))
    return _Sorted(kept, tuple(dropped), room)


def _brightest(frames: np.ndarray, heartbeat: Callable[[], None]) -> np.ndarray:
    """The brightest that each pixel ever is: uint8 [h, w]."""
    brightest = frames[0]
    for first in range(0, len(frames), BLOCK):
        heartbeat()
        brightest = np.maximum(brightest, frames[first : first + BLOCK].max(axis=0))
    return brightest


def _long_runs(marked: np.ndarray, timestamps: np.ndarray, shortest: float) -> np.ndarray:
    """Keep, of the marked stretches bool [n], those that last at least `shortest` seconds.

    A frame lasts until the next one; the last one, as frames do typically.
    """
    edges = np.flatnonzero(np.diff(np.r_[False, marked, False]))
    typical = float(np.median(np.diff(timestamps))) if len(timestamps) > 1 else 0.0
    ends = np.r_[timestamps, timestamps[-1] + typical]
    result = np.zeros_like(marked)
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        result[first:end] = ends[end] - ends[first] > shortest - 1e-6
    return result


def curate_clip(
    clip: Clip,
    read: ReadSettings = READ_DEFAULTS,
    curation: CurationSettings = CURATION_DEFAULTS,
    heartbeat: Callable[[], None] = no_heartbeat,
) -> CuratedClip:
    """Read a clip in this process and curate it; `curation_apart` does it where a crash does no harm.

    The frames lie in a temporary file that is gone with them; `frames` of the result reads from it. Memory holds a few
    frames at a time, and some 200 bytes for each frame of the clip: its time, its measures, why it was dropped.

    Raises:
        ReadError: the clip cannot be read.
        FrameFileError: the folder for temporary files has no room for its frames.
    """
    from dance_tf.video.frames import read_footage

    with FrameFile() as held:
        footage = read_footage(clip.path, read, heartbeat, held)
        return curate_held(clip, footage, held, curation, heartbeat)


@dataclass(frozen=True)
class ReasonScore:
    """How well frames with one fault are found.

    Attributes:
        reason: one of `REASONS`.
        planted: frames that have the fault.
        dropped: frames dropped for it.
        right: frames that are both.
        precision: right over dropped; not a number where nothing was dropped.
        recall: right over planted; not a number where nothing was planted.
    """

    reason: str
    planted: int
    dropped: int
    right: int
    precision: float
    recall: float


def frame_reasons(curated: CuratedClip) -> tuple[str, ...]:
    """For each frame that was seen the reason it was dropped, or "" where it was kept."""
    reasons = [""] * curated.seen
    for frame in curated.dropped:
        reasons[frame.index] = frame.reason
    return tuple(reasons)


def score_curation(dropped: Sequence[Sequence[str]], truth: Sequence[Sequence[str]]) -> tuple[ReasonScore, ...]:
    """Precision and recall of each filter, pooled over the frames of all clips.

    Args:
        dropped: for each clip, for each frame, the reason it was dropped or "" (`frame_reasons`).
        truth: the same as it really is.

    Returns:
        One score for each of `REASONS`, in their order.

    Raises:
        ValueError: not as many clips, or frames of a clip, in the two.
    """
    pairs = [pair for found, real in zip(dropped, truth, strict=True) for pair in zip(found, real, strict=True)]
    scores = []
    for reason in REASONS:
        planted = sum(real == reason for _, real in pairs)
        found = sum(what == reason for what, _ in pairs)
        right = sum(what == reason == real for what, real in pairs)
        scores.append(
            ReasonScore(
                reason,
                planted,
                found,
                right,
                right / found if found else np.nan,
                right / planted if planted else np.nan,
            )
        )
    return tuple(scores)
