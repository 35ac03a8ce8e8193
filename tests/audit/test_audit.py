import json

import numpy as np
import pandas as pd
import pytest

from dance_tf.audit.audit import (
    OwnAudit,
    audit_confusions,
    audit_csv,
    audit_means,
    audit_paper,
    mean_of,
)
from dance_tf.audit.bounds import PublishedRow, parse_score
from dance_tf.audit.rules import AuditError, findings_frame
from dance_tf.evaluation.metrics import SCORES, scores_of_confusion


def test_findings_on_the_paper():
    findings = audit_paper()
    levels = {(finding.row, finding.rule): finding.level for finding in findings}
    assert len(set(findings)) == len(findings) == 47
    assert [finding.row for finding in findings if finding.rule == "f1 against precision and sensitivity"] == [
        "Table 2, experiment 1, ResNet",
        "Table 2, experiment 1, CNN + AE",
        "Table 2, experiment 1, CNN + AE + Attention",
        "Table 2, experiment 2, CNN + AE + Attention",
        "Table 2, experiment 3, ResNet",
        "Table 2, experiment 3, CNN + AE",
        "Table 2, experiment 3, CNN + AE + Attention",
    ]
    for row in [f"experiment {number}, {strategy}" for number in (1, 2, 3) for strategy in ("ResNet", "CNN + AE")]:
        assert levels[f"Table 2, {row}", "specificity against accuracy and supports"] == "impossible"
    for interval in range(2, 11):
        assert levels[f"Table 3, one frame of {interval}", "kappa against accuracy and supports"] == "impossible"
    assert levels["Table 3, one frame of 2", "accuracy against sensitivity and supports"] == "implausible"
    assert [list(levels.values()).count(level) for level in ("impossible", "implausible")] == [27, 18]


def test_findings_as_a_table_and_as_json():
    findings = audit_paper()
    table = findings_frame(findings)
    assert list(table) == list(findings_frame(())) == ["row", "rule", "level", "message", "values"]
    assert len(table) == len(findings)
    assert table["values"][0] == "f1 93.36, precision 93.29, sensitivity 93.08"
    document = json.loads(json.dumps([finding.to_json() for finding in findings]))
    assert list(document[0]) == list(table)
    assert document[0]["values"] == {"f1": "93.36", "precision": "93.29", "sensitivity": "93.08"}


PERCENTS = (
    "Strategy,Repeat,Macro Precision (%),RECALL,Specificity,Accuracy %,F1-Score\n"
    "ResNet,1,93.29,93.08,96.51,93.44,93.36\n"
    "Ours,1,90.00,90.00,99.09,90.00,89.90\n"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PERCENTS, [("ResNet / 1", "f1 against precision and sensitivity")]),
        ("model,accuracy,kappa,f1\nA,97.0,—,96.5\nB,90.0,91.0,n/a\nC,,,\n", [("B", "kappa against accuracy")]),
        # accuracy 9.1 % with 12 classes gives kappa 0.8 %, not 80 %
        ("accuracy,kappa\n9.1,0.8\n8.4,0.1\n", []),
        ("accuracy,kappa\n0.091,0.8\n", [("line 2", "kappa against accuracy")]),
        # a fraction slightly above 1 is out of range, not a percent
        ("accuracy,kappa\n1.02,0.96\n0.97,0.96\n", [("line 2", "range")]),
    ],
)
def test_columns_cells_and_percents_are_recognised(write_table, text, expected):
    assert [(finding.row, finding.rule) for finding in audit_csv(write_table(text), 12).findings] == expected


def test_supports_add_rules(write_table):
    found = [(finding.row, finding.rule) for finding in audit_csv(write_table(PERCENTS), 12, [100] * 12).findings]
    assert {row for row, _ in found} == {"ResNet / 1"}
    assert ("ResNet / 1", "specificity against accuracy and supports") in found


@pytest.mark.parametrize(
    "text",
    [
        "accuracy;precision;sensitivity;f1\n0,93;0,9329;0,9308;0,9336\n",
        "\ufeffaccuracy\tprecision\tsensitivity\tf1\n93.44%\t93.29%\t93.08%\t93.36%\n",
        'accuracy,precision,sensitivity,f1\n"93.44 ± 0.2","93.29 ± 0.1","93.08 ± 1.0","93.36 ± 0.4"\n',
        "\nf1_score,Recall,Precision\n0.9336,0.9308,0.9329\n\n",
    ],
)
def test_other_formats_of_the_same_table(write_table, text):
    found = audit_csv(write_table(text), 12).findings
    assert [finding.rule for finding in found] == ["f1 against precision and sensitivity"]


def test_true_scores_written_by_pandas_have_no_findings(tmp_path):
    random = np.random.default_rng(5)
    for number in range(60):
        classes = int(random.integers(2, 15))
        supports = random.integers(1, 60, classes)
        rates = random.random() * np.eye(classes) + random.random() * random.dirichlet(np.ones(classes), classes)
        runs = [
            [random.multinomial(n, row / row.sum()) for n, row in zip(supports, rates, strict=True)] for _ in range(3)
        ]
        table = pd.DataFrame(scores_of_confusion(np.array(runs)), columns=SCORES)
        table.insert(0, "run", ["1", "2", "3"])
        table = pd.concat([table, table.drop(columns="run").mean().to_frame().T.assign(run="mean")])
        if number % 2:
            table[list(SCORES)] = 100 * table[list(SCORES)].round(4)  # 0.9714 * 100 is 97.14000000000001
        path = tmp_path / f"{number}.csv"
        table.to_csv(path, index=False)
        for given in (None, supports.tolist()):
            assert not audit_csv(path, classes, given).findings, path.read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model,loss\nA,0.3\n", "no column is named accuracy"),
        ("accuracy,kappa\n", "has no rows"),
        ("", "has no rows"),
        ("model,accuracy\nA,good\n", "line 2, column 'accuracy': 'good' is not a number"),
        ("model,accuracy\nA,0.9\nB,0.8,0.7\n", "line 3: 3 cells under 2 column names"),
        ("recall,sensitivity\n0.9,0.9\n", "'recall' and 'sensitivity' are both sensitivity: keep one"),
        ("accuracy\n1e999\n", "not a number in the supported range"),
    ],
)
def test_an_invalid_table_is_refused_in_one_line(write_table, text, message):
    with pytest.raises(AuditError, match=message) as refusal:
        audit_csv(write_table(text), 12)
    assert "\n" not in str(refusal.value)


def levels_of_means(*pairs):
    """Return row and level of the findings on rows of (label, accuracy in percent)."""
    rows = [PublishedRow(label, accuracy=parse_score(text, percent=True)) for label, text in pairs]
    return [(finding.row, finding.level) for finding in audit_means(rows)]


THREE = (("1", "96.38"), ("2", "97.48"), ("3", "97.37"))
NAMED = (("1 / CNN", "80.0"), ("1 / ResNet", "90.0"), ("2 / CNN", "82.0"), ("2 / ResNet", "92.0"))
MODELS = (("ResNet", "80.0"), ("CNN", "82.0"))
BLOCKS = (("1", "90.0"), ("2", "92.0"), ("mean", "91.0"), ("3", "80.0"), ("4", "82.0"))


@pytest.mark.parametrize(
    ("rows", "mean", "level"),
    [
        (THREE, ("mean", "97.08"), None),
        (THREE, ("Average of 3", "97.14"), "implausible"),
        (THREE, ("weighted mean", "97.50"), "impossible"),
        (THREE[:2], ("weighted avg", "97.40"), None),
        (THREE[:1], ("mean", "80"), None),
        (MODELS, ("Mean Teacher", "91.0"), None),
        (MODELS, ("CNN average pooling", "75.0"), None),
        (MODELS, ("mean ± sd", "91.0"), "impossible"),
        (MODELS, ("Ours (mean)", "91.0"), None),  # its runs are not in the table
        ((*NAMED, ("mean / CNN", "81.0")), ("mean / ResNet", "91.0"), None),
        ((*NAMED, ("mean / CNN", "81.0")), ("mean / ResNet", "81.0"), "impossible"),
        (BLOCKS, ("mean", "81.0"), None),  # of its block
        (BLOCKS, ("mean", "86.0"), None),  # of all rows
        (BLOCKS, ("mean", "85.0"), "implausible"),
    ],
)
def test_means_are_compared_with_their_rows(rows, mean, level):
    assert levels_of_means(*rows, mean) == ([(mean[0], level)] if level else [])


MEANS = (
    "mean|Average|avg.|Mean of 3|average of the three rows above|macro avg|weighted avg|mean ± sd|Mean (SD)|"
    "overall mean|mean over 5 folds|Mean (5 folds)|Average value|mean +/- std|Mean (n=3)|AVERAGE:"
).split("|")
METHODS = (
    "Mean Teacher|CNN average pooling|CNN + average pooling|k-means|mean-shift|Weight averaging|Average Joe|meaning|"
    "Exponential moving average|average pooling / 128|Mean field|global avg pool"
).split("|")
NAMES = ("ResNet / mean", "ResNet, average of 2", "ResNet (mean)")


@pytest.mark.parametrize(
    ("labels", "expected"), [(MEANS, frozenset()), (METHODS, None), (NAMES, {"resnet"})], ids=["mean", "method", "name"]
)
def test_labels_of_means(labels, expected):
    assert {label: mean_of(label) for label in labels} == dict.fromkeys(labels, expected)


def test_a_true_mean_has_no_findings():
    random = np.random.default_rng(0)
    for _ in range(2000):
        values, decimals = random.random(int(random.integers(2, 8))), int(random.integers(0, 4))
        labels = [*(str(n) for n in range(len(values))), "mean"]
        texts = [f"{100 * value:.{decimals}f}" for value in (*values, values.mean())]
        assert not levels_of_means(*zip(labels, texts, strict=True))


def random_confusions(random, folds=3):
    """Confusion matrices [folds, styles, styles] whose class sizes differ much between the folds."""
    styles, clips = int(random.integers(2, 13)), 30
    skill = random.random()
    rates = skill * np.eye(styles) + (1 - skill) / styles
    supports = random.multinomial(clips, np.full(styles, 1 / styles), size=folds) * int(random.integers(1, 12))
    return np.array([[random.multinomial(n, row) for n, row in zip(fold, rates, strict=True)] for fold in supports])


def test_true_scores_and_their_means_have_no_findings():
    random = np.random.default_rng(0)
    confusions = {f"setting {number}": random_confusions(random) for number in range(40)}
    assert audit_confusions(confusions) == OwnAudit(40 * 4, (), runs=40 * 3)  # three folds and their mean
    assert audit_confusions({"one": confusions["setting 0"][:1]}) == OwnAudit(1, (), runs=1)
    assert audit_confusions({}) == OwnAudit(0, ())


def test_the_class_sizes_of_a_mean_are_used_if_those_of_its_runs_are_similar(monkeypatch):
    supports = []
    monkeypatch.setattr("dance_tf.audit.audit.audit_row", lambda *args, averaged=False: supports.append(args[2]) or ())
    for second in ([11, 10], [20, 10]):
        audit_confusions({"runs": np.array([np.diag([10, 10]), np.diag(second)])})
    assert supports == [(10, 10), (11, 10), (21, 20), (10, 10), (20, 10), None]
