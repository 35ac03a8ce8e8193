"""Degradations on training batches together with the frames' still rooms."""

import cv2
import numpy as np
import pytest

from dance_tf.corruption.augment import SOURCE_RATE, SOURCE_SIDE, SPATIAL_FAMILIES, augment_frames, augment_with_rooms
from dance_tf.corruption.conditions import Condition, find_condition
from dance_tf.corruption.degrade import degrade

SIDE = 96


def make_room() -> np.ndarray:
    """A textured room between two black bars, as a padded portrait clip has them; uint8 [96, 96]."""
    texture = cv2.GaussianBlur(np.random.default_rng(5).integers(0, 256, (SIDE, SIDE)).astype(np.uint8), (0, 0), 3)
    room = cv2.normalize(texture, None, 60, 180, cv2.NORM_MINMAX)
    room[:, :16] = room[:, -16:] = 0
    return room


def make_pairs(count: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Frames with a bright figure of 16 × 40 pixels that walks, and their room; uint8 [n, 96, 96, 1] both."""
    rooms = np.repeat(make_room()[None, ..., None], count, axis=0)
    frames = rooms.copy()
    for i, frame in enumerate(frames):
        left = 18 + (i * 11) % 44
        frame[30:70, left : left + 16] = 230
    return frames, rooms


def test_the_given_arrays_stay_and_the_generator_decides_all():
    frames, rooms = make_pairs()
    kept = frames.copy(), rooms.copy()
    first = augment_with_rooms(frames, rooms, np.random.default_rng(3))
    again = augment_with_rooms(frames, rooms, np.random.default_rng(3))
    other = augment_with_rooms(frames, rooms, np.random.default_rng(4))
    for one, same, given, before in zip(first, again, (frames, rooms), kept, strict=True):
        assert one.shape == given.shape and one.dtype == np.uint8
        np.testing.assert_array_equal(one, same)
        np.testing.assert_array_equal(given, before)
    assert not np.array_equal(first[0], other[0])


def test_dimmed_frame_and_room_differ_as_much_less_as_they_are_darker():
    frames, rooms = make_pairs()
    for seed in range(30):  # light has three effects; take a seed that dims frame 0
        dark, dark_rooms = augment_with_rooms(frames, rooms, np.random.default_rng(seed), ("light",), share=1.0)
        ratio = dark[0].astype(float) / np.maximum(frames[0], 1)
        inside = frames[0] > 50
        if ratio[inside].std() < 0.01:
            break
    brightness = ratio[inside].mean()
    assert brightness < 0.99
    difference = cv2.absdiff(frames[0], rooms[0]).astype(float)
    np.testing.assert_allclose(cv2.absdiff(dark[0], dark_rooms[0]), brightness * difference, atol=1.1)


def test_noise_is_in_the_frame_and_not_in_the_room():
    frames, rooms = make_pairs()
    noisy, still = augment_with_rooms(frames, rooms, np.random.default_rng(0), ("noise",), share=1.0)
    np.testing.assert_array_equal(still, rooms)
    assert (noisy != frames)[:, :, 20:76].mean() > 0.3


@pytest.mark.parametrize("family", SPATIAL_FAMILIES)
def test_black_bars_stay_black(family):
    frames, rooms = make_pairs()
    speckled = frames.copy()  # what few lines lose is fine detail
    speckled[:, 30:70:2, 16:80] = 250
    anything = False
    for seed in range(4):
        changed, still = augment_with_rooms(speckled, rooms, np.random.default_rng(seed), (family,), share=1.0)
        anything |= (changed != speckled).any()
        for picture in (changed, still):
            assert not picture[:, :, :16].any() and not picture[:, :, -16:].any()
    assert anything


def test_a_window_gets_one_condition():
    frames, rooms = make_pairs(24)
    changed, _ = augment_with_rooms(frames, rooms, np.random.default_rng(2), share=0.5, alike=4)
    touched = (changed != frames).any((1, 2, 3)).reshape(6, 4)
    assert touched.any() and not touched.all()
    np.testing.assert_array_equal(touched.all(axis=1), touched.any(axis=1))


def only(monkeypatch, name: str) -> Condition:
    """Leave one condition to draw from, at its own severity."""
    condition = find_condition(name)
    monkeypatch.setattr("dance_tf.corruption.augment.CONDITIONS", [condition])
    monkeypatch.setattr("dance_tf.corruption.augment.MILDEST", condition.severity)
    return condition


def test_the_dancer_is_dark_before_a_lamp_and_the_room_is_not(monkeypatch):
    severity = only(monkeypatch, "backlight").severity
    room = np.full((1, SIDE, SIDE, 1), 120, np.uint8)
    frame = room.copy()
    frame[:, 25:75, 40:60] = 60
    for seed in range(8):
        changed, still = augment_with_rooms(
            frame, room, np.random.default_rng(seed), share=1.0, harshest=severity, families=("light",)
        )
        assert changed[0, 30:70, 45:55].max() < 40 < still.min()


def test_each_frame_is_degraded_between_its_own_bars(monkeypatch):
    """A streak is a share of the picture's short side, so a picture half as wide streaks half as far."""
    severity = only(monkeypatch, "severe_motion_blur").severity
    spread = []
    for margin in (16, 48):
        room = np.full((128, 128), 60, np.uint8)
        room[:, :margin] = room[:, 128 - margin :] = 0
        frame = room.copy()
        frame[64, 64] = 255
        pair = frame[None, :, :, None], room[None, :, :, None]
        reach = []
        for seed in range(8):
            changed, _ = augment_with_rooms(*pair, np.random.default_rng(seed), ("blur",), 1.0, severity)
            reach.append(np.count_nonzero(changed[0, 64, margin : 128 - margin, 0] > 62))
            assert not changed[0, :, :margin].any()
        spread.append(np.mean(reach))
    assert spread[0] == pytest.approx(0.08 * 96, abs=1.5) and spread[1] == pytest.approx(0.08 * 32, abs=1.5)


def median_difference(frames: np.ndarray) -> np.ndarray:
    """What a degraded clip itself gives: each frame's difference from the median of all, float [n, h, w]."""
    return np.abs(frames - np.median(frames, axis=0))


HARSH = (
    "severe_compression",
    "severe_noise",
    "severe_motion_blur",
    "moving_shadows",
    "backlight",
    "heavy_fog",
    "rain",
)


def as_footage(frames: np.ndarray) -> np.ndarray:
    """What such frames may have been shrunk from: the picture between the bars, 432 pixels wide; uint8 [n, h, 432]."""
    pictures = frames[:, :, 16:80, 0]
    scale = SOURCE_SIDE / 64
    return np.stack([cv2.resize(picture, None, fx=scale, fy=scale) for picture in pictures])


@pytest.mark.parametrize("name", HARSH)
def test_differences_are_those_of_a_degraded_clip_and_not_degraded_differences(name, monkeypatch):
    """The reason for degrading the room: held against footage degraded at its own size, by mean gray level."""
    frames, rooms = make_pairs(48)
    area = (slice(None), slice(None), slice(16, 80))
    seconds = np.arange(48) / SOURCE_RATE
    footage, true = as_footage(frames), []
    for seed in range(3):
        clip = degrade(footage, name, seed=seed, timestamps=seconds).frames
        small = np.stack([cv2.resize(picture, (64, SIDE), interpolation=cv2.INTER_AREA) for picture in clip])
        true.append(median_difference(small).mean())
    condition = only(monkeypatch, name)
    family, severity = (condition.family,), condition.severity
    generator = np.random.default_rng(0)
    with_rooms, without = [], []
    for _ in range(4):
        changed, still = augment_with_rooms(frames, rooms, generator, family, 1.0, severity)
        with_rooms.append(cv2.absdiff(changed[..., 0], still[..., 0])[area].mean())
        differences = cv2.absdiff(frames[..., 0], rooms[..., 0])
        without.append(augment_frames(differences, generator, family, 1.0, severity)[area].mean())
    assert np.mean(with_rooms) == pytest.approx(np.mean(true), rel=0.4)
    if name not in ("severe_noise", "severe_compression"):  # which leave a room as it is once they are shrunk
        assert abs(np.mean(with_rooms) - np.mean(true)) < abs(np.mean(without) - np.mean(true))


def test_what_is_no_batch_of_pairs_is_refused():
    frames, rooms = make_pairs(2)
    generator = np.random.default_rng(0)
    with pytest.raises(ValueError, match="time"):
        augment_with_rooms(frames, rooms, generator, ("time",))
    with pytest.raises(ValueError, match="rooms"):
        augment_with_rooms(frames, rooms[:1], generator)
    assert len(augment_with_rooms(frames[:0], rooms[:0], generator)[0]) == 0
