import os

import pytest

from dance_tf.dataset.atomic import written_whole


def test_a_folder_takes_its_place_when_the_block_ends(tmp_path):
    folder = tmp_path / "deep" / "result"
    with written_whole(folder) as partial:
        (partial / "a.txt").write_text("a")
        assert not folder.exists()
        assert partial.parent == folder.parent
    assert [path.name for path in folder.parent.iterdir()] == ["result"]
    assert (folder / "a.txt").read_text() == "a"


def test_a_folder_that_was_there_is_replaced_whole(tmp_path):
    folder = tmp_path / "result"
    for name in ("old", "new"):
        with written_whole(folder) as partial:
            (partial / name).touch()
    assert [path.name for path in folder.iterdir()] == ["new"]


def test_nothing_half_written_stays_when_the_block_raises(tmp_path):
    folder = tmp_path / "result"
    with written_whole(folder) as partial:
        (partial / "a.txt").write_text("first")
    with pytest.raises(RuntimeError, match="killed"), written_whole(folder) as partial:
        (partial / "a.txt").write_text("half")
        raise RuntimeError("killed")
    assert [path.name for path in tmp_path.iterdir()] == ["result"]
    assert (folder / "a.txt").read_text() == "first"


def test_what_a_killed_process_left_behind_does_not_get_in(tmp_path):
    folder = tmp_path / "result"
    with written_whole(folder) as partial:
        left_behind = partial
    left_behind.mkdir()
    (left_behind / "stale").touch()
    with written_whole(folder) as partial:
        (partial / "fresh").touch()
    assert [path.name for path in folder.iterdir()] == ["fresh"]


def test_what_dead_processes_left_is_removed_and_living_ones_are_let_be(tmp_path):
    folder = tmp_path / "result"
    with written_whole(folder) as partial:
        own = partial.name
    stem = own.removesuffix(str(os.getpid()))
    dead, living = (tmp_path / f"{stem}{pid}" for pid in (2**22 + 1, os.getppid()))
    for left in (dead, living):
        left.mkdir()
    with written_whole(folder):
        assert not dead.exists() and living.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([living.name, "result"])
