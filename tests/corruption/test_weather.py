"""Fog and rain against their specifications."""

import numpy as np
import pytest

from dance_tf.corruption.conditions import degrade
from dance_tf.corruption.weather import AIRLIGHT, add_fog, fog_texture, rain_on_lens


def test_the_fog_texture_is_periodic():
    texture = fog_texture(3)
    assert abs(texture.mean()) < 0.05 and texture.std() == pytest.approx(1, abs=0.05)
    inside = np.abs(np.diff(texture, axis=1)).mean()
    seam = np.abs(texture[:, 0] - texture[:, -1]).mean()
    assert seam < 2 * inside


@pytest.mark.parametrize(("name", "depth"), [("mild_fog", 0.45), ("heavy_fog", 1.2)])
def test_fog_transmits_what_its_depth_says(name, depth):
    clip = np.stack([np.full((128, 128), level, np.uint8) for level in (0, 200)] * 40)
    seconds = np.repeat(np.arange(40) * 3.0, 2)  # the same fog for black and white
    foggy = degrade(clip, name, seed=0, timestamps=seconds).frames.astype(float)
    through = (foggy[1::2] - foggy[::2]) / 200
    assert -np.log(through).mean() == pytest.approx(depth, rel=0.1)
    np.testing.assert_allclose(foggy[::2], AIRLIGHT.value * (1 - through), atol=2.6)  # scene t + airlight (1 - t)


def test_a_picture_of_the_fogs_gray_level_does_not_change():
    clip = np.full((2, 50, 70), int(AIRLIGHT.value), np.uint8)
    np.testing.assert_array_equal(degrade(clip, "heavy_fog").frames, clip)


def test_scattering_blurs():
    edge = np.zeros((1, 100, 100), np.uint8)
    edge[:, :, 50:] = 200
    clear, soft = (
        add_fog(edge, np.zeros(1), np.random.default_rng(0), depth=0.5, scatter=scatter)[0].astype(int)
        for scatter in (0.0, 0.03)
    )
    assert np.abs(np.diff(clear, axis=1)).max() > 2 * np.abs(np.diff(soft, axis=1)).max()


def rain(clip: np.ndarray, seconds: np.ndarray, film: float = 0.0, drops: float = 40) -> np.ndarray:
    return rain_on_lens(clip, seconds, np.random.default_rng(5), drops=drops, radius=0.06, film=film)


def test_without_a_film_the_picture_between_drops_does_not_change():
    clip = np.random.default_rng(1).integers(0, 256, (1, 120, 120), dtype=np.uint8)
    wet = rain(clip, np.zeros(1))
    changed = (wet != clip).mean()
    assert 0.02 < changed < 0.4
    assert (rain(clip, np.zeros(1), film=0.5) != clip).mean() > 0.8


def test_a_drop_shows_the_other_side_of_its_centre():
    # left black, right white: inside a drop on the boundary the sides are swapped
    clip = np.zeros((1, 200, 200), np.uint8)
    clip[:, :, 100:] = 200
    swapped = 0
    for seed in range(6):
        wet = rain_on_lens(clip, np.zeros(1), np.random.default_rng(seed), drops=60, radius=0.08, film=0.0)[0]
        swapped += int((wet[:, 90:98] > 150).sum() and (wet[:, 102:110] < 50).sum())
    assert swapped >= 3


def test_three_in_ten_drops_run():
    clip = np.random.default_rng(1).integers(60, 200, (3, 150, 150), dtype=np.uint8)
    clip[:] = clip[0]
    first, soon, later = rain(clip, np.array([0.0, 0.01, 2.0])).astype(int)
    wet = first != clip[0]
    stays = wet & (later == first)
    assert 0.4 < stays.sum() / wet.sum() < 0.95
    assert (soon != first).mean() < (later != first).mean()


def test_drops_run_downwards():
    clip = np.random.default_rng(1).integers(60, 200, (2, 300, 300), dtype=np.uint8)
    clip[:] = clip[0]
    moved = 0
    for seed in range(12):
        wet = rain_on_lens(clip, np.array([0.0, 0.1]), np.random.default_rng(seed), drops=3, radius=0.08, film=0.0)
        rows = [np.flatnonzero((frame != clip[0]).any(1) & (wet[0] != wet[1]).any(1)) for frame in wet]
        if all(len(places) for places in rows):
            moved += np.sign(rows[1].max() - rows[0].max())
    assert moved > 0
