"""How much somebody moves in a clip, told apart from a camera that shakes, turns or zooms."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import cv2
import numpy as np

from dance_tf.video.isolation import no_heartbeat

# two pictures are softened before they are compared: where a camera's shake falls between pixels, sharp edges and noise
# differ although nothing has moved
SOFTNESS = 2.0  # standard deviation of the softening, in pixels
CELL = 8  # side of the square that motion is averaged over, in pixels: about a limb at 128×128
NOISE_CELLS = 1.5  # how many times the typical cell's change counts as noise or camera
CAMERA_PIXEL = 0.3  # gray levels that a registration leaves undone where the camera has moved by a pixel or more
CUT = 15.0  # gray levels: where half the picture changes more than this, the scene is cut and tells nothing of motion
MARGIN = 3  # pixels left out at each edge, where a moved picture has no content
STEPS = 3  # of the registration, which looks at every second row and column
EARLY = 0.2  # share of the lag by which the second frame of a pair may come too early


def motion_energy(
    frames: Sequence[np.ndarray],
    timestamps: np.ndarray,
    lag_seconds: float,
    seconds: float,
    heartbeat: Callable[[], None] = no_heartbeat,
) -> np.ndarray:
    """How strongly the liveliest place of a frame moves, beyond what moves everywhere.

    Each frame is compared with the first that comes `lag_seconds` later, or hardly less: not with its neighbour, as
    many clips hold frames twice, and not by a count of frames, as many clips have no steady rate. A pixel counts by the
    smaller of its change as it is and its change after the camera's shift, turn and zoom between the two frames are
    undone: the first is 0 for captions laid over a shaking picture, the second for the room behind a shaking camera.
    Of the cells' mean changes, the largest is taken, less `NOISE_CELLS` times the median and less what the camera's
    motion leaves undone (`CAMERA_PIXEL`); of a frame's comparisons forwards and backwards the smaller, so that the
    frames beside a cut count with their own side; and a running median over `seconds` bridges short rests and flashes.

    Args:
        frames: uint8 [n, h, w], an array or `Pictures`.
        timestamps: float64 [n], seconds, ascending.
        lag_seconds: time between the two frames compared.
        seconds: length of the running median.
        heartbeat: called for each comparison.

    Returns:
        float64 [n], gray levels; infinite where it cannot be told.
    """
    least = (1 - EARLY) * lag_seconds
    places = np.arange(len(frames))
    later = np.maximum(np.searchsorted(timestamps, timestamps + least), places + 1)
    earlier = np.minimum(np.searchsorted(timestamps, timestamps - least, side="right") - 1, places - 1)
    pairs = np.r_[np.c_[places, later][later < len(frames)], np.c_[earlier, places][earlier >= 0]]
    energy = np.full((2, len(frames)), np.inf)  # of the comparisons forwards, backwards
    # at a steady rate each pair stands here twice, forwards of its one frame and backwards of its other
    for one, two in np.unique(pairs, axis=0):
        heartbeat()
        change = change_beyond_camera(frames[one], frames[two])
        if later[one] == two:
            energy[0, one] = change
        if earlier[two] == one:
            energy[1, two] = change
    return _running_median(energy.min(axis=0), timestamps, seconds)


def _running_median(values: np.ndarray, timestamps: np.ndarray, seconds: float) -> np.ndarray:
    """For each moment the median of the values at most half of `seconds` away, the larger of two."""
    reach = seconds / 2 + 1e-6
    first = np.searchsorted(timestamps, timestamps - reach)
    end = np.searchsorted(timestamps, timestamps + reach, side="right")
    return np.array([np.sort(values[one:two])[(two - one) // 2] for one, two in zip(first, end, strict=True)])


def change_beyond_camera(one: np.ndarray, two: np.ndarray) -> float:
    """The change of the liveliest cell between two pictures uint8 [h, w], less what changes everywhere.

    Returns:
        gray levels; infinite where the pictures show different scenes.
    """
    first, second = _soften(one), _soften(two)
    change = cv2.absdiff(first, second)
    height, width = first.shape
    travel = 0.0
    if min(height, width) > 2 * MARGIN + CELL:
        shift, _ = cv2.phaseCorrelate(one.astype(np.float32), two.astype(np.float32), _window(height, width))
        start = shift if np.hypot(*shift) < width / 8 else (0.0, 0.0)
        moved = register(first, second, start)
        corners = np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]])
        travel = float(np.hypot(*(moved @ corners - corners[:2])).mean())
        aligned = cv2.warpAffine(first, moved, (width, height), borderMode=cv2.BORDER_REPLICATE)
        change = cv2.min(change, cv2.absdiff(aligned, second))[MARGIN:-MARGIN, MARGIN:-MARGIN]
    cells = cv2.blur(change, (CELL, CELL))
    typical = float(np.median(cells))
    if typical > CUT:
        return np.inf
    return float(cells.max()) - NOISE_CELLS * typical - CAMERA_PIXEL * min(1.0, travel)


def _soften(picture: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(picture.astype(np.float32), (0, 0), SOFTNESS)


def register(one: np.ndarray, two: np.ndarray, shift: tuple[float, float]) -> np.ndarray:
    """Find the shift, turn and zoom that lay one picture over another, whoever dances before the room.

    Gauss-Newton steps on the difference of the pictures (Lucas and Kanade 1981), in which a pixel counts the less, the
    worse it fits (Geman and McClure 1987): a dancer moves otherwise than the room does.

    Args:
        one: float32 [h, w].
        two: float32 [h, w].
        shift: in pixels, right and down, to begin with.

    Returns:
        float64 [2, 3], where a pixel (x, y, 1) of `one` lies in `two`.
    """
    height, width = two.shape
    inner = (slice(MARGIN, height - MARGIN, 2), slice(MARGIN, width - MARGIN, 2))
    across, down = _places(height, width)
    slope_x, slope_y = (cv2.Sobel(two, cv2.CV_32F, *order, scale=1 / 8)[inner].ravel() for order in ((1, 0), (0, 1)))
    slopes = np.stack([slope_x, slope_y, slope_x * across + slope_y * down, slope_y * across - slope_x * down])
    moved = np.array([[1.0, 0.0, shift[0]], [0.0, 1.0, shift[1]], [0.0, 0.0, 1.0]])
    for _ in range(STEPS):
        aligned = cv2.warpAffine(one, moved[:2], (width, height), borderMode=cv2.BORDER_REPLICATE)
        misfit = (two[inner] - aligned[inner]).ravel()
        usual = 2 * float(np.median(np.abs(misfit))) + 0.2
        weighted = slopes / (1 + (misfit / usual) ** 2) ** 2
        normal = (weighted @ slopes.T).astype(np.float64)
        normal += np.eye(4) * (1e-3 * np.trace(normal) / 4 + 1e-6)  # a plain wall tells nothing: then nothing moves
        right, below, zoom, turn = np.linalg.solve(normal, -(weighted @ misfit).astype(np.float64))
        zoom, turn = zoom * 2 / width, turn * 2 / width
        centre = np.array([width / 2, height / 2])
        step = np.array([[1 + zoom, -turn, right], [turn, 1 + zoom, below], [0.0, 0.0, 1.0]])
        step[:2, 2] += centre - step[:2, :2] @ centre
        moved = step @ moved
    return moved[:2]


@lru_cache(maxsize=8)
def _places(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """How far right and down of the middle each pixel looked at lies, in half widths: float32, flat."""
    down, across = np.mgrid[MARGIN : height - MARGIN : 2, MARGIN : width - MARGIN : 2].astype(np.float32)
    return ((across - width / 2) * 2 / width).ravel(), ((down - height / 2) * 2 / width).ravel()


@lru_cache(maxsize=8)
def _window(height: int, width: int) -> np.ndarray:
    return cv2.createHanningWindow((width, height), cv2.CV_32F)
