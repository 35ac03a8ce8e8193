import json
import os
import sys

import pytest

from dance_tf.cli import show
from dance_tf.curation.parts import CurationRow, read_rows, write_rows
from dance_tf.video.clip import legible

STRANGE = b"caf\xe9.mp4".decode("utf-8", "surrogateescape")  # as Python reads such a name from a folder


def test_names_that_are_no_text_become_text():
    assert legible(STRANGE) == "caf\\xe9.mp4"
    assert legible("café.mp4") == "café.mp4" and legible("舞.mp4") == "舞.mp4"
    row = CurationRow(f"Tok/{STRANGE}", f"Tok/{STRANGE}", reason=f"as {STRANGE}")
    assert (row.path, row.clip_id, row.reason) == ("Tok/caf\\xe9.mp4", "Tok/caf\\xe9.mp4", "as caf\\xe9.mp4")


def test_a_table_with_such_names_is_written_and_remembers_them_once(tmp_path):
    rows = (CurationRow(STRANGE, seen=3, seconds=0.25, room_known=True), CurationRow('a "b",\nc.mp4'))
    for _ in range(2):
        write_rows(tmp_path / "curation.csv", rows)
    assert read_rows(tmp_path / "curation.csv") == rows
    assert [path.name for path in tmp_path.iterdir()] == ["curation.csv"]


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes")
def test_a_clip_with_such_a_name_is_curated_and_its_table_written(tmp_path, make_video, make_dance):
    from dance_tf.curation.run import curate_footage
    from dance_tf.video.catalog import find_clips
    from dance_tf.video.settings import ReadSettings

    folder = tmp_path / "in" / os.fsdecode(b"T\xf6k")
    folder.mkdir(parents=True)
    os.replace(make_video(tmp_path / "a.mp4", make_dance(12), options={"crf": "25"}), folder / STRANGE)
    catalog = find_clips(tmp_path / "in")
    (clip,) = catalog.clips
    assert (clip.style, clip.clip_id) == ("T\\xf6k", "T\\xf6k/caf\\xe9")
    rows = curate_footage(catalog, tmp_path / "out", ReadSettings(size=32, threads=1), jobs=1)
    assert [(row.status, row.seen) for row in rows] == [("kept", 12)] and rows[0].path.endswith("T\\xf6k/caf\\xe9.mp4")
    write_rows(tmp_path / "out" / "curation.csv", rows)
    assert read_rows(tmp_path / "out" / "curation.csv") == rows


def test_such_names_can_be_printed(capsys):
    show({"path": STRANGE, "style": "café"}, True, "")
    assert json.loads(capsys.readouterr().out) == {"path": STRANGE, "style": "café"}
    show({}, False, STRANGE)
    assert capsys.readouterr().out == "caf\\udce9.mp4\n"
