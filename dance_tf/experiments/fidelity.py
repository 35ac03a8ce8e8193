"""How well fidelity agrees with the true deviation of made-up dancers, and whether controls score low.

Every clip is compared with templates of other dancers. The truth is the distance of the joints from the perfect
performance of the same body at the same music time (`synthesis.performance.Performance.deviation`). Real clips have no
truth, but can be compared with the templates of all styles: the nearest is a verdict without a network.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING

import joblib
import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from dance_tf.curation.filters import NO_ONSETS
from dance_tf.dataset.dataset import Dataset, DatasetError
from dance_tf.fidelity.assess import MOMENT, Assessment, assess
from dance_tf.fidelity.feedback import Remark
from dance_tf.fidelity.score import STRANGE, ReferenceClip, ScoreError, Standard, build_standard
from dance_tf.fidelity.template import PARTS
from dance_tf.pose.skeleton import LANDMARK, OTHER_SIDE, SIDES, Skeletons
from dance_tf.synthesis.body import JOINT
from dance_tf.synthesis.choreography import STYLES
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.studio import folder_settings
from dance_tf.synthesis.take import RenderedClip, clip_id
from dance_tf.synthesis.truth import Mistake
from dance_tf.video.sound import onset_strength
from dance_tf.video.workers import worker_pool

if TYPE_CHECKING:  # worker processes need no Keras
    from dance_tf.experiments.cache import Experiment

FOLDS = 4  # groups of dancers
FEWEST = 3  # clips of a style that are ranked
TABLES = {  # of `assess_clips`, with their columns
    "clips": ["clip", "style", "dancer", "skill", "deviation", "seconds", "away", "score"],
    "mistakes": ["style", "dancer", "found", "missed", "wrong", "narrow", "right"],
    "timing": ["style", "dancer", "delay", "found"],
    "music": ["style", "dancer", "delay", "found"],
    "controls": ["style", "dancer", "control", "score"],
    "styles": ["clip", "style", "dancer", "compared", "distance"],
}
TOLERANCE = 0.5  # seconds between the middle of a remark and the mistake that it finds
DELAYS = (-0.3, -0.2, -0.1, 0.1, 0.2, 0.3)  # seconds by which the second half of a copy is shifted
WHOLE_DELAYS = (-0.2, 0.2)  # seconds by which a copy is shifted against its music
ASYMMETRIC = {style.name for style in STYLES if style.asymmetric}  # their mirror images are other dances
LIMBS = {"arm": ("elbow", "wrist", "hand"), "leg": ("knee", "ankle", "toe")}


@dataclass(frozen=True, eq=False)
class DancedClip:
    """A clip, and what is true of it if it is made up."""

    clip_id: str
    style: str
    dancer: str
    skeletons: Skeletons  # not valid where the clip has a known fault
    skill: float = np.nan
    deviation: float = np.nan  # mean over the joints and the frames without fault, torsos
    mistakes: tuple[Mistake, ...] = ()
    onsets: np.ndarray = field(default_factory=NO_ONSETS.copy)  # of the sound


def made_clips(settings: StudioSettings, dataset: Dataset | None = None) -> list[DancedClip]:
    """Return the clips of a set with their truth, which is computed again from the settings.

    Args:
        dataset: curated from these clips, for the skeletons that were found in the video; None for the true joints.

    Raises:
        DatasetError: a clip of the dataset has no skeletons, or is not in the set.
    """
    seen = None
    if dataset is not None:
        found = zip(dataset.clips, dataset.clip_skeletons, dataset.clip_onsets, strict=True)
        seen = {clip.clip_id: each for clip, *each in found}
    clips = []
    for style, dancer in settings.clips():
        made, name = RenderedClip(style, dancer, settings), clip_id(style, dancer)
        good = np.array([not reason for reason in made.truth.reasons()])
        if seen is None:
            skeletons = true_skeletons(made.danced.motion.joints, made.timestamps)
            onsets = onset_strength(made.sound())
        elif name in seen:
            skeletons, onsets = seen.pop(name)
        else:
            continue
        frames = np.rint(skeletons.times * settings.frame_rate).astype(int).clip(0, len(good) - 1)
        skeletons = replace(skeletons, valid=skeletons.valid & good[frames])
        deviation, truth = float(made.danced.deviation[good].mean()), made.truth
        known = truth.skill, deviation, truth.mistakes
        clips.append(DancedClip(name, truth.style, truth.dancer, skeletons, *known, onsets))
    if seen:
        raise DatasetError(f"{next(iter(seen))} is not in the set of made-up clips: name the footage of the dataset")
    return clips


def danced_clips(dataset: Dataset, settings: StudioSettings | None = None) -> list[DancedClip]:
    """Return the clips of a dataset, with their truth if they are made up.

    Args:
        dataset: with skeletons.
        settings: of made-up clips (`synthesis.studio.folder_settings`); None for others.

    Raises:
        DatasetError: a clip has no skeletons.
    """
    if settings is not None:
        return made_clips(settings, dataset)
    found = zip(dataset.clips, dataset.dancers, dataset.clip_skeletons, dataset.clip_onsets, strict=True)
    return [
        DancedClip(clip.clip_id, clip.style, dancer, skeletons, onsets=onsets)
        for clip, dancer, skeletons, onsets in found
    ]


def measure_fidelity(experiment: Experiment, groups: int) -> dict[str, pd.DataFrame]:
    """Return `assess_clips` of an experiment's clips, with truth if they are made up; recorded as `fidelity_…`."""

    @cache
    def assessed() -> dict[str, pd.DataFrame]:
        clips = danced_clips(experiment.dataset, folder_settings(experiment.workspace.footage))
        return assess_clips(clips, groups, experiment.jobs)

    return {name: experiment.measure(f"fidelity_{name}", lambda name=name: assessed()[name], groups) for name in TABLES}


def true_skeletons(joints: np.ndarray, times: np.ndarray) -> Skeletons:
    """Return the joints of the generator, float64 [n, 21, 3] in metres, as skeletons without any error."""
    same = "shoulder elbow wrist hip knee ankle toe".split()
    names = {f"{side}_{part}": f"{side}_{part}" for side in SIDES for part in same}
    names |= {"nose": "head"} | {f"{side}_index": f"{side}_hand" for side in SIDES}
    world = np.zeros((len(times), 33, 3))
    places = (joints - joints[:, [JOINT["pelvis"]]]) * [1, -1, -1]
    world[:, [LANDMARK[name] for name in names]] = places[:, [JOINT[name] for name in names.values()]]
    landmarks = np.concatenate([world / 4, np.ones((len(times), 33, 1))], axis=2)
    return Skeletons(landmarks.astype(np.float16), world.astype(np.float16), np.ones(len(times), bool), times)


def assess_clips(
    clips: Sequence[DancedClip], groups: int = FOLDS, jobs: int = 1, seed: int = 0
) -> dict[str, pd.DataFrame]:
    """Assess each clip, shifted copies and controls against other dancers of the style, and of the other styles.

    Args:
        clips: of `danced_clips`; those with too little of a dancer to be scored are left out.
        groups: of the dancers, of `FOLDS`, that are compared with templates of all others.

    Returns:
        Tables with the columns style and dancer, and:

        - "clips": skill, deviation, away (`Assessment.away`), score (percentile), seconds (to compute it);
        - "mistakes": the counts of `match_mistakes`;
        - "timing": delay and found (seconds) of each copy with a shifted second half;
        - "music": the same of each copy that is shifted as a whole, against its music;
        - "controls": control and score (percentile) of each;
        - "styles": clip and compared (a style) with distance (`style_distances`).
    """
    styles, dancers = (sorted({getattr(clip, name) for clip in clips}) for name in ("style", "dancer"))
    folds = min(FOLDS, len(dancers))
    with worker_pool(jobs):
        found = joblib.Parallel()(
            joblib.delayed(_assess_group)(clips, style, dancers[fold::folds], seed)
            for style in styles
            for fold in range(min(groups, folds))
        )
    rows = {name: [row for tables in found for row in tables[name]] for name in TABLES}
    return {name: pd.DataFrame(rows[name], columns=columns) for name, columns in TABLES.items()}


def _assess_group(clips: Sequence[DancedClip], style: str, held_out: Sequence[str], seed: int) -> dict[str, list[dict]]:
    """Return the rows of the tables of `assess_clips` for one style and some dancers."""
    references = [clip for clip in clips if clip.style == style and clip.dancer not in held_out]
    tables: dict[str, list[dict]] = {name: [] for name in TABLES}
    try:
        known = [ReferenceClip(clip.dancer, clip.skeletons, onsets=clip.onsets) for clip in references]
        standard = build_standard(style, known)
    except ScoreError:  # nobody else dances it
        return tables
    styles = sorted({clip.style for clip in clips})
    for clip in clips:
        began = time.perf_counter()
        if clip.dancer not in held_out or (result := _assessed(clip, standard)) is None:
            continue
        seconds = time.perf_counter() - began
        labels = {"style": style, "dancer": clip.dancer}
        generator = np.random.default_rng([seed, *clip.clip_id.encode()])
        # as `style_distances`
        distance = result.movement - np.median(standard.group) if len(standard.group) else np.inf
        about = {"style": clip.style, "dancer": clip.dancer, "clip": clip.clip_id}
        tables["styles"].append({**about, "compared": style, "distance": distance})
        if clip.style != style:  # one other style for each clip
            others = [other for other in styles if other != clip.style]
            if others[int(generator.integers(len(others)))] == style:
                tables["controls"].append({**labels, "control": "wrong style", "score": result.score.value})
            continue
        known = {"skill": clip.skill, "deviation": clip.deviation, "seconds": seconds}
        tables["clips"].append(
            {"clip": clip.clip_id, **labels, **known, "away": result.away, "score": result.score.value}
        )
        if np.isnan(clip.deviation):  # controls and copies are for the validation
            continue
        tables["mistakes"].append({**labels, **match_mistakes(result.remarks, clip.mistakes)})
        middle = float(clip.skeletons.times.mean())
        for delay in DELAYS:
            if copy := _assessed(replace(clip, skeletons=shifted(clip.skeletons, delay)), standard):
                late = _later(copy, middle) - _later(result, middle)
                tables["timing"].append({**labels, "delay": delay, "found": late})
        for delay in WHOLE_DELAYS if np.isfinite(result.behind) else ():
            later = replace(clip.skeletons, times=clip.skeletons.times + delay)
            if (copy := _assessed(replace(clip, skeletons=later), standard)) and np.isfinite(copy.behind):
                tables["music"].append({**labels, "delay": delay, "found": copy.behind - result.behind})
        for name, change in CONTROLS.items():
            if name == "mirrored" and style not in ASYMMETRIC:
                continue
            if changed := _assessed(replace(clip, skeletons=change(clip.skeletons, generator)), standard):
                tables["controls"].append({**labels, "control": name, "score": changed.score.value})
    return tables


def _assessed(clip: DancedClip, standard: Standard) -> Assessment | None:
    """Return the assessment of a dance; None if there is too little of it."""
    try:
        return assess(clip.skeletons, standard, onsets=clip.onsets)
    except ScoreError:
        return None


def shifted(skeletons: Skeletons, delay: float) -> Skeletons:
    """Return a copy of which the second half is danced `delay` seconds later, earlier if negative."""
    times = skeletons.times
    return _danced_at(skeletons, times - delay * (times > times.mean()))


def _danced_at(skeletons: Skeletons, at: np.ndarray) -> Skeletons:
    """Return a dance that shows at each of its times what was danced at other times, float64 [n]."""
    frames = np.interp(at, skeletons.times, np.arange(len(skeletons.times)))
    low, high = np.floor(frames).astype(int), np.ceil(frames).astype(int)
    share = (frames - low)[:, None, None]
    landmarks, world = (
        (each[low] * (1 - share) + each[high] * share).astype(np.float16)
        for each in (skeletons.landmarks.astype(float), skeletons.world.astype(float))
    )
    return Skeletons(landmarks, world, skeletons.valid[low] & skeletons.valid[high], skeletons.times)


def _later(assessment: Assessment, middle: float) -> float:
    """Return by how many seconds the dancer is later in the second half."""
    late = pd.DataFrame(assessment.late, assessment.starts - middle).mean(axis=1)
    return float(late[late.index > 0].mean() - late[late.index < -MOMENT].mean())


def _shuffled(skeletons: Skeletons, generator: np.random.Generator) -> Skeletons:
    parts = np.array_split(np.arange(len(skeletons.times)), max(2, round(2 * np.ptp(skeletons.times))))
    order = np.concatenate([parts[part] for part in generator.permutation(len(parts))])
    return replace(skeletons, **{name: getattr(skeletons, name)[order] for name in ("landmarks", "world", "valid")})


def _still(skeletons: Skeletons, generator: np.random.Generator) -> Skeletons:
    pose = generator.choice(np.flatnonzero(skeletons.valid))
    return replace(skeletons, world=np.repeat(skeletons.world[[pose]], len(skeletons.times), axis=0))


def _noise(skeletons: Skeletons, generator: np.random.Generator) -> Skeletons:
    middle = skeletons.world[skeletons.valid].mean(axis=0, dtype=float)
    return replace(skeletons, world=middle + generator.normal(0, 0.15, skeletons.world.shape))


# from skeletons and a generator of random numbers to skeletons that must score low
CONTROLS: dict[str, Callable[[Skeletons, np.random.Generator], Skeletons]] = {
    "shuffled time": _shuffled,
    "mirrored": lambda skeletons, _: replace(skeletons, world=skeletons.world[:, OTHER_SIDE] * [-1, 1, 1]),
    "tempo × 1.2": lambda skeletons, _: replace(skeletons, times=skeletons.times / 1.2),
    "tempo / 1.2": lambda skeletons, _: replace(skeletons, times=skeletons.times * 1.2),
    "still pose": _still,
    "noise": _noise,
}


def parts_of(mistake: Mistake) -> set[str]:
    """Return the parts of the body, as in `template.PARTS`, at which a mistake is visible."""
    named = {f"{side}_{joint}": f"{side} {limb}" for side in SIDES for limb in LIMBS for joint in LIMBS[limb]}
    return {named.get(joint, "head" if joint == "head" else "trunk") for joint in mistake.joints}


def match_mistakes(remarks: Sequence[Remark], mistakes: Sequence[Mistake]) -> dict[str, int]:
    """Compare the remarks on poses with the mistakes of a clip.

    A remark finds a mistake if its middle lies within it, or at most `TOLERANCE` seconds outside. Each remark finds at
    most one mistake, and each mistake is found at most once; the remark of the largest weight chooses first.

    Returns:
        Numbers of mistakes that are "found" and "missed"; of "wrong" remarks; of found mistakes that are visible at no
        more than half of the parts of the body ("narrow"), and of these, of those whose remark names such a part
        ("right").
    """
    left, wrong, narrow, right = list(mistakes), 0, 0, 0
    for remark in remarks:
        if remark.kind != "pose":
            continue
        middle = (remark.start + remark.end) / 2
        near = [one for one in left if one.start - TOLERANCE <= middle <= one.end + TOLERANCE]
        if not near:
            wrong += 1
            continue
        found = min(near, key=lambda one: abs(one.start + one.end - 2 * middle))
        left.remove(found)
        if 2 * len(parts_of(found)) <= len(PARTS):
            narrow += 1
            right += remark.part in parts_of(found)
    hits = len(mistakes) - len(left)
    return {"found": hits, "missed": len(left), "wrong": wrong, "narrow": narrow, "right": right}


def summarise(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the results of `assess_clips`: one row for each measure, with its value and goal.

    Correlations are Spearman's within each style, averaged over the styles.
    """
    clips, mistakes, timing, music, controls = (
        tables[name] for name in ("clips", "mistakes", "timing", "music", "controls")
    )
    counts = mistakes[["found", "missed", "wrong", "narrow", "right"]].sum()
    errors, throughout = ((each["found"] - each["delay"]).abs() for each in (timing, music))
    rows = [
        (f"correlation with {name}", _within(clips, name), goal)
        for name, goal in (("deviation", 0.8), ("skill", np.nan))
    ]
    rows += [
        ("F1 of weak moments", 2 * counts.found / max(2 * counts.found + counts.missed + counts.wrong, 1), 0.7),
        ("right part of the body", counts.right / max(counts.narrow, 1), 0.8),
        ("mean error of delays, s", errors.mean(), 0.05),
        ("median error of delays, s", errors.median(), 0.05),
        ("mean error of delays against the music, s", throughout.mean(), 0.05),
    ]
    low = controls.assign(low=controls["score"] < 10).groupby("control")["low"].mean()
    rows += [(f"{name}: below the 10th percentile", share, 0.95) for name, share in low.items()]
    return pd.DataFrame(rows, columns=["measure", "value", "goal"])


def style_verdicts(styles: pd.DataFrame) -> pd.DataFrame:
    """Return which style each clip is nearest to, and whether it is of none, with and without its own style.

    Args:
        styles: of `assess_clips`.

    Returns:
        One row for each clip: clip, style, dancer, nearest, right, none (further than `STRANGE` from all), and none
        without the own style ("unknown").
    """
    rows = []
    for (clip, style, dancer), apart in styles.groupby(["clip", "style", "dancer"], sort=False):
        own, distances = apart["compared"] == style, apart["distance"]
        nearest = apart["compared"][distances.idxmin()]
        unknown = bool((distances[~own] > STRANGE).all())
        known = {"nearest": nearest, "right": nearest == style, "none": bool(distances.min() > STRANGE)}
        rows.append({"clip": clip, "style": style, "dancer": dancer, **known, "unknown": unknown})
    return pd.DataFrame(rows)


def _within(clips: pd.DataFrame, name: str) -> float:
    """Return the correlation of closeness with skill, or of distance with deviation, within styles."""
    sign = -1 if name == "skill" else 1
    several = [own for _, own in clips.groupby("style") if len(own) >= FEWEST]
    found = [sign * spearmanr(own["away"], own[name])[0] for own in several]
    return float(np.mean(found)) if found else np.nan
