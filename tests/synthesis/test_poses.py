from dance_tf.synthesis.poses import CONTROLS, Arm, Foot, Pose


def test_a_vector_holds_the_controls_in_order():
    pose = Pose(left=Arm(1, 2, 3, 4), right=Arm(5, 6, 7, 8), bow=9, left_foot=Foot(0.1, 0.2, 0.3), facing=-7)
    values = dict(zip(CONTROLS, pose.vector(), strict=True))
    assert [values[f"left_{part}"] for part in ("lift", "swing", "roll", "bend")] == [1, 2, 3, 4]
    assert [values[f"right_{part}"] for part in ("lift", "swing", "roll", "bend")] == [5, 6, 7, 8]
    assert (values["bow"], values["facing"]) == (9, -7)
    assert [values[f"left_foot_{part}"] for part in ("out", "forward", "lift")] == [0.1, 0.2, 0.3]


def test_a_mirror_swaps_the_sides_and_negates_what_has_a_side():
    sided = {name: 3.0 for name in ("lean", "twist", "tilt", "look", "sway", "hip", "facing")}
    pose = Pose(left=Arm(1, 2, 3, 4), right=Arm(5, 6, 7, 8), bow=5, sink=0.2, right_foot=Foot(0.4), **sided)
    negated = {name: -3.0 for name in sided}
    expected = Pose(left=Arm(5, 6, 7, 8), right=Arm(1, 2, 3, 4), bow=5, sink=0.2, left_foot=Foot(0.4), **negated)
    assert pose.mirrored() == expected and expected.mirrored() == pose
