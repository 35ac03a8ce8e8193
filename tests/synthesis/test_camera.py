import numpy as np
import pytest

from dance_tf.synthesis.body import JOINT, body_of, place_joints
from dance_tf.synthesis.camera import Camera, framing_path, take_snapshots
from dance_tf.synthesis.poses import Pose

LEVEL = Camera(position=(0.0, 1.0, 3.0), yaw=0.0, pitch=0.0, focal=1.5)


def test_projection_by_hand():
    pixels, scale, distance = LEVEL.project(np.array([[0.0, 1.0, 0.0], [0.5, 1.5, 1.0]]), 200, 400)
    assert pixels == pytest.approx(np.array([[100, 200], [100 + 0.5 * 300, 200 - 0.5 * 300]]))
    assert scale == pytest.approx([200, 300])
    assert distance == pytest.approx([3, 2])


def test_a_camera_that_looks_down_or_right_moves_the_picture_the_other_way():
    down = Camera((0.0, 1.0, 3.0), 0.0, 10.0, 1.5).project(np.array([0.0, 1.0, 0.0]), 200, 400)[0]
    assert down == pytest.approx((100, 200 - 600 * np.tan(np.radians(10))))
    right = Camera((0.0, 1.0, 3.0), 10.0, 0.0, 1.5).project(np.array([0.0, 1.0, 0.0]), 200, 400)[0]
    assert right == pytest.approx((100 - 600 * np.tan(np.radians(10)), 200))


def test_axes_are_square_to_each_other():
    axes = Camera((0, 1, 3), 12, -7, 1.5).axes()
    assert axes @ axes.T == pytest.approx(np.eye(3))


def test_a_camera_on_a_shelf_stands_still_and_one_in_a_hand_does_not():
    times = np.arange(90) / 30
    still = framing_path(np.random.default_rng(0), times, 270, 480, False, 0.5)
    assert np.array_equal(still, np.broadcast_to(still[0], still.shape))
    moving = framing_path(np.random.default_rng(0), times, 270, 480, True, 0.5)
    step = np.abs(np.diff(moving[:, :, 2], axis=0))
    assert 0.01 < step.max() < 12


def test_framing_keeps_the_middle_near_the_middle_and_its_shape():
    for seed in range(20):
        one = framing_path(np.random.default_rng(seed), np.zeros(1), 270, 480, False, 1.0)[0]
        assert one[:, :2] @ one[:, :2].T == pytest.approx(np.eye(2) * np.linalg.det(one[:, :2]))
        assert 0.88 <= np.sqrt(np.linalg.det(one[:, :2])) <= 1.16
        assert np.abs(one @ (135, 240, 1) - (135, 240)).max() <= 0.08 * 480 + 1e-9


def test_snapshots_follow_the_framing_and_know_what_is_nearer():
    body = body_of(1.7)
    motion = place_joints(Pose(facing=90).vector()[None], body, np.zeros((1, 2)))
    plain, doubled = (
        take_snapshots(motion, LEVEL, np.array([[[zoom, 0, 0], [0, zoom, 0]]]), 200, 400)[0] for zoom in (1.0, 2.0)
    )
    assert doubled.points == pytest.approx(2 * plain.points)
    assert doubled.scale == pytest.approx(2 * plain.scale)
    # turned to the left, the right shoulder is the one towards the camera
    assert plain.points[JOINT["right_shoulder"], 2] > 0 > plain.points[JOINT["left_shoulder"], 2]
    assert plain.points[JOINT["right_shoulder"], 2] == pytest.approx(body.shoulder * 200, rel=0.1)
    # shadows lie below the feet
    assert (plain.shadows[:2, 1] >= plain.points[[JOINT["left_ankle"], JOINT["right_ankle"]], 1]).all()
    assert plain.chest == pytest.approx(motion.chest[0])
