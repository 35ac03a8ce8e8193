"""The command line: `python -m dance_tf VERB`. Each verb imports the packages that it needs."""

import os
import sys
from collections.abc import Collection, Iterable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from dance_tf.cli_serving import verbs
from dance_tf.dataset.backend import start_tensorflow
from dance_tf.dataset.output import ARRAYS, DATASET, MODEL, check_place
from dance_tf.terminal import (
    DONE,
    DONE_WITH_REFUSALS,
    FAILED,
    OneLineUsage,
    fail,
    note,
    one_line_errors,
    say,
    scores_text,
    show,
    show_refusals,
    show_takes,
)
from dance_tf.video.layouts import plain_name

Json = Annotated[bool, typer.Option("--json", help="print one JSON document on standard output and nothing else")]
Jobs = Annotated[int | None, typer.Option(help="parallel processes; by default one per core")]
Scheduler = Annotated[str | None, typer.Option(help="Dask scheduler to run on instead, tcp://HOST:PORT")]
ModelFolder = Annotated[Path, typer.Argument(help="model folder")]


def _names(text: str) -> tuple[str, ...]:
    """Return the names in a comma-separated list."""
    return tuple(plain_name(name) for name in text.split(",") if name.strip())


def _dancers(texts: Iterable[str], known: Collection[str]) -> list[str]:
    """Return the dancers that texts name; a text that is no known dancer is a comma-separated list."""
    named = [plain_name(text) for text in texts]
    return [name for text in named for name in ([text] if text in known else _names(text))]


app = typer.Typer(
    name="dance_tf",
    cls=OneLineUsage,
    help="Classify dance styles in video.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(verbs)


@app.command()
@one_line_errors
def synthesize(
    out: Annotated[Path, typer.Argument(help="new folder for clips and manifest.csv")],
    motion: Annotated[
        Path | None,
        typer.Option(
            help="folder of motion capture (BVH, C3D) to draw, instead of made-up dances; labels as in `curate`"
        ),
    ] = None,
    styles: Annotated[int | None, typer.Option(help="number of styles; 12 by default")] = None,
    dancers: Annotated[int | None, typer.Option(help="number of dancers; 20 by default")] = None,
    seconds: Annotated[float, typer.Option(help="length of a clip; with --motion, of the longest")] = 8.0,
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
    """Generate clips of synthetic dancers, who dance made-up dances or captured motion."""
    from joblib import cpu_count

    from dance_tf.synthesis.settings import StudioSettings

    jobs = jobs or cpu_count()
    if motion and (styles or dancers):
        fail("--motion draws every take of its folder: leave out --styles and --dancers")
    if motion and arrays:
        fail("--motion writes videos, from which `curate` makes a dataset: leave out --arrays")
    counts = {name: count for name, count in (("styles", styles), ("dancers", dancers)) if count is not None}
    picture = {"frame_rate": frame_rate, "width": width, "height": height}
    settings = StudioSettings(**counts, **picture, seconds=seconds, seed=seed, difficulty=difficulty)
    if motion:
        from dance_tf.synthesis.captured_clips import synthesize_motion

        drawn = synthesize_motion(motion, out, settings, jobs, scheduler)
        show_takes(drawn, {"out": str(out), "clips": len(drawn.takes), "seed": seed}, settings.seconds, as_json)
        if not drawn.takes:
            fail(f"no take of {motion} can be drawn")
        raise typer.Exit(DONE_WITH_REFUSALS if drawn.refused else DONE)
    if arrays:
        if scheduler:
            fail("--arrays runs on this machine: leave out --scheduler")
        from dance_tf.dataset.build import synthesize_arrays

        try:
            synthesize_arrays(check_place(out, ARRAYS), settings, jobs)
        except KeyboardInterrupt:
            fail("interrupted; nothing was written, and the same command starts from the beginning")
    else:
        from dance_tf.synthesis.studio import synthesize as record

        record(out, settings, jobs, scheduler)
    clips = settings.styles * settings.dancers
    show({"out": str(out), "clips": clips, "seed": seed}, as_json, f"{clips} clips in {out}")


@app.command()
@one_line_errors
def curate(
    footage: Annotated[Path, typer.Argument(help="folder with manifest.csv, or with <style>/<dancer>_*.mp4")],
    out: Annotated[Path | None, typer.Argument(help="dataset folder to write; not needed for --dry-run")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what is found; decode and write nothing")] = False,
    layout: Annotated[str, typer.Option(help="meaning of the folders, such as dancer/style")] = "",
    pattern: Annotated[str, typer.Option(help='of the paths, such as "{style}/{dancer}_{take}.mp4"')] = "",
    jobs: Jobs = None,
    scheduler: Scheduler = None,
    fit: Annotated[str, typer.Option(help="pad keeps the whole frame, crop keeps its centre")] = "pad",
    frames_per_second: Annotated[
        float | None, typer.Option(help="frames to sample per second; every frame by default")
    ] = None,
    max_seconds: Annotated[float | None, typer.Option(help="refuse longer clips; 900 by default")] = None,
    max_pixels: Annotated[int | None, typer.Option(help="refuse larger frames; 67,108,864 by default")] = None,
    poses_per_second: Annotated[
        float | None, typer.Option(help="skeletons of the dancer to find per second; 10 by default, 0 for none")
    ] = None,
    strips: Annotated[bool, typer.Option("--strips", help="draw film strips with skeletons in OUT-strips")] = False,
    as_json: Json = False,
) -> None:
    """Read a folder of clips, drop frames without dancing, and write a dataset."""
    from joblib import cpu_count
    from tqdm import tqdm

    from dance_tf.dataset.build import curate_folder
    from dance_tf.pose.read import PoseSettings
    from dance_tf.pose.weights import missing_weights
    from dance_tf.video.catalog import find_clips
    from dance_tf.video.layouts import layout_pattern
    from dance_tf.video.settings import ReadSettings
    from dance_tf.video.summary import catalog_text, describe_catalog

    if out is None and not dry_run:
        fail("Missing argument 'OUT', the dataset folder to write: see `dance_tf curate --help`")
    if layout and pattern:
        fail("--layout and --pattern both say how paths are read: give one of them")
    jobs = jobs or cpu_count()
    limits = {"max_seconds": max_seconds, "max_pixels": max_pixels}
    limits = {name: value for name, value in limits.items() if value is not None}
    read = ReadSettings(fit=fit, frames_per_second=frames_per_second, **limits)
    poses = PoseSettings() if poses_per_second is None else PoseSettings(poses_per_second) if poses_per_second else None
    if not dry_run:
        check_place(out, DATASET, sources=(footage,), beside=("-parts", "-strips") if strips else ("-parts",))
    catalog = find_clips(footage, layout_pattern(layout) if layout else pattern)
    found = describe_catalog(catalog)
    if not as_json:
        show(found, False, catalog_text(found))
    if dry_run:
        refused = [{"path": str(one.path), "reason": one.reason} for one in catalog.refused]
        if as_json:
            listed = [{**asdict(clip), "path": str(clip.path)} for clip in catalog.clips]
            show({"layout": catalog.layout, "found": found, "catalog": listed, "refused": refused}, True, "")
        show_refusals(refused, "path")
        raise typer.Exit(DONE_WITH_REFUSALS if refused else DONE)
    start_tensorflow()
    if poses and (why := missing_weights()):
        note(f"no skeletons: {why}")
        poses = None
    with tqdm(desc="clips", unit="clip", file=sys.stderr, delay=1) as bar:
        curated = curate_folder(footage, out, jobs, scheduler, read, lambda row: bar.update(), catalog, poses)
    if curated.set_aside:
        note(f"a curation table with other columns was renamed to {curated.set_aside}")
    strips_error = ""
    if strips:
        from dance_tf.report.clips import StripError, write_strips

        try:
            write_strips(out, curated.clip_path, footage.resolve().name, read, jobs, scheduler, poses)
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
        "found": found,
        "clips": len(curated.rows) - len(refused),
        "frames": frames,
        "poses": {
            "searched": sum(row.poses for row in curated.rows),
            "found": sum(row.poses_found for row in curated.rows),
        },
        "rooms_unknown": sum(bool(row.part) and not row.room_known for row in curated.rows),
        "refused": refused,
    }
    clips = "1 clip" if document["clips"] == 1 else f"{document['clips']} clips"
    text = f"{clips}, {frames['kept']} of {frames['seen']} frames kept, in {out}"
    if searched := document["poses"]["searched"]:
        text += f"; the dancer's skeleton is found in {document['poses']['found'] / searched:.0%} of the time"
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
        str,
        typer.Option(
            help="network: cnn_ae_attention, the paper's; skeleton_tcn; skeleton_gcn; fusion; …; or your own, "
            "path/to/file.py:function. By default the better of the first two, or the first if there are no skeletons"
        ),
    ] = "",
    split: Annotated[str, typer.Option(help="what is held out: frame, clip, dancer, or official")] = "dancer",
    hold_out: Annotated[
        list[str] | None, typer.Option(help="dancer to hold out, once for each; or several, comma-separated")
    ] = None,
    view: Annotated[str | None, typer.Option(help="of frames: difference from the background, frame, cutout")] = None,
    seed: Annotated[int, typer.Option(min=0, help="of split, weights and batches")] = 0,
    epochs: Annotated[int | None, typer.Option(help="number; 24 by default, 30 for skeletons")] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="0.03 by default, with SGD; with Adam 0.002, or 0.01 for skeleton_gcn")
    ] = None,
    momentum: Annotated[float, typer.Option(help="of SGD")] = 0.9,
    growth_epochs: Annotated[int, typer.Option(help="epochs of the autoencoder's last stage")] = 24,
    frames_per_clip: Annotated[int | None, typer.Option(help="frames, or windows, of each clip in an epoch")] = None,
    augment: Annotated[
        str, typer.Option(help="corruptions to train with: all, or families such as noise,light,weather")
    ] = "",
    balance: Annotated[
        bool | None,
        typer.Option(
            help="draw styles evenly; by default if the largest style has over three times the clips of the smallest"
        ),
    ] = None,
    feedback: Annotated[
        Path | None, typer.Option(help="CSV of `feedback`: corrected labels, trust in labels, scores of a teacher")
    ] = None,
    as_json: Json = False,
) -> None:
    """Grow the autoencoder, train a network, and score it on the held-out part."""
    check_place(out, MODEL, sources=(dataset,))
    start_tensorflow(training=True)
    from dance_tf.corruption.augment import SPATIAL_FAMILIES
    from dance_tf.dataset.splits import make_splits, official_split
    from dance_tf.dataset.store import open_dataset
    from dance_tf.experiments.run import candidate_strategies, check_styles, imbalance, split_notes, train_model
    from dance_tf.model.settings import training_settings

    families = SPATIAL_FAMILIES if augment.strip() == "all" else _names(augment)
    data, scores = open_dataset(dataset), {}
    if feedback is not None:
        from dance_tf.dataset.feedback import apply_feedback, read_feedback, teacher_scores

        scores = teacher_scores(data, said := read_feedback(feedback))
        data, notes = apply_feedback(data, said)
        note("; ".join(notes))
    candidates = [
        training_settings(
            strategy=name,
            view=view,
            epochs=epochs,
            learning_rate=learning_rate,
            momentum=momentum,
            growth_last_epochs=growth_epochs,
            frames_per_clip=frames_per_clip,
            augment=families,
        )
        for name in ([strategy] if strategy else candidate_strategies(data, view, families))
    ]
    if split == "official" and hold_out:
        fail("--split official holds out its own test part: leave out --hold-out")
    check_styles(data.styles)
    if split == "official":
        part = official_split(data, seed)
    else:
        part = make_splits(data, split, seed=seed, hold_out=_dancers(hold_out or (), data.dancers))[0]
    for text in split_notes(data, part):
        note(text)
    if balance is None:
        note(uneven := imbalance(data, part))
        balance = bool(uneven)
    candidates = [replace(settings, balance=balance) for settings in candidates]
    evaluation = train_model(data, part, candidates, out, seed, dataset, scores)
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
    model: Annotated[Path, typer.Argument(help="model folder; with --references the first clip instead")],
    clips: Annotated[
        list[Path] | None, typer.Argument(help="video files, folders of clips, or folders of images")
    ] = None,
    references: Annotated[
        Path | None, typer.Option(help="folder with one clip or more of each style; no model is needed")
    ] = None,
    poses_per_second: Annotated[
        float | None, typer.Option(help="frames to read with --references; 10 by default")
    ] = None,
    as_json: Json = False,
) -> None:
    """Classify the style of each clip, by a model or by the most similar reference clip."""
    from tqdm import tqdm

    from dance_tf.video.catalog import clips_at

    paths = list(clips or ())
    if references is not None:
        paths.insert(0, model)
    elif not paths:
        fail("Missing argument 'CLIPS...': see `dance_tf classify --help`")
    elif poses_per_second is not None:
        fail("--poses-per-second is for --references: a model reads the frames that it was trained on")
    else:
        from dance_tf.model.bundle import load_classifier

        bundle = load_classifier(model)
    offers = [clips_at(path) for path in paths]
    found = [clip for these, _ in offers for clip in these]
    refused = [{"clip": str(one.path), "reason": one.reason} for _, others in offers for one in others]
    bar = partial(tqdm, unit="clip", file=sys.stderr, delay=1)
    if references is None:
        from dance_tf.serving.verdict import classify_clips

        source, answers = {"model": str(model)}, classify_clips(bundle, found)
    else:
        from dance_tf.pose.read import POSES_PER_SECOND
        from dance_tf.serving.references import classify_by_references, read_references

        rate = POSES_PER_SECOND if poses_per_second is None else poses_per_second
        known, unusable = read_references(references, rate, partial(bar, desc="references"))
        refused += unusable
        source, answers = {"references": str(references)}, classify_by_references(known, found, rate)
    verdicts = []
    for clip, answer in zip(found, bar(answers, total=len(found), desc="clips"), strict=True):
        if isinstance(answer, str):
            refused.append({"clip": str(clip), "reason": answer})
        else:
            verdicts.append(answer)
    document = {**source, "clips": [asdict(verdict) for verdict in verdicts], "refused": refused}
    if verdicts or as_json:
        show(document, as_json, "\n".join(verdict.text for verdict in verdicts))
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
