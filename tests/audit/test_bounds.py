"""Each bound against matrices that reach it, or against a solver that finds its extreme."""

import numpy as np
import pytest
from scipy.optimize import linprog

from dance_tf.audit import bounds
from dance_tf.audit.bounds import Range, Shares
from dance_tf.evaluation.metrics import class_scores, scores_of_confusion


def exactly(value):
    return Range(float(value), float(value))


def scores(matrix):
    """Accuracy, precision, sensitivity, specificity, F1, kappa."""
    return scores_of_confusion(np.array(matrix))


def test_f1_reaches_the_harmonic_mean_where_precision_and_recall_keep_one_ratio():
    accuracy, precision, recall, _, f1, _ = scores([[8, 2], [2, 8]])
    assert (precision, recall) == (0.8, 0.8)
    bound = bounds.f1_from_precision_and_recall(exactly(precision), exactly(recall))
    assert f1 == pytest.approx(bound.high) == pytest.approx(0.8)
    assert bound.low == pytest.approx(0.6)


def test_f1_nears_its_lower_bound_where_precision_and_recall_fail_in_different_classes():
    # class 0 takes in everything, class 1 finds one of ten thousand and never errs
    matrix = np.array([[100, 0], [9_999, 1]])
    _, precision, recall, _, f1, _ = scores(matrix)
    assert (precision, recall) == (pytest.approx(0.50495, abs=1e-5), pytest.approx(0.50005))
    bound = bounds.f1_from_precision_and_recall(exactly(precision), exactly(recall))
    assert bound.low == pytest.approx(0.005, abs=1e-4)
    assert bound.low < f1 < 0.011


def test_specificity_equals_recall_with_two_classes():
    _, _, recall, specificity, _, _ = scores([[7, 3], [1, 99]])
    assert specificity == pytest.approx(recall)
    assert bounds.specificity_from_recall(exactly(recall)).low == pytest.approx(specificity)


def test_accuracy_nears_its_bounds_where_one_class_is_all_but_everything():
    matrix = np.array([[10_000, 10_000, 0], [0, 1, 0], [0, 0, 1]])
    accuracy, _, recall, *_ = scores(matrix)
    low, high = bounds.accuracy_from_any_recall(exactly(recall), 3)
    assert low == pytest.approx(0.5) and accuracy == pytest.approx(0.5, abs=1e-3)
    matrix = np.array([[10_000, 0, 0], [1, 0, 0], [1, 0, 0]])
    accuracy, precision, recall, _, f1, _ = scores(matrix)
    assert bounds.accuracy_from_any_recall(exactly(recall), 3).high == pytest.approx(1)
    for score in (precision, f1):
        assert bounds.accuracy_from_macro_score(exactly(score), 3).high == pytest.approx(accuracy, abs=1e-3)


def test_kappa_is_at_most_accuracy_and_at_least_what_two_skewed_classes_give():
    accuracy, *_, kappa = scores([[90, 5], [5, 0]])
    assert kappa == pytest.approx(-(1 - 0.9) / (1 + 0.9))
    low, high = bounds.kappa_from_accuracy(exactly(accuracy))
    assert (low, high) == (pytest.approx(-0.1), pytest.approx(0.9))
    assert low < kappa < high
    # the mean of a perfect and a hopeless fold is on the chord, below the curve -(1 - A) / (1 + A)
    folds = np.mean([scores([[5, 0], [0, 5]]), scores([[0, 5], [5, 0]])], axis=0)
    assert (folds[0], folds[5]) == (0.5, 0)
    assert bounds.kappa_from_accuracy(exactly(folds[0])).low == -0.5


def test_shares_are_those_of_the_supports():
    shares = Shares.of((10, 30, 0, 60))
    np.testing.assert_allclose(shares.low, [0.1, 0.3, 0, 0.6])
    np.testing.assert_allclose(shares.high, shares.low)
    assert (shares.occurring, shares.complete) == (3, False)
    loose = Shares.of((10, 30, 60), slack=2)
    np.testing.assert_allclose(loose.low, [0.05, 0.15, 0.3])
    np.testing.assert_allclose(loose.high, [0.2, 0.6, 1.0])
    assert loose.complete


@pytest.mark.parametrize("seed", range(10))
def test_accuracy_from_recall_is_the_extreme_that_a_solver_finds(seed):
    random = np.random.default_rng(seed)
    classes = int(random.integers(2, 12))
    supports = tuple(int(n) for n in random.integers(1, 100, classes))
    weights = np.array(supports) / sum(supports)
    recall = random.random()
    found = [
        linprog(sign * weights, A_eq=np.ones((1, classes)), b_eq=[classes * recall], bounds=(0, 1)).fun * sign
        for sign in (1, -1)
    ]
    bound = bounds.accuracy_from_recall(exactly(recall), Shares.of(supports))
    assert bound == (pytest.approx(found[0]), pytest.approx(found[1]))


def test_equal_classes_leave_no_room():
    matrix = np.array([[70, 20, 10, 0], [0, 90, 5, 5], [1, 2, 97, 0], [30, 30, 30, 10]])
    accuracy, _, recall, specificity, _, kappa = scores(matrix)
    shares = Shares.of((100,) * 4)
    assert bounds.accuracy_from_recall(exactly(recall), shares) == (pytest.approx(accuracy), pytest.approx(accuracy))
    bound = bounds.specificity_from_accuracy(exactly(accuracy), shares)
    assert bound == (pytest.approx(specificity), pytest.approx(specificity))
    assert specificity == pytest.approx(1 - (1 - accuracy) / 3)
    for averaged in (False, True):
        bound = bounds.kappa_from_accuracy_and_shares(exactly(accuracy), shares, averaged)
        assert bound == (pytest.approx(kappa), pytest.approx(kappa))
    assert kappa == pytest.approx((accuracy - 1 / 4) / (1 - 1 / 4))


def test_specificity_reaches_both_bounds_where_all_errors_fall_to_the_largest_or_the_smallest_class():
    shares = Shares.of((10, 30, 60))
    for matrix, side in (([[8, 0, 2], [0, 26, 4], [0, 0, 60]], "low"), ([[10, 0, 0], [4, 26, 0], [2, 0, 58]], "high")):
        accuracy, _, _, specificity, _, _ = scores(matrix)
        bound = bounds.specificity_from_accuracy(exactly(accuracy), shares)
        assert getattr(bound, side) == pytest.approx(specificity)


def test_kappa_reaches_its_lower_bound_where_the_smallest_class_is_taken_for_the_largest():
    matrix = [[4, 0, 6], [0, 30, 0], [0, 0, 60]]
    accuracy, *_, kappa = scores(matrix)
    bound = bounds.kappa_from_accuracy_and_shares(exactly(accuracy), Shares.of((10, 30, 60)), averaged=False)
    assert bound.low == pytest.approx(kappa)
    turned = scores([[10, 0, 0], [0, 30, 0], [6, 0, 54]])
    bound = bounds.kappa_from_accuracy_and_shares(exactly(turned[0]), Shares.of((10, 30, 60)), averaged=False)
    assert bound.high == pytest.approx(turned[5])


def test_precision_and_f1_reach_their_lower_bound_where_the_smallest_classes_swap():
    # both small classes lose all to each other: 2e fills exactly those two
    matrix = [[0, 10, 0, 0], [10, 0, 0, 0], [0, 0, 30, 0], [0, 0, 0, 50]]
    accuracy, precision, _, _, f1, _ = scores(matrix)
    shares = Shares.of((10, 10, 30, 50))
    low = bounds.precision_from_accuracy(exactly(accuracy), shares).low
    assert low <= precision == f1 == pytest.approx(0.5)
    # 2e = 0.4 fills the two of 0.1 and two thirds of the 0.3
    assert low == pytest.approx((4 - 2 - 2 / 3) / 4)
    assert bounds.f1_from_accuracy(exactly(accuracy), shares).low == low


def test_precision_cannot_be_perfect_beside_errors():
    accuracy, precision, *_ = scores([[50, 0], [5, 45]])
    high = bounds.precision_from_accuracy(exactly(accuracy), Shares.of((50, 50))).high
    assert precision < high == pytest.approx(1 - 0.05 / (2 * 1.5))


def test_errors_may_vanish_in_a_class_that_nobody_danced():
    matrix = np.array([[8, 0, 2], [0, 10, 0], [0, 0, 0]])
    accuracy, precision, _, specificity, _, _ = scores(matrix)
    assert (accuracy, precision, specificity) == (0.9, 1, 1)
    shares = Shares.of((10, 10, 0))
    assert bounds.specificity_from_accuracy(exactly(accuracy), shares).high == 1
    assert bounds.precision_from_accuracy(exactly(accuracy), shares).high == 1
    # and an average over all three classes counts that class as a failure
    over_all = class_scores(matrix).sensitivity.mean()
    low, high = bounds.accuracy_from_recall(exactly(over_all), shares)
    assert low - 1e-12 <= accuracy <= high + 1e-12


def test_one_class_alone_bounds_nothing():
    shares = Shares.of((10, 0))
    assert bounds.specificity_from_accuracy(exactly(0.5), shares) == (0, 1)
    assert bounds.kappa_from_accuracy_and_shares(exactly(0.5), shares, averaged=False).low <= 0


def test_f1_with_classes_left_out_is_reached():
    matrix = np.array([[90, 10, 0], [10, 90, 0], [50, 50, 0]])
    each = class_scores(matrix)
    # the third class, never predicted, is left out of precision and F1
    precision, recall, f1 = each.precision[:2].mean(), each.sensitivity.mean(), each.f1[:2].mean()
    allowed = bounds.f1_with_classes_left_out(exactly(precision), exactly(recall), 3, 2)
    assert allowed.high == pytest.approx(2 * 0.9 * 0.9 / 1.8)
    assert bounds.f1_from_precision_and_recall(exactly(precision), exactly(recall)).high < f1 < allowed.high
    # with the two found classes perfect and the third counted as 0 in precision and recall, it is reached
    assert bounds.f1_with_classes_left_out(exactly(2 / 3), exactly(2 / 3), 3, 2).high == pytest.approx(1)


@pytest.mark.parametrize(
    ("recall", "accuracy", "supports", "least"),
    [
        (0.60, None, (100, 100, 100), 2),
        (0.67, None, (100, 100, 100), 3),
        (0.10, 0.60, (100, 100, 100), 2),
        (0.10, 0.70, (100, 100, 100), 3),
        (0.10, 0.10, (100, 100, 100), 1),
        (0.60, None, (100, 100, 0), 2),
    ],
)
def test_how_many_classes_must_be_found(recall, accuracy, supports, least):
    accuracy = None if accuracy is None else exactly(accuracy)
    assert bounds.least_classes_found(exactly(recall), accuracy, Shares.of(supports)) == least
