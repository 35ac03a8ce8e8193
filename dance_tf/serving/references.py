"""Verdicts by reference clips: the style of the reference whose dance a clip resembles most, without training."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from dance_tf.curation.run import call_in_pool, failure_reason, pooled_process
from dance_tf.fidelity.align import PART, RATE, bone_directions
from dance_tf.fidelity.references import Reference, match_references
from dance_tf.pose.read import load_blazepose, read_skeletons
from dance_tf.pose.skeleton import Skeletons
from dance_tf.pose.track import POSES_PER_SECOND
from dance_tf.pose.weights import load_weights
from dance_tf.serving.verdict import TRUSTED_COVERAGE, Verdict
from dance_tf.video.catalog import Clip, find_clips
from dance_tf.video.settings import READ_DEFAULTS, ReadSettings
from dance_tf.video.stills import ReadError


class ReferencesError(ValueError):
    """References that cannot be used; the message says why and what to do, in one line."""


@dataclass(frozen=True, kw_only=True)
class ReferenceVerdict(Verdict):
    """A verdict by references. Frames are those in which a pose was searched, "used" those with the dancer.

    Attributes:
        reference: path of the nearest reference of the style.
        reference_distance: its distance, degrees between bones (`fidelity.align.part_distance`).
        distances: of each style, degrees; several references of a style count together.
        unsure: whether a second style is nearly as near.
    """

    reference: str
    reference_distance: float
    distances: dict[str, float]
    unsure: bool

    @property
    def text(self) -> str:
        """The line that `classify` prints."""
        return f"{super().text}; nearest reference: {self.reference}, {self.reference_distance:.1f} degrees"


@dataclass(frozen=True, eq=False)
class Dance:
    """What was read from a clip."""

    skeletons: Skeletons
    series: Sequence[np.ndarray]  # of `bone_directions`
    elapsed: float  # seconds to read it


def read_dances(clips: Sequence[Clip], poses_per_second: float) -> Iterator[Dance | str]:
    """Read the dancers of clips in parallel subprocesses; yield for each clip its dance, or why it has none.

    Raises:
        ValueError: an invalid rate.
        WeightsError: there are no weights of BlazePose.
    """
    ReadSettings(frames_per_second=poses_per_second)  # checks the rate
    load_weights()  # fetched once, and not by each subprocess
    yield from call_in_pool(partial(_read_dance, poses_per_second), clips)


def _read_dance(poses_per_second: float, clip: Clip, threads: int) -> Dance | str:
    started = time.perf_counter()
    try:
        with pooled_process() as process:
            absolute = replace(clip, path=clip.path.absolute())
            skeletons = process.call(_read, absolute, poses_per_second, threads)
        if not skeletons.valid.any():
            raise ReadError(f"nobody is found in its {len(skeletons.valid)} frames")
        series = bone_directions(skeletons)
        if not series:
            found = f"in {skeletons.valid.sum()} of {len(skeletons.valid)} frames"
            raise ReadError(f"the dancer is found {found}, but never for {PART / RATE:g} s without a gap")
    except Exception as error:  # noqa: BLE001 - one bad clip must not stop the others
        return failure_reason(error)
    return Dance(skeletons, series, time.perf_counter() - started)


def _read(clip: Clip, poses_per_second: float, threads: int, *, heartbeat: Callable[[], None]) -> Skeletons:
    """Read the skeletons of a clip in this process."""
    cv2.setNumThreads(threads)
    settings = replace(READ_DEFAULTS, threads=threads, start=clip.start, end=clip.end)
    return read_skeletons(clip.path, load_blazepose(threads), poses_per_second, settings=settings, heartbeat=heartbeat)


def read_references(
    folder: Path,
    poses_per_second: float = POSES_PER_SECOND,
    progress: Callable[..., Iterable] = lambda found, total: found,
) -> tuple[list[Reference], list[dict[str, str]]]:
    """Read the reference clips of a folder.

    Args:
        folder: in a layout of `video.catalog` that gives the styles.
        poses_per_second: as for the clips that are classified.
        progress: wraps the iterable of clips, such as `tqdm`; it gets their number as `total`.

    Returns:
        The references, each with its path as name; and the clips that cannot be used, with "clip" and "reason".

    Raises:
        CatalogError: there is no clip.
        ReferencesError: there are not two styles, or no clip of a style can be used.
        WeightsError: there are no weights of BlazePose.
    """
    catalog = find_clips(folder)
    refused = [{"clip": str(one.path), "reason": one.reason} for one in catalog.refused]
    nameless = [clip for clip in catalog.clips if not clip.style]
    refused += [
        {"clip": str(clip.path), "reason": "a reference needs a style: put it in a folder"} for clip in nameless
    ]
    clips = [clip for clip in catalog.clips if clip.style]
    styles = sorted({clip.style for clip in clips})
    if len(styles) < 2:
        has = f"the style {styles[0]} only" if styles else "no style"
        raise ReferencesError(
            f"{folder}: references need two styles or more, but this folder has {has}: name it as <style>/<clip>.mp4 "
            "or list it in manifest.csv"
        )
    references, faults = [], {}
    for clip, dance in zip(clips, progress(read_dances(clips, poses_per_second), total=len(clips)), strict=True):
        if isinstance(dance, str):
            faults.setdefault(clip.style, f"{clip.path}: {dance.removeprefix(f'{clip.path.name}: ')}")
            refused.append({"clip": str(clip.path), "reason": dance})
        else:
            references.append(Reference(str(clip.path), clip.style, dance.series))
    for style in styles:
        if style not in {reference.style for reference in references}:
            raise ReferencesError(f"no reference of the style {style} can be used ({faults[style]}): replace it")
    return references, refused


def classify_by_references(
    references: Sequence[Reference], paths: Sequence[Path], poses_per_second: float = POSES_PER_SECOND
) -> Iterator[ReferenceVerdict | str]:
    """Yield the verdict on each clip, or why there is none.

    Raises:
        WeightsError: there are no weights of BlazePose.
    """
    clips = [Clip(Path(path)) for path in paths]
    for clip, dance in zip(clips, read_dances(clips, poses_per_second), strict=True):
        yield dance if isinstance(dance, str) else _verdict(clip.path, dance, references)


def _verdict(path: Path, dance: Dance, references: Sequence[Reference]) -> ReferenceVerdict:
    started = time.perf_counter()
    match = match_references(dance.series, references)
    times, valid = dance.skeletons.times, dance.skeletons.valid
    coverage = dance.skeletons.coverage
    notes = ()
    if match.unsure:
        apart = f"{match.distances[match.second]:.1f} against {match.distances[match.style]:.1f} degrees"
        notes += (f"unsure: the style {match.second} is nearly as near, {apart}",)
    if coverage < TRUSTED_COVERAGE:
        notes += (f"the dancer was found in {coverage:.0%} of the time: trust this verdict less",)
    if Path(path).resolve() in {Path(reference.name).resolve() for reference in references}:
        notes += ("this clip is one of the references",)
    return ReferenceVerdict(
        clip=str(path),
        style=match.style,
        confidence=match.probabilities[match.style],
        probabilities=match.probabilities,
        frames={
            "seen": len(valid),
            "used": int(valid.sum()),
            "dropped": {"no_dancer": int((~valid).sum())} if coverage < 1 else {},
        },
        seconds=float(times[-1] + np.median(np.diff(times))),
        elapsed=dance.elapsed + time.perf_counter() - started,
        notes=notes,
        reference=match.reference,
        reference_distance=match.reference_distance,
        distances=match.distances,
        unsure=match.unsure,
        coverage=coverage,
    )
