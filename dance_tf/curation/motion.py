"""How much a dancer moves, without the motion of a camera that shakes, turns or zooms."""

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np

from dance_tf.video.isolation import no_heartbeat

# pictures are smoothed before they are compared: a camera shift of a fraction of a pixel changes sharp edges and noise
SOFTNESS = 2.0  # standard deviation of the smoothing, in pixels
CELL = 8  # side of the square that motion is averaged over, in pixels: about a limb at 128×128
NOISE_CELLS = 1.5  # how many times the median cell change counts as noise or camera
CAMERA_PIXEL = 0.3  # gray levels that remain after registration if the camera has moved by a pixel or more
CUT = 15.0  # gray levels; if half the picture changes more, the two frames show different scenes
MARGIN = 3  # pixels ignored at each edge, where a shifted picture has no content
STEPS = 3  # of the registration, which uses every second row and column
SMOOTHED = 64  # pictures that are kept: most are in two pairs
EARLY = 0.2  # share of the lag by which the second frame of a pair may come too early


def motion_energy(
    frames: np.ndarray,
    timestamps: np.ndarray,
    usable: np.ndarray,
    lag_seconds: float,
    median_seconds: float,
    heartbeat: Callable[[], None] = no_heartbeat,
) -> np.ndarray:
    """Return the motion of the most active part of each frame, beyond what moves everywhere.

    1. Pair each usable frame with the first one about `lag_seconds` later. Neighbours would not do: many clips repeat
       frames or have no constant frame rate.
    2. Measure the change of each pair with `change_beyond_camera`.
    3. Take the smaller of a frame's forward and backward change, so that frames at a cut count with their own scene.
    4. Take a running median over `median_seconds`, which removes short rests and flashes.

    Args:
        frames: uint8 [n, h, w].
        timestamps: float64 [n], seconds, ascending.
        usable: bool [n]; other frames are ignored.

    Returns:
        float64 [n], gray levels; infinite if unusable or if there is nothing to compare with.
    """
    places = np.flatnonzero(usable)
    times, order = timestamps[places], np.arange(len(places))
    lag = (1 - EARLY) * lag_seconds
    later = np.maximum(np.searchsorted(times, times + lag), order + 1)
    earlier = np.minimum(np.searchsorted(times, times - lag, side="right") - 1, order - 1)
    pairs = np.r_[np.c_[order, later][later < len(order)], np.c_[earlier, order][earlier >= 0]]
    energy = np.full((2, len(order)), np.inf)  # forward, backward
    smooth = lru_cache(SMOOTHED)(lambda place: _smooth(frames[place]))
    # at a constant rate each pair occurs twice: forward for its first frame and backward for its second
    for one, two in np.unique(pairs, axis=0).tolist():
        heartbeat()
        first, second = places[one], places[two]
        change = _change(frames[first], frames[second], smooth(first), smooth(second))
        if later[one] == two:
            energy[0, one] = change
        if earlier[two] == one:
            energy[1, two] = change
    result = np.full(len(frames), np.inf)
    result[places] = _running_median(energy.min(axis=0), times, median_seconds)
    return result


def _running_median(values: np.ndarray, timestamps: np.ndarray, seconds: float) -> np.ndarray:
    """Return for each time the (upper) median of the values within half of `seconds`."""
    reach = seconds / 2 + 1e-6
    first = np.searchsorted(timestamps, timestamps - reach)
    end = np.searchsorted(timestamps, timestamps + reach, side="right")
    return np.array([np.sort(values[one:two])[(two - one) // 2] for one, two in zip(first, end, strict=True)])


def _median(values: np.ndarray) -> float:
    """Return the median of values [n] without nan, as `np.median`, in a quarter of its time."""
    middle, odd = divmod(len(values), 2)
    if odd:
        return float(np.partition(values, middle)[middle])
    ordered = np.partition(values, (middle - 1, middle))
    return float((ordered[middle - 1] + ordered[middle]) / 2)


def change_beyond_camera(one: np.ndarray, two: np.ndarray) -> float:
    """Return the change of the most active cell between two pictures uint8 [h, w], less what changes everywhere.

    A pixel counts with the smaller of its change before and after registration: the first is 0 for captions over a
    shaking picture, the second for the background of a shaking camera. From the largest mean change of a cell,
    `NOISE_CELLS` times the median cell and the remains of the camera's motion (`CAMERA_PIXEL`) are subtracted.

    Returns:
        Gray levels; infinite if the pictures show different scenes.
    """
    return _change(one, two, _smooth(one), _smooth(two))


def _smooth(picture: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(picture.astype(np.float32), (0, 0), SOFTNESS)


def _change(one: np.ndarray, two: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """Return the change of two pictures, given with and without smoothing."""
    change = cv2.absdiff(first, second)
    height, width = first.shape
    travel = 0.0
    if min(height, width) > 2 * MARGIN + CELL:
        window = _hanning_window(height, width)
        shift, _ = cv2.phaseCorrelate(one.astype(np.float32), two.astype(np.float32), window)
        transform = register(first, second, shift if np.hypot(*shift) < width / 8 else (0.0, 0.0))
        corners = np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]])
        travel = float(np.hypot(*(transform @ corners - corners[:2])).mean())
        aligned = cv2.warpAffine(first, transform, (width, height), borderMode=cv2.BORDER_REPLICATE)
        change = cv2.min(change, cv2.absdiff(aligned, second))[MARGIN:-MARGIN, MARGIN:-MARGIN]
    cells = cv2.blur(change, (CELL, CELL))
    typical = _median(cells.ravel())
    if typical > CUT:
        return np.inf
    return float(cells.max()) - NOISE_CELLS * typical - CAMERA_PIXEL * min(1.0, travel)


# cv2.findTransformECC has no robust weights: with a dancer it was 100 times less exact, and 8 times slower
def register(one: np.ndarray, two: np.ndarray, shift: tuple[float, float]) -> np.ndarray:
    """Return the similarity transform (shift, rotation, zoom) that aligns two pictures by their background.

    Gauss-Newton steps on the difference of the pictures (Lucas and Kanade, 1981) with the robust weights of Geman and
    McClure (1987), so that a dancer, who moves differently from the background, has little influence.

    Args:
        one, two: float32 [h, w].
        shift: initial shift in pixels, right and down.

    Returns:
        float64 [2, 3], maps a pixel (x, y, 1) of `one` to `two`.
    """
    height, width = two.shape
    inner = (slice(MARGIN, height - MARGIN, 2), slice(MARGIN, width - MARGIN, 2))
    x, y = _offsets(height, width)
    slope_x, slope_y = (cv2.Sobel(two, cv2.CV_32F, *order, scale=1 / 8)[inner].ravel() for order in ((1, 0), (0, 1)))
    slopes = np.stack([slope_x, slope_y, slope_x * x + slope_y * y, slope_y * x - slope_x * y])
    transform = np.array([[1.0, 0.0, shift[0]], [0.0, 1.0, shift[1]], [0.0, 0.0, 1.0]])
    for _ in range(STEPS):
        aligned = cv2.warpAffine(one, transform[:2], (width, height), borderMode=cv2.BORDER_REPLICATE)
        residual = (two[inner] - aligned[inner]).ravel()
        scale = 2 * _median(np.abs(residual)) + 0.2
        weighted = slopes / (1 + (residual / scale) ** 2) ** 2
        normal = (weighted @ slopes.T).astype(np.float64)
        normal += np.eye(4) * (1e-3 * np.trace(normal) / 4 + 1e-6)  # keeps the identity if the picture has no texture
        right, down, zoom, turn = np.linalg.solve(normal, -(weighted @ residual).astype(np.float64))
        zoom, turn = zoom * 2 / width, turn * 2 / width
        centre = np.array([width / 2, height / 2])
        step = np.array([[1 + zoom, -turn, right], [turn, 1 + zoom, down], [0.0, 0.0, 1.0]])
        step[:2, 2] += centre - step[:2, :2] @ centre
        transform = step @ transform
    return transform[:2]


@lru_cache(maxsize=8)
def _offsets(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return how far right of and below the centre each pixel used lies, in half widths: float32, flat."""
    down, across = np.mgrid[MARGIN : height - MARGIN : 2, MARGIN : width - MARGIN : 2].astype(np.float32)
    return ((across - width / 2) * 2 / width).ravel(), ((down - height / 2) * 2 / width).ravel()


@lru_cache(maxsize=8)
def _hanning_window(height: int, width: int) -> np.ndarray:
    return cv2.createHanningWindow((width, height), cv2.CV_32F)
