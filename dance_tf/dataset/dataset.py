"""Curated frames as a network's training reads them: one array of frames, and which clip each belongs to."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np

# in mean frame intervals: a missing frame makes a step of 2; reading 24 of 30 frames makes steps of 0.8 and 1.6
LONGEST_STEP = 1.75
DESCRIPTIONS = ("summary.json", "features.json", "dataset_info.json")


@contextmanager
def damage_told(path: Path) -> Iterator[None]:
    """Turn whatever a damaged file provokes in NumPy, JSON or TensorFlow into a line that names it.

    Args:
        path: the file that is read, or the TFDS directory, in which the file is then looked for.

    Raises:
        DatasetError: for any other error but want of memory.
    """
    try:
        yield
    except (DatasetError, MemoryError):
        raise
    except Exception as error:
        file = _culprit(path) if path.is_dir() else path
        # TensorFlow puts the node that failed before what it says, and the operation behind it
        why = re.sub(r"\{\{.*?\}\}|\[Op:.*", "", " ".join(str(error).split())).strip() or type(error).__name__
        raise DatasetError(
            f"{file} cannot be read ({why}): make the dataset again, with `curate` or `synthesize --arrays`"
        ) from error


def _culprit(folder: Path) -> Path:
    """The first file of a TFDS directory that is missing or broken; the folder where each can be read by itself."""
    for name in DESCRIPTIONS:
        try:
            json.loads((folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return folder / name
    shards = {path.name for path in folder.glob("*.tfrecord-?????-of-?????")}
    for stem, count in sorted({(name[: -len("00000-of-00000")], name[-5:]) for name in shards}):
        for number in range(int(count)):
            shard = folder / f"{stem}{number:05}-of-{count}"
            if not _sound(shard):
                return shard
    return folder


def _sound(shard: Path) -> bool:
    import tensorflow as tf

    try:
        return sum(1 for _ in tf.data.TFRecordDataset(str(shard))) > 0
    except tf.errors.OpError:
        return False


class DatasetError(ValueError):
    """A dataset that cannot be read or used; the message says why and what to do."""


@dataclass(frozen=True)
class ClipRecord:
    """What is known of a curated clip besides its frames.

    Attributes:
        clip_id: unique name within the dataset.
        style: label; empty for a clip without one.
        dancer: who dances.
        source: where the footage came from.
        kept: number of frames kept.
        seen: number of frames read.
        dropped: pairs (reason, number of frames), sorted by reason.
        room_known: whether the still room could be told.
        seconds: length of the clip.
    """

    clip_id: str
    style: str
    dancer: str
    source: str
    kept: int
    seen: int
    dropped: tuple[tuple[str, int], ...]
    room_known: bool
    seconds: float


@dataclass(frozen=True)
class Dataset:
    """Curated clips, their frames one after another.

    Attributes:
        styles: the labels, in the order of the networks' outputs.
        clips: one record a clip, in the order of their frames.
        frames: uint8 [n, 128, 128, 1]; a memory map where the frames do not fit in memory.
        timestamps: float64 [n], seconds from the start of each frame's clip.
        rooms: uint8 [clips, 128, 128, 1], each clip's still room.
    """

    styles: tuple[str, ...]
    clips: tuple[ClipRecord, ...]
    frames: np.ndarray
    timestamps: np.ndarray
    rooms: np.ndarray

    @cached_property
    def clip_index(self) -> np.ndarray:
        """int64 [n]: the clip of each frame."""
        return np.repeat(np.arange(len(self.clips)), [clip.kept for clip in self.clips])

    @cached_property
    def segments(self) -> np.ndarray:
        """int64 [n], ascending: the segment of each frame, a run of frames of one clip without a gap."""
        starts = np.zeros(len(self.timestamps), np.int64)
        begin = 0
        for clip in self.clips:
            end = begin + clip.kept
            starts[begin:end] = np.diff(find_segments(self.timestamps[begin:end], clip.seen, clip.seconds), prepend=-1)
            begin = end
        return np.cumsum(starts) - 1

    @cached_property
    def clip_labels(self) -> np.ndarray:
        """int64 [clips]: index into `styles` of each clip's style."""
        index = {style: number for number, style in enumerate(self.styles)}
        return np.array([index[clip.style] for clip in self.clips], dtype=np.int64)

    @cached_property
    def labels(self) -> np.ndarray:
        """int64 [n]: index into `styles` of each frame's style."""
        return self.clip_labels[self.clip_index]

    @cached_property
    def dancers(self) -> tuple[str, ...]:
        """The dancer of each clip."""
        return tuple(clip.dancer for clip in self.clips)

    @cached_property
    def content_hash(self) -> str:
        """sha256 over frames, times, rooms and labels: equal data, equal hash, however it was stored."""
        digest = hashlib.sha256(json.dumps([self.styles, [asdict(clip) for clip in self.clips]]).encode())
        for start in range(0, len(self.frames), 4096):
            digest.update(np.ascontiguousarray(self.frames[start : start + 4096]))
        digest.update(np.ascontiguousarray(self.timestamps, dtype="<f8"))
        digest.update(np.ascontiguousarray(self.rooms))
        return digest.hexdigest()

    @cached_property
    def clip_hashes(self) -> tuple[str, ...]:
        """Hash of each clip's frames alone: the same pictures are known again under any name, in any dataset."""
        ends = np.cumsum([0, *(clip.kept for clip in self.clips)])
        frames = (self.frames[start:end] for start, end in pairwise(ends))
        return tuple(hashlib.sha256(np.ascontiguousarray(part)).hexdigest()[:16] for part in frames)

    def counts(self) -> dict[str, dict[str, int]]:
        """Frames by style: kept, seen, and dropped by reason (the paper's Table 1)."""
        table = {style: Counter(kept=0, seen=0, clips=0) for style in self.styles}
        for clip in self.clips:
            table[clip.style].update(dict(clip.dropped), kept=clip.kept, seen=clip.seen, clips=1)
        return {style: dict(row) for style, row in table.items()}


def find_segments(timestamps: np.ndarray, seen: int, seconds: float) -> np.ndarray:
    """Return the segment of each kept frame of a clip: a new one starts where curation left frames out in between.

    Stored datasets hold the times of frames, not their numbers. A gap is therefore a step in time of more than
    `LONGEST_STEP` mean frame intervals. A clip of which all frames were kept has no gap.

    Args:
        timestamps: float64 [n], seconds, ascending.
        seen: number of frames read.
        seconds: length of the clip.

    Returns:
        int64 [n], from 0, ascending.
    """
    if len(timestamps) == seen:
        return np.zeros(seen, np.int64)
    return np.cumsum(np.diff(timestamps, prepend=timestamps[:1]) > LONGEST_STEP * seconds / seen)


def order_styles(found: set[str], known: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Labels in a fixed order: those in `known` as they stand there, then the others by name."""
    return (*(style for style in known if style in found), *sorted(found - set(known)))
