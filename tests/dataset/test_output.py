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


MARKS = {
    DATASET: {"styles": [], "frames": 0, "key": ""},
    ARRAYS: {"styles": [], "clips": []},
    MODEL: {"format": 1, "styles": []},
}
kinds = pytest.mark.parametrize("kind", MARKS, ids=lambda kind: kind.marker)


def made(folder, kind, **files):
    folder.mkdir()
    (folder / kind.marker).write_text(json.dumps(MARKS[kind]))
    for name in files:
        (folder / name).touch()
    return folder


@kinds
def test_a_free_name_an_empty_folder_and_the_verb_s_own_may_be_written(kind, tmp_path):
    assert check_place(tmp_path / "new" / "deep", kind) == tmp_path / "new" / "deep"
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".DS_Store").touch()
    assert check_place(tmp_path / "empty", kind) == tmp_path / "empty"
    assert check_place(made(tmp_path / "own", kind), kind) == tmp_path / "own"


@pytest.mark.parametrize(("kind", "other"), list(itertools.permutations(MARKS, 2)), ids=lambda kind: kind.marker)
def test_what_another_verb_wrote_is_not_replaced(kind, other, tmp_path):
    with pytest.raises(PlaceError, match="holds something else than a"):
        check_place(made(tmp_path / "other", other), kind)


@kinds
@pytest.mark.parametrize("content", ["", "{", "[]", '{"name": "mine"}'])
def test_a_file_that_only_shares_the_marker_s_name_is_no_marker(kind, content, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / kind.marker).write_text(content)
    with pytest.raises(PlaceError, match="holds something else"):
        check_place(tmp_path / "mine", kind)


@kinds
def test_a_file_that_was_put_into_the_verb_s_own_folder_is_named(kind, tmp_path):
    with pytest.raises(PlaceError, match="also holds thesis.txt, which would be lost"):
        check_place(made(tmp_path / "own", kind, **{"thesis.txt": ""}), kind)


def test_what_is_written_is_known_again(tmp_path, blob_clips):
    clips = blob_clips(styles=2, dancers=2, frames=2)
    arrays = write_arrays(tmp_path / "arrays", clips, texts={"truth/a.json": "{}"})
    assert check_place(arrays, ARRAYS) == arrays
    store = write_store(tmp_path / "store", clips, clips_per_shard=2)
    write_rows(store / "curation.csv", ())
    assert open_dataset(store, in_memory_bytes=1).clips  # leaves a memory map in the folder
    assert check_place(store, DATASET) == store


def test_a_file_is_not_replaced(tmp_path):
    (tmp_path / "notes").touch()
    with pytest.raises(PlaceError, match="is a file"):
        check_place(tmp_path / "notes", MODEL)


@pytest.mark.parametrize("out", [".", "..", ""])
def test_the_folder_one_stands_in_is_not_replaced(out, tmp_path, monkeypatch):
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    with pytest.raises(PlaceError, match="the folder you are in"):
        check_place(out, ARRAYS)


@pytest.mark.parametrize(
    ("out", "how"),
    [
        ("clips", "is"),
        ("clips/../clips", "is"),
        ("link", "is"),
        ("clips/deep/data", "lies in"),
        ("", "contains"),
        ("set", "contains"),
    ],
)
def test_a_source_is_never_written_over(out, how, tmp_path):
    (tmp_path / "clips").mkdir()
    (tmp_path / "set-parts" / "clips").mkdir(parents=True)
    os.symlink(tmp_path / "clips", tmp_path / "link")
    source = tmp_path / "set-parts" / "clips" if out == "set" else tmp_path / "clips"
    with pytest.raises(PlaceError, match=f"would be written, but it {how} .*clips, which is read"):
        check_place(tmp_path / out, DATASET, sources=(source,), beside=("-parts",))
    assert check_place(tmp_path / "clips2", DATASET, sources=(source,)) == tmp_path / "clips2"
