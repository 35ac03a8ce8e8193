"""A tiny report: dataset, cache and run folder on synthetic blobs."""

import json
import os
from pathlib import Path

import pytest

from dance_tf.dataset.dataset import write_arrays
from dance_tf.dataset.workspace import FILE
from dance_tf.model.networks import NetworkSettings
from dance_tf.model.settings import Schedule, TrainingSettings


@pytest.fixture(scope="session")
def tiny():
    """Settings with which every network trains in seconds."""
    return TrainingSettings(
        strategy="cnn_ae",
        network=NetworkSettings(dropout=0.2),
        schedule=Schedule(epochs=2, learning_rate=0.02, momentum=0.9),
        growth=Schedule(epochs=1, learning_rate=0.01, optimizer="adam"),
        progressive=False,
        growth_batch_size=8,
        batch_size=8,
        frames_per_clip=2,
        validation_frames=2,
    )


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory, blob_clips):
    """Two styles by five dancers, as arrays."""
    return write_arrays(tmp_path_factory.mktemp("data") / "arrays", blob_clips(styles=2, dancers=5, frames=3))


@pytest.fixture(scope="session")
def make_run_folder(tiny_data):
    """Return a function that prepares a report's folder as notebook 00 does."""

    def make(folder: Path, work: Path | None = None) -> Path:
        run_folder, work = folder / "report", work or folder / "work"
        run_folder.mkdir(parents=True)
        places = {"footage": tiny_data, "dataset": tiny_data, "work": work}
        content = {name: os.path.relpath(place, run_folder) for name, place in places.items()}
        (run_folder / FILE).write_text(json.dumps({**content, "source": "synthetic"}))
        return run_folder

    return make
