"""Place a dance in the song that the references dance to: only the music shows that a dancer is late throughout."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import correlate

from dance_tf.video.sound import ONSET_RATE

BLUR = 0.02  # seconds, deviation of the Gaussian: the same song may be a little faster
SHARED = 3.0  # seconds, the shortest overlap of two clips of a song
SAME_SONG = 0.5  # correlation of onset strengths above which two clips have the same song
LONGEST = 0.6  # seconds, the longest delay that is looked for
NEAR = 0.2  # seconds around the delay of all references, in which each has its own
UNLIKELY = 3.0  # seconds of a delay that count as much as a correlation of 1: songs repeat
FEWEST = 0.4  # share of the references that must have the song


@dataclass(frozen=True, eq=False)
class Song:
    """The sound of a reference clip, and how its dance runs through the template."""

    dancer: str
    onsets: np.ndarray  # float16 [k, bands], `ONSET_RATE` a second from the start of the clip
    first: float  # frame of the template at the start of the clip
    rate: float  # frames of the template in a second


def agreement(onsets: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how well two clips fit together as parts of one song, for each shift of one against the other.

    Args:
        onsets, others: float [n, bands] and [m, bands], `ONSET_RATE` a second.

    Returns:
        Correlation of what they share, 0 where that is shorter than `SHARED`; the middle of what they share, in seconds
        of the first and of the second clip. All float64 [n + m - 1].
    """
    one, two = (gaussian_filter1d(each.astype(float), BLUR * ONSET_RATE, axis=0) for each in (onsets, others))
    one, two = (each - each.mean(axis=0) for each in (one, two))
    power = correlate((one**2).sum(axis=1), np.ones(len(two))) * correlate(np.ones(len(one)), (two**2).sum(axis=1))
    shared = sum(correlate(*bands) for bands in zip(one.T, two.T, strict=True))
    lags = np.arange(1 - len(two), len(one))
    first, last = np.maximum(lags, 0), np.minimum(lags + len(two), len(one))
    long = last - first >= SHARED * ONSET_RATE
    found = np.where(long, shared / np.sqrt(np.maximum(power, 1e-9)), 0)
    return found, (first + last) / 2 / ONSET_RATE, ((first + last) / 2 - lags) / ONSET_RATE


def late_against_music(onsets: np.ndarray, first: float, rate: float, songs: Sequence[Song], loop: int) -> float:
    """Return by how many frames of the template a dance is late against the music, compared with the references.

    Each delay says which moments of the clip and of a reference must sound alike. The delay counts for which the
    references agree best; where a song repeats soon, it is a short one.

    Args:
        onsets: of the clip.
        first, rate: of its dance, as of `Song`.
        songs: of other dancers.
        loop: length of the template in frames.

    Returns:
        Negative for early; nan if fewer of the references than `FEWEST` have the song, or if the delay would be over
        `LONGEST`.
    """
    delays = np.arange(-LONGEST, LONGEST + 1e-9, 1 / ONSET_RATE)
    places, curves = delays * rate, []
    for song in songs:
        if min(len(onsets), len(song.onsets)) < SHARED * ONSET_RATE:
            continue
        fits, here, there = agreement(onsets, song.onsets)
        late = (song.first + song.rate * there - first - rate * here + loop / 2) % loop - loop / 2
        near = (np.abs(late) <= places[-1] + rate / ONSET_RATE) & (fits != 0)
        curve = np.zeros(len(delays))
        np.maximum.at(
            curve, np.rint((late[near] / rate + LONGEST) * ONSET_RATE).astype(int).clip(0, len(delays) - 1), fits[near]
        )
        curves.append(curve)
    curves = [curve for curve in curves if curve.max() >= SAME_SONG]
    if not curves or len(curves) < FEWEST * len(songs):
        return np.nan
    about = np.argmax(np.mean(curves, axis=0) - (delays / UNLIKELY) ** 2)
    near = np.abs(delays - delays[about]) <= NEAR
    return float(np.median([places[near][curve[near].argmax()] for curve in curves]))
