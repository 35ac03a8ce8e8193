"""Low light, backlight and shadows against their specifications."""

import numpy as np
import pytest

from dance_tf.corruption.camera import WholeClip
from dance_tf.corruption.conditions import degrade, effect_generator, find_condition
from dance_tf.corruption.light import add_backlight, lamp_mask, sample_indices, silhouettes


def walking_square(count: int = 30, side: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """A clip (background 120, dancer 180), and the true mask of the dancer, bool [n, h, w]."""
    where = np.zeros((count, side, side), bool)
    for i in range(count):
        where[i, 40:110, 3 * i : 3 * i + 24] = True
    return np.where(where, 180, 120).astype(np.uint8), where


@pytest.mark.parametrize(
    ("severity", "share"), [(1, 0.7), (2, 0.5), (2.5, 0.4), (None, 0.3), (3, 0.3), (4, 0.2), (5, 0.1)]
)
def test_low_light_by_severity(severity, share):
    clip = np.random.default_rng(0).integers(0, 256, (3, 64, 64), dtype=np.uint8)
    np.testing.assert_array_equal(degrade(clip, "low_light", severity).frames, np.rint(clip * share))


def test_the_dancer_is_found_by_motion():
    clip, where = walking_square()
    found = silhouettes(clip)
    inside = np.array([mask[truth].mean() for mask, truth in zip(found, where, strict=True)])
    outside = np.array([mask[~truth].mean() for mask, truth in zip(found, where, strict=True)])
    assert inside.min() > 0.85 and outside.mean() < 0.1


def test_the_area_below_a_raised_arm_is_background():
    clip = np.full((15, 128, 128), 120, np.uint8)
    lefts = [20 + 3 * (i % 5) + 25 * (i % 3) for i in range(15)]
    for left, frame in zip(lefts, clip, strict=True):
        frame[20:110, left : left + 14] = 200  # head to foot
        frame[58:64, left : left + 38] = 200  # an arm held out
        frame[104:110, left : left + 38] = 200  # its shadow on the floor
    for left, mask in zip(lefts, silhouettes(clip), strict=True):
        assert mask[40:100, left + 2 : left + 12].mean() > 0.85
        assert mask[76:92, left + 26 : left + 34].max() < 0.1


def test_a_still_chest_between_moving_parts_is_foreground():
    clip = np.full((15, 128, 128), 120, np.uint8)
    clip[:, 50:80, 50:80] = 200  # the chest, in every frame
    for i, frame in enumerate(clip[::3]):
        frame[30:50, 48:82] = frame[80:110, 48:82] = frame[50:80, 44:50] = frame[50:80, 80:86] = 210 + i
    found = silhouettes(clip)
    assert found[0, 55:75, 55:75].min() > 0.9
    assert found[1].max() < 0.1


def test_without_a_dancer_there_are_no_silhouettes():
    still = np.full((10, 64, 64), 90, np.uint8)
    shaking = np.random.default_rng(0).integers(0, 2, (10, 64, 64)).astype(np.uint8) * 200
    assert silhouettes(still) is None
    assert silhouettes(shaking) is None
    assert silhouettes(walking_square(2)[0]) is None


def test_some_frames_are_lit_as_in_the_whole_clip():
    clip, _ = walking_square()
    places = np.array([3, 4])
    whole = WholeClip(np.arange(len(clip)) / 30, clip[sample_indices(len(clip))])
    lit = degrade(clip[places], "backlight", 4, 1, places / 30, whole).frames
    np.testing.assert_array_equal(lit, degrade(clip, "backlight", 4, 1).frames[places])
    assert (lit != degrade(clip[places], "backlight", 4, 1).frames).any()


def test_backlight_darkens_the_dancer_and_lights_the_background():
    clip, where = walking_square()
    lit = degrade(clip, "backlight", seed=1).frames
    settings = find_condition("backlight").settings(4)
    core = np.zeros_like(where[15])
    core[60:90, 53:61] = True
    assert where[15][core].all()
    dark = settings["fill"] * 255 * (180 / 255) ** settings["gamma"]
    np.testing.assert_allclose(lit[15][core], dark, atol=2)
    lamp = lamp_mask(128, 128, effect_generator(find_condition("backlight"), 1))
    brightest = np.unravel_index(lamp.argmax(), lamp.shape)
    background = 255 * (120 / 255) ** settings["gamma"] ** 0.5
    glow = settings["glow"] * lamp[brightest]
    assert lit[0][brightest] == pytest.approx(background * (1 - glow) + 255 * glow, abs=2)
    assert lit[0][brightest] > 200 > clip[0][brightest]


def test_backlight_without_a_dancer_darkens_what_the_lamp_does_not_light():
    clip = np.full((1, 90, 70), 120, np.uint8)
    settings = find_condition("backlight").settings(4)
    lit = add_backlight(clip, np.zeros(1), np.random.default_rng(3), **settings)[0]
    lamp = lamp_mask(90, 70, np.random.default_rng(3))
    assert lit[lamp > 0.9].min() > 180
    assert lit[lamp < 0.15].max() < 70


def test_the_lamp_is_in_the_upper_half_and_fades():
    for seed in range(5):
        lamp = lamp_mask(80, 60, np.random.default_rng(seed))
        assert lamp.min() >= 0 and lamp.max() <= 1
        assert np.unravel_index(lamp.argmax(), lamp.shape)[0] < 40
        assert lamp[:40].mean() > lamp[40:].mean() + 0.1


def test_shadows_remove_the_named_share_of_light():
    clip = np.full((60, 128, 128), 200, np.uint8)
    shaded = degrade(clip, "moving_shadows", seed=0, timestamps=np.arange(60) / 10).frames
    assert shaded.max() == 200
    assert shaded.min() == pytest.approx(200 * (1 - 0.55), abs=2)
    assert 0.1 < (shaded < 190).mean() < 0.9
    levels = np.stack([np.full((64, 64), level, np.uint8) for level in (200, 50)])
    shaded = degrade(levels, "moving_shadows", timestamps=np.zeros(2)).frames.astype(float)
    np.testing.assert_allclose(shaded[0] / 200, shaded[1] / 50, atol=0.013)  # a factor, not a difference
