"""What the report says about leakage: its sentence, its tables, its branch of metrics.json."""

from collections.abc import Sequence

import pandas as pd

from dance_tf.dataset.batches import View
from dance_tf.evaluation.intervals import Estimate
from dance_tf.evaluation.overlap import Wall
from dance_tf.experiments.leakage import Gap, Leakage, SplitScores, scores_for
from dance_tf.model.networks import STRATEGIES
from dance_tf.report.chapters import Chapter
from dance_tf.report.pages import long_form
from dance_tf.report.section import Section, Table
from dance_tf.report.tables import percent, percent_interval, wide_table

ROOMS: dict[View, str] = {"frame": "kept", "difference": "removed"}
PROPOSED = "cnn_ae_attention"
NOT_LEARNT = "not learnt"  # in place of a gap


def leakage_table(leakage: Leakage) -> pd.DataFrame:
    """Table L1: a row for each strategy, room and way to count; accuracies on the parts held out, in percent."""
    rows = []
    for view, room in ROOMS.items():
        for gap in (gap for gap in leakage.gaps if gap.view == view):
            splits = scores_for(leakage.scores, gap.strategy, view)
            learnt = has_learnt(leakage, gap)
            for by in ("frame", "clip"):
                accuracy = {unit: getattr(score.held_out, by).accuracy for unit, score in splits.items()}
                rows.append(
                    {
                        "room": room,
                        "strategy": STRATEGIES[gap.strategy].title,
                        "by": by,
                        **{f"split by {unit}": _with_interval(found) for unit, found in accuracy.items()},
                        "gap": _with_interval(getattr(gap, by)) if learnt else NOT_LEARNT,
                        "gap, same dancers": _with_interval(gap.frame_same_dancers) if learnt and by == "frame" else "",
                        "runs": gap.frame.runs,
                    }
                )
    return pd.DataFrame(rows)


def score_table(scores: Sequence[SplitScores]) -> pd.DataFrame:
    """Every score of every strategy, room, split and part, in percent with intervals."""
    nested: dict[str, dict] = {}
    for score in scores:
        branch = nested.setdefault(STRATEGIES[score.strategy].title, {}).setdefault(ROOMS[score.view], {})
        branch[score.unit] = {"validation folds": score.folds.to_json(), "held out": score.held_out.to_json()}
    names = ("strategy", "room", "split", "part", "by")
    return wide_table(long_form(nested, (*names, "metric")), names)


def wall_table(walls: Sequence[Wall]) -> pd.DataFrame:
    """Near-duplicates across each split's wall."""
    return pd.DataFrame(
        [
            {
                "room": ROOMS[wall.view],
                "split": wall.unit,
                "frames held out": wall.found.frames,
                "with a near-duplicate in training": wall.found.count,
                "share (%)": 100 * wall.found.share,
            }
            for wall in walls
        ]
    )


def accuracy_rows(leakage: Leakage, by: str = "frame") -> pd.DataFrame:
    """Accuracies on the parts held out, for `figures.leakage_gap`."""
    rows = []
    for view in ROOMS:
        for score in (score for score in leakage.scores if score.view == view):
            found = getattr(score.held_out, by).accuracy
            rows.append((STRATEGIES[score.strategy].title, score.unit, view, found.mean, found.low, found.high))
    return pd.DataFrame(rows, columns=["name", "split", "view", "mean", "low", "high"])


def gap_rows(leakage: Leakage, by: str = "frame") -> pd.DataFrame:
    """Gaps of what has learnt anything, with their intervals, for `figures.leakage_gap`."""
    learnt = [gap for gap in leakage.gaps if has_learnt(leakage, gap)]
    found = [(STRATEGIES[gap.strategy].title, gap.view, getattr(gap, by)) for gap in learnt]
    rows = [(strategy, view, gap.mean, gap.low, gap.high) for strategy, view, gap in found]
    return pd.DataFrame(rows, columns=["name", "view", "mean", "low", "high"])


def leakage_chapter(
    leakage: Leakage, walls: Sequence[Wall], source: str, chance: float, earlier: Sequence[Section] = ()
) -> Chapter:
    """The leakage gap in one sentence, what stands behind it, and all its numbers.

    Args:
        leakage: scores and gaps.
        walls: near-duplicates.
        source: "synthetic", or the footage's name.
        chance: accuracy of guessing.
        earlier: sections that are there already: what they say of a strategy and split, perhaps from longer runs, is
            not said again under `strategies`.

    Raises:
        ValueError: no strategy was trained with the room kept, or none with it removed.
    """
    kept, removed = _told(leakage.gaps, "frame"), _told(leakage.gaps, "difference")
    headline = (
        f"Leakage ({source}): cut by frame instead of by dancer, {_told_gap(leakage, kept, strategy=True)}, and "
        f"{_told_gap(leakage, removed, strategy=removed.strategy != kept.strategy)}."
    )
    learnt = [gap for gap in leakage.gaps if has_learnt(leakage, gap)]
    ranges = [
        f"{percent(min(means))} to {percent(max(means))} points with the room {room} ({_count(means)})"
        for view, room in ROOMS.items()
        if (means := [gap.frame.mean for gap in learnt if gap.view == view])
    ]
    ranged = f" The gap by frame runs from {' and from '.join(ranges)}." if ranges else ""
    text = (
        f"{headline}{ranged} Chance is {percent(chance)} %.{_idle(leakage)} Each number is the mean of "
        f"{removed.frame.runs} run(s), one a fold, on the part held out from everything. An epoch is about as long "
        "under each split, so that none of the gap comes of longer training. The split by dancer tests some of the "
        "people whom the split by frame tests, so each draw of the bootstrap takes the same people for both sides; the "
        "column on the same dancers compares only them."
    )
    duplicates = "; ".join(f"{_walls(walls, view)} with the room {room}" for view, room in ROOMS.items())
    text += (
        f"\n\n{_middle(leakage, walls, kept)}\n\nFrames held out that look all but like one in training, by a "
        f"perceptual hash: {duplicates}. Cut by dancer no frame can meet its neighbour, so that the share there is how "
        "often the hash takes pictures of different people for one: figures on black are hard to tell apart for it."
    )
    return Chapter(text, _metrics(leakage, walls, earlier), headline)


def has_learnt(leakage: Leakage, gap: Gap) -> bool:
    """Whether a strategy has learnt anything under the split by frame; else its gap is no measurement of leakage."""
    return scores_for(leakage.scores, gap.strategy, gap.view)["frame"].learnt


def _told_gap(leakage: Leakage, gap: Gap, strategy: bool) -> str:
    room = f"with the room {ROOMS[gap.view]}"
    who = f"{STRATEGIES[gap.strategy].title} " if strategy else ""
    if not has_learnt(leakage, gap):
        return f"{who or 'the network '}learns nothing {room} in runs as short as these"
    return f"{who}{'gets ' if strategy else ''}{_both(leakage, gap)} of the frames right {room}, {_points(gap.frame)}"


def _idle(leakage: Leakage) -> str:
    """Which strategies have learnt nothing, so that nothing is said of their gaps."""
    idle = [gap for gap in leakage.gaps if not has_learnt(leakage, gap)]
    if not idle:
        return ""
    named = ", ".join(f"{STRATEGIES[gap.strategy].title} (room {ROOMS[gap.view]})" for gap in idle)
    return f" No gap is told of those near chance even when cut by frame, which have learnt nothing: {named}."


def _middle(leakage: Leakage, walls: Sequence[Wall], gap: Gap) -> str:
    """What a split by clip lets through, and what it does not."""
    splits = scores_for(leakage.scores, gap.strategy, gap.view)
    wall = next((wall for wall in walls if (wall.view, wall.unit) == (gap.view, "clip")), None)
    if "clip" not in splits or wall is None:
        return ""
    accuracy = splits["clip"].held_out.frame.accuracy
    text = (
        f"Cut by clip, {STRATEGIES[gap.strategy].title} gets {_with_interval(accuracy)} % of the frames right with the "
        f"room {ROOMS[gap.view]}. Of the frames held out, {percent(wall.met)} % show a dancer who is in training, "
        f"{percent(wall.met_in_style)} % one who dances the same style there."
    )
    if wall.met_in_style < 0.5 * wall.met:
        text += (
            " A network that has learnt dancers and rooms by heart will therefore name another style, and may fall "
            "below chance: with one clip for each dancer and style this split does not flatter, it misleads."
        )
    return text


def leakage_tables(leakage: Leakage, walls: Sequence[Wall], behind: str) -> list[Table]:
    """The section's tables.

    Args:
        leakage: scores and gaps.
        walls: near-duplicates.
        behind: how many runs stand behind each number, for the captions.
    """
    caption = f"{behind}; percent on the part held out, 95 % intervals over dancers. Gap: by frame less by dancer."
    return [
        Table("l1_leakage", "Accuracy under three splits, and the gap (L1)", leakage_table(leakage), caption),
        Table("near_duplicates", "Near-duplicates across the wall", wall_table(walls), "Held out against training."),
        Table("leakage_scores", "All scores under three splits", score_table(leakage.scores), f"{behind}; percent."),
    ]


def _told(gaps: Sequence[Gap], view: View) -> Gap:
    """The gap to tell of a room: that of the paper's network, or else of the first that was trained with it."""
    mine = [gap for gap in gaps if gap.view == view]
    if not mine:
        raise ValueError(
            f"No strategy was trained with the room {ROOMS[view]}: name at least one in `leakage_strategies` and in "
            "`background_strategies`."
        )
    return next((gap for gap in mine if gap.strategy == PROPOSED), mine[0])


def _both(leakage: Leakage, gap: Gap) -> str:
    """Accuracy by frame under the split by frame, and under the one by dancer."""
    splits = scores_for(leakage.scores, gap.strategy, gap.view)
    leaking, honest = (splits[unit].held_out.frame.accuracy.mean for unit in ("frame", "dancer"))
    return f"{percent(leaking)} % instead of {percent(honest)} %"


def _count(means: Sequence[float]) -> str:
    return f"{len(means)} strategies" if len(means) > 1 else "1 strategy"


def _walls(walls: Sequence[Wall], view: View) -> str:
    mine = [wall for wall in walls if wall.view == view]
    return ", ".join(f"{percent(wall.found.share)} % cut by {wall.unit}" for wall in mine)


def _metrics(leakage: Leakage, walls: Sequence[Wall], earlier: Sequence[Section]) -> dict[str, dict]:
    said = {
        (strategy, unit)
        for section in earlier
        for strategy, branch in section.metrics.get("strategies", {}).items()
        for unit in branch
    }
    strategies: dict[str, dict] = {}
    branch: dict[str, dict] = {"splits": {}, "gaps": {}, "near_duplicates": {}}
    for score in leakage.scores:
        room = branch["splits"].setdefault(f"room_{ROOMS[score.view]}", {})
        room.setdefault(score.strategy, {})[score.unit] = score.to_json()
        if score.view == "difference" and (score.strategy, score.unit) not in said:
            strategies.setdefault(score.strategy, {})[score.unit] = score.to_json()
    for gap in leakage.gaps:
        branch["gaps"].setdefault(f"room_{ROOMS[gap.view]}", {})[gap.strategy] = gap.to_json()
    for wall in walls:
        branch["near_duplicates"].setdefault(f"room_{ROOMS[wall.view]}", {})[wall.unit] = wall.to_json()
    return {"strategies": strategies, "leakage": branch}


def _with_interval(found: Estimate) -> str:
    return percent_interval(found.mean, found.low, found.high)


def _points(found: Estimate) -> str:
    value, bracket, interval = _with_interval(found).partition(" [")
    return f"a gap of **{value} points**{bracket}{interval}"
