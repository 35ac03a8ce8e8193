"""Sentences and advice on corrupted footage, from the DataFrames of `experiments.corruption`.

Everywhere `scores` is of `condition_scores` and `means` of `corruption_means`, both of the proposed model at the
paper's levels; `losses` is of `losses`, `clips` of `describe_corrupted`; `chance` is the accuracy of a random guess.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from dance_tf.corruption.conditions import find_condition
from dance_tf.evaluation.intervals import MIN_TESTED_DANCERS
from dance_tf.experiments.conditions import CLEAN
from dance_tf.experiments.corruption import BEYOND, EVERYTHING, HIGHER, LOWER, TOO_FEW, TOTAL
from dance_tf.report.corruption_tables import (
    PAPER,
    PAPER_CLEAN,
    above_chance,
    accuracy_rows,
    corrupted_rows,
    count_clips,
    paper_loss,
    row_name,
    unknown_backgrounds,
)
from dance_tf.report.tables import MISSING, counted, percent, percents

PIXELS = 360  # of the paper's last condition
UNKNOWN_SHARE = 0.25  # extra share of clips with unknown background from which the text names a condition
LARGE_LOSS = 0.10  # of accuracy
# conditions that simulate a problem of filming, advice, what is not simulated
FILMING_ADVICE = (
    (("backlight",), "Put the window or lamp behind the camera, not behind the dancer", ""),
    (("low_light",), "Switch the lights on", "only gray levels are scaled; a real camera adds noise"),
    (("moving_shadows",), "Keep people and objects from moving between the light and the dancer", ""),
    (("mild_fog", "heavy_fog"), "Film in clear air, and not through a dusty window", ""),
    (("rain",), "Keep the lens dry and clean", ""),
    (("mild_motion_blur", "severe_motion_blur"), "Use a tripod", "a shaking camera also shifts the picture"),
    (("mild_noise", "severe_noise"), "Give the camera enough light", ""),
    (("mild_compression", "severe_compression"), "Use the camera's original file, not a compressed copy", ""),
    (("low_resolution",), "Film at the camera's full resolution", ""),
    (("dropped_frames",), "Use a camera and memory card that record every frame", ""),
)


def listed(conditions: Sequence[str]) -> str:
    """Return names of conditions in brackets after a space, for a sentence; empty for none."""
    return f" ({', '.join(map(_in_sentence, conditions))})" if conditions else ""


def _in_sentence(condition: str) -> str:
    return row_name(condition).lower().replace("gaussian", "Gaussian")


def headline(scores: pd.DataFrame, means: pd.DataFrame, chance: float, source: str) -> str:
    """Return the main finding, with the largest loss if its interval excludes zero."""
    clean, rows = accuracy_rows(scores).iloc[0], corrupted_rows(scores)
    text = f"Corrupted footage ({source}): by frame, the network reaches {percents(clean)} % accuracy on clean clips"
    if rows.empty:
        return f"{text}. No condition changed the clips."
    mean = accuracy_rows(means).set_index("summary")
    text += f" and {percents(mean.loc['mpc'])} % on average over {counted(len(rows), 'condition')}"
    if above_chance(clean, chance):
        text += f", {percent(mean.loc['rpc']['mean'], 0)} % of the clean accuracy"
    worst = rows.loc[rows["drop"].idxmax()]
    if worst["drop_low"] > 0:  # never with one dancer
        text += f". The largest loss is {percents(worst, 'drop')} points{listed([worst['condition']])}"
    return f"{text}."


def clips_text(scores: pd.DataFrame, clips: pd.DataFrame) -> str:
    """Describe the tested clips: dancers, refused clips, conditions without effect, unknown backgrounds."""
    counts, used = count_clips(clips), clips[clips["reason"] == ""].drop_duplicates("clip")
    dancers, refused = counts["dancers"], counts["refused"]
    named = ", ".join(f"{clip} ({reason})" for clip, reason in refused.items())
    rows = accuracy_rows(scores)
    conditions, same = len(rows[rows["condition"] != CLEAN]), list(rows.loc[~rows["changed"], "condition"])
    sides = ", ".join(map(str, sorted(used["short_side"].unique())[:4]))
    small = int((used["short_side"] <= PIXELS).sum())
    sentences = [f"Tested on {counted(len(used), 'held-out clip')} of {counted(dancers, 'dancer')}."]
    if dancers < MIN_TESTED_DANCERS:
        sentences += [
            "Bootstrap intervals over so few dancers are too narrow."
            if dancers > 1
            else "With one dancer there is no interval.",
            f"A test needs at least {MIN_TESTED_DANCERS} dancers, so no difference is called significant.",
        ]
    if refused:
        left_out = f"{_verb(len(refused))} left out: {named}."
        sentences.append(f"{counted(len(refused), 'held-out clip')} could not be corrupted and {left_out}")
    sentences.append(f"{conditions - len(same)} of {conditions} conditions changed the clips.")
    if same:
        sentences.append(
            f"The others{listed(same)} did not change them (short side: {sides} pixels): they are not included in "
            "means, tests or advice."
        )
    if small and "low_resolution" not in same:
        sentences.append(f"360p does not change {counted(small, 'clip')} with a short side of at most {PIXELS} pixels.")
    unknown = unknown_backgrounds(clips)
    for row in corrupted_rows(scores).to_dict("records"):
        share = unknown.get(row["condition"], 0.0)
        if share - unknown.get(CLEAN, 0.0) >= UNKNOWN_SHARE and row["drop_low"] > 0:
            sentences.append(
                f"Under {_in_sentence(row['condition'])}, no background could be estimated for {percent(share, 0)} % "
                "of the clips. The background then stays in the network's input, which probably causes most of the "
                f"loss of {percents(row, 'drop')} points."
            )
    return " ".join(sentences)


def paper_text(scores: pd.DataFrame, losses: pd.DataFrame, chance: float) -> str:
    """Compare the losses with the paper's, by rank and as shares of the clean accuracy."""
    rows, clean = corrupted_rows(scores), accuracy_rows(scores).iloc[0]
    text = "The paper calls its values simulated and estimated. Ours are measured."
    tested = losses[losses["low"] < losses["high"]]  # NaN, or no variation over dancers, is no test
    if above_chance(clean, chance) and len(tested):
        reference = PAPER.at[PAPER_CLEAN, "accuracy"]
        paper = 100 * tested["condition"].map(paper_loss) / reference
        larger = list(tested.loc[tested["low"] / clean["mean"] > paper, "condition"])
        smaller = list(tested.loc[tested["high"] / clean["mean"] < paper, "condition"])
        text += (
            f" As a share of the clean accuracy ({percent(clean['mean'], 0)} % here, {reference:.0f} % in the paper), "
            f"{len(larger)} of {len(rows)} losses are larger than the paper's{listed(larger)} and {len(smaller)} are "
            f"smaller{listed(smaller)}; in these cases the 95 % t interval excludes the paper's value."
        )
    if len(tested) and rows["drop"].nunique() > 1:
        ranks = rows["drop"].rank().corr(rows["condition"].map(paper_loss).rank())
        text += f" The rank correlation of our losses with the paper's is {ranks:.2f}."
    return text


def named_test(tests: int) -> str:
    """Return the name of the test."""
    return "paired t-test over dancers at 5 %" + (f", corrected for {tests} tests (Holm)" if tests > 1 else "")


def _verb(number: int) -> str:
    return "is" if number == 1 else "are"


def _too_few(row: Mapping[str, object], subject: str) -> str:
    dancers = f"{counted(row['dancers'], 'dancer')} {_verb(row['dancers'])}"
    return f"{dancers} too few for a test, so no conclusion about {subject} is possible."


def limits_text(row: Mapping[str, object]) -> str:
    """Describe the limits of a comparison of a few short runs; `row` is of `difference_rows`."""
    side = "one short run" if row["runs"] == 1 else f"the mean of {row['runs']} short runs, one per fold"
    return f"Each side is {side}; the tests cover the variation over {row['dancers']} dancers, not over training seeds."


def attention_text(gains: pd.DataFrame) -> str:
    """Describe whether attention makes the hybrid more robust.

    `gains` are of the hybrid with attention minus the hybrid without; they are empty if one of them was not run.
    """
    if gains.empty:
        return "The hybrid was not run both with and without attention, so there is no comparison."
    total, beyond = (gains[gains["kind"] == kind].set_index("condition") for kind in (TOTAL, BEYOND))
    clean, total = total.loc[CLEAN], total.drop(index=CLEAN)
    text = f"Attention changes the hybrid's accuracy by frame by {percents(clean)} points on clean clips."
    if clean["result"] == TOO_FEW:
        return f"{text} {_too_few(clean, 'attention')}"
    higher, lower = (list(total.index[total["result"] == result]) for result in (HIGHER, LOWER))
    robust = [name for name in higher if beyond.loc[name, "result"] == HIGHER]
    return (
        f"{text} The accuracy is significantly higher under {len(higher)} of {len(total)} conditions{listed(higher)} "
        f"and significantly lower under {len(lower)}{listed(lower)} ({named_test(len(total))}). Under "
        f"{counted(len(robust), 'condition')}{listed(robust)} the gain is also significantly larger than on clean "
        f"clips. Only this counts as robustness. {limits_text(clean)}"
    )


def transfer_text(accuracies: pd.DataFrame, gains: pd.DataFrame) -> str:
    """Describe the gain from training with corruptions, and whether it transfers to a family that was left out.

    `accuracies` and `gains` are the two tables of `augmentation_transfer`.
    """
    accuracy = accuracies.set_index(["family", "training"])
    gain = gains.set_index(["training", "family", "kind"]).sort_index()
    clean = gain.loc[("all", CLEAN, TOTAL)]
    families = [name for name in dict.fromkeys(accuracies["family"]) if name not in (CLEAN, EVERYTHING)]
    left_out = [name for name in families if (name, "all but") in accuracy.index]
    sentences = [
        "Training with random corruptions in half of the frames changes the accuracy by frame on clean clips from "
        f"{percents(accuracy.loc[CLEAN, 'none'])} to {percents(accuracy.loc[CLEAN, 'all'])} % ({_gained(clean)})."
    ]
    if clean["result"] == TOO_FEW:
        return f"{sentences[0]} {_too_few(clean, 'robustness')}"
    if families:
        total, beyond = (gain.loc[("all", EVERYTHING, kind)] for kind in (TOTAL, BEYOND))
        sentences.append(
            f"On corrupted clips the gain is {_gained(total)}; minus the gain on clean clips: {_gained(beyond)}."
        )
        named = [f"{name} {_gained(gain.loc[('all', name, TOTAL)])}" for name in families]
        sentences.append(f"By family: {'; '.join(named)}.")
    for name in left_out:
        total, beyond = (gain.loc[("all but", name, kind)] for kind in (TOTAL, BEYOND))
        text = f"Without {name} in training, the gain on {name} is {_gained(total)}"
        text += f"; minus the gain on clean clips: {_gained(beyond)}."
        if {total["result"], beyond["result"]} == {HIGHER}:
            text += " Robustness transfers to this family."
        elif gain.loc[("all", name, TOTAL), "result"] == HIGHER:
            text += " The gain from training with this family does not transfer significantly."
        else:
            text += " Training with this family gives no significant gain either, so there is nothing to transfer."
        sentences.append(text)
    tests = named_test(len(families))
    if left_out:
        tests += f"; corrected for {counted(len(left_out), 'test')} where a family is left out"
    return " ".join([*sentences, f"Tests: {tests}. {limits_text(clean)}"])


def _gained(row: Mapping[str, object]) -> str:
    return f"{percents(row)} points, {'significant' if row['result'] in (HIGHER, LOWER) else row['result']}"


def advice_table(scores: pd.DataFrame, losses: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    """Return advice on filming, the largest loss first.

    If an effect has several levels, its row shows the largest significant loss. If there is none, it shows the largest
    loss whose interval excludes zero, otherwise the largest loss. Effects that left the clips unchanged come last.
    `curves` are of `condition_scores` by severity, for the level at which `LARGE_LOSS` is reached (by the means).
    """
    accuracy, curves = accuracy_rows(scores), accuracy_rows(curves)
    unchanged = set(accuracy.loc[~accuracy["changed"], "condition"])
    curves = curves[curves["condition"] != CLEAN].sort_values("severity", kind="stable")
    kinds = curves["condition"].map(lambda name: find_condition(name).kind)
    points, rows = f"{percent(LARGE_LOSS, 0)} points lost from", []
    for conditions, advice, limit in FILMING_ADVICE:
        own = losses[losses["condition"].isin(conditions)]
        curve = curves[kinds == find_condition(conditions[0]).kind]
        level = _crossing([0.0, *curve["severity"]], [0.0, *curve["drop"].where(curve["changed"], 0.0)])
        if own.empty and unchanged.isdisjoint(conditions):
            continue
        name, lost, result, place = MISSING, MISSING, "no effect on these clips", -1.0
        if len(own):
            best = next(part for part in (own[own["result"] == HIGHER], own[own["low"] > 0], own) if len(part))
            worst = best.loc[best["mean"].idxmax()]
            name, lost, place = row_name(worst["condition"]), percents(worst), worst["mean"]
            result = {HIGHER: "significant loss", LOWER: "significant gain"}.get(worst["result"], worst["result"])
        row = {"advice": advice, "condition": name, "lost by frame (points)": lost, "result": result}
        row |= {points: _level(conditions[0], level) if level else MISSING, "not simulated": limit or MISSING}
        rows.append((place, row))
    return pd.DataFrame([row for _, row in sorted(rows, key=lambda pair: -pair[0])])


def _crossing(severities: Sequence[float], losses: Sequence[float]) -> float | None:
    """Return the first severity at which the loss reaches `LARGE_LOSS`, linear between two severities."""
    for before, after, less, more in zip(severities, severities[1:], losses, losses[1:], strict=False):
        if more >= LARGE_LOSS:
            return before + (after - before) * (LARGE_LOSS - less) / (more - less) if more > less else after
    return None


def _level(condition: str, severity: float) -> str:
    """Return a severity with the parameters that it sets, such as "severity 1.5 (sigma 7.5 gray levels)"."""
    values = [(parameter, parameter.at(severity)) for parameter in find_condition(condition).parameters]
    parts = [
        f"{1 / value:.0f} pixels" if each.name == "inverse_side" else f"{each.name} {value:.2g} {each.unit}"
        for each, value in values
    ]
    return f"severity {severity:.1f} ({', '.join(parts)})"
