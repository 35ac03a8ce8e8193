import re

import numpy as np
import pytest

from dance_tf.dataset.dataset import ClipRecord, Dataset, DatasetError
from dance_tf.dataset.splits import GROUPS, make_splits, missing_styles, official_split, outer_splits


def made(clips: list[tuple[str, ...]], frames: int = 5) -> Dataset:
    """Return a dataset of clips (style, dancer, group, official split) with empty frames; the last two are optional."""
    styles = tuple(sorted({style for style, *_ in clips}))
    records = tuple(
        ClipRecord(f"{number}", style, dancer, "", frames + number % 2, frames, (), True, 1.0, *more)
        for number, (style, dancer, *more) in enumerate(clips)
    )
    total = sum(record.kept for record in records)
    frames, backgrounds = (np.zeros((count, 1, 1, 1), np.uint8) for count in (total, len(clips)))
    return Dataset(styles, records, frames, np.zeros(total), backgrounds)


@pytest.fixture(scope="module")
def full():
    """Four styles by ten dancers."""
    return made([(f"s{style}", f"d{dancer}") for dancer in range(10) for style in range(4)])


def groups_of(dataset, group, indices):
    names = {"frame": np.arange(len(dataset.labels)), "clip": dataset.clip_index}
    names["dancer"] = np.array(dataset.dancers)[dataset.clip_index]
    return set(names[group][indices].tolist())


@pytest.mark.parametrize("group", GROUPS)
def test_parts_are_disjoint_and_complete_and_keep_groups_together(full, group):
    splits = make_splits(full, group, folds=4, seed=3)
    assert [split.fold for split in splits] == [0, 1, 2, 3]
    everything = set(range(len(full.labels)))
    for split in splits:
        parts = [split.train, split.validation, split.test]
        assert all(part.dtype == np.int64 and (np.diff(part) > 0).all() for part in parts)
        assert sum(map(len, parts)) == len(everything)
        assert set(np.concatenate(parts).tolist()) == everything
        groups = [groups_of(full, group, part) for part in parts]
        assert not (groups[0] & groups[1] or groups[0] & groups[2] or groups[1] & groups[2])
        np.testing.assert_array_equal(split.test, splits[0].test)
        assert split.note == ""
    # the validation parts of all folds are disjoint and cover everything outside of the test part
    together = np.concatenate([split.validation for split in splits])
    assert len(set(together.tolist())) == len(together) == len(everything) - len(splits[0].test)


def test_shares_and_strata(full):
    by_clip = make_splits(full, "clip", folds=4)
    assert np.bincount(full.clip_labels[sorted(groups_of(full, "clip", by_clip[0].test))]).tolist() == [2, 2, 2, 2]
    for split in by_clip:  # eight clips per style are left: two for each of four folds
        validated = sorted(groups_of(full, "clip", split.validation))
        assert np.bincount(full.clip_labels[validated]).tolist() == [2, 2, 2, 2]
    by_frame = make_splits(full, "frame", folds=5)
    counts = np.bincount(full.labels)
    for style, count in enumerate(np.bincount(full.labels[by_frame[0].test])):
        assert count == round(0.2 * counts[style])
    by_dancer = make_splits(full, "dancer", folds=4)
    assert len(groups_of(full, "dancer", by_dancer[0].test)) == 2
    assert [len(groups_of(full, "dancer", split.validation)) for split in by_dancer] == [2, 2, 2, 2]


@pytest.mark.parametrize("group", GROUPS)
def test_splits_depend_on_the_seed(full, group):
    def parts(seed):
        return [part.tolist() for split in make_splits(full, group, 3, seed) for part in (split.train, split.test)]

    assert parts(0) == parts(0)
    assert parts(0) != parts(1)


def test_dancers_can_be_held_out_by_name(full):
    for group in GROUPS:
        for split in make_splits(full, group, 3, hold_out=("d3", "d8")):
            assert groups_of(full, "dancer", split.test) == {"d3", "d8"}
            assert not {"d3", "d8"} & groups_of(full, "dancer", np.concatenate([split.train, split.validation]))


def test_every_style_stays_in_training_where_that_is_possible():
    # only d0 dances s1: d0 must not be held out
    dataset = made([("s0", f"d{dancer}") for dancer in range(5)] + [("s1", "d0")] * 3)
    for seed in range(12):
        for split in make_splits(dataset, "dancer", 4, seed):
            assert "d0" not in groups_of(dataset, "dancer", split.test)
            assert set(dataset.labels[np.concatenate([split.train, split.validation])]) == {0, 1}


def own_dancers(*counts: int, clips: int = 1) -> list[tuple[str, str]]:
    """Clips of styles s0, s1, …, each with so many dancers who dance nothing else."""
    return [(f"s{style}", f"d{style}-{name}") for style, count in enumerate(counts) for name in range(count)] * clips


FEW_OF_EACH = [
    own_dancers(2, 2, 2),
    own_dancers(2, 2, 2, clips=3),
    own_dancers(5, 5, 1),
    own_dancers(1, 9, 4, 2),
    own_dancers(2, 1, 1, 1),
    own_dancers(*[2] * 20),
    [(f"s{style}", f"d{dancer}") for style in range(3) for dancer in range(2)],
    [("s0", "d0"), ("s0", "d1"), ("s1", "d1"), ("s1", "d2"), ("s2", "d2"), ("s2", "d0")],
    [*own_dancers(4, 4), ("s2", "d0-0")],
]


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("clips", FEW_OF_EACH, ids=len)
def test_no_style_is_lost_from_training(clips, group):
    dataset = made(clips)
    for seed in range(20):
        for split in make_splits(dataset, group, seed=seed):
            assert missing_styles(dataset, split)["training"] == ()
            assert min(len(split.validation), len(split.test)) > 0
            assert groups_of(dataset, group, split.test).isdisjoint(
                groups_of(dataset, group, np.concatenate([split.train, split.validation]))
            )


@pytest.mark.parametrize("group", ["clip", "dancer"])
@pytest.mark.parametrize("clips", FEW_OF_EACH, ids=len)
def test_an_outer_fold_loses_only_the_styles_that_it_tests_whole(clips, group):
    dataset = made(clips)
    for seed in range(5 if len(set(dataset.dancers)) > 2 or group == "clip" else 0):
        for split in outer_splits(dataset, group, seed=seed):
            rest = np.setdiff1d(np.arange(len(dataset.labels)), split.test)
            tested_whole = set(range(len(dataset.styles))) - set(dataset.labels[rest].tolist())
            lost = missing_styles(dataset, split)["training"]
            assert set(lost) == {dataset.styles[number] for number in tested_whole}
            assert len(split.validation)


@pytest.mark.parametrize(("count", "lost"), [(3, 1), (12, 1)])
def test_where_each_dancer_has_a_style_of_their_own_one_is_lost(count, lost):
    dataset = made(own_dancers(*[1] * count, clips=2))
    for seed in range(20):
        split = make_splits(dataset, "dancer", seed=seed)[0]
        missing = missing_styles(dataset, split)
        assert len(missing["training"]) == lost == len(groups_of(dataset, "dancer", split.test))
        assert len(missing["test"]) == count - lost
        assert "validation is cut by clip" in split.note  # every other dancer is needed in training


def test_held_out_dancers_and_their_validation_have_many_styles():
    dataset = made(own_dancers(5, 5, 5, clips=2))
    for seed in range(20):
        split = make_splits(dataset, "dancer", folds=4, seed=seed)[0]
        assert missing_styles(dataset, split) == {"training": (), "validation": (), "test": ()}


@pytest.mark.parametrize(
    ("clips", "note"),
    [
        (own_dancers(1, 1, 2, clips=2), "training needs every dancer that is not tested, or it loses a style: valid"),
        ([("s0", "d0"), ("s1", "d0"), ("s0", "d1"), ("s1", "d1")], "one dancer is left .* cut by frame"),
    ],
)
def test_validation_is_cut_finer_before_a_style_is_lost(clips, note):
    dataset = made(clips)
    for split in make_splits(dataset, "dancer"):
        assert re.match(note, split.note), split.note
        assert missing_styles(dataset, split)["training"] == ()


def test_two_dancers_are_split_with_a_note():
    dataset = made([(f"s{style}", f"d{dancer}") for dancer in range(2) for style in range(3)] * 2)
    splits = make_splits(dataset, "dancer", folds=3)
    for split in splits:
        assert len(groups_of(dataset, "dancer", split.test)) == 1
        assert len(groups_of(dataset, "dancer", np.concatenate([split.train, split.validation]))) == 1
        assert not groups_of(dataset, "clip", split.train) & groups_of(dataset, "clip", split.validation)
        assert "one dancer is left" in split.note and "cut by clip" in split.note


def test_fewer_groups_give_fewer_folds():
    dataset = made([("s0", f"d{dancer}") for dancer in range(4)])
    splits = make_splits(dataset, "dancer", folds=5)
    assert len(splits) == 3
    assert "3 folds" in splits[0].note


@pytest.mark.parametrize("group", ["clip", "frame"])
def test_the_test_part_is_never_empty(group):
    # two clips per style: a fifth of two rounds to none
    dataset = made([(f"s{style}", f"d{dancer}") for style in range(4) for dancer in range(2)], frames=1)
    for split in make_splits(dataset, group, folds=2):
        assert min(len(split.train), len(split.validation), len(split.test)) > 0
        trained = np.concatenate([split.train, split.validation])
        assert set(dataset.labels[trained]) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("clips", "arguments", "message"),
    [
        ([("s0", "d0"), ("s0", "d1")], {"group": "person"}, "cannot split by 'person': use one of frame, clip, dancer"),
        ([("s0", "d0"), ("s0", "d1")], {"group": "clip", "hold_out": ("d7",)}, "no dancer d7 to hold out: .* d0, d1"),
        ([("s0", "d0"), ("s0", "d1")], {"group": "clip", "hold_out": ("d0", "d1")}, "every dancer is held out"),
        ([("s0", "d0"), ("s1", "d0")], {"group": "dancer"}, "one dancer cannot be split by dancer"),
        ([("s0", "d0"), ("s0", "d1")], {"group": "dancer"}, "too few clips"),
        ([("s0", "d0"), ("s0", "d1"), ("s0", "d2")], {"group": "clip", "folds": 1}, "at least two folds"),
    ],
)
def test_impossible_splits_are_refused_in_one_line(clips, arguments, message):
    with pytest.raises(DatasetError, match=message) as refused:
        make_splits(made(clips), **arguments)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("group", GROUPS)
def test_each_group_is_tested_in_exactly_one_outer_fold(group):
    full = made([(f"s{style}", f"d{dancer}") for dancer in range(20) for style in range(4)])
    splits = outer_splits(full, group, folds=5, seed=3)
    assert [split.fold for split in splits] == [0, 1, 2, 3, 4]
    for split in splits:
        parts = [groups_of(full, group, part) for part in (split.train, split.validation, split.test)]
        assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
        assert sum(len(part) for part in (split.train, split.validation, split.test)) == len(full.labels)
        assert len(set(full.labels[split.test])) == len(set(full.labels[split.validation])) == 4
        shares = [len(part) / len(set.union(*parts)) for part in parts]
        assert shares == pytest.approx([0.7, 0.1, 0.2], abs=0.02)
    tested = np.concatenate([split.test for split in splits])
    assert sorted(tested.tolist()) == list(range(len(full.labels)))
    assert any(
        one.test.tolist() != other.test.tolist()
        for one, other in zip(splits, outer_splits(full, group, folds=5, seed=4), strict=True)
    )


def test_outer_folds_of_few_dancers():
    few = made([(f"s{style}", f"d{dancer}") for dancer in range(4) for style in range(2)])
    splits = outer_splits(few, "dancer", folds=5)
    assert [split.note for split in splits] == ["there are 4 dancers: 4 folds"] * 4
    for split in splits:
        parts = (split.train, split.validation, split.test)
        assert [len(groups_of(few, "dancer", part)) for part in parts] == [2, 1, 1]
    with pytest.raises(DatasetError, match="1 folds by dancer are too few"):
        outer_splits(made([("s0", "d0"), ("s1", "d0")]), "dancer")
    with pytest.raises(DatasetError, match="too few clips"):
        outer_splits(made([("s0", "d0"), ("s0", "d1")]), "dancer")


def test_two_dancers_are_each_tested_by_what_the_other_teaches():
    pair = made([(f"s{style}", f"d{dancer}") for dancer in range(2) for style in range(3) for _ in range(2)])
    splits = outer_splits(pair, "dancer")
    assert [split.fold for split in splits] == [0, 1]
    assert [groups_of(pair, "dancer", split.test) for split in splits] == [{"d0"}, {"d1"}]
    for split in splits:
        train, validation = (groups_of(pair, "dancer", part) for part in (split.train, split.validation))
        assert train == validation != groups_of(pair, "dancer", split.test)
        clips = [set(pair.clip_index[part]) for part in (split.train, split.validation)]
        assert clips[0].isdisjoint(clips[1]) and "validation is cut by clip" in split.note


def test_outer_folds_of_dancers_with_different_styles():
    # dancers of different styles: each test part still has both styles where that is possible
    mixed = made([(f"s{style}", f"{kind}{dancer}") for dancer in range(3) for style, kind in enumerate("ab")])
    for split in outer_splits(mixed, "dancer", folds=3):
        assert set(mixed.labels[split.test]) == {0, 1}


def parts_of(split):
    return split.train, split.validation, split.test


def shares_a_group(dataset, split):
    """Whether clips of one group, or of one named dancer if they are split by dancer, are in two parts."""
    parts = [{dataset.clips[clip].group for clip in dataset.clip_index[part]} - {""} for part in parts_of(split)]
    return bool(parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])


VIEWS = [(f"s{n % 4}", f"d{n % 9}", f"performance {n}") for n in range(27) for _ in range(3)]
UCF = [(f"s{style}", "", f"g{group:02d}") for style in range(4) for group in range(12) for _ in range(2)]
PAIRS = [(f"s{n % 3}", f"d{n % 8}", f"video {n // 2}") for n in range(40)]


@pytest.mark.parametrize("clips", [VIEWS, UCF, PAIRS], ids=["views of a performance", "unknown dancers", "battles"])
@pytest.mark.parametrize("group", ["clip", "dancer"])
def test_clips_of_one_group_are_never_in_two_parts(clips, group):
    dataset = made(clips)
    for seed in range(3):
        for splits in (make_splits(dataset, group, 3, seed), outer_splits(dataset, group, 3, seed)):
            for split in splits:
                assert not shares_a_group(dataset, split)
                assert len(np.unique(np.concatenate(parts_of(split)))) == len(dataset.labels)
                names = [groups_of(dataset, "dancer", part) for part in parts_of(split)]
                assert group == "clip" or not names[0] & names[1] | names[0] & names[2] | names[1] & names[2]


def test_where_the_dancer_is_unknown_the_group_takes_its_place():
    dataset = made(UCF)
    assert set(dataset.dancers) == {f"g{group:02d}" for group in range(12)}
    [split, *_] = make_splits(dataset, "dancer", 3, hold_out=("g03",))
    assert set(dataset.clip_index[split.test]) == {n for n, clip in enumerate(UCF) if clip[2] == "g03"}
    assert made([("s0", ""), ("s0", "Zoe\u0308")]).dancers == ("0", "Zo\u00eb")


def test_other_clips_of_a_held_out_group_are_left_out():
    dataset = made([("s0", "anna", "battle"), ("s1", "ben", "battle"), *[(f"s{n % 2}", f"d{n}") for n in range(8)]])
    for group in GROUPS:
        for split in make_splits(dataset, group, 2, hold_out=("anna",)):
            assert set(dataset.clip_index[split.test]) == {0}
            assert 1 not in dataset.clip_index[np.concatenate([split.train, split.validation])]
            assert "1 clips share a group with held-out clips: left out" in split.note


OFFICIAL = [
    (f"s{n % 2}", f"d{n}", "", part) for n, part in enumerate(["train"] * 8 + ["validation"] * 2 + ["test"] * 4)
]


@pytest.mark.parametrize(
    ("change", "sizes", "note"),
    [
        ({}, (8, 2, 4), ""),
        ({"test": ""}, (6, 2, 2), "4 clips without an official part are left out; the official split has no test part"),
        ({"validation": ""}, (6, 2, 4), "2 clips without an official part are left out"),
        ({"validation": "train"}, (8, 2, 4), ""),
    ],
)
def test_the_official_split_is_used_as_it_is(change, sizes, note):
    clips = [(*clip[:3], change.get(clip[3], clip[3])) for clip in OFFICIAL]
    dataset = made(clips)
    split = official_split(dataset, seed=1)
    found = [sorted(set(dataset.clip_index[part])) for part in parts_of(split)]
    assert tuple(map(len, found)) == sizes and split.note.startswith(note) and bool(split.note) == bool(note)
    assert {clips[clip][3] for clip in found[0]} == {"train"}
    assert {clips[clip][3] for clip in found[2]} == ({"validation"} if "test" in change else {"test"})


def test_official_splits_with_shared_dancers_or_without_parts():
    shared = made([*OFFICIAL, ("s0", "d0", "", "test")])
    assert "1 dancers or groups are in the training and in the test part" in official_split(shared).note
    for clips in ([("s0", "d0"), ("s1", "d1")], [("s0", "d0", "", "train"), ("s1", "d1", "", "train")]):
        with pytest.raises(DatasetError, match="no official split with clips to train on and to test"):
            official_split(made(clips))


def test_other_splits_ignore_the_official_one():
    plain = made([clip[:3] for clip in OFFICIAL])
    for group in GROUPS:
        for one, other in zip(make_splits(plain, group, 3), make_splits(made(OFFICIAL), group, 3), strict=True):
            for part, same in zip(parts_of(one), parts_of(other), strict=True):
                np.testing.assert_array_equal(part, same)
