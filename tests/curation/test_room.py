import cv2
import numpy as np
import pytest

from dance_tf.curation.background import estimate_background


def test_the_median_is_the_room_by_hand():
    frames = np.array([10, 10, 200, 12, 11], np.uint8).reshape(5, 1, 1)
    room = estimate_background(np.repeat(frames, 2, axis=2))
    assert room.picture.tolist() == [[11, 11]] and room.known and room.motion == 0


def test_a_dancer_is_not_in_the_room(make_dance):
    frames = make_dance(60)
    room = estimate_background(frames)
    assert room.known and room.picture.dtype == np.uint8
    difference = np.abs(frames.astype(int) - room.picture)
    # the bar is there in every frame and nowhere in the room
    assert (difference.max(axis=(1, 2)) > 60).all() and np.median(difference) == 0


def test_a_walking_camera_makes_the_room_unknown():
    rng = np.random.default_rng(0)
    wall = cv2.normalize(
        cv2.GaussianBlur(rng.integers(0, 256, (96, 400), np.uint8), (0, 0), 2), None, 0, 255, cv2.NORM_MINMAX
    )
    frames = np.stack([wall[:, 4 * step : 4 * step + 64] for step in range(60)])
    room = estimate_background(frames)
    assert not room.known and room.motion > 0.5


def test_a_large_dancer_leaves_the_room_known():
    rng = np.random.default_rng(0)
    frames = np.repeat(rng.integers(60, 200, (1, 96, 64), np.uint8), 60, axis=0)
    for number, frame in enumerate(frames):
        left = round(16 + 16 * np.sin(0.3 * number))
        frame[10:, left : left + 32] = 250  # nearly half the picture
    room = estimate_background(frames)
    assert room.known and 0 < room.motion < 0.35


def test_bars_do_not_count_as_steady():
    rng = np.random.default_rng(0)
    frames = np.zeros((40, 64, 64), np.uint8)
    frames[:, :, 28:36] = rng.integers(20, 255, (40, 64, 8))
    assert not estimate_background(frames).known


def test_long_clips_cost_no_more(make_dance):
    frames = np.repeat(make_dance(20), 30, axis=0)
    assert estimate_background(frames).known


def test_no_frames_are_refused():
    with pytest.raises(ValueError, match="no frames"):
        estimate_background(np.zeros((0, 4, 4), np.uint8))
