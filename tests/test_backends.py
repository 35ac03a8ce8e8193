"""The verbs on another Keras backend, where TensorFlow, PyAV and TFDS are absent."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from dance_tf.dataset.store import open_dataset
from dance_tf.experiments.run import evaluate_model
from dance_tf.model.bundle import load_bundle
from dance_tf.model.networks import SKELETON_STRATEGIES, NetworkSettings
from dance_tf.model.settings import TrainingSettings
from dance_tf.model.train import predict
from dance_tf.pose.joints import CHANNELS, JOINTS, LENGTH

ROOT = Path(__file__).resolve().parents[1]

# Python runs this before each program and subprocess. It blocks every package of requirements.txt that the README does
# not name for such a machine.
BLOCKING = """
import sys

BLOCKED = {
    "tensorflow", "tensorboard", "tensorflow_datasets", "importlib_resources", "av", "PIL", "imagehash", "matplotlib",
    "seaborn", "distributed", "yaml", "papermill", "nbformat", "nbclient", "IPython", "pytest",
}

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"{name} is blocked by this test", name=name)

sys.meta_path.insert(0, Blocker())
"""

PREDICT = """
import sys
from pathlib import Path
import keras, numpy as np
from dance_tf.dataset.store import open_dataset
from dance_tf.model.bundle import load_bundle
from dance_tf.model.settings import TrainingSettings
from dance_tf.model.train import predict

folder = Path(sys.argv[1])
dataset = open_dataset(folder / "arrays")
every = np.arange(len(dataset.frames))
model = load_bundle(folder / "model").model
np.save(folder / "probabilities.npy", predict(model, dataset, every, every, TrainingSettings()))
print(keras.backend.backend(), *(name for name in ("tensorflow", "av", "tensorflow_datasets") if name in sys.modules))
"""

SKELETONS = """
import sys
from pathlib import Path
import keras, numpy as np
from dance_tf.model import layers  # registers them

folder = Path(sys.argv[1])
keras.utils.set_random_seed(0)
inputs = dict(np.load(folder / "inputs.npz"))
for path in sorted(folder.glob("*.keras")):
    model = keras.saving.load_model(path)
    read = inputs if path.stem == "fusion" else inputs["windows"]
    np.save(path.with_suffix(".npy"), model.predict_on_batch(read))  # outside of a function, JAX compiles each layer
    model.compile(keras.optimizers.Adam(0.001), "sparse_categorical_crossentropy")
    before, losses = model.get_weights(), [float(model.train_on_batch(read, np.arange(3))) for _ in range(4)]
    changed = [(one != other).any() for one, other in zip(before, model.get_weights(), strict=True)]
    print(path.stem, keras.backend.backend(), losses[-1] < losses[0], all(changed))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder, and a function that runs Python on JAX in it and returns its standard output."""
    folder = tmp_path_factory.mktemp("jax")
    (folder / "blocking").mkdir()
    (folder / "blocking" / "sitecustomize.py").write_text(BLOCKING)
    # compilation without optimisation is faster for programs that run once
    settings = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    path = os.pathsep.join([str(folder / "blocking"), str(ROOT)])
    environment = {**os.environ, **settings, "PYTHONPATH": path}

    def run(*arguments):
        command = [sys.executable, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return folder, run


@pytest.fixture(scope="module")
def trained(home):
    """The folder with arrays and a model made by the verbs, and the document of `train`."""
    folder, run = home
    clips = ("--styles", 2, "--dancers", 3, "--seconds", 1, "--frame-rate", 6)
    made = run("-m", "dance_tf", "synthesize", "arrays", "--arrays", *clips, "--jobs", 2, "--json")
    assert json.loads(made)["clips"] == 6
    tiny = ("--epochs", 1, "--growth-epochs", 1, "--frames-per-clip", 2)
    return folder, json.loads(run("-m", "dance_tf", "train", "arrays", "model", *tiny, "--json"))


def test_the_verbs_grow_and_train_the_hybrid_under_jax_without_tensorflow(trained):
    folder, document = trained
    described = json.loads((folder / "model" / "model.json").read_text())
    assert described["strategy"] == "cnn_ae_attention"
    assert document["scored"]["dancers"] == described["held_out"] and len(described["held_out"]) == 1
    assert document["scored"]["clips"] == 2
    assert len(described["learnt_clips"]) == 4 and len(described["learnt_dancers"]) == 2


def test_tensorflow_can_use_what_jax_trained(home, trained):
    folder, run = home
    assert run("-c", PREDICT, folder).split() == ["jax"]
    bundle, dataset = load_bundle(folder / "model"), open_dataset(folder / "arrays")
    every = np.arange(len(dataset.frames))
    found = predict(bundle.model, dataset, every, every, TrainingSettings())
    np.testing.assert_allclose(found, np.load(folder / "probabilities.npy"), atol=1e-4)
    again = evaluate_model(bundle, dataset, trained[1]["scored"]["dancers"]).to_json()
    assert (again["frame"], again["scored"]["note"]) == (trained[1]["frame"], "")


def test_networks_of_skeletons_give_the_same_under_jax_and_learn(home):
    folder, run = home
    place = folder / "skeletons"
    place.mkdir()
    generator, expected = np.random.default_rng(0), {}
    inputs = {"windows": generator.normal(size=(3, LENGTH, len(JOINTS), CHANNELS)).astype(np.float32)}
    inputs["cutouts"] = generator.integers(0, 255, (3, 2, 128, 128, 1), dtype=np.uint8)
    np.savez(place / "inputs.npz", **inputs)
    for name in ("fusion", "skeleton_gcn"):  # the fusion contains the temporal network
        keras.utils.set_random_seed(1)
        model = SKELETON_STRATEGIES[name].build(NetworkSettings(classes=3, sequence_length=2))
        expected[name] = np.array(model(inputs if name == "fusion" else inputs["windows"]))
        model.save(place / f"{name}.keras")
    assert run("-c", SKELETONS, place).split("\n")[:-1] == [f"{name} jax True True" for name in sorted(expected)]
    for name, probabilities in expected.items():
        np.testing.assert_allclose(np.load(place / f"{name}.npy"), probabilities, atol=1e-4)
