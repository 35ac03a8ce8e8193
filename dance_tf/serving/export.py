"""Networks for other programs: a SavedModel for TensorFlow Serving, or one file for LiteRT, compressed or not."""

import json
from pathlib import Path

import numpy as np

from dance_tf.dataset.batches import sample_evenly, spread_places
from dance_tf.dataset.dataset import Dataset
from dance_tf.dataset.output import FolderKind, atomic_folder, check_place
from dance_tf.model.bundle import ModelBundle
from dance_tf.model.fit import load_sequences
from dance_tf.model.litert import PRECISIONS, ExportError, Inputs, convert, quiet
from dance_tf.model.settings import TrainingSettings

SAVED_MODEL = "saved_model"
SAMPLES = 100  # inputs, from which int8 learns ranges
FILE = "model.tflite"
EXPORT = FolderKind("network of `export`", "export.json", {"form", "styles"}, ("export.json", "1", FILE))
VERSION = "1"  # of the SavedModel; TensorFlow Serving looks for a folder with a number


def export_bundle(bundle: ModelBundle, out: Path, form: str, samples: Inputs | None = None) -> int:
    """Write a network to a folder, which appears only when it is complete, and return the bytes of its files.

    `export.json` beside it names the form, the styles in the order of the outputs, and the inputs.

    Args:
        out: an export of before is replaced.
        form: `SAVED_MODEL`, or one of `PRECISIONS` for a LiteRT file.
        samples: inputs [n, …] such as the network will get; "int8" finds the range of all activations with them.

    Raises:
        ExportError: an unknown form, "int8" without samples, or a layer that LiteRT does not have.
        PlaceError: `out` has other files.
    """
    if form not in (SAVED_MODEL, *PRECISIONS):
        raise ExportError(f"{form!r} is none of {SAVED_MODEL}, {', '.join(PRECISIONS)}")
    model, described = bundle.model, bundle.description
    check_place(out, EXPORT)
    content = b"" if form == SAVED_MODEL else convert(model, form, samples)
    inputs = {each.name: {"shape": each.shape, "dtype": each.dtype} for each in model.inputs}
    about = {"form": form, "styles": described.styles, "view": described.view, "inputs": inputs}
    with atomic_folder(out) as partial:
        if form == SAVED_MODEL:
            with quiet():
                model.export(partial / VERSION, verbose=False)
        else:
            (partial / FILE).write_bytes(content)
        size = sum(path.stat().st_size for path in partial.rglob("*") if path.is_file())
        (partial / EXPORT.marker).write_text(json.dumps(about, indent=1) + "\n")
    return size


def sample_inputs(settings: TrainingSettings, dataset: Dataset, allowed: np.ndarray | None = None) -> Inputs:
    """Return inputs of a network from at most `SAMPLES` clips of a dataset, one of each.

    Args:
        settings: of the network.
        allowed: int64 [n], sorted, the part of a split that inputs may come from; None for all frames.

    Raises:
        DatasetError: the network reads skeletons, and a clip has none.
    """
    allowed = np.arange(len(dataset.frames)) if allowed is None else allowed
    chosen = sample_evenly(allowed, dataset.clip_index, 1)
    chosen = chosen[spread_places(len(chosen), min(SAMPLES, len(chosen)))]
    return load_sequences(dataset, chosen, allowed, settings)
