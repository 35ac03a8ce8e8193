"""What lies on both sides of a split's wall: all but the same frames, the same dancers, the same dancers in a style."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dance_tf.assessment.leakage import NearDuplicates, count_near_duplicates, hash_frames
from dance_tf.dataset.batches import VIEWS, View, load_frames
from dance_tf.dataset.dataset import Dataset
from dance_tf.dataset.splits import UNITS, Unit, make_splits


@dataclass(frozen=True)
class Wall:
    """Near-duplicates across the wall between the training part and the part held out.

    Attributes:
        view: what is compared: frames as they are, or their differences from the room.
        unit: what the split is cut by.
        found: test frames with all but the same frame in training.
        met: share of the test frames whose dancer is in training.
        met_in_style: share of the test frames whose dancer is in training with the very style of the frame. Where
            it is smaller than `met`, who knows dancers or rooms by heart will say another style.
    """

    view: View
    unit: Unit
    found: NearDuplicates
    met: float
    met_in_style: float

    def to_json(self) -> dict[str, float]:
        """Near-duplicates, and who is met in training."""
        return {**self.found.to_json(), "met": self.met, "met_in_style": self.met_in_style}


def near_duplicates(dataset: Dataset, folds: int = 5, seed: int = 0, views: Sequence[View] = VIEWS) -> tuple[Wall, ...]:
    """Count held-out frames that have all but the same frame in the training part of the first fold, for each split.

    Args:
        dataset: what is split.
        folds: as the runs have them.
        seed: of the splits.
        views: what the networks see.
    """
    walls = []
    for view in views:
        hashes = np.concatenate(
            [hash_frames(load_frames(dataset, part, view)) for part in _blocks(len(dataset.labels))]
        )
        for unit in UNITS:
            split = make_splits(dataset, unit, folds, seed)[0]
            found = count_near_duplicates(hashes[split.test], hashes[split.train])
            dancers = np.unique(np.array(dataset.dancers), return_inverse=True)[1][dataset.clip_index]
            pairs = dancers * len(dataset.styles) + dataset.labels
            met, in_style = (np.isin(who[split.test], who[split.train]).mean() for who in (dancers, pairs))
            walls.append(Wall(view, unit, found, float(met), float(in_style)))
    return tuple(walls)


def _blocks(frames: int, size: int = 4096) -> list[np.ndarray]:
    """Indices in blocks, so that a view of all frames never lies in memory at once."""
    return np.array_split(np.arange(frames), max(1, -(-frames // size)))
