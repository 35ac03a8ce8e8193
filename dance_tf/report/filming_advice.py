"""What a student should avoid when filming, told from what each condition cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dance_tf.corruption.conditions import find_condition
from dance_tf.evaluation.intervals import DancerDifference
from dance_tf.evaluation.robustness import ConditionRobustness, Robustness
from dance_tf.report.robustness_tables import row_in_text
from dance_tf.report.tables import percent, percent_interval


@dataclass(frozen=True)
class Habit:
    """One way of filming, and the conditions that it brings about.

    Attributes:
        conditions: levels of one effect.
        name: what it is called in a list.
        advice: what to do about it.
        caveat: what the conditions leave out of it; empty where nothing.
    """

    conditions: tuple[str, ...]
    name: str
    advice: str
    caveat: str = ""


HABITS = (
    Habit(
        ("backlight",),
        "light behind you",
        "Stand so that the window or lamp is behind the camera, not behind you",
    ),
    Habit(
        ("low_light",),
        "a dark room",
        "Switch the lights on",
        "only gray levels were scaled here: a camera in a real dark room adds noise, and then what is said of a noisy "
        "picture holds",
    ),
    Habit(("moving_shadows",), "moving shadows", "Keep people and swaying curtains out of the light"),
    Habit(("mild_fog", "heavy_fog"), "fog or haze", "Film in clear air, and not through a dusty window"),
    Habit(("rain",), "drops on the lens", "Keep the lens dry and clean"),
    Habit(
        ("mild_motion_blur", "severe_motion_blur"),
        "a shaking camera",
        "Put the camera on a stand",
        "only its streaks were tried: a camera that shakes moves the whole picture as well",
    ),
    Habit(("mild_noise", "severe_noise"), "a noisy picture", "Give the camera light enough for a clean picture"),
    Habit(
        ("mild_compression", "severe_compression"),
        "strong compression",
        "Hand in the camera's own file, not one that a messenger has compressed",
    ),
    Habit(("low_resolution",), "360 lines", "Film at the camera's full resolution"),
    Habit(("dropped_frames",), "lost frames", "Do not let the recording stutter"),
)
MUCH = 0.10  # of accuracy; a loss that a student would notice


@dataclass(frozen=True)
class _Told:
    """What is said of a habit: the level that says most, and a dearer one of which less is known."""

    habit: Habit
    condition: str
    loss: DancerDifference
    dearer: str = ""

    @property
    def probable(self) -> bool:
        return not self.loss.above and self.loss.low > 0  # no interval is nan, which is not above 0


def filming_advice(main: Robustness, losses: Mapping[str, DancerDifference], curves: Robustness | None = None) -> str:
    """Sentences, the dearest habit first; a loss counts as shown where a test over dancers says so.

    Args:
        main: the network under the conditions; of those that changed no clip it is said that they were not tried.
        losses: of frame accuracy, tested, by condition; those that are not here are not spoken of.
        curves: the same network at several severities, for how much is too much.

    Returns:
        Markdown: a list of what costs much, one sentence each of what costs less, of what probably costs something, of
        what was not shown to, of what was not tried, and of the levels at which much is lost.
    """
    idle = {row.condition for row in main.conditions if not row.changed}
    told, untried = [], []
    for habit in HABITS:
        tested = {name: losses[name] for name in habit.conditions if name in losses}
        if tested:
            told.append(_choose(habit, tested))
        elif idle.intersection(habit.conditions):
            untried.append(habit.name)
    told.sort(key=lambda each: -each.loss.mean)
    dear = [each for each in told if each.loss.above and each.loss.mean >= MUCH]
    cheap = [each for each in told if each.loss.above and each.loss.mean < MUCH]
    likely = [each for each in told if each.probable]
    free = [each for each in told if not each.loss.above and not each.probable]
    lines = [
        f"- {each.habit.advice}: {_points(each.loss)} points of frame accuracy are lost to {each.habit.name} "
        f"({row_in_text(each.condition)}{each.dearer}).{_caveat(each.habit)}"
        for each in dear
    ]
    if not dear:
        lines.append(f"- Nothing that was tried is shown to cost {percent(MUCH, 0)} points of frame accuracy or more.")
    if cheap:
        lines.append(f"- Worth minding, but cheaper: {_listed(cheap)}.")
    if likely:
        lines.append(
            "- Probably costly, not proven (the interval leaves zero out, but not after the correction for so many "
            f"tests): {_listed(likely)}."
        )
    if free:
        lines.append(f"- Not shown to cost anything here, which is not to say that it is harmless: {_listed(free)}.")
    if untried:
        lines.append(f"- Not tried, because it leaves these clips as they are: {', '.join(untried)}.")
    if curves is not None:
        lines += _too_much(curves)
    return "\n".join(lines)


def _choose(habit: Habit, tested: Mapping[str, DancerDifference]) -> _Told:
    """The dearest level that is shown; else the dearest that probably costs something; else the dearest."""
    shown = [name for name in tested if tested[name].above]
    likely = [name for name in tested if tested[name].low > 0]
    condition = max(shown or likely or tested, key=lambda name: tested[name].mean)
    worst = max(tested, key=lambda name: tested[name].mean)
    dearer = ""
    if worst != condition:
        dearer = f"; {row_in_text(worst)} {_points(tested[worst])}, not proven"
    return _Told(habit, condition, tested[condition], dearer)


def _too_much(curves: Robustness) -> list[str]:
    """From which level of each effect on much is lost, read off the curves."""
    clean = curves.clean.frame.accuracy.mean
    effects: dict[str, dict[float, ConditionRobustness]] = {}
    for row in curves.conditions:
        effects.setdefault(find_condition(row.condition).kind, {})[row.severity] = row
    passed, never = [], []
    for kind, rows in effects.items():
        steps = [(0.0, 0.0)]
        for severity, row in sorted(rows.items()):
            steps.append((severity, clean - row.scores.frame.accuracy.mean if row.changed else 0.0))
        level = _crossing(steps)
        condition = next(iter(rows.values())).condition
        if level is None:
            if len(rows) > 1:
                never.append(kind)
        else:
            passed.append(f"{kind} from {_level_in_words(condition, level)}")
    lines = []
    if passed:
        lines.append(
            f"- {percent(MUCH, 0)} points of frame accuracy are gone, by the curves' means and without a test, under "
            f"{'; '.join(passed)}."
        )
    if never:
        lines.append(f"- At no severity up to 5 are as many lost to {', '.join(never)}.")
    return lines


def _crossing(steps: Sequence[tuple[float, float]]) -> float | None:
    """The first severity at which the loss reaches `MUCH`, linear between two severities; None where it never does."""
    for (before, less), (after, more) in zip(steps, steps[1:], strict=False):
        if more >= MUCH:
            return before + (after - before) * (MUCH - less) / (more - less) if more > less else after
    return None


def _level_in_words(condition: str, severity: float) -> str:
    """A severity as the numbers that it sets: "sigma 24 gray levels"."""
    parts = []
    for parameter in find_condition(condition).parameters:
        value = parameter.at(severity)
        if parameter.name == "inverse_side":
            parts.append(f"{1 / value:.0f} lines and fewer")
        else:
            parts.append(f"{parameter.name} {value:.2g} {parameter.unit}")
    return f"severity {severity:.1f} ({', '.join(parts)})"


def _points(loss: DancerDifference) -> str:
    return percent_interval(loss.mean, loss.low, loss.high)


def _caveat(habit: Habit) -> str:
    return f" {habit.caveat[0].upper()}{habit.caveat[1:]}." if habit.caveat else ""


def _listed(entries: Sequence[_Told]) -> str:
    return ", ".join(_in_list(each) for each in entries)


def _in_list(told: _Told) -> str:
    level = row_in_text(told.condition)
    named = "" if level == told.habit.name else f"{level}: "
    caveat = f"; {told.habit.caveat}" if told.habit.caveat else ""
    return f"{told.habit.name} ({named}{_points(told.loss)} points{told.dearer}{caveat})"
