"""Video files under conditions: read at their own size, degraded, and resized to the network's 128 pixels.

Only the requested frames are degraded, each with the result of the whole clip (`WholeClip`). There are two exceptions:
noise is drawn anew, and compression, which depends on earlier frames, is applied to the whole file in segments of 250
frames, the longest distance between keyframes.

The functions run in a subprocess (`video.isolation`), so they take and return only what is cheap to pickle.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from dance_tf.corruption.camera import WholeClip
from dance_tf.corruption.codec import FRAMES_PER_SECOND, KEYFRAMES, measure_compression
from dance_tf.corruption.conditions import degrade, find_condition
from dance_tf.corruption.light import sample_indices
from dance_tf.video.isolation import no_heartbeat
from dance_tf.video.luma import fit_luma
from dance_tf.video.settings import READ_DEFAULTS, ReadSettings
from dance_tf.video.stills import ReadError

SEGMENT_FRAMES = KEYFRAMES.value
SAME_TIME = 1e-6  # seconds


@dataclass(frozen=True, eq=False)
class FrameRequest:
    """Frames of a clip under a condition."""

    places: np.ndarray  # int64 [n], increasing, indices of kept frames
    condition: str | None = None  # its name; None for unchanged frames
    severity: float = 0.0  # 0 to 5
    seed: int = 0  # for random conditions

    @property
    def coded(self) -> bool:
        """Whether a frame depends on earlier ones."""
        return self.condition is not None and find_condition(self.condition).family == "compression"

    def apply(self, pictures: np.ndarray, seconds: np.ndarray, clip: WholeClip | None = None) -> np.ndarray:
        """Apply the condition to pictures uint8 [n, h, w] at `seconds`."""
        if self.condition is None:
            return pictures
        return degrade(pictures, self.condition, self.severity, self.seed, seconds, clip).frames


def degrade_file(
    path: Path, seconds: np.ndarray, requests: Sequence[FrameRequest], heartbeat: Callable[[], None] = no_heartbeat
) -> list[np.ndarray]:
    """Read a file once and return uint8 [n, 128, 128] for each request.

    Args:
        seconds: float64 [n], times of the frames that curation kept.

    Raises:
        ReadError: the file cannot be read, the picture size changes, or a kept frame is missing.
    """
    cv2.setNumThreads(1)
    samples = sample_indices(len(seconds))
    wanted = np.unique(np.concatenate([samples, *(request.places for request in requests)]))
    frames, aspect = {}, 1.0
    coded: list[dict[int, np.ndarray]] = [{} for _ in requests]
    for places, times, pictures, aspect in segments(path, seconds, heartbeat):
        for request, squares in zip(requests, coded, strict=True):
            chosen = np.isin(places, request.places)
            if request.coded and chosen.any():
                changed = request.apply(pictures, times)
                squares.update((places[i], _square(changed[i], aspect)) for i in np.flatnonzero(chosen))
                heartbeat()
        frames.update((places[i], pictures[i].copy()) for i in np.flatnonzero(np.isin(places, wanted)))
    if len(frames) < len(wanted):
        raise ReadError(f"{path.name}: {len(wanted) - len(frames)} frames that curation kept are not there")
    clip = WholeClip(seconds, np.stack([frames[place] for place in samples]))
    found = []
    for request, squares in zip(requests, coded, strict=True):
        if request.coded:
            found.append(np.stack([squares[place] for place in request.places]))
        else:
            pictures = np.stack([frames[place] for place in request.places])
            changed = request.apply(pictures, seconds[request.places], clip)
            found.append(np.stack([_square(picture, aspect) for picture in changed]))
        heartbeat()
    return found


def middle_under(
    path: Path, requests: Sequence[FrameRequest], heartbeat: Callable[[], None] = no_heartbeat
) -> list[np.ndarray]:
    """Return the middle frame of the first segment of a file under each condition, at its own size: uint8 [h, w]."""
    cv2.setNumThreads(1)
    _, times, pictures, _ = next(segments(path, np.empty(0), heartbeat))
    found = []
    for request in requests:
        found.append(request.apply(pictures, times)[len(pictures) // 2].copy())
        heartbeat()
    return found


def compress_file(
    path: Path, crf_values: tuple[float, ...], heartbeat: Callable[[], None] = no_heartbeat
) -> pd.DataFrame:
    """Measure H.264 on the first segment of a file (`measure_compression`), at its own size (px) and frame rate."""
    _, times, pictures, _ = next(segments(path, np.empty(0), heartbeat))
    rate = (len(times) - 1) / (times[-1] - times[0]) if times[-1] > times[0] else FRAMES_PER_SECOND
    size = "{1}×{0}".format(*pictures.shape[1:])
    return measure_compression(pictures, crf_values, rate).assign(**{"frame (px)": size, "frames/s": f"{rate:.3g}"})


def _square(picture: np.ndarray, aspect: float) -> np.ndarray:
    return fit_luma(picture, READ_DEFAULTS.size, READ_DEFAULTS.fit, aspect)


def segments(
    path: Path, kept_seconds: np.ndarray, heartbeat: Callable[[], None], read: ReadSettings = READ_DEFAULTS
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, float]]:
    """Yield a clip at its own size, `SEGMENT_FRAMES` frames at a time.

    Each segment is the indices among the kept frames int64 [n] (-1 for others), seconds float64 [n], pictures
    uint8 [n, h, w], and the aspect ratio of the pixels.
    """
    from dance_tf.video.frames import open_footage

    reader = open_footage(path, replace(read, threads=1))
    pictures, kept_seconds = reader.pictures(), np.append(kept_seconds, np.inf)
    while True:
        segment: list[tuple[float, np.ndarray]] = []
        for time, picture in islice(pictures, SEGMENT_FRAMES):
            heartbeat()
            if segment and segment[0][1].shape != picture.shape:
                raise ReadError(f"{path.name}: its pictures change their size, so no clip can be made of them")
            segment.append((time, picture))
        if not segment:
            return
        seconds, frames = (np.array(column) for column in zip(*segment, strict=True))
        places = np.searchsorted(kept_seconds, seconds - SAME_TIME, side="right")
        found = np.abs(kept_seconds[places] - seconds) < SAME_TIME
        yield np.where(found, places, -1), seconds, frames, reader.pixel_aspect
