import numpy as np
import pytest

from dance_tf.synthesis.shading import Light, cast_shadow, paint_capsule, paint_head, paint_loft

WHITE = np.full((3, 1, 1), 255, np.float32)
FLAT = Light(direction=(0.0, 0.0, 1.0), ambient=1.0, diffuse=0.0)
SIDE = Light(direction=(1.0, 0.0, 0.0), ambient=0.2, diffuse=0.8)


def black(height: int = 80, width: int = 100) -> np.ndarray:
    return np.zeros((3, height, width), np.float32)


def at(x: float, y: float) -> np.ndarray:
    return np.array([x, y, 0.0])


def test_a_capsule_is_a_rectangle_and_two_half_disks():
    picture = black()
    paint_capsule(picture, at(30, 40), at(70, 40), (10, 0, 10), WHITE, FLAT)
    area = np.count_nonzero(picture[0] > 60)
    assert area == pytest.approx(40 * 20 + np.pi * 100, rel=0.06)
    ys, xs = np.nonzero(picture[0])
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == (20, 80, 30, 50)
    assert picture[0, 40, 50] == pytest.approx(255)
    assert picture[0, 15, 50] == 0


def test_a_capsule_tapers_and_bulges():
    def thickness(radii, x):
        picture = black()
        paint_capsule(picture, at(20, 40), at(80, 40), radii, WHITE, FLAT)
        return np.count_nonzero(picture[0, :, x])

    assert thickness((12, 0, 4), 22) > thickness((12, 0, 4), 78) + 12
    assert thickness((6, 5, 6), 50) == pytest.approx(thickness((6, 0, 6), 50) + 10, abs=1)


def test_a_capsule_is_brighter_towards_the_light():
    picture = black()
    paint_capsule(picture, at(50, 10), at(50, 70), (12, 0, 12), WHITE, SIDE)
    assert picture[0, 40, 58] > 1.5 * picture[0, 40, 42]


def test_nothing_is_painted_outside_the_picture():
    picture = black()
    paint_capsule(picture, at(-50, -50), at(-30, -40), (8, 0, 8), WHITE, FLAT)
    assert not picture.any()
    paint_capsule(picture, at(95, 75), at(130, 120), (8, 0, 8), WHITE, FLAT)  # half of it is inside
    assert picture[0, 76, 96] > 0


def test_a_limb_towards_the_viewer_is_a_disk():
    picture = black()
    paint_capsule(picture, np.array([50, 40, 0.0]), np.array([50, 40, 30.0]), (10, 0, 10), WHITE, FLAT)
    assert np.count_nonzero(picture[0] > 60) == pytest.approx(np.pi * 100, rel=0.08)


def test_a_loft_has_the_widths_and_colours_given():
    picture = black()
    widths = np.linspace(20, 10, 40).astype(np.float32)
    colours = np.zeros((3, 40), np.float32)
    colours[0, :20], colours[2, 20:] = 200, 200
    paint_loft(picture, (at(50, 70), at(50, 45), at(50, 20)), widths, colours, FLAT)
    assert np.count_nonzero(picture[:, 66].sum(axis=0)) == pytest.approx(2 * 19.2, abs=2)
    assert np.count_nonzero(picture[:, 24].sum(axis=0)) == pytest.approx(2 * 10.8, abs=2)
    assert picture[0, 60, 50] == pytest.approx(200) and picture[2, 60, 50] == 0
    assert picture[2, 30, 50] == pytest.approx(200) and picture[0, 30, 50] == 0
    assert not picture[:, 75].any() and not picture[:, 15].any()


def test_a_bent_loft_bends():
    picture = black()
    widths, colours = np.full(40, 8, np.float32), np.full((3, 40), 255, np.float32)
    paint_loft(picture, (at(40, 70), at(55, 45), at(40, 20)), widths, colours, FLAT)
    columns = np.nonzero(picture[0, 45])[0]
    assert columns.mean() == pytest.approx(55, abs=1)


def test_a_head_shows_its_face_or_its_hair():
    skin, hair = (np.array(colour, np.float32)[:, None, None] for colour in ((200, 0, 0), (0, 0, 200)))
    ahead, behind = black(), black()
    paint_head(ahead, at(50, 40), (20, 28), np.eye(3), skin, hair, 0.4, FLAT)
    paint_head(behind, at(50, 40), (20, 28), np.diag([-1.0, 1.0, -1.0]), skin, hair, 0.4, FLAT)
    assert ahead[0].sum() > 1.2 * ahead[2].sum()
    assert behind[2].sum() > 3 * behind[0].sum()
    assert ahead[2, 16, 50] > 100 > ahead[0, 16, 50]  # hair on top
    assert ahead[0, 45, 50] > 100  # a nose
    eye = ahead[0, 36:40, 55:60]
    assert eye.min() < 0.5 * ahead[0, 45, 50]


def test_a_shadow_is_darkest_in_the_middle():
    picture = np.full((3, 80, 100), 100, np.float32)
    cast_shadow(picture, np.array([50.0, 40.0]), (10, 5), 0.5)
    assert picture[0, 40, 50] == pytest.approx(50)
    assert picture[0, 40, 60] == pytest.approx(100 * (1 - 0.5 * np.exp(-0.5)))
    assert picture[0, 5, 5] == 100
