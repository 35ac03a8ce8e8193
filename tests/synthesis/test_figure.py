import numpy as np
import pytest

from dance_tf.synthesis import poses
from dance_tf.synthesis.body import BOTTOMS, HAIR_STYLES, JOINT, JOINTS, Outfit, body_of, place_joints, rotation
from dance_tf.synthesis.camera import Camera, take_snapshots
from dance_tf.synthesis.figure import LOFT_STEPS, SOFT_STEPS, Figure, trunk_colours, trunk_widths
from dance_tf.synthesis.poses import Pose
from dance_tf.synthesis.shading import Light

BODY = body_of(1.7)
LIGHT = Light((0.0, 0.0, 1.0), 0.6, 0.4)
CAMERA = Camera((0.0, 0.9, 3.0), 0.0, 0.0, 1.05)
OUTFIT = Outfit(
    skin=(220, 170, 130),
    hair=(40, 30, 20),
    top=(200, 20, 20),
    trim=(250, 250, 250),
    lower=(20, 20, 200),
    shoes=(20, 200, 20),
    sleeve=0.0,
    hem=0.2,
    stripes=0,
    bottom="trousers",
    hair_style="short",
)


def painted(pose: Pose, outfit: Outfit = OUTFIT) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture float32 [3, 480, 270] on white, and the pixels of the joints."""
    motion = place_joints(pose.vector()[None], BODY, np.zeros((1, 2)))
    shot = take_snapshots(motion, CAMERA, np.array([[[1.0, 0, 0], [0, 1.0, 0]]]), 270, 480)[0]
    picture = np.full((3, 480, 270), 255, np.float32)
    Figure(BODY, outfit, LIGHT).paint(picture, shot)
    return picture, shot.points


def colour_at(picture: np.ndarray, point: np.ndarray) -> np.ndarray:
    return picture[:, round(point[1]), round(point[0])]


def test_every_joint_is_inside_the_figure():
    picture, points = painted(Pose(poses.OUT._replace(bend=60), poses.UP))
    for name in JOINTS:
        assert name.endswith("toe") or colour_at(picture, points[JOINT[name]]).min() < 200, name


def test_body_parts_have_their_colours():
    picture, points = painted(Pose(poses.GOALPOST, poses.GOALPOST))
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


def test_a_trunk_is_narrower_from_the_side():
    axis = np.array([0.0, -100.0, 0.0])
    front = trunk_widths(axis, np.eye(3), np.eye(3), 200.0, BODY)
    turned = rotation("y", np.array([90.0]))[0]
    side = trunk_widths(axis, turned, turned, 200.0, BODY)
    assert front.shape == (LOFT_STEPS,)
    assert (side < front + 1e-6).all()
    ribs = slice(int(0.42 * LOFT_STEPS), int(0.83 * LOFT_STEPS))
    assert side[ribs].mean() == pytest.approx(0.66 * front[ribs].mean(), rel=0.1)


def test_a_cropped_top_shows_the_waist():
    colours = trunk_colours(Outfit(**{**OUTFIT.__dict__, "hem": 0.42}), np.ones(3))
    assert tuple(colours[0]) == OUTFIT.lower
    assert tuple(colours[int(0.35 * LOFT_STEPS)]) == OUTFIT.skin
    assert tuple(colours[-1]) == OUTFIT.top


def test_the_stripes_of_a_top_have_soft_edges():
    colours = trunk_colours(Outfit(**{**OUTFIT.__dict__, "stripes": 5}), np.ones(3))
    steps = np.abs(np.diff(colours, axis=0)).max(axis=1)
    contrast = np.abs(np.subtract(OUTFIT.top, OUTFIT.trim)).max()
    assert 0 < steps[LOFT_STEPS // 2 :].max() == pytest.approx(contrast / SOFT_STEPS, rel=1e-3)


@pytest.mark.parametrize("bottom", BOTTOMS)
@pytest.mark.parametrize("hair_style", HAIR_STYLES)
def test_all_clothes_and_hair_can_be_painted_from_all_sides(bottom, hair_style):
    outfit = Outfit(**{**OUTFIT.__dict__, "bottom": bottom, "hair_style": hair_style, "sleeve": 0.28, "stripes": 5})
    for facing in (0, 90, 180):
        picture, _ = painted(Pose(facing=facing), outfit)
        assert np.isfinite(picture).all() and picture.min() >= -1e-3 and picture.max() <= 256
