"""The pictures of the chapter on curation, from made-up clips to figures."""

import pytest

from dance_tf.curation.parts import CurationRow
from dance_tf.dataset.workspace import prepare_workspace
from dance_tf.report.curation_pictures import busiest_row, strip_of_busiest, views_without_room
from dance_tf.report.sections import titles_of
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.truth import read_truths


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    home = tmp_path_factory.mktemp("curated")
    studio = StudioSettings(styles=3, dancers=3, seconds=2.0, frame_rate=8, width=90, height=160, seed=1)
    (home / "run").mkdir()
    return prepare_workspace(home / "run", home / "work", "", studio)


def test_the_busiest_clip_lost_frames_for_the_most_reasons():
    rows = (
        CurationRow("refused.mp4", blank=9, blurred=9, no_dancing=9, seen=99),
        CurationRow("one.mp4", blank=50, seen=90, kept=40, part="1.npy"),
        CurationRow("two.mp4", blank=2, blurred=3, seen=90, kept=85, part="2.npy"),
        CurationRow("also_two.mp4", blank=2, no_dancing=4, seen=90, kept=84, part="3.npy"),
    )
    assert busiest_row(rows).path == "also_two.mp4"


def test_the_strip_has_the_truth_of_the_same_clip(workspace):
    figure = strip_of_busiest(workspace)
    row = busiest_row(workspace.rows())
    assert titles_of(figure)[0] == f"Clip {row.clip_id}: what was kept  (synthetic footage)"
    line = figure.axes[-1]
    assert [text.get_text() for text in line.get_yticklabels()] == ["curation", "truth"]
    reasons = workspace.truth(row.clip_id).reasons()
    told = [len(events.get_positions()) for events in line.collections if events.get_lineoffset() < 0]
    assert sum(told) == row.seen == len(reasons)
    assert told[0] == reasons.count("")


def test_the_views_show_each_dancer_once_and_name_the_camera(workspace):
    truths = read_truths(workspace.footage)
    figure = views_without_room(workspace.open(), truths, workspace.source)
    titles = [axes.get_title() for axes in figure.axes[:3]]
    assert sorted(title.split("\n")[0].split(", ")[1] for title in titles) == ["d01", "d02", "d03"]
    cameras = [title.split("\n")[1].split(",")[0] for title in titles]
    assert set(cameras) <= {"still camera", "moving camera"}
    assert ("moving camera" in cameras) == any(truth.camera_moves for truth in truths.values())
