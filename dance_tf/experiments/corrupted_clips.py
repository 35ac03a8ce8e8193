"""Held-out clips under corruptions: computed once, at the clips' own resolution, and kept in the cache."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from dance_tf.corruption.clips import FrameRequest, compress_file, degrade_file, middle_under
from dance_tf.corruption.conditions import degrade, find_condition
from dance_tf.curation.background import BACKGROUND_FRAMES, estimate_background
from dance_tf.curation.parts import content_sha256
from dance_tf.dataset.batches import sample_evenly
from dance_tf.experiments.cache import Experiment
from dance_tf.experiments.conditions import CLEAN, Corruption
from dance_tf.experiments.spec import RunSpec, split_of
from dance_tf.experiments.training import key_of
from dance_tf.model.provenance import source_hash
from dance_tf.video.files import whole_file
from dance_tf.video.isolation import DecodingProcess, LostProcess
from dance_tf.video.stills import ReadError
from dance_tf.video.workers import call_each

TIMEOUT_SECONDS = 120.0  # for one condition on one clip
MEMORY_BYTES = 16 << 30  # address space: 250 frames of 4K are 2 GB, and several copies are held
COMPRESSIONS = ("mild_compression", "severe_compression")
MEASURED_CLIPS = 4  # clips that compression is measured on
COMPUTED_BY = ("corruption", "curation.background", "video", "experiments.corrupted_clips")


@dataclass(frozen=True)
class FrameSampling:
    """Number of frames used of each clip, evenly spaced."""

    scored: int = 6  # frames that are scored
    background: int = 16  # frames that the background is estimated from, at most as many as curation uses


@dataclass(frozen=True, eq=False)
class CorruptedClip:
    """Frames of a clip under a corruption."""

    frames: np.ndarray  # uint8 [n, window, 128, 128, 1]; the last frame of each window is scored
    background: np.ndarray  # uint8 [128, 128, 1], estimated from corrupted frames
    background_valid: bool  # False where too much of the picture moves


@dataclass(frozen=True)
class HeldOutClip:
    """A held-out clip, its file, and its place in the cache."""

    clip_id: str  # its name in the dataset
    dancer: str  # empty where unknown
    style: str  # its label
    path: Path | None  # of its file; None where curation.csv does not list the clip
    sha256: str  # of the file when it was curated
    times: tuple[float, ...]  # seconds from the start of the file, of the frames that curation kept
    segments: tuple[int, ...]  # of these frames (`Dataset.segments`); a window stays within one
    short_side: int  # of the frames, in pixels
    work: Path  # folder of the cache
    sampling: FrameSampling  # frames that are used

    def file(self, corruption: Corruption) -> Path:
        """Return the file of the clip under a corruption."""
        key = key_of(source_hash(*COMPUTED_BY), self.sha256, self.times, self.segments, asdict(self.sampling))
        return self.work / "corrupted" / key / f"{corruption.key}.npz"

    def load(self, corruption: Corruption) -> CorruptedClip:
        """Read what `corrupt_clips` wrote."""
        with np.load(self.file(corruption)) as content:
            frames, background = content["frames"][..., None], content["background"][..., None]
            return CorruptedClip(frames, background, bool(content["background_valid"]))


def find_held_out(
    experiment: Experiment, specs: Sequence[RunSpec], sampling: FrameSampling = FrameSampling()
) -> tuple[HeldOutClip, ...]:
    """Return the clips of the held-out parts of runs, in the order of the dataset."""
    workspace, dataset = experiment.workspace, experiment.dataset
    rows = {row.clip_id: row for row in workspace.rows() if row.part}
    test = np.unique(np.concatenate([split_of(dataset, spec).test for spec in specs]))
    clips = []
    for number in np.unique(dataset.clip_index[test]):
        record, row = dataset.clips[number], rows.get(dataset.clips[number].clip_id)
        frames = test[dataset.clip_index[test] == number]
        start = row.start if row else 0.0  # of the clip in its file
        times, segments = (tuple(values[frames].tolist()) for values in (dataset.timestamps + start, dataset.segments))
        file = (workspace.clip_path(row).resolve(), row.sha256) if row else (None, "")
        side = min(int(row.width), int(row.height)) if row else 0
        place = record.clip_id, dataset.dancers[number], record.style, *file
        clips.append(HeldOutClip(*place, times, segments, side, workspace.work, sampling))
    return tuple(clips)


def choose_frames(
    kept: np.ndarray, segments: np.ndarray, sampling: FrameSampling, window: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Return which frames are scored and which the background is estimated from.

    Args:
        kept: int64 [n], increasing: indices of the available frames.
        segments: int64, ascending: the segment of every frame of the clip.
        window: frames that end at each scored one; where its segment has fewer, the segment's first one is repeated.

    Returns:
        Indices int64 [scored, window] and int64 [background], taken from `kept`.
    """
    ends = sample_evenly(np.arange(len(kept)), np.zeros(len(kept), np.int64), sampling.scored)
    first = np.searchsorted(segments[kept], segments[kept][ends])
    windows = np.maximum(ends[:, None] - np.arange(window - 1, -1, -1), first[:, None])
    count = min(sampling.background, BACKGROUND_FRAMES, len(kept))
    return kept[windows], kept[np.linspace(0, len(kept) - 1, count).round().astype(int)]


def corrupt_clips(
    clips: Sequence[HeldOutClip], corruptions: Sequence[Corruption], processes: int = 1
) -> dict[str, str]:
    """Apply every corruption to every clip, each in a subprocess, and write the results that the cache lacks.

    Returns:
        The reason for each clip that was refused, by its id.

    Raises:
        ReadError: all clips were refused.
    """
    tasks = [(clip, tuple(dict.fromkeys(corruptions))) for clip in clips]
    reasons = call_each(_corrupt_clip, tasks, "corrupted clips", processes)
    refused = {clip.clip_id: reason for clip, reason in zip(clips, reasons, strict=True) if reason}
    if clips and len(refused) == len(clips):
        raise ReadError(f"none of the {len(clips)} held-out clips can be corrupted: {reasons[0]}")
    return refused


def describe_corrupted(
    experiment: Experiment, specs: Sequence[RunSpec], corruptions: Sequence[Corruption], sampling: FrameSampling
) -> pd.DataFrame:
    """Corrupt the held-out clips of runs and return what changed; recorded as `corrupted_clips`.

    Args:
        specs: runs; their splits decide which clips are held out.
        corruptions: clean footage among them.

    Returns:
        One row per clip and corruption: clip, dancer, style, short_side (px), reason (why the clip was refused; such a
        clip has one row), condition, severity, seed, background_valid, changed (against the clean clip).
    """

    def compute() -> pd.DataFrame:
        rows, clips = [], find_held_out(experiment, specs, sampling)
        refused = corrupt_clips(clips, corruptions, experiment.jobs)
        clean = next(each for each in corruptions if each.condition == CLEAN)
        for clip in clips:
            row = {"clip": clip.clip_id, "dancer": clip.dancer, "style": clip.style, "short_side": clip.short_side}
            row["reason"] = refused.get(clip.clip_id, "")
            if row["reason"]:
                rows.append({**row, "condition": CLEAN, "severity": 0.0, "seed": 0})
                continue
            before = clip.load(clean)
            for each in corruptions:
                after = clip.load(each)
                same = np.array_equal(before.frames[:, -1], after.frames[:, -1])
                same = same and np.array_equal(before.background, after.background)
                found = {"background_valid": int(after.background_valid), "changed": int(not same)}
                rows.append({**row, **each.level, **found})
        return pd.DataFrame(rows)

    corruptions = tuple(dict.fromkeys(corruptions))
    splits = [[spec.split, spec.protocol, spec.fold, spec.folds, spec.seed] for spec in specs]
    key = splits, [each.key for each in corruptions], asdict(sampling), source_hash(*COMPUTED_BY)
    return experiment.measure("corrupted_clips", compute, *key)


def frames_under_corruptions(
    clips: Sequence[HeldOutClip], corruptions: Sequence[Corruption]
) -> dict[Corruption, np.ndarray]:
    """Return one frame of the first readable clip under each corruption, at the clip's own resolution.

    It is the frame in the middle of the clip's first 250.

    Returns:
        uint8 [height, width] for each; a corruption that removes frames leaves this one unchanged.

    Raises:
        ReadError: no clip can be read.
    """
    with DecodingProcess(TIMEOUT_SECONDS, MEMORY_BYTES) as process:
        for clip in clips:
            requests = [_request(each, clip, np.empty(0, np.int64)) for each in corruptions]
            try:
                return dict(zip(corruptions, _call(process, middle_under, clip, requests), strict=True))
            except (ReadError, LostProcess, MemoryError):
                continue  # `corrupt_clips` gives the reason
    raise ReadError(f"none of the {len(clips)} held-out clips can be read")


def measure_compression(experiment: Experiment, clips: pd.DataFrame, specs: Sequence[RunSpec]) -> pd.DataFrame:
    """Measure H.264 at the levels of Table 5 on the first 250 frames of a few clips; recorded as `compression`.

    Args:
        clips: of `describe_corrupted`; refused ones are left out.

    Returns:
        Columns CRF, PSNR (dB), kbit/s, bits per pixel (means over clips), frame (px), frames/s (all that occur), clips.
    """
    accepted = list(dict.fromkeys(clips.loc[clips["reason"] == "", "clip"]))[:MEASURED_CLIPS]
    conditions = [find_condition(name) for name in COMPRESSIONS]
    levels = tuple(condition.settings(condition.severity)["crf"] for condition in conditions)

    def compute() -> pd.DataFrame:
        return compression_table(
            [clip for clip in find_held_out(experiment, specs) if clip.clip_id in accepted], levels
        )

    return experiment.measure("compression", compute, accepted, levels, source_hash(*COMPUTED_BY))


def compression_table(clips: Sequence[HeldOutClip], crf_values: tuple[float, ...]) -> pd.DataFrame:
    """Return the columns of `measure_compression`, one row per CRF value."""
    with DecodingProcess(TIMEOUT_SECONDS, MEMORY_BYTES) as process:
        files = pd.concat([_call(process, compress_file, clip, crf_values) for clip in clips])
    texts = {name: ", ".join(files[name].unique()) for name in ("frame (px)", "frames/s")}
    means = files.groupby("CRF", as_index=False).mean(numeric_only=True)
    return means.assign(**texts, clips=len(clips))


def _corrupt_clip(clip: HeldOutClip, corruptions: Sequence[Corruption]) -> str:
    """Apply missing corruptions to a clip, reading its file once; return why it cannot be read, or an empty string."""
    missing = [each for each in corruptions if not clip.file(each).is_file()]
    if not missing:
        return ""
    segments = np.array(clip.segments)
    chosen = [choose_frames(_remaining(each, clip), segments, clip.sampling, each.window) for each in missing]
    needed = [np.unique(np.concatenate([part.ravel() for part in parts])) for parts in chosen]
    requests = [_request(each, clip, places) for each, places in zip(missing, needed, strict=True)]
    try:
        with DecodingProcess(TIMEOUT_SECONDS, MEMORY_BYTES) as process:
            found = _call(process, degrade_file, clip, np.array(clip.times), requests)
    except (ReadError, LostProcess, MemoryError) as error:
        return str(error).removeprefix(f"{clip.path.name if clip.path else ''}: ") or "it needs too much memory"
    for each, parts, places, squares in zip(missing, chosen, needed, found, strict=True):
        frames, background_frames = (squares[np.searchsorted(places, part)] for part in parts)
        background = estimate_background(background_frames)
        with whole_file(clip.file(each)) as partial, partial.open("wb") as file:
            backgrounds = {"background": background.picture, "background_valid": background.valid}
            np.savez_compressed(file, frames=frames, **backgrounds)
    return ""


def _call(process: DecodingProcess, function: Callable, clip: HeldOutClip, *arguments: object):
    """Call a function on a clip's file in a subprocess, if the file is still the one that was curated."""
    if clip.path is None:
        raise ReadError("curation.csv does not list it")
    try:
        content = content_sha256(clip.path)
    except OSError as error:
        raise ReadError(f"{clip.path.name}: {error.strerror or error}") from error
    if content != clip.sha256:
        raise ReadError(f"{clip.path.name}: the file has changed since it was curated")
    return process.call(function, clip.path, *arguments)


def _request(corruption: Corruption, clip: HeldOutClip, frames: np.ndarray) -> FrameRequest:
    if corruption.condition == CLEAN or corruption.temporal:
        return FrameRequest(frames)
    return FrameRequest(frames, corruption.condition, corruption.severity, corruption.clip_seed(clip.sha256))


def _remaining(corruption: Corruption, clip: HeldOutClip) -> np.ndarray:
    """Return the indices of the frames that a corruption leaves, which depend on their number only."""
    count = len(clip.times)
    if not corruption.temporal:
        return np.arange(count)
    nothing = np.zeros((count, 1, 1), np.uint8)
    seed = corruption.clip_seed(clip.sha256)
    return degrade(nothing, corruption.condition, corruption.severity, seed).kept_indices
