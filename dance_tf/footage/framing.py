"""From a luma plane of any size to the square that a network sees.

Nothing here keeps a buffer from frame to frame: writing into one instead of a new array (`dst=`, `out=`) was measured
and gains less than 2 of the 100 microseconds that a frame of 720×1280 takes.
"""

from typing import Literal

import cv2
import numpy as np

Fit = Literal["pad", "crop"]


def fit_luma(
    luma: np.ndarray, size: int = 128, fit: Fit = "pad", pixel_aspect: float = 1.0, quick: bool = False
) -> np.ndarray:
    """Scale a gray picture by area averaging into a square, its shape on the screen kept.

    Args:
        luma: uint8 or uint16 [h, w].
        size: side of the square, in pixels.
        fit: "pad" keeps the whole picture between black bars; "crop" fills the square with the picture's middle.
        pixel_aspect: width of a pixel over its height as displayed.
        quick: halve large pictures in whole pixels first. Two to four times as fast; the extra rounding is a bias of
            about +0.14 gray levels, never over 1.

    Returns:
        [size, size], of the dtype given.

    Raises:
        ValueError: an empty picture, an unknown fit, or a pixel aspect that is not a positive number.
    """
    height, width = luma.shape
    if height == 0 or width == 0:
        raise ValueError("cannot frame an empty picture")
    if not (pixel_aspect > 0 and np.isfinite(pixel_aspect)):
        raise ValueError(f"pixel aspect must be positive, not {pixel_aspect}")
    shown = width * pixel_aspect
    if fit == "pad":
        scale = size / max(shown, height)
        inner_width = min(size, max(1, round(shown * scale)))
        inner_height = min(size, max(1, round(height * scale)))
        inner = _resize(luma, inner_width, inner_height, quick)
        if inner.shape == (size, size):
            return inner
        square = np.zeros((size, size), luma.dtype)
        top, left = (size - inner_height) // 2, (size - inner_width) // 2
        square[top : top + inner_height, left : left + inner_width] = inner
        return square
    if fit == "crop":
        side = min(shown, height)
        keep_width = min(width, max(1, round(side / pixel_aspect)))
        keep_height = min(height, max(1, round(side)))
        top, left = (height - keep_height) // 2, (width - keep_width) // 2
        return _resize(luma[top : top + keep_height, left : left + keep_width], size, size, quick)
    raise ValueError(f'fit must be "pad" or "crop", not {fit!r}')


def _resize(luma: np.ndarray, width: int, height: int, quick: bool) -> np.ndarray:
    if luma.shape == (height, width):
        return luma.copy()
    if quick and luma.shape[0] >= 4 * height and luma.shape[1] >= 4 * width:
        # an odd last row or column is left to the averaging below, which then starts from the whole picture
        if luma.shape[0] % 2 == 0 and luma.shape[1] % 2 == 0:
            luma = cv2.resize(luma, (luma.shape[1] // 2, luma.shape[0] // 2), interpolation=cv2.INTER_AREA)
    # OpenCV averages areas only when both sides shrink, so a side that must grow is done in a second step
    shrunk_width, shrunk_height = min(width, luma.shape[1]), min(height, luma.shape[0])
    if luma.dtype == np.uint8 and _is_whole(luma.shape[0], shrunk_height) and _is_whole(luma.shape[1], shrunk_width):
        luma = _average_blocks(luma, shrunk_width, shrunk_height)
    elif (shrunk_height, shrunk_width) != luma.shape:
        luma = cv2.resize(luma, (shrunk_width, shrunk_height), interpolation=cv2.INTER_AREA)
    if (height, width) != luma.shape:
        luma = cv2.resize(luma, (width, height), interpolation=cv2.INTER_LINEAR)
    return luma


def _is_whole(side: int, shrunk: int) -> bool:
    # blocks of two OpenCV averages fast, and rounds halves up; sums of more than 257 rows would not fit in 16 bits
    return side % shrunk == 0 and 3 <= side // shrunk <= 257


def _average_blocks(luma: np.ndarray, width: int, height: int) -> np.ndarray:
    """Averages of whole blocks, bit for bit as OpenCV has them, which takes 1.7 to 3 times as long.

    Rows are summed first, as integers: that runs along memory.
    """
    tall, wide = luma.shape[0] // height, luma.shape[1] // width
    rows = np.add.reduce(luma.reshape(height, tall, luma.shape[1]), axis=1, dtype=np.uint16)
    averages = cv2.resize(rows.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    sums = np.rint(averages * np.float32(wide))  # whole again, so that halves are rounded as OpenCV rounds them
    return np.rint(sums * np.float32(1 / (tall * wide))).astype(np.uint8)


def picture_area(frames: np.ndarray, black: int = 8) -> tuple[slice, slice]:
    """Rows and columns that are not black in every frame: what lies between the bars of a padded clip.

    Args:
        frames: uint8 [n, h, w].
        black: gray level up to which a pixel counts as black.

    Returns:
        Two slices; the whole frame where nothing is brighter than black.
    """
    brightest = frames.max(axis=0) > black
    rows, columns = np.flatnonzero(brightest.any(axis=1)), np.flatnonzero(brightest.any(axis=0))
    if rows.size == 0:
        return slice(0, frames.shape[1]), slice(0, frames.shape[2])
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
