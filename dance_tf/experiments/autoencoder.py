"""How well grown autoencoders paint frames they have never seen, beside plain rivals."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from dance_tf.dataset.batches import load_frames, sample_evenly
from dance_tf.dataset.dataset import Dataset
from dance_tf.experiments.cache import grown_folder
from dance_tf.experiments.spec import Job, split_of
from dance_tf.model.baselines import low_resolution_error, principal_components_error
from dance_tf.model.train import key_of

CODE_NUMBERS = 1024


@dataclass(frozen=True)
class Grown:
    """An autoencoder after each stage of its growth.

    Attributes:
        models: by number of stages.
        curves: columns stage, epoch, loss and val_loss: the mean squared error, gray levels in [0, 1].
        factor: how many times its input is shrunk.
    """

    models: Mapping[int, keras.Model]
    curves: pd.DataFrame
    factor: int

    def lower_resolution(self, frames: np.ndarray) -> np.ndarray:
        """What the encoder is given of frames uint8 [n, 128, 128, 1]: float [n, 128, 128], gray levels in [0, 1]."""
        layer = self.models[max(self.models)].get_layer("lower_resolution")
        return keras.ops.convert_to_numpy(layer(frames.astype(np.float32) / 255))[..., 0]


@dataclass(frozen=True)
class ReconstructionErrors:
    """Mean squared errors, gray levels in [0, 1], on frames of the held-out part.

    Attributes:
        by_stage: the autoencoder after each stage.
        low_resolution: its input, enlarged.
        pca: as many principal components of the training frames as the code has numbers.
        components: how many those were.
        frames: test frames scored.
    """

    by_stage: Mapping[int, float]
    low_resolution: float
    pca: float
    components: int
    frames: int

    @property
    def autoencoder(self) -> float:
        """The error of the autoencoder with all its stages."""
        return self.by_stage[max(self.by_stage)]

    def row(self) -> dict[str, float]:
        """A row of the report's table."""
        return {
            "autoencoder": self.autoencoder,
            "low_resolution_input": self.low_resolution,
            "principal_components": self.pca,
            "components": self.components,
            "frames": self.frames,
        }


def load_grown(dataset: Dataset, job: Job, work: Path) -> Grown:
    """The autoencoder that `grow_jobs` grew for a job."""
    folder = grown_folder(dataset, job, work)
    summary = json.loads((folder / "growth.json").read_text())
    models = {
        stage: keras.saving.load_model(folder / f"autoencoder_{stage}.keras", compile=False)
        for stage in summary["stages"]
    }
    rows = pd.DataFrame(summary["rows"])
    curves = rows[["stage", "epoch"]].assign(loss=rows["mean_squared_error"], val_loss=rows["val_mean_squared_error"])
    return Grown(models, curves, job.settings.network.low_resolution_factor)


def autoencoder_errors(
    dataset: Dataset, job: Job, work: Path, rival_frames: int = 12, seed: int = 0, test_frames: int = 8
) -> ReconstructionErrors:
    """Errors on the held-out part; worked out once and kept beside the autoencoder.

    Args:
        dataset: frames.
        job: whose autoencoder.
        work: where it lies.
        rival_frames: frames of each training clip that the principal components are taken from.
        seed: of the components' solver.
        test_frames: frames of each held-out clip.
    """
    folder = grown_folder(dataset, job, work)
    split = split_of(dataset, job)
    kept = folder / f"errors-{key_of(split.test, rival_frames, seed, test_frames)}.json"
    if kept.is_file():
        content = json.loads(kept.read_text())
        content["by_stage"] = {int(stage): error for stage, error in content["by_stage"].items()}
        return ReconstructionErrors(**content)
    view = job.settings.view
    test = load_frames(dataset, sample_evenly(split.test, dataset.clip_index, test_frames), view)
    train = load_frames(dataset, sample_evenly(split.train, dataset.clip_index, rival_frames), view)
    by_stage = {}
    for stage, model in load_grown(dataset, job, work).models.items():
        painted = model.predict(test, batch_size=64, verbose=0)
        by_stage[stage] = float(np.mean((painted - test.astype(np.float32) / 255) ** 2))
    errors = ReconstructionErrors(
        by_stage=by_stage,
        low_resolution=low_resolution_error(test, job.settings.network.low_resolution_factor),
        pca=principal_components_error(train, test, CODE_NUMBERS, seed),
        components=min(CODE_NUMBERS, len(train)),
        frames=len(test),
    )
    partial = kept.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(errors)))
    partial.replace(kept)
    return errors
