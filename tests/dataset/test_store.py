import dataclasses
import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest

from dance_tf.dataset.arrays import gather, write_arrays
from dance_tf.dataset.dataset import DatasetError
from dance_tf.dataset.store import open_dataset, read_store, write_store


@pytest.fixture(scope="module")
def store(tmp_path_factory, clips):
    """The clips in three shards of five, five and two records."""
    return write_store(tmp_path_factory.mktemp("store") / "dataset", clips, clips_per_shard=5)


def test_shards_give_back_what_memory_and_arrays_hold(store, clips, dataset, tmp_path):
    assert len(list(store.glob("*.tfrecord*"))) == 3
    found = open_dataset(store)
    assert found.content_hash == dataset.content_hash
    assert found.clips == dataset.clips
    assert open_dataset(write_arrays(tmp_path / "arrays", clips)).content_hash == dataset.content_hash


def test_every_field_of_a_clip_comes_back_exactly(store, clips):
    for given, found in zip(clips, read_store(store), strict=True):
        np.testing.assert_array_equal(found.frames, given.frames)
        np.testing.assert_array_equal(found.timestamps, given.timestamps)
        np.testing.assert_array_equal(found.background, given.background)
        assert found.timestamps.dtype == np.float64
        for field in ("clip", "background_valid", "seen", "dropped", "seconds"):
            assert getattr(found, field) == getattr(given, field), field


def test_the_same_clips_give_the_same_bytes(store, clips, tmp_path):
    again = write_store(tmp_path / "again", clips, clips_per_shard=5)
    for shard in store.glob("*.tfrecord*"):
        assert (again / shard.name).read_bytes() == shard.read_bytes()


def test_another_version_or_order_of_styles_is_written_anew(tmp_path, clips, monkeypatch):
    def written(**options):
        folder = write_store(tmp_path / "dataset", clips[:2], key="the same clips", **options)
        return (folder / "summary.json").stat().st_mtime_ns

    first = written()
    assert written() == first
    styled = written(known_styles=("style1", "style0"))
    assert styled != first
    monkeypatch.setattr("dance_tf.dataset.store.VERSION", "2.0.0")
    assert written(known_styles=("style1", "style0")) != styled


def test_frames_too_many_for_memory_are_streamed(store, dataset):
    found = open_dataset(store, in_memory_bytes=1)
    assert isinstance(found.frames, np.memmap)
    assert found.content_hash == dataset.content_hash
    written = (store / ".arrays" / "frames.raw").stat().st_mtime_ns
    assert open_dataset(store, in_memory_bytes=1).content_hash == dataset.content_hash
    assert (store / ".arrays" / "frames.raw").stat().st_mtime_ns == written


OTHER_PROCESS = """
import hashlib, json, sys
import tensorflow_datasets as tfds
builder = tfds.builder_from_directory(sys.argv[1])
digest, ids = hashlib.sha256(), []
config = tfds.ReadConfig(interleave_cycle_length=1)
for record in tfds.as_numpy(builder.as_dataset(split="clips", shuffle_files=False, read_config=config)):
    digest.update(record["frames"].tobytes())
    ids.append(record["clip_id"].decode())
print(json.dumps([builder.name, builder.info.splits["clips"].num_examples, ids, digest.hexdigest()]))
"""


def test_another_process_opens_it_by_tfds_alone(store, clips):
    done = subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS, str(store)], capture_output=True, text=True, cwd=store, check=False
    )
    assert done.returncode == 0, done.stderr
    digest = hashlib.sha256(b"".join(curated.frames.tobytes() for curated in clips)).hexdigest()
    ids = [curated.clip.clip_id for curated in clips]
    assert json.loads(done.stdout.splitlines()[-1]) == ["dance_clips", 12, ids, digest]


def test_parts_are_read_where_their_shard_is_written(tmp_path, clips, dataset):
    read = []

    def by_number(number: int):
        read.append(number)
        return clips[number]

    folder = write_store(tmp_path / "dataset", range(len(clips)), by_number, clips_per_shard=7)
    assert read == list(range(12))
    assert open_dataset(folder).content_hash == dataset.content_hash


def test_clips_without_a_style_are_kept_on_disk_and_left_out_of_learning(tmp_path, clips):
    nameless = dataclasses.replace(clips[0], clip=dataclasses.replace(clips[0].clip, style=""))
    folder = write_store(tmp_path / "some", [nameless, *clips[1:3]], known_styles=("style9", "style0"))
    assert json.loads((folder / "summary.json").read_text())["frames"] == sum(len(c.frames) for c in clips[:3])
    found = open_dataset(folder)
    assert found.content_hash == gather(clips[1:3]).content_hash
    folder = write_store(tmp_path / "none", [nameless])
    with pytest.raises(DatasetError, match="no clip with a style"):
        open_dataset(folder)


def test_a_write_that_fails_leaves_nothing(tmp_path, clips):
    def fails_late(number: int):
        if number == 3:
            raise OSError("disk gone")
        return clips[number]

    with pytest.raises(OSError, match="disk gone"):
        write_store(tmp_path / "dataset", range(4), fails_late, clips_per_shard=2)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DatasetError, match="nothing to write"):
        write_store(tmp_path / "dataset", [])


def test_a_folder_that_holds_no_dataset_is_refused_in_one_line(tmp_path):
    with pytest.raises(DatasetError, match="holds no dataset: make one with") as refused:
        open_dataset(tmp_path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("count", [0, 1, 6, 150])
def test_a_record_is_what_tfds_makes_of_a_clip(clips, count):
    import tensorflow as tf

    frames = np.tile(clips[3].frames, (-(-count // len(clips[3].frames)) or 1, 1, 1, 1))[:count]
    clip = dataclasses.replace(clips[3], frames=frames, timestamps=np.arange(count) / 30)
    features = describe_features()
    record = encode_record(features, clip)
    slow = tf.train.Example.FromString(features.serialize_example(to_example(clip)))
    assert tf.train.Example.FromString(record) == slow and len(record) == slow.ByteSize()
    assert record == encode_record(features, clip)
    found = from_example(_to_numpy(features.deserialize_example(record)))
    assert np.array_equal(found.frames, frames) and found.dropped == clip.dropped and found.clip == clip.clip


def _to_numpy(example):
    return {name: _to_numpy(value) if isinstance(value, dict) else value.numpy() for name, value in example.items()}


def test_a_clip_longer_than_a_record_is_named(clips, monkeypatch):
    monkeypatch.setattr("dance_tf.dataset.store.MAX_BYTES", 1000)
    with pytest.raises(DatasetError, match=f"{clips[0].clip.clip_id}: .* bytes, and a record holds 1,000"):
        encode_record(describe_features(), clips[0])
