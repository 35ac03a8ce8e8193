"""Where kernels start from, and what is left out of an executed notebook."""

import os
import sys
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpecManager

from dance_tf.report.kernel import kernel_environment, without_traces

CHATTER = """WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795472349.593372   13048 port.cc:153] oneDNN custom operations are on.
"""
WARNING = "W0000 00:00:1795472349.593372   13048 port.cc:153] something is wrong\n"


def executed(*outputs, tags=()):
    cell = nbformat.v4.new_code_cell("x", outputs=list(outputs), metadata={"tags": list(tags), "execution": {"a": "b"}})
    return nbformat.v4.new_notebook(cells=[cell], metadata={"papermill": {"start_time": "now"}})


def test_only_chatter_is_left_out():
    said = nbformat.v4.new_output("stream", name="stderr", text=CHATTER + WARNING)
    printed = nbformat.v4.new_output("stream", name="stdout", text=CHATTER)
    (cell,) = without_traces(executed(said, printed)).cells
    assert [output.text for output in cell.outputs] == [WARNING, CHATTER]
    (cell,) = without_traces(executed(nbformat.v4.new_output("stream", name="stderr", text=CHATTER))).cells
    assert cell.outputs == []


def test_times_and_random_names_are_left_out():
    document = without_traces(executed(tags=["injected-parameters"]))
    assert "papermill" not in document.metadata
    assert document.cells[0].metadata == {"tags": ["injected-parameters"]}
    assert document.cells[0].id == "injected-parameters"
    assert without_traces(executed()).cells[0].metadata == {}


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
    assert os.environ["JUPYTER_PATH"] == str(tmp_path)
    assert os.environ["PYTHONPATH"] == "/elsewhere"
    assert "TQDM_DISABLE" not in os.environ
