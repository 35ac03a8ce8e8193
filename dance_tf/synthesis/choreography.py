"""The phrases and the twelve choreographies: key poses on beats, their order and their tempo.

Some styles are similar on purpose. Supalonely and Say So share three of their five phrases. All TikTok Mashup consists
of phrases of other styles, half of them from Big Up's. Diam Diam Menyukaiku has the poses of Tak Mau Mau in reverse
order, so that no single frame separates the two. Slide To the Left and Lottery are asymmetric: their mirror images
occur in no style.
"""

from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np


class Arm(NamedTuple):
    """Angles of one arm relative to the chest, degrees."""

    lift: float  # 0 hangs down, 90 is level, 180 points up
    swing: float  # of a lifted arm: 0 to its own side, 90 to the front, 180 across the body, negative to the back
    roll: float  # where the forearm bends to: 0 upwards (outwards when the arm hangs), 90 to the front, 180 downwards
    bend: float  # of the elbow, 0 for a straight arm


class Foot(NamedTuple):
    """Position of one foot relative to the dancer's place, in leg lengths: outwards, forwards, above the floor."""

    out: float
    forward: float = 0.0
    lift: float = 0.0


DOWN = Arm(12, 0, 90, 18)
OUT = Arm(88, 5, 0, 10)
UP = Arm(168, 10, 0, 12)
HIGH_OUT = Arm(138, 0, 0, 6)
LOW_OUT = Arm(48, 5, 0, 12)
GOALPOST = Arm(90, 0, 0, 92)
SCARECROW = Arm(88, 0, 180, 88)
ON_HIP = Arm(42, -12, 180, 88)
FLEX = Arm(68, 25, 0, 128)
FRONT = Arm(86, 82, 0, 8)
AT_CHEST = Arm(38, 30, 75, 118)
LEVEL_CHEST = Arm(78, 38, 90, 108)
CROSSED = Arm(38, 70, 92, 88)
PRAYING = Arm(44, 42, 52, 122)
ON_HEAD = Arm(132, 5, 0, 138)
AT_FACE = Arm(42, 40, 32, 142)
CIRCLE = Arm(146, 8, 10, 62)
BACK = Arm(38, -70, 0, 12)
SHRUG = Arm(20, 0, 28, 98)
ACROSS_LOW = Arm(46, 128, 0, 10)
ACROSS_LEVEL = Arm(84, 132, 0, 12)
ACROSS_HIGH = Arm(128, 130, 0, 10)
ROLL_HIGH = Arm(52, 52, 82, 92)
ROLL_LOW = Arm(28, 58, 84, 78)

CLOSED, HIP_WIDE, WIDE, VERY_WIDE = Foot(0.08), Foot(0.14), Foot(0.26), Foot(0.38)


@dataclass(frozen=True)
class Pose:
    """A key pose. Angles are in degrees, shifts in leg lengths; left and right are the dancer's own."""

    left: Arm = DOWN
    right: Arm = DOWN
    bow: float = 0.0  # trunk bent forwards
    lean: float = 0.0  # trunk bent to the left
    twist: float = 0.0  # chest turned to the left relative to the hips
    nod: float = 0.0  # head bent down
    tilt: float = 0.0  # head bent to the left
    look: float = 0.0  # head turned to the left
    sway: float = 0.0  # hips moved to the left
    push: float = 0.0  # hips moved forwards
    sink: float = 0.03  # hips moved down by bending the knees
    hip: float = 0.0  # pelvis rolled with its left side down
    facing: float = 0.0  # whole body turned to the left
    left_foot: Foot = HIP_WIDE
    right_foot: Foot = HIP_WIDE

    def mirrored(self) -> "Pose":
        """Return the mirror image of the pose."""
        swapped = {"left": self.right, "right": self.left, "left_foot": self.right_foot, "right_foot": self.left_foot}
        sided = ("lean", "twist", "tilt", "look", "sway", "hip", "facing")
        return replace(self, **swapped, **{name: -getattr(self, name) for name in sided})

    def vector(self) -> np.ndarray:
        """Return all controls as float64 [len(CONTROLS)], in the order of `CONTROLS`."""
        return np.hstack([np.float64(getattr(self, field.name)) for field in fields(self)])


CONTROLS = tuple(
    f"{field.name}_{part}" if part else field.name
    for field in fields(Pose)
    for part in getattr(field.default, "_fields", ("",))
)
NEUTRAL = Pose()

Phrase = tuple[Pose, Pose, Pose, Pose]  # key poses, one on each beat


def _pose(left: Arm, right: Arm, *feet: Foot, **shifts: float) -> Pose:
    """Return a pose with both feet alike, with a left and a right foot, or with feet below the hips."""
    feet = feet or (HIP_WIDE,)
    return Pose(left, right, left_foot=feet[0], right_foot=feet[-1], **shifts)


def _both_ways(*poses: Pose) -> Phrase:
    """Return poses, followed by their mirror images."""
    return (*poses, *(pose.mirrored() for pose in poses))


# Tokyo: deep and wide, hands together, lunges with an arm arched overhead
_temple = _pose(PRAYING, PRAYING, VERY_WIDE, sink=0.30, bow=8)
_blade = _pose(LOW_OUT, ON_HEAD, Foot(0.46), Foot(0.34), sink=0.24, sway=0.16, lean=16, look=20)
_gate = _pose(SCARECROW, SCARECROW, VERY_WIDE, sink=0.34)
TEMPLE = _both_ways(_temple, _blade)
GATE = (_gate, _temple, _gate, _blade)
GATE_MIRRORED = (_gate, _temple, _gate, _blade.mirrored())

# The Dance Song: tall, feet closed, arms rounded overhead, swaying like grass
_grass = _pose(CIRCLE, CIRCLE, CLOSED, lean=20, sway=-0.06, hip=-8, tilt=10)
_reach = _pose(UP, ACROSS_HIGH, CLOSED, Foot(0.20, -0.05), lean=12, twist=14, look=20, sink=0.01)
_crown = _pose(CIRCLE, CIRCLE, CLOSED, sink=0.12, nod=-8)
GRASS = _both_ways(_grass, _crown)
REACH = _both_ways(_reach, _grass.mirrored())

# Tak Mau Mau, and Diam Diam Menyukaiku backwards: knees together and bent, no-no arms, a finger wagged, a heart
_no = _pose(CROSSED, CROSSED, CLOSED, sink=0.20, nod=6, bow=12)
_away = _pose(LOW_OUT, LOW_OUT, CLOSED, sink=0.12, sway=0.08, hip=-10, tilt=-8, bow=6)
_wag = _pose(ON_HIP, FLEX, CLOSED, sway=0.10, hip=-12, lean=-8, tilt=-12, sink=0.15)
_heart = _pose(AT_CHEST, AT_CHEST, CLOSED, Foot(0.04, -0.2), lean=-16, tilt=-16, sway=0.05, sink=0.16)
_stop = _pose(FRONT, FRONT, CLOSED, Foot(0.08, -0.22), bow=14, push=-0.05, sink=0.20)
NO_NO = (_no, _away, _no, _away.mirrored())
WAG = (_wag, _heart, _wag.mirrored(), _heart.mirrored())
STOP = (_stop, _no, _wag, _away)
HEART = (_heart, _stop, _heart.mirrored(), _wag.mirrored())

# Supalonely and Say So: disco points with a hand on the hip, rolling forearms
_point_up = _pose(ON_HIP, HIGH_OUT, WIDE, lean=-12, sway=0.10, hip=-10, look=-20)
_point_down = _pose(ON_HIP, ACROSS_LOW, WIDE, lean=12, twist=16, sway=-0.08, hip=10, sink=0.06)
_roll_left = _pose(ROLL_HIGH, ROLL_LOW, WIDE, bow=14, sink=0.10, sway=0.08, hip=-8)
_pout = _pose(AT_FACE, AT_FACE, CLOSED, HIP_WIDE, tilt=16, lean=8, hip=-12, sway=-0.06)
_lonely = _pose(AT_FACE, ON_HIP, CLOSED, WIDE, bow=20, nod=16, sink=0.10)
_so_what = _pose(SHRUG, SHRUG, WIDE, HIP_WIDE, tilt=12, sink=0.08, hip=8, sway=-0.06)
_flip = _pose(SHRUG, ON_HEAD, WIDE, HIP_WIDE, lean=-8, look=25, hip=10, sway=-0.08)
_phone = _pose(BACK, AT_FACE, WIDE, CLOSED, lean=-14, tilt=-18, sway=0.12, hip=-10, sink=0.05)
_toss = _pose(LOW_OUT, ACROSS_HIGH, WIDE, HIP_WIDE, twist=18, look=25, sink=0.06)
_say = _pose(SHRUG, GOALPOST, HIP_WIDE, WIDE, lean=12, sway=-0.08, hip=10, sink=0.05)
_twirl = _pose(LEVEL_CHEST, ON_HIP, facing=-30, look=28, hip=-8, sink=0.06)
POINT = (_point_up, _point_down, _point_up, _point_down)
POINT_MIRRORED = tuple(pose.mirrored() for pose in POINT)
ROLLING = (_roll_left, _roll_left.mirrored(), _roll_left, _pout)
LONELY = _both_ways(_lonely, _pout)
PHONE = _both_ways(_phone, _toss)
SO_WHAT = _both_ways(_so_what, _flip)
SAY = _both_ways(_say, _twirl)

# Slide To the Left: everything goes to the dancer's left, and never to the right
_glide = _pose(OUT, ACROSS_LEVEL, Foot(0.50), WIDE, sway=0.24, lean=-6, twist=18, look=35, sink=0.20)
_gather = _pose(ON_HIP, BACK, CLOSED, facing=38, look=-20, sink=0.08)
_listen = _pose(LEVEL_CHEST, AT_FACE, WIDE, Foot(0.2, 0, 0.10), lean=18, tilt=14, sway=0.12, hip=-8)
_brush = _pose(BACK, ACROSS_LOW, Foot(0.42), HIP_WIDE, bow=18, twist=22, lean=10, sink=0.14, sway=0.12)
GLIDE = (_glide, _gather, _glide, _gather)
LISTEN = (_listen, _brush, _listen, _glide)
BRUSH = (_brush, _gather, _brush, _glide)

# Lottery: the right arm leads, the right foot kicks, a dab to the right
_woah = _pose(AT_CHEST, FRONT._replace(swing=52), twist=24, lean=-6, sink=0.06, sway=-0.10)
_dab = _pose(Arm(104, 132, 0, 58), Arm(112, 0, 0, 6), bow=14, lean=-16, nod=26, look=-25, sway=-0.08, sink=0.08)
_hang = _pose(ON_HEAD, SCARECROW, HIP_WIDE, Foot(0.30, 0.10, 0.08), lean=12, tilt=12, sway=0.06, sink=0.03)
_clap = _pose(ACROSS_LOW, LOW_OUT._replace(swing=60), bow=22, lean=-14, twist=-20, sink=0.16, sway=-0.12)
WOAH = (_woah, _dab, _woah, _hang)
HANG = (_hang, _clap, _hang, _dab)
CLAP = (_clap, _woah, _clap, _dab)

# Laxed: forearms stacked at the chest, hands on the head, hips that circle low
_stack = _pose(LEVEL_CHEST, LEVEL_CHEST, WIDE, sway=0.16, hip=-14, sink=0.22)
_wave = _pose(ON_HEAD, ON_HEAD, WIDE, sway=-0.16, hip=14, sink=0.26, lean=8)
_dip = _pose(BACK, BACK, WIDE, bow=38, sink=0.18, nod=-10)
_side = _pose(SCARECROW, GOALPOST, WIDE, lean=10, look=30, sway=0.14, hip=-12, sink=0.24)
SIREN = _both_ways(_stack, _wave)
DIP = (_dip, _stack, _dip, _wave)
BREEZE = _both_ways(_side, _stack)

# Blinding Lights: knees up, kicks, fists, jumps with arms like a goalpost
_knee_up = _pose(FLEX, AT_CHEST, HIP_WIDE, Foot(0.16, 0.22, 0.42), bow=8, sway=0.08)
_kick = _pose(FRONT._replace(swing=60), BACK, HIP_WIDE, Foot(0.58, 0.15, 0.34), lean=12, sway=0.10)
_star = _pose(GOALPOST, GOALPOST, VERY_WIDE, sink=0.16)
_hop = _pose(GOALPOST, GOALPOST, Foot(0.12, 0, 0.10), sink=-0.08)
RUN = _both_ways(_knee_up, _kick)
STAR = (_hop, _star, _hop, _star)
KICK = (_kick, _star, _kick.mirrored(), _hop)

# Big Up's: fists to the ceiling in a wide stance, arms crossed overhead, a scoop off the floor
_fist = _pose(UP, AT_CHEST, WIDE, lean=-8, sway=0.08, sink=0.08, look=12)
_vee = _pose(HIGH_OUT, HIGH_OUT, VERY_WIDE, sink=0.04, nod=-10)
_scoop = _pose(ACROSS_LOW, ACROSS_LOW, VERY_WIDE, bow=46, sink=0.22, nod=10)
_cross_high = _pose(ACROSS_HIGH, ACROSS_HIGH, WIDE, sink=0.06)
FISTS = _both_ways(_fist, _vee)
SCOOP = (_scoop, _vee, _scoop, _cross_high)
BIG_CROSS = (_cross_high, _fist, _cross_high, _fist.mirrored())


@dataclass(frozen=True)
class Style:
    """A dance style."""

    name: str  # full name, the label
    abbreviation: str  # as in Table 1
    tempo: float  # beats per minute
    bounce: float  # how far the hips drop on every beat, in leg lengths
    phrases: tuple[Phrase, ...]  # danced in this order, repeatedly

    @property
    def poses(self) -> tuple[Pose, ...]:
        """The key poses of all phrases; the dancer reaches one on each beat."""
        return sum(self.phrases, ())

    @property
    def asymmetric(self) -> bool:
        """Whether no pose is the mirror image of another one, so that the mirrored dance is not the style."""
        return not any(pose.mirrored() in self.poses for pose in self.poses)


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
    Style("Diam Diam Menyukaiku", "DDM", 106, 0.022, tuple(phrase[::-1] for phrase in _TAK_MAU_MAU[::-1])),
    Style("Blinding Lights", "BL", 144, 0.030, (RUN, STAR, KICK)),
    Style("Big Up's", "BU", 100, 0.035, (FISTS, SCOOP, BIG_CROSS)),
    Style("All TikTok Mashup", "ATTM", 122, 0.028, (FISTS, RUN, SCOOP, GRASS, BIG_CROSS, WOAH)),
)

SAME_POSES = ("Tak Mau Mau", "Diam Diam Menyukaiku")  # in another order

# order in which styles join a smaller set: styles with poses of their own, then asymmetric ones, then similar pairs
SUBSET_ORDER = ("BU", "TDS", "Tok", "LAX", "BL", "STTL", "LOT", "TMM", "SUP", "SaS", "DDM", "ATTM")


def select_styles(count: int) -> tuple[int, ...]:
    """Return ascending indices into `STYLES` of a set of `count` styles; small sets have the most different ones.

    Raises:
        ValueError: `count` is below 1, or above the number of styles.
    """
    if not 1 <= count <= len(STYLES):
        raise ValueError(f"between 1 and {len(STYLES)} styles can be made, not {count}")
    return tuple(index for index, style in enumerate(STYLES) if style.abbreviation in SUBSET_ORDER[:count])
