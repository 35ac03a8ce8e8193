"""Rivals on the same folds: their jobs, that each is run once, and their scores recomputed with scikit-learn."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score, precision_score, recall_score

from dance_tf.evaluation.predictions import Predictions
from dance_tf.experiments import strategies as comparison
from dance_tf.experiments.spec import Job, load_result
from dance_tf.experiments.strategies import (
    BASE,
    PROPOSED,
    Ablation,
    Trial,
    differ,
    plan_comparisons,
    run_plan,
    score_rival,
)
from dance_tf.model.networks import STRATEGIES
from dance_tf.model.train import TrainingSettings

STYLES, DANCERS, FRAMES = 3, 4, 5
SETTINGS = {name: TrainingSettings(strategy=name) for name in STRATEGIES}


def predictions(seed, lift=0.0):
    """Random probabilities of a clip for each style and dancer; `lift` pulls them to the truth."""
    generator = np.random.default_rng(seed)
    clips = np.repeat(np.arange(STYLES * DANCERS), FRAMES)
    labels = clips % STYLES
    scores = generator.random((len(labels), STYLES))
    scores[np.arange(len(labels)), labels] += lift
    names = [f"clip{clip}" for clip in range(STYLES * DANCERS)]
    dancers = [f"dancer{clip // STYLES}" for clip in range(STYLES * DANCERS)]
    return Predictions(scores / scores.sum(1, keepdims=True), labels, clips, dancers, ["a", "b", "c"], names)


def make_result(folder, job, seed, lift=0.0):
    """A run's folder without a run."""
    folder.mkdir(parents=True)
    predictions(seed, lift).save(folder / "validation.npz")
    predictions(seed + 1000, lift).save(folder / "test.npz")
    kept = {"job": asdict(job), "parameters": 7, "best_epoch": 0, "stopped_early": False, "seconds": 1.0}
    (folder / "result.json").write_text(json.dumps(kept))
    return load_result(folder)


@pytest.fixture
def runs(tmp_path):
    jobs = Trial(folds=3, run_folds=3).jobs(SETTINGS[PROPOSED])
    return [make_result(tmp_path / f"run{job.fold}", job, seed=job.fold, lift=0.3) for job in jobs]


def test_a_trial_has_a_job_for_each_fold_and_repeat():
    jobs = Trial(folds=5, run_folds=2, repeats=3, seed=7, score_frames=9).jobs(SETTINGS["cnn"], interval=4)
    assert [(job.repeat, job.fold) for job in jobs] == [(r, f) for r in range(3) for f in range(2)]
    assert {(job.folds, job.seed, job.score_frames, job.interval, job.unit) for job in jobs} == {(5, 7, 9, 4, "dancer")}


def test_the_plan_holds_what_each_table_compares():
    rows = (Ablation(BASE, "as proposed"), Ablation("off", "attention off", {"strategy": "cnn_ae"}))
    plan = plan_comparisons(SETTINGS, Trial(run_folds=2), Trial(run_folds=1), [10, 1], [64, 128], rows)
    assert {name: len(jobs) for name, jobs in plan.strategies.items()} == dict.fromkeys(STRATEGIES, 2)
    assert list(plan.thinned) == [(128, 1), (128, 10), (64, 1), (64, 10)]
    assert [(job.interval, job.settings.frame_size) for job in plan.thinned[64, 10]] == [(10, 64)]
    more = plan_comparisons(SETTINGS, Trial(), Trial(), [1, 5, 10], [64, 128], rows).thinned
    assert list(more) == [(128, 1), (128, 5), (128, 10), (64, 1), (64, 10)]
    assert plan.thinned[128, 1] == plan.ablated[BASE] == plan.strategies[PROPOSED][:1]
    assert plan.ablated["off"] == plan.strategies["cnn_ae"][:1]


def test_each_job_is_run_once_and_the_longest_first(monkeypatch):
    ran = []

    def run_jobs(data, jobs, work, processes):
        ran.extend(jobs)
        return tuple(f"result of {job.settings.strategy} {job.fold} {job.interval}" for job in jobs)

    monkeypatch.setattr(comparison, "run_jobs", run_jobs)
    rows = (Ablation(BASE, "as proposed"), Ablation("off", "attention off", {"strategy": "cnn_ae"}))
    plan = plan_comparisons(SETTINGS, Trial(run_folds=2), Trial(run_folds=1), [1, 3], [128], rows)
    done = run_plan("data", plan, "work")
    assert len(ran) == len(set(ran)) == 2 * len(STRATEGIES) + 1
    assert [job.settings.strategy for job in ran[:2]] == ["cnn_lstm"] * 2
    assert done.thinned[128, 3] == ("result of cnn_ae_attention 0 3",)
    assert done.strategies["cnn"] == ("result of cnn 0 1", "result of cnn 1 1")
    assert done.ablated["off"] == done.strategies["cnn_ae"][:1]


@pytest.mark.parametrize("part", ["validation", "test"])
def test_scores_of_stored_predictions_are_those_of_scikit_learn(runs, part):
    found = score_rival(runs, resamples=50)
    summary = found.folds if part == "validation" else found.held_out
    stored = []
    for run in runs:
        with np.load(run.folder / f"{part}.npz") as kept:
            stored.append((kept["labels"], kept["probabilities"], kept["clips"]))
    for by in ("frame", "clip"):
        sides = []
        for labels, probabilities, clips in stored:
            if by == "clip":
                order = np.unique(clips)
                probabilities = np.array([probabilities[clips == clip].mean(axis=0) for clip in order])
                labels = np.array([labels[clips == clip][0] for clip in order])
            sides.append((labels, probabilities.argmax(axis=1)))
        macro = {"average": "macro", "zero_division": 0}
        expected = {
            "accuracy": np.mean([accuracy_score(*side) for side in sides]),
            "precision": np.mean([precision_score(*side, **macro) for side in sides]),
            "sensitivity": np.mean([recall_score(*side, **macro) for side in sides]),
            "f1": np.mean([f1_score(*side, **macro) for side in sides]),
            "kappa": np.mean([cohen_kappa_score(*side) for side in sides]),
        }
        scores = getattr(summary, by)
        assert {name: getattr(scores, name).mean for name in expected} == pytest.approx(expected)
        assert scores.accuracy.runs == 3
        assert scores.accuracy.low <= scores.accuracy.mean <= scores.accuracy.high


def test_a_difference_is_that_of_the_means_and_swaps_its_sign(tmp_path, runs):
    job = Job(SETTINGS["cnn"])
    weaker = [make_result(tmp_path / f"weak{n}", replace(job, fold=n), seed=50 + n) for n in range(3)]
    forth, back = differ(runs, weaker, resamples=100), differ(weaker, runs, resamples=100)
    mean = {
        name: np.mean([(run.test.predicted == run.test.labels).mean() for run in side])
        for name, side in (("strong", runs), ("weak", weaker))
    }
    assert forth.held_out.mean == pytest.approx(mean["strong"] - mean["weak"])
    assert (back.held_out.mean, back.held_out.low) == pytest.approx((-forth.held_out.mean, -forth.held_out.high))
    assert forth.held_out.low > 0
