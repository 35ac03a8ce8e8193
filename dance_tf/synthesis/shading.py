"""Shaded, anti-aliased body parts: capsules, a lofted trunk, an ellipsoid head.

Each part is computed per pixel inside its bounding box: coverage from the distance to its outline, brightness from its
surface normal. Pictures are float32 [3, h, w], RGB, 0 to 255 (colour planes are three times as fast as pixels). Points
are in pixels, x right, y down, z towards the viewer.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Light:
    """One directional light with ambient light.

    Attributes:
        direction: unit vector towards the light.
        ambient, diffuse: brightness of the surroundings and of the light.
        tint: RGB factors.
    """

    direction: tuple[float, float, float]
    ambient: float
    diffuse: float
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Box:
    """Rows and columns of a picture, with the coordinates of their pixels, x [w] and y [h, 1]."""

    rows: slice
    columns: slice
    x: np.ndarray
    y: np.ndarray


def box_around(picture: np.ndarray, points: tuple[np.ndarray, ...], wide: float, high: float) -> Box | None:
    """Return the box of a picture within `wide` and `high` pixels of all points; None if it is outside the picture."""
    xs, ys = [point[0] for point in points], [point[1] for point in points]
    x0, x1 = max(int(min(xs) - wide), 0), min(int(max(xs) + wide) + 2, picture.shape[2])
    y0, y1 = max(int(min(ys) - high), 0), min(int(max(ys) + high) + 2, picture.shape[1])
    if x1 <= x0 or y1 <= y0:
        return None
    x = np.arange(x0, x1, dtype=np.float32)
    y = np.arange(y0, y1, dtype=np.float32)[:, None]
    return Box(slice(y0, y1), slice(x0, x1), x, y)


def blend(picture: np.ndarray, box: Box, cover: np.ndarray, brightness: np.ndarray, colour: np.ndarray) -> None:
    """Blend colour [3, 1, 1] or [3, h, w] × brightness [h, w] into the box, with opacity `cover` [h, w]."""
    region = picture[:, box.rows, box.columns]
    region *= 1.0 - cover
    region += (cover * brightness) * colour


def _tube_brightness(step: np.ndarray, side: np.ndarray, front: np.ndarray, slant: float, light: Light) -> np.ndarray:
    """Return the brightness [h, w] of a tube along `step` [3].

    Args:
        step: from end to end, pixels.
        side, front: [h, w], components of the surface normal across the tube and towards the viewer.
        slant: component of the light's direction across the tube.
        light: the light.
    """
    axis = step / max(float(np.sqrt(step @ step)), 1e-6)
    normal = np.array([0.0, 0.0, 1.0]) - axis[2] * axis
    length = float(np.sqrt(normal @ normal))
    normal = normal / length if length > 1e-6 else np.array([0.0, 0.0, 1.0])
    lit = front * np.float32(np.dot(normal, light.direction))
    lit += side * np.float32(slant)
    np.maximum(lit, 0.0, out=lit)
    # edges get less ambient light, which separates an arm from the trunk behind it
    return (np.float32(light.ambient) + np.float32(light.diffuse) * lit) * (0.62 + 0.38 * front)


def paint_capsule(
    picture: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    radii: tuple[float, float, float],
    colour: np.ndarray,
    light: Light,
) -> None:
    """Paint a limb: a capsule whose radius changes along its axis.

    Args:
        picture: changed in place.
        start, end: (x, y, z), pixels.
        radii: at the start, added in the middle, at the end, pixels.
        colour: float32 [3, 1, 1], tinted.
        light: the light.
    """
    first, belly, last = radii
    reach = max(first, last) + max(belly, 0.0) + 1.0
    box = box_around(picture, (start, end), reach, reach)
    if box is None:
        return
    step = end - start
    flat = float(step[0] ** 2 + step[1] ** 2)
    x, y = box.x - np.float32(start[0]), box.y - np.float32(start[1])
    if flat > 1e-3:
        along = np.clip(x * np.float32(step[0] / flat) + y * np.float32(step[1] / flat), 0.0, 1.0)
    else:
        along = np.zeros((len(y), len(x)), np.float32)
    side = y * np.float32(step[0]) - x * np.float32(step[1])
    x = x - along * np.float32(step[0])
    y = y - along * np.float32(step[1])
    radius = np.float32(first) + np.float32(last - first) * along
    if belly:
        radius += np.float32(4 * belly) * along * (1.0 - along)
    distance = np.sqrt(x * x + y * y)
    cover = np.clip(radius - distance + 0.5, 0.0, 1.0)
    # no shading of the round ends, so that a joint of two limbs shows no seam
    length = max(float(np.sqrt(flat)), 1e-3)
    side *= np.float32(1.0 / length) / radius
    np.clip(side, -1.0, 1.0, out=side)
    front = np.sqrt(1.0 - side * side)
    slant = (step[0] * light.direction[1] - step[1] * light.direction[0]) / length
    blend(picture, box, cover, _tube_brightness(step, side, front, slant, light), colour)


def paint_loft(
    picture: np.ndarray,
    spine: tuple[np.ndarray, np.ndarray, np.ndarray],
    widths: np.ndarray,
    colours: np.ndarray,
    light: Light,
) -> None:
    """Paint a trunk or a skirt: a tube of changing width around a bent axis.

    Args:
        picture: changed in place.
        spine: (x, y, z) at the bottom, in the middle and at the top, pixels.
        widths: float32 [m], half widths in pixels from bottom to top.
        colours: float32 [3, m], from bottom to top.
        light: the light.
    """
    bottom, middle, top = spine
    step = top - bottom
    length = max(float(np.hypot(step[0], step[1])), 4.0)
    ux, uy = float(step[0]) / length, float(step[1]) / length
    px, py = -uy, ux
    bow = float((middle[0] - 0.5 * (bottom[0] + top[0])) * px + (middle[1] - 0.5 * (bottom[1] + top[1])) * py)
    reach = float(widths.max()) + abs(bow) + 1.0
    box = box_around(picture, (bottom, top), reach, reach)
    if box is None:
        return
    x, y = box.x - np.float32(bottom[0]), box.y - np.float32(bottom[1])
    along = x * np.float32(ux) + y * np.float32(uy)
    across = x * np.float32(px) + y * np.float32(py)
    over = np.maximum(-along, along - np.float32(length))  # pixels beyond either end
    along *= np.float32(1.0 / length)
    np.clip(along, 0.0, 1.0, out=along)
    if bow:
        across -= np.float32(4 * bow) * along * (1.0 - along)
    index = (along * np.float32(len(widths) - 1)).astype(np.intp)
    width = widths[index]
    side = across / width
    cover = np.clip(width - np.abs(across) + 0.5, 0.0, 1.0) * np.clip(0.5 - over, 0.0, 1.0)
    front = np.sqrt(np.maximum(1.0 - side * side, 0.0))
    slant = px * light.direction[0] + py * light.direction[1]
    blend(picture, box, cover, _tube_brightness(step, side, front, slant, light), colours[:, index])


def paint_head(
    picture: np.ndarray,
    centre: np.ndarray,
    radii: tuple[float, float],
    frame: np.ndarray,
    skin: np.ndarray,
    hair: np.ndarray,
    hairline: float,
    light: Light,
) -> None:
    """Paint a head with hair and a face.

    Args:
        picture: changed in place.
        centre: (x, y, …), pixels.
        radii: half width and half height, pixels.
        frame: float64 [3, 3], orientation; the columns are left, up and forward of the head in world axes (y up).
        skin, hair: float32 [3, 1, 1], tinted.
        hairline: lower end of the hair on the face, 0 (brow) to 1 (crown).
        light: the light.
    """
    wide, high = radii
    # apparent half height: smaller for a head bent forwards
    high = float(np.hypot(high * np.hypot(frame[0, 1], frame[1, 1]), wide * frame[2, 1]))
    reach = max(wide, high) + 1.0
    box = box_around(picture, (centre,), reach, reach)
    if box is None:
        return
    tip = np.hypot(frame[0, 1], frame[1, 1])
    up_x, up_y = (frame[0, 1] / tip, -frame[1, 1] / tip) if tip > 1e-3 else (0.0, -1.0)
    x, y = box.x - np.float32(centre[0]), box.y - np.float32(centre[1])
    u = (x * np.float32(-up_y) + y * np.float32(up_x)) * np.float32(1 / wide)
    v = (x * np.float32(up_x) + y * np.float32(up_y)) * np.float32(1 / high)
    square = u * u + v * v
    cover = np.clip((1.0 - np.sqrt(square)) * np.float32(0.5 * (wide + high)) + 0.5, 0.0, 1.0)
    front = np.sqrt(np.maximum(1.0 - square, 0.0))
    right = v * np.float32(up_x) - u * np.float32(up_y)
    down = v * np.float32(up_y) + u * np.float32(up_x)
    lit = right * np.float32(light.direction[0]) + down * np.float32(light.direction[1])
    lit += front * np.float32(light.direction[2])
    np.maximum(lit, 0.0, out=lit)
    brightness = (np.float32(light.ambient) + np.float32(light.diffuse) * lit) * (0.66 + 0.34 * front)
    left, above, ahead = (
        right * np.float32(frame[0, k]) - down * np.float32(frame[1, k]) + front * np.float32(frame[2, k])
        for k in range(3)
    )
    hairy = (above > np.float32(hairline) - 0.25 * np.abs(left)) | (ahead < 0.06 + 0.5 * above)
    face = np.where(hairy, hair, skin)
    if frame[2, 2] > 0.1:
        eyes = (np.abs(np.abs(left) - 0.36) < 0.13) & (np.abs(above - 0.08) < 0.085) & (ahead > 0)
        brows = (np.abs(np.abs(left) - 0.37) < 0.17) & (np.abs(above - 0.27) < 0.045) & (ahead > 0)
        mouth = (np.abs(left) < 0.22) & (np.abs(above + 0.48) < 0.06) & (ahead > 0)
        face[:, eyes] *= 0.22
        face[:, brows & ~hairy] = 0.6 * hair[:, :, 0]
        face[:, mouth] *= np.array([[0.75], [0.42], [0.42]], np.float32)
    blend(picture, box, cover, brightness, face)


def cast_shadow(picture: np.ndarray, centre: np.ndarray, radii: tuple[float, float], strength: float) -> None:
    """Darken the floor around `centre` by a soft ellipse (radii: standard deviations in pixels)."""
    box = box_around(picture, (centre,), 2.6 * radii[0], 2.6 * radii[1])
    if box is None:
        return
    across = np.exp(-0.5 * ((box.x - np.float32(centre[0])) / np.float32(radii[0])) ** 2)
    along = np.exp(-0.5 * ((box.y - np.float32(centre[1])) / np.float32(radii[1])) ** 2)
    picture[:, box.rows, box.columns] *= 1.0 - np.float32(strength) * along * across
