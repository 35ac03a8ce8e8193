"""Which frames a model learns from, is chosen on, and is scored on once.

80 / 20, then folds inside the 80, cut by frame, by clip or by dancer. The clip or the dancer is the unit of honest
numbers; a split by frame puts neighbours of a test frame into training and exists to show what that inflates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

from dance_tf.dataset.dataset import Dataset, DatasetError

Group = Literal["frame", "clip", "dancer"]
GROUPS: tuple[Group, ...] = ("frame", "clip", "dancer")
DRAWS = 32


@dataclass(frozen=True, eq=False)
class Split:
    """Frames by their use, as sorted int64 indices into a dataset's frames, disjoint.

    Attributes:
        unit: what is never on two sides of a wall.
        fold: number of the fold, from 0.
        train: frames to learn from.
        validation: frames to stop early and to choose settings by.
        test: frames to score once.
        note: a sentence where the data did not allow what was asked; empty otherwise.
    """

    unit: Group
    fold: int
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    note: str = ""


def make_splits(
    dataset: Dataset,
    unit: Group,
    folds: int = 5,
    seed: int = 0,
    test_share: float = 0.2,
    hold_out: Sequence[str] = (),
) -> tuple[Split, ...]:
    """Cut a dataset into test and folds (section 4.2: 80 / 20, then five folds inside the 80).

    Args:
        dataset: what to cut.
        unit: "frame", "clip" or "dancer": what stays on one side of each wall.
        folds: folds inside the training part.
        seed: the same seed cuts the same way.
        test_share: share of units held out for the one last test.
        hold_out: dancers to hold out, instead of dancers drawn by the seed; their frames are the test part whatever
            the unit of the folds.

    Returns:
        one split a fold; all have the same test part.

    Raises:
        DatasetError: an unknown unit or dancer, fewer than two folds, or too few units to cut.
    """
    if unit not in GROUPS:
        raise DatasetError(f"cannot split by {unit!r}: use one of {', '.join(GROUPS)}")
    if folds < 2:
        raise DatasetError(f"{folds} folds cannot be cut: at least two folds are needed to train and to validate")
    unknown = set(hold_out) - set(dataset.dancers)
    if unknown:
        known = ", ".join(sorted(set(dataset.dancers)))
        raise DatasetError(f"no dancer {', '.join(sorted(unknown))} to hold out: the dataset has {known}")
    generator = np.random.default_rng(np.random.SeedSequence([seed, GROUPS.index(unit)]))
    units, strata = _units(dataset, unit)
    if hold_out:
        test = np.isin(np.array(dataset.dancers)[dataset.clip_index], list(hold_out))
        if test.all():
            raise DatasetError("every dancer is held out: nothing is left to learn from")
    else:
        test = np.isin(units, _draw_test(dataset, units, strata, unit, test_share, generator))
    note = ""
    if len(np.unique(units[~test])) < 2:
        note = f"one {unit} is left beside the test part: validation is cut by clip"
        units, strata = _units(dataset, "clip")
    rest = np.unique(units[~test])
    if len(rest) < 2:
        raise DatasetError("too few clips to cut into training, validation and test parts: add clips")
    if len(rest) < folds:
        folds = len(rest)
        note = f"{note}; {folds} folds" if note else f"{folds} units are left beside the test part: {folds} folds"
    parts = _fold(rest, strata[rest], folds, int(generator.integers(2**31)))
    splits = []
    for fold, held in enumerate(parts):
        validation = np.isin(units, held) & ~test
        train = ~validation & ~test
        splits.append(Split(unit, fold, *(np.flatnonzero(mask) for mask in (train, validation, test)), note=note))
    return tuple(splits)


def _units(dataset: Dataset, unit: Group) -> tuple[np.ndarray, np.ndarray]:
    """The unit of each frame, int64 [n], and the style index of each unit (-1 for dancers, who dance several)."""
    if unit == "frame":
        return np.arange(len(dataset.labels)), dataset.labels
    if unit == "clip":
        return dataset.clip_index, dataset.clip_labels
    names, clip_dancers = np.unique(np.array(dataset.dancers), return_inverse=True)
    return clip_dancers[dataset.clip_index], np.full(len(names), -1)


def _draw_test(dataset, units, strata, unit: Group, share: float, generator: np.random.Generator) -> np.ndarray:
    """Units of the test part; by style where a unit has one, by dancer so that every style stays in training."""
    found = np.unique(units)
    if len(found) < 2:
        raise DatasetError(f"one {unit} cannot be split by {unit}: add footage, or split by clip or frame")
    if unit == "dancer":
        count = min(max(1, round(share * len(found))), len(found) - 1)
        draws = [generator.permutation(found)[:count] for _ in range(DRAWS)]
        styles_left = [len(np.unique(dataset.labels[~np.isin(units, draw)])) for draw in draws]
        return draws[int(np.argmax(styles_left))]
    groups = [generator.permutation(found[strata[found] == stratum]) for stratum in np.unique(strata[found])]
    chosen = np.concatenate([members[: min(round(share * len(members)), len(members) - 1)] for members in groups])
    if len(chosen):
        return chosen
    # so few of each style that the share of each rounds to none: the share of all, one of a style at most
    spare = [members[0] for members in groups if len(members) > 1] or found
    return generator.permutation(spare)[: max(1, round(share * len(found)))]


def _fold(rest: np.ndarray, strata: np.ndarray, folds: int, state: int) -> list[np.ndarray]:
    """The units that each fold validates on, spread evenly over the strata where each has enough of them."""
    stratified = strata.min() >= 0 and np.unique(strata, return_counts=True)[1].min() >= folds
    splitter = (StratifiedKFold if stratified else KFold)(folds, shuffle=True, random_state=state)
    return [rest[held] for _, held in splitter.split(rest, strata)]
