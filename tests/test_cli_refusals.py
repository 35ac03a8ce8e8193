"""What the verbs refuse in one line: to overwrite a user's files, damaged inputs, and interruptions."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dance_tf.cli import FAILED, app
from dance_tf.dataset.dataset import write_arrays
from dance_tf.report.profile import RunError

ROOT = Path(__file__).resolve().parents[1]


def refused(*arguments):
    """The one error line of a verb that failed; standard output must be empty."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert (result.exit_code, result.stdout) == (FAILED, "")
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("dance_tf: "), lines
    return lines[0]


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


def test_a_failing_notebook_is_reported_in_one_line(monkeypatch, tmp_path):
    def failing(*arguments, **options):
        raise RunError("00_curate_clips.ipynb, cell [3]: ValueError: no clips (see executed/failed_00.ipynb)")

    monkeypatch.setattr("dance_tf.report.run_notebooks.run_profile", failing)
    line = refused("report", "smoke", "--out", tmp_path / "report")
    assert line == ("dance_tf: 00_curate_clips.ipynb, cell [3]: ValueError: no clips (see executed/failed_00.ipynb)")


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
    assert refused(*arguments) == f"dance_tf: interrupted; {message}"


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_where_every_clip_is_refused_only_json_is_printed(as_json, tmp_path, monkeypatch):
    monkeypatch.setattr("dance_tf.model.bundle.load_bundle", lambda folder: None)
    clip = tmp_path / "strange.mp4"
    clip.write_bytes(b"no video")
    result = CliRunner().invoke(app, ["classify", str(tmp_path), str(clip), *as_json])
    assert result.exit_code == FAILED
    assert result.stderr.startswith(f"refused {clip}: ") and result.stderr.count("\n") == 1
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
