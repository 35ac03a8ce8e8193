"""A clip's file under conditions: read at its own size, degraded, brought to the network's 128 pixels.

Only the frames that are asked for are degraded, each as if the whole clip had been: an effect knows a frame's place in
the clip from its time, and a camera's sway and the still room behind a silhouette are taken from all the frames that
are known (`WholeClip`). Two conditions differ. Noise is another draw from the same distribution than a whole clip would
get. Compression hangs on the frames before, so it is of all of the file, in stretches of 250 frames, which is as far as
x264 lets one keyframe reach.

The functions run in a process of their own (`isolation`): they take and return only what pickle carries at little cost.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from dance_tf.corruption.camera import WholeClip
from dance_tf.corruption.codec import FRAMES_PER_SECOND, KEYFRAMES, CompressionMeasure, measure_compression
from dance_tf.corruption.degrade import degrade, find_condition
from dance_tf.corruption.light import sample_places
from dance_tf.video.isolation import no_heartbeat
from dance_tf.video.luma import fit_luma
from dance_tf.video.settings import READ_DEFAULTS
from dance_tf.video.stills import ReadError

STRETCH = KEYFRAMES  # frames; x264's longest way from one keyframe to the next
SAME_TIME = 1e-6  # seconds


@dataclass(frozen=True, eq=False)
class FrameRequest:
    """Frames of a clip under a condition.

    Attributes:
        places: int64 [n], increasing, among the frames that are known.
        condition: its name; None for frames as they are.
        severity: 0 to 5.
        seed: of what is random in it.
    """

    places: np.ndarray
    condition: str | None = None
    severity: float = 0.0
    seed: int = 0

    @property
    def coded(self) -> bool:
        """Whether a frame hangs on those before it."""
        return self.condition is not None and find_condition(self.condition).family == "compression"

    def on(self, pictures: np.ndarray, seconds: np.ndarray, clip: WholeClip | None = None) -> np.ndarray:
        """Its condition on pictures uint8 [n, h, w] at `seconds`."""
        if self.condition is None:
            return pictures
        return degrade(pictures, self.condition, self.severity, self.seed, seconds, clip).frames


@dataclass(frozen=True)
class FileCompression:
    """What compression does to one file, and what a bit rate hangs on: its frames' size in pixels and their rate."""

    measures: tuple[CompressionMeasure, ...]
    width: int
    height: int
    rate: float


def degrade_file(
    path: Path, seconds: np.ndarray, requests: Sequence[FrameRequest], heartbeat: Callable[[], None] = no_heartbeat
) -> list[np.ndarray]:
    """Frames of one file under conditions; the file is read once.

    Args:
        path: the clip's file.
        seconds: float64 [n], times of the frames that are known, which is what curation kept.
        requests: what is wanted.
        heartbeat: called now and then.

    Returns:
        uint8 [n, 128, 128] for each request.

    Raises:
        ReadError: the file cannot be read, its pictures change their size, or a frame that is known is not there.
    """
    cv2.setNumThreads(1)
    samples = sample_places(len(seconds))
    wanted = np.unique(np.concatenate([samples, *(request.places for request in requests)]))
    frames, aspect = {}, 1.0
    coded: list[dict[int, np.ndarray]] = [{} for _ in requests]
    for places, times, pictures, aspect in _stretches(path, seconds, heartbeat):
        for request, squares in zip(requests, coded, strict=True):
            kept = np.isin(places, request.places)
            if request.coded and kept.any():
                changed = request.on(pictures, times)
                squares.update((place, _square(changed[i], aspect)) for i, place in enumerate(places) if kept[i])
                heartbeat()
        frames.update((place, pictures[i].copy()) for i, place in enumerate(places) if place in wanted)
    if len(frames) < len(wanted):
        raise ReadError(f"{path.name}: {len(wanted) - len(frames)} frames that curation kept are not there")
    clip = WholeClip(seconds, np.stack([frames[place] for place in samples]))
    found = []
    for request, squares in zip(requests, coded, strict=True):
        if not request.coded:
            pictures = np.stack([frames[place] for place in request.places])
            changed = request.on(pictures, seconds[request.places], clip)
            squares.update(
                (place, _square(picture, aspect)) for place, picture in zip(request.places, changed, strict=True)
            )
        found.append(np.stack([squares[place] for place in request.places]))
        heartbeat()
    return found


def middle_under(
    path: Path, requests: Sequence[FrameRequest], heartbeat: Callable[[], None] = no_heartbeat
) -> list[np.ndarray]:
    """The frame about the middle of a file's first 250 under each condition, at its own size: uint8 [h, w] each."""
    cv2.setNumThreads(1)
    _, times, pictures, _ = next(_stretches(path, np.empty(0), heartbeat))
    found = []
    for request in requests:
        found.append(request.on(pictures, times)[len(pictures) // 2].copy())
        heartbeat()
    return found


def compress_file(
    path: Path, crf_values: tuple[float, ...], heartbeat: Callable[[], None] = no_heartbeat
) -> FileCompression:
    """What H.264 does to a file's first 250 frames at their own size and rate."""
    _, times, pictures, _ = next(_stretches(path, np.empty(0), heartbeat))
    rate = (len(times) - 1) / (times[-1] - times[0]) if times[-1] > times[0] else FRAMES_PER_SECOND
    height, width = pictures.shape[1:]
    return FileCompression(measure_compression(pictures, crf_values, rate), width, height, float(rate))


def _square(picture: np.ndarray, aspect: float) -> np.ndarray:
    return fit_luma(picture, READ_DEFAULTS.size, READ_DEFAULTS.fit, aspect)


def _stretches(
    path: Path, known: np.ndarray, heartbeat: Callable[[], None]
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, float]]:
    """A clip at its own size, 250 frames at a time.

    Yields:
        place among the frames that are known int64 [n] (-1 for another), seconds float64 [n], pictures uint8 [n, h, w],
        and the pixels' aspect.
    """
    from dance_tf.video.frames import FootageReader

    reader = FootageReader(path, replace(READ_DEFAULTS, threads=1))
    next_place = 0
    stretch: list[tuple[int, float, np.ndarray]] = []
    for time, picture in reader.pictures():
        heartbeat()
        place = -1
        while next_place < len(known) and known[next_place] <= time - SAME_TIME:
            next_place += 1  # a frame that is not there does not hide those after it
        if next_place < len(known) and abs(time - known[next_place]) < SAME_TIME:
            place, next_place = next_place, next_place + 1
        if stretch and stretch[0][2].shape != picture.shape:
            raise ReadError(f"{path.name}: its pictures change their size, so no clip can be made of them")
        stretch.append((place, time, picture))
        if len(stretch) == STRETCH:
            yield *(np.array(column) for column in zip(*stretch, strict=True)), reader.source.pixel_aspect
            stretch = []
    if stretch:
        yield *(np.array(column) for column in zip(*stretch, strict=True)), reader.source.pixel_aspect
