from dataclasses import replace

import numpy as np
import pytest

from dance_tf.synthesis import scene
from dance_tf.synthesis.camera import MARGIN, Camera
from dance_tf.synthesis.figure import Light
from dance_tf.synthesis.scene import Cuboid, Hanging, Room, draw_room, make_room

SIDES = {"turn": 0.0, "back": 2.0, "left": 1.5, "right": 1.5, "ceiling": 2.5}
COLOURS = {"wall": "paint", "floor": "carpet", "paint": (200, 40, 40), "trim": (200,) * 3, "ground": (40, 40, 200)}
LIGHTS = {"light": Light((0.0, 0.0, 1.0), 1.0, 0.0), "lamp": (0.0, 2.0, 0.0, 0.0)}
CAMERA = Camera((0.0, 1.0, 3.0), 0.0, 0.0, 1.05)
BARE = Room(**SIDES, **COLOURS, **LIGHTS, furniture=(), hangings=(), rug=None, camera=CAMERA, seed=0)
U, V = (axis.ravel().astype(np.float32) for axis in np.meshgrid(np.linspace(0, 2, 60), np.linspace(0.1, 2, 60)))
COLOUR, TRIM = np.array([120, 130, 140], np.float32), np.array([220, 210, 200], np.float32)


def pixel(x: float, y: float, z: float) -> tuple[int, int]:
    """Row and column of a point of the bare room in its picture of 90 × 160 pixels, metres."""
    scale = 1.05 * 160 / (3 - z)
    return round(160 * MARGIN + 80 - scale * (y - 1)), round(90 * (0.5 + MARGIN) + scale * x)


def test_surfaces_are_where_perspective_puts_them():
    picture = draw_room(BARE, 90, 160)
    assert picture.shape == (round(160 * (1 + 2 * MARGIN)), round(90 * (1 + 2 * MARGIN)), 3)
    row, column = pixel(0, 0, -2)  # lower edge of the back wall
    assert picture[row - 6, column, 0] > 2 * picture[row - 6, column, 2]
    assert picture[row + 3, column, 2] > 2 * picture[row + 3, column, 0]
    for wall in (-1.5, 1.5):  # the side walls are red up to the ceiling, which is lighter
        assert picture[pixel(wall, 1, -1.7)][0] > 2 * picture[pixel(wall, 1, -1.7)][2]
        assert picture[pixel(wall / 2, 2.5, -1)].min() > 100


def test_windows_emit_light_and_furniture_hides_what_is_behind():
    window = Hanging(-0.5, 0.5, 0.8, 1.8, "window", (0, 0, 0))
    block = Cuboid((-0.4, 0.0, -1.0), (0.4, 0.7, -0.5), (10, 200, 10))
    picture = draw_room(replace(BARE, hangings=(window,), furniture=(block,)), 90, 160)
    assert picture[pixel(-0.18, 1.4, -2)].min() > 180
    assert picture[pixel(-0.13, 0.4, -0.5)][1] > 3 * picture[pixel(-0.13, 0.4, -0.5)][0]


def test_the_picture_of_a_room_is_repeatable_and_independent_of_the_band(monkeypatch):
    rooms = [make_room(seed, index, 0.5) for seed, index in ((1, 2), (1, 2), (1, 3), (2, 2))]
    assert rooms[0] == rooms[1] and rooms[0] not in rooms[2:]
    one, other = draw_room(rooms[0], 90, 160), draw_room(rooms[2], 90, 160)
    assert np.abs(one.astype(int) - other).mean() > 10
    assert one.std() > 10
    monkeypatch.setattr(scene, "BAND", 7)
    assert np.array_equal(draw_room(rooms[1], 90, 160), one)


def test_an_oblique_edge_is_smooth_in_tall_pictures():
    """Some pixels along the skirting board show part of it and part of the red wall above."""
    picture = draw_room(replace(BARE, turn=15.0), 64, 800)
    green = picture[600:720, :, 1]
    assert green[0].max() < 60 and green[-1].max() < 60  # red wall above, blue floor below
    assert (green > 150).any(axis=0).all()  # the board between them in every column
    assert ((green > 80) & (green < 130)).any(axis=0).mean() > 0.2


def test_furniture_leaves_space_for_the_dancer_who_is_in_the_middle_of_the_picture():
    for index in range(60):
        room = make_room(0, index, 1.0)
        for block in room.furniture:
            assert block.low[0] >= 0.5 or block.high[0] <= -0.5 or block.high[2] <= -0.5, (index, block)
            assert block.low[2] >= -room.back
        pixels, scale, _ = room.camera.project(np.array([0.0, 0.9, 0.0]), 270, 480)
        assert abs(pixels[0] - 135) < 8 and abs(pixels[1] - 240) < 45
        assert 0.45 < 1.68 * scale / 480 < 0.85


def test_a_room_leaves_the_space_that_a_dancer_needs_and_holds_the_camera():
    for index in range(60):
        room, (width, depth) = make_room(0, index, 1.0, (1.5, 4.0)), (1.5, 4.0)
        assert room.back >= depth + 0.6 and min(room.left, room.right) >= width + 0.6
        assert room.camera.position[2] > 3.99 * depth
        turn = np.radians(room.turn)
        x, _, z = room.camera.position
        assert -room.left < np.cos(turn) * x - np.sin(turn) * z < room.right
        for block in room.furniture:
            assert block.low[0] >= width or block.high[0] <= -width or block.high[2] <= -depth, (index, block)
    assert make_room(0, 3, 0.5, (0.2, 0.3)).camera == make_room(0, 3, 0.5).camera


@pytest.mark.parametrize("kind", scene.WALLS)
def test_walls_stay_near_their_colour(kind):
    colours = scene.wall_colour(U, V, kind, COLOUR, TRIM)
    assert colours.shape == (3600, 3) and colours.dtype == np.float32
    assert np.median(colours, axis=0) == pytest.approx(COLOUR, rel=0.35 if kind == "two tones" else 0.15)


@pytest.mark.parametrize("kind", scene.FLOORS)
def test_floors_stay_near_their_colour_and_have_a_pattern(kind):
    colours = scene.floor_colour(U, V, kind, COLOUR)
    assert np.median(colours, axis=0) == pytest.approx(COLOUR, rel=0.15)
    assert colours.std(axis=0).min() > 2


def test_grain_is_periodic_noise_of_deviation_one_and_posters_differ():
    values = scene.grain_at(*(axis.ravel() for axis in np.meshgrid(np.arange(256) / 10, np.arange(256) / 10)), 10.0)
    assert values.std() == pytest.approx(1, abs=0.1)
    one, two = (scene.grain_at(np.array([u]), np.array([0.0]), 10.0) for u in (0.55, 26.15))
    assert np.array_equal(one, two)
    rng = np.random.default_rng(0)
    one, two = scene.poster(rng), scene.poster(rng)
    assert one.shape == (192, 144, 3)
    assert np.abs(one - two).mean() > 10
