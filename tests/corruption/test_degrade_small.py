"""Degradations on shrunk frames against footage that is degraded at its own size and then shrunk."""

import cv2
import numpy as np
import pytest

from dance_tf.corruption.augment import SOURCE_RATE, SOURCE_SIDE, augment_with_rooms, small_effect
from dance_tf.corruption.camera import add_gaussian_noise, lower_resolution
from dance_tf.corruption.codec import compress_h264, psnr
from dance_tf.corruption.degrade import CONDITIONS, degrade, find_condition
from dance_tf.curation.background import estimate_background
from dance_tf.synthesis.studio import StudioSettings, render_clip
from dance_tf.video.luma import fit_luma

SPATIAL = [condition.name for condition in CONDITIONS if condition.spatial]
SEEDS = 3


@pytest.fixture(scope="module")
def clips() -> list[np.ndarray]:
    """Three made-up dancers at the studio's own size, uint8 [18, 768, 432] each."""
    settings = StudioSettings(seconds=3.0, frame_rate=SOURCE_RATE, faults=False)
    places = ((3, 9), (0, 16), (6, 19))
    return [
        np.stack([cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in render_clip(*place, settings).frames()])
        for place in places
    ]


def shrunk(pictures: np.ndarray) -> np.ndarray:
    return np.stack([fit_luma(picture) for picture in pictures])


def decibels(pairs: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """PSNR over all pairs together, so that one lucky clip counts no more than its part."""
    return psnr(*(np.concatenate(side) for side in zip(*pairs, strict=True)))


@pytest.mark.parametrize("name", SPATIAL)
def test_training_frames_are_harmed_as_much_as_footage_that_is_degraded_and_then_shrunk(name, clips, monkeypatch):
    assert SOURCE_SIDE == min(clips[0].shape[1:])
    condition = find_condition(name)
    monkeypatch.setattr("dance_tf.corruption.augment.CONDITIONS", [condition])
    monkeypatch.setattr("dance_tf.corruption.augment.MILDEST", condition.severity)
    tested, trained = [], []
    for seed in range(SEEDS):
        for number, clip in enumerate(clips):
            clean = shrunk(clip)
            drawn = degrade(clip, name, seed=10 * seed + number, timestamps=np.arange(len(clip)) / SOURCE_RATE).frames
            tested.append((clean, shrunk(drawn)))
            rooms = np.repeat(estimate_background(clean).picture[None], len(clean), axis=0)[..., None]
            generator = np.random.default_rng([seed, number])
            changed, _ = augment_with_rooms(
                clean[..., None], rooms, generator, (condition.family,), 1.0, condition.severity
            )
            trained.append((clean, changed[..., 0]))
    assert decibels(trained) == pytest.approx(decibels(tested), abs=2.0)


def test_shares_of_the_picture_scale_by_themselves_and_numbers_in_pixels_are_scaled():
    flat = np.full((6, 80, 60), 128, np.uint8)
    noisy = small_effect(add_gaussian_noise, flat, np.zeros(6), np.random.default_rng(0), 240, {"sigma": 20.0})
    assert (noisy.astype(float) - 128).std() == pytest.approx(5.0, rel=0.03)
    large = small_effect(add_gaussian_noise, flat, np.zeros(6), np.random.default_rng(0), 40, {"sigma": 20.0})
    assert (large.astype(float) - 128).std() == pytest.approx(20.0, rel=0.03)
    detail = np.random.default_rng(1).integers(0, 256, (6, 80, 60), dtype=np.uint8)
    coded = small_effect(compress_h264, detail, np.array([9.0, 2, 7, 1, 8, 0]), None, 240, {"crf": 38.0})
    expected = compress_h264(detail, np.arange(6) / SOURCE_RATE, None, crf=38.0 - 14.0, keyframe_interval=1)
    np.testing.assert_array_equal(coded, expected)
    assert np.array_equal(small_effect(compress_h264, detail, np.zeros(6), None, 1 << 20, {"crf": 30.0}), detail)


def test_few_lines_take_the_more_the_fewer_they_are_and_nothing_where_none_are_lost():
    detail = np.random.default_rng(1).integers(0, 256, (2, 80, 60), dtype=np.uint8)
    seen = [
        psnr(detail, small_effect(lower_resolution, detail, np.zeros(2), None, 240, {"inverse_side": 1 / lines}))
        for lines in (240, 200, 120, 60)
    ]
    assert seen[0] == float("inf") and (np.diff(seen) < 0).all() and seen[3] < 20
