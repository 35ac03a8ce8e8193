"""What is said of dancers never seen: the better view, what became of the whole frame, how few stand behind it."""

import json
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix

from dance_tf.dataset.arrays import gather
from dance_tf.experiments.spec import Job, load_result, pair_with_truth, split_of
from dance_tf.model.train import TrainingSettings
from dance_tf.report.chapters import by_view, fit_by_view, join_histories, training_chapter, training_table
from dance_tf.report.evaluation_chapter import clip_confusion, evaluation_chapter, measure_standing

FITTED = {"difference": 0.9, "frame": 0.8}


@pytest.fixture(scope="module")
def dataset(blob_clips):
    return gather(blob_clips(styles=3, dancers=5))


@pytest.fixture(scope="module")
def results(dataset, tmp_path_factory):
    """Two folds of each view: without the room most verdicts are right, with it all are the first style's."""
    found = []
    for view, right in (("difference", 0.7), ("frame", 0.0)):
        for fold in range(2):
            job = Job(TrainingSettings(view=view), fold=fold, folds=2)
            split, folder = split_of(dataset, job), tmp_path_factory.mktemp("run")
            generator = np.random.default_rng(fold)
            for name, part in (("validation", split.validation), ("test", split.test)):
                verdicts = np.where(generator.random(len(part)) < right, dataset.labels[part], 0)
                pair_with_truth(dataset, part, np.eye(3)[verdicts]).save(folder / f"{name}.npz")
            curve = {"loss": [2.0, 1.0], "accuracy": [0.1, FITTED[view] + 0.02 * fold]}
            curve |= {"val_loss": [1.0, 2.0], "val_accuracy": [0.3, 0.4]}
            pd.DataFrame({"epoch": [0, 1], **curve}).to_csv(folder / "history.csv", index=False)
            kept = {"job": asdict(job), "parameters": 1000, "best_epoch": 1, "stopped_early": False, "seconds": 1.0}
            (folder / "result.json").write_text(json.dumps(kept))
            found.append(load_result(folder))
    return tuple(found)


@pytest.fixture(scope="module")
def standing(dataset, results):
    return measure_standing(dataset, results, resamples=50)


def test_views_and_histories_keep_to_their_runs(results):
    assert {view: [run.job.fold for run in runs] for view, runs in by_view(results).items()} == {
        "difference": [0, 1], "frame": [0, 1],
    }  # fmt: skip
    assert fit_by_view(results) == pytest.approx({"difference": 0.91, "frame": 0.81})
    joined = join_histories({"one": results[0], "two": results[3]})
    assert joined["run"].tolist() == ["one", "one", "two", "two"] and joined["epoch"].tolist() == [1, 2, 1, 2]


def test_training_is_told_with_what_was_fitted(results):
    chapter = training_chapter(results)
    assert "4 runs: 2 of 2 dancer-disjoint folds, 1 repeat(s)" in chapter.text
    assert "91.0 % with the room taken away, 81.0 % with the frame as it is right in their last epoch" in chapter.text
    assert chapter.metrics["network"]["training_accuracy"] == pytest.approx({"difference": 0.91, "frame": 0.81})
    assert training_table(results)["kept epoch"].tolist() == [2] * 4


def test_scores_are_those_of_the_stored_predictions(standing, results):
    runs = by_view(results)["difference"]
    expected = np.mean([accuracy_score(run.test.labels, run.test.predicted) for run in runs])
    assert standing.held_out["difference"].frame.accuracy.mean == pytest.approx(expected)
    assert (standing.better_view, standing.runs, standing.dancers, standing.clips) == ("difference", 2, 1, 3)
    assert standing.title == "CNN + AE + Attention"
    branch = evaluation_chapter(standing, "synthetic").metrics["network"]["scores"]["difference"]
    assert branch["network"]["held_out"]["frame"]["accuracy"]["mean"] == pytest.approx(expected)
    assert set(branch["logistic_regression"]["held_out"]) == {"frame", "clip"}
    assert set(standing.table()["network sees"]) == {"room taken away", "frame as it is"}
    assert len(standing.bars()) == 8


def test_a_network_that_learnt_rooms_and_one_that_learnt_nothing_are_told_apart(standing):
    learnt = evaluation_chapter(standing, "synthetic").text
    assert "81.0 % of the frames that it learnt from: most of what it learnt is not the dances." in learnt
    idle = evaluation_chapter(replace(standing, fitted={"difference": 0.9, "frame": 0.4}), "synthetic").text
    assert "only 40.0 % of the frames that it learnt from: it has hardly learnt" in idle
    better = replace(standing, held_out={**standing.held_out, "frame": standing.held_out["difference"]})
    assert "most of what it learnt is not the dances" not in evaluation_chapter(better, "synthetic").text


def test_the_few_dancers_behind_the_headline_are_named(standing):
    text = evaluation_chapter(standing, "synthetic").text
    assert "Means of 2 run(s) each, all tested on the same 3 clips of 1 dancer(s)" in text


def test_each_clip_counts_once_a_network(results):
    matrix = clip_confusion(by_view(results)["difference"])
    assert matrix.sum() == 2 * 3
    by_hand = np.zeros((3, 3), int)
    for run in by_view(results)["difference"]:
        truth, votes = [], []
        for clip in np.unique(run.test.clips):
            rows = run.test.clips == clip
            truth.append(run.test.labels[rows][0])
            votes.append(run.test.probabilities[rows].mean(axis=0).argmax())
        by_hand += confusion_matrix(truth, votes, labels=range(3))
    np.testing.assert_array_equal(matrix, by_hand)
