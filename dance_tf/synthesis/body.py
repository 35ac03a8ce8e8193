"""Made-up dancers: body, joints, clothes, habits and skill. A dancer has the same ones in every clip."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from dance_tf.synthesis.choreography import CONTROLS, Arm, Foot

SIGNS = {"left": 1.0, "right": -1.0}
SIDES = tuple(SIGNS)
_PARTS = ("shoulder", "elbow", "wrist", "hand", "hip", "knee", "ankle", "toe")
JOINTS = ("pelvis", "waist", "chest", "neck", "head", *(f"{side}_{part}" for side in SIDES for part in _PARTS))
JOINT = {name: index for index, name in enumerate(JOINTS)}

TURNOUT = 18.0  # degrees that each foot points outwards
STRAIGHT = 0.995  # maximum distance of hip and ankle, as a share of the leg's length: a standing leg bends slightly


@dataclass(frozen=True)
class Body:
    """Lengths of a body in metres, between joint centres by default."""

    height: float  # sole to crown
    leg: float  # hip to ankle with the knee straight; the knee is in the middle
    ankle: float  # above the floor
    foot: float  # ankle to toe
    torso: float  # pelvis to neck
    neck: float  # neck to centre of the head
    shoulder: float  # half the distance between the shoulders
    hip: float  # half the distance between the hips
    upper_arm: float
    forearm: float
    hand: float  # wrist to the middle of the fingers
    girth: float  # factor on the thickness of limbs and trunk


def body_of(height: float, legs: float = 1.0, arms: float = 1.0, shoulders: float = 1.0, girth: float = 1.0) -> Body:
    """Return a body of average adult proportions times factors; longer legs make a shorter torso.

    Reference:
        Winter 2009, chapter 4 (segment lengths as shares of stature).
    """
    leg = 0.485 * height * legs
    trunk = height * (1 - 0.039 - 0.112) - leg
    ankle, foot, hand = 0.039 * height, 0.11 * height, 0.07 * height
    torso, neck = 0.88 * trunk, 0.12 * trunk + 0.056 * height
    shoulder, hip = 0.108 * height * shoulders, 0.052 * height
    upper_arm, forearm = 0.172 * height * arms, 0.148 * height * arms
    return Body(height, leg, ankle, foot, torso, neck, shoulder, hip, upper_arm, forearm, hand, girth)


@dataclass(frozen=True)
class Motion:
    """Joint positions and orientations of a body over time; columns of orientations: left, up, forward of the part."""

    joints: np.ndarray  # float64 [n, 21, 3], metres, in the order of `JOINTS`
    pelvis: np.ndarray  # float64 [n, 3, 3]
    chest: np.ndarray  # float64 [n, 3, 3]
    head: np.ndarray  # float64 [n, 3, 3]


def rotation(axis: str, degrees: np.ndarray) -> np.ndarray:
    """Return rotation matrices [n, 3, 3] about "x", "y" or "z", right-handed, for angles [n] in degrees."""
    angle = np.radians(np.asarray(degrees, np.float64))
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrices = np.tile(np.eye(3), (*angle.shape, 1, 1))
    matrices[..., first, first] = matrices[..., second, second] = np.cos(angle)
    matrices[..., first, second], matrices[..., second, first] = -np.sin(angle), np.sin(angle)
    return matrices


def _apply(matrices: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return np.einsum("nij,nj->ni", matrices, np.broadcast_to(vectors, (len(matrices), 3)))


def _arm_directions(arm: np.ndarray, side: float) -> tuple[np.ndarray, np.ndarray]:
    """Return directions [n, 3] of upper arm and forearm in the chest's frame for (lift, swing, roll, bend) [n, 4]."""
    lift, swing, roll, bend = np.radians(arm).T
    upper = np.stack([side * np.sin(lift) * np.cos(swing), -np.cos(lift), np.sin(lift) * np.sin(swing)], axis=1)
    raising = np.stack([side * np.cos(lift) * np.cos(swing), np.sin(lift), np.cos(lift) * np.sin(swing)], axis=1)
    forward = np.stack([-side * np.sin(swing), np.zeros_like(swing), np.cos(swing)], axis=1)
    hinge = np.cos(roll)[:, None] * raising + np.sin(roll)[:, None] * forward
    return upper, np.cos(bend)[:, None] * upper + np.sin(bend)[:, None] * hinge


def _knee(hip: np.ndarray, ankle: np.ndarray, pole: np.ndarray, bone: float) -> np.ndarray:
    """Return the knee [n, 3] of a leg of two equal bones that bends towards `pole`."""
    leg = ankle - hip
    length = np.linalg.norm(leg, axis=1)
    bent = np.clip(length, 1e-3, 2 * bone)
    along = bent**2 / (2 * bent)
    axis = leg / np.maximum(length, 1e-9)[:, None]
    across = pole - (pole * axis).sum(axis=1)[:, None] * axis
    across /= np.maximum(np.linalg.norm(across, axis=1), 1e-9)[:, None]
    return hip + along[:, None] * axis + np.sqrt(np.maximum(bone**2 - along**2, 0.0))[:, None] * across


def place_joints(controls: np.ndarray, body: Body, origin: np.ndarray) -> Motion:
    """Return the motion of a body by forward kinematics from the pelvis upwards.

    Two-bone inverse kinematics places the legs between feet and pelvis, so that a foot without lift is on the floor.
    The pelvis is lowered until both legs reach their feet.

    Args:
        controls: float64 [n, len(CONTROLS)], rows in the order of `Pose.vector`.
        origin: float64 [n, 2], the dancer's place, x and z in metres.
    """
    value = dict(zip(CONTROLS, controls.T, strict=True))
    zeros = np.zeros(len(controls))
    turn = rotation("y", value["facing"])
    place = np.stack([origin[:, 0], zeros, origin[:, 1]], axis=1)

    def local(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        return place + _apply(turn, np.stack([x, y, z], axis=1))

    height = body.ankle + body.leg * (STRAIGHT - value["sink"])
    hips_back = body.leg * (value["push"] - 0.0035 * value["bow"])  # for balance
    pelvis_frame = turn @ rotation("z", -value["hip"]) @ rotation("x", 0.3 * value["bow"])
    ankles, hips = {}, {}
    for side, sign in SIGNS.items():
        out, forward, lift = (value[f"{side}_foot_{part}"] for part in Foot._fields)
        rise = body.ankle + body.leg * np.maximum(lift, 0.0)
        ankles[side] = local(sign * body.leg * out, rise, body.leg * forward)
        hips[side] = _apply(pelvis_frame, np.array([sign * body.hip, 0.0, 0.0]))
        hip = local(body.leg * value["sway"], zeros, hips_back) + hips[side]
        flat = ((ankles[side] - hip)[:, [0, 2]] ** 2).sum(axis=1)
        reach = np.sqrt(np.maximum((STRAIGHT * body.leg) ** 2 - flat, (0.3 * body.leg) ** 2))
        height = np.minimum(height, ankles[side][:, 1] + reach - hip[:, 1])
    pelvis = local(body.leg * value["sway"], height, hips_back)

    twist, lean = rotation("y", 0.5 * value["twist"]), rotation("z", -0.5 * value["lean"])
    bow = rotation("x", 0.35 * value["bow"])
    half = pelvis_frame @ twist @ lean @ bow
    chest_frame = half @ twist @ lean @ bow
    head_frame = chest_frame @ rotation("y", value["look"]) @ rotation("z", -value["tilt"])
    # dancers look at the camera, also when they bow
    head_frame = head_frame @ rotation("x", value["nod"] - 0.6 * value["bow"])
    waist = pelvis + _apply(half, np.array([0, 0.42 * body.torso, 0]))
    chest, neck = (waist + _apply(chest_frame, np.array([0, share * body.torso, 0])) for share in (0.33, 0.58))
    head = neck + _apply(head_frame, np.array([0, body.neck, 0.012]))
    joints = [pelvis, waist, chest, neck, head]
    for side, sign in SIGNS.items():
        arm = np.stack([value[f"{side}_{part}"] for part in Arm._fields], axis=1)
        upper, fore = (_apply(chest_frame, direction) for direction in _arm_directions(arm, sign))
        shrug = 0.035 * body.height * np.clip((arm[:, 0] - 80) / 90, 0, 1)  # a raised arm lifts the shoulder
        offset = np.stack([zeros + sign * body.shoulder, shrug - 0.03 * body.height, zeros], axis=1)
        shoulder = neck + _apply(chest_frame, offset)
        elbow = shoulder + body.upper_arm * upper
        wrist = elbow + body.forearm * fore
        hip = pelvis + hips[side]
        out = _apply(turn @ rotation("y", zeros + sign * TURNOUT), np.array([0.0, 0.0, 1.0]))
        knee = _knee(hip, ankles[side], _apply(turn, np.array([sign * 0.3, 0.0, 1.0])), 0.5 * body.leg)
        droop = np.clip(value[f"{side}_foot_lift"] / 0.25, 0, 1)
        toe = ankles[side] + body.foot * (out * (1 - 0.35 * droop)[:, None])
        toe[:, 1] += -0.55 * body.ankle - 0.45 * body.foot * droop
        joints += [shoulder, elbow, wrist, wrist + body.hand * fore, hip, knee, ankles[side], toe]
    return Motion(joints=np.stack(joints, axis=1), pelvis=pelvis_frame, chest=chest_frame, head=head_frame)


Colour = tuple[float, float, float]

CLOTHES = (
    (232, 232, 228), (28, 28, 32), (188, 44, 52), (44, 84, 160), (60, 132, 92), (226, 178, 52), (222, 128, 168),
    (118, 74, 150), (236, 132, 62), (94, 168, 200), (120, 120, 126), (104, 76, 58), (52, 60, 84), (196, 186, 164),
)  # fmt: skip
# what the attributes of an `Outfit` are drawn from, in the order of the draws; the four colours of clothes come first
WARDROBE = {
    "skin": ((241, 205, 178), (228, 184, 150), (205, 154, 118), (169, 117, 83), (128, 84, 58), (92, 60, 44)),
    "hair": ((30, 24, 22), (58, 38, 26), (96, 62, 38), (158, 118, 66), (196, 166, 110), (132, 60, 36), (74, 62, 92)),
    "sleeve": (0.0, 0.28, 0.5, 0.95, 0.95),
    "hem": (0.08, 0.16, 0.3, 0.42),
    "stripes": (0, 0, 0, 5, 8),
    "bottom": ("trousers", "leggings", "shorts", "wide trousers", "skirt"),
    "hair_style": ("short", "long", "bun", "ponytail"),
}
Option = TypeVar("Option")


def pick(rng: np.random.Generator, options: Sequence[Option]) -> Option:
    """Return a random option."""
    return options[rng.integers(len(options))]


@dataclass(frozen=True)
class Outfit:
    """Clothes and hair of a dancer; colours are RGB, 0 to 255."""

    skin: Colour
    hair: Colour
    top: Colour
    trim: Colour
    lower: Colour
    shoes: Colour
    sleeve: float  # covered share of the arm
    hem: float  # lower end of the top on the trunk, 0 (hips) to 1 (neck)
    stripes: int  # on the top
    bottom: str
    hair_style: str


@dataclass(frozen=True)
class Dancer:
    """One made-up person."""

    name: str  # "d01", "d02", …
    skill: float  # 0 (beginner) to 1 (teacher)
    body: Body
    outfit: Outfit
    amplitude: np.ndarray  # float64 [len(CONTROLS)], factor on the size of each movement
    habits: np.ndarray  # float64 [len(CONTROLS)], added to every pose: degrees and leg lengths
    sharpness: float  # moving share of the time between two poses; small for fast movements
    lag: float  # seconds by which the arms follow the trunk
    lateness: float  # mean delay behind the beat, seconds
    sloppiness: float  # standard deviation of this delay, seconds
    bounce: float  # factor on the style's bounce
    turning: float  # how far the dancer turns to both sides, degrees
    travel: float  # how far the dancer moves around, metres


def dancer_name(index: int) -> str:
    """Return the name of dancer `index`, from 0: "d01" for 0."""
    return f"d{index + 1:02d}"


# effect of one standard deviation of clumsiness on the controls by the end of their names
_SPREADS = {
    "_foot_out": 0.03, "_foot_forward": 0.04, "_foot_lift": 0.0, "_lift": 11.0, "_swing": 15.0, "_roll": 15.0,
    "_bend": 16.0, "bow": 5.0, "lean": 5.0, "twist": 6.0, "nod": 6.0, "tilt": 6.0, "look": 9.0, "sway": 0.03,
    "push": 0.02, "sink": 0.025, "hip": 4.0, "facing": 6.0,
}  # fmt: skip
SPREAD = np.array([next(_SPREADS[end] for end in _SPREADS if name.endswith(end)) for name in CONTROLS])


def make_dancer(seed: int, index: int, difficulty: float) -> Dancer:
    """Return dancer `index`, from 0, of the set of a seed.

    Args:
        difficulty: 0 to 1; how far dancers deviate from the choreography and from each other.
    """
    offset = float(np.random.default_rng([seed, 11]).random())
    rng = np.random.default_rng([seed, 12, index])
    skill = 0.1 + 0.9 * ((offset + index * 0.6180339887498949) % 1.0)  # golden ratio: even for any number of dancers
    clumsy = 1.0 - skill
    arms = np.array([name.startswith(("left_", "right_")) and "foot" not in name for name in CONTROLS])
    amplitude = np.where(arms, rng.normal(1.0, 0.05), rng.normal(1.0, 0.12))
    amplitude *= 1.0 - 0.18 * clumsy * (0.2 + 0.8 * difficulty)
    habits = rng.normal(0.0, 1.0, len(CONTROLS)) * SPREAD * (0.05 + 0.4 * difficulty) * (0.5 + 0.5 * clumsy)
    body = body_of(
        height=float(np.clip(rng.normal(1.68, 0.09), 1.48, 1.92)),
        legs=float(np.clip(rng.normal(1.0, 0.035), 0.92, 1.08)),
        arms=float(np.clip(rng.normal(1.0, 0.035), 0.92, 1.08)),
        shoulders=float(np.clip(rng.normal(1.0, 0.08), 0.85, 1.18)),
        girth=float(np.clip(rng.normal(1.0, 0.13), 0.8, 1.35)),
    )
    colours = zip(("top", "trim", "lower", "shoes"), rng.choice(len(CLOTHES), 4, replace=False), strict=True)
    clothes = {name: CLOTHES[index] for name, index in colours}
    outfit = Outfit(**clothes, **{name: pick(rng, options) for name, options in WARDROBE.items()})
    sharpness, lag = rng.uniform(0.3, 0.6), rng.uniform(0.0, 0.06)
    lateness, sloppiness = rng.normal(0.0, 0.02) + 0.10 * clumsy**1.5, 0.008 + 0.07 * clumsy**1.5
    bounce, turning = rng.uniform(0.5, 1.6), rng.uniform(3.0, 8.0) + 18.0 * difficulty * rng.random()
    travel = rng.uniform(0.02, 0.10) + 0.20 * difficulty * rng.random()
    manner = map(float, (sharpness, lag, lateness, sloppiness, bounce, turning, travel))
    return Dancer(dancer_name(index), skill, body, outfit, amplitude, habits, *manner)
