"""Notebooks run in order with a profile; from stored runs; and one line for what goes wrong."""

import json
import os
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager

from dance_tf.report.profile import RunError
from dance_tf.report.run_notebooks import defaults_of, kernel_environment, run_profile, without_traces
from dance_tf.report.section import RunReport
from dance_tf.video.catalog import CatalogError

PARAMETERS = "run_folder: str = '.'  # the run\nseed: int = 1  # of all\njitter: float = 0.1  # of frames"
SHARED = "run_folder: str = '.'  # the run\nprofile: str = ''  # its YAML file\nfrom_records: bool = False  # or train"
SAVE = """from dance_tf.report.section import RunReport
report = RunReport(run_folder)
report.save({name!r}, {name!r}, metrics={metrics}, order={order})"""
LOG = """WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795472349.593372   13048 port.cc:153] oneDNN custom operations are on.
"""
WARNING = "W0000 00:00:1795472349.593372   13048 port.cc:153] something is wrong\n"


def write_notebook(path, *cells, parameters=PARAMETERS, needs_clips=()):
    first = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
    others = [
        nbformat.v4.new_code_cell(cell, metadata={"tags": ["needs_clips"] if place in needs_clips else []})
        for place, cell in enumerate(cells)
    ]
    notebook = nbformat.v4.new_notebook(cells=[first, *others])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path.parent.mkdir(exist_ok=True)
    nbformat.write(notebook, path)


def write_profile(folder, text=""):
    path = folder / "tiny.yaml"
    path.write_text(text)
    return path


@pytest.fixture(autouse=True)
def missing(monkeypatch):
    """Why there are no pose weights: nothing is fetched in these tests."""
    why = []
    monkeypatch.setattr("dance_tf.report.profile.missing_weights", lambda: "".join(why))
    return why


@pytest.mark.parametrize(
    ("profile", "reasons", "said"),
    [
        ("", ["the pose weights cannot be fetched"], "no skeletons: the pose weights cannot be fetched\n"),
        ("", [], ""),
        ("poses_per_second: 0\n", ["the pose weights cannot be fetched"], ""),
    ],
    ids=["no weights", "weights", "none wanted"],
)
def test_missing_pose_weights_are_reported_before_any_notebook_runs(profile, reasons, said, missing, tmp_path, capsys):
    write_notebook(tmp_path / "notebooks" / "00_make_clips.ipynb", "raise RuntimeError('a notebook runs')")
    missing += reasons
    with pytest.raises(RunError, match="a notebook runs"):
        run_profile(write_profile(tmp_path, profile), tmp_path / "notebooks", tmp_path / "report")
    before_the_bar, *_ = capsys.readouterr().err.partition("tiny:")
    assert before_the_bar.strip() == said.strip()


def test_own_footage_is_described_before_any_notebook_runs(tmp_path, capsys):
    write_notebook(tmp_path / "notebooks" / "00_make_clips.ipynb", "raise RuntimeError('a notebook runs')")
    (tmp_path / "clips" / "salsa").mkdir(parents=True)
    arguments = write_profile(tmp_path, "footage: clips\n"), tmp_path / "notebooks", tmp_path / "report"
    with pytest.raises(CatalogError, match="no clips found"):
        run_profile(*arguments)
    assert not (tmp_path / "report").exists()
    (tmp_path / "clips" / "salsa" / "anna_1.mp4").write_bytes(b"")
    with pytest.raises(RunError, match="a notebook runs"):
        run_profile(*arguments)
    assert capsys.readouterr().err.startswith("layout styles: 1 clip, 0 files refused\n  style salsa: 1 clip, 1 dancer")


def test_a_profile_runs_its_notebooks_in_order_and_from_records(tmp_path, monkeypatch):
    notebooks, run = tmp_path / "notebooks", tmp_path / "reports" / "tiny"
    write_notebook(
        notebooks / "00_make_clips.ipynb",
        "import os, sys, pathlib\nos.environ['FIRST'] = str(os.getpid())",
        "pathlib.Path(run_folder, 'clips.txt').write_text(sys.executable)",
        SAVE.format(name="make", metrics="{'data': {'seed': seed, 'jitter': jitter}}", order=0),
        needs_clips=(0, 1, 2),
    )
    write_notebook(
        notebooks / "10_read_clips.ipynb",
        "assert 'sys' not in globals() and __spec__ is None",  # as in a new kernel
        "import os\nassert from_records or os.environ['FIRST'] == str(os.getpid())",
        "from dance_tf.report.profile import load_profile\nshared = load_profile(profile)",
        "clips = pathlib.Path(run_folder, 'clips.txt') if from_records else open(f'{run_folder}/clips.txt')",
        SAVE.format(name="read", metrics="{'speed': [shared.name, shared.seed, from_records]}", order=10),
        parameters=SHARED + "\nimport pathlib",
    )
    # sections of a notebook that does not exist any more, and of a name that notebook 00 no longer uses
    RunReport(run).save("gone", "", metrics={"old": 1}, order=5)
    RunReport(run).save("renamed", "", metrics={"old": 1}, order=0)
    monkeypatch.chdir(tmp_path)
    profile = write_profile(tmp_path, "seed: 4\n")
    assert run_profile(profile, notebooks, run) == run / "REPORT.md"
    made = {"data": {"seed": 4, "jitter": 0.1}}
    assert json.loads((run / "metrics.json").read_text()) == {**made, "speed": ["tiny", 4, False]}
    assert (run / "clips.txt").read_text() == sys.executable
    assert {path.name for path in (run / "executed").iterdir()} == {"00_make_clips.ipynb", "10_read_clips.ipynb"}
    executed = (run / "executed" / "10_read_clips.ipynb").read_text()
    assert str(tmp_path) not in executed and "tiny.yaml" in executed
    assert [cell.execution_count for cell in nbformat.reads(executed, 4).cells] == [1, 2, 3, 4, 5, 6, 7]

    with pytest.raises(RunError, match="no stored runs"):
        run_profile(profile, notebooks, run, from_records=True)
    (run / "runs").mkdir()
    (run / "clips.txt").unlink()
    run_profile(profile, notebooks, run, from_records=True)
    assert json.loads((run / "metrics.json").read_text()) == {**made, "speed": ["tiny", 4, True]}
    assert not (run / "clips.txt").exists()
    assert (run / "executed" / "10_read_clips.ipynb").read_text() == executed
    assert len(list((run / "executed").iterdir())) == 2


def test_a_failing_notebook_stops_the_run_in_one_line(tmp_path):
    notebooks, run = tmp_path / "notebooks", tmp_path / "run"
    write_notebook(notebooks / "00_make_clips.ipynb", "1 / 0")
    write_notebook(notebooks / "10_read_clips.ipynb", "open(f'{run_folder}/never', 'w')")
    with pytest.raises(RunError) as failure:
        run_profile(write_profile(tmp_path), notebooks, run)
    assert str(failure.value).startswith("00_make_clips.ipynb, cell [3]: ZeroDivisionError: division by zero")
    assert "\n" not in str(failure.value)
    left = sorted(path.name for path in (run / "executed").iterdir())
    assert left == ["failed_00_make_clips.ipynb", "failed_00_make_clips.log"]
    assert not (run / "never").exists()
    write_notebook(notebooks / "00_make_clips.ipynb", "import os", "os._exit(9)")
    with pytest.raises(RunError, match=r"^00_make_clips.ipynb, its kernel died, often because memory ran out"):
        run_profile(write_profile(tmp_path), notebooks, run)


def test_defaults_are_read_from_the_parameters_cell(tmp_path):
    source = "run_folder: str = '.'  # a\nsizes: list = [32, 64]  # b\nfold = 3\nhalf: float = 1 / 2  # d"
    write_notebook(tmp_path / "00_a_b.ipynb", parameters=source)
    assert defaults_of(tmp_path / "00_a_b.ipynb") == {"run_folder": ".", "sizes": [32, 64], "fold": 3, "half": "1 / 2"}


def test_folders_that_cannot_be_used_are_refused(tmp_path):
    (tmp_path / "notebooks").mkdir()
    with pytest.raises(RunError, match="there is no notebook"):
        run_profile(write_profile(tmp_path), tmp_path / "notebooks", tmp_path / "run")
    write_notebook(tmp_path / "notebooks" / "00_a_b.ipynb")
    with pytest.raises(RunError, match="contains something other than a report"):
        run_profile(write_profile(tmp_path), tmp_path / "notebooks", tmp_path)


def test_startup_logs_times_random_names_and_absolute_paths_are_removed():
    logs = {"stderr": LOG + WARNING, "stdout": LOG}
    outputs = [nbformat.v4.new_output("stream", name=name, text=text) for name, text in logs.items()]
    only_log = [nbformat.v4.new_output("stream", name="stderr", text=LOG)]
    source = '# Parameters\nrun_folder = "/home/someone/run"\nprofile = "runs/quick.yaml"\n'
    metadata = {"tags": ["injected-parameters"], "execution": {"a": "b"}}
    cells = [
        nbformat.v4.new_code_cell(source, outputs=outputs, metadata=metadata),
        nbformat.v4.new_code_cell("x", outputs=only_log, metadata={**metadata, "tags": []}),
    ]
    document = without_traces(nbformat.v4.new_notebook(cells=cells, metadata={"papermill": {"start_time": "now"}}))
    injected, plain = document.cells
    assert "papermill" not in document.metadata and (plain.metadata, plain.outputs) == ({}, [])
    assert (injected.metadata, injected.id) == ({"tags": ["injected-parameters"]}, "injected-parameters")
    assert injected.source == '# Parameters\nrun_folder = "run"\nprofile = "runs/quick.yaml"\n'
    assert [output.text for output in injected.outputs] == [WARNING, LOG]


def test_kernels_start_from_this_environment(tmp_path, monkeypatch):
    own = tmp_path / "kernels" / "python3"
    own.mkdir(parents=True)
    (own / "kernel.json").write_text('{"argv": ["/elsewhere/python"], "display_name": "x", "language": "python"}')
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    with kernel_environment():
        spec = KernelSpecManager().get_kernel_spec("python3")
        assert Path(spec.resource_dir).is_relative_to(sys.prefix) or spec.argv[0] == sys.executable
        assert os.environ["PYTHONPATH"].endswith(f"{os.pathsep}/elsewhere")
        assert os.environ["TQDM_DISABLE"] == "1"
    assert (os.environ["JUPYTER_PATH"], os.environ["PYTHONPATH"]) == (str(tmp_path), "/elsewhere")
    assert "TQDM_DISABLE" not in os.environ
