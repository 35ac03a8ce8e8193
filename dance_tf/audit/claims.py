"""Checks of the paper's statements against its own tables and its other statements."""

from collections.abc import Iterator
from itertools import chain
from statistics import mean

import numpy as np

from dance_tf.audit import published
from dance_tf.audit.published import CNN_AE, PROPOSED
from dance_tf.audit.rules import Finding

HALF_UNIT = 0.005  # rounding error of two printed decimals
SCORES = ("precision", "sensitivity", "specificity", "accuracy", "f1")

# rule → the statement of the paper and what its other numbers give
IMPOSSIBLE = {
    "sum of frames": "Section 4.1 states {printed} frames, but the rows of Table 1 sum to {computed}.",
    "two counts of the same frames": "The text states {printed} frames of Say So ({printed_seconds} s per video), but "
    "Table 1 lists {computed} ({computed_seconds} s per video).",
    "claim against the mean of Table 2": "The text states a mean {score} of {printed}, but the mean {score} of the "
    "proposed rows of Table 2 is {computed} ({printed} {equal}).",
    "styles that are not in the data": "The text explains the confusion rate with the styles {printed}, but the styles "
    "of Table 1 do not include {computed}.",
    "largest loss": "The text states a largest loss of {printed} points, but the largest in Table 5 is {computed}.",
    "accuracy of the frames that are kept": "Accuracy is {printed} after 20 % of the frames are dropped, but a model "
    "that classifies each frame separately, with {clean} on all frames, has at least {computed} on any 80 % of them.",
    "two pictures under one number": 'Section 3.2 says that Figure 1 shows "a CNN architecture used to predict the '
    '{printed} of porous materials", but section 4.3 cites it as an error curve for {computed}.',
}
IMPLAUSIBLE = {
    "videos by source": "The text states {printed} videos from TikTok and from {participants} participants, but the "
    "participants alone, with {styles} styles each, make {computed} videos.",
    "length of the clips": "The text computes a mean clip length of about {printed} s from the number of frames, but "
    "{frames} frames at {rate} frames/s, without the removed frames, give {computed} s.",
    "abstract against the mean of Table 2": "The abstract states {score} {printed}, but the mean {score} of the "
    "proposed rows of Table 2 is {computed} ({printed} {equal}).",
    "claim against Table 2": "The text states an average accuracy of {printed} for similar models, but the highest "
    "accuracy of a baseline in Table 2 is {computed}.",
    "less data, higher accuracy": "The text says that accuracy falls as frames are discarded, but it is {printed} with "
    "one frame of {interval} and, with all frames, {stated} in the text and {computed} in Table 2.",
    "claimed fall": "The text says that {score} falls from row to row, but it does not fall at row {computed}.",
    "times do not add up": "The inference time is {printed} s, but feature extraction and attention take {computed} s, "
    "and the paper does not explain the other {rest} s.",
    "same work in less time": "Inference without feature extraction and attention takes {printed} s, but {computed} s "
    "in {baseline}, which has the same decoding and the same classification head.",
    "training time against the text": "Section 4.2 states at least about {printed} h for training the CNN and the "
    "autoencoder, but the longest training time in Table 4 is {computed} h; the paper states no number of runs.",
    "size against described layers": "The model size is {printed} MB, enough for {million} million float32 weights, "
    "but the described layers have at most about {computed}.",
    "clean frames against Table 2": "On clean frames {score} is {printed} (in the text: {stated}), but the mean of the "
    "proposed rows of Table 2 is {computed}.",
    "ranking in the text": "The text names {named} as the worst conditions, but {mildest} costs {printed} points and "
    "{condition} costs {computed}.",
    "measured or estimated": "Section 4.4 calls the effects of its conditions {printed}, but the {rows} rows of Table "
    "5 have two decimals and are {computed} over noise seeds; compression, low light and 360p have no noise.",
    "lines beyond the network input": "The condition costs {loss} points, more than severe noise ({noise}), but the "
    "network input has {computed} lines, fewer than the {printed} lines of the video.",
    "one place named twice": "The list of advantages has features extracted {printed}, but steps 2 and 3 are "
    'both "cloud processing": features are extracted "at the cloud layer" and then {computed}.',
    "features sent in place of frames": "The paper sends features in place of frames and does not measure the saving; "
    "{count} float32 features at {rate} frames/s need {computed} Mbit/s ({bytes} in 8 bits), the uncompressed input "
    "needs {printed}, and H.264 may need less than both.",
}


def audit_claims() -> tuple[Finding, ...]:
    """Return a finding for each statement that contradicts the paper's tables or its other statements.

    Tables 1 to 5 come first, then statements about the method. The `values` of a finding are the printed and the
    computed value.
    """
    checks = chain(_table_1(), _table_2(), _table_3(), _table_4(), _table_5(), _method())
    return tuple(finding for finding in checks if finding)


def _check(
    rule: str, row: str, printed: object, computed: object, holds: bool = False, **details: object
) -> Finding | None:
    """Return a finding if the two values do not agree after rounding; int and float values are formatted."""
    if holds:
        return None
    texts = {
        name: f"{value:.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
        for name, value in {"printed": printed, "computed": computed, **details}.items()
    }
    level = "impossible" if rule in IMPOSSIBLE else "implausible"
    message = (IMPOSSIBLE | IMPLAUSIBLE)[rule].format(**texts)
    return Finding(row, rule, level, message, tuple(texts.items())[:2])


def _clip_seconds(frames: int) -> float:
    """Return the mean length of a style's videos in seconds, from its number of frames."""
    return frames / (published.VIDEOS / len(published.TABLE_1)) / published.FRAME_RATE


def _max_weights_described() -> int:
    """Return an upper estimate of the number of weights of the network in section 3.

    Convolutions: 3 × 3 (the paper states no kernel size), two per stage, in the CNN, an encoder and a decoder.
    """
    widths = (1536, 400, 150, 12)
    head = sum(before * after + after for before, after in zip(widths, widths[1:], strict=False))
    stacks = ((1, 2, 4, 8, 16, 32), (1, 4, 8, 16, 32, 64), (1, 4, 8, 16, 32, 64))
    convolutions = (
        9 * before * after + after + 9 * after * after + after
        for channels in stacks
        for before, after in zip(channels, channels[1:], strict=False)
    )
    return head + sum(convolutions)


def _table_1() -> Iterator[Finding | None]:
    frames = dict(zip(published.TABLE_1["style"], published.TABLE_1["frames"], strict=True))
    stated, total = published.ALL_FRAMES, sum(frames.values())
    yield _check("sum of frames", "Table 1", stated, total, stated == total)
    stated, listed = published.SAY_SO_FRAMES, frames["Say So"]
    seconds = {"printed_seconds": f"{_clip_seconds(stated):.1f}", "computed_seconds": f"{_clip_seconds(listed):.1f}"}
    place = "section 4.1, above Table 1"
    yield _check("two counts of the same frames", place, stated, listed, stated == listed, **seconds)
    performed = published.PARTICIPANTS * len(frames)
    counts = {"participants": published.PARTICIPANTS, "styles": len(frames)}
    yield _check("videos by source", "section 4.1", published.VIDEOS, performed, published.VIDEOS > performed, **counts)
    low, high = published.MIN_CLIP_SECONDS, published.MAX_CLIP_SECONDS
    for style, count in frames.items():
        given = {"frames": count, "rate": published.FRAME_RATE}
        seconds = _clip_seconds(count)
        yield _check(
            "length of the clips", f"Table 1, {style}", f"{low}–{high}", seconds, low <= seconds <= high, **given
        )


def _proposed_mean(score: str) -> float:
    return mean(published.TABLE_2.loc[published.TABLE_2["strategy"] == PROPOSED, score])


def _agree(one: float, other: float, rounded: int = 2) -> bool:
    """Return whether two numbers may be equal, with `rounded` rounding errors between them."""
    return abs(one - other) <= rounded * HALF_UNIT + 1e-9


def _table_2() -> Iterator[Finding | None]:
    """The note under Table 2 calls 97.14 a mean, so another mean is impossible; the abstract does not name its rows."""
    for place, stated, score in (
        ("abstract and section 5", published.ABSTRACT_ACCURACY, "accuracy"),
        ("abstract and section 5", published.ABSTRACT_F1, "f1"),
        ("note under Table 2 and section 4.3", published.MEAN_ACCURACY, "accuracy"),
    ):
        rule = f"{'abstract' if place.startswith('abstract') else 'claim'} against the mean of Table 2"
        same = [other for other in SCORES if _agree(stated, _proposed_mean(other))]
        equal = f"is their mean {same[0]}" if same else "is none of their means"
        yield _check(rule, place, stated, _proposed_mean(score), score in same, score=score, equal=equal)
    baselines = published.TABLE_2[published.TABLE_2["strategy"] != PROPOSED]
    stated, best = published.BASELINE_ACCURACY, baselines["accuracy"].max()
    fits = best >= stated - 10 * HALF_UNIT  # printed with one decimal
    yield _check("claim against Table 2", "section 4.4, below Table 3", str(stated), best, fits)


def _table_3() -> Iterator[Finding | None]:
    """One row may rise by chance, so these findings are implausible."""
    stated, computed = published.MEAN_ACCURACY, _proposed_mean("accuracy")
    for row in published.TABLE_3.itertuples():
        place, details = f"Table 3, one frame of {row.interval}", {"interval": row.interval, "stated": stated}
        falls = row.accuracy <= max(computed, stated) + 2 * HALF_UNIT
        yield _check("less data, higher accuracy", place, row.accuracy, computed, falls, **details)
    for score in ("accuracy", "recall", "kappa"):
        rises = ", ".join(map(str, np.flatnonzero(published.TABLE_3[score].diff() >= 0) + 1))
        yield _check("claimed fall", "Table 3", "falls", rises, not rises, score=score)


def _table_4() -> Iterator[Finding | None]:
    """A total may include more than its printed parts, but the last two models differ in attention only."""
    costs, place = published.TABLE_4.set_index("strategy").fillna(0), f"Table 4, {PROPOSED}"
    similar = published.TABLE_4_SIMILAR_STYLES
    missing = [style for style in similar if style not in set(published.TABLE_1["style"])]
    names = " and ".join(similar), " and ".join(missing)
    yield _check("styles that are not in the data", "Table 4, confusion rate", *names, not missing)
    parts = costs["extraction_seconds"] + costs["attention_seconds"]
    rest = costs["inference_seconds"] - parts
    total = costs.at[PROPOSED, "inference_seconds"]
    fits = _agree(total, parts[PROPOSED], 3)
    yield _check("times do not add up", place, total, parts[PROPOSED], fits, rest=rest[PROPOSED])
    fits = rest[PROPOSED] >= rest[CNN_AE] - 5 * HALF_UNIT  # five rounded numbers
    yield _check("same work in less time", place, rest[PROPOSED], rest[CNN_AE], fits, baseline=CNN_AE)
    longest = costs["training_minutes"].idxmax()
    stated, hours = published.MIN_TRAINING_HOURS, costs.at[longest, "training_minutes"] / 60
    yield _check("training time against the text", f"Table 4, {longest}", stated, hours, hours >= stated)
    size, weights = costs.at[PROPOSED, "size_mb"], _max_weights_described()
    computed = f"{weights / 1e6:.2f} million ({4 * weights / 1e6:.1f} MB)"
    fits = size <= 2 * 4 * weights / 1e6  # twice: a checkpoint may include the optimizer's momentum
    yield _check("size against described layers", place, str(size), computed, fits, million=round(size / 4))


def _table_5() -> Iterator[Finding | None]:
    rows = published.TABLE_5.set_index("condition")[["accuracy", "f1"]]
    clean = rows.iloc[0]
    for score, stated in (("accuracy", published.MEAN_ACCURACY), ("f1", published.ABSTRACT_F1)):
        place, printed, computed = f"Table 5, {clean.name}", clean[score], _proposed_mean(score)
        details = {"score": score, "stated": stated}
        yield _check("clean frames against Table 2", place, printed, computed, _agree(printed, computed), **details)
    losses = clean["accuracy"] - rows["accuracy"][1:]
    stated, worst = published.WORST_DROP, losses.max()
    yield _check("largest loss", "section 4.4, above Table 5", stated, worst, _agree(worst, stated, 3))
    named = list(published.SEVEREST_CONDITIONS)
    mildest = losses[named].idxmin()
    for condition in losses.drop(named).sort_values(ascending=False).index:
        details = {"named": ", ".join(named), "mildest": mildest, "condition": condition}
        fits = losses[condition] <= losses[mildest] + 2 * HALF_UNIT
        yield _check("ranking in the text", "Table 5", losses[mildest], losses[condition], fits, **details)
    place = "Frame drop (20%)"
    # least if all misclassified frames are kept; removal at random does not change the expected accuracy
    printed, least = rows.at[place, "accuracy"], max(0.0, 100 - (100 - clean["accuracy"] + HALF_UNIT) / 0.8)
    fits = printed + HALF_UNIT >= least
    rule = "accuracy of the frames that are kept"
    yield _check(rule, f"Table 5, {place}", printed, least, fits, clean=clean["accuracy"])
    quotes = '"simulated and estimated"', '"averaged across multiple runs"'
    yield _check("measured or estimated", "Table 5", *quotes, rows=len(rows))
    lines, side = published.LOW_RESOLUTION_LINES, published.INPUT_SIDE
    place = f"Low resolution ({lines}p)"
    details = {"loss": losses[place], "noise": losses["Severe Gaussian noise"]}
    fits = lines <= side or details["loss"] <= details["noise"]
    yield _check("lines beyond the network input", f"Table 5, {place}", lines, side, fits, **details)


def _method() -> Iterator[Finding | None]:
    yield _check(
        "two pictures under one number", "Figure 1", "permeability", '"the optimal error level after 1000 iterations"'
    )
    yield _check("one place named twice", "section 3.5, list of steps", '"closer to the source"', '"sent to the cloud"')
    count, rate = published.CNN_FEATURES + published.AE_FEATURES, published.FRAME_RATE
    uncompressed, sent = (values * 8 * rate / 1e6 for values in (published.INPUT_SIDE**2, count))  # 8 bits
    details = {"count": count, "rate": rate, "bytes": sent}
    yield _check("features sent in place of frames", "section 3.5", uncompressed, 4 * sent, **details)
