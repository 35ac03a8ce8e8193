"""A dataset as plain NumPy files, for machines without TensorFlow and for frames that do not fit in memory."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from dance_tf.curation.filters import CuratedClip
from dance_tf.dataset.dataset import ClipRecord, Dataset, DatasetError, name_damaged_file, order_styles
from dance_tf.dataset.output import atomic_folder

DESCRIPTION = "dataset.json"


def record_clip(curated: CuratedClip) -> ClipRecord:
    """Return the record of a curated clip."""
    dropped = Counter(frame.reason for frame in curated.dropped)
    return ClipRecord(
        clip_id=curated.clip.clip_id,
        style=curated.clip.style,
        dancer=curated.clip.dancer,
        source=curated.clip.source,
        kept=len(curated.frames),
        seen=curated.seen,
        dropped=tuple(sorted(dropped.items())),
        background_valid=curated.background_valid,
        seconds=float(curated.seconds),
    )


def gather(curated_clips: Sequence[CuratedClip], known_styles: tuple[str, ...] = ()) -> Dataset:
    """Return a dataset in memory of clips that each have a style and at least one frame."""
    return Dataset(
        styles=order_styles({curated.clip.style for curated in curated_clips}, known_styles),
        clips=tuple(record_clip(curated) for curated in curated_clips),
        frames=np.concatenate([curated.frames for curated in curated_clips]),
        timestamps=np.concatenate([curated.timestamps for curated in curated_clips]),
        backgrounds=np.stack([curated.background for curated in curated_clips]),
    )


def write_arrays(
    folder: Path,
    curated_clips: Iterable[CuratedClip],
    known_styles: tuple[str, ...] = (),
    texts: Mapping[str, str] | None = None,
) -> Path:
    """Write curated clips as NumPy files, with one clip in memory, and return the folder; an existing one is replaced.

    Args:
        folder: output folder.
        curated_clips: in any order; those without a style or a frame are left out.
        known_styles: labels that keep this order.
        texts: further text files, by path in the folder; read after the last clip.

    Raises:
        DatasetError: no clip has a style and a frame.
    """
    records, backgrounds, timestamps = [], [], []
    with atomic_folder(Path(folder)) as partial:
        with open(partial / "frames.raw", "wb") as raw:
            for curated in curated_clips:
                if not (len(curated.frames) and curated.clip.style):
                    continue
                raw.write(np.ascontiguousarray(curated.frames, dtype=np.uint8).tobytes())
                records.append(record_clip(curated))
                backgrounds.append(curated.background)
                timestamps.append(curated.timestamps)
        if not records:
            raise DatasetError("no clip has both a style and a frame left after curation: nothing to write")
        np.save(partial / "rooms.npy", np.stack(backgrounds))
        np.save(partial / "timestamps.npy", np.concatenate(timestamps))
        styles = order_styles({record.style for record in records}, known_styles)
        description = {"styles": styles, "clips": [record.to_json() for record in records]}
        for name, text in {**(texts or {}), DESCRIPTION: json.dumps(description)}.items():
            (partial / name).parent.mkdir(parents=True, exist_ok=True)
            (partial / name).write_text(text, encoding="utf-8")
    return Path(folder)


def open_arrays(folder: Path, in_memory_bytes: int) -> Dataset:
    """Open the output of `write_arrays`: in memory up to `in_memory_bytes` of frames, otherwise as a memory map.

    Raises:
        DatasetError: a file is missing, damaged, or does not fit the others; the message names it.
    """
    folder = Path(folder)
    with name_damaged_file(folder / DESCRIPTION):
        description = json.loads((folder / DESCRIPTION).read_text())
        styles = tuple(description["styles"])
        records = tuple(ClipRecord.from_json(clip) for clip in description["clips"])
        total = sum(record.kept for record in records)
    path = folder / "frames.raw"
    with name_damaged_file(path):
        if path.stat().st_size != total * 128 * 128:
            raise DatasetError(f"{path} does not hold the {total} frames of {DESCRIPTION}: write it again")
        frames = np.memmap(path, dtype=np.uint8, mode="r", shape=(total, 128, 128, 1))
        if frames.nbytes <= in_memory_bytes:
            frames = np.array(frames)
    timestamps = _load(folder / "timestamps.npy", (total,))
    return Dataset(styles, records, frames, timestamps, _load(folder / "rooms.npy", (len(records), 128, 128, 1)))


def _load(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    with name_damaged_file(path):
        array = np.load(path)
        if array.shape != shape:
            raise ValueError(f"its shape is {array.shape}, not {shape}")
    return array
