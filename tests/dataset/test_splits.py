import dataclasses

import numpy as np
import pytest

from dance_tf.dataset.dataset import ClipRecord, Dataset, DatasetError
from dance_tf.dataset.splits import GROUPS, make_splits


def made(clips: list[tuple[str, str]], frames: int = 5) -> Dataset:
    """A dataset of clips (style, dancer) whose frames nobody looks at."""
    styles = tuple(sorted({style for style, _ in clips}))
    records = tuple(
        ClipRecord(f"{number}", style, dancer, "", frames + number % 2, frames, (), True, 1.0)
        for number, (style, dancer) in enumerate(clips)
    )
    total = sum(record.kept for record in records)
    return Dataset(
        styles,
        records,
        np.zeros((total, 1, 1, 1), np.uint8),
        np.zeros(total),
        np.zeros((len(clips), 1, 1, 1), np.uint8),
    )


@pytest.fixture(scope="module")
def full():
    """Four styles by ten dancers."""
    return made([(f"s{style}", f"d{dancer}") for dancer in range(10) for style in range(4)])


def units_of(dataset, unit, indices):
    names = {"frame": np.arange(len(dataset.labels)), "clip": dataset.clip_index}
    names["dancer"] = np.array(dataset.dancers)[dataset.clip_index]
    return set(names[unit][indices].tolist())


@pytest.mark.parametrize("unit", GROUPS)
def test_parts_are_disjoint_whole_and_keep_units_together(full, unit):
    splits = make_splits(full, unit, folds=4, seed=3)
    assert [split.fold for split in splits] == [0, 1, 2, 3]
    everything = set(range(len(full.labels)))
    for split in splits:
        parts = [split.train, split.validation, split.test]
        assert all(part.dtype == np.int64 and (np.diff(part) > 0).all() for part in parts)
        assert sum(map(len, parts)) == len(everything)
        assert set(np.concatenate(parts).tolist()) == everything
        units = [units_of(full, unit, part) for part in parts]
        assert not (units[0] & units[1] or units[0] & units[2] or units[1] & units[2])
        np.testing.assert_array_equal(split.test, splits[0].test)
        assert split.note == ""
    # the folds' validation parts are the training part once, and no more
    together = np.concatenate([split.validation for split in splits])
    assert len(set(together.tolist())) == len(together) == len(everything) - len(splits[0].test)


def test_shares_and_strata(full):
    by_clip = make_splits(full, "clip", folds=4)
    assert np.bincount(full.clip_labels[sorted(units_of(full, "clip", by_clip[0].test))]).tolist() == [2, 2, 2, 2]
    for split in by_clip:  # eight clips a style are left: two for each of four folds
        validated = sorted(units_of(full, "clip", split.validation))
        assert np.bincount(full.clip_labels[validated]).tolist() == [2, 2, 2, 2]
    by_frame = make_splits(full, "frame", folds=5)
    counts = np.bincount(full.labels)
    for style, count in enumerate(np.bincount(full.labels[by_frame[0].test])):
        assert count == round(0.2 * counts[style])
    by_dancer = make_splits(full, "dancer", folds=4)
    assert len(units_of(full, "dancer", by_dancer[0].test)) == 2
    assert [len(units_of(full, "dancer", split.validation)) for split in by_dancer] == [2, 2, 2, 2]


@pytest.mark.parametrize("unit", GROUPS)
def test_a_seed_cuts_the_same_way_and_another_another(full, unit):
    def parts(seed):
        return [part.tolist() for split in make_splits(full, unit, 3, seed) for part in (split.train, split.test)]

    assert parts(0) == parts(0)
    assert parts(0) != parts(1)


def test_dancers_can_be_held_out_by_name(full):
    for unit in GROUPS:
        for split in make_splits(full, unit, 3, hold_out=("d3", "d8")):
            assert units_of(full, "dancer", split.test) == {"d3", "d8"}
            assert not {"d3", "d8"} & units_of(full, "dancer", np.concatenate([split.train, split.validation]))


def test_every_style_stays_in_training_where_that_is_possible():
    # s1 is danced by d0 alone: whoever is held out, it must not be d0
    dataset = made([("s0", f"d{dancer}") for dancer in range(5)] + [("s1", "d0")] * 3)
    for seed in range(12):
        for split in make_splits(dataset, "dancer", 4, seed):
            assert "d0" not in units_of(dataset, "dancer", split.test)
            assert set(dataset.labels[np.concatenate([split.train, split.validation])]) == {0, 1}


def test_two_dancers_are_split_and_the_note_says_how():
    dataset = made([(f"s{style}", f"d{dancer}") for dancer in range(2) for style in range(3)] * 2)
    splits = make_splits(dataset, "dancer", folds=3)
    for split in splits:
        assert len(units_of(dataset, "dancer", split.test)) == 1
        assert len(units_of(dataset, "dancer", np.concatenate([split.train, split.validation]))) == 1
        assert not units_of(dataset, "clip", split.train) & units_of(dataset, "clip", split.validation)
        assert "one dancer is left" in split.note and "cut by clip" in split.note


def test_fewer_folds_where_there_are_fewer_units():
    dataset = made([("s0", f"d{dancer}") for dancer in range(4)])
    splits = make_splits(dataset, "dancer", folds=5)
    assert len(splits) == 3
    assert "3 folds" in splits[0].note


@pytest.mark.parametrize("unit", ["clip", "frame"])
def test_the_test_part_is_never_empty(unit):
    # two clips a style: a fifth of two rounds to none, and still there must be something to score
    dataset = made([(f"s{style}", f"d{dancer}") for style in range(4) for dancer in range(2)], frames=1)
    for split in make_splits(dataset, unit, folds=2):
        assert min(len(split.train), len(split.validation), len(split.test)) > 0
        learnt = np.concatenate([split.train, split.validation])
        assert set(dataset.labels[learnt]) == {0, 1, 2, 3}


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
def test_what_cannot_be_cut_is_refused_in_one_line(clips, arguments, message):
    with pytest.raises(DatasetError, match=message) as refused:
        make_splits(made(clips), **arguments)
    assert "\n" not in str(refused.value)


def test_splits_compare_by_identity(full):
    split = make_splits(full, "clip")[0]
    assert split != dataclasses.replace(split)
