"""Intervals and tests over dancers, against slow twins, SciPy and worked examples."""

import json

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, f1_score

from dance_tf.evaluation.intervals import (
    DancerDifference,
    accuracy_by_dancer,
    compare_dancers,
    estimate_difference,
    estimate_scores,
    holm,
)
from dance_tf.evaluation.metrics import SCORES, scores_of_confusion
from dance_tf.evaluation.predictions import Predictions

STYLES = ("Tok", "TDS", "TMM", "SUP")


def perform(seed, dancers=6, skill=0.5, names=None, frames=7) -> Predictions:
    """Return a run in which each dancer dances each style once; dancers differ in how well they are recognised."""
    random = np.random.default_rng(seed)
    names = names or tuple(f"dancer {number}" for number in range(dancers))
    owners = np.repeat(np.arange(len(names)), len(STYLES))
    labels = np.tile(np.arange(len(STYLES)), len(names))
    clips = np.repeat(np.arange(len(labels)), random.integers(1, frames + 1, len(labels)))
    probabilities = random.dirichlet(np.ones(len(STYLES)), len(clips))
    right = random.random(len(clips)) < skill * np.linspace(0.5, 1.5, len(names))[owners[clips]]
    probabilities[right] = 0.1 * probabilities[right] + 0.9 * np.eye(len(STYLES))[labels[clips][right]]
    ids = tuple(f"{names[owner]}/{STYLES[label]}" for owner, label in zip(owners, labels, strict=True))
    return Predictions.from_frames(probabilities, clips, labels, tuple(names[o] for o in owners), STYLES, ids)


def slow_scores(runs, unit, times):
    """Add up the clips of each drawn dancer, as often as drawn."""
    matrices = [np.array([times[name] for name in run.groups]) @ _flat(run, unit) for run in runs]
    matrix = np.sum(matrices, axis=0).reshape(len(STYLES), -1)
    return scores_of_confusion(matrix) if matrix.sum() else np.full(len(SCORES), np.nan)


def _flat(run, unit):
    return run.confusion_by_clip(unit).reshape(len(run.labels), -1)


def scipy_interval(sides, unit, resamples, seed):
    """Return the BCa interval of each score by scipy.stats.bootstrap, which draws dancers of its own."""
    names = sorted({name for _, runs in sides for run in runs for name in run.groups})

    def statistic(chosen):
        times = {name: int(np.sum(chosen == place)) for place, name in enumerate(names)}
        return sum(sign * slow_scores(runs, unit, times) for sign, runs in sides)

    found = [
        stats.bootstrap(
            (np.arange(len(names)),),
            lambda chosen, score=score: statistic(chosen)[score],
            n_resamples=resamples,
            vectorized=False,
            method="BCa",
            rng=np.random.default_rng(seed),
        ).confidence_interval
        for score in range(len(SCORES))
    ]
    return np.transpose(found)


SIDES = {
    "one run": [(1, [perform(1, 20)])],
    "folds": [(1, [perform(2, 10), perform(3, names=tuple("abcdefghij"))])],
    "difference": [(1, [perform(1, 20, skill=0.6)]), (-1, [perform(2, 20, skill=0.4)])],
}


@pytest.mark.parametrize("unit", ["frame", "clip"])
@pytest.mark.parametrize("sides", SIDES.values(), ids=SIDES)
def test_the_interval_is_scipys_bca_interval(unit, sides):
    if len(sides) == 2:
        found = estimate_difference(*(runs for _, runs in sides), unit, 4000, 5)
    else:
        found = estimate_scores(sides[0][1], unit, 4000, 5)
    low, high = scipy_interval(sides, unit, 1000, 5)
    once = dict.fromkeys([name for _, runs in sides for run in runs for name in run.groups], 1)
    plain = sum(sign * slow_scores(runs, unit, once) for sign, runs in sides)
    for place, name in enumerate(SCORES):
        assert found[name].mean == pytest.approx(plain[place], abs=1e-12)
        near = 0.15 * (high[place] - low[place])  # the draws differ
        assert (found[name].low, found[name].high) == pytest.approx((low[place], high[place]), abs=near)
        assert found[name].runs == min(len(runs) for _, runs in sides)


def test_a_difference_from_itself_is_zero():
    first = [perform(1, skill=0.6)]
    same = estimate_difference(first, first, "frame", 60)["accuracy"]
    assert (same.mean, same.low, same.high) == (0, 0, 0)


def test_macro_scores_of_folds_are_those_of_the_pooled_folds():
    folds = [perform(4, names=("a", "b")), perform(5, names=("c", "d"))]
    pooled = sum(run.confusion_by_clip("clip").sum(0) for run in folds)
    expected = dict(zip(SCORES, scores_of_confusion(pooled), strict=True))
    assert {name: found.mean for name, found in estimate_scores(folds, "clip", 10).items()} == pytest.approx(expected)


def test_scores_are_scikit_learns():
    run = perform(4)
    labels = np.repeat(run.labels, run.counts.sum(1))
    predicted = np.concatenate([np.repeat(np.arange(4), row) for row in run.counts])
    found = estimate_scores([run], "frame", 10)
    assert found["accuracy"].mean == pytest.approx(accuracy_score(labels, predicted))
    assert found["f1"].mean == pytest.approx(f1_score(labels, predicted, average="macro"))


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    covered, truth = 0, 0.5  # binomial: each dancer has one clip of one frame
    for seed in range(200):
        random = np.random.default_rng(seed)
        right = random.random(40) < truth
        probabilities = np.where(right[:, None], [1.0, 0.0], [0.0, 1.0])
        names = tuple(f"d{i}" for i in range(40))
        run = Predictions.from_frames(probabilities, np.arange(40), np.zeros(40, int), names, ("a", "b"), names)
        found = estimate_scores([run], "frame", 300, seed)["accuracy"]
        covered += found.low <= truth <= found.high
    assert 0.88 <= covered / 200 <= 0.99


def test_one_dancer_has_no_interval():
    found = estimate_scores([perform(0, dancers=1)], "frame", 20)
    assert found["accuracy"].to_json()["interval"] is None and set(found) == set(SCORES)
    json.dumps([estimate.to_json() for estimate in found.values()], allow_nan=False)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: estimate_scores([perform(0)], "second"), "use 'frame' or 'clip'"),
        (lambda: compare_dancers([(1, [perform(0)]), (-1, [perform(0, names=("z",))])]), "no dancer was tested"),
    ],
)
def test_what_cannot_be_estimated_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def run(right: list[int], frames: int = 10, dancers: tuple[str, ...] = ("Ada", "Bo", "Cy", "Di")) -> Predictions:
    """Return one clip of `frames` frames a dancer; right[i] of them are recognised."""
    counts = [[hits, frames - hits] for hits in right]
    ids = tuple(f"clip {i}" for i in range(len(dancers)))
    return Predictions(("Tok", "TDS"), ids, dancers, [0] * len(dancers), np.array(counts) / frames, counts)


def difference(p: float, mean: float = 0.1) -> DancerDifference:
    return DancerDifference(mean, mean - 0.1, mean + 0.1, p, 4)


def test_a_dancers_accuracy_is_that_of_the_pooled_runs():
    found = accuracy_by_dancer([run([10, 5, 0, 2]), run([8, 5, 0, 4])])
    assert found == pytest.approx({"Ada": 0.9, "Bo": 0.5, "Cy": 0, "Di": 0.3})


def test_a_difference_is_scipys_paired_t():
    first, second = [9, 7, 8, 3], [5, 6, 5, 1]
    found = compare_dancers([(1, [run(first)]), (-1, [run(second)])])
    theirs = stats.ttest_rel(np.array(first) / 10, np.array(second) / 10)
    assert found.mean == pytest.approx(0.25) and found.p == pytest.approx(theirs.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval()))
    assert (found.dancers, found.runs) == (4, 1)


def test_a_difference_of_differences_is_computed_for_each_dancer():
    sides = [[9, 7, 8, 3], [5, 6, 5, 1], [9, 9, 9, 9], [8, 9, 7, 9]]
    found = compare_dancers([(weight, [run(hits)]) for weight, hits in zip((1, -1, -1, 1), sides, strict=True)])
    own = np.array([3, 1, 1, 2]) / 10  # (9 - 5) - (9 - 8), and so on
    assert found.mean == pytest.approx(own.mean()) and found.p == pytest.approx(stats.ttest_1samp(own, 0).pvalue)


def test_only_dancers_of_all_sides_count():
    found = compare_dancers([(1, [run([9, 8], dancers=("Ada", "Bo"))]), (-1, [run([1, 2], dancers=("Bo", "Cy"))])])
    assert found.mean == pytest.approx(0.7) and found.dancers == 1 and np.isnan(found.p)


def test_dancers_who_share_a_network_are_one_unit_where_networks_differ():
    names = [("Ada", "Bo"), ("Cy", "Di"), ("Ed", "Flo")]
    first = [run(hits, dancers=pair) for hits, pair in zip(([9, 9], [5, 5], [7, 6]), names, strict=True)]
    second = [run([4, 4], dancers=pair) for pair in names]
    found = compare_dancers([(1, first), (-1, second)])
    means = stats.ttest_1samp([0.5, 0.1, 0.25], 0)  # of the three networks
    assert found.mean == pytest.approx(0.85 / 3) and found.p == pytest.approx(means.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(means.confidence_interval()))
    # networks that do not differ more than their dancers leave the dancers as the unit
    first = [run(hits, dancers=pair) for hits, pair in zip(([9, 5], [5, 9], [7, 6]), names, strict=True)]
    found = compare_dancers([(1, first), (-1, second)])
    assert found.p == pytest.approx(stats.ttest_1samp([0.5, 0.1, 0.1, 0.5, 0.3, 0.2], 0).pvalue)


def test_over_twenty_dancers_of_five_networks_the_test_keeps_its_level():
    random, alarms = np.random.default_rng(0), 0
    for _ in range(400):
        own = 0.5 + random.normal(0, 0.1, 20) + np.repeat(random.normal(0, 0.1, 5), 4)
        hits = np.clip(np.round(own * 100), 0, 100).astype(int)
        folds = [tuple(f"{fold}{number}" for number in range(4)) for fold in range(5)]
        sides = [
            [run(list(part), 100, dancers) for part, dancers in zip(np.split(values, 5), folds, strict=True)]
            for values in (hits, np.full(20, 50))
        ]
        alarms += compare_dancers([(1, sides[0]), (-1, sides[1])]).p < 0.05
    assert alarms / 400 < 0.08


def test_no_spread_is_not_significant():
    found = compare_dancers([(1, [run([9, 9, 9, 9])]), (-1, [run([8, 8, 8, 8])])])
    assert found.p == 1.0


def test_holm_by_hand():
    found = holm({"a": difference(0.01), "b": difference(0.04), "c": difference(0.03), "d": difference(float("nan"))})
    assert [found[name].p for name in "abc"] == pytest.approx([0.03, 0.06, 0.06])
    assert np.isnan(found["d"].p)


def test_over_four_dancers_the_t_test_keeps_its_level_and_the_bootstrap_does_not():
    random = np.random.default_rng(0)
    alarms = {"t": 0, "bootstrap": 0}
    for _ in range(300):
        sides = [run(list(random.binomial(40, random.uniform(0.3, 0.7, 4))), 40) for _ in range(2)]
        alarms["t"] += compare_dancers([(1, sides[:1]), (-1, sides[1:])]).p < 0.05
        found = estimate_difference(sides[:1], sides[1:], "frame", 200)["accuracy"]
        alarms["bootstrap"] += found.low > 0 or found.high < 0
    assert alarms["t"] < 27 < alarms["bootstrap"]
