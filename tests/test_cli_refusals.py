"""What the verbs refuse: to write over what a user has, and to go on with what is damaged; each in one line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dance_tf.cli import FAILED, app
from dance_tf.dataset.arrays import write_arrays
from dance_tf.report.profile import RunError

ROOT = Path(__file__).resolve().parents[1]


def refused(*arguments):
    """The one line of a verb that could not do what it was asked; nothing may stand on standard output."""
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
    """The current folder: footage of two styles, and a thesis that lies in a folder of its own."""
    for name in ("waltz/anna_1.mp4", "tango/anna_1.mp4"):
        path = tmp_path / "clips" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(b"a clip")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("three years of work")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("synthesize", "mine"), "holds something else"),
        (("synthesize", "mine", "--arrays"), "holds something else"),
        (("synthesize", "clips", "--arrays"), "holds something else"),
        (("synthesize", ".", "--arrays"), "the folder you are in"),
        (("synthesize", "mine/thesis.txt", "--arrays"), "is a file"),
        (("synthesize", "new", "--arrays", "--scheduler", "tcp://127.0.0.1:1"), "--scheduler"),
        (("curate", "clips", "clips"), "it is "),
        (("curate", "clips", "clips/dataset"), "it lies in "),
        (("curate", "clips/waltz", "clips"), "it contains "),
        (("curate", "clips", "mine"), "holds something else"),
        (("curate", "clips", "mine/thesis.txt"), "is a file"),
        (("train", "mine", "clips"), "holds something else"),
        (("train", "mine", "mine"), "it is "),
        (("train", "mine", "mine/model"), "it lies in "),
        (("report", "smoke", "--out", "mine"), "holds something else"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_nothing_that_a_user_has_is_written_over(arguments, said, home):
    before = contents(home)
    assert said in refused(*arguments)
    assert contents(home) == before
    assert sorted(path.name for path in home.iterdir()) == ["clips", "mine"]


def test_a_notebook_that_fails_is_told_in_one_line(monkeypatch, tmp_path):
    def failing(*arguments, **options):
        raise RunError("00_curate_clips.ipynb, cell [3]: ValueError: no clips (see executed/failed_00.ipynb)")

    monkeypatch.setattr("dance_tf.report.runner.run_profile", failing)
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
    ("patched", "arguments", "said"),
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
def test_a_stopped_verb_says_whether_it_goes_on(patched, arguments, said, home, monkeypatch):
    def stopped(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(patched, stopped)
    assert refused(*arguments) == f"dance_tf: interrupted; {said}"


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_where_every_clip_is_refused_only_json_prints_something(as_json, tmp_path, monkeypatch):
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
os.write(2, b"a greeting\\n")
raise {error}
"""


def program(tmp_path, package, error):
    """The end of `train` where a package greets on standard error and then raises as it is imported."""
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").write_text(STUB.format(error=error))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    command = [sys.executable, "-m", "dance_tf", "train", "data", "model"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert (done.returncode, done.stdout) == (FAILED, "")
    return done.stderr


def test_a_program_stopped_while_tensorflow_starts_says_nothing_else(tmp_path):
    told = program(tmp_path, "tensorflow", "KeyboardInterrupt")
    assert told == "dance_tf: interrupted; run the same command again to continue\n"


def test_what_tensorflow_says_is_shown_where_it_cannot_start(tmp_path):
    told = program(tmp_path, "tensorflow", "OSError('no disk')")
    assert told == "a greeting\ndance_tf: no disk\n"


def test_a_package_that_is_not_there_is_no_fault_of_ours(tmp_path):
    absent = "ModuleNotFoundError('No module named tensorflow', name='tensorflow')"
    told = program(tmp_path, "tensorflow", absent)
    assert told.splitlines()[-1] == (
        "dance_tf: train needs tensorflow, which is not installed: install requirements.txt; "
        "or set KERAS_BACKEND to a backend that is installed"
    )


def test_a_program_stopped_before_its_verb_is_known_has_no_traceback(tmp_path):
    told = program(tmp_path, "typer", "KeyboardInterrupt")
    assert told == "a greeting\ndance_tf: interrupted; run the same command again\n"
