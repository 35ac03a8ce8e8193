"""Held-out clips under the conditions of Table 5: degraded at their own resolution, then shrunk and seen as any clip.

A clip's file is read again, degraded, brought to 128 pixels, and its still room taken anew from degraded frames, as
happens to a clip that comes degraded. What curation kept of the clean clip is kept here too, so that clean and degraded
scores are of the same moments; a curation of its own would throw out the worst frames and flatter the network. Only
frames that are scored, and those the room is told from, are degraded: every effect but compression knows a frame's
place in the clip from its time, so what is left out changes nothing. Compression is of the whole clip, in stretches of
250 frames, which is as far as x264 lets one keyframe reach.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from tqdm import tqdm

from dance_tf.dataset.batches import spread, windows
from dance_tf.dataset.dataset import Dataset
from dance_tf.dataset.workspace import Workspace
from dance_tf.footage.degrade import degrade
from dance_tf.footage.degrade_codec import FRAMES_PER_SECOND, measure_compression
from dance_tf.footage.framing import fit_luma
from dance_tf.footage.progress import bar_hidden
from dance_tf.footage.room import ROOM_SAMPLE, estimate_room
from dance_tf.footage.settings import READ_DEFAULTS
from dance_tf.footage.source import ReadError
from dance_tf.footage.workers import side_by_side
from dance_tf.model.training import key_of
from dance_tf.paper.disturbances import FORMAT, Disturbance

STRETCH = 250  # frames; x264's longest way from one keyframe to the next
SAME_TIME = 1e-6  # seconds


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
        path = workspace.footage / f"{row.clip_id}{Path(row.path).suffix}"
        path = (path if path.exists() else Path(row.path)).resolve()
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
    ends = spread(np.arange(len(kept)), one_clip, sampling.scored)
    count = min(sampling.room, ROOM_SAMPLE, len(kept))
    return kept[windows(ends, one_clip, window)], kept[np.linspace(0, len(kept) - 1, count).round().astype(int)]


def degrade_held_out(
    clips: Sequence[HeldOutClip],
    disturbances: Sequence[Disturbance],
    work: Path,
    sampling: FrameSampling = SAMPLING,
    processes: int = 1,
    progress: bool = True,
) -> None:
    """Put every clip under every disturbance, once, into files under `work`; those that are there already stay."""
    disturbances = tuple(dict.fromkeys(disturbances))
    with side_by_side(processes):
        todo = joblib.Parallel(return_as="generator_unordered")(
            joblib.delayed(_degrade_clip)(clip, disturbances, str(work), sampling) for clip in clips
        )
        for _ in tqdm(todo, total=len(clips), desc="degraded clips", disable=bar_hidden(progress), unit="clip"):
            pass


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


def _degrade_clip(clip: HeldOutClip, disturbances: Sequence[Disturbance], work: str, sampling: FrameSampling) -> None:
    """All disturbances of one clip that are not there yet; its file is read once, or not at all."""
    import cv2

    cv2.setNumThreads(1)
    missing = [each for each in disturbances if not place_of(clip, each, Path(work), sampling).is_file()]
    if not missing:
        return
    chosen = {each: choose_frames(_remaining(each, len(clip.times)), sampling, each.window) for each in missing}
    needed = {each: np.unique(np.concatenate([part.ravel() for part in chosen[each]])) for each in missing}
    for each, squares in _squares(clip, needed):
        scored, room_picks = (np.searchsorted(needed[each], part) for part in chosen[each])
        room = estimate_room(squares[room_picks])
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


def _remaining(disturbance: Disturbance, count: int) -> np.ndarray:
    """Places of the frames of a clip that arrive; all, but for conditions that lose some."""
    if not disturbance.temporal:
        return np.arange(count)
    nothing = np.zeros((count, 1, 1), np.uint8)  # which frames are lost hangs on their number alone
    return degrade(nothing, disturbance.condition, disturbance.severity, disturbance.seed).kept_indices


def _squares(clip: HeldOutClip, needed: dict[Disturbance, np.ndarray]) -> Iterator[tuple[Disturbance, np.ndarray]]:
    """Each disturbance's needed frames, degraded and framed: uint8 [n, 128, 128]."""
    coded = [each for each in needed if each.coded]
    wanted = np.unique(np.concatenate(list(needed.values())))
    frames, squares, aspect = {}, {each: {} for each in coded}, 1.0
    for places, times, pictures, aspect in _stretches(clip):
        for each in coded:
            kept = np.isin(places, needed[each])
            if kept.any():
                changed = degrade(pictures, each.condition, each.severity, each.seed, times).frames
                squares[each].update((place, _square(changed[i], aspect)) for i, place in enumerate(places) if kept[i])
        frames.update((place, pictures[i].copy()) for i, place in enumerate(places) if place in wanted)
    if len(frames) < len(wanted):
        raise ReadError(f"{clip.path.name}: {len(wanted) - len(frames)} frames that curation kept are not there")
    seconds = np.array(clip.times)
    for each, places in needed.items():
        if each in squares:
            yield each, np.stack([squares[each][place] for place in places])
            continue
        pictures = np.stack([frames[place] for place in places])
        if not each.spares_frames:
            pictures = degrade(pictures, each.condition, each.severity, each.seed, seconds[places]).frames
        yield each, np.stack([_square(picture, aspect) for picture in pictures])


def _square(picture: np.ndarray, aspect: float) -> np.ndarray:
    return fit_luma(picture, READ_DEFAULTS.size, READ_DEFAULTS.fit, aspect)


def _stretches(clip: HeldOutClip) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, float]]:
    """A clip at its own size, 250 frames at a time.

    Yields:
        place among the frames that curation kept int64 [n] (-1 for one it dropped), seconds float64 [n], pictures uint8
        [n, h, w], and the pixels' aspect.
    """
    from dance_tf.footage.video import FootageReader

    reader = FootageReader(clip.path, replace(READ_DEFAULTS, threads=1))
    known = np.array(clip.times)
    next_place = 0
    stretch: list[tuple[int, float, np.ndarray]] = []
    for time, picture in reader.pictures():
        place = -1
        if next_place < len(known) and abs(time - known[next_place]) < SAME_TIME:
            place, next_place = next_place, next_place + 1
        if stretch and stretch[0][2].shape != picture.shape:
            raise ReadError(f"{clip.path.name}: its pictures change their size, so no clip can be made of them")
        stretch.append((place, time, picture))
        if len(stretch) == STRETCH:
            yield *(np.array(column) for column in zip(*stretch, strict=True)), reader.source.pixel_aspect
            stretch = []
    if stretch:
        yield *(np.array(column) for column in zip(*stretch, strict=True)), reader.source.pixel_aspect


def picture_under_conditions(clip: HeldOutClip, disturbances: Sequence[Disturbance]) -> dict[Disturbance, np.ndarray]:
    """One moment of a clip, about the middle of its first 250 frames, under each disturbance, at its own size.

    Returns:
        uint8 [h, w] each. A disturbance that loses frames shows the frame as it is.
    """
    _, times, pictures, _ = next(_stretches(clip))
    middle = len(pictures) // 2
    shown = {}
    for each in disturbances:
        spared = each.spares_frames
        changed = pictures if spared else degrade(pictures, each.condition, each.severity, each.seed, times).frames
        shown[each] = changed[middle]
    return shown


def compression_of(clips: Sequence[HeldOutClip], crf_values: tuple[float, ...]) -> pd.DataFrame:
    """What H.264 does to clips at their own size, measured on their first 250 frames; means over the clips.

    Returns:
        columns CRF, PSNR (dB), kbit/s, bits per pixel, clips.
    """
    rows = []
    for clip in clips:
        _, times, pictures, _ = next(_stretches(clip))
        rate = (len(times) - 1) / (times[-1] - times[0]) if times[-1] > times[0] else FRAMES_PER_SECOND
        rows += [asdict(measure) for measure in measure_compression(pictures, crf_values, rate)]
    names = {"crf": "CRF", "psnr": "PSNR (dB)", "bitrate": "kbit/s", "bits_per_pixel": "bits per pixel"}
    table = pd.DataFrame(rows).groupby("crf", as_index=False).mean().rename(columns=names)
    return table.assign(clips=len(clips))
