"""Reconstruction errors of grown autoencoders on held-out frames, and of baselines."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from dance_tf.dataset.batches import FRAME_SIDE, load_frames, sample_evenly
from dance_tf.dataset.dataset import Dataset
from dance_tf.experiments.spec import RunSpec, split_of
from dance_tf.experiments.training import grown_folder
from dance_tf.model.baselines import low_resolution_error, patch_components_error, principal_components_error

CODE_SIZE = 1024


@dataclass(frozen=True)
class GrownAutoencoder:
    """An autoencoder after each stage of its growth."""

    models: Mapping[int, keras.Model]  # by number of stages
    curves: pd.DataFrame  # columns stage, epoch, loss, val_loss: mean squared error of gray levels in [0, 1]

    def lower_resolution(self, frames: np.ndarray) -> np.ndarray:
        """Return the encoder's input for frames uint8 [n, 128, 128, 1]: float32 [n, 128, 128] in [0, 1]."""
        layer = self.models[max(self.models)].get_layer("lower_resolution")
        return keras.ops.convert_to_numpy(layer(frames.astype(np.float32) / 255))[..., 0]


def at_once(spec: RunSpec) -> RunSpec:
    """Return the run whose autoencoder is trained with all stages at once, for as many epochs as the growth."""
    return replace(spec, settings=replace(spec.settings, progressive=False))


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
        training_frames: frames of each training clip that the linear codes are computed from.

    Returns:
        Columns view, method, stage, numbers (size of the code), error, frames. Methods: "autoencoder" (one row a
        stage), "all stages at once" (trained for as many steps), and as baselines "linear code" (of the same shape),
        "32 × 32 pixels" (the frame shrunk and enlarged), "principal components" (of whole frames), "low-resolution
        input".
    """
    split, view = split_of(dataset, spec), spec.settings.view
    test = load_frames(dataset, sample_evenly(split.test, dataset.clip_index, test_frames), view)
    train = load_frames(dataset, sample_evenly(split.train, dataset.clip_index, training_frames), view)
    rows = []
    for method, grown in {"autoencoder": spec, "all stages at once": at_once(spec)}.items():
        for stage, model in load_grown(dataset, grown, work).models.items():
            painted = model.predict(test, batch_size=64, verbose=0)
            error = float(np.mean((painted - test.astype(np.float32) / 255) ** 2))
            rows.append({"method": method, "stage": stage, "numbers": CODE_SIZE, "error": error})
    factor, components = spec.settings.network.low_resolution_factor, min(CODE_SIZE, len(train))
    for method, numbers, error in (
        ("linear code", CODE_SIZE, patch_components_error(train, test)),
        ("32 × 32 pixels", CODE_SIZE, low_resolution_error(test, 4)),
        ("principal components", components, principal_components_error(train, test, CODE_SIZE, seed)),
        ("low-resolution input", (FRAME_SIDE // factor) ** 2, low_resolution_error(test, factor)),
    ):
        rows.append({"method": method, "numbers": numbers, "error": error})
    return pd.DataFrame(rows).assign(view=view, frames=len(test), stage=lambda table: table["stage"].astype("Int64"))
