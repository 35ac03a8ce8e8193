"""Curated clips on disk as a TFDS dataset directory: one record a clip, shards written side by side.

`tfds.builder_from_directory` opens the folder on any machine that has TensorFlow Datasets. TensorFlow is imported
only where shards are read or written.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import joblib

from dance_tf.dataset.arrays import DESCRIPTION, gather, open_arrays, write_arrays
from dance_tf.dataset.atomic import written_whole
from dance_tf.dataset.backend import start_tensorflow
from dance_tf.dataset.damage import damage_told
from dance_tf.dataset.dataset import Dataset, DatasetError
from dance_tf.dataset.records import describe_features, encode_record, from_example
from dance_tf.footage.curation import CuratedClip

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
