"""The verb `assess` of the command line."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from dance_tf.dataset.backend import start_tensorflow
from dance_tf.terminal import DONE, DONE_WITH_REFUSALS, FAILED, fail, one_line_errors, show, show_refusals

verbs = typer.Typer()


@verbs.command()
@one_line_errors
def assess(
    model: Annotated[Path, typer.Argument(help="model folder, trained on clips with skeletons")],
    clips: Annotated[list[Path], typer.Argument(help="video files, folders of clips, or folders of images")],
    style: Annotated[str, typer.Option(help="to compare with; by default the one that the model sees")] = "",
    reference: Annotated[Path | None, typer.Option(help="one performance to compare with instead")] = None,
    out: Annotated[Path, typer.Option(help="folder for the pages and JSON documents")] = Path("assessments"),
    as_json: Annotated[
        bool, typer.Option("--json", help="print one JSON document on standard output and nothing else")
    ] = False,
) -> None:
    """Say how close each dance is to its style and what to change, as a web page for each clip."""
    start_tensorflow()
    from tqdm import tqdm

    from dance_tf.dataset.output import ASSESSMENTS, check_place, strict_json, write_text
    from dance_tf.fidelity.score import unpack_standards
    from dance_tf.model.bundle import load_bundle, load_standards
    from dance_tf.serving.assess import assess_clips
    from dance_tf.serving.assessment_page import OVERVIEW, assessment_page, overview_page, page_name
    from dance_tf.video.catalog import clips_at

    if style and reference:
        fail("--style and --reference both say what to compare with: give one of them")
    check_place(out, ASSESSMENTS, sources=(model,))
    bundle, standards = load_bundle(model), unpack_standards(load_standards(model))
    offers = [clips_at(path) for path in clips]
    found = [clip for these, _ in offers for clip in these]
    refused = [{"clip": str(one.path), "reason": one.reason} for _, others in offers for one in others]
    document = {"model": str(model), "clips": [], "refused": refused}
    write_text(out / ASSESSMENTS.marker, strict_json(document))  # the folder is known as ours from now on
    answers = assess_clips(bundle, standards, found, style, reference)
    answers = tqdm(answers, total=len(found), desc="clips", unit="clip", file=sys.stderr, delay=1)
    assessed = {}
    for clip, answer in zip(found, answers, strict=True):
        if isinstance(answer, str):
            refused.append({"clip": str(clip), "reason": answer})
            continue
        page = page_name(clip, assessed)
        write_text(out / page, assessment_page(answer))
        assessed[page] = replace(answer, moments=())  # their pictures are in the page
    if len(found) > 1 and assessed:
        write_text(out / OVERVIEW, overview_page(assessed, refused))
    document["clips"] = [{**one.to_json(), "page": page} for page, one in assessed.items()]
    write_text(out / ASSESSMENTS.marker, strict_json(document, indent=1, ensure_ascii=False) + "\n")
    if assessed or as_json:
        lines = [f"{one.text}; {out / page}" for page, one in assessed.items()]
        show(document, as_json, "\n".join(lines))
    show_refusals(refused, "clip")
    raise typer.Exit(FAILED if not assessed else DONE_WITH_REFUSALS if refused else DONE)
