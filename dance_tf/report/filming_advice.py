"""What a student should avoid when filming, told from what each condition cost."""

from collections.abc import Mapping, Sequence

from dance_tf.assessment.paired import DancerDifference
from dance_tf.assessment.robustness import Robustness
from dance_tf.report.tables import percent, percent_interval

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


def filming_advice(main: Robustness, losses: Mapping[str, DancerDifference]) -> str:
    """Sentences, the dearest habit first; a loss counts as shown where a test over dancers says so.

    Args:
        main: the network under the conditions; of those that changed no clip it is said that they were not tried.
        losses: of frame accuracy, tested, by condition; those that are not here are not spoken of.

    Returns:
        Markdown: a list of what costs much, one sentence each of what costs little, of what was not shown to cost
        anything and of what was not tried.
    """
    idle = {row.condition for row in main.conditions if not row.changed}
    told, untried = [], []
    for conditions, name, advice in HABITS:
        tested = [losses[condition] for condition in conditions if condition in losses]
        if tested:
            told.append((max(tested, key=lambda loss: loss.mean), name, advice))
        elif idle.intersection(conditions):
            untried.append(name)
    told.sort(key=lambda entry: -entry[0].mean)
    dear = [entry for entry in told if entry[0].above and entry[0].mean >= MUCH]
    cheap = [entry for entry in told if entry[0].above and entry[0].mean < MUCH]
    free = [entry for entry in told if not entry[0].above]
    lines = [f"- {advice}: {_points(loss)} are lost to {name}." for loss, name, advice in dear]
    if not dear:
        lines.append(f"- Nothing that was tried is shown to cost {percent(MUCH, 0)} points of frame accuracy or more.")
    if cheap:
        lines.append(f"- Worth minding, but cheaper: {_listed(cheap)}.")
    if free:
        lines.append(f"- Not shown to cost anything here, which is not to say that it is harmless: {_listed(free)}.")
    if untried:
        lines.append(f"- Not tried, because it leaves these clips as they are: {', '.join(untried)}.")
    return "\n".join(lines)


def _points(loss: DancerDifference) -> str:
    return f"{percent_interval(loss.mean, loss.low, loss.high)} points of frame accuracy"


def _listed(entries: Sequence[tuple[DancerDifference, str, str]]) -> str:
    return ", ".join(f"{name} ({percent(loss.mean)} points)" for loss, name, _ in entries)
