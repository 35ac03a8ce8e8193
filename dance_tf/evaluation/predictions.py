"""From frames to clips: one verdict a clip."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, eq=False)
class Predictions:
    """Class probabilities of n frames (or clips), with the truth and where each frame is from.

    Attributes:
        probabilities: float32 [n, classes]; each row sums to one.
        labels: int64 [n]; the true class of each row, an index into `styles`.
        clips: int64 [n]; the clip each row is from, an index into `clip_ids`.
        dancers: name of the dancer of each clip, in the order of `clip_ids`; empty where nobody knows.
        styles: names of the classes, in the order of the columns of `probabilities`.
        clip_ids: unique names of the clips.

    Raises:
        ValueError: where the parts do not fit each other.
    """

    probabilities: np.ndarray
    labels: np.ndarray
    clips: np.ndarray
    dancers: tuple[str, ...]
    styles: tuple[str, ...]
    clip_ids: tuple[str, ...]

    def __post_init__(self):
        probabilities = np.asarray(self.probabilities, dtype=np.float32)
        labels, clips = np.asarray(self.labels, dtype=np.int64), np.asarray(self.clips, dtype=np.int64)
        for name, value in (("probabilities", probabilities), ("labels", labels), ("clips", clips)):
            object.__setattr__(self, name, value)
        for name in ("dancers", "styles", "clip_ids"):
            object.__setattr__(self, name, tuple(str(value) for value in getattr(self, name)))
        frames = len(labels)
        if probabilities.shape != (frames, len(self.styles)):
            raise ValueError(
                f"probabilities are {list(probabilities.shape)}, labels and styles ask for {[frames, len(self.styles)]}"
            )
        if labels.shape != (frames,) or clips.shape != (frames,):
            raise ValueError(f"labels {list(labels.shape)} and clips {list(clips.shape)} must both be [n]")
        if len(self.dancers) != len(self.clip_ids):
            raise ValueError(f"{len(self.clip_ids)} clips, but {len(self.dancers)} dancers: give one for each clip")
        if len(set(self.clip_ids)) != len(self.clip_ids):
            raise ValueError("clip ids are not unique")
        for name, indices, size in (("labels", labels, len(self.styles)), ("clips", clips, len(self.clip_ids))):
            if frames and not (0 <= indices.min() and indices.max() < size):
                raise ValueError(f"{name} run from {indices.min()} to {indices.max()}, outside 0..{size - 1}")
        if not np.isfinite(probabilities).all():
            raise ValueError("probabilities hold values that are not finite")

    @property
    def predicted(self) -> np.ndarray:
        """The most probable class of each row, int64 [n]; the first one where several are equal."""
        return self.probabilities.argmax(axis=1).astype(np.int64)

    def save(self, path: Path | str) -> Path:
        """Write everything to one .npz file, whole or not at all: a temporary name, then a rename.

        Returns the path; missing folders are made.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            with temporary.open("wb") as stream:
                np.savez_compressed(
                    stream,
                    probabilities=self.probabilities,
                    labels=self.labels,
                    clips=self.clips,
                    dancers=np.array(self.dancers, dtype=np.str_),
                    styles=np.array(self.styles, dtype=np.str_),
                    clip_ids=np.array(self.clip_ids, dtype=np.str_),
                )
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        return path

    @classmethod
    def load(cls, path: Path | str) -> "Predictions":
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is no complete set of predictions.
        """
        with np.load(Path(path), allow_pickle=False) as parts:
            missing = {"probabilities", "labels", "clips", "dancers", "styles", "clip_ids"} - set(parts.files)
            if missing:
                raise ValueError(f"{path} holds no predictions: {', '.join(sorted(missing))} missing")
            return cls(
                probabilities=parts["probabilities"],
                labels=parts["labels"],
                clips=parts["clips"],
                dancers=tuple(parts["dancers"].tolist()),
                styles=tuple(parts["styles"].tolist()),
                clip_ids=tuple(parts["clip_ids"].tolist()),
            )


def aggregate_clips(predictions: Predictions) -> Predictions:
    """A clip's probabilities are the mean of its frames' (the paper names several frames, but no rule; section 1).

    Args:
        predictions: of frames; those of a clip need not lie together.

    Returns:
        Predictions with one row for each clip that has a frame, in the order of `clip_ids`; clips without a frame are
        left out of `clip_ids` and `dancers` too. Aggregating a second time changes nothing.

    Raises:
        ValueError: frames of one clip carry different labels.
    """
    seen, first, rows = np.unique(predictions.clips, return_index=True, return_inverse=True)
    labels = predictions.labels[first]
    differing = np.flatnonzero(labels[rows] != predictions.labels)
    if len(differing):
        clip = predictions.clip_ids[predictions.clips[differing[0]]]
        raise ValueError(f"clip {clip} has frames of more than one label")
    sums = np.zeros((len(seen), len(predictions.styles)))  # float64: a clip may have a thousand frames
    np.add.at(sums, rows, predictions.probabilities)
    counts = np.bincount(rows, minlength=len(seen))[:, None]
    return Predictions(
        probabilities=(sums / np.maximum(counts, 1)).astype(np.float32),
        labels=labels,
        clips=np.arange(len(seen)),
        dancers=tuple(predictions.dancers[clip] for clip in seen),
        styles=predictions.styles,
        clip_ids=tuple(predictions.clip_ids[clip] for clip in seen),
    )
