"""Shortcut tests of untrained networks: which clips are asked, and that the answers are the networks' own."""

import keras
import numpy as np
import pytest

from dance_tf.dataset.dataset import gather
from dance_tf.evaluation.shortcuts import AS_IT_IS, BACKGROUND, MIRRORED, SHUFFLED, STILL
from dance_tf.experiments.cache import Run
from dance_tf.experiments.shortcuts import FIRST, LAST, dancer_answers, joint_answers, shortcut_answers
from dance_tf.experiments.spec import RunSpec, split_of
from dance_tf.experiments.training import pair_with_truth
from dance_tf.model.networks import REGISTERED, NetworkSettings
from dance_tf.model.settings import TrainingSettings, training_settings
from dance_tf.model.train import predict
from dance_tf.pose.joints import JOINTS


@pytest.fixture(scope="module")
def dataset(blob_clips):
    return gather(blob_clips(styles=3, dancers=6, frames=4))


@pytest.fixture(scope="module", params=["skeleton_tcn", "cnn"])
def run(request, dataset, tmp_path_factory):
    """An untrained network as the run of a fold with two held-out dancers."""
    folder = tmp_path_factory.mktemp("run")
    settings = training_settings(request.param) if request.param == "skeleton_tcn" else TrainingSettings("cnn", "frame")
    keras.utils.set_random_seed(1)
    REGISTERED[request.param].build(NetworkSettings(classes=3)).save(folder / "model.keras")
    return Run(RunSpec(settings, folds=3), folder, 0, 0, False, 0.0, 0.0)


def answered(dataset, run, indices):
    test = split_of(dataset, run.spec).test
    found = pair_with_truth(dataset, indices, predict(run.load_model(), dataset, indices, test, run.spec.settings))
    return dict(zip(found.clip_ids, (found.predicted == found.labels).tolist(), strict=True))


def test_each_held_out_clip_is_asked_under_each_change(dataset, run):
    table = shortcut_answers(dataset, [run], frames_per_clip=100)
    test = split_of(dataset, run.spec).test
    asked = {dataset.clips[clip].clip_id for clip in np.unique(dataset.clip_index[test])}
    changes = {AS_IT_IS, BACKGROUND, MIRRORED} | ({STILL, SHUFFLED} if run.spec.name == "skeleton_tcn" else set())
    assert set(table["change"]) == changes and len(table) == len(changes) * len(asked)
    assert all(set(rows["clip"]) == asked for _, rows in table.groupby("change"))
    as_it_is = table[table["change"] == AS_IT_IS].set_index("clip")["right"].to_dict()
    assert as_it_is == answered(dataset, run, test)
    assert (table["clip"] == table["style"] + "/" + table["dancer"]).all()
    # nothing is left to tell styles apart but the background, or for skeletons nothing at all
    if run.spec.name == "skeleton_tcn":
        assert table[table["change"] == BACKGROUND]["right"].mean() == pytest.approx(1 / 3)


def test_joints_are_lost_in_both_orders(dataset, run):
    if run.spec.name != "skeleton_tcn":
        pytest.skip("reads no joints")
    losses, table = joint_answers(dataset, [run], frames_per_clip=100)
    assert losses["joint"].tolist() == list(JOINTS) and losses["loss"].abs().max() > 0
    assert table.groupby(["order", "lost"]).size().to_dict() == {
        (order, lost): 6 for order in (FIRST, LAST) for lost in range(len(JOINTS) + 1)
    }
    whole = table[table["lost"] == 0].groupby("order")["right"].agg(list)
    assert whole[FIRST] == whole[LAST] == list(answered(dataset, run, split_of(dataset, run.spec).test).values())
    assert table[table["lost"] == len(JOINTS)]["right"].mean() == pytest.approx(1 / 3)


def test_dancers_of_a_fold_are_guessed(dataset, run):
    table = dancer_answers(dataset, [run])
    assert len(table) == 6 and set(table["chance"]) == {0.5}
    assert table["dancer"].nunique() == 2 and table["right"].isin([True, False]).all()
    one = RunSpec(run.spec.settings, folds=6)
    assert dancer_answers(dataset, [Run(one, run.folder, 0, 0, False, 0.0, 0.0)]).empty
