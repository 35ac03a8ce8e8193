"""A single clip curated where a crash, a hang or a greedy file does no harm."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from dance_tf.footage.catalog import Clip
from dance_tf.footage.curation import CURATION_DEFAULTS, CuratedClip, CurationSettings, curate_clip
from dance_tf.footage.isolation import DecodingProcess, LostProcess, steady
from dance_tf.footage.settings import READ_DEFAULTS, ReadSettings
from dance_tf.footage.source import ReadError


def curate_apart(
    process: DecodingProcess,
    clip: Clip,
    folder: Path,
    read: ReadSettings = READ_DEFAULTS,
    curation: CurationSettings = CURATION_DEFAULTS,
) -> CuratedClip:
    """Read and curate a clip in a decoding process.

    Args:
        process: used again for the next clip, and started afresh where this one kills it.
        clip: what to curate.
        folder: takes the frames that are kept; those of the result are read from there, and must not outlive it.
        read: how to read.
        curation: the thresholds.

    Raises:
        ReadError: the clip cannot be read.
        LostProcess: it crashes the decoder, or makes it hang.
        MemoryError: it needs more memory than the process may take.
    """
    path = folder / f"{uuid.uuid4().hex}.npy"
    curated = process.call(_curate_to, path, clip, read, curation)
    return replace(curated, frames=np.asarray(np.load(path, mmap_mode="r")))


def told(error: Exception) -> str:
    """Why a call in a decoding process gave nothing, in one line for whoever offered the clip."""
    if isinstance(error, MemoryError):
        return "needs more memory than a decoding process may take"
    line = " ".join(str(error).split())
    return line if isinstance(error, ReadError | LostProcess) else f"unexpected {type(error).__name__}: {line}"


def _curate_to(
    path: Path, clip: Clip, read: ReadSettings, curation: CurationSettings, alive: Callable[[], None]
) -> CuratedClip:
    """Curate a clip and leave its frames in a file; the rest is small enough for a pipe."""
    curated = curate_clip(clip, read, curation, alive)
    with steady(alive):
        np.save(path, curated.frames)
    return replace(curated, frames=curated.frames[:0].copy())
