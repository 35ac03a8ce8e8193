import math

import numpy as np
import pytest

from dance_tf.audit.own import OwnAudit, audit_confusions, audit_metrics, similar_confusion
from dance_tf.evaluation.predictions import Predictions

STYLES = ("Say So", "Tokyo", "Supalonely", "Big Up's")


def random_confusions(random, folds=3):
    """Confusion matrices [folds, styles, styles] whose class sizes differ much between the folds."""
    styles, clips = int(random.integers(2, 13)), 30
    skill = random.random()
    rates = skill * np.eye(styles) + (1 - skill) / styles
    supports = random.multinomial(clips, np.full(styles, 1 / styles), size=folds) * int(random.integers(1, 12))
    return np.array([[random.multinomial(n, row) for n, row in zip(fold, rates, strict=True)] for fold in supports])


def test_true_scores_and_their_means_have_no_findings():
    random = np.random.default_rng(0)
    confusions = {f"setting {number}": random_confusions(random) for number in range(40)}
    assert audit_confusions(confusions) == OwnAudit(40 * 4, (), runs=40 * 3)  # three folds and their mean
    assert audit_confusions({"one": confusions["setting 0"][0]}) == OwnAudit(1, (), runs=1)
    assert audit_confusions({}) == OwnAudit(0, ())


def test_the_class_sizes_of_a_mean_are_used_if_those_of_its_runs_are_similar(monkeypatch):
    supports = []
    monkeypatch.setattr("dance_tf.audit.own.audit_row", lambda *args, averaged=False: supports.append(args[2]) or ())
    for second in ([11, 10], [20, 10]):
        audit_confusions({"runs": np.array([np.diag([10, 10]), np.diag(second)])})
    assert supports == [(10, 10), (11, 10), (21, 20), (10, 10), (20, 10), None]


def test_results_add_up():
    assert OwnAudit(2, (), runs=1) + OwnAudit(3, (), means=3) == OwnAudit(5, (), runs=1, means=3)


def test_groups_of_scores_are_found_at_any_depth_and_differences_are_not():
    def group(f1):
        values = dict(accuracy=0.5, precision=0.5, sensitivity=0.5, specificity=0.95, f1=f1, kappa=0.45)
        return {name: {"mean": mean, "interval": None, "runs": 1} for name, mean in values.items()}

    metrics = {
        "strategies": {"cnn": {"dancer": {"frame": group(0.49), "held_out": {"clip": group(0.5)}}}},
        "robustness": {"drop": {"frame": group(0.7)}, "rpc": group(0.7), "frame": group(0.55)},
        "leakage": {"gaps": group(0.9), "near": 3, "unknown": group(None)},
    }
    own = audit_metrics("section", metrics, 12)
    assert (own.rows, own.means, own.runs) == (3, 3, 0)
    (finding,) = own.findings
    assert (finding.row, finding.values[0]) == ("section/robustness/frame", ("f1", "55.00"))


def predictions(pairs, dancers, styles=STYLES):
    """One frame of its own clip for each (true, predicted); `dancers` of the clips."""
    probabilities = np.eye(len(styles))[[styles.index(predicted) for _, predicted in pairs]]
    labels = [styles.index(true) for true, _ in pairs]
    clips = np.arange(len(pairs))
    return Predictions(probabilities, labels, clips, dancers, styles, [f"c{clip}" for clip in clips])


def test_the_confusion_rate_counts_both_styles_of_a_pair():
    rows = [
        ("Say So", "Supalonely"),
        ("Say So", "Say So"),
        ("Supalonely", "Tokyo"),
        ("Supalonely", "Say So"),
        ("Tokyo", "Say So"),
    ]
    first = predictions(rows, ["x", "x", "y", "y", "y"])
    second = predictions(rows[1:], ["x", "y", "y", "y"])
    found = similar_confusion([first, second], resamples=400, seed=1)
    assert found.mean == pytest.approx((2 / 4 + 1 / 3) / 2)
    # dancer x alone: 1 of 2 and 0 of 1; y alone: 1 of 2 and 1 of 2
    assert (found.low, found.high) == pytest.approx((0.25, 0.5))
    assert found.runs == 2


def test_no_pair_gives_no_rate_and_one_dancer_no_interval():
    assert math.isnan(similar_confusion([predictions([("Tokyo", "Tokyo")], ["x"], ("Tokyo", "Laxed"))]).mean)
    found = similar_confusion([predictions([("Say So", "Supalonely")], ["x"])])
    assert found.mean == 1.0
    assert math.isnan(found.low)
