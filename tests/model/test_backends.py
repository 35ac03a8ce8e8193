"""Training on another Keras backend, where TensorFlow, PyAV and TFDS are absent."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dance_tf.dataset.arrays import write_arrays
from dance_tf.dataset.store import open_dataset
from dance_tf.model.bundle import load_bundle
from dance_tf.model.training import TrainingSettings, predict

ROOT = Path(__file__).resolve().parents[2]

TRAIN = """
import json, sys
from pathlib import Path

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tensorflow", "av", "tensorflow_datasets"):
            raise ModuleNotFoundError(f"{name} is kept away by this test", name=name)

sys.meta_path.insert(0, Absent())
import keras, numpy as np
from dance_tf.dataset.splits import make_splits
from dance_tf.dataset.store import open_dataset
from dance_tf.model import training
from dance_tf.model.bundle import ModelBundle, ModelDescription, save_bundle
from dance_tf.model.fitting import Schedule
from dance_tf.model.paths import NetworkSettings
from dance_tf.model.training import TrainingSettings, grow_autoencoder, predict, train_classifier

folder = Path(sys.argv[1])
dataset = open_dataset(folder / "arrays")
split = make_splits(dataset, "clip", folds=2)[0]
settings = TrainingSettings(
    network=NetworkSettings(dropout=0.3), schedule=Schedule(epochs=1, learning_rate=0.01, momentum=0.9),
    growth=Schedule(epochs=1), batch_size=8, growth_batch_size=8, frames_per_clip=2, validation_frames=2,
)
training.STAGES = 1  # one stage of growth: each costs a compilation
grown = grow_autoencoder(dataset, split, settings, folder / "growth")
model, history = train_classifier(dataset, split, settings, folder / "run", encoder=grown.models[-1])
probabilities = predict(model, dataset, split.test, settings)
save_bundle(folder / "model", ModelBundle(model, ModelDescription(dataset.styles, settings.strategy, settings.view)))
loaded = sorted(name for name in ("tensorflow", "av", "tensorflow_datasets") if name in sys.modules)
print(json.dumps({
    "backend": keras.backend.backend(), "loaded": loaded, "rows": list(history.rows),
    "errors": grown.validation_errors, "sums": probabilities.sum(axis=1).tolist(),
    "test": split.test.tolist(),
}))
np.save(folder / "probabilities.npy", probabilities)
"""


@pytest.fixture(scope="module")
def jax_run(tmp_path_factory, blob_clips):
    """What one epoch of the hybrid under JAX left behind, and what it said."""
    folder = tmp_path_factory.mktemp("jax")
    write_arrays(folder / "arrays", blob_clips(styles=2, dancers=4, frames=3))
    # what is run once need not be compiled well
    settings = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    environment = {**os.environ, **settings, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, str(folder)], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout.splitlines()[-1])


def test_the_hybrid_trains_under_jax_without_tensorflow(jax_run):
    _, said = jax_run
    assert said["backend"] == "jax" and said["loaded"] == []
    assert len(said["rows"]) == 1 and 0 < said["rows"][0]["loss"] < 5
    assert len(said["errors"]) == 1 and 0 < said["errors"][0] < 1
    assert said["sums"] == pytest.approx([1] * len(said["test"]), abs=1e-5)


def test_what_jax_trained_tensorflow_can_use(jax_run):
    folder, said = jax_run
    found = predict(
        load_bundle(folder / "model").model, open_dataset(folder / "arrays"), np.array(said["test"]), TrainingSettings()
    )
    np.testing.assert_allclose(found, np.load(folder / "probabilities.npy"), atol=1e-4)
