from dance_tf.audit.published import ALL_FRAMES, TABLE_1
from dance_tf.audit.table_1 import as_large_as_table_1
from dance_tf.synthesis.choreography import STYLES
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.take import planned_frames, render_clip


def test_the_frames_of_each_style_add_up_to_table_1_and_all_to_263471():
    settings = as_large_as_table_1(StudioSettings())
    good = dict.fromkeys((style.abbreviation for style in STYLES), 0)
    spoilt = 0
    for style, dancer in settings.clips():
        plan, frames = planned_frames(style, dancer, settings)
        good[STYLES[style].abbreviation] += frames - plan.frames
        spoilt += plan.frames
    assert good == {row.abbreviation: row.frames for row in TABLE_1}
    assert sum(good.values()) == ALL_FRAMES.value == 263_471
    assert 0.02 < spoilt / 263_471 < 0.2


def test_a_clip_is_as_long_as_planned():
    settings = as_large_as_table_1(StudioSettings(width=54, height=96))
    plan, frames = planned_frames(3, 7, settings)
    truth = render_clip(3, 7, settings).truth
    assert (truth.frames, truth.faults) == (frames, plan.faults)
    assert frames - plan.frames == 949  # Supalonely's 18,987 over 20 dancers, the remaining 7 to the first ones
    assert planned_frames(3, 6, settings)[1] - planned_frames(3, 6, settings)[0].frames == 950
