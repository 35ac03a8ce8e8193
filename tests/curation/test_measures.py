import cv2
import numpy as np

from dance_tf.curation.background import contrast, entropy, sharpness
from dance_tf.video.luma import picture_area


def test_entropy_by_hand():
    halves = np.zeros((4, 4), np.uint8)
    halves[:2] = 9
    quarters = np.repeat(np.arange(4, dtype=np.uint8), 4).reshape(4, 4)
    assert entropy(np.stack([np.zeros((4, 4), np.uint8), halves, quarters])).tolist() == [0, 1, 2]


def test_sharpness_by_hand():
    steps = np.zeros((10, 10), np.uint8)
    steps[:, 5:] = 30
    # the Laplacian is 30 in the two columns beside the step, 0 elsewhere: a fifth of all pixels
    assert sharpness(np.stack([steps, steps // 2])).tolist() == [30, 15]


def test_noise_is_not_sharpness(make_dance):
    frames = np.clip(make_dance(1) + np.random.default_rng(0).integers(-4, 5, (2, 96, 64)), 0, 255).astype(np.uint8)
    frames[1] = cv2.GaussianBlur(make_dance(1)[0], (0, 0), 3)
    noise = np.random.default_rng(1).integers(-4, 5, frames[1].shape)
    frames[1] = np.clip(frames[1].astype(int) + noise, 0, 255)
    sharp, blurred = sharpness(frames)
    assert blurred < 0.49 * sharp


def test_contrast_by_hand():
    ramp = np.arange(101, dtype=np.uint8)[None, None]
    assert contrast(np.repeat(ramp, 50, axis=0)) == 90
    assert contrast(ramp[:0]) == 0


def test_picture_area_finds_the_bars():
    frames = np.zeros((2, 8, 10), np.uint8)
    frames[0, 1:7, 3:5] = 100
    frames[1, 2:4, 4:8] = 100
    assert picture_area(frames) == (slice(1, 7), slice(3, 8))
    assert picture_area(np.zeros((1, 8, 10), np.uint8)) == (slice(0, 8), slice(0, 10))
