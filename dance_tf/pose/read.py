"""Read the skeletons of the dancer from a clip."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from dance_tf.pose.blazepose import BlazePose
from dance_tf.pose.skeleton import Skeletons
from dance_tf.pose.track import POSES_PER_SECOND, SMOOTHING, DancerTracker
from dance_tf.pose.weights import BUNDLE_VARIABLE, WeightsError, load_weights
from dance_tf.video.frames import open_footage
from dance_tf.video.isolation import no_heartbeat
from dance_tf.video.settings import READ_DEFAULTS, ReadSettings

ONCE = 1e-6  # gray frames per second where only the pictures in colour are wanted: the first one


@dataclass(frozen=True)
class PoseSettings:
    """How the skeletons of a clip are found.

    Raises:
        ValueError: a value is out of range.
    """

    poses_per_second: float = POSES_PER_SECOND  # at most one in each frame of the clip
    smoothing: float = SMOOTHING  # seconds, standard deviation of the filter over time; 0 for none

    def __post_init__(self) -> None:
        if not self.poses_per_second > 0 or not self.smoothing >= 0:
            raise ValueError("poses_per_second must be positive, smoothing not negative")

    def to_json(self) -> dict[str, object]:
        """Return what determines the skeletons: the settings, and a hash of the weights.

        Raises:
            WeightsError: there are no weights.
        """
        digest = sha256(b"".join(load_weights())).hexdigest()
        return {"poses_per_second": self.poses_per_second, "smoothing": self.smoothing, "weights": digest}

    @classmethod
    def from_json(cls, stored: Mapping[str, object]) -> PoseSettings:
        """Return the settings of `to_json`.

        Raises:
            WeightsError: the weights are others, or there are none.
        """
        settings = cls(stored["poses_per_second"], stored["smoothing"])
        if settings.to_json() != dict(stored):
            raise WeightsError(
                f"the poses were found with other weights (SHA-256 {stored['weights']}): set {BUNDLE_VARIABLE} to "
                "their file"
            )
        return settings


@lru_cache(maxsize=1)
def load_blazepose(threads: int = 1) -> BlazePose:
    """Return the networks, which are loaded once in a process.

    Raises:
        WeightsError: see `load_weights`.
    """
    return BlazePose(load_weights(), threads)


def read_skeletons(
    path: Path,
    blazepose: BlazePose,
    poses_per_second: float = POSES_PER_SECOND,
    settings: ReadSettings = READ_DEFAULTS,
    heartbeat: Callable[[], None] = no_heartbeat,
) -> Skeletons:
    """Return the skeletons of the dancer in a clip, without gray frames and cut-outs.

    WebP files are read in gray, which moves landmarks by a few percent of the torso's length.

    Args:
        poses_per_second: frames to sample; at most one pose a frame.
        settings: limits and number of decoding threads; size and rate of the gray frames have no effect.

    Raises:
        ReadError: the file cannot be read or exceeds a limit.
        ValueError: an invalid rate.
    """
    poses = PoseSettings(poses_per_second)
    reader = open_footage(path, replace(settings, frames_per_second=ONCE), heartbeat)
    reader.watcher = DancerTracker(blazepose, poses.poses_per_second, poses.smoothing)
    for _ in reader:
        pass
    return reader.watcher.finish()[0]
