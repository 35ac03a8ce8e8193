"""The verbs `assess`, `feedback`, `serve`, `cloud`, `edge`, `plan` and `export` of the command line."""

import math
import os
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from dance_tf.dataset.backend import start_tensorflow
from dance_tf.terminal import DONE, DONE_WITH_REFUSALS, FAILED, fail, note, one_line_errors, say, show, show_refusals

verbs = typer.Typer()


@verbs.command()
@one_line_errors
def assess(
    model: Annotated[Path, typer.Argument(help="model folder, trained on clips with skeletons")],
    clips: Annotated[list[Path], typer.Argument(help="video files, folders of clips, or folders of images")],
    style: Annotated[str, typer.Option(help="to compare with; the nearest one by default")] = "",
    reference: Annotated[Path | None, typer.Option(help="one performance to compare with instead")] = None,
    video: Annotated[
        bool, typer.Option("--video", help="add a video of each clip with the skeleton and remarks")
    ] = False,
    feedback: Annotated[Path | None, typer.Option(help="CSV of `feedback`: what teachers say about the clips")] = None,
    out: Annotated[Path, typer.Option(help="folder for the pages, assessments.json and assessments.csv")] = Path(
        "assessments"
    ),
    as_json: Annotated[
        bool, typer.Option("--json", help="print one JSON document on standard output and nothing else")
    ] = False,
) -> None:
    """Say how close each dance is to its style and what to change, as a web page for each clip."""
    from tqdm import tqdm

    from dance_tf.dataset.feedback import read_feedback
    from dance_tf.dataset.output import ASSESSMENTS, check_place
    from dance_tf.fidelity.score import unpack_standards
    from dance_tf.model.bundle import load_classifier, load_standards
    from dance_tf.serving.assess import assess_clips
    from dance_tf.serving.assessment_page import write_assessments
    from dance_tf.video.catalog import clips_at

    if style and reference:
        fail("--style and --reference both say what to compare with: give one of them")
    check_place(out, ASSESSMENTS, sources=(model,))
    said = read_feedback(feedback) if feedback else ()
    bundle, standards = load_classifier(model), unpack_standards(load_standards(model))
    offers = [clips_at(path) for path in clips]
    found = [clip for these, _ in offers for clip in these]
    refused = [{"clip": str(one.path), "reason": one.reason} for _, others in offers for one in others]
    answers = assess_clips(bundle, standards, found, style, reference, video, said)
    answers = tqdm(answers, total=len(found), desc="clips", unit="clip", file=sys.stderr, delay=1)
    named = zip(map(str, found), answers, strict=True)
    assessed, document = write_assessments(out, str(model), named, refused)
    refused = document["refused"]
    if assessed or as_json:
        lines = [f"{one.text}; {out / page}" for page, one in assessed.items()]
        show(document, as_json, "\n".join(lines))
    show_refusals(refused, "clip")
    raise typer.Exit(FAILED if not assessed else DONE_WITH_REFUSALS if refused else DONE)


@verbs.command()
@one_line_errors
def feedback(
    file: Annotated[Path, typer.Argument(help="CSV file, which is made if it is absent")],
    clip: Annotated[str, typer.Argument(help="clip id or file name; with none, the content is listed")] = "",
    dancer: Annotated[str, typer.Option(help="say it of all clips of a dancer instead")] = "",
    style: Annotated[str, typer.Option(help="what is danced")] = "",
    score: Annotated[float | None, typer.Option(help="how close the dance is to its style, 0 to 100")] = None,
    trust: Annotated[float | None, typer.Option(help="how far the label can be trusted, 0 to 1")] = None,
    comment: Annotated[str, typer.Option(help="free text")] = "",
    teacher: Annotated[str, typer.Option("--from", help="who says it")] = "",
    dataset: Annotated[
        Path | None, typer.Option(help="dataset folder: check the clips' names, and list labels that are likely wrong")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document on standard output")] = False,
) -> None:
    """Write down what a teacher says about clips, for `assess --feedback` and `train --feedback`."""
    from dance_tf.dataset.feedback import Feedback, add_feedback, apply_feedback, labelled_clips, read_feedback

    if clip or dancer:
        numbers = {"score": math.nan if score is None else score, "trust": math.nan if trust is None else trust}
        said = add_feedback(file, Feedback(clip, dancer, style, **numbers, comment=comment, teacher=teacher))
    elif style or comment or teacher or score is not None or trust is not None:
        fail("Missing argument 'CLIP', or option --dancer: see `dance_tf feedback --help`")
    else:
        said = read_feedback(file) if file.exists() or dataset is None else ()
    lines, document = [f"{one.about}: {one.said}" for one in said], {"feedback": [vars(one) for one in said]}
    if dataset is not None:
        start_tensorflow()
        from dance_tf.dataset.store import open_dataset
        from dance_tf.experiments.labels import doubtful_labels

        data, notes = apply_feedback(open_dataset(dataset), said)
        for text in notes:
            note(text)
        doubtful = doubtful_labels(data, labelled_clips(data, said))
        document["doubtful"] = doubtful.to_dict("records")
        for row in doubtful.itertuples():
            lines.append(f"{row.clip}: labelled {row.style}, looks like {row.likely} ({row.probability:.0%})")
        if doubtful.empty:
            lines.append("no label is doubtful")
    show(document, as_json, "\n".join(lines))


@verbs.command()
@one_line_errors
def serve(
    model: Annotated[Path, typer.Argument(help="model folder, trained on clips with skeletons")],
    host: Annotated[str, typer.Option(help="address to listen on; all but this need a password")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any free one")] = 7860,
    max_megabytes: Annotated[int, typer.Option(min=1, help="refuse larger uploads")] = 200,
    max_minutes: Annotated[float, typer.Option(min=0.1, help="refuse longer clips")] = 15.0,
) -> None:
    """Show `assess` as a web page for dancers and teachers; DANCE_TF_PASSWORD is the password, if it has one."""
    from dance_tf.fidelity.score import unpack_standards
    from dance_tf.model.bundle import load_classifier, load_standards
    from dance_tf.pose.weights import load_weights
    from dance_tf.serving.assess import Assessor
    from dance_tf.serving.desk import Desk
    from dance_tf.serving.page import PASSWORD_VARIABLE, make_page_app
    from dance_tf.serving.server import LOOPBACK, run_server
    from dance_tf.serving.uploads import upload_folder
    from dance_tf.video.isolation import DecodingProcess

    password = os.environ.get(PASSWORD_VARIABLE, "").strip()
    if not password and host not in LOOPBACK:
        fail(f"other machines could connect to {host}: set {PASSWORD_VARIABLE} to a password, which visitors must give")
    bundle, standards = load_classifier(model), unpack_standards(load_standards(model))
    load_weights()  # now, and not with the first clip
    with upload_folder() as folder, DecodingProcess() as process:
        assessor = Assessor(bundle, standards, process)
        desk = Desk(assessor, model.resolve().name, folder, max_megabytes << 20, 60 * max_minutes)
        app = make_page_app(desk, password, alone=host in LOOPBACK)
        run_server(app, host, port, 1.0, lambda address: say(f"page at {address}"))


@verbs.command()
@one_line_errors
def cloud(
    models: Annotated[list[Path], typer.Argument(metavar="MODEL...", help="model folders")],
    host: Annotated[str, typer.Option(help="address to listen on; all but this need a token")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any free one")] = 8000,
    requests_per_minute: Annotated[int, typer.Option(min=1, help="of one address; more are refused")] = 1200,
    max_megabytes: Annotated[int, typer.Option(min=1, help="refuse larger video files")] = 256,
    seconds: Annotated[
        float, typer.Option(min=0.1, help="to receive a request, more for a large one, and to answer it")
    ] = 60.0,
) -> None:
    """Serve models to edges, and to anyone who sends a clip, over HTTP."""
    start_tensorflow()
    from dance_tf.model.bundle import load_bundle
    from dance_tf.serving.cloud import CloudSettings, make_app
    from dance_tf.serving.server import LOOPBACK, run_server
    from dance_tf.serving.wire import TOKEN_VARIABLE

    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token and host not in LOOPBACK:
        fail(f"other machines could connect to {host}: set {TOKEN_VARIABLE} to a long secret, which clients must send")
    settings = CloudSettings(token, requests_per_minute, max_megabytes << 20, seconds)
    app = make_app([(folder.resolve().name, load_bundle(folder)) for folder in models], settings)
    run_server(app, host, port, seconds, lambda address: say(f"cloud at {address}; its interface: {address}/docs"))


@verbs.command()
@one_line_errors
def edge(
    model: Annotated[Path, typer.Argument(help="model folder, the same as that of the cloud")],
    source: Annotated[str, typer.Argument(help="video file, address of a stream, or camera such as /dev/video0")],
    to: Annotated[str, typer.Option(help="address of the cloud")],
    cut: Annotated[
        str, typer.Option(help="what is sent: clip, frames, skeletons, 1536, 400 or 150 (features), or verdict")
    ],
    packing: Annotated[
        str, typer.Option(help="of features float32, float16 or int8, of skeletons float16 or int16; exact by default")
    ] = "",
    every: Annotated[int, typer.Option(min=1, help="send one of so many frames, windows or skeletons")] = 1,
    seconds: Annotated[float, typer.Option(min=0.1, help="to record of a stream or camera")] = 10.0,
    patience: Annotated[float, typer.Option(min=0, help="seconds to go on sending a request again")] = 180.0,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document on standard output")] = False,
) -> None:
    """Classify a clip together with a cloud: compute here up to a cut, send the rest."""
    start_tensorflow()
    from dance_tf.model.bundle import load_bundle
    from dance_tf.serving.cuts import CutModel
    from dance_tf.serving.edge import CloudClient, classify_at_edge
    from dance_tf.serving.wire import TOKEN_VARIABLE

    cut_model = CutModel(load_bundle(model))
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    with CloudClient(to, token, patience, partial(say, err=True)) as client:
        verdict = classify_at_edge(cut_model, source, client, cut, packing, every, seconds)
    sent = f"{verdict.sent_bytes:,} bytes in {verdict.requests} {'request' if verdict.requests == 1 else 'requests'}"
    show(asdict(verdict), as_json, f"{verdict.text}; sent {sent}")


@verbs.command()
@one_line_errors
def plan(
    model: Annotated[Path, typer.Argument(help="model folder")],
    clip: Annotated[Path, typer.Argument(help="video file that stands for those to come")],
    uplink: Annotated[str, typer.Option(help="of the edge, such as 2Mbit/s or 500kbit/s")] = "2Mbit/s",
    round_trip: Annotated[float, typer.Option(min=0, help="seconds from edge to cloud and back")] = 0.04,
    rounds: Annotated[int, typer.Option(min=1, help="measurements, of which the median counts")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document on standard output")] = False,
) -> None:
    """Measure where to cut a model between edge and cloud, and say which cut is the fastest."""
    start_tensorflow()
    from dance_tf.model.bundle import load_bundle
    from dance_tf.serving.cuts import CutModel
    from dance_tf.serving.plan import describe_plan, fastest_cuts, measure_cuts, parse_uplink, with_latency

    rate = parse_uplink(uplink)
    costs = measure_cuts(CutModel(load_bundle(model)), [clip], rounds)
    table, ranges = with_latency(costs, rate, round_trip), fastest_cuts(costs, round_trip)
    named = [{"from_bits_per_second": start, "cut": cut, "packing": packing} for start, cut, packing in ranges]
    document = {"model": str(model), "clip": str(clip), "bits_per_second": rate, "round_trip": round_trip}
    document |= {"cuts": table.to_dict("records"), "fastest": named}
    show(document, as_json, describe_plan(table, ranges, rate))


@verbs.command()
@one_line_errors
def profile(
    model: Annotated[Path, typer.Argument(help="model folder")],
    clip: Annotated[Path, typer.Argument(help="video file that stands for those to come")],
    rounds: Annotated[int, typer.Option(min=1, help="measurements, of which the median counts")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document on standard output")] = False,
) -> None:
    """Measure where the time of a verdict goes, and the least that this machine needs for each stage."""
    start_tensorflow()
    from dance_tf.fidelity.score import unpack_standards
    from dance_tf.model.bundle import STANDARDS, load_bundle, load_classifier, load_standards
    from dance_tf.serving.stages import describe_stages, measure_stages

    bundle, network = load_classifier(model), load_bundle(model).model
    standards = unpack_standards(load_standards(model)) if (model / STANDARDS).is_file() else None
    stages = measure_stages(bundle, clip, rounds, network, standards)
    document = {"model": str(model), "clip": str(clip), "stages": stages.to_dict("records")}
    show(document, as_json, describe_stages(stages))


@verbs.command()
@one_line_errors
def export(
    model: Annotated[Path, typer.Argument(help="model folder")],
    out: Annotated[Path, typer.Argument(help="folder to write")],
    to: Annotated[
        str, typer.Option(help="saved_model (TensorFlow Serving), or for LiteRT float32, float16, dynamic or int8")
    ] = "float32",
    dataset: Annotated[
        Path | None, typer.Option(help="dataset folder, from which int8 learns the range of all activations")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document on standard output")] = False,
) -> None:
    """Write a model's network as a SavedModel, or as one file for LiteRT."""
    start_tensorflow()
    from dance_tf.dataset.store import open_dataset
    from dance_tf.model.bundle import load_bundle
    from dance_tf.serving.export import export_bundle, sample_inputs

    bundle = load_bundle(model)
    samples = sample_inputs(bundle.description.inputs, open_dataset(dataset)) if dataset else None
    size = export_bundle(bundle, out, to, samples)
    show({"out": str(out), "form": to, "bytes": size}, as_json, f"{to} in {out}, {size / 1e6:.2f} MB")
