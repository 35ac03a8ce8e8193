"""The conditions of the paper's Table 5 as data: each row's effect and its parameters at severities 1 to 5.

Severities follow ImageNet-C (Hendrycks & Dietterich 2019); the paper's own named level lies among them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from dance_tf.corruption import parameters as known
from dance_tf.corruption.camera import add_gaussian_noise, blur_by_motion, kept_after_drops, lower_resolution
from dance_tf.corruption.codec import compress_h264
from dance_tf.corruption.light import cast_moving_shadows, dim, light_from_behind
from dance_tf.corruption.parameters import Constant, Parameter
from dance_tf.corruption.weather import rain_on_lens, raise_fog

FAMILIES = ("compression", "noise", "blur", "light", "weather", "time", "resolution")
HARSHEST = 5.0


@dataclass(frozen=True)
class Condition:
    """One row of Table 5.

    Attributes:
        name: how the condition is called for.
        row: the paper's name for it, in its "Condition type" column.
        severity: the severity that is the paper's named level.
        family: one of `FAMILIES`: conditions of one family are left out of training together.
        kind: the effect in plain words, whatever its level.
        effect: (frames uint8 [n, h, w], seconds [n], generator, **settings) -> frames; a temporal one is
            (count, generator, **settings) -> places of the frames that remain.
        chance: what tells its random draws from another effect's; levels of one effect share it.
        parameters: what the severity sets.
        constants: what no severity changes.
        spatial: True where it changes frames at the clip's own resolution; False where it takes frames out of the clip.
        seeded: False where nothing in it is random, so that every seed gives the same.
        whole: True where the effect looks at more of the clip than the frame at hand, and takes it as `clip`.
        note: what a reader of its numbers must know.
    """

    name: str
    row: str
    severity: float
    family: str
    kind: str
    effect: Callable
    chance: str
    parameters: tuple[Parameter, ...]
    constants: tuple[Constant, ...] = ()
    spatial: bool = True
    seeded: bool = True
    whole: bool = False
    note: str = ""

    def settings(self, severity: float) -> dict[str, float]:
        """The effect's keywords at a severity of 0..5."""
        return {parameter.name: parameter.at(severity) for parameter in self.parameters}


_H264_NOTE = "quality q % is read as CRF floor((1 - q) × 51); monochrome"
_STREAK_NOTE = (
    "horizontal streaks alone, as the paper's kernel: the picture itself does not move; their length sways within 50 % "
    "of this mean over the clip; 1 px or less is no blur"
)
_NOISE_NOTE = "at the clip's own resolution: shrinking to 128 px averages part of it away"
_FOG_NOTE = "one distance for dancer and room"
_LIGHT_NOTE = "of gray levels, not of light; no noise is added, which a dark room brings"
_BACKLIGHT_NOTE = "the dancer is found by motion: what keeps still all through, or is as gray as the room, may stay lit"
_SIDE_NOTE = "a clip whose short side is already this small comes back unchanged"

# each effect once; `chance` says which random draws it gets, and stays as it is whatever the function is called
_COMPRESSION = {
    "family": "compression", "kind": "compression", "effect": compress_h264, "parameters": known.CRF,
    "constants": known.CODEC_CONSTANTS, "seeded": False, "chance": "compress_h264", "note": _H264_NOTE,
}  # fmt: skip
_NOISE = {
    "family": "noise", "kind": "noise", "effect": add_gaussian_noise, "parameters": known.NOISE,
    "chance": "add_gaussian_noise", "note": _NOISE_NOTE,
}  # fmt: skip
_BLUR = {
    "family": "blur", "kind": "motion blur", "effect": blur_by_motion, "parameters": known.STREAK,
    "constants": known.STREAK_CONSTANTS, "whole": True, "chance": "blur_by_motion", "note": _STREAK_NOTE,
}  # fmt: skip
_DARKNESS = {
    "family": "light", "kind": "low light", "effect": dim, "parameters": known.BRIGHTNESS, "seeded": False,
    "chance": "dim", "note": _LIGHT_NOTE,
}  # fmt: skip
_BACKLIGHT = {
    "family": "light", "kind": "backlight", "effect": light_from_behind, "parameters": known.BACKLIGHT,
    "constants": known.BACKLIGHT_CONSTANTS, "whole": True, "chance": "light_from_behind", "note": _BACKLIGHT_NOTE,
}  # fmt: skip
_SHADOWS = {
    "family": "light", "kind": "moving shadows", "effect": cast_moving_shadows, "parameters": known.SHADOWS,
    "constants": known.SHADOW_CONSTANTS, "chance": "cast_moving_shadows",
}  # fmt: skip
_RAIN = {
    "family": "weather", "kind": "rain", "effect": rain_on_lens, "parameters": known.RAIN,
    "constants": known.RAIN_CONSTANTS, "chance": "rain_on_lens", "note": "drops on the lens",
}  # fmt: skip
_FOG = {
    "family": "weather", "kind": "fog", "effect": raise_fog, "parameters": known.FOG,
    "constants": known.FOG_CONSTANTS, "chance": "raise_fog", "note": _FOG_NOTE,
}  # fmt: skip
_LOSS = {
    "family": "time", "kind": "lost frames", "effect": kept_after_drops, "parameters": known.LOST, "spatial": False,
    "chance": "kept_after_drops", "note": "first frame may go too",
}  # fmt: skip
_FEW_LINES = {
    "family": "resolution", "kind": "low resolution", "effect": lower_resolution, "parameters": known.SIDE,
    "seeded": False, "chance": "lower_resolution", "note": _SIDE_NOTE,
}  # fmt: skip

CONDITIONS: tuple[Condition, ...] = (
    Condition("mild_compression", "Mild compression", 3, **_COMPRESSION),
    Condition("severe_compression", "Severe compression", 4, **_COMPRESSION),
    Condition("mild_noise", "Mild Gaussian noise", 2, **_NOISE),
    Condition("severe_noise", "Severe Gaussian noise", 4, **_NOISE),
    Condition("mild_motion_blur", "Mild motion blur", 2, **_BLUR),
    Condition("severe_motion_blur", "Severe motion blur", 4, **_BLUR),
    Condition("low_light", "Low light", 3, **_DARKNESS),
    Condition("backlight", "Backlight (strong)", 4, **_BACKLIGHT),
    Condition("moving_shadows", "Moving shadows", 3, **_SHADOWS),
    Condition("rain", "Rain effect", 3, **_RAIN),
    Condition("mild_fog", "Mild fog/haze", 2, **_FOG),
    Condition("heavy_fog", "Heavy fog/haze", 4, **_FOG),
    Condition("dropped_frames", "Frame drop (20%)", 3, **_LOSS),
    Condition("low_resolution", "Low resolution (360p)", 3, **_FEW_LINES),
)
CONDITION_NAMES = tuple(condition.name for condition in CONDITIONS)


def find_condition(name: str) -> Condition:
    """The condition of that name.

    Raises:
        ValueError: no such condition; the message names those there are.
    """
    for condition in CONDITIONS:
        if condition.name == name:
            return condition
    raise ValueError(f"no condition is called {name!r}; there are {', '.join(CONDITION_NAMES)}")


def condition_table() -> pd.DataFrame:
    """Every parameter of every condition, for the report: one row for each condition and parameter.

    Returns:
        Columns: condition, family, paper_row, acts_on, parameter, unit, severity_1 .. severity_5, paper_severity,
            paper_value, note.
    """
    rows = []
    for condition in CONDITIONS:
        for parameter in condition.parameters:
            levels = {f"severity_{i}": parameter.values[i] for i in range(1, 6)}
            rows.append(
                {
                    "condition": condition.name,
                    "family": condition.family,
                    "paper_row": condition.row,
                    "acts_on": _acts_on(condition),
                    "parameter": parameter.name,
                    "unit": parameter.unit,
                    **levels,
                    "paper_severity": condition.severity,
                    "paper_value": parameter.at(condition.severity),
                    "note": condition.note,
                }
            )
    return pd.DataFrame(rows)


def constant_table() -> pd.DataFrame:
    """Every number that no severity changes, for the report: one row for each effect and constant.

    Returns:
        Columns: conditions (tuple of names), family, paper_rows (tuple), acts_on, parameter, unit, value (text).
    """
    rows = []
    for effect in dict.fromkeys(condition.effect for condition in CONDITIONS):
        levels = [condition for condition in CONDITIONS if condition.effect is effect]
        for constant in levels[0].constants:
            rows.append(
                {
                    "conditions": tuple(level.name for level in levels),
                    "family": levels[0].family,
                    "paper_rows": tuple(level.row for level in levels),
                    "acts_on": _acts_on(levels[0]),
                    "parameter": constant.name,
                    "unit": constant.unit,
                    "value": str(constant),
                }
            )
    return pd.DataFrame(rows)


def _acts_on(condition: Condition) -> str:
    return "frames, own resolution" if condition.spatial else "clip, which frames remain"
