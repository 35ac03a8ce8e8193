"""A dressed dancer: its shaded, anti-aliased body parts, and the order in which they are painted.

Each part is computed per pixel inside its bounding box: coverage from the distance to its outline, brightness from its
surface normal. Pictures are float32 [3, h, w], RGB, 0 to 255 (colour planes are three times as fast as pixels), and are
changed in place. Points are (x, y, z) in pixels, x right, y down, z towards the viewer. Colours include the tint of the
light.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from dance_tf.synthesis.body import JOINT, SIDES, Body, Outfit

LOFT_STEPS = 768
SOFT_STEPS = 9  # width of the transition between two colours of the trunk: about two pixels of a frame 768 high
# half widths of the trunk from crotch (0) to neck (1), from the front and from the side
_TRUNK = np.array([0.0, 0.10, 0.20, 0.42, 0.62, 0.80, 0.90, 0.96, 1.0])
_TRUNK_WIDE = np.array([0.118, 0.178, 0.176, 0.142, 0.158, 0.174, 0.166, 0.125, 0.062]) / 0.17
_TRUNK_DEEP = np.array([0.085, 0.120, 0.120, 0.098, 0.112, 0.112, 0.092, 0.070, 0.060]) / 0.17
_HAIRLINE = 0.42  # lower end of the hair on the face, 0 (brow) to 1 (crown)


@dataclass(frozen=True)
class Light:
    """One directional light with ambient light."""

    direction: tuple[float, float, float]  # unit vector towards the light
    ambient: float  # brightness of the surroundings
    diffuse: float  # brightness of the light
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)  # RGB factors


def _around(picture: np.ndarray, points: tuple[np.ndarray, ...], wide: float, high: float) -> tuple[np.ndarray, ...]:
    """Return a view of a picture within `wide` and `high` pixels of all points, and its x [w] and y [h, 1]."""
    xs, ys = [point[0] for point in points], [point[1] for point in points]
    x0, y0 = max(int(min(xs) - wide), 0), max(int(min(ys) - high), 0)
    x1 = max(min(int(max(xs) + wide) + 2, picture.shape[2]), x0)
    y1 = max(min(int(max(ys) + high) + 2, picture.shape[1]), y0)
    x, y = np.arange(x0, x1, dtype=np.float32), np.arange(y0, y1, dtype=np.float32)[:, None]
    return picture[:, y0:y1, x0:x1], x, y


def _blend(part: np.ndarray, cover: np.ndarray, brightness: np.ndarray, colour: np.ndarray) -> None:
    """Blend colour [3, 1, 1] or [3, h, w] × brightness [h, w] into a part of a picture, with opacity `cover` [h, w]."""
    part *= 1.0 - cover
    part += (cover * brightness) * colour


def _tube_brightness(step: np.ndarray, side: np.ndarray, front: np.ndarray, slant: float, light: Light) -> np.ndarray:
    """Return the brightness [h, w] of a tube along `step` [3], where its normal is `side` across and `front`.

    `slant` is the component of the light's direction across the tube.
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
        radii: at the start, added in the middle, at the end, pixels.
        colour: float32 [3, 1, 1].
    """
    first, belly, last = radii
    step, reach = end - start, max(first, last) + max(belly, 0.0) + 1.0
    part, x, y = _around(picture, (start, end), reach, reach)
    flat = float(step[0] ** 2 + step[1] ** 2)
    x, y = x - np.float32(start[0]), y - np.float32(start[1])
    along = np.zeros((len(y), len(x)), np.float32)
    if flat > 1e-3:
        along = np.clip(x * np.float32(step[0] / flat) + y * np.float32(step[1] / flat), 0.0, 1.0)
    side = y * np.float32(step[0]) - x * np.float32(step[1])
    x, y = x - along * np.float32(step[0]), y - along * np.float32(step[1])
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
    _blend(part, cover, _tube_brightness(step, side, front, slant, light), colour)


def paint_loft(
    picture: np.ndarray,
    spine: tuple[np.ndarray, np.ndarray, np.ndarray],
    widths: np.ndarray,
    colours: np.ndarray,
    light: Light,
) -> None:
    """Paint a trunk or a skirt: a tube of changing width around a bent axis.

    Args:
        spine: points at the bottom, in the middle and at the top.
        widths: float32 [m], half widths in pixels from bottom to top.
        colours: float32 [3, m], from bottom to top.
    """
    bottom, middle, top = spine
    step = top - bottom
    length = max(float(np.hypot(step[0], step[1])), 4.0)
    ux, uy = float(step[0]) / length, float(step[1]) / length
    px, py = -uy, ux
    bow = float((middle[0] - 0.5 * (bottom[0] + top[0])) * px + (middle[1] - 0.5 * (bottom[1] + top[1])) * py)
    reach = float(widths.max()) + abs(bow) + 1.0
    part, x, y = _around(picture, (bottom, top), reach, reach)
    x, y = x - np.float32(bottom[0]), y - np.float32(bottom[1])
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
    _blend(part, cover, _tube_brightness(step, side, front, slant, light), colours[:, index])


def paint_head(
    picture: np.ndarray,
    centre: np.ndarray,
    radii: tuple[float, float],
    frame: np.ndarray,
    colours: tuple[np.ndarray, np.ndarray],
    light: Light,
) -> None:
    """Paint a head with hair and a face.

    Args:
        radii: half width and half height, pixels.
        frame: float64 [3, 3], orientation; the columns are left, up and forward of the head in world axes (y up).
        colours: of skin and hair, float32 [3, 1, 1].
    """
    (wide, high), (skin, hair) = radii, colours
    tip = np.hypot(frame[0, 1], frame[1, 1])
    high = float(np.hypot(high * tip, wide * frame[2, 1]))  # as seen: smaller for a head bent forwards
    reach = max(wide, high) + 1.0
    part, x, y = _around(picture, (centre,), reach, reach)
    up_x, up_y = (frame[0, 1] / tip, -frame[1, 1] / tip) if tip > 1e-3 else (0.0, -1.0)
    x, y = x - np.float32(centre[0]), y - np.float32(centre[1])
    u = (x * np.float32(-up_y) + y * np.float32(up_x)) * np.float32(1 / wide)
    v = (x * np.float32(up_x) + y * np.float32(up_y)) * np.float32(1 / high)
    square = u * u + v * v
    cover = np.clip((1.0 - np.sqrt(square)) * np.float32(0.5 * (wide + high)) + 0.5, 0.0, 1.0)
    front = np.sqrt(np.maximum(1.0 - square, 0.0))
    right = v * np.float32(up_x) - u * np.float32(up_y)
    down = v * np.float32(up_y) + u * np.float32(up_x)
    to_right, to_below, to_viewer = np.float32(light.direction)
    lit = right * to_right + down * to_below + front * to_viewer
    np.maximum(lit, 0.0, out=lit)
    brightness = (np.float32(light.ambient) + np.float32(light.diffuse) * lit) * (0.66 + 0.34 * front)
    left, above, ahead = (
        right * np.float32(frame[0, k]) - down * np.float32(frame[1, k]) + front * np.float32(frame[2, k])
        for k in range(3)
    )
    hairy = (above > np.float32(_HAIRLINE) - 0.25 * np.abs(left)) | (ahead < 0.06 + 0.5 * above)
    face = np.where(hairy, hair, skin)
    if frame[2, 2] > 0.1:
        eyes = (np.abs(np.abs(left) - 0.36) < 0.13) & (np.abs(above - 0.08) < 0.085) & (ahead > 0)
        brows = (np.abs(np.abs(left) - 0.37) < 0.17) & (np.abs(above - 0.27) < 0.045) & (ahead > 0)
        mouth = (np.abs(left) < 0.22) & (np.abs(above + 0.48) < 0.06) & (ahead > 0)
        face[:, eyes] *= 0.22
        face[:, brows & ~hairy] = 0.6 * hair[:, :, 0]
        face[:, mouth] *= np.array([[0.75], [0.42], [0.42]], np.float32)
    _blend(part, cover, brightness, face)


def cast_shadow(picture: np.ndarray, centre: np.ndarray, radii: tuple[float, float], strength: float) -> None:
    """Darken the floor around `centre` by a soft ellipse (radii: standard deviations in pixels)."""
    part, x, y = _around(picture, (centre,), 2.6 * radii[0], 2.6 * radii[1])
    across = np.exp(-0.5 * ((x - np.float32(centre[0])) / np.float32(radii[0])) ** 2)
    along = np.exp(-0.5 * ((y - np.float32(centre[1])) / np.float32(radii[1])) ** 2)
    part *= 1.0 - np.float32(strength) * along * across


# thickness added to the leg, its width at the ankle (shares of the body's height), and its colour
_LEGS = {
    "trousers": (0.006, 0.026, "lower"),
    "leggings": (0.0, 0.019, "lower"),
    "shorts": (0.0, 0.018, "skin"),
    "wide trousers": (0.012, 0.046, "lower"),
    "skirt": (0.0, 0.018, "skin"),
}
Painter = Callable[[np.ndarray], None]
Part = tuple[float, Painter]  # depth and painter


@dataclass(frozen=True)
class Snapshot:
    """A body in one frame; orientations are in the camera's axes, y up."""

    points: np.ndarray  # float64 [21, 3], pixels: x, y down, and z towards the viewer on the same scale
    scale: np.ndarray  # float64 [21], pixels per metre at each joint
    shadows: np.ndarray  # float64 [3, 2], pixels: floor below the left foot, the right foot, the hips
    pelvis: np.ndarray  # float64 [3, 3], orientation
    chest: np.ndarray  # float64 [3, 3], orientation
    head: np.ndarray  # float64 [3, 3], orientation


def trunk_widths(axis: np.ndarray, pelvis: np.ndarray, chest: np.ndarray, scale: float, body: Body) -> np.ndarray:
    """Return the half widths float32 [LOFT_STEPS] of the trunk from crotch to neck, pixels.

    The cross-section is an ellipse; with semi-axes a along A and b along B it has the half width
    sqrt((a p·A)² + (b p·B)²) along p.
    """
    flat = np.array([-axis[1], axis[0], 0.0]) / max(np.hypot(axis[0], axis[1]), 1e-6)
    world = np.array([flat[0], -flat[1], 0.0])
    hips, ribs = (
        np.hypot(_TRUNK_WIDE * (world @ part[:, 0]), _TRUNK_DEEP * (world @ part[:, 2])) for part in (pelvis, chest)
    )
    upper = np.clip((_TRUNK - 0.25) / 0.35, 0.0, 1.0)
    broad = body.height * scale * body.girth * 0.1 * (1.0 - upper)
    broad += body.height * scale * (0.4 + 0.6 * body.girth) * 0.1 * (body.shoulder / (0.108 * body.height)) * upper
    profile = broad * (hips * (1.0 - upper) + ribs * upper)
    return np.interp(np.linspace(0.0, 1.0, LOFT_STEPS), _TRUNK, profile).astype(np.float32)


def trunk_colours(outfit: Outfit, tint: np.ndarray) -> np.ndarray:
    """Return the colours float32 [LOFT_STEPS, 3] of the trunk from crotch to neck: trousers, waist, top."""
    where = np.linspace(0.0, 1.0, LOFT_STEPS)
    colours = np.tile(np.float64(outfit.top), (LOFT_STEPS, 1))
    if outfit.stripes:
        colours[(where * outfit.stripes * 2).astype(int) % 2 == 1] = outfit.trim
    colours[where < outfit.hem] = outfit.skin  # a cropped top
    colours[where < min(outfit.hem, 0.27)] = outfit.lower
    return cv2.blur((colours * tint).astype(np.float32), (1, SOFT_STEPS), borderType=cv2.BORDER_REPLICATE)


class Figure:
    """One dressed dancer under one light."""

    def __init__(self, body: Body, outfit: Outfit, light: Light):
        self.body, self.outfit, self.light = body, outfit, light
        tint = np.array(light.tint, np.float64)
        self._tint = {
            name: (np.array(getattr(outfit, name)) * tint).astype(np.float32)[:, None, None]
            for name in ("skin", "hair", "top", "trim", "lower", "shoes")
        }
        self._trunk = np.ascontiguousarray(trunk_colours(outfit, tint).T)
        self._skirt = np.tile(self._tint["lower"][:, :, 0], (1, LOFT_STEPS))

    def paint(self, picture: np.ndarray, shot: Snapshot) -> None:
        """Paint the dancer into a picture, distant parts first."""
        size = self.body.height * float(shot.scale.mean())
        for foot in shot.shadows[:2]:
            cast_shadow(picture, foot, (0.065 * size, 0.017 * size), 0.42)
        cast_shadow(picture, shot.shadows[2], (0.16 * size, 0.032 * size), 0.34)
        parts = [*self._limbs(shot, "left", size), *self._limbs(shot, "right", size), *self._trunk_and_head(shot)]
        for _, paint in sorted(parts, key=lambda part: part[0]):
            paint(picture)

    def _limb(
        self, shot: Snapshot, first: str, last: str, widths: tuple[float, float, float], colour: str, to: float = 1.0
    ) -> Painter:
        """Return the painter of a capsule from one joint to another; widths are shares of the body's height."""
        a, b = JOINT[first], JOINT[last]
        start = shot.points[a]
        end = start + to * (shot.points[b] - start)
        thick = self.body.height * (0.35 + 0.65 * self.body.girth)
        ends = (widths[0], widths[1], widths[0] + (widths[2] - widths[0]) * to)
        radii = tuple(width * thick * shot.scale[joint] for width, joint in zip(ends, (a, a, b), strict=True))
        return partial(paint_capsule, start=start, end=end, radii=radii, colour=self._tint[colour], light=self.light)

    def _depth(self, shot: Snapshot, *joints: str) -> float:
        return float(np.mean([shot.points[JOINT[joint], 2] for joint in joints]))

    def _limbs(self, shot: Snapshot, side: str, size: float) -> list[Part]:
        """Return the painters of a leg and an arm; arms lie in front of the trunk."""
        covered, flare, colour = _LEGS[self.outfit.bottom]
        sleeve = self.outfit.sleeve
        cloth, near = "top" if sleeve > 0.9 else "skin", 0.02 * size
        # the bone that gives the depth, what is added to it, and the ends, widths and colour of the limb
        limbs = [
            ("knee ankle", -1.0, "ankle toe", (0.023, 0.004, 0.019), "shoes"),
            ("knee ankle", 0.0, "knee ankle", (0.031 + covered, 0.005, flare), colour),
            ("hip knee", 0.0, "hip knee", (0.053 + covered, 0.003, 0.033 + covered), colour),
            ("elbow wrist", near, "elbow wrist", (0.0225, 0.003, 0.0165), cloth),
            ("elbow wrist", near + 0.1, "wrist hand", (0.015, 0.009, 0.013), "skin"),
            ("shoulder elbow", near, "shoulder elbow", (0.031, 0.002, 0.0235), cloth),
        ]
        if self.outfit.bottom == "shorts":
            limbs.append(("hip knee", 0.1, "hip knee", (0.058, 0.004, 0.052), "lower", 0.55))
        if 0.0 < sleeve <= 0.9:
            limbs.append(("shoulder elbow", near + 0.1, "shoulder elbow", (0.035, 0.002, 0.033), "top", 2 * sleeve))
        sided = [[[f"{side}_{name}" for name in bone.split()] for bone in (limb[0], limb[2])] for limb in limbs]
        return [
            (self._depth(shot, *bone) + limb[1], self._limb(shot, *ends, *limb[3:]))
            for limb, (bone, ends) in zip(limbs, sided, strict=True)
        ]

    def _trunk_and_head(self, shot: Snapshot) -> list[Part]:
        pelvis, waist, neck, head = (shot.points[JOINT[name]] for name in ("pelvis", "waist", "neck", "head"))
        scale = float(shot.scale[JOINT["chest"]])
        height = self.body.height * scale
        crotch = pelvis - 0.12 * (waist - pelvis) * 2
        widths = trunk_widths(neck - crotch, shot.pelvis, shot.chest, scale, self.body)
        middle = 0.5 * (crotch + neck) + 0.75 * (waist - (pelvis + 0.42 * (neck - pelvis)))
        depth = self._depth(shot, "pelvis", "waist", "chest", "neck")
        here = depth + 0.012 * height
        loft, light = (crotch, middle, neck), {"light": self.light}
        yoke = self._limb(shot, "left_shoulder", "right_shoulder", (0.034, 0.012, 0.034), "top")
        parts = [
            (here, partial(paint_loft, spine=loft, widths=widths, colours=self._trunk, **light)),
            (here - 0.01, yoke),
        ]
        if self.outfit.bottom == "skirt":
            left, right = shot.points[JOINT["left_knee"]], shot.points[JOINT["right_knee"]]
            end = pelvis + 0.72 * (0.5 * (left + right) - pelvis)
            top = pelvis + 0.3 * (waist - pelvis)
            hem = 0.36 * abs(float(left[0] - right[0])) + 0.075 * height
            flare = np.linspace(hem, float(widths[int(0.2 * LOFT_STEPS)]), LOFT_STEPS).astype(np.float32)
            loft = (end, 0.5 * (end + top), top)
            legs = max(self._depth(shot, f"{side}_hip", f"{side}_knee") for side in SIDES)
            skirt = partial(paint_loft, spine=loft, widths=flare, colours=self._skirt, **light)
            parts.append((max(here, legs) + 0.2, skirt))
        above = max(self._depth(shot, "neck", "head"), depth)
        parts.append((above + 0.005 * height, self._limb(shot, "neck", "head", (0.031, 0.0, 0.03), "skin", to=0.7)))
        radii, colours = (0.046 * height, 0.066 * height), (self._tint["skin"], self._tint["hair"])
        face = partial(paint_head, centre=head, radii=radii, frame=shot.head, colours=colours, **light)
        parts.append((above + 0.01 * height, face))
        if self.outfit.hair_style == "short":
            return parts
        up, ahead = (shot.head[:, axis] * np.array([1.0, -1.0, 1.0]) for axis in (1, 2))
        falling, faces = np.array([0.0, 1.0, 0.0]), ahead[2] > 0  # the viewer
        behind = above + (-0.02 if faces else 0.03) * height
        if self.outfit.hair_style == "long":
            behind = self._depth(shot, "chest") + (-0.03 if faces else 0.05) * height
        # from the head to the root of the hair, from there to its end, and its radii
        root, length, radii = {
            "bun": (0.062 * up - 0.022 * ahead, 0.01 * height * up, (0.026, 0.0, 0.026)),
            "ponytail": (0.034 * up - 0.052 * ahead, height * (0.13 * falling - 0.03 * ahead), (0.018, 0.008, 0.01)),
            "long": (0.008 * up - 0.014 * ahead, height * (0.12 * falling - 0.012 * ahead), (0.05, 0.004, 0.04)),
        }[self.outfit.hair_style]
        start, radii = head + height * root, tuple(radius * height for radius in radii)
        hair = partial(paint_capsule, start=start, end=start + length, radii=radii, colour=self._tint["hair"], **light)
        return [*parts, (behind, hair)]
