"""Made-up rooms, and their pictures by ray casting."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from dance_tf.synthesis.body import Colour, pick, rotation
from dance_tf.synthesis.camera import MARGIN, Camera
from dance_tf.synthesis.figure import Light

WALLS = ("paint", "two tones", "stripes", "bricks", "panels")
FLOORS = ("planks", "tiles", "carpet", "concrete")


@lru_cache(maxsize=1)
def _grain() -> np.ndarray:
    """Return smooth noise float32 [256, 256] of mean 0 and standard deviation 1, which can be tiled."""
    noise = np.random.default_rng(7).normal(size=(256, 256))
    rate = np.fft.fftfreq(256)
    shape = 1.0 / (1.0 + (np.hypot(rate[:, None], rate[None]) / 0.03) ** 1.5)
    smooth = np.fft.ifft2(np.fft.fft2(noise) * shape).real
    return (smooth / smooth.std()).astype(np.float32)


def grain_at(u: np.ndarray, v: np.ndarray, fine: float) -> np.ndarray:
    """Return noise at points; `fine` is the number of noise samples per metre."""
    return _grain()[(v * fine).astype(np.int32) & 255, (u * fine).astype(np.int32) & 255]


def _hashed(index: np.ndarray) -> np.ndarray:
    """Return a fixed pseudo-random number in [0, 1) for each integer."""
    return np.modf(np.abs(np.sin(index * 12.9898 + 4.1) * 43758.547))[0]


def wall_colour(u: np.ndarray, v: np.ndarray, kind: str, colour: np.ndarray, trim: np.ndarray) -> np.ndarray:
    """Return colours float32 [n, 3] of a wall at u along it and v above the floor, metres."""
    base = np.broadcast_to(colour, (len(u), 3)).astype(np.float32)
    if kind == "two tones":
        base = np.where((v < 1.05)[:, None], trim, base)
        base[(v > 1.03) & (v < 1.09)] *= 0.75
    elif kind == "stripes":
        base = np.where(((u / 0.16) % 2 < 1)[:, None], base, 0.88 * base + 0.12 * trim)
    elif kind == "bricks":
        row = np.floor(v / 0.085)
        across = u / 0.24 + 0.5 * (row % 2)
        tone = 0.82 + 0.3 * _hashed(np.floor(across) + 57 * row)
        joint = ((v / 0.085) % 1 < 0.14) | (across % 1 < 0.06)
        base = base * tone[:, None]
        base[joint] = 0.6 * colour + 60
    elif kind == "panels":
        edge = ((u / 0.62) % 1 < 0.03) | ((v > 0.92) & (v < 0.96)) | ((v > 0.1) & (v < 0.12))
        base = np.where(edge[:, None], 0.8 * base, base)
    base = base * (1.0 + 0.018 * grain_at(u, v, 90.0))[:, None]
    base[v < 0.09] = trim * 0.4 + 130  # skirting board
    return base.astype(np.float32)


def floor_colour(u: np.ndarray, v: np.ndarray, kind: str, colour: np.ndarray) -> np.ndarray:
    """Return colours float32 [n, 3] of a floor at points (u, v), metres."""
    tone = np.ones_like(u)
    if kind == "planks":
        row = np.floor(v / 0.14)
        across = u / 1.1 + _hashed(row)
        tone = 0.84 + 0.28 * _hashed(np.floor(across) + 31 * row)
        tone *= 1 + 0.05 * grain_at(u, v, 30.0) + 0.05 * grain_at(u * 0.2, v * 3, 80.0)
        tone[((v / 0.14) % 1 < 0.05) | (across % 1 < 0.006)] *= 0.6
    elif kind == "tiles":
        tone = np.where((np.floor(u / 0.33) + np.floor(v / 0.33)) % 2 > 0, 1.0, 0.9)
        tone[((u / 0.33) % 1 < 0.03) | ((v / 0.33) % 1 < 0.03)] = 0.7
    elif kind == "carpet":
        tone = 1 + 0.07 * grain_at(u, v, 120.0)
    else:
        tone = 1 + 0.06 * grain_at(u, v, 12.0) + 0.03 * grain_at(u, v, 70.0)
    return (colour * tone[:, None]).astype(np.float32)


def poster(rng: np.random.Generator, rows: int = 192, columns: int = 144) -> np.ndarray:
    """Return a random abstract picture float32 [rows, columns, 3]."""
    y, x = np.mgrid[0:rows, 0:columns] / rows
    ground, *inks = rng.uniform(20, 240, (5, 3))
    picture = np.broadcast_to(ground, (rows, columns, 3)).copy()
    for ink in inks:
        kind, (cx, cy, size) = rng.integers(3), rng.uniform(0.1, 0.6, 3)
        inside = (
            np.hypot(x - cx, y - cy) < 0.6 * size,
            np.abs(x - cx) + 0.3 * np.abs(y - cy) < 0.3 * size,
            y > 1 - 0.4 * size + 0.1 * np.sin(8 * x + cx),
        )[kind]
        picture[inside] = ink
    return picture.astype(np.float32)


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
    """A piece of furniture: a block between two corners in the room's axes, metres, with stripes on its front."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    colour: Colour
    bands: int = 0


@dataclass(frozen=True)
class Hanging:
    """A flat object on the back wall: left and right along it, bottom and top above the floor, metres."""

    left: float
    right: float
    bottom: float
    top: float
    kind: str
    colour: Colour


@dataclass(frozen=True)
class Room:
    """The room of a dancer; the origin is the dancer's place, and distances are in metres."""

    turn: float  # rotation of the room's axes, degrees
    back: float
    left: float
    right: float
    ceiling: float
    wall: str  # one of `WALLS`
    floor: str  # one of `FLOORS`
    paint: Colour
    trim: Colour
    ground: Colour
    furniture: tuple[Cuboid, ...]
    hangings: tuple[Hanging, ...]  # on the back wall
    rug: tuple[float, float, Colour] | None  # half sizes and colour
    light: Light  # of room and dancer
    lamp: tuple[float, float, float, float]  # position and strength
    camera: Camera
    seed: int  # of posters and other details


FURNITURE = {  # width, height and depth in metres, and the bands on the front
    "wardrobe": (0.9, 1.9, 0.5, 2), "cabinet": (1.0, 0.75, 0.42, 3), "shelf": (0.5, 1.7, 0.28, 7),
    "bed": (1.2, 0.5, 1.9, 0), "sofa": (1.5, 0.42, 0.8, 0), "stool": (0.36, 0.45, 0.36, 0),
    "plant": (0.26, 0.3, 0.26, 0),
}  # fmt: skip


def _furnish(
    rng: np.random.Generator, back: float, left: float, right: float, space: tuple[float, float]
) -> tuple[Cuboid, ...]:
    """Return up to five pieces of furniture along the back and side walls, away from the dancer."""
    found: list[Cuboid] = []
    for _ in range(int(rng.integers(2, 6))):
        kind, side = pick(rng, tuple(FURNITURE)), pick(rng, (-1.0, 1.0))
        wide, tall, deep, bands = FURNITURE[kind]
        wide, tall = wide * rng.uniform(0.85, 1.15), tall * rng.uniform(0.85, 1.15)
        x1 = (left if side < 0 else right) - (0.02 if rng.random() < 0.6 else rng.uniform(0.0, 0.6))
        x0, z0 = x1 - wide, -back + 0.01
        z1 = z0 + deep
        if x0 < space[0] + 0.55 and z1 > -space[1] - 0.55:  # in the dancer's way
            continue
        low, high = (side * x0, side * x1) if side > 0 else (-x1, -x0)
        if any(low < other.high[0] and other.low[0] < high for other in found):
            continue
        colour = pick(rng, FABRICS)
        found.append(Cuboid((low, 0.0, z0), (high, tall, z1), colour, bands))
        if kind in ("sofa", "bed"):  # a back, or a cushion
            higher, deep, colour = (0.4, 0.25, colour) if kind == "sofa" else (0.12, 0.45, pick(rng, FABRICS))
            found.append(Cuboid((low, tall, z0), (high, tall + higher, z0 + deep), colour))
        for height, size in ((0.32, 0.22), (0.55, 0.28), (0.85, 0.16)) if kind == "plant" else ():
            middle = 0.5 * (low + high) + rng.uniform(-0.08, 0.08)
            green, top = (40 + 50 * rng.random(), 90 + 50 * rng.random(), 50.0), tall + height
            found.append(Cuboid((middle - size, top - 0.3, z0), (middle + size, top, z1), green))
    return tuple(found)


def _hang(rng: np.random.Generator, left: float, right: float) -> tuple[Hanging, ...]:
    found: list[Hanging] = []
    spot = -left + rng.uniform(0.1, 0.4)
    while spot < right - 0.3 and len(found) < 5:
        kind = pick(rng, ("poster", "poster", "window", "door", "mirror", "lights", "gap"))
        wide, bottom, tall = {
            "poster": (rng.uniform(0.35, 0.7), rng.uniform(1.0, 1.4), rng.uniform(0.45, 0.8)),
            "window": (rng.uniform(0.8, 1.3), 0.95, 1.15), "door": (0.85, 0.0, 2.02),
            "mirror": (rng.uniform(0.4, 0.6), 0.5, 1.3), "lights": (rng.uniform(0.8, 1.6), 1.9, 0.05),
            "gap": (rng.uniform(0.2, 0.5), 0.0, 0.0),
        }[kind]  # fmt: skip
        if kind != "gap" and spot + wide < right:
            found.append(Hanging(spot, spot + wide, bottom, bottom + tall, kind, pick(rng, FABRICS)))
        spot += wide + rng.uniform(0.1, 0.5)
    return tuple(found)


def make_room(seed: int, index: int, difficulty: float, space: tuple[float, float] = (0.0, 0.0)) -> Room:
    """Return the room of dancer `index`, the same in all clips of the dancer.

    Args:
        space: half width and half depth of the floor that the dancer uses, metres. The walls stay outside of it and
            of the camera, and the camera so far away that the dancer's size changes by two thirds at most.
    """
    rng = np.random.default_rng([seed, 21, index])
    back, left, right = rng.uniform(0.75, 2.4), rng.uniform(1.0, 2.6), rng.uniform(1.0, 2.6)
    angle, rise = rng.uniform(-70, 70), rng.uniform(15, 60)
    toward = np.array([np.sin(np.radians(angle)), 0.0, np.cos(np.radians(angle))]) * np.cos(np.radians(rise))
    level, share, warm = rng.uniform(0.85, 1.2), rng.uniform(0.4, 0.62), rng.normal(0, 0.05)
    towards = (float(toward[0]), float(-np.sin(np.radians(rise))), float(toward[2]))
    light = Light(towards, level * share, level * (1.08 - share), (1 + warm, 1.0, 1 - warm))
    distance, high = rng.uniform(2.3, 3.7), rng.uniform(0.65, 1.45)
    yaw = rng.normal(0, 5.0) * (0.4 + 0.6 * 2 * difficulty)
    size, aim = rng.uniform(0.53, 0.53 + 0.16 * (0.4 + 1.2 * difficulty)), rng.uniform(0.80, 0.98)
    farther = max(1.0, 4.0 * space[1] / distance)  # the camera's place from left to right does not change
    yaw, distance = yaw / farther, distance * farther
    position = (float(-distance * np.tan(np.radians(yaw))), high, float(distance))
    pitch = float(np.degrees(np.arctan2(high - aim, distance)))
    camera = Camera(position, float(yaw), pitch, float(distance * size / 1.68))
    paint, trim = (PAINTS[k] for k in rng.choice(len(PAINTS), 2, replace=False))
    rug = None
    if rng.random() < 0.45:
        rug = (float(rng.uniform(0.7, 1.3)), float(rng.uniform(0.45, 0.8)), pick(rng, FABRICS))
    turn, ceiling = float(rng.uniform(-22, 22)) / farther, float(rng.uniform(2.3, 2.8))
    if any(space):
        beside = space[0] + space[1] * np.sin(np.radians(abs(turn))) + 0.6
        aside = float((rotation("y", -turn) @ position)[0])  # of the camera, which must not be behind a wall
        back, left, right = max(back, space[1] + 0.6), max(left, beside, 0.2 - aside), max(right, beside, 0.2 + aside)
    wall, floor, ground = pick(rng, WALLS), pick(rng, FLOORS), pick(rng, GROUNDS)
    things = _furnish(rng, back, left, right, space), _hang(rng, left, right)
    lamp = (*rng.uniform((-1.5, 1.3, -0.6), (1.5, 2.2, 1.5)), float(rng.uniform(0.0, 0.7)))
    sides, colours = (float(back), float(left), float(right), ceiling), (paint, trim, ground)
    return Room(turn, *sides, wall, floor, *colours, *things, rug, light, lamp, camera, int(rng.integers(2**31)))


FINE = 2  # rays along each side of a pixel: with one, edges are not anti-aliased
BAND = 64  # rows traced at once: limits the memory


def _first_hits(origin: np.ndarray, rays: np.ndarray, room: Room) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return distance, surface and axis of its normal [n] where the rays [3, n] from `origin` [3] first hit.

    Surfaces are 0 floor, 1 ceiling, 2 back, 3 left, 4 right, 5 and above: furniture.
    """
    inverse = 1.0 / np.where(np.abs(rays) < 1e-6, np.float32(1e-6), rays)
    planes = ((1, 0.0), (1, room.ceiling), (2, -room.back), (0, -room.left), (0, room.right))
    count = rays.shape[1]
    distance, (surface, normal) = np.full(count, np.inf, np.float32), np.zeros((2, count), np.int8)
    for number, (axis, where) in enumerate(planes):
        along = np.float32(where - origin[axis]) * inverse[axis]
        nearer = (along > 0) & (along < distance)
        distance[nearer], surface[nearer], normal[nearer] = along[nearer], number, axis
    for number, block in enumerate(room.furniture):
        first, last, axis_of = np.zeros(count, np.float32), distance.copy(), np.zeros(count, np.int8)
        for axis in range(3):  # slab method
            one, two = (np.float32(side[axis] - origin[axis]) * inverse[axis] for side in (block.low, block.high))
            enter = np.minimum(one, two)
            axis_of[enter > first] = axis
            np.maximum(first, enter, out=first)
            np.minimum(last, np.maximum(one, two), out=last)
        hit = (first < last) & (first > 0)
        distance[hit], surface[hit], normal[hit] = first[hit], 5 + number, axis_of[hit]
    return distance, surface, normal


def _hang_on(room: Room, colours: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Paint the objects on the back wall into its colours [n, 3]; return bool [n], where they emit light."""
    rng = np.random.default_rng(room.seed)
    shine = np.zeros(len(u), bool)
    for thing in room.hangings:
        inside = (u > thing.left) & (u < thing.right) & (v > thing.bottom) & (v < thing.top)
        wide, high = thing.right - thing.left, thing.top - thing.bottom
        across, down = (u[inside] - thing.left) / wide, (thing.top - v[inside]) / high
        rim = np.minimum(across, 1 - across) * wide < 0.04
        rim |= np.minimum(down, 1 - down) * high < 0.04
        if thing.kind == "poster":
            picture = poster(rng)
            last = np.array(picture.shape[:2]) - 0.01
            colour = picture[(down * last[0]).astype(int), (across * last[1]).astype(int)]
        elif thing.kind == "window":
            colour = np.array([214, 228, 240]) * (1.05 - 0.3 * down)[:, None]
            rim |= np.abs(across - 0.5) < 0.02
            shine[np.flatnonzero(inside)[~rim]] = True
            colour[rim] = (236, 234, 228)
        elif thing.kind == "door":
            colour = np.tile(np.array(thing.colour) * 0.5 + 90, (len(across), 1))
            colour[(np.hypot((across - 0.88) * 0.85, (down - 0.5) * 2) < 0.03)] = 60
            colour[rim] *= 0.8
        elif thing.kind == "mirror":
            colour = np.array(room.paint) * (0.7 + 0.25 * np.abs(across - down))[:, None]
            colour[rim] = thing.colour
        else:
            colour = np.full((len(across), 3), (255.0, 120.0 + 100 * rng.random(), 200.0))
            shine[inside] = True
        colours[inside] = colour
    return shine


def _colours_along(room: Room, into: np.ndarray, origin: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Return colours uint8 [n, 3] of the rays [3, n] from `origin` [3]; `into` [3, 3] maps world to room axes."""
    distance, surface, normal = _first_hits(origin, rays, room)
    points = origin[:, None] + distance * rays

    colours = np.empty((rays.shape[1], 3), np.float32)
    shine = np.zeros(rays.shape[1], bool)
    paint, trim = np.array(room.paint, np.float32), np.array(room.trim, np.float32)
    on = surface == 0
    u, v = points[0, on], points[2, on]
    colours[on] = floor_colour(u, v, room.floor, np.array(room.ground, np.float32))
    if room.rug:
        rug = np.flatnonzero(on)[(np.abs(u) < room.rug[0]) & (np.abs(v) < room.rug[1])]
        ring = np.maximum(np.abs(points[0, rug]) / room.rug[0], np.abs(points[2, rug]) / room.rug[1])
        colours[rug] = np.array(room.rug[2]) * np.where((ring > 0.82) & (ring < 0.9), 1.35, 1.0)[:, None]
    colours[surface == 1] = 0.3 * paint + 160
    for number, axis in ((2, 0), (3, 2), (4, 2)):
        on = surface == number
        painted = wall_colour(points[axis, on], points[1, on], room.wall, paint, trim)
        if number == 2:
            shine[on] = _hang_on(room, painted, points[0, on], points[1, on])
        colours[on] = painted
    shade, ground = np.ones(rays.shape[1], np.float32), np.flatnonzero(surface == 0)
    for number, block in enumerate(room.furniture):
        on = surface == 5 + number
        colours[on] = block.colour
        if block.bands:
            share = (points[1, on] - block.low[1]) / (block.high[1] - block.low[1]) * block.bands
            shade[on] = np.where(share % 1 < 0.05, 0.55, 0.92 + 0.16 * (np.floor(share) * 0.37 % 1))
        # furniture darkens the floor around it
        x, z = points[0, ground], points[2, ground]
        near = np.maximum(np.maximum(block.low[0] - x, x - block.high[0]), 0) ** 2
        near += np.maximum(np.maximum(block.low[2] - z, z - block.high[2]), 0) ** 2
        shade[ground] *= 1 - 0.4 * np.exp(-near / np.float32(0.03))

    facing = -np.sign(np.choose(normal, rays))
    sun = into @ (np.array(room.light.direction, np.float32) * np.array([1, -1, 1], np.float32))
    bright = room.light.ambient + room.light.diffuse * np.maximum(facing * sun[normal], 0)
    to_lamp = np.array(room.lamp[:3], np.float32)[:, None] - points
    far = (to_lamp * to_lamp).sum(axis=0)
    slant = np.maximum(facing * np.choose(normal, to_lamp), 0)
    bright = bright + 0.5 * room.lamp[3] * slant / (np.sqrt(far) * (0.6 + far))
    x, y, z = points
    walls = (y, room.ceiling - y, z + room.back, x + room.left, room.right - x)
    closeness = sum(np.exp(np.maximum(away, 0) * np.float32(-1 / 0.22)) for away in walls)
    bright = bright * (1 - 0.2 * np.clip(closeness - 1, 0, 1)) * shade  # corners are darker
    bright[shine] = 1.0
    picture = colours * bright[:, None] * np.array(room.light.tint, np.float32)
    return np.clip(picture, 0, 255).astype(np.uint8)


def draw_room(room: Room, width: int, height: int) -> np.ndarray:
    """Return the camera's picture of an empty room, uint8 [h', w', 3], RGB, with `MARGIN` around the frame."""
    columns, rows = (round(side * (1 + 2 * MARGIN)) for side in (width, height))
    x, y = (
        (np.arange(count * FINE, dtype=np.float32) + 0.5) / FINE - MARGIN * side - side / 2
        for count, side in ((columns, width), (rows, height))
    )
    turn = np.radians(room.turn)
    into = np.array([[np.cos(turn), 0, -np.sin(turn)], [0, 1, 0], [np.sin(turn), 0, np.cos(turn)]], np.float32)
    right, down, ahead = (room.camera.axes() @ into.T).astype(np.float32)[:, :, None, None]
    origin = into @ np.array(room.camera.position, np.float32)
    bands = []
    for top in range(0, rows, BAND):
        below = y[top * FINE : (top + BAND) * FINE, None]
        rays = x * right + below * down + np.float32(room.camera.focal * height) * ahead
        colours = _colours_along(room, into, origin, rays.reshape(3, -1))
        size = (columns, len(below) // FINE)
        bands.append(cv2.resize(colours.reshape(len(below), len(x), 3), size, interpolation=cv2.INTER_AREA))
    return np.concatenate(bands)
