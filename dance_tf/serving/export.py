"""Networks for other programs: a SavedModel for TensorFlow Serving, or one file for LiteRT, compressed or not."""

import contextlib
import json
import os
import re
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from dance_tf.dataset.batches import sample_evenly, spread_places
from dance_tf.dataset.dataset import Dataset
from dance_tf.dataset.output import FolderKind, atomic_folder, check_place
from dance_tf.model.bundle import ModelBundle, ModelDescription
from dance_tf.model.fit import load_sequences
from dance_tf.model.networks import NetworkSettings
from dance_tf.model.settings import TrainingSettings

SAVED_MODEL = "saved_model"
SAMPLES = 100  # inputs, from which int8 learns ranges
# of a LiteRT file: weights as they are; rounded to 16 bits; as whole numbers of 8 bits; and activations, too
PRECISIONS = ("float32", "float16", "dynamic", "int8")
FILE = "model.tflite"
EXPORT = FolderKind("network of `export`", "export.json", {"form", "styles"}, ("export.json", "1", FILE))
VERSION = "1"  # of the SavedModel; TensorFlow Serving looks for a folder with a number
Inputs = np.ndarray | dict[str, np.ndarray]


class ExportError(ValueError):
    """A network that cannot be exported in this way; the message is one line."""


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
            with _quiet():
                model.export(partial / VERSION, verbose=False)
        else:
            (partial / FILE).write_bytes(content)
        size = sum(path.stat().st_size for path in partial.rglob("*") if path.is_file())
        (partial / EXPORT.marker).write_text(json.dumps(about, indent=1) + "\n")
    return size


def convert(model: keras.Model, precision: str, samples: Inputs | None = None) -> bytes:
    """Return the content of a LiteRT file; inputs and outputs stay as they are in the network.

    Raises:
        ExportError: "int8" without samples, or a layer that LiteRT does not have.
    """
    import tensorflow as tf

    if precision == "int8" and samples is None:
        raise ExportError("int8 needs samples of the inputs, to find the range of all activations: give a dataset")
    with tempfile.TemporaryDirectory() as folder, _quiet():
        model.export(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if precision == "int8":
            names = [value.name.split(":")[0] for value in model.inputs]
            converter.representative_dataset = lambda: _one_by_one(samples, names)
        try:
            return converter.convert()
        except Exception as error:  # TensorFlow raises its own classes, which are not public
            lacking = re.search(r'fused\["(\w+):', str(error))
            what = lacking[1] if lacking else " ".join(str(error).split())[:120]
            raise ExportError(
                f"LiteRT cannot hold this network, which needs {what}: export it as saved_model"
            ) from error


def sample_inputs(described: ModelDescription, dataset: Dataset) -> Inputs:
    """Return inputs of a network from at most `SAMPLES` clips of a dataset, one of each.

    Raises:
        DatasetError: the network reads skeletons, and a clip has none.
    """
    everything = np.arange(len(dataset.frames))
    chosen = sample_evenly(everything, dataset.clip_index, 1)
    chosen = chosen[spread_places(len(chosen), min(SAMPLES, len(chosen)))]
    network = NetworkSettings(sequence_length=described.sequence_length)
    settings = TrainingSettings(described.strategy, described.view, network, frame_size=described.frame_size)
    return load_sequences(dataset, chosen, everything, settings)


def _one_by_one(samples: Inputs, names: list[str]) -> Iterator[dict[str, np.ndarray]]:
    several = samples if isinstance(samples, dict) else {names[0]: samples}
    for place in range(len(next(iter(several.values())))):
        yield {name: values[place : place + 1] for name, values in several.items()}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hide the converter's log, which goes around Python to standard error, and its warnings about itself."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def predict_litert(content: bytes, inputs: Inputs, threads: int = 1) -> np.ndarray:
    """Return the probabilities of a LiteRT file, float32 [n, styles], for inputs [n, …] of its network."""
    from ai_edge_litert.interpreter import OpResolverType

    try:
        return _predict(content, inputs, threads, OpResolverType.AUTO)
    except RuntimeError:  # the default delegate of LiteRT 2.3 refuses the int8 file of the paper's network
        return _predict(content, inputs, threads, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)


def _predict(content: bytes, inputs: Inputs, threads: int, resolver: object) -> np.ndarray:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=threads, experimental_op_resolver_type=resolver)
    wanted = interpreter.get_input_details()
    several = inputs if isinstance(inputs, dict) else {"": inputs}
    # a file names its inputs "serving_default_NAME:0"
    values = [
        next(value for name, value in several.items() if not name or f"_{name}:" in each["name"]) for each in wanted
    ]
    for each, value in zip(wanted, values, strict=True):
        interpreter.resize_tensor_input(each["index"], value.shape)
    interpreter.allocate_tensors()
    for each, value in zip(wanted, values, strict=True):
        interpreter.set_tensor(each["index"], np.ascontiguousarray(value, dtype=each["dtype"]))
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
