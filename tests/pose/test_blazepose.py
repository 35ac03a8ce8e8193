import cv2
import numpy as np
import pytest

from dance_tf.pose.blazepose import (
    BlazePose,
    Pose,
    Region,
    RegionFilter,
    anchors,
    decode_detections,
    merge_detections,
    refine,
    region_of,
)
from dance_tf.pose.weights import Weights


def logit(probability):
    return np.log(probability / (1 - probability))


def test_the_anchors_are_two_a_place_of_five_layers():
    places = anchors()
    assert (places.shape, places.dtype) == ((2254, 2), np.float32)
    assert len(places) == 2 * 28**2 + 2 * 14**2 + 6 * 7**2
    # the first place of each stride, the place to its right, the first of the next row, the last of all
    assert places[[0, 1, 2, 56]] * 224 == pytest.approx(np.array([[4, 4], [4, 4], [12, 4], [4, 12]]))
    assert places[[1568, 1570]] * 224 == pytest.approx(np.array([[8, 8], [24, 8]]))
    assert places[[1960, 1965, 1966, -1]] * 224 == pytest.approx(np.array([[16, 16], [16, 16], [48, 16], [208, 208]]))


def test_values_of_the_detector_are_relative_to_the_anchor():
    values, scores = np.zeros((2254, 12), np.float32), np.zeros(2254, np.float32)
    values[2] = [11.2, -2.24, 112, 56, 0, 0, 0, 22.4, 1, 2, 3, 4]
    values[900] = values[2]
    scores[[2, 900]] = [0.5, 0.499]
    [found] = decode_detections(values, scores)
    x, y = 12 / 224, 4 / 224
    points = [x, y, x, y + 0.1, x + 1 / 224, y + 2 / 224, x + 3 / 224, y + 4 / 224]
    assert found == pytest.approx([x + 0.05, y - 0.01, 0.5, 0.25, *points], abs=1e-6)
    assert decode_detections(values, scores * 0.9).shape == (0, 12)


@pytest.mark.parametrize(
    ("boxes", "scores", "merged"),
    [
        # 0.1 aside: intersection 0.9 / union 1.1, the mean weighted 3 to 1; the third box stands alone
        (
            [[0.4, 0.5, 1, 1, 7], [0.5, 0.5, 1, 1, 3], [3, 3, 1, 1, 0]],
            [0.2, 0.6, 0.9],
            [[3, 3, 1, 1, 0], [0.475, 0.5, 1, 1, 4]],
        ),
        # intersection 0.4 / union 1.6 = 0.25, below the limit of 0.3
        ([[0, 0, 1, 1, 1], [0.6, 0, 1, 1, 2]], [0.9, 0.8], [[0, 0, 1, 1, 1], [0.6, 0, 1, 1, 2]]),
        # intersection 0.5 / union 1.5 = 0.33, above it
        ([[0, 0, 1, 1, 1], [0.5, 0, 1, 1, 2]], [0.8, 0.8], [[0.25, 0, 1, 1, 1.5]]),
        # the second overlaps with both others, which do not overlap with each other
        (
            [[0, 0, 1, 1, 0], [0.4, 0, 1, 1, 0], [0.8, 0, 1, 1, 0]],
            [0.9, 0.9, 0.8],
            [[0.2, 0, 1, 1, 0], [0.8, 0, 1, 1, 0]],
        ),
        ([[0, 0, 0, 0, 1]], [0.9], [[0, 0, 0, 0, 1]]),
        (np.zeros((0, 5)), [], np.zeros((0, 5))),
    ],
    ids=["weighted", "apart", "together", "chain", "without area", "none"],
)
def test_detections_of_one_person_are_merged(boxes, scores, merged):
    assert merge_detections(np.array(boxes), np.array(scores)) == pytest.approx(np.array(merged))


@pytest.mark.parametrize(
    ("top", "degrees"),
    [((100, 150), 0), ((150, 200), 90), ((100, 250), 180), ((50, 200), -90), ((135, 165), 45)],
    ids=["upright", "head right", "head down", "head left", "leaning right"],
)
def test_a_region_is_upright_for_the_person(top, degrees):
    region = region_of(np.array([100, 200]), np.array(top))
    assert (region.x, region.y) == (100, 200)
    assert region.side == pytest.approx(2.5 * np.hypot(top[0] - 100, top[1] - 200))
    assert np.degrees(region.angle) == pytest.approx(degrees)
    # the top lies above the middle of the crop, 0.4 sides away
    x, y = region.to_frame(100) @ [50, 10, 1]
    assert (x, y) == pytest.approx(top)


@pytest.mark.parametrize("angle", [0, 30, 90, -135])
def test_a_crop_shows_the_region_and_projects_back(angle):
    frame = np.zeros((300, 400, 3), np.uint8)
    for place, colour in (((180, 140), (255, 0, 0)), ((230, 170), (0, 255, 0))):
        cv2.circle(frame, place, 6, colour, -1)
    region = Region(200, 150, 160, np.radians(angle))
    crop = region.crop(frame, 256)
    assert crop.shape == (256, 256, 3)
    for channel, place in ((0, (180, 140)), (1, (230, 170))):
        rows, columns = np.nonzero(crop[..., channel] > 128)
        seen = region.to_frame(256) @ [columns.mean(), rows.mean(), 1]
        assert seen == pytest.approx(place, abs=0.5)
    # the right of the person, however it lies, is the right of the crop
    right = np.array([region.x, region.y]) + 40 * np.array([np.cos(region.angle), np.sin(region.angle)])
    assert region.to_frame(256) @ [192, 128, 1] == pytest.approx(right)


@pytest.mark.parametrize(("border", "level"), [(cv2.BORDER_REPLICATE, 200), (cv2.BORDER_CONSTANT, 0)])
def test_a_crop_beyond_the_frame_repeats_its_border_or_is_black(border, level):
    frame = np.full((50, 100, 3), 200, np.uint8)
    crop = Region(50, 25, 100).crop(frame, 224, border)
    assert (crop[112, 112, 0], crop[0, 112, 0], crop[223, 112, 0]) == (200, level, level)


@pytest.mark.parametrize(
    ("peaks", "start", "expected"),
    [
        # (row, column, probability) on 64×64; a place is column / 64, row / 64
        ([(20, 30, 0.8)], (30.4, 21.9), (30, 20)),
        ([(20, 30, 0.8), (20, 34, 0.4)], (30.4, 20.2), (30 + 4 / 3, 20)),
        ([(20, 30, 0.8), (20, 35, 0.8)], (30.4, 20.2), (30, 20)),
        ([(20, 30, 0.49)], (30.4, 21.9), (30.4, 21.9)),
        ([(0, 0, 0.9)], (2.5, 1.5), (0, 0)),
        ([(63, 63, 0.9)], (70.0, 63.5), (70.0, 63.5)),
        ([(63, 63, 0.9)], (-0.5, 63.5), (-0.5, 63.5)),
    ],
    ids=["peak", "two peaks", "out of reach", "unsure", "corner", "outside", "left of it"],
)
def test_a_landmark_moves_to_the_peak_of_its_heatmap(peaks, start, expected):
    heatmaps = np.full((64, 64, 2), -60.0, np.float32)
    for row, column, probability in peaks:
        heatmaps[row, column, 1] = logit(probability)
    points = np.array([[0.3, 0.4], [start[0] / 64, start[1] / 64]])
    moved = refine(points, heatmaps)
    assert moved[0] == pytest.approx([0.3, 0.4])
    assert moved[1] * 64 == pytest.approx(expected, abs=1e-4)


def pose_at(middle, top):
    return Pose(np.zeros((33, 5)), np.zeros((33, 3)), 1.0, np.zeros((1, 1)), Region(0, 0, 1), np.array([middle, top]))


def test_the_region_filter_holds_still_against_jitter_and_follows_a_dancer():
    steady = RegionFilter()
    first = steady.next_region(pose_at((100.0, 100.0), (100.0, 50.0)))
    assert (first.x, first.y, first.side, first.angle) == (100, 100, 125, 0)
    second = steady.next_region(pose_at((101.0, 100.0), (101.0, 50.0)))
    # by hand: a circle of 100 pixels, 30 frames a second: 0.3 circles a second, low-passed at 1 Hz with step 1/30
    speed = 0.3 / (1 + 30 / (2 * np.pi))
    share = 1 / (1 + 30 / (2 * np.pi * (0.01 + 10 * speed)))
    assert second.x == pytest.approx(100 + share)
    assert second.y == 100
    for step in range(2, 30):
        last = steady.next_region(pose_at((100.0 + 10 * step, 100.0), (100.0 + 10 * step, 50.0)))
    assert 380 < last.x < 390


class Interpreter:
    """A network that returns given outputs and keeps what it read."""

    outputs, read, threads = {}, [], []

    def __init__(self, model_content, num_threads):
        self.values = self.outputs[model_content]
        self.threads.append(num_threads)

    def allocate_tensors(self):
        pass

    def get_input_details(self):
        return [{"index": 99}]

    def get_output_details(self):
        return [{"index": number, "shape": value.shape} for number, value in enumerate(self.values)]

    def set_tensor(self, index, value):
        assert index == 99
        self.read.append(value.copy())

    def invoke(self):
        pass

    def get_tensor(self, index):
        return self.values[index]


@pytest.fixture
def networks(monkeypatch):
    """Return a function that makes a BlazePose of given outputs, and the list of what its networks read."""
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    monkeypatch.setattr(litert, "Interpreter", Interpreter)
    monkeypatch.setattr(Interpreter, "read", [])
    monkeypatch.setattr(Interpreter, "threads", [])

    def make(boxes=(), landmarks=None, presence=0.9, mask=0.0, world=None):
        values, scores = np.zeros((1, 2254, 12), np.float32), np.full((1, 2254, 1), -1000, np.float32)
        for anchor, box, score in boxes:
            values[0, anchor], scores[0, anchor] = box, score
        points = np.zeros((39, 5), np.float32) if landmarks is None else landmarks
        places = np.zeros((39, 3), np.float32) if world is None else world
        outputs = [
            np.full((1, 64, 64, 39), -50, np.float32), points.reshape(1, 195), np.full((1, 1), presence, np.float32),
            np.full((1, 256, 256, 1), mask, np.float32), places.reshape(1, 117),
        ]  # fmt: skip
        Interpreter.outputs = {b"detector": [scores, values], b"landmarks": outputs}
        return BlazePose(Weights(b"detector", b"landmarks"), threads=3)

    return make


def test_people_are_detected_in_a_letterboxed_frame(networks):
    middle, top = [0, 0], [0, -56]  # pixels of the square from anchor 1000, whose place is known
    box = [0, 0, 80, 160, *middle, *top, 0, 0, 0, 0]
    detector = networks(boxes=[(1000, box, 3.0), (1001, box, 1.0), (5, box, 2.0)])
    frame = np.full((112, 448, 3), 255, np.uint8)
    first, second = detector.detect(frame)
    [read] = Interpreter.read
    assert (read.shape, read.dtype) == ((1, 224, 224, 3), np.float32)
    assert (read[0, 112, 100, 0], read[0, 20, 100, 0]) == (1, -1)  # white, and the bar above
    x, y = anchors()[1000] * 448 - [0, 168]
    assert (first.x, first.y, first.side, first.angle) == pytest.approx((x, y, 2.5 * 112, 0), abs=1e-3)
    assert second.x == pytest.approx(anchors()[5][0] * 448, abs=1e-3)
    assert Interpreter.threads == [3, 3]


@pytest.mark.parametrize(("presence", "found"), [(0.5, True), (0.49, False)])
def test_a_pose_below_the_threshold_is_none(networks, presence, found):
    assert (networks(presence=presence).pose(np.zeros((64, 64, 3), np.uint8), Region(32, 32, 64)) is not None) == found


def test_landmarks_are_projected_into_the_frame(networks):
    points, world = np.zeros((39, 5), np.float32), np.zeros((39, 3), np.float32)
    points[0] = [128, 64, 25.6, 0, logit(0.9)]
    points[33], points[34] = [128, 128, 0, 0, 0], [128, 64, 0, 0, 0]
    world[0] = [0.1, -0.5, 0.3]
    network = networks(landmarks=points, world=world, mask=logit(0.75), presence=0.8)
    # the person lies with the head to the right
    pose = network.pose(np.full((300, 400, 3), 51, np.uint8), Region(200, 100, 128, np.pi / 2))
    assert Interpreter.read[0][0, 0, 0] == pytest.approx(0.2)
    assert pose.landmarks.shape == (33, 5)
    assert pose.landmarks[0] == pytest.approx([232, 100, 12.8, 0.5, 0.9], abs=1e-3)
    assert pose.world.shape == (33, 3)
    assert pose.world[0] == pytest.approx([0.5, 0.1, 0.3], abs=1e-6)
    assert pose.alignment == pytest.approx(np.array([[200, 100], [232, 100]]), abs=1e-3)
    assert (pose.presence, pose.mask[7, 9]) == pytest.approx((0.8, 0.75))


def test_other_networks_are_refused(networks):
    networks()
    with pytest.raises(ValueError, match="outputs of .* values is not one of BlazePose"):
        BlazePose(Weights(b"landmarks", b"detector"))


@pytest.mark.parametrize("content", [b"", b"no network" * 20])
def test_damaged_weights_are_refused(content):
    pytest.importorskip("ai_edge_litert", reason="poses need ai-edge-litert: install requirements.txt")
    with pytest.raises(ValueError, match="the pose weights are not those of a LiteRT network"):
        BlazePose(Weights(content, content))
