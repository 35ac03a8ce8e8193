"""The parts of a long recording: which style is danced from when to when.

A hidden Markov model whose states are the moments of the templates of all styles, and one for anything else. From a
tenth of a second to the next the choreography goes on, a little faster or slower, or another dance begins. The most
likely path of states (Viterbi 1967) gives the parts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from dance_tf.fidelity.align import BONES, RATE
from dance_tf.fidelity.score import Standard
from dance_tf.fidelity.template import FINER, NAMES, WEIGHTS, Dance, read_dance, turn_about_vertical
from dance_tf.pose.skeleton import SIDES, Skeletons

# chosen on dancers of generator seeds 0 and 7; costs are squared chords between bones, as in `template.align`
TURN = 4.0  # seconds over which the direction of the dancer is averaged
ELSE = 0.35  # cost of a frame of none of the styles, if the dancer moves
STILL, STANDING = 0.05, 1.0  # mean squared chord between bones half a second apart, over so many seconds, of no dance
FASTER = 0.2  # cost of a moment that is skipped or held
CHANGE = 6.0  # cost of another dance
SHORTEST = 3.0  # seconds of a part; shorter ones are joined with their neighbours


@dataclass(frozen=True)
class Part:
    """A part of a recording, seconds; style "" for none of them."""

    start: float
    end: float
    style: str


def find_parts(skeletons: Skeletons, standards: Mapping[str, Standard]) -> tuple[Part, ...]:
    """Return the parts of a recording one after the other, from its first to its last skeleton.

    Args:
        skeletons: of the recording.
        standards: by style.
    """
    dance = read_dance(skeletons)
    if not len(dance.times) or not standards:
        return ()
    templates = [standard.template.bones[::FINER] for standard in standards.values()]
    known = [standard.template.count[::FINER] > 0 for standard in standards.values()]
    numbers = _likeliest(_turned(dance), dance.seen, _moving(dance) * ELSE, templates, known)
    return _join(dance.times, numbers, ["", *standards])


def _turned(dance: Dance) -> np.ndarray:
    """Return the bones, turned so that the dancer faces the camera on average over `TURN` seconds around."""
    left, right = (dance.bones[:, NAMES.index(f"{side}_hip")] for side in SIDES)
    x, _, z = uniform_filter1d((left - right) * dance.seen[:, None], round(TURN * RATE), axis=0, mode="nearest").T
    return turn_about_vertical(dance.bones, -np.arctan2(z, x))


def _moving(dance: Dance) -> np.ndarray:
    """Return whether the dancer moves around each frame, bool [n]."""
    half = round(RATE / 2)
    if len(dance.bones) <= half:
        return np.ones(len(dance.bones), bool)
    change = ((dance.bones[half:] - dance.bones[:-half]) ** 2).sum(axis=-1) @ WEIGHTS
    change = np.pad(change, (half // 2, half - half // 2), "edge")
    return uniform_filter1d(change, round(STANDING * RATE), mode="nearest") > STILL


def _likeliest(
    bones: np.ndarray,
    seen: np.ndarray,
    otherwise: np.ndarray,
    templates: Sequence[np.ndarray],
    known: Sequence[np.ndarray],
) -> np.ndarray:
    """Return the number of the style at each frame, int64 [n], from 1; 0 for none, at the cost of `otherwise` [n].

    Args:
        bones: float64 [n, 18, 3].
        seen: bool [n].
        otherwise: float64 [n].
        templates: bones of each style, `RATE` frames per second.
        known: which frames of these have content.
    """
    scale = np.sqrt(WEIGHTS)[:, None]
    there = (np.concatenate(templates) * scale).reshape(-1, 3 * len(BONES))
    cost = 2 - 2 * (bones * scale).reshape(len(bones), -1) @ there.T
    cost[:, ~np.concatenate(known)] = 2 * ELSE
    cost = np.concatenate([otherwise[:, None], cost], axis=1)
    cost[~seen] = 0
    sizes = [len(template) for template in templates]
    style = np.repeat(np.arange(len(sizes) + 1), [1, *sizes])
    starts = np.concatenate([[0, 1], 1 + np.cumsum(sizes)[:-1]])
    # the state before each state, one and two moments earlier, on the circle of its style
    place = np.arange(len(style)) - starts[style]
    earlier = [starts[style] + (place - steps) % np.array([1, *sizes])[style] for steps in (0, 1, 2)]
    total, came = cost[0], np.zeros(cost.shape, np.int32)
    prices = (FASTER, 0.0, FASTER)
    for row in range(1, len(cost)):
        choices = np.stack([total[before] + price for before, price in zip(earlier, prices, strict=True)])
        best = choices.argmin(axis=0)
        value, before = choices.min(axis=0), np.choose(best, earlier)
        leave = int(total.argmin())
        changed = total[leave] + CHANGE < value
        value[changed], before[changed] = total[leave] + CHANGE, leave
        total, came[row] = value + cost[row], before
    states = [int(total.argmin())]
    for row in range(len(cost) - 1, 0, -1):
        states.append(int(came[row, states[-1]]))
    return style[states[::-1]]


def _join(times: np.ndarray, numbers: np.ndarray, names: Sequence[str]) -> tuple[Part, ...]:
    """Return the runs of equal numbers; runs shorter than `SHORTEST` get the number of the longer neighbour."""
    numbers = numbers.copy()
    while True:
        edges = np.flatnonzero(np.diff(numbers, prepend=-1))
        ends = np.append(edges[1:], len(numbers))
        lengths = ends - edges
        short = np.flatnonzero(lengths < SHORTEST * RATE)
        if not len(short) or len(edges) == 1:
            break
        place = int(short[lengths[short].argmin()])
        around = [other for other in (place - 1, place + 1) if 0 <= other < len(edges)]
        numbers[edges[place] : ends[place]] = numbers[edges[max(around, key=lambda other: lengths[other])]]
    last = len(times) - 1
    return tuple(
        Part(float(times[start]), float(times[min(end, last)]), names[numbers[start]])
        for start, end in zip(edges, ends, strict=True)
    )
