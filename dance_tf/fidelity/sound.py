"""Place a dance in the song that the references dance to: only the music shows that a dancer is late throughout."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import correlate

ONSET_RATE = 100  # onset strengths per second, as `video.sound` reads them
BLUR = 0.02  # seconds, deviation of the Gaussian: the same song may be a little faster
SHARED = 3.0  # seconds, the shortest overlap of two clips of a song
SAME_SONG = 0.5  # correlation of onset strengths above which two clips have the same song
AS_GOOD = 0.97  # of the best correlation, for other places of a song that repeats
FEWEST = 0.2  # share of the references that must have the song


@dataclass(frozen=True, eq=False)
class Song:
    """The sound of a reference clip, and how its dance runs through the template."""

    dancer: str
    onsets: np.ndarray  # float16 [k], `ONSET_RATE` a second from the start of the clip
    first: float  # frame of the template at the start of the clip
    rate: float  # frames of the template in a second


def find_offsets(onsets: np.ndarray, others: np.ndarray) -> list[tuple[float, float]]:
    """Find where two clips play the same part of a song.

    Args:
        onsets, others: float [n] and [m], `ONSET_RATE` a second.

    Returns:
        For each place in which they agree: the middle of what they share, in seconds of either clip; empty for
        different songs.
    """
    shortest = round(SHARED * ONSET_RATE)
    if min(len(onsets), len(others)) < shortest:
        return []
    one, two = (gaussian_filter1d(each.astype(float), BLUR * ONSET_RATE) for each in (onsets, others))
    one, two = (each - each.mean() for each in (one, two))
    power = correlate(one**2, np.ones(len(two))) * correlate(np.ones(len(one)), two**2)
    agreement = correlate(one, two) / np.sqrt(np.maximum(power, 1e-9))
    lags = np.arange(1 - len(two), len(one))
    first, last = np.maximum(lags, 0), np.minimum(lags + len(two), len(one))
    agreement[last - first < shortest] = 0
    best = agreement.max()
    if best < SAME_SONG:
        return []
    peaks = (agreement >= AS_GOOD * best) & (agreement >= np.roll(agreement, 1)) & (agreement >= np.roll(agreement, -1))
    middles = (first + last)[peaks] / 2
    return [
        (middle / ONSET_RATE, (middle - lag) / ONSET_RATE) for middle, lag in zip(middles, lags[peaks], strict=True)
    ]


def late_against_music(onsets: np.ndarray, first: float, rate: float, songs: Sequence[Song], loop: int) -> float:
    """Return by how many frames of the template a dance is late against the music, compared with the references.

    Where a song repeats, the place at which the dance is most on time counts.

    Args:
        onsets: of the clip.
        first, rate: of its dance, as of `Song`.
        songs: of other dancers.
        loop: length of the template in frames.

    Returns:
        The median over the references, negative for early; nan where fewer of them than `FEWEST` have the song.
    """
    late = []
    for song in songs:
        places = find_offsets(onsets, song.onsets)
        apart = [song.first + song.rate * there - first - rate * here for here, there in places]
        if apart:
            late.append(min(((value + loop / 2) % loop - loop / 2 for value in apart), key=abs))
    return float(np.median(late)) if late and len(late) >= FEWEST * len(songs) else np.nan
