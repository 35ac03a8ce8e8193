"""Labels that are likely wrong, and training with less trust in them, on blobs whose place tells the style."""

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from dance_tf.cli import DONE, app
from dance_tf.dataset.dataset import gather, write_arrays
from dance_tf.dataset.splits import make_splits
from dance_tf.experiments import labels
from dance_tf.experiments.labels import CASES, doubtful_labels, plant_wrong_labels, trust_of_fold
from dance_tf.model.fit import FrameSequence, label_weights
from dance_tf.model.settings import Schedule, TrainingSettings
from dance_tf.model.train import predict, train_classifier

LINEAR = """
import keras
from keras import layers

def linear(settings):
    inputs = layers.Input((128, 128, 1), dtype="uint8")
    coarse = layers.Flatten()(layers.AveragePooling2D(16)(layers.Rescaling(10 / 255)(inputs)))
    return keras.Model(inputs, layers.Dense(settings.classes, "softmax")(coarse))
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Of a network that learns in a second where the blobs of a style are."""
    path = tmp_path_factory.mktemp("own") / "linear.py"
    path.write_text(LINEAR)
    schedule = Schedule(epochs=6, learning_rate=0.03, optimizer="adam")
    sizes = {"batch_size": 4, "frames_per_clip": 4, "validation_frames": 2}
    return TrainingSettings(strategy=f"{path}:linear", view="frame", schedule=schedule, **sizes)


@pytest.fixture
def centroids(monkeypatch):
    """In place of a network: the mean picture of each style, weighted by trust, and the nearest of them."""

    def learn(dataset, split, settings, folder, seed):
        pictures = dataset.frames[split.train, ::8, ::8, 0].astype(float)
        weights = dataset.trust[dataset.clip_index[split.train]]
        styles = range(len(dataset.styles))
        return [np.average(pictures, 0, weights * (dataset.labels[split.train] == style)) for style in styles], None

    def see(means, dataset, indices, allowed, settings):
        apart = np.abs(dataset.frames[indices, None, ::8, ::8, 0] - np.array(means)).mean(axis=(2, 3))
        shares = np.exp(-apart)
        return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)

    monkeypatch.setattr(labels, "train_classifier", learn)
    monkeypatch.setattr(labels, "predict", see)


@pytest.fixture(scope="module")
def dataset(blob_clips):
    return gather(blob_clips(styles=3, dancers=5, frames=4))


def test_wrong_labels_are_of_other_styles(dataset):
    wrong = plant_wrong_labels(dataset, [0, 7, 14], seed=1)
    changed = [place for place, clip in enumerate(wrong.clips) if clip.style != dataset.clips[place].style]
    assert changed == [0, 7, 14] and wrong.styles == dataset.styles
    np.testing.assert_array_equal(wrong.clip_labels, plant_wrong_labels(dataset, [0, 7, 14], seed=1).clip_labels)


def test_planted_labels_are_listed_unless_a_teacher_has_settled_them(dataset, settings, centroids):
    wrong = plant_wrong_labels(dataset, [2, 9], seed=0)
    listed = doubtful_labels(wrong, settings=settings)
    truth = {dataset.clips[place].clip_id: dataset.clips[place].style for place in (2, 9)}
    assert dict(zip(listed["clip"], listed["likely"], strict=True)) == truth
    assert (listed["style"] != listed["likely"]).all() and listed["probability"].between(1 / 3, 1).all()
    settled = doubtful_labels(wrong, [dataset.clips[2].clip_id], settings)
    assert settled["clip"].tolist() == [dataset.clips[9].clip_id]


def test_trust_is_the_weight_of_a_clip_in_the_loss(dataset, settings):
    clips = [replace(clip, trust=1 - 0.25 * (place % 3)) for place, clip in enumerate(dataset.clips)]
    doubted, everything = replace(dataset, clips=tuple(clips)), np.arange(len(dataset.frames))
    assert label_weights(dataset, everything) is None
    part = everything[doubted.clip_index < 6]
    weights = label_weights(doubted, part)
    assert weights.dtype == np.float32 and weights[part].mean() == pytest.approx(1)
    np.testing.assert_allclose(weights / weights[0], doubted.trust[doubted.clip_index])
    batches = FrameSequence(doubted, part, settings, seed=0)
    _, called, given = batches[0]
    chosen = batches.order[: settings.batch_size]
    np.testing.assert_array_equal(given, weights[chosen])
    np.testing.assert_array_equal(called, dataset.labels[chosen])
    assert len(FrameSequence(dataset, part, settings, seed=0)[0]) == 2
    assert len(FrameSequence(doubted, part, settings, seed=0, reconstruct=True)[0]) == 2


@pytest.mark.parametrize(("trust", "learnt"), [(1.0, "wrong"), (0.0, "right")])
def test_labels_without_trust_are_not_learnt(dataset, settings, tmp_path, trust, learnt):
    split = make_splits(dataset, "dancer", folds=4, hold_out=["dancer0"])[0]
    known = sorted({dataset.dancers[clip] for clip in np.unique(dataset.clip_index[split.train])})
    called = {f"style0/{dancer}" for dancer in known[1:]}  # most of the training clips of style 0 are called style 1
    clips = [replace(one, style="style1", trust=trust) if one.clip_id in called else one for one in dataset.clips]
    taught = replace(dataset, clips=tuple(clips))
    model, _ = train_classifier(taught, split, settings, tmp_path, seed=1)
    test = split.test[dataset.labels[split.test] == 0]
    seen = predict(model, dataset, test, test, settings).mean(axis=0).argmax()
    assert dataset.styles[seen] == {"right": "style0", "wrong": "style1"}[learnt]


def test_each_case_is_measured_on_right_labels_of_held_out_dancers(dataset, settings, centroids):
    answers, found = trust_of_fold(dataset, 0, settings)
    assert answers.groupby("case", sort=False)["clip"].nunique().to_dict() == dict.fromkeys(CASES, 3)
    assert answers["dancer"].nunique() == 1
    [row] = found.to_dict("records")
    assert row["planted"] == row["right"] == 2 <= row["listed"]
    right = answers.groupby("case")["right"].mean()
    assert right["right labels"] == right["listed, corrected"] == 1


def test_the_verb_lists_doubtful_labels_of_a_dataset(blob_clips, centroids, tmp_path):
    clips = blob_clips(styles=3, dancers=5, frames=4)
    clips[2] = replace(clips[2], clip=replace(clips[2].clip, style="style2"))
    folder, file = str(write_arrays(tmp_path / "arrays", clips)), str(tmp_path / "notes.csv")
    asked = CliRunner().invoke(app, ["feedback", file, "--dataset", folder])
    assert (asked.exit_code, asked.stdout.split(" (")[0]) == (
        DONE,
        "style0/dancer2: labelled style2, looks like style0",
    )
    order = ["feedback", file, "style0/dancer2", "--style", "style0", "--dataset", folder]
    assert "no label is doubtful" in CliRunner().invoke(app, order).stdout
    lost = CliRunner().invoke(app, ["feedback", file, "style9", "--comment", "who?", "--dataset", folder, "--json"])
    assert json.loads(lost.stdout)["doubtful"] == []
    assert "feedback on style9 is not used: the dataset has no such clip" in lost.stderr
