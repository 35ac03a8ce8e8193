"""Figures of an assessment and of a class."""

import numpy as np
import pandas as pd
import pytest

from dance_tf.fidelity.assess import assess
from dance_tf.fidelity.score import ReferenceClip, build_standard
from dance_tf.fidelity.template import PARTS
from dance_tf.report.figures import agreement, class_map, moment, timeline
from dance_tf.report.figures.assessment import distribution


@pytest.fixture
def found(danced):
    skeletons = danced("Lottery", 9, 8.0)
    skeletons.valid[40:55] = False
    standard = build_standard("Lottery", [ReferenceClip(f"d{one}", danced("Lottery", one, 8.0)) for one in range(3)])
    return assess(skeletons, standard)


def test_a_timeline_shows_parts_and_timing(found, sound):
    above, below = sound(timeline(found), "").axes
    assert [label.get_text() for label in above.get_yticklabels()] == list(PARTS)
    shown = above.collections[0].get_array()
    assert shown.shape == found.closeness.T.shape and (shown.mask == np.isnan(found.closeness.T)).all()
    assert len(above.patches) == np.isnan(found.closeness).all(axis=1).sum() > 0  # hatched
    late = below.lines[1].get_ydata()
    np.testing.assert_allclose(late, pd.DataFrame(found.late).mean(axis=1))


def test_a_moment_shows_pictures_and_both_skeletons(found, sound):
    pictures = [("this clip, 1.0 s", np.zeros((90, 50, 3), np.uint8)), ("reference", np.zeros((60, 80, 3), np.uint8))]
    figure = sound(moment(found, 1.0, pictures), "")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["this clip, 1.0 s", "reference", "from the front"]
    target, turned = (figure.axes[2].lines[place::18][0] for place in (0, 18))
    assert target.get_color() != turned.get_color() and len(figure.axes[2].lines) == 36
    bone = np.array([line.get_ydata()[1] - line.get_ydata()[0] for line in figure.axes[2].lines[18:]])
    np.testing.assert_allclose(bone, found.turned[10, :, 1] * found.dance.lengths, atol=1e-6)


def test_a_class_is_shown_as_a_map_and_as_lines(sound):
    scores = pd.DataFrame({"Lottery": [10.0, 90.0], "Tokyo": [np.nan, 55.0]}, index=["d1", "d2"])
    [axes, _] = sound(class_map(scores, "Scores", "synthetic")).axes
    assert [text.get_text() for text in axes.texts] == ["10", "90", "55"]
    clips = pd.DataFrame({"style": ["a", "b"], "deviation": [0.1, 0.2], "away": [-1.0, 0.0]})
    [axes] = sound(agreement(clips, "Agreement", "synthetic")).axes
    np.testing.assert_allclose(axes.collections[0].get_offsets(), [[0.1, -1], [0.2, 0]])
    lines = pd.DataFrame({"name": ["a.mp4", "b.mp4"], "mean": [80.0, 20.0], "low": [70.0, 10.0], "high": [90.0, 30.0]})
    [axes] = sound(distribution(lines), "").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a.mp4", "b.mp4"]
