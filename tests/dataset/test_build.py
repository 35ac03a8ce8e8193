"""Footage in, dataset out: which files a dataset's own table tells of."""

import shutil

from dance_tf.dataset.build import curate_folder, parts_folder
from dance_tf.footage.curation_run import read_rows
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
