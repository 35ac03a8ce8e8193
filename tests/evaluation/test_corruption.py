"""mPC and rPC by hand and against the plain estimates."""

import numpy as np
import pytest
from dance_tf.evaluation.robustness import DegradedRuns, summarise_corruption

from dance_tf.evaluation.intervals import estimate_scores
from dance_tf.evaluation.predictions import Predictions

STYLES = ("Tok", "TDS")


def run(hits: list[list[int]], dancers: tuple[str, ...] = ("Ada", "Bo")) -> Predictions:
    """One clip a dancer and style, one row a clip; hits[dancer][style] says whether it is recognised."""
    labels = np.array([0, 1] * len(dancers))
    right = np.array(hits).ravel()
    predicted = np.where(right, labels, 1 - labels)
    owners = tuple(name for name in dancers for _ in STYLES)
    ids = tuple(f"{name}/{style}" for name in dancers for style in STYLES)
    return Predictions(np.eye(2)[predicted], labels, np.arange(len(labels)), owners, STYLES, ids)


ALL, THREE, HALF, NONE = run([[1, 1], [1, 1]]), run([[1, 1], [1, 0]]), run([[1, 1], [0, 0]]), run([[0, 0], [0, 0]])


def test_severities_are_averaged_before_conditions():
    degraded = [
        DegradedRuns("fog", 1, (THREE,)),  # 0.75
        DegradedRuns("fog", 2, (HALF, NONE)),  # 0.25 over its two seeds
        DegradedRuns("rain", 1, (ALL,)),  # 1
    ]
    summary = summarise_corruption([THREE], degraded)
    assert summary.mean.accuracy.mean == pytest.approx(((0.75 + 0.25) / 2 + 1) / 2)
    assert summary.relative.accuracy.mean == pytest.approx(0.75 / 0.75)
    assert summary.mean.accuracy.runs == 1


def test_all_draws_by_hand():
    # two dancers: a draw holds one twice (1/4 each) or both (1/2); degraded: Ada 1, Bo 0; clean: Ada 1, Bo 0.5
    summary = summarise_corruption([THREE], [DegradedRuns("fog", 3, (HALF,))], resamples=400)
    assert (summary.mean.accuracy.low, summary.mean.accuracy.high) == (0, 1)
    assert summary.relative.accuracy.mean == pytest.approx(0.5 / 0.75)
    assert (summary.relative.accuracy.low, summary.relative.accuracy.high) == (0, 1)  # 0/0.5, 0.5/0.75 or 1/1


def test_one_condition_at_one_level_is_the_plain_estimate():
    random = np.random.default_rng(0)
    names = tuple(f"dancer {i}" for i in range(8))
    runs = [run(random.integers(0, 2, (8, 2)).tolist(), names) for _ in range(3)]
    summary = summarise_corruption(runs, [DegradedRuns("fog", 1, tuple(runs))], "clip", resamples=2000)
    plain = estimate_scores(runs, "clip", resamples=2000)
    for name in ("accuracy", "f1", "kappa"):
        ours, theirs = getattr(summary.mean, name), getattr(plain, name)
        assert ours.mean == pytest.approx(theirs.mean)
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.05)
    relative = summary.relative.accuracy
    assert (relative.mean, relative.low, relative.high) == pytest.approx((1, 1, 1))


def test_a_clip_is_the_mean_of_its_frames():
    frames = Predictions([[0.6, 0.4], [0.6, 0.4], [0.0, 1.0]], [0, 0, 0], [0, 0, 0], ("Ada",), STYLES, ("a",))
    degraded = [DegradedRuns("fog", 1, (frames,))]
    assert summarise_corruption([frames], degraded, "frame").mean.accuracy.mean == pytest.approx(2 / 3)
    assert summarise_corruption([frames], degraded, "clip").mean.accuracy.mean == 0.0


def test_one_dancer_has_no_interval_and_no_clean_success_no_ratio():
    alone = run([[1, 0]], ("Ada",))
    summary = summarise_corruption([alone], [DegradedRuns("fog", 1, (alone,))])
    assert np.isnan(summary.mean.accuracy.low) and summary.to_json()["mpc"]["accuracy"]["interval"] is None
    assert np.isnan(summarise_corruption([NONE], [DegradedRuns("fog", 1, (HALF,))]).relative.accuracy.mean)


def test_nothing_to_sum_up_is_refused():
    for clean, degraded in (([], [DegradedRuns("fog", 1, (ALL,))]), ([ALL], []), ([ALL], [DegradedRuns("fog", 1, ())])):
        with pytest.raises(ValueError, match="at least one run"):
            summarise_corruption(clean, degraded)


def test_a_condition_that_changed_nothing_does_not_count():
    degraded = [DegradedRuns("fog", 3, (HALF,)), DegradedRuns("few lines", 3, (ALL,), changed=False)]
    assert summarise_corruption([ALL], degraded).mean.accuracy.mean == pytest.approx(0.5)
    nothing = summarise_corruption([ALL], degraded[1:])
    assert np.isnan(nothing.mean.accuracy.mean) and np.isnan(nothing.relative.accuracy.low)
