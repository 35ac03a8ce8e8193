import json

import numpy as np
import pandas as pd
import pytest

from dance_tf.audit.audit import AuditError, Finding, audit_csv, audit_means, audit_paper, findings_frame, mean_of
from dance_tf.audit.bounds import PublishedRow, read_printed
from dance_tf.evaluation.metrics import SCORES, scores_of_confusion


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
        for known in (None, supports.tolist()):
            assert not audit_csv(path, classes, known), path.read_text()


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


@pytest.mark.parametrize(
    "label",
    ["mean", "Average", "avg.", "Mean of 3", "average of the three rows above", "macro avg", "weighted avg",
     "mean ± sd", "Mean (SD)", "overall mean", "mean over 5 folds", "Mean (5 folds)", "Average value", "mean +/- std",
     "Mean (n=3)", "AVERAGE:"],
)  # fmt: skip
def test_labels_that_are_a_mean(label):
    assert mean_of(label) == frozenset()


@pytest.mark.parametrize(
    "label",
    ["Mean Teacher", "CNN average pooling", "CNN + average pooling", "k-means", "mean-shift", "Weight averaging",
     "Exponential moving average", "average pooling / 128", "Mean field", "global avg pool", "meaning", "Average Joe"],
)  # fmt: skip
def test_labels_that_name_a_method_are_no_mean(label):
    assert mean_of(label) is None


def test_a_method_with_mean_in_its_name_is_not_held_against_the_rows_above():
    better = [("ResNet", "80.0"), ("CNN", "82.0")]
    assert not audit_means(rows_of(*better, ("Mean Teacher", "91.0")))
    assert not audit_means(rows_of(*better, ("CNN average pooling", "75.0")))
    assert [finding.level for finding in audit_means(rows_of(*better, ("mean ± sd", "91.0")))] == ["impossible"]


def test_a_mean_with_a_name_is_of_the_rows_of_that_name():
    assert mean_of("ResNet / mean") == mean_of("ResNet, average of 2") == mean_of("ResNet (mean)") == {"resnet"}
    runs = [("1 / CNN", "80.0"), ("1 / ResNet", "90.0"), ("2 / CNN", "82.0"), ("2 / ResNet", "92.0")]
    assert not audit_means(rows_of(*runs, ("mean / CNN", "81.0"), ("mean / ResNet", "91.0")))
    (finding,) = audit_means(rows_of(*runs, ("mean / CNN", "81.0"), ("mean / ResNet", "81.0")))
    assert (finding.row, finding.level) == ("mean / ResNet", "impossible")
    # nothing above belongs to it: its runs are not in the table
    assert not audit_means(rows_of(("ResNet", "80.0"), ("CNN", "82.0"), ("Ours (mean)", "91.0")))


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
