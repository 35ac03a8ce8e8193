"""A model cut in two: what the edge computes and sends for a clip, and how the cloud goes on from there."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np

from dance_tf.curation.filters import CuratedClip
from dance_tf.model.bundle import ModelBundle
from dance_tf.model.split import split_network
from dance_tf.pose.joints import rows_between, window_starts, windows_at
from dance_tf.pose.skeleton import Skeletons
from dance_tf.serving.verdict import BATCH, network_inputs
from dance_tf.serving.wire import (
    CUTS,
    PACKINGS,
    Message,
    Packing,
    WireError,
    pack_features,
    pack_skeletons,
    unpack_features,
    unpack_skeletons,
)

FRAMES_AT_ONCE, WINDOWS_AT_ONCE = 32, 4  # in a message
INPUTS = "inputs"  # stage of what the whole network reads: frames, or windows of joints


class CutModel:
    """A model, whole and in halves.

    A stage is what a network of the cloud reads: `INPUTS` for the whole one, "1536", "400" or "150" for a half.

    Args:
        bundle: the model.
    """

    def __init__(self, bundle: ModelBundle) -> None:
        self.bundle = bundle
        self._halves = split_network(bundle.model)
        self.networks = {INPUTS: bundle.model, **{cut: halves.cloud for cut, halves in self._halves.items()}}

    @property
    def cuts(self) -> tuple[str, ...]:
        """The cuts that this model has, from most to least data."""
        reads = {"skeletons"} if self.bundle.description.view == "skeleton" else {"frames", *self._halves}
        return tuple(cut for cut in CUTS if cut in reads | {"clip", "verdict"})

    def check(self, cut: str, packing: Packing | None = None) -> None:
        """Raise ValueError if the model does not have a cut, or the cut no such packing."""
        if cut not in self.cuts:
            raise ValueError(f"this model cannot be cut at {cut!r}: use one of {', '.join(self.cuts)}")
        if packing and packing not in (known := PACKINGS.get(cut, ())):
            raise ValueError(
                f"the cut {cut} cannot be packed as {packing}: use {' or '.join(known) or 'its only packing'}"
            )

    def edge_arrays(
        self, curated: CuratedClip, cut: str, packing: Packing | None = None, every: int = 1
    ) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        """Yield what the edge sends for a clip, message by message: how many frames or windows, and the arrays.

        Args:
            curated: the clip, which passes `check_curated`.
            cut: one of `cuts`, but not "clip".
            packing: one of `PACKINGS` of the cut; the first, which loses nothing, by default.
            every: send one of so many frames or windows.
        """
        description = self.bundle.description
        packing = packing or default_packing(cut)
        if cut == "skeletons":
            yield from _skeleton_arrays(curated.skeletons, packing, every)
            return
        if cut == "verdict":
            parts = [self.predict(INPUTS, part) for part in network_inputs(description, curated, every=every)]
            yield sum(map(len, parts)), {"probabilities": np.concatenate(parts).mean(axis=0, dtype=np.float64)[None]}
            return
        for part in network_inputs(description, curated, FRAMES_AT_ONCE, every):
            if cut == "frames":
                yield len(part), {"frames": part}
            else:
                yield len(part), pack_features(_run(self._halves[cut].edge, part), packing)

    def rows_of(self, message: Message) -> tuple[str, np.ndarray]:
        """Return what the cloud goes on with from a message: the stage, and the rows that its network reads.

        The stage of the cut "verdict" is "verdict", and its row holds the probabilities.

        Raises:
            WireError: the message is for another model.
        """
        if message.model != self.bundle.fingerprint or message.cut not in self.cuts:
            raise WireError("the message is for another model: give edge and cloud the same model folder")
        if message.cut == "skeletons":
            return INPUTS, windows_at(*unpack_skeletons(message.arrays))
        if message.cut in self._halves:
            return message.cut, unpack_features(message.arrays)
        stage, name = ("verdict", "probabilities") if message.cut == "verdict" else (INPUTS, "frames")
        rows = message.arrays[name]
        wanted = (len(self.bundle.description.styles),) if stage == "verdict" else self.bundle.model.input_shape[1:]
        if rows.shape[1:] != wanted:
            raise WireError(f"this model reads {name} of the shape {wanted}, not {rows.shape[1:]}")
        return stage, rows

    def predict(self, stage: str, rows: np.ndarray) -> np.ndarray:
        """Return probabilities float32 [n, styles] of rows of a stage."""
        return _run(self.networks[stage], rows)


def _run(network: keras.Model, rows: np.ndarray) -> np.ndarray:
    """Return the outputs of a network, without the preparations of `predict`, which outweigh a message of 32 frames."""
    return np.concatenate([network.predict_on_batch(rows[at : at + BATCH]) for at in range(0, len(rows), BATCH)])


def default_packing(cut: str) -> Packing | None:
    """Return the packing of a cut that loses nothing; None where there is no choice."""
    return PACKINGS.get(cut, (None,))[0]


def _skeleton_arrays(skeletons: Skeletons, packing: Packing, every: int) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Yield windows with the poses that they cover; poses of overlapping windows in two messages are in both."""
    starts, length = window_starts(skeletons)
    starts = starts[::every]
    for part in np.array_split(starts, -(-len(starts) // WINDOWS_AT_ONCE)):
        inside = rows_between(skeletons.times, part[0], part[-1] + length)
        covered = Skeletons(*(values[inside] for values in vars(skeletons).values()))
        yield len(part), pack_skeletons(covered, part, length, packing)
