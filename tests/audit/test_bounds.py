"""Each bound is compared with confusion matrices that reach it, or with the extreme that a solver finds."""

import numpy as np
import pytest
from scipy.optimize import linprog

from dance_tf.audit import bounds
from dance_tf.audit.bounds import Range, Shares, parse_score
from dance_tf.evaluation.metrics import class_scores, scores_of_confusion


def exactly(value):
    return Range(float(value), float(value))


def scores(matrix):
    """Accuracy, precision, sensitivity, specificity, F1, kappa."""
    return scores_of_confusion(np.array(matrix))


def test_f1_reaches_the_harmonic_mean_and_nears_the_lower_bound():
    _, precision, recall, _, f1, _ = scores([[8, 2], [2, 8]])
    bound = bounds.f1_from_precision_and_recall(exactly(precision), exactly(recall))
    assert f1 == pytest.approx(bound.high) == pytest.approx(0.8)
    assert bound.low == pytest.approx(0.6)
    # all frames but one are predicted as class 0: low precision in one class, low recall in the other
    _, precision, recall, _, f1, _ = scores([[100, 0], [9_999, 1]])
    bound = bounds.f1_from_precision_and_recall(exactly(precision), exactly(recall))
    assert bound.low == pytest.approx(0.005, abs=1e-4)
    assert bound.low < f1 < 0.011


def test_specificity_equals_recall_with_two_classes():
    _, _, recall, specificity, _, _ = scores([[7, 3], [1, 99]])
    assert bounds.specificity_from_recall(exactly(recall)).low == pytest.approx(specificity) == pytest.approx(recall)


def test_accuracy_nears_its_bounds_if_one_class_dominates():
    accuracy, _, recall, *_ = scores([[10_000, 10_000, 0], [0, 1, 0], [0, 0, 1]])
    assert bounds.accuracy_from_any_recall(exactly(recall), 3).low == pytest.approx(0.5)
    assert accuracy == pytest.approx(0.5, abs=1e-3)
    accuracy, precision, recall, _, f1, _ = scores([[10_000, 0, 0], [1, 0, 0], [1, 0, 0]])
    assert bounds.accuracy_from_any_recall(exactly(recall), 3).high == pytest.approx(1)
    for score in (precision, f1):
        assert bounds.accuracy_from_macro_score(exactly(score), 3).high == pytest.approx(accuracy, abs=1e-3)


def test_kappa_lies_between_accuracy_less_one_and_accuracy():
    accuracy, *_, kappa = scores([[90, 5], [5, 0]])
    low, high = bounds.kappa_from_accuracy(exactly(accuracy))
    assert (low, high) == (pytest.approx(-0.1), pytest.approx(0.9))
    assert low < kappa < high
    # the mean of a fold without errors and a fold without hits lies on the chord, below -(1 - A) / (1 + A)
    folds = np.mean([scores([[5, 0], [0, 5]]), scores([[0, 5], [5, 0]])], axis=0)
    assert (folds[0], folds[5]) == (0.5, 0)
    assert bounds.kappa_from_accuracy(exactly(folds[0])).low == -0.5


def test_shares_of_supports():
    shares = Shares.of((10, 30, 0, 60))
    np.testing.assert_allclose(shares.low, [0.1, 0.3, 0, 0.6])
    np.testing.assert_allclose(shares.high, shares.low)
    assert (shares.occurring, shares.complete) == (3, False)
    loose = Shares.of((10, 30, 60), slack=2)
    np.testing.assert_allclose(loose.low, [0.05, 0.15, 0.3])
    np.testing.assert_allclose(loose.high, [0.2, 0.6, 1.0])
    assert loose.complete


@pytest.mark.parametrize("seed", range(10))
def test_accuracy_from_recall_is_the_extreme_of_a_solver(seed):
    random = np.random.default_rng(seed)
    classes = int(random.integers(2, 12))
    supports = tuple(int(n) for n in random.integers(1, 100, classes))
    weights = np.array(supports) / sum(supports)
    recall = random.random()
    found = [
        linprog(sign * weights, A_eq=np.ones((1, classes)), b_eq=[classes * recall], bounds=(0, 1)).fun * sign
        for sign in (1, -1)
    ]
    assert bounds.accuracy_from_recall(exactly(recall), Shares.of(supports)) == pytest.approx(tuple(found))


def test_equal_classes_leave_one_possible_value():
    matrix = np.array([[70, 20, 10, 0], [0, 90, 5, 5], [1, 2, 97, 0], [30, 30, 30, 10]])
    accuracy, _, recall, specificity, _, kappa = scores(matrix)
    shares = Shares.of((100,) * 4)
    assert bounds.accuracy_from_recall(exactly(recall), shares) == pytest.approx((accuracy, accuracy))
    assert bounds.specificity_from_accuracy(exactly(accuracy), shares) == pytest.approx((specificity, specificity))
    for averaged in (False, True):
        bound = bounds.kappa_from_accuracy_and_shares(exactly(accuracy), shares, averaged)
        assert bound == pytest.approx((kappa, kappa))


@pytest.mark.parametrize(
    ("matrix", "score", "side"),
    [
        ([[8, 0, 2], [0, 26, 4], [0, 0, 60]], "specificity", "low"),  # all errors are predicted as the largest class
        ([[10, 0, 0], [4, 26, 0], [2, 0, 58]], "specificity", "high"),  # as the smallest class
        ([[4, 0, 6], [0, 30, 0], [0, 0, 60]], "kappa", "low"),
        ([[10, 0, 0], [0, 30, 0], [6, 0, 54]], "kappa", "high"),
    ],
)
def test_specificity_and_kappa_reach_their_bounds(matrix, score, side):
    accuracy, _, _, specificity, _, kappa = scores(matrix)
    shares = Shares.of((10, 30, 60))
    if score == "specificity":
        assert getattr(bounds.specificity_from_accuracy(exactly(accuracy), shares), side) == pytest.approx(specificity)
    else:
        bound = bounds.kappa_from_accuracy_and_shares(exactly(accuracy), shares, averaged=False)
        assert getattr(bound, side) == pytest.approx(kappa)


def test_precision_and_f1_are_lowest_if_the_smallest_classes_have_all_errors():
    matrix = [[0, 10, 0, 0], [10, 0, 0, 0], [0, 0, 30, 0], [0, 0, 0, 50]]
    accuracy, precision, _, _, f1, _ = scores(matrix)
    low = bounds.precision_from_accuracy(exactly(accuracy), Shares.of((10, 10, 30, 50))).low
    assert low <= precision == f1 == pytest.approx(0.5)
    # 2e = 0.4 covers both shares of 0.1 and two thirds of the share of 0.3
    assert low == pytest.approx((4 - 2 - 2 / 3) / 4)


def test_precision_is_below_one_if_there_are_errors():
    accuracy, precision, *_ = scores([[50, 0], [5, 45]])
    high = bounds.precision_from_accuracy(exactly(accuracy), Shares.of((50, 50))).high
    assert precision < high == pytest.approx(1 - 0.05 / (2 * 1.5))


def test_an_absent_class_may_have_all_false_positives():
    matrix = np.array([[8, 0, 2], [0, 10, 0], [0, 0, 0]])
    accuracy, precision, _, specificity, _, _ = scores(matrix)
    assert (accuracy, precision, specificity) == (0.9, 1, 1)
    shares = Shares.of((10, 10, 0))
    assert bounds.specificity_from_accuracy(exactly(accuracy), shares).high == 1
    assert bounds.precision_from_accuracy(exactly(accuracy), shares).high == 1
    # an average over all three classes counts the absent class as 0
    low, high = bounds.accuracy_from_recall(exactly(class_scores(matrix).sensitivity.mean()), shares)
    assert low - 1e-12 <= accuracy <= high + 1e-12


def test_one_occurring_class_gives_no_bound():
    shares = Shares.of((10, 0))
    assert bounds.specificity_from_accuracy(exactly(0.5), shares) == (0, 1)
    assert bounds.kappa_from_accuracy_and_shares(exactly(0.5), shares, averaged=False).low <= 0


def test_f1_with_omitted_classes_exceeds_the_harmonic_mean():
    each = class_scores(np.array([[90, 10, 0], [10, 90, 0], [50, 50, 0]]))
    # the third class is never predicted, and precision and F1 omit it
    precision, recall, f1 = each.precision[:2].mean(), each.sensitivity.mean(), each.f1[:2].mean()
    allowed = bounds.f1_with_omitted_classes(exactly(precision), exactly(recall), 3, 2)
    assert allowed.high == pytest.approx(2 * 0.9 * 0.9 / 1.8)
    assert bounds.f1_from_precision_and_recall(exactly(precision), exactly(recall)).high < f1 < allowed.high
    # reached if the two other classes have no errors
    assert bounds.f1_with_omitted_classes(exactly(2 / 3), exactly(2 / 3), 3, 2).high == pytest.approx(1)


@pytest.mark.parametrize(
    ("recall", "accuracy", "supports", "expected"),
    [
        (0.60, None, (100, 100, 100), 2),
        (0.67, None, (100, 100, 100), 3),
        (0.10, 0.60, (100, 100, 100), 2),
        (0.10, 0.70, (100, 100, 100), 3),
        (0.10, 0.10, (100, 100, 100), 1),
        (0.60, None, (100, 100, 0), 2),
    ],
)
def test_min_classes_found(recall, accuracy, supports, expected):
    accuracy = None if accuracy is None else exactly(accuracy)
    assert bounds.min_classes_found(exactly(recall), accuracy, Shares.of(supports)) == expected


@pytest.mark.parametrize(
    ("text", "percent", "low", "high", "decimals"),
    [
        ("97.14", True, 0.97135, 0.97145, 2),
        (" 97.14 % ", False, 0.97135, 0.97145, 2),
        ("97", True, 0.965, 0.975, 0),
        ("0.97", False, 0.965, 0.975, 2),
        (".970", False, 0.9695, 0.9705, 3),
        ("97,14", True, 0.97135, 0.97145, 2),
        ("97.1 ± 0.3", True, 0.9705, 0.9715, 1),
        ("0.97 (0.02)", False, 0.965, 0.975, 2),
        ("97.1% ± 0.3%", False, 0.9705, 0.9715, 1),
        ("-0.05", False, -0.055, -0.045, 2),
        ("\N{MINUS SIGN}5", True, -0.055, -0.045, 0),
        ("9.714e-1", False, 0.97135, 0.97145, 4),
        ("97.14000000000001", True, 0.97135, 0.97145, 2),  # 0.9714 * 100 in binary fractions
        ("97.13999999999999", True, 0.97135, 0.97145, 2),
        ("0.30000000000000004", False, 0.25, 0.35, 1),
    ],
)
def test_a_printed_number_has_the_interval_that_rounds_to_it(text, percent, low, high, decimals):
    score = parse_score(text, percent=percent)
    assert score.range == (pytest.approx(low, abs=1e-15), pytest.approx(high, abs=1e-15))
    assert (score.text, score.decimals, score.scale) == (text.strip(), decimals, 100 if percent or "%" in text else 1)


def test_a_number_with_all_digits_keeps_them():
    third = parse_score(repr(1 / 3))
    assert third.low <= 1 / 3 <= third.high
    assert third.high - third.low < 1e-15


def test_cells_without_a_number():
    assert [parse_score(text) for text in ("", "  ", "-", "—", "n/a", "NaN", "None")] == [None] * 7
    for text in ("good", "97.1.2", "12 34", "1e999", "inf", "%", "± 3"):
        with pytest.raises(ValueError, match="not a number"):
            parse_score(text)
