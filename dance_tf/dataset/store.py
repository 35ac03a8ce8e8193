"""Curated clips on disk as a TFDS dataset directory: one record a clip, shards written side by side.

`tfds.builder_from_directory` opens the folder on any machine that has TensorFlow Datasets. TensorFlow is imported
only where shards are read or written.
"""

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import joblib
import numpy as np

from dance_tf.curation.filters import CuratedClip, DroppedFrame
from dance_tf.dataset.arrays import DESCRIPTION, gather, open_arrays, write_arrays
from dance_tf.dataset.backend import start_tensorflow
from dance_tf.dataset.dataset import Dataset, DatasetError, damage_told
from dance_tf.dataset.output import written_whole
from dance_tf.video.catalog import Clip

FRAMES = "frames"
BLOCK = 64  # frames compressed at a time
MOST_BYTES = 2**31 - 1  # of a record: what protocol buffers can hold


def describe_features():
    """The features of a record, as TFDS names them: frames uint8 [n, 128, 128, 1] and all that is known of the clip."""
    import tensorflow_datasets as tfds

    def array(*shape: int | None, dtype: type, encoding: str = "bytes"):
        # as bytes: TFRecord's own list of floats would round float64 to float32
        return tfds.features.Tensor(shape=shape, dtype=dtype, encoding=encoding)

    return tfds.features.FeaturesDict(
        {
            "frames": array(None, 128, 128, 1, dtype=np.uint8, encoding="zlib"),
            "timestamps": array(None, dtype=np.float64),
            "room": array(128, 128, 1, dtype=np.uint8, encoding="zlib"),
            "room_known": np.bool_,
            "style": tfds.features.Text(),
            "dancer": tfds.features.Text(),
            "clip_id": tfds.features.Text(),
            "source": tfds.features.Text(),
            "seen": np.int64,
            "seconds": array(dtype=np.float64),
            "dropped": {
                "index": array(None, dtype=np.int64),
                "timestamp": array(None, dtype=np.float64),
                "reason": tfds.features.Sequence(tfds.features.Text()),
                "measure": array(None, dtype=np.float64),
            },
        }
    )


def to_example(curated: CuratedClip) -> dict[str, object]:
    """A clip as TFDS encodes it."""
    return {
        "frames": curated.frames,
        "timestamps": curated.timestamps,
        "room": curated.background,
        "room_known": bool(curated.background_valid),
        "style": curated.clip.style,
        "dancer": curated.clip.dancer,
        "clip_id": curated.clip.clip_id,
        "source": curated.clip.source,
        "seen": curated.seen,
        "seconds": np.float64(curated.seconds),
        "dropped": {
            "index": np.array([frame.index for frame in curated.dropped], dtype=np.int64),
            "timestamp": np.array([frame.timestamp for frame in curated.dropped], dtype=np.float64),
            "reason": [frame.reason for frame in curated.dropped],
            "measure": np.array([frame.measure for frame in curated.dropped], dtype=np.float64),
        },
    }


def from_example(example: dict[str, object]) -> CuratedClip:
    """The clip that `to_example` was given, its path and consent left out."""
    dropped = example["dropped"]
    return CuratedClip(
        clip=Clip(
            path=Path(),
            style=example["style"].decode(),
            dancer=example["dancer"].decode(),
            clip_id=example["clip_id"].decode(),
            source=example["source"].decode(),
        ),
        frames=example["frames"],
        timestamps=example["timestamps"],
        background=example["room"],
        background_valid=bool(example["room_known"]),
        seen=int(example["seen"]),
        dropped=tuple(
            DroppedFrame(int(index), float(timestamp), reason.decode(), float(measure))
            for index, timestamp, reason, measure in zip(
                dropped["index"], dropped["timestamp"], dropped["reason"], dropped["measure"], strict=True
            )
        ),
        seconds=float(example["seconds"]),
    )


def encode_record(features, curated: CuratedClip) -> bytes:
    """Encode a clip as TFDS does, always in the same order, and with no more than its compressed frames in memory.

    The frames are by far the most of a record. TFDS's own way through `tf.train.Example` holds them as they are, and
    compressed four times over; here they are compressed block by block, and put into the record as they come.

    Args:
        features: `describe_features()`.
        curated: frames uint8 [n, 128, 128, 1], which may lie on a disk.

    Raises:
        DatasetError: the clip is longer than a record can be.
    """
    import tensorflow as tf

    empty = {**to_example(curated), FRAMES: curated.frames[:0]}
    example = tf.train.Example.FromString(features.serialize_example(empty))
    encoded = {
        name: [feature.SerializeToString(deterministic=True)] for name, feature in example.features.feature.items()
    }
    frames = list(_compress(curated.frames))
    # a Feature is a BytesList (field 1), which has one value (field 1)
    encoded[FRAMES] = _wrap(1, _wrap(1, frames))
    pieces = []
    for name in sorted(encoded):
        # a map is a repeated field 1 whose entries are a name (field 1) and a value (field 2)
        pieces += _wrap(1, [*_wrap(1, [name.encode()]), *_wrap(2, encoded[name])])
    record = _wrap(1, pieces)  # an Example has Features (field 1)
    if (size := sum(map(len, record))) > MOST_BYTES:
        raise DatasetError(f"{curated.clip.clip_id}: {size:,} bytes, and a record holds {MOST_BYTES:,}: cut the clip")
    return b"".join(record)


def _compress(frames: np.ndarray) -> Iterator[bytes]:
    """The bytes that `zlib.compress` makes of all frames, piece by piece."""
    compressor = zlib.compressobj()
    for first in range(0, len(frames), BLOCK):
        yield compressor.compress(np.ascontiguousarray(frames[first : first + BLOCK]))
    yield compressor.flush()


def _wrap(field: int, content: list[bytes]) -> list[bytes]:
    """A field of protocol buffers' wire format that has a length (type 2), with its content in pieces."""
    return [bytes([field << 3 | 2]) + _encode_number(sum(map(len, content))), *content]


def _encode_number(number: int) -> bytes:
    """Base 128, the lowest seven bits first."""
    result = bytearray()
    while number > 127:
        result.append(number & 127 | 128)
        number >>= 7
    return bytes([*result, number])


NAME, SPLIT, VERSION = "dance_clips", "clips", "1.0.0"
SUMMARY = "summary.json"
CLIPS_A_SHARD = 16
IN_MEMORY_BYTES = 6 * 2**30


def _write_shard(path: Path, features, parts: Sequence[object], read: Callable[[object], CuratedClip]) -> int:
    """Write one shard; returns how many frames it holds."""
    start_tensorflow()
    import tensorflow as tf

    frames = 0
    with tf.io.TFRecordWriter(str(path)) as writer:
        for part in parts:
            curated = read(part)
            frames += len(curated.frames)
            writer.write(encode_record(features, curated))
    return frames


def write_store(
    folder: Path,
    parts: Sequence[object],
    read: Callable[[object], CuratedClip] = lambda part: part,
    known_styles: tuple[str, ...] = (),
    jobs: int = 1,
    clips_a_shard: int = CLIPS_A_SHARD,
    key: str = "",
    reading: Mapping[str, object] | None = None,
) -> Path:
    """Write clips as a TFDS dataset directory, whole or not at all.

    Args:
        folder: the directory; replaced whole if it is there.
        parts: one thing a clip, in the order the records shall have; each has at least one frame.
        read: turns a part into its `CuratedClip`; it runs where the shard is written.
        known_styles: labels whose order is to be kept.
        jobs: how many shards are written side by side (joblib's active backend; threads where none is set).
        clips_a_shard: records in one shard.
        key: of all that goes in; a directory that was written under the same key is left as it is.
        reading: how the clips were read (`reading_to_json`), for models that learn from them; None where none were.

    Returns:
        `folder`.

    Raises:
        DatasetError: when there is no clip to write.
    """
    start_tensorflow()
    import tensorflow_datasets as tfds

    if not parts:
        raise DatasetError("no clip has a frame left after curation: nothing to write")
    features = describe_features()
    if key:  # the same clips in other records are another directory
        how = [VERSION, repr(features), known_styles, clips_a_shard, reading, key]
        key = hashlib.sha256(json.dumps(how).encode()).hexdigest()
    written = Path(folder) / SUMMARY
    if key and written.is_file() and json.loads(written.read_text())["key"] == key:
        return Path(folder)
    groups = [parts[start : start + clips_a_shard] for start in range(0, len(parts), clips_a_shard)]
    with written_whole(Path(folder)) as partial:
        template = tfds.core.ShardedFileTemplate(
            data_dir=partial, dataset_name=NAME, split=SPLIT, filetype_suffix="tfrecord"
        )
        paths = [
            partial / Path(str(template.sharded_filepath(shard_index=number, num_shards=len(groups)))).name
            for number in range(len(groups))
        ]
        # in threads: compression lets go of Python's lock, and each process more would have a TensorFlow of its own
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
            description="Curated dance clips: gray frames, the still room, and what curation left out.",
            check_data=False,
        )
        (partial / SUMMARY).write_text(
            json.dumps({"styles": known_styles, "frames": sum(frames), "key": key, "reading": reading})
        )
    return Path(folder)


def open_dataset(folder: Path, in_memory_bytes: int = IN_MEMORY_BYTES) -> Dataset:
    """Open a dataset that `curate` or `synthesize --arrays` wrote.

    Args:
        folder: a TFDS dataset directory, or a folder of NumPy arrays.
        in_memory_bytes: frames above this size are streamed from a memory map, not held in memory.

    Returns:
        the dataset; clips without a style are left out, since nothing can be learnt from them or scored on them.

    Raises:
        DatasetError: when the folder holds no dataset, no labelled clip, or a file that cannot be read.
    """
    folder = Path(folder)
    if (folder / DESCRIPTION).is_file():
        return open_arrays(folder, in_memory_bytes)
    if not (folder / SUMMARY).is_file():
        raise DatasetError(f"{folder} holds no dataset: make one with `python -m dance_tf curate FOOTAGE {folder}`")
    with damage_told(folder / SUMMARY):
        summary = json.loads((folder / SUMMARY).read_text())
        known, frames = tuple(summary["styles"]), int(summary["frames"])
    if frames * 128 * 128 > in_memory_bytes:
        streamed = folder / ".arrays"
        if not (streamed / DESCRIPTION).is_file():
            write_arrays(streamed, read_store(folder), known)
        return open_arrays(streamed, in_memory_bytes)
    clips = list(read_store(folder))
    if not clips:
        raise DatasetError(f"{folder} has no clip with a style: nothing to learn from or to score")
    return gather(clips, known)


def find_reading(folder: Path) -> Mapping[str, object] | None:
    """How the clips of a dataset were read (`reading_from_json`); None where nothing tells, as for arrays."""
    summary = Path(folder) / SUMMARY
    return json.loads(summary.read_text()).get("reading") if summary.is_file() else None


def read_store(folder: Path) -> Iterator[CuratedClip]:
    """The labelled clips of a TFDS dataset directory, in the order of their records."""
    start_tensorflow()
    import tensorflow_datasets as tfds

    in_order = tfds.ReadConfig(interleave_cycle_length=1)
    with damage_told(Path(folder)):
        builder = tfds.builder_from_directory(str(folder))
        for example in tfds.as_numpy(builder.as_dataset(split=SPLIT, shuffle_files=False, read_config=in_order)):
            curated = from_example(example)
            if curated.clip.style:
                yield curated
