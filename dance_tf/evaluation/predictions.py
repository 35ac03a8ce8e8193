"""Predictions of a model on the clips of one part of a split."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from dance_tf.dataset.output import write_text

BATCH = 128


def predict_batches(model: keras.Model, inputs: np.ndarray | dict[str, np.ndarray]) -> np.ndarray:
    """Return the outputs of a network, float32 [n, …].

    The outputs are those of `model.predict`, which builds a data pipeline in each call. For a few clips that takes
    longer than the network.

    Args:
        model: with one output.
        inputs: arrays [n, …], n at least 1.
    """

    def batch(start: int) -> np.ndarray | dict[str, np.ndarray]:
        return keras.tree.map_structure(lambda each: each[start : start + BATCH], inputs)

    starts = range(0, len(keras.tree.flatten(inputs)[0]), BATCH)
    return np.concatenate([model.predict_on_batch(batch(start)) for start in starts])


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions of n clips: mean probabilities for scores by clip, counts of frames for scores by frame.

    Raises:
        ValueError: the parts do not fit each other.
    """

    styles: tuple[str, ...]  # names of the classes, the order of all columns
    clip_ids: tuple[str, ...]  # unique name of each clip
    dancers: tuple[str, ...]  # dancer of each clip; empty where unknown
    labels: np.ndarray  # int64 [n], true class of each clip, an index into `styles`
    probabilities: np.ndarray  # float32 [n, classes], mean over the clip's frames; each row sums to one
    counts: np.ndarray  # int64 [n, classes], frames of the clip that were predicted as each class

    def __post_init__(self):
        for name in ("styles", "clip_ids", "dancers"):
            object.__setattr__(self, name, tuple(str(value) for value in getattr(self, name)))
        for name, kind in (("labels", np.int64), ("probabilities", np.float32), ("counts", np.int64)):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=kind))
        clips, classes = len(self.clip_ids), len(self.styles)
        shapes = {"labels": (clips,), "probabilities": (clips, classes), "counts": (clips, classes)}
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} are {list(getattr(self, name).shape)}, expected {list(shape)}")
        if len(set(self.clip_ids)) != clips:
            raise ValueError("clip ids are not unique")
        if not np.isfinite(self.probabilities).all():
            raise ValueError("probabilities contain values that are not finite")

    @classmethod
    def from_frames(
        cls,
        probabilities: np.ndarray,
        clips: np.ndarray,
        labels: Sequence[int] | np.ndarray,
        dancers: Sequence[str],
        styles: Sequence[str],
        clip_ids: Sequence[str],
    ) -> "Predictions":
        """Average the probabilities of each clip's frames; clips without a frame are left out.

        Args:
            probabilities: float32 [frames, classes].
            clips: int64 [frames], the clip of each frame, an index into labels, dancers and clip_ids.
            labels: int64 [clips], true class of each clip.
        """
        probabilities = np.asarray(probabilities, dtype=np.float32)
        present, rows = np.unique(clips, return_inverse=True)
        sums = np.zeros((len(present), len(styles)))  # float64: a clip may have a thousand frames
        np.add.at(sums, rows, probabilities)
        cells = rows * len(styles) + probabilities.argmax(axis=1)
        counts = np.bincount(cells, minlength=sums.size).reshape(sums.shape)
        return cls(
            styles=tuple(styles),
            clip_ids=tuple(clip_ids[clip] for clip in present),
            dancers=tuple(dancers[clip] for clip in present),
            labels=np.asarray(labels)[present],
            probabilities=sums / np.maximum(counts.sum(axis=1, keepdims=True), 1),
            counts=counts,
        )

    @property
    def predicted(self) -> np.ndarray:
        """Most probable class of each clip, int64 [n]; the first one of equals."""
        return self.probabilities.argmax(axis=1).astype(np.int64)

    @property
    def groups(self) -> tuple[str, ...]:
        """Dancer of each clip; a clip whose dancer is unknown is a group of its own."""
        return tuple(name or f"clip {clip}" for name, clip in zip(self.dancers, self.clip_ids, strict=True))

    def confusion_by_clip(self, unit: str) -> np.ndarray:
        """Return the confusion matrix of each clip: int64 [n, classes, classes], rows are the true class.

        Args:
            unit: "frame" counts each frame, "clip" counts each clip once.
        """
        if unit not in ("frame", "clip"):
            raise ValueError(f"unit is {unit!r}: use 'frame' or 'clip'")
        classes = len(self.styles)
        matrices = np.zeros((len(self.labels), classes, classes), dtype=np.int64)
        rows = np.arange(len(self.labels))
        matrices[rows, self.labels] = self.counts if unit == "frame" else np.eye(classes, dtype=int)[self.predicted]
        return matrices

    def of_dancers(self, dancers: Collection[str]) -> "Predictions":
        """Return the clips of some dancers."""
        rows = np.flatnonzero(np.isin(self.dancers, list(dancers)))
        names = {name: [getattr(self, name)[row] for row in rows] for name in ("clip_ids", "dancers")}
        arrays = {name: getattr(self, name)[rows] for name in ("labels", "probabilities", "counts")}
        return replace(self, **names, **arrays)

    def save(self, path: Path | str) -> None:
        """Write a CSV file, whole or not at all: clip, dancer, style, then `p STYLE` and `n STYLE` of each style."""
        styles = [self.styles[label] for label in self.labels]
        table = pd.DataFrame({"clip": self.clip_ids, "dancer": self.dancers, "style": styles})
        # nine digits restore a float32 exactly
        shares = pd.DataFrame(self.probabilities, columns=[f"p {style}" for style in self.styles])
        frames = pd.DataFrame(self.counts, columns=[f"n {style}" for style in self.styles])
        table = pd.concat([table, shares.map(lambda share: f"{share:.9g}"), frames], axis=1)
        write_text(Path(path), table.to_csv(index=False, lineterminator="\n"))

    @classmethod
    def load(cls, path: Path | str) -> "Predictions":
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: the file does not exist.
            ValueError: the file does not contain predictions.
        """
        table = pd.read_csv(path, dtype=dict.fromkeys(("clip", "dancer", "style"), str), keep_default_na=False)
        styles = tuple(name[2:] for name in table.columns if name.startswith("p "))
        missing = {"clip", "dancer", "style", *(f"n {style}" for style in styles)} - set(table.columns)
        if missing or not styles:
            raise ValueError(f"not a table of predictions: {', '.join(sorted(missing)) or 'probabilities'} missing")
        return cls(
            styles=styles,
            clip_ids=table["clip"],
            dancers=table["dancer"],
            labels=[styles.index(style) for style in table["style"]],
            probabilities=table[[f"p {style}" for style in styles]].to_numpy(np.float64),
            counts=table[[f"n {style}" for style in styles]],
        )
