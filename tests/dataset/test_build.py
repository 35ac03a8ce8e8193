"""Footage in, dataset out: which files a dataset's own table tells of."""

import shutil
from pathlib import Path

import pytest

from dance_tf.curation.parts import read_rows
from dance_tf.dataset import build
from dance_tf.dataset.build import curate_folder, parts_folder
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.studio import synthesize


def test_a_dataset_tells_of_its_own_files_and_its_parts_of_all_ever_offered(tmp_path):
    settings = StudioSettings(styles=2, dancers=1, seconds=1.0, frame_rate=6.0, width=90, height=160, faults=False)
    synthesize(tmp_path / "clips", settings, progress=False)
    first = curate_folder(tmp_path / "clips", tmp_path / "data", jobs=1)
    shutil.move(tmp_path / "clips", tmp_path / "moved")
    second = curate_folder(tmp_path / "moved", tmp_path / "data", jobs=1)
    assert len(first.rows) == len(second.rows) == 2
    assert read_rows(tmp_path / "data" / "curation.csv") == second.rows
    assert len(read_rows(parts_folder(tmp_path / "data") / "curation.csv")) == 4


SMALL = StudioSettings(styles=3, dancers=1, seconds=1.0, frame_rate=6.0, width=90, height=160, faults=False)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("seconds", [0.0, 1e9])
def test_a_run_that_stops_early_leaves_a_table_of_what_it_got_to(tmp_path, monkeypatch, stop, seconds):
    monkeypatch.setattr(build, "TABLE_SECONDS", seconds)
    synthesize(tmp_path / "clips", SMALL, progress=False)
    with open(tmp_path / "clips" / "manifest.csv", "a", encoding="utf-8") as manifest:
        manifest.write("absent.mp4,Tok\n")
    table, told = parts_folder(tmp_path / "data") / "curation.csv", []

    def stopped(row):
        told.append(row)
        if len(told) == 2:
            raise stop

    with pytest.raises(stop):
        curate_folder(tmp_path / "clips", tmp_path / "data", jobs=1, progress=stopped)
    left = read_rows(table)
    assert left[:2] == tuple(told) and [Path(row.path).name for row in left[2:]] == ["absent.mp4"]
    whole = curate_folder(tmp_path / "clips", tmp_path / "data", jobs=1)
    assert read_rows(table) == whole.rows and len(whole.rows) == 4


def test_the_table_is_there_while_the_run_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "TABLE_SECONDS", 0.0)
    synthesize(tmp_path / "clips", SMALL, progress=False)
    table, lengths = parts_folder(tmp_path / "data") / "curation.csv", []
    curate_folder(
        tmp_path / "clips", tmp_path / "data", jobs=1, progress=lambda row: lengths.append(len(read_rows(table)))
    )
    assert lengths == [1, 2, 3]


def test_arrays_have_the_truth_of_the_same_clips_as_files(tmp_path):
    settings = StudioSettings(styles=2, dancers=1, seconds=0.5, frame_rate=8, width=64, height=96, seed=3)
    synthesize(tmp_path / "clips", settings, progress=False)
    synthesize_arrays(tmp_path / "arrays", settings)
    truths = {path.relative_to(tmp_path / "clips"): path.read_text() for path in tmp_path.glob("clips/truth/**/*.json")}
    assert len(truths) == 2
    for name, text in truths.items():
        assert (tmp_path / "arrays" / name).read_text() == text
    assert len(list(tmp_path.glob("arrays/truth/**/*.json"))) == 2


def test_arrays_show_that_they_come_when_asked(tmp_path, capfd):
    settings = StudioSettings(styles=1, dancers=1, seconds=0.5, frame_rate=8, width=64, height=96)
    synthesize_arrays(tmp_path / "silent", settings)
    assert capfd.readouterr().err == ""
    synthesize_arrays(tmp_path / "told", settings, progress=True)
    assert "clips: 100%" in capfd.readouterr().err
