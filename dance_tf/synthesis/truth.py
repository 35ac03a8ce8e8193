"""The faults and the ground truth of a made-up clip."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from dance_tf.curation.filters import BLANK, BLURRED, NO_DANCING

LONGEST = 2.5  # seconds, maximum length of one fault
SHORTEST_PAUSE = 0.6  # seconds, in clips long enough for it: a pose held for less belongs to the dance


class Fault(NamedTuple):
    """Frames `first` to `last`, both included, that curation must drop for `reason`, one of its REASONS."""

    first: int
    last: int
    reason: str


class Mistake(NamedTuple):
    """An error of the dancer from `start` to `end` seconds, of a `kind`, visible at `joints`."""

    start: float
    end: float
    kind: str
    joints: tuple[str, ...]


@dataclass(frozen=True)
class FaultPlan:
    """The faults of a clip and their appearance."""

    faults: tuple[Fault, ...]  # in the order of time, without overlap
    blank_colour: tuple[int, int, int]  # RGB
    blur: float  # standard deviation of the defocus, as a share of the frame's height
    streak: float  # length of the motion blur, as a share of the frame's height; 0 for a defocus instead
    streak_angle: float  # direction of the motion blur, degrees
    absent: bool  # in frames without dancing, True shows no dancer, False a standing one

    @property
    def frames(self) -> int:
        """Number of frames with a fault."""
        return sum(fault.last - fault.first + 1 for fault in self.faults)


def plan_faults(rng: np.random.Generator, frames: int, frame_rate: float) -> FaultPlan:
    """Plan the faults of a clip of that many frames: each kind in about two of five clips, at most a third in all."""
    has_blank, has_blur, has_pause = rng.random(3) < 0.4
    shares = rng.uniform(0.03, 0.1, 3)
    place = rng.uniform(0.0, 1.0, 2)
    at_end, absent, streaked = rng.random(3) < np.array([0.35, 0.45, 0.4])
    colour = (0, 0, 0) if rng.random() < 0.6 else tuple(int(part) for part in rng.integers(0, 256, 3))
    blur, streak, angle = rng.uniform(0.013, 0.026), rng.uniform(0.06, 0.12), rng.uniform(0, 180)
    lengths = [max(2, round(min(share * frames, LONGEST * frame_rate))) for share in shares]
    blank = lengths[0] if has_blank else 0
    shortest = min(math.ceil(SHORTEST_PAUSE * frame_rate), frames // 6)
    pause = max(lengths[2], shortest) if has_pause else 0
    faults = [Fault(0, blank - 1, BLANK)] if blank else []
    if pause:
        # at the beginning, at the end, or (only for a standing dancer) in the first half
        start = blank
        if at_end:
            start = frames - pause
        elif not absent and place[0] >= 0.5:
            start = blank + round(0.3 * (frames - blank))
        faults.append(Fault(start, start + pause - 1, NO_DANCING))
    if has_blur:
        low, high = round(0.55 * frames), frames - lengths[1] - (pause if at_end else 0) - 1
        start = round(low + place[1] * max(high - low, 0))
        faults.append(Fault(start, start + lengths[1] - 1, BLURRED))
    faults.sort()
    streak = float(streak) if streaked else 0.0
    plan = FaultPlan(tuple(faults), colour, float(blur), streak, float(angle), bool(absent))
    separate = all(one.last < two.first for one, two in zip(faults, faults[1:], strict=False))
    usable = separate and plan.frames <= frames / 3 and all(fault.last < frames for fault in faults)
    return plan if usable else replace(plan, faults=())


def defocus(frame: np.ndarray, plan: FaultPlan) -> np.ndarray:
    """Return a frame uint8 [h, w, 3] with the planned defocus or motion blur."""
    height = frame.shape[0]
    if not plan.streak:
        return cv2.GaussianBlur(frame, (0, 0), plan.blur * height)
    length = max(round(plan.streak * height), 3)
    kernel = np.zeros((length, length), np.float32)
    half, angle = (length - 1) / 2, np.radians(plan.streak_angle)
    start = (round(half - half * np.cos(angle)), round(half - half * np.sin(angle)))
    end = (round(half + half * np.cos(angle)), round(half + half * np.sin(angle)))
    cv2.line(kernel, start, end, 1.0)
    return cv2.filter2D(frame, -1, kernel / kernel.sum())


@dataclass(frozen=True)
class ClipTruth:
    """The ground truth of a clip."""

    style: str
    dancer: str
    skill: float | None  # of the dancer, 0 to 1; None for a captured performer
    frames: int  # length in frames
    frame_rate: float
    faults: tuple[Fault, ...]  # in the order of time, without overlap
    mistakes: tuple[Mistake, ...]  # in the order of time; none where the dancing cannot be seen
    beats: tuple[float, ...]  # seconds of every beat of the music within the clip
    phase: float  # beat of the choreography at time 0
    camera_moves: bool  # whether the camera shakes or zooms

    def reasons(self) -> list[str]:
        """Return for each frame the reason to drop it, or "" for a good frame."""
        found = [""] * self.frames
        for first, last, reason in self.faults:
            found[first : last + 1] = [reason] * (last + 1 - first)
        return found

    def to_json(self, key: str, **more: object) -> str:
        """Return the content of a truth file, which `truth_from_json` reads: the `clip_key`, the truth, and `more`."""
        named = {name: [item._asdict() for item in getattr(self, name)] for name in ("faults", "mistakes")}
        return json.dumps({"key": key, **asdict(self), **named, **more}, indent=1)


def truth_from_json(text: str) -> ClipTruth:
    """Return the truth of `ClipTruth.to_json`; other keys are ignored.

    Raises:
        KeyError, TypeError, json.JSONDecodeError: `text` is no such document.
    """
    document = json.loads(text)
    fields = {name: document[name] for name in ClipTruth.__dataclass_fields__}
    fields["faults"] = tuple(Fault(**fault) for fault in fields["faults"])
    fields["mistakes"] = tuple(Mistake(**{**one, "joints": tuple(one["joints"])}) for one in fields["mistakes"])
    fields["beats"] = tuple(fields["beats"])
    return ClipTruth(**fields)


def read_truths(footage: Path) -> dict[str, ClipTruth]:
    """Return the truth of each made-up clip of a folder, by clip id; empty for a folder of real clips."""
    folder = Path(footage) / "truth"
    return {
        path.relative_to(folder).with_suffix("").as_posix(): truth_from_json(path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob("*.json"))
    }


def moving_cameras(truths: Mapping[str, ClipTruth]) -> frozenset[str]:
    """Return the ids of the clips of `read_truths` whose camera shakes or zooms."""
    return frozenset(name for name, truth in truths.items() if truth.camera_moves)
