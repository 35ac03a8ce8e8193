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
from dance_tf.dataset.batches import POSE_VIEWS, apply_view, downsample, windows
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
        inputs = network_inputs(bundle.description, curated)
        by_frame = np.concatenate([bundle.model.predict(part, batch_size=BATCH, verbose=0) for part in inputs])
        probabilities = by_frame.mean(axis=0, dtype=np.float64)
        return make_verdict(bundle.description, path, curated, probabilities, time.perf_counter() - started)


@contextmanager
def curated_clip(description: ModelDescription, path: Path, process: DecodingProcess) -> Iterator[CuratedClip]:
    """Read and curate a clip in a subprocess; its frames are in a temporary file until the end of the block.

    Raises:
        ReadError: also if a network would have nothing to read, see `check_curated`.
    """
    clip = Clip(Path(path).absolute())  # the subprocess may have another current folder
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        part = Path(folder) / "clip.npy"
        reading = reading_from_json(description.reading, with_poses=description.view in POSE_VIEWS)
        process.call(make_part, clip, "", part, *reading, None)
        curated = read_part(part)
        check_curated(description, curated)
        yield curated


def check_curated(description: ModelDescription, curated: CuratedClip) -> None:
    """Raise ReadError if curation left no frame, or if the model looks for the dancer and nobody was found."""
    if not len(curated.frames):
        why = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in _dropped(curated).items())
        raise ReadError(f"no frame is left to classify: of {curated.seen}, {why} were dropped")
    if description.view in POSE_VIEWS and curated.skeletons.valid.sum() < 2:
        raise ReadError("no dancer is found in it")


def _dropped(curated: CuratedClip) -> dict[str, int]:
    return dict(sorted(Counter(frame.reason for frame in curated.dropped).items()))


def make_verdict(
    description: ModelDescription, path: Path, curated: CuratedClip, probabilities: np.ndarray, elapsed: float
) -> Verdict:
    """Return the verdict on a clip that passes `check_curated`.

    Args:
        description: of the model.
        path: of the clip, as given.
        curated: the clip.
        probabilities: float [styles], mean over the frames or windows.
        elapsed: seconds that all of it took.
    """
    by_style = dict(zip(description.styles, probabilities.tolist(), strict=True))
    best = max(description.styles, key=by_style.get)
    notes, coverage = (), curated.skeletons.coverage if description.view in POSE_VIEWS else None
    if coverage is not None and coverage < TRUSTED_COVERAGE:
        notes = (f"the dancer was found in {coverage:.0%} of the time: trust this verdict less",)
    if not curated.background_valid and description.view == "difference":
        notes = ("the camera moves, so background subtraction is unreliable: trust this verdict less",)
    if unlearnt := description.unlearnt:
        notes += (f"the model had no training clip of the style {', '.join(unlearnt)} and cannot recognise it",)
    return Verdict(
        clip=str(path),
        style=best,
        confidence=by_style[best],
        probabilities=by_style,
        frames={"seen": curated.seen, "used": len(curated.frames), "dropped": _dropped(curated)},
        seconds=float(curated.seconds),
        elapsed=elapsed,
        notes=notes,
        coverage=coverage,
    )


def network_inputs(
    description: ModelDescription, curated: CuratedClip, chunk: int = CHUNK, every: int = 1
) -> Iterator[np.ndarray]:
    """Yield what the network reads of a clip, in parts: windows of joints, or frames as `frame_inputs` gives them.

    Args:
        description: of the model.
        curated: the clip, which passes `check_curated`.
        chunk: largest number of frames (or windows) in a part.
        every: take one of so many frames (or windows).
    """
    if description.view == "skeleton":
        windows = cut_windows(curated.skeletons)[0][::every]
        yield from np.array_split(windows, -(-len(windows) // chunk))
        return
    frames = curated.frames
    if description.view == "cutout":
        frames = curated.cutouts[nearest_poses(curated.timestamps, curated.skeletons.times, curated.cutouts)]
    segments = find_segments(curated.timestamps, curated.seen, curated.seconds)
    yield from frame_inputs(description, frames, curated.background, segments, chunk, every)


def frame_inputs(
    description: ModelDescription,
    frames: np.ndarray,
    room: np.ndarray,
    segments: np.ndarray,
    chunk: int = CHUNK,
    every: int = 1,
) -> Iterator[np.ndarray]:
    """Yield the frames of a clip as the network reads them: uint8 [at most `chunk`, 128, 128, 1], or windows of these.

    Args:
        description: of the model.
        frames: uint8 [n, 128, 128, 1]; for the view "cutout", cut-outs.
        room: background of the clip, uint8 [128, 128, 1].
        segments: int64 [n], from `find_segments`; no window of a network that reads sequences spans two of them.
        chunk, every: as in `network_inputs`.
    """
    inputs = np.arange(len(frames))
    if description.sequence_length > 1:
        inputs = windows(inputs, inputs, segments, description.sequence_length)
    inputs = inputs[::every]
    # in chunks: all windows of a long clip together would hold each frame `sequence_length` times
    for part in np.array_split(inputs, -(-len(inputs) // chunk)):
        first, last = part.min(), part.max()
        section = frames[first : last + 1]
        views = apply_view(section, np.broadcast_to(room, section.shape), description.view)
        yield downsample(views, description.frame_size)[part - first]
