"""One decoded picture to gray values from 0 (black) to 255 (white), upright, in the square a network sees.

The luma plane is read where the decoder left it, and blended with the alpha plane where there is one. Only pictures
that have no luma (RGB, palettes) are weighed into one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from dance_tf.footage.framing import Fit, fit_luma

if TYPE_CHECKING:
    from av import VideoFrame

LIMITED_RANGE, FULL_RANGE = 1, 2  # AVCOL_RANGE_MPEG, AVCOL_RANGE_JPEG
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
    frame: VideoFrame,
    size: int,
    fit: Fit,
    pixel_aspect: float = 1.0,
    orientation: Orientation = UPRIGHT,
    quick: bool = False,
) -> np.ndarray:
    """Bring a decoded frame to gray values 0-255, upright, in a square.

    The plane is shrunk as it was stored, and only then stretched to full range and turned: both commute with area
    averaging and cost nothing on 128×128 pixels. Interlaced frames are woven; shrinking blends their two fields.
    Transparent parts lie on white, as on a page.

    Returns:
        uint8 [size, size].
    """
    luma, black, white = _luma_plane(frame)
    square = fit_luma(luma, size, fit, pixel_aspect, quick)
    if luma.dtype != np.uint8 or black != 0 or white != 255:
        # the bars of a padded square are 0, below any black, and stay 0
        levels = _levels(luma.dtype.itemsize, black, white)
        square = cv2.LUT(square, levels) if square.dtype == np.uint8 else levels[square]
    return square if orientation == UPRIGHT else orientation.apply(square)


def gray_picture(frame: VideoFrame, orientation: Orientation = UPRIGHT) -> np.ndarray:
    """The gray values 0-255 of a decoded frame, upright, at its own size.

    Framing it afterwards gives what `gray_square` gives but for rounding, which comes in another order.

    Returns:
        uint8 [h, w], an array of its own.
    """
    luma, black, white = _luma_plane(frame)
    if luma.dtype != np.uint8 or black != 0 or white != 255:
        luma = _levels(luma.dtype.itemsize, black, white)[luma]
    return orientation.apply(np.array(luma))


@dataclass(frozen=True)
class _PlaneLayout:
    """Where the luma of a pixel format lies: built once a format, as PyAV makes objects for each question."""

    weighed: bool
    transparent: bool
    alpha_plane: int
    dtype: str
    first: int
    step: int
    bits: int
    shift: int
    full: bool
    gray: bool


@lru_cache(maxsize=64)
def _plane_layout(name: str) -> _PlaneLayout:
    from av import VideoFormat

    layout = VideoFormat(name)
    components = layout.components
    alpha = next((part for part in components if part.is_alpha), None)
    bits = components[0].bits
    # two values lie side by side: luma and chroma, or gray and alpha
    packed = name.startswith(("yuyv", "uyvy", "yvyu", "y210", "y212", "ya8", "ya16"))
    high_bits = name.startswith(
        ("p010", "p012", "p016", "p210", "p212", "p216", "p410", "p412", "p416", "y210", "y212")
    )
    without_luma = layout.is_rgb or layout.has_palette or layout.is_bit_stream or name.startswith(("bayer", "xyz"))
    in_pixels = len(components) > 1 and not layout.is_planar and not packed
    return _PlaneLayout(
        weighed=without_luma or in_pixels or not 8 <= bits <= 16 or name.startswith(("grayf", "yaf")),
        transparent=alpha is not None,
        alpha_plane=alpha.plane if alpha is not None else 0,
        dtype="u1" if bits <= 8 else ">u2" if layout.is_big_endian else "<u2",
        first=1 if name.startswith("uyvy") else 0,
        step=2 if packed else 1,
        bits=bits,
        shift=16 - bits if high_bits else 0,
        full=name.startswith("yuvj"),
        gray=name.startswith(("gray", "ya")),
    )


def _luma_plane(frame: VideoFrame) -> tuple[np.ndarray, int, int]:
    """The gray plane of a frame with the values that stand for black and white in it."""
    layout = _plane_layout(frame.format.name)
    if layout.weighed:
        return _weighed(frame, layout.transparent), 0, 255
    luma = _plane(frame, layout, 0, layout.first)
    # gray pictures are full range unless they say otherwise, as a monochrome video may
    if layout.full or frame.color_range == FULL_RANGE or (layout.gray and frame.color_range != LIMITED_RANGE):
        black, white = 0, ((1 << layout.bits) - 1) << layout.shift
    else:
        scale = 1 << (layout.bits - 8 + layout.shift)
        black, white = 16 * scale, 235 * scale
    if layout.transparent:
        beside = 1 if layout.alpha_plane == 0 else 0
        luma = _over(luma, _plane(frame, layout, layout.alpha_plane, beside), white, (1 << layout.bits) - 1)
    return luma, black, white


def _plane(frame: VideoFrame, layout: _PlaneLayout, number: int, first: int) -> np.ndarray:
    """The values of one component, where the decoder left them if they are in the machine's order of bytes."""
    plane = frame.planes[number]
    rows = np.frombuffer(plane, layout.dtype).reshape(plane.height, -1)
    values = rows[:, first : first + layout.step * frame.width : layout.step]
    return values if values.dtype.isnative else values.astype(np.uint16)


def _over(luma: np.ndarray, alpha: np.ndarray, background: int, opaque: int) -> np.ndarray:
    """Blend a plane with its background by alpha, which counts from 0 to `opaque` whatever the range of the luma."""
    if alpha.min() == opaque:
        return luma
    share = alpha.astype(np.float32) / opaque
    return np.rint(background + (luma.astype(np.float32) - background) * share).astype(luma.dtype)


def _weighed(frame: VideoFrame, transparent: bool) -> np.ndarray:
    pixels = frame.to_ndarray(format="rgba" if transparent else "rgb24")
    gray = pixels[..., :3].astype(np.float32) @ RGB_WEIGHTS
    if transparent:
        opaque = pixels[..., 3].astype(np.float32) / 255
        gray = gray * opaque + 255 * (1 - opaque)
    return np.rint(gray).astype(np.uint8)


@lru_cache(maxsize=16)
def _levels(itemsize: int, black: int, white: int) -> np.ndarray:
    values = np.arange(256**itemsize, dtype=np.float64)
    return np.clip(np.rint((values - black) * (255 / (white - black))), 0, 255).astype(np.uint8)
