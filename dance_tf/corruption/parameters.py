"""Every number behind the conditions of Table 5: what a severity sets, and what is the same at all severities.

The effects read the constants from their own modules; here they get the names and units that the report prints, and all
of them are part of what a degraded clip is stored under.
"""

from dataclasses import dataclass

import numpy as np

from dance_tf.corruption import camera, codec, light, weather


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
class Constant:
    """One number that no severity changes.

    Attributes:
        name: what it is, for the report.
        unit: what it is measured in.
        value: the number or word, or the two ends between which a clip's seed draws evenly.
    """

    name: str
    unit: str
    value: float | str | tuple[float, float]

    def __str__(self) -> str:
        if isinstance(self.value, tuple):
            return " to ".join(f"{end:g}" for end in self.value)
        return self.value if isinstance(self.value, str) else f"{self.value:g}"


CRF = (Parameter("crf", "x264 CRF", (0, 28, 33, codec.quality_to_crf(25), codec.quality_to_crf(15), 48)),)
NOISE = (Parameter("sigma", "gray levels", (0, 5, 10, 20, 30, 45)),)
STREAK = (Parameter("streak", "of short side", (0, 0.015, 0.03, 0.05, 0.08, 0.12)),)
BRIGHTNESS = (Parameter("brightness", "of clean", (1, 0.7, 0.5, 0.3, 0.2, 0.1)),)
BACKLIGHT = (
    Parameter("gamma", "exponent, dancer; its root for the room", (1, 1.2, 1.5, 1.8, 2.2, 2.8)),
    Parameter("fill", "of front light left", (1, 0.75, 0.6, 0.45, 0.3, 0.2)),
    Parameter("glow", "of white, room", (0, 0.35, 0.5, 0.65, 0.8, 0.95)),
)
SHADOWS = (
    Parameter("depth", "of light lost", (0, 0.25, 0.4, 0.55, 0.7, 0.85)),
    Parameter("shadows", "passers-by", (2, 2, 3, 4, 5, 6)),
)
RAIN = (
    Parameter("drops", "on the lens", (0, 20, 40, 60, 90, 120)),
    Parameter("radius", "of short side, largest", (0, 0.035, 0.045, 0.055, 0.065, 0.075)),
    Parameter("film", "of light blurred", (0, 0.1, 0.2, 0.3, 0.4, 0.5)),
)
FOG = (
    Parameter("depth", "mean optical depth", (0, 0.22, 0.45, 0.8, 1.2, 1.8)),
    Parameter("scatter", "blur, of short side", (0, 0.001, 0.002, 0.004, 0.006, 0.009)),
)
LOST = (Parameter("share", "of frames lost", (0, 0.05, 0.1, 0.2, 0.35, 0.5)),)
SIDE = (Parameter("inverse_side", "1/px, short side", (0, 1 / 720, 1 / 480, 1 / 360, 1 / 240, 1 / 144)),)

CODEC_CONSTANTS = (
    Constant("preset", "x264", codec.PRESET),
    Constant("keyframe interval", "frames at most", codec.KEYFRAMES),
)
STREAK_CONSTANTS = (
    Constant("sway frequency", "Hz, each of three sines", camera.SHAKE_RATES),
    Constant("sway", "of the mean streak, largest", camera.SHAKE_SWING),
)
BACKLIGHT_CONSTANTS = (
    Constant("lamp's direction", "half turns from the right, upwards negative", light.LAMP_ANGLE),
    Constant("lamp's distance", "picture sides from the middle", light.LAMP_DISTANCE),
    Constant("lamp's spread", "picture widths", light.LAMP_SPREAD),
    Constant("lamp's disc", "of full glow", light.LAMP_DISC),
    Constant("light off the lamp", "of full glow", light.LAMP_RAMP),
    Constant("its slope", "a picture side", light.LAMP_SLOPE),
    Constant("moved from", "gray levels off the room", float(light.MOVED[0])),
    Constant("moved wholly", "gray levels off the room", float(light.MOVED[1])),
    Constant("gaps closed", "parts in a short side", light.GAP),
    Constant("still chest filled", "fifths of a side", light.CHEST),
    Constant("room's frames", "spread over the clip", light.ROOM_SAMPLES),
    Constant("contour's resolution", "px, short side", light.WORKING_SIDE),
    Constant("moving with a dancer, least", "of the picture", light.LEAST_MOVING),
    Constant("moving with a dancer, most", "of the picture", light.MOST_MOVING),
)
SHADOW_CONSTANTS = (
    Constant("pace", "picture widths a second, either way", light.SHADOW_PACE),
    Constant("height of the middle", "of the picture's, from the top", light.SHADOW_ALONG),
    Constant("breadth", "half axis, short sides", light.SHADOW_BREADTH),
    Constant("reach", "half axis, short sides", light.SHADOW_REACH),
    Constant("tilt", "degrees", (-light.SHADOW_TILT, light.SHADOW_TILT)),
    Constant("rocking", "degrees", light.SHADOW_SWAY),
    Constant("gait", "radians a second", light.SHADOW_GAIT),
    Constant("soft edge", "standard deviation, short sides", light.SHADOW_EDGE),
    Constant("resolution", "px, short side", light.SHADOW_SIDE),
)
RAIN_CONSTANTS = (
    Constant("sizes", "of the largest radius, before the power", weather.DROP_SIZES),
    Constant("power of sizes", "exponent", weather.DROP_POWER),
    Constant("drop's width", "of its height", weather.DROP_WIDTH),
    Constant("magnification", "times smaller in the drop, upside down", weather.DROP_SHRINKS),
    Constant("focus", "blur in a drop, short sides", weather.DROP_FOCUS),
    Constant("shine, lower edge", "of brightness", weather.DROP_SHINE[0]),
    Constant("shade, rim", "of brightness", weather.DROP_SHINE[1]),
    Constant("running", "of all drops", weather.RUNNING),
    Constant("pace", "picture heights a second", weather.DROP_PACE),
    Constant("halts", "seconds ahead or behind", weather.DROP_HALTS[0]),
    Constant("rate of halts", "radians a second", weather.DROP_HALTS[1]),
    Constant("swerve", "short sides", weather.DROP_SWERVE[0]),
    Constant("rate of swerves", "radians a height", weather.DROP_SWERVE[1]),
)
FOG_CONSTANTS = (
    Constant("airlight", "gray level", weather.AIRLIGHT),
    Constant("patchiness", "of the depth, standard deviation", weather.PATCHINESS),
    Constant("texture's falloff", "power of frequency", weather.FOG_FALLOFF),
    Constant("drift", "short sides a second, each of two layers", weather.FOG_PACE),
    Constant("drift up or down", "of the drift, at most", weather.FOG_RISE),
    Constant("texture's resolution", "px, short side", weather.FOG_SIDE),
    Constant("texture repeats after", "of those px", weather.FOG_TILE),
)
