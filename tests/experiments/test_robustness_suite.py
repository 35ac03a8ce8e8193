"""Who is asked what in the suite, and that the main network has one number everywhere."""

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from dance_tf.experiments.corruption_suite import EVERYTHING, FULL, FULL_ROOM_KEPT, Suite, measure_suite

from dance_tf.corruption.augment import SPATIAL_FAMILIES
from dance_tf.evaluation.predictions import Predictions
from dance_tf.experiments import corruption_suite as suite_module
from dance_tf.experiments.conditions import CLEAN, Disturbance, paper_disturbances, severity_disturbances
from dance_tf.experiments.corrupted_clips import HeldOutClip
from dance_tf.experiments.spec import Job
from dance_tf.model.train import training_settings

STYLES = ("a", "b")
CLIPS = tuple(HeldOutClip(name, Path(f"{name}.mp4"), name * 64, (0.0,), 432) for name in "abcd")
GONE = "d"  # a clip that cannot be read


@dataclass(frozen=True)
class StubResult:
    """A run that is known by its folder and by what it was trained with."""

    job: Job
    folder: Path


def run(name: str, strategy: str = "cnn_ae_attention", view: str = "difference") -> StubResult:
    return StubResult(Job(replace(training_settings(strategy), view=view)), Path(name))


def verdict(disturbance: Disturbance, name: str) -> Predictions:
    """Three dancers, one clip each; the third is missed under every later seed, the second too with the room kept."""
    right = np.array([True, name != "kept", not disturbance.seed])
    labels = np.array([0, 1, 0])
    predicted = np.where(right, labels, 1 - labels)
    return Predictions(np.eye(2)[predicted], labels, np.arange(3), ("x", "y", "z"), STYLES, ("a", "b", "c"))


@pytest.fixture
def asked(monkeypatch) -> dict[str, tuple[Disturbance, ...]]:
    """What each network is asked, by its folder; nothing is degraded and nobody is trained."""
    found: dict[str, tuple[Disturbance, ...]] = {}

    def judge(results, dataset, clips, disturbances, work, sampling, processes):
        assert GONE not in {clip.clip_id for clip in clips}
        found.update({result.folder.name: tuple(disturbances) for result in results})
        return tuple({each: verdict(each, result.folder.name) for each in disturbances} for result in results)

    def crf(clips, levels):
        return pd.DataFrame({"CRF": levels, "clips": len(clips)})

    monkeypatch.setattr(suite_module, "degrade_held_out", lambda *_: {GONE: "it is gone"})
    monkeypatch.setattr(suite_module, "unchanged_levels", lambda *_: frozenset({("low_resolution", 3.0)}))
    monkeypatch.setattr(suite_module, "rooms_unknown", lambda *_: {CLEAN: 0.0})
    monkeypatch.setattr(suite_module, "compression_of", crf)
    monkeypatch.setattr(suite_module, "judge_degraded", judge)
    return found


def test_the_main_network_is_asked_everything_and_has_one_number_everywhere(asked):
    suite = Suite(CLIPS, paper_disturbances(2, 4), severity_disturbances(["low_light"], window=4))
    records = tuple(SimpleNamespace(clip_id=clip.clip_id, dancer=f"of {clip.clip_id}") for clip in CLIPS)
    dataset = SimpleNamespace(clips=records, styles=STYLES)
    workspace = SimpleNamespace(work=Path("work"), source="synthetic")
    strategies = {"cnn_ae": [run("plain", "cnn_ae")], "cnn_ae_attention": [run("rival")]}
    against = {name: [run(name)] for name in ("none", "all", "all but weather")}
    trained = [run("main"), run("kept", view="frame")]
    found = measure_suite(workspace, dataset, suite, trained, strategies, against, resamples=20)

    assert set(asked) == {"main", "kept", "plain", "rival", "none", "all", "all but weather"}
    assert set(asked["main"]) == {*suite.table, *suite.severities}
    for name in set(asked) - {"main"}:
        assert asked[name] == suite.first_seed
    assert list(found.strategies) == [FULL, FULL_ROOM_KEPT, "CNN + AE", "CNN + AE + Attention"]
    mine = found.strategies[FULL]
    assert mine.frame.mean.accuracy == found.main.frame.mean.accuracy
    rain = {row.condition: row.scores.frame.accuracy for row in mine.conditions}["rain"]
    assert (rain.mean, rain.runs) == (pytest.approx((1 + 2 / 3) / 2), 2)
    other = {row.condition: row.scores.frame.accuracy for row in found.strategies["CNN + AE"].conditions}["rain"]
    assert (other.mean, other.runs) == (1.0, 1)
    assert "low_resolution" not in found.losses and "low_resolution" not in found.attention_gains
    assert [each.family for each in found.transfers] == [CLEAN, *SPATIAL_FAMILIES[:-1], EVERYTHING]
    assert (found.dancers, len(found.clips), found.seeds, found.refused) == (3, 3, 2, {GONE: "it is gone"})
    assert list(found.compression["CRF"]) == [38, 43]
