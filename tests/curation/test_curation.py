import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest

from dance_tf.curation.filters import (
    BLANK,
    BLURRED,
    NO_DANCING,
    CurationSettings,
    curate_clip,
    curate_frames,
    frame_reasons,
    score_curation,
)
from dance_tf.video.catalog import Clip
from dance_tf.video.frames import read_footage
from dance_tf.video.settings import ReadSettings
from dance_tf.video.stills import ReadError

CLIP = Clip(Path("a.mp4"), "Tok", "d1", "a")


def faulty(make_dance):
    """Ninety frames: ten blank, thirty danced, ten blurred, twenty danced, twenty standing."""
    frames = make_dance(90)
    frames[:10] = 17
    for number in range(40, 50):
        frames[number] = cv2.GaussianBlur(frames[number], (0, 0), 4)
    frames[70:] = frames[70]
    truth = [BLANK] * 10 + [""] * 30 + [BLURRED] * 10 + [""] * 20 + [NO_DANCING] * 20
    return frames, np.arange(90) / 30, truth


def test_each_fault_is_found_with_its_reason_and_measure(make_dance):
    frames, timestamps, truth = faulty(make_dance)
    settings = CurationSettings()
    curated = curate_frames(CLIP, frames, timestamps, 3.0, settings)
    found = frame_reasons(curated)
    assert found[:10] == (BLANK,) * 10 and found[40:50] == (BLURRED,) * 10
    assert sum(one != two for one, two in zip(found, truth, strict=True)) <= 2  # where standing begins
    assert curated.frames.shape == (90 - len(curated.dropped), 96, 64, 1) and curated.seen == 90
    kept = [index for index, reason in enumerate(found) if not reason]
    assert np.array_equal(curated.frames[..., 0], frames[kept])
    assert np.array_equal(curated.timestamps, timestamps[kept])
    assert curated.room_known and curated.room.shape == (96, 64, 1) and curated.seconds == 3.0
    for frame in curated.dropped:
        assert frame.timestamp == timestamps[frame.index]
        if frame.reason == BLANK:
            assert frame.measure == 0 < settings.blank_entropy
        if frame.reason == NO_DANCING:
            assert frame.measure < settings.still_energy


def test_blur_is_judged_against_the_clip_itself(make_dance):
    soft = np.stack([cv2.GaussianBlur(frame, (0, 0), 1.5) for frame in make_dance(60)])
    assert not curate_frames(CLIP, soft, np.arange(60) / 30, 2.0).dropped
    some = make_dance(60)
    some[20:30] = soft[20:30]
    assert {frame.index for frame in curate_frames(CLIP, some, np.arange(60) / 30, 2.0).dropped} == set(range(20, 30))


def test_thresholds_are_settings(make_dance):
    frames, timestamps, _ = faulty(make_dance)
    lax = CurationSettings(blank_entropy=0, blur_relative=0, blur_absolute=0, still_energy=-np.inf)
    assert curate_frames(CLIP, frames, timestamps, 3.0, lax).dropped == ()


def test_a_clip_of_which_nothing_is_left_has_empty_arrays():
    curated = curate_frames(CLIP, np.zeros((5, 16, 16), np.uint8), np.arange(5) / 30, 0.2)
    assert curated.frames.shape == (0, 16, 16, 1) and len(curated.dropped) == 5
    assert {frame.reason for frame in curated.dropped} == {BLANK}


@pytest.mark.parametrize("frames", [np.zeros((0, 4, 4), np.uint8), np.zeros((2, 4, 4), np.uint8)])
def test_frames_and_times_must_match(frames):
    with pytest.raises(ValueError, match="timestamps"):
        curate_frames(CLIP, frames, np.zeros(1), 1.0)


def test_curate_clip_reads_and_curates(dance_file):
    curated = curate_clip(Clip(dance_file, clip_id="d"), ReadSettings(size=64))
    assert curated.frames.shape == (40, 64, 64, 1) and curated.dropped == () and curated.room_known


def test_a_clip_on_the_disk_is_curated_as_one_in_memory(make_dance, make_video, tmp_path):
    frames, _, _ = faulty(make_dance)
    clip = Clip(make_video(tmp_path / "a.mp4", frames, options={"crf": "5"}))
    footage = read_footage(clip.path)
    expected = curate_frames(clip, footage.frames, footage.timestamps, footage.seconds)
    found = curate_clip(clip)
    assert {frame.reason for frame in found.dropped} == {BLANK, BLURRED, NO_DANCING}
    assert found.dropped == expected.dropped and found.room_known == expected.room_known
    for name in ("frames", "timestamps", "room"):
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name


def test_memory_does_not_grow_with_the_clip(make_dance, make_video, tmp_path):
    peaks, frames = [], make_dance(40, 128, 128)
    frames[5:10] = 0  # so that the others have to move up
    curate_clip(Clip(make_video(tmp_path / "first.mp4", frames)))  # what is imported and cached at first
    for repeats in (10, 40):
        path = make_video(tmp_path / f"{repeats}.mp4", np.concatenate([frames] * repeats), options={"g": "250"})
        tracemalloc.start()
        curated = curate_clip(Clip(path))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert curated.seen == 40 * repeats and len(curated.frames) == 35 * repeats
    # frames of 16 KiB each: a single copy of those 1,200 would be 20 MB
    assert peaks[1] - peaks[0] < 1_000_000, peaks


def test_nothing_is_left_in_the_folder_for_temporary_files(dance_file, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    curated = curate_clip(Clip(dance_file))
    assert list(tmp_path.iterdir()) == []
    assert curated.frames.mean() > 0
    with pytest.raises(ReadError):
        curate_clip(Clip(tmp_path / "absent.mp4"))
    assert list(tmp_path.iterdir()) == []


def test_every_measure_gives_a_sign_of_life_for_each_frame(make_dance):
    beats = []
    curate_frames(CLIP, make_dance(60), np.arange(60) / 30, 2.0, heartbeat=lambda: beats.append(1))
    assert len(beats) >= 3 * (60 - 3)  # entropy, sharpness, and motion over three frames


def test_scores_by_hand():
    truth = [[BLANK, BLANK, "", BLURRED], ["", NO_DANCING]]
    dropped = [[BLANK, "", BLANK, BLANK], ["", NO_DANCING]]
    blank, blurred, still = score_curation(dropped, truth)
    assert (blank.planted, blank.dropped, blank.right) == (2, 3, 1)
    assert (blank.precision, blank.recall) == (pytest.approx(1 / 3), 0.5)
    assert (blurred.planted, blurred.dropped) == (1, 0) and np.isnan(blurred.precision) and blurred.recall == 0
    assert (still.precision, still.recall) == (1, 1)
    with pytest.raises(ValueError):
        score_curation([[""]], [["", ""]])


def test_a_short_rest_is_part_of_the_dance(make_dance):
    frames = make_dance(60)
    frames[30:50] = frames[30]
    at_30, at_120 = np.arange(60) / 30, np.arange(60) / 120
    assert any(frame.reason == NO_DANCING for frame in curate_frames(CLIP, frames, at_30, 2.0).dropped)
    # the same pictures four times as fast: the rest lasts a sixth of a second
    assert not curate_frames(CLIP, frames, at_120, 0.5).dropped
