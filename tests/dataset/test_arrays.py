import dataclasses
import json

import numpy as np
import pytest

from dance_tf.curation.filters import DroppedFrame
from dance_tf.dataset.arrays import open_arrays, record_clip, write_arrays
from dance_tf.dataset.dataset import ClipRecord, DatasetError

PLENTY = 2**30


def test_arrays_hold_what_memory_holds(tmp_path, clips, dataset):
    found = open_arrays(write_arrays(tmp_path / "arrays", iter(clips)), PLENTY)
    assert found.content_hash == dataset.content_hash
    assert found.clips == dataset.clips
    assert found.frames.dtype == np.uint8 and found.timestamps.dtype == np.float64
    assert not isinstance(found.frames, np.memmap)


def test_frames_too_many_for_memory_are_streamed(tmp_path, clips, dataset):
    folder = write_arrays(tmp_path / "arrays", clips)
    found = open_arrays(folder, in_memory_bytes=dataset.frames.nbytes - 1)
    assert isinstance(found.frames, np.memmap)
    assert found.content_hash == dataset.content_hash
    assert not isinstance(open_arrays(folder, in_memory_bytes=dataset.frames.nbytes).frames, np.memmap)


def test_a_record_counts_what_was_dropped_by_reason(clips):
    dropped = tuple(DroppedFrame(n, float(n), reason, 0.5) for n, reason in enumerate(("blurred", "blank", "blurred")))
    curated = dataclasses.replace(clips[0], dropped=dropped, seen=9)
    assert record_clip(curated) == ClipRecord(
        clip_id="style0/dancer0",
        style="style0",
        dancer="dancer0",
        source="made up",
        kept=6,
        seen=9,
        dropped=(("blank", 1), ("blurred", 2)),
        room_known=True,
        seconds=0.8,
    )


def test_clips_without_a_style_or_a_frame_are_left_out(tmp_path, clips):
    nameless = dataclasses.replace(clips[1], clip=dataclasses.replace(clips[1].clip, style=""))
    empty = dataclasses.replace(clips[2], frames=clips[2].frames[:0], timestamps=clips[2].timestamps[:0])
    found = open_arrays(write_arrays(tmp_path / "arrays", [clips[0], nameless, empty, clips[3]]), PLENTY)
    assert [clip.clip_id for clip in found.clips] == ["style0/dancer0", "style0/dancer3"]
    np.testing.assert_array_equal(found.frames, np.concatenate([clips[0].frames, clips[3].frames]))
    np.testing.assert_array_equal(found.rooms, [clips[0].background, clips[3].background])
    with pytest.raises(DatasetError, match="nothing to write"):
        write_arrays(tmp_path / "none", [nameless, empty])
    assert [path.name for path in tmp_path.iterdir()] == ["arrays"]


def test_known_styles_keep_their_order(tmp_path, clips):
    known = ("style2", "style0", "style7", "style1")
    found = open_arrays(write_arrays(tmp_path / "arrays", clips, known), PLENTY)
    assert found.styles == ("style2", "style0", "style1")


def test_a_cut_file_is_refused_in_one_line(tmp_path, clips, dataset):
    folder = write_arrays(tmp_path / "arrays", clips)
    (folder / "frames.raw").write_bytes((folder / "frames.raw").read_bytes()[:-1])
    with pytest.raises(DatasetError, match=f"the {len(dataset.frames)} frames") as refused:
        open_arrays(folder, PLENTY)
    assert "\n" not in str(refused.value)
    assert json.loads((folder / "dataset.json").read_text())["styles"] == ["style0", "style1", "style2"]
