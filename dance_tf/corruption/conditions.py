"""The fourteen conditions of the paper's Table 5: what they do to a clip at severities 1 to 5, and `degrade`.

Severities follow ImageNet-C (Hendrycks and Dietterich, 2019); the level that the paper names is one of them. Conditions
are applied to a clip at its own resolution, before it is resized to 128 pixels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from dance_tf.corruption import camera, codec, light, weather
from dance_tf.corruption.camera import Constant, WholeClip

FAMILIES = ("compression", "noise", "blur", "light", "weather", "time", "resolution")
MAX_SEVERITY = 5.0
DEFAULT_RATE = 30.0  # frames per second of a clip without timestamps


@dataclass(frozen=True)
class Parameter:
    """A number that depends on the severity."""

    name: str  # keyword of the effect
    unit: str  # for the report
    values: tuple[float, float, float, float, float, float]  # at severities 0 (identity) to 5; linear between them

    def at(self, severity: float) -> float:
        """Return the value at a severity from 0 to 5."""
        return float(np.interp(severity, range(6), self.values))


@dataclass(frozen=True)
class Condition:
    """One row of Table 5.

    Its effect is a function (frames uint8 [n, h, w], seconds [n], generator, **settings) -> frames; if not spatial,
    (count, generator, **settings) -> indices of the frames that remain.
    """

    name: str
    row: str  # the paper's name in its "Condition type" column
    severity: float  # of the level that the paper names
    family: str  # one of `FAMILIES`; conditions of one family are held out of training together
    kind: str  # name of the effect at any level
    effect: Callable
    stream: str  # name of the random stream, shared by the levels of one effect
    parameters: tuple[Parameter, ...]  # what depends on the severity
    constants: tuple[Constant, ...] = ()  # what does not
    spatial: bool = True  # whether it changes frames; otherwise it removes frames
    seeded: bool = True  # whether it is random
    whole: bool = False  # whether the effect depends on other frames of the clip; it then has the keyword `clip`
    note: str = ""  # remark for readers of its results

    def settings(self, severity: float) -> dict[str, float]:
        """Return the keywords of the effect at a severity from 0 to 5."""
        return {parameter.name: parameter.at(severity) for parameter in self.parameters}


# the names of the random streams are fixed: other names would give other frames for the same seed
_COMPRESSION = {
    "family": "compression", "kind": "compression", "effect": codec.compress_h264, "stream": "compress_h264",
    # 38 and 43 are the paper's 25 and 15 % quality by the map of imageio's FFmpeg writer: floor((1 - q) × 51)
    "parameters": (Parameter("crf", "x264 CRF", (0, 28, 33, 38, 43, 48)),),
    "constants": (codec.PRESET, codec.KEYFRAMES),
    "seeded": False, "note": "quality q % is read as CRF floor((1 - q) × 51); monochrome",
}  # fmt: skip
_NOISE = {
    "family": "noise", "kind": "noise", "effect": camera.add_gaussian_noise, "stream": "add_gaussian_noise",
    "parameters": (Parameter("sigma", "gray levels", (0, 5, 10, 20, 30, 45)),),
    "note": "at the clip's own resolution: resizing to 128 px averages part of it away",
}  # fmt: skip
_BLUR = {
    "family": "blur", "kind": "motion blur", "effect": camera.blur_by_motion, "stream": "blur_by_motion",
    "parameters": (Parameter("motion_blur_length", "of short side", (0, 0.015, 0.03, 0.05, 0.08, 0.12)),),
    "constants": (camera.SWAY_RATES, camera.SWAY),
    "whole": True,
    "note": "horizontal blur only, as the paper's kernel: the picture itself does not move; the length varies within "
    "50 % of this mean over the clip; 1 px or less is no blur",
}  # fmt: skip
_LOW_LIGHT = {
    "family": "light", "kind": "low light", "effect": light.dim, "stream": "dim", "seeded": False,
    "parameters": (Parameter("brightness", "of clean", (1, 0.7, 0.5, 0.3, 0.2, 0.1)),),
    "note": "of gray levels, not of light; the noise of a dark picture is not added",
}  # fmt: skip
_BACKLIGHT = {
    "family": "light", "kind": "backlight", "effect": light.add_backlight, "stream": "light_from_behind",
    "parameters": (
        Parameter("gamma", "exponent, dancer; its root for the background", (1, 1.2, 1.5, 1.8, 2.2, 2.8)),
        Parameter("fill", "of front light left", (1, 0.75, 0.6, 0.45, 0.3, 0.2)),
        Parameter("glow", "of white, background", (0, 0.35, 0.5, 0.65, 0.8, 0.95)),
    ),
    "constants": (
        light.LAMP_ANGLE, light.LAMP_DISTANCE, light.LAMP_SPREAD, light.LAMP_DISC, light.LAMP_RAMP, light.RAMP_SLOPE,
        light.FOREGROUND_FROM, light.FOREGROUND_FULL, light.GAP, light.CHEST, light.BACKGROUND_FRAMES,
        light.SILHOUETTE_SIDE, light.MIN_MOVING, light.MAX_MOVING,
    ),
    "whole": True,
    "note": "the dancer is found by motion: what never moves, or is as gray as the background, may stay lit",
}  # fmt: skip
_SHADOWS = {
    "family": "light", "kind": "moving shadows", "effect": light.cast_moving_shadows, "stream": "cast_moving_shadows",
    "parameters": (
        Parameter("depth", "of light lost", (0, 0.25, 0.4, 0.55, 0.7, 0.85)),
        Parameter("shadows", "passers-by", (2, 2, 3, 4, 5, 6)),
    ),
    "constants": (
        light.SHADOW_PACE, light.SHADOW_ALONG, light.SHADOW_BREADTH, light.SHADOW_REACH, light.SHADOW_TILT,
        light.SHADOW_SWAY, light.SHADOW_GAIT, light.SHADOW_EDGE, light.SHADOW_SIDE,
    ),
}  # fmt: skip
_RAIN = {
    "family": "weather", "kind": "rain", "effect": weather.rain_on_lens, "stream": "rain_on_lens",
    "parameters": (
        Parameter("drops", "on the lens", (0, 20, 40, 60, 90, 120)),
        Parameter("radius", "of short side, largest", (0, 0.035, 0.045, 0.055, 0.065, 0.075)),
        Parameter("film", "of light blurred", (0, 0.1, 0.2, 0.3, 0.4, 0.5)),
    ),
    "constants": (
        weather.DROP_SIZES, weather.DROP_POWER, weather.DROP_WIDTH, weather.DROP_SHRINKS, weather.DROP_FOCUS,
        weather.DROP_SHINE, weather.DROP_SHADE, weather.DROP_RUNNING, weather.DROP_PACE, weather.HALTS,
        weather.HALT_RATE, weather.SWERVE, weather.SWERVE_RATE,
    ),
    "note": "drops on the lens",
}  # fmt: skip
_FOG = {
    "family": "weather", "kind": "fog", "effect": weather.add_fog, "stream": "raise_fog",
    "parameters": (
        Parameter("depth", "mean optical depth", (0, 0.22, 0.45, 0.8, 1.2, 1.8)),
        Parameter("scatter", "blur, of short side", (0, 0.001, 0.002, 0.004, 0.006, 0.009)),
    ),
    "constants": (
        weather.AIRLIGHT, weather.PATCHINESS, weather.FOG_FALLOFF, weather.FOG_PACE, weather.FOG_RISE,
        weather.FOG_SIDE, weather.FOG_TILE,
    ),
    "note": "one distance for dancer and background",
}  # fmt: skip
_LOST_FRAMES = {
    "family": "time", "kind": "lost frames", "effect": camera.kept_after_drops, "stream": "kept_after_drops",
    "parameters": (Parameter("share", "of frames lost", (0, 0.05, 0.1, 0.2, 0.35, 0.5)),), "spatial": False,
    "note": "first frame may go too",
}  # fmt: skip
_LOW_RESOLUTION = {
    "family": "resolution", "kind": "low resolution", "effect": camera.lower_resolution, "stream": "lower_resolution",
    "parameters": (Parameter("inverse_side", "1/px, short side", (0, 1 / 720, 1 / 480, 1 / 360, 1 / 240, 1 / 144)),),
    "seeded": False, "note": "a clip whose short side is already this small does not change",
}  # fmt: skip

CONDITIONS: tuple[Condition, ...] = (
    Condition("mild_compression", "Mild compression", 3, **_COMPRESSION),
    Condition("severe_compression", "Severe compression", 4, **_COMPRESSION),
    Condition("mild_noise", "Mild Gaussian noise", 2, **_NOISE),
    Condition("severe_noise", "Severe Gaussian noise", 4, **_NOISE),
    Condition("mild_motion_blur", "Mild motion blur", 2, **_BLUR),
    Condition("severe_motion_blur", "Severe motion blur", 4, **_BLUR),
    Condition("low_light", "Low light", 3, **_LOW_LIGHT),
    Condition("backlight", "Backlight (strong)", 4, **_BACKLIGHT),
    Condition("moving_shadows", "Moving shadows", 3, **_SHADOWS),
    Condition("rain", "Rain effect", 3, **_RAIN),
    Condition("mild_fog", "Mild fog/haze", 2, **_FOG),
    Condition("heavy_fog", "Heavy fog/haze", 4, **_FOG),
    Condition("dropped_frames", "Frame drop (20%)", 3, **_LOST_FRAMES),
    Condition("low_resolution", "Low resolution (360p)", 3, **_LOW_RESOLUTION),
)
CONDITION_NAMES = tuple(condition.name for condition in CONDITIONS)


def find_condition(name: str) -> Condition:
    """Return the condition of that name.

    Raises:
        ValueError: no such condition; the message lists all names.
    """
    if name not in CONDITION_NAMES:
        raise ValueError(f"no condition is called {name!r}; there are {', '.join(CONDITION_NAMES)}")
    return CONDITIONS[CONDITION_NAMES.index(name)]


@dataclass(frozen=True)
class Degraded:
    """A clip under a condition."""

    frames: np.ndarray  # uint8, the shape of the clip without lost frames
    kept_indices: np.ndarray  # int64, increasing, the frames of the clip that remain (all, if the condition is spatial)


def effect_generator(condition: Condition, seed: int) -> np.random.Generator:
    """Return the random generator of a condition; mild and heavy fog of one seed are the same fog."""
    return np.random.Generator(np.random.SFC64([seed, crc32(condition.stream.encode())]))


def degrade(
    frames: np.ndarray,
    condition_name: str,
    severity: float | None = None,
    seed: int = 0,
    timestamps: np.ndarray | None = None,
    clip: WholeClip | None = None,
) -> Degraded:
    """Apply a condition to a clip.

    Args:
        frames: uint8 [n, h, w], gray, at the clip's own resolution.
        condition_name: one of `CONDITION_NAMES`.
        severity: 0 (unchanged) to 5; the paper's level by default.
        seed: integer of at least 0; the same seed gives the same frames on any number of threads.
        timestamps: seconds [n] from the start of the clip; 30 frames per second by default.
        clip: the whole gray clip, if `frames` are some of its frames. The result is that of the whole clip, except for
            noise, which is drawn anew, and compression and lost frames, which need all frames.

    Raises:
        ValueError: an unknown condition or severity, another dtype or shape, or timestamps of another length.
    """
    condition = find_condition(condition_name)
    severity = float(condition.severity if severity is None else severity)
    if not 0 <= severity <= MAX_SEVERITY:
        raise ValueError(f"severity is a number of 0..5, not {severity}")
    if frames.dtype != np.uint8 or frames.ndim != 3:
        raise ValueError(f"a clip is uint8 [n, h, w], not {frames.dtype} {list(frames.shape)}")
    count = len(frames)
    seconds = np.arange(count) / DEFAULT_RATE if timestamps is None else np.asarray(timestamps, np.float64)
    if seconds.shape != (count,):
        raise ValueError(f"{count} frames need as many timestamps, not {list(seconds.shape)}")
    everything = np.arange(count, dtype=np.int64)
    if severity == 0 or count == 0:
        return Degraded(frames.copy(), everything)
    settings, generator = condition.settings(severity), effect_generator(condition, seed)
    if not condition.spatial:
        kept = condition.effect(count, generator, **settings)
        return Degraded(frames[kept], kept)
    if clip is not None and condition.whole:
        settings["clip"] = clip
    return Degraded(condition.effect(np.ascontiguousarray(frames), seconds, generator, **settings), everything)
