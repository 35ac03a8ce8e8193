"""The template of a style: its whole choreography, joined and averaged from the clips of reference dancers.

Each clip may show another part of a choreography that is repeated to a song. A template is a circle of frames: after
the last one follows the first one. Where the references do not show that the choreography repeats, frames without
content close the circle.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import argrelmin

from dance_tf.curation.filters import NO_ONSETS
from dance_tf.fidelity.align import BONES, RATE, facing_bones
from dance_tf.pose.joints import JOINTS
from dance_tf.pose.skeleton import SIDES, Skeletons
from dance_tf.pose.track import LONGEST_GAP

FINE = 20.0  # frames per second of a template, at the references' tempo
FINER = round(FINE / RATE)
TEMPOS = np.exp(np.linspace(-0.3, 0.3, 31))  # of a clip, relative to the template
SAME_SONG = TEMPOS[np.abs(np.log(TEMPOS)) < 0.05]  # tempos of references, which are danced to one song
OVERLAP = 3.0  # seconds that two clips have in common when they are joined
SHORTEST_LOOP = 3.0  # seconds
LONGER, POORER = 2.2, 1.25  # a loop is wrong if one at most so much longer fits so much better
SHIFTS = np.arange(-12, 13)  # frames of a template by which a dancer can be early, or late if negative
STIFFNESS, PULL = 0.1, 0.0005  # costs of a change of the shift by one frame, and of a shift, squared chords
TURNING = 1.5  # seconds, deviation of the Gaussian over which the direction of the dancer is averaged
ROUNDS = 3  # of turn, shift and tempo
ON_TIME = 0.05 * FINE  # frames, deviation of the kernel that finds the most frequent timing
MANY = 200  # frames that are enough to find it
OTHER_TEMPO = 0.6  # a tempo that is not the song's must reduce the costs to this share
STEADY = 0.022 * FINER  # deviation of the tempo from the song's, frames of a template in a frame of the dance
DRIFTS = np.linspace(-0.15, 0.15, 61)  # corrections of the tempo, frames of a template in a frame of the dance
DEPTH = np.array([1.0, 1.0, 0.5])  # weights of the axes of a difference: depth is less exact in skeletons from video
POSTURE = 0.8  # share of a constant difference of a bone that is taken out: habits, and the angle of the camera
USUAL, PRIOR = 0.15, 5  # radians, spread of a bone of a template of one dancer; references that it counts for

NAMES = tuple(JOINTS[joint] for joint in BONES)  # of the bones, by their outer joints
PARTS = {  # of the body: their bones
    **{f"{side} arm": [NAMES.index(f"{side}_{joint}") for joint in ("elbow", "wrist", "index")] for side in SIDES},
    **{f"{side} leg": [NAMES.index(f"{side}_{joint}") for joint in ("knee", "ankle", "toe")] for side in SIDES},
    "trunk": [NAMES.index(f"{side}_{joint}") for side in SIDES for joint in ("shoulder", "hip")]
    + [NAMES.index("neck")],
    "head": [NAMES.index("nose")],
}
# of the bones: small ones are less exact, and so are legs in skeletons from video, under wide clothes
EXACT = {"index": 0.3, "toe": 0.2, "knee": 0.7, "ankle": 0.7, "hip": 0.7}
WEIGHTS = np.array([EXACT.get(name.split("_")[-1], 1.0) for name in NAMES])
WEIGHTS /= WEIGHTS.sum()
# the same for each part, float64 [18, parts], with the sum 1
PART_WEIGHTS = np.stack([WEIGHTS * np.isin(np.arange(len(BONES)), part) for part in PARTS.values()], axis=1)
PART_WEIGHTS /= PART_WEIGHTS.sum(axis=0)


@dataclass(frozen=True, eq=False)
class Dance:
    """The directions of a dancer's bones at even times, `RATE` frames per second."""

    times: np.ndarray  # float64 [n], seconds
    bones: np.ndarray  # float64 [n, 18, 3], unit vectors, turned as by `facing_bones`
    seen: np.ndarray  # bool [n], False in gaps
    lengths: np.ndarray  # float64 [18], median lengths of the bones, in lengths of the torso
    onsets: np.ndarray  # float16 [k, 6], of the clip's sound (`CuratedClip.onsets`); empty without sound


def read_dance(skeletons: Skeletons, onsets: np.ndarray = NO_ONSETS) -> Dance:
    """Return the directions of bones over time; without content for skeletons with fewer than two valid frames.

    To leave out a part of a clip, such as frames that curation dropped, set `Skeletons.valid` to False there.

    Args:
        onsets: of the clip's sound.
    """
    valid, bones = skeletons.valid, facing_bones(skeletons)[skeletons.valid]
    known = skeletons.times[valid]
    if len(known) < 2:
        return Dance(np.zeros(0), np.zeros((0, len(BONES), 3)), np.zeros(0, bool), np.zeros(len(BONES)), onsets)
    at = known[0] + np.arange(int((known[-1] - known[0]) * RATE + 1e-6) + 1) / RATE
    even = _at(bones, np.interp(at, known, np.arange(len(known))))
    after = np.searchsorted(known, at - 1e-6).clip(1, len(known) - 1)
    seen = (known[after] - known[after - 1] <= LONGEST_GAP + 1e-6) | (np.abs(known[after] - at) < 1e-6)
    return Dance(at, _unit(even), seen, np.median(np.linalg.norm(bones, axis=-1), axis=0), onsets)


@dataclass(frozen=True, eq=False)
class Template:
    """The choreography of a style, `FINE` frames per second, as a circle."""

    bones: np.ndarray  # float64 [k, 18, 3], unit vectors
    spread: np.ndarray  # float64 [k, 18], radians, from which two of three references are less away
    count: np.ndarray  # int64 [k], how often the references show a frame; 0 in the gap of a choreography without loop

    @property
    def seconds(self) -> float:
        """Length of the choreography."""
        return float((self.count > 0).sum() / FINE)


@dataclass(frozen=True, eq=False)
class Alignment:
    """A dance in the time of a template."""

    frames: np.ndarray  # float64 [n], frames of the template at the time of the music, not reduced to the circle
    early: np.ndarray  # float64 [n], frames by which the dancer is early, late if negative
    bones: np.ndarray  # float64 [n, 18, 3], turned to the direction of the template
    seen: np.ndarray  # bool [n], whether both show the frame
    tempo: float  # relative to the references

    def line(self, times: np.ndarray) -> tuple[float, float]:
        """Return the frame of the template at time 0 of the clip, and frames a second; `times` as in `Dance`."""
        rate = float(self.frames[-1] - self.frames[0]) / max(times[-1] - times[0], 1 / RATE)
        return float(self.frames[0]) - rate * times[0], rate


def _at(values: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Interpolate values [k, …] on a circle at frames [n]."""
    low = np.floor(frames).astype(int)
    share = (frames - low).reshape(-1, *[1] * (values.ndim - 1))
    return values[low % len(values)] * (1 - share) + values[(low + 1) % len(values)] * share


def _unit(bones: np.ndarray) -> np.ndarray:
    return bones / np.maximum(np.linalg.norm(bones, axis=-1, keepdims=True), 1e-9)


def expected(template: Template, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return bones [n, 18, 3], spread [n, 18] and presence bool [n] of a template at frames [n]."""
    present = _at((template.count > 0).astype(float), frames) > 0.99
    return _at(template.bones, frames), _at(template.spread, frames), present


def _place(dance: Dance, bones: np.ndarray, known: np.ndarray, tempos: Sequence[float]) -> tuple[int, float, float]:
    """Return start, tempo and cost of the best place of a dance on a circle [k, 18, 3] at `RATE`."""
    number = np.flatnonzero(dance.seen)
    here, there = (
        (each * np.sqrt(WEIGHTS)[:, None]).reshape(len(each), -1) for each in (dance.bones[dance.seen], bones)
    )
    cost = np.where(known, (here**2).sum(axis=1)[:, None] + (there**2).sum(axis=1) - 2 * here @ there.T, 0)
    rows, found = np.arange(len(number)), (0, 1.0, np.inf)
    for tempo in tempos:
        columns = (np.arange(len(bones))[:, None] + np.rint(tempo * number).astype(int)) % len(bones)
        shared = known[columns].sum(axis=1)
        mean = cost[rows, columns].sum(axis=1) / np.maximum(shared, 1)
        mean[shared < min(OVERLAP * RATE, len(rows))] = np.inf
        start = int(mean.argmin())
        if mean[start] < found[2]:
            found = (start, float(tempo), float(mean[start]))
    return found


def align(dance: Dance, template: Template, tempos: Sequence[float] = TEMPOS) -> Alignment:
    """Find a dance in a template: start and tempo first, then how early or late the dancer is at each moment.

    The dancer is on time where the timing is as it is most of the time. A slow turn of the dancer is undone.

    Args:
        dance: with at least one frame that is seen.
        template: of its style.
        tempos: that are tried beside those of the references, relative to the template.
    """
    number, coarse = np.arange(len(dance.times)), (template.bones[::FINER], template.count[::FINER] > 0)
    start, tempo, cost = _place(dance, *coarse, SAME_SONG)
    other = _place(dance, *coarse, tempos)
    usual = 1.0
    if other[2] < OTHER_TEMPO * cost:
        start, tempo, _ = other
        usual = tempo
    frames, early = FINER * (start + tempo * number), np.zeros(len(number))
    for _ in range(ROUNDS):
        target, _, present = expected(template, frames + early)
        seen = dance.seen & present
        turned = _turn(dance.bones, target, seen)
        others = _at(template.bones, (frames[:, None] + SHIFTS).ravel()).reshape(len(number), len(SHIFTS), -1, 3)
        cost = ((turned[:, None] - others) ** 2).sum(axis=-1) @ WEIGHTS * seen[:, None]
        cost = gaussian_filter1d(cost, 0.15 * RATE, axis=0, mode="nearest")
        early = SHIFTS[_cheapest_path(cost + PULL * SHIFTS**2)].astype(float)
        early += ahead(turned, template, frames + early, seen, WEIGHTS[:, None])[:, 0]
        line = _usual_timing(number, early, seen, FINER * usual - (frames[1] - frames[0]))
        frames, early = frames + line, early - line
    return Alignment(frames, early, turned, seen, float((frames[-1] - frames[0]) / max(number[-1], 1) / FINER))


def ahead(
    bones: np.ndarray, template: Template, frames: np.ndarray, seen: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return by how many frames bones are ahead of a template: the shift that explains most of their differences.

    Args:
        bones: float64 [n, 18, 3].
        template: of which the bones are at `frames`, float64 [n].
        seen: bool [n].
        weights: of the bones, float64 [18, m].

    Returns:
        float64 [n, m], at most two frames; near 0 where the bones hardly move.
    """
    speed = np.gradient(gaussian_filter1d(template.bones, 1.0, axis=0, mode="wrap"), axis=0)
    moving = _at(speed, frames)
    along, power = (
        gaussian_filter1d((each * moving).sum(axis=-1) @ weights * seen[:, None], 0.2 * RATE, axis=0, mode="nearest")
        for each in (bones - _at(template.bones, frames), moving)
    )
    return np.clip(along / (power + 5e-4), -2, 2)


def _turn(bones: np.ndarray, target: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Turn bones [n, 18, 3] about the vertical to the direction of others, as far as this changes slowly."""
    pairs = ((0, 0, 2, 2, 1), (0, 2, 2, 0, -1))  # of the cosine, and of the sine
    cosine, sine = (
        gaussian_filter1d(
            (bones[..., a] * target[..., b] + sign * bones[..., c] * target[..., d]) @ WEIGHTS * seen,
            TURNING * RATE,
            mode="nearest",
        )
        for a, b, c, d, sign in pairs
    )
    return turn_about_vertical(bones, np.arctan2(sine, cosine))


def turn_about_vertical(bones: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Return bones [n, 18, 3], turned by angles [n], radians, from x towards z."""
    cosine, sine = np.cos(angles)[:, None], np.sin(angles)[:, None]
    x, y, z = np.moveaxis(bones, -1, 0)
    return np.stack([cosine * x - sine * z, y, sine * x + cosine * z], axis=-1)


def _cheapest_path(cost: np.ndarray) -> np.ndarray:
    """Return the columns int [n] of a path through cost [n, m], of which each change costs `STIFFNESS` a column."""
    columns = np.arange(cost.shape[1])
    change = STIFFNESS * np.abs(columns[:, None] - columns)
    total, before = cost[0], np.zeros(cost.shape, int)
    for row in range(1, len(cost)):
        through = total + change
        before[row] = through.argmin(axis=1)
        total = cost[row] + through[columns, before[row]]
    path = [int(total.argmin())]
    for row in range(len(cost) - 1, 0, -1):
        path.append(before[row, path[-1]])
    return np.array(path[::-1])


def _usual_timing(number: np.ndarray, early: np.ndarray, seen: np.ndarray, usual: float) -> np.ndarray:
    """Return the values, float64 [n], of the line on which most of the seen points lie, preferably of a usual slope."""
    middle, chosen = number[seen].mean(), np.flatnonzero(seen)
    chosen = chosen[:: len(chosen) // MANY + 1]
    apart = early[chosen] - DRIFTS[:, None] * (number[chosen] - middle)
    near = np.exp(-(((apart[:, :, None] - apart[:, None]) / ON_TIME) ** 2) / 2).sum(axis=-1)
    near *= np.exp(-(((DRIFTS[:, None] - usual) / STEADY) ** 2) / 2)
    drift, point = np.unravel_index(near.argmax(), near.shape)
    close = np.abs(apart[drift] - apart[drift, point]) < 2 * ON_TIME
    return apart[drift, close].mean() + DRIFTS[drift] * (number - middle)


class _Line:
    """Sums of dances that were placed in a common time, at `RATE`."""

    def __init__(self, length: int) -> None:
        self.total, self.count = np.zeros((length, len(BONES), 3)), np.zeros(length, int)

    @property
    def mean(self) -> np.ndarray:
        """Mean directions, float64 [k, 18, 3]."""
        return _unit(self.total)

    def add(self, dance: Dance, start: int, tempo: float) -> None:
        """Add a dance on the circle."""
        source = np.arange(0, tempo * (len(dance.times) - 1) + 1e-6) / tempo
        bones, seen = _at(dance.bones, source), _at(dance.seen.astype(float), source) > 0.99
        places = (start + np.arange(len(source))) % len(self.total)
        np.add.at(self.total, places[seen], bones[seen])
        np.add.at(self.count, places[seen], 1)

    def plus(self, other: "_Line", sign: int = 1) -> "_Line":
        """Return the sums of both, or without the other."""
        both = _Line(0)
        both.total, both.count = self.total + sign * other.total, self.count + sign * other.count
        return both

    def folded(self, loop: int) -> "_Line":
        """Return the same sums on a circle of `loop` frames."""
        folded, places = _Line(loop), np.arange(len(self.total)) % loop
        np.add.at(folded.total, places, self.total)
        np.add.at(folded.count, places, self.count)
        return folded


def _join(dances: Sequence[Dance]) -> _Line:
    """Place each dance where it resembles those placed before, the most similar first."""
    left = sorted(dances, key=lambda dance: -dance.seen.sum())
    longest = max(len(dance.times) for dance in left)
    line = _Line(4 * longest)
    line.add(left.pop(0), longest, 1.0)
    while left:
        mean, known = line.mean, line.count > 0
        found = [_place(dance, mean, known, (1.0,)) for dance in left]
        best = int(np.argmin([cost for *_, cost in found]))
        line.add(left.pop(best), found[best][0], 1.0)
    inside = np.flatnonzero(line.count)
    line.total, line.count = (each[inside[0] : inside[-1] + 1] for each in (line.total, line.count))
    return line


def _loops(line: _Line) -> list[int]:
    """Return the lags, in frames, after which a line resembles itself."""
    mean, known = line.mean, line.count > 0
    lags = np.arange(round(SHORTEST_LOOP * RATE), len(mean) - round(OVERLAP * RATE))
    apart = []
    for lag in lags:
        both = known[lag:] & known[:-lag]
        apart.append((((mean[lag:] - mean[:-lag]) ** 2).sum(axis=-1) @ WEIGHTS)[both].mean() if both.any() else np.inf)
    low = argrelmin(np.array(apart), order=3)[0] if apart else []
    return [int(lags[place]) for place in low if apart[place] < 0.6 * np.median(apart)]


def _close(dances: Sequence[Dance], line: _Line) -> _Line:
    """Return the shortest circle that fits about as well as longer ones, or the line with a gap that closes it."""
    fits: dict[int, tuple[_Line, float]] = {}

    def fit(loop: int) -> tuple[_Line, float]:
        """Return the circle of this length, and the mean cost of each dance against the others."""
        if loop not in fits:
            circle = line.folded(loop)
            for _ in range(3):
                own = [_Line(loop) for _ in dances]
                for dance, alone in zip(dances, own, strict=True):
                    alone.add(dance, *_place(dance, circle.mean, circle.count > 0, SAME_SONG)[:2])
                circle = reduce(_Line.plus, own)
            others = [circle.plus(alone, -1) if len(dances) > 1 else circle for alone in own]
            costs = [
                _place(dance, rest.mean, rest.count > 0, SAME_SONG)[2]
                for dance, rest in zip(dances, others, strict=True)
            ]
            costs = [cost for cost in costs if np.isfinite(cost)]
            fits[loop] = circle, float(np.mean(costs)) if costs else np.inf
        return fits[loop]

    loops = _loops(line)
    for loop in loops:
        if fit(loop)[1] < POORER * min(fit(other)[1] for other in loops if loop <= other <= LONGER * loop):
            return fit(loop)[0]
    return line.folded(len(line.total) + max(len(dance.times) for dance in dances))


@dataclass(frozen=True, eq=False)
class JoinedDances:
    """References of a style in the time of their template."""

    rows: np.ndarray  # float64 [rows, k, 18, 3], nan where a row does not show a frame
    dancers: np.ndarray  # str [rows]; a dancer can have several rows

    def template(self, without: str | None = None) -> Template:
        """Return the average over the dancers, perhaps without one of them."""
        rows = self.rows if without is None else self.rows[self.dancers != without]
        count = np.isfinite(rows[..., 0, 0]).sum(axis=0)
        middle = gaussian_filter1d(np.nan_to_num(_quantile(rows, count, 0.5)), 0.05 * FINE, axis=0, mode="wrap")
        bones = _unit(middle)
        apart = rows - bones
        shown = np.isfinite(apart).sum(axis=1, keepdims=True)
        apart -= POSTURE * np.nansum(apart, axis=1, keepdims=True) / np.maximum(shown, 1)
        own = np.nan_to_num(_quantile(np.linalg.norm(apart * DEPTH, axis=-1), count, 0.68))
        several = count > 1
        pooled = np.sqrt((several @ own**2 + PRIOR * USUAL**2) / (several.sum() + PRIOR))
        shown = np.where(several, count, 0)[:, None]
        spread = np.sqrt((shown * own**2 + PRIOR * pooled**2) / (shown + PRIOR))
        return Template(bones, spread, count)


def _quantile(rows: np.ndarray, count: np.ndarray, share: float) -> np.ndarray:
    """Return a quantile over the rows [r, k, …] that are not nan, of which there are count [k]; nan where none is."""
    ordered = np.sort(rows, axis=0)  # nan last
    place = share * np.maximum(count - 1, 0)
    low = np.floor(place).astype(int)
    high, frames = np.minimum(low + 1, np.maximum(count - 1, 0)), np.arange(len(count))
    part = (place - low).reshape(-1, *[1] * (rows.ndim - 2))
    return ordered[low, frames] * (1 - part) + ordered[high, frames] * part


def join_dances(dances: Sequence[Dance], dancers: Sequence[str]) -> JoinedDances:
    """Join the references of a style, of which each may show another part of the choreography.

    Args:
        dances: at least one, each with at least one frame that is seen.
        dancers: of the dances.
    """
    line = _close(dances, _join(dances))
    length = FINER * len(line.total)
    bones = _unit(_at(line.mean, np.arange(length) / FINER))
    template = Template(bones, np.full((length, len(BONES)), USUAL), np.repeat(line.count, FINER))
    for _ in range(2):
        rows = [
            (row, dancer)
            for dance, dancer in zip(dances, dancers, strict=True)
            for row in _rows(align(dance, template, ()), length)
        ]
        joined = JoinedDances(np.stack([row for row, _ in rows]), np.array([dancer for _, dancer in rows]))
        template = joined.template()
    return joined


def _rows(alignment: Alignment, length: int) -> Iterator[np.ndarray]:
    """Yield the bones of a dance at the frames of its template, float64 [length, 18, 3], once for each round."""
    places = np.maximum.accumulate(alignment.frames + alignment.early)
    at = np.arange(np.ceil(places[0]), np.floor(places[-1]) + 1)
    source = np.interp(at, places, np.arange(len(places)))
    bones, seen = _at(alignment.bones, source), _at(alignment.seen.astype(float), source) > 0.99
    for first in range(0, len(at), length):
        part = np.arange(first, min(first + length, len(at)))[seen[first : first + length]]
        row = np.full((length, len(BONES), 3), np.nan)
        row[at[part].astype(int) % length] = bones[part]
        yield row
