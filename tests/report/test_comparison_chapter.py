"""The comparison's chapter: every number from stored predictions, and what its sentences dare to say."""

import json
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
from dance_tf.experiments.strategies import BASE, PROPOSED, Ablation
from dance_tf.report.pages import Draws, Page, behind, join_pages, tell
from sklearn.metrics import accuracy_score, cohen_kappa_score, confusion_matrix, f1_score

from dance_tf.evaluation.intervals import DancerDifference, Estimate, compare_dancers
from dance_tf.evaluation.predictions import Predictions
from dance_tf.experiments.spec import Job, load_result
from dance_tf.model.networks import STRATEGIES
from dance_tf.model.train import TrainingSettings
from dance_tf.report.comparison_chapter import ablation_page, attention_page, clip_confusion, strategies_page
from dance_tf.report.cost_chapter import thinning_page

STYLES, DANCERS, FRAMES = ("Supalonely", "Say So", "Tokyo"), 4, 5
DRAWS = Draws(50, 0)


def predictions(seed, lift):
    generator = np.random.default_rng(seed)
    count = len(STYLES) * DANCERS
    clips = np.repeat(np.arange(count), FRAMES)
    labels = clips % len(STYLES)
    values = generator.random((len(labels), len(STYLES)))
    values[np.arange(len(labels)), labels] += lift
    dancers = [f"dancer{clip // len(STYLES)}" for clip in range(count)]
    probabilities = values / values.sum(1, keepdims=True)
    return Predictions(probabilities, labels, clips, dancers, STYLES, [f"clip{clip}" for clip in range(count)])


@pytest.fixture
def make(tmp_path):
    """Makes what runs of a strategy leave on disk, two folds, without any run."""

    def make_runs(strategy, seed, lift, **changes):
        runs = []
        for fold in range(2):
            folder = tmp_path / f"{strategy}-{seed}-{fold}"
            folder.mkdir()
            job = replace(Job(TrainingSettings(strategy=strategy), fold=fold), **changes)
            predictions([seed, fold, 0], lift).save(folder / "validation.npz")
            predictions([seed, fold, 1], lift).save(folder / "test.npz")
            curve = {name: [1.0, 0.5] for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
            pd.DataFrame({"epoch": [0, 1], **curve}).to_csv(folder / "history.csv", index=False)
            kept = {"job": asdict(job), "parameters": 7, "best_epoch": 1, "stopped_early": fold == 0, "seconds": 1.0}
            (folder / "result.json").write_text(json.dumps(kept))
            runs.append(load_result(folder))
        return tuple(runs)

    return make_runs


@pytest.fixture
def rivals(make):
    return {name: make(name, place, 0.1 * place) for place, name in enumerate(STRATEGIES)}


def test_metrics_are_those_of_scikit_learn_on_the_stored_predictions(rivals):
    metrics = strategies_page(rivals, "synthetic", DRAWS).metrics
    for name, runs in rivals.items():
        branch = metrics["strategies"][name]["dancer"]
        for part, found in (("validation", branch), ("test", branch["held_out"])):
            sides = []
            for run in runs:
                with np.load(run.folder / f"{part}.npz") as kept:
                    sides.append((kept["labels"], kept["probabilities"].argmax(axis=1)))
            assert found["frame"]["accuracy"]["mean"] == pytest.approx(np.mean([accuracy_score(*s) for s in sides]))
            assert found["frame"]["kappa"]["mean"] == pytest.approx(np.mean([cohen_kappa_score(*s) for s in sides]))
            f1 = np.mean([f1_score(*side, average="macro", zero_division=0) for side in sides])
            assert found["frame"]["f1"]["mean"] == pytest.approx(f1)
            assert (found["frame"]["f1"]["runs"], set(found["clip"])) == (2, set(found["frame"]))


def test_confusion_counts_clips_of_the_part_held_out(rivals):
    runs = rivals["cnn"]
    expected = np.zeros((3, 3), int)
    for run in runs:
        with np.load(run.folder / "test.npz") as kept:
            clips = np.unique(kept["clips"])
            votes = [kept["probabilities"][kept["clips"] == clip].mean(axis=0).argmax() for clip in clips]
            expected += confusion_matrix(clips % 3, votes, labels=range(3))
    np.testing.assert_array_equal(clip_confusion(runs), expected)


def test_the_page_asks_in_order_and_its_captions_count_the_runs(rivals):
    page = strategies_page(rivals, "synthetic", DRAWS)
    assert page.text.index("Does attention help?") < page.text.index("Does the autoencoder help?")
    assert [table.name for table in page.tables] == ["t2_strategies", "t2_scores", "t2_differences"]
    assert all("2 of 5 folds × 1 repeat(s)" in table.caption for table in page.tables)
    assert "6 of 12 runs" in page.pictures[1].caption
    dotted = [line for line in page.pictures[1].figure.axes[0].lines if line.get_linestyle() == ":"]
    stops = [line.get_xdata()[0] for line in dotted if len(line.get_xdata())]
    assert stops == [2] * 6


def test_thinning_says_what_leaving_frames_out_changes(make):
    thinned = {
        (size, every): make(PROPOSED, 10 * every + size, 0.9 if every == 1 else 0.1, interval=every)
        for size in (128, 64)
        for every in (1, 10)
    }
    page = thinning_page(thinned, "synthetic", DRAWS)
    assert "What does one frame in 10 cost?" in page.text
    branch = page.metrics["frame_interval"]
    whole, thin = (branch["128"][every]["held_out"]["frame"]["accuracy"]["mean"] for every in ("1", "10"))
    assert branch["difference"]["10"]["held_out"]["frame"]["mean"] == pytest.approx(thin - whole)
    assert "worse" in page.text


def test_ablations_stand_against_the_network_as_proposed(make):
    rows = (Ablation(BASE, "as proposed"), Ablation("off", "attention off", {"strategy": "cnn_ae"}))
    ablated = {BASE: make(PROPOSED, 1, 0.9), "off": make("cnn_ae", 2, 0.0)}
    page = ablation_page(ablated, rows, DRAWS)
    branch = page.metrics["ablations"]
    means = {name: branch[name]["held_out"]["frame"]["accuracy"]["mean"] for name in branch}
    assert branch["off"]["difference"]["held_out"]["frame"]["mean"] == pytest.approx(means["off"] - means[BASE])
    assert "Paired t-tests over 4 dancer(s)" in page.text
    sides = [(1, [run.test for run in ablated["off"]]), (-1, [run.test for run in ablated[BASE]])]
    test = compare_dancers(sides)
    assert branch["off"]["difference"]["held_out"]["frame"]["paired_t"] == test.to_json()
    assert test.below and "show 1 of 1 to differ: attention off." in page.text
    same = ablation_page({BASE: ablated[BASE], "off": ablated[BASE]}, rows, DRAWS)
    assert "show 0 of 1 to differ." in same.text


def test_attention_tells_how_far_styles_differ(rivals):
    weights = {"cnn": np.array([[0.2, 0.5], [0.4, 0.5], [0.3, np.nan]]), "encoder": np.full((3, 4), 0.5)}
    page = attention_page(weights, rivals[PROPOSED], "synthetic")
    assert page.metrics["comparison"]["attention_spread"] == pytest.approx({"cnn": 0.2, "encoder": 0.0})
    assert [picture.name for picture in page.pictures] == ["attention_cnn", "attention_encoder"]


@pytest.mark.parametrize(
    ("mean", "p", "said"),
    [(0.05, 0.01, "better"), (-0.05, 0.01, "worse"), (0.05, 0.2, "do not tell"), (0.05, float("nan"), "can be tested")],
)
def test_words_follow_the_test_and_not_the_interval(mean, p, said):
    told = tell(Estimate(mean, mean - 0.01, mean + 0.01), DancerDifference(mean, mean - 0.1, mean + 0.1, p, 4))
    assert said in told
    assert told.startswith(("5.0", "-5.0"))
    assert ("over 4 dancers: p = " in told) == (p == p)


def test_pages_are_joined_in_their_order(rivals):
    joined = join_pages([Page("one", {"a": {"x": 1}}), Page("two", {"a": {"y": 2}})])
    assert (joined.text, joined.metrics) == ("one\n\ntwo", {"a": {"x": 1, "y": 2}})
    assert behind(rivals["cnn"]).startswith("2 of 5 folds × 1 repeat(s), split by dancer, at most 30 epochs")
