"""Jobs run, cached and resumed, on footage so tiny that every network is trained in seconds."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from dance_tf.dataset.arrays import write_arrays
from dance_tf.dataset.batches import sample_evenly
from dance_tf.dataset.store import open_dataset
from dance_tf.experiments import cache as protocol
from dance_tf.experiments.cache import grown_folder, run_jobs
from dance_tf.experiments.spec import Job, split_of
from dance_tf.model import fit as fitting
from dance_tf.model.fit import Schedule
from dance_tf.model.networks import NetworkSettings
from dance_tf.model.train import TrainingSettings, predict

TINY = TrainingSettings(
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
JOBS = (
    Job(TINY, folds=2, score_frames=2),
    Job(dataclasses.replace(TINY, strategy="cnn_ae_attention"), folds=2, score_frames=2),
    Job(dataclasses.replace(TINY, strategy="cnn"), unit="clip", fold=1, folds=2, repeat=1, score_frames=2),
)


class Killed(RuntimeError):
    """Stands for a power cut."""


@pytest.fixture(scope="module")
def data(tmp_path_factory, blob_clips):
    """Two styles by five dancers."""
    return write_arrays(tmp_path_factory.mktemp("data") / "arrays", blob_clips(styles=2, dancers=5, frames=3))


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def results(data, work):
    return run_jobs(data, JOBS, work, progress=False)


def files(folder) -> dict[str, int]:
    """When each file below a folder was written last."""
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_each_job_has_its_result_in_its_place(results, work):
    assert tuple(result.job for result in results) == JOBS
    assert len({result.folder for result in results}) == 3
    for result in results:
        assert result.folder.parent == work / "runs"
        names = {path.name for path in result.folder.iterdir()}
        assert names == {"model.keras", "validation.npz", "test.npz", "history.csv", "result.json"}
        assert result.parameters == result.load_model().count_params()
        assert list(result.history["epoch"]) == [0, 1] and not result.stopped_early
        best = result.history.sort_values(["val_accuracy", "val_loss"], ascending=[False, True]).index[0]
        assert result.best_epoch == best
        assert result.seconds > 0
    assert not list((work / "runs").glob("*unfinished*")) and not list((work / "runs").glob(".*partial*"))


def test_strategies_share_one_grown_autoencoder(results, work, data):
    grown = [path for path in (work / "growth").iterdir() if path.is_dir()]
    dataset = open_dataset(data)
    assert grown == [grown_folder(dataset, JOBS[0], work)] == [grown_folder(dataset, JOBS[1], work)]
    assert {path.name for path in grown[0].iterdir()} == {"autoencoder_5.keras", "growth.json"}
    told = json.loads((grown[0] / "growth.json").read_text())
    assert told["stages"] == [5] and len(told["rows"]) == 5
    assert told["validation_errors"] == [min(told["rows"], key=lambda row: row["val_loss"])["val_mean_squared_error"]]


def test_predictions_are_those_of_the_stored_model_on_the_right_frames(results, data):
    dataset = open_dataset(data)
    for result in results:
        split = split_of(dataset, result.job)
        model = result.load_model()
        for part, predictions in ((split.validation, result.validation), (split.test, result.test)):
            indices = sample_evenly(part, dataset.clip_index, 2)
            np.testing.assert_array_equal(predictions.labels, dataset.labels[indices])
            np.testing.assert_array_equal(predictions.clips, dataset.clip_index[indices])
            recomputed = predict(model, dataset, indices, part, result.job.settings)
            np.testing.assert_allclose(predictions.probabilities, recomputed, atol=1e-6)
            assert predictions.styles == dataset.styles and predictions.dancers == dataset.dancers


def test_a_second_time_nothing_is_trained(results, data, work, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("trained again")

    for name in ("train_classifier", "grow_autoencoder"):
        monkeypatch.setattr(protocol, name, refuse)
    before = files(work)
    assert run_jobs(data, JOBS[::-1], work, progress=False) == results[::-1]
    after = files(work)
    assert {path: time for path, time in after.items() if not path.endswith(".lock")} == {
        path: time for path, time in before.items() if not path.endswith(".lock")
    }
    with pytest.raises(AssertionError, match="trained again"):
        run_jobs(data, [dataclasses.replace(JOBS[2], repeat=0)], work, progress=False)


def test_a_fresh_folder_and_a_kill_end_in_the_same_numbers(results, data, tmp_path, monkeypatch):
    whole = fitting._Resumable.on_epoch_end

    def dies_after_the_first_epoch(self, epoch, logs=None):
        whole(self, epoch, logs)
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(fitting._Resumable, "on_epoch_end", dies_after_the_first_epoch)
        run_jobs(data, JOBS[2:], tmp_path, progress=False)
    assert not list(tmp_path.rglob("result.json"))
    (found,) = run_jobs(data, JOBS[2:], tmp_path, progress=False)
    expected = results[2]
    assert found.folder.name == expected.folder.name
    assert found.history.equals(expected.history)
    for one, other in ((found.validation, expected.validation), (found.test, expected.test)):
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
    for one, other in zip(found.load_model().weights, expected.load_model().weights, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other))
