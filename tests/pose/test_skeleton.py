import numpy as np
import pytest

from dance_tf.pose.skeleton import BONES, LANDMARK, NAMES, OTHER_SIDE, Skeletons, draw_skeleton


def test_the_landmarks_are_those_of_blazepose():
    places = {"nose": 0, "left_eye_inner": 1, "left_eye_outer": 3, "right_eye_inner": 4, "right_eye": 5, "left_ear": 7}
    places |= {"right_mouth": 10, "left_shoulder": 11, "right_elbow": 14, "left_wrist": 15, "right_pinky": 18}
    places |= {"left_index": 19, "right_thumb": 22, "left_hip": 23, "right_knee": 26, "left_ankle": 27, "left_heel": 29}
    places |= {"right_toe": 32}
    assert len(NAMES) == len(set(NAMES)) == 33
    assert {name: LANDMARK[name] for name in places} == places


def test_left_and_right_are_paired():
    for number, name in enumerate(NAMES):
        side, _, part = name.partition("_")
        other = {"left": f"right_{part}", "right": f"left_{part}"}.get(side, name)
        assert NAMES[OTHER_SIDE[number]] == other


def test_bones_join_neighbours_on_both_sides_alike():
    named = {frozenset(NAMES[end] for end in bone) for bone in BONES}
    assert len(named) == len(BONES)
    assert {"left_knee", "left_ankle"} in named and {"left_shoulder", "right_shoulder"} in named
    assert {frozenset(NAMES[OTHER_SIDE[end]] for end in bone) for bone in BONES} == named
    assert {name for bone in named for name in bone} >= {
        name for name in NAMES if name.split("_")[-1] in ("wrist", "toe")
    }


@pytest.mark.parametrize(("valid", "coverage"), [([True, False, True, True], 0.75), ([False], 0.0), ([], 0.0)])
def test_coverage_is_the_share_of_valid_frames(valid, coverage):
    count = len(valid)
    skeletons = Skeletons(
        np.zeros((count, 33, 4)), np.zeros((count, 33, 3)), np.array(valid, bool), np.arange(count) / 10
    )
    assert skeletons.coverage == coverage


def skeleton(visibility=1.0):
    landmarks = np.zeros((33, 4), np.float16)
    landmarks[:, 3] = visibility
    landmarks[LANDMARK["left_knee"], :2] = 0.25, 0.25
    landmarks[[LANDMARK[f"left_{part}"] for part in ("ankle", "heel", "toe")], :2] = 0.25, 0.45
    return landmarks


@pytest.mark.parametrize("shape", [(200, 100), (200, 100, 3), (200, 200, 3)], ids=["gray", "colour", "padded square"])
def test_a_skeleton_is_drawn_where_it_is_in_any_copy_of_the_picture(shape):
    picture = np.full(shape, 100, np.uint8)
    drawn = draw_skeleton(picture, skeleton())
    assert drawn.shape == (*shape[:2], 3)
    assert (picture == 100).all()
    # a quarter of the longer side to the right of the middle
    column = shape[1] // 2 + 50
    if column < shape[1]:
        assert drawn[170, column].tolist() == [255, 140, 0]
        assert (drawn[120, column] == 100).all()
    assert (drawn[:90] == 100).all()


@pytest.mark.parametrize(("visibility", "width"), [(1.0, 9), (0.2, 3)])
def test_hidden_bones_are_thin(visibility, width):
    drawn = draw_skeleton(np.zeros((600, 600), np.uint8), skeleton(visibility))
    assert (drawn[510, :, 0] > 0).sum() == width
