"""Notebooks run in order with a profile's parameters; what goes wrong is said in one line."""

import json
import sys

import nbformat
import pytest

from dance_tf.report.profile import RunError, check_profile, defaults_of, read_profile
from dance_tf.report.runner import run_profile

PARAMETERS = "run_folder: str = '.'  # the run\nclips: int = 1  # how many\nrate: float = 0.1  # step"
SAVE = """from dance_tf.report.writer import RunReport
report = RunReport(run_folder)
report.save({name!r}, {name!r}, metrics={metrics}, order={order})"""


def write_notebook(path, *cells, parameters=PARAMETERS):
    first = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
    notebook = nbformat.v4.new_notebook(cells=[first, *(nbformat.v4.new_code_cell(cell) for cell in cells)])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path.parent.mkdir(exist_ok=True)
    nbformat.write(notebook, path)


def write_profile(folder, text):
    path = folder / "tiny.yaml"
    path.write_text(text)
    return path


def test_a_profile_runs_its_notebooks_in_order(tmp_path, monkeypatch):
    notebooks, run = tmp_path / "notebooks", tmp_path / "reports" / "tiny"
    write_notebook(
        notebooks / "00_make_clips.ipynb",
        "import sys, pathlib\npathlib.Path(run_folder, 'clips.txt').write_text(sys.executable)",
        SAVE.format(name="make", metrics="{'data': {'clips': clips, 'rate': rate}}", order=0),
    )
    write_notebook(
        notebooks / "10_read_clips.ipynb",
        "text = open(f'{run_folder}/clips.txt').read()\nprint(text.count('python') > 0)",
        SAVE.format(name="read", metrics="{'speed': {'profile': profile}}", order=10),
        parameters="run_folder: str = '.'  # the run\nprofile: str = ''  # its name",
    )
    # sections of notebooks that are no more, and of a name that notebook 00 no longer uses
    for stale in ("05_gone.json", "00_renamed.json"):
        (run / "sections").mkdir(parents=True, exist_ok=True)
        section = {"order": int(stale[:2]), "name": stale[3:-5], "title": "", "headline": "", "text": ""}
        (run / "sections" / stale).write_text(
            json.dumps({**section, "metrics": {"old": 1}, "tables": [], "figures": []})
        )
    monkeypatch.chdir(tmp_path)
    page = run_profile(write_profile(tmp_path, "clips: 4\n"), notebooks, run, progress=False)
    assert page == run / "REPORT.md"
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics == {"data": {"clips": 4, "rate": 0.1}, "speed": {"profile": "tiny"}}
    assert (run / "clips.txt").read_text() == sys.executable
    assert [path.name for path in sorted((run / "executed").iterdir())] == [
        "00_make_clips.ipynb",
        "10_read_clips.ipynb",
    ]
    executed = (run / "executed" / "10_read_clips.ipynb").read_text()
    assert str(tmp_path) not in executed
    assert "True" in executed
    assert '"ename"' not in executed


def test_a_failing_notebook_stops_the_run_in_one_line(tmp_path):
    notebooks, run = tmp_path / "notebooks", tmp_path / "run"
    write_notebook(notebooks / "00_make_clips.ipynb", "1 / 0")
    write_notebook(notebooks / "10_read_clips.ipynb", "open(f'{run_folder}/never', 'w')")
    with pytest.raises(RunError) as failure:
        run_profile(write_profile(tmp_path, ""), notebooks, run, progress=False)
    assert str(failure.value).startswith("00_make_clips.ipynb, cell [3]: ZeroDivisionError: division by zero")
    assert "\n" not in str(failure.value)
    left = sorted(path.name for path in (run / "executed").iterdir())
    assert left == ["failed_00_make_clips.ipynb", "failed_00_make_clips.log"]
    assert not (run / "never").exists()
    write_notebook(notebooks / "00_make_clips.ipynb", "import os", "os._exit(9)")
    with pytest.raises(RunError, match=r"^00_make_clips.ipynb, its kernel died, often for want of memory"):
        run_profile(write_profile(tmp_path, ""), notebooks, run, progress=False)


def test_defaults_are_read_from_the_parameters_cell(tmp_path):
    source = "run_folder: str = '.'  # a\nsizes: list = [32, 64]  # b\nfold = 3\nhalf: float = 1 / 2  # d"
    write_notebook(tmp_path / "00_a_b.ipynb", parameters=source)
    assert defaults_of(tmp_path / "00_a_b.ipynb") == {"run_folder": ".", "sizes": [32, 64], "fold": 3, "half": "1 / 2"}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"clip": 4}, "no notebook has the parameter clip"),
        ({"run_folder": "x"}, "run_folder is set by the run itself"),
        ({"rate": "1e-3"}, r"rate is '1e-3' \(str\), but 00_a.ipynb wants float"),
        ({"clips": 1.5}, "clips is 1.5"),
        ({"clips": True}, "clips is True"),
        ({"sizes": 32}, "sizes is 32"),
    ],
)
def test_a_profile_that_fits_no_notebook_is_refused(parameters, message):
    defaults = {"00_a.ipynb": {"run_folder": ".", "clips": 1, "rate": 0.1, "sizes": [32]}}
    with pytest.raises(RunError, match=message):
        check_profile(parameters, defaults, "tiny.yaml")
    check_profile({"clips": 2, "rate": 1, "sizes": [64]}, defaults, "tiny.yaml")


def test_profiles_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(RunError, match="no profile other.yaml in .*; there are: tiny"):
        write_profile(tmp_path, "")
        read_profile(tmp_path / "other.yaml")
    with pytest.raises(RunError, match="flat list"):
        read_profile(write_profile(tmp_path, "a:\n  b: 1\n"))
    with pytest.raises(RunError, match="not YAML"):
        read_profile(write_profile(tmp_path, "a: [1\n"))
    assert read_profile(write_profile(tmp_path, "rate: 1.0e-3\nclips: 3  # many\n")) == {"rate": 0.001, "clips": 3}


def test_a_folder_without_notebooks_is_refused(tmp_path):
    (tmp_path / "notebooks").mkdir()
    with pytest.raises(RunError, match="there is no notebook"):
        run_profile(write_profile(tmp_path, ""), tmp_path / "notebooks", tmp_path / "run", progress=False)
