import numpy as np
import pytest

from dance_tf.pose.blazepose import Pose, Region
from dance_tf.pose.skeleton import LANDMARK, OTHER_SIDE
from dance_tf.pose.track import (
    DancerTracker,
    Person,
    choose_dancer,
    clean,
    cut_out,
    fill_gaps,
    runs,
    smooth,
    undo_swaps,
)
from dance_tf.video.frames import FrameFile

MASK = np.full((256, 256), 80.0, np.float32)  # logits: everything
SIZE = (480, 640)  # of the frames, height and width


def points_at(x, y, side, reach=0.0):
    """The landmarks of a person in a region; `reach` moves the left hand, in sides."""
    points = np.zeros((33, 5), np.float32)
    points[:, :2], points[:, 3:] = (x, y), 1
    for name, right, down in (
        ("shoulder", 0.08, -0.25),
        ("elbow", 0.12, -0.1),
        ("wrist", 0.14, 0.05),
        ("hip", 0.06, 0),
    ):
        points[[LANDMARK[f"left_{name}"], LANDMARK[f"right_{name}"]], :2] += (
            np.array([[right, down], [-right, down]]) * side
        )
    for name, down in (("knee", 0.2), ("ankle", 0.38), ("heel", 0.4), ("toe", 0.4)):
        points[[LANDMARK[f"left_{name}"], LANDMARK[f"right_{name}"]], :2] += (
            np.array([[0.06, down], [-0.06, down]]) * side
        )
    points[LANDMARK["left_wrist"], 0] += reach * side
    return points


class Stage:
    """In place of BlazePose: people by their places x, y, side, reach in each frame; frames carry their number."""

    def __init__(self, *people):
        self.people = people
        self.detections = 0

    def frames(self, count, rate=10.0):
        for number in range(count):
            frame = np.zeros((*SIZE, 3), np.uint8)
            frame[0, 0] = number
            yield number / rate, frame

    def _present(self, frame):
        number = int(frame[0, 0, 0])
        return [places[number] for places in self.people if number < len(places) and places[number]]

    def detect(self, frame):
        self.detections += 1
        return [Region(x, y, side) for x, y, side, _ in self._present(frame)]

    def pose(self, frame, region):
        near = [one for one in self._present(frame) if np.hypot(one[0] - region.x, one[1] - region.y) < 0.3 * one[2]]
        if not near:
            return None
        x, y, side, reach = min(near, key=lambda one: np.hypot(one[0] - region.x, one[1] - region.y))
        alignment = np.array([[x, y], [x, y - side / 2.5]], np.float64)
        return Pose(points_at(x, y, side, reach), np.ones((33, 3)), 1.0, MASK, region, alignment)


def still(x, y=240, side=300, count=30):
    return [(x, y, side, 0.0)] * count


def dancing(x, y=240, side=300, count=30):
    return [(x, y, side, 0.1 * (number % 2)) for number in range(count)]


def spans(people):
    return [(min(person.places), max(person.places), len(person.places)) for person in people]


def follow(stage, held=None):
    tracker = DancerTracker(stage, held=held)
    for time, frame in stage.frames(30):
        tracker.see(time, frame)
    return tracker


def test_people_are_followed_at_the_same_time():
    stage = Stage(still(150), dancing(450))
    tracker = follow(stage)
    people = tracker.people
    assert tracker.times == pytest.approx(np.arange(30) / 10)
    assert spans(people) == [(0, 29, 30), (0, 29, 30)]
    assert [round(person.places[29].x) for person in people] == [150, 450]
    assert stage.detections == 3  # one a second


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        # comes in after the first search, found by the next
        ([still(150), [None] * 4 + dancing(450, count=26)], [(0, 29, 30), (10, 29, 20)]),
        # lost for three frames, found again at once
        (
            [still(150), [*still(450, count=5), None, None, None, *still(450, count=22)]],
            [(0, 29, 30), (0, 4, 5), (8, 29, 22)],
        ),
        ([[None] * 7 + still(150, count=23)], [(7, 29, 23)]),
        ([still(80), still(240), still(400), still(560)], [(0, 29, 30)] * 3),
        ([[None] * 30], []),
        # two detections of one person
        ([still(300), still(310)], [(0, 29, 30)]),
    ],
    ids=["comes in", "lost and found", "late", "a crowd", "nobody", "twice the same"],
)
def test_people_who_come_and_go(people, expected):
    stage = Stage(*people)
    assert spans(follow(stage).people) == expected


def test_two_who_end_in_one_place_are_one_person_from_there():
    approaching = [(150 + 15 * min(number, 10), 240, 300, 0.0) for number in range(30)]
    stage = Stage(still(300), approaching)
    assert [first for first, _, count in spans(follow(stage).people) if count > 15] == [0]


def test_cut_outs_show_the_dancer_at_one_size_in_the_middle():
    """A bright square of 0.3 sides around the dancer, whose place and distance change; then nobody is there."""
    places = [(300 + 4 * number, 240, 300 - 6 * number, 0.0) for number in range(10)]
    stage = Stage([*places, None], [*still(80, side=100, count=11)])
    with FrameFile() as held:
        tracker = DancerTracker(stage, held=held)
        for (time, frame), (x, y, side, _) in zip(stage.frames(11), [*places, places[0]], strict=True):
            half = round(0.15 * side)
            frame[1:] = 90
            frame[y - half : y + half, x - half : x + half] = 240
            tracker.see(time, frame)
        assert len(held) == 21
        skeletons, cutouts = tracker.finish()
        assert skeletons.valid.tolist() == [True] * 10 + [False]
        assert (cutouts.shape, cutouts.dtype) == ((11, 128, 128, 1), np.uint8)
        assert np.sqrt((cutouts[:10] > 165).sum(axis=(1, 2, 3))) == pytest.approx([0.3 * 128] * 10, abs=2.5)
        assert [int(cutout[64, 64, 0]) for cutout in cutouts[:10]] == pytest.approx([240] * 10, abs=1)
        assert not cutouts[10].any()
        tracker.restart()
        skeletons, cutouts = tracker.finish()
        assert (len(skeletons.times), len(cutouts), len(held)) == (0, 0, 0)


@pytest.mark.parametrize("angle", [0, np.pi / 2, -np.pi])
def test_a_cut_out_is_upright_and_black_outside_the_mask(angle):
    """The mask ends in the middle of the region, which is turned."""
    mask = np.where(np.arange(256) < 128, 80.0, -80.0) * np.ones((256, 1))
    region = Region(320, 240, 300, angle)
    pose = Pose(points_at(320, 240, 300), np.ones((33, 3)), 1.0, mask.astype(np.float32), region, np.zeros((2, 2)))
    picture = np.full((*SIZE, 3), 100, np.uint8)
    picture[:240] = 200
    alone = cut_out(picture, pose, region).astype(int)
    rows, columns = np.mgrid[:128, :128] - 63.5
    inside = columns * np.cos(angle) + rows * np.sin(angle)
    near_edges = (abs(inside) < 4) | (abs(rows) < 2) | (np.maximum(abs(rows), abs(columns)) > 62)
    expected = np.where(rows < 0, 200, 100) * (inside < 0)
    assert abs(alone - expected)[~near_edges].max() <= 2


@pytest.mark.parametrize(
    ("dancer", "other"),
    [
        (dancing(320), still(320, y=100, side=120)),
        (dancing(450), still(250)),
        (still(320), still(80)),
        (still(200, side=300), still(440, side=200)),
        (dancing(400), dancing(250, count=8)),
    ],
    ids=["large", "moves", "central", "larger", "longer"],
)
@pytest.mark.parametrize("first", [True, False], ids=["first", "second"])
def test_the_dancer_is_large_central_and_moves(dancer, other, first):
    stage = Stage(*((dancer, other) if first else (other, dancer)))
    chosen = choose_dancer(follow(stage).people, *SIZE)
    assert {round(place.x) for place in chosen.places.values()} == {dancer[0][0]}
    assert {round(place.side) for place in chosen.places.values()} == {dancer[0][2]}
    assert len(chosen.landmarks) == len(chosen.world) == len(dancer)


@pytest.mark.parametrize(
    ("later", "alone", "in_company"),
    [
        (dancing(400, count=10), True, True),
        (dancing(400, side=500, count=10), True, True),
        (dancing(630, count=10), True, False),
        (dancing(320, side=140, count=10), False, False),
    ],
    ids=["near", "nearer to the camera", "elsewhere", "far behind"],
)
@pytest.mark.parametrize("company", [False, True], ids=["alone", "in company"])
def test_a_dancer_found_again_is_the_same_one(later, alone, in_company, company):
    people = [[*dancing(320, count=15), *[None] * 5, *later]] + [still(60, y=60, side=150)] * company
    stage = Stage(*people)
    chosen = choose_dancer(follow(stage).people, *SIZE)
    joined = in_company if company else alone
    assert sorted(chosen.places) == [*range(15), *(range(20, 30) if joined else ())]


def test_someone_seen_beside_the_dancer_never_becomes_the_dancer():
    stage = Stage([*dancing(320, count=15), *[None] * 15], still(420))
    assert sorted(choose_dancer(follow(stage).people, *SIZE).places) == list(range(15))


def test_without_people_there_is_an_empty_dancer():
    assert choose_dancer([], *SIZE).places == Person().places == {}


def skeletons_of(frames, blazepose):
    tracker = DancerTracker(blazepose)
    for time, picture in frames:
        tracker.see(time, picture)
    return tracker.finish()[0]


def test_skeletons_have_the_middle_of_the_picture_as_origin():
    stage = Stage([None] * 5 + still(400, count=5))
    skeletons = skeletons_of(stage.frames(12), stage)
    assert skeletons.valid.tolist() == [False] * 5 + [True] * 5 + [False] * 2
    assert skeletons.coverage == pytest.approx(5 / 12)
    assert (skeletons.landmarks.dtype, skeletons.world.dtype) == (np.float16, np.float16)
    hip = skeletons.landmarks[7, LANDMARK["left_hip"]]
    assert hip == pytest.approx([(400 + 18 - 320) / 640, 0, 0, 1], abs=1e-3)
    assert not skeletons.landmarks[:5].any() and not skeletons.world[10:].any()
    assert skeletons.world[7, 3].tolist() == [1, 1, 1]


def test_a_clip_without_people_or_frames_has_no_coverage():
    assert skeletons_of(Stage().frames(3), Stage()).coverage == 0
    empty = skeletons_of(iter(()), Stage())
    assert (empty.landmarks.shape, empty.world.shape, empty.coverage) == ((0, 33, 4), (0, 33, 3), 0)


@pytest.mark.parametrize(
    ("missing", "rate", "filled"),
    [
        ([3, 4], 10, [3, 4]),
        ([3, 4, 5, 6], 10, [3, 4, 5, 6]),
        ([3, 4, 5, 6, 7], 10, []),
        ([3], 2, []),
        ([3], 4, [3]),
        ([0, 1], 10, []),
        ([10, 11], 10, []),
        ([0, 3, 11], 10, [3]),
        (list(range(12)), 10, []),
        ([], 10, []),
    ],
)
def test_gaps_of_half_a_second_are_interpolated(missing, rate, filled):
    found = ~np.isin(np.arange(12), missing)
    values = np.repeat(np.arange(12.0)[:, None, None] ** 2, 33, axis=1) * found[:, None, None]
    result, valid = fill_gaps(values, found, np.arange(12) / rate)
    assert np.flatnonzero(valid & ~found).tolist() == filled
    assert (valid[found]).all()
    known = np.flatnonzero(found)
    expected = np.interp(np.arange(12), known, known**2.0) if len(known) else np.zeros(12)
    assert result[valid, 5, 0] == pytest.approx(expected[valid])


def test_a_gap_is_interpolated_over_time_not_over_frames():
    values = np.zeros((3, 33, 1))
    values[2] = 1
    result, _ = fill_gaps(values, np.array([True, False, True]), np.array([0.0, 0.1, 0.4]))
    assert result[1, 0, 0] == pytest.approx(0.25)


def swapped(values, frames, part=slice(None)):
    values = values.copy()
    numbers = np.arange(33)[part]
    values[np.ix_(frames, numbers)] = values[np.ix_(frames, OTHER_SIDE[numbers])]
    return values


def turning(count=20, step=0.1):
    """A person who turns slowly about the vertical axis."""
    upright = points_at(0, 0, 1)[:, :3]
    upright[np.arange(33) <= 10, 0] = [0, *[0.01, 0.02, 0.03] * 1, *[-0.01, -0.02, -0.03], 0.05, -0.05, 0.02, -0.02]
    return np.stack([upright * [np.cos(step * number), 1, 1] for number in range(count)]).astype(np.float64)


LEGS = [number for number in range(33) if number >= 23]


@pytest.mark.parametrize("part", [slice(None), LEGS, [number for number in range(33) if number < 23]])
@pytest.mark.parametrize("frames", [[4], [4, 5, 6], [0], [19], [2, 3, 9], [7, 8, 9, 10, 11], [18, 19]])
def test_swaps_of_left_and_right_are_undone(part, frames):
    true = turning(step=0.02)
    assert undo_swaps(swapped(true, frames, part), np.ones(20, bool)) == pytest.approx(true)


@pytest.mark.parametrize("step", [0.1, 2 * np.pi / 10], ids=["slow", "once a second"])
def test_a_turn_is_not_a_swap(step):
    true = turning(count=32, step=step)  # to the back, the left side really is on the other side of the picture
    assert undo_swaps(true, np.ones(32, bool)) == pytest.approx(true)


def test_a_long_exchange_of_sides_stays():
    # the dancer may have turned, in frames without a pose
    found = np.ones(20, bool)
    found[8:12] = False
    true = turning(step=0.02) * found[:, None, None]
    turned = swapped(true, list(range(12, 20)))
    assert undo_swaps(turned, found) == pytest.approx(turned)
    assert undo_swaps(swapped(true, [13, 14]), found) == pytest.approx(true)
    assert undo_swaps(true[:1], found[:1]) == pytest.approx(true[:1])


def test_a_lost_pose_before_a_swap_does_not_hide_it():
    true = turning(step=0.02)
    given = swapped(true, [11])
    given[10] = 0.5 * (given[9] + given[11]) + 0.3
    assert undo_swaps(given, np.ones(20, bool))[[9, 11, 12]] == pytest.approx(true[[9, 11, 12]])


@pytest.mark.parametrize(
    ("valid", "expected"),
    [([1, 1, 0, 1], [(0, 2), (3, 4)]), ([0, 0], []), ([], []), ([0, 1, 1], [(1, 3)])],
)
def test_runs_of_valid_frames(valid, expected):
    assert [(run.start, run.stop) for run in runs(np.array(valid, bool))] == expected


def test_smoothing_is_a_gaussian_without_delay():
    values = np.zeros((41, 33, 2))
    values[20] = 1
    times = np.arange(41) / 30
    result = smooth(values, np.ones(41, bool), times, 2 / 30)
    expected = np.exp(-((np.arange(41) - 20.0) ** 2) / 8) / np.sqrt(8 * np.pi)
    assert result[:, 7, 1] == pytest.approx(expected, abs=1e-3)
    # frames without a dancer take no part
    result = smooth(values, np.arange(41) < 20, times, 2 / 30)
    assert result == pytest.approx(values)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cleaning_repairs_a_clip(smoothing):
    true = turning(30, step=0.02)
    landmarks = np.concatenate([true, np.full((30, 33, 1), 0.8)], axis=2)
    broken, found = swapped(landmarks, [10, 11]), np.ones(30, bool)
    found[[0, 4, 5]] = False
    found[20:26] = False
    broken[~found] = 0
    skeletons = clean(broken, true, found, np.arange(30) / 10, smoothing)
    assert np.flatnonzero(~skeletons.valid).tolist() == [0, *range(20, 26)]
    assert not skeletons.landmarks[~skeletons.valid].any() and not skeletons.world[~skeletons.valid].any()
    assert skeletons.landmarks[skeletons.valid] == pytest.approx(landmarks[skeletons.valid], abs=0.01)
    assert skeletons.landmarks.dtype == skeletons.world.dtype == np.float16


def test_smoothing_can_be_turned_off():
    landmarks = (
        np.random.default_rng(0).normal(size=(9, 33, 4)) * [0.01, 0.01, 0.01, 0] + turning(1)[0][:, [0, 1, 2, 2]]
    )
    given = landmarks, np.zeros((9, 33, 3)), np.ones(9, bool), np.arange(9) / 10
    assert (clean(*given, 0).landmarks == landmarks.astype(np.float16)).all()
    assert clean(*given, 0.1).landmarks[:, :, 0].std(axis=0).max() < 0.7 * landmarks[:, :, 0].std(axis=0).max()


def test_smoothing_leaves_visibility():
    landmarks = np.zeros((9, 33, 4))
    landmarks[4, :, 3] = 1
    skeletons = clean(landmarks, np.zeros((9, 33, 3)), np.ones(9, bool), np.arange(9) / 10, 0.2)
    assert skeletons.landmarks[:, 0, 3].tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0]
