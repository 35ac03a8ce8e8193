"""What to change in a dance, in plain words: what is furthest from the references, and what was not seen."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from dance_tf.fidelity.align import RATE
from dance_tf.fidelity.score import Measures
from dance_tf.fidelity.template import NAMES, PART_WEIGHTS, PARTS, Dance
from dance_tf.pose.joints import JOINTS, joint_features
from dance_tf.pose.skeleton import Skeletons
from dance_tf.pose.track import runs

# chosen on half of the dancers of generator seed 0
SMOOTHING = 0.1  # seconds, deviation of the Gaussian over time
WEAK, EDGE = 4.5, 3.4  # units of the spread: a weak moment exceeds the first, and lasts while it exceeds the second
APART, SHORTEST = 0.6, 0.3  # seconds: nearer moments are one; shorter ones are left out
LATE, STEADY = 0.1, 1.0  # seconds: a dancer is late by so much, and for so long that it is said
SMALL, LARGE = 0.75, 1.35  # amplitudes, relative to the references, that are said
HELD = 12.0  # degrees, a constant difference of a part of the body that is said
CLEAR = 0.5  # share of a difference that one direction explains, so that it is named
VISIBLE, RARELY = 0.5, 0.25  # visibility of a joint that is seen, and share of the time that is worth a note
BODY = "whole body"
BIG = [
    np.array([bone for bone in bones if not NAMES[bone].endswith(("index", "toe", "hip"))]) for bones in PARTS.values()
]
# along the axes: negative, positive; the dancer faces the camera
DIRECTIONS = (
    ("too far to the right", "too far to the left"),
    ("too high", "too low"),
    ("too far forward", "too far back"),
)
UNSEEN = "hands, face and contact with the floor are not judged"


@dataclass(frozen=True)
class Remark:
    """Something to change, from `start` to `end` seconds of the clip.

    Attributes:
        part: one of `template.PARTS`, or `BODY`.
        kind: "pose" and "posture" (size in degrees), "timing" (size in seconds, late; early if negative) or
            "amplitude" (size relative to the references).
        weight: how far from the references, in units of their spread; the largest matters most.
        text: in words.
    """

    start: float
    end: float
    part: str
    kind: str
    size: float
    weight: float
    text: str


def find_remarks(dance: Dance, measures: Measures) -> tuple[Remark, ...]:
    """Return what to change, the furthest from the references first."""
    seen, times = measures.alignment.seen, dance.times
    share = np.maximum(gaussian_filter1d(seen.astype(float), SMOOTHING * RATE, mode="nearest"), 0.2)
    excess = measures.excess @ PART_WEIGHTS * seen[:, None]
    excess = gaussian_filter1d(excess, SMOOTHING * RATE, axis=0, mode="nearest") / share[:, None]
    worst = excess.max(axis=1) * seen
    remarks = [
        _weak(times, found, excess[found], measures)
        for found in _joined(runs(worst > EDGE))
        if worst[found].max() > WEAK and found.stop - found.start >= SHORTEST * RATE
    ]
    remarks += _offbeat(times, measures) + _throughout(times, measures)
    return tuple(sorted(remarks, key=lambda remark: -remark.weight))


def _joined(found: Sequence[slice]) -> list[slice]:
    joined: list[slice] = []
    for one in found:
        if joined and one.start - joined[-1].stop < APART * RATE:
            one = slice(joined.pop().start, one.stop)
        joined.append(one)
    return joined


def _weak(times: np.ndarray, found: slice, excess: np.ndarray, measures: Measures) -> Remark:
    """Say which part of the body differs most, how much and in which direction."""
    place = int(excess.mean(axis=0).argmax())
    start, end, part = float(times[found][0]), float(times[found][-1]), list(PARTS)[place]
    size, how = _direction(measures, found, place)
    late = float(np.median(measures.late[found]))
    delay = f", {abs(late):.1f} s {'late' if late > 0 else 'early'}" if abs(late) > LATE else ""
    text = f"{start:.1f}–{end:.1f} s: {part} {size:.0f}° {how}{delay}"
    return Remark(start, end, part, "pose", size, float(excess.max()), text)


def _direction(measures: Measures, found: slice, place: int) -> tuple[float, str]:
    """Return the mean angle of a part of the body from the template, in degrees, and where it is too far."""
    seen, bones = measures.alignment.seen[found], BIG[place]
    apart = measures.toward[found][seen][:, bones].reshape(-1, 3)
    mean, size = apart.mean(axis=0), np.linalg.norm(apart, axis=-1).mean()
    axis = int(np.abs(mean).argmax())
    how = DIRECTIONS[axis][int(mean[axis] > 0)] if abs(mean[axis]) > CLEAR * size else "away from the references"
    return float(np.degrees(measures.angles[found][seen][:, bones].mean())), how


def _offbeat(times: np.ndarray, measures: Measures) -> list[Remark]:
    """Say from when to when the dancer is early or late."""
    late = gaussian_filter1d(measures.late, SMOOTHING * RATE, mode="nearest") * measures.alignment.seen
    remarks = []
    for sign, word in ((1, "late"), (-1, "early")):
        for found in runs(sign * late > LATE):
            start, end = float(times[found][0]), float(times[found][-1])
            if end - start < STEADY:
                continue
            size = float(np.median(late[found]))
            when = f"from {start:.1f} s on" if found.stop >= len(times) - RATE / 2 else f"{start:.1f}–{end:.1f} s"
            text = f"{when}: {abs(size):.1f} s {word}"
            remarks.append(Remark(start, end, BODY, "timing", size, abs(size) / LATE, text))
    return remarks


def _throughout(times: np.ndarray, measures: Measures) -> list[Remark]:
    """Say which parts are held differently over the whole clip, or move too little or too much."""
    remarks, ends = [], times[[0, -1]].tolist()
    for place, (part, values) in enumerate(zip(PARTS, measures.amplitude[measures.alignment.seen].T, strict=True)):
        held = np.linalg.norm(measures.toward[measures.alignment.seen][:, BIG[place]].mean(axis=(0, 1)))
        size, how = _direction(measures, slice(None), place)
        if np.degrees(held) > HELD and how in np.ravel(DIRECTIONS):
            text = f"whole clip: {part} {size:.0f}° {how}"
            remarks.append(Remark(*ends, part, "posture", size, float(np.degrees(held)) / HELD, text))
        size = float(np.median(values[np.isfinite(values)])) if np.isfinite(values).any() else 1.0
        if not SMALL <= size <= LARGE:
            how = "small" if size < 1 else "large"
            text = f"whole clip: movements of the {part} too {how}, {size:.0%} of the references'"
            remarks.append(Remark(*ends, part, "amplitude", size, 3 * abs(math.log(max(size, 0.05))), text))
    return remarks


def find_gaps(skeletons: Skeletons, dance: Dance, measures: Measures) -> tuple[str, ...]:
    """Return sentences on what the skeletons or the references do not show, where it matters."""
    notes, valid = [], skeletons.valid
    if valid.any():
        features = joint_features(skeletons.landmarks, skeletons.world, valid)[valid]
        hidden = features[..., -1] + 0.5 < VISIBLE
        outside = np.abs(skeletons.landmarks[valid][:, :, :2]).max(axis=-1) > 0.5
        for part, bones in PARTS.items():
            share = float(hidden[:, [JOINTS.index(NAMES[bone]) for bone in bones]].mean())
            if share > RARELY:
                notes.append(f"{part}: hidden in {share:.0%} of the time, so that it is judged less exactly")
        if (share := float(outside.any(axis=1).mean())) > RARELY:
            notes.append(f"parts of the body are out of the picture in {share:.0%} of the time")
    for gap in runs(~dance.seen):
        start, end = dance.times[gap][[0, -1]]
        notes.append(f"{start:.1f}–{end:.1f} s: the dancer is not seen, so nothing is said about it")
    if (missing := (dance.seen & ~measures.alignment.seen).sum() / RATE) >= 1:
        notes.append(f"{missing:.0f} s show a part of the dance that is in no reference: add a longer reference")
    return (*notes, UNSEEN)
