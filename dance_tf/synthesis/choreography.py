"""The phrases and the twelve choreographies: key poses on beats, their order and their tempo.

Some styles are similar on purpose. Supalonely and Say So share three of their five phrases. All TikTok Mashup consists
of phrases of other styles, half of them from Big Up's. Diam Diam Menyukaiku has the poses of Tak Mau Mau in reverse
order, so that no single frame separates the two. Slide To the Left and Lottery are asymmetric: their mirror images
occur in no style.
"""

from dataclasses import dataclass

import numpy as np

from dance_tf.synthesis import poses as arm
from dance_tf.synthesis.poses import CLOSED, HIP_WIDE, VERY_WIDE, WIDE, Foot, Pose


@dataclass(frozen=True)
class Phrase:
    """Key poses, evenly spread over a number of beats; the dancer reaches each pose on its beat."""

    name: str
    poses: tuple[Pose, ...]
    beats: float = 4.0

    def reversed(self) -> "Phrase":
        """Return the same poses in reverse order."""
        return Phrase(f"{self.name} backwards", self.poses[::-1], self.beats)


def both_ways(name: str, *poses: Pose) -> Phrase:
    """Return a phrase of the poses, followed by their mirror images."""
    return Phrase(name, (*poses, *(pose.mirrored() for pose in poses)))


# Tokyo: deep and wide, hands together, lunges with an arm arched overhead
_temple = Pose(arm.PRAYING, arm.PRAYING, sink=0.30, bow=8, left_foot=VERY_WIDE, right_foot=VERY_WIDE)
_blade = Pose(
    arm.LOW_OUT, arm.ON_HEAD, sink=0.24, sway=0.16, lean=16, look=20, left_foot=Foot(0.46), right_foot=Foot(0.34)
)
_gate = Pose(arm.SCARECROW, arm.SCARECROW, sink=0.34, left_foot=VERY_WIDE, right_foot=VERY_WIDE)
TEMPLE = both_ways("temple and blade", _temple, _blade)
GATE = Phrase("gate", (_gate, _temple, _gate, _blade))
GATE_MIRRORED = Phrase("gate, other side", (_gate, _temple, _gate, _blade.mirrored()))

# The Dance Song: tall, feet closed, arms rounded overhead, swaying like grass
_grass = Pose(arm.CIRCLE, arm.CIRCLE, lean=20, sway=-0.06, hip=-8, tilt=10, left_foot=CLOSED, right_foot=CLOSED)
_reach = Pose(
    arm.UP, arm.ACROSS_HIGH, lean=12, twist=14, look=20, left_foot=CLOSED, right_foot=Foot(0.20, -0.05), sink=0.01
)
_crown = Pose(arm.CIRCLE, arm.CIRCLE, sink=0.12, nod=-8, left_foot=CLOSED, right_foot=CLOSED)
GRASS = both_ways("grass", _grass, _crown)
REACH = both_ways("reach", _reach, _grass.mirrored())

# Tak Mau Mau, and Diam Diam Menyukaiku backwards: knees together and bent, no-no arms, a finger wagged, a heart
_no = Pose(arm.CROSSED, arm.CROSSED, sink=0.20, nod=6, bow=12, left_foot=CLOSED, right_foot=CLOSED)
_away = Pose(
    arm.LOW_OUT, arm.LOW_OUT, sink=0.12, sway=0.08, hip=-10, tilt=-8, bow=6, left_foot=CLOSED, right_foot=CLOSED
)
_wag = Pose(arm.ON_HIP, arm.FLEX, sway=0.10, hip=-12, lean=-8, tilt=-12, sink=0.15, left_foot=CLOSED, right_foot=CLOSED)
_heart = Pose(
    arm.AT_CHEST, arm.AT_CHEST, lean=-16, tilt=-16, sway=0.05, sink=0.16, left_foot=CLOSED, right_foot=Foot(0.04, -0.2)
)
_stop = Pose(arm.FRONT, arm.FRONT, bow=14, push=-0.05, sink=0.20, left_foot=CLOSED, right_foot=Foot(0.08, -0.22))
NO_NO = Phrase("no no", (_no, _away, _no, _away.mirrored()))
WAG = Phrase("wag", (_wag, _heart, _wag.mirrored(), _heart.mirrored()))
STOP = Phrase("stop", (_stop, _no, _wag, _away))
HEART = Phrase("heart", (_heart, _stop, _heart.mirrored(), _wag.mirrored()))

# Supalonely and Say So: disco points with a hand on the hip, rolling forearms
_point_up = Pose(arm.ON_HIP, arm.HIGH_OUT, lean=-12, sway=0.10, hip=-10, look=-20, left_foot=WIDE, right_foot=WIDE)
_point_down = Pose(
    arm.ON_HIP, arm.ACROSS_LOW, lean=12, twist=16, sway=-0.08, hip=10, sink=0.06, left_foot=WIDE, right_foot=WIDE
)
_roll_left = Pose(arm.ROLL_HIGH, arm.ROLL_LOW, bow=14, sink=0.10, sway=0.08, hip=-8, left_foot=WIDE, right_foot=WIDE)
_pout = Pose(arm.AT_FACE, arm.AT_FACE, tilt=16, lean=8, hip=-12, sway=-0.06, left_foot=CLOSED, right_foot=HIP_WIDE)
_lonely = Pose(arm.AT_FACE, arm.ON_HIP, bow=20, nod=16, sink=0.10, left_foot=CLOSED, right_foot=WIDE)
_so_what = Pose(arm.SHRUG, arm.SHRUG, tilt=12, sink=0.08, hip=8, sway=-0.06, left_foot=WIDE, right_foot=HIP_WIDE)
_flip = Pose(arm.SHRUG, arm.ON_HEAD, lean=-8, look=25, hip=10, sway=-0.08, left_foot=WIDE)
_phone = Pose(
    arm.BACK, arm.AT_FACE, lean=-14, tilt=-18, sway=0.12, hip=-10, sink=0.05, left_foot=WIDE, right_foot=CLOSED
)
_toss = Pose(arm.LOW_OUT, arm.ACROSS_HIGH, twist=18, look=25, sink=0.06, left_foot=WIDE)
_say = Pose(arm.SHRUG, arm.GOALPOST, lean=12, sway=-0.08, hip=10, sink=0.05, right_foot=WIDE)
_twirl = Pose(arm.LEVEL_CHEST, arm.ON_HIP, facing=-30, look=28, hip=-8, sink=0.06)
POINT = Phrase("disco point", (_point_up, _point_down, _point_up, _point_down))
POINT_MIRRORED = Phrase("disco point, other side", tuple(pose.mirrored() for pose in POINT.poses))
ROLLING = Phrase("rolling arms", (_roll_left, _roll_left.mirrored(), _roll_left, _pout))
LONELY = both_ways("lonely", _lonely, _pout)
PHONE = both_ways("phone", _phone, _toss)
SO_WHAT = both_ways("so what", _so_what, _flip)
SAY = both_ways("say", _say, _twirl)

# Slide To the Left: everything goes to the dancer's left, and never to the right
_glide = Pose(
    arm.OUT, arm.ACROSS_LEVEL, sway=0.24, lean=-6, twist=18, look=35, sink=0.20, left_foot=Foot(0.50), right_foot=WIDE
)
_gather = Pose(arm.ON_HIP, arm.BACK, facing=38, look=-20, sink=0.08, left_foot=CLOSED, right_foot=CLOSED)
_listen = Pose(
    arm.LEVEL_CHEST, arm.AT_FACE, lean=18, tilt=14, sway=0.12, hip=-8, left_foot=WIDE, right_foot=Foot(0.2, 0, 0.10)
)
_brush = Pose(arm.BACK, arm.ACROSS_LOW, bow=18, twist=22, lean=10, sink=0.14, sway=0.12, left_foot=Foot(0.42))
GLIDE = Phrase("glide", (_glide, _gather, _glide, _gather))
LISTEN = Phrase("listen", (_listen, _brush, _listen, _glide))
BRUSH = Phrase("brush", (_brush, _gather, _brush, _glide))

# Lottery: the right arm leads, the right foot kicks, a dab to the right
_woah = Pose(arm.AT_CHEST, arm.FRONT._replace(swing=52), twist=24, lean=-6, sink=0.06, sway=-0.10)
_dab = Pose(
    arm.ACROSS_LEVEL._replace(lift=104, bend=58),
    arm.HIGH_OUT._replace(lift=112),
    bow=14,
    lean=-16,
    nod=26,
    look=-25,
    sway=-0.08,
    sink=0.08,
)
_hang = Pose(arm.ON_HEAD, arm.SCARECROW, lean=12, tilt=12, sway=0.06, sink=0.03, right_foot=Foot(0.30, 0.10, 0.08))
_clap = Pose(arm.ACROSS_LOW, arm.LOW_OUT._replace(swing=60), bow=22, lean=-14, twist=-20, sink=0.16, sway=-0.12)
WOAH = Phrase("woah", (_woah, _dab, _woah, _hang))
HANG = Phrase("hang", (_hang, _clap, _hang, _dab))
CLAP = Phrase("clap", (_clap, _woah, _clap, _dab))

# Laxed: forearms stacked at the chest, hands on the head, hips that circle low
_stack = Pose(arm.LEVEL_CHEST, arm.LEVEL_CHEST, sway=0.16, hip=-14, sink=0.22, left_foot=WIDE, right_foot=WIDE)
_wave = Pose(arm.ON_HEAD, arm.ON_HEAD, sway=-0.16, hip=14, sink=0.26, lean=8, left_foot=WIDE, right_foot=WIDE)
_dip = Pose(arm.BACK, arm.BACK, bow=38, sink=0.18, nod=-10, left_foot=WIDE, right_foot=WIDE)
_side = Pose(
    arm.SCARECROW, arm.GOALPOST, lean=10, look=30, sway=0.14, hip=-12, sink=0.24, left_foot=WIDE, right_foot=WIDE
)
SIREN = both_ways("siren", _stack, _wave)
DIP = Phrase("dip", (_dip, _stack, _dip, _wave))
BREEZE = both_ways("breeze", _side, _stack)

# Blinding Lights: knees up, kicks, fists, jumps with arms like a goalpost
_knee_up = Pose(arm.FLEX, arm.AT_CHEST, bow=8, left_foot=HIP_WIDE, right_foot=Foot(0.16, 0.22, 0.42), sway=0.08)
_kick = Pose(
    arm.FRONT._replace(swing=60), arm.BACK, lean=12, left_foot=HIP_WIDE, right_foot=Foot(0.58, 0.15, 0.34), sway=0.10
)
_star = Pose(arm.GOALPOST, arm.GOALPOST, sink=0.16, left_foot=VERY_WIDE, right_foot=VERY_WIDE)
_hop = Pose(arm.GOALPOST, arm.GOALPOST, left_foot=Foot(0.12, 0, 0.10), right_foot=Foot(0.12, 0, 0.10), sink=-0.08)
RUN = both_ways("running", _knee_up, _kick)
STAR = Phrase("star jump", (_hop, _star, _hop, _star))
KICK = Phrase("kick", (_kick, _star, _kick.mirrored(), _hop))

# Big Up's: fists to the ceiling in a wide stance, arms crossed overhead, a scoop off the floor
_fist = Pose(arm.UP, arm.AT_CHEST, lean=-8, sway=0.08, sink=0.08, look=12, left_foot=WIDE, right_foot=WIDE)
_vee = Pose(arm.HIGH_OUT, arm.HIGH_OUT, sink=0.04, nod=-10, left_foot=VERY_WIDE, right_foot=VERY_WIDE)
_scoop = Pose(arm.ACROSS_LOW, arm.ACROSS_LOW, bow=46, sink=0.22, left_foot=VERY_WIDE, right_foot=VERY_WIDE, nod=10)
_cross_high = Pose(arm.ACROSS_HIGH, arm.ACROSS_HIGH, sink=0.06, left_foot=WIDE, right_foot=WIDE)
FISTS = both_ways("fists", _fist, _vee)
SCOOP = Phrase("scoop", (_scoop, _vee, _scoop, _cross_high))
BIG_CROSS = Phrase("big cross", (_cross_high, _fist, _cross_high, _fist.mirrored()))


@dataclass(frozen=True)
class Style:
    """A dance style.

    Attributes:
        name: full name, the label.
        abbreviation: as in Table 1.
        tempo: beats per minute.
        bounce: how far the hips drop on every beat, in leg lengths.
        phrases: danced in this order, repeatedly.
    """

    name: str
    abbreviation: str
    tempo: float = 120.0
    bounce: float = 0.02
    phrases: tuple[Phrase, ...] = ()

    @property
    def beats(self) -> float:
        """Length of all phrases, in beats."""
        return sum(phrase.beats for phrase in self.phrases)

    def keys(self) -> tuple[tuple[float, Pose], ...]:
        """Return the (beat, key pose) pairs of all phrases, in the order of time."""
        found: list[tuple[float, Pose]] = []
        start = 0.0
        for phrase in self.phrases:
            step = phrase.beats / len(phrase.poses)
            found.extend((start + index * step, pose) for index, pose in enumerate(phrase.poses))
            start += phrase.beats
        return tuple(found)


_TAK_MAU_MAU = (NO_NO, WAG, STOP, HEART)
_DISCO = (POINT, ROLLING, POINT_MIRRORED)

STYLES: tuple[Style, ...] = (
    Style("Tokyo", "Tok", 104, 0.025, (TEMPLE, GATE, TEMPLE, GATE_MIRRORED)),
    Style("The Dance Song", "TDS", 96, 0.012, (GRASS, REACH)),
    Style("Tak Mau Mau", "TMM", 110, 0.022, _TAK_MAU_MAU),
    Style("Supalonely", "SUP", 129, 0.025, (*_DISCO, LONELY, PHONE)),
    Style("Slide To the Left", "STTL", 116, 0.018, (GLIDE, LISTEN, BRUSH)),
    Style("Lottery", "LOT", 138, 0.020, (WOAH, HANG, CLAP)),
    Style("Say So", "SaS", 111, 0.022, (*_DISCO, SO_WHAT, SAY)),
    Style("Laxed", "LAX", 90, 0.015, (SIREN, DIP, BREEZE)),
    Style("Diam Diam Menyukaiku", "DDM", 106, 0.022, tuple(phrase.reversed() for phrase in _TAK_MAU_MAU[::-1])),
    Style("Blinding Lights", "BL", 144, 0.030, (RUN, STAR, KICK)),
    Style("Big Up's", "BU", 100, 0.035, (FISTS, SCOOP, BIG_CROSS)),
    Style("All TikTok Mashup", "ATTM", 122, 0.028, (FISTS, RUN, SCOOP, GRASS, BIG_CROSS, WOAH)),
)

# order in which styles join a smaller set: styles with poses of their own, then asymmetric ones, then similar pairs
SUBSET_ORDER = ("BU", "TDS", "Tok", "LAX", "BL", "STTL", "LOT", "TMM", "SUP", "SaS", "DDM", "ATTM")


def select_styles(count: int) -> tuple[int, ...]:
    """Return ascending indices into `STYLES` of a set of `count` styles; small sets have the most different ones.

    Raises:
        ValueError: `count` is below 1, or above the number of styles.
    """
    if not 1 <= count <= len(STYLES):
        raise ValueError(f"between 1 and {len(STYLES)} styles can be made, not {count}")
    chosen = set(SUBSET_ORDER[:count])
    return tuple(index for index, style in enumerate(STYLES) if style.abbreviation in chosen)


def key_sequence(style: Style, first_beat: float, last_beat: float) -> tuple[np.ndarray, list[Pose]]:
    """Return beats float64 [k] and poses [k] of all keys from first to last beat, of as many rounds as needed."""
    rounds = range(int(np.floor(first_beat / style.beats)), int(np.floor(last_beat / style.beats)) + 1)
    keys = [(number * style.beats + beat, pose) for number in rounds for beat, pose in style.keys()]
    chosen = [(beat, pose) for beat, pose in keys if first_beat <= beat <= last_beat]
    return np.array([beat for beat, _ in chosen]), [pose for _, pose in chosen]
