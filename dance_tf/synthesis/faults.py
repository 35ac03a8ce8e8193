"""Faults that curation must find: where they are planned, and what blank and blurred frames look like."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from dance_tf.curation.filters import BLANK, BLURRED, NO_DANCING
from dance_tf.synthesis.truth import Fault

LONGEST = 2.5  # seconds that one fault lasts at most
SHORTEST_PAUSE = 0.6  # seconds, in clips long enough for it: a pose held for less belongs to the dance


@dataclass(frozen=True)
class FaultPlan:
    """What is wrong in a clip and how it looks.

    Attributes:
        faults: in the order of time, never overlapping.
        blank_colour: RGB of blank frames.
        blur: standard deviation of the defocus, in shares of the frame's height. streak: length of the motion blur in
            the same unit, 0 for a defocus. streak_angle: degrees.
        absent: True where "no dancing" means that nobody is in the picture, False where the dancer stands.
    """

    faults: tuple[Fault, ...]
    blank_colour: tuple[int, int, int]
    blur: float
    streak: float
    streak_angle: float
    absent: bool

    @property
    def frames(self) -> int:
        """How many frames are no good."""
        return sum(fault.last - fault.first + 1 for fault in self.faults)

    def spans(self, reason: str) -> tuple[Fault, ...]:
        """The faults of one reason."""
        return tuple(fault for fault in self.faults if fault.reason == reason)


def plan_faults(rng: np.random.Generator, frames: int, frame_rate: float, wanted: bool = True) -> FaultPlan:
    """Plan the faults of a clip: each kind in about two clips of five, at most a third of the clip in all.

    Args:
        rng: of the clip.
        frames, frame_rate: length of the clip in frames, frames a second.
        wanted: False plans none (and draws as many random numbers).
    """
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
    faults: list[Fault] = []
    if blank:
        faults.append(Fault(0, blank - 1, BLANK))
    if pause:
        # one pause at the beginning, at the end, or (only by standing still) in the first half
        if at_end:
            start = frames - pause
        elif absent or place[0] < 0.5:
            start = blank
        else:
            start = blank + round(0.3 * (frames - blank))
        faults.append(Fault(start, start + pause - 1, NO_DANCING))
    if has_blur:
        low, high = round(0.55 * frames), frames - lengths[1] - (pause if at_end else 0) - 1
        start = round(low + place[1] * max(high - low, 0))
        faults.append(Fault(start, start + lengths[1] - 1, BLURRED))
    faults.sort()
    tidy = all(one.last < two.first for one, two in zip(faults, faults[1:], strict=False))
    short = sum(fault.last - fault.first + 1 for fault in faults) <= frames / 3
    # a clip too short to hold them apart has none
    usable = wanted and tidy and short and all(fault.last < frames for fault in faults)
    return FaultPlan(
        faults=tuple(faults) if usable else (),
        blank_colour=colour,
        blur=float(blur),
        streak=float(streak) if streaked else 0.0,
        streak_angle=float(angle),
        absent=bool(absent),
    )


def defocus(frame: np.ndarray, plan: FaultPlan) -> np.ndarray:
    """The frame uint8 [h, w, 3] out of focus, or streaked by a jolt of the camera, as planned."""
    height = frame.shape[0]
    if not plan.streak:
        return cv2.GaussianBlur(frame, (0, 0), plan.blur * height)
    length = max(round(plan.streak * height), 3)
    kernel = np.zeros((length, length), np.float32)
    middle, half = (length - 1) / 2, (length - 1) / 2
    angle = np.radians(plan.streak_angle)
    start = (round(middle - half * np.cos(angle)), round(middle - half * np.sin(angle)))
    end = (round(middle + half * np.cos(angle)), round(middle + half * np.sin(angle)))
    cv2.line(kernel, start, end, 1.0)
    return cv2.filter2D(frame, -1, kernel / kernel.sum())
