"""Networks on degraded clips: what they are shown, whose verdict is kept, and what is made of the verdicts."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from dance_tf.experiments.corruption_suite import EVERYTHING, augmentation_jobs, measure_transfer

from dance_tf.corruption.augment import SPATIAL_FAMILIES
from dance_tf.dataset.dataset import ClipRecord, Dataset
from dance_tf.evaluation.predictions import Predictions
from dance_tf.experiments.conditions import CLEAN, Disturbance
from dance_tf.experiments.corrupted_clips import DegradedClip, FrameSampling, HeldOutClip, place_of
from dance_tf.experiments.corruption import (
    as_seen,
    assess_verdicts,
    judge_degraded,
    strategy_jobs,
)
from dance_tf.experiments.spec import Job
from dance_tf.model.train import training_settings

STYLES = ("a", "b")
SAMPLING = FrameSampling(scored=2, room=2)
CLEAR, DARK, FOG = Disturbance(CLEAN, window=2), Disturbance("low_light", 3), Disturbance("heavy_fog", 4)
FOG_AGAIN = replace(FOG, seed=1)


def verdict(hits: list[int]) -> Predictions:
    """Four clips of two dancers, one frame each; hits[clip] says whether it is recognised."""
    labels = np.array([0, 1, 0, 1])
    predicted = np.where(hits, labels, 1 - labels)
    return Predictions(np.eye(2)[predicted], labels, np.arange(4), ("x", "x", "y", "y"), STYLES, tuple("abcd"))


def test_a_network_sees_the_difference_from_the_degraded_room():
    frames = np.full((2, 3, 128, 128, 1), 50, np.uint8)
    frames[1, 2] = 90
    clip = DegradedClip(frames, np.full((128, 128, 1), 60, np.uint8), True)
    single = as_seen(clip, "difference")
    assert single.shape == (2, 128, 128, 1)
    assert [int(frame.max()) for frame in single] == [10, 30]
    windows = as_seen(clip, "difference", 2)
    assert windows.shape == (2, 2, 128, 128, 1)
    assert [int(frame.max()) for frame in windows.reshape(4, -1)] == [10, 10, 10, 30]
    np.testing.assert_array_equal(as_seen(clip, "frame", 3), frames)


@dataclass(frozen=True)
class Bright:
    """A network that says "b" of bright frames; it counts how often it is asked."""

    asked: list

    def predict(self, inputs, batch_size, verbose):
        self.asked.append(inputs.shape)
        return np.eye(2)[(inputs.reshape(len(inputs), -1).mean(axis=1) > 50).astype(int)]


@dataclass(frozen=True)
class StubResult:
    """A run whose network is there already."""

    job: Job
    folder: Path
    model: Bright

    def load_model(self) -> Bright:
        return self.model


@pytest.fixture
def shown(tmp_path):
    """Two degraded clips of styles a (dark) and b (bright), and the dataset that knows their styles."""
    records = tuple(ClipRecord(name, style, f"d{name}", "here", 4, 4, (), True, 1.0) for name, style in ("pa", "qb"))
    empty = np.zeros((8, 128, 128, 1), np.uint8)
    dataset = Dataset(STYLES, records, empty, np.tile(np.arange(4.0), 2), empty[:2])
    clips = [HeldOutClip(name, tmp_path, name * 8, (0.0, 1.0, 2.0, 3.0), 270) for name in ("q", "p")]
    for clip, level in zip(clips, (200, 20), strict=True):
        for each in (CLEAR, DARK):
            place = place_of(clip, each, tmp_path, SAMPLING)
            place.parent.mkdir(parents=True, exist_ok=True)
            frames = np.full((2, 128, 128), level if each == CLEAR else 20, np.uint8)
            windows = np.array([[0, 0], [0, 1]]) if each.window == 2 else np.array([[0], [1]])
            np.savez(place, frames=frames, windows=windows, room=np.zeros((128, 128), np.uint8), room_known=True)
    return dataset, clips


def test_verdicts_carry_the_truth_and_are_asked_for_once(shown, tmp_path):
    dataset, clips = shown
    model = Bright([])
    run = StubResult(Job(training_settings("cnn")), tmp_path / "run1", model)
    for _ in range(2):
        (judged,) = judge_degraded([run], dataset, clips, [CLEAR, DARK], tmp_path, SAMPLING, progress=False)
        np.testing.assert_array_equal(judged[CLEAR].labels, [1, 1, 0, 0])
        np.testing.assert_array_equal(judged[CLEAR].predicted, [1, 1, 0, 0])
        np.testing.assert_array_equal(judged[DARK].predicted, [0, 0, 0, 0])
        assert judged[DARK].clip_ids == ("q", "p") and judged[DARK].dancers == ("dq", "dp")
    assert model.asked == [(4, 128, 128, 1)] * 2
    other = StubResult(run.job, tmp_path / "run2", model)
    judge_degraded([other], dataset, clips, [CLEAR], tmp_path, SAMPLING, progress=False)
    assert len(model.asked) == 3


def test_a_network_of_sequences_is_asked_where_there_are_windows(shown, tmp_path):
    dataset, clips = shown
    model = Bright([])
    settings = training_settings("cnn_lstm")
    settings = replace(settings, network=replace(settings.network, sequence_length=2))
    run = StubResult(Job(settings), tmp_path / "run", model)
    (judged,) = judge_degraded([run], dataset, clips, [CLEAR, DARK], tmp_path, SAMPLING, progress=False)
    assert list(judged) == [CLEAR]
    assert model.asked == [(4, 2, 128, 128, 1)]


def test_a_condition_is_the_mean_over_networks_and_seeds():
    first = {CLEAR: verdict([1, 1, 1, 1]), FOG: verdict([1, 0, 0, 0]), FOG_AGAIN: verdict([1, 1, 0, 0])}
    second = {CLEAR: verdict([1, 1, 1, 0]), FOG: verdict([1, 1, 1, 0]), FOG_AGAIN: verdict([0, 0, 0, 0])}
    found = assess_verdicts([first, second], [CLEAR, FOG, FOG_AGAIN], 50)
    assert found.clean.frame.accuracy.mean == pytest.approx(7 / 8)
    (fog,) = found.conditions
    assert (fog.condition, fog.severity) == ("heavy_fog", 4)
    assert fog.scores.frame.accuracy.mean == pytest.approx((1 + 2 + 3 + 0) / 16)
    assert fog.scores.frame.accuracy.runs == 4
    assert fog.drop.clip.accuracy.mean == pytest.approx(7 / 8 - 6 / 16)


def test_a_condition_that_changed_nothing_keeps_its_row_and_does_not_count():
    verdicts = {CLEAR: verdict([1, 1, 1, 1]), FOG: verdict([1, 0, 0, 0]), DARK: verdict([1, 1, 1, 1])}
    found = assess_verdicts([verdicts], list(verdicts), 50, unchanged={DARK.level})
    assert [(row.condition, row.changed) for row in found.conditions] == [("heavy_fog", True), ("low_light", False)]
    assert found.frame.mean.accuracy.mean == pytest.approx(1 / 4)


def test_one_family_is_left_out_at_a_time():
    (runs,) = strategy_jobs(["cnn_ae_attention"], folds=3, run_folds=2, seed=5, epochs=2).values()
    for fold, job in enumerate(runs):
        assert (job.unit, job.fold, job.folds, job.seed, job.settings.view) == ("dancer", fold, 3, 5, "difference")
    jobs = augmentation_jobs(runs, ["noise", "weather"])
    assert jobs["none"] == runs and len(runs) == 2
    assert all(job.settings.augment == SPATIAL_FAMILIES for job in jobs["all"])
    assert [job.fold for job in jobs["all but noise"]] == [0, 1]
    assert all(set(SPATIAL_FAMILIES) - set(job.settings.augment) == {"noise"} for job in jobs["all but noise"])
    assert set(jobs) == {"none", "all", "all but noise", "all but weather"}


def test_what_carries_over_is_measured_on_the_family_left_out():
    rain = Disturbance("rain", 3)
    verdicts = {
        "none": [{CLEAR: verdict([1, 1, 1, 1]), FOG: verdict([0, 0, 0, 0]), rain: verdict([1, 0, 0, 0])}],
        "all": [{CLEAR: verdict([1, 1, 1, 0]), FOG: verdict([1, 1, 1, 1]), rain: verdict([1, 1, 1, 0])}],
        "all but weather": [{CLEAR: verdict([1, 1, 1, 1]), FOG: verdict([1, 0, 1, 0]), rain: verdict([1, 1, 0, 0])}],
    }
    clean, weather, mean = measure_transfer(verdicts, [CLEAR, FOG, rain], 100)
    assert (clean.family, clean.none.mean, clean.all.mean, clean.without) == (CLEAN, 1.0, 0.75, None)
    assert weather.family == "weather"
    assert weather.none.mean == pytest.approx(1 / 8)
    assert weather.all.mean == pytest.approx(7 / 8)
    assert weather.without.mean == pytest.approx(4 / 8)
    assert weather.gain_without.total.mean == pytest.approx(3 / 8)
    assert weather.gain_without.beyond_clean.mean == pytest.approx(3 / 8)
    assert weather.gain_all.beyond_clean.mean == pytest.approx(6 / 8 + 1 / 4)
    assert weather.to_json()["gain_all"]["mean"] == pytest.approx(6 / 8)
    assert clean.to_json()["gain_without"] is None
    assert (mean.family, mean.without) == (EVERYTHING, None)
    assert mean.gain_all.total.mean == pytest.approx(6 / 8)


def test_the_mean_over_all_families_is_over_their_conditions():
    dark = Disturbance("low_light", 3)
    none = {CLEAR: verdict([1, 1, 1, 1]), FOG: verdict([0, 0, 0, 0]), DARK: verdict([1, 1, 0, 0])}
    hard = {CLEAR: verdict([1, 1, 1, 1]), FOG: verdict([1, 1, 1, 0]), DARK: verdict([1, 1, 1, 0])}
    found = {each.family: each for each in measure_transfer({"none": [none], "all": [hard]}, [CLEAR, FOG, dark], 100)}
    assert list(found) == [CLEAN, "light", "weather", EVERYTHING]
    assert found[EVERYTHING].gain_all.total.mean == pytest.approx((3 / 4 + 1 / 4) / 2)
    assert found[EVERYTHING].none.mean == pytest.approx(1 / 4)
