"""A model's verdict on one clip."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from dance_tf.curation.filters import CuratedClip, CurationSettings
from dance_tf.curation.parts import KNOWN_DIGITS, content_sha256, read_part
from dance_tf.curation.run import call_in_pool, failure_reason, make_part, pooled_process, reading_from_json
from dance_tf.dataset.batches import POSE_VIEWS, WINDOW_VIEWS, apply_view, downsample, spread_places, windows
from dance_tf.dataset.dataset import find_segments, nearest_poses
from dance_tf.evaluation.calibration import likely_styles, scale_confidence
from dance_tf.pose.joints import cut_windows
from dance_tf.pose.read import PoseSettings
from dance_tf.video.catalog import Clip
from dance_tf.video.isolation import DecodingProcess
from dance_tf.video.settings import ReadSettings
from dance_tf.video.stills import ReadError

if TYPE_CHECKING:  # references need no Keras
    from dance_tf.model.bundle import ModelBundle, ModelDescription

BATCH = 128
TRUSTED_COVERAGE = 0.5  # of the dancer; a verdict with less has a note
CHUNK = 2048  # frames (or windows) in one call of the network
NetworkInput = np.ndarray | Mapping[str, np.ndarray]  # of all networks but the fusion | of the fusion


@dataclass(frozen=True)
class Verdict:
    """A model's verdict on a clip; `asdict` gives the document that `classify --json` prints.

    Attributes:
        clip: path as given.
        style: the most probable style.
        confidence: its probability, the mean over the frames (for models of skeletons, over windows of 8 s), scaled to
            be right as often as it says, if the model knows how.
        probabilities: by style.
        frames: numbers of frames that were read ("seen"), classified ("used"), and "dropped" by curation, by reason.
        seconds: length of the clip.
        elapsed: seconds to read, curate and classify it.
        notes: sentences for the user, such as that the camera moves.
        coverage: share of the time in which the dancer was found; None for models that do not look for the dancer.
        likely: styles of which one is the true one in about 90 % of the clips of new dancers; empty if none is likely
            enough; None if the model does not know how sure it may be.
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
    likely: tuple[str, ...] | None = None

    @property
    def text(self) -> str:
        """The line that `classify` prints."""
        notes, others = self.notes, [style for style in self.likely or () if style != self.style]
        if others:
            notes = (f"perhaps {', '.join(others)}", *notes)
        elif self.likely is not None and not self.likely:
            notes = ("unsure", *notes)
        return f"{self.clip}: {self.style}, confidence {self.confidence:.0%}" + "".join(f" ({n})" for n in notes)


def classify_clips(bundle: ModelBundle, paths: Sequence[Path]) -> Iterator[Verdict | str]:
    """Yield a model's verdict on each clip (`classify_clip`), or why there is none.

    Clips are read in parallel, in subprocesses that share the cores; the network reads one clip at a time.
    """
    yield from call_in_pool(partial(_verdict_or_reason, bundle, Lock()), paths)


def _verdict_or_reason(bundle: ModelBundle, network: Lock, path: Path, threads: int) -> Verdict | str:
    started = time.perf_counter()
    reading = dict(bundle.description.reading or {})
    reading["read"] = {**reading.get("read", {}), "threads": threads}
    description = replace(bundle.description, reading=reading)
    try:
        with pooled_process() as process, curated_clip(description, path, process) as curated, network:
            return classify_curated(bundle, path, curated, started)
    except Exception as error:  # noqa: BLE001 - one bad clip must not stop the others
        return failure_reason(error)


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


def classify_curated(bundle: ModelBundle, path: Path, curated: CuratedClip, started: float) -> Verdict:
    """Return the verdict on a clip of `curated_clip` that began to be read at `started`, of `time.perf_counter`."""
    inputs = network_inputs(bundle.description, curated)
    by_frame = np.concatenate([bundle.model.predict(part, batch_size=BATCH, verbose=0) for part in inputs])
    probabilities = by_frame.mean(axis=0, dtype=np.float64)
    return make_verdict(bundle.description, path, curated, probabilities, time.perf_counter() - started)


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
        ReadError: also if curation leaves no frame, or if the model looks for the dancer and nobody is found.
    """
    clip = Clip(Path(path).absolute())  # the subprocess may have another current folder
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        part = Path(folder) / "clip.npy"
        process.call(make_part, clip, "", part, *clip_reading(description, with_poses), None)
        curated = read_part(part)
        if not len(curated.frames):
            why = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in _dropped(curated).items())
            raise ReadError(f"no frame is left to classify: of {curated.seen}, {why} were dropped")
        if description.view in POSE_VIEWS and curated.skeletons.valid.sum() < 2:
            raise ReadError("no dancer is found in it")
        yield curated


def clip_reading(
    description: ModelDescription, with_poses: bool = False
) -> tuple[ReadSettings, CurationSettings, PoseSettings | None]:
    """Return the settings by which a clip is read for a model; arguments as for `curated_clip`.

    They are those of the training clips. But networks of windows read no gray frames: of these, one for each pose is
    enough to see whether anything is left of the clip.
    """
    with_poses |= description.view in POSE_VIEWS
    read, curation, poses = reading_from_json(description.reading, with_poses)
    if description.view in WINDOW_VIEWS and poses:
        rate = min(read.frames_per_second or np.inf, poses.poses_per_second)
        read = replace(read, frames_per_second=rate)
    return read, curation, poses


def _dropped(curated: CuratedClip) -> dict[str, int]:
    return dict(sorted(Counter(frame.reason for frame in curated.dropped).items()))


def make_verdict(
    description: ModelDescription, path: Path, curated: CuratedClip, probabilities: np.ndarray, elapsed: float
) -> Verdict:
    """Return the verdict on a clip of `curated_clip`.

    Args:
        description: of the model.
        path: of the clip, as given; a file of the model's own dataset gets a note.
        curated: the clip.
        probabilities: float [styles], mean over the frames or windows.
        elapsed: seconds that all of it took.
    """
    known = description.thresholds or {}
    scaled = scale_confidence(probabilities, known["temperature"]) if "temperature" in known else probabilities
    by_style = dict(zip(description.styles, scaled.tolist(), strict=True))
    best = max(description.styles, key=by_style.get)
    notes, coverage = (), curated.skeletons.coverage if description.view in POSE_VIEWS else None
    if coverage is not None and coverage < TRUSTED_COVERAGE:
        notes = (f"the dancer was found in {coverage:.0%} of the time: trust this verdict less",)
    if not curated.background_valid and description.view == "difference":
        notes = ("the camera moves, so background subtraction is unreliable: trust this verdict less",)
    if description.files and Path(path).exists() and content_sha256(path)[:KNOWN_DIGITS] in description.files:
        notes += ("the model was made with this very clip: it says little about new ones",)
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
        likely=likely_styles(by_style, known["set"]) if "set" in known else None,
    )


def network_inputs(
    description: ModelDescription, curated: CuratedClip, chunk: int = CHUNK, every: int = 1
) -> Iterator[NetworkInput]:
    """Yield what the network reads of a clip of `curated_clip`, in parts, as `load_sequences` gives it in training.

    Args:
        description: of the model.
        curated: the clip.
        chunk: largest number of frames (or windows) in a part.
        every: take one of so many frames (or windows).
    """
    view, length, poses = description.view, description.sequence_length, curated.skeletons.times

    def parts(inputs: np.ndarray) -> list[np.ndarray]:
        chosen = inputs[::every]
        return np.array_split(chosen, -(-len(chosen) // chunk))

    if view in WINDOW_VIEWS:
        joints, times = cut_windows(curated.skeletons)
        times = times[:, spread_places(times.shape[1], length)]
        for part in parts(np.arange(len(joints))):
            if view == "skeleton":
                yield joints[part]
                continue
            nearest = nearest_poses(times[part].reshape(-1), poses, curated.cutouts)
            cutouts = downsample(curated.cutouts[nearest], description.frame_size)
            yield {"windows": joints[part], "cutouts": cutouts.reshape(*times[part].shape, *cutouts.shape[1:])}
        return
    frames, inputs = curated.frames, np.arange(len(curated.frames))
    if view == "cutout":
        frames = curated.cutouts[nearest_poses(curated.timestamps, poses, curated.cutouts)]
    if length > 1:
        inputs = windows(inputs, inputs, find_segments(curated.timestamps, curated.seen, curated.seconds), length)
    # in parts: all windows of a long clip together would hold each frame `length` times
    for part in parts(inputs):
        first, last = part.min(), part.max()
        section = frames[first : last + 1]
        views = apply_view(section, np.broadcast_to(curated.background, section.shape), view)
        yield downsample(views, description.frame_size)[part - first]
