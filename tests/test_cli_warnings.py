"""What the verbs say about data that they cannot learn from or judge, and about mistakes in a command."""

import json

import pytest
from typer.testing import CliRunner

from dance_tf.cli import DONE, FAILED, app

SUPPORTS = ("--support", ",".join(["100"] * 12))


def call(*arguments, **runner):
    """Run a verb in this process."""
    return CliRunner(**runner).invoke(app, [str(argument) for argument in arguments])


def refused(*arguments):
    """Return the error line of a verb that failed and printed nothing on standard output."""
    result = call(*arguments)
    assert (result.exit_code, result.stdout) == (FAILED, ""), result.output
    line = result.stderr.splitlines()[-1]
    return line[line.rindex("dance_tf: ") :]  # after the progress bar


def strict(text):
    """Read JSON that has no NaN and no Infinity."""

    def refuse(constant):
        raise AssertionError(f"{constant} in {text}")

    return json.loads(text, parse_constant=refuse)


@pytest.fixture
def table(tmp_path):
    """Writes a table and gives its path."""

    def write(text):
        path = tmp_path / "table.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    ("header", "row", "unread"),
    [
        ("Model,Acc (%),Prec.,Rec.,F1-score", "ResNet,93.44,93.29,93.08,93.36", []),
        ("model;OA [%];pre (macro);Sens.;F-measure", "ResNet;93.44;93.29;93.08;93.36", []),
        ("Method\tTop-1 acc. (%)\tPPV\tTPR\tMacro F1", "ResNet\t93.44\t93.29\t93.08\t93.36", []),
        ("Acc.,Params (M),Prec.,Rec.,F1,AUC", "93.44,11.7,93.29,93.08,93.36,0.98", ["Params (M)", "AUC"]),
        ("Acc.,Prec.,Rec.,Rec. (weighted),F1", "93.44,93.29,93.08,93.44,93.36", ["Rec. (weighted)"]),
    ],
)
def test_audit_reads_the_usual_column_names_and_names_the_others(table, header, row, unread):
    result = call("audit", table(f"{header}\n{row}\n"), "--classes", 12, *SUPPORTS, "--json")
    document = strict(result.stdout)
    assert ("impossible", "93.36") in [(each["level"], each["values"].get("f1")) for each in document["findings"]]
    assert list(document["read"].values()) == ["accuracy", "precision", "sensitivity", "f1"]
    assert document["unread"] == unread
    assert result.stderr == (f"note: columns that were not read as a score: {', '.join(unread)}\n" if unread else "")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("model,F1-score,Precision@5\nours,93.1,99.0\n", "'F1-score' as f1, not read: Precision@5"),
        ("model,accuracy\nours,0.9\nResNet,0.8\n", "'accuracy' as accuracy"),
        ("model,Prec.,Rec.\nours,0.9,0.8\n", "'Prec.' as precision, 'Rec.' as sensitivity"),
        ("accuracy,recall,f1\n0.61,0.60,0.58\n", "'f1' as f1"),  # with 12 classes every accuracy fits to these
        ("accuracy,precision,recall\n—,—,—\n", "'recall' as sensitivity"),
    ],
)
@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_audit_gives_no_all_clear_on_a_table_that_it_cannot_judge(table, text, read, as_json):
    line = refused("audit", table(text), "--classes", 12, *as_json)
    assert "nothing can be judged, the scores of no row limit each other (read: " in line and line.endswith(f"{read})")


def test_audit_says_how_many_rows_it_judged(table):
    path = table("model,accuracy,kappa\nours,0.9,0.8\nResNet,0.8,—\nVGG,0.7,—\n")
    text = call("audit", path, "--classes", 12).stdout
    assert text == "no contradiction found in the 1 of 3 rows that can be judged\n"
    document = strict(call("audit", path, "--classes", 12, "--json").stdout)
    assert (document["judged"], document["rows"], document["findings"]) == (1, 3, [])


@pytest.mark.parametrize("charset", ["ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("name", ["Zoë", "Ǆena", "踊り", "a\udce9b"])
def test_names_that_a_terminal_lacks_are_escaped(tmp_path, charset, name):
    path = tmp_path / "t.csv"
    path.write_bytes("model,accuracy,kappa\nZoë,0.5,0.9\n踊り,0.5,0.9\n".encode())
    result = call("audit", path, "--classes", 3, charset=charset)
    shown = [one.encode(charset, "backslashreplace").decode(charset) for one in ("Zoë", "踊り")]
    assert (result.exit_code, [line.partition(":")[0] for line in result.stdout.splitlines()]) == (DONE, shown)
    document = strict(call("audit", path, "--classes", 3, "--json", charset=charset).stdout)
    assert [finding["row"] for finding in document["findings"]] == ["Zoë", "踊り"]
    missing = call("audit", tmp_path / name, "--classes", 3, charset=charset)
    escaped = name.encode(charset, "backslashreplace").decode(charset)
    assert (missing.exit_code, missing.stderr.strip()) == (
        FAILED,
        f"dance_tf: cannot read {tmp_path / escaped}: No such file or directory",
    )
