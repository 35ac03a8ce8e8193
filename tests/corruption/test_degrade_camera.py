"""Noise, streaks, resolution and lost frames against their specifications."""

import cv2
import numpy as np
import pytest

from dance_tf.corruption.camera import kept_after_drops, lower_resolution, streak_kernel, streak_lengths
from dance_tf.corruption.degrade import degrade


@pytest.mark.parametrize(("name", "sigma"), [("mild_noise", 10), ("severe_noise", 30)])
def test_noise_is_white_and_as_strong_as_named(name, sigma):
    clip = np.full((4, 256, 256), 128, np.uint8)
    noise = degrade(clip, name, seed=2).frames.astype(float) - 128
    assert noise.std() == pytest.approx(sigma, rel=0.03)
    assert abs(noise.mean()) < 0.01 * sigma
    assert (np.abs(noise) > 2 * sigma).mean() == pytest.approx(0.0455, abs=0.006)  # as a normal's tails
    for shifted in (np.roll(noise, 1, 0), np.roll(noise, 1, 1), np.roll(noise, 1, 2)):
        assert abs((noise * shifted).mean()) < 0.01 * sigma**2


def test_noise_is_clipped_at_black_and_white():
    noisy = degrade(np.array([[[0, 255]] * 200] * 20, np.uint8), "severe_noise").frames
    assert (noisy[..., 0] == 0).mean() == pytest.approx(0.5, abs=0.03)
    assert (noisy[..., 1] == 255).mean() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    ("length", "kernel"),
    [(0.3, [1]), (1, [1]), (2, [0.25, 0.5, 0.25]), (3, [1 / 3] * 3), (4, [1 / 8, 1 / 4, 1 / 4, 1 / 4, 1 / 8])],
)
def test_a_streak_spreads_a_point_evenly_over_its_length(length, kernel):
    np.testing.assert_allclose(streak_kernel(length), [kernel], atol=1e-6)


@pytest.mark.parametrize(("name", "streak"), [("mild_motion_blur", 6), ("severe_motion_blur", 16)])
def test_the_point_spread_of_a_frame(name, streak):
    point = np.zeros((1, 200, 220), np.uint8)
    point[0, 90, 110] = 240
    spread = degrade(point, name).frames[0]
    assert (np.flatnonzero(spread.any(1)) == 90).all()  # horizontal: no other row is touched
    row = spread[90].astype(float)
    assert row.sum() == pytest.approx(240, abs=streak)  # light is kept, up to rounding in each pixel
    middle = row[110 - streak // 2 + 1 : 110 + streak // 2]
    np.testing.assert_allclose(middle, 240 / streak, atol=0.51)
    np.testing.assert_allclose(row[[110 - streak // 2, 110 + streak // 2]], 120 / streak, atol=0.51)
    assert not row[: 110 - streak // 2].any() and not row[111 + streak // 2 :].any()


def test_blur_equals_a_slow_convolution():
    clip = np.random.default_rng(0).integers(0, 256, (1, 100, 30), dtype=np.uint8)
    kernel = streak_kernel(0.08 * 30)[0]
    reach = len(kernel) // 2
    padded = np.pad(clip[0].astype(float), ((0, 0), (reach, reach)), "edge")
    slow = sum(weight * padded[:, k : k + 30] for k, weight in enumerate(kernel))
    assert np.abs(degrade(clip, "severe_motion_blur").frames[0] - slow).max() <= 0.51


def test_the_camera_sways_smoothly_around_the_mean_streak():
    seconds = np.arange(300) / 30
    lengths = streak_lengths(10, seconds, np.random.default_rng(1))
    assert lengths.mean() == pytest.approx(10)
    assert 5 - 1e-9 <= lengths.min() < lengths.max() <= 15 + 1e-9
    assert np.abs(np.diff(lengths)).max() < 3  # neighbouring frames streak alike
    np.testing.assert_allclose(streak_lengths(10, np.array([4.0]), np.random.default_rng(1)), [10])


def test_some_frames_streak_as_in_the_whole_clip():
    seconds = np.arange(90) / 30
    whole = streak_lengths(10, seconds, np.random.default_rng(1))
    some = streak_lengths(10, seconds[20:25], np.random.default_rng(1), seconds)
    np.testing.assert_allclose(some, whole[20:25])
    assert np.abs(streak_lengths(10, seconds[20:25], np.random.default_rng(1)) - some).max() > 1


@pytest.mark.parametrize(("count", "lost"), [(0, 0), (1, 0), (2, 0), (3, 1), (5, 1), (8, 2), (100, 20), (263, 53)])
def test_a_fifth_of_the_frames_is_lost_exactly(count, lost):
    clip = np.arange(count, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 2), np.uint8)
    degraded = degrade(clip, "dropped_frames", seed=1)
    assert len(degraded.frames) == count - lost
    assert (np.diff(degraded.kept_indices) > 0).all()
    np.testing.assert_array_equal(degraded.frames, clip[degraded.kept_indices])


def test_every_frame_is_as_likely_to_be_lost():
    kept = np.zeros(10)
    for seed in range(500):
        kept[kept_after_drops(10, np.random.default_rng(seed), share=0.2)] += 1
    np.testing.assert_allclose(kept / 500, 0.8, atol=0.07)


def test_one_frame_always_stays():
    assert len(kept_after_drops(4, np.random.default_rng(0), share=1.0)) == 1


def test_360p_takes_away_what_360_lines_cannot_hold():
    fine = np.indices((720, 724)).sum(0).astype(np.uint8) % 2 * 200  # a chessboard of single pixels
    seen = degrade(fine[None], "low_resolution").frames[0]
    np.testing.assert_array_equal(seen, 100)
    coarse = np.kron(np.indices((18, 18)).sum(0) % 2, np.full((40, 40), 200)).astype(np.uint8)
    seen = degrade(coarse[None], "low_resolution").frames[0].astype(int)
    inside = np.tile(np.abs(np.arange(40) - 19.5) < 17, 18)
    np.testing.assert_array_equal(seen[np.ix_(inside, inside)], coarse[np.ix_(inside, inside)])


@pytest.mark.parametrize("shape", [(360, 640), (640, 360), (200, 300)])
def test_a_clip_that_is_already_small_comes_back_unchanged(shape):
    clip = np.random.default_rng(0).integers(0, 256, (1, *shape), dtype=np.uint8)
    np.testing.assert_array_equal(degrade(clip, "low_resolution").frames, clip)


def test_the_short_side_counts_in_portrait_too():
    clip = np.random.default_rng(0).integers(0, 256, (1, 96, 54), dtype=np.uint8)
    seen = lower_resolution(clip, np.zeros(1), np.random.default_rng(0), inverse_side=1 / 27)
    small = clip[0].reshape(48, 2, 27, 2).mean((1, 3))
    expected = cv2.resize(small, (54, 96), interpolation=cv2.INTER_LINEAR)
    assert np.abs(seen[0] - expected).max() <= 1.01
