"""How the command line speaks: one line for what went wrong, one JSON document where it is asked for.

Exit status: 0 done; 1 done, with clips refused, each named with its reason; 2 could not do it, one line says why.
"""

import json
import os
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Annotated

import typer

DONE, DONE_WITH_REFUSALS, FAILED = 0, 1, 2
Json = Annotated[bool, typer.Option("--json", help="print one JSON document on standard output and nothing else")]
Jobs = Annotated[int | None, typer.Option(help="processes side by side; one a core by default")]
Scheduler = Annotated[str | None, typer.Option(help="address of a Dask scheduler, tcp://HOST:PORT, to run on instead")]


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
            fail("stopped; start the same command again to go on")
        except Exception as error:
            if os.environ.get("DANCE_TF_TRACEBACK"):
                raise
            line = " ".join(str(error).split()) or type(error).__name__
            known = isinstance(error, (ValueError, OSError, RuntimeError))
            fail(
                line if known else f"{type(error).__name__}: {line} (a fault of ours; DANCE_TF_TRACEBACK=1 shows more)"
            )

    return guarded


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
