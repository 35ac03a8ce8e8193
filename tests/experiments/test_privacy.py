"""What is sent tells of dancers: guessed identities and rebuilt frames, of untrained networks."""

import keras
import numpy as np
import pytest

from dance_tf.dataset.dataset import gather
from dance_tf.experiments import privacy
from dance_tf.experiments.cache import Run
from dance_tf.experiments.privacy import REBUILT, SHOWN, cut_answers, rebuild_frames
from dance_tf.experiments.spec import RunSpec, split_of
from dance_tf.model.networks import REGISTERED, NetworkSettings
from dance_tf.model.settings import TrainingSettings, training_settings
from dance_tf.model.split import split_network


@pytest.fixture(scope="module")
def dataset(blob_clips):
    return gather(blob_clips(styles=3, dancers=6, frames=4))


def untrained(strategy, folder):
    """An untrained network as the run of a fold with two held-out dancers."""
    settings = training_settings(strategy) if strategy == "skeleton_tcn" else TrainingSettings(strategy, "frame")
    keras.utils.set_random_seed(1)
    REGISTERED[strategy].build(NetworkSettings(classes=3)).save(folder / "model.keras")
    return Run(RunSpec(settings, folds=3), folder, 0, 0, False, 0.0, 0.0)


@pytest.mark.parametrize("strategy", ["skeleton_tcn", "cnn"])
def test_dancers_are_guessed_from_each_cut(dataset, strategy, tmp_path):
    run = untrained(strategy, tmp_path)
    table = cut_answers(dataset, [run])
    cuts = {"skeletons"} if strategy == "skeleton_tcn" else {"frames", *split_network(run.load_model())}
    assert set(table["cut"]) == {*cuts, "verdict"} and len(table) == 6 * (len(cuts) + 1)


def test_frames_are_rebuilt_the_better_the_more_is_sent(dataset, tmp_path, monkeypatch):
    run = untrained("cnn", tmp_path)

    def halves(model):
        """Cuts after the frame's mean, and after all means of 8 × 8 pixels."""
        first = model.inputs[0], keras.layers.Rescaling(1.0)
        pools = {"1": keras.layers.AveragePooling2D(128), "16": keras.layers.AveragePooling2D(8)}
        return {cut: (keras.Sequential([*first, pool, keras.layers.Flatten()]), None) for cut, pool in pools.items()}

    monkeypatch.setattr(privacy, "split_network", halves)
    found = rebuild_frames(dataset, run)
    share = {name: (values / found["total"]).mean() for name, values in found.items() if name.startswith("explained")}
    assert set(share) == {"explained 1", "explained 16", "explained skeletons", "explained verdict"}
    assert 1 >= share["explained 16"] > 0.5 > share["explained 1"]
    test = split_of(dataset, run.spec).test
    assert set(found["clip"]) == {dataset.clips[clip].clip_id for clip in np.unique(dataset.clip_index[test])}
    assert found["picture"].shape == found["picture 16"].shape == (SHOWN, REBUILT, REBUILT)
    apart = [np.abs(found["picture"] - found[f"picture {cut}"].astype(float)).mean() for cut in (1, 16)]
    assert apart[1] < apart[0]
