"""A dressed dancer: its body parts, and the order in which they are painted."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from dance_tf.synthesis.body import JOINT, Body, Outfit
from dance_tf.synthesis.shading import Light, cast_shadow, paint_capsule, paint_head, paint_loft

LOFT_STEPS = 768
SOFT_STEPS = 9  # width of the transition between two colours of the trunk: about two pixels of a frame 768 high
# half widths of the trunk from crotch (0) to neck (1), from the front and from the side
_TRUNK = np.array([0.0, 0.10, 0.20, 0.42, 0.62, 0.80, 0.90, 0.96, 1.0])
_TRUNK_WIDE = np.array([0.118, 0.178, 0.176, 0.142, 0.158, 0.174, 0.166, 0.125, 0.062]) / 0.17
_TRUNK_DEEP = np.array([0.085, 0.120, 0.120, 0.098, 0.112, 0.112, 0.092, 0.070, 0.060]) / 0.17


Painter = Callable[[np.ndarray], None]
Part = tuple[float, Painter]  # depth and painter


@dataclass(frozen=True)
class Snapshot:
    """A body in one frame.

    Attributes:
        points: float64 [21, 3], pixels: x, y down, and z towards the viewer on the same scale.
        scale: float64 [21], pixels per metre at each joint.
        shadows: float64 [3, 2], pixels: floor below the left foot, the right foot, the hips.
        pelvis, chest, head: float64 [3, 3], orientations in world axes.
    """

    points: np.ndarray
    scale: np.ndarray
    shadows: np.ndarray
    pelvis: np.ndarray
    chest: np.ndarray
    head: np.ndarray


def trunk_widths(axis: np.ndarray, pelvis: np.ndarray, chest: np.ndarray, scale: float, body: Body) -> np.ndarray:
    """Return the half widths float32 [LOFT_STEPS] of the trunk's outline from crotch to neck, pixels.

    The cross-section is an ellipse. For semi-axes a and b along unit vectors A and B, its half width along a direction
    p is sqrt((a p·A)² + (b p·B)²).
    """
    flat = np.array([-axis[1], axis[0], 0.0]) / max(np.hypot(axis[0], axis[1]), 1e-6)
    world = np.array([flat[0], -flat[1], 0.0])
    where = np.linspace(0.0, 1.0, LOFT_STEPS)
    hips, ribs = (
        np.hypot(_TRUNK_WIDE * (world @ part[:, 0]), _TRUNK_DEEP * (world @ part[:, 2])) for part in (pelvis, chest)
    )
    upper = np.clip((_TRUNK - 0.25) / 0.35, 0.0, 1.0)
    broad = body.height * scale * body.girth * 0.1 * (1.0 - upper)
    broad += body.height * scale * (0.4 + 0.6 * body.girth) * 0.1 * (body.shoulder / (0.108 * body.height)) * upper
    profile = broad * (hips * (1.0 - upper) + ribs * upper)
    return np.interp(where, _TRUNK, profile).astype(np.float32)


def trunk_colours(outfit: Outfit, tint: np.ndarray) -> np.ndarray:
    """Return the colours float32 [LOFT_STEPS, 3] of the trunk from crotch to neck: trousers, waist, top."""
    where = np.linspace(0.0, 1.0, LOFT_STEPS)
    colours = np.empty((LOFT_STEPS, 3))
    colours[:] = outfit.top
    if outfit.stripes:
        colours[(where * outfit.stripes * 2).astype(int) % 2 == 1] = outfit.trim
    waistband = min(outfit.hem, 0.27)
    colours[where < outfit.hem] = outfit.skin  # a cropped top
    colours[where < waistband] = outfit.lower
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
        """Paint the dancer into `picture` (float32 [3, h, w], RGB, changed in place), distant parts first."""
        size = self.body.height * float(shot.scale.mean())
        for foot in shot.shadows[:2]:
            cast_shadow(picture, foot, (0.065 * size, 0.017 * size), 0.42)
        cast_shadow(picture, shot.shadows[2], (0.16 * size, 0.032 * size), 0.34)
        parts: list[Part] = []
        for side in ("left", "right"):
            parts += self._leg(shot, side) + self._arm(shot, side)
        parts += self._trunk_and_head(shot)
        for _, paint in sorted(parts, key=lambda part: part[0]):
            paint(picture)

    def _limb(
        self, shot: Snapshot, first: str, last: str, widths: tuple[float, float, float], colour: str, to: float = 1.0
    ) -> Painter:
        """Return the painter of a capsule from one joint to another; widths are shares of the body's height."""
        a, b = JOINT[first], JOINT[last]
        start, end = shot.points[a], shot.points[b]
        thick = self.body.height * (0.35 + 0.65 * self.body.girth)
        radii = (
            widths[0] * thick * shot.scale[a],
            widths[1] * thick * shot.scale[a],
            (widths[0] + (widths[2] - widths[0]) * to) * thick * shot.scale[b],
        )
        end = start + to * (end - start)
        return partial(paint_capsule, start=start, end=end, radii=radii, colour=self._tint[colour], light=self.light)

    def _depth(self, shot: Snapshot, *joints: str) -> float:
        return float(np.mean([shot.points[JOINT[joint], 2] for joint in joints]))

    def _leg(self, shot: Snapshot, side: str) -> list[Part]:
        hip, knee, ankle, toe = (f"{side}_{part}" for part in ("hip", "knee", "ankle", "toe"))
        bottom = self.outfit.bottom
        covered = {"trousers": 0.006, "leggings": 0.0, "shorts": 0.0, "wide trousers": 0.012, "skirt": 0.0}[bottom]
        long_legs = bottom in ("trousers", "leggings", "wide trousers")
        skin = "lower" if long_legs else "skin"
        upper, lower = self._depth(shot, hip, knee), self._depth(shot, knee, ankle)
        flare = {"trousers": 0.026, "leggings": 0.019, "wide trousers": 0.046}.get(bottom, 0.018)
        parts = [
            (lower - 1.0, self._limb(shot, ankle, toe, (0.023, 0.004, 0.019), "shoes")),
            (lower, self._limb(shot, knee, ankle, (0.031 + covered, 0.005, flare), skin)),
            (upper, self._limb(shot, hip, knee, (0.053 + covered, 0.003, 0.033 + covered), skin)),
        ]
        if bottom == "shorts":
            parts.append((upper + 0.1, self._limb(shot, hip, knee, (0.058, 0.004, 0.052), "lower", to=0.55)))
        return parts

    def _arm(self, shot: Snapshot, side: str) -> list[Part]:
        shoulder, elbow, wrist, hand = (f"{side}_{part}" for part in ("shoulder", "elbow", "wrist", "hand"))
        upper, lower = self._depth(shot, shoulder, elbow), self._depth(shot, elbow, wrist)
        sleeve, near = self.outfit.sleeve, 0.02 * self.body.height * float(shot.scale.mean())
        long_sleeve = sleeve > 0.9
        cloth = "top" if long_sleeve else "skin"
        parts = [
            (lower + near, self._limb(shot, elbow, wrist, (0.0225, 0.003, 0.0165), cloth)),
            (lower + near + 0.1, self._limb(shot, wrist, hand, (0.015, 0.009, 0.013), "skin")),
            (upper + near, self._limb(shot, shoulder, elbow, (0.031, 0.002, 0.0235), cloth)),
        ]
        if 0.0 < sleeve <= 0.9:
            parts.append(
                (upper + near + 0.1, self._limb(shot, shoulder, elbow, (0.035, 0.002, 0.033), "top", to=2 * sleeve))
            )
        return parts

    def _trunk_and_head(self, shot: Snapshot) -> list[Part]:
        pelvis, waist, neck, head = (shot.points[JOINT[name]] for name in ("pelvis", "waist", "neck", "head"))
        scale = float(shot.scale[JOINT["chest"]])
        height = self.body.height * scale
        crotch = pelvis - 0.12 * (waist - pelvis) * 2
        axis = neck - crotch
        widths = trunk_widths(axis, shot.pelvis, shot.chest, scale, self.body)
        middle = 0.5 * (crotch + neck) + 0.75 * (waist - (pelvis + 0.42 * (neck - pelvis)))
        depth = self._depth(shot, "pelvis", "waist", "chest", "neck")
        here = depth + 0.012 * height
        paint_trunk = partial(
            paint_loft, spine=(crotch, middle, neck), widths=widths, colours=self._trunk, light=self.light
        )
        yoke = self._limb(shot, "left_shoulder", "right_shoulder", (0.034, 0.012, 0.034), "top")
        parts = [(here, paint_trunk), (here - 0.01, yoke)]
        if self.outfit.bottom == "skirt":
            knees = 0.5 * (shot.points[JOINT["left_knee"]] + shot.points[JOINT["right_knee"]])
            distance = abs(float(shot.points[JOINT["left_knee"], 0] - shot.points[JOINT["right_knee"], 0]))
            end = pelvis + 0.72 * (knees - pelvis)
            top = pelvis + 0.3 * (waist - pelvis)
            flare = np.linspace(0.36 * distance + 0.075 * height, float(widths[int(0.2 * LOFT_STEPS)]), LOFT_STEPS)
            skirt = partial(
                paint_loft,
                spine=(end, 0.5 * (end + top), top),
                widths=flare.astype(np.float32),
                colours=self._skirt,
                light=self.light,
            )
            legs = max(self._depth(shot, f"{side}_hip", f"{side}_knee") for side in ("left", "right"))
            parts.append((max(here, legs) + 0.2, skirt))
        above = max(self._depth(shot, "neck", "head"), depth)
        parts.append((above + 0.005 * height, self._limb(shot, "neck", "head", (0.031, 0.0, 0.03), "skin", to=0.7)))
        radii = (0.046 * height, 0.066 * height)
        paint_it = partial(
            paint_head,
            centre=head,
            radii=radii,
            frame=shot.head,
            skin=self._tint["skin"],
            hair=self._tint["hair"],
            hairline=0.42,
            light=self.light,
        )
        parts.append((above + 0.01 * height, paint_it))
        return parts + self._hair(shot, above, height)

    def _hair(self, shot: Snapshot, above: float, height: float) -> list[Part]:
        """Return the painter of long hair, a ponytail or a bun behind the head."""
        style = self.outfit.hair_style
        if style == "short":
            return []
        to_picture = np.array([1.0, -1.0, 1.0])
        up, ahead = shot.head[:, 1] * to_picture, shot.head[:, 2] * to_picture
        head = shot.points[JOINT["head"]]
        behind = above + (-0.02 if ahead[2] > 0 else 0.03) * height
        falling = np.array([0.0, 1.0, 0.0])
        if style == "bun":
            start = head + height * (0.062 * up - 0.022 * ahead)
            end, radii = start + 0.01 * height * up, (0.026 * height, 0.0, 0.026 * height)
        elif style == "ponytail":
            start = head + height * (0.034 * up - 0.052 * ahead)
            end = start + height * (0.13 * falling - 0.03 * ahead)
            radii = (0.018 * height, 0.008 * height, 0.01 * height)
        else:
            start = head + height * (0.008 * up - 0.014 * ahead)
            end = start + height * (0.12 * falling - 0.012 * ahead)
            radii = (0.05 * height, 0.004 * height, 0.04 * height)
            behind = self._depth(shot, "chest") + (-0.03 if ahead[2] > 0 else 0.05) * height
        paint = partial(paint_capsule, start=start, end=end, radii=radii, colour=self._tint["hair"], light=self.light)
        return [(behind, paint)]
