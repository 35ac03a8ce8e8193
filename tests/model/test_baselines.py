import dataclasses

import cv2
import numpy as np
import pytest

from dance_tf.dataset.splits import make_splits
from dance_tf.model.baselines import (
    linear_baseline,
    low_resolution_error,
    patch_components_error,
    principal_components_error,
)


@pytest.fixture
def random():
    return np.random.default_rng(3)


def checkerboard(side):
    """Squares of 0 and 254: uint8 [1, 128, 128, 1]."""
    return ((np.indices((128, 128)) // side).sum(axis=0) % 2 * 254).astype(np.uint8)[None, ..., None]


def test_low_resolution_error_of_worked_examples():
    flat = np.full((2, 128, 128, 1), 77, dtype=np.uint8)
    assert low_resolution_error(flat) == 0
    # single pixels of 0 and 254 become 127: every pixel is wrong by 127
    assert low_resolution_error(checkerboard(1)) == pytest.approx((127 / 255) ** 2)
    assert low_resolution_error(np.concatenate([checkerboard(1), flat[:1]])) == pytest.approx((127 / 255) ** 2 / 2)
    # 4 × 4 squares survive a factor of 2 better than one of 8
    squares = checkerboard(4)
    assert 0 < low_resolution_error(squares, 2) < low_resolution_error(squares, 8) == pytest.approx((127 / 255) ** 2)


def test_principal_components_error_of_a_worked_example(random):
    # frames that mix two pictures are reconstructed from two numbers, but not from one
    pictures = random.normal(size=(2, 128 * 128))
    mixes = random.uniform(-1, 1, (30, 2))
    frames = np.clip(128 + 20 * mixes @ pictures, 0, 255).astype(np.uint8).reshape(30, 128, 128, 1)
    one, two, four = (principal_components_error(frames[:20], frames[20:], components) for components in (1, 2, 4))
    assert one > 20 * two and two < 1e-4
    assert four == pytest.approx(two, rel=0.2)  # the rest is the rounding to gray levels
    assert principal_components_error(frames[:20], frames[:20], 1024) < two  # only 20 exist: all are kept


def test_patch_components_error_of_a_worked_example(random):
    # patches that mix two pictures are reconstructed from two numbers each, wherever they are in the frame
    pictures = random.normal(size=(2, 32 * 32))
    patches = np.clip(128 + 20 * random.uniform(-1, 1, (40, 4, 4, 2)) @ pictures, 0, 255)
    frames = patches.reshape(40, 4, 4, 32, 32).transpose(0, 1, 3, 2, 4).reshape(40, 128, 128, 1).astype(np.uint8)
    one, two = (patch_components_error(frames[:30], frames[30:], components) for components in (1, 2))
    assert one > 20 * two and two < 1e-4


def test_principal_components_error_is_that_of_the_exact_components(random):
    smooth = [cv2.GaussianBlur(random.normal(size=(128, 128)), (0, 0), 8) * 300 + 128 for _ in range(24)]
    frames = np.clip(smooth, 0, 255).astype(np.uint8)[..., None]
    train, test = (part.reshape(-1, 128 * 128) / 255 for part in (frames[:18], frames[18:]))
    _, _, axes = np.linalg.svd(train - train.mean(axis=0), full_matrices=False)
    centred = test - train.mean(axis=0)
    exact = np.mean((centred - centred @ axes[:6].T @ axes[:6]) ** 2)
    found = principal_components_error(frames[:18], frames[18:], 6)
    assert found == pytest.approx(exact, rel=0.05)
    assert found == principal_components_error(frames[:18], frames[18:], 6)  # the same seed


@pytest.mark.parametrize("view", ["frame", "difference"])
def test_the_linear_baseline_learns_what_is_linearly_separable(dataset, view):
    split = make_splits(dataset, "clip", folds=2)[0]
    found = linear_baseline(dataset, split, view, split.test)
    assert found.shape == (len(split.test), 3) and found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    assert (found.argmax(axis=1) == dataset.labels[split.test]).mean() > 0.9


def test_a_style_without_training_frames_has_no_probability(dataset):
    split = make_splits(dataset, "clip", folds=2)[0]
    learnt = np.concatenate([split.train, split.validation])
    without = learnt[dataset.labels[learnt] != 1]
    split = dataclasses.replace(split, train=without, validation=without[:0])
    found = linear_baseline(dataset, split, "frame", split.test)
    assert (found[:, 1] == 0).all() and (found[:, [0, 2]] > 0).all()
