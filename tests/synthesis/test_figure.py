from dataclasses import replace

import numpy as np
import pytest

from dance_tf.synthesis import choreography as poses
from dance_tf.synthesis.body import JOINT, JOINTS, WARDROBE, Outfit, body_of, place_joints, rotation
from dance_tf.synthesis.camera import Camera, take_snapshots
from dance_tf.synthesis.choreography import Pose
from dance_tf.synthesis.figure import (
    LOFT_STEPS,
    SOFT_STEPS,
    Figure,
    Light,
    cast_shadow,
    paint_capsule,
    paint_head,
    paint_loft,
    trunk_colours,
    trunk_widths,
)

BODY = body_of(1.7)
LIGHT = Light((0.0, 0.0, 1.0), 0.6, 0.4)
CAMERA = Camera((0.0, 0.9, 3.0), 0.0, 0.0, 1.05)
COLOURS = ((220, 170, 130), (40, 30, 20), (200, 20, 20), (250, 250, 250), (20, 20, 200), (20, 200, 20))
OUTFIT = Outfit(*COLOURS, sleeve=0.0, hem=0.2, stripes=0, bottom="trousers", hair_style="short")


def painted(pose: Pose, outfit: Outfit = OUTFIT) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture float32 [3, 480, 270] on white, and the pixels of the joints."""
    motion = place_joints(pose.vector()[None], BODY, np.zeros((1, 2)))
    shot = take_snapshots(motion, CAMERA, np.array([[[1.0, 0, 0], [0, 1.0, 0]]]), 270, 480)[0]
    picture = np.full((3, 480, 270), 255, np.float32)
    Figure(BODY, outfit, LIGHT).paint(picture, shot)
    return picture, shot.points


def colour_at(picture: np.ndarray, point: np.ndarray) -> np.ndarray:
    return picture[:, round(point[1]), round(point[0])]


def test_body_parts_have_their_places_and_colours():
    picture, points = painted(Pose(poses.GOALPOST, poses.GOALPOST))
    for name in JOINTS:
        assert name.endswith("toe") or colour_at(picture, points[JOINT[name]]).min() < 200, name
    trousers = colour_at(picture, 0.5 * (points[JOINT["left_knee"]] + points[JOINT["left_ankle"]]))
    assert trousers[2] > 3 * trousers[0]
    top = colour_at(picture, points[JOINT["chest"]])
    assert top[0] > 3 * top[2]
    arm = colour_at(picture, 0.5 * (points[JOINT["left_elbow"]] + points[JOINT["left_wrist"]]))
    assert arm[0] > arm[1] > arm[2] > 40


def test_nearer_parts_hide_those_behind():
    front, points = painted(Pose(left=poses.AT_CHEST))
    back, _ = painted(Pose(left=poses.AT_CHEST, facing=180))
    hand = points[JOINT["left_hand"]]
    assert colour_at(front, hand)[1] > 60  # skin over the red top
    mirrored = hand * (-1, 1, 1) + (270, 0, 0)
    assert colour_at(back, mirrored)[1] < 60  # the red top over the hand


def test_a_trunk_has_its_shape_and_colours():
    axis, turned = np.array([0.0, -100.0, 0.0]), rotation("y", np.array([90.0]))[0]
    front, side = (trunk_widths(axis, frame, frame, 200.0, BODY) for frame in (np.eye(3), turned))
    ribs = slice(int(0.42 * LOFT_STEPS), int(0.83 * LOFT_STEPS))
    assert (side < front + 1e-6).all() and side[ribs].mean() == pytest.approx(0.66 * front[ribs].mean(), rel=0.1)
    cropped = trunk_colours(replace(OUTFIT, hem=0.42), np.ones(3))
    shown = [tuple(cropped[int(share * (LOFT_STEPS - 1))]) for share in (0, 0.35, 1)]
    assert shown == [OUTFIT.lower, OUTFIT.skin, OUTFIT.top]
    colours = trunk_colours(replace(OUTFIT, stripes=5), np.ones(3))
    steps = np.abs(np.diff(colours, axis=0)).max(axis=1)
    contrast = np.abs(np.subtract(OUTFIT.top, OUTFIT.trim)).max()
    assert 0 < steps[LOFT_STEPS // 2 :].max() == pytest.approx(contrast / SOFT_STEPS, rel=1e-3)


@pytest.mark.parametrize("bottom", WARDROBE["bottom"])
@pytest.mark.parametrize("hair_style", WARDROBE["hair_style"])
def test_all_clothes_and_hair_can_be_painted_from_all_sides(bottom, hair_style):
    outfit = replace(OUTFIT, bottom=bottom, hair_style=hair_style, sleeve=0.28, stripes=5)
    for facing in (0, 90, 180):
        picture, _ = painted(Pose(facing=facing), outfit)
        assert np.isfinite(picture).all() and picture.min() >= -1e-3 and picture.max() <= 256


WHITE = np.full((3, 1, 1), 255, np.float32)
FLAT = Light(direction=(0.0, 0.0, 1.0), ambient=1.0, diffuse=0.0)
SIDE = Light(direction=(1.0, 0.0, 0.0), ambient=0.2, diffuse=0.8)


def black(height: int = 80, width: int = 100) -> np.ndarray:
    return np.zeros((3, height, width), np.float32)


def at(x: float, y: float) -> np.ndarray:
    return np.array([x, y, 0.0])


def test_a_capsule_is_a_rectangle_and_two_half_disks():
    picture = black()
    paint_capsule(picture, at(30, 40), at(70, 40), (10, 0, 10), WHITE, FLAT)
    assert np.count_nonzero(picture[0] > 60) == pytest.approx(40 * 20 + np.pi * 100, rel=0.06)
    ys, xs = np.nonzero(picture[0])
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == (20, 80, 30, 50)
    assert picture[0, 40, 50] == pytest.approx(255)
    towards, tapered, bulging = black(), black(), black()
    paint_capsule(towards, at(50, 40), np.array([50, 40, 30.0]), (10, 0, 10), WHITE, FLAT)  # towards the viewer: a disk
    assert np.count_nonzero(towards[0] > 60) == pytest.approx(np.pi * 100, rel=0.08)
    paint_capsule(tapered, at(20, 40), at(80, 40), (12, 0, 4), WHITE, FLAT)
    paint_capsule(bulging, at(20, 40), at(80, 40), (6, 5, 6), WHITE, FLAT)
    thin, thick = (np.count_nonzero(tapered[0, :, x]) for x in (78, 22))
    assert thick > thin + 12 and np.count_nonzero(bulging[0, :, 50]) == pytest.approx(22, abs=1)


def test_a_capsule_is_brighter_towards_the_light():
    picture = black()
    paint_capsule(picture, at(50, 10), at(50, 70), (12, 0, 12), WHITE, SIDE)
    assert picture[0, 40, 58] > 1.5 * picture[0, 40, 42]


def test_nothing_is_painted_outside_the_picture():
    picture = black()
    paint_capsule(picture, at(-50, -50), at(-30, -40), (8, 0, 8), WHITE, FLAT)
    assert not picture.any()
    paint_capsule(picture, at(95, 75), at(130, 120), (8, 0, 8), WHITE, FLAT)  # half of it is inside
    assert picture[0, 76, 96] > 0


def test_a_loft_has_the_widths_and_colours_given():
    picture = black()
    widths = np.linspace(20, 10, 40).astype(np.float32)
    colours = np.zeros((3, 40), np.float32)
    colours[0, :20], colours[2, 20:] = 200, 200
    paint_loft(picture, (at(50, 70), at(50, 45), at(50, 20)), widths, colours, FLAT)
    assert np.count_nonzero(picture[:, 66].sum(axis=0)) == pytest.approx(2 * 19.2, abs=2)
    assert np.count_nonzero(picture[:, 24].sum(axis=0)) == pytest.approx(2 * 10.8, abs=2)
    assert picture[0, 60, 50] == pytest.approx(200) and picture[2, 60, 50] == 0
    assert picture[2, 30, 50] == pytest.approx(200) and picture[0, 30, 50] == 0
    assert not picture[:, 75].any() and not picture[:, 15].any()
    bent = black()
    paint_loft(bent, (at(40, 70), at(55, 45), at(40, 20)), np.full(40, 8, np.float32), colours + 255, FLAT)
    assert np.nonzero(bent[0, 45])[0].mean() == pytest.approx(55, abs=1)


def test_a_head_shows_its_face_or_its_hair():
    skin, hair = (np.array(colour, np.float32)[:, None, None] for colour in ((200, 0, 0), (0, 0, 200)))
    ahead, behind = black(), black()
    paint_head(ahead, at(50, 40), (20, 28), np.eye(3), (skin, hair), FLAT)
    paint_head(behind, at(50, 40), (20, 28), np.diag([-1.0, 1.0, -1.0]), (skin, hair), FLAT)
    assert ahead[0].sum() > 1.2 * ahead[2].sum()
    assert behind[2].sum() > 3 * behind[0].sum()
    assert ahead[2, 16, 50] > 100 > ahead[0, 16, 50]  # hair on top
    assert ahead[0, 45, 50] > 100  # a nose
    eye = ahead[0, 36:40, 55:60]
    assert eye.min() < 0.5 * ahead[0, 45, 50]


def test_a_shadow_is_darkest_in_the_middle():
    picture = np.full((3, 80, 100), 100, np.float32)
    cast_shadow(picture, np.array([50.0, 40.0]), (10, 5), 0.5)
    assert picture[0, 40, 50] == pytest.approx(50)
    assert picture[0, 40, 60] == pytest.approx(100 * (1 - 0.5 * np.exp(-0.5)))
    assert picture[0, 5, 5] == 100
