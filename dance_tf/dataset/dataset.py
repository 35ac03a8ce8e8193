"""Curated frames in memory or on a memory map, with their clips, styles and dancers.

A dataset as NumPy files is for machines without TensorFlow, and for frames that do not fit in memory.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from dance_tf.curation.filters import NO_CUTOUTS, NO_ONSETS, CuratedClip
from dance_tf.dataset.output import atomic_folder
from dance_tf.pose.joints import cut_windows, window_times
from dance_tf.pose.skeleton import NO_SKELETONS, Skeletons, join_skeletons
from dance_tf.video.layouts import plain_name

DESCRIPTION = "dataset.json"
# in mean frame intervals: a missing frame makes a step of 2; reading 24 of 30 frames makes steps of 0.8 and 1.6
LONGEST_STEP = 1.75
STORED_NAMES = {"background_valid": "room_known"}  # attribute of `ClipRecord` → key in stored files
# attributes of `ClipRecord` that files of earlier versions do not have, with the values they stand for
ADDED = {"group": "", "split": "", "poses": 0, "onsets": 0, "trust": 1.0}


class DatasetError(ValueError):
    """A dataset that cannot be read or used; the message gives the reason and what to do."""


@dataclass(frozen=True)
class ClipRecord:
    """A curated clip without its frames; names and labels as in `Clip`."""

    clip_id: str
    style: str
    dancer: str
    source: str
    kept: int  # number of frames kept
    seen: int  # number of frames read
    dropped: tuple[tuple[str, int], ...]  # pairs (reason, number of frames), sorted by reason
    background_valid: bool  # False where the camera moves too much to estimate the background
    seconds: float  # length of the clip
    group: str = ""  # as in `Clip`, like split
    split: str = ""
    poses: int = 0  # number of skeletons; 0 if they were not looked for
    onsets: int = 0  # number of onset strengths; 0 without sound
    trust: float = 1.0  # how far the label can be trusted: 0 for not at all

    def to_json(self) -> dict[str, object]:
        """Return the record under the names that stored files use; the `ADDED` ones only if they differ from there."""
        values = {name: value for name, value in asdict(self).items() if name not in ADDED or value != ADDED[name]}
        return {STORED_NAMES.get(name, name): value for name, value in values.items()}

    @classmethod
    def from_json(cls, stored: dict[str, object]) -> "ClipRecord":
        """Return the record that `to_json` gave."""
        stored = ADDED | stored
        values = {name: stored[STORED_NAMES.get(name, name)] for name in cls.__dataclass_fields__}
        return cls(**{**values, "dropped": tuple(map(tuple, values["dropped"]))})

    @classmethod
    def of(cls, curated: CuratedClip) -> "ClipRecord":
        """Return the record of a curated clip."""
        clip, dropped = curated.clip, tuple(sorted(Counter(frame.reason for frame in curated.dropped).items()))
        numbers = (len(curated.frames), curated.seen, dropped, curated.background_valid, float(curated.seconds))
        added = clip.group, clip.split, len(curated.skeletons.times), len(curated.onsets), float(clip.trust or 1)
        return cls(clip.clip_id, clip.style, clip.dancer, clip.source, *numbers, *added)


@dataclass(frozen=True)
class Dataset:
    """Curated clips, their frames in one array.

    What is made of skeletons raises DatasetError if a clip has none.
    """

    styles: tuple[str, ...]  # the labels, in the order of the networks' outputs
    clips: tuple[ClipRecord, ...]  # in the order of their frames
    frames: np.ndarray  # uint8 [n, 128, 128, 1]; a memory map where the frames do not fit in memory
    timestamps: np.ndarray  # float64 [n], seconds from the start of each frame's clip
    backgrounds: np.ndarray  # uint8 [clips, 128, 128, 1], the still background of each clip
    skeletons: Skeletons = NO_SKELETONS  # of all clips, one after the other; times from the start of each clip
    cutouts: np.ndarray = field(default_factory=NO_CUTOUTS.copy)  # uint8 [m, 128, 128, 1], as in `CuratedClip`
    onsets: np.ndarray = field(default_factory=NO_ONSETS.copy)  # float16 [k, 6], of all clips, one after the other

    @cached_property
    def clip_slices(self) -> tuple[slice, ...]:
        """The frames of each clip."""
        return _consecutive([clip.kept for clip in self.clips])

    @cached_property
    def clip_index(self) -> np.ndarray:
        """int64 [n]: the clip of each frame."""
        return np.repeat(np.arange(len(self.clips)), [clip.kept for clip in self.clips])

    @cached_property
    def pose_slices(self) -> tuple[slice, ...]:
        """The skeletons and cut-outs of each clip; empty where they were not looked for."""
        return _consecutive([clip.poses for clip in self.clips])

    @cached_property
    def nearest_pose(self) -> np.ndarray:
        """int64 [n]: for each frame the skeleton and cut-out nearest in time, if possible where the dancer is found."""
        self.check_poses()
        nearest = []
        for frames, poses in zip(self.clip_slices, self.pose_slices, strict=True):
            times = self.skeletons.times[poses]
            nearest.append(poses.start + nearest_poses(self.timestamps[frames], times, self.cutouts[poses]))
        return np.concatenate(nearest)

    @property
    def clip_skeletons(self) -> list[Skeletons]:
        """The skeletons of each clip."""
        self.check_poses()
        values = vars(self.skeletons).values()
        return [Skeletons(*(each[poses] for each in values)) for poses in self.pose_slices]

    @property
    def clip_onsets(self) -> list[np.ndarray]:
        """The onset strengths of each clip, as in `CuratedClip`; empty without sound."""
        return [self.onsets[part] for part in _consecutive([clip.onsets for clip in self.clips])]

    @cached_property
    def skeleton_windows(self) -> tuple[np.ndarray, np.ndarray]:
        """The windows of all clips (`cut_windows`), and int64 [n], for each frame that with the nearest middle."""
        cut, nearest, start = [], [], 0
        for frames, skeletons in zip(self.clip_slices, self.clip_skeletons, strict=True):
            windows, times = cut_windows(skeletons)
            middles = times[:, [0, -1]].mean(axis=1)
            cut.append(windows)
            nearest.append(start + np.searchsorted((middles[1:] + middles[:-1]) / 2, self.timestamps[frames]))
            start += len(windows)
        return np.concatenate(cut), np.concatenate(nearest)

    @cached_property
    def window_poses(self) -> np.ndarray:
        """int64 [windows, length]: for each time of each window the pose nearest in time, as in `nearest_pose`."""
        found = []
        for poses, skeletons in zip(self.pose_slices, self.clip_skeletons, strict=True):
            at = window_times(skeletons)
            nearest = nearest_poses(at.reshape(-1), skeletons.times, self.cutouts[poses])
            found.append(poses.start + nearest.reshape(at.shape))
        return np.concatenate(found)

    @property
    def has_poses(self) -> bool:
        """Whether skeletons were looked for in every clip."""
        return all(clip.poses for clip in self.clips)

    def check_poses(self) -> None:
        """Raise DatasetError if a clip has no skeletons."""
        for clip in self.clips:
            if not clip.poses:
                raise DatasetError(f"{clip.clip_id} has no skeletons: curate the footage again, with poses")

    @cached_property
    def segments(self) -> np.ndarray:
        """int64 [n], ascending: the segment of each frame, a run of frames of one clip without a gap."""
        starts = np.zeros(len(self.timestamps), np.int64)
        for clip, part in zip(self.clips, self.clip_slices, strict=True):
            starts[part] = np.diff(find_segments(self.timestamps[part], clip.seen, clip.seconds), prepend=-1)
        return np.cumsum(starts) - 1

    @cached_property
    def clip_labels(self) -> np.ndarray:
        """int64 [clips]: index into `styles` of each clip's style."""
        return np.array([self.styles.index(clip.style) for clip in self.clips], dtype=np.int64)

    @cached_property
    def labels(self) -> np.ndarray:
        """int64 [n]: index into `styles` of each frame's style."""
        return self.clip_labels[self.clip_index]

    @cached_property
    def trust(self) -> np.ndarray:
        """float64 [clips]: how far each clip's label can be trusted, from 0 to 1."""
        return np.array([clip.trust for clip in self.clips])

    @cached_property
    def dancers(self) -> tuple[str, ...]:
        """The dancer of each clip; where the dancer is unknown, the clip's group or else the clip itself."""
        return tuple(plain_name(clip.dancer or clip.group or clip.clip_id) for clip in self.clips)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of pictures, times, skeletons and records; it does not depend on how the dataset is stored."""
        digest = hashlib.sha256(json.dumps([self.styles, [clip.to_json() for clip in self.clips]]).encode())
        for start in range(0, len(self.frames), 4096):
            digest.update(np.ascontiguousarray(self.frames[start : start + 4096]))
        digest.update(np.ascontiguousarray(self.timestamps, dtype="<f8"))
        digest.update(np.ascontiguousarray(self.backgrounds))
        for start in range(0, len(self.cutouts), 4096):
            digest.update(np.ascontiguousarray(self.cutouts[start : start + 4096]))
        for values in (*vars(self.skeletons).values(), self.onsets):  # nothing without skeletons
            digest.update(np.ascontiguousarray(values))
        return digest.hexdigest()

    @cached_property
    def clip_hashes(self) -> tuple[str, ...]:
        """Hash of each clip's frames alone: it identifies the pictures under any name, in any dataset."""
        frames = (np.ascontiguousarray(self.frames[part]) for part in self.clip_slices)
        return tuple(hashlib.sha256(part).hexdigest()[:16] for part in frames)


def _consecutive(counts: Sequence[int]) -> tuple[slice, ...]:
    """Return the places of parts of the given lengths, one after the other."""
    ends = np.cumsum(counts).tolist()
    return tuple(slice(end - count, end) for end, count in zip(ends, counts, strict=True))


def nearest_poses(timestamps: np.ndarray, times: np.ndarray, cutouts: np.ndarray) -> np.ndarray:
    """Return for each frame of a clip the pose nearest in time, int64 [n], among those in which the dancer was found.

    Args:
        timestamps: float64 [n], seconds, of the frames.
        times: float64 [m], seconds, of the poses; m is at least 1.
        cutouts: uint8 [m, 128, 128, 1], black where the dancer was not found. If all are, all poses can be the nearest.
    """
    found = np.flatnonzero(cutouts.any(axis=(1, 2, 3)))
    found = found if len(found) else np.arange(len(times))
    middles = (times[found][1:] + times[found][:-1]) / 2
    return found[np.searchsorted(middles, timestamps)]


def find_segments(timestamps: np.ndarray, seen: int, seconds: float) -> np.ndarray:
    """Return the segment of each kept frame of a clip, int64 [n] from 0; a new one starts after frames left out.

    Stored datasets hold the times of frames, not their numbers. A gap is therefore a step in time of more than
    `LONGEST_STEP` mean frame intervals. A clip of which all frames were kept has no gap.

    Args:
        timestamps: float64 [n], seconds, ascending, of the kept ones of `seen` frames of a clip of `seconds`.
    """
    if len(timestamps) == seen:
        return np.zeros(seen, np.int64)
    return np.cumsum(np.diff(timestamps, prepend=timestamps[:1]) > LONGEST_STEP * seconds / seen)


def order_styles(found: set[str], known: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return labels in a fixed order: those in `known` in its order, then the others by name."""
    return (*(style for style in known if style in found), *sorted(found - set(known)))


@contextmanager
def name_damaged_file(path: Path) -> Iterator[None]:
    """Turn errors of NumPy, JSON or TensorFlow about a damaged file into one line that names the file.

    Raises:
        DatasetError: for any other error than MemoryError.
    """
    try:
        yield
    except (DatasetError, MemoryError):
        raise
    except Exception as error:
        # TensorFlow writes the node that failed before the message, and the operation after it
        why = re.sub(r"\{\{.*?\}\}|\[Op:.*", "", " ".join(str(error).split())).strip() or type(error).__name__
        raise DatasetError(
            f"{path} cannot be read ({why}): make the dataset again, with `curate` or `synthesize --arrays`"
        ) from error


def gather(curated_clips: Sequence[CuratedClip], known_styles: tuple[str, ...] = ()) -> Dataset:
    """Return a dataset in memory of clips that each have a style and at least one frame."""
    return Dataset(
        styles=order_styles({curated.clip.style for curated in curated_clips}, known_styles),
        clips=tuple(map(ClipRecord.of, curated_clips)),
        frames=np.concatenate([curated.frames for curated in curated_clips]),
        timestamps=np.concatenate([curated.timestamps for curated in curated_clips]),
        backgrounds=np.stack([curated.background for curated in curated_clips]),
        skeletons=join_skeletons([curated.skeletons for curated in curated_clips]),
        cutouts=np.concatenate([curated.cutouts for curated in curated_clips]),
        onsets=np.concatenate([curated.onsets for curated in curated_clips]),
    )


def write_arrays(
    folder: Path,
    curated_clips: Iterable[CuratedClip],
    known_styles: tuple[str, ...] = (),
    texts: Mapping[str, str] | None = None,
) -> Path:
    """Write curated clips as NumPy files, with one clip in memory, and return the folder; an existing one is replaced.

    Args:
        curated_clips: in any order; those without a style or a frame are left out.
        texts: further text files, by path in the folder; read after the last clip.

    Raises:
        DatasetError: no clip has a style and a frame.
    """
    records, backgrounds, timestamps, skeletons, onsets = [], [], [], [], []
    with atomic_folder(Path(folder)) as partial:
        with open(partial / "frames.raw", "wb") as raw, open(partial / "cutouts.raw", "wb") as alone:
            for curated in curated_clips:
                if len(curated.frames) and curated.clip.style:
                    raw.write(np.ascontiguousarray(curated.frames, dtype=np.uint8).tobytes())
                    alone.write(np.ascontiguousarray(curated.cutouts, dtype=np.uint8).tobytes())
                    skeletons.append(curated.skeletons)
                    onsets.append(curated.onsets)
                    records.append(ClipRecord.of(curated))
                    backgrounds.append(curated.background)
                    timestamps.append(curated.timestamps)
        if not records:
            raise DatasetError("no clip has both a style and a frame left after curation: nothing to write")
        np.save(partial / "rooms.npy", np.stack(backgrounds))
        np.save(partial / "timestamps.npy", np.concatenate(timestamps))
        if any(record.poses for record in records):
            np.savez(partial / "skeletons.npz", **vars(join_skeletons(skeletons)), onsets=np.concatenate(onsets))
        else:
            (partial / "cutouts.raw").unlink()
        styles = order_styles({record.style for record in records}, known_styles)
        description = {"styles": styles, "clips": [record.to_json() for record in records]}
        for name, text in {**(texts or {}), DESCRIPTION: json.dumps(description)}.items():
            (partial / name).parent.mkdir(parents=True, exist_ok=True)
            (partial / name).write_text(text, encoding="utf-8")
    return Path(folder)
