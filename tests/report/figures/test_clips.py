"""Sample frames, film strips, backgrounds."""

import numpy as np
import pytest

from dance_tf.curation.filters import BLANK, BLURRED, NO_DANCING, DroppedFrame
from dance_tf.report.figures import background_views, clip_strip, sample_frames
from dance_tf.report.figures.clips import REASON_COLOURS, choose_frames

STYLES = ["Tok", "TDS", "TMM", "SUP", "STTL", "LOT", "SaS", "LAX", "DDM", "BL", "BU", "ATTM"]


def test_sample_frames_show_the_frames_of_each_style(frames, sound):
    shown = frames(12, 3)
    figure = sound(sample_frames(shown[..., None], STYLES, "synthetic"))
    strips = {axes.get_ylabel(): axes.images[0].get_array() for axes in figure.axes if axes.get_ylabel()}
    assert list(strips) != []
    assert set(strips) == set(STYLES)
    for style, row in zip(STYLES, shown, strict=True):
        assert np.array_equal(strips[style][:, :128], row[0])
        assert np.array_equal(strips[style][:, -128:], row[2])


def test_sample_frames_need_a_name_per_row(frames):
    with pytest.raises(ValueError, match="2 rows of frames for 3 styles"):
        sample_frames(frames(2, 1), STYLES[:3], "synthetic")


def test_sample_frames_of_few_styles(frames, sound):
    sound(sample_frames(frames(3, 2), STYLES[:3], "ballroom"), "ballroom")


def dropped(*spans):
    return [DroppedFrame(i, i / 10, reason, 0.0) for start, stop, reason in spans for i in range(start, stop)]


def test_chosen_frames_hold_the_middle_of_each_run():
    times = np.arange(100) / 10
    runs = dropped((0, 9, BLANK), (40, 45, BLURRED), (70, 80, NO_DANCING))
    chosen = choose_frames(times, runs, 16)
    assert len(chosen) == 16
    assert chosen == sorted(set(chosen))
    assert {4, 42, 75} <= set(chosen)


def test_a_short_clip_is_shown_whole():
    assert choose_frames(np.arange(3) / 10, [], 16) == [0, 1, 2]


def test_many_short_runs_leave_room_for_the_dance():
    runs = [DroppedFrame(i, i / 10, BLURRED, 0.0) for i in range(0, 100, 2)]
    chosen = choose_frames(np.arange(100) / 10, runs, 16)
    assert chosen[-1] == 99
    assert len(chosen) == 16
    assert max(np.diff(chosen)) < 20


def test_a_film_strip_marks_what_was_dropped_and_why(frames, sound):
    times = np.arange(60) / 10
    runs = dropped((0, 6, BLANK), (30, 33, BLURRED))
    kept = np.delete(times, [frame.index for frame in runs])
    figure = sound(clip_strip(frames(60), times, runs, kept, "Say So, dancer 3", "synthetic"))
    assert figure.get_suptitle().startswith("Say So, dancer 3")
    labels = {axes.get_xlabel() for axes in figure.axes}
    assert {"0.30 s blank", "3.10 s blurred"} <= labels
    assert any(label.endswith(" s") for label in labels)
    line = figure.axes[-1]
    legend = [text.get_text() for text in line.get_legend().get_texts()]
    assert legend == ["kept (51)", "blank (6)", "blurred (3)"]
    moments = [events.get_positions() for events in line.collections]
    assert [len(events) for events in moments] == [51, 6, 3]
    assert np.allclose(moments[2], [3.0, 3.1, 3.2])


def test_a_film_strip_labels_wrong_decisions(frames, sound):
    times = np.arange(16) / 10
    runs = dropped((0, 3, BLANK), (8, 10, NO_DANCING))
    kept = np.delete(times, [frame.index for frame in runs])
    truth = [BLANK] * 3 + [""] * 6 + [NO_DANCING] * 3 + [""] * 4
    figure = sound(clip_strip(frames(16), times, runs, kept, "Say So, dancer 3", "synthetic", truth=truth))
    labels = [axes.get_xlabel() for axes in figure.axes]
    assert labels[2] == "0.20 s blank"  # rightly dropped
    assert labels[8] == "0.80 s no dancing\nwrongly dropped"
    assert labels[9] == "0.90 s no dancing"
    assert labels[10] == "1.00 s\nmissed: no dancing"
    assert labels[12] == "1.20 s"
    line = figure.axes[-1]
    assert [text.get_text() for text in line.get_yticklabels()] == ["curation", "truth"]
    legend = [text.get_text() for text in line.get_legend().get_texts()]
    assert legend == ["kept (11)", "blank (3, truth 3)", "no dancing (2, truth 3)"]
    planted = [events.get_positions() for events in line.collections if events.get_lineoffset() == -1.15]
    assert [len(events) for events in planted] == [10, 3, 3]
    assert np.allclose(planted[2], [0.9, 1.0, 1.1])


def test_a_truth_of_another_length_is_refused(frames):
    times = np.arange(5) / 10
    with pytest.raises(ValueError, match="the truth has 4 frames, but 5 were read"):
        clip_strip(frames(5), times, [], times, "Toca Toca", "synthetic", truth=[""] * 4)


def test_every_reason_has_its_own_colour():
    assert len(set(REASON_COLOURS.values())) == len(REASON_COLOURS) == 3


def test_a_clip_with_nothing_dropped(frames, sound):
    times = np.arange(5) / 10
    figure = sound(clip_strip(frames(5), times, [], times, "Toca Toca", "synthetic"))
    assert len(figure.axes) == 6


def test_background_views_have_a_column_per_clip(frames, sound):
    views = [frames(2)[..., None] for _ in range(3)]
    figure = sound(background_views(*views, ["SUP, 1", "SaS, 2"], "synthetic"))
    assert [axes.get_title() for axes in figure.axes[:2]] == ["SUP, 1", "SaS, 2"]
    shown = [axes.images[0].get_array() for axes in figure.axes]
    assert np.array_equal(shown[5], views[2][1, ..., 0])
    with pytest.raises(ValueError, match="1 labels"):
        background_views(*views, ["SUP"], "synthetic")
