"""The conditions of the paper's Table 5 as data: each row's effect and its parameters at severities 1 to 5.

Severities follow ImageNet-C (Hendrycks & Dietterich 2019); the paper's own named level lies among them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dance_tf.footage.degrade_camera import add_gaussian_noise, blur_by_motion, kept_after_drops, lower_resolution
from dance_tf.footage.degrade_codec import compress_h264, quality_to_crf
from dance_tf.footage.degrade_light import cast_moving_shadows, dim, light_from_behind
from dance_tf.footage.degrade_weather import rain_on_lens, raise_fog

FAMILIES = ("compression", "noise", "blur", "light", "weather", "time", "resolution")
HARSHEST = 5.0


@dataclass(frozen=True)
class Parameter:
    """One number that a condition's severity sets.

    Attributes:
        name: the effect's keyword.
        unit: what it is measured in, for the report.
        values: at severities 0 (identity), 1, 2, 3, 4, 5; a severity between two whole ones lies linearly between their
            values.
    """

    name: str
    unit: str
    values: tuple[float, float, float, float, float, float]

    def at(self, severity: float) -> float:
        """The value at a severity of 0..5."""
        return float(np.interp(severity, range(6), self.values))


@dataclass(frozen=True)
class Condition:
    """One row of Table 5.

    Attributes:
        name: how the condition is called for.
        family: one of `FAMILIES`: conditions of one family are left out of training together.
        row: the paper's name for it, in its "Condition type" column.
        effect: (frames uint8 [n, h, w], seconds [n], generator, **settings) -> frames; a temporal one is
            (count, generator, **settings) -> places of the frames that remain.
        severity: the severity that is the paper's named level.
        parameters: what the severity sets.
        spatial: True where it changes frames at the clip's own resolution; False where it takes frames out of the clip.
        seeded: False where nothing in it is random, so that every seed gives the same.
        whole: True where the effect looks at more of the clip than the frame at hand, and takes it as `clip`.
        note: what a reader of its numbers must know.
    """

    name: str
    family: str
    row: str
    effect: Callable
    severity: float
    parameters: tuple[Parameter, ...]
    spatial: bool = True
    seeded: bool = True
    whole: bool = False
    note: str = ""

    def settings(self, severity: float) -> dict[str, float]:
        """The effect's keywords at a severity of 0..5."""
        return {parameter.name: parameter.at(severity) for parameter in self.parameters}


_CRF = (Parameter("crf", "x264 CRF", (0, 28, 33, quality_to_crf(25), quality_to_crf(15), 48)),)
_NOISE = (Parameter("sigma", "gray levels", (0, 5, 10, 20, 30, 45)),)
_STREAK = (Parameter("streak", "of short side", (0, 0.015, 0.03, 0.05, 0.08, 0.12)),)
_BRIGHTNESS = (Parameter("brightness", "of clean", (1, 0.7, 0.5, 0.3, 0.2, 0.1)),)
_BACKLIGHT = (
    Parameter("gamma", "exponent, dancer", (1, 1.2, 1.5, 1.8, 2.2, 2.8)),
    Parameter("fill", "of front light left", (1, 0.75, 0.6, 0.45, 0.3, 0.2)),
    Parameter("glow", "of white, room", (0, 0.35, 0.5, 0.65, 0.8, 0.95)),
)
_SHADOWS = (
    Parameter("depth", "of light lost", (0, 0.25, 0.4, 0.55, 0.7, 0.85)),
    Parameter("shadows", "passers-by", (2, 2, 3, 4, 5, 6)),
)
_RAIN = (
    Parameter("drops", "on the lens", (0, 20, 40, 60, 90, 120)),
    Parameter("radius", "of short side, largest", (0, 0.035, 0.045, 0.055, 0.065, 0.075)),
    Parameter("film", "of light blurred", (0, 0.1, 0.2, 0.3, 0.4, 0.5)),
)
_FOG = (
    Parameter("depth", "mean optical depth", (0, 0.22, 0.45, 0.8, 1.2, 1.8)),
    Parameter("scatter", "blur, of short side", (0, 0.001, 0.002, 0.004, 0.006, 0.009)),
)
_LOST = (Parameter("share", "of frames lost", (0, 0.05, 0.1, 0.2, 0.35, 0.5)),)
_SIDE = (Parameter("inverse_side", "1/px, short side", (0, 1 / 720, 1 / 480, 1 / 360, 1 / 240, 1 / 144)),)

_H264_NOTE = "quality q % is read as CRF floor((1 - q) × 51); preset veryfast, monochrome, 250 frames between keyframes"
_STREAK_NOTE = "horizontal; the streak sways within 50 % of this mean over the clip; 1 px or less is no blur"
_NOISE_NOTE = "at the clip's own resolution: shrinking to 128 px averages part of it away"
_FOG_NOTE = "airlight 215; two drifting layers of 1/f^1.7 texture; one distance for dancer and room"
_SIDE_NOTE = "a clip whose short side is already this small comes back unchanged"

CONDITIONS: tuple[Condition, ...] = (
    Condition(
        "mild_compression", "compression", "Mild compression", compress_h264, 3, _CRF, seeded=False, note=_H264_NOTE
    ),
    Condition(
        "severe_compression", "compression", "Severe compression", compress_h264, 4, _CRF, seeded=False, note=_H264_NOTE
    ),
    Condition("mild_noise", "noise", "Mild Gaussian noise", add_gaussian_noise, 2, _NOISE, note=_NOISE_NOTE),
    Condition("severe_noise", "noise", "Severe Gaussian noise", add_gaussian_noise, 4, _NOISE, note=_NOISE_NOTE),
    Condition(
        "mild_motion_blur", "blur", "Mild motion blur", blur_by_motion, 2, _STREAK, whole=True, note=_STREAK_NOTE
    ),
    Condition(
        "severe_motion_blur", "blur", "Severe motion blur", blur_by_motion, 4, _STREAK, whole=True, note=_STREAK_NOTE
    ),
    Condition(
        "low_light", "light", "Low light", dim, 3, _BRIGHTNESS, seeded=False, note="of gray levels, not of light"
    ),
    Condition(
        "backlight",
        "light",
        "Backlight (strong)",
        light_from_behind,
        4,
        _BACKLIGHT,
        whole=True,
        note="the dancer is found by motion: what keeps still all through may stay lit",
    ),
    Condition("moving_shadows", "light", "Moving shadows", cast_moving_shadows, 3, _SHADOWS),
    Condition(
        "rain", "weather", "Rain effect", rain_on_lens, 3, _RAIN, note="drops on the lens; three in ten run down"
    ),
    Condition("mild_fog", "weather", "Mild fog/haze", raise_fog, 2, _FOG, note=_FOG_NOTE),
    Condition("heavy_fog", "weather", "Heavy fog/haze", raise_fog, 4, _FOG, note=_FOG_NOTE),
    Condition(
        "dropped_frames",
        "time",
        "Frame drop (20%)",
        kept_after_drops,
        3,
        _LOST,
        spatial=False,
        note="first frame may go too",
    ),
    Condition(
        "low_resolution",
        "resolution",
        "Low resolution (360p)",
        lower_resolution,
        3,
        _SIDE,
        seeded=False,
        note=_SIDE_NOTE,
    ),
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
                    "acts_on": "frames, own resolution" if condition.spatial else "clip, which frames remain",
                    "parameter": parameter.name,
                    "unit": parameter.unit,
                    **levels,
                    "paper_severity": condition.severity,
                    "paper_value": parameter.at(condition.severity),
                    "note": condition.note,
                }
            )
    return pd.DataFrame(rows)
