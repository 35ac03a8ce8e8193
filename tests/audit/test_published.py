import pytest

from dance_tf.audit import published
from dance_tf.audit.published import TABLE_1, as_large_as_table_1, similar_pairs
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
    table = getattr(published, f"TABLE_{number}")
    assert len(table) == rows
    assert {name: round(float(table[name].sum()), 2) for name in sums} == sums


def test_similar_pairs_are_found_if_both_styles_are_given():
    assert similar_pairs(("Say So", "Tokyo", "Supalonely", "Big Up's")) == ((2, 0),)
    assert similar_pairs(("Big Up’s", "All TikTok Mashup")) == ((0, 1),)
    assert similar_pairs(("Big Up's", "All TikTok Mashup", "Say So")) == ((0, 1),)
    assert similar_pairs(("Tokyo",)) == ()
    assert similar_pairs(tuple(TABLE_1["style"])) == ((3, 6), (10, 11))


def test_fault_free_frames_of_each_style_sum_to_table_1():
    settings = as_large_as_table_1(StudioSettings())
    good = dict.fromkeys((style.abbreviation for style in STYLES), 0)
    faulty = 0
    for style, dancer in settings.clips():
        plan, frames = planned_frames(style, dancer, settings)
        good[STYLES[style].abbreviation] += frames - plan.frames
        faulty += plan.frames
    assert good == dict(zip(TABLE_1["abbreviation"], TABLE_1["frames"], strict=True))
    assert 0.02 < faulty / 263_471 < 0.2


def test_a_clip_has_the_planned_length():
    settings = as_large_as_table_1(StudioSettings(width=54, height=96))
    plan, frames = planned_frames(3, 7, settings)
    truth = RenderedClip(3, 7, settings).truth
    assert (truth.frames, truth.faults) == (frames, plan.faults)
    assert frames - plan.frames == 949  # 18,987 frames of Supalonely for 20 dancers; the first 7 have one more
    assert planned_frames(3, 6, settings)[1] - planned_frames(3, 6, settings)[0].frames == 950


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (1, "{style} | {abbreviation} | {sources} | {frames:,} |"),
        (2, "{strategy} | {precision:.2f} | {sensitivity:.2f} | {specificity:.2f} | {accuracy:.2f} | {f1:.2f} |"),
        (3, "{accuracy:.2f} | {recall:.2f} | {kappa:.2f} |"),
        (
            4,
            "| {confusion_rate:.2f} | {extraction_seconds:.2f} | {attention_seconds:.2f} | {size_mb:.1f} | {training} "
            "| {inference_seconds:.2f} |",
        ),
        (5, "{condition} | {disturbance} | {description} | {accuracy:.2f} | {f1:.2f} |"),
    ],
)
def test_every_row_is_in_the_text_of_the_paper(paper_text, number, line):
    for row in getattr(published, f"TABLE_{number}").to_dict("records"):
        if number == 4:
            row["training"] = "{}:{:02d}".format(*divmod(row["training_minutes"], 60))
        assert line.format(**row).replace("nan", "—") in paper_text
