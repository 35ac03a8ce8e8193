import json

import numpy as np
import pandas as pd
import pytest

from dance_tf.assessment.metrics import SCORES, class_scores, scores_of_confusion
from dance_tf.paper.audit import (
    AuditError,
    Finding,
    audit_csv,
    audit_means,
    audit_paper,
    audit_row,
    findings_frame,
)
from dance_tf.paper.printed import PublishedRow, read_printed

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
    """A confusion matrix [classes, classes] of one of many shapes, with at least two classes in the labels."""
    classes = classes or int(random.integers(2, 21))
    supports = np.zeros(classes, int)
    while (supports > 0).sum() < 2:
        supports = SUPPORTS[random.choice(list(SUPPORTS))](random, classes, int(random.choice([3, 30, 1000, 100_000])))
    # errors may sit in a few classes only: these are the matrices close to the bounds
    wrong = random.choice([0.0, 0.001, 0.03, 0.3, 0.9, 1.0]) * random.random()
    wrong = np.where(random.random(classes) < random.choice([0.2, 1.0]), wrong, 0.0)[:, None]
    rates = (1 - wrong) * np.eye(classes) + wrong * ERRORS[random.choice(list(ERRORS))](random, supports)
    return np.array([random.multinomial(n, row / row.sum()) for n, row in zip(supports, rates, strict=True)])


def scores_over(matrix, convention):
    """Accuracy, macro precision, sensitivity, specificity, F1 and kappa, averaged over the classes of a convention."""
    each, plain = class_scores(matrix), scores_of_confusion(matrix)
    chosen = {
        "occurring": matrix.sum(axis=1) > 0,
        "occurring or predicted": matrix.sum(axis=1) + matrix.sum(axis=0) > 0,
        "all": np.ones(len(matrix), bool),
    }[convention]
    macro = [values[chosen].mean() for values in (each.precision, each.sensitivity, each.specificity, each.f1)]
    return np.array([plain[0], *macro, plain[5]])


def print_row(scores, decimals, percent, metrics=SCORES):
    """Print scores as a table would, rounded to the decimals; only some of them."""
    scale = 100 if percent else 1
    return PublishedRow(
        "row",
        **{
            name: read_printed(f"{scale * value:.{decimals}f}", percent=percent)
            for name, value in zip(SCORES, scores, strict=True)
            if name in metrics
        },
    )


CONVENTIONS = ("occurring", "occurring or predicted", "all")


@pytest.mark.parametrize("seed", range(8))
def test_no_true_matrix_is_ever_accused(seed):
    random = np.random.default_rng(seed)
    for _ in range(400):
        matrix = random_matrix(random)
        supports = tuple(int(n) for n in matrix.sum(axis=1))
        scores = scores_over(matrix, random.choice(CONVENTIONS))
        metrics = SCORES if random.random() < 0.5 else random.choice(SCORES, random.integers(1, 6), replace=False)
        row = print_row(scores, int(random.integers(0, 7)), random.random() < 0.7, metrics)
        for known, averaged in ((None, False), (supports, False), (supports, True)):
            found = audit_row(row, len(matrix), known, averaged)
            assert not found, f"{matrix.tolist()} {found}"


@pytest.mark.parametrize("seed", range(3))
def test_no_mean_over_any_folds_is_accused_without_supports(seed):
    random = np.random.default_rng(100 + seed)
    for _ in range(200):
        classes = int(random.integers(2, 21))
        folds = [random_matrix(random, classes) for _ in range(random.integers(2, 7))]
        convention = random.choice(CONVENTIONS)
        row = print_row(np.mean([scores_over(fold, convention) for fold in folds], axis=0), 2, True)
        found = audit_row(row, classes, None, averaged=True)
        assert not found, found


@pytest.mark.parametrize(("slack", "level"), [(2.0, "impossible"), (1.1, "implausible")])
def test_no_mean_over_folds_is_accused_whose_shares_stray_no_more_than_the_level_says(slack, level):
    random = np.random.default_rng(int(10 * slack))
    tried = 0
    while tried < 300:
        whole = random_matrix(random)
        supports = whole.sum(axis=1)
        shares = supports / supports.sum()
        folds = []
        for _ in range(int(random.integers(2, 6))):
            # shares between 1 / slack and slack times those of the whole, then verdicts with an error rate of its own
            strayed = shares * slack ** random.uniform(-1, 1, len(shares))
            strayed = np.round(strayed / strayed.sum() * 1_000_000).astype(int)
            rates = whole / np.maximum(supports, 1)[:, None]
            mixed = random.random() * np.eye(len(shares)) + random.random() * rates + 1e-12
            mixed /= mixed.sum(axis=1, keepdims=True)
            fold = np.array([random.multinomial(n, row) for n, row in zip(strayed, mixed, strict=True)])
            of_fold = fold.sum(axis=1) / fold.sum()
            if ((of_fold > shares * slack) | (of_fold < shares / slack)).any():
                continue
            folds.append(fold)
        if len(folds) < 2:
            continue
        tried += 1
        row = print_row(np.mean([scores_over(fold, "all") for fold in folds], axis=0), 2, True)
        found = audit_row(row, len(shares), tuple(int(n) for n in supports), averaged=True)
        accused = [finding for finding in found if level == "implausible" or finding.level == "impossible"]
        assert not accused, accused


def published(**scores):
    return PublishedRow("row", **{name: read_printed(text, percent=True) for name, text in scores.items()})


BALANCED = (10_000,) * 12


@pytest.mark.parametrize(
    ("scores", "supports", "rule"),
    [
        ({"accuracy": "101.00"}, None, "range"),
        ({"kappa": "-130"}, None, "range"),
        ({"precision": "93.29", "sensitivity": "93.08", "f1": "93.36"}, None, "f1 against precision and sensitivity"),
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
        ({"accuracy": "97.14"}, (4,) * 12, "accuracy against the number of verdicts"),
    ],
)
def test_each_planted_contradiction_is_found(scores, supports, rule):
    found = audit_row(published(**scores), 12, supports)
    assert [finding.rule for finding in found] == [rule]
    assert found[0].level == "impossible"
    name, text = found[0].values[0]
    assert scores[name] == text
    assert text in found[0].message


@pytest.mark.parametrize("seed", range(3))
def test_any_score_moved_past_its_bound_is_found(seed):
    """Break one number of a true row with equal classes: accuracy fixes recall, specificity and kappa exactly."""
    random = np.random.default_rng(seed)
    for _ in range(100):
        classes = int(random.integers(3, 15))
        rates = np.eye(classes) + random.uniform(0.2, 2) * random.dirichlet(np.ones(classes), classes)
        matrix = np.array([random.multinomial(500, row / row.sum()) for row in rates])
        scores = scores_of_confusion(matrix)
        supports = (500,) * classes
        assert not audit_row(print_row(scores, 2, True), classes, supports)
        for position, rule in (
            (2, "accuracy against sensitivity and supports"),
            (3, "specificity against accuracy and supports"),
            (5, "kappa against accuracy and supports"),
        ):
            broken = scores.copy()
            # 0.03 points: past what rounding to two decimals leaves of a score that accuracy fixes
            broken[position] += random.choice([-1, 1]) * 0.0003
            rules = [finding.rule for finding in audit_row(print_row(broken, 2, True), classes, supports)]
            assert rule in rules


def test_folds_lower_the_level_but_not_the_finding():
    exact = audit_row(published(accuracy="97.00", sensitivity="96.00"), 12, BALANCED)
    folds = audit_row(published(accuracy="97.00", sensitivity="96.00"), 12, BALANCED, averaged=True)
    far = audit_row(published(accuracy="97.00", sensitivity="93.00"), 12, BALANCED, averaged=True)
    assert [finding.level for finding in (*exact, *folds, *far)] == ["impossible", "implausible", "impossible"]
    assert "within a tenth" in folds[0].message and "half to twice" in far[0].message


def test_values_that_fold_means_cannot_have_need_no_verdict_count():
    assert not audit_row(published(accuracy="97.14"), 12, (4,) * 12, averaged=True)


@pytest.mark.parametrize(
    ("classes", "supports", "message"),
    [
        (1, None, "at least 2"),
        (3, (1, 2), "2 supports for 3 classes"),
        (2, (0, 0), "not all zero"),
        (2, (-1, 3), "none"),
    ],
)
def test_classes_and_supports_that_do_not_fit_are_refused(classes, supports, message):
    with pytest.raises(AuditError, match=message):
        audit_row(published(accuracy="90"), classes, supports)


def test_paper_findings_are_those_of_the_ledger():
    findings = audit_paper()
    told = {(finding.row, finding.rule): finding for finding in findings}
    assert len(set(findings)) == len(findings)
    f1_rule, specificity_rule = "f1 against precision and sensitivity", "specificity against accuracy and supports"
    assert [finding.row for finding in findings if finding.rule == f1_rule] == [
        "Table 2, experiment 1, ResNet",
        "Table 2, experiment 1, CNN + AE",
        "Table 2, experiment 1, CNN + AE + Attention",
        "Table 2, experiment 2, CNN + AE + Attention",
        "Table 2, experiment 3, ResNet",
        "Table 2, experiment 3, CNN + AE",
        "Table 2, experiment 3, CNN + AE + Attention",
    ]
    rivals = [(n, rival) for n in (1, 2, 3) for rival in ("ResNet", "CNN + AE")]
    for experiment, rival in rivals:
        assert told[f"Table 2, experiment {experiment}, {rival}", specificity_rule].level == "impossible"
    for interval in range(2, 11):
        kappa = told[f"Table 3, one frame of {interval}", "kappa against accuracy and supports"]
        assert kappa.level == "impossible"
    assert told["Table 3, one frame of 2", "less data, higher accuracy"].level == "implausible"
    accuracy, f1 = (finding for finding in findings if finding.row == "abstract and section 5")
    assert "97.24 is their mean precision" in accuracy.message and "97.08 in accuracy" in accuracy.message
    assert "97.14 in f1" in f1.message and "none of their means fits" in f1.message
    note = told["note under Table 2 and section 4.3", "claim against the mean of Table 2"]
    assert note.level == "impossible" and "97.14 is their mean f1" in note.message
    assert "25.03 s of the 32.57 s" in told["Table 4, CNN + AE + Attention", "times do not add up"].message
    assert "Shuffle and Hip-Hop" in told["Table 4, confusion rate", "styles that are not in the data"].message
    assert told["section 4.1, above Table 1", "two counts of the same frames"].level == "impossible"
    assert "5.77" in told["Table 5", "ranking in the text"].message
    assert told["Table 5, Frame drop (20%)", "accuracy of the frames that are kept"].level == "impossible"
    assert not any(finding.rule in ("sum of frames", "largest loss", "claimed fall") for finding in findings)


def test_findings_become_a_table_and_json():
    findings = audit_paper()
    table = findings_frame(findings)
    assert list(table.columns) == ["row", "rule", "level", "message", "values"]
    assert len(table) == len(findings)
    assert table["values"][0] == "f1 93.36, precision 93.29, sensitivity 93.08"
    document = json.loads(json.dumps([finding.to_json() for finding in findings]))
    assert document[0]["values"] == {"f1": "93.36", "precision": "93.29", "sensitivity": "93.08"}
    assert list(findings_frame(()).columns) == list(table.columns)


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_of_percents_with_names_in_any_case(tmp_path):
    table = write(
        tmp_path / "t.csv",
        "Strategy,Repeat,Macro Precision (%),RECALL,Specificity,Accuracy %,F1-Score\n"
        "ResNet,1,93.29,93.08,96.51,93.44,93.36\n"
        "Ours,1,90.00,90.00,99.09,90.00,89.90\n",
    )
    found = audit_csv(table, 12)
    assert [(finding.row, finding.rule) for finding in found] == [
        ("ResNet / 1", "f1 against precision and sensitivity")
    ]
    found = audit_csv(table, 12, [100] * 12)
    assert {finding.row for finding in found} == {"ResNet / 1"}
    assert "specificity against accuracy and supports" in {finding.rule for finding in found}


@pytest.mark.parametrize(
    "text",
    [
        "accuracy;precision;sensitivity;f1\n0,93;0,9329;0,9308;0,9336\n",
        "\ufeffaccuracy\tprecision\tsensitivity\tf1\n93.44%\t93.29%\t93.08%\t93.36%\n",
        'accuracy,precision,sensitivity,f1\n"93.44 ± 0.2","93.29 ± 0.1","93.08 ± 1.0","93.36 ± 0.4"\n',
        "\nf1_score,Recall,Precision\n0.9336,0.9308,0.9329\n\n",
    ],
)
def test_csv_in_other_dress_says_the_same(tmp_path, text):
    found = audit_csv(write(tmp_path / "t.csv", text), 12)
    assert [finding.rule for finding in found] == ["f1 against precision and sensitivity"]


def test_csv_with_gaps_is_audited_where_it_has_numbers(tmp_path):
    table = write(tmp_path / "t.csv", "model,accuracy,kappa,f1\nA,97.0,—,96.5\nB,90.0,91.0,n/a\nC,,,\n")
    assert [(finding.row, finding.rule) for finding in audit_csv(table, 12)] == [("B", "kappa against accuracy")]


def test_small_percents_are_not_taken_for_fractions(tmp_path):
    # accuracy 9.1 % by chance of 8.3 % leaves a kappa of 0.8 %, which is no 80 %
    assert not audit_csv(write(tmp_path / "t.csv", "accuracy,kappa\n9.1,0.8\n8.4,0.1\n"), 12)
    assert audit_csv(write(tmp_path / "t.csv", "accuracy,kappa\n0.091,0.8\n"), 12)


def test_a_fraction_above_one_is_a_finding_and_no_percent(tmp_path):
    found = audit_csv(write(tmp_path / "t.csv", "accuracy,kappa\n1.02,0.96\n0.97,0.96\n"), 12)
    assert [(finding.row, finding.rule) for finding in found] == [("line 2", "range")]


def test_our_own_scores_written_by_pandas_are_not_accused(tmp_path):
    random = np.random.default_rng(5)
    for number in range(60):
        matrices = [random_matrix(random)]
        scores = scores_over(matrices[0], "occurring")
        table = pd.DataFrame([dict(zip(SCORES, scores, strict=True))])
        table = 100 * table.round(4) if number % 2 else table  # 0.9714 * 100 is 97.14000000000001
        table.insert(0, "strategy", "CNN")
        path = tmp_path / f"{number}.csv"
        table.to_csv(path, index=False)
        supports = matrices[0].sum(axis=1).tolist()
        assert not audit_csv(path, len(supports), supports), path.read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model,loss\nA,0.3\n", "no column is named accuracy"),
        ("accuracy,kappa\n", "has no rows"),
        ("", "has no rows"),
        ("model,accuracy\nA,good\n", "line 2, column 'accuracy': 'good' is no number"),
        ("model,accuracy\nA,0.9\nB,0.8,0.7\n", "line 3: 3 cells under 2 column names"),
        ("recall,sensitivity\n0.9,0.9\n", "'recall' and 'sensitivity' are both sensitivity: keep one"),
        ("accuracy\n1e999\n", "no number to work with"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_in_one_line(tmp_path, text, message):
    with pytest.raises(AuditError, match=message) as refusal:
        audit_csv(write(tmp_path / "t.csv", text), 12)
    assert "\n" not in str(refusal.value)


def test_a_file_that_is_no_text_or_is_not_there_is_refused(tmp_path):
    with pytest.raises(AuditError, match="cannot read"):
        audit_csv(tmp_path / "absent.csv", 12)
    (tmp_path / "b.csv").write_bytes(b"accuracy\n\xff\xfe\n")
    with pytest.raises(AuditError, match="no UTF-8 text"):
        audit_csv(tmp_path / "b.csv", 12)
    with pytest.raises(AuditError, match="at least 2"):
        audit_csv(tmp_path / "absent.csv", 1)


def rows_of(*pairs):
    return [PublishedRow(label, accuracy=read_printed(text, percent=True)) for label, text in pairs]


def test_means_are_held_against_their_rows():
    true = rows_of(("1", "96.38"), ("2", "97.48"), ("3", "97.37"), ("mean", "97.08"))
    assert not audit_means(true)
    off = rows_of(("1", "96.38"), ("2", "97.48"), ("3", "97.37"), ("Average of 3", "97.14"))
    assert [(finding.row, finding.level) for finding in audit_means(off)] == [("Average of 3", "implausible")]
    outside = rows_of(("1", "96.38"), ("2", "97.48"), ("3", "97.37"), ("weighted mean", "97.50"))
    assert [finding.level for finding in audit_means(outside)] == ["impossible"]
    assert not audit_means(rows_of(("1", "96.38"), ("2", "97.48"), ("weighted avg", "97.40")))
    assert not audit_means(rows_of(("1", "90"), ("mean", "80")))


def test_a_mean_may_be_of_its_block_or_of_all_rows():
    blocks = rows_of(("1", "90.0"), ("2", "92.0"), ("mean", "91.0"), ("3", "80.0"), ("4", "82.0"), ("mean", "81.0"))
    assert not audit_means(blocks)
    overall = rows_of(("1", "90.0"), ("2", "92.0"), ("mean", "91.0"), ("3", "80.0"), ("4", "82.0"), ("mean", "86.0"))
    assert not audit_means(overall)
    neither = rows_of(("1", "90.0"), ("2", "92.0"), ("mean", "91.0"), ("3", "80.0"), ("4", "82.0"), ("mean", "85.0"))
    assert [finding.level for finding in audit_means(neither)] == ["implausible"]


def test_no_true_mean_is_accused():
    random = np.random.default_rng(0)
    for _ in range(2000):
        values = random.random(int(random.integers(2, 8)))
        decimals = int(random.integers(0, 4))
        cells = [*values, values.mean()]
        labels = [*(str(n) for n in range(len(values))), "mean"]
        rows = rows_of(*((label, f"{100 * cell:.{decimals}f}") for label, cell in zip(labels, cells, strict=True)))
        assert not audit_means(rows)


def test_a_finding_is_plain_data():
    finding = Finding("row", "rule", "impossible", "says why.", (("f1", "93.36"),))
    assert finding == Finding("row", "rule", "impossible", "says why.", (("f1", "93.36"),))
    assert hash(finding)
