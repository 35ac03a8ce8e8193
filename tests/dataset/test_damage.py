"""A dataset with a damaged file is refused in one line that names the file and says what to do."""

import pytest

from dance_tf.dataset.arrays import write_arrays
from dance_tf.dataset.dataset import DatasetError, name_damaged_file
from dance_tf.dataset.store import open_dataset, write_store

SHARD = "dance_clips-clips.tfrecord-00001-of-00002"


def cut(content):
    return content[: len(content) // 2]


def flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]


def emptied(content):
    return b""


def refused(folder, name, damage):
    """The line about a file, with what went wrong cut out; the whole dataset could be opened before."""
    assert open_dataset(folder).clips
    path = folder / name
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DatasetError) as raised:
        open_dataset(folder)
    line = str(raised.value)
    assert "\n" not in line and "{{" not in line and "[Op:" not in line
    return line


@pytest.mark.parametrize("damage", [cut, emptied, None])
@pytest.mark.parametrize("name", ["frames.raw", "rooms.npy", "timestamps.npy", "dataset.json"])
def test_arrays_that_are_damaged_are_named(name, damage, tmp_path, blob_clips):
    folder = write_arrays(tmp_path / "arrays", blob_clips(styles=2, dancers=2, frames=2))
    line = refused(folder, name, damage)
    if (name, damage) == ("dataset.json", None):
        assert line.startswith(f"{folder} holds no dataset: make one with ")
    elif name == "frames.raw" and damage:
        assert line.startswith(f"{folder / name} does not hold the 11 frames of dataset.json")
    else:
        assert line.startswith(f"{folder / name} cannot be read (")
        assert line.endswith("): make the dataset again, with `curate` or `synthesize --arrays`")


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *((SHARD, damage) for damage in (cut, flipped, emptied, None)),
        *((name, damage) for name in ("features.json", "dataset_info.json") for damage in (cut, emptied, None)),
        *(("summary.json", damage) for damage in (cut, emptied)),
    ],
)
def test_a_store_that_is_damaged_is_refused_by_the_name_of_the_file(name, damage, tmp_path, blob_clips):
    folder = write_store(tmp_path / "store", blob_clips(styles=2, dancers=2, frames=2), clips_per_shard=2)
    line = refused(folder, name, damage)
    assert line.startswith(f"{folder / name} cannot be read (")
    assert line.endswith("): make the dataset again, with `curate` or `synthesize --arrays`")


def test_want_of_memory_is_no_damage(tmp_path):
    with pytest.raises(MemoryError), name_damaged_file(tmp_path):
        raise MemoryError
    with (
        pytest.raises(DatasetError, match="x.npy cannot be read .KeyError.: make"),
        name_damaged_file(tmp_path / "x.npy"),
    ):
        raise KeyError
