"""A trained model as one folder: `model.keras`, and `model.json` with all that is needed to use it on a new clip."""

import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import keras

from dance_tf.dataset.output import atomic_folder

# Keras finds the custom layers of a file by their registration, which importing them does
from dance_tf.model import attention, layers  # noqa: F401

FORMAT = 1


class ModelError(ValueError):
    """A folder that holds no usable model; the message says why and what to do."""


@dataclass(frozen=True)
class ModelDescription:
    """What is known of a trained model besides its weights.

    Attributes:
        styles: labels in the order of the outputs.
        strategy: a key of `STRATEGIES`.
        view: what the network sees, "frame" or "difference" from the still room.
        sequence_length: frames it reads at once; 1 for a network of single frames.
        frame_size: side in pixels that frames are shrunk to before they are enlarged again; 128 leaves them unchanged,
            as does a model.json without this key.
        data_hash: content hash of the dataset it learnt from.
        learnt_clips: `Dataset.clip_hashes` of the clips that any training or validation frame came from; empty where
            it was not noted.
        learnt_dancers: who dances in them.
        held_out: dancers it has never seen.
        settings: the training settings, as written to JSON.
        reading: how clips were read (fit, curation thresholds), as written to JSON.
        thresholds: operating points, such as the confidence below which a verdict is doubtful, by name.
    """

    styles: tuple[str, ...]
    strategy: str
    view: str
    sequence_length: int = 1
    frame_size: int = 128
    data_hash: str = ""
    held_out: tuple[str, ...] = ()
    learnt_clips: tuple[str, ...] = ()
    learnt_dancers: tuple[str, ...] = ()
    settings: Mapping[str, object] | None = None
    reading: Mapping[str, object] | None = None
    thresholds: Mapping[str, float] | None = None


@dataclass(frozen=True)
class ModelBundle:
    """A model and its description."""

    model: keras.Model
    description: ModelDescription


def save_bundle(folder: Path, bundle: ModelBundle) -> Path:
    """Write a model folder, whole or not at all; a folder of that name is replaced."""
    with atomic_folder(Path(folder)) as partial:
        bundle.model.save(partial / "model.keras")
        described = {"format": FORMAT, "keras": keras.__version__, **asdict(bundle.description)}
        (partial / "model.json").write_text(json.dumps(described, indent=2))
    return Path(folder)


def load_bundle(folder: Path) -> ModelBundle:
    """Read a model folder.

    Raises:
        ModelError: when it holds no model, or one of another format.
    """
    folder = Path(folder)
    described, weights = folder / "model.json", folder / "model.keras"
    if not described.is_file() or not weights.is_file():
        raise ModelError(f"{folder} holds no model: make one with `python -m dance_tf train DATASET {folder}`")
    with _told(described):
        content = json.loads(described.read_text())
        if content.pop("format") != FORMAT:
            raise ModelError(f"{folder} was written by another version of dance_tf: train it again")
        content.pop("keras")
        for name in ("learnt_clips", "learnt_dancers"):  # models of an earlier day do not tell
            content.setdefault(name, ())
        for name in ("styles", "held_out", "learnt_clips", "learnt_dancers"):
            content[name] = tuple(content[name])
        description = ModelDescription(**content)
    with _told(weights):
        with zipfile.ZipFile(weights) as content:  # Keras reads weights here and there, and so past their checksum
            if damaged := content.testzip():
                raise ValueError(f"its {damaged} is damaged")
        model = keras.saving.load_model(weights, compile=False)
    return ModelBundle(model, description)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say which file cannot be read: damaged bytes make zip, HDF5, JSON and Keras raise what each likes."""
    try:
        yield
    except (ModelError, MemoryError):
        raise
    except Exception as error:
        why = str(error).strip().partition("\n")[0] or type(error).__name__  # Keras goes on for pages
        raise ModelError(f"{path} cannot be read as a model ({why}): train it again") from error
