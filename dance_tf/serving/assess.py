"""Assess clips: the verdict of a model, how close each dance is to its style, and pictures of what to change."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dance_tf.curation.filters import CuratedClip
from dance_tf.curation.run import failure_reason, reading_from_json
from dance_tf.dataset.feedback import Feedback, is_about
from dance_tf.fidelity.assess import Assessment, assess
from dance_tf.fidelity.feedback import Remark
from dance_tf.fidelity.parts import Part, find_parts
from dance_tf.fidelity.score import STRANGE, ReferenceClip, ScoreError, Standard, build_standard, style_distances
from dance_tf.model.bundle import ModelBundle
from dance_tf.pose.skeleton import Skeletons, draw_skeleton
from dance_tf.serving.annotated import annotate
from dance_tf.serving.verdict import TRUSTED_COVERAGE, Verdict, classify_curated, curated_clip
from dance_tf.video.frames import read_pictures
from dance_tf.video.isolation import DecodingProcess
from dance_tf.video.layouts import plain_name
from dance_tf.video.sound import ONSET_RATE

MOMENTS = 3  # pictures of what to change
WATCH = 3  # clips that are recommended
LONG = 30.0  # seconds; a longer recording may have several dances


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
        part: of a long recording; None for a whole clip.
        video: the clip with what is said about it (`annotated.annotate`); empty if it was not asked for.
        said: what teachers say about the clip, the last word last.
    """

    verdict: Verdict
    assessment: Assessment | None
    why: str
    compared_with: str = ""
    moments: tuple[Moment, ...] = ()
    watch: tuple[str, ...] = ()
    part: Part | None = None
    video: bytes = b""
    said: tuple[Feedback, ...] = ()

    @property
    def style(self) -> str:
        """The style that a teacher gives, or else that of the verdict."""
        return teacher_style(self.said) or self.verdict.style

    @property
    def name(self) -> str:
        """Name of the clip, and of a part its times."""
        times = f", {self.part.start:.0f}–{self.part.end:.0f} s" if self.part else ""
        return f"{Path(self.verdict.clip).name}{times}"

    @property
    def text(self) -> str:
        """The line that `assess` prints."""
        found, verdict = self.assessment, self.verdict
        if self.part:
            verdict = replace(verdict, clip=f"{Path(verdict.clip).parent / self.name}")
        if found is None:
            return f"{verdict.clip}: {self.why} (the network sees {verdict.style})"
        score = found.score
        rank = f"fidelity {score.value:.0f} of 100 [{score.low:.0f}, {score.high:.0f}]"
        said = [rank] if not math.isnan(score.value) else [f"{found.degrees:.0f}° from {self.compared_with}"]
        said += [f"feedback: {one.said}" for one in self.said[-1:]]
        taught = f"{verdict.clip}: {self.style}, says a teacher (the network sees {verdict.style})"
        first = verdict.text if self.style == verdict.style else taught
        return "; ".join([first, *said, *(remark.text for remark in found.remarks[:1])])

    def to_json(self) -> dict[str, object]:
        """Return verdict and assessment as JSON types, without pictures."""
        part = self.part and {"start": self.part.start, "end": self.part.end}
        document = {
            **vars(self.verdict),
            "part": part,
            "compared_with": self.compared_with,
            "why": self.why,
            "watch": self.watch,
            "style": self.style,
            "said": [vars(one) for one in self.said],
        }
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


def assess_clips(
    bundle: ModelBundle,
    standards: Mapping[str, Standard],
    paths: Sequence[Path],
    style: str = "",
    reference: Path | None = None,
    video: bool = False,
    said: Sequence[Feedback] = (),
) -> Iterator[list[AssessedClip] | str]:
    """Yield what is said about the parts of each clip, or why nothing can be said.

    A recording of more than `LONG` seconds is cut into its dances, unless it is known with what it is compared.

    Args:
        bundle: the model.
        standards: of the model.
        paths: of the clips.
        style: with which the clips are compared; the style that they are nearest to by default.
        reference: a performance with which they are compared instead.
        video: make annotated videos too.
        said: what teachers say about clips; a style that they give takes the place of the verdict.

    Raises:
        ScoreError: there is no such style, or nobody is found in the reference.
        ReadError: the reference cannot be read.
    """
    if style and style not in standards:
        raise ScoreError(f"the model has no dances of the style {style!r}: it has {', '.join(standards)}")
    with DecodingProcess() as process:
        assessor = Assessor(bundle, standards, process, style, video=video, said=tuple(said))
        if reference:
            assessor = replace(assessor, performance=assessor.read_performance(Path(reference)))
        for path in paths:
            try:
                yield assessor.assess(Path(path))
            except Exception as error:  # noqa: BLE001 - one bad clip must not stop the others
                yield failure_reason(error)


@dataclass(frozen=True, eq=False)
class Assessor:
    """Assesses clips one after the other; attributes as the arguments of `assess_clips`."""

    bundle: ModelBundle
    standards: Mapping[str, Standard]
    process: DecodingProcess
    style: str = ""
    performance: Performance | None = None
    video: bool = False
    said: tuple[Feedback, ...] = ()

    def read_performance(self, path: Path) -> Performance:
        """Read the performance with which clips are compared."""
        with curated_clip(self.bundle.description, path, self.process, with_poses=True) as curated:
            reference = ReferenceClip(path.stem, curated.skeletons, onsets=curated.onsets)
            return Performance(path, curated.skeletons, build_standard(path.name, [reference]))

    def assess(self, path: Path) -> list[AssessedClip]:
        """Assess the parts of a clip, usually one.

        Raises:
            ReadError: the clip cannot be read, or nothing is left of it.
        """
        with curated_clip(self.bundle.description, path, self.process, with_poses=True) as curated:
            parts: Sequence[Part | None] = ()
            said = tuple(one for one in self.said if is_about(one, str(path)))
            if curated.seconds > LONG and not (self.style or self.performance or teacher_style(said)):
                parts = find_parts(curated.skeletons, self.standards)
            judged = [self._judge(path, _cut_out(curated, part), part, said) for part in parts or (None,)]
            skeletons = curated.skeletons
        judged = self._add_moments(path, skeletons, judged)
        return [self._add_video(path, skeletons, one) for one in judged] if self.video else judged

    def _add_video(self, path: Path, skeletons: Skeletons, one: AssessedClip) -> AssessedClip:
        if one.assessment is None:
            return one
        read, *_ = reading_from_json(self.bundle.description.reading)
        part = (one.part.start, one.part.end) if one.part else (0.0, math.inf)
        return replace(one, video=self.process.call(annotate, path.absolute(), skeletons, one.assessment, *part, read))

    def _judge(self, path: Path, curated: CuratedClip, part: Part | None, said: tuple[Feedback, ...]) -> AssessedClip:
        """Assess a clip, or a part of it."""
        skeletons = curated.skeletons
        verdict = classify_curated(self.bundle, path, curated, time.perf_counter())
        if skeletons.coverage < TRUSTED_COVERAGE:
            why = f"too poor to judge: the dancer was found in {skeletons.coverage:.0%} of it"
            return AssessedClip(verdict, None, why, part=part, said=said)
        given = self.style or teacher_style(said)
        chosen, why = self._choose_style(skeletons, verdict.style, given)
        if why:
            return AssessedClip(verdict, None, why, part=part, said=said)
        if chosen != verdict.style and not given:
            verdict = replace(verdict, notes=(*verdict.notes, f"the movements are those of {chosen}"))
        standard = self.performance.standard if self.performance else self.standards[chosen]
        probability = verdict.probabilities.get(chosen, math.nan)
        try:
            found = assess(skeletons, standard, probability, self.standards.values(), curated.onsets)
        except ScoreError as error:
            return AssessedClip(verdict, None, str(error), part=part, said=said)
        compared_with = self.performance.path.name if self.performance else chosen
        return AssessedClip(verdict, found, "", compared_with, (), _watch_next(found, standard), part, said=said)

    def _choose_style(self, skeletons: Skeletons, seen: str, given: str) -> tuple[str, str]:
        """Return the style to compare with, and why the dance is none of the styles, else "".

        It is the style whose references are nearest. Where distances mean nothing, because styles have a single
        reference dancer, it is the style that the model sees.
        """
        if self.performance or given in self.standards:
            return given or seen, ""
        if given:
            return seen, f"the model has no dances of {given} to compare with"
        apart = style_distances(skeletons, self.standards)
        nearest = min(apart, key=apart.get, default=seen)
        if math.isinf(apart.get(nearest, math.inf)):
            return seen, "" if seen in self.standards else f"the model has no dances of {seen} to compare with"
        return nearest, f"none of the model's styles: even {nearest} is far away" if apart[nearest] > STRANGE else ""

    def _add_moments(self, path: Path, skeletons: Skeletons, judged: Sequence[AssessedClip]) -> list[AssessedClip]:
        """Return the same with the pictures of the weakest moments, which are read together."""
        remarks = [
            [remark for remark in one.assessment.remarks if remark.kind == "pose"][:MOMENTS] if one.assessment else []
            for one in judged
        ]
        middles = [(remark.start + remark.end) / 2 for several in remarks for remark in several]
        pictures, times = self._pictures(path, skeletons, middles) if middles else ([], [])
        references: Sequence[np.ndarray | None] = [None] * len(middles)
        if self.performance and middles:
            [one], danced = judged, self.performance.skeletons
            frames = [int(np.abs(one.assessment.dance.times - time).argmin()) for time in times]
            begins = danced.times[danced.valid][0]  # the choreography begins where the dancer is first seen
            references, _ = self._pictures(self.performance.path, danced, begins + one.assessment.place[frames])
        shown = iter(zip(times, pictures, references, strict=True))
        moments = [tuple(Moment(remark, *next(shown)) for remark in several) for several in remarks]
        return [replace(one, moments=several) for one, several in zip(judged, moments, strict=True)]

    def _pictures(
        self, path: Path, skeletons: Skeletons, times: Sequence[float]
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Return the pictures of a clip at the valid skeletons nearest to some times, and the times of these."""
        read, _, poses = reading_from_json(self.bundle.description.reading, with_poses=True)
        valid = np.flatnonzero(skeletons.valid)
        nearest = [valid[np.abs(skeletons.times[valid] - time).argmin()] for time in times]
        chosen = skeletons.times[nearest]
        pictures = self.process.call(read_pictures, path.absolute(), chosen.tolist(), poses.poses_per_second, read)
        drawn = [draw_skeleton(one, skeletons.landmarks[place]) for one, place in zip(pictures, nearest, strict=True)]
        return drawn, chosen


def teacher_style(said: Sequence[Feedback]) -> str:
    """Return the style that a teacher gives a clip, the last word; empty for none."""
    return next((plain_name(one.style) for one in reversed(said) if one.style), "")


def _cut_out(curated: CuratedClip, part: Part | None) -> CuratedClip:
    """Return a part of a curated clip; times stay those of the whole clip."""
    if part is None:
        return curated
    frames, poses = (
        (part.start <= times) & (times < part.end) for times in (curated.timestamps, curated.skeletons.times)
    )
    dropped = tuple(frame for frame in curated.dropped if part.start <= frame.timestamp < part.end)
    heard = np.arange(len(curated.onsets)) / ONSET_RATE
    return replace(
        curated,
        frames=curated.frames[frames],
        timestamps=curated.timestamps[frames],
        seen=int(frames.sum()) + len(dropped),
        dropped=dropped,
        seconds=part.end - part.start,
        skeletons=Skeletons(*(values[poses] for values in vars(curated.skeletons).values())),
        cutouts=curated.cutouts[poses],
        onsets=curated.onsets * ((part.start <= heard) & (heard < part.end))[:, None],
    )


def _watch_next(found: Assessment, standard: Standard) -> tuple[str, ...]:
    """Return clips of the dancers who are closer to the style, the least close of them first."""
    closer = [place for place in np.argsort(-standard.away) if standard.away[place] < found.away]
    names = [standard.clips[place] or standard.dancers[place] for place in closer]
    return tuple(names[:WATCH])
