from functools import partial
from itertools import product

import av
import cv2
import numpy as np
import pytest

from dance_tf.video.luma import UPRIGHT, Orientation, fit_luma, gray_frame, orientation_from_matrix

ONE = 1 << 16  # 1.0 in 16.16 fixed point


@pytest.mark.parametrize(
    ("luma", "square"),
    [
        # whole blocks: (0+10+40+50)/4 = 25, (20+30+60+70)/4 = 45, …
        (np.arange(16).reshape(4, 4) * 10, [[25, 45], [105, 125]]),
        # three columns to two share the middle one: (90·1 + 30·0.5)/1.5 = 70, (30·0.5 + 0)/1.5 = 10
        (np.tile([90, 30, 0], (3, 1)), [[70, 10], [70, 10]]),
        (np.full((1, 1), 9), [[9, 9], [9, 9]]),
    ],
)
def test_areas_are_averaged(luma, square):
    assert fit_luma(luma.astype(np.uint8), 2).tolist() == square


@pytest.mark.parametrize(
    ("block_height", "block_width", "width", "height", "aspect"),
    [(10, 10, 72, 128, 1), (10, 10, 128, 72, 1), (3, 5, 128, 128, 0.6), (257, 100, 4, 4, 2.57)],
)
@pytest.mark.parametrize("levels", [2, 6, 256])
def test_whole_blocks_are_averaged_as_in_opencv(block_height, block_width, width, height, aspect, levels):
    # with few levels many averages end in .5; a decoder's rows are longer than the picture
    rows = np.random.default_rng(levels).integers(
        0, levels, (height * block_height, width * block_width + 48), np.uint8
    )
    luma = (rows * np.uint8(255 // (levels - 1)))[:, : width * block_width]
    expected = cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA)
    size = max(width, height)
    top, left = (size - height) // 2, (size - width) // 2
    square = fit_luma(luma, size, pixel_aspect=aspect)
    assert np.array_equal(square[top : top + height, left : left + width], expected)


@pytest.mark.parametrize(
    ("shape", "rows", "columns"),
    [((40, 80), (4, 12), (0, 16)), ((80, 40), (0, 16), (4, 12)), ((50, 50), (0, 16), (0, 16))],
)
def test_padding_keeps_the_aspect_ratio(shape, rows, columns):
    inside = np.zeros((16, 16), bool)
    inside[slice(*rows), slice(*columns)] = True
    assert np.array_equal(fit_luma(np.full(shape, 200, np.uint8), 16), np.where(inside, 200, 0))


def test_extreme_shapes_pixel_aspects_and_cropping():
    assert fit_luma(np.full((1, 999), 200, np.uint8), 16).any(axis=1).sum() == 1
    luma = np.zeros((8, 24), np.uint8)
    luma[:, 8:16] = 100
    assert (fit_luma(luma, 4, "crop") == 100).all()
    # 20×40 pixels that are twice as wide as high are shown as a square
    assert (fit_luma(np.full((40, 20), 7, np.uint8), 10, pixel_aspect=2.0) == 7).all()
    assert fit_luma(np.full((40, 20), 7, np.uint8), 12, pixel_aspect=1.0).sum() == 12 * 6 * 7
    deep = fit_luma(np.full((64, 64), 60_000, np.uint16), 8)
    assert deep.dtype == np.uint16 and (deep == 60_000).all()


def matrix(a, b, c, d):
    return np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], "=i4").tobytes()


def shown_by_definition(stored, a, b, c, d):
    """Put each stored pixel where the matrix says."""
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


def test_unusual_matrices():
    slanted = matrix(*(int(part * ONE) for part in (0.9, 0.4, -0.4, 0.9)))
    assert orientation_from_matrix(slanted) == Orientation(exact=False)
    assert {orientation_from_matrix(data) for data in (b"", bytes(36), bytes(28))} == {UPRIGHT}


def frame_of(pixel_format, color_range=0, planes=()):
    """A 4×4 frame; each plane is given as (number, first, step, values of one row)."""
    frame, rows = av.VideoFrame(4, 4, pixel_format), {}
    frame.color_range = color_range
    for number, first, step, values in planes:
        plane = frame.planes[number]
        rows.setdefault(number, np.zeros((plane.height, plane.line_size // values.dtype.itemsize), values.dtype))
        rows[number][:, first : first + step * len(values) : step] = values
        plane.update(rows[number].tobytes())
    return frame


def assert_gray(frame, shown):
    """At its own size and in a square, all rows have these values."""
    for shrink in (np.array, partial(fit_luma, size=4)):
        assert gray_frame(frame, shrink=shrink).tolist() == [shown] * 4


@pytest.mark.parametrize(
    ("pixel_format", "color_range", "dtype", "stored", "shown"),
    [
        # limited range: 16 is black, 235 white; (126-16)·255/219 = 128.08
        ("yuv420p", 1, "u1", [16, 126, 235, 255], [0, 128, 255, 255]),
        ("yuv420p", 0, "u1", [0, 16, 17, 235], [0, 0, 1, 255]),
        ("yuv420p", 2, "u1", [0, 16, 126, 255], [0, 16, 126, 255]),
        ("yuvj420p", 1, "u1", [0, 16, 126, 255], [0, 16, 126, 255]),
        ("nv12", 1, "u1", [16, 126, 235, 255], [0, 128, 255, 255]),
        ("gray", 0, "u1", [0, 16, 126, 255], [0, 16, 126, 255]),
        ("gray", 1, "u1", [16, 126, 235, 255], [0, 128, 255, 255]),
        ("gray10le", 0, "<u2", [0, 512, 1023, 1023], [0, 128, 255, 255]),
        ("gray10le", 1, "<u2", [64, 502, 940, 1023], [0, 128, 255, 255]),
        # ten bits, limited: 64 to 940; (502-64)·255/876 = 127.5
        ("yuv420p10le", 1, "<u2", [64, 502, 940, 1023], [0, 128, 255, 255]),
        ("yuv420p10be", 1, ">u2", [64, 502, 940, 1023], [0, 128, 255, 255]),
        ("p010le", 1, "<u2", [64 << 6, 502 << 6, 940 << 6, 1023 << 6], [0, 128, 255, 255]),
        ("yuv420p12le", 1, "<u2", [256, 2008, 3760, 4095], [0, 128, 255, 255]),
        ("gray16le", 0, "<u2", [0, 257, 32896, 65535], [0, 1, 128, 255]),
    ],
)
def test_black_is_0_and_white_is_255(pixel_format, color_range, dtype, stored, shown):
    assert_gray(frame_of(pixel_format, color_range, [(0, 0, 1, np.array(stored, dtype))]), shown)


@pytest.mark.parametrize(("pixel_format", "first"), [("yuyv422", 0), ("uyvy422", 1)])
def test_packed_luma_is_every_other_byte(pixel_format, first):
    luma, chroma = np.array([16, 126, 235, 16], np.uint8), np.full(4, 99, np.uint8)
    assert_gray(frame_of(pixel_format, 0, [(0, first, 2, luma), (0, 1 - first, 2, chroma)]), [0, 128, 255, 0])


def test_rgb_is_weighted():
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[0, 0], pixels[0, 1], pixels[1, 0] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    # 0.299·255 = 76.2, 0.587·255 = 149.7, 0.114·255 = 29.1
    assert gray_frame(frame).tolist() == [[76, 150], [29, 0]]
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[..., 3] = [255, 51, 0, 0]
    assert_gray(av.VideoFrame.from_ndarray(pixels, format="rgba"), [0, 204, 255, 255])


@pytest.mark.parametrize(
    ("pixel_format", "color_range", "dtype", "stored", "alpha", "shown"),
    [
        # half black (16), half white (235): 16·128/255 + 235·127/255 = 125.1, stretched (125-16)·255/219 = 126.9
        ("yuva420p", 1, "u1", [16, 16, 16, 235], [255, 128, 0, 0], [0, 127, 255, 255]),
        ("yuva444p", 2, "u1", [0, 0, 0, 90], [255, 128, 0, 255], [0, 127, 255, 90]),
        # ten bits, a quarter of black: 940 - 876·256/1023 = 720.8, stretched (721-64)·255/876 = 191.3
        ("yuva422p10le", 1, "<u2", [64, 64, 64, 940], [1023, 256, 0, 0], [0, 191, 255, 255]),
        ("yuva444p10be", 1, ">u2", [64, 64, 64, 500], [1023, 256, 0, 1023], [0, 191, 255, 127]),
        ("yuva444p16le", 2, "<u2", [0, 0, 0, 32896], [65535, 32896, 0, 65535], [0, 127, 255, 128]),
        ("ya8", 0, "u1", [0, 0, 0, 200], [255, 51, 0, 255], [0, 204, 255, 200]),
        ("ya16le", 0, "<u2", [0, 0, 0, 200 * 257], [65535, 51 * 257, 0, 65535], [0, 204, 255, 200]),
    ],
)
def test_luma_is_blended_with_the_alpha_plane(pixel_format, color_range, dtype, stored, alpha, shown):
    stored, alpha = np.array(stored, dtype), np.array(alpha, dtype)
    packed = pixel_format in ("ya8", "ya16le")  # gray and alpha alternate in one plane
    planes = [(0, 0, 2, stored), (0, 1, 2, alpha)] if packed else [(0, 0, 1, stored), (3, 0, 1, alpha)]
    assert_gray(frame_of(pixel_format, color_range, planes), shown)


def test_padding_stays_black_when_the_range_is_stretched_and_the_picture_turned():
    frame = av.VideoFrame(8, 4, "yuv420p")
    frame.planes[0].update(np.full((4, frame.planes[0].line_size), 235, np.uint8).tobytes())
    square = gray_frame(frame, Orientation(transpose=True), partial(fit_luma, size=8))
    assert (square[:, 2:6] == 255).all() and not square[:, :2].any() and not square[:, 6:].any()
