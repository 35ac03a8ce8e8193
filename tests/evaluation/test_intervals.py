import json

import numpy as np
import pytest

from dance_tf.evaluation import intervals
from dance_tf.evaluation.intervals import bootstrap_scores, estimate_difference, estimate_scores, summarise_runs
from dance_tf.evaluation.metrics import SCORES, score
from dance_tf.evaluation.predictions import Predictions, aggregate_clips

STYLES = ("Tok", "TDS", "TMM", "SUP")


def perform(seed, dancers=6, skill=0.5, names=None, frames=7):
    """Predictions of each dancer dancing each style once; dancers differ in how well they are recognised."""
    random = np.random.default_rng(seed)
    names = names or tuple(f"dancer {number}" for number in range(dancers))
    owners = np.repeat(np.arange(len(names)), len(STYLES))
    labels = np.tile(np.arange(len(STYLES)), len(names))
    clips = np.repeat(np.arange(len(labels)), random.integers(1, frames + 1, len(labels)))
    probabilities = random.dirichlet(np.ones(len(STYLES)), len(clips))
    known = random.random(len(clips)) < skill * np.linspace(0.5, 1.5, len(names))[owners[clips]]
    probabilities[known] = 0.1 * probabilities[known] + 0.9 * np.eye(len(STYLES))[labels[clips][known]]
    ids = tuple(f"{names[owner]}/{STYLES[label]}" for owner, label in zip(owners, labels, strict=True))
    return Predictions(probabilities, labels[clips], clips, tuple(names[owner] for owner in owners), STYLES, ids)


def dancers_of(runs):
    return sorted({run.dancers[clip] for run in runs for clip in np.unique(run.clips)})


def score_of_draw(runs, times):
    """Slow twin: really put each drawn dancer's rows together, and score those."""
    of_runs = []
    for run in runs:
        owner = np.array(run.dancers)[run.clips]
        rows = np.concatenate([np.flatnonzero(owner == name) for name, n in times.items() for _ in range(int(n))])
        if len(rows):
            scores = score(run.labels[rows], run.predicted[rows], len(STYLES))
            of_runs.append([getattr(scores, name) for name in SCORES])
    return np.mean(of_runs, axis=0) if of_runs else np.full(len(SCORES), np.nan)


def slow_interval(runs, resamples, seed):
    names = dancers_of(runs)
    draws = intervals._draw(len(names), resamples, seed)
    drawn = np.array([score_of_draw(runs, dict(zip(names, draw, strict=True))) for draw in draws])
    return np.percentile(drawn[~np.isnan(drawn).any(axis=1)], (2.5, 97.5), axis=0)


@pytest.mark.parametrize("by", ["frame", "clip"])
def test_fast_bootstrap_equals_the_slow_twin(by):
    run = perform(1)
    ours = bootstrap_scores(run, by=by, resamples=60, seed=5)
    rows = aggregate_clips(run) if by == "clip" else run
    low, high = slow_interval([rows], 60, 5)
    plain = score(rows.labels, rows.predicted, len(STYLES))
    for position, name in enumerate(SCORES):
        estimate = getattr(ours, name)
        assert estimate.mean == pytest.approx(getattr(plain, name), abs=1e-12)
        assert (estimate.low, estimate.high) == pytest.approx((low[position], high[position]), abs=1e-12)
        assert estimate.runs == 1


def test_folds_by_dancer_equal_the_slow_twin_with_empty_folds_left_out():
    runs = [perform(fold, names=(f"{fold}a", f"{fold}b")) for fold in range(3)]
    ours = estimate_scores(runs, "frame", 60, 9)
    low, high = slow_interval(runs, 60, 9)
    draws = intervals._draw(6, 60, 9).reshape(60, 3, 2).sum(axis=2)
    assert (draws == 0).any(), "the case must occur"
    for position, name in enumerate(SCORES):
        means = [getattr(score(run.labels, run.predicted, len(STYLES)), name) for run in runs]
        assert getattr(ours, name).mean == pytest.approx(np.mean(means))
        assert getattr(ours, name).low == pytest.approx(low[position], abs=1e-12)
        assert getattr(ours, name).high == pytest.approx(high[position], abs=1e-12)
        assert getattr(ours, name).runs == 3


def test_draws_are_draws_with_replacement():
    draw = intervals._draw(20, 4000, 0)
    assert draw.shape == (4000, 20)
    assert (draw.sum(axis=1) == 20).all()
    # a share of (1 - 1/20)^20 = 35.8 % of the dancers is left out of a draw
    assert (draw == 0).mean() == pytest.approx(0.95**20, abs=0.01)
    assert not np.array_equal(draw, intervals._draw(20, 4000, 1))
    assert not np.array_equal(draw, intervals._draw(20, 4000, 0, side=1))


def test_interval_of_accuracy_is_that_of_a_binomial_where_dancers_have_one_clip():
    # 200 dancers of one clip each, half recognised: the standard error is sqrt(0.25 / 200)
    labels = np.zeros(200, int)
    probabilities = np.eye(2)[np.arange(200) % 2]
    names = tuple(map(str, range(200)))
    run = Predictions(probabilities, labels, np.arange(200), names, ("Tok", "TDS"), names)
    accuracy = bootstrap_scores(run, resamples=4000).accuracy
    assert accuracy.mean == 0.5
    assert (accuracy.low, accuracy.high) == pytest.approx((0.5 - 1.96 * 0.0354, 0.5 + 1.96 * 0.0354), abs=0.01)


def test_interval_holds_the_truth_about_as_often_as_it_says():
    # 20 dancers, each with an accuracy of its own around 0.6: the truth is the mean over all dancers there are
    held = 0
    for trial in range(200):
        random = np.random.default_rng(trial)
        recognised = random.beta(6, 4, 20)[:, None] > random.random((20, 12))
        styles = np.tile(np.arange(2), (20, 6))
        clips = np.arange(240)
        run = Predictions(
            np.eye(2)[np.where(recognised, styles, 1 - styles).ravel()],
            styles.ravel(),
            clips,
            tuple(str(clip // 12) for clip in clips),
            ("Tok", "TDS"),
            tuple(map(str, clips)),
        )
        accuracy = bootstrap_scores(run, resamples=300, seed=trial).accuracy
        held += accuracy.low <= 0.6 <= accuracy.high
    assert 0.88 <= held / 200 <= 0.98


def test_unknown_dancers_stand_for_themselves_and_clips_without_frames_for_nobody():
    known = perform(2, names=("a", "b", "c"))
    nameless = Predictions(
        known.probabilities, known.labels, known.clips, ("",) * 12, STYLES, tuple(f"{i}" for i in range(12))
    )
    each = Predictions(
        known.probabilities,
        known.labels,
        known.clips,
        (*(f"clip {i}" for i in range(12)), "nobody"),
        STYLES,
        (*(f"{i}" for i in range(12)), "no frames"),
    )
    assert bootstrap_scores(nameless) == bootstrap_scores(each)


def test_one_dancer_has_no_interval():
    alone = bootstrap_scores(perform(0, dancers=1))
    assert np.isnan(alone.f1.low) and np.isnan(alone.f1.high)
    assert alone.f1.to_json()["interval"] is None


def test_difference_of_paired_runs_equals_the_slow_twin():
    better, worse = [perform(1, skill=0.6), perform(2, skill=0.6)], [perform(3, skill=0.3)]
    ours = estimate_difference(better, worse, "frame", 50, 4)
    names = dancers_of(better + worse)
    drawn = [
        score_of_draw(better, dict(zip(names, draw, strict=True)))
        - score_of_draw(worse, dict(zip(names, draw, strict=True)))
        for draw in intervals._draw(len(names), 50, 4)
    ]
    low, high = np.percentile(drawn, (2.5, 97.5), axis=0)
    for position, name in enumerate(SCORES):
        estimate = getattr(ours, name)
        sides = [getattr(estimate_scores(side), name).mean for side in (better, worse)]
        assert estimate.mean == pytest.approx(sides[0] - sides[1])
        assert (estimate.low, estimate.high) == pytest.approx((low[position], high[position]), abs=1e-12)
        assert estimate.runs == 1


def test_difference_of_independent_runs_equals_the_slow_twin():
    first, second = [perform(1, names=("a", "b", "c"))], [perform(2, names=("d", "e", "f", "g"))]
    ours = estimate_difference(first, second, "frame", 50, 4, paired=False)
    drawn = [
        score_of_draw(first, dict(zip("abc", one, strict=True)))
        - score_of_draw(second, dict(zip("defg", other, strict=True)))
        for one, other in zip(intervals._draw(3, 50, 4, 1), intervals._draw(4, 50, 4, 2), strict=True)
    ]
    low, high = np.percentile(drawn, (2.5, 97.5), axis=0)
    for position, name in enumerate(SCORES):
        estimate = getattr(ours, name)
        assert (estimate.low, estimate.high) == pytest.approx((low[position], high[position]), abs=1e-12)


def test_pairing_cancels_what_both_sides_share():
    run = perform(8, dancers=10)
    paired = estimate_difference([run], [run]).accuracy
    apart = estimate_difference([run], [run], paired=False).accuracy
    assert (paired.mean, paired.low, paired.high) == (0, 0, 0)
    assert apart.low < -0.05 and apart.high > 0.05


def test_paired_draws_that_leave_a_side_empty_are_dropped():
    ours = estimate_difference([perform(1, names=("a",))], [perform(2, names=("b",))], resamples=100)
    assert np.isfinite([ours.accuracy.low, ours.accuracy.high]).all()


def test_summary_has_the_form_of_metrics_json_and_repeats_itself():
    runs = [perform(1), perform(2)]
    summary = summarise_runs(runs, resamples=50, seed=3)
    assert summary == summarise_runs(runs, resamples=50, seed=3)
    assert summary != summarise_runs(runs, resamples=50, seed=4)
    document = json.loads(json.dumps(summary.to_json()))
    assert list(document) == ["frame", "clip"]
    assert list(document["clip"]) == list(SCORES)
    kappa = document["clip"]["kappa"]
    assert list(kappa) == ["mean", "interval", "runs"]
    assert kappa["interval"][0] <= kappa["mean"] <= kappa["interval"][1]
    assert kappa["runs"] == 2


def test_what_cannot_be_estimated_is_refused():
    run = perform(1)
    other = Predictions(run.probabilities, run.labels, run.clips, run.dancers, tuple("abcd"), run.clip_ids)
    empty = Predictions(np.zeros((0, 4)), [], [], (), STYLES, ())
    for runs, message in (([], "no runs"), ([run, other], "different styles"), ([empty], "no predictions")):
        with pytest.raises(ValueError, match=message):
            estimate_scores(runs)
    with pytest.raises(ValueError, match="by is 'dancer'"):
        bootstrap_scores(run, by="dancer")
    with pytest.raises(ValueError, match="two sides have different styles"):
        estimate_difference([run], [other], paired=False)
