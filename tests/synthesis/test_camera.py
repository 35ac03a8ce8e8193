from dataclasses import replace

import numpy as np
import pytest

from dance_tf.synthesis.body import JOINT, body_of, place_joints
from dance_tf.synthesis.camera import Camera, Finish, Finisher, framing_path, keep_in_view, make_finish, take_snapshots
from dance_tf.synthesis.choreography import Pose

LEVEL = Camera(position=(0.0, 1.0, 3.0), yaw=0.0, pitch=0.0, focal=1.5)
GRAY = np.full((160, 90, 3), 128, np.uint8)


def test_projection_by_hand():
    pixels, scale, distance = LEVEL.project(np.array([[0.0, 1.0, 0.0], [0.5, 1.5, 1.0]]), 200, 400)
    assert pixels == pytest.approx(np.array([[100, 200], [100 + 0.5 * 300, 200 - 0.5 * 300]]))
    assert scale == pytest.approx([200, 300])
    assert distance == pytest.approx([3, 2])


def test_a_camera_rotated_down_or_right_moves_the_picture_up_or_left():
    down = Camera((0.0, 1.0, 3.0), 0.0, 10.0, 1.5).project(np.array([0.0, 1.0, 0.0]), 200, 400)[0]
    assert down == pytest.approx((100, 200 - 600 * np.tan(np.radians(10))))
    right = Camera((0.0, 1.0, 3.0), 10.0, 0.0, 1.5).project(np.array([0.0, 1.0, 0.0]), 200, 400)[0]
    assert right == pytest.approx((100 - 600 * np.tan(np.radians(10)), 200))
    axes = Camera((0, 1, 3), 12, -7, 1.5).axes()
    assert axes @ axes.T == pytest.approx(np.eye(3))


def test_framing_is_a_similarity_with_limited_shift_that_only_a_moving_camera_changes():
    times = np.arange(90) / 30
    still = framing_path(np.random.default_rng(0), times, 270, 480, False, 0.5)
    assert np.array_equal(still, np.broadcast_to(still[0], still.shape))
    moving = framing_path(np.random.default_rng(0), times, 270, 480, True, 0.5)
    step = np.abs(np.diff(moving[:, :, 2], axis=0))
    assert 0.01 < step.max() < 12
    for seed in range(20):
        one = framing_path(np.random.default_rng(seed), np.zeros(1), 270, 480, False, 1.0)[0]
        assert one[:, :2] @ one[:, :2].T == pytest.approx(np.eye(2) * np.linalg.det(one[:, :2]))
        assert 0.88 <= np.sqrt(np.linalg.det(one[:, :2])) <= 1.16
        assert np.abs(one @ (135, 240, 1) - (135, 240)).max() <= 0.08 * 480 + 1e-9


def test_snapshots_follow_the_framing_and_have_depth():
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


def finisher(width: int = 90, height: int = 160, **changes) -> Finisher:
    return Finisher(Finish(**changes), width, height)


def test_a_camera_turns_and_zooms_only_as_far_as_a_dancer_needs():
    times = np.arange(20) / 10
    maps = framing_path(np.random.default_rng(3), times, 90, 160, True, 1.0)
    motion = place_joints(np.tile(Pose().vector(), (20, 1)), body_of(1.7), np.zeros((20, 2)))
    camera = Camera((0.0, 1.0, 3.0), 0.0, 0.0, 0.9)
    assert keep_in_view(camera, motion, 0.1, maps, 90, 160) == camera
    for shift, zoom in ((1.2, 0.9), (0.0, 3.0), (-3.0, 2.0)):
        moved = replace(motion, joints=motion.joints + (shift, 0.3, 0.0))
        found = keep_in_view(replace(camera, focal=zoom), moved, 0.1, maps, 90, 160)
        points = np.stack([shot.points[:, :2] for shot in take_snapshots(moved, found, maps, 90, 160)])
        assert points.min() > 0 and (points < (90, 160)).all()
        assert np.ptp(points, axis=(0, 1))[1] > 0.5 * 160
        assert found.position == camera.position


def test_a_plain_finish_changes_nothing():
    plain, rng = finisher(), np.random.default_rng(0)
    frame = rng.integers(0, 256, GRAY.shape, np.uint8)
    assert np.array_equal(plain.add_noise(plain.decorate(plain.grade(frame)), rng), frame)


def test_tone_curves_by_hand():
    levels = np.repeat(np.array([0, 100, 255], np.uint8)[None, :, None], 3, axis=2)
    table = finisher(3, 1, gamma=2.0, warmth=0.1).grade(levels)[0]
    expected = np.array([1.1, 1.0, 0.9]) * 255 * (np.array([[0, 100, 255]]).T / 255) ** 2
    assert table == pytest.approx(np.minimum(expected, 255), abs=0.51)


def test_noise_has_its_deviation_and_differs_between_frames():
    noisy, rng = finisher(noise=6.0), np.random.default_rng(0)
    one, two = (noisy.add_noise(GRAY, rng).astype(float) for _ in range(2))
    assert one.std() == pytest.approx(6.0, rel=0.03)
    assert one.mean() == pytest.approx(128, abs=0.2)
    assert abs(np.corrcoef(one.ravel(), two.ravel())[0, 1]) < 0.05
    large = finisher(1080, 1920, noise=8.0).add_noise(np.full((1920, 1080, 3), 128, np.uint8), rng)
    assert large[-64:, -64:].std() == pytest.approx(8.0, rel=0.05)  # outside of the noise tile


def test_a_vignette_darkens_the_corners_only():
    dark = finisher(vignette=0.3).grade(GRAY)
    assert dark[80, 45, 0] == 128
    assert dark[0, 0, 0] == pytest.approx(128 * 0.7, abs=1)


def test_captions_and_stickers_have_their_place_and_colour():
    written = finisher(caption="day 12", caption_at=0.9).decorate(GRAY)
    changed = np.argwhere((written != GRAY).any(axis=2))
    assert 0.85 * 160 < changed[:, 0].min() and changed[:, 0].max() < 0.95 * 160
    assert changed[:, 1].mean() == pytest.approx(45, abs=4)
    assert written[..., 0].max() > 230 and written[..., 0].min() < 40  # white with a dark rim
    assert GRAY.min() == 128  # the input is unchanged
    stuck = finisher(sticker=((250, 200, 10), 0.14, 0.5)).decorate(GRAY)
    assert tuple(stuck[81, round(0.14 * 90)]) == (250, 200, 10)


def test_finishes_are_random_and_repeatable():
    many = [make_finish(np.random.default_rng(seed), 0.5) for seed in range(100)]
    assert many[3] == make_finish(np.random.default_rng(3), 0.5)
    assert 0.2 < np.mean([bool(finish.caption) for finish in many]) < 0.5
    assert 0.3 < np.mean([finish.gamma != 1.0 for finish in many]) < 0.6
