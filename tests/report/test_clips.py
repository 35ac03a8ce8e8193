"""Table 1 beside the paper's, the clips that represent a dataset, and a film strip of each clip."""

import cv2
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from dance_tf.cli import app
from dance_tf.curation.parts import read_part
from dance_tf.dataset.build import curate_folder
from dance_tf.dataset.dataset import gather
from dance_tf.dataset.workspace import Workspace
from dance_tf.pose.skeleton import Skeletons
from dance_tf.report.clips import (
    add_skeletons,
    pick_frames,
    pick_views,
    strip_frames,
    strips_folder,
    table_1,
    view_labels,
    write_strips,
)
from dance_tf.report.figures.clips import STRIP_FRAMES
from dance_tf.synthesis.choreography import STYLES
from dance_tf.synthesis.truth import ClipTruth


@pytest.fixture(scope="module")
def dataset(blob_clips):
    return gather(blob_clips(styles=3, dancers=4))


def counted(styles):
    return pd.DataFrame({"style": styles, "clips": 2, "seen": 105, "blank": 5, "kept": 100})


def test_each_style_and_the_total_have_the_papers_number():
    names = [style.name for style in STYLES]
    table = table_1(counted(names)).set_index("style")
    assert list(table.loc["Tokyo", ["paper", "ours", "difference"]]) == [22_365, 100, -22_265]
    assert list(table.loc["all", ["paper", "ours", "difference"]]) == [263_471, 1200, -262_271]
    for others in (["Tokyo", "Laxed"], [*names, "Waltz"]):  # their total has no number of the paper
        table = table_1(counted(others)).set_index("style")
        assert table.loc["Tokyo", "difference"] == -22_265
        assert table.loc["all", ["paper", "difference"]].isna().all()


def test_frames_of_every_style_are_of_different_clips(dataset):
    picked = pick_frames(dataset, each=4)
    assert picked.shape == (3, 4)
    assert (dataset.labels[picked] == [[0], [1], [2]]).all()
    assert all(len(set(dataset.clip_index[row])) == 4 for row in picked)


def test_views_show_different_dancers_and_a_moving_camera_last(dataset):
    moving = {"style0/dancer1", "style2/dancer3"}
    truths = {
        clip.clip_id: ClipTruth(clip.style, clip.dancer, 0.5, clip.seen, 10.0, (), (), (), 0.0, clip.clip_id in moving)
        for clip in dataset.clips
    }
    shown = pick_views(dataset, truths)
    clips = [dataset.clips[place] for place in dataset.clip_index[shown]]
    assert len({clip.dancer for clip in clips}) == 4 and len({clip.style for clip in clips}) == 3
    assert [clip.clip_id in moving for clip in clips] == [False, False, False, True]
    labels = view_labels(dataset, shown, truths)
    assert "moving camera" in labels[-1] and all("still camera" in label for label in labels[:-1])
    plain = view_labels(dataset, pick_views(dataset, {}), {})
    assert sorted(plain)[0] == "style0, dancer0" and any(label.endswith("no background") for label in plain)


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


def test_skeletons_are_drawn_on_the_frames_near_them():
    """The nose is at the upper left; only the first and the last of three poses are valid."""
    landmarks = np.full((3, 33, 4), [-0.25, -0.25, 0, 1], np.float16)
    landmarks[:, 1:, :2] = -0.2
    skeletons = Skeletons(landmarks, np.zeros((3, 33, 3)), np.array([True, False, True]), np.array([0.0, 0.1, 0.2]))
    frames, times = np.full((5, 128, 128), 50, np.uint8), np.array([0.0, 0.04, 0.11, 0.2, 0.3])
    drawn = add_skeletons(frames, times, skeletons)
    assert (drawn.shape, drawn.dtype) == ((5, 128, 128, 3), np.uint8)
    changed = (drawn != 50).any(axis=3)
    assert changed.any(axis=(1, 2)).tolist() == [True, True, False, True, False]
    rows, columns = np.nonzero(changed[0])
    assert (rows.min(), columns.min()) == pytest.approx((32, 32), abs=2) and rows.max() < 42
    rows, _ = np.nonzero((add_skeletons(frames, times, skeletons, zoom=2.0)[0] != 50).any(axis=2))
    assert rows.min() <= 1 and rows.max() < 22


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
