import shutil
from pathlib import Path

import pytest

from dance_tf.curation.parts import read_rows
from dance_tf.dataset import build
from dance_tf.dataset.build import curate_folder, parts_folder, synthesize_arrays
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.studio import synthesize

SMALL = StudioSettings(styles=3, dancers=1, seconds=1.0, frame_rate=6.0, width=90, height=160, faults=False)


@pytest.fixture
def footage(tmp_path):
    """Three clips."""
    synthesize(tmp_path / "clips", SMALL)
    return tmp_path / "clips"


def test_the_table_of_a_dataset_has_its_own_files_and_that_of_the_parts_all(footage, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "TABLE_SECONDS", 0.0)
    table, lengths = parts_folder(tmp_path / "data") / "curation.csv", []
    first = curate_folder(
        footage, tmp_path / "data", jobs=1, progress=lambda row: lengths.append(len(read_rows(table)))
    )
    assert lengths == [1, 2, 3]  # written during the run
    shutil.move(footage, tmp_path / "moved")
    second = curate_folder(tmp_path / "moved", tmp_path / "data", jobs=1)
    assert len(first.rows) == len(second.rows) == 3
    assert read_rows(tmp_path / "data" / "curation.csv") == second.rows
    assert len(read_rows(table)) == 6


@pytest.mark.parametrize(("stop", "seconds"), [(KeyboardInterrupt, 0.0), (MemoryError, 1e9)])
def test_an_interrupted_run_leaves_a_table_of_its_clips(footage, tmp_path, monkeypatch, stop, seconds):
    monkeypatch.setattr(build, "TABLE_SECONDS", seconds)
    with open(footage / "manifest.csv", "a", encoding="utf-8") as manifest:
        manifest.write("absent.mp4,Tok,,,\n")
    table, rows = parts_folder(tmp_path / "data") / "curation.csv", []

    def stopping(row):
        rows.append(row)
        if len(rows) == 2:
            raise stop

    with pytest.raises(stop):
        curate_folder(footage, tmp_path / "data", jobs=1, progress=stopping)
    left = read_rows(table)
    assert left[:2] == tuple(rows) and [Path(row.path).name for row in left[2:]] == ["absent.mp4"]
    complete = curate_folder(footage, tmp_path / "data", jobs=1)
    assert read_rows(table) == complete.rows and len(complete.rows) == 4


def test_arrays_have_the_truth_of_the_same_clips_as_files(footage, tmp_path, capfd):
    capfd.readouterr()
    synthesize_arrays(tmp_path / "arrays", SMALL)
    assert "clips: 100%" in capfd.readouterr().err
    truths = {path.relative_to(footage): path.read_text() for path in footage.glob("truth/**/*.json")}
    assert len(truths) == len(list(tmp_path.glob("arrays/truth/**/*.json"))) == 3
    for name, text in truths.items():
        assert (tmp_path / "arrays" / name).read_text() == text
