"""Table 5's rows: drops, the worst dancer, the worst style."""

import json

import numpy as np
import pytest
from dance_tf.evaluation.robustness import (
    DegradedRuns,
    assess_robustness,
    find_worst_dancer,
    find_worst_style,
    robustness_table,
)

from dance_tf.evaluation.intervals import estimate_difference, estimate_scores
from dance_tf.evaluation.predictions import Predictions

STYLES = ("Tok", "TDS", "TMM")
DANCERS = ("Ada", "Bo", "Cy", "")


def run(hits: list[list[int]], frames: int = 3) -> Predictions:
    """Each dancer dances each style once, `frames` frames a clip; hits[dancer][style] says whether it is recognised."""
    labels = np.tile(np.arange(3), 4).repeat(frames)
    right = np.array(hits).ravel().repeat(frames)
    clips = np.arange(12).repeat(frames)
    owners = tuple(name for name in DANCERS for _ in STYLES)
    ids = tuple(f"{name or 'unknown'}/{style}" for name in DANCERS for style in STYLES)
    return Predictions(np.eye(3)[np.where(right, labels, (labels + 1) % 3)], labels, clips, owners, STYLES, ids)


CLEAN = run([[1, 1, 1], [1, 1, 0], [1, 1, 1], [1, 1, 1]])
FOGGY = run([[1, 1, 0], [1, 0, 0], [1, 1, 1], [1, 1, 1]])
FOGGIER = run([[1, 1, 0], [0, 0, 0], [1, 1, 1], [1, 1, 0]])
RAINY = run([[1, 0, 1], [1, 0, 1], [1, 0, 1], [1, 1, 1]])


def test_the_worst_by_hand():
    dancer = find_worst_dancer([CLEAN], [FOGGY, FOGGIER])
    assert (dancer.name, dancer.score, dancer.clips) == ("Bo", pytest.approx(1 / 6), 6)
    assert dancer.clean == pytest.approx(2 / 3)
    style = find_worst_style([CLEAN], [FOGGY, FOGGIER])
    assert (style.name, style.score, style.clips) == ("TMM", pytest.approx(3 / 8), 8)
    assert style.clean == pytest.approx(3 / 4)
    assert find_worst_style([CLEAN], [RAINY]).name == "TDS"


def test_who_is_worst_need_not_be_who_loses_most():
    # Cy loses two of three and keeps one; Bo, who had little, has nothing left
    poor_bo = run([[1, 1, 1], [1, 0, 0], [1, 1, 1], [1, 1, 1]])
    (row,) = assess_robustness(
        [poor_bo], [DegradedRuns("fog", 2, (run([[1, 1, 1], [0, 0, 0], [1, 0, 0], [1, 1, 1]]),))], 20
    ).conditions
    assert row.worst_dancer.name == "Bo" and row.worst_dancer.loss == pytest.approx(1 / 3)
    assert (row.losing_dancer.name, row.losing_dancer.loss) == ("Cy", pytest.approx(2 / 3))
    assert (row.losing_style.name, row.losing_style.loss) == ("Tok", pytest.approx(1 / 4))
    assert row.to_json()["losing_dancer"] == {"name": "Cy", "score": pytest.approx(1 / 3), "clean": 1.0, "clips": 3}


def test_nobody_loses_where_nobody_was_tested_clean():
    only_ada = CLEAN.clips < 3
    parts = [(CLEAN, only_ada), (FOGGIER, ~only_ada)]
    clean, foggy = (
        Predictions(each.probabilities[rows], each.labels[rows], each.clips[rows], each.dancers, STYLES, each.clip_ids)
        for each, rows in parts
    )
    (row,) = assess_robustness([clean], [DegradedRuns("fog", 2, (foggy,))], 20).conditions
    assert row.losing_dancer is None and row.to_json()["losing_dancer"] is None


def test_a_clip_of_nobody_known_stands_alone():
    nobody = run([[1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 0, 1]])
    worst = find_worst_dancer([CLEAN], [nobody])
    assert (worst.name, worst.score, worst.clean, worst.clips) == ("clip unknown/TDS", 0.0, 1.0, 1)


def test_a_dancer_who_was_not_tested_clean_has_no_clean_share():
    ada = CLEAN.clips < 3
    only_ada = Predictions(
        CLEAN.probabilities[ada], CLEAN.labels[ada], CLEAN.clips[ada], CLEAN.dancers, STYLES, CLEAN.clip_ids
    )
    worst = find_worst_dancer([only_ada], [FOGGIER])
    assert worst.name == "Bo" and np.isnan(worst.clean) and worst.to_json()["clean"] is None


@pytest.fixture(scope="module")
def robustness():
    degraded = [DegradedRuns("mild_fog", 2, (FOGGY, FOGGIER)), DegradedRuns("rain", 3, (RAINY,))]
    return assess_robustness([CLEAN], degraded, resamples=200)


def test_drops_are_clean_minus_degraded(robustness):
    fog, rain = robustness.conditions
    assert fog.drop.clip.accuracy.mean == pytest.approx(11 / 12 - (9 / 12 + 7 / 12) / 2)
    assert rain.drop.frame.accuracy.mean == pytest.approx(11 / 12 - 9 / 12)
    assert fog.drop.clip == estimate_difference([CLEAN], [FOGGY, FOGGIER], "clip", resamples=200)
    assert fog.scores.frame == estimate_scores([FOGGY, FOGGIER], "frame", resamples=200)
    assert robustness.clean.clip.accuracy.mean == pytest.approx(11 / 12)
    low, high = fog.drop.clip.accuracy.low, fog.drop.clip.accuracy.high
    assert 0 <= low < fog.drop.clip.accuracy.mean < high


def test_the_suite_in_two_numbers(robustness):
    mean = ((9 / 12 + 7 / 12) / 2 + 9 / 12) / 2
    assert robustness.clip.mean.accuracy.mean == pytest.approx(mean)
    assert robustness.clip.relative.accuracy.mean == pytest.approx(mean / (11 / 12))


def test_frames_that_were_dropped_are_no_error():
    kept = np.arange(len(CLEAN.labels)) % 5 != 0
    fewer = Predictions(
        CLEAN.probabilities[kept], CLEAN.labels[kept], CLEAN.clips[kept], CLEAN.dancers, STYLES, CLEAN.clip_ids
    )
    row = assess_robustness([CLEAN], [DegradedRuns("dropped_frames", 3, (fewer,))], resamples=50).conditions[0]
    assert row.drop.clip.accuracy.mean == pytest.approx(0)


def test_the_table_is_in_percent(robustness):
    table = robustness_table(robustness, "clip").set_index("condition")
    assert list(table.index) == ["clean", "mild_fog", "rain"]
    assert table.loc["clean", "accuracy"] == pytest.approx(100 * 11 / 12)
    assert table.loc["mild_fog", "drop"] == pytest.approx(100 * (11 / 12 - 8 / 12))
    assert table.loc["mild_fog", "worst_dancer"] == "Bo"
    assert table.loc["rain", "worst_style"] == "TDS"
    assert list(table["runs"]) == [1, 2, 1]
    assert np.isnan(table.loc["clean", "drop"])


def test_a_condition_that_changed_nothing_keeps_its_row_and_does_not_count():
    degraded = [DegradedRuns("rain", 3, (RAINY,)), DegradedRuns("few lines", 3, (CLEAN,), changed=False)]
    found = assess_robustness([CLEAN], degraded, resamples=50)
    assert [row.condition for row in found.conditions] == ["rain", "few lines"]
    assert [row.condition for row in found.tried] == ["rain"]
    assert found.clip.mean.accuracy.mean == pytest.approx(9 / 12)
    assert found.to_json()["conditions"]["few lines@3"]["changed"] is False


def test_json_is_plain(robustness):
    document = json.loads(json.dumps(robustness.to_json(), allow_nan=False))
    assert set(document) == {"clean", "conditions", "frame", "clip"}
    fog = document["conditions"]["mild_fog@2"]
    assert fog["clip"]["accuracy"]["mean"] == pytest.approx(8 / 12)
    assert fog["drop"]["clip"]["accuracy"]["runs"] == 1
    assert fog["worst_dancer"]["name"] == "Bo"
    assert set(document["clip"]) == {"mpc", "rpc"}


def test_wrong_calls_are_refused():
    with pytest.raises(ValueError, match="no condition"):
        assess_robustness([CLEAN], [])
    twice = [DegradedRuns("rain", 3, (RAINY,)), DegradedRuns("rain", 3, (RAINY,))]
    with pytest.raises(ValueError, match="twice"):
        assess_robustness([CLEAN], twice)
    with pytest.raises(ValueError, match="at least one run"):
        assess_robustness([CLEAN], [DegradedRuns("rain", 3, ())])
