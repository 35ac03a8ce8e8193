import numpy as np
import pytest

from dance_tf.synthesis import poses
from dance_tf.synthesis.body import JOINT, JOINTS, SIDES, body_of, control_spread, place_joints, rotation
from dance_tf.synthesis.phrases import FISTS, GLIDE, RUN
from dance_tf.synthesis.poses import NEUTRAL, Arm, Foot, Pose

BODY = body_of(1.7)
ORIGIN = np.zeros((1, 2))


def placed(pose: Pose) -> dict[str, np.ndarray]:
    joints = place_joints(pose.vector()[None], BODY, ORIGIN).joints[0]
    return {name: joints[index] for name, index in JOINT.items()}


def test_there_are_21_joints():
    assert len(JOINTS) == len(set(JOINTS)) == 21


def test_a_body_is_as_tall_as_it_says():
    standing = placed(Pose(sink=0.0, left_foot=Foot(0.06), right_foot=Foot(0.06)))
    crown = standing["head"][1] + BODY.head
    assert crown == pytest.approx(1.7, abs=0.02)
    assert BODY.leg == pytest.approx(0.485 * 1.7)


@pytest.mark.parametrize(
    ("axis", "vector", "expected"),
    [("x", (0, 1, 0), (0, 0, 1)), ("y", (0, 0, 1), (1, 0, 0)), ("z", (1, 0, 0), (0, 1, 0))],
)
def test_quarter_turns_are_right_handed(axis, vector, expected):
    assert rotation(axis, np.array([90.0]))[0] @ vector == pytest.approx(expected)


def test_arms_go_where_their_angles_say():
    straight = BODY.upper_arm + BODY.forearm
    out = placed(Pose(left=Arm(90, 0, 0, 0), right=Arm(90, 90, 0, 0)))
    assert out["left_wrist"] - out["left_shoulder"] == pytest.approx((straight, 0, 0), abs=1e-9)
    assert out["right_wrist"] - out["right_shoulder"] == pytest.approx((0, 0, straight), abs=1e-9)
    up = placed(Pose(left=Arm(180, 0, 0, 0), right=Arm(0, 0, 90, 90)))
    assert up["left_wrist"] - up["left_shoulder"] == pytest.approx((0, straight, 0), abs=1e-9)
    assert up["right_elbow"] - up["right_shoulder"] == pytest.approx((0, -BODY.upper_arm, 0), abs=1e-9)
    assert up["right_wrist"] - up["right_elbow"] == pytest.approx((0, 0, BODY.forearm), abs=1e-9)
    goal = placed(Pose(left=Arm(90, 0, 0, 90), right=Arm(90, 0, 180, 90)))
    assert goal["left_wrist"] - goal["left_elbow"] == pytest.approx((0, BODY.forearm, 0), abs=1e-9)
    assert goal["right_wrist"] - goal["right_elbow"] == pytest.approx((0, -BODY.forearm, 0), abs=1e-9)


def test_bones_keep_their_lengths_in_any_pose():
    rng = np.random.default_rng(3)
    base = np.stack([pose.vector() for phrase in (FISTS, GLIDE, RUN) for pose in phrase.poses] * 10)
    motion = place_joints(base + rng.normal(0, 2, base.shape) * control_spread(), BODY, np.zeros((len(base), 2)))
    for side in SIDES:
        for one, two, length in (
            ("shoulder", "elbow", BODY.upper_arm),
            ("elbow", "wrist", BODY.forearm),
            ("wrist", "hand", BODY.hand),
            ("hip", "knee", BODY.thigh),
            ("knee", "ankle", BODY.shin),
        ):
            bone = motion.joints[:, JOINT[f"{side}_{two}"]] - motion.joints[:, JOINT[f"{side}_{one}"]]
            assert np.linalg.norm(bone, axis=1) == pytest.approx(length, abs=1e-6), (side, one, two)


def test_feet_without_lift_stand_on_the_floor_however_wide():
    for pose in (NEUTRAL, *FISTS.poses, *GLIDE.poses):
        joints = placed(pose)
        for side in SIDES:
            if getattr(pose, f"{side}_foot").lift == 0:
                assert joints[f"{side}_ankle"][1] == pytest.approx(BODY.ankle)
                assert 0 < joints[f"{side}_toe"][1] < BODY.ankle


def test_a_knee_of_a_squat_follows_from_the_triangle():
    joints = placed(Pose(sink=0.3, left_foot=Foot(BODY.hip / BODY.leg), right_foot=Foot(BODY.hip / BODY.leg)))
    height = (0.995 - 0.3) * BODY.leg
    forward = np.sqrt(BODY.thigh**2 - (height / 2) ** 2)
    knee = joints["left_knee"] - joints["left_hip"]
    assert knee[1] == pytest.approx(-height / 2)
    assert np.hypot(knee[0], knee[2]) == pytest.approx(forward)
    assert knee[2] > 0.9 * forward


def test_the_mirrored_pose_has_mirrored_joints():
    for pose in (*FISTS.poses, *GLIDE.poses, *RUN.poses, Pose(facing=30, twist=20, hip=8, tilt=5, look=9)):
        one, other = placed(pose), placed(pose.mirrored())
        for name in JOINTS:
            twin = name.replace("left", "*").replace("right", "left").replace("*", "right")
            assert one[name] * (-1, 1, 1) == pytest.approx(other[twin], abs=1e-9), name


def test_facing_turns_the_body_about_where_it_stands():
    ahead = placed(Pose(left=poses.FRONT))
    turned = placed(Pose(left=poses.FRONT, facing=90))
    quarter = rotation("y", np.array([90.0]))[0]
    for name in JOINTS:
        assert turned[name] == pytest.approx(quarter @ ahead[name], abs=1e-9)


def test_leaning_moves_the_head_to_the_left_and_bowing_to_the_front():
    assert placed(Pose(lean=20))["head"][0] > 0.1
    assert placed(Pose(bow=40))["neck"][2] > 0.15
