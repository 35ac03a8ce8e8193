import os
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from dance_tf.curation.filters import REASONS, CuratedClip, CurationSettings, DroppedFrame
from dance_tf.curation.parts import (
    PartError,
    PartSummary,
    content_sha256,
    part_name,
    read_part,
    read_summary,
    remove_stale,
    write_part,
)
from dance_tf.video.catalog import Clip
from dance_tf.video.settings import ReadSettings

CLIP = Clip(Path("/x/a.mp4"), "Tok", "d1", "a", "phone", "yes")


def curated(kept=3):
    rng = np.random.default_rng(0)
    return CuratedClip(
        CLIP,
        rng.integers(0, 256, (kept, 128, 128, 1), np.uint8),
        np.arange(kept) / 30,
        rng.integers(0, 256, (128, 128, 1), np.uint8),
        True,
        kept + 2,
        (DroppedFrame(3, 0.1, REASONS[0], 0.5), DroppedFrame(4, 4 / 30, REASONS[2], 1.25)),
        1.5,
    )


SUMMARY = PartSummary(CLIP, "ab" * 32, 5, 3, (1, 0, 1), 1.5, 720, 1280, 29.97, True, ("breaks off",))


def test_a_part_comes_back_as_it_went(tmp_path):
    before = curated()
    write_part(tmp_path / "p.npz", before, SUMMARY)
    after = read_part(tmp_path / "p.npz")
    for name in ("frames", "timestamps", "room"):
        assert np.array_equal(getattr(after, name), getattr(before, name))
        assert getattr(after, name).dtype == getattr(before, name).dtype
    for name in ("clip", "room_known", "seen", "dropped", "seconds"):
        assert getattr(after, name) == getattr(before, name)
    assert read_summary(tmp_path / "p.npz") == SUMMARY
    assert [path.name for path in tmp_path.iterdir()] == ["p.npz"]


def test_the_same_clip_gives_the_same_bytes(tmp_path):
    for name in ("p", "q"):
        write_part(tmp_path / f"{name}.npz", curated(), SUMMARY)
    assert (tmp_path / "p.npz").read_bytes() == (tmp_path / "q.npz").read_bytes()


@pytest.mark.parametrize("damage", [lambda data: data[:5000], lambda data: b"", lambda data: b"x" * 100])
def test_a_damaged_part_is_no_part(tmp_path, damage):
    path = tmp_path / "p.npz"
    write_part(path, curated(), SUMMARY)
    path.write_bytes(damage(path.read_bytes()))
    for read in (read_part, read_summary):
        with pytest.raises(PartError, match="not a whole part"):
            read(path)


def test_an_absent_part_and_an_unwritable_folder(tmp_path):
    with pytest.raises(PartError):
        read_summary(tmp_path / "p.npz")
    with pytest.raises(PartError, match="cannot be written"):
        write_part(tmp_path / "absent" / "p.npz", curated(), SUMMARY)


def test_the_name_is_the_hash_of_what_went_in():
    read, curation = ReadSettings(), CurationSettings()
    name = part_name(CLIP, "ab", read, curation)
    assert name == part_name(replace(CLIP, path=Path("/elsewhere/b.mp4")), "ab", replace(read, threads=5), curation)
    others = {
        part_name(replace(CLIP, style="BL"), "ab", read, curation),
        part_name(replace(CLIP, dancer="d2"), "ab", read, curation),
        part_name(CLIP, "cd", read, curation),
        part_name(CLIP, "ab", replace(read, size=64), curation),
        part_name(CLIP, "ab", read, replace(curation, still_energy=9.0)),
    }
    assert len(others | {name}) == 6


def test_content_hashes(tmp_path):
    (tmp_path / "a").write_bytes(b"hello")
    assert content_sha256(tmp_path / "a") == sha256(b"hello").hexdigest()
    folder = tmp_path / "seq"
    folder.mkdir()
    (folder / "1.png").write_bytes(b"one")
    before = content_sha256(folder)
    (folder / ".hidden").write_bytes(b"x")
    assert content_sha256(folder) == before
    # the hash of what was stored before this test was written: cached parts hang on it
    assert before == sha256(b"1.png\0" + sha256(b"one").digest()).hexdigest()
    (folder / "1.png").rename(folder / "2.png")
    assert content_sha256(folder) != before


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes, and pipes files")
def test_a_name_that_is_no_text_is_hashed_and_a_pipe_is_not_waited_for(tmp_path):
    folder = tmp_path / "seq"
    folder.mkdir()
    with open(os.fsencode(folder) + b"/caf\xe9.png", "wb") as file:
        file.write(b"one")
    assert content_sha256(folder) == sha256(b"caf\xe9.png\0" + sha256(b"one").digest()).hexdigest()
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(OSError, match="neither a file nor a folder"):
        content_sha256(tmp_path / "pipe.mp4")
    with pytest.raises(FileNotFoundError):
        content_sha256(tmp_path / "absent.mp4")


def test_only_old_leftovers_are_removed(tmp_path):
    for name, age in ((".old.1.tmp", 10_000), (".new.1.tmp", 0)):
        (tmp_path / name).write_bytes(b"")
        stamp = (tmp_path / name).stat().st_mtime - age
        os.utime(tmp_path / name, (stamp, stamp))
    remove_stale(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".new.1.tmp"]
