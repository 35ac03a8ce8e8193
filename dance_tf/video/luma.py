"""One decoded picture to gray values from 0 (black) to 255 (white), upright, in the square a network sees.

The luma plane is read where the decoder left it, and blended with the alpha plane where there is one. Only pictures
that have no luma (RGB, palettes) are weighed into one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

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
