"""How the command line speaks: one line for what went wrong, one JSON document where it is asked for.

Exit status: 0 done; 1 done, with clips refused, each named with its reason; 2 could not do it, one line says why.
"""

import json
import os
import sys
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Annotated

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

DONE, DONE_WITH_REFUSALS, FAILED = 0, 1, 2
INTERRUPTED = 130  # what Typer makes of a Ctrl-C that no verb has caught
GO_ON = ("synthesize", "curate", "train", "report")  # verbs that keep what they have done
Json = Annotated[bool, typer.Option("--json", help="print one JSON document on standard output and nothing else")]
Jobs = Annotated[int | None, typer.Option(help="processes side by side; one a core by default")]
Scheduler = Annotated[str | None, typer.Option(help="address of a Dask scheduler, tcp://HOST:PORT, to run on instead")]


class OneLineUsage(TyperGroup):
    """Verbs that tell of a misused option or a missing argument in one line, as of everything else that goes wrong."""

    def main(self, *arguments, standalone_mode: bool = True, **options):
        """Run a verb; `standalone_mode` is Typer's."""
        if not standalone_mode:
            return super().main(*arguments, standalone_mode=False, **options)
        try:
            status = super().main(*arguments, standalone_mode=False, **options)
        except TyperException as error:
            line = error.format_message().strip()
            if "\n" in line:  # the help, which is shown when there is no verb
                error.show()
            else:
                where = context.command_path if (context := getattr(error, "ctx", None)) else "dance_tf"
                typer.echo(f"dance_tf: {line.rstrip('.')}: `{where} --help` tells what it takes", err=True)
            status = error.exit_code
        if status == INTERRUPTED:
            typer.echo("dance_tf: stopped; start the same command again", err=True)
            status = FAILED
        sys.exit(status or DONE)


def one_line_errors(verb: Callable) -> Callable:
    """Turn what goes wrong in a verb into one line on standard error and exit status 2; no traceback reaches a user."""

    @wraps(verb)
    def guarded(*arguments, **options):
        warnings.simplefilter("default" if os.environ.get("DANCE_TF_TRACEBACK") else "ignore")
        try:
            verb(*arguments, **options)
        except typer.Exit:
            raise
        except KeyboardInterrupt:
            fail("stopped; start the same command again" + " to go on" * (verb.__name__ in GO_ON))
        except Exception as error:
            if os.environ.get("DANCE_TF_TRACEBACK"):
                raise
            fail(_told(error, verb.__name__))

    return guarded


def _told(error: Exception, verb: str) -> str:
    line = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, (ValueError, OSError, RuntimeError)):
        return line
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("dance_tf"):
        another = "; or set KERAS_BACKEND, where another backend is" if error.name == "tensorflow" else ""
        return f"{verb} needs {error.name}, which is not installed: install requirements.txt{another}"
    return f"{type(error).__name__}: {line} (a fault of ours; DANCE_TF_TRACEBACK=1 shows more)"


def fail(line: str) -> None:
    """Say in one line why it could not be done, and stop."""
    typer.echo(f"dance_tf: {line}", err=True)
    raise typer.Exit(FAILED)


def show(document: dict, as_json: bool, text: str) -> None:
    """Print the JSON document, or the text that says the same to a person."""
    text = json.dumps(document, ensure_ascii=False) if as_json else text
    # a file name that is no UTF-8 holds lone surrogates, which cannot be printed; JSON has the same escape for them
    typer.echo(text.encode("utf-8", "backslashreplace").decode())


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def scores_text(document: dict, title: str) -> str:
    """Scores by frame and by clip, with their intervals, a line each."""
    lines = [title]
    for by in ("frame", "clip"):
        for name, value in document[by].items():
            low, high = value["interval"] or (None, None)
            interval = "" if low is None else f" [{low:.1%}, {high:.1%}]"
            lines.append(f"  by {by}: {name} {value['mean']:.1%}{interval}")
    return "\n".join(lines)
