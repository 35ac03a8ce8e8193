"""Curated clips as a TFDS dataset directory: one record per clip.

`tfds.builder_from_directory` opens the folder on any machine that has TensorFlow Datasets. TensorFlow is imported
only where shards are read or written.
"""

import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import joblib
import numpy as np

from dance_tf.curation.filters import NO_CUTOUTS, NO_ONSETS, CuratedClip, DroppedFrame
from dance_tf.dataset.backend import start_tensorflow
from dance_tf.dataset.dataset import (
    DESCRIPTION,
    ClipRecord,
    Dataset,
    DatasetError,
    gather,
    name_damaged_file,
    write_arrays,
)
from dance_tf.dataset.output import DATASET, atomic_folder, mistaken
from dance_tf.pose.skeleton import NO_SKELETONS, Skeletons
from dance_tf.video.catalog import Clip, clips_at
from dance_tf.video.files import VIDEO_SUFFIXES
from dance_tf.video.sound import BANDS

NAME, SPLIT, VERSION = "dance_clips", "clips", "1.0.0"
SUMMARY = "summary.json"
CLIPS_PER_SHARD = 16
IN_MEMORY_BYTES = 6 * 2**30  # of frames, and of cut-outs
MEMORY_VARIABLE = "DANCE_TF_MEMORY"  # environment variable: the same in gigabytes
FRAMES, CUTOUTS, POSES = "frames", "cutouts", "poses"
BLOCK = 64  # frames compressed at a time
LABELS = ("style", "dancer", "clip_id", "source", "group", "split", "trust")
NUMBERS = {"index": np.int64, "timestamp": np.float64, "measure": np.float64}  # of a dropped frame
MAX_BYTES = 2**31 - 1  # of a record: the limit of protocol buffers


def describe_features():
    """Return the TFDS features of a record: frames uint8 [n, 128, 128, 1] and the description of the clip."""
    import tensorflow_datasets as tfds

    def array(*shape: int | None, dtype: type, encoding: str = "bytes"):
        # as bytes, because the list of floats of TFRecord rounds float64 to float32
        return tfds.features.Tensor(shape=shape, dtype=dtype, encoding=encoding)

    return tfds.features.FeaturesDict(
        {
            FRAMES: array(None, 128, 128, 1, dtype=np.uint8, encoding="zlib"),
            "timestamps": array(None, dtype=np.float64),
            "room": array(128, 128, 1, dtype=np.uint8, encoding="zlib"),
            "room_known": np.bool_,
            **{name: tfds.features.Text() for name in LABELS},
            "seen": np.int64,
            "seconds": array(dtype=np.float64),
            CUTOUTS: array(None, 128, 128, 1, dtype=np.uint8, encoding="zlib"),
            "onsets": array(None, BANDS, dtype=np.float16),
            POSES: {
                "landmarks": array(None, 33, 4, dtype=np.float16),
                "world": array(None, 33, 3, dtype=np.float16),
                "valid": array(None, dtype=np.bool_),
                "times": array(None, dtype=np.float64),
            },
            "dropped": {
                "index": array(None, dtype=np.int64),
                "timestamp": array(None, dtype=np.float64),
                "reason": tfds.features.Sequence(tfds.features.Text()),
                "measure": array(None, dtype=np.float64),
            },
        }
    )


def to_example(curated: CuratedClip) -> dict[str, object]:
    """Return a clip in the form that TFDS encodes."""
    dropped = {name: [getattr(frame, name) for frame in curated.dropped] for name in ("reason", *NUMBERS)}
    return {
        FRAMES: curated.frames,
        "timestamps": curated.timestamps,
        "room": curated.background,
        "room_known": bool(curated.background_valid),
        **{name: getattr(curated.clip, name) for name in LABELS},
        "seen": curated.seen,
        "seconds": np.float64(curated.seconds),
        CUTOUTS: curated.cutouts,
        "onsets": curated.onsets,
        POSES: vars(curated.skeletons),
        "dropped": {**dropped, **{name: np.array(dropped[name], dtype) for name, dtype in NUMBERS.items()}},
    }


def from_example(example: dict[str, object]) -> CuratedClip:
    """Return the clip of `to_example`, as far as it is stored; earlier versions stored no group, split, trust, poses
    and onsets.
    """
    dropped = zip(*(example["dropped"][name] for name in DroppedFrame._fields), strict=True)
    return CuratedClip(
        clip=Clip(path=Path(), **{name: example.get(name, b"").decode() for name in LABELS}),
        frames=example[FRAMES],
        timestamps=example["timestamps"],
        background=example["room"],
        background_valid=bool(example["room_known"]),
        seen=int(example["seen"]),
        dropped=tuple(DroppedFrame(int(n), float(time), why.decode(), float(size)) for n, time, why, size in dropped),
        seconds=float(example["seconds"]),
        skeletons=Skeletons(**example[POSES]) if POSES in example else NO_SKELETONS,
        cutouts=example.get(CUTOUTS, NO_CUTOUTS),
        onsets=example.get("onsets", NO_ONSETS),
    )


def encode_record(features, curated: CuratedClip) -> bytes:
    """Encode a clip as TFDS does with `describe_features()`, in a fixed order.

    TFDS itself would hold all pictures uncompressed, and several compressed copies. Here frames and cut-outs are
    compressed block by block, and added to the record of the same clip without pictures. They may be memory maps.

    Raises:
        DatasetError: the clip is longer than a record can be.
    """
    import tensorflow as tf

    pictures = {FRAMES: curated.frames, CUTOUTS: curated.cutouts}
    empty = {**to_example(curated), **{name: some[:0] for name, some in pictures.items()}}
    example = tf.train.Example.FromString(features.serialize_example(empty))
    packed = {name: _compress(some) for name, some in pictures.items()}
    # the lengths of the fields take some bytes more
    if (size := sum(map(len, packed.values())) + example.ByteSize()) > MAX_BYTES - BLOCK:
        raise DatasetError(f"{curated.clip.clip_id}: {size:,} bytes, and a record holds {MAX_BYTES:,}: cut the clip")
    for name, content in packed.items():
        example.features.feature[name].bytes_list.value[0] = content
    return example.SerializeToString(deterministic=True)


def _compress(pictures: np.ndarray) -> bytes:
    compressor, starts = zlib.compressobj(), range(0, len(pictures), BLOCK)
    blocks = [compressor.compress(np.ascontiguousarray(pictures[start : start + BLOCK])) for start in starts]
    return b"".join([*blocks, compressor.flush()])


def _write_shard(path: Path, features, parts: Sequence[object], read: Callable[[object], CuratedClip]) -> int:
    """Write one shard; return the number of its frames."""
    start_tensorflow()
    import tensorflow as tf

    frames = 0
    with tf.io.TFRecordWriter(str(path)) as writer:
        for curated in map(read, parts):
            frames += len(curated.frames)
            writer.write(encode_record(features, curated))
    return frames


def write_store(
    folder: Path,
    parts: Sequence[object],
    read: Callable[[object], CuratedClip] = lambda part: part,
    known_styles: tuple[str, ...] = (),
    jobs: int = 1,
    key: str = "",
    reading: Mapping[str, object] | None = None,
) -> Path:
    """Write clips as a TFDS dataset directory, which appears only when it is complete.

    Args:
        folder: an existing one is replaced.
        parts: one item per clip, in the order of the records; each clip has at least one frame.
        read: returns the `CuratedClip` of a part; it runs where the shard is written.
        known_styles: labels that keep this order.
        jobs: number of shards that are written at the same time.
        key: hash of the input; a directory that was written with the same key is left as it is.
        reading: how the clips were read (`reading_to_json`), for models trained on them; None if unknown.

    Raises:
        DatasetError: there is no clip to write.
    """
    start_tensorflow()
    import tensorflow_datasets as tfds

    if not parts:
        raise DatasetError("no clip has a frame left after curation: nothing to write")
    features = describe_features()
    if key:  # the same clips in other records make another directory
        layout = [VERSION, repr(features), known_styles, CLIPS_PER_SHARD, reading, key]
        key = hashlib.sha256(json.dumps(layout).encode()).hexdigest()
        written = Path(folder) / SUMMARY
        if written.is_file() and json.loads(written.read_text())["key"] == key:
            return Path(folder)
    groups = [parts[start : start + CLIPS_PER_SHARD] for start in range(0, len(parts), CLIPS_PER_SHARD)]
    with atomic_folder(Path(folder)) as partial:
        place = {"data_dir": partial, "dataset_name": NAME, "split": SPLIT, "filetype_suffix": "tfrecord"}
        template = tfds.core.ShardedFileTemplate(**place)
        paths = [Path(str(path)) for path in template.sharded_filepaths(len(groups))]
        # threads: compression releases the interpreter lock, and each process would import TensorFlow
        frames = joblib.Parallel(n_jobs=jobs, prefer="threads")(
            joblib.delayed(_write_shard)(path, features, group, read) for path, group in zip(paths, groups, strict=True)
        )
        split = tfds.core.SplitInfo(
            name=SPLIT,
            shard_lengths=[len(group) for group in groups],
            num_bytes=sum(path.stat().st_size for path in paths),
            filename_template=template,
        )
        tfds.folder_dataset.write_metadata(
            data_dir=partial,
            features=features,
            split_infos=[split],
            version=VERSION,
            description="Curated dance clips: gray frames, background, skeletons, and what curation left out.",
            check_data=False,
        )
        summary = {"styles": known_styles, "frames": sum(frames), "key": key, "reading": reading}
        (partial / SUMMARY).write_text(json.dumps(summary))
    return Path(folder)


def in_memory_bytes() -> float:
    """Return the bytes of frames, and of cut-outs, that are held in memory; those of a larger dataset are mapped.

    Raises:
        DatasetError: `DANCE_TF_MEMORY` is no number of gigabytes.
    """
    given = os.environ.get(MEMORY_VARIABLE, "")
    if not given:
        return IN_MEMORY_BYTES
    try:
        size = float(given) * 1e9
    except ValueError:
        size = -1.0
    if not size >= 0:  # nan too
        raise DatasetError(f"{MEMORY_VARIABLE} is {given!r}: give it a number of gigabytes")
    return size


def open_dataset(folder: Path) -> Dataset:
    """Open the output of `curate` or `synthesize --arrays`; more frames than `in_memory_bytes` are memory-mapped.

    Clips without a style are left out: they serve neither training nor scoring.

    Raises:
        DatasetError: the folder holds no dataset, no labelled clip, or a file that cannot be read.
    """
    folder = Path(folder)
    if (folder / DESCRIPTION).is_file():
        return _open_arrays(folder)
    if not (folder / SUMMARY).is_file():
        if what := mistaken(folder, DATASET):
            raise DatasetError(f"{folder} {what}, not a dataset: give the folder that `curate` wrote")
        clips = clips_at(folder)[0] if folder.is_dir() else []
        if any(clip.is_dir() or clip.suffix.lower() in VIDEO_SUFFIXES for clip in clips):
            curate = f"`python -m dance_tf curate {folder} DATASET`"
            raise DatasetError(f"{folder} holds footage, not a dataset: run {curate} first, and give DATASET here")
        raise DatasetError(f"{folder} holds no dataset: make one with `python -m dance_tf curate FOOTAGE DATASET`")
    with name_damaged_file(folder / SUMMARY):
        summary = json.loads((folder / SUMMARY).read_text())
        known, frames = tuple(summary["styles"]), int(summary["frames"])
    if frames * 128 * 128 > in_memory_bytes():
        streamed = folder / ".arrays"
        if not (streamed / DESCRIPTION).is_file():
            write_arrays(streamed, read_store(folder), known)
        return _open_arrays(streamed)
    clips = list(read_store(folder))
    if not clips:
        raise DatasetError(f"{folder} has no clip with a style: nothing to learn from or to score")
    return gather(clips, known)


def _open_arrays(folder: Path) -> Dataset:
    with name_damaged_file(folder / DESCRIPTION):
        description = json.loads((folder / DESCRIPTION).read_text())
        styles = tuple(description["styles"])
        records = tuple(ClipRecord.from_json(clip) for clip in description["clips"])
        total, poses = sum(record.kept for record in records), sum(record.poses for record in records)
    frames = _map_pictures(folder / "frames.raw", total)
    timestamps, rooms = _load(folder / "timestamps.npy", (total,)), folder / "rooms.npy"
    skeletons, cutouts, onsets = NO_SKELETONS, NO_CUTOUTS, NO_ONSETS
    if poses:
        cutouts = _map_pictures(folder / "cutouts.raw", poses)
        place = folder / "skeletons.npz"
        with name_damaged_file(place), open(place, "rb") as file, np.load(file) as arrays:
            found = dict(arrays)
            onsets = found.pop("onsets", NO_ONSETS)
            skeletons = Skeletons(**found)
    backgrounds = _load(rooms, (len(records), 128, 128, 1))
    return Dataset(styles, records, frames, timestamps, backgrounds, skeletons, cutouts, onsets)


def _map_pictures(path: Path, count: int) -> np.ndarray:
    with name_damaged_file(path):
        if path.stat().st_size != count * 128 * 128:
            raise DatasetError(f"{path} does not hold the {count} frames of {DESCRIPTION}: write it again")
        pictures = np.memmap(path, dtype=np.uint8, mode="r", shape=(count, 128, 128, 1))
        return np.array(pictures) if pictures.nbytes <= in_memory_bytes() else pictures


def _load(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    with name_damaged_file(path):
        array = np.load(path)
        if array.shape != shape:
            raise ValueError(f"its shape is {array.shape}, not {shape}")
    return array


def find_reading(folder: Path) -> Mapping[str, object] | None:
    """Return how the clips of a dataset were read (`reading_from_json`); None if that is not stored, as for arrays."""
    summary = Path(folder) / SUMMARY
    return json.loads(summary.read_text()).get("reading") if summary.is_file() else None


def read_store(folder: Path) -> Iterator[CuratedClip]:
    """Yield the labelled clips of a TFDS dataset directory, in the order of their records."""
    start_tensorflow()
    import tensorflow as tf
    import tensorflow_datasets as tfds

    for name in ("features.json", "dataset_info.json"):
        with name_damaged_file(Path(folder) / name):
            json.loads((Path(folder) / name).read_text(encoding="utf-8"))
    with name_damaged_file(Path(folder)):
        info = tfds.builder_from_directory(str(folder)).info
        shards = [Path(str(path)) for path in info.splits[SPLIT].filepaths]
        lengths = info.splits[SPLIT].shard_lengths
    for shard, length in zip(shards, lengths, strict=True):
        with name_damaged_file(shard):
            records = 0
            examples = tf.data.TFRecordDataset(str(shard)).map(info.features.deserialize_example)
            for curated in map(from_example, tfds.as_numpy(examples)):
                records += 1
                if curated.clip.style:
                    yield curated
            if records != length:
                raise ValueError(f"it holds {records} records, not {length}")
