import numpy as np

from dance_tf.audit.own import OwnAudit, audit_confusions

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
