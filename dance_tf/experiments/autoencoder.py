"""Reconstruction errors of grown autoencoders on held-out frames, and of baselines."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from dance_tf.dataset.batches import load_frames, sample_evenly
from dance_tf.dataset.dataset import Dataset
from dance_tf.experiments.spec import RunSpec, split_of
from dance_tf.experiments.training import grown_folder
from dance_tf.model.baselines import low_resolution_error, principal_components_error

CODE_SIZE = 1024


@dataclass(frozen=True)
class GrownAutoencoder:
    """An autoencoder after each stage of its growth.

    Attributes:
        models: by number of stages.
        curves: columns stage, epoch, loss, val_loss: mean squared error of gray levels in [0, 1].
    """

    models: Mapping[int, keras.Model]
    curves: pd.DataFrame

    def lower_resolution(self, frames: np.ndarray) -> np.ndarray:
        """Return the encoder's input for frames uint8 [n, 128, 128, 1]: float32 [n, 128, 128] in [0, 1]."""
        layer = self.models[max(self.models)].get_layer("lower_resolution")
        return keras.ops.convert_to_numpy(layer(frames.astype(np.float32) / 255))[..., 0]


def load_grown(dataset: Dataset, spec: RunSpec, work: Path) -> GrownAutoencoder:
    """Load the autoencoder that was grown for a run."""
    folder = grown_folder(dataset, spec, work)
    summary = json.loads((folder / "growth.json").read_text())
    files = {stage: folder / f"autoencoder_{stage}.keras" for stage in summary["stages"]}
    models = {stage: keras.saving.load_model(file, compile=False) for stage, file in files.items()}
    rows = pd.DataFrame(summary["rows"])
    curves = rows[["stage", "epoch"]].assign(loss=rows["mean_squared_error"], val_loss=rows["val_mean_squared_error"])
    return GrownAutoencoder(models, curves)


def reconstruction_errors(
    dataset: Dataset, spec: RunSpec, work: Path, training_frames: int, seed: int, test_frames: int = 8
) -> pd.DataFrame:
    """Return mean squared errors (gray levels in [0, 1]) on held-out frames.

    Args:
        dataset: the frames.
        spec: the run whose autoencoder is measured.
        work: the cache.
        training_frames: frames of each training clip that the principal components are computed from.
        seed: of the components' solver.
        test_frames: frames of each held-out clip.

    Returns:
        Columns view, method ("autoencoder", one row a stage; "low-resolution input"; "principal components"), stage,
        numbers (size of the code; 0 where there is none), error, frames.
    """
    split, view = split_of(dataset, spec), spec.settings.view
    test = load_frames(dataset, sample_evenly(split.test, dataset.clip_index, test_frames), view)
    train = load_frames(dataset, sample_evenly(split.train, dataset.clip_index, training_frames), view)
    rows = []
    for stage, model in load_grown(dataset, spec, work).models.items():
        painted = model.predict(test, batch_size=64, verbose=0)
        error = float(np.mean((painted - test.astype(np.float32) / 255) ** 2))
        rows.append({"method": "autoencoder", "stage": stage, "numbers": CODE_SIZE, "error": error})
    factor = spec.settings.network.low_resolution_factor
    shrunk = {"method": "low-resolution input", "numbers": 0, "error": low_resolution_error(test, factor)}
    components = min(CODE_SIZE, len(train))
    error = principal_components_error(train, test, CODE_SIZE, seed)
    rows += [shrunk, {"method": "principal components", "numbers": components, "error": error}]
    return pd.DataFrame(rows).assign(view=view, frames=len(test), stage=lambda table: table["stage"].astype("Int64"))
