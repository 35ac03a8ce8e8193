"""How close a dance is to the template of its style: at each moment, by part of the body, and as a percentile.

Percentiles are among the reference dancers of the style, each of them measured against a template of the others.
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.stats import beta, spearmanr
from sklearn.isotonic import IsotonicRegression

from dance_tf.curation.filters import NO_ONSETS
from dance_tf.dataset.dataset import Dataset
from dance_tf.fidelity.align import RATE
from dance_tf.fidelity.sound import Song, late_against_music
from dance_tf.fidelity.template import (
    DEPTH,
    FINE,
    PART_WEIGHTS,
    PARTS,
    POSTURE,
    WEIGHTS,
    Alignment,
    Dance,
    Template,
    ahead,
    align,
    expected,
    join_dances,
    read_dance,
)
from dance_tf.pose.skeleton import Skeletons

# chosen on half of the dancers of generator seed 0
TIMING = 1.0  # weight of the unsteadiness of the timing, against the distance of the bones
FLOOR = 0.1  # seconds a second, unsteadiness that counts as none
TEMPO_SPREAD, FREE = 0.015, 3.0  # deviation of log tempo among references, and how many of them cost nothing
USUAL_SWING, SCALE = 0.35, 3.0  # log amplitude that costs nothing, and the weight of what exceeds it
BEHIND, MOST = 6.0, 0.15  # weight of a second of delay against the music, and the largest delay that counts, seconds
ON_BEAT = -0.05  # seconds: dancers on the beat are so much earlier than the middle one of the references
CERTAINTY = 0.1  # weight of the model's log probability
SWING = 1.0  # seconds, deviation of the Gaussian over which amplitudes are measured
LEAST_SWING = 0.1  # radians; the amplitude of smaller movements means nothing
STRANGE = 0.85  # of `style_distances`: a dance further from all styles is of none; chosen on all dancers of seed 0
SCORED = 8  # clips, the fewest from which the scale of a teacher is fitted
PACKED = ("dancers", "group", "model", "lengths", "clips")  # attributes of `Standard` beside style and template


class ScoreError(ValueError):
    """A dance that cannot be scored; the message says why and what to do, in one line."""


@dataclass(frozen=True, eq=False)
class Measures:
    """How a dance differs from a template, `RATE` frames per second; frames without `alignment.seen` mean nothing."""

    alignment: Alignment
    toward: np.ndarray  # float64 [n, 18, 3], differences of the unit vectors, clip - template
    excess: np.ndarray  # float64 [n, 18], the same without most of its mean, in units of the references' spread
    late: np.ndarray  # float64 [n], seconds; early if negative
    late_parts: np.ndarray  # float64 [n, parts], the same of each part
    amplitude: np.ndarray  # float64 [n, parts], of movements relative to the template; nan where it hardly moves
    behind: float  # seconds by which the dancer is late against the music, included in `late`; nan if not known
    distance: float  # mean angle of the bones in units of the spread
    unsteady: float  # mean change of `late` in a second, seconds
    group: float  # log distance from the references: bones, timing, tempo, amplitude
    music: float  # what the delay against the music adds to it

    @property
    def away(self) -> float:
        """How far the dancer is from the references: movements and delay against the music."""
        return self.group + self.music

    @property
    def angles(self) -> np.ndarray:
        """Angles between the bones and the template's, float64 [n, 18], radians."""
        return 2 * np.arcsin(np.minimum(np.linalg.norm(self.toward, axis=-1) / 2, 1))


def measure(dance: Dance, template: Template, songs: Sequence[Song] = ()) -> Measures:
    """Compare a dance with a template at the time of the music.

    Without the sound, the dancer is on time where the timing is as it is most of the time.

    Args:
        songs: of the references, to find out from the sound whether the dancer is late throughout.

    Raises:
        ScoreError: the dance has less than a second in common with the template.
    """
    if dance.seen.sum() < RATE:
        raise ScoreError("the dancer is found in less than one second: choose a clip that shows the whole dancer")
    found = align(dance, template)
    seen = found.seen
    if seen.sum() < RATE:
        raise ScoreError("less than one second of the clip is in the references: choose references that show more")
    target, spread, _ = expected(template, found.frames)
    behind = late_against_music(dance.onsets, *found.line(dance.times), songs, len(template.bones)) / FINE
    toward, late = found.bones - target, np.nan_to_num(behind) - found.early / FINE
    excess = np.linalg.norm((toward - POSTURE * toward[seen].mean(axis=0)) * DEPTH, axis=-1) / spread
    distance = float((excess @ WEIGHTS)[seen].mean())
    both = seen[1:] & seen[:-1]
    unsteady = float(np.abs(np.diff(late))[both].sum() / max(both.sum(), 1) * RATE)
    offbeat = max(abs(math.log(found.tempo)) / TEMPO_SPREAD - FREE, 0.0)
    amplitude = _amplitude(found, template)
    known = amplitude[seen][np.isfinite(amplitude[seen])]
    offscale = max(abs(math.log(max(np.median(known), 0.05))) - USUAL_SWING, 0.0) if len(known) else 0.0
    group = math.log(max(distance, 1e-3)) + TIMING * math.log(FLOOR + unsteady) + offbeat + SCALE * offscale
    # an unknown delay counts as the usual one
    music = BEHIND * min(abs(np.nan_to_num(behind) - ON_BEAT), MOST) if songs else 0.0
    parts = late[:, None] - ahead(found.bones, template, found.frames + found.early, seen, PART_WEIGHTS) / FINE
    return Measures(found, toward, excess, late, parts, amplitude, behind, distance, unsteady, group, music)


def _amplitude(found: Alignment, template: Template) -> np.ndarray:
    """Return the extent of the movements of each part around a moment relative to the template, whatever the timing."""
    extents = []
    for bones in (found.bones, expected(template, found.frames + found.early)[0]):
        middle, square = (
            gaussian_filter1d(each * found.seen[:, None, None], SWING * RATE, axis=0, mode="nearest")
            / np.maximum(gaussian_filter1d(found.seen.astype(float), SWING * RATE, mode="nearest"), 1e-6)[:, None, None]
            for each in (bones, bones**2)
        )
        swing = np.maximum(square - middle**2, 0).sum(axis=-1)
        extents.append(np.sqrt(np.stack([swing[:, part].mean(axis=1) for part in PARTS.values()], axis=1)))
    return np.where(extents[1] > LEAST_SWING, extents[0] / np.maximum(extents[1], 1e-6), np.nan)


@dataclass(frozen=True)
class Percentile:
    """A rank among reference dancers with its 95 % interval (`percentile`); nan with fewer than two."""

    value: float  # 0 to 100: percent of the references that are further from the style
    low: float
    high: float


NO_TEACHER = np.zeros((2, 0))
NO_RANK = Percentile(math.nan, math.nan, math.nan)


def percentile(value: float, references: np.ndarray) -> Percentile:
    """Return the rank of a value, of which smaller is better, among those of the reference dancers, float64 [d].

    References that are nan are left out. The interval is that of Jeffreys for a share of d dancers (Brown, Cai and
    DasGupta, 2001): a bootstrap would be certain of a dance that is closer than all of five references.
    """
    references = references[~np.isnan(references)]
    count, worse = len(references), float((references > value).sum() + 0.5 * (references == value).sum())
    if count < 2 or math.isnan(value):
        return NO_RANK
    low, high = beta.ppf([0.025, 0.975], worse + 0.5, count - worse + 0.5)
    return Percentile(100 * worse / count, 100 * low if worse else 0.0, 100 * high if worse < count else 100.0)


@dataclass(frozen=True, eq=False)
class ReferenceClip:
    """A clip of a reference dancer."""

    dancer: str
    skeletons: Skeletons
    probability: float = math.nan  # of the style by a model that has not learnt from this dancer
    clip_id: str = ""
    onsets: np.ndarray = field(default_factory=NO_ONSETS.copy)  # of its sound
    score: float = math.nan  # of a teacher, 0 to 100


@dataclass(frozen=True, eq=False)
class Standard:
    """The template of a style and what its reference dancers reach, each against a template of the others."""

    style: str
    template: Template
    dancers: tuple[str, ...]
    group: np.ndarray  # float64 [dancers], `Measures.group`; empty with one dancer
    music: np.ndarray  # float64 [dancers], `Measures.music`
    model: np.ndarray  # float64 [dancers], log probability of the style; nan where not given
    lengths: np.ndarray  # float64 [18], median lengths of bones in torsos
    clips: tuple[str, ...]  # a clip of each dancer; "" where not given
    songs: tuple[Song, ...] = ()  # of the clips with sound
    # float64 [2, k], the scale of a teacher: how much further than the middle reference a clip is, and its score
    teacher: np.ndarray = field(default_factory=NO_TEACHER.copy)

    @property
    def away(self) -> np.ndarray:
        """How far each dancer is from the others, float64 [dancers]: movements and delay against the music."""
        return self.group + self.music


def build_standard(style: str, references: Sequence[ReferenceClip]) -> Standard:
    """Join the references of a style to its template, and measure each dancer against a template of the others.

    The places of the others in the template are kept, so that it is joined only once.

    Raises:
        ScoreError: there is no reference with a dancer.
    """
    dances = [(read_dance(one.skeletons, one.onsets), one) for one in references]
    dances = [(dance, one) for dance, one in dances if dance.seen.sum() >= RATE]
    if not dances:
        raise ScoreError(f"no reference of {style} shows a dancer for a second: add a clip of the whole choreography")
    joined = join_dances([dance for dance, _ in dances], [one.dancer for _, one in dances])
    whole = joined.template()
    songs = tuple(
        Song(one.dancer, dance.onsets, *align(dance, whole, ()).line(dance.times))
        for dance, one in dances
        if len(dance.onsets)
    )
    clips = {one.dancer: one.clip_id for _, one in reversed(dances)}
    dancers = tuple(sorted(clips))
    group, music, model, scored = [], [], [], []
    for dancer in dancers if len(dancers) > 1 else ():
        template = joined.template(without=dancer)
        own = [(dance, one) for dance, one in dances if one.dancer == dancer]
        heard = [song for song in songs if song.dancer != dancer]
        found = [measure(dance, template, heard) for dance, _ in own]
        group.append(np.mean([one.group for one in found]))
        music.append(np.mean([one.music for one in found]))
        model.append(np.mean(np.log(np.maximum([one.probability for _, one in own], 1e-3))))
        scored += [(each.away, one.score) for each, (_, one) in zip(found, own, strict=True) if one.score == one.score]
    lengths = np.median([dance.lengths for dance, _ in dances], axis=0)
    clips = tuple(clips[dancer] for dancer in dancers)
    away = np.array(group) + np.array(music)
    teacher = np.array(scored).reshape(-1, 2).T - [[np.median(away) if scored else 0.0], [0.0]]
    ranks = np.array(group), np.array(music), np.array(model)
    return Standard(style, whole, dancers, *ranks, lengths, clips, songs, teacher)


def build_standards(
    dataset: Dataset,
    probabilities: Mapping[str, float],
    clips: Sequence[int] | None = None,
    scores: Mapping[str, float] | None = None,
) -> dict[str, Standard]:
    """Return the standard of each style of a dataset; styles without a dancer to be seen are left out.

    Args:
        dataset: with skeletons.
        probabilities: of the clip's own style, by clip id, of clips whose dancers the model has not learnt from.
        clips: indices of the clips to use; all by default.
        scores: of a teacher, 0 to 100, by clip id, of some clips.

    Raises:
        DatasetError: a clip has no skeletons.
    """
    references: dict[str, list[ReferenceClip]] = {style: [] for style in dataset.styles}
    skeletons, onsets = dataset.clip_skeletons, dataset.clip_onsets
    for place in range(len(dataset.clips)) if clips is None else clips:
        clip, dancer = dataset.clips[place], dataset.dancers[place]
        probability = probabilities.get(clip.clip_id, math.nan)
        known = ReferenceClip(dancer, skeletons[place], probability, clip.clip_id, onsets[place])
        references[clip.style].append(replace(known, score=(scores or {}).get(clip.clip_id, math.nan)))
    standards = {}
    for style, known in references.items():
        with suppress(ScoreError):
            standards[style] = build_standard(style, known)
    scored = np.concatenate([NO_TEACHER, *(standard.teacher for standard in standards.values())], axis=1)
    teacher = fit_teacher(*scored)
    return {style: replace(standard, teacher=teacher) for style, standard in standards.items()}


def fit_teacher(apart: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the scale of a teacher for `Standard.teacher`: the falling curve that fits the scores best.

    With fewer than `SCORED` clips, or if nearer dances do not get higher scores, there is none: float64 [2, 0].

    Args:
        apart: float64 [k], how much further each clip is than the middle reference of its style.
        scores: float64 [k], of the teacher, 0 to 100.
    """
    if len(apart) < SCORED or np.ptp(scores) == 0 or spearmanr(apart, scores).statistic >= 0:
        return NO_TEACHER
    curve = IsotonicRegression(increasing=False, out_of_bounds="clip").fit(apart, scores)
    return np.stack([curve.X_thresholds_, curve.y_thresholds_])


def teacher_score(away: float, standard: Standard) -> float:
    """Return the score, 0 to 100, that the teacher would give; nan without a teacher's scores."""
    apart, given = standard.teacher
    return float(np.interp(away - np.median(standard.away), apart, given)) if len(apart) else math.nan


def style_distances(skeletons: Skeletons, standards: Mapping[str, Standard]) -> dict[str, float]:
    """Return how much further a dance is from each style than the middle one of its reference dancers.

    The nearest style is a verdict without a network: distances of styles with easy and hard dances can be compared.

    Returns:
        Differences of `Measures.group` by style; infinite for a style with fewer than two reference dancers, and where
        dance and references have too little in common.
    """
    dance, apart = read_dance(skeletons), dict.fromkeys(standards, math.inf)
    for style, standard in standards.items():
        if len(standard.group):
            with suppress(ScoreError):
                apart[style] = float(measure(dance, standard.template).group - np.median(standard.group))
    return apart


def pack_standards(standards: Mapping[str, Standard]) -> dict[str, np.ndarray]:
    """Return standards as arrays for `numpy.savez_compressed`."""
    packed = {"styles": np.array(list(standards))}
    for place, one in enumerate(standards.values()):
        values = {**vars(one.template), **{name: getattr(one, name) for name in PACKED}}
        values |= {
            "music": one.music,
            "teacher": one.teacher,
            "song_dancers": [song.dancer for song in one.songs],
            "song_lines": [(song.first, song.rate, len(song.onsets)) for song in one.songs],
            "song_onsets": np.concatenate([NO_ONSETS, *(song.onsets for song in one.songs)]),
        }
        packed |= {f"{place}/{name}": np.asarray(value) for name, value in values.items()}
    return packed


def unpack_standards(packed: Mapping[str, np.ndarray]) -> dict[str, Standard]:
    """Return the standards of `pack_standards`, by style.

    Raises:
        ScoreError: an array is missing.
    """
    standards = {}
    try:
        for place, style in enumerate(packed["styles"].tolist()):
            template = Template(*(packed[f"{place}/{field.name}"] for field in fields(Template)))
            values = {name: packed[f"{place}/{name}"] for name in PACKED}
            values["music"] = packed.get(f"{place}/music", np.zeros(len(values["group"])))  # earlier versions had none
            values["teacher"] = packed.get(f"{place}/teacher", NO_TEACHER)
            values |= {name: tuple(values[name].tolist()) for name in ("dancers", "clips")}
            standards[style] = Standard(style, template, **values, songs=_unpack_songs(packed, place))
    except KeyError as missing:
        raise ScoreError(f"the stored dances of the model lack {missing}: train it again") from missing
    return standards


def _unpack_songs(packed: Mapping[str, np.ndarray], place: int) -> tuple[Song, ...]:
    """Return the songs of a style; models of earlier versions have none."""
    if f"{place}/song_lines" not in packed:
        return ()
    dancers, lines, onsets = (packed[f"{place}/song_{name}"] for name in ("dancers", "lines", "onsets"))
    lines = lines.reshape(-1, 3)
    parts = np.split(onsets, np.cumsum(lines[:, 2].astype(int))[:-1])
    return tuple(
        Song(dancer, part, first, rate)
        for dancer, part, (first, rate, _) in zip(dancers.tolist(), parts, lines.tolist(), strict=False)
    )
