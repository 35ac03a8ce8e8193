import dataclasses

import numpy as np
import pytest

from dance_tf.curation.filters import DroppedFrame
from dance_tf.dataset.dataset import ClipRecord, DatasetError, gather, name_damaged_file, write_arrays
from dance_tf.dataset.store import open_dataset

IN_MEMORY_BYTES = "dance_tf.dataset.store.IN_MEMORY_BYTES"


def test_frames_have_their_clip_style_and_dancer(clips, dataset):
    assert dataset.styles == ("style0", "style1", "style2")
    for number, (curated, part) in enumerate(zip(clips, dataset.clip_slices, strict=True)):
        np.testing.assert_array_equal(dataset.frames[part], curated.frames)
        assert (dataset.clip_index[part] == number).all()
        assert {dataset.styles[label] for label in dataset.labels[part]} == {curated.clip.style}
        assert dataset.dancers[number] == curated.clip.dancer
    assert dataset.clip_slices[-1].stop == len(dataset.frames) == len(dataset.timestamps)


def test_a_record_counts_the_dropped_frames_by_reason(clips):
    dropped = tuple(DroppedFrame(n, float(n), reason, 0.5) for n, reason in enumerate(("blurred", "blank", "blurred")))
    record = ClipRecord.of(dataclasses.replace(clips[0], dropped=dropped, seen=9))
    counts = (("blank", 1), ("blurred", 2))
    assert record == ClipRecord("style0/dancer0", "style0", "dancer0", "made up", 6, 9, counts, True, 0.8, poses=3)
    assert list(record.to_json()) == "clip_id style dancer source kept seen dropped room_known seconds poses".split()
    assert ClipRecord.from_json(record.to_json()) == record


def test_arrays_hold_the_dataset_in_memory_or_on_a_memory_map(tmp_path, clips, dataset, monkeypatch):
    folder = write_arrays(tmp_path / "arrays", iter(clips))
    for size, mapped in ((dataset.frames.nbytes, False), (dataset.frames.nbytes - 1, True)):
        monkeypatch.setattr(IN_MEMORY_BYTES, size)
        found = open_dataset(folder)
        assert found.content_hash == dataset.content_hash and found.clips == dataset.clips
        assert found.frames.dtype == np.uint8 and found.timestamps.dtype == np.float64
        assert isinstance(found.frames, np.memmap) == mapped
    monkeypatch.setenv("DANCE_TF_MEMORY", "1")
    assert not isinstance(open_dataset(folder).frames, np.memmap)
    for given in ("1 GB", "-1", "nan"):
        monkeypatch.setenv("DANCE_TF_MEMORY", given)
        with pytest.raises(DatasetError, match=f"DANCE_TF_MEMORY is '{given}': give it a number of gigabytes"):
            open_dataset(folder)


def test_clips_without_a_style_or_a_frame_are_left_out(tmp_path, clips):
    unlabelled = dataclasses.replace(clips[1], clip=dataclasses.replace(clips[1].clip, style=""))
    empty = dataclasses.replace(clips[2], frames=clips[2].frames[:0], timestamps=clips[2].timestamps[:0])
    found = open_dataset(write_arrays(tmp_path / "arrays", [clips[0], unlabelled, empty, clips[3]]))
    assert found.content_hash == gather([clips[0], clips[3]]).content_hash
    with pytest.raises(DatasetError, match="nothing to write"):
        write_arrays(tmp_path / "none", [unlabelled, empty])
    assert [path.name for path in tmp_path.iterdir()] == ["arrays"]


def test_known_styles_keep_their_order(tmp_path, clips):
    known = ("style2", "style0", "style7", "style1")
    assert open_dataset(write_arrays(tmp_path / "arrays", clips, known)).styles == ("style2", "style0", "style1")
    assert gather(clips, ("style1",)).styles == ("style1", "style0", "style2")


@pytest.mark.parametrize("size", [0, -1])
def test_frames_of_another_size_are_refused_in_one_line(size, tmp_path, clips):
    folder = write_arrays(tmp_path / "arrays", clips)
    (folder / "frames.raw").write_bytes((folder / "frames.raw").read_bytes()[:size])
    with pytest.raises(DatasetError, match="does not hold the 84 frames of dataset.json") as refused:
        open_dataset(folder)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("rate", "reading"),
    [(30, np.arange(60)), (30, np.arange(0, 60, 3)), (30, np.flatnonzero(np.arange(60) % 5 != 4)), (1001, [0, 5, 9])],
    ids=["all frames", "10 of 30", "24 of 30", "no gap at all"],
)
def test_segments_end_where_frames_were_left_out(clips, rate, reading):
    dropped = np.array([3, 4, 12]) if len(reading) > 13 else np.array([], int)
    kept = np.delete(np.arange(len(reading)), dropped)
    curated = dataclasses.replace(
        clips[0],
        frames=np.zeros((len(kept), 128, 128, 1), np.uint8),
        timestamps=np.asarray(reading)[kept] / rate,
        seen=len(reading),
        seconds=60 / rate,
    )
    dataset = gather([curated, curated])
    one = np.searchsorted([5, 13], kept, side="right") if len(dropped) else np.zeros(len(kept), int)
    np.testing.assert_array_equal(dataset.segments, np.concatenate([one, one + one[-1] + 1]))


def test_the_content_hash_depends_on_every_part(clips, dataset):
    frames, backgrounds = dataset.frames.copy(), dataset.backgrounds.copy()
    frames[-1, 0, 0, 0] ^= 1
    backgrounds[0, 0, 0, 0] ^= 1
    changes = [
        {"frames": frames},
        {"backgrounds": backgrounds},
        {"timestamps": dataset.timestamps + 1e-9},
        {"clips": (dataclasses.replace(dataset.clips[0], dancer="another"), *dataset.clips[1:])},
        {"styles": dataset.styles[::-1]},
    ]
    hashes = {dataclasses.replace(dataset, **change).content_hash for change in changes}
    assert len(hashes | {dataset.content_hash}) == 6
    assert gather(clips).content_hash == dataset.content_hash


def test_clip_hashes_depend_on_the_frames_only(blob_clips):
    clips = blob_clips(styles=2, dancers=2, frames=2)
    hashes = gather(clips).clip_hashes
    assert len(set(hashes)) == 4
    renamed = dataclasses.replace(clips[3].clip, dancer="ann", clip_id="a", style="style0")
    named = dataclasses.replace(clips[3], clip=renamed)
    assert gather([clips[1], named]).clip_hashes == (hashes[1], hashes[3])
    changed = clips[2].frames.copy()
    changed[0, 0, 0, 0] ^= 1
    assert gather([dataclasses.replace(clips[2], frames=changed)]).clip_hashes[0] != hashes[2]


def test_a_memory_error_is_no_damage(tmp_path):
    with pytest.raises(MemoryError), name_damaged_file(tmp_path):
        raise MemoryError
    message = "x.npy cannot be read .KeyError.: make"
    with pytest.raises(DatasetError, match=message), name_damaged_file(tmp_path / "x.npy"):
        raise KeyError
