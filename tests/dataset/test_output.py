import json
import math
import os
from pathlib import Path

import pytest

from dance_tf.curation.parts import write_rows
from dance_tf.dataset.dataset import write_arrays
from dance_tf.dataset.output import ARRAYS, DATASET, MODEL, PlaceError, atomic_folder, check_place, strict_json
from dance_tf.dataset.store import open_dataset, write_store


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            {"a": math.nan, "b": [math.inf, -math.inf, 1.5], "c": "NaN"},
            '{"a": null, "b": [null, null, 1.5], "c": "NaN"}',
        ),
        ((1, None, True, {"é": [[math.nan]]}), '[1, null, true, {"\\u00e9": [[null]]}]'),
        (math.nan, "null"),
    ],
)
def test_numbers_that_are_not_finite_are_null_in_json(value, text):
    assert strict_json(value) == text


@pytest.fixture
def old(tmp_path):
    """A folder that exists already."""
    with atomic_folder(tmp_path / "result") as partial:
        (partial / "a.txt").write_text("old")
    return tmp_path / "result"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_appears_when_the_block_ends_and_a_failed_block_leaves_the_old_one(tmp_path):
    folder = tmp_path / "deep" / "result"
    for name in ("a.txt", "new"):
        with atomic_folder(folder) as partial:
            (partial / name).touch()
            assert partial.parent == folder.parent and partial != folder
        assert names(folder.parent) == ["result"] and names(folder) == [name]
    with pytest.raises(RuntimeError, match="killed"), atomic_folder(folder) as partial:
        (partial / "half").touch()
        raise RuntimeError("killed")
    assert names(folder.parent) == ["result"] and names(folder) == ["new"]


def test_folders_of_dead_processes_are_removed_and_of_live_ones_kept(old):
    with atomic_folder(old) as partial:
        own = partial
    stem = own.name.removesuffix(str(os.getpid()))
    dead, replaced, live = (old.with_name(f"{stem}{end}") for end in (2**22 + 1, f"{2**22 + 1}.replaced", os.getppid()))
    for folder in (own, dead, replaced, live):
        folder.mkdir()
        (folder / "stale").touch()
    with atomic_folder(old) as partial:
        assert partial == own and not dead.exists() and live.exists()
        (partial / "fresh").touch()
    assert names(old.parent) == sorted([live.name, "result"]) and names(old) == ["fresh"]


@pytest.mark.parametrize("failing", ["aside", "into place"])
@pytest.mark.parametrize("fault", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize("done", [False, True])
def test_the_old_folder_survives_a_failure_of_a_rename(old, failing, fault, done, monkeypatch):
    rename = Path.rename

    def failing_rename(path, target):
        fails = (failing == "aside") == (path == old) and not str(path).endswith(".replaced")
        if fails and not done:
            raise fault
        found = rename(path, target)
        if fails:
            raise fault
        return found

    monkeypatch.setattr(Path, "rename", failing_rename)
    with pytest.raises(fault), atomic_folder(old) as partial:
        (partial / "a.txt").write_text("new")
    assert (old / "a.txt").read_text() == ("new" if done and failing == "into place" else "old")
    assert names(old.parent) == ["result"]


def test_the_old_folder_is_restored_after_a_kill_between_the_renames(old):
    with pytest.raises(RuntimeError), atomic_folder(old) as partial:
        dead = partial.name.replace(str(os.getpid()), str(2**22 + 1))
        raise RuntimeError
    old.rename(old.with_name(f"{dead}.replaced"))
    old.with_name(dead).mkdir()
    with pytest.raises(RuntimeError, match="also this time"), atomic_folder(old):
        assert (old / "a.txt").read_text() == "old"
        raise RuntimeError("also this time")
    assert names(old.parent) == ["result"]
    assert (old / "a.txt").read_text() == "old"


MARKS = {
    DATASET: {"styles": [], "frames": 0, "key": ""},
    ARRAYS: {"styles": [], "clips": []},
    MODEL: {"format": 1, "styles": []},
}
kinds = pytest.mark.parametrize("kind", MARKS, ids=lambda kind: kind.marker)


def made(folder, kind):
    folder.mkdir()
    (folder / kind.marker).write_text(json.dumps(MARKS[kind]))
    return folder


@kinds
def test_new_folders_empty_folders_and_those_of_the_same_verb_may_be_written(kind, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".DS_Store").touch()
    for folder in (tmp_path / "new" / "deep", tmp_path / "empty", made(tmp_path / "own", kind)):
        assert check_place(folder, kind) == folder
    (tmp_path / "own" / "thesis.txt").touch()
    with pytest.raises(PlaceError, match="also holds thesis.txt, which would be lost"):
        check_place(tmp_path / "own", kind)


@kinds
def test_other_files_and_the_output_of_another_verb_are_not_replaced(kind, tmp_path):
    folders = [made(tmp_path / other.marker, other) for other in MARKS if other is not kind]
    for number, content in enumerate(["", "{", "[]", '{"name": "mine"}']):
        folders.append(made(tmp_path / str(number), kind))
        (folders[-1] / kind.marker).write_text(content)
    for folder in folders:
        with pytest.raises(PlaceError, match="would be replaced, but it (is a|contains something other than a) "):
            check_place(folder, kind)


def test_written_datasets_are_recognised(tmp_path, blob_clips, monkeypatch):
    clips = blob_clips(styles=2, dancers=2, frames=2)
    arrays = write_arrays(tmp_path / "arrays", clips, texts={"truth/a.json": "{}"})
    assert check_place(arrays, ARRAYS) == arrays
    store = write_store(tmp_path / "store", clips)
    write_rows(store / "curation.csv", ())
    monkeypatch.setattr("dance_tf.dataset.store.IN_MEMORY_BYTES", 1)
    assert open_dataset(store).clips  # leaves a memory map in the folder
    assert check_place(store, DATASET) == store


def test_files_and_the_current_folder_are_not_replaced(tmp_path, monkeypatch):
    (tmp_path / "notes").touch()
    with pytest.raises(PlaceError, match="is a file"):
        check_place(tmp_path / "notes", MODEL)
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    for out in (".", "..", ""):
        with pytest.raises(PlaceError, match="the folder you are in"):
            check_place(out, ARRAYS)


PLACES = {"clips": "is", "clips/../clips": "is", "link": "is", "clips/deep/data": "lies in", "": "contains"}


@pytest.mark.parametrize(("out", "how"), [*PLACES.items(), ("set", "contains")])
def test_a_source_is_never_replaced(out, how, tmp_path):
    (tmp_path / "clips").mkdir()
    (tmp_path / "set-parts" / "clips").mkdir(parents=True)
    os.symlink(tmp_path / "clips", tmp_path / "link")
    source = tmp_path / "set-parts" / "clips" if out == "set" else tmp_path / "clips"
    with pytest.raises(PlaceError, match=f"would be written, but it {how} .*clips, which is read"):
        check_place(tmp_path / out, DATASET, sources=(source,), beside=("-parts",))
    assert check_place(tmp_path / "clips2", DATASET, sources=(source,)) == tmp_path / "clips2"
