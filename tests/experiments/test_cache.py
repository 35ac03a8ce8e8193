"""Runs and measurements: made once, found again, made anew where anything that computes them changes."""

import dataclasses
import json
import shutil

import keras
import numpy as np
import pandas as pd
import pytest

from dance_tf.dataset.batches import sample_evenly
from dance_tf.dataset.dataset import DatasetError
from dance_tf.dataset.store import open_dataset
from dance_tf.experiments import cache, training
from dance_tf.experiments.cache import Experiment
from dance_tf.experiments.scores import estimates
from dance_tf.experiments.spec import RunSpec, split_of
from dance_tf.experiments.training import COMPUTED_BY, grown_folder, run_folder
from dance_tf.model.provenance import source_hash
from dance_tf.model.train import predict


@pytest.fixture(scope="module")
def specs(tiny):
    encoder, cnn = (dataclasses.replace(tiny, strategy=strategy) for strategy in ("ae", "cnn"))
    return (
        RunSpec(tiny, folds=3, score_frames=2),
        RunSpec(encoder, folds=3, score_frames=2),
        RunSpec(cnn, split="clip", fold=1, folds=3, repeat=1, score_frames=2),
        RunSpec(tiny, folds=3, score_frames=2, baseline=True),
    )


@pytest.fixture(scope="module")
def experiment(tmp_path_factory, make_run_folder):
    return Experiment(make_run_folder(tmp_path_factory.mktemp("experiment")), jobs=2)


@pytest.fixture(scope="module")
def runs(experiment, specs):
    return experiment.run(specs)


def test_each_run_is_in_its_folder_and_has_a_record(runs, specs, experiment):
    assert tuple(run.spec for run in runs) == specs
    assert len({run.folder for run in runs}) == len(specs)
    small = {"run.json", "validation.csv", "test.csv", "history.csv"}
    for run in runs[:3]:
        assert {path.name for path in run.folder.iterdir()} == {*small, "model.keras"}
        assert {path.name for path in (experiment.records / run.key).iterdir()} == small
        assert run.parameters == run.load_model().count_params() and run.seconds > 0
        assert list(run.history["epoch"]) == [0, 1] and not run.stopped_early
    assert {path.name for path in runs[3].folder.iterdir()} == {"run.json", "test.csv"} and runs[3].validation is None
    work = experiment.workspace.work
    assert not list((work / "runs").glob("*unfinished*")) and not list((work / "runs").glob(".*partial*"))
    provenance = json.loads((runs[0].folder / "run.json").read_text())["provenance"]
    assert provenance["data"] == experiment.dataset.content_hash and provenance["keras"] == keras.__version__


def test_strategies_share_one_grown_autoencoder(runs, specs, experiment):
    work = experiment.workspace.work
    grown = [path for path in (work / "growth").iterdir() if path.is_dir()]
    assert grown == [grown_folder(experiment.dataset, specs[0], work)]
    assert {path.name for path in grown[0].iterdir()} == {"autoencoder_5.keras", "growth.json"}
    assert runs[0].growth_seconds > 0 == runs[2].growth_seconds


def test_predictions_are_those_of_the_stored_model_on_the_right_frames(runs, experiment):
    dataset = experiment.dataset
    for run in runs[:3]:
        split, model = split_of(dataset, run.spec), run.load_model()
        for part, found in ((split.validation, run.validation), (split.test, run.test)):
            indices = sample_evenly(part, dataset.clip_index, 2)
            clips = np.unique(dataset.clip_index[indices])
            assert found.clip_ids == tuple(dataset.clips[clip].clip_id for clip in clips)
            frames = predict(model, dataset, indices, part, run.spec.settings)
            means = [frames[dataset.clip_index[indices] == clip].mean(0) for clip in clips]
            np.testing.assert_allclose(found.probabilities, means, atol=1e-6)
            assert found.counts.sum() == len(indices)


def test_a_second_time_nothing_is_trained(runs, specs, experiment, monkeypatch, capsys):
    monkeypatch.setattr(cache, "call_each", lambda *_: pytest.fail("trained again"))
    again = Experiment(experiment.run_folder, jobs=2).run(specs[::-1])
    assert [run.folder for run in again] == [run.folder for run in runs[::-1]]
    assert "4 of 4 runs from cache" in capsys.readouterr().out


def test_one_process_ends_in_the_numbers_of_two(runs, specs, tmp_path, make_run_folder):
    (found,) = Experiment(make_run_folder(tmp_path), jobs=1).run(specs[2:3])
    assert found.key == runs[2].key
    np.testing.assert_array_equal(found.test.probabilities, runs[2].test.probabilities)
    for one, other in zip(found.load_model().weights, runs[2].load_model().weights, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other))


def test_force_trains_again(runs, specs, experiment):
    before = (runs[2].folder / "run.json").stat().st_mtime_ns
    Experiment(experiment.run_folder, jobs=2, force=True).run(specs[2:3])
    assert (runs[2].folder / "run.json").stat().st_mtime_ns > before


def test_the_key_depends_on_settings_source_and_backend_but_not_on_the_name(specs, tiny_data, monkeypatch, tmp_path):
    dataset = open_dataset(tiny_data)

    def key(spec: RunSpec = specs[0]) -> str:
        return run_folder(dataset, spec, tmp_path).name

    before = key()
    assert key(dataclasses.replace(specs[0], name="another name")) == before
    assert key(dataclasses.replace(specs[0], fold=1)) != before
    with monkeypatch.context() as patch:
        patch.setattr(training, "backend_versions", lambda: {"backend": "tensorflow", "keras": "4.0"})
        assert key() != before
    monkeypatch.setattr(training, "source_hash", lambda *packages: "another source")
    assert key() != before


def test_a_changed_line_of_a_layer_changes_the_keys(specs, tiny_data, tmp_path, monkeypatch):
    from dance_tf.model import provenance

    dataset = open_dataset(tiny_data)
    copy = tmp_path / "dance_tf"
    shutil.copytree(provenance.PACKAGE_ROOT, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "PACKAGE_ROOT", copy)
    keys = []
    for line in ("", "# one more line\n"):
        provenance.source_hash.cache_clear()
        (copy / "model" / "layers.py").write_text((copy / "model" / "layers.py").read_text() + line)
        keys.append((run_folder(dataset, specs[0], tmp_path), grown_folder(dataset, specs[0], tmp_path)))
    provenance.source_hash.cache_clear()
    assert keys[0][0] != keys[1][0] and keys[0][1] != keys[1][1]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("table", pd.DataFrame({"a": [0.1, 1 / 3], "b": ["x", "y"]})),
        ("arrays", {"a": np.arange(3), "b": np.eye(2)}),
        ("numbers", {"share": 1 / 3}),
    ],
)
def test_a_measurement_is_made_once_for_its_key_and_recorded(name, found, experiment):
    calls = []

    def compute():
        calls.append(1)
        return found

    for key in (1, 1, 2):
        result = experiment.measure(name, compute, key)
        if isinstance(found, pd.DataFrame):
            pd.testing.assert_frame_equal(result, found, check_exact=True)
        else:
            assert {name: np.asarray(value).tolist() for name, value in result.items()} == {
                name: np.asarray(value).tolist() for name, value in found.items()
            }
    assert len(calls) == 2
    assert len(list(experiment.records.glob(f"{name}.*"))) == 1


def test_records_alone_give_the_same_table(runs, specs, experiment, tmp_path):
    experiment.measure("numbers", lambda: {"three": 3})
    shutil.copytree(experiment.records, tmp_path / "runs")
    (tmp_path / "run.json").write_text('{"source": "synthetic"}')
    recorded = Experiment(tmp_path, from_records=True)
    pd.testing.assert_frame_equal(estimates(recorded.run(specs)), estimates(runs), check_exact=True)
    assert recorded.measure("numbers", lambda: pytest.fail("measured")) == {"three": 3}
    assert recorded.source == "synthetic"
    with pytest.raises(DatasetError, match="1 of 1 runs have no record"):
        recorded.run([dataclasses.replace(specs[0], fold=1)])
    with pytest.raises(DatasetError, match="no record other"):
        recorded.measure("other", lambda: None)


def test_a_record_made_by_other_code_is_replaced(runs, specs, experiment):
    stale = experiment.records / "made_by_other_code"
    shutil.copytree(experiment.records / runs[0].key, stale)
    shutil.rmtree(experiment.records / runs[0].key)
    Experiment(experiment.run_folder).run(specs[:1])
    assert not stale.exists() and (experiment.records / runs[0].key / "test.csv").is_file()


def test_gathered_runs_are_not_trained_again_until_their_weights_are_needed(
    runs, specs, experiment, tmp_path, make_run_folder, monkeypatch, capsys
):
    folder = make_run_folder(tmp_path)
    for place, run in enumerate(runs[1:3]):  # of this code, and of earlier code that gives the same numbers
        shutil.copytree(experiment.records / run.key, folder / "gathered" / str(place))
    record = folder / "gathered" / "0" / "run.json"
    record.write_text(record.read_text().replace(source_hash(*COMPUTED_BY), "earlier"))
    gathered = Experiment(folder, jobs=2)
    with monkeypatch.context() as patch:
        patch.setattr(cache, "call_each", lambda *_: pytest.fail("trained again"))
        patch.setattr(cache, "SAME_NUMBERS", ("earlier",))
        found = gathered.run(specs[1:3])
        assert "2 of 2 runs from cache" in capsys.readouterr().out
    assert [run.key for run in found] == [run.key for run in runs[1:3]]
    (again,) = gathered.with_weights(found[1:])
    np.testing.assert_array_equal(again.load_model().get_weights()[0], runs[2].load_model().get_weights()[0])
    assert not (found[0].folder / "model.keras").exists()
    monkeypatch.setattr(cache, "call_each", lambda *_: pytest.fail("trained again"))
    assert gathered.with_weights(found[1:]) == found[1:]


@pytest.mark.parametrize("name", ["data", "source"])
def test_runs_gathered_from_other_clips_or_code_are_not_used(runs, specs, experiment, tmp_path, make_run_folder, name):
    folder = make_run_folder(tmp_path)
    shutil.copytree(experiment.records / runs[3].key, folder / "gathered" / "run")
    record = folder / "gathered" / "run" / "run.json"
    content = json.loads(record.read_text())
    content["provenance"][name] = "other"
    record.write_text(json.dumps({**content, "parameters": 12345}))
    (found,) = Experiment(folder, jobs=2).run(specs[3:])
    assert found.parameters == 0
