import shutil

import pytest

from dance_tf.dataset import workspace as module
from dance_tf.dataset.dataset import DatasetError
from dance_tf.dataset.workspace import open_workspace, prepare_workspace
from dance_tf.experiments.curation import filter_scores
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.studio import synthesize

STUDIO = StudioSettings(styles=2, dancers=1, seconds=1.0, frame_rate=6.0, width=90, height=160)


def test_a_moved_workspace_opens_and_finished_work_is_reused(tmp_path):
    with pytest.raises(DatasetError, match="has no workspace.json: run 00_curate_clips first"):
        open_workspace(tmp_path)
    (tmp_path / "here" / "report").mkdir(parents=True)
    made = prepare_workspace(tmp_path / "here" / "report", tmp_path / "here" / "work", "", STUDIO)
    times = {path.name: path.stat().st_mtime_ns for path in made.footage.rglob("*.mp4")}
    shutil.move(tmp_path / "here", tmp_path / "there")
    found = open_workspace(tmp_path / "there" / "report")
    assert found.source == "synthetic" and len(times) == 2
    for row in found.rows():
        assert found.clip_path(row).resolve().is_relative_to(tmp_path / "there")
        assert found.part(row).exists() and found.truth(row.clip_id).dancer == "d01"
    assert len(found.open().clips) == 2 and len(filter_scores(found)) == 3
    prepare_workspace(tmp_path / "there" / "report", tmp_path / "there" / "work", "", STUDIO)
    assert {path.name: path.stat().st_mtime_ns for path in found.footage.rglob("*.mp4")} == times


def test_real_footage_has_no_truth(tmp_path):
    synthetic = prepare_workspace(tmp_path, tmp_path / "work", "", STUDIO)
    real = tmp_path / "clips"
    shutil.copytree(synthetic.footage, real)
    shutil.rmtree(real / "truth")
    workspace = prepare_workspace(tmp_path, tmp_path / "work", str(real), STUDIO)
    assert (workspace.source, workspace.footage) == ("clips", real)
    assert workspace.truth("BU/BU_d01") is None and filter_scores(workspace).empty
    assert workspace.dataset != synthetic.dataset


def test_motion_capture_gives_clips_of_their_own(tmp_path, monkeypatch):
    drawn = []

    def draw(folder, out, settings, *others):  # tests/synthesis draws real takes
        drawn.append((folder, out))
        synthesize(out, settings)

    monkeypatch.setattr(module, "synthesize_motion", draw)
    found = prepare_workspace(
        tmp_path / "report" / "motion", tmp_path / "work", "", STUDIO, motion=str(tmp_path / "bvh")
    )
    assert found.source == "synthetic, captured motion" and drawn == [(tmp_path / "bvh", found.footage)]
    assert open_workspace(tmp_path / "report" / "motion").dataset.samefile(found.dataset)
    other = prepare_workspace(tmp_path, tmp_path / "work", "", STUDIO, motion=str(tmp_path / "c3d"))
    assert other.footage != found.footage and len(drawn) == 2
