import numpy as np

from dance_tf.synthesis.scene import make_room


def test_a_dancer_is_at_home_in_one_room():
    assert make_room(3, 5, 0.5) == make_room(3, 5, 0.5)
    assert make_room(3, 6, 0.5) != make_room(3, 5, 0.5)
    assert make_room(4, 5, 0.5) != make_room(3, 5, 0.5)


def test_nothing_stands_where_the_dancer_dances():
    for index in range(60):
        room = make_room(0, index, 0.5)
        for block in room.furniture:
            clear = block.low[0] >= 0.5 or block.high[0] <= -0.5 or block.high[2] <= -0.5
            assert clear, (index, block)
            assert block.low[2] >= -room.back


def test_the_dancer_is_in_the_middle_of_the_picture():
    for index in range(60):
        camera = make_room(0, index, 1.0).camera
        pixels, scale, _ = camera.project(np.array([0.0, 0.9, 0.0]), 270, 480)
        assert abs(pixels[0] - 135) < 8 and abs(pixels[1] - 240) < 45
        assert 0.45 < 1.68 * scale / 480 < 0.85
