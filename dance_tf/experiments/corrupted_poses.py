"""Skeletons of a clip under corruptions. The function runs in a subprocess, so this module does not import Keras."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from dance_tf.corruption.clips import SEGMENT_FRAMES, FrameRequest, segments
from dance_tf.corruption.conditions import degrade
from dance_tf.pose.read import PoseSettings, load_blazepose
from dance_tf.pose.skeleton import Skeletons
from dance_tf.pose.track import DancerTracker
from dance_tf.video.isolation import no_heartbeat
from dance_tf.video.settings import ReadSettings, sample
from dance_tf.video.stills import scaled_size

FRAMES = SEGMENT_FRAMES  # of a clip that are corrupted, its first ones


def skeletons_under(
    path: Path,
    read: ReadSettings,
    requests: Sequence[FrameRequest],
    poses: PoseSettings,
    heartbeat: Callable[[], None] = no_heartbeat,
) -> list[Skeletons]:
    """Return the skeletons of the dancer in the first `FRAMES` frames of a clip under each condition.

    Frames are corrupted in gray at their own resolution, and then scaled as in curation.

    Args:
        read: how it is read; size and rate have no effect.
        requests: conditions; `places` have no effect.

    Raises:
        ReadError: the file cannot be read, or the picture size changes.
        WeightsError: there are no weights.
    """
    cv2.setNumThreads(1)
    _, times, pictures, aspect = next(segments(path, np.empty(0), heartbeat, read))
    size = scaled_size(pictures.shape[2] * aspect, pictures.shape[1])
    end = times[-1] + (np.diff(times).mean() if len(times) > 1 else 1.0)
    tracker = DancerTracker(load_blazepose(), poses.poses_per_second, poses.smoothing)
    found = []
    for request in requests:
        shown, kept = pictures, np.arange(len(times))
        if request.condition:
            degraded = degrade(pictures, request.condition, request.severity, request.seed, times)
            shown, kept = degraded.frames, degraded.kept_indices
        heartbeat()
        tracker.restart()
        for time, picture in sample(zip(times[kept], shown, strict=True), poses.poses_per_second, lambda: end):
            gray = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
            tracker.see(time, cv2.cvtColor(gray, cv2.COLOR_GRAY2RGB))
            heartbeat()
        found.append(tracker.finish()[0])
    return found
