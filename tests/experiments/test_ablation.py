"""Ablations as rows of a file."""

from pathlib import Path

import pytest

from dance_tf.experiments.strategies import BASE, Ablation, read_ablations
from dance_tf.model.networks import STRATEGIES
from dance_tf.model.train import TrainingSettings

ROWS = Path(__file__).resolve().parents[2] / "notebooks" / "ablations.yaml"


def test_changes_reach_the_training_and_the_network():
    base = TrainingSettings()
    changed = Ablation("x", "x", {"squeeze_ratio": 2, "freeze_encoder": True}).apply(base)
    assert (changed.network.squeeze_ratio, changed.freeze_encoder) == (2, True)
    assert (changed.network.classes, changed.schedule) == (base.network.classes, base.schedule)
    assert Ablation(BASE, "as proposed").apply(base) == base


def test_the_published_rows_change_what_the_paper_hints_at():
    rows = read_ablations(ROWS)
    assert rows[0] == Ablation(BASE, "as proposed")
    changed = {setting for row in rows for setting in row.changes}
    hinted = {"strategy", "spatial_attention", "squeeze_ratio", "progressive", "freeze_encoder"}
    assert hinted | {"low_resolution_factor", "gated_logits"} == changed
    settings = [row.apply(TrainingSettings()) for row in rows]
    assert len(set(settings)) == len(rows)
    assert all(one.strategy in STRATEGIES for one in settings)


def test_only_the_first_rows_are_taken_where_a_run_is_short():
    rows = read_ablations(ROWS)
    assert read_ablations(ROWS, 2) == rows[:3]
    assert {setting for row in read_ablations(ROWS, 7) for setting in row.changes} == {
        setting for row in rows for setting in row.changes
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- {name: a, title: b}", "row 1 .* must have name, title and changes"),
        ("- {name: a, title: b, changes: {squeeze: 2}}", "changes squeeze, which no setting is"),
        ("- &r {name: a, title: b, changes: {gated_logits: true}}\n- *r", "two rows named a"),
    ],
)
def test_faulty_rows_are_refused(tmp_path, text, said):
    path = tmp_path / "rows.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=said):
        read_ablations(path)
