"""Where a verb may write: a free name, or what the same verb wrote before."""

import itertools
import json
import os

import pytest

from dance_tf.curation.parts import write_rows
from dance_tf.dataset.arrays import write_arrays
from dance_tf.dataset.output import ARRAYS, DATASET, MODEL, PlaceError, check_place
from dance_tf.dataset.store import open_dataset, write_store

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
    store = write_store(tmp_path / "store", clips, clips_a_shard=2)
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
