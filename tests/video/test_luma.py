from itertools import product

import av
import numpy as np
import pytest

from dance_tf.video.luma import UPRIGHT, Orientation, gray_square, orientation_from_matrix

ONE = 1 << 16


def matrix(a, b, c, d):
    return np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], "=i4").tobytes()


def shown_by_definition(stored, a, b, c, d):
    """Each stored pixel put where the matrix says, one by one, on a canvas that starts at its least place."""
    places = {(a * x + c * y, b * x + d * y): stored[y, x] for y, x in np.ndindex(stored.shape)}
    left, top = min(x for x, _ in places), min(y for _, y in places)
    width, height = max(x for x, _ in places) - left + 1, max(y for _, y in places) - top + 1
    shown = np.zeros((height, width), stored.dtype)
    for (x, y), value in places.items():
        shown[y - top, x - left] = value
    return shown


@pytest.mark.parametrize(
    "turn",
    [(a, 0, 0, d) for a, d in product((1, -1), repeat=2)] + [(0, b, c, 0) for b, c in product((1, -1), repeat=2)],
)
def test_all_eight_orientations_follow_the_matrix(turn):
    stored = np.arange(6, dtype=np.uint8).reshape(2, 3)
    orientation = orientation_from_matrix(matrix(*(ONE * part for part in turn)))
    assert orientation.exact
    assert (orientation.apply(stored) == shown_by_definition(stored, *turn)).all()


def test_a_slanted_matrix_gives_the_nearest_right_angle_and_says_so():
    slanted = orientation_from_matrix(matrix(int(0.9 * ONE), int(0.4 * ONE), int(-0.4 * ONE), int(0.9 * ONE)))
    assert slanted == Orientation(exact=False)


@pytest.mark.parametrize("broken", [b"", bytes(36), b"\0" * 7 * 4])
def test_a_broken_matrix_counts_as_upright(broken):
    assert orientation_from_matrix(broken) == UPRIGHT


def frame_of(values, format_name, color_range=0):
    frame = av.VideoFrame(values.shape[1], values.shape[0], format_name)
    frame.color_range = color_range
    plane = frame.planes[0]
    size = values.dtype.itemsize
    rows = np.zeros((plane.height, plane.line_size // size), values.dtype)
    rows[:, : values.shape[1]] = values
    plane.update(rows.tobytes())
    return frame


def column(values, dtype):
    return np.repeat(np.array(values, dtype)[None], len(values), axis=0)


@pytest.mark.parametrize(
    ("format_name", "color_range", "dtype", "stored", "shown"),
    [
        # limited range: 16 is black, 235 white; (126-16)·255/219 = 128.08
        ("yuv420p", 1, np.uint8, [16, 126, 235, 255], [0, 128, 255, 255]),
        ("yuv420p", 0, np.uint8, [0, 16, 17, 235], [0, 0, 1, 255]),
        ("yuv420p", 2, np.uint8, [0, 16, 126, 255], [0, 16, 126, 255]),
        ("yuvj420p", 0, np.uint8, [0, 16, 126, 255], [0, 16, 126, 255]),
        ("yuv444p", 1, np.uint8, [16, 126, 235, 255], [0, 128, 255, 255]),
        ("nv12", 1, np.uint8, [16, 126, 235, 255], [0, 128, 255, 255]),
        ("gray", 0, np.uint8, [0, 16, 126, 255], [0, 16, 126, 255]),
        ("gray", 1, np.uint8, [16, 126, 235, 255], [0, 128, 255, 255]),
        ("gray", 2, np.uint8, [0, 16, 126, 255], [0, 16, 126, 255]),
        ("yuvj420p", 1, np.uint8, [0, 16, 126, 255], [0, 16, 126, 255]),
        ("gray10le", 0, np.uint16, [0, 512, 1023, 1023], [0, 128, 255, 255]),
        ("gray10le", 1, np.uint16, [64, 502, 940, 1023], [0, 128, 255, 255]),
        # ten bits, limited: 64 to 940; (502-64)·255/876 = 127.5
        ("yuv420p10le", 1, np.uint16, [64, 502, 940, 1023], [0, 128, 255, 255]),
        ("yuv420p10le", 2, np.uint16, [0, 512, 1023, 1023], [0, 128, 255, 255]),
        ("yuv420p10be", 1, np.dtype(">u2"), [64, 502, 940, 1023], [0, 128, 255, 255]),
        ("p010le", 1, np.uint16, [64 << 6, 502 << 6, 940 << 6, 1023 << 6], [0, 128, 255, 255]),
        ("yuv420p12le", 1, np.uint16, [256, 2008, 3760, 4095], [0, 128, 255, 255]),
        ("gray16le", 0, np.uint16, [0, 257, 32896, 65535], [0, 1, 128, 255]),
    ],
)
def test_black_is_0_and_white_is_255(format_name, color_range, dtype, stored, shown):
    square = gray_square(frame_of(column(stored, dtype), format_name, color_range), 4, "pad")
    assert square.tolist() == [shown] * 4


@pytest.mark.parametrize(("format_name", "first"), [("yuyv422", 0), ("uyvy422", 1)])
def test_packed_luma_is_every_other_byte(format_name, first):
    packed = np.full((4, 8), 99, np.uint8)
    packed[:, first::2] = [16, 126, 235, 16]
    frame = av.VideoFrame(4, 4, format_name)
    rows = np.zeros((4, frame.planes[0].line_size), np.uint8)
    rows[:, :8] = packed
    frame.planes[0].update(rows.tobytes())
    assert gray_square(frame, 4, "pad").tolist() == [[0, 128, 255, 0]] * 4


def test_rgb_is_weighed():
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[0, 0], pixels[0, 1], pixels[1, 0] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    # 0.299·255 = 76.2, 0.587·255 = 149.7, 0.114·255 = 29.1
    assert gray_square(frame, 2, "pad").tolist() == [[76, 150], [29, 0]]


def test_transparent_parts_lie_on_white():
    pixels = np.zeros((1, 3, 4), np.uint8)
    pixels[0, :, 3] = [255, 51, 0]
    frame = av.VideoFrame.from_ndarray(np.repeat(pixels, 3, axis=0), format="rgba")
    assert gray_square(frame, 3, "pad")[0].tolist() == [0, 204, 255]


@pytest.mark.parametrize(
    ("format_name", "color_range", "stored", "alpha", "shown"),
    [
        # half black (16), half white (235): 16·128/255 + 235·127/255 = 125.1, stretched (125-16)·255/219 = 126.9
        ("yuva420p", 1, [16, 16, 16, 235], [255, 128, 0, 0], [0, 127, 255, 255]),
        ("yuva444p", 2, [0, 0, 0, 90], [255, 128, 0, 255], [0, 127, 255, 90]),
        # ten bits, a quarter of black: 940 - 876·256/1023 = 720.8, stretched (721-64)·255/876 = 191.3
        ("yuva422p10le", 1, [64, 64, 64, 940], [1023, 256, 0, 0], [0, 191, 255, 255]),
        ("yuva444p10be", 1, [64, 64, 64, 500], [1023, 256, 0, 1023], [0, 191, 255, 127]),
        ("yuva444p16le", 2, [0, 0, 0, 32896], [65535, 32896, 0, 65535], [0, 127, 255, 128]),
    ],
)
def test_luma_is_blended_with_the_alpha_plane(monkeypatch, format_name, color_range, stored, alpha, shown):
    dtype = np.dtype("u1" if format_name.endswith("p") else ">u2" if format_name.endswith("be") else "<u2")
    frame = frame_of(column(stored, dtype), format_name, color_range)
    plane = frame.planes[3]
    rows = np.zeros((plane.height, plane.line_size // dtype.itemsize), dtype)
    rows[:, : len(alpha)] = alpha
    plane.update(rows.tobytes())
    # no conversion of colours takes part
    monkeypatch.setattr("dance_tf.video.luma._weighed", None)
    assert gray_square(frame, 4, "pad").tolist() == [shown] * 4


@pytest.mark.parametrize(("format_name", "dtype", "scale"), [("ya8", "u1", 1), ("ya16le", "<u2", 257)])
def test_gray_with_alpha_beside_it_is_blended(monkeypatch, format_name, dtype, scale):
    frame = av.VideoFrame(4, 4, format_name)
    rows = np.zeros((4, frame.planes[0].line_size // np.dtype(dtype).itemsize), dtype)
    rows[:, 0:8:2] = np.array([0, 0, 0, 200], dtype) * scale
    rows[:, 1:8:2] = np.array([255, 51, 0, 255], dtype) * scale
    frame.planes[0].update(rows.tobytes())
    monkeypatch.setattr("dance_tf.video.luma._weighed", None)
    assert gray_square(frame, 4, "pad").tolist() == [[0, 204, 255, 200]] * 4


def test_padding_stays_black_where_the_range_is_stretched_and_the_picture_turned():
    frame = frame_of(np.full((4, 8), 235, np.uint8), "yuv420p", 1)
    square = gray_square(frame, 8, "pad", orientation=Orientation(transpose=True))
    assert (square[:, 2:6] == 255).all() and not square[:, :2].any() and not square[:, 6:].any()
