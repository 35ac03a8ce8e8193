import cv2
import numpy as np
import pytest

from dance_tf.video.luma import _average_blocks, fit_luma


def test_whole_blocks_are_averaged():
    luma = np.arange(16, dtype=np.uint8).reshape(4, 4) * 10
    # (0+10+40+50)/4 = 25, (20+30+60+70)/4 = 45, …
    assert fit_luma(luma, 2).tolist() == [[25, 45], [105, 125]]


@pytest.mark.parametrize(
    ("height", "width", "tall", "wide"), [(128, 72, 10, 10), (72, 128, 10, 10), (128, 128, 3, 5), (4, 3, 257, 100)]
)
@pytest.mark.parametrize("levels", [2, 6, 256])
def test_whole_blocks_are_averaged_as_by_opencv_bit_for_bit(height, width, tall, wide, levels):
    # few levels make many averages that lie half-way between two; a decoder's rows are longer than the picture
    rng = np.random.default_rng(levels)
    rows = rng.integers(0, levels, (height * tall, width * wide + 48), np.uint8) * np.uint8(255 // (levels - 1))
    luma = rows[:, : width * wide]
    expected = cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA)
    assert np.array_equal(_average_blocks(luma, width, height), expected)


def test_a_picture_of_whole_blocks_is_framed_as_by_opencv():
    luma = np.random.default_rng(0).integers(0, 256, (1280, 720), np.uint8)
    expected = cv2.resize(luma, (72, 128), interpolation=cv2.INTER_AREA)
    assert np.array_equal(fit_luma(luma)[:, 28:100], expected)


def test_partial_pixels_count_by_their_area():
    # three columns to two: the middle one is shared half and half; (90·1 + 30·0.5)/1.5 = 70, (30·0.5 + 0)/1.5 = 10
    luma = np.tile(np.array([90, 30, 0], np.uint8), (3, 1))
    assert fit_luma(luma, 2).tolist() == [[70, 10], [70, 10]]


@pytest.mark.parametrize(
    ("shape", "rows", "columns"),
    [
        ((40, 80), (4, 12), (0, 16)),
        ((80, 40), (0, 16), (4, 12)),
        ((50, 50), (0, 16), (0, 16)),
        ((1, 999), (8, 9), (0, 16)),
    ],
)
def test_padding_keeps_the_shape_between_black_bars(shape, rows, columns):
    square = fit_luma(np.full(shape, 200, np.uint8), 16)
    inside = np.zeros((16, 16), bool)
    inside[slice(*rows), slice(*columns)] = True
    if shape == (1, 999):
        assert square.any(axis=1).sum() == 1
    else:
        assert (square[inside] == 200).all() and not square[~inside].any()


def test_cropping_keeps_the_middle():
    luma = np.zeros((8, 24), np.uint8)
    luma[:, 8:16] = 100
    assert (fit_luma(luma, 4, "crop") == 100).all()


def test_wide_pixels_widen_the_picture():
    # 20×40 stored with pixels twice as wide as high is square on the screen
    assert (fit_luma(np.full((40, 20), 7, np.uint8), 10, pixel_aspect=2.0) == 7).all()
    assert fit_luma(np.full((40, 20), 7, np.uint8), 12, pixel_aspect=1.0).sum() == 12 * 6 * 7


def test_a_small_picture_grows():
    assert (fit_luma(np.full((1, 1), 9, np.uint8), 8) == 9).all()


def test_sixteen_bits_stay_sixteen_bits():
    square = fit_luma(np.full((64, 64), 60_000, np.uint16), 8)
    assert square.dtype == np.uint16 and (square == 60_000).all()


def test_quick_is_within_one_level():
    luma = np.random.default_rng(0).integers(0, 256, (640, 360), np.uint8)
    exact, quick = (fit_luma(luma, 64, quick=quick).astype(int) for quick in (False, True))
    assert 0 < np.abs(exact - quick).max() <= 1
    assert abs((quick - exact).mean()) < 0.25


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((0, 4), {}, "empty"),
        ((4, 4), {"fit": "stretch"}, "fit must be"),
        ((4, 4), {"pixel_aspect": 0.0}, "pixel aspect"),
    ],
)
def test_nonsense_is_refused(shape, options, message):
    with pytest.raises(ValueError, match=message):
        fit_luma(np.zeros(shape, np.uint8), 8, **options)
