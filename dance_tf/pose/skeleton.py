"""The skeletons of one dancer over a clip: 33 landmarks a frame, their names and bones, and a drawing of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np

SIDES = ("left", "right")
_EYE = ("eye_inner", "eye", "eye_outer")
_PARTS = "ear mouth shoulder elbow wrist pinky index thumb hip knee ankle heel toe".split()
_ON_SIDES = [*product(SIDES, _EYE), *((side, part) for part, side in product(_PARTS, SIDES))]
NAMES = ("nose", *(f"{side}_{part}" for side, part in _ON_SIDES))
LANDMARK = {name: index for index, name in enumerate(NAMES)}
# for each landmark, the same one of the other side
OTHER_SIDE = np.array([0, *(LANDMARK[f"{SIDES[side == 'left']}_{part}"] for side, part in _ON_SIDES)])
_CHAINS = ("shoulder elbow wrist index", "shoulder hip knee ankle heel toe ankle")  # of one side
_ON_ONE_SIDE = [(chain[n], chain[n + 1]) for chain in map(str.split, _CHAINS) for n in range(len(chain) - 1)]
BONES = (  # pairs of landmarks
    *((LANDMARK[f"{side}_{one}"], LANDMARK[f"{side}_{two}"]) for side in SIDES for one, two in _ON_ONE_SIDE),
    *((LANDMARK[f"left_{part}"], LANDMARK[f"right_{part}"]) for part in ("shoulder", "hip")),
    *((LANDMARK["nose"], LANDMARK[f"{side}_ear"]) for side in SIDES),
)
BONE_SIDES = tuple(  # "left", "right", or "" for a bone between the two
    "".join(side for side in SIDES if all(NAMES[end].startswith((side, "nose")) for end in bone)) for bone in BONES
)
COLOURS = {"left": (255, 140, 0), "right": (0, 150, 255), "": (240, 240, 240)}  # RGB, of bones by the dancer's side


@dataclass(frozen=True, eq=False)
class Skeletons:
    """The dancer of a clip over time.

    Places in the picture have their origin in its middle and its longer side as unit, so that they fit any scaled or
    padded copy of it: x to the right, y down, z away from the camera, counted from the middle of the hips.
    """

    landmarks: np.ndarray  # float16 [n, 33, 4]: x, y, z, visibility from 0 to 1; zeros where not valid
    world: np.ndarray  # float16 [n, 33, 3], metres from the middle of the hips, axes as above; zeros where not valid
    valid: np.ndarray  # bool [n], whether the dancer was found, or a gap short enough to interpolate
    times: np.ndarray  # float64 [n], seconds from the first frame of the clip

    @property
    def coverage(self) -> float:
        """Share of valid frames; 0 for a clip without frames."""
        return float(self.valid.mean()) if len(self.valid) else 0.0


NO_SKELETONS = Skeletons(
    np.zeros((0, 33, 4), np.float16), np.zeros((0, 33, 3), np.float16), np.zeros(0, bool), np.zeros(0)
)


def join_skeletons(several: Sequence[Skeletons]) -> Skeletons:
    """Return the skeletons of several clips, one after the other."""
    return Skeletons(*(np.concatenate(values) for values in zip(*(vars(one).values() for one in several), strict=True)))


def draw_skeleton(picture: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Return a copy of a picture with the bones of a skeleton: the left side orange, the right side blue.

    Args:
        picture: uint8 [h, w] or [h, w, 3] RGB, perhaps scaled or padded to a square.
        landmarks: [33, 4], of one frame of `Skeletons`.

    Returns:
        uint8 [h, w, 3].
    """
    drawn = picture.copy() if picture.ndim == 3 else cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB)
    height, width = drawn.shape[:2]
    longer = max(height, width)
    thick = max(1, round(longer / 120))
    # in sixteenths of a pixel, which OpenCV calls a shift of 4
    points = np.rint((landmarks[:, :2].astype(np.float64) * longer + [width / 2, height / 2]) * 16).astype(int)
    for (one, two), side in zip(BONES, BONE_SIDES, strict=True):
        width_of_line = thick if min(landmarks[one, 3], landmarks[two, 3]) >= 0.5 else 1  # thin where it is hidden
        cv2.line(drawn, points[one].tolist(), points[two].tolist(), COLOURS[side], width_of_line, cv2.LINE_AA, 4)
    return drawn
