"""Runs the notebooks of a profile in order, with this environment's own interpreter, and writes the report."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from tqdm import tqdm

from dance_tf.report.kernel import ENGINE, kernel_environment, without_traces
from dance_tf.report.profile import RunError, check_profile, defaults_of, read_profile
from dance_tf.report.provenance import portable
from dance_tf.report.sections import Section, write_whole
from dance_tf.report.writer import RunReport

# what a report's folder has from its first moment, or as it is published
MARKS = ("run.json", "sections", "provenance.json")


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
        RunError: something in the profile fits no notebook, the folder holds something else than a report, or a
            notebook failed: names it, the cell and the error. The notebook, as far as it came, lies in `executed/`
            under the name `failed_…`.
    """
    notebooks, run_folder = notebooks.resolve(), run_folder.resolve()
    parameters = read_profile(profile)
    paths = notebook_paths(notebooks)
    if not paths:
        raise RunError(f"there is no notebook named NN_*.ipynb in {notebooks.name}/")
    defaults = {path.name: defaults_of(path) for path in paths}
    check_profile(parameters, defaults, profile.name)
    if run_folder.exists() and not _may_be_a_report(run_folder):
        raise RunError(f"{run_folder} holds something else than a report: name a new folder")
    report = RunReport(run_folder)
    report.describe_run(profile=profile.stem, parameters={key: portable(value) for key, value in parameters.items()})
    orders = [int(path.name[:2]) for path in paths]
    _remove_where(report, lambda section: section.order not in orders)
    executed = run_folder / "executed"
    executed.mkdir(parents=True, exist_ok=True)
    for old in set(executed.glob("*")) - {executed / path.name for path in paths}:
        if old.is_file():
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


def _may_be_a_report(folder: Path) -> bool:
    """Whether a folder is empty or a report was begun in it."""
    return folder.is_dir() and (not any(folder.iterdir()) or any((folder / name).exists() for name in MARKS))


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
    log = failed.with_suffix(".log")
    try:
        document = papermill.execute_notebook(
            notebook,
            partial,
            parameters=dict(parameters),
            kernel_name="python3",
            cwd=notebook.parent,
            progress_bar=False,
            start_timeout=120,
            engine_name=ENGINE,
            log_file=log,
        )
    except (papermill.PapermillExecutionError, RuntimeError) as error:  # nbclient says RuntimeError of a kernel
        if partial.exists():
            os.replace(partial, failed)
        raise RunError(f"{notebook.name}, {_cell_and_error(error)} (see executed/{failed.name})") from error
    for left in (failed, log):
        left.unlink(missing_ok=True)
    write_whole(output, nbformat.writes(without_traces(document)) + "\n")
    partial.unlink()


def _cell_and_error(error: Exception) -> str:
    if isinstance(error, DeadKernelError):
        return "its kernel died, often for want of memory"
    if isinstance(error, papermill.PapermillExecutionError):
        what = " ".join(f"{error.ename}: {error.evalue}".split())
        return f"cell [{error.exec_count or '?'}]: {what}"
    return f"its kernel did not start: {' '.join(str(error).split())}"
