import dataclasses
import json

import numpy as np
import pytest

from dance_tf.curation.filters import NO_CUTOUTS, NO_ONSETS
from dance_tf.dataset import store as stored
from dance_tf.dataset.dataset import DatasetError, gather, write_arrays
from dance_tf.dataset.store import (
    describe_features,
    encode_record,
    find_reading,
    open_dataset,
    read_store,
    to_example,
    write_store,
)
from dance_tf.pose.joints import window_times
from dance_tf.pose.skeleton import NO_SKELETONS, Skeletons

SHARD = "dance_clips-clips.tfrecord-00001-of-00002"
READING = {"size": 128}


@pytest.fixture(autouse=True)
def two_clips_per_shard(monkeypatch):
    monkeypatch.setattr("dance_tf.dataset.store.CLIPS_PER_SHARD", 2)


@pytest.fixture(scope="module")
def store(tmp_path_factory, clips):
    """The clips in three shards of five, five and two records."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dance_tf.dataset.store.CLIPS_PER_SHARD", 5)
        return write_store(tmp_path_factory.mktemp("store") / "dataset", clips, reading=READING)


def test_shards_memory_and_arrays_hold_the_same_dataset(store, clips, dataset, tmp_path):
    assert len(list(store.glob("*.tfrecord*"))) == 3
    arrays = write_arrays(tmp_path / "arrays", clips)
    for folder in (store, arrays):
        found = open_dataset(folder)
        assert found.content_hash == dataset.content_hash
        assert found.clips == dataset.clips
        for clip, onsets in zip(clips, found.clip_onsets, strict=True):
            np.testing.assert_array_equal(onsets, clip.onsets)
    assert (find_reading(store), find_reading(arrays)) == (READING, None)


def test_every_field_of_a_clip_is_restored(store, clips):
    for given, found in zip(clips, read_store(store), strict=True):
        assert found.timestamps.dtype == np.float64
        for name, values in vars(given.skeletons).items():
            np.testing.assert_array_equal(getattr(found.skeletons, name), values, name, strict=True)
        for field in dataclasses.fields(given):
            if field.name == "skeletons":
                continue
            np.testing.assert_array_equal(getattr(found, field.name), getattr(given, field.name), field.name)


def test_the_same_clips_give_the_same_bytes(store, clips, tmp_path, monkeypatch):
    monkeypatch.setattr("dance_tf.dataset.store.CLIPS_PER_SHARD", 5)
    again = write_store(tmp_path / "again", clips)
    for shard in store.glob("*.tfrecord*"):
        assert (again / shard.name).read_bytes() == shard.read_bytes()


def test_another_version_or_order_of_styles_is_written_again(tmp_path, clips, monkeypatch):
    def written(**options):
        folder = write_store(tmp_path / "dataset", clips[:2], key="the same clips", **options)
        return (folder / "summary.json").stat().st_mtime_ns

    first = written()
    assert written() == first
    styled = written(known_styles=("style1", "style0"))
    assert styled != first
    monkeypatch.setattr("dance_tf.dataset.store.VERSION", "2.0.0")
    assert written(known_styles=("style1", "style0")) != styled


def test_frames_too_large_for_memory_are_streamed(store, dataset, monkeypatch):
    monkeypatch.setattr("dance_tf.dataset.store.IN_MEMORY_BYTES", 1)
    written = set()
    for _ in range(2):
        found = open_dataset(store)
        assert isinstance(found.frames, np.memmap)
        assert found.content_hash == dataset.content_hash
        written.add((store / ".arrays" / "frames.raw").stat().st_mtime_ns)
    assert len(written) == 1


def test_tfds_alone_opens_it(store, clips):
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(str(store))
    assert (builder.name, builder.info.splits["clips"].num_examples) == ("dance_clips", 12)
    config = tfds.ReadConfig(interleave_cycle_length=1)
    records = tfds.as_numpy(builder.as_dataset(split="clips", shuffle_files=False, read_config=config))
    for record, curated in zip(records, clips, strict=True):
        assert record["clip_id"].decode() == curated.clip.clip_id
        np.testing.assert_array_equal(record["frames"], curated.frames)


def test_clips_without_a_style_are_stored_and_not_opened(tmp_path, clips):
    unlabelled = dataclasses.replace(clips[0], clip=dataclasses.replace(clips[0].clip, style=""))
    folder = write_store(tmp_path / "some", [unlabelled, *clips[1:3]], known_styles=("style9", "style0"))
    assert json.loads((folder / "summary.json").read_text())["frames"] == sum(len(c.frames) for c in clips[:3])
    assert open_dataset(folder).content_hash == gather(clips[1:3]).content_hash
    with pytest.raises(DatasetError, match="no clip with a style"):
        open_dataset(write_store(tmp_path / "none", [unlabelled]))


def test_group_and_official_split_are_stored_and_older_datasets_open(tmp_path, clips, monkeypatch):
    labels = {"group": "g01", "split": "validation"}
    grouped = [dataclasses.replace(clips[0], clip=dataclasses.replace(clips[0].clip, **labels)), clips[1]]
    for folder in (write_store(tmp_path / "store", grouped), write_arrays(tmp_path / "arrays", grouped)):
        found = open_dataset(folder)
        assert [(clip.group, clip.split) for clip in found.clips] == [("g01", "validation"), ("", "")]
        assert found.content_hash != gather(clips[:2]).content_hash


def test_data_sets_of_earlier_versions_open(tmp_path, clips, monkeypatch):
    nothing = {"skeletons": NO_SKELETONS, "cutouts": NO_CUTOUTS, "onsets": NO_ONSETS}
    plain = [dataclasses.replace(clip, **nothing) for clip in clips[:2]]
    arrays = write_arrays(tmp_path / "arrays", plain)
    assert not list(arrays.glob("cutouts*")) and not list(arrays.glob("skeletons*"))

    def without_poses(function):
        names = (*stored.LABELS[:4], "frames", "timestamps", "room", "room_known", "seen", "seconds", "dropped")
        return lambda *arguments: type(found := function(*arguments))({name: found[name] for name in names})

    for name in ("describe_features", "to_example"):
        monkeypatch.setattr(stored, name, without_poses(getattr(stored, name)))
    monkeypatch.setattr(
        stored, "encode_record", lambda features, clip: features.serialize_example(stored.to_example(clip))
    )
    older = write_store(tmp_path / "older", plain)
    monkeypatch.undo()
    for folder in (older, arrays):
        found = open_dataset(folder)
        assert found.content_hash == gather(plain).content_hash
        assert (len(found.cutouts), len(found.skeletons.times), len(found.onsets)) == (0, 0, 0)
        with pytest.raises(DatasetError, match="style0/dancer0 has no skeletons: curate the footage again"):
            found.nearest_pose  # noqa: B018


def test_frames_have_the_nearest_pose_in_which_the_dancer_was_found(clips):
    found = gather(clips[:2])  # three and four poses, every 0.2 s; in the second of each the dancer was not found
    first, count = np.split(found.nearest_pose, [len(clips[0].frames)]), [len(clip.frames) for clip in clips[:2]]
    for start, clip, nearest in zip((0, 3), clips, first, strict=False):
        times, usable = clip.skeletons.times, [0, *range(2, len(clip.skeletons.times))]
        expected = [start + min(usable, key=lambda pose: abs(times[pose] - time)) for time in clip.timestamps]
        assert nearest.tolist() == expected
    assert [len(part) for part in first] == count
    for poses, window in zip(found.pose_slices, found.window_poses, strict=True):
        times = found.skeletons.times[poses]
        usable = np.flatnonzero(found.cutouts[poses].any(axis=(1, 2, 3)))
        [even] = window_times(Skeletons(*(each[poses] for each in vars(found.skeletons).values())))
        assert (np.abs(times[window - poses.start] - even) <= np.abs(times[usable] - even[:, None]).min(axis=1)).all()
        assert set(window - poses.start) <= set(usable)


def test_a_failed_write_leaves_nothing(tmp_path, clips):
    def read(number: int):
        if number == 3:
            raise OSError("disk gone")
        return clips[number]

    with pytest.raises(OSError, match="disk gone"):
        write_store(tmp_path / "dataset", range(4), read)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DatasetError, match="nothing to write"):
        write_store(tmp_path / "dataset", [])
    with pytest.raises(DatasetError, match="holds no dataset: make one with") as refused:
        open_dataset(tmp_path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("count", [0, 1, 150])
def test_a_record_equals_that_of_tfds_and_has_a_largest_size(clips, count, monkeypatch):
    import tensorflow as tf

    frames = np.tile(clips[3].frames, (-(-count // len(clips[3].frames)) or 1, 1, 1, 1))[:count]
    clip = dataclasses.replace(clips[3], frames=frames, timestamps=np.arange(count) / 30)
    features = describe_features()
    record = encode_record(features, clip)
    slow = tf.train.Example.FromString(features.serialize_example(to_example(clip)))
    assert tf.train.Example.FromString(record) == slow and len(record) == slow.ByteSize()
    monkeypatch.setattr("dance_tf.dataset.store.MAX_BYTES", 1000)
    with pytest.raises(DatasetError, match=f"{clip.clip.clip_id}: .* bytes, and a record holds 1,000"):
        encode_record(features, clip)


DAMAGES = {
    "cut": lambda data: data[: len(data) // 2],
    "flipped": lambda data: data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 255]) + data[len(data) // 2 + 1 :],
    "emptied": lambda data: b"",
}
DAMAGED = {  # a folder without its json file is no dataset; a shorter `frames.raw` has its own message
    SHARD: ["cut", "flipped", "emptied", "absent"],
    **dict.fromkeys(["features.json", "dataset_info.json"], ["cut", "emptied", "absent"]),
    **dict.fromkeys(["rooms.npy", "timestamps.npy", "skeletons.npz"], ["cut", "emptied", "absent"]),
    **dict.fromkeys(["summary.json", "dataset.json"], ["cut", "emptied"]),
    **dict.fromkeys(["frames.raw", "cutouts.raw"], ["absent"]),
}


@pytest.mark.parametrize(("name", "damage"), [(name, one) for name, damages in DAMAGED.items() for one in damages])
def test_a_damaged_file_is_named_in_one_line(name, damage, tmp_path, blob_clips):
    clips = blob_clips(styles=2, dancers=2, frames=2)
    arrays = name.endswith(("npy", "npz", "raw")) or name == "dataset.json"
    folder = (write_arrays if arrays else write_store)(tmp_path / "data", clips)
    assert open_dataset(folder).clips
    path = folder / name
    if damage == "absent":
        path.unlink()
    else:
        path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(DatasetError) as raised:
        open_dataset(folder)
    line = str(raised.value)
    assert "\n" not in line and "{{" not in line and "[Op:" not in line
    assert line.startswith(f"{path} cannot be read (")
    assert line.endswith("): make the dataset again, with `curate` or `synthesize --arrays`")
