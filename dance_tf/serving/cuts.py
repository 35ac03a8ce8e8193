"""A model cut in two: what the edge computes and sends of a clip, and how the cloud goes on from there."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np

from dance_tf.curation.filters import CuratedClip
from dance_tf.evaluation.predictions import predict_batches
from dance_tf.model.bundle import ModelBundle
from dance_tf.model.split import split_network
from dance_tf.pose.joints import cut_windows
from dance_tf.pose.skeleton import Skeletons
from dance_tf.serving import wire
from dance_tf.serving.verdict import NetworkInput, network_inputs
from dance_tf.serving.wire import Layout, MessageCut, Packing, WireError

FRAMES_AT_ONCE = 32  # in a request
WHOLE = "whole"  # stage of the network that nobody has cut


class CutModel:
    """A model, whole and in halves.

    A stage is a network of the cloud: `WHOLE`, or what goes on from "1536", "400" or "150" features.

    Args:
        bundle: the model.

    Attributes:
        bundle: the model.
        stages: networks by name.
    """

    def __init__(self, bundle: ModelBundle) -> None:
        self.bundle = bundle
        halves = split_network(bundle.model)
        self._edges = {cut: edge for cut, (edge, _) in halves.items()}
        self.stages = {WHOLE: bundle.model, **{cut: cloud for cut, (_, cloud) in halves.items()}}

    @property
    def cuts(self) -> tuple[str, ...]:
        """The cuts that this model has, from most to least data."""
        reads = {"skeletons"} if self.bundle.description.view == "skeleton" else {"frames", *self._edges}
        return tuple(cut for cut in wire.CUTS if cut in reads | {"clip", "verdict"})

    def check(self, cut: str, packing: str = "") -> None:
        """Raise WireError if the model does not have a cut, or the cut no such packing; empty is the first one."""
        if cut not in self.cuts:
            raise WireError(f"this model cannot be cut at {cut!r}: use one of {', '.join(self.cuts)}")
        if packing and packing not in (known := wire.PACKINGS.get(cut, ())):
            raise WireError(f"the cut {cut} cannot be packed as {packing}: use {' or '.join(known) or 'no packing'}")

    def edge_arrays(
        self, curated: CuratedClip, cut: MessageCut, packing: Packing, every: int = 1
    ) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        """Yield what the edge sends of a clip, request by request: the number of rows, and the arrays of `layout`.

        Args:
            curated: a clip of `curated_clip`.
            cut: one of `cuts`.
            packing: one of `PACKINGS` of the cut.
            every: send one of so many frames, windows or (for the cut "skeletons") skeletons.

        Raises:
            WireError: values that the packing cannot hold, or `every` leaves too few skeletons.
        """
        description = self.bundle.description
        at_once = max(1, FRAMES_AT_ONCE // description.sequence_length)
        if cut == "skeletons":
            thinned = Skeletons(*(values[::every] for values in vars(curated.skeletons).values()))
            if thinned.valid.sum() < 2:
                raise WireError(f"one of every {every} leaves fewer than two skeletons: send more of them")
            yield len(thinned.times), wire.pack_skeletons(thinned, packing)
        elif cut == "verdict":
            parts = [self.predict(WHOLE, part) for part in network_inputs(description, curated, every=every)]
            yield 1, {"probabilities": np.concatenate(parts).mean(axis=0, dtype=np.float64)[None]}
        else:
            for part in network_inputs(description, curated, at_once, every):
                if cut == "frames":
                    arrays = part if isinstance(part, dict) else {"frames": part}
                else:
                    arrays = wire.pack_features(predict_batches(self._edges[cut], part), packing)
                yield count_rows(part), arrays

    def layout(self, cut: MessageCut, packing: Packing, rows: int) -> Layout:
        """Return data type and shape of the arrays that the edge sends, by name.

        The cut "frames" has what the network reads: "frames" uint8 [rows, 128, 128, 1] or [rows, length, 128, 128, 1],
        from which the background has been subtracted, or which are cut-outs; for the fusion "windows" and "cutouts".

        Raises:
            WireError: the model has no such cut, the cut no such packing, or there are too many rows.
        """
        self.check(cut, packing)
        if rows > (most := wire.MAX_POSES if cut == "skeletons" else wire.MAX_ROWS):
            raise WireError(f"{rows:,} rows are over the limit of {most:,} for the cut {cut}")
        if cut == "frames":
            inputs = self.bundle.model.input
            inputs = inputs if isinstance(inputs, dict) else {"frames": inputs}
            return {name: (each.dtype, (rows, *each.shape[1:])) for name, each in inputs.items()}
        if cut == "skeletons":
            places = {"landmarks": (packing, (rows, 33, 4)), "world": (packing, (rows, 33, 3))}
            return places | {"valid": ("uint8", (rows,)), "times": ("float64", (rows,))}
        if cut == "verdict":
            return {"probabilities": ("float64", (rows, len(self.bundle.description.styles)))}
        features = {"features": (packing, (rows, int(cut)))}
        return features | ({"scales": ("float32", (int(cut),))} if packing == "int8" else {})

    def resume(self, cut: MessageCut, packing: Packing, rows: int, body: bytes) -> tuple[str, NetworkInput]:
        """Return what the cloud goes on with: the stage, and what its network reads.

        The stage of the cut "verdict" is "verdict", and there are only probabilities.

        Raises:
            WireError: as in `layout` and `read_arrays`.
        """
        arrays = wire.read_arrays(body, self.layout(cut, packing, rows))
        if cut == "skeletons":
            return WHOLE, cut_windows(wire.unpack_skeletons(arrays))[0]
        if cut == "frames":
            return WHOLE, arrays.get("frames", arrays)
        return (cut, arrays["probabilities"]) if cut == "verdict" else (cut, wire.unpack_features(arrays))

    def predict(self, stage: str, *parts: NetworkInput) -> np.ndarray:
        """Return probabilities float32 [n, styles] of all parts, each with any number of rows."""
        return predict_batches(self.stages[stage], keras.tree.map_structure(lambda *each: np.concatenate(each), *parts))


def count_rows(part: NetworkInput) -> int:
    """Return the number of frames or windows in what a network reads."""
    return len(keras.tree.flatten(part)[0])
