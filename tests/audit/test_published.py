import pytest

from dance_tf.audit import published
from dance_tf.audit.published import (
    TABLE_1,
    TABLE_2,
    TABLE_3,
    TABLE_4,
    TABLE_5,
    as_large_as_table_1,
    similar_pairs,
    table_frame,
)
from dance_tf.synthesis.choreography import STYLES
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.take import RenderedClip, planned_frames


@pytest.mark.parametrize(
    ("number", "rows", "sums"),
    [
        (1, 12, {"frames": 263_471}),
        (2, 9, {"accuracy": 857.90, "precision": 857.59, "sensitivity": 855.42, "specificity": 884.54, "f1": 856.67}),
        (3, 9, {"accuracy": 864.67, "recall": 858.01, "kappa": 646.34}),
        (4, 5, {"training_minutes": 1135, "attention_seconds": 3.28, "inference_seconds": 126.71, "size_mb": 614.1}),
        (5, 15, {"accuracy": 1412.86, "f1": 1414.97}),
    ],
)
def test_sums_of_the_tables(number, rows, sums):
    table = table_frame(number)
    assert len(table) == rows
    assert {name: round(float(table[name].sum()), 2) for name in sums} == sums


def test_rows_of_the_tables():
    assert published.ALL_FRAMES == sum(row.frames for row in TABLE_1)
    assert " ".join(row.abbreviation for row in TABLE_1) == "Tok TDS TMM SUP STTL LOT SaS LAX DDM BL BU ATTM"
    assert {row.abbreviation for row in TABLE_1 if row.sources == "TikTok"} == {"TDS", "SUP", "STTL", "DDM", "BL"}
    assert [row.experiment for row in TABLE_2 if row.strategy == published.PROPOSED] == [1, 2, 3]
    assert [row.interval for row in TABLE_3] == list(range(2, 11))
    assert round(TABLE_5[0].accuracy - min(row.accuracy for row in TABLE_5), 2) == published.WORST_DROP


def test_styles_and_conditions_named_in_the_text():
    styles = {row.style for row in TABLE_1}
    assert {style for pair in published.SIMILAR_STYLES for style in pair} <= styles
    assert not set(published.TABLE_4_SIMILAR_STYLES) & styles
    assert set(published.SEVEREST_CONDITIONS) <= {row.condition for row in TABLE_5}


def test_similar_pairs_are_found_if_both_styles_are_given():
    assert similar_pairs(("Say So", "Tokyo", "Supalonely", "Big Up's")) == ((2, 0),)
    assert similar_pairs(("Big Up’s", "All TikTok Mashup")) == ((0, 1),)
    assert similar_pairs(("Big Up's", "All TikTok Mashup", "Say So")) == ((0, 1),)
    assert similar_pairs(("Tokyo",)) == ()


def test_fault_free_frames_of_each_style_sum_to_table_1():
    settings = as_large_as_table_1(StudioSettings())
    good = dict.fromkeys((style.abbreviation for style in STYLES), 0)
    faulty = 0
    for style, dancer in settings.clips():
        plan, frames = planned_frames(style, dancer, settings)
        good[STYLES[style].abbreviation] += frames - plan.frames
        faulty += plan.frames
    assert good == {row.abbreviation: row.frames for row in TABLE_1}
    assert 0.02 < faulty / 263_471 < 0.2


def test_a_clip_has_the_planned_length():
    settings = as_large_as_table_1(StudioSettings(width=54, height=96))
    plan, frames = planned_frames(3, 7, settings)
    truth = RenderedClip(3, 7, settings).truth
    assert (truth.frames, truth.faults) == (frames, plan.faults)
    assert frames - plan.frames == 949  # 18,987 frames of Supalonely for 20 dancers; the first 7 have one more
    assert planned_frames(3, 6, settings)[1] - planned_frames(3, 6, settings)[0].frames == 950


def test_every_row_is_in_the_text_of_the_paper(paper_text):
    for row in TABLE_1:
        assert f"{row.style} | {row.abbreviation} | {row.sources} | {row.frames:,} |" in paper_text
    for row in TABLE_2:
        values = (row.precision, row.sensitivity, row.specificity, row.accuracy, row.f1)
        assert f"{row.strategy} | " + " | ".join(f"{value:.2f}" for value in values) + " |" in paper_text
    for row in TABLE_3:
        assert f"{row.accuracy:.2f} | {row.recall:.2f} | {row.kappa:.2f} |" in paper_text
    for row in TABLE_4:
        attention = "—" if row.attention_seconds is None else f"{row.attention_seconds:.2f}"
        training = f"{row.training_minutes // 60}:{row.training_minutes % 60:02d}"
        cells = (f"{row.extraction_seconds:.2f}", attention, f"{row.size_mb:.1f}", training)
        assert f"| {row.confusion_rate:.2f} | {' | '.join(cells)} | {row.inference_seconds:.2f} |" in paper_text
    for row in TABLE_5:
        words = f"{row.condition} | {row.disturbance} | {row.description}"
        assert f"{words} | {row.accuracy:.2f} | {row.f1:.2f} |" in paper_text
