"""Fit the thresholds of curation on synthetic clips, and test them and the defaults on clips of other dancers.

    python tests/benchmarks/fit_curation.py [--dancers 5] [--seconds 8] [--seed 1234] [--test-seed 4321]

Half of the clips have 30 frames per second, half 6, as in the reports. Each clip with an idle stretch is also used with
a camera shake of 1 to 4 pixels, which is rare in synthetic clips and common in phone videos. The test clips have
another seed: other dancers, rooms and faults. The clips of the reports (seed 0) are in neither set.

One threshold after the other is moved while the rest stay fixed, to the middle of the values with the best mean F1.
Prints one JSON document: for each threshold the default, the fitted value and the range of equally good values;
precision and recall of defaults and fitted values on both sets. Each default should be within its range; if not, the
document shows how much is lost.
"""

import argparse
import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import cv2
import numpy as np

from dance_tf.curation import motion
from dance_tf.curation.filters import (
    CURATION_DEFAULTS,
    NO_DANCING,
    CurationSettings,
    curate_frames,
    frame_reasons,
    score_curation,
)
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.studio import synthesize
from dance_tf.synthesis.truth import truth_from_json
from dance_tf.video.catalog import Clip, find_clips
from dance_tf.video.frames import read_footage
from dance_tf.video.luma import picture_area

# those of skeletons are not fitted here
THRESHOLDS = tuple(field.name for field in fields(CurationSettings) if "nobody" not in field.name)
FACTORS = tuple(np.geomspace(0.5, 2.0, 13).tolist())  # a candidate is the starting value times one of them
TOLERANCE = 0.002  # of mean F1; values within it are equally good


@dataclass(frozen=True)
class LabelledClip:
    """A clip with the fault of each frame."""

    clip: Clip  # where it is from
    frames: np.ndarray  # uint8 [n, h, w]
    timestamps: np.ndarray  # float64 [n], seconds
    seconds: float  # its length
    reasons: tuple[str, ...]  # n entries, one of `filters.REASONS` or ""


def judge(clips: Sequence[LabelledClip], settings: CurationSettings) -> tuple[dict, ...]:
    """Return the score of each filter for some thresholds, pooled over the frames of the clips."""
    found = [
        frame_reasons(curate_frames(clip.clip, clip.frames, clip.timestamps, clip.seconds, settings)) for clip in clips
    ]
    return score_curation(found, [clip.reasons for clip in clips])


def mean_f1(scores: Sequence[Mapping]) -> float:
    """Return the mean F1 of the filters, without those that have nothing to find and find nothing.

    Raises:
        ValueError: no filter has anything to find.
    """
    counted = [score for score in scores if score["dropped"] + score["planted"]]
    if not counted:
        raise ValueError("these clips have no fault to fit thresholds on")
    return float(np.mean([2 * score["right"] / (score["dropped"] + score["planted"]) for score in counted]))


def fit_thresholds(
    start: CurationSettings,
    score: Callable[[CurationSettings], float],
    factors: Sequence[float] = FACTORS,
    names: Sequence[str] = THRESHOLDS,
    rounds: int = 2,
) -> tuple[CurationSettings, Mapping[str, tuple[float, float]]]:
    """Move each threshold in turn to the middle of the best values.

    Args:
        start: the initial thresholds.
        score: how good thresholds are, higher is better (`mean_f1` of `judge`).
        factors: candidates are the starting value times these, increasing.
        names: the thresholds to move, in this order.
        rounds: passes over the names.

    Returns:
        The thresholds, and for each name the lowest and highest of the best values in the last round.
    """
    settings, ranges = start, {}
    for _ in range(rounds):
        for name in names:
            candidates = [getattr(start, name) * factor for factor in factors]
            scores = [score(replace(settings, **{name: value})) for value in candidates]
            best = int(np.argmax(scores))
            first = last = best  # only the plateau that contains the best value, not values beyond a dip
            while first > 0 and scores[first - 1] >= scores[best] - TOLERANCE:
                first -= 1
            while last < len(scores) - 1 and scores[last + 1] >= scores[best] - TOLERANCE:
                last += 1
            ranges[name] = (candidates[first], candidates[last])
            settings = replace(settings, **{name: float(np.sqrt(candidates[first] * candidates[last]))})
    return settings, ranges


def memoized(measure: Callable[[np.ndarray, np.ndarray], float]) -> Callable[[np.ndarray, np.ndarray], float]:
    """Cache a measure of two pictures: it is the expensive part of curation, and no threshold changes it."""
    cache: dict[bytes, float] = {}

    def cached(one: np.ndarray, two: np.ndarray) -> float:
        key = hashlib.blake2b(one.tobytes() + two.tobytes(), digest_size=16).digest()
        if key not in cache:
            cache[key] = measure(one, two)
        return cache[key]

    return cached


def make_clips(folder: Path, dancers: int, seconds: float, seed: int) -> list[LabelledClip]:
    """Make clips of twelve styles at two frame rates, encode and read them, and label each frame with its fault."""
    clips = []
    for number, frame_rate in enumerate((30.0, 6.0)):
        place = folder / f"{seed}-{number}"
        synthesize(
            place, StudioSettings(dancers=dancers, seconds=seconds, frame_rate=frame_rate, seed=seed + number), 2
        )
        for clip in find_clips(place).clips:
            truth = truth_from_json((place / "truth" / f"{clip.clip_id}.json").read_text(encoding="utf-8"))
            read = read_footage(clip.path)
            found = LabelledClip(clip, read.frames, read.timestamps, read.seconds, tuple(truth.reasons()))
            clips.append(found)
            if NO_DANCING in found.reasons:
                clips.append(shake(found, seed + len(clips), 1 + len(clips) % 4))
    return clips


def shake(clip: LabelledClip, seed: int, reach: float) -> LabelledClip:
    """Add a camera shake of up to `reach` pixels; the bars beside the picture stay where they are."""
    path = np.random.default_rng(seed).normal(0, 1, (round(clip.seconds * 30) + 2, 2))
    path = cv2.GaussianBlur(path, (1, 19), 0.1, None, 3)[np.round(clip.timestamps * 30).astype(int)]
    path *= reach / np.abs(path).max()
    rows, columns = picture_area(clip.frames.max(axis=0)[None])
    frames = clip.frames.copy()
    for picture, (right, down) in zip(frames[:, rows, columns], path, strict=True):
        moved = np.array([[1, 0, right], [0, 1, down]], np.float32)
        picture[:] = cv2.warpAffine(picture.copy(), moved, picture.shape[::-1], borderMode=cv2.BORDER_REFLECT)
    return replace(clip, frames=frames)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dancers", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--seed", type=int, default=1234)
    parser.add_argument("--test-seed", type=int, default=4321)
    options = parser.parse_args()
    motion.change_beyond_camera = memoized(motion.change_beyond_camera)
    with tempfile.TemporaryDirectory() as folder:
        training, others = (
            make_clips(Path(folder), options.dancers, options.seconds, seed)
            for seed in (options.seed, options.test_seed)
        )
    fitted, ranges = fit_thresholds(CURATION_DEFAULTS, lambda settings: mean_f1(judge(training, settings)))
    thresholds = {
        name: {"default": getattr(CURATION_DEFAULTS, name), "fitted": getattr(fitted, name), "as_good": ranges[name]}
        for name in THRESHOLDS
    }
    judged = {
        f"{which} on {where}": {
            "mean_f1": mean_f1(scores),
            "filters": scores,
        }
        for which, settings in (("defaults", CURATION_DEFAULTS), ("fitted", fitted))
        for where, clips in (("fitting clips", training), ("other clips", others))
        for scores in [judge(clips, settings)]
    }
    print(json.dumps({"clips": len(training), "thresholds": thresholds, **judged}, indent=1))


if __name__ == "__main__":
    main()
