"""The picture of an empty room: one ray for every pixel, traced to the first wall or piece of furniture it meets."""

import cv2
import numpy as np

from dance_tf.synthesis.camera import MARGIN
from dance_tf.synthesis.room import Room
from dance_tf.synthesis.textures import floor_colour, poster, wall_colour

FINE = 2  # rays along each side of a pixel: with one, edges are stairs at any height
BAND = 64  # rows traced at once, so that a tall picture needs no more memory than a low one


def _first_hits(origin: np.ndarray, rays: np.ndarray, room: Room) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the rays [3, n] from `origin` [3] meet first.

    Returns distance [n], surface [n] (0 floor, 1 ceiling, 2 back, 3 left, 4 right, 5 and on: furniture) and the axis
    [n] along which the surface's normal lies.
    """
    inverse = 1.0 / np.where(np.abs(rays) < 1e-6, np.float32(1e-6), rays)
    planes = ((1, 0.0), (1, room.ceiling), (2, -room.back), (0, -room.left), (0, room.right))
    count = rays.shape[1]
    distance = np.full(count, np.inf, np.float32)
    surface = np.zeros(count, np.int8)
    normal = np.zeros(count, np.int8)
    for number, (axis, where) in enumerate(planes):
        along = np.float32(where - origin[axis]) * inverse[axis]
        nearer = (along > 0) & (along < distance)
        distance[nearer], surface[nearer], normal[nearer] = along[nearer], number, axis
    for number, block in enumerate(room.furniture):
        first = np.zeros(count, np.float32)
        last = distance.copy()
        axis_of = np.zeros(count, np.int8)
        for axis in range(3):  # the slab method: inside the block while inside all three pairs of planes
            one = np.float32(block.low[axis] - origin[axis]) * inverse[axis]
            two = np.float32(block.high[axis] - origin[axis]) * inverse[axis]
            enter = np.minimum(one, two)
            axis_of[enter > first] = axis
            np.maximum(first, enter, out=first)
            np.minimum(last, np.maximum(one, two), out=last)
        hit = (first < last) & (first > 0)
        distance[hit], surface[hit], normal[hit] = first[hit], 5 + number, axis_of[hit]
    return distance, surface, normal


def _hang_on(room: Room, colours: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Colours [n, 3] of the back wall with what hangs on it; also which of them shine by themselves."""
    rng = np.random.default_rng(room.seed)
    shine = np.zeros(len(u), bool)
    for thing in room.hangings:
        inside = (u > thing.left) & (u < thing.right) & (v > thing.bottom) & (v < thing.top)
        across = (u[inside] - thing.left) / (thing.right - thing.left)
        down = (thing.top - v[inside]) / (thing.top - thing.bottom)
        rim = np.minimum(across, 1 - across) * (thing.right - thing.left) < 0.04
        rim |= np.minimum(down, 1 - down) * (thing.top - thing.bottom) < 0.04
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
    """Colours uint8 [n, 3] that the rays [3, n] from `origin` [3] meet; `into` [3, 3] turns the world into the room."""
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
        colours[on] = wall_colour(points[axis, on], points[1, on], room.wall, paint, trim)
        if number == 2:
            painted = colours[on]
            shine[on] = _hang_on(room, painted, points[0, on], points[1, on])
            colours[on] = painted
    shade = np.ones(rays.shape[1], np.float32)
    ground = np.flatnonzero(surface == 0)
    for number, block in enumerate(room.furniture):
        on = surface == 5 + number
        colours[on] = block.colour
        if block.bands:
            share = (points[1, on] - block.low[1]) / (block.high[1] - block.low[1]) * block.bands
            shade[on] = np.where(share % 1 < 0.05, 0.55, 0.92 + 0.16 * (np.floor(share) * 0.37 % 1))
        # what stands on the floor darkens it nearby
        x, z = points[0, ground], points[2, ground]
        near = np.maximum(np.maximum(block.low[0] - x, x - block.high[0]), 0) ** 2
        near += np.maximum(np.maximum(block.low[2] - z, z - block.high[2]), 0) ** 2
        shade[ground] *= 1 - 0.4 * np.exp(-near / np.float32(0.03))

    facing = -np.sign(np.choose(normal, rays))
    sun = into @ (np.array(room.light.direction, np.float32) * np.array([1, -1, 1], np.float32))
    bright = room.light.ambient + room.light.diffuse * np.maximum(facing * sun[normal], 0)
    to_lamp = np.array(room.lamp[:3], np.float32)[:, None] - points
    far = (to_lamp * to_lamp).sum(axis=0)
    slant = facing * np.choose(normal, to_lamp)
    bright = bright + 0.5 * room.lamp[3] * np.maximum(slant, 0) / (np.sqrt(far) * (0.6 + far))
    walls = (points[1], room.ceiling - points[1], points[2] + room.back)
    walls += (points[0] + room.left, room.right - points[0])
    closeness = sum(np.exp(np.maximum(away, 0) * np.float32(-1 / 0.22)) for away in walls)
    bright = bright * (1 - 0.2 * np.clip(closeness - 1, 0, 1)) * shade  # corners are darker
    bright[shine] = 1.0
    picture = colours * bright[:, None] * np.array(room.light.tint, np.float32)
    return np.clip(picture, 0, 255).astype(np.uint8)


def draw_room(room: Room, width: int, height: int) -> np.ndarray:
    """The empty room uint8 [h', w', 3], RGB, as the camera sees it, with `MARGIN` around the frame.

    Args:
        room: to be drawn.
        width, height: of a frame, pixels.
    """
    columns = np.arange(round(width * (1 + 2 * MARGIN)) * FINE, dtype=np.float32)
    rows = np.arange(round(height * (1 + 2 * MARGIN)) * FINE, dtype=np.float32)
    x = (columns + 0.5) / FINE - MARGIN * width - width / 2
    y = (rows + 0.5) / FINE - MARGIN * height - height / 2
    turn = np.radians(room.turn)
    into = np.array([[np.cos(turn), 0, -np.sin(turn)], [0, 1, 0], [np.sin(turn), 0, np.cos(turn)]], np.float32)
    right, down, ahead = (room.camera.axes() @ into.T).astype(np.float32)[:, :, None, None]
    origin = into @ np.array(room.camera.position, np.float32)
    bands = []
    for top in range(0, len(rows), BAND * FINE):
        below = y[top : top + BAND * FINE, None]
        rays = x * right + below * down + np.float32(room.camera.focal * height) * ahead
        colours = _colours_along(room, into, origin, rays.reshape(3, -1))
        size = (len(columns) // FINE, len(below) // FINE)
        bands.append(cv2.resize(colours.reshape(len(below), len(columns), 3), size, interpolation=cv2.INTER_AREA))
    return np.concatenate(bands)
