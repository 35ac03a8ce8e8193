"""A model's verdict on one clip."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dance_tf.curation.filters import CuratedClip
from dance_tf.curation.parts import read_part
from dance_tf.curation.run import failure_reason, make_part, reading_from_json
from dance_tf.dataset.batches import POSE_VIEWS, WINDOW_VIEWS, apply_view, downsample, spread_places, windows
from dance_tf.dataset.dataset import find_segments, nearest_poses
from dance_tf.pose.joints import cut_windows
from dance_tf.video.catalog import Clip
from dance_tf.video.isolation import DecodingProcess
from dance_tf.video.stills import ReadError

if TYPE_CHECKING:  # references need no Keras
    from dance_tf.model.bundle import ModelBundle, ModelDescription

BATCH = 128
TRUSTED_COVERAGE = 0.5  # of the dancer; a verdict with less has a note
CHUNK = 2048  # frames (or windows) in one call of the network


@dataclass(frozen=True)
class Verdict:
    """A model's verdict on a clip; `asdict` gives the document that `classify --json` prints.

    Attributes:
        clip: path as given.
        style: the most probable style.
        confidence: its probability, the mean over the frames (for models of skeletons, over windows of 8 s).
        probabilities: by style.
        frames: numbers of frames that were read ("seen"), classified ("used"), and "dropped" by curation, by reason.
        seconds: length of the clip.
        elapsed: seconds to read, curate and classify it.
        notes: sentences for the user, such as that the camera moves.
        coverage: share of the time in which the dancer was found; None for models that do not look for the dancer.
    """

    clip: str
    style: str
    confidence: float
    probabilities: Mapping[str, float]
    frames: Mapping[str, int | Mapping[str, int]]
    seconds: float
    elapsed: float
    notes: tuple[str, ...] = ()
    coverage: float | None = None

    @property
    def text(self) -> str:
        """The line that `classify` prints."""
        return f"{self.clip}: {self.style}, confidence {self.confidence:.0%}" + "".join(f" ({n})" for n in self.notes)


def classify_clips(bundle: ModelBundle, paths: Sequence[Path]) -> Iterator[Verdict | str]:
    """Yield a model's verdict on each clip (`classify_clip`), or why there is none."""
    with DecodingProcess() as process:
        for path in paths:
            try:
                yield classify_clip(bundle, path, process)
            except Exception as error:  # noqa: BLE001 - one bad clip must not stop the others
                yield failure_reason(error)


def classify_clip(bundle: ModelBundle, path: Path, process: DecodingProcess) -> Verdict:
    """Read and curate a clip like the model's training clips, and classify it by the mean over its kept frames.

    Args:
        bundle: the model.
        path: video file or folder of images.
        process: subprocess that decodes and curates, reusable for further clips.

    Raises:
        ReadError: the clip cannot be read, or curation leaves no frame.
        LostProcess: the decoder crashes or hangs.
        WeightsError: the model reads cut-outs, and the weights to make them are not those of its training clips.
        MemoryError: the clip needs more memory than a decoding process may use.
    """
    started = time.perf_counter()
    with curated_clip(bundle.description, path, process) as curated:
        return classify_curated(bundle, path, curated, started)


@contextmanager
def curated_clip(
    description: ModelDescription, path: Path, process: DecodingProcess, with_poses: bool = False
) -> Iterator[CuratedClip]:
    """Read and curate a clip in a subprocess; its frames are in a temporary file until the end of the block.

    Args:
        description: of the model.
        path: video file or folder of images.
        process: subprocess that decodes and curates, reusable for further clips.
        with_poses: look for skeletons, even if the network does not read them.

    Raises:
        as `classify_clip`.
    """
    clip = Clip(Path(path).absolute())  # the subprocess may have another current folder
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        part = Path(folder) / "clip.npy"
        reading = reading_from_json(description.reading, with_poses=with_poses or description.view in POSE_VIEWS)
        process.call(make_part, clip, "", part, *reading, None)
        yield read_part(part)


def classify_curated(bundle: ModelBundle, path: Path, curated: CuratedClip, started: float) -> Verdict:
    """Return the verdict on a curated clip that began to be read at `started`, of `time.perf_counter`."""
    styles, view = bundle.description.styles, bundle.description.view
    dropped = dict(sorted(Counter(frame.reason for frame in curated.dropped).items()))
    if not len(curated.frames):
        why = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in dropped.items())
        raise ReadError(f"no frame is left to classify: of {curated.seen}, {why} were dropped")
    segments = find_segments(curated.timestamps, curated.seen, curated.seconds)
    frames, notes, coverage = curated.frames, (), None
    if view in POSE_VIEWS:
        coverage = curated.skeletons.coverage
        if curated.skeletons.valid.sum() < 2:
            raise ReadError("no dancer is found in it")
        if coverage < TRUSTED_COVERAGE:
            notes = (f"the dancer was found in {coverage:.0%} of the time: trust this verdict less",)
    if view in WINDOW_VIEWS:
        by_frame = bundle.model.predict(_windows(bundle, curated), batch_size=BATCH, verbose=0)
    else:
        if view == "cutout":
            frames = curated.cutouts[nearest_poses(curated.timestamps, curated.skeletons.times, curated.cutouts)]
        by_frame = frame_probabilities(bundle, frames, curated.background, segments)
    probabilities = dict(zip(styles, by_frame.mean(axis=0, dtype=np.float64).tolist(), strict=True))
    best = max(styles, key=probabilities.get)
    if not curated.background_valid and view == "difference":
        notes = ("the camera moves, so background subtraction is unreliable: trust this verdict less",)
    if unlearnt := bundle.description.unlearnt:
        notes += (f"the model had no training clip of the style {', '.join(unlearnt)} and cannot recognise it",)
    return Verdict(
        clip=str(path),
        style=best,
        confidence=probabilities[best],
        probabilities=probabilities,
        frames={"seen": curated.seen, "used": len(curated.frames), "dropped": dropped},
        seconds=float(curated.seconds),
        elapsed=time.perf_counter() - started,
        notes=notes,
        coverage=coverage,
    )


def _windows(bundle: ModelBundle, curated: CuratedClip) -> np.ndarray | dict[str, np.ndarray]:
    """Return the windows of a clip as `load_sequences` gives them."""
    joints, times = cut_windows(curated.skeletons)
    if bundle.description.view == "skeleton":
        return joints
    times = times[:, spread_places(times.shape[1], bundle.description.sequence_length)]
    nearest = nearest_poses(times.reshape(-1), curated.skeletons.times, curated.cutouts)
    cutouts = downsample(curated.cutouts[nearest], bundle.description.frame_size)
    return {"windows": joints, "cutouts": cutouts.reshape(*times.shape, *cutouts.shape[1:])}


def frame_probabilities(bundle: ModelBundle, frames: np.ndarray, room: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """Return probabilities float32 [n, styles] of a clip's frames.

    Args:
        bundle: the model.
        frames: uint8 [n, 128, 128, 1]; for the view "cutout", cut-outs.
        room: background of the clip, uint8 [128, 128, 1].
        segments: int64 [n], from `find_segments`; no window of a network that reads sequences spans two of them.
    """
    description = bundle.description
    inputs = np.arange(len(frames))
    if description.sequence_length > 1:
        inputs = windows(inputs, inputs, segments, description.sequence_length)
    # in chunks: all windows of a long clip together would hold each frame `sequence_length` times
    parts = []
    for chunk in np.array_split(inputs, -(-len(inputs) // CHUNK)):
        first, last = chunk.min(), chunk.max()
        section = frames[first : last + 1]
        views = apply_view(section, np.broadcast_to(room, section.shape), description.view)
        views = downsample(views, description.frame_size)
        parts.append(bundle.model.predict(views[chunk - first], batch_size=BATCH, verbose=0))
    return np.concatenate(parts)
