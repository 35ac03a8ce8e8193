"""Convert a decoded picture to gray values from 0 (black) to 255 (white), upright, in the network's square.

The luma plane is read directly from the decoder's memory, and blended with the alpha plane if there is one. Only
pictures without luma (RGB, palettes) are converted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

if TYPE_CHECKING:
    from av import VideoFrame

Fit = Literal["pad", "crop"]
LIMITED_RANGE, FULL_RANGE = 1, 2  # AVCOL_RANGE_MPEG, AVCOL_RANGE_JPEG
BLACK = 8  # highest gray level that counts as black
RGB_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as in JPEG


def fit_luma(luma: np.ndarray, size: int = 128, fit: Fit = "pad", pixel_aspect: float = 1.0) -> np.ndarray:
    """Scale a gray picture into a square by area averaging; its displayed aspect ratio is kept.

    Args:
        luma: uint8 or uint16 [h, w], like the result [size, size].
        fit: "pad" keeps the whole picture between black bars; "crop" fills the square with the picture's middle.
        pixel_aspect: width of a pixel over its height as displayed.
    """
    height, width = luma.shape
    displayed_width = width * pixel_aspect
    if fit == "crop":
        side = min(displayed_width, height)
        kept_width = min(width, max(1, round(side / pixel_aspect)))
        kept_height = min(height, max(1, round(side)))
        top, left = (height - kept_height) // 2, (width - kept_width) // 2
        return _resize(luma[top : top + kept_height, left : left + kept_width], size, size)
    scale = size / max(displayed_width, height)
    inner_width = min(size, max(1, round(displayed_width * scale)))
    inner_height = min(size, max(1, round(height * scale)))
    square = np.zeros((size, size), luma.dtype)
    top, left = (size - inner_height) // 2, (size - inner_width) // 2
    square[top : top + inner_height, left : left + inner_width] = _resize(luma, inner_width, inner_height)
    return square


def _resize(luma: np.ndarray, width: int, height: int) -> np.ndarray:
    if luma.shape == (height, width):
        return luma.copy()
    # OpenCV averages areas only if both sides shrink, so a side that grows is resized in a second step
    shrunk_width, shrunk_height = min(width, luma.shape[1]), min(height, luma.shape[0])
    if luma.dtype == np.uint8 and all(
        # OpenCV is fast for factors of 2, and rounds them differently; sums of over 257 rows do not fit in 16 bits
        side % shrunk == 0 and 3 <= side // shrunk <= 257
        for side, shrunk in zip(luma.shape, (shrunk_height, shrunk_width), strict=True)
    ):
        luma = _average_blocks(luma, shrunk_width, shrunk_height)
    elif (shrunk_height, shrunk_width) != luma.shape:
        luma = cv2.resize(luma, (shrunk_width, shrunk_height), interpolation=cv2.INTER_AREA)
    if (height, width) != luma.shape:
        luma = cv2.resize(luma, (width, height), interpolation=cv2.INTER_LINEAR)
    return luma


def _average_blocks(luma: np.ndarray, width: int, height: int) -> np.ndarray:
    """Average whole blocks, bit for bit as OpenCV does, in a half to a third of its time.

    Rows are summed first, as integers, in the order of memory.
    """
    block_height, block_width = luma.shape[0] // height, luma.shape[1] // width
    rows = np.add.reduce(luma.reshape(height, block_height, luma.shape[1]), axis=1, dtype=np.uint16)
    averages = cv2.resize(rows.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    sums = np.rint(averages * np.float32(block_width))  # integers again, so that halves are rounded as in OpenCV
    return np.rint(sums * np.float32(1 / (block_height * block_width))).astype(np.uint8)


def picture_area(frames: np.ndarray) -> tuple[slice, slice]:
    """Return the rows and columns between the black bars of a padded clip.

    Args:
        frames: uint8 [n, h, w]; all of the frame is returned if all pixels are black.
    """
    bright = frames.max(axis=0) > BLACK
    rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
    if rows.size == 0:
        return slice(0, frames.shape[1]), slice(0, frames.shape[2])
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


@dataclass(frozen=True)
class Orientation:
    """How to turn a stored picture for display: transpose first, then mirror."""

    transpose: bool = False  # swap rows and columns
    mirror: bool = False  # swap left and right
    flip: bool = False  # swap top and bottom
    exact: bool = True  # False if the file's angle is not a multiple of 90 degrees; the nearest is used

    def apply(self, picture: np.ndarray) -> np.ndarray:
        """Return the turned picture [h, w] or [h, w, c], contiguous."""
        picture = picture.swapaxes(0, 1) if self.transpose else picture
        return np.ascontiguousarray(picture[:: -1 if self.flip else 1, :: -1 if self.mirror else 1])


UPRIGHT = Orientation()


def orientation_from_matrix(matrix: bytes) -> Orientation:
    """Read the display matrix of a video frame: nine 32-bit numbers, 16.16 fixed point (ISO 14496-12, 6.2.2).

    A stored pixel (x, y) is shown at (a·x + c·y, b·x + d·y). An invalid matrix (all zeros) counts as upright.
    """
    values = np.frombuffer(matrix, "=i4").astype(np.float64)
    if values.size < 9 or not values[[0, 1, 3, 4]].any():
        return UPRIGHT
    a, b, c, d = values[[0, 1, 3, 4]]
    straight, turned = abs(a) + abs(d), abs(b) + abs(c)
    exact = min(straight, turned) <= 0.01 * max(straight, turned)
    if turned > straight:
        return Orientation(transpose=True, mirror=c < 0, flip=b < 0, exact=exact)
    return Orientation(mirror=a < 0, flip=d < 0, exact=exact)


def frame_orientation(frame: VideoFrame) -> Orientation:
    """Return the orientation of a decoded frame (container flag or EXIF)."""
    matrices = (bytes(item) for item in frame.side_data if item.type.name == "DISPLAYMATRIX")
    return orientation_from_matrix(next(matrices, b""))


def gray_frame(
    frame: VideoFrame, orientation: Orientation = UPRIGHT, shrink: Callable[[np.ndarray], np.ndarray] = np.array
) -> np.ndarray:
    """Convert a decoded frame to gray values 0-255, upright; transparent parts become white.

    The plane is shrunk first, then stretched to full range and turned: both commute with area averaging and are fast
    on 128×128 pixels. Shrinking blends the two fields of interlaced frames.

    Args:
        shrink: applied to the luma plane [h, w], such as `fit_luma`; by default it only copies.

    Returns:
        uint8, of the shape that `shrink` gives.
    """
    luma, black, white = _luma_plane(frame)
    # the bars of a padded square are 0, below any black, and stay 0
    return orientation.apply(_stretch(shrink(luma), black, white))


@lru_cache(maxsize=64)  # PyAV creates objects for each query
def _plane_layout(name: str) -> SimpleNamespace:
    """Return where a pixel format stores its luma."""
    from av import VideoFormat

    layout = VideoFormat(name)
    components = layout.components
    alpha = next((part.plane for part in components if part.is_alpha), None)
    bits = components[0].bits
    # two values alternate in one plane: luma and chroma, or gray and alpha
    packed = name.startswith(("yuyv", "uyvy", "yvyu", "y210", "y212", "ya8", "ya16"))
    high_bits = re.match("p[024]1[026]|y21[02]", name)
    in_pixels = len(components) > 1 and not layout.is_planar and not packed
    return SimpleNamespace(
        without_luma=in_pixels
        or not 8 <= bits <= 16
        or (layout.is_rgb or layout.has_palette or layout.is_bit_stream)
        or name.startswith(("bayer", "xyz", "grayf", "yaf")),
        transparent=alpha is not None,
        alpha_plane=alpha,
        dtype="u1" if bits <= 8 else ">u2" if layout.is_big_endian else "<u2",
        first=1 if name.startswith("uyvy") else 0,
        step=2 if packed else 1,
        bits=bits,
        shift=16 - bits if high_bits else 0,
        full_range=name.startswith("yuvj"),
        gray=name.startswith(("gray", "ya")),
    )


def _luma_plane(frame: VideoFrame) -> tuple[np.ndarray, int, int]:
    """Return the gray plane of a frame, and the values of black and white in it."""
    layout = _plane_layout(frame.format.name)
    if layout.without_luma:
        return _weighted_rgb(frame, layout.transparent), 0, 255
    luma = _plane(frame, layout, 0, layout.first)
    # gray pictures are full range unless marked otherwise, as a monochrome video may be
    if layout.full_range or frame.color_range == FULL_RANGE or (layout.gray and frame.color_range != LIMITED_RANGE):
        black, white = 0, ((1 << layout.bits) - 1) << layout.shift
    else:
        scale = 1 << (layout.bits - 8 + layout.shift)
        black, white = 16 * scale, 235 * scale
    if layout.transparent:
        opaque = (1 << layout.bits) - 1  # in limited range too
        alpha = _plane(frame, layout, layout.alpha_plane, 1 if layout.alpha_plane == 0 else 0)
        if alpha.min() != opaque:
            weight = alpha.astype(np.float32) / opaque
            luma = np.rint(white + (luma.astype(np.float32) - white) * weight).astype(luma.dtype)
    return luma, black, white


def _plane(frame: VideoFrame, layout: SimpleNamespace, number: int, first: int) -> np.ndarray:
    """Return the values of one component, without a copy if they are in native byte order."""
    plane = frame.planes[number]
    rows = np.frombuffer(plane, layout.dtype).reshape(plane.height, -1)
    values = rows[:, first : first + layout.step * frame.width : layout.step]
    return values if values.dtype.isnative else values.astype(np.uint16)


def _weighted_rgb(frame: VideoFrame, transparent: bool) -> np.ndarray:
    pixels = frame.to_ndarray(format="rgba" if transparent else "rgb24")
    gray = pixels[..., :3].astype(np.float32) @ RGB_WEIGHTS
    if transparent:
        weight = pixels[..., 3].astype(np.float32) / 255
        gray = gray * weight + 255 * (1 - weight)
    return np.rint(gray).astype(np.uint8)


def _stretch(values: np.ndarray, black: int, white: int) -> np.ndarray:
    """Map black to 0 and white to 255."""
    if values.dtype == np.uint8 and (black, white) == (0, 255):
        return values
    levels = _gray_levels(values.dtype.itemsize, black, white)
    return cv2.LUT(values, levels) if values.dtype == np.uint8 else levels[values]


@lru_cache(maxsize=16)
def _gray_levels(itemsize: int, black: int, white: int) -> np.ndarray:
    values = np.arange(256**itemsize, dtype=np.float64)
    return np.clip(np.rint((values - black) * (255 / (white - black))), 0, 255).astype(np.uint8)
