"""Leakage runs: as long under each split, the gap worked out by hand, near-duplicates of a made-up set."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score, precision_recall_fscore_support, recall_score

from dance_tf.dataset.dataset import ClipRecord, Dataset
from dance_tf.dataset.splits import make_splits
from dance_tf.evaluation.metrics import SCORES
from dance_tf.evaluation.predictions import Predictions
from dance_tf.experiments.leakage import (
    gap_of,
    leakage_jobs,
    measure_leakage,
    of_dancers,
    scores_for,
)
from dance_tf.experiments.spec import Result

STYLES = ("Tok", "TDS")


def run(dancers, right):
    """A test part of one frame a clip, one clip a dancer; `right` tells which verdicts are."""
    names = tuple(dancers)
    verdicts = np.eye(2)[np.where(np.array(right, bool), 0, 1)]
    return Predictions(verdicts, np.zeros(len(names), int), np.arange(len(names)), names, STYLES, names)


def test_jobs_cover_every_split_room_strategy_and_fold():
    jobs = leakage_jobs(("cnn", "ae"), 2, 5, 7, 9, epochs=3, frames_per_clip=25)
    assert len(jobs) == len(set(jobs)) == 2 * 3 * 2 * 2
    assert {(job.seed, job.folds, job.score_frames, job.repeat) for job in jobs} == {(7, 5, 9, 0)}
    assert {job.settings.schedule.epochs for job in jobs} == {3}
    assert {job.settings.frames_per_clip for job in jobs if job.unit != "frame"} == {25}


@pytest.mark.parametrize("frames_per_clip", [3, 6, 25])
def test_an_epoch_is_as_long_under_each_split(frames_per_clip):
    """Of 40 clips 32 are not held out and 24 to 26 of them are learnt from; cut by frame, all 40 are."""
    clips = [(style, f"dancer{dancer}") for dancer in range(20) for style in STYLES]
    records = tuple(ClipRecord(f"{n}", *clip, "", 40, 40, (), True, 1.0) for n, clip in enumerate(clips))
    empty = np.zeros((1600, 1, 1, 1), np.uint8)
    dataset = Dataset(STYLES, records, empty, np.zeros(1600), np.zeros((40, 1, 1, 1), np.uint8))
    drawn, judged = {}, {}
    for job in leakage_jobs(("cnn",), 1, 5, 0, views=("frame",), frames_per_clip=frames_per_clip):
        split = make_splits(dataset, job.unit, 5)[0]
        drawn[job.unit] = len(np.unique(dataset.clip_index[split.train])) * job.settings.frames_per_clip
        judged[job.unit] = len(np.unique(dataset.clip_index[split.validation])) * job.settings.validation_frames
    assert drawn["frame"] == pytest.approx(drawn["dancer"], rel=0.15)
    assert drawn["frame"] == pytest.approx(drawn["clip"], rel=0.15)
    assert judged["dancer"] / 2 < judged["frame"] < 2 * judged["dancer"]


def test_the_gap_is_that_of_the_accuracies_and_of_the_same_dancers():
    everyone = ("ann", "bea", "cleo", "dora")
    leaking = [run(everyone, [1, 1, 1, 0]), run(everyone, [1, 1, 0, 0])]
    honest = [run(("cleo", "dora"), [1, 0]), run(("cleo", "dora"), [0, 0])]
    gap = gap_of("cnn", "frame", leaking, honest, 400, 0)
    assert gap.frame.mean == pytest.approx((0.75 + 0.5) / 2 - 0.25)
    assert gap.frame_same_dancers.mean == pytest.approx(0)
    assert (gap.frame_same_dancers.low, gap.frame_same_dancers.high) == pytest.approx((0, 0))
    assert gap.frame.low <= gap.frame.mean <= gap.frame.high
    assert (gap.frame.runs, gap.clip.mean) == (2, pytest.approx(gap.frame.mean))
    assert gap.to_json()["frame_same_dancers"]["interval"] == pytest.approx([0, 0])


def test_one_dancer_tells_nothing_of_how_dancers_differ():
    gap = gap_of("cnn", "frame", [run(("ann", "bea", "cleo"), [1, 1, 0])], [run(("cleo",), [0])], 50, 0)
    assert gap.frame.mean == pytest.approx(2 / 3)
    assert gap.to_json()["frame"]["interval"] is gap.to_json()["clip"]["interval"] is None


def test_rows_of_dancers_keep_their_truth():
    found = of_dancers(run(("ann", "bea", "cleo"), [1, 0, 1]), {"bea", "cleo"})
    assert [found.dancers[clip] for clip in found.clips] == ["bea", "cleo"]
    assert (found.labels == found.predicted).tolist() == [False, True]


def test_scores_and_gaps_are_sorted_by_what_was_run(tmp_path):
    jobs = leakage_jobs(("cnn", "ae"), 2, views=("frame",))
    right = {"frame": [1, 1, 1, 1], "clip": [1, 1, 1, 0], "dancer": [1, 0]}
    results = []
    for number, job in enumerate(jobs):
        folder = tmp_path / str(number)
        verdicts = right[job.unit]
        part = run("abcd"[: len(verdicts)], verdicts)
        part.save(folder / "test.npz")
        run("abcd", [1, 1, 0, 0]).save(folder / "validation.npz")
        results.append(Result(job, Path(folder), 10, 0, False, 1.0))
    leakage = measure_leakage(results, 50)
    assert len(leakage.scores) == 6
    splits = scores_for(leakage.scores, "ae", "frame")
    assert {unit: score.held_out.frame.accuracy.mean for unit, score in splits.items()} == {
        "frame": 1.0,
        "clip": 0.75,
        "dancer": 0.5,
    }
    assert splits["clip"].folds.clip.accuracy.mean == 0.5
    assert (splits["clip"].runs, splits["clip"].to_json()["held_out"]["frame"]["accuracy"]["runs"]) == (2, 2)
    gaps = [(gap.strategy, gap.frame.mean, gap.clip.mean) for gap in leakage.gaps]
    assert gaps == [("cnn", 0.5, 0.5), ("ae", 0.5, 0.5)]


def test_scores_are_those_of_scikit_learn_on_the_stored_predictions(tmp_path):
    generator = np.random.default_rng(3)
    names = tuple(f"clip{number}" for number in range(24))
    dancers = tuple(f"dancer{number % 6}" for number in range(24))
    results = []
    for number, job in enumerate(leakage_jobs(("cnn",), 2, views=("difference",))):
        clips = np.sort(generator.integers(0, 24, 300))
        probabilities = generator.dirichlet(np.ones(3), 300)
        part = Predictions(probabilities, clips % 3, clips, dancers, ("a", "b", "c"), names)
        for name in ("validation", "test"):
            part.save(tmp_path / str(number) / f"{name}.npz")
        results.append(Result(job, tmp_path / str(number), 10, 0, False, 1.0))
    scores = scores_for(measure_leakage(results, 20).scores, "cnn", "difference")
    for unit, score in scores.items():
        runs = [result.test for result in results if result.job.unit == unit]
        for by, found in (("frame", score.held_out.frame), ("clip", score.held_out.clip)):
            expected = np.mean([by_scikit_learn(run, by) for run in runs], axis=0)
            means = [getattr(found, name).mean for name in SCORES]
            np.testing.assert_allclose(means, expected, atol=1e-12)


def by_scikit_learn(run, by):
    """The scores in the order of `SCORES`, the clip's verdict from the mean of its frames' probabilities."""
    truth, verdict = run.labels, run.probabilities.argmax(axis=1)
    if by == "clip":
        clips = np.unique(run.clips)
        verdict = np.array([run.probabilities[run.clips == clip].mean(axis=0).argmax() for clip in clips])
        truth = np.array([run.labels[run.clips == clip][0] for clip in clips])
    precision, recall, f1, _ = precision_recall_fscore_support(truth, verdict, average="macro", zero_division=0)
    specificity = np.mean([recall_score(truth != style, verdict != style) for style in range(3)])
    kappa = cohen_kappa_score(truth, verdict)
    return accuracy_score(truth, verdict), precision, recall, specificity, f1, kappa
