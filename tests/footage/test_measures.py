import cv2
import numpy as np
import pytest

from dance_tf.footage.framing import picture_area
from dance_tf.footage.measures import contrast, entropy, motion_energy, sharpness


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


def energy(frames):
    return motion_energy(frames, 30.0, 0.1, 0.5)


def shaken(frames, seed=0, reach=2.0):
    """The same frames before a camera that trembles by up to `reach` pixels."""
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


def test_dancing_moves_and_standing_does_not(make_dance):
    moving = make_dance(60)
    assert energy(moving).min() > 5
    standing = np.repeat(moving[:1], 60, axis=0)
    assert np.abs(energy(standing)).max() == 0


def test_noise_and_a_shaking_camera_are_not_dancing(make_dance):
    moving = make_dance(60)
    standing = np.repeat(moving[:1], 60, axis=0)
    noise = np.random.default_rng(1).integers(-6, 7, standing.shape)
    noisy = np.clip(standing + noise, 0, 255).astype(np.uint8)
    assert energy(noisy).max() < 1.6
    tremble = energy(shaken(standing))
    assert np.median(tremble) < 0.4 * np.median(energy(shaken(moving)))


def test_a_caption_over_a_shaking_picture_adds_nothing(make_dance):
    standing = shaken(np.repeat(make_dance(1), 40, axis=0))
    captioned = standing.copy()
    captioned[:, 70:78:2, 10:50] = 255
    assert np.median(energy(captioned)) < 1.5 * max(np.median(energy(standing)), 1.0)


def test_frames_held_twice_still_move(make_dance):
    assert energy(np.repeat(make_dance(30), 2, axis=0)).min() > 5


def test_a_cut_tells_nothing(make_dance):
    standing = np.repeat(make_dance(1), 20, axis=0)
    cut = np.concatenate([standing, 255 - standing])
    assert energy(cut).max() == 0


@pytest.mark.parametrize("count", [1, 2, 3])
def test_too_few_frames_cannot_tell(count, make_dance):
    assert np.isinf(energy(make_dance(count))).all()
