"""Batches for `keras.Model.fit`, the same on every Keras backend; frames stay uint8 until the network takes them."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from dance_tf.dataset.batches import Jitter, View, coarsen, draw, jitter_frames, load_frames, see, windows
from dance_tf.dataset.dataset import Dataset


@dataclass(frozen=True)
class Feed:
    """How frames are fed.

    Attributes:
        view: what the network sees, "frame" or "difference".
        batch_size: frames (or windows) in a batch.
        frames_per_clip: frames drawn of each clip in an epoch.
        jitter: random change of training frames.
        frame_size: side in pixels that frames are shrunk to before they are enlarged again; 128 leaves them alone.
        sequence_length: frames in a window for a network that reads sequences; 1 for single frames.
        target: "style", or "frame" for an autoencoder, whose target is what it sees.
        change: further change of a batch uint8 [b, 128, 128, 1] in training, as the network sees it; takes the batch
            and a generator.
        degrade: change of a batch's frames and rooms, uint8 [b, 128, 128, 1] each, before one is seen against the
            other, as footage is degraded before anyone takes its room away; takes both, a generator and the number of
            frames in a row that belong to one window.
    """

    view: View = "difference"
    batch_size: int = 64
    frames_per_clip: int = 12
    jitter: Jitter = Jitter()
    frame_size: int = 128
    sequence_length: int = 1
    target: str = "style"
    change: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = None
    degrade: Callable[[np.ndarray, np.ndarray, np.random.Generator, int], tuple[np.ndarray, np.ndarray]] | None = None


class TrainingFrames(keras.utils.PyDataset):
    """Each epoch's frames, drawn anew and changed a little; batch b of epoch e depends on (seed, e, b) alone.

    That is what lets a run that was killed go on as if nothing had happened.
    """

    def __init__(self, dataset: Dataset, indices: np.ndarray, feed: Feed, seed: int, epoch: int = 0):
        super().__init__()
        self.dataset, self.indices, self.feed, self.seed = dataset, indices, feed, seed
        self.start_epoch(epoch)

    def start_epoch(self, epoch: int) -> None:
        """Draw the frames of an epoch."""
        self.epoch = epoch
        generator = np.random.default_rng([self.seed, epoch])
        self.order = draw(self.indices, self.dataset.clip_index, self.feed.frames_per_clip, generator)

    def on_epoch_end(self) -> None:
        self.start_epoch(self.epoch + 1)

    @property
    def num_batches(self) -> int:
        """Batches in an epoch."""
        return -(-len(self.order) // self.feed.batch_size)

    def __getitem__(self, number: int):
        feed = self.feed
        chosen = self.order[number * feed.batch_size : (number + 1) * feed.batch_size]
        generator = np.random.default_rng([self.seed, self.epoch, number])
        seen = load_sequences(self.dataset, chosen, feed, generator)
        if feed.change is not None:
            seen = feed.change(seen.reshape(-1, 128, 128, 1), generator).reshape(seen.shape)
        if feed.jitter != Jitter():
            flat = seen.reshape(-1, 128, 128, 1)
            seen = jitter_frames(flat, feed.jitter, generator, feed.sequence_length).reshape(seen.shape)
        if feed.target == "frame":
            return seen, seen.astype(np.float32) / 255
        return seen, self.dataset.labels[chosen]


def load_sequences(
    dataset: Dataset, indices: np.ndarray, feed: Feed, generator: np.random.Generator | None = None
) -> np.ndarray:
    """Frames, or windows that end at them: uint8 [n, 128, 128, 1] or [n, sequence_length, 128, 128, 1].

    With a generator they are degraded as the feed says; without one they are clean.
    """
    if feed.sequence_length > 1:
        indices = windows(indices, dataset.clip_index, feed.sequence_length)
    if feed.degrade is not None and generator is not None:
        flat = indices.reshape(-1)
        rooms = dataset.rooms[dataset.clip_index[flat]]
        seen = see(*feed.degrade(dataset.frames[flat], rooms, generator, feed.sequence_length), feed.view)
        seen = seen.reshape(*indices.shape, *seen.shape[1:])
    else:
        seen = load_frames(dataset, indices, feed.view)
    return coarsen(seen.reshape(-1, *seen.shape[-3:]), feed.frame_size).reshape(seen.shape)
