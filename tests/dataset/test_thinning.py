"""One frame of every k, and frames of a smaller size (Table 3)."""

import cv2
import numpy as np
import pytest

from dance_tf.dataset.batches import downsample, subsample

CLIPS = np.repeat(np.arange(4), [7, 1, 4, 12])


@pytest.mark.parametrize("interval", [1, 2, 3, 5, 10, 20])
def test_one_frame_is_kept_of_each_stretch_of_a_clip(interval):
    indices = np.flatnonzero(CLIPS != 2)
    kept = subsample(indices, CLIPS, interval, np.random.default_rng(1))
    expected = []
    for clip in (0, 1, 3):
        members = [index for index in indices if CLIPS[index] == clip]
        expected += [members[start : start + interval] for start in range(0, len(members), interval)]
    assert len(kept) == len(expected)
    assert all(frame in stretch for frame, stretch in zip(kept, expected, strict=True))


def test_every_place_of_a_stretch_is_drawn_equally_often():
    generator = np.random.default_rng(2)
    places = np.concatenate([subsample(np.arange(12), np.zeros(12, int), 4, generator) % 4 for _ in range(1000)])
    np.testing.assert_allclose(np.bincount(places) / len(places), 0.25, atol=0.03)


def test_an_interval_below_one_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        subsample(np.arange(3), np.zeros(3, int), 0, np.random.default_rng(0))


def test_coarse_frames_are_shrunk_and_enlarged():
    frames = np.random.default_rng(3).integers(0, 256, (2, 128, 128, 1), dtype=np.uint8)
    coarse = downsample(frames, 32)
    assert (coarse.shape, coarse.dtype) == (frames.shape, np.uint8)
    for frame, found in zip(frames[..., 0].astype(float), coarse[..., 0], strict=True):
        means = frame.reshape(32, 4, 32, 4).mean(axis=(1, 3))
        back = cv2.resize(means, (128, 128), interpolation=cv2.INTER_LINEAR)
        assert np.abs(back - found).max() <= 1.5


def test_frames_that_are_small_enough_stay_as_they_are():
    frames = np.zeros((1, 128, 128, 1), np.uint8)
    assert downsample(frames, 128) is frames
