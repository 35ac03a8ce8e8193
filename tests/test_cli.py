"""The command line: exit status, one line per error, one JSON document with --json; real work is in test_main_path."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dance_tf.audit.audit import audit_csv
from dance_tf.cli import DONE, FAILED, app
from dance_tf.curation.filters import CurationSettings
from dance_tf.curation.parts import part_name
from dance_tf.video.catalog import Clip
from dance_tf.video.settings import ReadSettings

ROOT = Path(__file__).resolve().parents[1]
VERBS = ("synthesize", "curate", "train", "evaluate", "classify", "audit", "report")
RESNET = "strategy,precision (%),sensitivity,specificity,accuracy,f1\nResNet,93.29,93.08,96.51,93.44,93.36\n"
SOUND = "strategy,accuracy,recall,f1\nours,0.61,0.60,0.58\n"


def call(*arguments):
    """Run a verb in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refused(result):
    """The one error line of a verb that failed; standard output must be empty."""
    assert result.exit_code == FAILED
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("dance_tf: ")
    return lines[0]


@pytest.fixture
def table(tmp_path):
    """Writes a table and gives its path."""

    def write(text, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_help_names_every_verb():
    for arguments, status in ((("--help",), DONE), ((), FAILED)):
        result = call(*arguments)
        assert result.exit_code == status
        assert all(f"  {verb} " in result.output for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_help(verb):
    result = call(verb, "--help")
    assert result.exit_code == DONE
    assert "Usage: " in result.stdout
    if verb != "report":
        assert "--json" in result.stdout


def test_audit_names_contradictions(table):
    path = table(RESNET)
    result = call("audit", path, "--classes", 12)
    assert (result.exit_code, result.stderr) == (DONE, "")
    # without supports a class may never occur, and be left out of F1 only
    assert result.stdout.startswith("ResNet: implausible: f1 93.36 is above")
    supports = ("--support", ",".join(["100"] * 12))
    assert call("audit", path, "--classes", 12, *supports).stdout.startswith("ResNet: impossible: f1 93.36 is above")
    document = json.loads(call("audit", path, "--classes", 12, *supports, "--json").stdout)
    assert document["table"] == str(path)
    assert document["findings"] == [finding.to_json() for finding in audit_csv(path, 12, [100] * 12)]


def test_audit_of_a_consistent_table_finds_nothing(table):
    result = call("audit", table(SOUND), "--classes", 12)
    assert (result.exit_code, result.stdout, result.stderr) == (DONE, "no contradiction found\n", "")


def test_audit_of_averaged_rows_is_milder(table):
    # twelve classes of one size and accuracy 93.44 leave specificity 1 - 0.0656 / 11 = 99.40 and nothing else
    path = table("accuracy,specificity\n0.9344,0.9936\n")
    arguments = ("audit", path, "--classes", 12, "--support", ",".join(["100"] * 12), "--json")
    strict, mild = (json.loads(call(*arguments, *more).stdout)["findings"] for more in ((), ("--averaged",)))
    assert [finding["level"] for finding in strict] == ["impossible"]
    assert [finding["level"] for finding in mild] == ["implausible"]


@pytest.mark.parametrize("as_json", [(), ("--json",)])
@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (None, ("--classes", 12), "No such file"),
        ("strategy,year\nResNet,2016\n", ("--classes", 12), "no column is named accuracy"),
        ("accuracy\nhigh\n", ("--classes", 12), "'high' is not a number"),
        ("accuracy\n", ("--classes", 12), "no rows"),
        (b"\xff\xfe\x00\x81" * 50, ("--classes", 12), "UTF-8 text"),
        (SOUND, ("--classes", 1), "at least 2"),
        (SOUND, ("--classes", 12, "--support", "1,2"), "2 supports for 12 classes"),
        (SOUND, ("--classes", 12, "--support", "one,two"), "whole numbers"),
    ],
)
def test_audit_refuses_in_one_line(table, tmp_path, text, options, message, as_json):
    path = tmp_path / "missing.csv" if text is None else table(text)
    assert message in refused(call("audit", path, *options, *as_json))


@pytest.mark.parametrize(
    "arguments",
    [
        ("curate", "missing", "out", "--json"),
        ("train", "missing", "model", "--json"),
        ("evaluate", "missing", "dataset", "--json"),
        ("classify", "missing", "clip.mp4", "--json"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_missing_input_is_named_in_one_line(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "missing" in refused(call(*arguments))
    assert not (tmp_path / "model").exists()


class Called(Exception):
    """Carries the settings that curation was called with out of the verb."""


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), ReadSettings()),
        (("--fit", "crop", "--frames-per-second", 12.5), ReadSettings(fit="crop", frames_per_second=12.5)),
        (("--max-seconds", 3600), ReadSettings(max_seconds=3600.0)),
        (("--max-pixels", 1_000_000), ReadSettings(max_pixels=1_000_000)),
    ],
)
def test_sampling_and_limits_reach_curation_and_the_cache_key_of_a_clip(options, expected, monkeypatch):
    def curate_folder(footage, out, jobs, scheduler, read, progress):
        raise Called(read)

    monkeypatch.setattr("dance_tf.dataset.build.curate_folder", curate_folder)
    monkeypatch.setenv("DANCE_TF_TRACEBACK", "1")
    read = call("curate", "footage", "out", *options).exception.args[0]
    assert read == expected
    names = {part_name(Clip(Path("a.mp4")), "ab", each, CurationSettings()) for each in (read, ReadSettings())}
    same = {"--max-seconds"}.issuperset(options[:1])  # it refuses clips and changes no frame
    assert len(names) == (1 if same else 2)


@pytest.mark.parametrize(
    "options",
    [
        ("--max-seconds", 0),
        ("--max-seconds", "nan"),
        ("--max-pixels", -1),
        ("--frames-per-second", 0),
        ("--frames-per-second", "inf"),
    ],
)
def test_invalid_limits_are_refused_in_one_line(options, tmp_path):
    assert "positive" in refused(call("curate", tmp_path / "clips", tmp_path / "out", *options))


def test_help_names_the_default_limits():
    text = " ".join(CliRunner().invoke(app, ["curate", "--help"], terminal_width=200).stdout.split())
    assert f"{ReadSettings().max_seconds:g} by default" in text and f"{ReadSettings().max_pixels:,} by default" in text


@pytest.mark.parametrize(("name", "file"), [("smoke", "smoke.yaml"), ("my.yaml", "my.yaml"), ("my.yml", "my.yml")])
def test_a_profile_is_a_name_or_a_yaml_file(name, file, tmp_path, monkeypatch):
    profiles = []
    monkeypatch.setattr(
        "dance_tf.report.run_notebooks.run_profile", lambda path, *_, **__: profiles.append(path) or "there"
    )
    assert call("report", name, "--out", tmp_path).stdout == "report in there\n"
    assert profiles[0].name == file


def test_an_unknown_profile_is_refused_with_the_known_ones(tmp_path):
    line = refused(call("report", "huge", "--out", tmp_path / "report"))
    assert line.startswith("dance_tf: there is no profile huge.yaml in runs/; there are: paper, quick, smoke")


def test_a_bug_is_one_line_too(table, monkeypatch):
    def broken(*arguments, **options):
        raise KeyError("a bug")

    monkeypatch.setattr("dance_tf.audit.audit.audit_csv", broken)
    assert "a bug in dance_tf" in refused(call("audit", table(SOUND), "--classes", 12, "--json"))


def test_as_a_program(table):
    command = [sys.executable, "-m", "dance_tf", "audit", str(table(RESNET)), "--json"]
    done = subprocess.run([*command, "--classes", "12"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (DONE, "")
    assert json.loads(done.stdout)["findings"][0]["row"] == "ResNet"
    incomplete = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (incomplete.returncode, incomplete.stdout) == (FAILED, "")
    assert incomplete.stderr.startswith("dance_tf: Missing option '--classes': see `")
    assert incomplete.stderr.endswith(" audit --help`\n") and incomplete.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("audit", "table.csv"), "Missing option '--classes'"),
        (("audit", "table.csv", "--classes", "many"), "Invalid value for '--classes'"),
        (("audit",), "Missing argument 'table'"),
        (("train", "data", "model", "--epoch", "3"), "No such option: --epoch"),
        (("dance",), "No such command 'dance'"),
        (("--verbose", "audit"), "No such option: --verbose"),
    ],
)
def test_a_usage_error_is_one_line_that_names_the_help(arguments, message):
    line = refused(call(*arguments))
    assert line.startswith(f"dance_tf: {message}") and line.endswith("--help`")
