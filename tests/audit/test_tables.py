import os
from pathlib import Path

import numpy as np
import pytest

from dance_tf.audit import published as tables
from dance_tf.audit.published import TABLE_1, TABLE_2, TABLE_3, TABLE_4, TABLE_5, TABLES, claims_frame, table_frame


def test_every_table_has_its_rows():
    assert {number: len(rows) for number, rows in TABLES.items()} == {1: 12, 2: 9, 3: 9, 4: 5, 5: 15}


def test_table_1_sums_to_the_frames_the_text_states():
    assert sum(row.frames for row in TABLE_1) == 263_471 == tables.ALL_FRAMES.value
    assert " ".join(row.abbreviation for row in TABLE_1) == "Tok TDS TMM SUP STTL LOT SaS LAX DDM BL BU ATTM"
    assert {row.abbreviation for row in TABLE_1 if row.sources == "TikTok"} == {"TDS", "SUP", "STTL", "DDM", "BL"}
    assert {row.style: row.frames for row in TABLE_1}["Say So"] == 24_890


def test_table_2_has_the_averages_that_the_checklist_works_out():
    proposed = [row for row in TABLE_2 if row.strategy == tables.PROPOSED]
    assert [row.experiment for row in proposed] == [1, 2, 3]
    means = [round(sum(getattr(row, name) for row in proposed) / 3, 3) for name in ("precision", "f1", "accuracy")]
    assert means == [97.237, 97.137, 97.077]
    assert [row.specificity for row in TABLE_2] == [96.51, 97.58, 99.66, 96.92, 97.79, 99.76, 97.88, 98.69, 99.75]


def test_table_3_falls_with_every_frame_dropped():
    assert [row.interval for row in TABLE_3] == list(range(2, 11))
    for name in ("accuracy", "recall", "kappa"):
        assert (np.diff([getattr(row, name) for row in TABLE_3]) < 0).all()
    assert sum(row.kappa for row in TABLE_3) == pytest.approx(646.34)


def test_table_4_times():
    assert [row.training_minutes for row in TABLE_4] == [175, 195, 228, 245, 292]
    assert [row.attention_seconds for row in TABLE_4] == [None] * 4 + [3.28]
    assert sum(row.inference_seconds for row in TABLE_4) == pytest.approx(126.71)


def test_table_5_has_a_baseline_and_fourteen_conditions():
    baseline, *conditions = TABLE_5
    assert (baseline.accuracy, baseline.f1) == (97.14, 97.30)
    assert round(baseline.accuracy - min(row.accuracy for row in conditions), 2) == tables.WORST_DROP.value
    assert all(row.f1 > row.accuracy for row in TABLE_5)


def test_styles_named_in_the_text_are_in_table_1_or_known_not_to_be():
    styles = {row.style for row in TABLE_1}
    assert {style for pair in tables.SIMILAR_STYLES for style in pair} <= styles
    assert not set(tables.TABLE_4_SIMILAR_STYLES) & styles
    assert set(tables.SEVEREST_CONDITIONS) <= {row.condition for row in TABLE_5}


def test_frames_hold_the_same_numbers():
    table = table_frame(2)
    assert list(table.columns) == [
        "experiment",
        "strategy",
        "precision",
        "sensitivity",
        "specificity",
        "accuracy",
        "f1",
    ]
    assert table.groupby("strategy")["accuracy"].mean()["ResNet"] == pytest.approx(93.9366667)
    assert len(table_frame(5)) == 15
    assert claims_frame().set_index("name").loc["frames in all", "value"] == 263_471
    with pytest.raises(ValueError, match="tables 1 to 5"):
        table_frame(6)


def test_every_row_stands_in_the_text_of_the_paper():
    shared = Path(os.environ.get("DANCE_TF_SHARED_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
    texts = sorted((shared.parent / "paper").glob("*.txt"))
    if not texts:
        pytest.skip(f"the paper's text is not beside {shared}")
    text = texts[0].read_text(encoding="utf-8")
    for row in TABLE_1:
        assert f"{row.style} | {row.abbreviation} | {row.sources} | {row.frames:,} |" in text
    for row in TABLE_2:
        values = (row.precision, row.sensitivity, row.specificity, row.accuracy, row.f1)
        assert f"{row.strategy} | " + " | ".join(f"{value:.2f}" for value in values) + " |" in text
    for row in TABLE_3:
        assert f"{row.accuracy:.2f} | {row.recall:.2f} | {row.kappa:.2f} |" in text
    for row in TABLE_4:
        attention = "—" if row.attention_seconds is None else f"{row.attention_seconds:.2f}"
        training = f"{row.training_minutes // 60}:{row.training_minutes % 60:02d}"
        assert (
            f"| {row.confusion_rate:.2f} | {row.extraction_seconds:.2f} | {attention} | {row.size_mb:.1f} | "
            f"{training} | {row.inference_seconds:.2f} |" in text
        )
    for row in TABLE_5:
        assert f"{row.condition} | {row.disturbance} | {row.description} | {row.accuracy:.2f} | {row.f1:.2f} |" in text
