"""The verbs that make a dataset: `synthesize` and `curate`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from dance_tf.dataset.backend import start_tensorflow
from dance_tf.dataset.place import ARRAYS, DATASET, check_place
from dance_tf.terminal import DONE, DONE_WITH_REFUSALS, Jobs, Json, Scheduler, cores, fail, one_line_errors, show


@one_line_errors
def synthesize(
    out: Annotated[Path, typer.Argument(help="new folder for clips and manifest.csv")],
    styles: Annotated[int, typer.Option(help="how many styles")] = 12,
    dancers: Annotated[int, typer.Option(help="how many dancers")] = 20,
    seconds: Annotated[float, typer.Option(help="length of a clip")] = 8.0,
    seed: Annotated[int, typer.Option(min=0, help="the same seed gives the same pictures")] = 0,
    frame_rate: Annotated[float, typer.Option(help="frames a second")] = 30.0,
    width: Annotated[int, typer.Option(help="of a frame, pixels")] = 432,
    height: Annotated[int, typer.Option(help="of a frame, pixels")] = 768,
    difficulty: Annotated[float, typer.Option(help="0 easy to 1 hard")] = 0.5,
    arrays: Annotated[bool, typer.Option("--arrays", help="128×128 arrays that `train` takes, with no codec")] = False,
    jobs: Jobs = None,
    scheduler: Scheduler = None,
    as_json: Json = False,
) -> None:
    """Make clips of made-up dancers."""
    from dance_tf.synthesis.settings import StudioSettings

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
            fail("--arrays is made on this machine: leave --scheduler out")
        from dance_tf.dataset.build import synthesize_arrays

        try:
            synthesize_arrays(check_place(out, ARRAYS), settings, jobs or cores(), progress=True)
        except KeyboardInterrupt:
            fail("stopped; nothing was written, and the same command begins anew")
    else:
        from dance_tf.synthesis.studio import synthesize as record

        record(out, settings, jobs or cores(), scheduler)
    clips = styles * dancers
    show({"out": str(out), "clips": clips, "seed": seed}, as_json, f"{clips} clips in {out}")


@one_line_errors
def curate(
    footage: Annotated[Path, typer.Argument(help="folder with manifest.csv, or laid out <style>/<dancer>_*.mp4")],
    out: Annotated[Path, typer.Argument(help="dataset folder to write")],
    jobs: Jobs = None,
    scheduler: Scheduler = None,
    fit: Annotated[str, typer.Option(help="pad keeps the whole picture, crop its middle")] = "pad",
    frames_per_second: Annotated[
        float | None, typer.Option(help="frames to take of each second; every frame by default")
    ] = None,
    max_seconds: Annotated[float | None, typer.Option(help="refuse longer clips; 900 by default")] = None,
    max_pixels: Annotated[int | None, typer.Option(help="refuse larger frames; 67,108,864 by default")] = None,
    strips: Annotated[bool, typer.Option("--strips", help="draw each clip's film strip into OUT-strips")] = False,
    as_json: Json = False,
) -> None:
    """Read a folder of clips, drop what shows no dancing, and write a dataset."""
    from tqdm import tqdm

    from dance_tf.dataset.build import curate_folder
    from dance_tf.footage.settings import ReadLimits, ReadSettings

    limits = {name: value for name, value in (("seconds", max_seconds), ("pixels", max_pixels)) if value is not None}
    read = ReadSettings(fit=fit, frames_per_second=frames_per_second, limits=ReadLimits(**limits))
    check_place(out, DATASET, sources=(footage,), beside=("-parts", "-strips") if strips else ("-parts",))
    start_tensorflow()
    with tqdm(desc="clips", unit="clip", file=sys.stderr, delay=1) as bar:
        curated = curate_folder(footage, out, jobs or cores(), scheduler, read, progress=lambda row: bar.update())
    if curated.set_aside:
        typer.echo(f"note: a table of other columns was in the way and is now {curated.set_aside}", err=True)
    not_drawn = ""
    if strips:
        from dance_tf.report.clip_strips import StripError, write_strips

        try:
            write_strips(out, curated.clip_path, footage.resolve().name, read, jobs or cores(), scheduler)
        except StripError as error:
            not_drawn = f"note: {error}"
    refused = [row for row in curated.rows if row.status == "refused"]
    reasons = {name: sum(getattr(row, name) for row in curated.rows) for name in ("blank", "blurred", "no_dancing")}
    document = {
        "out": str(out),
        "layout": curated.layout,
        "clips": len(curated.rows) - len(refused),
        "frames": {
            "seen": sum(row.seen for row in curated.rows),
            "kept": sum(row.kept for row in curated.rows),
            "dropped": reasons,
        },
        "rooms_unknown": sum(bool(row.part) and not row.room_known for row in curated.rows),
        "refused": [{"path": row.path, "reason": row.reason} for row in refused],
    }
    frames = document["frames"]
    text = f"{document['clips']} clips, {frames['kept']} of {frames['seen']} frames kept, in {out}"
    if unknown := document["rooms_unknown"]:
        text += f"; in {unknown} clip(s) too much moves for the still room to be told"
    show(document, as_json, text)
    for row in refused:
        typer.echo(f"refused {row.path}: {row.reason}", err=True)
    if not_drawn:
        typer.echo(not_drawn, err=True)
    raise typer.Exit(DONE_WITH_REFUSALS if refused or not_drawn else DONE)
