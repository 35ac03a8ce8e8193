from dataclasses import replace

import numpy as np
import pytest

from dance_tf.synthesis import scene as room_picture
from dance_tf.synthesis.camera import MARGIN, Camera
from dance_tf.synthesis.scene import Cuboid, Hanging, _first_hits, draw_room, make_room
from dance_tf.synthesis.shading import Light

BARE = replace(
    make_room(0, 0, 0.5),
    turn=0.0,
    back=2.0,
    left=1.5,
    right=1.5,
    ceiling=2.5,
    wall="paint",
    floor="carpet",
    paint=(200, 40, 40),
    ground=(40, 40, 200),
    furniture=(),
    hangings=(),
    rug=None,
    light=Light((0.0, 0.0, 1.0), 1.0, 0.0),
    lamp=(0.0, 2.0, 0.0, 0.0),
    camera=Camera((0.0, 1.0, 3.0), 0.0, 0.0, 1.05),
)


def test_rays_meet_what_is_first_by_hand():
    block = Cuboid((0.4, 0.0, -1.0), (1.0, 2.0, 0.0), (0, 0, 0))
    rays = np.array([[0, 0, -1], [0, -1, -0.001], [0, 1, -0.001], [-1, 0, -0.001], [0.2, 0, -1.0], [0.5, 0, 1.0]]).T
    distance, surface, normal = _first_hits(
        np.array([0, 1, 3], np.float32), rays.astype(np.float32), replace(BARE, furniture=(block,))
    )
    assert surface[:5].tolist() == [2, 0, 1, 3, 5]
    assert distance[:5] == pytest.approx([5, 1, 1.5, 1.5, 3])
    assert normal[:5].tolist() == [2, 1, 1, 0, 2]
    assert surface[5] == 4 and distance[5] == pytest.approx(3)  # behind the camera the room has no wall but its sides


def test_floor_and_wall_are_where_perspective_puts_them():
    picture = draw_room(BARE, 90, 160)
    assert picture.shape == (round(160 * (1 + 2 * MARGIN)), round(90 * (1 + 2 * MARGIN)), 3)
    row = round(160 * MARGIN + 80 + 1.05 * 160 * 1.0 / 5.0)  # the wall's foot: 1 m below the camera, 5 m away
    column = round(90 * (0.5 + MARGIN))
    assert picture[row - 6, column, 0] > 2 * picture[row - 6, column, 2]
    assert picture[row + 3, column, 2] > 2 * picture[row + 3, column, 0]


def test_a_window_shines_and_furniture_stands_in_front():
    window = Hanging(-0.5, 0.5, 0.8, 1.8, "window", (0, 0, 0))
    block = Cuboid((-0.4, 0.0, -1.0), (0.4, 0.7, -0.5), (10, 200, 10))
    picture = draw_room(replace(BARE, hangings=(window,), furniture=(block,)), 90, 160)
    column = round(90 * (0.5 + MARGIN)) - 6
    window_row = round(160 * MARGIN + 80 - 1.05 * 160 * 0.4 / 5.0)
    assert picture[window_row, column].min() > 180
    block_row = round(160 * MARGIN + 80 + 1.05 * 160 * 0.6 / 3.5)
    assert picture[block_row, column, 1] > 3 * picture[block_row, column, 0]


def test_a_room_is_drawn_the_same_every_time_and_no_two_are_alike():
    one, again, other = (draw_room(make_room(1, index, 0.5), 90, 160) for index in (2, 2, 3))
    assert np.array_equal(one, again)
    assert np.abs(one.astype(int) - other).mean() > 10
    assert one.std() > 10


def test_an_oblique_edge_is_smooth_in_tall_pictures_too():
    """Along the skirting board some pixels show part of it and part of the red wall above."""
    picture = draw_room(replace(BARE, turn=15.0), 64, 800)
    green = picture[600:720, :, 1]
    assert green[0].max() < 60 and green[-1].max() < 60  # red wall above, blue floor below
    assert (green > 150).any(axis=0).all()  # and the board between them in every column
    assert ((green > 80) & (green < 130)).any(axis=0).mean() > 0.2


def test_how_many_rows_are_traced_at_once_changes_nothing(monkeypatch):
    room = make_room(1, 2, 0.5)
    whole = draw_room(room, 90, 160)
    monkeypatch.setattr(room_picture, "BAND", 7)
    assert np.array_equal(draw_room(room, 90, 160), whole)
