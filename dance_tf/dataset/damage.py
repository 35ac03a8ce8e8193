"""Files of a dataset that cannot be read: which one, why, and what to do, in one line."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dance_tf.dataset.dataset import DatasetError

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
