"""Rules of the notebooks: short, explained, one typed and commented parameters cell, stored without outputs."""

import ast
import io
import re
import tokenize
from pathlib import Path

import nbformat
import pytest

from dance_tf.report.profile import NAMES
from dance_tf.report.run_notebooks import NEEDS_CLIPS, defaults_of, notebook_paths

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
NOTEBOOKS = notebook_paths(FOLDER)
MAX_CELLS, MAX_LINES = 25, 120  # of code

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def tags(cell):
    return cell.metadata.get("tags", [])


def parameter_faults(source):
    """Return what is wrong with a parameters cell: lines that are not typed literals or have no comment."""
    comments = {
        token.start[0]
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT and token.string.lstrip("# ")
    }
    faults = []
    for line in ast.parse(source).body:
        if not isinstance(line, ast.AnnAssign) or line.value is None:
            faults.append(f"not of the form `name: type = value  # comment`: {ast.unparse(line)}")
            continue
        try:
            ast.literal_eval(line.value)
        except ValueError:
            faults.append(f"computed, so papermill would not recompute it: {ast.unparse(line)}")
        if line.end_lineno not in comments:
            faults.append(f"no comment: {ast.unparse(line)}")
    return faults


def names(cells):
    """Return the names that cells set and the names that they read."""
    nodes = [node for cell in cells for node in ast.walk(ast.parse(cell.source))]
    stored = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    imported = [alias for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names]
    stored |= {alias.asname or alias.name.partition(".")[0] for alias in imported}
    return stored, {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def only_with_clips(cells):
    """Return names that cells without the tag `needs_clips` read although only cells with it set them."""
    set_with, _ = names([cell for cell in cells if NEEDS_CLIPS in tags(cell)])
    set_without, read = names([cell for cell in cells if NEEDS_CLIPS not in tags(cell)])
    return (set_with - set_without) & read


def test_all_notebooks_are_numbered():
    assert NOTEBOOKS
    assert set(FOLDER.rglob("*.ipynb")) - set(FOLDER.rglob(".ipynb_checkpoints/*")) == set(NOTEBOOKS)
    assert all(re.fullmatch(r"\d\d_[a-z]+(_[a-z]+)+", path.stem) for path in NOTEBOOKS)
    assert len({path.name[:2] for path in NOTEBOOKS}) == len(NOTEBOOKS)


@each_notebook
def test_it_is_short_and_defines_nothing(path):
    cells = code_cells(path)
    lines = [line.strip() for cell in cells for line in cell.source.splitlines()]
    assert len(cells) <= MAX_CELLS
    assert len([line for line in lines if line and not line.startswith("#")]) <= MAX_LINES
    nodes = [node for cell in cells for node in ast.walk(ast.parse(cell.source))]
    assert not [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]


@each_notebook
def test_it_does_not_touch_the_environment(path):
    source = "\n".join(cell.source for cell in code_cells(path))
    assert "sys.path" not in source
    assert not re.search(r"^\s*[!%].*\bpip\b|\bsubprocess\b", source, re.MULTILINE)
    strings = [
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert not [text for text in strings if re.match(r"(/\w|~|[A-Za-z]:[\\/])", text)]


@each_notebook
def test_its_parameters_are_typed_commented_and_not_shared(path):
    tagged = [cell for cell in code_cells(path) if "parameters" in tags(cell)]
    assert len(tagged) == 1
    assert parameter_faults(tagged[0].source) == []
    defaults = defaults_of(path)
    assert defaults["run_folder"] == "reports/quick"
    assert (defaults["profile"], defaults["from_records"]) == ("quick", False)
    assert set(defaults) & set(NAMES) == set()


@each_notebook
def test_it_runs_without_the_cells_that_need_clips(path):
    assert only_with_clips(code_cells(path)) == set()


@each_notebook
def test_it_is_stored_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata.kernelspec.name == "python3"
    assert all((cell.outputs, cell.execution_count) == ([], None) for cell in notebook.cells if "outputs" in cell)


@each_notebook
def test_it_begins_with_its_title_and_saves_sections_of_its_number(path):
    first, *_ = nbformat.read(path, as_version=4).cells
    assert first.cell_type == "markdown" and first.source.startswith("# ")
    assert len(first.source.splitlines()) > 1
    source = "\n".join(cell.source for cell in code_cells(path))
    orders = re.findall(r"\border=(\d+)", source)
    assert len(orders) == source.count("report.save(") > 0
    assert set(orders) == {str(int(path.name[:2]))}


def test_faulty_parameters_are_found():
    good = "frames: int = 16  # frames sampled per clip\nrates: list = [\n    1,\n    2,\n]  # tried in turn\n"
    assert parameter_faults(good) == []
    assert len(parameter_faults("frames = 16  # untyped\n")) == 1
    assert len(parameter_faults("frames: int = 16\n")) == 1
    assert len(parameter_faults("frames: int = 4 * width  # computed\n")) == 1


def test_names_that_only_cells_with_clips_set_are_found():
    cells = [
        nbformat.v4.new_code_cell("import numpy as np\nframes = np.load(file)", metadata={"tags": [NEEDS_CLIPS]}),
        nbformat.v4.new_code_cell("file = 1\nmean = frames.mean()\nnp = 2"),
    ]
    assert only_with_clips(cells) == {"frames"}
