"""Corruptions of training batches together with the backgrounds of the frames."""

import cv2
import numpy as np
import pytest

from dance_tf.corruption import augment
from dance_tf.corruption.augment import (
    SOURCE_RATE,
    SOURCE_SIDE,
    SPATIAL_FAMILIES,
    augment_with_backgrounds,
    small_effect,
)
from dance_tf.corruption.camera import add_gaussian_noise, lower_resolution
from dance_tf.corruption.codec import compress_h264, psnr
from dance_tf.corruption.conditions import CONDITIONS, Condition, degrade, find_condition
from dance_tf.curation.background import estimate_background
from dance_tf.synthesis.studio import RenderedClip, StudioSettings
from dance_tf.video.luma import fit_luma

SIDE = 96
EFFECTS = {condition.effect: condition.name for condition in CONDITIONS if condition.spatial}  # its highest level


def make_pairs(count: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Frames with a bright figure of 16 × 40 px between two black bars, and their background; uint8 [n, 96, 96, 1]."""
    noise = np.random.default_rng(5).integers(0, 256, (SIDE, SIDE)).astype(np.uint8)
    background = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 60, 180, cv2.NORM_MINMAX)
    background[:, :16] = background[:, -16:] = 0
    backgrounds = np.repeat(background[None, ..., None], count, axis=0)
    frames = backgrounds.copy()
    for i, frame in enumerate(frames):
        left = 18 + (i * 11) % 44
        frame[30:70, left : left + 16] = 230
    return frames, backgrounds


def only(monkeypatch, name: str) -> Condition:
    """Make one condition at its own severity the only choice."""
    condition = find_condition(name)
    monkeypatch.setattr(augment, "CONDITIONS", [condition])
    for name in ("MIN_SEVERITY", "MAX_SEVERITY"):
        monkeypatch.setattr(augment, name, condition.severity)
    monkeypatch.setattr(augment, "SHARE", 1.0)
    return condition


def test_the_generator_decides_the_result_and_the_input_does_not_change():
    pairs = make_pairs()
    before = [array.copy() for array in pairs]
    first, again, other = (augment_with_backgrounds(*pairs, np.random.default_rng(seed)) for seed in (3, 3, 4))
    for one, same, given, kept in zip(first, again, pairs, before, strict=True):
        assert one.shape == given.shape and one.dtype == np.uint8 and not np.shares_memory(one, given)
        np.testing.assert_array_equal(one, same)
        np.testing.assert_array_equal(given, kept)
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("family", SPATIAL_FAMILIES)
def test_each_family_changes_frames_but_not_black_bars(family, monkeypatch):
    monkeypatch.setattr(augment, "SHARE", 1.0)
    frames, backgrounds = make_pairs()
    frames[:, 30:70:2, 16:80] = 250  # low resolution changes only fine detail
    different = []
    for seed in range(4):
        pair = augment_with_backgrounds(frames, backgrounds, np.random.default_rng(seed), (family,))
        different.append((pair[0] != frames).any((1, 2, 3)).mean())
        for picture in pair:
            assert not picture[:, :, :16].any() and not picture[:, :, -16:].any()
    assert np.mean(different) > 0.5


def test_dim_light_is_in_the_background_and_noise_is_not(monkeypatch):
    pair = make_pairs()
    monkeypatch.setattr(augment, "SHARE", 1.0)
    noisy, still = augment_with_backgrounds(*pair, np.random.default_rng(0), ("noise",))
    np.testing.assert_array_equal(still, pair[1])
    assert (noisy != pair[0])[:, :, 20:76].mean() > 0.3
    only(monkeypatch, "low_light")
    dark = augment_with_backgrounds(*pair, np.random.default_rng(0), ("light",))
    np.testing.assert_allclose(cv2.absdiff(*dark), 0.3 * cv2.absdiff(*pair).astype(float), atol=1.1)


@pytest.mark.parametrize(("share", "window"), [(0.0, 1), (0.3, 1), (0.5, 4)])
def test_the_share_of_windows_gets_one_condition_each(share, window, monkeypatch):
    pairs = make_pairs(400)
    monkeypatch.setattr(augment, "SHARE", share)
    changed, _ = augment_with_backgrounds(*pairs, np.random.default_rng(0), ("noise",), window)
    touched = (changed != pairs[0]).any((1, 2, 3)).reshape(-1, window)
    np.testing.assert_array_equal(touched.all(axis=1), touched.any(axis=1))
    assert touched.mean() == pytest.approx(share, abs=0.2 * share)


def test_backlight_darkens_the_dancer_and_not_the_background(monkeypatch):
    only(monkeypatch, "backlight")
    background = np.full((1, SIDE, SIDE, 1), 120, np.uint8)
    frame = background.copy()
    frame[:, 25:75, 40:60] = 60
    for seed in range(8):
        changed, still = augment_with_backgrounds(frame, background, np.random.default_rng(seed), ("light",))
        assert changed[0, 30:70, 45:55].max() < 40 < still.min()


def test_blur_is_relative_to_the_picture_between_the_bars(monkeypatch):
    only(monkeypatch, "severe_motion_blur")
    for margin in (16, 48):
        background = np.full((128, 128), 60, np.uint8)
        background[:, :margin] = background[:, 128 - margin :] = 0
        frame = background.copy()
        frame[64, 64] = 255
        pair = frame[None, :, :, None], background[None, :, :, None]
        lengths = []
        for seed in range(8):
            changed, _ = augment_with_backgrounds(*pair, np.random.default_rng(seed), ("blur",))
            lengths.append(np.count_nonzero(changed[0, 64, margin : 128 - margin, 0] > 62))
        assert np.mean(lengths) == pytest.approx(0.08 * (128 - 2 * margin), abs=1.5)


@pytest.fixture(scope="module")
def clips() -> list[np.ndarray]:
    """Three synthetic dancers at full size, uint8 [18, 768, 432] each."""
    settings = StudioSettings(seconds=3.0, frame_rate=SOURCE_RATE, faults=False)
    places = ((3, 9), (0, 16), (6, 19))
    return [
        np.stack([cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in RenderedClip(*place, settings).frames()])
        for place in places
    ]


def resized(pictures: np.ndarray) -> np.ndarray:
    return np.stack([fit_luma(picture) for picture in pictures])


@pytest.mark.parametrize("name", EFFECTS.values())
def test_batches_are_harmed_as_much_as_footage_that_is_degraded_and_then_resized(name, clips, monkeypatch):
    assert SOURCE_SIDE == min(clips[0].shape[1:])
    condition = only(monkeypatch, name)
    all_clean, footage, batches = [], [], []
    for seed in range(3):
        for number, clip in enumerate(clips):
            clean, times = resized(clip), np.arange(len(clip)) / SOURCE_RATE
            pair = clean[..., None], np.repeat(estimate_background(clean).picture[None, ..., None], len(clean), axis=0)
            generator = np.random.default_rng([seed, number])
            changed, _ = augment_with_backgrounds(*pair, generator, (condition.family,))
            all_clean.append(clean)
            footage.append(resized(degrade(clip, name, seed=10 * seed + number, timestamps=times).frames))
            batches.append(changed[..., 0])
    clean = np.concatenate(all_clean)
    found, expected = (psnr(clean, np.concatenate(frames)) for frames in (batches, footage))
    assert found == pytest.approx(expected, abs=2.0)


@pytest.mark.parametrize(
    "name",
    "severe_compression severe_noise severe_motion_blur moving_shadows backlight heavy_fog rain".split(),
)
def test_background_subtraction_leaves_as_much_as_in_a_degraded_clip(name, monkeypatch):
    frames, backgrounds = make_pairs(48)
    picture = (slice(None), slice(None), slice(16, 80), 0)
    footage = np.stack([cv2.resize(each, None, fx=SOURCE_SIDE / 64, fy=SOURCE_SIDE / 64) for each in frames[picture]])
    expected = []
    for seed in range(3):
        clip = degrade(footage, name, seed=seed, timestamps=np.arange(48) / SOURCE_RATE).frames
        small = np.stack([cv2.resize(each, (64, SIDE), interpolation=cv2.INTER_AREA) for each in clip])
        expected.append(np.abs(small - np.median(small, axis=0)).mean())
    condition, generator = only(monkeypatch, name), np.random.default_rng(0)
    batches = [augment_with_backgrounds(frames, backgrounds, generator, (condition.family,)) for _ in range(4)]
    found = [cv2.absdiff(changed[picture], still[picture]).mean() for changed, still in batches]
    assert np.mean(found) == pytest.approx(np.mean(expected), rel=0.4)


def test_parameters_in_pixels_are_scaled_to_small_pictures(monkeypatch):
    flat, generator = np.full((6, 80, 60), 128, np.uint8), np.random.default_rng(0)
    for side, sigma in ((240, 5.0), (40, 20.0)):  # four times as large, and smaller than the pictures
        monkeypatch.setattr(augment, "SOURCE_SIDE", side)
        noisy = small_effect(add_gaussian_noise, flat, np.zeros(6), generator, {"sigma": 20.0})
        assert (noisy.astype(float) - 128).std() == pytest.approx(sigma, rel=0.03)
    detail = np.random.default_rng(1).integers(0, 256, (6, 80, 60), dtype=np.uint8)
    monkeypatch.setattr(augment, "SOURCE_SIDE", 240)
    coded = small_effect(compress_h264, detail, np.array([9.0, 2, 7, 1, 8, 0]), None, {"crf": 38.0})
    expected = compress_h264(detail, np.arange(6) / SOURCE_RATE, None, crf=38.0 - 14.0, keyframe_interval=1)
    np.testing.assert_array_equal(coded, expected)
    quality = [
        psnr(detail, small_effect(lower_resolution, detail, np.zeros(6), None, {"inverse_side": 1 / lines}))
        for lines in (240, 200, 120, 60)
    ]
    assert quality[0] == float("inf") and (np.diff(quality) < 0).all() and quality[3] < 20
    monkeypatch.setattr(augment, "SOURCE_SIDE", 1 << 20)
    assert np.array_equal(small_effect(compress_h264, detail, np.zeros(6), None, {"crf": 30.0}), detail)


def test_empty_batches_come_back_and_without_families_nothing_changes():
    frames, backgrounds = make_pairs(2)
    generator = np.random.default_rng(0)
    assert len(augment_with_backgrounds(frames[:0], backgrounds[:0], generator)[0]) == 0
    np.testing.assert_array_equal(augment_with_backgrounds(frames, backgrounds, generator, ())[0], frames)
