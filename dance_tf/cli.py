"""The command line: `python -m dance_tf VERB`. Each verb imports the packages that it needs."""

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import wraps
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from dance_tf.dataset.backend import start_tensorflow
from dance_tf.dataset.output import ARRAYS, DATASET, MODEL, check_place, strict_json
from dance_tf.video.catalog import VIDEO_SUFFIXES

DONE, DONE_WITH_REFUSALS, FAILED = 0, 1, 2
INTERRUPTED = 130  # Typer's exit status for a Ctrl-C that no verb caught
RESUMABLE = ("synthesize", "curate", "train", "report")  # verbs that keep finished work
RUN_AGAIN = "interrupted; run the same command again"
Json = Annotated[bool, typer.Option("--json", help="print one JSON document on standard output and nothing else")]
Jobs = Annotated[int | None, typer.Option(help="parallel processes; by default one per core")]
Scheduler = Annotated[str | None, typer.Option(help="Dask scheduler to run on instead, tcp://HOST:PORT")]
ModelFolder = Annotated[Path, typer.Argument(help="model folder")]


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
    for by in ("frame", "clip"):
        for name, value in document[by].items():
            low, high = value["interval"] or (None, None)
            interval = "" if low is None else f" [{low:.1%}, {high:.1%}]"
            lines.append(f"  by {by}: {name} {value['mean']:.1%}{interval}")
    return "\n".join(lines)


def _names(text: str) -> tuple[str, ...]:
    """Return the names in a comma-separated list."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


app = typer.Typer(
    name="dance_tf",
    cls=OneLineUsage,
    help="Classify dance styles in video.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.command()
@one_line_errors
def synthesize(
    out: Annotated[Path, typer.Argument(help="new folder for clips and manifest.csv")],
    styles: Annotated[int, typer.Option(help="number of styles")] = 12,
    dancers: Annotated[int, typer.Option(help="number of dancers")] = 20,
    seconds: Annotated[float, typer.Option(help="length of a clip")] = 8.0,
    seed: Annotated[int, typer.Option(min=0, help="the same seed gives the same clips")] = 0,
    frame_rate: Annotated[float, typer.Option(help="frames per second")] = 30.0,
    width: Annotated[int, typer.Option(help="of a frame, in pixels")] = 432,
    height: Annotated[int, typer.Option(help="of a frame, in pixels")] = 768,
    difficulty: Annotated[float, typer.Option(help="from 0, easy, to 1, hard")] = 0.5,
    arrays: Annotated[bool, typer.Option("--arrays", help="write 128×128 arrays, not videos")] = False,
    jobs: Jobs = None,
    scheduler: Scheduler = None,
    as_json: Json = False,
) -> None:
    """Generate clips of synthetic dancers."""
    from joblib import cpu_count

    from dance_tf.synthesis.settings import StudioSettings

    jobs = jobs or cpu_count()
    settings = StudioSettings(
        styles=styles,
        dancers=dancers,
        seconds=seconds,
        seed=seed,
        frame_rate=frame_rate,
        width=width,
        height=height,
        difficulty=difficulty,
    )
    if arrays:
        if scheduler:
            fail("--arrays runs on this machine: leave out --scheduler")
        from dance_tf.dataset.build import synthesize_arrays

        try:
            synthesize_arrays(check_place(out, ARRAYS), settings, jobs, progress=True)
        except KeyboardInterrupt:
            fail("interrupted; nothing was written, and the same command starts from the beginning")
    else:
        from dance_tf.synthesis.studio import synthesize as record

        record(out, settings, jobs, scheduler)
    clips = styles * dancers
    show({"out": str(out), "clips": clips, "seed": seed}, as_json, f"{clips} clips in {out}")


@app.command()
@one_line_errors
def curate(
    footage: Annotated[Path, typer.Argument(help="folder with manifest.csv, or with <style>/<dancer>_*.mp4")],
    out: Annotated[Path, typer.Argument(help="dataset folder to write")],
    jobs: Jobs = None,
    scheduler: Scheduler = None,
    fit: Annotated[str, typer.Option(help="pad keeps the whole frame, crop keeps its centre")] = "pad",
    frames_per_second: Annotated[
        float | None, typer.Option(help="frames to sample per second; every frame by default")
    ] = None,
    max_seconds: Annotated[float | None, typer.Option(help="refuse longer clips; 900 by default")] = None,
    max_pixels: Annotated[int | None, typer.Option(help="refuse larger frames; 67,108,864 by default")] = None,
    strips: Annotated[bool, typer.Option("--strips", help="draw a film strip of each clip in OUT-strips")] = False,
    as_json: Json = False,
) -> None:
    """Read a folder of clips, drop frames without dancing, and write a dataset."""
    from joblib import cpu_count
    from tqdm import tqdm

    from dance_tf.dataset.build import curate_folder
    from dance_tf.video.settings import ReadSettings

    jobs = jobs or cpu_count()
    limits = {"max_seconds": max_seconds, "max_pixels": max_pixels}
    limits = {name: value for name, value in limits.items() if value is not None}
    read = ReadSettings(fit=fit, frames_per_second=frames_per_second, **limits)
    check_place(out, DATASET, sources=(footage,), beside=("-parts", "-strips") if strips else ("-parts",))
    start_tensorflow()
    with tqdm(desc="clips", unit="clip", file=sys.stderr, delay=1) as bar:
        curated = curate_folder(footage, out, jobs, scheduler, read, progress=lambda row: bar.update())
    if curated.set_aside:
        note(f"a curation table with other columns was renamed to {curated.set_aside}")
    strips_error = ""
    if strips:
        from dance_tf.report.clips import StripError, write_strips

        try:
            write_strips(out, curated.clip_path, footage.resolve().name, read, jobs, scheduler)
        except StripError as error:
            strips_error = str(error)
    refused = [{"path": row.path, "reason": row.reason} for row in curated.rows if row.status == "refused"]
    frames = {
        "seen": sum(row.seen for row in curated.rows),
        "kept": sum(row.kept for row in curated.rows),
        "dropped": {
            name: sum(getattr(row, name) for row in curated.rows) for name in ("blank", "blurred", "no_dancing")
        },
    }
    document = {
        "out": str(out),
        "layout": curated.layout,
        "clips": len(curated.rows) - len(refused),
        "frames": frames,
        "rooms_unknown": sum(bool(row.part) and not row.room_known for row in curated.rows),
        "refused": refused,
    }
    text = f"{document['clips']} clips, {frames['kept']} of {frames['seen']} frames kept, in {out}"
    if unknown := document["rooms_unknown"]:
        text += f"; {unknown} {'clip has' if unknown == 1 else 'clips have'} no reliable background: too much moves"
    show(document, as_json, text)
    show_refusals(refused, "path")
    note(strips_error)
    raise typer.Exit(DONE_WITH_REFUSALS if refused or strips_error else DONE)


@app.command()
@one_line_errors
def train(
    dataset: Annotated[Path, typer.Argument(help="dataset folder of `curate` or `synthesize --arrays`")],
    out: Annotated[Path, typer.Argument(help="model folder to write")],
    strategy: Annotated[
        str, typer.Option(help="network: the paper's by default, or your own function path/to/file.py:function")
    ] = "cnn_ae_attention",
    split: Annotated[str, typer.Option(help="unit to hold out: frame, clip or dancer")] = "dancer",
    hold_out: Annotated[str, typer.Option(help="dancers to hold out, comma-separated")] = "",
    view: Annotated[str, typer.Option(help="difference from the background, or the whole frame")] = "difference",
    seed: Annotated[int, typer.Option(min=0, help="of split, weights and batches")] = 0,
    epochs: Annotated[int, typer.Option(help="maximum number of epochs")] = 24,
    learning_rate: Annotated[float, typer.Option(help="of SGD")] = 0.03,
    momentum: Annotated[float, typer.Option(help="of SGD")] = 0.9,
    growth_epochs: Annotated[int, typer.Option(help="epochs of each of the autoencoder's five stages")] = 3,
    frames_per_clip: Annotated[int, typer.Option(help="frames sampled from each clip in an epoch")] = 12,
    augment: Annotated[
        str, typer.Option(help="corruptions to train with: all, or families such as noise,light,weather")
    ] = "",
    balance: Annotated[
        bool | None,
        typer.Option(
            help="draw styles evenly; by default if the largest style has over three times the clips of the smallest"
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Grow the autoencoder, train a network, and score it on the held-out part."""
    check_place(out, MODEL, sources=(dataset,))
    start_tensorflow()
    from dance_tf.corruption.augment import SPATIAL_FAMILIES
    from dance_tf.dataset.splits import make_splits
    from dance_tf.dataset.store import find_reading, open_dataset
    from dance_tf.experiments.run import check_styles, imbalance, split_notes, train_model
    from dance_tf.model.settings import training_settings

    settings = training_settings(
        strategy=strategy,
        view=view,
        epochs=epochs,
        learning_rate=learning_rate,
        momentum=momentum,
        growth_epochs=growth_epochs,
        frames_per_clip=frames_per_clip,
        augment=SPATIAL_FAMILIES if augment.strip() == "all" else _names(augment),
    )
    data = open_dataset(dataset)
    check_styles(data.styles)
    part = make_splits(data, split, seed=seed, hold_out=_names(hold_out))[0]
    for text in split_notes(data, part):
        note(text)
    if balance is None:
        note(uneven := imbalance(data, part))
        balance = bool(uneven)
    settings = replace(settings, balance=balance)
    evaluation = train_model(data, part, settings, out, seed, reading=find_reading(dataset))
    document = {"model": str(out), **evaluation.to_json()}
    show(document, as_json, scores_text(document, f"model in {out}"))


@app.command()
@one_line_errors
def evaluate(
    model: ModelFolder,
    dataset: Annotated[Path, typer.Argument(help="dataset folder")],
    dancers: Annotated[str, typer.Option(help="score only these dancers, comma-separated")] = "",
    as_json: Json = False,
) -> None:
    """Score a model on a dataset, by frame and by clip, with intervals over dancers."""
    start_tensorflow()
    from dance_tf.dataset.store import find_reading, open_dataset
    from dance_tf.experiments.run import evaluate_model
    from dance_tf.model.bundle import load_bundle

    bundle, data = load_bundle(model), open_dataset(dataset)
    evaluation = evaluate_model(bundle, data, _names(dancers), find_reading(dataset))
    note(evaluation.note)
    document = {"model": str(model), "dataset": str(dataset), **evaluation.to_json()}
    show(document, as_json, scores_text(document, str(model)))


@app.command()
@one_line_errors
def classify(
    model: ModelFolder,
    clips: Annotated[list[Path], typer.Argument(help="video files, folders of clips, or folders of images")],
    as_json: Json = False,
) -> None:
    """Classify the style of each clip."""
    start_tensorflow()
    from tqdm import tqdm

    from dance_tf.curation.run import failure_reason
    from dance_tf.model.bundle import load_bundle
    from dance_tf.serving.verdict import classify_clip
    from dance_tf.video.catalog import clips_at
    from dance_tf.video.isolation import DecodingProcess

    bundle = load_bundle(model)
    offers = [clips_at(path) for path in clips]
    found = [clip for these, _ in offers for clip in these]
    refused = [{"clip": str(one.path), "reason": one.reason} for _, others in offers for one in others]
    verdicts = []
    with DecodingProcess() as process:
        for clip in tqdm(found, desc="clips", unit="clip", file=sys.stderr, delay=1):
            try:
                verdicts.append(classify_clip(bundle, clip, process))
            except Exception as error:  # noqa: BLE001 - one bad clip must not stop the others
                refused.append({"clip": str(clip), "reason": failure_reason(error)})
    lines = [
        f"{verdict.clip}: {verdict.style}, confidence {verdict.confidence:.0%}"
        + "".join(f" ({text})" for text in verdict.notes)
        for verdict in verdicts
    ]
    document = {"model": str(model), "clips": [asdict(verdict) for verdict in verdicts], "refused": refused}
    if verdicts or as_json:
        show(document, as_json, "\n".join(lines))
    show_refusals(refused, "clip")
    raise typer.Exit(FAILED if not verdicts else DONE_WITH_REFUSALS if refused else DONE)


@app.command()
@one_line_errors
def audit(
    table: Annotated[Path, typer.Argument(help="CSV with columns such as accuracy, precision, recall, f1, kappa")],
    classes: Annotated[int, typer.Option(help="number of classes")],
    support: Annotated[str, typer.Option(help="items of each class, comma-separated")] = "",
    averaged: Annotated[bool, typer.Option("--averaged", help="rows are means over folds or repeats")] = False,
    as_json: Json = False,
) -> None:
    """Find contradictions in a published table of scores."""
    from dance_tf.audit.audit import audit_csv

    try:
        supports = [int(count) for count in support.split(",")] if support else None
    except ValueError:
        fail(f"--support takes comma-separated whole numbers, not {support!r}")
    audited = audit_csv(table, classes, supports, averaged=averaged)
    if audited.unread:
        note(f"columns that were not read as a score: {', '.join(audited.unread)}")
    text = "\n".join(f"{found.row}: {found.level}: {found.message}" for found in audited.findings)
    judged = audited.judged
    part = "" if judged == audited.rows else f" in the {judged} of {audited.rows} rows that can be judged"
    document = {"table": str(table), **audited._asdict(), "findings": [found.to_json() for found in audited.findings]}
    show(document, as_json, text or f"no contradiction found{part}")


@app.command()
@one_line_errors
def report(
    profile: Annotated[str, typer.Argument(help="smoke, quick, standard or paper, or a YAML file")] = "quick",
    out: Annotated[Path | None, typer.Option(help="report folder; reports/PROFILE by default")] = None,
    from_records: Annotated[
        bool,
        typer.Option("--from-records", help="make tables and figures from the report's stored runs; train nothing"),
    ] = False,
    scheduler: Scheduler = None,
) -> None:
    """Run the notebooks with a profile's parameters and write the report."""
    from dance_tf.report.run_notebooks import run_profile
    from dance_tf.video.workers import SCHEDULER

    if scheduler:
        os.environ[SCHEDULER] = scheduler  # the notebooks' kernels inherit it
    root = Path(__file__).resolve().parents[1]
    path = Path(profile).absolute() if profile.endswith((".yaml", ".yml")) else Path("runs", f"{profile}.yaml")
    written = run_profile(path, root / "notebooks", out or root / "reports" / path.stem, from_records=from_records)
    say(f"report in {written}")


def main() -> None:
    """Run the console script and `python -m dance_tf`."""
    # the backends' startup logs must be suppressed before they are imported
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    app()
