"""A room for each dancer: walls, floor, furniture, windows, posters, light, and where the phone stands."""

from dataclasses import dataclass

import numpy as np

from dance_tf.synthesis.camera import Camera
from dance_tf.synthesis.shading import Light
from dance_tf.synthesis.textures import FLOORS, WALLS

PAINTS = (
    (226, 222, 212), (208, 214, 218), (176, 196, 206), (206, 184, 168), (150, 164, 144), (112, 122, 140), (90, 84, 92),
    (216, 196, 150), (198, 150, 150), (70, 92, 108), (232, 232, 236), (140, 116, 104),
)  # fmt: skip
GROUNDS = ((150, 110, 74), (96, 68, 48), (190, 160, 122), (126, 126, 130), (72, 76, 88), (172, 168, 160), (110, 50, 56))
FABRICS = (
    (60, 66, 84), (150, 140, 128), (120, 62, 58), (66, 96, 84), (222, 218, 208), (98, 74, 52), (184, 150, 96),
    (44, 44, 48), (148, 120, 160), (104, 136, 168),
)  # fmt: skip


@dataclass(frozen=True)
class Cuboid:
    """A piece of furniture: an upright block in the room's axes, metres; `bands` stripes its front."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    colour: tuple[float, float, float]
    bands: int = 0


@dataclass(frozen=True)
class Hanging:
    """Something flat on the back wall: left and right along it, bottom and top above the floor, metres."""

    left: float
    right: float
    bottom: float
    top: float
    kind: str
    colour: tuple[float, float, float]


@dataclass(frozen=True)
class Room:
    """Where a dancer films; the origin is where the dancer stands, the room's axes are turned by `turn` degrees.

    Attributes:
        back, left, right, ceiling: distances of the walls and the ceiling, metres.
        wall, floor: patterns. paint, trim, ground: their colours.
        furniture, hangings: what stands and hangs there. rug: half sizes and colour, or None.
        light: what lights room and dancer alike. lamp: position and strength of a lamp, metres.
        camera: the phone on its shelf. seed: of posters and other details.
    """

    turn: float
    back: float
    left: float
    right: float
    ceiling: float
    wall: str
    floor: str
    paint: tuple[float, float, float]
    trim: tuple[float, float, float]
    ground: tuple[float, float, float]
    furniture: tuple[Cuboid, ...]
    hangings: tuple[Hanging, ...]
    rug: tuple[float, float, tuple[float, float, float]] | None
    light: Light
    lamp: tuple[float, float, float, float]
    camera: Camera
    seed: int


def _furnish(rng: np.random.Generator, back: float, left: float, right: float) -> tuple[Cuboid, ...]:
    """Two to five pieces along the back and side walls, clear of the dancer."""
    found: list[Cuboid] = []

    def colour() -> tuple[float, float, float]:
        return FABRICS[rng.integers(len(FABRICS))]

    for _ in range(int(rng.integers(2, 6))):
        kind = rng.choice(["wardrobe", "cabinet", "shelf", "bed", "sofa", "stool", "plant"])
        side = rng.choice([-1.0, 1.0])
        wall = left if side < 0 else right
        wide, tall, deep = {
            "wardrobe": (0.9, 1.9, 0.5), "cabinet": (1.0, 0.75, 0.42), "shelf": (0.5, 1.7, 0.28), 
            "bed": (1.2, 0.5, 1.9),
            "sofa": (1.5, 0.42, 0.8), "stool": (0.36, 0.45, 0.36), "plant": (0.26, 0.3, 0.26),
        }[kind]  # fmt: skip
        wide, tall = wide * rng.uniform(0.85, 1.15), tall * rng.uniform(0.85, 1.15)
        x1 = wall - 0.02 if rng.random() < 0.6 else wall - rng.uniform(0.0, 0.6)
        x0 = x1 - wide
        z0 = -back + 0.01
        z1 = z0 + deep
        if x0 < 0.55 and z1 > -0.55:  # would stand where the dancer dances
            continue
        low, high = (side * x0, side * x1) if side > 0 else (-x1, -x0)
        if any(low < other.high[0] and other.low[0] < high for other in found):
            continue
        tone = colour()
        bands = {"wardrobe": 2, "cabinet": 3, "shelf": 7}.get(kind, 0)
        found.append(Cuboid((low, 0.0, z0), (high, tall, z1), tone, bands))
        if kind == "sofa":
            found.append(Cuboid((low, tall, z0), (high, tall + 0.4, z0 + 0.25), tone))
        elif kind == "bed":
            found.append(Cuboid((low, tall, z0), (high, tall + 0.12, z0 + 0.45), colour()))
        elif kind == "plant":
            for height, size in ((0.32, 0.22), (0.55, 0.28), (0.85, 0.16)):
                middle = 0.5 * (low + high) + rng.uniform(-0.08, 0.08)
                green = (40 + 50 * rng.random(), 90 + 50 * rng.random(), 50.0)
                found.append(
                    Cuboid((middle - size, tall + height - 0.3, z0), (middle + size, tall + height, z1), green)
                )
    return tuple(found)


def _hang(rng: np.random.Generator, left: float, right: float) -> tuple[Hanging, ...]:
    found: list[Hanging] = []
    spot = -left + rng.uniform(0.1, 0.4)
    while spot < right - 0.3 and len(found) < 5:
        kind = str(rng.choice(["poster", "poster", "window", "door", "mirror", "lights", "gap"]))
        wide, bottom, tall = {
            "poster": (rng.uniform(0.35, 0.7), rng.uniform(1.0, 1.4), rng.uniform(0.45, 0.8)),
            "window": (rng.uniform(0.8, 1.3), 0.95, 1.15), "door": (0.85, 0.0, 2.02),
            "mirror": (rng.uniform(0.4, 0.6), 0.5, 1.3), "lights": (rng.uniform(0.8, 1.6), 1.9, 0.05),
            "gap": (rng.uniform(0.2, 0.5), 0.0, 0.0),
        }[kind]  # fmt: skip
        if kind != "gap" and spot + wide < right:
            colour = FABRICS[rng.integers(len(FABRICS))]
            found.append(Hanging(spot, spot + wide, bottom, bottom + tall, kind, colour))
        spot += wide + rng.uniform(0.1, 0.5)
    return tuple(found)


def make_room(seed: int, index: int, difficulty: float) -> Room:
    """The room of dancer `index`: the same in all of that dancer's clips."""
    rng = np.random.default_rng([seed, 21, index])
    back, left, right = rng.uniform(0.75, 2.4), rng.uniform(1.0, 2.6), rng.uniform(1.0, 2.6)
    angle, rise = rng.uniform(-70, 70), rng.uniform(15, 60)
    toward = np.array([np.sin(np.radians(angle)), 0.0, np.cos(np.radians(angle))]) * np.cos(np.radians(rise))
    level = rng.uniform(0.85, 1.2)
    share = rng.uniform(0.4, 0.62)
    warm = rng.normal(0, 0.05)
    light = Light(
        direction=(float(toward[0]), float(-np.sin(np.radians(rise))), float(toward[2])),
        ambient=level * share,
        diffuse=level * (1.08 - share),
        tint=(1 + warm, 1.0, 1 - warm),
    )
    distance, high = rng.uniform(2.3, 3.7), rng.uniform(0.65, 1.45)
    yaw = rng.normal(0, 5.0) * (0.4 + 0.6 * 2 * difficulty)
    size = rng.uniform(0.53, 0.53 + 0.16 * (0.4 + 1.2 * difficulty))
    aim = rng.uniform(0.80, 0.98)
    camera = Camera(
        position=(float(-distance * np.tan(np.radians(yaw))), high, float(distance)),
        yaw=float(yaw),
        pitch=float(np.degrees(np.arctan2(high - aim, distance))),
        focal=float(distance * size / 1.68),
    )
    paint, trim = (PAINTS[k] for k in rng.choice(len(PAINTS), 2, replace=False))
    rug = None
    if rng.random() < 0.45:
        rug = (float(rng.uniform(0.7, 1.3)), float(rng.uniform(0.45, 0.8)), FABRICS[rng.integers(len(FABRICS))])
    return Room(
        turn=float(rng.uniform(-22, 22)),
        back=float(back),
        left=float(left),
        right=float(right),
        ceiling=float(rng.uniform(2.3, 2.8)),
        wall=WALLS[rng.integers(len(WALLS))],
        floor=FLOORS[rng.integers(len(FLOORS))],
        paint=paint,
        trim=trim,
        ground=GROUNDS[rng.integers(len(GROUNDS))],
        furniture=_furnish(rng, back, left, right),
        hangings=_hang(rng, left, right),
        rug=rug,
        light=light,
        lamp=(*rng.uniform((-1.5, 1.3, -0.6), (1.5, 2.2, 1.5)), float(rng.uniform(0.0, 0.7))),
        camera=camera,
        seed=int(rng.integers(2**31)),
    )
