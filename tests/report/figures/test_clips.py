"""Sample frames, film strips, backgrounds."""

import numpy as np
import pytest

from dance_tf.curation.filters import BLANK, BLURRED, NO_DANCING, DroppedFrame
from dance_tf.report.figures import clip_strip, picture_rows, sample_frames
from dance_tf.report.figures.clips import choose_frames

STYLES = ["Tok", "TDS", "TMM", "SUP", "STTL", "LOT", "SaS", "LAX", "DDM", "BL", "BU", "ATTM"]


@pytest.mark.parametrize(("count", "source"), [(12, "synthetic"), (3, "ballroom")])
def test_sample_frames_show_the_frames_of_each_style(frames, sound, count, source):
    shown, styles = frames(count, 3), STYLES[:count]
    figure = sound(sample_frames(shown[..., None], styles, source), source)
    strips = {axes.get_ylabel(): axes.images[0].get_array() for axes in figure.axes if axes.get_ylabel()}
    assert set(strips) == set(styles)
    for style, row in zip(styles, shown, strict=True):
        assert np.array_equal(strips[style][:, :128], row[0]) and np.array_equal(strips[style][:, -128:], row[2])


def dropped(*spans):
    return [DroppedFrame(i, i / 10, reason, 0.0) for start, stop, reason in spans for i in range(start, stop)]


def test_chosen_frames_hold_the_middle_of_each_run():
    assert choose_frames(np.arange(3) / 10, [], 16) == [0, 1, 2]
    times = np.arange(100) / 10
    # two reasons in a row are two runs
    chosen = choose_frames(times, dropped((0, 9, BLANK), (9, 14, BLURRED), (70, 80, NO_DANCING)), 16)
    assert len(chosen) == 16 and chosen == sorted(set(chosen)) and {4, 11, 75} <= set(chosen)
    # many short runs leave room for the dance
    chosen = choose_frames(times, dropped(*((i, i + 1, BLURRED) for i in range(0, 100, 2))), 16)
    assert len(chosen) == 16 and chosen[-1] == 99 and max(np.diff(chosen)) < 20


def strip(frames, count, runs, truth=None):
    times = np.arange(count) / 10
    kept = np.delete(times, [frame.index for frame in runs])
    figure = clip_strip(frames(count), times, runs, kept, "Say So, dancer 3", "synthetic", truth=truth)
    labels = [axes.get_xlabel() for axes in figure.axes]
    return figure, labels, [text.get_text() for text in figure.axes[-1].get_legend().get_texts()]


def test_a_film_strip_marks_what_was_dropped_and_why(frames, sound):
    figure, labels, legend = strip(frames, 60, dropped((0, 6, BLANK), (30, 33, BLURRED)))
    assert sound(figure).get_suptitle().startswith("Say So, dancer 3")
    assert {"0.30 s blank", "3.10 s blurred"} <= set(labels) and any(label.endswith(" s") for label in labels)
    assert legend == ["kept (51)", "blank (6)", "blurred (3)"]
    moments = [events.get_positions() for events in figure.axes[-1].collections]
    assert [len(events) for events in moments] == [51, 6, 3] and np.allclose(moments[2], [3.0, 3.1, 3.2])
    figure, _, legend = strip(frames, 5, [])
    assert len(sound(figure).axes) == 6 and legend == ["kept (5)"]


def test_a_film_strip_labels_wrong_decisions(frames, sound):
    runs = dropped((0, 3, BLANK), (8, 10, NO_DANCING))
    truth = [BLANK] * 3 + [""] * 6 + [NO_DANCING] * 3 + [""] * 4
    figure, labels, legend = strip(frames, 16, runs, truth)
    sound(figure)
    assert [labels[place] for place in (2, 8, 9, 10, 12)] == [
        "0.20 s blank", "0.80 s no dancing\nwrongly dropped", "0.90 s no dancing", "1.00 s\nmissed: no dancing",
        "1.20 s",
    ]  # fmt: skip
    line = figure.axes[-1]
    assert [text.get_text() for text in line.get_yticklabels()] == ["curation", "truth"]
    assert legend == ["kept (11)", "blank (3, truth 3)", "no dancing (2, truth 3)"]
    planted = [events.get_positions() for events in line.collections if events.get_lineoffset() == -1.15]
    assert [len(events) for events in planted] == [10, 3, 3] and np.allclose(planted[2], [0.9, 1.0, 1.1])


def test_pictures_stand_in_rows_and_columns_with_names(random, sound):
    rows = {name: random.integers(0, 256, (5, 60, 40, 3), np.uint8) for name in ("SUP, d01\nstill camera", "TMM, d02")}
    rows["gray"] = list(random.integers(0, 256, (5, 60, 40, 1), np.uint8))
    figure = sound(picture_rows(rows, "Skeletons", "synthetic", ["one", "two"]))
    assert [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()] == list(rows)
    assert [axes.get_title() for axes in figure.axes[:3]] == ["one", "two", ""]
    assert np.array_equal(figure.axes[6].images[0].get_array(), rows["TMM, d02"][1])
    assert np.array_equal(figure.axes[11].images[0].get_array(), rows["gray"][1][..., 0])
