"""Noise, motion blur, low resolution and lost frames against their specifications."""

import cv2
import numpy as np
import pytest

from dance_tf.corruption.camera import kept_after_drops, lower_resolution, motion_blur_kernel, motion_blur_lengths
from dance_tf.corruption.conditions import degrade


@pytest.mark.parametrize(("name", "sigma"), [("mild_noise", 10), ("severe_noise", 30)])
def test_noise_is_white_with_the_named_sigma(name, sigma):
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
def test_the_kernel_is_uniform_over_its_length(length, kernel):
    np.testing.assert_allclose(motion_blur_kernel(length), [kernel], atol=1e-6)


def test_blur_equals_a_slow_convolution():
    clip = np.random.default_rng(0).integers(0, 256, (1, 100, 30), dtype=np.uint8)
    kernel = motion_blur_kernel(0.08 * 30)[0]
    reach = len(kernel) // 2
    padded = np.pad(clip[0].astype(float), ((0, 0), (reach, reach)), "edge")
    slow = sum(weight * padded[:, k : k + 30] for k, weight in enumerate(kernel))
    assert np.abs(degrade(clip, "severe_motion_blur").frames[0] - slow).max() <= 0.51


def test_blur_lengths_vary_smoothly_around_their_mean():
    seconds = np.arange(300) / 30
    lengths = motion_blur_lengths(10, seconds, np.random.default_rng(1))
    assert lengths.mean() == pytest.approx(10)
    assert 5 - 1e-9 <= lengths.min() < lengths.max() <= 15 + 1e-9
    assert np.abs(np.diff(lengths)).max() < 3
    np.testing.assert_allclose(motion_blur_lengths(10, np.array([4.0]), np.random.default_rng(1)), [10])
    some = motion_blur_lengths(10, seconds[20:25], np.random.default_rng(1), seconds)
    np.testing.assert_allclose(some, lengths[20:25])  # as in the whole clip


@pytest.mark.parametrize(("count", "lost"), [(0, 0), (1, 0), (2, 0), (3, 1), (5, 1), (8, 2), (100, 20), (263, 53)])
def test_a_fifth_of_the_frames_is_lost_exactly(count, lost):
    clip = np.arange(count, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 2), np.uint8)
    degraded = degrade(clip, "dropped_frames", seed=1)
    assert len(degraded.frames) == count - lost
    assert (np.diff(degraded.kept_indices) > 0).all()
    np.testing.assert_array_equal(degraded.frames, clip[degraded.kept_indices])


def test_every_frame_is_equally_likely_to_be_lost():
    kept = np.zeros(10)
    for seed in range(500):
        kept[kept_after_drops(10, np.random.default_rng(seed), share=0.2)] += 1
    np.testing.assert_allclose(kept / 500, 0.8, atol=0.07)
    assert len(kept_after_drops(4, np.random.default_rng(0), share=1.0)) == 1


def test_360p_removes_detail_below_its_resolution():
    fine = np.indices((720, 724)).sum(0).astype(np.uint8) % 2 * 200  # checkerboard of single pixels
    np.testing.assert_array_equal(degrade(fine[None], "low_resolution").frames[0], 100)
    for small in (fine[None, :360, :640], fine[None, :640, :360], fine[None, :200, :300]):
        np.testing.assert_array_equal(degrade(small, "low_resolution").frames, small)
    coarse = np.kron(np.indices((18, 18)).sum(0) % 2, np.full((40, 40), 200)).astype(np.uint8)
    result = degrade(coarse[None], "low_resolution").frames[0].astype(int)
    inside = np.tile(np.abs(np.arange(40) - 19.5) < 17, 18)
    np.testing.assert_array_equal(result[np.ix_(inside, inside)], coarse[np.ix_(inside, inside)])


def test_the_short_side_counts_in_portrait():
    clip = np.random.default_rng(0).integers(0, 256, (1, 96, 54), dtype=np.uint8)
    result = lower_resolution(clip, np.zeros(1), np.random.default_rng(0), inverse_side=1 / 27)
    small = clip[0].reshape(48, 2, 27, 2).mean((1, 3))
    expected = cv2.resize(small, (54, 96), interpolation=cv2.INTER_LINEAR)
    assert np.abs(result[0] - expected).max() <= 1.01
