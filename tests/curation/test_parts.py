import os
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from dance_tf.curation.filters import REASONS, CuratedClip, DroppedFrame
from dance_tf.curation.parts import (
    CurationRow,
    PartError,
    content_sha256,
    part_name,
    read_part,
    read_row,
    read_rows,
    remove_stale,
    set_aside_table,
    write_part,
    write_rows,
)
from dance_tf.video.catalog import Clip
from dance_tf.video.settings import ReadSettings

CLIP = Clip(Path("/x/a.mp4"), "Tok", "d1", "a", "phone", "yes")
ROW = CurationRow("/x/a.mp4", "a", "Tok", "d1", seen=5, kept=3, blank=1, no_dancing=1, seconds=1.5, room_known=True)


def curated(kept=3):
    rng = np.random.default_rng(0)
    return CuratedClip(
        CLIP,
        rng.integers(0, 256, (kept, 128, 128, 1), np.uint8),
        np.arange(kept) / 30,
        rng.integers(0, 256, (128, 128, 1), np.uint8),
        True,
        5,
        (DroppedFrame(3, 0.1, REASONS[0], 0.5), DroppedFrame(4, 4 / 30, REASONS[2], 1.25)),
        1.5,
    )


@pytest.mark.parametrize("kept", [3, 0, 300])
def test_a_part_comes_back_exactly(tmp_path, kept):
    before = curated(kept)
    write_part(tmp_path / "p.npy", before, ROW)
    after = read_part(tmp_path / "p.npy")
    for name in ("frames", "timestamps", "background"):
        assert np.array_equal(getattr(after, name), getattr(before, name))
        assert getattr(after, name).dtype == getattr(before, name).dtype
    for name in ("clip", "background_valid", "seen", "dropped", "seconds"):
        assert getattr(after, name) == getattr(before, name)
    assert read_row(tmp_path / "p.npy") == ROW
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(written) == {"p.npy", "p.json"}
    write_part(tmp_path / "p.npy", before, ROW)  # the same bytes again
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == written


@pytest.mark.parametrize("name", ["p.npy", "p.json"])
@pytest.mark.parametrize("damage", [lambda data: data[:50], lambda data: b"", lambda data: b"x" * 100, None])
def test_a_damaged_part_is_refused(tmp_path, name, damage):
    write_part(tmp_path / "p.npy", curated(), ROW)
    path = tmp_path / name
    path.write_bytes(damage(path.read_bytes())) if damage else path.unlink()
    for read in (read_part, read_row):
        with pytest.raises(PartError, match="not a complete part"):
            read(tmp_path / "p.npy")


def test_a_changed_pixel_is_noticed(tmp_path):
    path = tmp_path / "p.npy"
    write_part(path, curated(), ROW)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(PartError, match="check sum"):
        read_part(path)


def test_a_folder_that_cannot_be_written(tmp_path):
    with pytest.raises(PartError, match="cannot be written"):
        write_part(tmp_path / "absent" / "p.npy", curated(), ROW)


def test_the_name_is_the_hash_of_the_input():
    read = ReadSettings()
    name = part_name(CLIP, "ab", read)
    assert name == "c786a28924e7edc405f2c707d051deb1426104ce.npy"  # existing parts have such names
    assert name == part_name(replace(CLIP, path=Path("/b.mp4")), "ab", replace(read, threads=5, max_seconds=9))
    others = {part_name(replace(CLIP, **label), "ab", read) for label in ({"style": "BL"}, {"dancer": "d2"})}
    for label in ({"group": "g"}, {"split": "test"}, {"start": 1.0}, {"end": 2.0}, {"take": "c01"}, {"trust": "0.5"}):
        others.add(part_name(replace(CLIP, **label), "ab", read))
    others |= {part_name(CLIP, "cd", read), part_name(CLIP, "ab", replace(read, size=64))}
    assert len(others | {name}) == 11


def test_content_hashes(tmp_path):
    (tmp_path / "a").write_bytes(b"hello")
    assert content_sha256(tmp_path / "a") == sha256(b"hello").hexdigest()
    folder = tmp_path / "seq"
    folder.mkdir()
    (folder / "1.png").write_bytes(b"one")
    (folder / ".hidden").write_bytes(b"x")
    # parts that exist depend on this definition
    assert content_sha256(folder) == sha256(b"1.png\0" + sha256(b"one").digest()).hexdigest()
    with pytest.raises(FileNotFoundError):
        content_sha256(tmp_path / "absent.mp4")


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes, and pipes are files")
def test_names_that_are_not_utf8_are_hashed_and_pipes_are_refused(tmp_path):
    folder = tmp_path / "seq"
    folder.mkdir()
    with open(os.fsencode(folder) + b"/caf\xe9.png", "wb") as file:
        file.write(b"one")
    assert content_sha256(folder) == sha256(b"caf\xe9.png\0" + sha256(b"one").digest()).hexdigest()
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(OSError, match="neither a file nor a folder"):
        content_sha256(tmp_path / "pipe.mp4")


def test_only_old_temporary_files_are_removed(tmp_path):
    for name, age in ((".old.1.tmp", 10_000), (".new.1.tmp", 0)):
        (tmp_path / name).write_bytes(b"")
        stamp = (tmp_path / name).stat().st_mtime - age
        os.utime(tmp_path / name, (stamp, stamp))
    remove_stale(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".new.1.tmp"]


def test_rows_come_back_and_earlier_files_stay(tmp_path):
    table = tmp_path / "curation.csv"
    odd = b"caf\xe9.mp4".decode("utf-8", "surrogateescape")  # as Python reads a name that is not UTF-8
    rows = (ROW, CurationRow(f"Tok/{odd}", f"Tok/{odd}", reason=f"as {odd}", seconds=0.25), CurationRow('a "b",\nc'))
    assert (rows[1].path, rows[1].clip_id, rows[1].reason) == (
        "Tok/caf\\xe9.mp4",
        "Tok/caf\\xe9.mp4",
        "as caf\\xe9.mp4",
    )
    for _ in range(2):
        write_rows(table, rows[:2])
        assert read_rows(table) == rows[:2]
    write_rows(table, rows[1:])
    assert read_rows(table) == (*rows[1:], rows[0])
    assert [path.name for path in tmp_path.iterdir()] == ["curation.csv"]


def test_a_row_has_its_clip_and_older_tables_are_read(tmp_path):
    clip = replace(CLIP, group="g01", split="test", take="c01", trust="0.5", start=1.5, end=4.0)
    assert CurationRow.of(clip, "ab").clip == clip and CurationRow.of(CLIP, "ab").clip == CLIP
    write_rows(tmp_path / "curation.csv", (CurationRow.of(clip, "ab"),))
    assert read_rows(tmp_path / "curation.csv")[0].clip == clip
    columns = (
        "path clip_id style dancer source consent status reason sha256 seen kept blank blurred no_dancing seconds "
    )
    columns += "width height frame_rate room_known part"
    values = "/x/a.mp4,a,Tok,d1,phone,yes,kept,,ab,5,5,0,0,0,1.5,64,64,30.0,True,p.npy"
    (tmp_path / "curation.csv").write_text(f"{columns.replace(' ', ',')}\n{values}\n")
    [row] = read_rows(tmp_path / "curation.csv")
    assert (row.clip, row.part, row.room_known) == (CLIP, "p.npy", True)


def test_a_table_with_other_columns_is_refused_and_set_aside(tmp_path):
    table = tmp_path / "curation.csv"
    assert set_aside_table(table) is None
    write_rows(table, (ROW,))
    assert set_aside_table(table) is None
    table.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="not a table"):
        read_rows(table)
    assert set_aside_table(table).read_text() == "a,b\n1,2\n" and not table.exists()
