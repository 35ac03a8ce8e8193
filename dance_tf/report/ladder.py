"""Tables and sentences of the comparison of inputs (notebook 48) and of the shortcut tests (notebook 49).

A rung is a way to recognise styles: its name is a strategy, followed for networks of frames by its view
("cnn_ae_attention_cutout"), "references_3" for the nearest of three reference clips a style, or "templates".
`references` are of `reference_accuracy` and may be empty; `resamples` and `seed` are of the draws of dancers.
"""

from collections.abc import Callable, Sequence

import pandas as pd

from dance_tf.audit.published import similar_pairs
from dance_tf.evaluation.calibration import measure_calibration, risk_coverage
from dance_tf.evaluation.shortcuts import AS_IT_IS, BACKGROUND, MIRRORED, SHUFFLED
from dance_tf.experiments.cache import Run
from dance_tf.experiments.scores import answers, estimates, group_runs, learning_curve, pooled_shares
from dance_tf.experiments.spec import BASELINE, BASELINE_TITLE, PROPOSED
from dance_tf.model.networks import SKELETON_STRATEGIES
from dance_tf.report.comparison import strategy_title
from dance_tf.report.tables import MISSING, VIEW_NAMES, counted, percent, percents, wide_table
from dance_tf.synthesis.choreography import SAME_POSES, STYLES

REFERENCES, TEMPLATES = "references_", "templates"
TAUGHT = "taught"  # end of the name of a network that learnt from another one
LARGEST_ERROR, COVERED = 0.05, (0.88, 0.92)  # goals of calibration
CLIP, FRAME, SIMILAR, ORDER = "by clip", "by frame", "similar styles", "same poses, other order"
BY_CLIPS = "held out, by clip"


def rung_name(strategy: str, view: str) -> str:
    """Return the name of a network's rung."""
    return strategy if strategy in SKELETON_STRATEGIES else f"{strategy}_{view}"


def rung_title(name: str) -> str:
    """Return the title of a rung."""
    if name.startswith(REFERENCES):
        count = int(name.removeprefix(REFERENCES))
        return f"Nearest of {counted(count, 'reference')} a style, no training"
    if name == TEMPLATES:
        return "Nearest template of other dancers"
    strategy, _, view = name.rpartition("_")
    if view == TAUGHT:
        return f"{strategy_title(strategy)}, taught"
    if view not in VIEW_NAMES:
        return strategy_title(name)
    return f"{BASELINE_TITLE if strategy == BASELINE else strategy_title(strategy)}, {VIEW_NAMES[view]}"


def ladder_scores(
    runs: Sequence[Run],
    references: pd.DataFrame,
    templates: pd.DataFrame,
    resamples: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the accuracy of each rung on held-out dancers.

    Args:
        runs: named by `rung_name`.
        templates: of `experiments.fidelity.style_verdicts`; may be empty. They may be of other dancers.

    Returns:
        Columns name, measure (`FRAME`, `CLIP`, and by clip of the styles in question `SIMILAR` and `ORDER`), mean, low,
        high, dancers.
    """
    scored = estimates(runs, ["name"], resamples, seed)
    scored = scored.query("part == 'held out' and metric == 'accuracy' and unit == 'frame'").assign(measure=FRAME)
    given = pd.concat([answers(run.test).assign(name=run.spec.name) for run in runs], ignore_index=True)
    if len(references):  # tested on the same dancers
        nearest = references[references["dancer"].isin(given["dancer"])]
        nearest = nearest.assign(name=REFERENCES + nearest["references"].astype(str))
        given = pd.concat([given, nearest], ignore_index=True)
    if len(templates):
        given = pd.concat([given, templates.assign(name=TEMPLATES)], ignore_index=True)
    styles = runs[0].test.styles
    similar = {styles[number] for pair in similar_pairs(styles) for number in pair}
    asked = {CLIP: set(styles), SIMILAR: similar, ORDER: set(SAME_POSES) if set(SAME_POSES) <= set(styles) else set()}
    tables = [scored]
    draws = {"by": ["name"], "resamples": resamples, "seed": seed}
    for measure, some in asked.items():
        if len(rows := given[given["style"].isin(some)]):
            tables.append(pooled_shares(rows, "right", **draws).assign(measure=measure))
    return pd.concat(tables, ignore_index=True)[["name", "measure", "mean", "low", "high", "dancers"]]


def ladder_table(scores: pd.DataFrame, runs: Sequence[Run]) -> pd.DataFrame:
    """Return one row per rung, the worst first: accuracies in percent, and what the training costs."""
    names = scores.query("measure == @CLIP").sort_values("mean", kind="stable")["name"]
    wide = wide_table(scores, ["name"], "measure").set_index("name").reindex(names)
    groups = {key[0]: group for key, group in group_runs(runs, ("name",)).items()}

    def median(name: str, value: Callable[[Run], float], text: str) -> str:
        found = pd.Series([value(run) for run in groups.get(name, ())], dtype=float).median()
        return MISSING if pd.isna(found) else text.format(found)

    costs = {
        "weights": [median(name, lambda run: run.parameters, "{:,.0f}") for name in names],
        "training (min)": [median(name, lambda run: run.training_seconds / 60, "{:.1f}") for name in names],
    }
    rungs = {"rung": [rung_title(name) for name in names]}
    return pd.DataFrame({**rungs, **{name: wide[name].tolist() for name in wide}, **costs})


def accuracy_rows(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracies by clip for `figures.accuracy_bars`, the worst rung first."""
    rows = scores.query("measure == @CLIP").sort_values("mean", kind="stable")
    return rows.assign(name=rows["name"].map(rung_title), group=CLIP)


def growing_with_dancers(
    runs: Sequence[Run], trained: int, references: pd.DataFrame, resamples: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Return accuracies by clip against the number of dancers that are learnt from, one clip a style of each.

    Args:
        runs: of `dancer_specs`, each named by its rung.
        trained: dancers of the runs that learn from all of their training part.

    Returns:
        Columns dancers, group (title of the rung), mean, low, high.
    """
    tables = []
    for (name,), group in group_runs(runs, ("name",)).items():
        found = learning_curve(group, trained, resamples, seed).query("group == @BY_CLIPS")
        tables.append(found.assign(group=rung_title(name)))
    if len(references):
        found = pooled_shares(references, "right", by=["references"], resamples=resamples, seed=seed)
        tables.append(found.assign(dancers=found["references"], group="Nearest reference, no training"))
    return pd.concat(tables, ignore_index=True)[["dancers", "group", "mean", "low", "high"]]


def ladder_headline(scores: pd.DataFrame, source: str, chance: float) -> str:
    """Name the best rung."""
    by_clip = scores.query("measure == @CLIP")
    best = by_clip.loc[by_clip["mean"].idxmax()].to_dict()
    dancers = counted(best["dancers"], "held-out dancer")
    return (
        f"Of all inputs, {rung_title(best['name'])} recognises the clips of {dancers} ({source}) best: "
        f"**{percents(best)} %** (chance {percent(chance)} %)."
    )


def ladder_text(scores: pd.DataFrame, source: str, chance: float) -> str:
    """Name the best rung, and what the paper's network gains from seeing the dancer alone."""
    by_clip = scores.query("measure == @CLIP").set_index("name")
    best = by_clip["mean"].idxmax()
    sentences = [ladder_headline(scores, source, chance)]
    whole, alone = (f"{PROPOSED}_{view}" for view in ("frame", "cutout"))
    if {whole, alone} <= set(by_clip.index):
        first, second = (by_clip.loc[name].to_dict() for name in (alone, whole))
        sentences.append(
            f"{strategy_title(PROPOSED)} reaches {percents(first)} % where it sees the dancer cut out, and "
            f"{percents(second)} % with the background: {100 * (first['mean'] - second['mean']):+.1f} points."
        )
    for name in [each for each in by_clip.index if each.startswith(REFERENCES)][:1]:
        sentences.append(f"{rung_title(name)}: {percents(by_clip.loc[name].to_dict())} %.")
    asked = scores[(scores["measure"] == ORDER) & (scores["name"] == best)]
    if len(asked):
        pair = f"{' and '.join(SAME_POSES)} (the same poses in another order)"
        sentences.append(f"Of the clips of {pair} it recognises {percents(asked.iloc[0].to_dict())} %.")
    return " ".join(sentences)


def shortcut_scores(answered: pd.DataFrame, resamples: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Return the accuracy by clip under each change; `answered` is of `shortcut_answers`.

    Returns:
        Columns name, change, styles ("all", "asymmetric", "same poses, other order"), and those of `pooled_shares`.
    """
    asymmetric = {style.name for style in STYLES if style.asymmetric}
    asked = {"all": set(answered["style"]), "asymmetric": asymmetric, ORDER: set(SAME_POSES)}
    tables, draws = [], {"resamples": resamples, "seed": seed}
    for which, styles in asked.items():
        if len(rows := answered[answered["style"].isin(styles)]):
            tables.append(pooled_shares(rows, "right", by=["name", "change"], **draws).assign(styles=which))
    return pd.concat(tables, ignore_index=True)


def shortcut_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Return one row per network and set of styles, one column per change, in percent."""
    wide = wide_table(scores.assign(name=scores["name"].map(rung_title)), ["name", "styles"], "change")
    return wide.rename(columns={"name": "network"})


def shortcut_text(scores: pd.DataFrame, chance: float) -> str:
    """Say of each network whether it needs the dancer, tells left from right, and needs time."""
    sentences = []
    for name, rows in scores.groupby("name", sort=False):
        found = {(row["styles"], row["change"]): row for row in rows.to_dict("records")}
        whole, nobody = found["all", AS_IT_IS], found["all", BACKGROUND]
        inside = pd.isna(nobody["low"]) or nobody["low"] <= chance <= nobody["high"]
        verdict = "not different from chance"
        if not inside:
            above = nobody["mean"] > chance
            verdict = "**above chance**: the backgrounds give styles away" if above else "below chance"
        parts = [f"with the background alone {percents(nobody)} %, {verdict}"]
        if ("asymmetric", MIRRORED) in found:
            mirrored = 1 - found["asymmetric", MIRRORED]["mean"]
            parts.append(f"mirror images of asymmetric styles are not taken for the style in {percent(mirrored)} %")
        if ("all", SHUFFLED) in found:
            drops = [
                100 * (found[which, AS_IT_IS]["mean"] - found[which, SHUFFLED]["mean"])
                for which in ("all", ORDER)
                if (which, SHUFFLED) in found
            ]
            pair = f" ({drops[1]:.1f} for the two styles of the same poses)" if len(drops) > 1 else ""
            parts.append(f"with time shuffled it loses {drops[0]:.1f} points{pair}")
        sentences.append(f"{rung_title(name)} ({percents(whole)} % as it is): {'; '.join(parts)}.")
    return " ".join(sentences)


def identity_text(guessed: pd.DataFrame, scores: pd.DataFrame) -> str:
    """Say of each network how often a linear classifier of its features tells who dances.

    `guessed` is of `dancer_answers`, `scores` are `pooled_shares` of it, by name.
    """
    if guessed.empty:
        return "Every fold has one held-out dancer: who dances cannot be guessed."
    chance = guessed["chance"].astype(float).mean()
    each = ", ".join(f"{rung_title(row['name'])} {percents(row)} %" for row in scores.to_dict("records"))
    return (
        f"A linear classifier of the features tells which held-out dancer dances: {each} (chance {percent(chance)} %)."
    )


def needed_joints(losses: pd.DataFrame) -> pd.DataFrame:
    """Return the joints by the mean loss of the true style's probability without them, in points; the largest first."""
    mean = losses.groupby("joint", sort=False)["loss"].mean().sort_values(ascending=False, kind="stable")
    return pd.DataFrame({"joint": mean.index.str.replace("_", " "), "loss (points)": 100 * mean.to_numpy()})


def calibration_scores(runs: Sequence[Run], repeats: int, seed: int = 0) -> pd.DataFrame:
    """Return the means of `measure_calibration` for each rung, with its name; empty with too few held-out dancers."""
    names = dict.fromkeys(run.spec.name for run in runs)
    rows = []
    for name in names:
        found = measure_calibration([run.test for run in runs if run.spec.name == name], repeats, seed)
        if len(found):
            rows.append({"name": name, **found.mean()})
    return pd.DataFrame(rows, columns=["name", "before", "after", "temperature", "coverage", "size", "empty"])


def calibration_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Return `calibration_scores` for readers."""
    shares = {"coverage (%)": "coverage", "empty sets (%)": "empty"}
    table = pd.DataFrame({"network": scores["name"].map(rung_title)})
    table["calibration error"], table["after scaling"] = scores["before"].round(3), scores["after"].round(3)
    table["styles in a set"] = scores["size"].round(2)
    return table.assign(**{title: (100 * scores[name]).round(1) for title, name in shares.items()})


def calibration_text(scores: pd.DataFrame) -> str:
    """Say which networks reach the goals."""
    if scores.empty:
        return "Too few dancers are held out to measure how sure a network may be."
    right = scores["after"] <= LARGEST_ERROR
    covered = scores["coverage"].between(*COVERED)
    sentences = [
        f"After scaling, the confidence of {right.sum()} of {counted(len(scores), 'network')} has an error of at most "
        f"{LARGEST_ERROR:g} on new dancers; sets of {covered.sum()} hold the true style in "
        f"{100 * COVERED[0]:.0f} to {100 * COVERED[1]:.0f} % of the clips."
    ]
    for row in scores[~(right & covered)].to_dict("records"):
        sentences.append(
            f"{rung_title(row['name'])} misses: error {row['after']:.3f}, coverage {100 * row['coverage']:.1f} %."
        )
    return " ".join(sentences)


def risk_rows(runs: Sequence[Run]) -> pd.DataFrame:
    """Return `risk_coverage` of each rung, with its title as group."""
    names = dict.fromkeys(run.spec.name for run in runs)
    curves = [
        risk_coverage([run.test for run in runs if run.spec.name == name]).assign(group=rung_title(name))
        for name in names
    ]
    return pd.concat(curves, ignore_index=True)
