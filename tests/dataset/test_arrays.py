import dataclasses

import numpy as np
import pytest

from dance_tf.curation.filters import DroppedFrame
from dance_tf.dataset.arrays import open_arrays, record_clip, write_arrays
from dance_tf.dataset.dataset import ClipRecord, DatasetError

LARGE = 2**30


def test_arrays_hold_the_dataset_in_memory_or_on_a_memory_map(tmp_path, clips, dataset):
    folder = write_arrays(tmp_path / "arrays", iter(clips))
    for size, mapped in ((LARGE, False), (dataset.frames.nbytes, False), (dataset.frames.nbytes - 1, True)):
        found = open_arrays(folder, in_memory_bytes=size)
        assert found.content_hash == dataset.content_hash and found.clips == dataset.clips
        assert found.frames.dtype == np.uint8 and found.timestamps.dtype == np.float64
        assert isinstance(found.frames, np.memmap) == mapped


def test_a_record_counts_the_dropped_frames_by_reason(clips):
    dropped = tuple(DroppedFrame(n, float(n), reason, 0.5) for n, reason in enumerate(("blurred", "blank", "blurred")))
    record = record_clip(dataclasses.replace(clips[0], dropped=dropped, seen=9))
    assert record == ClipRecord(
        clip_id="style0/dancer0",
        style="style0",
        dancer="dancer0",
        source="made up",
        kept=6,
        seen=9,
        dropped=(("blank", 1), ("blurred", 2)),
        background_valid=True,
        seconds=0.8,
    )
    assert list(record.to_json()) == "clip_id style dancer source kept seen dropped room_known seconds".split()
    assert ClipRecord.from_json(record.to_json()) == record


def test_clips_without_a_style_or_a_frame_are_left_out(tmp_path, clips):
    unlabelled = dataclasses.replace(clips[1], clip=dataclasses.replace(clips[1].clip, style=""))
    empty = dataclasses.replace(clips[2], frames=clips[2].frames[:0], timestamps=clips[2].timestamps[:0])
    found = open_arrays(write_arrays(tmp_path / "arrays", [clips[0], unlabelled, empty, clips[3]]), LARGE)
    assert [clip.clip_id for clip in found.clips] == ["style0/dancer0", "style0/dancer3"]
    np.testing.assert_array_equal(found.frames, np.concatenate([clips[0].frames, clips[3].frames]))
    np.testing.assert_array_equal(found.backgrounds, [clips[0].background, clips[3].background])
    with pytest.raises(DatasetError, match="nothing to write"):
        write_arrays(tmp_path / "none", [unlabelled, empty])
    assert [path.name for path in tmp_path.iterdir()] == ["arrays"]


def test_known_styles_keep_their_order(tmp_path, clips):
    known = ("style2", "style0", "style7", "style1")
    found = open_arrays(write_arrays(tmp_path / "arrays", clips, known), LARGE)
    assert found.styles == ("style2", "style0", "style1")


@pytest.mark.parametrize("size", [0, -1])
def test_frames_of_another_size_are_refused_in_one_line(size, tmp_path, clips, dataset):
    folder = write_arrays(tmp_path / "arrays", clips)
    (folder / "frames.raw").write_bytes((folder / "frames.raw").read_bytes()[:size])
    with pytest.raises(
        DatasetError, match=f"does not hold the {len(dataset.frames)} frames of dataset.json"
    ) as refused:
        open_arrays(folder, LARGE)
    assert "\n" not in str(refused.value)
