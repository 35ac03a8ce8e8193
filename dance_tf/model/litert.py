"""Networks in LiteRT files, which classify on CPUs several times as fast as Keras, without TensorFlow."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # running a file needs no Keras
    import keras

# of a file: weights as they are; rounded to 16 bits; as whole numbers of 8 bits; and activations, too
PRECISIONS = ("float32", "float16", "dynamic", "int8")
Inputs = np.ndarray | dict[str, np.ndarray]


class ExportError(ValueError):
    """A network that cannot be exported in this way; the message is one line."""


def convert(model: keras.Model, precision: str, samples: Inputs | None = None) -> bytes:
    """Return the content of a LiteRT file; inputs and outputs stay as they are in the network.

    Raises:
        ExportError: "int8" without samples, or a layer that LiteRT does not have.
    """
    import tensorflow as tf

    if precision == "int8" and samples is None:
        raise ExportError("int8 needs samples of the inputs, to find the range of all activations: give a dataset")
    with tempfile.TemporaryDirectory() as folder, quiet():
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


def _one_by_one(samples: Inputs, names: list[str]) -> Iterator[dict[str, np.ndarray]]:
    several = samples if isinstance(samples, dict) else {names[0]: samples}
    for place in range(len(next(iter(several.values())))):
        yield {name: values[place : place + 1] for name, values in several.items()}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
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
        with quiet():  # LiteRT names its delegate
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
            with quiet():
                self._interpreter.allocate_tensors()
            self._shapes = shapes
        for index, (dtype, value) in wanted.items():
            self._interpreter.set_tensor(index, np.ascontiguousarray(value, dtype=dtype))
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._interpreter.get_output_details()[0]["index"])
