from dataclasses import replace

import numpy as np
import pytest

from dance_tf.synthesis.body import JOINT, JOINTS, SIDES, SPREAD, body_of, make_dancer, place_joints, rotation
from dance_tf.synthesis.choreography import FISTS, GLIDE, NEUTRAL, RUN, Arm, Foot, Pose

BODY = body_of(1.7)


def placed(pose: Pose) -> dict[str, np.ndarray]:
    joints = place_joints(pose.vector()[None], BODY, np.zeros((1, 2))).joints[0]
    return {name: joints[index] for name, index in JOINT.items()}


def test_a_body_has_its_height_and_leans():
    standing = placed(Pose(sink=0.0, left_foot=Foot(0.06), right_foot=Foot(0.06)))
    assert standing["head"][1] + 0.068 * 1.7 == pytest.approx(1.7, abs=0.02)
    assert BODY.leg == pytest.approx(0.485 * 1.7)
    assert placed(Pose(lean=20))["head"][0] > 0.1 and placed(Pose(bow=40))["neck"][2] > 0.15


@pytest.mark.parametrize(
    ("axis", "vector", "expected"),
    [("x", (0, 1, 0), (0, 0, 1)), ("y", (0, 0, 1), (1, 0, 0)), ("z", (1, 0, 0), (0, 1, 0))],
)
def test_rotations_are_right_handed(axis, vector, expected):
    assert rotation(axis, np.array([90.0]))[0] @ vector == pytest.approx(expected)


@pytest.mark.parametrize(
    ("arm", "upper", "fore"),
    [
        (Arm(90, 0, 0, 0), (1, 0, 0), (1, 0, 0)),
        (Arm(90, 90, 0, 0), (0, 0, 1), (0, 0, 1)),
        (Arm(180, 0, 0, 0), (0, 1, 0), (0, 1, 0)),
        (Arm(0, 0, 90, 90), (0, -1, 0), (0, 0, 1)),
        (Arm(90, 0, 0, 90), (1, 0, 0), (0, 1, 0)),
        (Arm(90, 0, 180, 90), (1, 0, 0), (0, -1, 0)),
    ],
)
def test_arms_follow_their_angles(arm, upper, fore):
    joints = placed(Pose(left=arm, right=arm))
    for side, sign in (("left", 1), ("right", -1)):
        bones = [
            joints[f"{side}_elbow"] - joints[f"{side}_shoulder"],
            joints[f"{side}_wrist"] - joints[f"{side}_elbow"],
        ]
        expected = np.array([upper, fore]) * (sign, 1, 1) * [[BODY.upper_arm], [BODY.forearm]]
        np.testing.assert_allclose(bones, expected, atol=1e-9)


def test_bones_keep_their_lengths_in_any_pose():
    rng = np.random.default_rng(3)
    base = np.stack([pose.vector() for pose in (*FISTS, *GLIDE, *RUN)] * 10)
    motion = place_joints(base + rng.normal(0, 2, base.shape) * SPREAD, BODY, np.zeros((len(base), 2)))
    for side in SIDES:
        for one, two, length in (
            ("shoulder", "elbow", BODY.upper_arm),
            ("elbow", "wrist", BODY.forearm),
            ("wrist", "hand", BODY.hand),
            ("hip", "knee", BODY.leg / 2),
            ("knee", "ankle", BODY.leg / 2),
        ):
            bone = motion.joints[:, JOINT[f"{side}_{two}"]] - motion.joints[:, JOINT[f"{side}_{one}"]]
            assert np.linalg.norm(bone, axis=1) == pytest.approx(length, abs=1e-6), (side, one, two)


def test_the_knee_of_a_squat_by_hand():
    joints = placed(Pose(sink=0.3, left_foot=Foot(BODY.hip / BODY.leg), right_foot=Foot(BODY.hip / BODY.leg)))
    height = (0.995 - 0.3) * BODY.leg
    forward = np.sqrt((BODY.leg / 2) ** 2 - (height / 2) ** 2)
    knee = joints["left_knee"] - joints["left_hip"]
    assert knee[1] == pytest.approx(-height / 2)
    assert np.hypot(knee[0], knee[2]) == pytest.approx(forward)
    assert knee[2] > 0.9 * forward


def test_mirrored_and_turned_poses_have_mirrored_and_turned_joints():
    quarter = rotation("y", np.array([90.0]))[0]
    for pose in (NEUTRAL, *FISTS, *GLIDE, *RUN, Pose(facing=30, twist=20, hip=8, tilt=5, look=9)):
        one, other, turned = (placed(each) for each in (pose, pose.mirrored(), replace(pose, facing=pose.facing + 90)))
        for name in JOINTS:
            twin = name.replace("left", "*").replace("right", "left").replace("*", "right")
            assert one[name] * (-1, 1, 1) == pytest.approx(other[twin], abs=1e-9), name
            assert turned[name] == pytest.approx(quarter @ one[name], abs=1e-9), name
        for side in SIDES:
            if getattr(pose, f"{side}_foot").lift == 0:  # on the floor
                assert one[f"{side}_ankle"][1] == pytest.approx(BODY.ankle) and 0 < one[f"{side}_toe"][1] < BODY.ankle


def test_a_dancer_depends_on_seed_and_index_and_only_habits_on_difficulty():
    easy, again, hard = make_dancer(4, 7, 0.0), make_dancer(4, 7, 0.0), make_dancer(4, 7, 1.0)
    assert np.array_equal(easy.habits, again.habits)
    for other in (again, hard):
        assert (easy.body, easy.outfit, easy.skill) == (other.body, other.outfit, other.skill)
    assert np.abs(hard.habits).sum() > 2 * np.abs(easy.habits).sum()
    assert easy.body not in (make_dancer(4, 8, 0.0).body, make_dancer(5, 7, 0.0).body)


def test_skills_cover_the_range_and_less_skill_is_later_and_less_precise():
    company = sorted((make_dancer(0, index, 0.5) for index in range(20)), key=lambda dancer: dancer.skill)
    assert company[0].skill < 0.19 and company[-1].skill > 0.91
    assert np.diff([dancer.skill for dancer in company]).max() < 0.09
    assert np.mean([d.lateness for d in company[:5]]) > np.mean([d.lateness for d in company[-5:]]) + 0.03
    assert company[0].sloppiness > company[-1].sloppiness
