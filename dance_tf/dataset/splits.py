"""Splits of a dataset into training, validation and test parts by frame, clip or dancer.

`outer_splits` tests each group once; `make_splits` is the paper's 80 / 20 with folds inside the 80; `official_split` is
that of a published dataset. Groups are clips or dancers for generalisation scores; clips that share a group
(`ClipRecord.group`) stay together. A split by frame puts neighbours of test frames into training; it exists to measure
how much that inflates the scores. Every style stays in training wherever that is possible: a group that is the last one
with a style is neither tested (except by `outer_splits`) nor validated; `missing_styles` names the styles of each part.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

from dance_tf.dataset.dataset import Dataset, DatasetError
from dance_tf.video.layouts import TEST, TRAIN, VALIDATION, plain_name

Group = Literal["frame", "clip", "dancer"]
GROUPS: tuple[Group, ...] = ("frame", "clip", "dancer")
TESTED = 0.2  # of the groups
DRAWS = 32  # candidate sets of test dancers
NEEDED = "training needs every {} that is not tested, or it loses a style"


@dataclass(frozen=True, eq=False)
class Split:
    """Parts of a dataset, as disjoint sorted int64 indices into its frames."""

    group: Group  # a frame, clip or dancer is never in two parts
    fold: int  # number of the fold, from 0
    train: np.ndarray  # frames for training
    validation: np.ndarray  # frames for early stopping and for the choice of settings
    test: np.ndarray  # frames for the final score
    note: str = ""  # a sentence where the data did not allow what was asked; empty otherwise


def make_splits(
    dataset: Dataset,
    group: Group,
    folds: int = 5,
    seed: int = 0,
    hold_out: Sequence[str] = (),
) -> tuple[Split, ...]:
    """Split a dataset into a test part and folds (section 4.2: 80 / 20, then five folds inside the 80).

    Args:
        group: "frame", "clip" or "dancer": what is never in two parts.
        hold_out: names of test dancers, instead of a random choice; all their frames are the test part, whatever
            the group. Other clips that share a group with them are left out.

    Returns:
        one split per fold, all with the same test part.

    Raises:
        DatasetError: an unknown group or dancer, fewer than two folds, or too few groups.
    """
    _check_group(group)
    if folds < 2:
        raise DatasetError(f"{folds} folds cannot be cut: at least two folds are needed to train and to validate")
    hold_out = [plain_name(name) for name in hold_out]
    if unknown := set(hold_out) - set(dataset.dancers):
        known = ", ".join(sorted(set(dataset.dancers)))
        raise DatasetError(f"no dancer {', '.join(sorted(unknown))} to hold out: the dataset has {known}")
    generator = np.random.default_rng(np.random.SeedSequence([seed, GROUPS.index(group)]))
    groups, strata = _groups(dataset, group)
    left_out = np.zeros(len(groups), bool)
    if hold_out:
        held_out = np.isin(dataset.dancers, hold_out)
        if held_out.all():
            raise DatasetError("every dancer is held out: nothing is left to learn from")
        units = _join_groups(dataset, np.arange(len(dataset.clips)))
        left_out = (np.isin(units, units[held_out]) & ~held_out)[dataset.clip_index]
        test = held_out[dataset.clip_index] | left_out
    else:
        test = np.isin(groups, _choose_test(dataset, groups, strata, group, generator))
    unit = "frame" if group == "frame" else "clip"
    if len(np.unique(_groups(dataset, unit)[0][~test])) < 2:
        raise DatasetError("too few clips to cut into training, validation and test parts: add clips")
    units = GROUPS[: GROUPS.index(group) + 1]
    cut_groups, held, unit = _cut_validation(dataset, test, units, folds, int(generator.integers(2**31)))
    note, left = "", len(np.unique(groups[~test]))
    if unit != group:
        note = f"one {group} is left beside the test part" if left < 2 else NEEDED.format(group)
        note += f": validation is cut by {unit}"
    if len(held) < folds:
        note += f"; {len(held)} folds" if note else f"{left} {group}s are left beside the test part: {len(held)} folds"
    if left_out.any():
        shared = f"{len(np.unique(dataset.clip_index[left_out]))} clips share a group with held-out clips: left out"
        note = f"{shared}; {note}" if note else shared
    splits = []
    for fold, members in enumerate(held):
        validation = np.isin(cut_groups, members) & ~test
        parts = (np.flatnonzero(mask) for mask in (~validation & ~test, validation, test & ~left_out))
        splits.append(Split(group, fold, *parts, note=note))
    return tuple(splits)


def official_split(dataset: Dataset, seed: int = 0) -> Split:
    """Return the official split that is stored with the clips; clips without a part are left out.

    Without a test part, the validation part is tested. Without another validation part, a fifth of the training part is
    taken for it, by dancer where there are two or more.

    Raises:
        DatasetError: no clip has an official part, or there are fewer than two clips for training and validation.
    """
    parts = np.array([clip.split for clip in dataset.clips])
    notes = [f"{count} clips without an official part are left out"] if (count := np.sum(parts == "")) else []
    test = parts == TEST
    if not test.any():
        test = parts == VALIDATION
        notes.append("the official split has no test part: its validation part is tested")
    validation = (parts == VALIDATION) & ~test
    train = np.flatnonzero(parts == TRAIN)
    if not test.any() or len(train) < 2 - validation.any():
        raise DatasetError(
            "the dataset has no official split with clips to train on and to test: curate footage in folders such as "
            "train/ and test/, or with a column split in manifest.csv"
        )
    units = _clip_dancers(dataset)
    if shared := len(np.intersect1d(units[train], units[test])):
        notes.append(f"{shared} dancers or groups are in the training and in the test part of the official split")
    if not validation.any():
        by_dancer = units if len(np.unique(units[train])) > 1 else np.arange(len(parts))
        folds = min(5, len(np.unique(by_dancer[train])))
        labels = dataset.clip_labels[train]
        balanced = np.unique(labels, return_counts=True)[1].min() >= folds
        folding = (StratifiedGroupKFold if balanced else GroupKFold)(folds, shuffle=True, random_state=seed)
        validation[train[next(folding.split(train, labels, by_dancer[train]))[1]]] = True
    masks = ((parts == TRAIN) & ~validation, validation, test)
    return Split("clip", 0, *(np.flatnonzero(mask[dataset.clip_index]) for mask in masks), note="; ".join(notes))


def outer_splits(dataset: Dataset, group: Group, folds: int = 5, seed: int = 0) -> tuple[Split, ...]:
    """Split a dataset so that each group is in the test part of exactly one fold.

    The groups are cut into two blocks for each fold, balanced by style. A fold tests its two blocks, validates on the
    first block of the next fold and learns from the rest: 14, 2 and 4 of 20 dancers. With fewer than two groups for
    each fold there is one block for each fold. With two dancers, a fold validates on other clips of the dancer that it
    learns from.

    Args:
        group: "frame", "clip" or "dancer": what is never in two parts.
        folds: number of folds, at least 3; fewer if there are fewer groups.

    Raises:
        DatasetError: an unknown group, or fewer than three folds or groups.
    """
    _check_group(group)
    groups, strata = _groups(dataset, group)
    count = len(strata)
    if group == "dancer" and count == 2:
        units, dancers = _clip_dancers(dataset), np.array(dataset.dancers)
        held_out = [np.unique(dancers[units == unit]).tolist() for unit in range(count)]
        each = [make_splits(dataset, group, seed=seed, hold_out=names)[0] for names in held_out]
        return tuple(replace(split, fold=fold) for fold, split in enumerate(each))
    note = "" if count >= folds else f"there are {count} {group}s: {count} folds"
    folds = min(folds, count)
    if folds < 3:
        raise DatasetError(
            f"{folds} folds by {group} are too few: one part each to test, to validate and to learn from"
        )
    blocks = 2 * folds if count >= 2 * folds else folds
    # dancers are balanced by the styles of their clips, clips and frames by their own style
    units = _clip_dancers(dataset) if group == "dancer" else _join_groups(dataset, np.arange(len(dataset.clips)))
    grouped = group == "dancer" or group == "clip" and count < len(units)
    labels, members = (dataset.clip_labels, units) if grouped else (strata, None)
    stratified = np.bincount(labels, minlength=len(dataset.styles)).min() >= blocks
    kinds = (StratifiedGroupKFold, GroupKFold) if grouped else (StratifiedKFold, KFold)
    folding = kinds[0 if stratified else 1](blocks, shuffle=True, random_state=seed)
    block_of = np.zeros(count, dtype=np.int64)
    for block, (_, held) in enumerate(folding.split(labels, labels, members)):
        block_of[held if members is None else members[held]] = block
    fold_of, first = block_of * folds // blocks, block_of % (blocks // folds) == 0
    styles = _styles_of(dataset, groups)
    splits = []
    for fold in range(folds):
        test = (fold_of == fold)[groups]
        block = np.flatnonzero((fold_of == (fold + 1) % folds) & first)
        cut_groups, held, why = groups, _spare(styles, np.flatnonzero(fold_of != fold), block), ""
        if not len(held):
            finer = GROUPS[: max(1, GROUPS.index(group))]
            cut_groups, [held, *_], unit = _cut_validation(dataset, test, finer, folds, seed)
            why = f"{NEEDED.format(group)}: validation is cut by {unit}"
        validation = np.isin(cut_groups, held) & ~test
        parts = (np.flatnonzero(mask) for mask in (~test & ~validation, validation, test))
        splits.append(Split(group, fold, *parts, note="; ".join(filter(None, (note, why)))))
    return tuple(splits)


def missing_styles(dataset: Dataset, split: Split) -> dict[str, tuple[str, ...]]:
    """Return the styles without a frame in the "training", "validation" and "test" part of a split."""
    parts = {"training": split.train, "validation": split.validation, "test": split.test}
    found = {name: set(dataset.labels[part].tolist()) for name, part in parts.items()}
    return {
        name: tuple(style for number, style in enumerate(dataset.styles) if number not in present)
        for name, present in found.items()
    }


def _check_group(group: str) -> None:
    if group not in GROUPS:
        raise DatasetError(f"cannot split by {group!r}: use one of {', '.join(GROUPS)}")


def _clip_dancers(dataset: Dataset) -> np.ndarray:
    """Return the number of each clip's dancer, in the order of names: int64 [clips].

    Dancers who share a group have one number.
    """
    return _join_groups(dataset, np.unique(np.array(dataset.dancers), return_inverse=True)[1])


def _join_groups(dataset: Dataset, units: np.ndarray) -> np.ndarray:
    """Number units of clips, int64 [clips], so that units with clips of one group are one; others keep their order."""
    names = np.array([clip.group for clip in dataset.clips])
    named = np.flatnonzero(names != "")
    if not len(named):
        return units
    groups = np.unique(names, return_inverse=True)[1] + len(units)
    size = 2 * len(units)
    links = coo_array((np.ones(len(named)), (units[named], groups[named])), shape=(size, size))
    return np.unique(connected_components(links, directed=False)[1][units], return_inverse=True)[1]


def _groups(dataset: Dataset, group: Group) -> tuple[np.ndarray, np.ndarray]:
    """The group of each frame, int64 [n], and the style index of each group (-1 for dancers, who dance several)."""
    if group == "frame":
        return np.arange(len(dataset.labels)), dataset.labels
    if group == "clip":
        units = _join_groups(dataset, np.arange(len(dataset.clips)))
        strata = np.full(units.max() + 1, -1)
        strata[units] = dataset.clip_labels
        strata[units[strata[units] != dataset.clip_labels]] = -1  # a group of several styles
        return units[dataset.clip_index], strata
    clip_dancers = _clip_dancers(dataset)
    return clip_dancers[dataset.clip_index], np.full(clip_dancers.max() + 1, -1)


def _styles_of(dataset: Dataset, groups: np.ndarray, frames: np.ndarray | slice = slice(None)) -> np.ndarray:
    """Return which styles each group has among some frames: bool [groups, styles]."""
    found = np.zeros((groups.max() + 1, len(dataset.styles)), dtype=bool)
    found[groups[frames], dataset.labels[frames]] = True
    return found


def _spare(styles: np.ndarray, rest: np.ndarray, candidates: np.ndarray, count: int | None = None) -> np.ndarray:
    """Return at most `count` of the candidates, in their order, that can leave `rest` without a style being lost."""
    left = styles[rest].sum(axis=0)
    first = candidates[:count]
    if (left > styles[first].sum(axis=0))[left > 0].all():
        return first
    chosen = []
    for group in candidates:
        if len(chosen) != count and (left[styles[group]] > 1).all():
            chosen.append(group)
            left = left - styles[group]
    return np.array(chosen, dtype=np.int64)


def _cut_validation(
    dataset: Dataset, test: np.ndarray, units: Sequence[Group], folds: int, seed: int
) -> tuple[np.ndarray, list[np.ndarray], Group]:
    """Cut what is not tested into validation parts that leave every style in training, by the last unit that can.

    Returns:
        the group of each frame, the groups of each validation part, and the unit of these groups.
    """
    for unit in reversed(units):
        groups, strata = _groups(dataset, unit)
        styles = _styles_of(dataset, groups, ~test)
        rest = np.flatnonzero(styles.any(axis=1))
        cut = _cut_folds(styles, strata, rest, min(folds, len(rest)), seed) if len(rest) > 1 else ()
        if held := [members for members in (_spare(styles, rest, members) for members in cut) if len(members)]:
            return groups, held, unit
    raise DatasetError("too few frames to cut into training, validation and test parts: add clips")


def _cut_folds(styles: np.ndarray, strata: np.ndarray, rest: np.ndarray, folds: int, seed: int) -> list[np.ndarray]:
    """Return the groups of each fold: those of scikit-learn, or dealt by style if these would lose a style."""
    stratified = strata[rest].min() >= 0 and np.unique(strata[rest], return_counts=True)[1].min() >= folds
    folding = StratifiedKFold if stratified else KFold
    cut = folding(folds, shuffle=True, random_state=seed).split(rest, strata[rest])
    held = [rest[members] for _, members in cut]
    alike = (styles[rest] == styles[rest[0]]).all()
    if alike or strata[rest].min() >= 0 and all(len(_spare(styles, rest, part)) == len(part) for part in held):
        return held
    needed = (styles[rest] & (styles[rest].sum(axis=0) == 1)).any(axis=1)  # in training, the last ones with a style
    mixed = np.random.default_rng(seed).permutation(rest[~needed])
    kind = np.unique(styles[mixed], axis=0, return_inverse=True)[1].reshape(-1)
    dealt = mixed[np.argsort(kind, kind="stable")]
    return [dealt[fold::folds] for fold in range(folds)]


def _choose_test(dataset, groups, strata, group: Group, generator: np.random.Generator) -> np.ndarray:
    """Groups of the test part: stratified by style, or dancers with most styles that leave most styles in training."""
    found = np.unique(groups)
    if len(found) < 2:
        raise DatasetError(f"one {group} cannot be split by {group}: add footage, or split by clip or frame")
    if group == "dancer":
        count = min(max(1, round(TESTED * len(found))), len(found) - 1)
        styles = _styles_of(dataset, groups)
        draws = [generator.permutation(found) for _ in range(DRAWS)]
        spare = [_spare(styles, found, draw, count) for draw in draws]
        # where each dancer is the only one of some style, one style is lost at least
        sets = [few if len(few) else draw[:1] for few, draw in zip(spare, draws, strict=True)]

        def kinds(dancers: np.ndarray) -> int:
            return styles[dancers].any(axis=0).sum()

        return max(sets, key=lambda some: (kinds(np.setdiff1d(found, some)), len(some), kinds(some)))
    by_style = [generator.permutation(found[strata[found] == style]) for style in np.unique(strata[found])]
    chosen = np.concatenate([members[: min(round(TESTED * len(members)), len(members) - 1)] for members in by_style])
    if len(chosen):
        return chosen
    # the share of each style rounds to none: take the share of all groups, at most one of each style
    spare = [members[0] for members in by_style if len(members) > 1] or found
    return generator.permutation(spare)[: max(1, round(TESTED * len(found)))]
