"""Self-contained HTML pages of assessed clips, and an overview of several."""

import base64
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader
from matplotlib.figure import Figure

import dance_tf.report
from dance_tf.dataset.output import ASSESSMENTS, strict_json, write_text
from dance_tf.fidelity.assess import Assessment
from dance_tf.report.figures import assessment as figures
from dance_tf.report.section import png
from dance_tf.report.tables import counted
from dance_tf.serving.assess import AssessedClip

FIRST, COMMON = 3, 5  # clips to look at first, and remarks of a class
DOUBTFUL = 0.5  # a smaller confidence is a reason to look at a clip
LOW = 10.0  # a smaller score is too
OVERVIEW, TABLE = "index.html", "assessments.csv"
KINDS = {"pose": "position", "posture": "posture", "timing": "timing", "amplitude": "size of the movements"}


def write_assessments(
    out: Path, model: str, answers: Iterable[tuple[str, list[AssessedClip] | str]], refused: Sequence[Mapping[str, str]]
) -> tuple[dict[str, AssessedClip], dict[str, object]]:
    """Write a page for each assessed clip, an overview if there are several, and what they say as JSON and CSV.

    The annotated video of a clip, if it has one, lies beside its page.

    Args:
        out: folder, in which files of the same names are replaced.
        model: name of the model.
        answers: names of clips, and what `assess_clips` says about them.
        refused: "clip" and "reason" of other clips that cannot be assessed.

    Returns:
        The assessed clips, without pictures, by the names of their pages; and the JSON document.
    """
    document = {"model": model, "clips": [], "refused": list(refused)}
    write_text(out / ASSESSMENTS.marker, strict_json(document))  # the folder is known as ours from now on
    assessed: dict[str, AssessedClip] = {}
    for clip, answer in answers:
        if isinstance(answer, str):
            document["refused"].append({"clip": clip, "reason": answer})
            continue
        for one in answer:
            page = page_name(Path(clip), assessed)
            video = f"{Path(page).stem}-annotated.mp4" if one.video else ""
            if video:
                (out / video).write_bytes(one.video)
            write_text(out / page, assessment_page(one, video))
            assessed[page] = replace(one, moments=(), video=b"")  # their pictures are in the page
    if len(assessed) + len(document["refused"]) > 1 and assessed:
        write_text(out / OVERVIEW, overview_page(assessed, document["refused"]))
    document["clips"] = [{**one.to_json(), "page": page} for page, one in assessed.items()]
    write_text(out / ASSESSMENTS.marker, strict_json(document, indent=1, ensure_ascii=False) + "\n")
    table = assessment_table(assessed, document["refused"]).to_csv(index=False, float_format="%.4g")
    write_text(out / TABLE, f"\ufeff{table}")  # without the mark, Excel does not read the letters as UTF-8
    return assessed, document


def assessment_table(assessed: Mapping[str, AssessedClip], refused: Sequence[Mapping[str, str]]) -> pd.DataFrame:
    """Return a row for each clip, assessed or not; arguments as in `overview_page`.

    Columns are clip, start and end (seconds, of a part), style, confidence, compared_with, fidelity, low, high,
    degrees, tempo, change (the first thing to change), feedback (of teachers), why (there is no score) and page; empty
    where there is nothing to say.
    """
    rows = []
    for page, one in assessed.items():
        found, part = one.assessment, one.part
        row = {"clip": one.verdict.clip, "start": part and part.start, "end": part and part.end}
        row |= {"style": one.style, "confidence": one.verdict.confidence, "compared_with": one.compared_with}
        if found:
            row |= {"fidelity": found.score.value, "low": found.score.low, "high": found.score.high}
            row |= {"degrees": found.degrees, "tempo": found.tempo}
            row["change"] = found.remarks[0].text if found.remarks else ""
        row["feedback"] = "; ".join(each.said for each in one.said)
        rows.append({**row, "why": one.why, "page": page})
    rows += [{"clip": each["clip"], "why": each["reason"]} for each in refused]
    columns = (
        "clip start end style confidence compared_with fidelity low high degrees tempo change feedback why page".split()
    )
    return pd.DataFrame(rows, columns=columns).map(_harmless)


def _harmless(cell: object) -> object:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t")) else cell


def _percent(value: float) -> str:
    return f"{value:.0%}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _meaning(found: Assessment) -> str:
    """Say in a sentence what the score of a clip means."""
    if found.group.value == 0:
        return f"Further from {found.style} than every reference dancer: it may be another dance."
    share, among = f"{found.score.value:.0f} %", counted(found.references, "reference dancer")
    return f"Closer to the style than {share} of the dancers with whom it is compared ({among} of this style)."


def _source(figure: Figure) -> str:
    return f"data:image/png;base64,{base64.b64encode(png(figure)).decode()}"


def _template(name: str):
    folders = [Path(__file__).parent, Path(dance_tf.report.__file__).parent]
    pages = Environment(autoescape=True, loader=FileSystemLoader(folders), trim_blocks=True, lstrip_blocks=True)
    pages.globals |= {"percent": _percent, "sentence": _sentence, "counted": counted, "meaning": _meaning}
    return pages.get_template(name)


def assessment_page(assessed: AssessedClip, video: str = "") -> str:
    """Return the page of one clip, perhaps with the name of a video that lies beside it."""
    content: dict[str, object] = {"title": assessed.name, "assessed": assessed, "video": video}
    if found := assessed.assessment:
        moments = []
        for one in assessed.moments:
            pictures = [(f"this clip, {one.time:.1f} s", one.picture)]
            pictures += [(assessed.compared_with, one.reference)] if one.reference is not None else []
            moments.append({"text": one.remark.text, "source": _source(figures.moment(found, one.time, pictures))})
        content |= {
            "timeline": _source(figures.timeline(found)),
            "timeline_title": "How far each part of the body is from the references, and the timing",
            "unseen": pd.DataFrame(found.closeness).isna().all(axis=1).any(),
            "moments": moments,
        }
    return _template("assessment.html").render(content)


def overview_page(assessed: Mapping[str, AssessedClip], refused: Sequence[Mapping[str, str]]) -> str:
    """Return the page of several clips.

    Args:
        assessed: the clips by the name of their page.
        refused: "clip" and "reason" of the others.
    """
    rows, scores, common = [], [], Counter()
    for page, one in assessed.items():
        found, name = one.assessment, one.name
        score, reasons = math.nan, [one.why] if one.why else []
        if found:
            score = found.score.value
            common.update({f"{KINDS[remark.kind]} of the {remark.part}" for remark in found.remarks})
            if not math.isnan(score):
                scores.append({"name": name, "mean": score, "low": found.score.low, "high": found.score.high})
        reasons += [f"fidelity {score:.0f} of 100"] if score < LOW else []
        taught = one.style != one.verdict.style
        reasons += ["the style is doubtful"] if one.verdict.confidence < DOUBTFUL and not taught else []
        reasons += [f"a teacher says {one.style}, the network {one.verdict.style}"] if taught else []
        row = {"page": page, "name": name, "style": one.style}
        row["sure"] = "a teacher" if taught else _percent(one.verdict.confidence)
        if found is None and not taught:
            row["style"] = "–"
        row |= {"score": "–" if math.isnan(score) else f"{score:.0f}", "reason": ", ".join(reasons), "order": score}
        rows.append(row | {"change": found.remarks[0].text if found and found.remarks else ""})
    first = sorted((row for row in rows if row["reason"]), key=lambda row: (not math.isnan(row["order"]), row["order"]))
    return _template("class_overview.html").render(
        title="Class overview",
        rows=rows,
        first=first[:FIRST],
        common=[(text, count) for text, count in common.most_common(COMMON) if count > 1],
        distribution=_source(figures.distribution(pd.DataFrame(scores))) if scores else "",
        refused=refused,
    )


def page_name(path: Path, taken: Mapping[str, object]) -> str:
    """Return a file name for the page of a clip that no other page has."""
    stem, number = path.stem, 1
    while (name := f"{stem}{f'-{number}' if number > 1 else ''}.html") in taken or name == OVERVIEW:
        number += 1
    return name
