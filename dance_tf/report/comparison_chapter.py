"""What the report says of the paper's comparisons: does attention help, does the autoencoder, and the ablations."""

from collections.abc import Mapping, Sequence

import numpy as np

from dance_tf.audit.published import similar_pairs
from dance_tf.evaluation.intervals import holm
from dance_tf.experiments.strategies import BASE, PROPOSED, Ablation, Difference, RivalScores, differ, score_rival
from dance_tf.model.networks import STRATEGIES
from dance_tf.report import figures
from dance_tf.report.chapters import join_histories
from dance_tf.report.comparison_tables import (
    ablation_table,
    difference_table,
    strategy_measures,
    table_2,
)
from dance_tf.report.curation_tables import abbreviate
from dance_tf.report.evaluation_chapter import clip_confusion
from dance_tf.report.pages import Draws, Page, Runs, behind, dancers_of, tell
from dance_tf.report.section import Picture, Table
from dance_tf.report.tables import percent, percent_interval, wide_table

QUESTIONS = {"Does attention help?": (PROPOSED, "cnn_ae"), "Does the autoencoder help?": ("cnn_ae", "cnn")}


def strategies_page(rivals: Mapping[str, Runs], source: str, draws: Draws) -> Page:
    """Table 2, Figure 5, the training curves, and the first two questions.

    Args:
        rivals: runs by strategy.
        source: "synthetic" or the footage's name.
        draws: behind the intervals.
    """
    given = (draws.resamples, draws.seed)
    styles = next(iter(rivals.values()))[0].test.styles
    scores = {name: score_rival(runs, *given) for name, runs in rivals.items()}
    repeats = sorted({run.job.repeat for run in next(iter(rivals.values()))})
    by_repeat = {
        (repeat, name): score_rival([run for run in runs if run.job.repeat == repeat], *given)
        for repeat in repeats
        for name, runs in rivals.items()
    }
    measures = strategy_measures(by_repeat)
    asked = {question: pair for question, pair in QUESTIONS.items() if set(pair) <= set(rivals)}
    differences = {question: differ(*(rivals[name] for name in pair), *given) for question, pair in asked.items()}
    said = behind(next(iter(rivals.values())))
    drawn_from = dancers_of(next(iter(rivals.values())))
    titles = {question: " less ".join(STRATEGIES[name].title for name in pair) for question, pair in asked.items()}
    tables = [
        Table("t2_strategies", "Strategies beside the paper (Table 2)", table_2(measures),
              f"Percent. `ours` and its interval: validation folds by frame, as the paper prints. {said}."),
        Table("t2_scores", "All scores of the strategies",
              wide_table(measures, ["experiment", "strategy", "dancers", "by"]), f"Percent, 95 % intervals. {said}."),
        Table("t2_differences", "Does attention help, does the autoencoder help",
              difference_table({titles[question]: found for question, found in differences.items()}),
              f"Accuracy, percentage points, same dancers on both sides. {said}."),
    ]  # fmt: skip
    pairs = [tuple(abbreviate(styles)[place] for place in pair) for pair in similar_pairs(styles)]
    taken = figures.confusion_matrices(
        {STRATEGIES[name].title: clip_confusion(runs) for name, runs in rivals.items()},
        abbreviate(styles), "Clips of dancers held out", source, pairs,
    )  # fmt: skip
    firsts = {STRATEGIES[name].title: runs[0] for name, runs in rivals.items()}
    curves = figures.training_curves(
        join_histories(firsts),
        source,
        {title: len(run.history) for title, run in firsts.items() if run.stopped_early},
        "Training of each strategy, first fold",
    )
    everyone = [run for runs in rivals.values() for run in runs]
    stopped = sum(run.stopped_early for run in everyone)
    pictures = [
        Picture("f5_confusion", taken, f"Figure 5: clips of dancers held out, folds together. {said}."),
        Picture("strategy_curves", curves, f"Dotted: where patience ended a run, {stopped} of {len(everyone)} runs."),
    ]
    tests = holm({(name, part): test for name, found in differences.items() for part, test in found.tests.items()})
    paragraphs = [_ranking(scores, f"{said}; {drawn_from}")]
    for question, (first, second) in asked.items():
        found = differences[question]
        paragraphs.append(
            f"### {question}\n\n{STRATEGIES[first].title} less {STRATEGIES[second].title}, accuracy on dancers held "
            f"out: by frame {tell(found.held_out, tests[question, 'held_out'])}; by clip "
            f"{tell(found.held_out_clip, tests[question, 'held_out_clip'])}. On the validation folds by frame, the "
            f"paper's kind of number: {tell(found.folds, tests[question, 'folds'])}. The {len(tests)} tests of these "
            "two questions are corrected for their number (Holm). Dancers of one fold share their networks, and each "
            "side has one network a fold and repeat: the tests say what other dancers might change, and of other seeds "
            "only what the folds show."
        )
    return Page("\n\n".join(paragraphs), _strategy_metrics(scores, rivals, differences), tables, pictures)


def _ranking(scores: Mapping[str, RivalScores], said: str) -> str:
    order = sorted(scores, key=lambda name: scores[name].held_out.frame.accuracy.mean, reverse=True)
    listed = ", ".join(
        f"{STRATEGIES[name].title} {percent(scores[name].held_out.frame.accuracy.mean)} %" for name in order
    )
    return (
        f"Six strategies of the paper on the same footage, folds and recipe ({said}), the room taken away. Accuracy by "
        f"frame on dancers held out, the column that the paper lacks: {listed}."
    )


def _strategy_metrics(
    scores: Mapping[str, RivalScores], rivals: Mapping[str, Runs], differences: Mapping[str, Difference]
) -> dict[str, object]:
    branch = {name: {rivals[name][0].job.unit: found.to_json()} for name, found in scores.items()}
    words = {"Does attention help?": "attention", "Does the autoencoder help?": "autoencoder"}
    helped = {words[question]: found.to_json() for question, found in differences.items()}
    return {"strategies": branch, "comparison": {"differences": helped}}


def ablation_page(ablated: Mapping[str, Runs], rows: Sequence[Ablation], draws: Draws) -> Page:
    """The ablations that the paper only hints at, each against the network as proposed."""
    given = (draws.resamples, draws.seed)
    scores = {name: score_rival(runs, *given) for name, runs in ablated.items()}
    differences = {name: differ(runs, ablated[BASE], *given) for name, runs in ablated.items() if name != BASE}
    said = behind(ablated[BASE])
    titles = {row.name: row.title for row in rows}
    table = Table("ablations", "Ablations", ablation_table(titles, scores, differences),
                  f"Accuracy in percent, differences in points, 95 % intervals over dancers. {said}.")  # fmt: skip
    told = [
        f"{titles[name]}: {percent_interval(found.held_out.mean, found.held_out.low, found.held_out.high)} points"
        for name, found in differences.items()
    ]
    tests = holm({name: found.tests["held_out"] for name, found in differences.items()})
    shown = [titles[name] for name, test in tests.items() if test.above or test.below]
    text = (
        f"### What else could be left out or changed?\n\nAgainst the network as proposed, accuracy by frame on dancers "
        f"held out: {'; '.join(told)}. Paired t-tests over "
        f"{max((test.dancers for test in tests.values()), default=0)} dancer(s), corrected for their number (Holm), "
        f"show {len(shown)} of {len(told)} to differ{': ' + ', '.join(shown) if shown else ''}."
    )
    metrics = {
        name: {**found.to_json(), **({"difference": differences[name].to_json()} if name in differences else {})}
        for name, found in scores.items()
    }
    return Page(text, {"ablations": metrics}, [table])


def attention_page(weights: Mapping[str, np.ndarray], runs: Runs, source: str) -> Page:
    """How each path's channel attention weighs its channels for each style.

    Args:
        weights: by path, float [styles, channels].
        runs: of the network; the first one's weights are shown.
        source: "synthetic" or the footage's name.
    """
    names = abbreviate(runs[0].test.styles)
    paths = {"cnn": "CNN path", "encoder": "encoder path"}
    pictures = [
        Picture(
            f"attention_{path}",
            figures.attention_by_style(found, names, f"Channel attention by style, {paths[path]}", source),
            "How far each style's mean weight lies from its channel's mean over styles; first fold, dancers held out.",
        )
        for path, found in weights.items()
    ]
    spread = {path: float(np.nanmax(np.nanmax(found, 0) - np.nanmin(found, 0))) for path, found in weights.items()}
    told = " and ".join(f"{value:.3f} in the {paths[path]}" for path, value in spread.items())
    text = (
        "### What does attention attend to?\n\nThe weights lie between 0 and 1. Between styles, the mean weight of one "
        f"channel differs by at most {told}."
    )
    return Page(text, {"comparison": {"attention_spread": spread}}, pictures=pictures)
