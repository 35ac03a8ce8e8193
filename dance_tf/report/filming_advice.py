"""What a student should avoid when filming, told from what each condition cost."""

from collections.abc import Sequence

from dance_tf.assessment.robustness import ConditionRobustness, Robustness
from dance_tf.report.tables import percent

# each effect once: its conditions, what to do about it, and the way it is brought about
HABITS = (
    (("backlight",), "light behind you", "Stand so that the window or lamp is behind the camera, not behind you"),
    (("low_light",), "a dark room", "Switch the lights on"),
    (("moving_shadows",), "moving shadows", "Keep people and swaying curtains out of the light"),
    (("mild_fog", "heavy_fog"), "fog or haze", "Film in clear air, and not through a dusty window"),
    (("rain",), "drops on the lens", "Keep the lens dry and clean"),
    (("mild_motion_blur", "severe_motion_blur"), "a shaking camera", "Put the camera on a stand"),
    (
        ("mild_noise", "severe_noise"),
        "a noisy picture",
        "Give the camera light enough for a clean picture",
    ),
    (
        ("mild_compression", "severe_compression"),
        "strong compression",
        "Hand in the camera's own file, not one that a messenger has compressed",
    ),
    (("low_resolution",), "360 lines", "Film at the camera's full resolution"),
    (("dropped_frames",), "lost frames", "Do not let the recording stutter"),
)
MUCH = 0.10  # of accuracy; a loss that a student would notice


def filming_advice(main: Robustness) -> str:
    """Sentences, the dearest habit first; a loss counts as shown where its interval over dancers lies above zero.

    Args:
        main: the network under the conditions; those it was not tested under are not spoken of.

    Returns:
        Markdown: a list of what costs much, one sentence each of what costs little and of what was not shown to cost
        anything.
    """
    rows = {row.condition: row for row in main.conditions}
    told = []
    for conditions, name, advice in HABITS:
        tested = [rows[condition] for condition in conditions if condition in rows]
        if tested:
            told.append((max(tested, key=_lost), name, advice))
    told.sort(key=lambda entry: -_lost(entry[0]))
    dear = [entry for entry in told if _shown(entry[0]) and _lost(entry[0]) >= MUCH]
    cheap = [entry for entry in told if _shown(entry[0]) and _lost(entry[0]) < MUCH]
    free = [entry for entry in told if not _shown(entry[0])]
    lines = [f"- {advice}: {_points(row)} are lost to {name}." for row, name, advice in dear]
    if not dear:
        lines.append(f"- Nothing that was tried is shown to cost {percent(MUCH, 0)} points of frame accuracy or more.")
    if cheap:
        lines.append(f"- Worth minding, but cheaper: {_listed(cheap)}.")
    if free:
        lines.append(
            f"- Not shown to cost anything here (the interval reaches zero, or there is none): {_listed(free)}."
        )
    return "\n".join(lines)


def _lost(row: ConditionRobustness) -> float:
    return row.drop.frame.accuracy.mean


def _shown(row: ConditionRobustness) -> bool:
    # an interval that cannot be told is nan, and no comparison with nan holds
    return row.drop.frame.accuracy.low > 0


def _points(row: ConditionRobustness) -> str:
    drop = row.drop.frame.accuracy
    return f"{percent(drop.mean)} points of frame accuracy [{percent(drop.low)}, {percent(drop.high)}]"


def _listed(entries: Sequence[tuple[ConditionRobustness, str, str]]) -> str:
    return ", ".join(f"{name} ({percent(_lost(row))} points)" for row, name, _ in entries)
