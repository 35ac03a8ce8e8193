"""One decoded picture to gray values from 0 (black) to 255 (white), upright, in the square a network sees.

The luma plane is read where the decoder left it. Only pictures that have none (RGB, palettes) are weighed into one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from dance_tf.footage.framing import Fit, fit_luma

if TYPE_CHECKING:
    from av import VideoFrame

FULL_RANGE = 2  # AVCOL_RANGE_JPEG
RGB_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as in JPEG


@dataclass(frozen=True)
class Orientation:
    """How a stored picture is turned before it is shown: transposed first, then mirrored.

    Attributes:
        transpose: rows become columns.
        mirror: left and right change places.
        flip: top and bottom change places.
        exact: False where the file asks for an angle that is no multiple of 90 degrees; the nearest is used.
    """

    transpose: bool = False
    mirror: bool = False
    flip: bool = False
    exact: bool = True

    def apply(self, picture: np.ndarray) -> np.ndarray:
        """Turn a picture [h, w]; returns a contiguous array of its own."""
        if self.transpose:
            picture = picture.T
        if self.mirror:
            picture = picture[:, ::-1]
        if self.flip:
            picture = picture[::-1]
        return np.ascontiguousarray(picture)


UPRIGHT = Orientation()


def orientation_from_matrix(matrix: bytes) -> Orientation:
    """Read the display matrix of a video frame: nine 32-bit numbers, 16.16 fixed point (ISO 14496-12, 6.2.2).

    A stored pixel (x, y) is shown at (a·x + c·y, b·x + d·y). A matrix that turns nothing into a picture (all zeros,
    as broken files have) counts as upright.
    """
    values = np.frombuffer(matrix, "=i4").astype(np.float64)
    if values.size < 9:
        return UPRIGHT
    a, b, c, d = values[[0, 1, 3, 4]]
    straight, turned = abs(a) + abs(d), abs(b) + abs(c)
    if straight == 0 and turned == 0:
        return UPRIGHT
    exact = min(straight, turned) <= 0.01 * max(straight, turned)
    if turned > straight:
        return Orientation(transpose=True, mirror=c < 0, flip=b < 0, exact=exact)
    return Orientation(mirror=a < 0, flip=d < 0, exact=exact)


def frame_orientation(frame: VideoFrame) -> Orientation:
    """The orientation that a decoded frame carries (container flag or EXIF)."""
    for item in frame.side_data:
        if item.type.name == "DISPLAYMATRIX":
            return orientation_from_matrix(bytes(item))
    return UPRIGHT


def gray_square(
    frame: VideoFrame, size: int, fit: Fit, pixel_aspect: float = 1.0, orientation: Orientation = UPRIGHT
) -> np.ndarray:
    """Bring a decoded frame to gray values 0-255, upright, in a square.

    The plane is shrunk as it was stored, and only then stretched to full range and turned: both commute with area
    averaging and cost nothing on 128×128 pixels. Interlaced frames are woven; shrinking blends their two fields.
    Transparent parts lie on black.

    Returns:
        uint8 [size, size].
    """
    luma, black, white = _luma_plane(frame)
    square = fit_luma(luma, size, fit, pixel_aspect)
    if luma.dtype != np.uint8 or black != 0 or white != 255:
        # the bars of a padded square are 0, below any black, and stay 0
        square = _levels(luma.dtype.itemsize, black, white)[square]
    return square if orientation == UPRIGHT else orientation.apply(square)


def _luma_plane(frame: VideoFrame) -> tuple[np.ndarray, float, float]:
    """The gray plane of a frame with the values that stand for black and white in it."""
    layout = frame.format
    components = layout.components
    alpha = any(part.is_alpha for part in components)
    if layout.is_rgb or layout.has_palette or layout.is_bit_stream or alpha or "bayer" in layout.name:
        return _weighed(frame, alpha), 0, 255
    bits = components[0].bits
    wide = bits > 8
    plane = frame.planes[0]
    words = np.frombuffer(plane, (">u2" if layout.is_big_endian else "<u2") if wide else np.uint8)
    rows = words.reshape(plane.height, -1)
    if not layout.is_planar and len(components) > 1 and len(frame.planes) == 1:
        # packed 4:2:2: luma is every other sample
        first = 1 if layout.name.startswith("uyvy") else 0
        luma = rows[:, first : first + 2 * frame.width : 2]
    else:
        luma = rows[:, : frame.width]
    full = frame.color_range == FULL_RANGE or layout.name.startswith(("yuvj", "gray"))
    if wide:
        if not luma.dtype.isnative:
            luma = luma.astype(np.uint16)
        shift = 16 - bits if layout.name[0] in "py" and layout.name.startswith(("p0", "p2", "p4", "y2")) else 0
        step = float(1 << shift)
    else:
        step = 1.0
    if full:
        return luma, 0, ((1 << bits) - 1) * step
    scale = (1 << (bits - 8)) * step
    return luma, 16 * scale, 235 * scale


def _weighed(frame: VideoFrame, alpha: bool) -> np.ndarray:
    pixels = frame.to_ndarray(format="rgba" if alpha else "rgb24")
    gray = pixels[..., :3].astype(np.float32) @ RGB_WEIGHTS
    if alpha:
        gray *= pixels[..., 3].astype(np.float32) / 255
    return np.rint(gray).astype(np.uint8)


@lru_cache(maxsize=16)
def _levels(itemsize: int, black: float, white: float) -> np.ndarray:
    values = np.arange(256**itemsize, dtype=np.float64)
    return np.clip(np.rint((values - black) * (255 / (white - black))), 0, 255).astype(np.uint8)
