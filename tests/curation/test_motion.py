import cv2
import numpy as np
import pytest

from dance_tf.curation.filters import CURATION_DEFAULTS, NO_DANCING, curate_frames
from dance_tf.curation.motion import _median, change_beyond_camera, motion_energy, register
from dance_tf.video.catalog import Clip


def energy(frames, timestamps=None):
    times = np.arange(len(frames)) / 30 if timestamps is None else timestamps
    return motion_energy(frames, times, np.ones(len(frames), bool), 0.1, 0.5)


def shaken(frames, seed=0, reach=2.0):
    """Add a camera shake of up to `reach` pixels."""
    rng = np.random.default_rng(seed)
    path = cv2.GaussianBlur(rng.normal(0, 1, (len(frames), 2)), (1, 19), 0.1, None, 3)
    path *= reach / np.abs(path).max()
    moved = [
        cv2.warpAffine(
            frame, np.array([[1, 0, x], [0, 1, y]], np.float32), frame.shape[::-1], borderMode=cv2.BORDER_REFLECT
        )
        for frame, (x, y) in zip(frames, path, strict=True)
    ]
    return np.stack(moved)


def test_dancing_has_energy_and_standing_has_none(make_dance):
    moving = make_dance(60)
    assert energy(moving).min() > 5 and energy(np.repeat(moving[:30], 2, axis=0)).min() > 5  # also with repeated frames
    standing = np.repeat(moving[:1], 60, axis=0)
    assert np.abs(energy(standing)).max() == 0
    noise = np.random.default_rng(1).integers(-3, 4, standing.shape)
    noisy = np.clip(standing + noise, 0, 255).astype(np.uint8)
    assert energy(noisy).max() < CURATION_DEFAULTS.still_energy
    cut = np.concatenate([standing, 255 - standing])
    assert energy(cut).max() == 0


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("reach", [1, 2, 3, 4])
def test_a_shaking_camera_is_not_dancing(reach, seed, make_dance):
    moving, times = make_dance(60, 128, 96), np.arange(60) / 30
    standing = np.repeat(moving[:1], 60, axis=0)
    # a frame that is shifted by half a pixel may count as blurred, which is not tested here
    idle, danced = (
        [frame.reason for frame in curate_frames(Clip(None), shaken(clip, seed, reach), times, 2.0).dropped]
        for clip in (standing, moving)
    )
    # the strongest shake splits rests into shorter ones, and those under 0.4 s are kept
    assert idle.count(NO_DANCING) >= (48 if reach < 4 else 40) and NO_DANCING not in danced


def test_rotation_and_zoom_of_the_camera_are_registered(make_dance):
    wall = make_dance(1, 128, 128)[0]
    turned = cv2.getRotationMatrix2D((64, 64), 1.5, 1.02)
    turned[:, 2] += (1.5, -2.0)
    two = cv2.warpAffine(wall, turned, (128, 128), borderMode=cv2.BORDER_REFLECT)
    soft = [cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 2) for picture in (wall, two)]
    found = register(*soft, (1.0, -1.0))
    corners = np.array([[10, 10, 1], [118, 10, 1], [10, 118, 1], [118, 118, 1]]).T
    assert np.abs(found @ corners - turned @ corners).max() < 0.1
    assert change_beyond_camera(wall, two) < CURATION_DEFAULTS.still_energy
    assert np.array_equal(register(*[np.full((64, 64), 9, np.float32)] * 2, (0.0, 0.0)), np.eye(3)[:2])


def test_a_caption_over_a_shaking_picture_adds_nothing(make_dance):
    standing = shaken(np.repeat(make_dance(1), 40, axis=0))
    captioned = standing.copy()
    captioned[:, 70:78:2, 10:50] = 255
    assert np.median(energy(captioned)) < 0.1 * np.median(energy(shaken(make_dance(40))))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_too_few_frames_have_infinite_energy(count, make_dance):
    assert np.isinf(energy(make_dance(count))).all()


def test_unusable_frames_are_ignored(make_dance):
    frames, usable = make_dance(40), np.arange(40) % 5 > 0
    times = np.arange(40) / 30
    found = motion_energy(frames, times, usable, 0.1, 0.5)
    assert np.isinf(found[~usable]).all()
    assert np.array_equal(found[usable], energy(frames[usable], times[usable]))


def test_frames_are_paired_by_time(make_dance):
    frames = make_dance(40)
    times = np.r_[np.arange(20) / 30, 1 + np.arange(20) / 5]  # a gap, then fewer frames a second
    change = {
        (one, two): change_beyond_camera(frames[one], frames[two]) for one in range(40) for two in range(one + 1, 40)
    }
    single = []
    for one in range(40):
        later = [two for two in range(one + 1, 40) if times[two] >= times[one] + 0.08]
        before = [two for two in range(one) if times[two] <= times[one] - 0.08]
        forwards = change[one, later[0]] if later else np.inf
        single.append(min(forwards, change[before[-1], one] if before else np.inf))
    expected = []
    for moment in times:
        near = sorted(value for value, time in zip(single, times, strict=True) if abs(time - moment) <= 0.25 + 1e-6)
        expected.append(near[len(near) // 2])
    assert energy(frames, times).tolist() == expected


def test_dancing_at_a_falling_frame_rate_is_kept(make_dance):
    picks = np.r_[np.arange(90), np.arange(90, 150, 6), np.arange(150, 240, 30)]  # at 30 frames per second at first
    assert not curate_frames(Clip(None), make_dance(240)[picks], picks / 30, 8.0).dropped


def test_a_rest_is_measured_in_seconds(make_dance):
    frames = make_dance(60)
    frames[30:34] = frames[30]
    times = np.arange(60) / 30
    assert not curate_frames(Clip(None), frames, times, 2.0).dropped
    slow = times.copy()
    slow[30:] += np.minimum(np.arange(30), 4) * 0.5  # the same four pictures over two seconds
    found = curate_frames(Clip(None), frames, slow, 4.0).dropped
    assert {frame.index for frame in found} >= {31, 32} and {frame.reason for frame in found} == {NO_DANCING}


@pytest.mark.parametrize("height", [128, 121])  # an even and an odd number of pixels
def test_the_motion_of_a_frame_is_its_smaller_change(make_dance, height):
    frames = shaken(make_dance(40, 128, 128), 1, 2)[:, :height]
    found = motion_energy(frames, np.arange(40) / 30, np.ones(40, bool), 0.1, 0.0)  # a median over no time
    changes = [change_beyond_camera(one, two) for one, two in zip(frames, frames[3:], strict=False)]
    np.testing.assert_array_equal(found[3:37], np.minimum(changes[3:], changes[:-3]))


@pytest.mark.parametrize("count", [1, 2, 7, 8, 3721])
def test_a_median_is_that_of_numpy(count):
    values = np.random.default_rng(count).random(count, np.float32)
    assert _median(values) == np.median(values)
