"""The command line: `python -m dance_tf VERB`. Rooms are imported when their verb needs them."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from dance_tf.dataset.backend import start_tensorflow
from dance_tf.dataset.place import MODEL, check_place
from dance_tf.footage_verbs import curate, synthesize
from dance_tf.terminal import (
    DONE,
    DONE_WITH_REFUSALS,
    FAILED,
    Json,
    OneLineUsage,
    Scheduler,
    fail,
    one_line_errors,
    scores_text,
    show,
)

app = typer.Typer(
    name="dance_tf",
    cls=OneLineUsage,
    help="Dance style from video, with numbers that can be believed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.command()(synthesize)
app.command()(curate)


def main() -> None:
    """Entry point of the console script and of `python -m dance_tf`."""
    # the backends' start-up chatter is no news to a user; it must be silenced before they are imported
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    app()


def _names(text: str) -> tuple[str, ...]:
    """Names that stand with commas between them."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


@app.command()
@one_line_errors
def train(
    dataset: Annotated[Path, typer.Argument(help="dataset folder of `curate` or `synthesize --arrays`")],
    out: Annotated[Path, typer.Argument(help="model folder to write")],
    strategy: Annotated[str, typer.Option(help="network; cnn_ae_attention is the paper's")] = "cnn_ae_attention",
    split: Annotated[str, typer.Option(help="what is held out: frame, clip or dancer")] = "dancer",
    hold_out: Annotated[str, typer.Option(help="dancers to hold out, by name, with commas between")] = "",
    view: Annotated[str, typer.Option(help="difference from the still room, or the frame as it is")] = "difference",
    seed: Annotated[int, typer.Option(min=0, help="of split, weights and batches")] = 0,
    epochs: Annotated[int, typer.Option(help="at most")] = 24,
    learning_rate: Annotated[float, typer.Option(help="of SGD")] = 0.03,
    momentum: Annotated[float, typer.Option(help="of SGD")] = 0.9,
    growth_epochs: Annotated[int, typer.Option(help="of each of the autoencoder's five stages")] = 3,
    frames_per_clip: Annotated[int, typer.Option(help="frames drawn of each clip in an epoch")] = 12,
    augment: Annotated[
        str, typer.Option(help="degradations to train against: all, or families such as noise,light,weather")
    ] = "",
    as_json: Json = False,
) -> None:
    """Grow the autoencoder, train a network, and score it on the part held out."""
    check_place(out, MODEL, sources=(dataset,))
    start_tensorflow()
    from dance_tf.dataset.splits import make_splits
    from dance_tf.dataset.store import find_reading, open_dataset
    from dance_tf.footage.degrade_augment import SPATIAL_FAMILIES
    from dance_tf.model.recipe import training_settings
    from dance_tf.paper.single_run import train_model

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
    held = _names(hold_out)
    part = make_splits(data, split, seed=seed, hold_out=held)[0]
    if part.note:
        typer.echo(f"note: {part.note}", err=True)
    document = {
        "model": str(out),
        **train_model(data, part, settings, out, seed, reading=find_reading(dataset)).to_json(),
    }
    show(document, as_json, scores_text(document, f"model in {out}"))


@app.command()
@one_line_errors
def evaluate(
    model: Annotated[Path, typer.Argument(help="model folder")],
    dataset: Annotated[Path, typer.Argument(help="dataset folder")],
    dancers: Annotated[str, typer.Option(help="score only these dancers, by name, with commas between")] = "",
    as_json: Json = False,
) -> None:
    """Score a model on a dataset, by frame and by clip, with intervals over dancers."""
    start_tensorflow()
    from dance_tf.dataset.store import open_dataset
    from dance_tf.model.bundle import load_bundle
    from dance_tf.paper.single_run import evaluate_model

    wanted = _names(dancers)
    evaluation = evaluate_model(load_bundle(model), open_dataset(dataset), wanted)
    if evaluation.note:
        typer.echo(f"note: {evaluation.note}", err=True)
    document = {"model": str(model), "dataset": str(dataset), **evaluation.to_json()}
    show(document, as_json, scores_text(document, str(model)))


@app.command()
@one_line_errors
def classify(
    model: Annotated[Path, typer.Argument(help="model folder")],
    clips: Annotated[list[Path], typer.Argument(help="video files, or folders of clips or of images")],
    as_json: Json = False,
) -> None:
    """Say which style each clip is."""
    start_tensorflow()
    from tqdm import tqdm

    from dance_tf.footage.catalog import clips_offered
    from dance_tf.footage.isolation import DecodingProcess
    from dance_tf.model.bundle import load_bundle
    from dance_tf.serving.verdict import classify_clip, refusal

    bundle = load_bundle(model)
    offers = [clips_offered(path) for path in clips]
    found = [clip for these, _ in offers for clip in these]
    refused = [{"clip": str(one.path), "reason": one.reason} for _, others in offers for one in others]
    verdicts = []
    with DecodingProcess() as process:
        for clip in tqdm(found, desc="clips", unit="clip", file=sys.stderr, delay=1):
            try:
                verdicts.append(classify_clip(bundle, clip, process=process))
            except Exception as error:  # noqa: BLE001 - whatever one clip provokes, the others get their verdicts
                refused.append({"clip": str(clip), "reason": refusal(error)})
    lines = [
        f"{verdict.clip}: {verdict.style}, {verdict.confidence:.0%} sure"
        + "".join(f" ({note})" for note in verdict.notes)
        for verdict in verdicts
    ]
    document = {"model": str(model), "clips": [verdict.to_json() for verdict in verdicts], "refused": refused}
    if verdicts or as_json:
        show(document, as_json, "\n".join(lines))
    for each in refused:
        typer.echo(f"refused {each['clip']}: {each['reason']}", err=True)
    raise typer.Exit(FAILED if not verdicts else DONE_WITH_REFUSALS if refused else DONE)


@app.command()
@one_line_errors
def audit(
    table: Annotated[Path, typer.Argument(help="CSV with columns such as accuracy, precision, recall, f1, kappa")],
    classes: Annotated[int, typer.Option(help="number of classes")],
    support: Annotated[str, typer.Option(help="items of each class, with commas between")] = "",
    averaged: Annotated[bool, typer.Option("--averaged", help="rows are means over folds or repeats")] = False,
    as_json: Json = False,
) -> None:
    """Tell which numbers of a published table cannot all be true."""
    from dance_tf.paper.audit import audit_csv

    try:
        supports = [int(count) for count in support.split(",")] if support else None
    except ValueError:
        fail(f"--support takes whole numbers with commas between, not {support!r}")
    findings = audit_csv(table, classes, supports, averaged=averaged)
    text = "\n".join(f"{found.row}: {found.level}: {found.message}" for found in findings)
    document = {"table": str(table), "findings": [found.to_json() for found in findings]}
    show(document, as_json, text or "no contradiction found")


@app.command()
@one_line_errors
def report(
    profile: Annotated[str, typer.Argument(help="smoke, quick, standard or paper, or a YAML file")] = "quick",
    out: Annotated[Path | None, typer.Option(help="report folder; reports/PROFILE by default")] = None,
    scheduler: Scheduler = None,
) -> None:
    """Run the notebooks with a profile's parameters and write the report."""
    from dance_tf.footage.workers import SCHEDULER
    from dance_tf.report.runner import run_profile

    if scheduler:
        os.environ[SCHEDULER] = scheduler  # the notebooks' kernels inherit it
    root = Path(__file__).resolve().parents[1]
    path = Path(profile) if profile.endswith(".yaml") else root / "notebooks" / "runs" / f"{profile}.yaml"
    written = run_profile(path, root / "notebooks", out or root / "reports" / path.stem)
    typer.echo(f"report in {written}")
