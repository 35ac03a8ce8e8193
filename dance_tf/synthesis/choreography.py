"""The twelve choreographies: which phrases, in which order, how fast.

What is shared on purpose: Supalonely and Say So have three of their five phrases in common; All TikTok Mashup is cut
from other styles' phrases, half of them Big Up's; Diam Diam Menyukaiku is Tak Mau Mau with every pose in the opposite
order, and since a movement passes through the same places there and back, no single frame tells the two apart. Slide To
the Left and Lottery are asymmetric: their mirror images occur in no style.
"""

from dataclasses import dataclass

import numpy as np

from dance_tf.synthesis import phrases as p
from dance_tf.synthesis.phrases import Phrase
from dance_tf.synthesis.poses import Pose


@dataclass(frozen=True)
class Style:
    """A dance style.

    Attributes:
        name: full name, the label.
        abbreviation: as in Table 1.
        tempo: beats a minute.
        bounce: how far the hips dip on every beat, in leg lengths.
        phrases: danced one after the other, then again from the first.
    """

    name: str
    abbreviation: str
    tempo: float = 120.0
    bounce: float = 0.02
    phrases: tuple[Phrase, ...] = ()

    @property
    def beats(self) -> float:
        """Length of one round of all phrases, in beats."""
        return sum(phrase.beats for phrase in self.phrases)

    def keys(self) -> tuple[tuple[float, Pose], ...]:
        """One round of (beat, key pose), in the order of time."""
        found: list[tuple[float, Pose]] = []
        start = 0.0
        for phrase in self.phrases:
            step = phrase.beats / len(phrase.poses)
            found.extend((start + index * step, pose) for index, pose in enumerate(phrase.poses))
            start += phrase.beats
        return tuple(found)


_TAK_MAU_MAU = (p.NO_NO, p.WAG, p.STOP, p.HEART)
_DISCO = (p.POINT, p.ROLLING, p.POINT_MIRRORED)

STYLES: tuple[Style, ...] = (
    Style("Tokyo", "Tok", 104, 0.025, (p.TEMPLE, p.GATE, p.TEMPLE, p.GATE_MIRRORED)),
    Style("The Dance Song", "TDS", 96, 0.012, (p.GRASS, p.REACH)),
    Style("Tak Mau Mau", "TMM", 110, 0.022, _TAK_MAU_MAU),
    Style("Supalonely", "SUP", 129, 0.025, (*_DISCO, p.LONELY, p.PHONE)),
    Style("Slide To the Left", "STTL", 116, 0.018, (p.GLIDE, p.LISTEN, p.BRUSH)),
    Style("Lottery", "LOT", 138, 0.020, (p.WOAH, p.HANG, p.CLAP)),
    Style("Say So", "SaS", 111, 0.022, (*_DISCO, p.SO_WHAT, p.SAY)),
    Style("Laxed", "LAX", 90, 0.015, (p.SIREN, p.DIP, p.BREEZE)),
    Style("Diam Diam Menyukaiku", "DDM", 106, 0.022, tuple(phrase.reversed() for phrase in _TAK_MAU_MAU[::-1])),
    Style("Blinding Lights", "BL", 144, 0.030, (p.RUN, p.STAR, p.KICK)),
    Style("Big Up's", "BU", 100, 0.035, (p.FISTS, p.SCOOP, p.BIG_CROSS)),
    Style("All TikTok Mashup", "ATTM", 122, 0.028, (p.FISTS, p.RUN, p.SCOOP, p.GRASS, p.BIG_CROSS, p.WOAH)),
)

# Which styles a smaller set has: first those with poses of their own, then the asymmetric ones, then the look-alikes,
# each beside the one it is mistaken for.
SUBSET_ORDER = ("BU", "TDS", "Tok", "LAX", "BL", "STTL", "LOT", "TMM", "SUP", "SaS", "DDM", "ATTM")
ASYMMETRIC = ("STTL", "LOT")
SAME_POSES = ("TMM", "DDM")


def select_styles(count: int) -> tuple[int, ...]:
    """Indices into `STYLES` of a set of `count` styles, ascending; small sets hold the easiest to tell apart.

    Raises:
        ValueError: if there are not that many styles, or fewer than one is asked for.
    """
    if not 1 <= count <= len(STYLES):
        raise ValueError(f"between 1 and {len(STYLES)} styles can be made, not {count}")
    chosen = set(SUBSET_ORDER[:count])
    return tuple(index for index, style in enumerate(STYLES) if style.abbreviation in chosen)


def key_sequence(style: Style, first_beat: float, last_beat: float) -> tuple[np.ndarray, list[Pose]]:
    """Beats float64 [k] and poses [k] of all keys from first to last beat, going round as often as needed."""
    keys, length = style.keys(), style.beats
    beats: list[float] = []
    found: list[Pose] = []
    for lap in range(int(np.floor(first_beat / length)), int(np.floor(last_beat / length)) + 1):
        for beat, pose in keys:
            if first_beat <= lap * length + beat <= last_beat:
                beats.append(lap * length + beat)
                found.append(pose)
    return np.array(beats), found
