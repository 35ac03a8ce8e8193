"""What the paper's text says about its own tables, worked out: means, sums, rankings.

Table 4 is in `cost_ledger`, what its prose says of figures, cloud and pixels in `prose_ledger`.
"""

from collections.abc import Iterator, Sequence

from dance_tf.audit import published as tables
from dance_tf.audit.bounds import Range
from dance_tf.audit.claims_cost import audit_costs
from dance_tf.audit.claims_prose import audit_prose
from dance_tf.audit.published import HALF_UNIT, PROPOSED, Claim
from dance_tf.audit.rules import Finding


def audit_claims() -> tuple[Finding, ...]:
    """Every sentence of the paper that its tables, or its other sentences, speak against: by table, then the prose."""
    return (
        *_frame_counts(),
        *_clip_lengths(),
        *_means(),
        *_frame_intervals(),
        *audit_costs(),
        *_clean_baseline(),
        *_conditions(),
        *_dropped_frames(),
        *audit_prose(),
    )


def mean_of(printed: Sequence[float]) -> Range:
    """What the plain mean of numbers printed with two decimals can have been."""
    mean = sum(printed) / len(printed)
    return Range(mean - HALF_UNIT, mean + HALF_UNIT)


def not_falling(values: Sequence[float]) -> list[tuple[int, int]]:
    """Neighbours that break a claim of steady fall: pairs of positions."""
    return [(place, place + 1) for place in range(len(values) - 1) if values[place + 1] >= values[place]]


def least_accuracy_of_kept(accuracy: float, dropped: float) -> float:
    """Least accuracy of the frames kept, when the share `dropped` of all frames goes and verdicts stay as they are.

    At worst every wrong frame is kept: their share grows from 1 - A to (1 - A) / (1 - dropped). Dropping at random
    leaves A where it was, give or take chance.
    """
    return max(0.0, 1 - (1 - accuracy) / (1 - dropped))


def _frame_counts() -> Iterator[Finding]:
    total = sum(row.frames for row in tables.TABLE_1)
    if total != tables.ALL_FRAMES.value:
        yield Finding(
            row="Table 1",
            rule="sum of frames",
            level="impossible",
            message=f"its rows sum to {total:,}, not to the {tables.ALL_FRAMES.value:,} of {tables.ALL_FRAMES.place}.",
            values=(("sum", f"{total:,}"), ("text", f"{tables.ALL_FRAMES.value:,}")),
        )
    table, claim = {row.style: row.frames for row in tables.TABLE_1}["Say So"], tables.SAY_SO_FRAMES
    if table != claim.value:
        yield Finding(
            row=claim.place,
            rule="two counts of the same frames",
            level="impossible",
            message=f"Say So has {claim.value:,} frames here and {table:,} in Table 1; so many videos make "
            f"{clip_seconds(claim.value):.1f} s a video of the one and {clip_seconds(table):.1f} s of the other.",
            values=(("text", f"{claim.value:,}"), ("Table 1", f"{table:,}")),
        )
    if tables.VIDEOS.value <= tables.PARTICIPANTS.value * len(tables.TABLE_1):
        yield Finding(
            row=tables.VIDEOS.place,
            rule="videos by source",
            level="implausible",
            message=f"{tables.PARTICIPANTS.value} participants with {len(tables.TABLE_1)} styles each make all of the "
            f"{tables.VIDEOS.value} videos: none is left for the TikTok videos said to be among them.",
            values=(("videos", str(tables.VIDEOS.value)), ("participants", str(tables.PARTICIPANTS.value))),
        )


def clip_seconds(frames: float) -> float:
    """Mean length of a style's videos in seconds, by its number of frames."""
    return frames / (tables.VIDEOS.value / len(tables.TABLE_1)) / tables.FRAME_RATE.value


def _clip_lengths() -> Iterator[Finding]:
    """Table 1 against the lengths that the text says it worked out of it; frames thrown out make clips longer still."""
    shortest, longest = tables.SHORTEST_CLIPS.value, tables.LONGEST_CLIPS.value
    for row in tables.TABLE_1:
        seconds = clip_seconds(row.frames)
        if not shortest <= seconds <= longest:
            yield Finding(
                row=f"Table 1, {row.style}",
                rule="length of the clips",
                level="implausible",
                message=f"{row.frames:,} frames are {seconds:.1f} s a clip at {tables.FRAME_RATE.value} frames/s, "
                f"without those that were thrown out; the text has about {shortest}–{longest} s, by this very count.",
                values=(("frames", f"{row.frames:,}"), ("seconds a clip", f"{seconds:.1f}")),
            )


def _means() -> Iterator[Finding]:
    """Claims against the proposed rows of Table 2.

    The note calls its 97.14 the average accuracy of the three experiments, so it is held to that. The abstract does not
    say what its numbers are: single experiments lie on both sides of them, so no mean is merely the likely reading.
    """
    rows = [row for row in tables.TABLE_2 if row.strategy == PROPOSED]
    names = ("precision", "sensitivity", "specificity", "accuracy", "f1")
    means = {name: mean_of([getattr(row, name) for row in rows]) for name in names}
    for claim, name, level in (
        (tables.ABSTRACT_ACCURACY, "accuracy", "implausible"),
        (tables.ABSTRACT_F1, "f1", "implausible"),
        (tables.MEAN_ACCURACY, "accuracy", "impossible"),
    ):
        if _meets(claim, means[name]):
            continue
        matching = [other for other in names if _meets(claim, means[other])]
        known = f"{claim.value:.2f} is their mean {matching[0]}" if matching else "none of their means fits"
        yield Finding(
            row=claim.place,
            rule="claim against the mean of Table 2",
            level=level,
            message=f"{claim.name}: {claim.value:.2f}; the proposed rows of Table 2 average {_middle(means[name]):.2f} "
            f"in {name}, and {known}.",
            values=(("claim", f"{claim.value:.2f}"), (f"mean {name} of Table 2", f"{_middle(means[name]):.3f}")),
        )
    best = max(row.accuracy for row in tables.TABLE_2 if row.strategy != PROPOSED)
    if best < tables.RIVAL_ACCURACY.value - 10 * HALF_UNIT:  # printed with one decimal
        yield Finding(
            row=tables.RIVAL_ACCURACY.place,
            rule="claim against Table 2",
            level="implausible",
            message=f"similar models are said to average {tables.RIVAL_ACCURACY.value} %; the best row one of them "
            f"in Table 2 is {best:.2f}.",
            values=(("claim", f"{tables.RIVAL_ACCURACY.value}"), ("best rival of Table 2", f"{best:.2f}")),
        )


def _frame_intervals() -> Iterator[Finding]:
    """Table 3 against the text: scores fall as frames are discarded. Chance can lift one row, so implausible."""
    full = mean_of([row.accuracy for row in tables.TABLE_2 if row.strategy == PROPOSED])
    for row in tables.TABLE_3:
        if row.accuracy - HALF_UNIT > max(full.high, tables.MEAN_ACCURACY.value + HALF_UNIT):
            yield Finding(
                row=f"Table 3, one frame of {row.interval}",
                rule="less data, higher accuracy",
                level="implausible",
                message=f"accuracy {row.accuracy:.2f} is above that of all frames ({tables.MEAN_ACCURACY.value:.2f} in "
                f"the text, {_middle(full):.2f} by Table 2), while the text has accuracy fall as frames are discarded.",
                values=(("accuracy", f"{row.accuracy:.2f}"), ("all frames", f"{tables.MEAN_ACCURACY.value:.2f}")),
            )
    for name in ("accuracy", "recall", "kappa"):
        column = [getattr(row, name) for row in tables.TABLE_3]
        for before, after in not_falling(column):
            yield Finding(
                row="Table 3",
                rule="claimed fall",
                level="implausible",
                message=f"{name} does not fall from row {before + 1} to row {after + 1}, though the text says so.",
                values=((name, f"{column[before]:.2f}"), (f"next {name}", f"{column[after]:.2f}")),
            )


def _clean_baseline() -> Iterator[Finding]:
    """The clean row of Table 5 against the proposed rows of Table 2: the same network on the same frames."""
    baseline = tables.TABLE_5[0]
    rows = [row for row in tables.TABLE_2 if row.strategy == PROPOSED]
    for name, told in (("accuracy", tables.MEAN_ACCURACY), ("f1", tables.ABSTRACT_F1)):
        printed, mean = getattr(baseline, name), mean_of([getattr(row, name) for row in rows])
        if printed - HALF_UNIT > mean.high or printed + HALF_UNIT < mean.low:
            repeated = f"; it repeats the {told.value:.2f} of the text" if told.value == printed else ""
            yield Finding(
                row=f"Table 5, {baseline.condition}",
                rule="clean frames against Table 2",
                level="implausible",
                message=f"{name} {printed:.2f} on clean frames, where Table 2's proposed rows average "
                f"{_middle(mean):.2f}{repeated}.",
                values=((name, f"{printed:.2f}"), (f"mean {name} of Table 2", f"{_middle(mean):.3f}")),
            )


def _conditions() -> Iterator[Finding]:
    baseline, *conditions = tables.TABLE_5
    losses = {row.condition: baseline.accuracy - row.accuracy for row in conditions}
    worst = max(losses.values())
    if abs(worst - tables.WORST_DROP.value) > 3 * HALF_UNIT:
        yield Finding(
            row=tables.WORST_DROP.place,
            rule="largest loss",
            level="impossible",
            message=f"the text says {tables.WORST_DROP.value}, Table 5 has {worst:.2f}.",
            values=(("text", f"{tables.WORST_DROP.value}"), ("Table 5", f"{worst:.2f}")),
        )
    named = tables.SEVEREST_CONDITIONS
    mildest = min(named, key=losses.get)
    for condition in sorted(set(losses) - set(named), key=losses.get, reverse=True):
        if losses[condition] > losses[mildest] + 2 * HALF_UNIT:
            yield Finding(
                row="Table 5",
                rule="ranking in the text",
                level="implausible",
                message=f"the text names {', '.join(named)} as the worst; {condition} costs {losses[condition]:.2f} "
                f"points, {mildest} {losses[mildest]:.2f}.",
                values=((condition, f"{losses[condition]:.2f}"), (mildest, f"{losses[mildest]:.2f}")),
            )


def _dropped_frames() -> Iterator[Finding]:
    rows = {row.condition: row for row in tables.TABLE_5}
    baseline, dropped = rows["Baseline (optimal)"].accuracy, rows["Frame drop (20%)"].accuracy
    least = 100 * least_accuracy_of_kept((baseline - HALF_UNIT) / 100, 0.2)
    if dropped + HALF_UNIT < least:
        yield Finding(
            row="Table 5, Frame drop (20%)",
            rule="accuracy of the frames that are kept",
            level="impossible",
            message=f"a model that judges each frame by itself, as the paper's does, with {baseline:.2f} on all frames "
            f"has at least {least:.2f} on any 80 % of them, and the same on average; printed is {dropped:.2f}.",
            values=(("accuracy", f"{dropped:.2f}"), ("baseline", f"{baseline:.2f}")),
        )


def _meets(claim: Claim, mean: Range) -> bool:
    return claim.value - HALF_UNIT <= mean.high and mean.low <= claim.value + HALF_UNIT


def _middle(numbers: Range) -> float:
    return (numbers.low + numbers.high) / 2
