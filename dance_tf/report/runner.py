"""Runs the notebooks of a profile in order, with this environment's own interpreter, and writes the report."""

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from tqdm import tqdm

from dance_tf.report.profile import RunError, check_profile, defaults_of, read_profile
from dance_tf.report.sections import Section, write_whole
from dance_tf.report.writer import RunReport

# what a kernel may say that no reader wants: the backends' start-up chatter, progress bars drawn for a terminal
QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "GRPC_VERBOSITY": "ERROR",
    "TQDM_DISABLE": "1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}


def notebook_paths(folder: Path) -> list[Path]:
    """The notebooks of a folder in the order of their numbers: `NN_verb_object.ipynb`."""
    return sorted(path for path in folder.glob("*.ipynb") if re.match(r"\d\d_", path.name))


def run_profile(profile: Path, notebooks: Path, run_folder: Path, progress: bool = True) -> Path:
    """Runs all notebooks of a folder with a profile's parameters and writes the report.

    Every notebook runs, also after a run that was cut off: what cost time is kept by the notebooks' own caches, and so
    the second run ends in the same numbers.

    Args:
        profile: YAML file, flat, of notebook parameters.
        notebooks: folder of `NN_verb_object.ipynb`; each gets those parameters that its parameters cell has, and, if it
            has them, `run_folder` (relative to the notebooks' folder, where they run) and `profile` (its name).
        run_folder: where the report goes; executed notebooks go to `executed/` in it.
        progress: a progress bar on standard error.

    Returns:
        the path of REPORT.md.

    Raises:
        RunError: something in the profile fits no notebook, or a notebook failed: names it, the cell and the error. The
            notebook, as far as it came, lies in `executed/` under the name `failed_…`.
    """
    notebooks, run_folder = notebooks.resolve(), run_folder.resolve()
    parameters = read_profile(profile)
    paths = notebook_paths(notebooks)
    if not paths:
        raise RunError(f"there is no notebook named NN_*.ipynb in {notebooks.name}/")
    defaults = {path.name: defaults_of(path) for path in paths}
    check_profile(parameters, defaults, profile.name)
    report = RunReport(run_folder)
    report.describe_run(profile=profile.stem, parameters=parameters)
    orders = [int(path.name[:2]) for path in paths]
    _remove_where(report, lambda section: section.order not in orders)
    executed = run_folder / "executed"
    executed.mkdir(parents=True, exist_ok=True)
    for old in set(executed.glob("*.ipynb")) - {executed / path.name for path in paths}:
        old.unlink()
    given = {"run_folder": os.path.relpath(run_folder, notebooks), "profile": profile.stem}
    bar = tqdm(paths, desc=profile.stem, unit="notebook", disable=not progress, dynamic_ncols=True)
    with kernel_environment():
        for order, path in zip(orders, bar, strict=True):
            bar.set_postfix_str(path.stem)
            wanted = {key: value for key, value in {**parameters, **given}.items() if key in defaults[path.name]}
            before = report.stamps()
            run_notebook(path, executed / path.name, wanted)
            old = {name for name, stamp in report.stamps().items() if before.get(name) == stamp}
            _remove_where(
                report, lambda section, order=order, old=old: section.order == order and section.file_name in old
            )
    return report.write()


def _remove_where(report: RunReport, unwanted: Callable[[Section], bool]) -> None:
    for section in report.sections():
        if unwanted(section):
            report.remove(section)


def run_notebook(notebook: Path, output: Path, parameters: Mapping[str, object]) -> None:
    """Executes one notebook in its own folder; the executed copy appears only when it is whole.

    Raises:
        RunError: a cell failed; the message names the notebook, the cell and the error.
    """
    failed = output.with_name(f"failed_{output.name}")
    partial = output.with_name(f".partial_{output.name}")
    try:
        document = papermill.execute_notebook(
            notebook,
            partial,
            parameters=dict(parameters),
            kernel_name="python3",
            cwd=notebook.parent,
            progress_bar=False,
            start_timeout=120,
        )
    except (papermill.PapermillExecutionError, DeadKernelError) as error:
        os.replace(partial, failed)
        raise RunError(f"{notebook.name}, {_cell_and_error(error)} (as far as it came: {failed.name})") from error
    failed.unlink(missing_ok=True)
    write_whole(output, nbformat.writes(without_traces(document)) + "\n")
    partial.unlink()


def without_traces(document: NotebookNode) -> NotebookNode:
    """An executed notebook without the times, paths and random names that papermill notes: equal runs, equal files."""
    document.metadata.pop("papermill", None)
    for cell in document.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if not cell.metadata.get("tags"):
            cell.metadata.pop("tags", None)
        elif "injected-parameters" in cell.metadata["tags"]:
            cell["id"] = "injected-parameters"
    return document


def _cell_and_error(error: Exception) -> str:
    if isinstance(error, DeadKernelError):
        return "its kernel died, often for want of memory"
    what = " ".join(f"{error.ename}: {error.evalue}".split())
    return f"cell [{error.exec_count or '?'}]: {what}"


@contextmanager
def kernel_environment() -> Iterator[None]:
    """The variables with which kernels start: quiet, seeded hashes, and the interpreter and package that run this.

    A kernelspec "python3" of the user's own may point to another Python; this environment's is put before it.
    """
    package = str(Path(__file__).resolve().parents[2])
    wanted = {
        **QUIET,
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": _before(package, os.environ.get("PYTHONPATH")),
        "JUPYTER_PATH": _before(str(Path(sys.prefix, "share", "jupyter")), os.environ.get("JUPYTER_PATH")),
    }
    before = {key: os.environ.get(key) for key in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


def _before(first: str, rest: str | None) -> str:
    return os.pathsep.join([first, rest] if rest else [first])
