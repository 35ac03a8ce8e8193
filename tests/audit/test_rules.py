"""Random confusion matrices have no findings; every planted contradiction is found."""

import numpy as np
import pytest

from dance_tf.audit.bounds import PublishedRow, parse_score
from dance_tf.audit.rules import AuditError, audit_row
from dance_tf.evaluation.metrics import SCORES, class_scores, scores_of_confusion

SUPPORTS = {
    "equal": lambda random, classes, most: np.full(classes, random.integers(1, most + 1)),
    "near": lambda random, classes, most: random.integers(max(1, 9 * most // 10), most + 1, classes),
    "skewed": lambda random, classes, most: np.ceil(most * random.random(classes) ** 6).astype(int),
    "one giant": lambda random, classes, most: np.r_[50 * most, random.integers(1, 4, classes - 1)],
    "sparse": lambda random, classes, most: random.integers(0, most + 1, classes) * (random.random(classes) < 0.5),
}
ERRORS = {
    "anywhere": lambda random, supports: random.dirichlet(np.full(len(supports), 0.05), len(supports)),
    "everywhere": lambda random, supports: random.dirichlet(np.full(len(supports), 50.0), len(supports)),
    "next class": lambda random, supports: np.roll(np.eye(len(supports)), 1, axis=1),
    "largest": lambda random, supports: np.tile(np.eye(len(supports))[np.argmax(supports)], (len(supports), 1)),
    "smallest": lambda random, supports: np.tile(np.eye(len(supports))[np.argmin(supports)], (len(supports), 1)),
}


def random_matrix(random, classes=None):
    """Return a confusion matrix [classes, classes] of one of many shapes, with at least two classes in the labels."""
    classes = classes or int(random.integers(2, 21))
    supports = np.zeros(classes, int)
    while (supports > 0).sum() < 2:
        supports = SUPPORTS[random.choice(list(SUPPORTS))](random, classes, int(random.choice([3, 30, 1000, 100_000])))
    # matrices with all errors in a few classes are close to the bounds
    wrong = random.choice([0.0, 0.001, 0.03, 0.3, 0.9, 1.0]) * random.random()
    wrong = np.where(random.random(classes) < random.choice([0.2, 1.0]), wrong, 0.0)[:, None]
    rates = (1 - wrong) * np.eye(classes) + wrong * ERRORS[random.choice(list(ERRORS))](random, supports)
    return np.array([random.multinomial(n, row / row.sum()) for n, row in zip(supports, rates, strict=True)])


def scores_over(matrix, convention):
    """Return accuracy, macro precision, sensitivity, specificity, F1 and kappa, averaged over a convention's classes.

    "nanmean" omits from each score the classes for which it is 0/0; F1 then also omits those without true positives.
    "nan precision" omits them from precision only.
    """
    each, plain = class_scores(matrix), scores_of_confusion(matrix)
    occurs, predicted = matrix.sum(axis=1) > 0, matrix.sum(axis=0) > 0
    everything = np.ones(len(matrix), bool)
    averaged = {
        "occurring": [occurs] * 4,
        "occurring or predicted": [occurs | predicted] * 4,
        "all": [everything] * 4,
        "nanmean": [predicted, occurs, everything, np.diagonal(matrix) > 0],
        "nan precision": [predicted, everything, everything, everything],
    }[convention]
    macro = [values[chosen].mean() if chosen.any() else 0.0 for values, chosen in zip(each[1:], averaged, strict=True)]
    return np.array([plain[0], *macro, plain[5]])


def print_row(scores, decimals, percent, metrics=SCORES):
    """Return a row with some of the scores, rounded."""
    texts = {name: f"{100**percent * value:.{decimals}f}" for name, value in zip(SCORES, scores, strict=True)}
    return PublishedRow("row", **{name: parse_score(texts[name], percent=bool(percent)) for name in metrics})


CONVENTIONS = ("occurring", "occurring or predicted", "all")
OMITTING = ("nanmean", "nan precision")


def false_findings(found, convention):
    """Return the findings that a true row must not have; if classes are omitted, F1 may be implausible."""
    f1 = ("f1 against precision and sensitivity", "implausible") if convention in OMITTING else None
    return [finding for finding in found if (finding.rule, finding.level) != f1]


@pytest.mark.parametrize("seed", range(8))
def test_a_true_matrix_has_no_findings(seed):
    random = np.random.default_rng(seed)
    for _ in range(400):
        matrix = random_matrix(random)
        supports = tuple(int(n) for n in matrix.sum(axis=1))
        convention = random.choice([*CONVENTIONS, *OMITTING])
        scores = scores_over(matrix, convention)
        metrics = SCORES if random.random() < 0.5 else random.choice(SCORES, random.integers(1, 6), replace=False)
        row = print_row(scores, int(random.integers(0, 7)), random.random() < 0.7, metrics)
        for given, averaged in ((None, False), (supports, False), (supports, True)):
            found = false_findings(audit_row(row, len(matrix), given, averaged), convention)
            assert not found, f"{convention} {matrix.tolist()} {found}"


@pytest.mark.parametrize("seed", range(3))
def test_a_mean_over_any_folds_has_no_findings_without_supports(seed):
    random = np.random.default_rng(100 + seed)
    for _ in range(200):
        classes = int(random.integers(2, 21))
        folds = [random_matrix(random, classes) for _ in range(random.integers(2, 7))]
        convention = random.choice([*CONVENTIONS, *OMITTING])
        row = print_row(np.mean([scores_over(fold, convention) for fold in folds], axis=0), 2, True)
        found = false_findings(audit_row(row, classes, None, averaged=True), convention)
        assert not found, f"{convention} {found}"


@pytest.mark.parametrize(("slack", "level"), [(2.0, "impossible"), (1.1, "implausible")])
def test_a_mean_over_folds_has_no_findings_if_their_shares_are_within_the_slack(slack, level):
    random = np.random.default_rng(int(10 * slack))
    tried = 0
    while tried < 300:
        whole = random_matrix(random)
        supports = whole.sum(axis=1)
        shares = supports / supports.sum()
        folds = []
        for _ in range(int(random.integers(2, 6))):
            # shares within the slack, then predictions with an error rate of the fold's own
            sizes = shares * slack ** random.uniform(-1, 1, len(shares))
            sizes = np.round(sizes / sizes.sum() * 1_000_000).astype(int)
            rates = whole / np.maximum(supports, 1)[:, None]
            mixed = random.random() * np.eye(len(shares)) + random.random() * rates + 1e-12
            mixed /= mixed.sum(axis=1, keepdims=True)
            fold = np.array([random.multinomial(n, row) for n, row in zip(sizes, mixed, strict=True)])
            of_fold = fold.sum(axis=1) / fold.sum()
            if ((of_fold <= shares * slack) & (of_fold >= shares / slack)).all():
                folds.append(fold)
        if len(folds) < 2:
            continue
        tried += 1
        row = print_row(np.mean([scores_over(fold, "all") for fold in folds], axis=0), 2, True)
        found = audit_row(row, len(shares), tuple(int(n) for n in supports), averaged=True)
        assert not [finding for finding in found if level == "implausible" or finding.level == "impossible"], found


def published(**scores):
    return PublishedRow("row", **{name: parse_score(text, percent=True) for name, text in scores.items()})


BALANCED = (10_000,) * 12
TABLE_2_ROW = {"precision": "93.29", "sensitivity": "93.08", "f1": "93.36"}


def test_f1_is_implausible_if_classes_may_be_omitted():
    matrix = np.array([[90, 10, 0], [10, 90, 0], [50, 50, 0]])
    row = print_row(scores_over(matrix, "nanmean"), 2, True)
    assert [row.precision.text, row.sensitivity.text, row.f1.text] == ["60.00", "60.00", "72.00"]
    for supports in (None, (100, 100, 100)):
        (finding,) = audit_row(row, 3, supports)
        assert finding.level == "implausible"
        assert "counts as 0 (0/0) and is not omitted" in finding.message


def test_f1_is_impossible_if_no_class_can_be_omitted_or_if_too_many_must_be():
    (single,) = audit_row(published(**TABLE_2_ROW), 12, BALANCED)  # sensitivity above 11/12
    (folds,) = audit_row(published(**TABLE_2_ROW), 12, BALANCED, averaged=True)
    assert single.level == folds.level == "impossible"
    assert single.message.endswith("every class has true positives, so no class can be omitted as 0/0.")
    assert folds.message.endswith("except in a fold that is far worse than the mean.")
    # 6 % of errors cannot include a class of 7 %
    shares = (700, 1300, *(800,) * 10)
    found = audit_row(published(accuracy="94.50", precision="91.00", sensitivity="91.00", f1="91.50"), 12, shares)
    assert "impossible" in {finding.level for finding in found}
    (finding,) = audit_row(published(precision="30.00", sensitivity="60.00", f1="80.00"), 3, (100, 100, 100))
    assert finding.level == "impossible"
    assert "if 1 of the 3 classes are omitted" in finding.message


@pytest.mark.parametrize(
    ("scores", "supports", "rule"),
    [
        ({"accuracy": "101.00"}, None, "range"),
        ({"kappa": "-130"}, None, "range"),
        (TABLE_2_ROW, BALANCED, "f1 against precision and sensitivity"),
        ({"precision": "97.00", "sensitivity": "97.00", "f1": "93.90"}, None, "f1 against precision and sensitivity"),
        ({"sensitivity": "97.00", "specificity": "96.51"}, None, "specificity against sensitivity"),
        ({"accuracy": "50.00", "sensitivity": "97.00"}, None, "accuracy against sensitivity"),
        ({"accuracy": "90.00", "f1": "7.00"}, None, "accuracy against f1"),
        ({"accuracy": "90.00", "precision": "7.00"}, None, "accuracy against precision"),
        ({"accuracy": "90.00", "kappa": "91.00"}, None, "kappa against accuracy"),
        ({"accuracy": "97.00", "kappa": "-4.00"}, None, "kappa against accuracy"),
        ({"accuracy": "97.00", "sensitivity": "96.50"}, BALANCED, "accuracy against sensitivity and supports"),
        ({"accuracy": "93.44", "specificity": "96.51"}, BALANCED, "specificity against accuracy and supports"),
        ({"accuracy": "93.44", "specificity": "99.90"}, BALANCED, "specificity against accuracy and supports"),
        ({"sensitivity": "93.44", "specificity": "96.51"}, BALANCED, "specificity against accuracy and supports"),
        ({"accuracy": "97.34", "kappa": "83.44"}, BALANCED, "kappa against accuracy and supports"),
        ({"accuracy": "97.34", "kappa": "97.30"}, BALANCED, "kappa against accuracy and supports"),
        ({"accuracy": "99.00", "precision": "80.00"}, BALANCED, "precision against accuracy and supports"),
        ({"accuracy": "50.00", "precision": "99.00"}, BALANCED, "precision against accuracy and supports"),
        ({"accuracy": "99.00", "f1": "80.00"}, BALANCED, "f1 against accuracy and supports"),
    ],
)
def test_each_planted_contradiction_is_found(scores, supports, rule):
    (finding,) = audit_row(published(**scores), 12, supports)
    assert (finding.rule, finding.level) == (rule, "impossible")
    name, text = finding.values[0]
    assert scores[name] == text
    assert finding.message.startswith(f"{name} {text} is ")


def test_means_over_folds_lower_the_level_but_keep_the_finding():
    near, far = published(accuracy="97.00", sensitivity="96.00"), published(accuracy="97.00", sensitivity="93.00")
    found = [*audit_row(near, 12, BALANCED), *audit_row(near, 12, BALANCED, True), *audit_row(far, 12, BALANCED, True)]
    assert [finding.level for finding in found] == ["impossible", "implausible", "impossible"]
    assert "at most 10 %" in found[1].message and "half or twice" in found[2].message


@pytest.mark.parametrize(
    ("classes", "supports", "message"),
    [
        (1, None, "at least 2"),
        (3, (1, 2), "2 supports for 3 classes"),
        (2, (0, 0), "not all zero"),
        (2, (-1, 3), "not negative"),
    ],
)
def test_classes_and_supports_that_do_not_fit_are_refused(classes, supports, message):
    with pytest.raises(AuditError, match=message):
        audit_row(published(accuracy="90"), classes, supports)
