"""Tables, sentences and metrics of the comparison of strategies, made from tidy tables of results."""

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from dance_tf.audit.published import TABLE_2, TABLE_3
from dance_tf.dataset.batches import FRAME_SIDE
from dance_tf.evaluation.intervals import ALPHA, MIN_TESTED_DANCERS, UNITS
from dance_tf.evaluation.metrics import SCORES
from dance_tf.experiments.cache import Run
from dance_tf.experiments.scores import HELD_OUT, VALIDATION, group_runs
from dance_tf.experiments.spec import PROPOSED, Ablation
from dance_tf.model.networks import REGISTERED
from dance_tf.report.profile import ROOT
from dance_tf.report.tables import counted, nest_parts, only, percent, percents, wide_table

TABLE_3_METRICS = ("accuracy", "sensitivity", "kappa")
PAPER_HELD_OUT = "held out of the paper's split"
AT_ONCE = "CNN + AE + Attention, not grown"
QUESTIONS = {  # whose accuracy minus whose
    "attention": (PROPOSED, "cnn_ae"),
    "autoencoder": ("cnn_ae", "cnn"),
    "growth": (PROPOSED, AT_ONCE),
    "sequence": ("cnn_lstm", "cnn"),
}
HEADINGS = {
    "attention": "Does attention help?",
    "autoencoder": "Does the autoencoder help?",
    "growth": "Does it help to grow the autoencoder?",
    "sequence": "Do several frames help (CNN + LSTM)?",
}


def resolve_builder(network: str) -> str:
    """Return a strategy, or the import path of a network; its file may be relative to the repository root."""
    return str(ROOT / network) if ".py:" in network else network


def strategy_title(name: str) -> str:
    """Return a strategy's title; a user's own network is named by its file or module and its function."""
    place, _, function = name.rpartition(":")
    return REGISTERED[name].title if name in REGISTERED else f"{Path(place).stem}:{function}" if place else name


def budget(runs: Sequence[Run]) -> dict[str, int]:
    """Return the budget of runs: maximum number of epochs, folds, repeats."""
    specs = [run.spec for run in runs]
    counts = {f"{name}s": len({getattr(spec, name) for spec in specs}) for name in ("fold", "repeat")}
    return {"epochs": max(spec.settings.schedule.epochs for spec in specs), **counts}


def describe_budget(runs: Sequence[Run]) -> str:
    """Return the budget in words, for captions."""
    spec, found = runs[0].spec, budget(runs)
    frames = sorted({run.spec.settings.frames_per_clip for run in runs})
    return (
        f"{found['folds']} of {spec.folds} folds, {counted(found['repeats'], 'repeat')}, at most "
        f"{counted(found['epochs'], 'epoch')} of {' or '.join(map(str, frames))} frames per clip"
    )


def first_histories(runs: Sequence[Run]) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return histories of each strategy's first fold and repeat with columns run and epoch from 1; its kept epoch."""
    firsts = {strategy_title(run.spec.name): run for run in runs if run.spec.fold == run.spec.repeat == 0}
    histories = [run.history.assign(run=title, epoch=run.history["epoch"] + 1) for title, run in firsts.items()]
    return pd.concat(histories, ignore_index=True), {title: run.best_epoch + 1 for title, run in firsts.items()}


def clip_confusions(runs: Sequence[Run]) -> dict[str, np.ndarray]:
    """Return confusion matrices int64 [styles, styles] of held-out clips by title; a clip counts once in each run."""
    found: dict[str, np.ndarray] = {}
    for run in runs:
        title, matrix = strategy_title(run.spec.name), run.test.confusion_by_clip("clip").sum(axis=0)
        found[title] = found.get(title, 0) + matrix
    return found


def interval_name(frame_size: int, interval: int) -> str:
    """Return the name of a row of Table 3."""
    return f"{frame_size} pixels, 1 frame of {interval}"


def interval_questions(frame_sizes: Sequence[int], intervals: Sequence[int]) -> dict[str, tuple[str, str]]:
    """Return the questions of Table 3: fewest frames, then smallest frames, each against all frames at full size."""
    size, every = max(frame_sizes), min(intervals)
    rows = {str(max(intervals)): (size, max(intervals)), f"size_{min(frame_sizes)}": (min(frame_sizes), every)}
    reference = interval_name(size, every)
    return {key: (interval_name(*row), reference) for key, row in rows.items() if row != (size, every)}


def _beside_paper(
    table: pd.DataFrame, published: pd.DataFrame, rows: list[str], metrics: Sequence[str], held_out: Mapping[tuple, str]
) -> pd.DataFrame:
    """Return a wide table of the paper's values in percent and ours by frame on the validation folds, as in the paper.

    `held_out` gives the titles of other columns, which the paper does not have, by part, unit and metric.
    """
    labels = {(VALIDATION, "frame", metric): metric for metric in metrics} | held_out
    places = zip(table["part"], table["unit"], table["metric"], strict=True)
    labelled = table.assign(column=[labels.get(place) for place in places]).dropna(subset="column")
    wide = wide_table(labelled, rows, "column", list(labels.values()))
    paper = wide[rows].merge(published, how="left")
    for metric in metrics:
        if metric in paper:
            wide.insert(wide.columns.get_loc(metric), f"{metric}, paper", paper[metric])
    return wide


def strategy_table(table: pd.DataFrame, by_paper: pd.DataFrame, repeats: int = 1) -> pd.DataFrame:
    """Return Table 2, one row per strategy.

    Args:
        table: estimates by name, with each dancer held out once.
        by_paper: the same under the paper's split.
        repeats: the paper's values are means over so many of its experiments.
    """
    published = TABLE_2[TABLE_2["experiment"] <= repeats].drop(columns="experiment").groupby("strategy").mean()
    own = table[table["part"] == HELD_OUT]
    other = by_paper.assign(part=by_paper["part"].replace(HELD_OUT, PAPER_HELD_OUT))
    named = pd.concat([own, other.drop(columns="runs")], ignore_index=True)
    named = named.assign(strategy=named["name"].map(strategy_title))
    titles = {(HELD_OUT, unit, "accuracy"): f"held-out accuracy by {unit}" for unit in UNITS}
    titles |= {(PAPER_HELD_OUT, unit, "accuracy"): f"held-out accuracy by {unit}, 80/20" for unit in UNITS}
    return _beside_paper(named, published.reset_index(), ["strategy"], SCORES, titles)


def score_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return all scores: one row per experiment, strategy, part and unit, the paper's rows last."""
    rows = ["experiment", "strategy", "part", "unit"]
    named = table.assign(experiment=table["repeat"] + 1, strategy=table["name"].map(strategy_title))
    ours = wide_table(named, rows)
    published = TABLE_2.assign(part="paper", unit="frame")
    published = published[published["experiment"].isin(ours["experiment"])].astype({"experiment": object})
    numbers = [metric for metric in SCORES if metric in published]
    texts = published.assign(**published[numbers].map("{:.2f}".format))
    return pd.concat([ours, texts], ignore_index=True).astype({"runs": "Int64"})


def frame_interval_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return Table 3, one row per frame size and interval; the paper names no size, so its values are at full size."""
    published = TABLE_3.rename(columns={"recall": "sensitivity"}).assign(frame_size=FRAME_SIDE)
    held_out = {(HELD_OUT, "frame", metric): f"held-out {metric} by frame" for metric in TABLE_3_METRICS}
    return _beside_paper(table, published, ["frame_size", "interval"], TABLE_3_METRICS, held_out)


def difference_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return differences of accuracy in points: one row per question, columns per part and unit, corrected p."""
    return _difference_columns(table).rename(index=_titles(table)).rename_axis("difference").reset_index()


def ablation_table(table: pd.DataFrame, tests: pd.DataFrame, titles: Mapping[str, str]) -> pd.DataFrame:
    """Return the accuracies of ablated networks, and their differences from the proposed network, one row each.

    `table` are estimates by name; the questions of `tests` are names; `titles` are by name.
    """
    accuracy = table[table["metric"] == "accuracy"]
    wide = wide_table(accuracy.assign(column=accuracy["part"] + " by " + accuracy["unit"]), ["name"], "column")
    changes = _difference_columns(tests).drop(columns="runs").add_prefix("difference, ")
    return wide.join(changes, on="name").assign(name=wide["name"].map(titles))


def _titles(table: pd.DataFrame) -> dict[str, str]:
    return {
        row.question: f"{strategy_title(row.first)} minus {strategy_title(row.second)}" for row in table.itertuples()
    }


def _difference_columns(table: pd.DataFrame) -> pd.DataFrame:
    column = table["part"] + " by " + table["unit"]
    named = table.assign(column=column, p=table["p_holm"].where(table["dancers"] >= MIN_TESTED_DANCERS))
    wide = wide_table(named, ["question"], "column").set_index("question")
    p = named.pivot(index="question", columns="column", values="p").reindex(wide.index)
    return wide.join(p[column.unique()].add_prefix("p, "))


def is_tested(row: Mapping[Hashable, object]) -> bool:
    """Return whether a difference has enough dancers for a test."""
    return row["dancers"] >= MIN_TESTED_DANCERS and not np.isnan(row["p_holm"])


def describe_difference(row: Mapping[Hashable, object]) -> str:
    """Return a difference and its test in words; significance is decided by the test, not by the interval."""
    points = f"{percents(row)} percentage points"
    if row["dancers"] == 1:
        return f"{points} (one dancer: no interval and no test)"
    if not is_tested(row):
        return f"{points} ({row['dancers']} dancers: too few for a test)"
    verdict = "significant" if row["p_holm"] < ALPHA else "not significant"
    return f"{points} ({verdict}: paired t-test over {row['dancers']} dancers, corrected p = {row['p_holm']:.2g})"


def describe_question(table: pd.DataFrame, question: str) -> str:
    """Return a question's differences in words: on held-out dancers by frame and clip, on the validation folds."""
    places = ((HELD_OUT, "frame"), (HELD_OUT, "clip"), (VALIDATION, "frame"))
    frame, clip, validation = (
        describe_difference(only(table, question=question, part=part, unit=unit)) for part, unit in places
    )
    return (
        f"Difference in accuracy on held-out dancers: {frame} by frame, {clip} by clip. On the validation folds "
        f"(reported by the paper): {validation} by frame."
    )


def intervals_text(table: pd.DataFrame) -> str:
    """Describe the effect of fewer and smaller frames."""
    sentences = [f"{title}. {describe_question(table, question)}" for question, title in _titles(table).items()]
    note = (
        "Intervals count frames of these clips. If the clips have fewer than the paper's 30 frames per second, "
        "neighbouring frames differ more. If a clip has fewer frames left than an epoch samples, epochs are shorter."
    )
    return "\n\n".join([*sentences, note])


def strategies_headline(tests: pd.DataFrame, source: str) -> str:
    """Describe the effect of attention on held-out dancers in one sentence."""
    row = only(tests, question="attention", part=HELD_OUT, unit="frame")
    return f"Attention changes the frame accuracy on held-out dancers by {describe_difference(row)} ({source} footage)."


def strategies_text(table: pd.DataFrame, tests: pd.DataFrame, chance: float) -> str:
    """Rank the strategies by frame on held-out dancers, and answer `QUESTIONS`."""
    held_out = table[(table["part"] == HELD_OUT) & (table["unit"] == "frame") & (table["metric"] == "accuracy")]
    ranked = held_out.sort_values("mean", ascending=False, kind="stable")
    listed = ", ".join(f"{strategy_title(row['name'])} {percent(row['mean'])} %" for row in ranked.to_dict("records"))
    dancers = int(ranked["dancers"].max())
    rest = "one held-out dancer, so there are no intervals" if dancers == 1 else f"{dancers} held-out dancers"
    note = (
        "The p values of all questions are corrected together (Holm). The dancers of a fold are tested by the same "
        "networks, so the tests take folds into account."
    )
    return (
        f"Accuracy by frame on held-out dancers: {listed} ({rest}; chance is "
        f"{percent(chance)} %).\n\n"
        + "\n\n".join(f"#### {HEADINGS[key]}\n\n{describe_question(tests, key)}" for key in tests["question"].unique())
        + (f"\n\n{note}" if any(map(is_tested, tests.to_dict("records"))) else "")
    )


def ablations_text(
    tests: pd.DataFrame, rows: Sequence[Ablation], weights: pd.DataFrame, frozen: Mapping[str, Mapping]
) -> str:
    """Describe how much attention depends on the frame and the style, and the effect of each ablation.

    Args:
        tests: of `differences` by frame on held-out dancers; questions are names of ablations.
        weights: of `held_out_weights`.
        frozen: of `frozen_gate_loss`.
    """
    titles = {row.name: row.title for row in rows}
    found = tests.to_dict("records")
    listed = "; ".join(f"{titles[row['question']]} {percents(row)} points" for row in found)
    tested = [row for row in found if is_tested(row)]
    shown = [titles[row["question"]] for row in tested if row["p_holm"] < ALPHA]
    verdict = (
        f"Paired t-tests over dancers, corrected (Holm), find {len(shown)} of {len(tested)} differences significant"
        f"{': ' + ', '.join(shown) if shown else ''}."
        if tested
        else f"No difference is tested, since there are fewer than {MIN_TESTED_DANCERS} held-out dancers."
    )
    variation = " and ".join(
        f"{found['between_styles']:.3f} and {found['over_frames']:.3f} in the {path} path"
        for path, found in attention_variation(weights).items()
    )
    changes = " and ".join(f"{percents(change)} points by {unit}" for unit, change in frozen.items())
    return (
        "Attention weights lie between 0 and 1. The largest difference between styles in the mean weight of one "
        f"channel, and the mean standard deviation over the frames of a style, are {variation}. If each weight is "
        f"frozen at its mean over training frames, the accuracy on held-out dancers changes by {changes}.\n\n"
        f"Difference in accuracy by frame on held-out dancers from the proposed network: {listed}. {verdict}"
    )


def weights_by_style(weights: pd.DataFrame, styles: Sequence[str]) -> dict[str, np.ndarray]:
    """Return by path the mean weight of each channel in each style, float [styles, channels], of `held_out_weights`."""
    return {
        path: table.pivot(index="style", columns="channel", values="mean").reindex(list(styles)).to_numpy()
        for path, table in weights.groupby("path", sort=False)
    }


def attention_variation(weights: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return by path how `held_out_weights` vary: "between_styles" and "over_frames", as `ablations_text` explains."""
    found = {}
    for path, table in weights.groupby("path", sort=False):
        means = table.groupby("channel")["mean"]
        spread = float((means.max() - means.min()).max())
        found[path] = {"between_styles": spread, "over_frames": float(table["deviation"].mean())}
    return found


def ablations_metrics(
    table: pd.DataFrame, tests: pd.DataFrame, weights: pd.DataFrame, frozen: Mapping[str, Mapping]
) -> dict[str, dict]:
    """Return the branches "ablations" and "comparison" of metrics.json; p values are not corrected."""
    scores = nest_parts(table, "name")
    for name, change in nest_parts(tests.drop(columns="p_holm")).items():
        scores[name]["difference"] = change
    attention = {"attention_variation": attention_variation(weights), "frozen_gates": dict(frozen)}
    return {"ablations": scores, "comparison": attention}


def strategies_metrics(runs: Sequence[Run], table: pd.DataFrame) -> dict[str, dict]:
    """Return the branch "strategies" of metrics.json: `estimates` by name and split, with the budget of the runs."""
    scores = nest_parts(table, "name", "split")
    for (name, split), group in group_runs(runs, ("name", "split")).items():
        scores[name][split] |= budget(group)
    return scores
