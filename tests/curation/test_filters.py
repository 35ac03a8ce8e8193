from pathlib import Path

import cv2
import numpy as np
import pytest

from dance_tf.curation.filters import (
    BLANK,
    BLURRED,
    NO_DANCING,
    CurationSettings,
    contrast,
    curate_frames,
    entropy,
    frame_reasons,
    score_curation,
    sharpness,
)
from dance_tf.pose.skeleton import NO_SKELETONS, Skeletons
from dance_tf.video.catalog import Clip
from dance_tf.video.luma import picture_area

CLIP = Clip(Path("a.mp4"), "Tok", "d1", "a")


def test_measures_by_hand():
    steps = np.zeros((10, 10), np.uint8)
    steps[:, 5:] = 30
    assert [entropy(np.arange(16, dtype=np.uint8).reshape(4, 4) // size) for size in (16, 8, 4)] == [0, 1, 2]
    # the Laplacian is 30 in the two columns beside the step, a fifth of all pixels, and 0 elsewhere
    assert (sharpness(steps), sharpness(steps // 2)) == (30, 15)
    ramp = np.arange(101, dtype=np.uint8)[None, None]
    assert (contrast(ramp), contrast(ramp[:0])) == (90, 0)


def test_the_picture_area_excludes_black_bars():
    frames = np.zeros((2, 8, 10), np.uint8)
    frames[0, 1:7, 3:5] = 100
    frames[1, 2:4, 4:8] = 100
    assert picture_area(frames) == (slice(1, 7), slice(3, 8))
    assert picture_area(np.zeros((1, 8, 10), np.uint8)) == (slice(0, 8), slice(0, 10))


def test_noise_is_not_sharpness(make_dance):
    noise = np.random.default_rng(0).integers(-4, 5, (96, 64))
    sharp = make_dance(1)[0]
    blurred = cv2.GaussianBlur(sharp, (0, 0), 3)
    sharp, blurred = (np.clip(frame + noise, 0, 255).astype(np.uint8) for frame in (sharp, blurred))
    assert sharpness(blurred) < 0.49 * sharpness(sharp)


def test_each_fault_is_found_with_its_reason_and_measure(faulty):
    (frames, truth), timestamps = faulty, np.arange(90) / 30
    settings, beats = CurationSettings(), []
    curated = curate_frames(CLIP, frames, timestamps, 3.0, settings, heartbeat=lambda: beats.append(1))
    found = frame_reasons(curated)
    assert found[:10] == (BLANK,) * 10 and found[40:50] == (BLURRED,) * 10
    assert sum(one != two for one, two in zip(found, truth, strict=True)) <= 2  # at the start of the rest
    assert curated.frames.shape == (90 - len(curated.dropped), 96, 64, 1) and curated.seen == 90
    kept = [index for index, reason in enumerate(found) if not reason]
    assert np.array_equal(curated.frames[..., 0], frames[kept])
    assert np.array_equal(curated.timestamps, timestamps[kept])
    assert curated.background_valid and curated.background.shape == (96, 64, 1) and curated.seconds == 3.0
    for frame in curated.dropped:
        assert frame.timestamp == timestamps[frame.index]
        if frame.reason == BLANK:
            assert frame.measure == 0 < settings.blank_entropy
        if frame.reason == NO_DANCING:
            assert frame.measure < settings.still_energy
    lax = CurationSettings(blank_entropy=0, blur_relative=0, blur_absolute=0, still_energy=-np.inf)
    assert curate_frames(CLIP, frames, timestamps, 3.0, lax).dropped == ()
    assert len(beats) >= 90 + 70 - 3  # a heartbeat for each frame, and for each comparison of usable frames


def dropped(frames, rate=30):
    clip = curate_frames(CLIP, frames, np.arange(len(frames)) / rate, len(frames) / rate)
    return {frame.index: frame.reason for frame in clip.dropped}


def test_blur_is_relative_to_the_clip(make_dance):
    soft = np.stack([cv2.GaussianBlur(frame, (0, 0), 1.5) for frame in make_dance(60)])
    assert not dropped(soft)
    some = make_dance(60)
    some[20:30] = soft[20:30]
    assert set(dropped(some)) == set(range(20, 30))


def test_a_short_rest_is_part_of_the_dance(make_dance):
    frames = make_dance(60)
    frames[30:50] = frames[30]
    assert NO_DANCING in dropped(frames).values()
    assert not dropped(frames, rate=120)  # the rest lasts a sixth of a second


@pytest.mark.parametrize(
    ("lights", "absent", "expected"),
    [
        (1.5, slice(0, 20), slice(0, 20)),  # too much light moves for a rest, and nobody is there
        (1.5, slice(0, 0), slice(0, 0)),  # somebody is
        (1.5, slice(0, 8), slice(0, 0)),  # a quarter of a second without a skeleton
        (8.0, slice(0, 20), slice(0, 0)),  # somebody dances whom the pose network does not know
        (1.5, slice(0, 40), slice(0, 0)),  # the network does not know the dancer in most of the clip
    ],
)
def test_skeletons_tell_that_nobody_is_there(make_dance, lights, absent, expected):
    """A room in which a patch of light changes for 20 frames, then a dance."""
    frames = make_dance(60).astype(int)
    frames[:20] = cv2.GaussianBlur(frames[30].astype(np.uint8), (0, 0), 3)
    frames[:20, 20:40, 20:40] += (np.arange(20) % 2 * lights).round().astype(int)[:, None, None]
    frames, times, valid = frames.clip(0, 255).astype(np.uint8), np.arange(60) / 30, np.ones(60, bool)
    valid[absent] = False
    skeletons = Skeletons(np.zeros((60, 33, 4)), np.zeros((60, 33, 3)), valid, times)
    reasons = [
        frame_reasons(curate_frames(CLIP, frames, times, 2.0, skeletons=each)) for each in (NO_SKELETONS, skeletons)
    ]
    assert set(reasons[0][:20]) == {BLURRED} and set(reasons[0][20:]) == {""}
    assert [place for place, reason in enumerate(reasons[1]) if reason == NO_DANCING] == list(range(60))[expected]
    assert [place for place, reason in enumerate(reasons[1]) if reason == BLURRED] == sorted(
        set(range(20)) - set(range(60)[expected])
    )


def test_a_clip_without_usable_frames_has_empty_arrays():
    curated = curate_frames(CLIP, np.zeros((5, 16, 16), np.uint8), np.arange(5) / 30, 0.2)
    assert curated.frames.shape == (0, 16, 16, 1) and len(curated.dropped) == 5
    assert {frame.reason for frame in curated.dropped} == {BLANK}


def test_scores_by_hand():
    truth = [[BLANK, BLANK, "", BLURRED], ["", NO_DANCING]]
    dropped = [[BLANK, "", BLANK, BLANK], ["", NO_DANCING]]
    blank, blurred, still = (list(row.values()) for row in score_curation(dropped, truth))
    # planted, dropped, right, precision, recall
    assert blank == [BLANK, 2, 3, 1, pytest.approx(1 / 3), 0.5]
    assert blurred == [BLURRED, 1, 0, 0, pytest.approx(np.nan, nan_ok=True), 0]
    assert still == [NO_DANCING, 1, 1, 1, 1, 1]
