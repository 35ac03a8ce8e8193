"""Low light, backlight and shadows against their specifications."""

import numpy as np
import pytest

from dance_tf.corruption.camera import WholeClip
from dance_tf.corruption.degrade import degrade, effect_generator, find_condition
from dance_tf.corruption.light import light_behind, light_from_behind, sample_places, silhouettes


def walking_square(count: int = 30, side: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """A clip (room 120, dancer 180) and where the dancer truly is, bool [n, h, w]."""
    where = np.zeros((count, side, side), bool)
    for i in range(count):
        where[i, 40:110, 3 * i : 3 * i + 24] = True
    return np.where(where, 180, 120).astype(np.uint8), where


def test_low_light_leaves_thirty_percent():
    clip = np.random.default_rng(0).integers(0, 256, (3, 64, 64), dtype=np.uint8)
    dark = degrade(clip, "low_light").frames
    assert dark.mean() / clip.mean() == pytest.approx(0.3, abs=0.002)
    np.testing.assert_array_equal(dark, np.rint(clip * 0.3))


@pytest.mark.parametrize(("severity", "ratio"), [(1, 0.7), (2, 0.5), (4, 0.2), (5, 0.1), (2.5, 0.4)])
def test_low_light_by_severity(severity, ratio):
    clip = np.full((2, 8, 8), 200, np.uint8)
    np.testing.assert_array_equal(degrade(clip, "low_light", severity).frames, round(200 * ratio))


def test_the_dancer_is_found_by_motion():
    clip, where = walking_square()
    found = silhouettes(clip)
    inside = np.array([mask[truth].mean() for mask, truth in zip(found, where, strict=True)])
    outside = np.array([mask[~truth].mean() for mask, truth in zip(found, where, strict=True)])
    assert inside.min() > 0.85 and outside.mean() < 0.1


def raised_arm(count: int = 15) -> tuple[np.ndarray, slice]:
    """A figure that sways sideways with one arm held out; uint8 [n, 128, 128], and the columns below the arm alone."""
    clip = np.full((count, 128, 128), 120, np.uint8)
    for i, frame in enumerate(clip):
        left = 20 + 3 * (i % 5) + 25 * (i % 3)
        frame[20:110, left : left + 14] = 200  # head to foot
        frame[58:64, left : left + 38] = 200  # the arm
        frame[104:110, left : left + 38] = 200  # its shadow on the floor
    return clip, slice(26, 34)


def test_nothing_hangs_from_a_raised_arm():
    clip, below = raised_arm()
    found = silhouettes(clip)
    for i, mask in enumerate(found):
        left = 20 + 3 * (i % 5) + 25 * (i % 3)
        assert mask[40:100, left + 2 : left + 12].mean() > 0.85
        assert mask[76:92, left + below.start : left + below.stop].max() < 0.1


def test_a_chest_that_keeps_still_between_parts_that_move_belongs_to_the_dancer():
    clip = np.full((15, 128, 128), 120, np.uint8)
    clip[:, 50:80, 50:80] = 200  # the chest, in every frame
    for i, frame in enumerate(clip[::3]):
        frame[30:50, 48:82] = frame[80:110, 48:82] = frame[50:80, 44:50] = frame[50:80, 80:86] = 210 + i
    found = silhouettes(clip)
    assert found[0, 55:75, 55:75].min() > 0.9
    assert found[1].max() < 0.1


def test_no_dancer_is_claimed_where_none_can_be_told():
    still = np.full((10, 64, 64), 90, np.uint8)
    shaking = np.random.default_rng(0).integers(0, 2, (10, 64, 64)).astype(np.uint8) * 200
    assert silhouettes(still) is None
    assert silhouettes(shaking) is None
    assert silhouettes(walking_square(2)[0]) is None


def test_some_frames_are_lit_as_in_the_whole_clip():
    clip, _ = walking_square()
    places = np.array([3, 4])
    whole = WholeClip(np.arange(len(clip)) / 30, clip[sample_places(len(clip))])
    lit = degrade(clip[places], "backlight", 4, 1, places / 30, whole).frames
    np.testing.assert_array_equal(lit, degrade(clip, "backlight", 4, 1).frames[places])
    assert (lit != degrade(clip[places], "backlight", 4, 1).frames).any()
    with pytest.raises(ValueError, match="must be gray"):
        degrade(clip[places, ..., None], "backlight", 4, 1, places / 30, whole)


def test_backlight_blackens_the_dancer_and_lights_the_room():
    clip, where = walking_square()
    lit = degrade(clip, "backlight", seed=1).frames
    settings = find_condition("backlight").settings(4)
    core = np.zeros_like(where[15])
    core[60:90, 53:61] = True
    assert where[15][core].all()
    dark = settings["fill"] * 255 * (180 / 255) ** settings["gamma"]
    np.testing.assert_allclose(lit[15][core], dark, atol=2)
    lamp = light_behind(128, 128, effect_generator(find_condition("backlight"), 1))
    brightest = np.unravel_index(lamp.argmax(), lamp.shape)
    room = 255 * (120 / 255) ** settings["gamma"] ** 0.5
    glow = settings["glow"] * lamp[brightest]
    assert lit[0][brightest] == pytest.approx(room * (1 - glow) + 255 * glow, abs=2)
    assert lit[0][brightest] > 200 > clip[0][brightest]


def test_backlight_without_a_dancer_darkens_all_that_the_lamp_leaves_unlit():
    clip = np.full((1, 90, 70), 120, np.uint8)
    settings = find_condition("backlight").settings(4)
    lit = light_from_behind(clip, np.zeros(1), np.random.default_rng(3), one_clip=False, **settings)[0]
    lamp = light_behind(90, 70, np.random.default_rng(3))
    assert lit[lamp > 0.9].min() > 180
    assert lit[lamp < 0.15].max() < 70


def test_the_lamp_is_above_and_fades():
    for seed in range(5):
        lamp = light_behind(80, 60, np.random.default_rng(seed))
        assert lamp.min() >= 0 and lamp.max() <= 1
        assert np.unravel_index(lamp.argmax(), lamp.shape)[0] < 40
        assert lamp[:40].mean() > lamp[40:].mean() + 0.1


def test_shadows_take_the_light_that_is_named_and_no_more():
    clip = np.full((60, 128, 128), 200, np.uint8)
    shaded = degrade(clip, "moving_shadows", seed=0, timestamps=np.arange(60) / 10).frames
    assert shaded.max() == 200
    assert shaded.min() == pytest.approx(200 * (1 - 0.55), abs=2)
    assert 0.1 < (shaded < 190).mean() < 0.9


def test_shadows_move_on_steadily():
    shaded = degrade(np.full((90, 96, 96), 200, np.uint8), "moving_shadows", seed=1).frames.astype(float)
    step = np.abs(np.diff(shaded, axis=0)).mean((1, 2))
    assert step.max() < 6  # no jump from one frame to the next
    assert np.abs(shaded[60] - shaded[0]).mean() > 4 * step.mean()  # and yet they get somewhere


def test_shadows_darken_by_a_factor_not_by_a_step():
    clip = np.concatenate([np.full((1, 64, 64), 200, np.uint8), np.full((1, 64, 64), 50, np.uint8)])
    shaded = degrade(clip, "moving_shadows", timestamps=np.zeros(2)).frames.astype(float)
    np.testing.assert_allclose(shaded[0] / 200, shaded[1] / 50, atol=0.013)
