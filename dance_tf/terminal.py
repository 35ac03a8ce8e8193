"""What the command line prints: answers, notes, refusals, and every error in one line."""

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from dance_tf.dataset.output import strict_json
from dance_tf.video.files import VIDEO_SUFFIXES

if TYPE_CHECKING:
    from dance_tf.synthesis.captured_clips import DrawnTakes

DONE, DONE_WITH_REFUSALS, FAILED = 0, 1, 2
INTERRUPTED = 130  # Typer's exit status for a Ctrl-C that no verb caught
RESUMABLE = ("synthesize", "curate", "train", "report")  # verbs that keep finished work
RUN_AGAIN = "interrupted; run the same command again"


class OneLineUsage(TyperGroup):
    """A group of verbs that reports usage errors in one line, like all other errors."""

    def main(self, *arguments, **options):
        """Run a verb and exit with its status."""
        try:
            status = super().main(*arguments, **options | {"standalone_mode": False})
        except TyperException as error:
            line = error.format_message().strip()
            if "\n" in line:  # the help, if no verb was given
                error.show()
            else:
                if line.startswith("No such option") and (file := _dashed_file(options.get("args") or sys.argv[1:])):
                    line = f"{line} (a file whose name starts with a dash is given as ./{file})"
                command = context.command_path if (context := getattr(error, "ctx", None)) else "dance_tf"
                say(f"dance_tf: {line.rstrip('.')}: see `{command} --help`", err=True)
            status = error.exit_code
        if status == INTERRUPTED:
            say(f"dance_tf: {RUN_AGAIN}", err=True)
            status = FAILED
        sys.exit(status or DONE)


def _dashed_file(arguments: Sequence[str]) -> str:
    """Return the first argument that is a file, or named like a video, and starts with a dash; empty for none."""
    dashed = (Path(text) for text in arguments if text.startswith("-"))
    return next((str(path) for path in dashed if path.suffix.lower() in VIDEO_SUFFIXES or path.exists()), "")


def one_line_errors(verb: Callable) -> Callable:
    """Turn an error in a verb into one line on standard error and exit status 2, without a traceback."""

    @wraps(verb)
    def guarded(*arguments, **options):
        warnings.simplefilter("default" if os.environ.get("DANCE_TF_TRACEBACK") else "ignore")
        try:
            verb(*arguments, **options)
        except typer.Exit:
            raise
        except KeyboardInterrupt:
            fail(RUN_AGAIN + " to continue" * (verb.__name__ in RESUMABLE))
        except Exception as error:
            if os.environ.get("DANCE_TF_TRACEBACK"):
                raise
            fail(_one_line(error, verb.__name__))

    return guarded


def _one_line(error: Exception, verb: str) -> str:
    line = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, (ValueError, OSError, RuntimeError)):
        return line
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("dance_tf"):
        other = "; or set KERAS_BACKEND to a backend that is installed" if error.name == "tensorflow" else ""
        return f"{verb} needs {error.name}, which is not installed: install requirements.txt{other}"
    return f"{type(error).__name__}: {line} (a bug in dance_tf; DANCE_TF_TRACEBACK=1 shows the traceback)"


def say(text: str, err: bool = False) -> None:
    """Print a line; letters that the terminal lacks, and the lone surrogates of names not in UTF-8, are escaped."""
    encoding = (sys.stderr if err else sys.stdout).encoding or "ascii"
    typer.echo(text.encode(encoding, "backslashreplace").decode(encoding), err=err)


def fail(line: str) -> None:
    """Print why a verb failed, in one line, and exit with status 2."""
    say(f"dance_tf: {line}", err=True)
    raise typer.Exit(FAILED)


def show(document: dict, as_json: bool, text: str) -> None:
    """Print the JSON document, or the text with the same content."""
    unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    say(strict_json(document, ensure_ascii=not unicode) if as_json else text)


def show_refusals(refused: list[dict], key: str) -> None:
    """Print each refused clip and its reason on standard error."""
    for each in refused:
        say(f"refused {each[key]}: {each['reason']}", err=True)


def note(text: str) -> None:
    """Print a note on standard error, unless it is empty."""
    if text:
        say(f"note: {text}", err=True)


def scores_text(document: dict, title: str) -> str:
    """Return scores by frame and by clip with their intervals, one per line."""
    lines = [title]
    lines += [f"  validation clips: {name} {value:.1%}" for name, value in document.get("validation", {}).items()]
    for by in ("frame", "clip"):
        for name, value in document[by].items():
            low, high = value["interval"] or (None, None)
            interval = "" if low is None else f" [{low:.1%}, {high:.1%}]"
            lines.append(f"  by {by}: {name} {value['mean']:.1%}{interval}")
    return "\n".join(lines)


def show_takes(drawn: "DrawnTakes", document: dict[str, object], seconds: float, as_json: bool) -> None:
    """Print which takes of motion capture were drawn, and what was assumed; `seconds` is the longest possible clip."""
    refused = [{"path": str(one.path), "reason": one.reason} for one in drawn.refused]
    takes = [{"clip": name, **asdict(take)} for name, take in drawn.takes.items()]
    findings = drawn.findings(seconds)
    if takes or as_json:
        clips = "1 clip" if len(takes) == 1 else f"{len(takes)} clips"
        details = {"layout": drawn.layout, "findings": findings, "takes": takes, "refused": refused}
        show({**document, **details}, as_json, "\n  ".join((f"{clips} in {document['out']}", *findings)))
    show_refusals(refused, "path")
    for text in drawn.notes:
        note(text)
