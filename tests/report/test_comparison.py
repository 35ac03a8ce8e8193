"""Tables, sentences and metrics of the comparison, from hand-made predictions and costs."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score

from dance_tf.evaluation.predictions import Predictions
from dance_tf.experiments.scores import differences, estimates
from dance_tf.experiments.spec import PROPOSED, Ablation, RunSpec, fold_specs
from dance_tf.model.networks import STRATEGIES
from dance_tf.model.settings import training_settings
from dance_tf.report import comparison, cost
from dance_tf.report.profile import ROOT
from dance_tf.report.tables import only

STYLES, FRAMES = ("Supalonely", "Say So", "Tokyo"), 5  # the first two are similar in the paper
BOOTSTRAP = {"resamples": 50, "seed": 0}


@dataclass(frozen=True)
class HandMade:
    spec: RunSpec
    validation: Predictions
    test: Predictions
    history: pd.DataFrame | None = None
    best_epoch: int = 1


def predictions(seed: list[int], lift: float, dancers: int) -> Predictions:
    """Return random predictions of a clip of each style and dancer; `lift` is added to the right style."""
    labels = np.tile(np.arange(3), dancers)
    values = np.random.default_rng(seed).random((len(labels), FRAMES, 3))
    values[np.arange(len(labels)), :, labels] += lift
    counts = np.eye(3, dtype=int)[values.argmax(axis=2)].sum(axis=1)
    shares = (values / values.sum(axis=2, keepdims=True)).mean(axis=1)
    names = [f"dancer{clip // 3}" for clip in range(len(labels))]
    return Predictions(STYLES, [f"clip{clip}" for clip in range(len(labels))], names, labels, shares, counts)


def make_runs(specs, seed: int, lift: float, dancers: int = 9) -> list[HandMade]:
    seeds = [[seed, spec.fold, spec.repeat] for spec in specs]
    return [
        HandMade(spec, predictions([*own, 0], lift, dancers), predictions([*own, 1], lift, dancers))
        for spec, own in zip(specs, seeds, strict=True)
    ]


def of_strategies(dancers: int = 9, repeats: int = 1) -> list[HandMade]:
    """Return two folds of each strategy, the later ones better."""
    specs = [fold_specs(training_settings(name), 2, repeats) for name in STRATEGIES]
    return [run for place, each in enumerate(specs) for run in make_runs(each, place, 0.2 * place, dancers)]


@pytest.fixture(scope="module")
def runs():
    return of_strategies()


@pytest.fixture(scope="module")
def table(runs):
    return estimates(runs, ["name", "split"], **BOOTSTRAP)


def test_metrics_are_those_of_scikit_learn_with_the_budget_of_the_runs(runs, table):
    branches = comparison.strategies_metrics(runs, table)
    assert list(branches) == list(STRATEGIES)
    mine, branch = [run for run in runs if run.spec.name == "cnn"], branches["cnn"]["dancer"]
    assert {name: branch[name] for name in ("epochs", "folds", "repeats")} == {"epochs": 24, "folds": 2, "repeats": 1}
    macro_f1 = partial(f1_score, average="macro")
    for part, found in ((branch, [run.validation for run in mine]), (branch["held_out"], [run.test for run in mine])):
        truth = np.concatenate([np.repeat(one.labels, FRAMES) for one in found])
        predicted = np.concatenate([np.repeat(np.arange(3), counts) for one in found for counts in one.counts])
        for metric, function in {"accuracy": accuracy_score, "kappa": cohen_kappa_score, "f1": macro_f1}.items():
            assert part["frame"][metric]["mean"] == pytest.approx(function(truth, predicted))
        by_clip = np.mean([accuracy_score(one.labels, one.predicted) for one in found])
        assert part["clip"]["accuracy"]["mean"] == pytest.approx(by_clip) and part["clip"]["accuracy"]["runs"] == 2
    confusion = comparison.clip_confusions(runs)["CNN"]
    assert confusion.sum() == 2 * 27 and np.trace(confusion) / 54 == branch["held_out"]["clip"]["accuracy"]["mean"]
    assert comparison.describe_budget(mine).startswith("2 of 5 folds, 1 repeat, at most 24 epochs of 12 frames")
    settings = replace(mine[0].spec.settings, frames_per_clip=8)
    shorter = replace(mine[0], spec=replace(mine[0].spec, settings=settings))
    assert comparison.describe_budget([*mine, shorter]).endswith("24 epochs of 8 or 12 frames per clip")


def test_table_2_has_a_row_a_strategy_with_the_papers_value_beside_ours(table):
    by_paper = table.assign(mean=table["mean"] / 2)
    wide = comparison.strategy_table(table, by_paper).set_index("strategy")
    assert list(wide.index) == [strategy.title for strategy in STRATEGIES.values()]
    assert list(wide.columns[:2]) == ["accuracy, paper", "accuracy"] and "kappa, paper" not in wide
    assert (wide.at["ResNet", "accuracy, paper"], wide.at["ResNet", "runs"]) == (93.44, 2)
    assert np.isnan(wide.at["CNN", "accuracy, paper"])
    row = table.query("name == 'cnn' and part == 'held out' and unit == 'clip' and metric == 'accuracy'").iloc[0]
    assert wide.at["CNN", "held-out accuracy by clip"].startswith(f"{100 * row['mean']:.1f} [{100 * row['low']:.1f}, ")
    assert wide.at["CNN", "held-out accuracy by clip, 80/20"].startswith(f"{50 * row['mean']:.1f} [")
    twice = comparison.strategy_table(table, by_paper, repeats=2).set_index("strategy")
    assert twice.at["ResNet", "accuracy, paper"] == pytest.approx((93.44 + 93.86) / 2)


def test_all_scores_end_with_the_papers_rows():
    scores = comparison.score_table(estimates(of_strategies(3, repeats=2), ["repeat", "name"], **BOOTSTRAP))
    assert len(scores) == 2 * 6 * 2 * 2 + 2 * 3
    paper = scores[scores["part"] == "paper"].set_index(["experiment", "strategy"])
    assert paper.at[(2, "ResNet"), "accuracy"] == "93.86" and pd.isna(paper.at[(2, "ResNet"), "kappa"])


def test_table_3_has_the_papers_value_beside_the_full_size_only():
    specs = [
        replace(spec, settings=replace(spec.settings, frame_size=size), interval=every)
        for size in (128, 64)
        for every in (1, 3)
        for spec in fold_specs(training_settings(PROPOSED), 1)
    ]
    table = estimates(make_runs(specs, 1, 0.5), ["frame_size", "interval"], **BOOTSTRAP)
    wide = comparison.frame_interval_table(table).set_index(["frame_size", "interval"])
    assert list(wide.index) == [(128, 1), (128, 3), (64, 1), (64, 3)]
    assert (wide.at[(128, 3), "sensitivity, paper"], wide.at[(128, 3), "kappa, paper"]) == (96.22, 81.08)
    assert wide["accuracy, paper"].notna().sum() == 1


def test_differences_are_tested_from_eight_dancers_on(runs, table):
    questions = {"attention": (PROPOSED, "cnn_ae"), "autoencoder": ("cnn_ae", "cnn")}
    found = differences(runs, questions, **BOOTSTRAP)
    wide = comparison.difference_table(found).set_index("difference")
    title = "CNN + AE + Attention minus CNN + AE"
    row = found.query("question == 'attention' and part == 'held out' and unit == 'frame'").iloc[0]
    assert wide.at[title, "p, held out by frame"] == row["p_holm"]
    assert wide.at[title, "held out by frame"].startswith(f"{100 * row['mean']:.1f} [")
    assert "paired t-test over 9 dancers, corrected p = " in comparison.describe_question(found, "attention")
    few = differences(of_strategies(3), questions, **BOOTSTRAP)
    assert comparison.difference_table(few)["p, held out by frame"].isna().all()
    assert "3 dancers: too few for a test" in comparison.describe_question(few, "attention")
    one = differences(of_strategies(1), questions, **BOOTSTRAP)
    assert "one dancer: no interval and no test" in comparison.describe_question(one, "attention")
    ranking = comparison.strategies_text(table, found, 1 / 3)
    assert ranking.index("CNN + AE + Attention ") < ranking.index("ResNet") and "9 held-out dancers" in ranking
    assert ranking.index("Does attention help?") < ranking.index("Does the autoencoder help?")
    assert "corrected together (Holm)" in ranking
    headline = comparison.strategies_headline(found, "synthetic")
    assert f"held-out dancers by {100 * row['mean']:.1f} [" in headline and "(synthetic footage)" in headline
    assert "minus CNN. Difference" in comparison.intervals_text(found)
    alone = estimates(of_strategies(1), ["name"], **BOOTSTRAP)
    assert "one held-out dancer, so there are no intervals" in comparison.strategies_text(alone, one, 1 / 3)
    assert "Holm" not in comparison.strategies_text(alone, one, 1 / 3)


@pytest.mark.parametrize(("p", "words"), [(0.01, "(significant: "), (0.2, "(not significant: ")])
def test_the_test_decides_and_not_the_interval(p, words):
    row = {"mean": 0.05, "low": 0.04, "high": 0.06, "p_holm": p, "dancers": 9}
    assert comparison.describe_difference(row).startswith("5.0 [4.0, 6.0] percentage points " + words)


def test_histories_of_first_folds_count_epochs_from_one(runs):
    trained = [replace(run, history=pd.DataFrame({"epoch": [0, 1], "loss": [2.0, 1.0]})) for run in runs]
    history, kept = comparison.first_histories(trained)
    assert kept == {strategy.title: 2 for strategy in STRATEGIES.values()}
    assert history.groupby("run")["epoch"].agg(list).to_dict() == {title: [1, 2] for title in kept}


def test_ablations_are_compared_with_the_network_as_proposed():
    base, off = (fold_specs(training_settings(name), 2) for name in (PROPOSED, "cnn_ae"))
    runs = make_runs([replace(spec, name="as_proposed") for spec in base], 1, 0.9)
    runs += make_runs([replace(spec, name="off") for spec in off], 2, 0.0)
    titles, questions = {"as_proposed": "as proposed", "off": "attention off"}, {"off": ("off", "as_proposed")}
    tests = differences(runs, questions, parts=["held out"], units=["frame"], **BOOTSTRAP)
    table = estimates(runs, ["name"], **BOOTSTRAP)
    wide = comparison.ablation_table(table, tests, titles)
    assert list(wide["name"]) == ["as proposed", "attention off"]
    difference = wide["difference, held out by frame"]
    assert pd.isna(difference[0]) and difference[1].startswith("-")
    rows = [Ablation(*each) for each in titles.items()]
    places = [("cnn", 0, "a", 0.2), ("cnn", 0, "b", 0.4), ("cnn", 1, "a", 0.5), ("encoder", 0, "a", 0.5)]
    weights = pd.DataFrame(places, columns=["path", "channel", "style", "mean"]).assign(deviation=0.01)
    frozen = {
        "frame": {"mean": -0.02, "low": -0.03, "high": 0.01},
        "clip": {"mean": 0.0, "low": np.nan, "high": np.nan},
    }
    text = comparison.ablations_text(tests, rows, weights, frozen)
    assert "find 1 of 1 differences significant: attention off." in text
    assert "are 0.200 and 0.010 in the cnn path and 0.000 and 0.010 in the encoder path." in text
    assert "changes by -2.0 [-3.0, 1.0] points by frame and 0.0 points by clip." in text
    assert "No difference is tested" in comparison.ablations_text(tests.assign(dancers=4), rows, weights, frozen)
    metrics = comparison.ablations_metrics(table, differences(runs, questions, **BOOTSTRAP), weights, frozen)
    assert set(metrics["ablations"]["off"]["difference"]) == {"frame", "clip", "held_out"}
    assert "difference" not in metrics["ablations"]["as_proposed"]
    np.testing.assert_array_equal(comparison.weights_by_style(weights, "ba")["cnn"], [[0.4, np.nan], [0.2, 0.5]])
    variation = metrics["comparison"]["attention_variation"]
    assert variation["cnn"] == pytest.approx({"between_styles": 0.2, "over_frames": 0.01})
    assert metrics["comparison"]["frozen_gates"] == frozen


def test_fewest_and_smallest_frames_are_compared_with_all_at_full_size():
    reference = "128 pixels, 1 frame of 1"
    assert comparison.interval_questions([64, 128], [1, 3, 10]) == {
        "10": ("128 pixels, 1 frame of 10", reference), "size_64": ("64 pixels, 1 frame of 1", reference),
    }  # fmt: skip
    assert comparison.interval_questions([128], [1]) == {}


def test_similar_styles_are_counted_in_both_directions(runs):
    found = only(cost.similar_style_confusion(runs, **BOOTSTRAP), name="cnn")
    mine = [run.validation.confusion_by_clip("frame").sum(axis=0) for run in runs if run.spec.name == "cnn"]
    rate = np.mean([(matrix[0, 1] + matrix[1, 0]) / matrix[:2].sum() for matrix in mine])
    assert found["mean"] == pytest.approx(rate) and found["low"] < found["mean"] < found["high"]
    one = cost.similar_style_confusion(of_strategies(1), **BOOTSTRAP)
    assert one["low"].isna().all() and one["mean"].notna().all()


def test_the_file_of_a_users_network_may_be_relative_to_the_repository():
    assert comparison.resolve_builder("own/net.py:build") == str(ROOT / "own" / "net.py:build")
    assert [comparison.resolve_builder(name) for name in ("cnn", "module:build")] == ["cnn", "module:build"]
