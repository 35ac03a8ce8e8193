"""Read the skeletons of the dancer from a clip."""

from __future__ import annotations

from collections.abc import Callable
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

POSES_PER_SECOND = 10.0
LONGER_SIDE = 640  # pixels, at most, of the frames in which poses are searched


class ColourReader(VideoReader):
    """Yields (seconds, uint8 [h, w, 3]): RGB, upright, square pixels, the longer side at most `LONGER_SIDE`.

    Transparent parts keep the colour that the file stores for them. All frames have the size of the first one.
    """

    _stored_size = (0, 0)  # width and height before the picture is turned upright

    def _picture(self, frame: av.VideoFrame, orientation: Orientation, pixel_aspect: float) -> np.ndarray:
        if not any(self._stored_size):
            displayed = frame.width * pixel_aspect, frame.height
            scale = min(1.0, LONGER_SIDE / max(displayed))
            self._stored_size = tuple(max(1, round(side * scale)) for side in displayed)
        width, height = self._stored_size
        rgb = frame.reformat(width, height, format="rgb24", interpolation=av.video.reformatter.Interpolation.AREA)
        return orientation.apply(rgb.to_ndarray())


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
        frames = ((time, cv2.cvtColor(_shrink(gray), cv2.COLOR_GRAY2RGB)) for time, gray in reader.pictures())
    return track_dancer(frames, blazepose, smoothing)


def _shrink(picture: np.ndarray) -> np.ndarray:
    scale = LONGER_SIDE / max(picture.shape)
    return picture if scale >= 1 else cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
