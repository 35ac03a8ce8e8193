import numpy as np
import pytest

from dance_tf.synthesis.scene import FLOORS, WALLS, floor_colour, grain_at, poster, wall_colour

U, V = (axis.ravel().astype(np.float32) for axis in np.meshgrid(np.linspace(0, 2, 60), np.linspace(0.1, 2, 60)))
COLOUR, TRIM = np.array([120, 130, 140], np.float32), np.array([220, 210, 200], np.float32)


@pytest.mark.parametrize("kind", WALLS)
def test_walls_stay_near_their_colour(kind):
    colours = wall_colour(U, V, kind, COLOUR, TRIM)
    assert colours.shape == (3600, 3) and colours.dtype == np.float32
    assert np.median(colours, axis=0) == pytest.approx(COLOUR, rel=0.35 if kind == "two tones" else 0.15)


@pytest.mark.parametrize("kind", FLOORS)
def test_floors_stay_near_their_colour_and_have_a_pattern(kind):
    colours = floor_colour(U, V, kind, COLOUR)
    assert np.median(colours, axis=0) == pytest.approx(COLOUR, rel=0.15)
    assert colours.std(axis=0).min() > 2


def test_a_striped_wall_changes_every_sixteen_centimetres():
    u, v = np.array([0.08, 0.24, 0.40], np.float32), np.full(3, 1.5, np.float32)
    one, two, three = wall_colour(u, v, "stripes", COLOUR, TRIM)[:, 0]
    assert abs(one - three) < 12
    assert two - one == pytest.approx(12, abs=10)


def test_grain_is_noise_of_deviation_one_that_repeats():
    values = grain_at(*(axis.ravel() for axis in np.meshgrid(np.arange(256) / 10, np.arange(256) / 10)), 10.0)
    assert values.std() == pytest.approx(1, abs=0.1)
    assert np.array_equal(
        grain_at(np.array([0.55]), np.array([0.0]), 10.0), grain_at(np.array([26.15]), np.array([0.0]), 10.0)
    )


def test_posters_differ():
    rng = np.random.default_rng(0)
    one, two = poster(rng), poster(rng)
    assert one.shape == (192, 144, 3)
    assert np.abs(one - two).mean() > 10
