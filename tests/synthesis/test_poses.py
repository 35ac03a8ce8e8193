import pytest

from dance_tf.synthesis import poses
from dance_tf.synthesis.poses import CONTROLS, Arm, Foot, Pose


def test_a_vector_holds_the_controls_in_order():
    pose = Pose(left=Arm(1, 2, 3, 4), right=Arm(5, 6, 7, 8), bow=9, left_foot=Foot(0.1, 0.2, 0.3), facing=-7)
    values = dict(zip(CONTROLS, pose.vector(), strict=True))
    assert [values[f"left_{part}"] for part in ("lift", "swing", "roll", "bend")] == [1, 2, 3, 4]
    assert [values[f"right_{part}"] for part in ("lift", "swing", "roll", "bend")] == [5, 6, 7, 8]
    assert (values["bow"], values["facing"]) == (9, -7)
    assert [values[f"left_foot_{part}"] for part in ("out", "forward", "lift")] == [0.1, 0.2, 0.3]


def test_a_mirror_swaps_the_sides_and_turns_the_leanings_round():
    pose = Pose(left=poses.UP, right=poses.OUT, bow=5, lean=10, sway=0.1, right_foot=Foot(0.4))
    seen = pose.mirrored()
    assert (seen.left, seen.right, seen.left_foot) == (poses.OUT, poses.UP, Foot(0.4))
    assert (seen.bow, seen.lean, seen.sway) == (5, -10, -0.1)
    assert seen.mirrored() == pose


@pytest.mark.parametrize("name", ["lean", "twist", "tilt", "look", "sway", "hip", "facing"])
def test_everything_with_a_side_is_mirrored(name):
    assert getattr(Pose(**{name: 3.0}).mirrored(), name) == -3.0
