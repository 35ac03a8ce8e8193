"""Made-up dancers: body, clothes, habits and skill. A dancer is the same person in every clip."""

from dataclasses import dataclass

import numpy as np

from dance_tf.synthesis.poses import CONTROLS
from dance_tf.synthesis.skeleton import Body, body_of

Colour = tuple[float, float, float]

SKINS = ((241, 205, 178), (228, 184, 150), (205, 154, 118), (169, 117, 83), (128, 84, 58), (92, 60, 44))
HAIRS = ((30, 24, 22), (58, 38, 26), (96, 62, 38), (158, 118, 66), (196, 166, 110), (132, 60, 36), (74, 62, 92))
CLOTHES = (
    (232, 232, 228), (28, 28, 32), (188, 44, 52), (44, 84, 160), (60, 132, 92), (226, 178, 52), (222, 128, 168),
    (118, 74, 150), (236, 132, 62), (94, 168, 200), (120, 120, 126), (104, 76, 58), (52, 60, 84), (196, 186, 164),
)  # fmt: skip
HAIR_STYLES = ("short", "long", "bun", "ponytail")
BOTTOMS = ("trousers", "leggings", "shorts", "wide trousers", "skirt")


@dataclass(frozen=True)
class Outfit:
    """What a dancer wears; colours are RGB, 0 to 255.

    Attributes:
        sleeve: share of the arm that is covered. hem: where the top ends on the trunk, 0 hips to 1 neck.
        stripes: number of stripes on the top, 0 for none. bottom: one of `BOTTOMS`. hair_style: one of `HAIR_STYLES`.
    """

    skin: Colour
    hair: Colour
    top: Colour
    trim: Colour
    lower: Colour
    shoes: Colour
    sleeve: float
    hem: float
    stripes: int
    bottom: str
    hair_style: str


@dataclass(frozen=True)
class Dancer:
    """One made-up person.

    Attributes:
        name: "d01", "d02", …
        skill: 0 (first day) to 1 (could teach it).
        body: proportions. outfit: clothes of all clips.
        amplitude: float64 [len(CONTROLS)], how large each movement is danced, 1 as taught.
        habits: float64 [len(CONTROLS)], added to every pose: degrees and leg lengths.
        sharpness: share of the time between two poses that is spent on getting there (small is snappy).
        lag: seconds by which the arms follow the trunk.
        lateness: seconds behind the beat, negative for ahead. sloppiness: seconds, standard deviation around that.
        bounce: factor on the style's bounce.
        turning: degrees, how far the dancer turns to and fro. travel: metres, how far the dancer wanders.
    """

    name: str
    skill: float
    body: Body
    outfit: Outfit
    amplitude: np.ndarray
    habits: np.ndarray
    sharpness: float
    lag: float
    lateness: float
    sloppiness: float
    bounce: float
    turning: float
    travel: float


def dancer_name(index: int) -> str:
    """The name of dancer `index`, counted from 0: "d01" for 0."""
    return f"d{index + 1:02d}"


def control_spread() -> np.ndarray:
    """Float64 [len(CONTROLS)]: by how much one standard deviation of clumsiness moves each control."""
    by_ending = {
        "_lift": 11.0, "_swing": 15.0, "_roll": 15.0, "_bend": 16.0, "_foot_out": 0.03, "_foot_forward": 0.04,
        "_foot_lift": 0.0, "bow": 5.0, "lean": 5.0, "twist": 6.0, "nod": 6.0, "tilt": 6.0, "look": 9.0,
        "sway": 0.03, "push": 0.02, "sink": 0.025, "hip": 4.0, "facing": 6.0,
    }  # fmt: skip
    spread = np.zeros(len(CONTROLS))
    for index, name in enumerate(CONTROLS):
        ending = max((ending for ending in by_ending if name.endswith(ending)), key=len)
        spread[index] = by_ending[ending]
    return spread


def skill_of(index: int, offset: float) -> float:
    """Skill in [0.1, 1]: the golden-ratio sequence from `offset`, so that any number of dancers covers the range."""
    return 0.1 + 0.9 * ((offset + index * 0.6180339887498949) % 1.0)


def _outfit(rng: np.random.Generator) -> Outfit:
    top, trim, lower, shoes = (CLOTHES[index] for index in rng.choice(len(CLOTHES), 4, replace=False))
    return Outfit(
        skin=SKINS[rng.integers(len(SKINS))],
        hair=HAIRS[rng.integers(len(HAIRS))],
        top=top,
        trim=trim,
        lower=lower,
        shoes=shoes,
        sleeve=float(rng.choice([0.0, 0.28, 0.5, 0.95, 0.95])),
        hem=float(rng.choice([0.08, 0.16, 0.3, 0.42])),
        stripes=int(rng.choice([0, 0, 0, 5, 8])),
        bottom=BOTTOMS[rng.integers(len(BOTTOMS))],
        hair_style=HAIR_STYLES[rng.integers(len(HAIR_STYLES))],
    )


def make_dancer(seed: int, index: int, difficulty: float) -> Dancer:
    """The dancer with this number in the company of this seed.

    Args:
        seed: of the whole set.
        index: from 0.
        difficulty: 0 to 1; how far dancers stray from what is taught and from each other.
    """
    offset = float(np.random.default_rng([seed, 11]).random())
    rng = np.random.default_rng([seed, 12, index])
    skill = skill_of(index, offset)
    clumsy = 1.0 - skill
    arms = np.array([name.startswith(("left_", "right_")) and "foot" not in name for name in CONTROLS])
    amplitude = np.where(arms, rng.normal(1.0, 0.05), rng.normal(1.0, 0.12))
    amplitude *= 1.0 - 0.18 * clumsy * (0.2 + 0.8 * difficulty)
    habits = rng.normal(0.0, 1.0, len(CONTROLS)) * control_spread() * (0.05 + 0.4 * difficulty) * (0.5 + 0.5 * clumsy)
    return Dancer(
        name=dancer_name(index),
        skill=skill,
        body=body_of(
            height=float(np.clip(rng.normal(1.68, 0.09), 1.48, 1.92)),
            legs=float(np.clip(rng.normal(1.0, 0.035), 0.92, 1.08)),
            arms=float(np.clip(rng.normal(1.0, 0.035), 0.92, 1.08)),
            shoulders=float(np.clip(rng.normal(1.0, 0.08), 0.85, 1.18)),
            girth=float(np.clip(rng.normal(1.0, 0.13), 0.8, 1.35)),
        ),
        outfit=_outfit(rng),
        amplitude=amplitude,
        habits=habits,
        sharpness=float(rng.uniform(0.3, 0.6)),
        lag=float(rng.uniform(0.0, 0.06)),
        lateness=float(rng.normal(0.0, 0.02) + 0.10 * clumsy**1.5),
        sloppiness=float(0.008 + 0.07 * clumsy**1.5),
        bounce=float(rng.uniform(0.5, 1.6)),
        turning=float(rng.uniform(3.0, 8.0) + 18.0 * difficulty * rng.random()),
        travel=float(rng.uniform(0.02, 0.10) + 0.20 * difficulty * rng.random()),
    )
