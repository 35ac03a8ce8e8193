"""Each bound is compared with confusion matrices that reach it, or with the extreme that a solver finds."""

import numpy as np
import pytest
from scipy.optimize import linprog

from dance_tf.audit.bounds import (
    PublishedRow,
    RoundingInterval,
    Shares,
    bounds_of_all_sizes,
    bounds_of_f1,
    bounds_of_shares,
    parse_score,
)
from dance_tf.evaluation.metrics import SCORES, class_scores, scores_of_confusion

F1 = "f1 against precision and sensitivity"


def allowed(rule, supports=None, classes=None, averaged=False, **given):
    """The smallest and largest value that a rule allows, given exact scores; for F1 the first of each."""
    row = PublishedRow("", **{name: RoundingInterval("", x, x) for name, x in {rule.split()[0]: 0.5, **given}.items()})
    found = [*bounds_of_f1(row, classes or len(supports), supports, averaged)]
    found += bounds_of_shares(row, Shares.of(supports), averaged) if supports else bounds_of_all_sizes(row, classes)
    ranges = [bound.allowed for bound in found if bound.rule == rule]
    return max(each.low for each in ranges), ranges[min(1, len(ranges) - 1)].high


def scores(matrix):
    return dict(zip(SCORES, scores_of_confusion(np.array(matrix)), strict=True))


def only(values, *names):
    return {name: values[name] for name in names}


@pytest.mark.parametrize(
    ("matrix", "rule", "low", "high"),
    [
        # F1 reaches the harmonic mean, and nears the lower bound if all frames but one are predicted as class 0
        ([[8, 2], [2, 8]], F1, 0.6, 0.8),
        ([[100, 0], [9_999, 1]], F1, 0.005, None),
        # specificity equals recall with two classes
        ([[7, 3], [1, 99]], "specificity against sensitivity", 0.845, 1.0),
        # accuracy nears its bounds if one class dominates
        ([[10_000, 10_000, 0], [0, 1, 0], [0, 0, 1]], "accuracy against sensitivity", 0.5, None),
        ([[10_000, 0, 0], [1, 0, 0], [1, 0, 0]], "accuracy against sensitivity", None, 1.0),
        ([[10_000, 0, 0], [1, 0, 0], [1, 0, 0]], "accuracy against precision", None, 0.9998),
        ([[10_000, 0, 0], [1, 0, 0], [1, 0, 0]], "accuracy against f1", None, 0.9999),
        ([[90, 5], [5, 0]], "kappa against accuracy", -0.1, 0.9),
        # the mean of a fold without errors and a fold without hits lies on the chord, below -(1 - A) / (1 + A)
        ([[5, 5], [5, 5]], "kappa against accuracy", -0.5, 0.5),
    ],
)
def test_bounds_of_all_sizes_are_reached_or_near(matrix, rule, low, high):
    values = scores(matrix)
    given = {name: values[name] for name in SCORES if name in rule.split()[1:]}
    found = allowed(rule, classes=len(matrix), **given)
    for bound, expected in zip(found, (low, high), strict=True):
        assert expected is None or bound == pytest.approx(expected, abs=1e-4)
    assert found[0] - 1e-12 <= values[rule.split()[0]] <= found[1] + 1e-12


def test_shares_of_supports():
    shares = Shares.of((10, 30, 0, 60))
    np.testing.assert_allclose(shares, [[0.1, 0.3, 0, 0.6]] * 2)
    np.testing.assert_allclose(shares.occurring, [0.1, 0.3, 0.6])
    np.testing.assert_allclose(Shares.of((10, 30, 60), slack=2), [[0.05, 0.15, 0.3], [0.2, 0.6, 1.0]])


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
    assert allowed("accuracy against sensitivity and supports", supports, sensitivity=recall) == pytest.approx(found)


def of_supports(matrix, score, averaged=False, supports=None):
    """The scores of a matrix, and what their accuracy and class sizes allow for one of them."""
    values, supports = scores(matrix), supports or tuple(np.sum(matrix, axis=1).tolist())
    given = "sensitivity" if score == "accuracy" else "accuracy"
    return values, allowed(f"{score} against {given} and supports", supports, averaged=averaged, **only(values, given))


@pytest.mark.parametrize("score", ["accuracy", "specificity", "kappa"])
@pytest.mark.parametrize("averaged", [False, True])
def test_equal_classes_leave_one_possible_value(score, averaged):
    matrix = [[70, 20, 10, 0], [0, 90, 5, 5], [1, 2, 97, 0], [30, 30, 30, 10]]
    values, found = of_supports(matrix, score, averaged)
    assert found == pytest.approx((values[score], values[score]))


@pytest.mark.parametrize(
    ("matrix", "score", "side"),
    [
        ([[8, 0, 2], [0, 26, 4], [0, 0, 60]], "specificity", 0),  # all errors are predicted as the largest class
        ([[10, 0, 0], [4, 26, 0], [2, 0, 58]], "specificity", 1),  # as the smallest class
        ([[4, 0, 6], [0, 30, 0], [0, 0, 60]], "kappa", 0),
        ([[10, 0, 0], [0, 30, 0], [6, 0, 54]], "kappa", 1),
    ],
)
def test_specificity_and_kappa_reach_their_bounds(matrix, score, side):
    values, found = of_supports(matrix, score)
    assert found[side] == pytest.approx(values[score])


def test_precision_and_f1_are_lowest_if_the_smallest_classes_have_all_errors():
    matrix = [[0, 10, 0, 0], [10, 0, 0, 0], [0, 0, 30, 0], [0, 0, 0, 50]]
    for score in ("precision", "f1"):
        values, (low, _) = of_supports(matrix, score)
        assert low <= values[score] == pytest.approx(0.5)
        # 2e = 0.4 covers both shares of 0.1 and two thirds of the share of 0.3
        assert low == pytest.approx((4 - 2 - 2 / 3) / 4)


def test_precision_is_below_one_if_there_are_errors():
    values, (_, high) = of_supports([[50, 0], [5, 45]], "precision")
    assert values["precision"] < high == pytest.approx(1 - 0.05 / (2 * 1.5))


def test_an_absent_class_may_have_all_false_positives():
    matrix = [[8, 0, 2], [0, 10, 0], [0, 0, 0]]
    for score in ("specificity", "precision"):
        values, (_, high) = of_supports(matrix, score)
        assert values[score] == high == 1
    # an average over all three classes counts the absent class as 0
    recall = class_scores(np.array(matrix)).sensitivity.mean()
    low, high = allowed("accuracy against sensitivity and supports", (10, 10, 0), sensitivity=recall)
    assert low - 1e-12 <= 0.9 <= high + 1e-12


def test_one_occurring_class_gives_no_bound():
    assert allowed("specificity against accuracy and supports", (10, 0), accuracy=0.5) == (0, 1)
    assert allowed("kappa against accuracy and supports", (10, 0), accuracy=0.5)[0] <= 0


def test_f1_with_omitted_classes_exceeds_the_harmonic_mean():
    each = class_scores(np.array([[90, 10, 0], [10, 90, 0], [50, 50, 0]]))
    # the third class is never predicted, and precision and F1 omit it
    given = {"precision": each.precision[:2].mean(), "sensitivity": each.sensitivity.mean()}
    high = allowed(F1, (100, 100, 100), **given)[1]
    assert high == pytest.approx(2 * 0.9 * 0.9 / 1.8)
    assert allowed(F1, classes=3, **given)[1] < each.f1[:2].mean() < high
    # reached if the two other classes have no errors
    assert allowed(F1, (100, 100, 100), precision=2 / 3, sensitivity=2 / 3)[1] == pytest.approx(1)


@pytest.mark.parametrize(
    ("recall", "accuracy", "supports", "found"),
    [
        (0.60, None, (100, 100, 100), 2),
        (0.67, None, (100, 100, 100), 3),
        (0.10, 0.60, (100, 100, 100), 2),
        (0.10, 0.70, (100, 100, 100), 3),
        (0.10, 0.10, (100, 100, 100), 1),
        (0.60, None, (100, 100, 0), 2),
    ],
)
def test_the_least_number_of_classes_with_true_positives(recall, accuracy, supports, found):
    given = {"precision": recall} | ({} if accuracy is None else {"accuracy": accuracy})
    assert allowed(F1, supports, sensitivity=recall, **given)[1] == pytest.approx(min(1, recall * 3 / found))


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
    assert (score.low, score.high) == (pytest.approx(low, abs=1e-15), pytest.approx(high, abs=1e-15))
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
