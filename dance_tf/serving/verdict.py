"""What a trained model says about one clip."""

import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dance_tf.curation.filters import CuratedClip, CurationSettings
from dance_tf.curation.run import curate_in_subprocess, failure_reason, reading_from_json
from dance_tf.dataset.batches import apply_view, windows
from dance_tf.model.bundle import ModelBundle
from dance_tf.video.catalog import Clip
from dance_tf.video.isolation import DecodingProcess
from dance_tf.video.settings import ReadSettings

BATCH = 128
PIECE = 2048  # frames, or windows that end at them, that go through the network in one call


class VerdictError(ValueError):
    """A clip that no verdict can be given on; the message says why."""


def refusal(error: Exception) -> str:
    """Why a clip has no verdict, in one line, from what `classify_clip` raised."""
    return " ".join(str(error).split()) if isinstance(error, VerdictError) else failure_reason(error)


@dataclass(frozen=True)
class Verdict:
    """A model's verdict on a clip.

    Attributes:
        clip: the path as it was given.
        style: the most probable style.
        confidence: its probability: the mean over the frames.
        probabilities: by style.
        seen: frames read.
        used: frames the verdict rests on.
        dropped: frames left out, by reason.
        seconds: length of the clip.
        elapsed: seconds it took to read, curate and classify.
        notes: sentences a user should know, such as that the camera moves.
    """

    clip: str
    style: str
    confidence: float
    probabilities: Mapping[str, float]
    seen: int
    used: int
    dropped: Mapping[str, int]
    seconds: float
    elapsed: float
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """The document that `classify --json` prints for a clip."""
        return {
            "clip": self.clip,
            "style": self.style,
            "confidence": self.confidence,
            "probabilities": dict(self.probabilities),
            "frames": {"seen": self.seen, "used": self.used, "dropped": dict(self.dropped)},
            "seconds": self.seconds,
            "elapsed": self.elapsed,
            "notes": list(self.notes),
        }


def classify_clip(
    bundle: ModelBundle,
    path: Path,
    read_settings: ReadSettings | None = None,
    curation_settings: CurationSettings | None = None,
    process: DecodingProcess | None = None,
) -> Verdict:
    """Read, curate and classify a clip; its probabilities are the mean over the frames that curation kept.

    Args:
        bundle: the model.
        path: a video file or a folder of images.
        read_settings: how to read; None as the clips that the model learnt from.
        curation_settings: what to drop; None likewise.
        process: reads and curates the clip, and stays warm for the next one; None starts one for this clip.

    Raises:
        VerdictError: when curation leaves no frame.
        ReadError: when the clip cannot be read.
        LostProcess: when it crashes the decoder, or makes it hang.
        MemoryError: when it needs more memory than a decoding process may take.
    """
    started = time.perf_counter()
    clip = Clip(Path(path).absolute())  # the other process may have been started elsewhere
    read, curation = reading_from_json(bundle.description.reading)
    lent = DecodingProcess() if process is None else nullcontext(process)
    with lent as decoding, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        settings = read_settings or read, curation_settings or curation
        curated = curate_in_subprocess(decoding, clip, Path(folder), *settings)
        return _judge(bundle, path, curated, started)


def _judge(bundle: ModelBundle, path: Path, curated: CuratedClip, started: float) -> Verdict:
    dropped = Counter(frame.reason for frame in curated.dropped)
    if not len(curated.frames):
        why = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in sorted(dropped.items()))
        raise VerdictError(f"no frame is left to judge: of {curated.seen}, {why} were dropped")
    probabilities = frame_probabilities(bundle, curated.frames, curated.background).mean(axis=0, dtype=np.float64)
    best = int(probabilities.argmax())
    styles = bundle.description.styles
    notes = []
    if not curated.background_valid and bundle.description.view == "difference":
        notes.append("the camera moves, so the room cannot be told from the dancer: trust this verdict less")
    return Verdict(
        clip=str(path),
        style=styles[best],
        confidence=float(probabilities[best]),
        probabilities={style: float(value) for style, value in zip(styles, probabilities, strict=True)},
        seen=curated.seen,
        used=len(curated.frames),
        dropped=dict(sorted(dropped.items())),
        seconds=float(curated.seconds),
        elapsed=time.perf_counter() - started,
        notes=tuple(notes),
    )


def frame_probabilities(bundle: ModelBundle, frames: np.ndarray, room: np.ndarray) -> np.ndarray:
    """Probabilities float32 [n, styles] of a clip's frames uint8 [n, 128, 128, 1] in its room uint8 [128, 128, 1]."""
    length = bundle.description.sequence_length
    places = np.arange(len(frames))
    if length > 1:
        places = windows(places, np.zeros(len(frames), dtype=np.int64), length)
    # piece by piece: all windows of a long clip at once would hold each frame `length` times
    parts = []
    for piece in np.array_split(places, -(-len(places) // PIECE)):
        first, last = piece.min(), piece.max()
        stretch = frames[first : last + 1]
        seen = apply_view(stretch, np.broadcast_to(room, stretch.shape), bundle.description.view)
        parts.append(bundle.model.predict(seen[piece - first], batch_size=BATCH, verbose=0))
    return np.concatenate(parts)
