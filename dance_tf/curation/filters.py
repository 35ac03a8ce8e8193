"""Which frames of a clip are kept, and why the others are dropped: blank, blurred, or nobody dances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np

from dance_tf.curation.background import estimate_background
from dance_tf.curation.motion import motion_energy
from dance_tf.pose.skeleton import NO_SKELETONS, Skeletons
from dance_tf.video.catalog import Clip
from dance_tf.video.frames import FrameFile
from dance_tf.video.isolation import no_heartbeat
from dance_tf.video.luma import picture_area
from dance_tf.video.sound import BANDS

BLANK, BLURRED, NO_DANCING = "blank", "blurred", "no_dancing"
REASONS = (BLANK, BLURRED, NO_DANCING)
CONTRAST_FRAMES = 32  # frames at most that the contrast of a clip is measured on


@dataclass(frozen=True)
class CurationSettings:
    """The thresholds of curation, fitted on synthetic clips and tested on those of other dancers."""

    blank_entropy: float = 3.0  # bits; a frame whose gray values have less entropy is blank
    blur_relative: float = 0.49  # a frame is blurred if its sharpness is below this share of the clip's median
    blur_absolute: float = 2.5  # gray levels; a frame with less sharpness is blurred in any clip
    still_energy: float = 0.5  # gray levels; with less motion energy nobody dances, in a clip of full contrast
    still_contrast: float = 100.0  # gray levels; for a clip with less contrast, `still_energy` is lowered in proportion
    still_lag: float = 0.1  # seconds between the two frames that motion is measured on
    still_seconds: float = 0.5  # length of the running median over motion energy
    still_shortest: float = 0.4  # seconds; a shorter rest is part of a dance
    # gray levels; with less motion energy (lowered as `still_energy`), frames without a skeleton show an empty room.
    # With more, somebody dances whom the pose network does not recognise. Unlike the others, this one was chosen by
    # hand: empty rooms of seed 0 have at most 2.1, filmed dancers without a skeleton at least 6.4
    nobody_energy: float = 3.0
    nobody_coverage: float = 0.5  # skeletons decide nothing in a clip with a smaller share of pictures with a skeleton


CURATION_DEFAULTS = CurationSettings()
NO_CUTOUTS = np.zeros((0, 128, 128, 1), np.uint8)
NO_ONSETS = np.zeros((0, BANDS), np.float16)


class DroppedFrame(NamedTuple):
    """A frame that curation dropped."""

    index: int  # position among the frames that were read
    timestamp: float  # seconds from the start of the clip
    reason: str  # one of `REASONS`
    measure: float  # the value that failed its threshold


@dataclass(frozen=True)
class CuratedClip:
    """A clip ready for a network."""

    clip: Clip  # what was curated
    frames: np.ndarray  # uint8 [n, 128, 128, 1], gray frames that were kept, in order of time
    timestamps: np.ndarray  # float64 [n], seconds from the start of the clip
    background: np.ndarray  # uint8 [128, 128, 1], the temporal median of the frames
    background_valid: bool  # False if the camera moves too much for a background
    seen: int  # number of frames that were read
    dropped: tuple[DroppedFrame, ...]  # the other frames, in order of time
    seconds: float  # length of the clip
    # of the dancer at times of their own; without any time if they were not looked for
    skeletons: Skeletons = NO_SKELETONS
    # uint8 [m, 128, 128, 1], gray, the dancer alone on black at the times of the skeletons; black where the dancer
    # was not found
    cutouts: np.ndarray = field(default_factory=NO_CUTOUTS.copy)
    # float16 [k, 6], of the sound (`video.sound.read_onsets`); empty without sound or skeletons
    onsets: np.ndarray = field(default_factory=NO_ONSETS.copy)


def curate_frames(
    clip: Clip,
    frames: np.ndarray,
    timestamps: np.ndarray,
    seconds: float,
    settings: CurationSettings = CURATION_DEFAULTS,
    heartbeat: Callable[[], None] = no_heartbeat,
    held: FrameFile | None = None,
    skeletons: Skeletons = NO_SKELETONS,
) -> CuratedClip:
    """Keep or drop each frame of a clip, and estimate the background.

    Args:
        frames: uint8 [n, h, w], n at least 1.
        timestamps: float64 [n], seconds from the start.
        held: the file that `frames` are in. Dropped frames are removed from it, and the result reads from it.
        skeletons: of the clip, if they were looked for: in a room without motion they tell that nobody is there.

    Raises:
        FrameFileError: the disk is not available any more.
    """
    rows, columns = picture_area(frames.max(axis=0)[None])
    pictures = frames[:, rows, columns]
    bits, sharp = np.empty((2, len(frames)))
    for index, picture in enumerate(pictures):
        heartbeat()
        picture = np.ascontiguousarray(picture)
        bits[index], sharp[index] = entropy(picture), sharpness(picture)
    blank = bits < settings.blank_entropy
    typical = float(np.median(sharp[~blank])) if not blank.all() else 0.0
    blurred = sharp < max(settings.blur_absolute, settings.blur_relative * typical)
    # without the dancer, a room can look blurred
    empty = _long_runs(_without_skeleton(timestamps, skeletons, settings), timestamps, settings.still_shortest)
    # for motion: blank frames would look like rests, and cuts to them like motion
    usable = ~(blank | blurred & ~empty)
    energy = motion_energy(pictures, timestamps, usable, settings.still_lag, settings.still_seconds, heartbeat)
    places = np.flatnonzero(usable)
    sample = pictures[places[:: -(-len(places) // CONTRAST_FRAMES) or 1]]
    share = min(1.0, contrast(sample) / settings.still_contrast)
    still = _long_runs(energy < settings.still_energy * share, timestamps, settings.still_shortest)
    still |= empty & (energy < settings.nobody_energy * share)
    blurred &= ~still
    kept = ~(blank | blurred | still)
    dropped = []
    for index in np.flatnonzero(~kept):
        # the order matters: a blank frame is also blurred and still, a blurred one is also still
        reasons = ((BLANK, blank, bits), (BLURRED, blurred, sharp), (NO_DANCING, still, energy))
        reason, measure = next((reason, measure[index]) for reason, holds, measure in reasons if holds[index])
        dropped.append(DroppedFrame(int(index), float(timestamps[index]), reason, float(measure)))
    background = estimate_background(frames, np.flatnonzero(kept if kept.any() else ~kept))
    if held is not None and dropped:
        held.keep(kept)
    return CuratedClip(
        clip,
        (frames[kept] if held is None else held.frames())[..., None],
        timestamps[kept],
        background.picture[..., None],
        background.valid,
        len(frames),
        tuple(dropped),
        seconds,
        skeletons,
    )


def _without_skeleton(timestamps: np.ndarray, skeletons: Skeletons, settings: CurationSettings) -> np.ndarray:
    """Return for each frame whether the pose nearest in time was not found, bool [n]; never if too few were."""
    if not len(skeletons.times) or skeletons.coverage < settings.nobody_coverage:
        return np.zeros(len(timestamps), bool)
    middles = (skeletons.times[1:] + skeletons.times[:-1]) / 2
    return ~skeletons.valid[np.searchsorted(middles, timestamps)]


def entropy(frame: np.ndarray) -> float:
    """Return the Shannon entropy of the gray values of a frame uint8 [h, w]: 0 (plain) to 8 bits."""
    share = np.bincount(frame.ravel(), minlength=256) / frame.size
    share = share[share > 0]
    return float(abs((share * np.log2(share)).sum()))


def sharpness(frame: np.ndarray) -> float:
    """Return how steep the sharpest edges of a frame uint8 [h, w] are, in gray levels.

    This is the 98th percentile of the absolute Laplacian. The mean would depend on sensor noise and captions, which do
    not change when the camera loses focus.
    """
    place = int(0.98 * (frame.size - 1))
    return float(np.partition(np.abs(cv2.Laplacian(frame, cv2.CV_16S)).ravel(), place)[place])


def contrast(frames: np.ndarray) -> float:
    """Return the gray levels between the 5th and 95th percentile of frames uint8 [n, h, w]; 0 for no frames."""
    low, high = np.percentile(frames, [5, 95]) if len(frames) else (0, 0)
    return float(high - low)


def _long_runs(marked: np.ndarray, timestamps: np.ndarray, shortest: float) -> np.ndarray:
    """Keep the runs of marked frames bool [n] that last at least `shortest` seconds.

    A frame lasts until the next one; the last frame has the median duration.
    """
    edges = np.flatnonzero(np.diff(np.r_[False, marked, False]))
    typical = float(np.median(np.diff(timestamps))) if len(timestamps) > 1 else 0.0
    ends = np.r_[timestamps, timestamps[-1] + typical]
    result = np.zeros_like(marked)
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        result[first:end] = ends[end] - ends[first] > shortest - 1e-6
    return result


def frame_reasons(curated: CuratedClip) -> tuple[str, ...]:
    """Return for each frame that was read why it was dropped, or "" if it was kept."""
    reasons = [""] * curated.seen
    for frame in curated.dropped:
        reasons[frame.index] = frame.reason
    return tuple(reasons)


def score_curation(
    dropped: Sequence[Sequence[str]], truth: Sequence[Sequence[str]]
) -> tuple[dict[str, str | int | float], ...]:
    """Return how well each filter finds its fault, pooled over the frames of all clips, in the order of `REASONS`.

    Args:
        dropped: for each clip and frame the reason it was dropped, or "" (`frame_reasons`).
        truth: for each clip and frame the fault it has, or "".

    Returns:
        For each filter its reason, the numbers of frames planted (with the fault), dropped for it, and right (both);
        precision and recall, NaN if there is nothing to divide by.
    """
    found, real = (np.array([reason for clip in clips for reason in clip], str) for clips in (dropped, truth))
    scores = []
    for reason in REASONS:
        has, named = real == reason, found == reason
        counts = {"planted": int(has.sum()), "dropped": int(named.sum()), "right": int((has & named).sum())}
        planted, count, right = counts.values()
        shares = {"precision": right / count if count else np.nan, "recall": right / planted if planted else np.nan}
        scores.append({"reason": reason} | counts | shares)
    return tuple(scores)
