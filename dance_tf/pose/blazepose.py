"""BlazePose: find people in a frame, and the 33 landmarks of a person in a region of a frame.

Two LiteRT networks: a detector, run on the whole frame, and the landmark network, run on a rotated square around one
person. The landmarks give the region of the next frame, so that the detector is needed only where a person is lost.

Reference:
    Bazarevsky et al. 2020, "BlazePose: On-device real-time body pose tracking", arXiv:2006.10204.
"""

import time
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from dance_tf.pose.weights import Weights

DETECTOR_SIDE, LANDMARK_SIDE = 224, 256  # pixels, of the squares that the networks read
STRIDES = (8, 16, 32, 32, 32)  # of the detector's layers; each place of a layer has two anchors
THRESHOLD = 0.5  # lowest score of a detection, and lowest presence of a pose
OVERLAP = 0.3  # detections with a larger intersection over union show the same person
REGION_SCALE = 1.25  # side of a region over the circle that the two alignment points describe
LANDMARKS = 33  # the network adds six; the first two of those are the alignment points
STEP = 1 / 30  # seconds between two frames, as the region's filter counts them at any frame rate
SLOWEST, GAIN, CHANGE = 0.01, 10.0, 1.0  # of that filter: Hz, Hz at a speed of one circle per second, Hz
KERNEL, SURE = 4, 0.5  # half width of a heatmap's neighbourhood that corrects a landmark, and the least maximum in it


@dataclass(frozen=True)
class Region:
    """A square in a frame, upright for the person in it."""

    x: float  # middle, pixels of the frame
    y: float
    side: float  # pixels of the frame
    angle: float = 0.0  # radians, by which the square is turned clockwise as seen

    def to_frame(self, side: int) -> np.ndarray:
        """Return the affine map float64 [2, 3] from a crop of `side` × `side` pixels to the frame."""
        scale = self.side / side
        cosine, sine = scale * np.cos(self.angle), scale * np.sin(self.angle)
        turn = np.array([[cosine, -sine], [sine, cosine]])
        return np.column_stack([turn, np.array([self.x, self.y]) - turn @ [side / 2, side / 2]])

    def crop(self, frame: np.ndarray, side: int, border: int = cv2.BORDER_REPLICATE) -> np.ndarray:
        """Return the region of a frame uint8 [h, w, c], scaled to uint8 [side, side, c]."""
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(frame, self.to_frame(side), (side, side), flags=flags, borderMode=border)


@dataclass(frozen=True, eq=False)
class Pose:
    """One person in one frame."""

    landmarks: np.ndarray  # float32 [33, 5]: x, y, z in pixels of the frame, visibility and presence from 0 to 1
    world: np.ndarray  # float32 [33, 3], metres from the middle of the hips: x as the frame, y down, z away
    presence: float  # probability of a person in the region
    mask_logits: np.ndarray  # float32 [256, 256], see `mask`
    region: Region  # that was read
    alignment: np.ndarray  # float64 [2, 2], the two alignment points in pixels, from which `region_of` makes a region

    @property
    def mask(self) -> np.ndarray:
        """Probability that a pixel of the region shows the person, float32 [256, 256]."""
        return _sigmoid(self.mask_logits)


class BlazePose:
    """Both networks, ready to run.

    Args:
        weights: of `load_weights`.

    Raises:
        ValueError: the weights are not those of BlazePose.
    """

    def __init__(self, weights: Weights, threads: int = 1) -> None:
        self._detector = _Network(weights.detector, threads, (2254 * 12, 2254))
        self._landmarks = _Network(weights.landmarks, threads, (195, 1, LANDMARK_SIDE**2, 64 * 64 * 39, 117))

    @property
    def seconds(self) -> float:
        """Seconds that both networks have run."""
        return self._detector.seconds + self._landmarks.seconds

    def detect(self, frame: np.ndarray) -> list[Region]:
        """Return the regions of all people found in a frame uint8 [h, w, 3], RGB, the best one first."""
        height, width = frame.shape[:2]
        whole = Region(width / 2, height / 2, max(height, width))
        crop = whole.crop(frame, DETECTOR_SIDE, cv2.BORDER_CONSTANT)
        values, scores = self._detector.run(crop, 2 / 255, -1)
        found = decode_detections(values.reshape(-1, 12), _sigmoid(scores.ravel()))
        to_frame = whole.to_frame(DETECTOR_SIDE) @ np.diag([DETECTOR_SIDE, DETECTOR_SIDE, 1])
        # of the four points, the first two are the alignment points of the whole body
        return [
            region_of(*(to_frame[:, :2] @ point + to_frame[:, 2] for point in (one[4:6], one[6:8]))) for one in found
        ]

    def pose(self, frame: np.ndarray, region: Region) -> Pose | None:
        """Return the person in a region of a frame uint8 [h, w, 3], RGB; None if there is none."""
        values, presence, mask, heatmaps, world = self._landmarks.run(region.crop(frame, LANDMARK_SIDE), 1 / 255)
        if presence.item() < THRESHOLD:
            return None
        points = values.reshape(39, 5).copy()
        points[:, :2] = refine(points[:, :2] / LANDMARK_SIDE, heatmaps[0]) * LANDMARK_SIDE
        to_frame = region.to_frame(LANDMARK_SIDE)
        points[:, :2] = points[:, :2] @ to_frame[:, :2].T + to_frame[:, 2]
        points[:, 2] *= region.side / LANDMARK_SIDE
        points[:, 3:] = _sigmoid(points[:, 3:])
        world = world.reshape(39, 3)[:LANDMARKS].copy()
        world[:, :2] = world[:, :2] @ Region(0, 0, 1, region.angle).to_frame(1)[:, :2].T
        alignment = points[LANDMARKS : LANDMARKS + 2, :2].astype(np.float64)
        return Pose(points[:LANDMARKS], world, presence.item(), mask[0, :, :, 0], region, alignment)


class RegionFilter:
    """Gives the region of a person in the next frame, without the jitter of the alignment points.

    MediaPipe filters them in the same way. On our synthetic clips, this raises the share of correct joints a little.

    Reference:
        Casiez, Roussel, Vogel 2012, "1 € filter: a simple speed-based low-pass filter for noisy input".
    """

    def __init__(self) -> None:
        self._last = self._steady = self._speed = None

    def next_region(self, pose: Pose) -> Region:
        """Return the region to read in the frame after `pose`."""
        points = pose.alignment
        if self._last is None:
            self._steady, self._speed = points, np.zeros_like(points)
        else:
            circle = 2 * max(np.hypot(*(points[1] - points[0])), 1e-6)
            self._speed = _blend(CHANGE, (points - self._last) / circle / STEP, self._speed)
            self._steady = _blend(SLOWEST + GAIN * np.abs(self._speed), points, self._steady)
        self._last = points
        return region_of(*self._steady)


def _blend(cutoff: float | np.ndarray, new: np.ndarray, old: np.ndarray) -> np.ndarray:
    """Take one step of a low-pass filter of first order with a cut-off frequency in Hz."""
    share = 1 / (1 + 1 / (2 * np.pi * cutoff * STEP))
    return share * new + (1 - share) * old


class _Network:
    """A LiteRT network whose outputs are recognised by their sizes."""

    def __init__(self, content: bytes, threads: int, sizes: tuple[int, ...]) -> None:
        self.seconds = 0.0
        from ai_edge_litert.interpreter import Interpreter

        try:
            self._interpreter = Interpreter(model_content=content, num_threads=threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"the pose weights are not those of a LiteRT network ({error})") from error
        self._input = self._interpreter.get_input_details()[0]["index"]
        outputs = {int(np.prod(one["shape"])): one["index"] for one in self._interpreter.get_output_details()}
        if not set(sizes) <= set(outputs):
            raise ValueError(f"a network with outputs of {sorted(outputs)} values is not one of BlazePose")
        self._outputs = [outputs[size] for size in sizes]

    def run(self, crop: np.ndarray, scale: float, shift: float = 0.0) -> list[np.ndarray]:
        """Return the outputs for a crop uint8 [side, side, 3] times `scale` plus `shift`."""
        pixels = crop[None].astype(np.float32)
        pixels *= np.float32(scale)
        pixels += np.float32(shift)
        self._interpreter.set_tensor(self._input, pixels)
        started = time.perf_counter()
        self._interpreter.invoke()
        self.seconds += time.perf_counter() - started
        return [self._interpreter.get_tensor(index) for index in self._outputs]


@lru_cache
def anchors() -> np.ndarray:
    """Return the middles x, y of the detector's anchors, float32 [2254, 2], as shares of the square."""
    grids = []
    for stride in sorted(set(STRIDES)):
        count = DETECTOR_SIDE // stride
        rows, columns = np.mgrid[:count, :count]
        places = (np.stack([columns, rows], axis=-1).reshape(-1, 2) + 0.5) / count
        grids.append(np.repeat(places, 2 * STRIDES.count(stride), axis=0))
    return np.concatenate(grids).astype(np.float32)


def decode_detections(values: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the people that the detector found, the best one first.

    Args:
        values: float32 [2254, 12], for each anchor x, y, width, height, and x, y of four points, in pixels; places are
            relative to the anchor.
        scores: float32 [2254], from 0 to 1.

    Returns:
        float32 [n, 12], the same as shares of the square, without duplicates.
    """
    likely = np.flatnonzero(scores >= THRESHOLD)
    found = values[likely] / DETECTOR_SIDE
    places = anchors()[likely]
    found[:, :2] += places
    found[:, 4:] += np.tile(places, 4)
    return merge_detections(found, scores[likely])


def merge_detections(found: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Replace detections that overlap by their mean, weighted by score (weighted non-maximum suppression).

    Args:
        found: float [n, k], each with x, y of the middle, width and height first; `scores` are float [n].

    Returns:
        float [m, k], in descending order of the best score of each group.
    """
    order = np.argsort(-scores, kind="stable")
    merged = []
    while order.size:
        low, high = found[order, :2] - found[order, 2:4] / 2, found[order, :2] + found[order, 2:4] / 2
        shared = np.maximum(np.minimum(high, high[0]) - np.maximum(low, low[0]), 0).prod(axis=1)
        area = found[order, 2:4].prod(axis=1)
        same = shared > OVERLAP * (area + area[0] - shared)
        same[0] = True
        merged.append(np.average(found[order[same]], axis=0, weights=scores[order[same]]))
        order = order[~same]
    return np.array(merged).reshape(-1, found.shape[1])


def region_of(middle: np.ndarray, top: np.ndarray) -> Region:
    """Return the region of a person from two points [2] in pixels.

    Args:
        middle: of the hips.
        top: a point on the circle around the whole body, above the head of a person who stands.
    """
    right, down = top - middle
    side = 2 * REGION_SCALE * float(np.hypot(right, down))
    return Region(float(middle[0]), float(middle[1]), side, float(np.arctan2(right, -down)))


def refine(points: np.ndarray, heatmaps: np.ndarray) -> np.ndarray:
    """Move each point to the centre of mass of its heatmap's neighbourhood, where the heatmap is sure.

    Args:
        points: float [n, 2], x, y as shares of the region.
        heatmaps: float32 [h, w, n], logits.

    Returns:
        float32 [n, 2].
    """
    sides = np.array(heatmaps.shape[1::-1])
    centres = np.floor(points * sides).astype(int)
    inside = ((centres >= 0) & (centres < sides)).all(axis=1)
    steps = np.arange(-KERNEL, KERNEL + 1)
    columns, rows = centres[:, 0, None] + steps, centres[:, 1, None] + steps
    used = ((rows >= 0) & (rows < sides[1]))[:, :, None] & ((columns >= 0) & (columns < sides[0]))[:, None, :]
    numbers = np.arange(len(points))[:, None, None]
    near = rows.clip(0, sides[1] - 1)[:, :, None], columns.clip(0, sides[0] - 1)[:, None, :], numbers
    weights = _sigmoid(heatmaps[near]) * used
    total = np.maximum(weights.sum(axis=(1, 2)), 1e-12)
    means = [(weights * places).sum(axis=(1, 2)) / total for places in (columns[:, None, :], rows[:, :, None])]
    sure = inside & (weights.max(axis=(1, 2)) >= SURE)
    return np.where(sure[:, None], np.stack(means, axis=1) / sides, points).astype(np.float32)


def _sigmoid(values: np.ndarray) -> np.ndarray:
    # the detector's logits reach -1000, whose exponential no float32 holds
    return 1 / (1 + np.exp(-np.clip(values, -80, 80)))
