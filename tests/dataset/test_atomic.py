import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dance_tf.dataset.output import atomic_folder


def test_a_folder_takes_its_place_when_the_block_ends(tmp_path):
    folder = tmp_path / "deep" / "result"
    with atomic_folder(folder) as partial:
        (partial / "a.txt").write_text("a")
        assert not folder.exists()
        assert partial.parent == folder.parent
    assert [path.name for path in folder.parent.iterdir()] == ["result"]
    assert (folder / "a.txt").read_text() == "a"


def test_a_folder_that_was_there_is_replaced_whole(tmp_path):
    folder = tmp_path / "result"
    for name in ("old", "new"):
        with atomic_folder(folder) as partial:
            (partial / name).touch()
    assert [path.name for path in folder.iterdir()] == ["new"]


def test_nothing_half_written_stays_when_the_block_raises(tmp_path):
    folder = tmp_path / "result"
    with atomic_folder(folder) as partial:
        (partial / "a.txt").write_text("first")
    with pytest.raises(RuntimeError, match="killed"), atomic_folder(folder) as partial:
        (partial / "a.txt").write_text("half")
        raise RuntimeError("killed")
    assert [path.name for path in tmp_path.iterdir()] == ["result"]
    assert (folder / "a.txt").read_text() == "first"


def test_what_a_killed_process_left_behind_does_not_get_in(tmp_path):
    folder = tmp_path / "result"
    with atomic_folder(folder) as partial:
        left_behind = partial
    left_behind.mkdir()
    (left_behind / "stale").touch()
    with atomic_folder(folder) as partial:
        (partial / "fresh").touch()
    assert [path.name for path in folder.iterdir()] == ["fresh"]


def test_what_dead_processes_left_is_removed_and_living_ones_are_let_be(tmp_path):
    folder = tmp_path / "result"
    with atomic_folder(folder) as partial:
        own = partial.name
    stem = own.removesuffix(str(os.getpid()))
    dead, living = (tmp_path / f"{stem}{pid}" for pid in (2**22 + 1, os.getppid()))
    for left in (dead, living):
        left.mkdir()
    with atomic_folder(folder):
        assert not dead.exists() and living.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([living.name, "result"])


class Fault(OSError):
    """What a full disk or a signal may do to a rename."""


@pytest.fixture
def old(tmp_path):
    """A folder that was written before."""
    with atomic_folder(tmp_path / "result") as partial:
        (partial / "a.txt").write_text("old")
    return tmp_path / "result"


@pytest.mark.parametrize("failing", ["aside", "into place"])
@pytest.mark.parametrize("fault", [Fault, KeyboardInterrupt])
@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_the_old_folder_survives_a_fault_while_it_is_replaced(old, failing, fault, done, monkeypatch):
    real = Path.rename

    def rename(path, target):
        chosen = (failing == "aside") == (path == old)
        struck = chosen and not str(path).endswith(".replaced")
        if struck and not done:
            raise fault
        found = real(path, target)
        if struck:
            raise fault
        return found

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(fault), atomic_folder(old) as partial:
        (partial / "a.txt").write_text("new")
    in_place = done and failing == "into place"
    assert (old / "a.txt").read_text() == ("new" if in_place else "old")
    assert [path.name for path in old.parent.iterdir()] == ["result"]


KILLED = """
import os, signal, sys
from pathlib import Path
from dance_tf.dataset.output import atomic_folder
real = Path.rename
def rename(path, target):
    found = real(path, target)
    if str(target).endswith(".replaced"):
        os.kill(os.getpid(), signal.SIGKILL)
    return found
Path.rename = rename
with atomic_folder(Path(sys.argv[1])) as partial:
    (partial / "a.txt").write_text("new")
"""


def test_the_old_folder_is_put_back_after_a_kill_between_the_renames(old):
    done = subprocess.run([sys.executable, "-c", KILLED, str(old)], cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not old.exists()
    with pytest.raises(RuntimeError, match="also this time"), atomic_folder(old):
        assert (old / "a.txt").read_text() == "old"
        raise RuntimeError("also this time")
    assert [path.name for path in old.parent.iterdir()] == ["result"]
    assert (old / "a.txt").read_text() == "old"


def test_a_folder_put_aside_is_removed_where_its_successor_stands(old):
    with atomic_folder(old) as partial:
        stem = partial.name.removesuffix(str(os.getpid()))
    (old.parent / f"{stem}{2**22 + 1}.replaced").mkdir()
    with atomic_folder(old) as partial:
        (partial / "a.txt").write_text("new")
    assert [path.name for path in old.parent.iterdir()] == ["result"]
    assert (old / "a.txt").read_text() == "new"
