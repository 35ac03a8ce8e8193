"""Every curated clip gets one film strip, which shows kept and dropped frames."""

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from dance_tf.cli import app
from dance_tf.curation.parts import read_part
from dance_tf.dataset.build import curate_folder
from dance_tf.dataset.workspace import Workspace
from dance_tf.report.clip_strips import STRIP_FRAMES, strip_frames, strips_folder, write_strips


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """Two clips as image sequences; the first begins with ten blank frames."""
    folder = tmp_path_factory.mktemp("strips")
    clips = folder / "clips"
    random = np.random.default_rng(0)
    room = cv2.GaussianBlur(random.integers(0, 256, (96, 96), np.uint8), (0, 0), 2) * 1.0
    room = np.clip((room - 128) * 3 + 128, 0, 255).astype(np.uint8)
    for style, blanks in (("wave", 10), ("spin", 0)):
        (clips / style / "ann_1").mkdir(parents=True)
        for number in range(40):
            dance = cv2.circle(room.copy(), (10 + 2 * number, 40 + number % 9), 12, 255, -1)
            cv2.imwrite(
                str(clips / style / "ann_1" / f"{number:03}.png"), dance if number >= blanks else np.full_like(room, 17)
            )
    curate_folder(clips, folder / "data", 1)
    return Workspace(clips, folder / "data", folder / "work", "made up")


def test_each_clip_gets_a_strip_and_keeps_it(workspace):
    places = write_strips(workspace.dataset, workspace.clip_path, "made up")
    folder = strips_folder(workspace.dataset)
    assert list(places) == [folder / f"{row.clip_id}.png" for row in workspace.rows()]
    assert min(cv2.imread(str(place)).std() for place in places) > 10  # pictures that show something
    first, second = (place.stat().st_mtime_ns for place in places)
    places[1].unlink()
    write_strips(workspace.dataset, workspace.clip_path, "made up")
    assert places[0].stat().st_mtime_ns == first and places[1].stat().st_mtime_ns > second
    assert not list(folder.rglob(".*"))


def test_the_verb_draws_them_when_asked(workspace, tmp_path):
    out = tmp_path / "again"
    asked = ["curate", str(workspace.footage), str(out), "--jobs", "1", "--strips", "--json"]
    assert CliRunner().invoke(app, asked, catch_exceptions=False).exit_code == 0
    assert len(list(strips_folder(out).rglob("*.png"))) == 2


def test_a_strip_shows_dropped_frames_and_reaches_the_end(workspace):
    row = next(row for row in workspace.rows() if row.blank)
    clip = read_part(workspace.part(row))
    pictures, times = strip_frames(clip, workspace.clip_path(row))
    assert pictures.shape == (len(times), 128, 128) and len(times) <= STRIP_FRAMES
    left_out = {round(frame.timestamp, 6) for frame in clip.dropped}
    shown = [round(moment, 6) in left_out for moment in times]
    assert any(shown) and not all(shown)
    assert times[-1] == max(clip.timestamps[-1], *left_out)
    assert pictures[shown].std(axis=(1, 2)).max() < 1 < pictures[~np.array(shown)].std(axis=(1, 2)).min()
