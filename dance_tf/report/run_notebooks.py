"""Run the notebooks of a profile in order, in this Python environment, and write the report."""

import ast
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import nbformat
import papermill
from jupyter_client import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, NotebookExecutionManager, papermill_engines
from papermill.log import logger
from tqdm import tqdm

from dance_tf.report.build import portable, write_report
from dance_tf.report.profile import ROOT, RunError, find_profile, load_profile, pose_settings, read_profile
from dance_tf.report.section import RunReport, plain, write_whole
from dance_tf.video.catalog import find_clips
from dance_tf.video.summary import catalog_text, describe_catalog

ENGINE = "dance_tf"
NEEDS_CLIPS = "needs_clips"  # tag of cells that are left out when the report is made from stored runs
MARKS = ("run.json", "sections", "provenance.json")  # one of these shows that a folder holds a report
# suppress startup logs of the backends and terminal progress bars in executed notebooks
QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "GRPC_VERBOSITY": "ERROR",
    "TQDM_DISABLE": "1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}
# a notebook finds the kernel as new, but Keras has started, in the kernel and in its worker processes
RESET = (
    "import sys; 'keras' in sys.modules and sys.modules['keras'].backend.clear_session(); get_ipython().reset(); "
    "__spec__ = None; __import__('gc').collect()"  # new processes need the name
)
# TensorFlow 2.21 logs a few lines of level "information" on import, whatever TF_CPP_MIN_LOG_LEVEL is
STARTUP_LOG = re.compile(
    r"^(I\d{4} \d\d:\d\d:\d\d.*|WARNING: All log messages before absl::InitializeLog\(\).*)\n?", re.M
)


def notebook_paths(folder: Path) -> list[Path]:
    """Return the notebooks of a folder, `NN_verb_object.ipynb`, in the order of their numbers."""
    return sorted(path for path in folder.glob("*.ipynb") if re.match(r"\d\d_", path.name))


def run_profile(profile: Path | str, notebooks: Path, run_folder: Path, from_records: bool = False) -> Path:
    """Run all notebooks of a folder with a profile, write the report and return the path of REPORT.md.

    All notebooks run, also after an interrupted run. Training is cached, so the second run gives the same numbers.

    A notebook gets `run_folder`, `profile` (path of the YAML file), `from_records` and the parameters of the profile,
    if its parameters cell contains them.

    Args:
        notebooks: folder of `NN_verb_object.ipynb`.
        run_folder: where the report goes; executed notebooks go to `executed/` in it.
        from_records: make tables and figures from the runs stored in `runs/`. Cells tagged `needs_clips` do not run.
            Sections that are not saved again and the executed notebooks do not change.

    Raises:
        CatalogError: the profile's footage has no clips.
        RunError: the profile is not valid, the folder contains something other than a report, or a notebook failed. The
            message names the notebook, the cell and the error; `executed/failed_…` holds the notebook up to there.
    """
    profile, notebooks, run_folder = find_profile(profile), notebooks.resolve(), run_folder.resolve()
    parameters = read_profile(profile)
    paths = notebook_paths(notebooks)
    if not paths:
        raise RunError(f"there is no notebook named NN_*.ipynb in {notebooks.name}/")
    defaults = {path: defaults_of(path) for path in paths}
    if run_folder.exists() and not _may_be_a_report(run_folder):
        raise RunError(f"{run_folder} contains something other than a report: choose a new folder")
    if from_records and not (run_folder / "runs").is_dir():
        raise RunError(f"{run_folder} has no stored runs (runs/): make the report without --from-records first")
    loaded = load_profile(profile)
    if loaded.footage and not from_records:  # before hours of work
        print(catalog_text(describe_catalog(find_clips(Path(loaded.footage)))), file=sys.stderr)
    if loaded.poses_per_second and not from_records and (why := pose_settings(loaded)[1]):
        print(f"no skeletons: {why}", file=sys.stderr)
    report = RunReport(run_folder)
    described = {key: portable(_as_parameter(value)) for key, value in parameters.items()}
    if not from_records and report.run.get("parameters") != plain(described):
        shutil.rmtree(run_folder / "runs", ignore_errors=True)  # records of other settings
    report.describe_run(profile=profile.stem, parameters=described)
    executed = run_folder / "executed"
    executed.mkdir(parents=True, exist_ok=True)
    orders = [int(path.name[:2]) for path in paths]
    if not from_records:
        report.remove_sections({section.order for section in report.sections()} - set(orders))
        for old in set(executed.glob("*")) - {executed / path.name for path in paths}:
            if old.is_file():
                old.unlink()
    given = {
        **{key: getattr(loaded, key) for key in parameters},
        "run_folder": _from_root(run_folder, ROOT),
        "profile": _from_root(profile, ROOT / "notebooks"),
        "from_records": from_records,
    }
    bar = tqdm(paths, desc=profile.stem, unit="notebook", dynamic_ncols=True)
    with kernel_environment(), shared_kernel(executed / ".kernel.log") as kernel:
        for order, path in zip(orders, bar, strict=True):
            bar.set_postfix_str(path.stem)
            wanted = {key: _as_parameter(value) for key, value in given.items() if key in defaults[path]}
            before = report.last_saved()
            run_notebook(path, executed / path.name, wanted, kernel, from_records)
            if not from_records:
                report.remove_sections([order], saved_until=before)
    return write_report(report, from_records)


def _may_be_a_report(folder: Path) -> bool:
    return folder.is_dir() and (not any(folder.iterdir()) or any((folder / name).exists() for name in MARKS))


def _from_root(path: Path, root: Path) -> str:
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def _as_parameter(value: object) -> object:
    """Return a value of a profile for papermill."""
    return list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value


def defaults_of(notebook: Path) -> dict[str, object]:
    """Return names and defaults of a notebook's parameters cell. A default that is not a literal stays text.

    Raises:
        RunError: the notebook cannot be read or does not have exactly one parameters cell.
    """
    try:
        cells = nbformat.read(notebook, as_version=4).cells
    except (OSError, nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        raise RunError(f"{notebook.name} cannot be read: {str(error).splitlines()[0]}") from error
    found = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    if len(found) != 1:
        raise RunError(f"{notebook.name} has {len(found)} parameters cells, but needs exactly one")
    defaults = {}
    for line in ast.parse(found[0].source).body:
        target = line.targets[0] if isinstance(line, ast.Assign) else getattr(line, "target", None)
        if isinstance(target, ast.Name) and line.value is not None:
            try:
                defaults[target.id] = ast.literal_eval(line.value)
            except ValueError:
                defaults[target.id] = ast.unparse(line.value)
    return defaults


@dataclass(frozen=True)
class Kernel:
    """The Python process that runs the notebooks of a report, one after the other; it starts with the first one."""

    manager: AsyncKernelManager
    log: Path  # its output outside of cells


@contextmanager
def shared_kernel(log: Path) -> Iterator[Kernel]:
    """Yield a kernel for several notebooks, and end it; its log is removed."""
    manager = AsyncKernelManager(kernel_name="python3")
    try:
        yield Kernel(manager, log)
    finally:
        if run_sync(manager.is_alive)():
            run_sync(manager.shutdown_kernel)()
        run_sync(manager.cleanup_resources)()
        log.unlink(missing_ok=True)


def run_notebook(
    notebook: Path, output: Path, parameters: Mapping[str, object], kernel: Kernel, from_records: bool = False
) -> None:
    """Execute one notebook in its own folder, and write the executed copy to `output` when all cells have run.

    From records, cells tagged `needs_clips` do not run, and no copy is kept.

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
            engine_name=ENGINE,
            kernel=kernel,
            left_out_tag=NEEDS_CLIPS if from_records else "",
        )
    except (papermill.PapermillExecutionError, RuntimeError) as error:  # nbclient raises RuntimeError about kernels
        for file, kept in ((partial, failed), (kernel.log, failed.with_suffix(".log"))):
            if file.exists():
                os.replace(file, kept)
        raise RunError(f"{notebook.name}, {_cell_and_error(error)} (see executed/{failed.name})") from error
    if not from_records:
        write_whole(output, nbformat.writes(without_traces(document)) + "\n")
    for left in (failed, failed.with_suffix(".log"), partial):
        left.unlink(missing_ok=True)


def _cell_and_error(error: Exception) -> str:
    if isinstance(error, DeadKernelError):
        return "its kernel died, often because memory ran out"
    if isinstance(error, papermill.PapermillExecutionError):
        what = " ".join(f"{error.ename}: {error.evalue}".split())
        return f"cell [{error.exec_count or '?'}]: {what}"
    return f"its kernel did not start: {' '.join(str(error).split())}"


class LoggedKernelEngine(Engine):
    """papermill's engine with a kernel that may have run other notebooks, and cells left out by tag."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: NotebookExecutionManager,
        kernel_name: str,
        kernel: Kernel,
        left_out_tag: str = "",
        start_timeout: int = 60,
        **_: object,
    ) -> None:
        """Run the cells; papermill calls this."""
        nb_man.nb.cells = [cell for cell in nb_man.nb.cells if left_out_tag not in cell.metadata.get("tags", [])]
        given = {"startup_timeout": start_timeout, "kernel_name": kernel_name, "log": logger}
        client = PapermillNotebookClient(nb_man, kernel.manager, **given)
        client.on_notebook_start = lambda notebook: client.kc.execute(RESET, silent=True) and None
        try:
            with kernel.log.open("ab") as log:
                client.execute(stdout=log, stderr=log)
        finally:
            if client.kc:
                client.kc.stop_channels()


papermill_engines.register(ENGINE, LoggedKernelEngine)


def kernel_environment() -> AbstractContextManager:
    """Set the variables of kernels: quiet logs, seeded hashes, and the interpreter and package of this process.

    The user's own kernelspec "python3" may point to another Python, so this environment's comes before it.
    """
    first = {"PYTHONPATH": str(ROOT), "JUPYTER_PATH": str(Path(sys.prefix, "share", "jupyter"))}
    paths = {name: os.pathsep.join(filter(None, [path, os.environ.get(name)])) for name, path in first.items()}
    return patch.dict(os.environ, {**QUIET, "PYTHONHASHSEED": "0", **paths})


def without_traces(document: NotebookNode) -> NotebookNode:
    """Return an executed notebook without content that differs between runs or machines.

    This removes papermill's times, paths and random names, the directories of absolute paths in the parameters, and the
    startup logs of the backends (only lines of level "information"; warnings stay).
    """
    document.metadata.pop("papermill", None)
    for cell in document.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if not cell.metadata.get("tags"):
            cell.metadata.pop("tags", None)
        elif "injected-parameters" in cell.metadata["tags"]:
            cell["id"] = "injected-parameters"
            cell.source = re.sub(r'"(/[^"]*)"', lambda found: f'"{portable(found[1])}"', cell.source)
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name == "stderr":
                output.text = STARTUP_LOG.sub("", output.text)
        if "outputs" in cell:
            cell.outputs = [out for out in cell.outputs if out.output_type != "stream" or out.text]
    return document
