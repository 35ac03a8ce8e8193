"""The notebooks' rules: thin, told in prose, one typed and commented parameters cell, stored without outputs."""

import ast
import io
import re
import tokenize
from pathlib import Path

import nbformat
import pytest

from dance_tf.report.run_notebooks import defaults_of, notebook_paths

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
NOTEBOOKS = notebook_paths(FOLDER)
PROFILES = sorted((FOLDER / "runs").glob("*.yaml"))
MOST_CELLS, MOST_LINES = 20, 80

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def code_lines(cells):
    lines = [line.strip() for cell in cells for line in cell.source.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def parameter_faults(source):
    """What is wrong with a parameters cell: a line that is no typed literal, or has no comment behind it."""
    comments = {
        token.start[0]
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT and token.string.lstrip("# ")
    }
    faults = []
    for line in ast.parse(source).body:
        if not isinstance(line, ast.AnnAssign) or line.value is None:
            faults.append(f"not of the form `name: type = value  # what it is`: {ast.unparse(line)}")
            continue
        try:
            ast.literal_eval(line.value)
        except ValueError:
            faults.append(f"derived, so papermill would not recompute it: {ast.unparse(line)}")
        if line.end_lineno not in comments:
            faults.append(f"no comment: {ast.unparse(line)}")
    return faults


def test_there_are_notebooks_and_all_are_numbered():
    assert NOTEBOOKS
    assert set(FOLDER.rglob("*.ipynb")) - set(FOLDER.rglob(".ipynb_checkpoints/*")) == set(NOTEBOOKS)
    assert all(re.fullmatch(r"\d\d_[a-z]+(_[a-z]+)+", path.stem) for path in NOTEBOOKS)
    assert len({path.name[:2] for path in NOTEBOOKS}) == len(NOTEBOOKS)


@each_notebook
def test_it_is_thin(path):
    cells = code_cells(path)
    lines = code_lines(cells)
    assert len(cells) <= MOST_CELLS
    assert len(lines) <= MOST_LINES
    statements = [node for cell in cells for node in ast.walk(ast.parse(cell.source))]
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    assert [node.name for node in statements if isinstance(node, defined)] == []


@each_notebook
def test_it_leaves_the_environment_alone(path):
    source = "\n".join(cell.source for cell in code_cells(path))
    assert "sys.path" not in source
    assert not re.search(r"^\s*[!%].*\bpip\b|\bsubprocess\b", source, re.MULTILINE)
    literals = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    texts = [text for text in literals if isinstance(text, str)]
    assert [text for text in texts if re.match(r"(/\w|~|[A-Za-z]:[\\/])", text)] == []


@each_notebook
def test_its_parameters_are_typed_and_commented(path):
    tagged = [cell for cell in code_cells(path) if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    assert parameter_faults(tagged[0].source) == []
    assert "run_folder" in defaults_of(path)


def test_faulty_parameters_are_seen():
    good = "frames: int = 16  # frames sampled per clip\nrates: list = [\n    1,\n    2,\n]  # tried in turn\n"
    assert parameter_faults(good) == []
    assert len(parameter_faults("frames = 16  # untyped\n")) == 1
    assert len(parameter_faults("frames: int = 16\n")) == 1
    assert len(parameter_faults("frames: int = 4 * width  # derived\n")) == 1


@each_notebook
def test_it_is_stored_as_it_should_run(path):
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)


@each_notebook
def test_it_begins_with_its_title_and_ends_by_saving(path):
    cells = nbformat.read(path, as_version=4).cells
    assert cells[0].cell_type == "markdown"
    assert cells[0].source.startswith("# ")
    assert len(cells[0].source.splitlines()) > 1
    saves = [place for place, cell in enumerate(cells) if cell.cell_type == "code" and "report.save(" in cell.source]
    code = [place for place, cell in enumerate(cells) if cell.cell_type == "code"]
    assert saves[-1:] == code[-1:]
    orders = re.findall(r"\border=(\d+)", cells[code[-1]].source)
    assert orders == [str(int(path.name[:2]))]


def test_the_four_profiles_are_there():
    assert {path.stem for path in PROFILES} == {"smoke", "quick", "standard", "paper"}
