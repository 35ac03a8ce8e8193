"""The joints of a skeleton: places, sizes, frames without a dancer."""

import numpy as np
import pytest

from dance_tf.pose.joints import CHANNELS, JOINTS, LENGTH, cut_windows, joint_features
from dance_tf.pose.skeleton import LANDMARK, Skeletons


def skeletons(count: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.random((count, 33, 4)), generator.normal(size=(count, 33, 3)), np.ones(count, bool)


def place(joint: str) -> int:
    return JOINTS.index(joint)


def test_features_are_places_in_torsos_from_the_middle_of_the_hips():
    landmarks, world, valid = skeletons(3)
    found = joint_features(landmarks, world, valid)
    sides = {part: [LANDMARK[f"{side}_{part}"] for side in ("left", "right")] for part in ("hip", "shoulder")}
    pelvis, neck = (landmarks[:, sides[part], :2].mean(axis=1) for part in ("hip", "shoulder"))
    torso = np.median(np.linalg.norm(neck - pelvis, axis=1))
    expected = (landmarks[:, LANDMARK["left_wrist"], :2] - np.median(pelvis, axis=0)) / torso
    np.testing.assert_allclose(found[:, place("left_wrist"), :2], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found[:, place("pelvis"), 2:5], 0, atol=1e-6)
    assert np.median(np.linalg.norm(found[:, place("neck"), 2:5], axis=1)) == pytest.approx(1, rel=1e-4)
    np.testing.assert_allclose(found[:, place("nose"), 5], landmarks[:, 0, 3] - 0.5, rtol=1e-4)


def test_neither_place_nor_size_in_the_picture_matters():
    landmarks, world, valid = skeletons()
    moved = landmarks * [3, 3, 3, 1] + [7, -2, 0, 0]
    np.testing.assert_allclose(
        joint_features(moved, 2 * world + 5, valid), joint_features(landmarks, world, valid), rtol=1e-3, atol=1e-4
    )


def test_frames_that_are_not_valid_are_zero_and_do_not_count():
    landmarks, world, valid = skeletons(4)
    found = joint_features(
        np.concatenate([landmarks, landmarks[:1] * 9]), np.concatenate([world, world[:1]]), np.arange(5) < 4
    )
    np.testing.assert_array_equal(found[:4], joint_features(landmarks, world, valid))
    assert not found[4].any()
    assert not joint_features(landmarks, world, ~valid).any()


@pytest.mark.parametrize(("seconds", "windows"), [(2.0, 1), (8.0, 1), (12.0, 2), (16.0, 3), (37.0, 9)])
def test_long_clips_are_cut_into_overlapping_windows(seconds, windows):
    times = np.arange(0, seconds + 1e-9, 0.1)
    found, at = cut_windows(Skeletons(*skeletons(len(times)), times))
    assert found.shape == (windows, LENGTH, len(JOINTS), CHANNELS) and found.dtype == np.float32
    expected = np.linspace(min(seconds, 8) / 2, seconds - min(seconds, 8) / 2, windows)
    np.testing.assert_allclose(at.mean(axis=1), expected, atol=1e-6)
    np.testing.assert_allclose(np.diff(at, axis=1), min(seconds, 8) / (LENGTH - 1), rtol=1e-6)


def test_gaps_are_interpolated_and_too_few_frames_are_a_window_of_zeros():
    times = np.arange(0, 8.01, 0.1)
    landmarks, world, valid = (found[:1].repeat(len(times), axis=0) for found in skeletons(1))
    landmarks[:, LANDMARK["left_wrist"], 0] = times  # moves evenly
    whole, _ = cut_windows(Skeletons(landmarks, world, valid, times))
    gap = valid.copy()
    gap[20:30] = False
    np.testing.assert_allclose(cut_windows(Skeletons(landmarks, world, gap, times))[0], whole, rtol=1e-3, atol=1e-3)
    steps = np.diff(whole[0, :, place("left_wrist"), 0])
    np.testing.assert_allclose(steps, steps[0], rtol=1e-3)
    lost, at = cut_windows(Skeletons(landmarks, world, np.arange(len(times)) == 3, times))
    assert lost.shape == whole.shape and not lost.any() and not at.any()
