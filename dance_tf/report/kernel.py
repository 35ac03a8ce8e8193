"""How a notebook's kernel is started: this environment's interpreter, this package, and quiet."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nbformat import NotebookNode
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, NotebookExecutionManager, papermill_engines
from papermill.log import logger

ENGINE = "dance_tf"
# what a kernel may say that no reader wants: the backends' chatter, progress bars drawn for a terminal
QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "GRPC_VERBOSITY": "ERROR",
    "TQDM_DISABLE": "1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}
# TensorFlow 2.21 says a few lines of level "information" when it is imported, whatever the variable above asks for
CHATTER = re.compile(r"^(I\d{4} \d\d:\d\d:\d\d.*|WARNING: All log messages before absl::InitializeLog\(\).*)\n?", re.M)


class LoggedKernelEngine(Engine):
    """papermill's own way to run a notebook, with what the kernel says outside of its cells going to a file."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: NotebookExecutionManager, kernel_name: str, log_file: Path, start_timeout: int = 60, **_: object
    ) -> None:
        """Runs the cells; papermill calls this."""
        client = PapermillNotebookClient(nb_man, startup_timeout=start_timeout, kernel_name=kernel_name, log=logger)
        with log_file.open("wb") as log:
            client.execute(stdout=log, stderr=log)


papermill_engines.register(ENGINE, LoggedKernelEngine)


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


def without_traces(document: NotebookNode) -> NotebookNode:
    """An executed notebook without what differs from run to run or says nothing about its work.

    Out go the times, paths and random names that papermill notes, and the backends' chatter (lines of level
    "information" only; a warning stays).
    """
    document.metadata.pop("papermill", None)
    for cell in document.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if not cell.metadata.get("tags"):
            cell.metadata.pop("tags", None)
        elif "injected-parameters" in cell.metadata["tags"]:
            cell["id"] = "injected-parameters"
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name == "stderr":
                output.text = CHATTER.sub("", output.text)
        if "outputs" in cell:
            cell.outputs = [out for out in cell.outputs if out.output_type != "stream" or out.text]
    return document
