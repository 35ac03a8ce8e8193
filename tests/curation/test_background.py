import cv2
import numpy as np
import pytest

from dance_tf.curation.background import estimate_background


def test_the_background_is_the_median_by_hand():
    frames = np.array([10, 10, 200, 12, 11], np.uint8).reshape(5, 1, 1)
    background = estimate_background(np.repeat(frames, 2, axis=2))
    assert background.picture.tolist() == [[11, 11]] and background.valid
    assert estimate_background(frames, np.array([1, 2, 2])).picture.tolist() == [[200]]


def test_the_dancer_is_not_in_the_background(make_dance):
    frames = np.repeat(make_dance(60), 5, axis=0)
    background = estimate_background(frames)
    assert background.valid and background.picture.dtype == np.uint8
    difference = np.abs(frames.astype(int) - background.picture)
    assert (difference.max(axis=(1, 2)) > 60).all() and np.median(difference) == 0


def moving_camera():
    noise = np.random.default_rng(0).integers(0, 256, (96, 400), np.uint8)
    wall = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2), None, 0, 255, cv2.NORM_MINMAX)
    return np.stack([wall[:, 4 * step : 4 * step + 64] for step in range(60)])


def large_dancer():
    frames = np.repeat(np.random.default_rng(0).integers(60, 200, (1, 96, 64), np.uint8), 60, axis=0)
    for number, frame in enumerate(frames):
        left = round(16 + 16 * np.sin(0.3 * number))
        frame[10:, left : left + 32] = 250  # nearly half the picture
    return frames


def bars():
    frames = np.zeros((40, 64, 64), np.uint8)
    frames[:, :, 28:36] = np.random.default_rng(0).integers(20, 255, (40, 64, 8))
    return frames


@pytest.mark.parametrize(("make", "valid"), [(moving_camera, False), (large_dancer, True), (bars, False)])
def test_a_moving_camera_makes_the_background_invalid_and_a_large_dancer_does_not(make, valid):
    assert estimate_background(make()).valid == valid
