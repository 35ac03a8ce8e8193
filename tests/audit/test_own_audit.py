"""The auditor on our own rows: thousands of honest ones pass, a planted fault is found."""

import numpy as np
import pytest

from dance_tf.audit.own import OwnAudit, _whole, audit_metrics, audit_runs, print_row
from dance_tf.audit.rules import audit_row
from dance_tf.evaluation.predictions import Predictions
from dance_tf.experiments.spec import Job, Result
from dance_tf.model.train import TrainingSettings


def noisy(generator, styles, clips, frames, skill):
    """Frames of clips whose verdicts are right with the chance `skill`."""
    labels = np.repeat(generator.integers(0, styles, clips), frames)
    probabilities = generator.dirichlet(np.ones(styles), len(labels)).astype(np.float32)
    right = generator.random(len(labels)) < skill
    probabilities[right, labels[right]] += 1
    names = tuple(f"clip{number}" for number in range(clips))
    return Predictions(
        probabilities / probabilities.sum(axis=1, keepdims=True),
        labels,
        np.repeat(np.arange(clips), frames),
        names,
        tuple(f"style{number}" for number in range(styles)),
        names,
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Eight settings, three folds each."""
    generator = np.random.default_rng(0)
    found = []
    for setting in range(8):
        styles, clips, frames = int(generator.integers(2, 13)), 30, int(generator.integers(1, 12))
        for fold in range(3):
            folder = tmp_path_factory.mktemp("run")
            for part in ("validation", "test"):
                noisy(generator, styles, clips, frames, setting / 7).save(folder / f"{part}.npz")
            job = Job(TrainingSettings("cnn", batch_size=setting + 1), "dancer", fold)
            found.append(Result(job, folder, 1, 0, False, 0.0))
    return found


def test_honest_runs_and_their_means_are_accused_of_nothing(results):
    """Also where the class sizes of the folds are far apart, as here, and the mean's sizes say little."""
    # three folds and their mean, two parts, by frame and by clip
    assert audit_runs(results) == OwnAudit(8 * 4 * 2 * 2, (), runs=24)


def test_class_sizes_of_a_mean_are_asked_where_its_folds_are_alike():
    assert _whole(np.array([[10, 10], [11, 10]])) == (21, 20)
    assert _whole(np.array([[10, 10], [20, 10]])) is None
    assert _whole(np.array([[10, 10, 0], [10, 10, 0]])) == (20, 20, 0)


def test_a_single_run_is_held_to_its_own_class_sizes(results):
    own = audit_runs(results[:1])
    assert own == OwnAudit(4, (), runs=1)


def test_rows_add_up():
    assert OwnAudit(2, (), runs=1) + OwnAudit(3, (), means=3) == OwnAudit(5, (), runs=1, means=3)
    assert audit_runs([]) == OwnAudit(0, ())


def test_a_row_is_printed_as_the_paper_prints():
    row = print_row("ours", {"accuracy": 0.97137, "kappa": -0.01})
    assert (row.accuracy.text, row.kappa.text, row.f1) == ("97.14", "-1.00", None)
    assert row.accuracy.low == pytest.approx(0.97135)
    assert audit_row(row, 12) == ()


def test_groups_of_scores_are_found_wherever_they_are_and_differences_are_not():
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
    assert [finding.row for finding in own.findings] == ["section/robustness/frame"]
