"""Fit curation's thresholds on made-up clips, and judge them, and the defaults, on clips of other dancers and rooms.

    python tests/benchmarks/fit_curation.py [--dancers 5] [--seconds 8] [--seed 1234] [--test-seed 4321]

Half of the clips have 30 frames a second, half 6, as the reports' have. Of each clip with an idle stretch there is a
copy before a camera that trembles by 1 to 4 pixels, which few made-up clips have and most of a phone do. The clips to
judge on come from another seed: other dancers, rooms, faults. The reports' own clips (seed 0) are used for neither.
Prints one JSON document: for each threshold the default, the fitted value and the range of values that are as good;
precision and recall of both on both sets. It should show that each default lies within its range, or how much is lost
by keeping it.
"""

import argparse
import hashlib
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np

from dance_tf.curation import motion
from dance_tf.curation.filters import CURATION_DEFAULTS, NO_DANCING
from dance_tf.curation.fit import FITTED, KnownClip, fit_thresholds, judge, mean_f1
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.studio import synthesize
from dance_tf.synthesis.truth import truth_from_json
from dance_tf.video.catalog import find_clips
from dance_tf.video.frames import read_footage
from dance_tf.video.luma import picture_area


def remembered(measure: Callable[[np.ndarray, np.ndarray], float]) -> Callable[[np.ndarray, np.ndarray], float]:
    """A measure of two pictures that is taken once: it is the dear part of curation, and no threshold changes it."""
    known: dict[bytes, float] = {}

    def take(one: np.ndarray, two: np.ndarray) -> float:
        key = hashlib.blake2b(one.tobytes() + two.tobytes(), digest_size=16).digest()
        if key not in known:
            known[key] = measure(one, two)
        return known[key]

    return take


def make_known(folder: Path, dancers: int, seconds: float, seed: int) -> list[KnownClip]:
    """Clips of twelve styles at two frame rates, encoded and read again, with what is wrong with each frame."""
    known = []
    for number, frame_rate in enumerate((30.0, 6.0)):
        place = folder / f"{seed}-{number}"
        synthesize(
            place, StudioSettings(dancers=dancers, seconds=seconds, frame_rate=frame_rate, seed=seed + number), 2
        )
        for clip in find_clips(place).clips:
            truth = truth_from_json((place / "truth" / f"{clip.clip_id}.json").read_text(encoding="utf-8"))
            read = read_footage(clip.path)
            found = KnownClip(clip, read.frames, read.timestamps, read.seconds, tuple(truth.reasons()))
            known.append(found)
            if NO_DANCING in found.reasons:
                known.append(shake(found, seed + len(known), 1 + len(known) % 4))
    return known


def shake(clip: KnownClip, seed: int, reach: float) -> KnownClip:
    """The same clip before a camera that trembles by up to `reach` pixels; the bars beside it stay where they are."""
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
    motion.change_beyond_camera = remembered(motion.change_beyond_camera)
    with tempfile.TemporaryDirectory() as folder:
        training, others = (
            make_known(Path(folder), options.dancers, options.seconds, seed)
            for seed in (options.seed, options.test_seed)
        )
    fitted, ranges = fit_thresholds(CURATION_DEFAULTS, lambda settings: mean_f1(judge(training, settings)))
    thresholds = {
        name: {"default": getattr(CURATION_DEFAULTS, name), "fitted": getattr(fitted, name), "as_good": ranges[name]}
        for name in FITTED
    }
    judged = {
        f"{which} on {where}": {"mean_f1": mean_f1(scores), "filters": [asdict(score) for score in scores]}
        for which, settings in (("defaults", CURATION_DEFAULTS), ("fitted", fitted))
        for where, clips in (("fitting clips", training), ("other clips", others))
        for scores in [judge(clips, settings)]
    }
    print(json.dumps({"clips": len(training), "thresholds": thresholds, **judged}, indent=1))


if __name__ == "__main__":
    main()
