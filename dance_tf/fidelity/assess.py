"""Assess a dance: how close it is to its style, when and where it is not, and what to change."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from dance_tf.curation.filters import NO_ONSETS
from dance_tf.fidelity.align import RATE
from dance_tf.fidelity.feedback import Remark, find_gaps, find_remarks
from dance_tf.fidelity.score import CERTAINTY, NO_RANK, Percentile, Standard, measure, percentile, teacher_score
from dance_tf.fidelity.template import FINE, NAMES, PART_WEIGHTS, Dance, expected, read_dance
from dance_tf.pose.skeleton import Skeletons

MOMENT = 0.5  # seconds
NO_MUSIC = "the references have another song or no sound, so a delay that lasts from start to end is not seen"
FEW = 5  # dancers, the fewest that rank a probability
LIMBS = {"arms": ("elbow", "wrist"), "legs": ("knee", "ankle")}


@dataclass(frozen=True, eq=False)
class Assessment:
    """How close a dance is to its style.

    Attributes:
        style: with which the dance is compared.
        score: percentile of group and model together, among the dancers of all styles from whom the model has not
            learnt; the same as group if there are fewer than `FEW` of them, or no probability.
        group: percentile of the distance to the template, among the references of the style.
        model: percentile of the model's probability of the style, among the same dancers as score; nan without.
        teacher: score, 0 to 100, that a teacher would give, who scored some of the references; nan without.
        references: number of reference dancers.
        away: of which `group` is the rank: log distance from the references in bones, timing, tempo, amplitude and
            delay against the music.
        movement: the same without the delay against the music, which decides between styles.
        distance: mean angle of the bones, in units of the spread of the references at that moment.
        degrees: mean angle of the bones.
        tempo: relative to the references.
        behind: seconds by which the dancer is late against the music; nan if the references have another song, or none.
        start: seconds of the choreography at the first frame in which the dancer is seen.
        proportions: lengths of "arms" and "legs" in torsos, relative to the references; they do not count.
        seconds: length of what was compared.
        starts: of each moment of `MOMENT` seconds, float64 [m], seconds of the clip.
        closeness, angles, late, amplitude: of each moment and part of `template.PARTS`, float64 [m, parts]: angle in
            units of the spread, angle in degrees, seconds (early if negative), and extent of movements relative to
            the references; nan where not seen or, for the amplitude, where hardly anything moves.
        remarks: what to change, the furthest from the references first.
        notes: what the skeletons or the references do not show.
        dance: the dancer's bones at `dance.times`.
        turned, target: at the same times, float64 [n, 18, 3], the dancer's bones turned to the direction of the
            references, and theirs.
        place: at the same times, float64 [n], seconds of the choreography.
    """

    style: str
    score: Percentile
    group: Percentile
    model: Percentile
    teacher: float
    references: int
    away: float
    movement: float
    distance: float
    degrees: float
    tempo: float
    behind: float
    start: float
    proportions: Mapping[str, float]
    seconds: float
    starts: np.ndarray
    closeness: np.ndarray
    angles: np.ndarray
    late: np.ndarray
    amplitude: np.ndarray
    remarks: tuple[Remark, ...]
    notes: tuple[str, ...]
    dance: Dance
    turned: np.ndarray
    target: np.ndarray
    place: np.ndarray


def assess(
    skeletons: Skeletons,
    standard: Standard,
    probability: float = math.nan,
    others: Collection[Standard] = (),
    onsets: np.ndarray = NO_ONSETS,
) -> Assessment:
    """Compare a dance with the reference dancers of a style.

    Args:
        skeletons: of the clip; frames in which nobody dances are not valid.
        standard: of the style.
        probability: of the style by the model; nan for none.
        others: standards of all styles, of which the dancers that the model has not learnt from rank its probability.
        onsets: of the clip's sound.

    Raises:
        ScoreError: the clip or what it shares with the references is too short.
    """
    dance = read_dance(skeletons, onsets)
    found = measure(dance, standard.template, standard.songs)
    seen, angles = found.alignment.seen, np.degrees(found.angles)
    certainty = math.log(max(probability, 1e-3)) if not math.isnan(probability) else math.nan
    group, model = percentile(found.away, standard.away), NO_RANK
    score = group
    several = [one for one in others or (standard,) if len(one.group)]
    known = np.concatenate([one.model for one in several]) if several else np.zeros(0)
    if np.isfinite(known).sum() >= FEW and not math.isnan(certainty) and len(standard.group):
        model = percentile(-certainty, -known)
        # styles differ in difficulty
        apart = np.concatenate([one.away - np.median(one.group) for one in several])
        away = found.away - np.median(standard.group)
        score = percentile(away - CERTAINTY * certainty, apart - CERTAINTY * known)
    moments = (dance.times - dance.times[0]) // MOMENT
    tables = [
        _means(each, moments, seen)
        for each in (found.excess @ PART_WEIGHTS, angles @ PART_WEIGHTS, found.late_parts, found.amplitude)
    ]
    bones = {
        limb: [NAMES.index(f"{side}_{one}") for side in ("left", "right") for one in LIMBS[limb]] for limb in LIMBS
    }
    return Assessment(
        style=standard.style,
        score=score,
        group=group,
        model=model,
        teacher=teacher_score(found.away, standard),
        references=len(standard.dancers),
        away=found.away,
        movement=found.group,
        distance=found.distance,
        degrees=float(angles[seen].mean()),
        tempo=found.alignment.tempo,
        behind=found.behind,
        start=float(found.alignment.frames[0] % len(standard.template.bones) / FINE),
        proportions={
            limb: float(dance.lengths[of].sum() / max(standard.lengths[of].sum(), 1e-6)) for limb, of in bones.items()
        },
        seconds=float(seen.sum() / RATE),
        starts=dance.times[0] + MOMENT * np.unique(moments),
        closeness=tables[0],
        angles=tables[1],
        late=tables[2],
        amplitude=tables[3],
        remarks=find_remarks(dance, found),
        notes=(*find_gaps(skeletons, dance, found), *([] if math.isfinite(found.behind) else [NO_MUSIC])),
        dance=dance,
        turned=found.alignment.bones,
        target=expected(standard.template, found.alignment.frames)[0],
        place=found.alignment.frames % len(standard.template.bones) / FINE,
    )


def _means(values: np.ndarray, moments: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return the means of values [n, parts] over the seen frames of each moment, which are not nan."""
    known = np.isfinite(values) & seen[:, None]
    rows = []
    for moment in np.unique(moments):
        own = moments == moment
        count = known[own].sum(axis=0)
        total = np.where(known[own], values[own], 0).sum(axis=0)
        rows.append(np.where(count > 0, total / np.maximum(count, 1), np.nan))
    return np.array(rows)
