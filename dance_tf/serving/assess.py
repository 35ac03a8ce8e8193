"""Assess clips: the verdict of a model, how close each dance is to its style, and pictures of what to change."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dance_tf.curation.run import failure_reason, reading_from_json
from dance_tf.fidelity.assess import Assessment, assess
from dance_tf.fidelity.feedback import Remark
from dance_tf.fidelity.score import STRANGE, ReferenceClip, ScoreError, Standard, build_standard, style_distances
from dance_tf.model.bundle import ModelBundle
from dance_tf.pose.skeleton import Skeletons, draw_skeleton
from dance_tf.serving.verdict import TRUSTED_COVERAGE, Verdict, classify_curated, curated_clip
from dance_tf.video.frames import read_pictures
from dance_tf.video.isolation import DecodingProcess

MOMENTS = 3  # pictures of what to change
WATCH = 3  # clips that are recommended


@dataclass(frozen=True, eq=False)
class Moment:
    """A moment to change, with pictures uint8 [h, w, 3], RGB, in which the skeleton is drawn."""

    remark: Remark
    time: float  # seconds of the clip
    picture: np.ndarray
    reference: np.ndarray | None  # the same moment of the performance that the clip is compared with


@dataclass(frozen=True, eq=False)
class AssessedClip:
    """What is said about a clip.

    Attributes:
        verdict: of the model.
        assessment: None if the dance cannot be judged.
        why: the reason, else "".
        compared_with: the style, or the name of the performance; "" if it cannot be judged.
        moments: the weakest ones, the weakest first.
        watch: clips of dancers who are a little closer to the style.
    """

    verdict: Verdict
    assessment: Assessment | None
    why: str
    compared_with: str = ""
    moments: tuple[Moment, ...] = ()
    watch: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The line that `assess` prints."""
        found = self.assessment
        if found is None:
            return f"{self.verdict.clip}: {self.why} (the network sees {self.verdict.style})"
        score = found.score
        rank = f"fidelity {score.value:.0f} of 100 [{score.low:.0f}, {score.high:.0f}]"
        said = [rank] if not math.isnan(score.value) else [f"{found.degrees:.0f}° from {self.compared_with}"]
        return "; ".join([self.verdict.text, *said, *(remark.text for remark in found.remarks[:1])])

    def to_json(self) -> dict[str, object]:
        """Return verdict and assessment as JSON types, without pictures."""
        document = {**vars(self.verdict), "compared_with": self.compared_with, "why": self.why, "watch": self.watch}
        if self.assessment is None:
            return document | {"fidelity": None}
        left_out = ("dance", "turned", "target", "place")
        found = {name: value for name, value in vars(self.assessment).items() if name not in left_out}
        found |= {name: value.tolist() for name, value in found.items() if isinstance(value, np.ndarray)}
        found |= {name: vars(found[name]) for name in ("score", "group", "model")}
        return document | {"fidelity": found | {"remarks": [vars(remark) for remark in found["remarks"]]}}


@dataclass(frozen=True, eq=False)
class Performance:
    """One performance with which clips are compared."""

    path: Path
    skeletons: Skeletons
    standard: Standard


def read_performance(bundle: ModelBundle, path: Path, process: DecodingProcess) -> Performance:
    """Read the performance with which clips are compared.

    Raises:
        ReadError: it cannot be read.
        ScoreError: nobody is found in it.
    """
    with curated_clip(bundle.description, path, process, with_poses=True) as curated:
        reference = ReferenceClip(path.stem, curated.skeletons)
        return Performance(path, curated.skeletons, build_standard(path.name, [reference]))


def assess_clips(
    bundle: ModelBundle,
    standards: Mapping[str, Standard],
    paths: Sequence[Path],
    style: str = "",
    reference: Path | None = None,
) -> Iterator[AssessedClip | str]:
    """Yield what is said about each clip, or why nothing can be said.

    Args:
        bundle: the model.
        standards: of the model.
        paths: of the clips.
        style: with which the clips are compared; the style that the model sees by default.
        reference: a performance with which they are compared instead.

    Raises:
        ScoreError: there is no such style, or nobody is found in the reference.
        ReadError: the reference cannot be read.
    """
    if style and style not in standards:
        raise ScoreError(f"the model has no dances of the style {style!r}: it has {', '.join(standards)}")
    with DecodingProcess() as process:
        performance = read_performance(bundle, Path(reference), process) if reference else None
        for path in paths:
            try:
                yield _assess(bundle, standards, Path(path), style, performance, process)
            except Exception as error:  # noqa: BLE001 - one bad clip must not stop the others
                yield failure_reason(error)


def _assess(
    bundle: ModelBundle,
    standards: Mapping[str, Standard],
    path: Path,
    style: str,
    performance: Performance | None,
    process: DecodingProcess,
) -> AssessedClip:
    started = time.perf_counter()
    with curated_clip(bundle.description, path, process, with_poses=True) as curated:
        verdict = classify_curated(bundle, path, curated, started)
        skeletons = curated.skeletons
    if skeletons.coverage < TRUSTED_COVERAGE:
        return AssessedClip(verdict, None, f"too poor to judge: the dancer was found in {skeletons.coverage:.0%} of it")
    chosen, why = (style, "") if style else (verdict.style, "")
    if not (style or performance):
        chosen, why = _nearest_style(skeletons, standards, verdict.style)
        if chosen != verdict.style and not why:
            verdict = replace(verdict, notes=(*verdict.notes, f"the movements are those of {chosen}"))
    if why:
        return AssessedClip(verdict, None, why)
    standard = performance.standard if performance else standards[chosen]
    try:
        found = assess(skeletons, standard, verdict.probabilities.get(chosen, math.nan), standards.values())
    except ScoreError as error:
        return AssessedClip(verdict, None, str(error))
    compared_with = performance.path.name if performance else chosen
    moments = _moments(bundle, path, skeletons, found, performance, process)
    return AssessedClip(verdict, found, "", compared_with, moments, _watch_next(found, standard))


def _nearest_style(skeletons: Skeletons, standards: Mapping[str, Standard], seen: str) -> tuple[str, str]:
    """Return the style whose references are nearest, and why none is near enough, else "".

    Where distances mean nothing, because styles have a single reference dancer, it is the style that the model sees.
    """
    apart = style_distances(skeletons, standards)
    nearest = min(apart, key=apart.get, default=seen)
    if math.isinf(apart.get(nearest, math.inf)):
        return seen, "" if seen in standards else f"the model has no dances of {seen} to compare with"
    return nearest, f"none of the model's styles: even {nearest} is far away" if apart[nearest] > STRANGE else ""


def _watch_next(found: Assessment, standard: Standard) -> tuple[str, ...]:
    """Return clips of the dancers who are closer to the style, the least close of them first."""
    closer = [place for place in np.argsort(-standard.group) if standard.group[place] < found.away]
    names = [standard.clips[place] or standard.dancers[place] for place in closer]
    return tuple(names[:WATCH])


def _moments(
    bundle: ModelBundle,
    path: Path,
    skeletons: Skeletons,
    found: Assessment,
    performance: Performance | None,
    process: DecodingProcess,
) -> tuple[Moment, ...]:
    """Return the weakest moments with their pictures."""
    remarks = [remark for remark in found.remarks if remark.kind == "pose"][:MOMENTS]
    if not remarks:
        return ()
    middles = np.array([(remark.start + remark.end) / 2 for remark in remarks])
    pictures, times = _pictures(bundle, path, skeletons, middles, process)
    references: Sequence[np.ndarray | None] = [None] * len(remarks)
    if performance:
        danced = performance.skeletons
        frames = [int(np.abs(found.dance.times - time).argmin()) for time in times]
        places = danced.times[danced.valid][0] + found.place[frames]  # the choreography begins where it is first seen
        references, _ = _pictures(bundle, performance.path, danced, places, process)
    return tuple(
        Moment(remark, float(moment), picture, reference)
        for remark, moment, picture, reference in zip(remarks, times, pictures, references, strict=True)
    )


def _pictures(
    bundle: ModelBundle, path: Path, skeletons: Skeletons, times: np.ndarray, process: DecodingProcess
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the pictures of a clip at the valid skeletons nearest to some times, and the times of these."""
    read, _, poses = reading_from_json(bundle.description.reading, with_poses=True)
    valid = np.flatnonzero(skeletons.valid)
    nearest = [valid[np.abs(skeletons.times[valid] - time).argmin()] for time in times]
    chosen = skeletons.times[nearest]
    pictures = process.call(read_pictures, path.absolute(), chosen.tolist(), poses.poses_per_second, read)
    drawn = [draw_skeleton(one, skeletons.landmarks[place]) for one, place in zip(pictures, nearest, strict=True)]
    return drawn, chosen
