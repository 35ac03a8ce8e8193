"""The command line: exit status, one line per error, one JSON document with --json; real work is in test_main_path."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dance_tf.audit.audit import audit_csv
from dance_tf.cli import DONE, FAILED, app
from dance_tf.curation.parts import part_name
from dance_tf.dataset.dataset import write_arrays
from dance_tf.model.bundle import ModelBundle, ModelDescription
from dance_tf.pose.read import PoseSettings
from dance_tf.report.profile import RunError
from dance_tf.video.catalog import Clip
from dance_tf.video.settings import ReadSettings

ROOT = Path(__file__).resolve().parents[1]
VERBS = ("synthesize", "curate", "train", "evaluate", "classify", "audit", "report")
RESNET = "strategy,precision (%),sensitivity,specificity,accuracy,f1\nResNet,93.29,93.08,96.51,93.44,93.36\n"
SOUND = "strategy,accuracy,precision,recall,f1\nours,0.61,0.59,0.60,0.58\n"


def call(*arguments):
    """Run a verb in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refused(*arguments):
    """The one error line of a verb that failed; standard output must be empty."""
    result = call(*arguments)
    assert (result.exit_code, result.stdout) == (FAILED, "")
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("dance_tf: "), lines
    return lines[0]


@pytest.fixture
def table(tmp_path):
    """Writes a table and gives its path."""

    def write(text):
        path = tmp_path / "table.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.mark.parametrize(("arguments", "status"), [(("--help",), DONE), ((), FAILED)])
def test_help_names_every_verb(arguments, status):
    result = call(*arguments)
    assert result.exit_code == status
    assert all(f"  {verb} " in result.output for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_help(verb):
    result = call(verb, "--help")
    assert result.exit_code == DONE and "Usage: " in result.stdout
    assert verb == "report" or "--json" in result.stdout


def test_audit_names_contradictions(table):
    result = call("audit", table(SOUND), "--classes", 12)
    assert (result.exit_code, result.stdout, result.stderr) == (DONE, "no contradiction found\n", "")
    path = table(RESNET)
    result = call("audit", path, "--classes", 12)
    assert (result.exit_code, result.stderr) == (DONE, "")
    # without supports a class may never occur, and be left out of F1 only
    assert result.stdout.startswith("ResNet: implausible: f1 93.36 is above")
    supports = ("--support", ",".join(["100"] * 12))
    assert call("audit", path, "--classes", 12, *supports).stdout.startswith("ResNet: impossible: f1 93.36 is above")
    document = json.loads(call("audit", path, "--classes", 12, *supports, "--json").stdout)
    assert document["table"] == str(path)
    assert document["findings"] == [finding.to_json() for finding in audit_csv(path, 12, [100] * 12).findings]


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
        ("accuracy\nhigh\n", ("--classes", 12), "'high' is not a number"),
        (b"\xff\xfe\x00\x81" * 50, ("--classes", 12), "UTF-8 text"),
        (SOUND, ("--classes", 1), "at least 2"),
        (SOUND, ("--classes", 12, "--support", "one,two"), "whole numbers"),
    ],
)
def test_audit_refuses_in_one_line(table, tmp_path, text, options, message, as_json):
    path = tmp_path / "missing.csv" if text is None else table(text)
    assert message in refused("audit", path, *options, *as_json)


@pytest.mark.parametrize("verb", ["curate", "train", "evaluate", "classify"])
def test_a_missing_input_is_named_in_one_line(verb, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "missing" in refused(verb, "missing", "other", "--json")
    assert not (tmp_path / "other").exists()


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
def test_sampling_and_limits_reach_curation_and_the_cache_key_of_a_clip(options, expected, home, monkeypatch):
    def curate_folder(footage, out, jobs, scheduler, read, progress, catalog, poses):
        raise Called(read)

    monkeypatch.setattr("dance_tf.dataset.build.curate_folder", curate_folder)
    monkeypatch.setenv("DANCE_TF_TRACEBACK", "1")
    read = call("curate", "clips", "out", *options).exception.args[0]
    assert read == expected
    names = {part_name(Clip(Path("a.mp4")), "ab", each) for each in (read, ReadSettings())}
    same = {"--max-seconds"}.issuperset(options[:1])  # it refuses clips and changes no frame
    assert len(names) == (1 if same else 2)


@pytest.mark.parametrize(
    ("options", "rate", "message"),
    [
        ((), 10.0, ""),
        (("--poses-per-second", 4), 4.0, ""),
        (("--poses-per-second", 0), None, ""),
        ((), None, "no skeletons: the pose weights cannot be fetched"),
    ],
    ids=["default", "four", "none", "no weights"],
)
def test_skeletons_are_looked_for_if_there_are_weights(options, rate, message, home, monkeypatch):
    def curate_folder(*arguments):
        raise Called(arguments[-1])

    monkeypatch.setattr("dance_tf.dataset.build.curate_folder", curate_folder)
    monkeypatch.setattr("dance_tf.pose.weights.missing_weights", lambda: message.removeprefix("no skeletons: "))
    monkeypatch.setenv("DANCE_TF_TRACEBACK", "1")
    result = call("curate", "clips", "out", *options)
    assert result.exception.args[0] == (PoseSettings(rate) if rate else None)
    assert message in result.stderr


@pytest.mark.parametrize(
    "option",
    ["--max-seconds=0", "--max-seconds=nan", "--max-pixels=-1", "--frames-per-second=inf", "--poses-per-second=-1"],
)
def test_invalid_limits_are_refused_in_one_line(option, tmp_path):
    assert "positive" in refused("curate", tmp_path / "clips", tmp_path / "out", option)


def test_help_names_the_default_limits():
    text = " ".join(CliRunner().invoke(app, ["curate", "--help"], terminal_width=200).stdout.split())
    assert f"{ReadSettings().max_seconds:g} by default" in text and f"{ReadSettings().max_pixels:,} by default" in text


@pytest.mark.parametrize(("name", "file"), [("smoke", "smoke.yaml"), ("my.yaml", "my.yaml"), ("my.yml", "my.yml")])
def test_a_profile_is_a_name_or_a_yaml_file(name, file, tmp_path, monkeypatch):
    calls = []

    def run_profile(path, notebooks, out, from_records):
        calls.append((path.name, notebooks.name, out, from_records))
        return "there"

    monkeypatch.setattr("dance_tf.report.run_notebooks.run_profile", run_profile)
    for options in ((), ("--from-records",)):
        assert call("report", name, "--out", tmp_path, *options).stdout == "report in there\n"
        assert calls.pop() == (file, "notebooks", tmp_path, bool(options))


def test_an_unknown_profile_is_refused_with_the_known_ones(tmp_path):
    line = refused("report", "huge", "--out", tmp_path / "report")
    assert line.startswith("dance_tf: there is no profile huge.yaml in runs/; there are: paper, quick, smoke")


@pytest.mark.parametrize(
    ("patched", "error", "arguments", "line"),
    [
        (
            "audit.audit.audit_csv",
            KeyError("a bug"),
            ("audit", "t.csv", "--classes", 12),
            "KeyError: 'a bug' (a bug in",
        ),
        (
            "report.run_notebooks.run_profile",
            RunError("00.ipynb, cell [3]: no clips"),
            ("report", "smoke"),
            "00.ipynb, c",
        ),
    ],
)
def test_an_error_in_a_verb_is_one_line(patched, error, arguments, line, monkeypatch):
    def failing(*arguments, **options):
        raise error

    monkeypatch.setattr(f"dance_tf.{patched}", failing)
    assert refused(*arguments).startswith(f"dance_tf: {line}")


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
    line = refused(*arguments)
    assert line.startswith(f"dance_tf: {message}") and line.endswith("--help`")


def contents(folder):
    """Every file below a folder, with its bytes."""
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The current folder, with footage of two styles and a folder `mine` with a thesis."""
    for name in ("waltz/anna_1.mp4", "tango/anna_1.mp4"):
        path = tmp_path / "clips" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(b"a clip")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("three years of work")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("synthesize", "mine"), "contains something other"),
        (("synthesize", "mine", "--motion", "clips"), "contains something other"),
        (("synthesize", "clips/new", "--motion", "clips"), "it overlaps with "),
        (("synthesize", "mine", "--arrays"), "contains something other"),
        (("synthesize", "clips", "--arrays"), "contains something other"),
        (("synthesize", ".", "--arrays"), "the folder you are in"),
        (("synthesize", "mine/thesis.txt", "--arrays"), "is a file"),
        (("synthesize", "new", "--arrays", "--scheduler", "tcp://127.0.0.1:1"), "--scheduler"),
        (("curate", "clips", "clips"), "it is "),
        (("curate", "clips", "clips/dataset"), "it lies in "),
        (("curate", "clips/waltz", "clips"), "it contains "),
        (("curate", "clips", "mine"), "contains something other"),
        (("curate", "clips", "mine/thesis.txt"), "is a file"),
        (("train", "mine", "clips"), "contains something other"),
        (("train", "mine", "mine"), "it is "),
        (("train", "mine", "mine/model"), "it lies in "),
        (("report", "smoke", "--out", "mine"), "contains something other"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_user_s_files_are_never_overwritten(arguments, message, home):
    before = contents(home)
    assert message in refused(*arguments)
    assert contents(home) == before
    assert sorted(path.name for path in home.iterdir()) == ["clips", "mine"]


def test_a_damaged_dataset_and_a_damaged_model_are_named(tmp_path, blob_clips):
    folder = write_arrays(tmp_path / "data", blob_clips(styles=2, dancers=2, frames=2))
    description = folder / "dataset.json"
    description.write_text(description.read_text()[:-20])
    line = refused("train", folder, tmp_path / "model")
    assert line.startswith(f"dance_tf: {description} cannot be read (")
    assert line.endswith("make the dataset again, with `curate` or `synthesize --arrays`")
    model = tmp_path / "model"
    model.mkdir()
    described = {"format": 1, "keras": "3", "styles": [], "strategy": "cnn", "held_out": [], "view": "frame"}
    (model / "model.json").write_text(json.dumps(described))
    (model / "model.keras").write_bytes(b"PK damaged")
    line = refused("evaluate", model, folder)
    assert line.startswith(f"dance_tf: {model / 'model.keras'} cannot be read as a model (")
    assert line.endswith("): train it again")


@pytest.mark.parametrize(
    ("patched", "arguments", "message"),
    [
        ("dance_tf.synthesis.studio.synthesize", ("synthesize", "new"), "run the same command again to continue"),
        (
            "dance_tf.synthesis.captured_clips.synthesize_motion",
            ("synthesize", "new", "--motion", "clips"),
            "run the same command again to continue",
        ),
        ("dance_tf.dataset.build.curate_folder", ("curate", "clips", "new"), "run the same command again to continue"),
        ("dance_tf.audit.audit.audit_csv", ("audit", "a.csv", "--classes", 12), "run the same command again"),
        (
            "dance_tf.dataset.build.synthesize_arrays",
            ("synthesize", "new", "--arrays"),
            "nothing was written, and the same command starts from the beginning",
        ),
    ],
)
def test_an_interrupted_verb_says_whether_it_continues(patched, arguments, message, home, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(patched, interrupted)
    result = call(*arguments)
    assert (result.exit_code, result.stderr) == (FAILED, f"dance_tf: interrupted; {message}\n")


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_where_every_clip_is_refused_only_json_is_printed(as_json, tmp_path, monkeypatch):
    bundle = ModelBundle(None, ModelDescription(("waltz",), "cnn", "frame"))
    monkeypatch.setattr("dance_tf.model.bundle.load_classifier", lambda folder: bundle)
    clip = tmp_path / "strange.mp4"
    clip.write_bytes(b"no video")
    result = CliRunner().invoke(app, ["classify", str(tmp_path), str(clip), *as_json])
    assert result.exit_code == FAILED
    # a slow machine also shows progress
    lines = [line for line in result.stderr.splitlines() if line and not line.startswith("clips: ")]
    assert len(lines) == 1 and lines[0].startswith(f"refused {clip}: ")
    if as_json:
        assert [each["clip"] for each in json.loads(result.stdout)["refused"]] == [str(clip)]
    else:
        assert result.stdout == ""


STUB = """
import os
os.write(2, b"startup log\\n")
raise {error}
"""
ABSENT = "ModuleNotFoundError('No module named tensorflow', name='tensorflow')"


@pytest.mark.parametrize(
    ("package", "error", "output"),
    [
        ("tensorflow", "KeyboardInterrupt", "dance_tf: interrupted; run the same command again to continue\n"),
        ("tensorflow", "OSError('no disk')", "startup log\ndance_tf: no disk\n"),
        (
            "tensorflow",
            ABSENT,
            "startup log\ndance_tf: train needs tensorflow, which is not installed: install requirements.txt; "
            "or set KERAS_BACKEND to a backend that is installed\n",
        ),
        # before the verb runs
        ("typer", "KeyboardInterrupt", "startup log\ndance_tf: interrupted; run the same command again\n"),
    ],
)
def test_a_package_that_raises_when_it_is_imported(tmp_path, package, error, output):
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").write_text(STUB.format(error=error))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    command = [sys.executable, "-m", "dance_tf", "train", "data", "model"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (FAILED, "", output)
