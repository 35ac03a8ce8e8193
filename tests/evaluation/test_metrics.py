import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn import metrics as reference

from dance_tf.evaluation.metrics import SCORES, class_scores, scores_of_confusion

# three classes; 10, 6 and 4 frames; worked by hand below
MATRIX = np.array([[8, 1, 1], [2, 4, 0], [0, 1, 3]])
LABELS = np.repeat(np.repeat(np.arange(3), 3), MATRIX.ravel())
PREDICTED = np.repeat(np.tile(np.arange(3), 3), MATRIX.ravel())


def score(labels, predicted, classes):
    matrix = reference.confusion_matrix(labels, predicted, labels=range(classes))
    return SimpleNamespace(**dict(zip(SCORES, scores_of_confusion(matrix), strict=True)))


def test_scores_of_a_worked_example():
    ours = score(LABELS, PREDICTED, 3)
    assert ours.accuracy == pytest.approx(15 / 20)
    assert ours.precision == pytest.approx((8 / 10 + 4 / 6 + 3 / 4) / 3)
    assert ours.sensitivity == pytest.approx((8 / 10 + 4 / 6 + 3 / 4) / 3)
    # others of each class: 10, 14, 16; wrongly taken in: 2, 2, 1
    assert ours.specificity == pytest.approx((8 / 10 + 12 / 14 + 15 / 16) / 3)
    assert ours.f1 == pytest.approx((16 / 20 + 8 / 12 + 6 / 8) / 3)
    chance = (10 * 10 + 6 * 6 + 4 * 4) / 400
    assert ours.kappa == pytest.approx((0.75 - chance) / (1 - chance))


@pytest.mark.parametrize("seed", range(30))
def test_scores_equal_scikit_learn_also_where_classes_are_absent(seed):
    random = np.random.default_rng(seed)
    classes = int(random.integers(2, 15))
    shown = random.choice(classes, size=int(random.integers(2, classes + 1)), replace=False)
    labels = random.choice(shown, size=200)
    labels[: len(shown)] = shown
    predicted = np.where(random.random(200) < 0.6, labels, random.integers(0, max(classes - 1, 1), 200))
    ours = score(labels, predicted, classes)
    present = np.unique(labels)
    macro = {"labels": present, "average": "macro", "zero_division": 0}
    assert ours.accuracy == pytest.approx(reference.accuracy_score(labels, predicted))
    assert ours.precision == pytest.approx(reference.precision_score(labels, predicted, **macro))
    assert ours.sensitivity == pytest.approx(reference.recall_score(labels, predicted, **macro))
    assert ours.f1 == pytest.approx(reference.f1_score(labels, predicted, **macro))
    assert ours.kappa == pytest.approx(reference.cohen_kappa_score(labels, predicted))
    specificities = [reference.recall_score(labels != style, predicted != style) for style in present]
    assert ours.specificity == pytest.approx(np.mean(specificities))


def test_zero_over_zero_counts_as_zero_and_warns_nobody():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one_class = score(np.zeros(5, int), np.zeros(5, int), 3)
        never_predicted = score(np.array([0, 0, 1, 1]), np.zeros(4, int), 2)
    assert (one_class.accuracy, one_class.precision, one_class.f1) == (1, 1, 1)
    assert (one_class.specificity, one_class.kappa) == (0, 0)
    assert (never_predicted.precision, never_predicted.f1, never_predicted.kappa) == (0.25, pytest.approx(1 / 3), 0)


def test_scores_of_many_matrices_are_those_of_each():
    random = np.random.default_rng(0)
    many = random.integers(0, 9, size=(5, 4, 6, 6))
    many[0, 0] = 0
    many[1, 1, 2] = 0
    together = scores_of_confusion(many)
    assert together.shape == (5, 4, 6)
    for place in np.ndindex(5, 4):
        np.testing.assert_array_equal(together[place], scores_of_confusion(many[place]))
    np.testing.assert_array_equal(together[0, 0], np.zeros(6))


def test_class_scores_equal_scikit_learn():
    ours = class_scores(MATRIX)
    precision, sensitivity, f1, support = reference.precision_recall_fscore_support(LABELS, PREDICTED)
    np.testing.assert_allclose(ours.precision, precision)
    np.testing.assert_allclose(ours.sensitivity, sensitivity)
    np.testing.assert_allclose(ours.f1, f1)
    np.testing.assert_array_equal(ours.support, support)
    np.testing.assert_allclose(ours.specificity, [8 / 10, 12 / 14, 15 / 16])
