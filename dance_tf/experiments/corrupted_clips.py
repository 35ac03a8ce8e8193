"""What conditions do to held-out clips, to be looked at: a moment under each, and what compression costs and leaves."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from tqdm import tqdm

from dance_tf.corruption.clips import FrameRequest, compress_file, degrade_file, middle_under
from dance_tf.corruption.degrade import degrade
from dance_tf.curation.background import BACKGROUND_FRAMES, estimate_background
from dance_tf.dataset.batches import sample_evenly, windows
from dance_tf.dataset.dataset import Dataset
from dance_tf.dataset.workspace import Workspace
from dance_tf.experiments.conditions import CLEAN, FORMAT, Disturbance
from dance_tf.model.train import key_of
from dance_tf.video.isolation import DecodingProcess, LostProcess
from dance_tf.video.stills import ReadError
from dance_tf.video.workers import bar_hidden, worker_pool

SILENCE_SECONDS = 120.0  # one condition on one clip's frames must be done within it
MEMORY_BYTES = 16 << 30  # address space: 250 frames of 4K are 2 GB, and are held a few times over


@dataclass(frozen=True)
class FrameSampling:
    """Which of a clip's frames are looked at.

    Attributes:
        scored: frames of each clip that are scored, evenly spread.
        room: frames that the still room is told from, evenly spread; up to as many as curation uses.
    """

    scored: int = 6
    room: int = 16


SAMPLING = FrameSampling()


@dataclass(frozen=True)
class HeldOutClip:
    """A clip that is tested.

    Attributes:
        clip_id: its name in the dataset.
        path: its file.
        sha256: of the file.
        times: seconds from the clip's start of the frames that curation kept, in their order.
        short_side: pixels of the picture's short side as displayed.
    """

    clip_id: str
    path: Path
    sha256: str
    times: tuple[float, ...]
    short_side: int


@dataclass(frozen=True, eq=False)
class DegradedClip:
    """What is left of a clip under a disturbance, as the networks may look at it.

    Attributes:
        frames: uint8 [n, window, 128, 128, 1]; the last of each window is the scored one.
        room: uint8 [128, 128, 1], told from degraded frames.
        room_known: False where too much moves for the room to be told.
    """

    frames: np.ndarray
    room: np.ndarray
    room_known: bool


def find_held_out(workspace: Workspace, dataset: Dataset, test: np.ndarray) -> tuple[HeldOutClip, ...]:
    """The clips of a split's test part, int64 [n] frames, in the order of the dataset."""
    rows = {row.clip_id: row for row in workspace.rows() if row.part}
    clips = []
    for number in np.unique(dataset.clip_index[test]):
        row = rows[dataset.clips[number].clip_id]
        path = workspace.clip_path(row).resolve()
        times = dataset.timestamps[test][dataset.clip_index[test] == number]
        clips.append(
            HeldOutClip(row.clip_id, path, row.sha256, tuple(times.tolist()), min(int(row.width), int(row.height)))
        )
    return tuple(clips)


def choose_frames(kept: np.ndarray, sampling: FrameSampling, window: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """The frames to score and those to tell the room from.

    Args:
        kept: int64 [n], increasing: places of the frames that there are.
        sampling: how many of each.
        window: consecutive frames that end at each scored one; the first frame is repeated before the beginning.

    Returns:
        Places int64 [scored, window] and [room], all of them in `kept`.
    """
    one_clip = np.zeros(len(kept), np.int64)
    ends = sample_evenly(np.arange(len(kept)), one_clip, sampling.scored)
    count = min(sampling.room, BACKGROUND_FRAMES, len(kept))
    return kept[windows(ends, np.arange(len(kept)), one_clip, window)], kept[
        np.linspace(0, len(kept) - 1, count).round().astype(int)
    ]


def degrade_held_out(
    clips: Sequence[HeldOutClip],
    disturbances: Sequence[Disturbance],
    work: Path,
    sampling: FrameSampling = SAMPLING,
    processes: int = 1,
    progress: bool = True,
) -> dict[str, str]:
    """Put every clip under every disturbance, once, into files under `work`; those that are there already stay.

    Returns:
        why, by the id of each clip that cannot be read any more; it has no files, or not all.

    Raises:
        ReadError: none of the clips can be read.
    """
    disturbances = tuple(dict.fromkeys(disturbances))
    refused = {}
    with worker_pool(processes):
        todo = joblib.Parallel(return_as="generator")(
            joblib.delayed(_degrade_clip)(clip, disturbances, str(work), sampling) for clip in clips
        )
        bar = tqdm(todo, total=len(clips), desc="degraded clips", disable=bar_hidden(progress), unit="clip")
        for clip, reason in zip(clips, bar, strict=True):
            if reason:
                refused[clip.clip_id] = reason
    if clips and len(refused) == len(clips):
        raise ReadError(f"none of the {len(clips)} held-out clips can be degraded: {next(iter(refused.values()))}")
    return refused


def load_degraded(clip: HeldOutClip, disturbance: Disturbance, work: Path, sampling: FrameSampling) -> DegradedClip:
    """What `degrade_held_out` left of a clip."""
    with np.load(place_of(clip, disturbance, work, sampling)) as file:
        frames = file["frames"][file["windows"]]
        return DegradedClip(frames[..., None], file["room"][..., None], bool(file["room_known"]))


def place_of(clip: HeldOutClip, disturbance: Disturbance, work: Path, sampling: FrameSampling) -> Path:
    """The file of a clip under a disturbance."""
    key = key_of(FORMAT, clip.sha256, np.array(clip.times), sampling)
    return Path(work) / "degraded" / key / f"{disturbance.key}.npz"


def rooms_unknown(
    clips: Sequence[HeldOutClip], disturbances: Sequence[Disturbance], work: Path, sampling: FrameSampling
) -> dict[str, float]:
    """Share of the clips whose room cannot be told under each condition at its first seed, by the condition's name."""
    return {
        each.condition: float(np.mean([not load_degraded(clip, each, work, sampling).room_known for clip in clips]))
        for each in disturbances
        if each.seed == 0
    }


def unchanged_levels(
    clips: Sequence[HeldOutClip], disturbances: Sequence[Disturbance], work: Path, sampling: FrameSampling
) -> frozenset[tuple[str, float]]:
    """Conditions and severities that left every clip as it was, told by comparing what the networks are shown.

    Args:
        clips: as `degrade_held_out` was given.
        disturbances: clean footage among them.
        work: where degraded clips lie.
        sampling: as `degrade_held_out` was given.
    """
    clean = next(each for each in disturbances if each.condition == CLEAN)
    levels: dict[tuple[str, float], list[Disturbance]] = {}
    for each in disturbances:
        if each.condition != CLEAN:
            levels.setdefault(each.level, []).append(each)
    left = dict(levels)
    for clip in clips:
        before = load_degraded(clip, clean, work, sampling)
        for level, several in tuple(left.items()):
            if any(_differ(before, load_degraded(clip, each, work, sampling)) for each in several):
                del left[level]
    return frozenset(left)


def _differ(one: DegradedClip, other: DegradedClip) -> bool:
    """Whether what is scored of two clips, or their room, is not the same."""
    scored = one.frames[:, -1], other.frames[:, -1]
    return not (np.array_equal(*scored) and np.array_equal(one.room, other.room))


def _degrade_clip(clip: HeldOutClip, disturbances: Sequence[Disturbance], work: str, sampling: FrameSampling) -> str:
    """All disturbances of one clip that are not there yet; its file is read once, or not at all.

    Returns:
        why the clip cannot be read; empty where it can.
    """
    missing = [each for each in disturbances if not place_of(clip, each, Path(work), sampling).is_file()]
    if not missing:
        return ""
    chosen = {each: choose_frames(_remaining(each, clip), sampling, each.window) for each in missing}
    needed = {each: np.unique(np.concatenate([part.ravel() for part in chosen[each]])) for each in missing}
    requests = [request_for(each, clip, needed[each]) for each in missing]
    try:
        with DecodingProcess(SILENCE_SECONDS, MEMORY_BYTES) as process:
            found = process.call(degrade_file, clip.path, np.array(clip.times), requests)
    except (ReadError, LostProcess, MemoryError) as error:
        return str(error).removeprefix(f"{clip.path.name}: ") or "more memory than a clip may take"
    for each, squares in zip(missing, found, strict=True):
        scored, room_picks = (np.searchsorted(needed[each], part) for part in chosen[each])
        room = estimate_background(squares[room_picks])
        used, places = np.unique(scored, return_inverse=True)
        path = place_of(clip, each, Path(work), sampling)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        with partial.open("wb") as file:
            np.savez_compressed(
                file,
                frames=squares[used],
                windows=places.reshape(scored.shape),
                room=room.picture,
                room_known=room.known,
            )
        os.replace(partial, path)
    return ""


def request_for(disturbance: Disturbance, clip: HeldOutClip, places: np.ndarray) -> FrameRequest:
    """Frames of a clip under a disturbance; one that only loses frames leaves the others as they are."""
    if disturbance.spares_frames:
        return FrameRequest(places)
    return FrameRequest(places, disturbance.condition, disturbance.severity, disturbance.seed_on(clip.sha256))


def _remaining(disturbance: Disturbance, clip: HeldOutClip) -> np.ndarray:
    """Places of the frames of a clip that arrive; all, but for conditions that lose some."""
    count = len(clip.times)
    if not disturbance.temporal:
        return np.arange(count)
    nothing = np.zeros((count, 1, 1), np.uint8)  # which frames are lost hangs on their number alone
    seed = disturbance.seed_on(clip.sha256)
    return degrade(nothing, disturbance.condition, disturbance.severity, seed).kept_indices


def picture_under_conditions(
    clips: Sequence[HeldOutClip], disturbances: Sequence[Disturbance]
) -> dict[Disturbance, np.ndarray]:
    """One moment of the first clip that can be read, about the middle of its first 250 frames, at its own size.

    Returns:
        uint8 [h, w] for each disturbance. One that loses frames shows the frame as it is.

    Raises:
        ReadError: none of the clips can be read.
    """
    with DecodingProcess(SILENCE_SECONDS, MEMORY_BYTES) as process:
        for clip in clips:
            requests = [request_for(each, clip, np.empty(0, np.int64)) for each in disturbances]
            try:
                return dict(zip(disturbances, process.call(middle_under, clip.path, requests), strict=True))
            except (ReadError, LostProcess, MemoryError):
                continue  # `degrade_held_out` says why
    raise ReadError(f"none of the {len(clips)} held-out clips can be read")


def compression_of(clips: Sequence[HeldOutClip], crf_values: tuple[float, ...]) -> pd.DataFrame:
    """What H.264 does to clips at their own size, measured on their first 250 frames; means over the clips.

    Returns:
        columns CRF, PSNR (dB), kbit/s, bits per pixel, frame (px), frames/s (each of those that there are), clips.
    """
    with DecodingProcess(SILENCE_SECONDS, MEMORY_BYTES) as process:
        files = [process.call(compress_file, clip.path, crf_values) for clip in clips]
    names = {"crf": "CRF", "psnr": "PSNR (dB)", "bitrate": "kbit/s", "bits_per_pixel": "bits per pixel"}
    table = pd.DataFrame([asdict(measure) for file in files for measure in file.measures])
    table = table.groupby("crf", as_index=False).mean().rename(columns=names)
    sizes = ", ".join(dict.fromkeys(f"{file.width}×{file.height}" for file in files))
    rates = ", ".join(dict.fromkeys(f"{file.rate:.3g}" for file in files))
    return table.assign(**{"frame (px)": sizes, "frames/s": rates, "clips": len(clips)})
