"""Read the skeletons of the dancer from a clip."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np

from dance_tf.pose.blazepose import BlazePose
from dance_tf.pose.skeleton import Skeletons
from dance_tf.pose.track import SMOOTHING, track_dancer
from dance_tf.video.decode import VideoReader
from dance_tf.video.frames import open_footage
from dance_tf.video.isolation import no_heartbeat
from dance_tf.video.luma import Orientation
from dance_tf.video.settings import READ_DEFAULTS, ReadSettings
from dance_tf.video.stills import FootageReader

POSES_PER_SECOND = 10.0
LONGER_SIDE = 640  # pixels, at most, of the frames in which poses are searched


class ColourReader(VideoReader):
    """Yields (seconds, uint8 [h, w, 3]): RGB, upright, square pixels, the longer side at most `LONGER_SIDE`.

    Transparent parts keep the colour that the file stores for them. All frames have the size of the first one.
    """

    _stored_size: tuple[int, int] | None = None  # width and height before the picture is turned upright

    def _picture(self, frame: av.VideoFrame, orientation: Orientation, pixel_aspect: float) -> np.ndarray:
        self._stored_size = self._stored_size or scaled_size(frame.width * pixel_aspect, frame.height)
        # FFmpeg converts fast and scales slowly: together they take twice as long as with OpenCV
        rgb = cv2.resize(frame.to_ndarray(format="rgb24"), self._stored_size, interpolation=cv2.INTER_AREA)
        return orientation.apply(rgb)


def read_skeletons(
    path: Path,
    blazepose: BlazePose,
    poses_per_second: float = POSES_PER_SECOND,
    smoothing: float = SMOOTHING,
    settings: ReadSettings = READ_DEFAULTS,
    heartbeat: Callable[[], None] = no_heartbeat,
) -> Skeletons:
    """Return the skeletons of the dancer in a clip.

    Image sequences and WebP files are read in gray, which moves landmarks by a few percent of the torso's length.

    Args:
        poses_per_second: frames to sample; at most one pose a frame.
        smoothing: seconds, standard deviation of the filter over time; 0 for none.
        settings: limits and number of decoding threads; the size of the gray frames has no effect.
        heartbeat: called for each frame.

    Raises:
        ReadError: the file cannot be read or exceeds a limit.
        ValueError: an invalid rate.
    """
    reader = open_footage(path, replace(settings, frames_per_second=poses_per_second), heartbeat)
    if isinstance(reader, VideoReader):
        frames = ColourReader(reader.path, reader.settings, heartbeat)
    else:
        frames = _gray_frames(reader)
    return track_dancer(frames, blazepose, smoothing)


def _gray_frames(reader: FootageReader) -> Iterator[tuple[float, np.ndarray]]:
    """Yield frames like those of `ColourReader`."""
    size = None
    for time, gray in reader.pictures():
        size = size or scaled_size(gray.shape[1], gray.shape[0])
        yield time, cv2.cvtColor(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), cv2.COLOR_GRAY2RGB)


def scaled_size(width: float, height: float) -> tuple[int, int]:
    """Return width and height in pixels of a displayed picture, reduced to `LONGER_SIDE`."""
    scale = min(1.0, LONGER_SIDE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))
