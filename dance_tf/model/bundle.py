"""A trained model as one folder: `model.keras`, and `model.json` with everything needed to use it on a new clip.

`model.tflite` has the same network for LiteRT, where LiteRT can run it: it classifies without Keras, several times as
fast. Where the training clips have skeletons, `standards.npz` has the dances of all their styles (`fidelity.score`).
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from joblib import cpu_count

from dance_tf.dataset.backend import start_tensorflow
from dance_tf.dataset.output import MODEL, atomic_folder, mistaken, strict_json
from dance_tf.model.litert import ExportError, LiteNetwork, convert

if TYPE_CHECKING:  # LiteRT needs no Keras
    import keras

    from dance_tf.model.settings import TrainingSettings

FORMAT = 1
WEIGHTS = "model.keras"
FAST = "model.tflite"
STANDARDS = "standards.npz"


class ModelError(ValueError):
    """A folder without a usable model; the message says why and what to do."""


@dataclass(frozen=True)
class ModelDescription:
    """A trained model without its weights. Older model.json files lack the keys that have a default here.

    Attributes:
        strategy, view, sequence_length, frame_size: as in `TrainingSettings`.
    """

    styles: tuple[str, ...]  # labels in the order of the outputs
    strategy: str
    view: str
    sequence_length: int = 1
    frame_size: int = 128
    data_hash: str = ""  # content hash of the dataset it was trained on
    held_out: tuple[str, ...] = ()  # dancers of that dataset that it was not trained on
    # `Dataset.clip_hashes` of the clips with training or validation frames; empty if not recorded
    learnt_clips: tuple[str, ...] = ()
    learnt_dancers: tuple[str, ...] = ()  # dancers of these clips
    unlearnt: tuple[str, ...] = ()  # styles without a training frame
    settings: Mapping[str, object] | None = None  # `TrainingSettings`, as JSON values
    reading: Mapping[str, object] | None = None  # how clips were read (fit, curation thresholds), as JSON values
    # of the files of that dataset, the start of their SHA-256: their verdicts say little; empty if not recorded
    files: tuple[str, ...] = ()
    # how sure the model may be (`evaluation.calibration.fit_operating_points`); None if not known
    thresholds: Mapping[str, float] | None = None

    @property
    def inputs(self) -> TrainingSettings:
        """Settings by which `model.fit.load_sequences` reads the model's inputs; those of training are the defaults."""
        from dance_tf.model.networks import NetworkSettings
        from dance_tf.model.settings import TrainingSettings

        network = NetworkSettings(sequence_length=self.sequence_length)
        return TrainingSettings(self.strategy, self.view, network, frame_size=self.frame_size)


@dataclass(frozen=True)
class ModelBundle:
    """A model and its description."""

    model: keras.Model | LiteNetwork
    description: ModelDescription

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the description and the weights, 16 hexadecimal digits, by which machines compare models."""
        digest = hashlib.sha256(json.dumps(asdict(self.description), sort_keys=True).encode())
        for values in self.model.get_weights():
            digest.update(np.ascontiguousarray(values))
        return digest.hexdigest()[:16]


def save_bundle(
    folder: Path, bundle: ModelBundle, standards: Mapping[str, np.ndarray] | None = None, fast: bool = False
) -> Path:
    """Write a complete model folder or nothing; replace a folder of that name.

    Args:
        standards: of `fidelity.score.pack_standards`; None for none.
        fast: write `model.tflite` too, if the backend is TensorFlow and LiteRT can run the network.

    Raises:
        ModelError: a weight is not finite.
    """
    import keras

    _check_weights(bundle.model)
    with atomic_folder(Path(folder)) as partial:
        bundle.model.save(partial / WEIGHTS)
        content = {"format": FORMAT, "keras": keras.__version__, **asdict(bundle.description)}
        if fast and keras.backend.backend() == "tensorflow":
            with suppress(ExportError):
                (partial / FAST).write_bytes(convert(bundle.model, "float32"))
                content["fast"] = _hash_files(partial)
        (partial / "model.json").write_text(strict_json(content, indent=2))
        if standards is not None:
            np.savez_compressed(partial / STANDARDS, **standards)
    return Path(folder)


def _hash_files(folder: Path) -> str:
    """Return the SHA-256 of both files of the network."""
    return hashlib.sha256((folder / WEIGHTS).read_bytes() + (folder / FAST).read_bytes()).hexdigest()


def load_standards(folder: Path) -> dict[str, np.ndarray]:
    """Return the standards of a model folder, as `save_bundle` got them.

    Raises:
        ModelError: it has none, or they are damaged.
    """
    path = Path(folder) / STANDARDS
    if not path.is_file():
        raise ModelError(
            f"{folder} has no dances to compare with: curate its clips with skeletons, and train it on them again"
        )
    with _model_error(path), np.load(path) as stored:
        return {name: stored[name] for name in stored.files}


def load_bundle(folder: Path) -> ModelBundle:
    """Read a model folder.

    Raises:
        ModelError: no model, a damaged one, or one of another format.
    """
    description, _ = _read_description(folder)
    weights = Path(folder) / WEIGHTS
    with _model_error(weights):
        import keras

        # importing the custom layers registers them with Keras
        from dance_tf.model import layers  # noqa: F401

        with zipfile.ZipFile(weights) as archive:  # Keras does not check the checksums of all parts
            if damaged := archive.testzip():
                raise ValueError(f"its {damaged} is damaged")
        model = keras.saving.load_model(weights, compile=False)
        _check_weights(model)
    return ModelBundle(model, description)


def load_classifier(folder: Path) -> ModelBundle:
    """Read a model folder to classify with: the network for LiteRT, where there is one, else that for Keras.

    Raises:
        ModelError: as `load_bundle`; or the two networks are not those that were written together.
    """
    description, written = _read_description(folder)
    if not written:
        start_tensorflow()
        return load_bundle(folder)
    path = Path(folder) / FAST
    with _model_error(path):
        if _hash_files(Path(folder)) != written:
            raise ValueError(f"it or {WEIGHTS} is damaged or was replaced")
        return ModelBundle(LiteNetwork(path.read_bytes(), cpu_count()), description)


def _read_description(folder: Path) -> tuple[ModelDescription, str]:
    """Return the description of a model folder, and the hash of both files of its network; "" if there is one only."""
    described, weights = Path(folder) / "model.json", Path(folder) / WEIGHTS
    if not described.is_file() or not weights.is_file():
        if what := mistaken(Path(folder), MODEL):
            raise ModelError(f"{folder} {what}, not a model of `train`: give the model folder first")
        raise ModelError(f"{folder} holds no model: make one with `python -m dance_tf train DATASET MODEL`")
    with _model_error(described):
        content = json.loads(described.read_text())
        if content.pop("format") != FORMAT:
            raise ModelError(f"{folder} was written by another version of dance_tf: train it again")
        content.pop("keras")
        written = content.pop("fast", "")
        values = {name: tuple(value) if isinstance(value, list) else value for name, value in content.items()}
        return ModelDescription(**values), written


def _check_weights(model: keras.Model) -> None:
    if not all(np.isfinite(values).all() for values in model.get_weights()):
        raise ModelError("the model has weights that are not finite: training diverged, choose a lower learning rate")


@contextmanager
def _model_error(path: Path) -> Iterator[None]:
    """Turn the many exceptions that damaged bytes cause in zip, HDF5, JSON and Keras into one that names the file."""
    try:
        yield
    except (ModelError, MemoryError):
        raise
    except Exception as error:
        why = str(error).strip().partition("\n")[0] or type(error).__name__  # Keras' messages have many lines
        raise ModelError(f"{path} cannot be read as a model ({why}): train it again") from error
