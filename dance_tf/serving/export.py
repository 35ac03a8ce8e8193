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
from dance_tf.model.bundle import ModelBundle
from dance_tf.model.fit import load_sequences
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


class LiteNetwork:
    """A network in a LiteRT file, ready to run.

    Args:
        content: of the file.
        threads: that it may use.
    """

    def __init__(self, content: bytes, threads: int = 1) -> None:
        self._content, self._threads, self._fast, self._shapes = content, threads, True, {}
        self._open()

    def _open(self) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        # the default delegate of LiteRT 2.3 refuses the int8 file of the paper's network
        resolver = OpResolverType.AUTO if self._fast else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        options = {"num_threads": self._threads, "experimental_op_resolver_type": resolver}
        with _quiet():  # LiteRT names its delegate
            self._interpreter = Interpreter(model_content=self._content, **options)

    def predict(self, inputs: Inputs, batch_size: int = 128, **_: object) -> np.ndarray:
        """Return probabilities float32 [n, styles] of inputs [n, …], as `keras.Model.predict`."""
        several = inputs if isinstance(inputs, dict) else {"": inputs}
        count = len(next(iter(several.values())))
        parts = [
            {name: values[start : start + batch_size] for name, values in several.items()}
            for start in range(0, count, batch_size)
        ]
        return np.concatenate([self._predict(part) for part in parts])

    def _predict(self, several: dict[str, np.ndarray]) -> np.ndarray:
        try:
            return self._invoke(several)
        except RuntimeError:
            if not self._fast:
                raise
            self._fast, self._shapes = False, {}
            self._open()
            return self._invoke(several)

    def _invoke(self, several: dict[str, np.ndarray]) -> np.ndarray:
        # a file names its inputs "serving_default_NAME:0"
        wanted = {
            each["index"]: (each["dtype"], value)
            for each in self._interpreter.get_input_details()
            for name, value in several.items()
            if not name or f"_{name}:" in each["name"]
        }
        shapes = {index: value.shape for index, (_, value) in wanted.items()}
        if shapes != self._shapes:
            for index, shape in shapes.items():
                self._interpreter.resize_tensor_input(index, shape)
            with _quiet():
                self._interpreter.allocate_tensors()
            self._shapes = shapes
        for index, (dtype, value) in wanted.items():
            self._interpreter.set_tensor(index, np.ascontiguousarray(value, dtype=dtype))
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._interpreter.get_output_details()[0]["index"])
