import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from dance_tf.audit import published as tables
from dance_tf.audit.claims import audit_claims, clip_seconds, least_accuracy_of_kept, mean_of, not_falling
from dance_tf.audit.claims_cost import audit_costs, most_weights_described
from dance_tf.audit.claims_prose import audit_prose, feature_megabits


def rules():
    return [finding.rule for finding in audit_claims()]


def test_a_mean_of_printed_numbers():
    assert mean_of([96.38, 97.48, 97.37]) == (pytest.approx(97.07167, abs=1e-5), pytest.approx(97.08167, abs=1e-5))


def test_a_claimed_fall():
    assert not_falling([5, 4, 3]) == []
    assert not_falling([5, 6, 3, 3]) == [(0, 1), (2, 3)]


def test_dropping_right_frames_hurts_at_most_so_much():
    # of 100 frames 90 are right; 20 right ones go: 70 of 80
    assert least_accuracy_of_kept(0.9, 0.2) == pytest.approx(70 / 80)
    assert least_accuracy_of_kept(0.1, 0.2) == 0
    assert least_accuracy_of_kept(0.5, 0.0) == 0.5


def test_weights_of_the_fully_connected_layers_are_counted():
    head = 1536 * 400 + 400 + 400 * 150 + 150 + 150 * 12 + 12
    assert head == 676_762
    assert head < most_weights_described() < 1_000_000


def test_a_table_that_does_not_sum_is_found(monkeypatch):
    first, *others = tables.TABLE_1
    monkeypatch.setattr(tables, "TABLE_1", (replace(first, frames=22_366), *others))
    assert "sum of frames" in rules()


def test_claims_that_fit_are_not_told(monkeypatch):
    monkeypatch.setattr(tables, "ABSTRACT_ACCURACY", replace(tables.ABSTRACT_ACCURACY, value=97.08))
    monkeypatch.setattr(tables, "ABSTRACT_F1", replace(tables.ABSTRACT_F1, value=97.14))
    monkeypatch.setattr(tables, "MEAN_ACCURACY", replace(tables.MEAN_ACCURACY, value=97.08))
    monkeypatch.setattr(tables, "RIVAL_ACCURACY", replace(tables.RIVAL_ACCURACY, value=95.7))
    monkeypatch.setattr(tables, "SAY_SO_FRAMES", replace(tables.SAY_SO_FRAMES, value=24_890))
    monkeypatch.setattr(tables, "VIDEOS", replace(tables.VIDEOS, value=300))
    left = rules()
    assert not {rule for rule in left if rule.startswith("claim against")}
    assert "two counts of the same frames" not in left and "videos by source" not in left


def test_a_rise_in_table_3_is_found(monkeypatch):
    rows = list(tables.TABLE_3)
    rows[4] = replace(rows[4], accuracy=96.60, kappa=72.29)
    monkeypatch.setattr(tables, "TABLE_3", tuple(rows))
    assert rules().count("claimed fall") == 2


def test_table_5_against_its_text(monkeypatch):
    rows = {row.condition: row for row in tables.TABLE_5}
    rows["Low resolution (360p)"] = replace(rows["Low resolution (360p)"], accuracy=95.0)
    rows["Frame drop (20%)"] = replace(rows["Frame drop (20%)"], accuracy=96.9)
    monkeypatch.setattr(tables, "TABLE_5", tuple(rows.values()))
    assert "ranking in the text" not in rules()
    assert "accuracy of the frames that are kept" not in rules()
    rows["Rain effect"] = replace(rows["Rain effect"], accuracy=90.0)
    monkeypatch.setattr(tables, "TABLE_5", tuple(rows.values()))
    assert {"largest loss", "ranking in the text"} <= set(rules())


def test_times_that_add_up_are_not_told(monkeypatch):
    *others, proposed = tables.TABLE_4
    monkeypatch.setattr(tables, "TABLE_4", (*others, replace(proposed, inference_seconds=33.05)))
    assert "same work in less time" not in {finding.rule for finding in audit_costs()}
    monkeypatch.setattr(tables, "TABLE_4", (*others, replace(proposed, inference_seconds=25.03, size_mb=3.1)))
    assert {"times do not add up", "size against described layers"}.isdisjoint(
        finding.rule for finding in audit_costs()
    )


def told(rule):
    return {finding.row: finding.message for finding in audit_claims() if finding.rule == rule}


def test_clips_longer_than_the_text_says_are_found(monkeypatch):
    assert clip_seconds(24_890) == pytest.approx(24_890 / 20 / 30)
    found = told("length of the clips")
    assert list(found) == ["Table 1, Lottery", "Table 1, Say So"]
    assert "41.5 s a clip" in found["Table 1, Say So"] and "41.0 s a clip" in found["Table 1, Lottery"]
    monkeypatch.setattr(tables, "LONGEST_CLIPS", replace(tables.LONGEST_CLIPS, value=42))
    assert not told("length of the clips")


def test_the_clean_row_of_table_5_is_held_against_table_2(monkeypatch):
    found = [finding for finding in audit_claims() if finding.rule == "clean frames against Table 2"]
    assert [finding.values for finding in found] == [
        (("accuracy", "97.14"), ("mean accuracy of Table 2", "97.077")),
        (("f1", "97.30"), ("mean f1 of Table 2", "97.137")),
    ]
    baseline, *others = tables.TABLE_5
    monkeypatch.setattr(tables, "TABLE_5", (replace(baseline, accuracy=97.08, f1=97.14), *others))
    assert not told("clean frames against Table 2")


def test_training_times_are_held_against_the_text(monkeypatch):
    assert "4.9 h is the longest" in told("training time against the text")["Table 4, CNN + AE + Attention"]
    monkeypatch.setattr(tables, "LEAST_TRAINING", replace(tables.LEAST_TRAINING, value=4))
    assert not told("training time against the text")


def test_what_360_lines_cannot_cost_a_network_that_sees_128(monkeypatch):
    (message,) = told("pixels that the network never sees").values()
    assert message.startswith("it costs 5.77 points, more than severe noise (3.29)")
    monkeypatch.setattr(tables, "INPUT_SIDE", replace(tables.INPUT_SIDE, value=512))
    assert not told("pixels that the network never sees")


def test_bits_of_the_features():
    assert feature_megabits(32) == pytest.approx(1536 * 32 * 30 / 1e6)
    (message,) = told("features sent in place of frames").values()
    assert message.startswith("1536 float32")
    assert "1.47 Mbit/s (0.37 in 8 bits), the network's uncompressed input 3.93" in message


def test_sentences_that_speak_against_each_other_are_told():
    quoted = {finding.row: finding for finding in audit_prose()}
    assert quoted["Figure 1"].level == "impossible"
    assert "porous materials" in quoted["Figure 1"].message
    assert '"simulated and estimated"' in quoted["Table 5"].message
    assert "its 15 rows have two decimals" in quoted["Table 5"].message
    assert "steps 2 and 3 are both" in quoted["section 3.5, list of steps"].message


def test_what_is_quoted_stands_in_the_text_of_the_paper():
    shared = Path(os.environ.get("DANCE_TF_SHARED_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
    texts = sorted((shared.parent / "paper").glob("*.txt"))
    if not texts:
        pytest.skip(f"the paper's text is not beside {shared}")
    text = texts[0].read_text(encoding="utf-8").lower()
    quotes = [quote for finding in audit_prose() for quote in re.findall('"([^"]+)"', finding.message)]
    assert len(quotes) == 7
    assert not [quote for quote in quotes if quote.lower() not in text]
