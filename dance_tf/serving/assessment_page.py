"""Self-contained HTML pages of assessed clips, and an overview of several."""

import base64
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader
from matplotlib.figure import Figure

import dance_tf.report
from dance_tf.fidelity.assess import Assessment
from dance_tf.report.figures import assessment as figures
from dance_tf.report.section import png
from dance_tf.report.tables import counted
from dance_tf.serving.assess import AssessedClip

FIRST, COMMON = 3, 5  # clips to look at first, and remarks of a class
DOUBTFUL = 0.5  # a smaller confidence is a reason to look at a clip
LOW = 10.0  # a smaller score is too
OVERVIEW = "index.html"
KINDS = {"pose": "position", "posture": "posture", "timing": "timing", "amplitude": "size of the movements"}


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


def assessment_page(assessed: AssessedClip) -> str:
    """Return the page of one clip."""
    content: dict[str, object] = {"title": assessed.name, "assessed": assessed}
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
        reasons += ["the style is doubtful"] if one.verdict.confidence < DOUBTFUL else []
        row = {"page": page, "name": name, "style": one.verdict.style, "confidence": one.verdict.confidence}
        if found is None:
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
