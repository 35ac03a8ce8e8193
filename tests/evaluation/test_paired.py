"""Paired tests over few dancers: against SciPy and worked examples, and fair where the bootstrap is not."""

import json

import numpy as np
import pytest
from scipy import stats

from dance_tf.evaluation.intervals import (
    DancerDifference,
    accuracy_by_dancer,
    compare_dancers,
    estimate_difference,
    holm,
)
from dance_tf.evaluation.predictions import Predictions

STYLES = ("Tok", "TDS")


def run(right: list[int], frames: int = 10, dancers: tuple[str, ...] = ("Ada", "Bo", "Cy", "Di")) -> Predictions:
    """One clip of `frames` frames a dancer; right[i] of them are recognised."""
    labels = np.zeros(len(dancers) * frames, int)
    predicted = np.concatenate([np.arange(frames) >= hits for hits in right]).astype(int)
    clips = np.arange(len(dancers)).repeat(frames)
    ids = tuple(f"clip {i}" for i in range(len(dancers)))
    return Predictions(np.eye(2)[predicted], labels, clips, dancers, STYLES, ids)


def difference(p: float, mean: float = 0.1) -> DancerDifference:
    return DancerDifference(mean, mean - 0.1, mean + 0.1, p, 4)


def test_each_dancers_share_is_the_mean_over_runs():
    assert accuracy_by_dancer([run([10, 5, 0, 2]), run([8, 5, 0, 4])]) == pytest.approx(
        {"Ada": 0.9, "Bo": 0.5, "Cy": 0, "Di": 0.3}
    )
    assert set(accuracy_by_dancer([run([1, 2], dancers=("Ada", ""))])) == {"Ada", "clip clip 1"}


def test_a_difference_is_scipys_paired_t():
    first, second = [9, 7, 8, 3], [5, 6, 5, 1]
    found = compare_dancers([(1, [run(first)]), (-1, [run(second)])])
    theirs = stats.ttest_rel(np.array(first) / 10, np.array(second) / 10)
    interval = theirs.confidence_interval()
    assert found.mean == pytest.approx(0.25) and found.p == pytest.approx(theirs.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert (found.dancers, found.runs) == (4, 1)


def test_a_difference_of_differences_is_taken_for_each_dancer():
    sides = [[9, 7, 8, 3], [5, 6, 5, 1], [9, 9, 9, 9], [8, 9, 7, 9]]
    found = compare_dancers([(weight, [run(hits)]) for weight, hits in zip((1, -1, -1, 1), sides, strict=True)])
    own = np.array([3, 1, 1, 2]) / 10  # (9 - 5) - (9 - 8), and so on
    assert found.mean == pytest.approx(own.mean()) and found.p == pytest.approx(stats.ttest_1samp(own, 0).pvalue)


def test_only_dancers_of_all_sides_count():
    found = compare_dancers([(1, [run([9, 8], dancers=("Ada", "Bo"))]), (-1, [run([1, 2], dancers=("Bo", "Ada"))])])
    assert found.mean == pytest.approx(0.7) and found.dancers == 2
    with pytest.raises(ValueError, match="no dancer"):
        compare_dancers([(1, [run([9], dancers=("Ada",))]), (-1, [run([1], dancers=("Bo",))])])
    with pytest.raises(ValueError, match="at least one run"):
        compare_dancers([(1, [run([1] * 4)]), (-1, [])])


def test_one_dancer_and_no_spread_show_nothing():
    one = compare_dancers([(1, [run([9], dancers=("Ada",))]), (-1, [run([1], dancers=("Ada",))])])
    assert not (one.tested or one.above or one.below)
    assert json.loads(json.dumps(one.to_json(), allow_nan=False)) == {
        "mean": 0.8, "interval": None, "p": None, "dancers": 1, "runs": 1
    }  # fmt: skip
    alike = compare_dancers([(1, [run([9] * 4)]), (-1, [run([1] * 4)])])
    assert alike.tested and alike.p == 1 and not alike.above


def test_holm_by_hand():
    found = holm({"a": difference(0.03), "b": difference(0.001), "c": difference(0.02), "d": difference(float("nan"))})
    assert [found[name].p for name in "bca"] == pytest.approx([0.003, 0.04, 0.04])
    assert not found["d"].tested
    assert holm({"a": difference(0.6), "b": difference(0.7)})["b"].p == 1
    assert found["a"].above and not found["a"].below and difference(0.01, -0.1).below


def test_over_four_dancers_the_test_is_fair_and_the_bootstrap_is_not():
    random = np.random.default_rng(5)
    shown = np.zeros(2)
    for _ in range(400):  # two models that are equally good, and dancers who like one or the other
        luck = random.normal(0, 40, 4).round().astype(int)
        first, second = run(list(300 + luck), 600), run(list(300 - luck), 600)
        tested = compare_dancers([(1, [first]), (-1, [second])])
        drawn = estimate_difference([first], [second], resamples=200).accuracy
        shown += tested.p < 0.05, drawn.low > 0 or drawn.high < 0
    assert shown[0] / 400 < 0.09 and shown[1] / 400 > 0.14
