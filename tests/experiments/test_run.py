"""Train and score one model, and score it again on training clips and on other clips."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from dance_tf.curation.filters import NO_CUTOUTS
from dance_tf.dataset.dataset import DatasetError, gather
from dance_tf.dataset.output import MODEL, check_place
from dance_tf.dataset.splits import Split, make_splits
from dance_tf.experiments.run import candidate_strategies, evaluate_model, imbalance, split_notes, train_model
from dance_tf.model.autoencoder import build_autoencoder
from dance_tf.model.bundle import ModelBundle, ModelDescription, load_bundle
from dance_tf.model.fit import FrameSequence
from dance_tf.model.networks import NetworkSettings, build_cnn_lstm
from dance_tf.model.settings import Schedule, TrainingSettings, growth_settings, training_settings
from dance_tf.model.train import predict
from dance_tf.pose.skeleton import NO_SKELETONS

SETTINGS = TrainingSettings(
    strategy="cnn",
    schedule=Schedule(epochs=2, learning_rate=0.05, momentum=0.9),
    batch_size=8,
    frames_per_clip=2,
    validation_frames=2,
)


@pytest.fixture(scope="module")
def dataset(blob_clips):
    return gather(blob_clips(styles=2, dancers=5, frames=3))


@pytest.fixture(scope="module")
def trained(dataset, tmp_path_factory):
    """A model folder, its split, and the scores of the held-out part."""
    split = make_splits(dataset, "dancer", folds=2, hold_out=("dancer1", "dancer3"))[0]
    folder = tmp_path_factory.mktemp("single") / "model"
    return folder, split, train_model(dataset, split, SETTINGS, folder)


@pytest.mark.parametrize(("many", "few", "text"), [(3, 1, ""), (4, 1, "4 of style0, but 1 of style1; "), (5, 2, "")])
def test_styles_are_uneven_beyond_three_to_one(dataset, many, few, text):
    starts = np.array([part.start for part in dataset.clip_slices])
    learnt = np.concatenate([starts[dataset.clip_labels == 0][:many], starts[dataset.clip_labels == 1][:few]])
    found = imbalance(dataset, Split("clip", 0, learnt, learnt[:1], learnt[:1]))
    assert found.startswith(f"training clips: {text}") if text else found == ""


def test_training_writes_a_model_that_names_the_held_out_dancers(trained, dataset):
    folder, split, _ = trained
    bundle = load_bundle(folder)
    described = bundle.description
    assert described.held_out == ("dancer1", "dancer3")
    assert (described.styles, described.strategy, described.view) == (dataset.styles, "cnn", "difference")
    assert (described.sequence_length, described.data_hash) == (1, dataset.content_hash)
    assert described.settings["batch_size"] == 8
    assert sorted(path.name for path in folder.parent.iterdir()) == ["model"]  # no checkpoint is left beside it
    assert (folder / "tensorboard").is_dir()
    assert check_place(folder, MODEL) == folder  # to be trained again


def test_the_score_is_that_of_the_held_out_part(trained, dataset):
    folder, split, evaluation = trained
    stored = json.loads(json.dumps(evaluation.to_json()))
    assert stored["scored"]["frames"] == len(split.test) and stored["scored"]["clips"] == 4
    assert stored["scored"]["dancers"] == ["dancer1", "dancer3"]
    probabilities = predict(load_bundle(folder).model, dataset, split.test, split.test, SETTINGS)
    accuracy = (probabilities.argmax(axis=1) == dataset.labels[split.test]).mean()
    assert stored["frame"]["accuracy"]["mean"] == pytest.approx(accuracy)


def test_scoring_again_names_training_clips_and_dancers(trained, dataset):
    folder, _, evaluation = trained
    bundle = load_bundle(folder)
    others = evaluate_model(bundle, dataset, ("dancer1", "dancer3"))
    assert others.note == ""
    assert others.to_json()["frame"] == evaluation.to_json()["frame"]
    everyone = evaluate_model(bundle, dataset)
    assert len(everyone.predictions.labels) == 10
    assert everyone.note == (
        "the model was trained on 6 of the 10 scored clips and on dancers with the names dancer0, dancer2, dancer4; "
        "only the other dancers (dancer1, dancer3) measure how well it generalises"
    )


def renamed(clip, **names):
    return dataclasses.replace(clip, clip=dataclasses.replace(clip.clip, **names))


def test_what_overlaps_is_named_in_any_other_dataset(trained, blob_clips):
    bundle = load_bundle(trained[0])
    old, new = blob_clips(styles=2, dancers=5, frames=3), blob_clips(styles=2, dancers=5, frames=3, seed=9)
    learnt, held_out = old[0], old[1]  # of dancer0 and dancer1
    stranger = renamed(new[4], dancer="zoe", clip_id="style0/zoe")
    # one more clip, of another dancer, does not hide the overlap
    note = evaluate_model(bundle, gather([learnt, held_out, stranger])).note
    assert "trained on 1 of the 3 scored clips and on dancers with the names dancer0; " in note
    assert note.endswith("only the other dancers (dancer1, zoe) measure how well it generalises")
    # the same frames under another name
    note = evaluate_model(bundle, gather([renamed(learnt, dancer="ann", clip_id="a")])).note
    assert "trained on 1 of the 1 scored clips; only the other dancers (ann)" in note
    # other frames of a dancer with the same name
    note = evaluate_model(bundle, gather([new[2]])).note
    assert note == (
        "the model was trained on dancers with the names dancer2; only the other dancers (none) measure how well it "
        "generalises"
    )
    assert evaluate_model(bundle, gather([held_out, stranger])).note == ""


def test_an_older_model_is_compared_with_its_dataset_as_a_whole(trained, dataset, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(trained[0], folder)
    content = json.loads((folder / "model.json").read_text())
    assert len(content.pop("learnt_clips")) == 6 and content.pop("learnt_dancers") == ["dancer0", "dancer2", "dancer4"]
    (folder / "model.json").write_text(json.dumps(content))
    bundle = load_bundle(folder)
    assert "trained on clips of this dataset; only the held-out dancers (" in evaluate_model(bundle, dataset).note
    assert evaluate_model(bundle, dataset, ("dancer1",)).note == ""
    other = dataclasses.replace(bundle.description, data_hash="another")
    assert evaluate_model(ModelBundle(bundle.model, other), dataset).note == ""


@pytest.mark.parametrize(
    ("strategy", "view", "length"),
    [("skeleton_tcn", "skeleton", 1), ("skeleton_gcn", "skeleton", 1), ("fusion", "skeleton+cutout", 4)],
)
def test_networks_of_skeletons_train_and_are_scored(dataset, tmp_path, monkeypatch, strategy, view, length):
    grown = []

    def grow(dataset, split, settings, *others, **named):  # to train one would take most of the time
        frames, _ = FrameSequence(dataset, split.train, growth_settings(settings), 0, reconstruct=True)[0]
        grown.append(frames.shape[1:])
        return [(build_autoencoder(), None)]

    monkeypatch.setattr("dance_tf.experiments.run.grow_autoencoder", grow)
    split = make_splits(dataset, "dancer", folds=2, hold_out=("dancer1", "dancer3"))[0]
    settings = training_settings(strategy, epochs=1, batch_size=8, frames_per_clip=2)
    scores = train_model(dataset, split, settings, tmp_path / "model").to_json()
    bundle = load_bundle(tmp_path / "model")
    described = bundle.description
    assert (described.view, described.strategy, described.sequence_length) == (view, strategy, length)
    assert grown == [(128, 128, 1)] * (strategy == "fusion")
    again = evaluate_model(bundle, dataset, ("dancer1", "dancer3")).to_json()
    assert again["clip"]["accuracy"] == scores["clip"]["accuracy"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_several_networks_the_best_on_validation_clips_is_kept(dataset, tmp_path, monkeypatch, own_network, order):
    split = make_splits(dataset, "dancer", folds=2, hold_out=("dancer1", "dancer3"))[0]
    names, asked = [], []
    for name in ("bad", "good"):
        (tmp_path / name).mkdir()
        names.append(f"{own_network(tmp_path / name, name)}:{name}")
    bad, good = names
    both = [dataclasses.replace(SETTINGS, strategy=name) for name in names]

    def scripted(model, dataset, indices, allowed, settings):
        """The answers of one network are all right, those of the other all wrong."""
        asked.append((settings.strategy, np.array_equal(indices, split.validation)))
        truth = np.eye(2, dtype=np.float32)[dataset.labels[indices]]
        return truth if settings.strategy == good else 1 - truth

    monkeypatch.setattr("dance_tf.experiments.run.predict", scripted)
    model = tmp_path / "out" / "model"
    found = train_model(dataset, split, [both[place] for place in order], model)
    assert load_bundle(model).description.strategy == good
    assert list(found.to_json()["validation"].items()) == [(good, 1.0), (bad, 0.0)]
    assert asked == [*((names[place], True) for place in order), (good, False)]
    assert [path.name for path in model.parent.iterdir()] == ["model"]


def test_networks_to_choose_from(dataset, blob_clips):
    assert candidate_strategies(dataset) == ("skeleton_tcn", "cnn_ae_attention")
    for wanted in (("cutout", ()), (None, ("noise",))):
        assert candidate_strategies(dataset, *wanted) == ("cnn_ae_attention",)
    assert candidate_strategies(dataset, "skeleton") == ("skeleton_tcn",)
    clips = [dataclasses.replace(clip, skeletons=NO_SKELETONS, cutouts=NO_CUTOUTS) for clip in blob_clips(2, 1, 2)]
    assert candidate_strategies(gather(clips)) == ("cnn_ae_attention",)


@pytest.mark.parametrize(("strategy", "view"), [("cnn", "cutout"), ("skeleton_tcn", None), ("fusion", None)])
def test_footage_without_skeletons_is_refused_before_training(blob_clips, tmp_path, strategy, view):
    clips = [dataclasses.replace(clip, skeletons=NO_SKELETONS, cutouts=NO_CUTOUTS) for clip in blob_clips(2, 3, 2)]
    dataset = gather(clips)
    split = make_splits(dataset, "dancer", folds=2, hold_out=("dancer1",))[0]
    with pytest.raises(DatasetError, match="style0/dancer0 has no skeletons: curate the footage again, with poses"):
        train_model(dataset, split, training_settings(strategy, view), tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_styles_are_matched_by_name_not_by_place(trained, blob_clips):
    folder, _, _ = trained
    bundle = load_bundle(folder)
    both = gather(blob_clips(styles=2, dancers=2, frames=3, seed=5))
    second = gather([clip for clip in blob_clips(styles=2, dancers=2, frames=3, seed=5) if clip.clip.style == "style1"])
    chosen = np.flatnonzero(both.labels == 1)
    found = predict(bundle.model, both, chosen, chosen, SETTINGS).argmax(axis=1)
    accuracy = evaluate_model(bundle, second).to_json()["frame"]["accuracy"]["mean"]
    assert accuracy == pytest.approx((found == 1).mean())


def test_sequences_of_any_length_are_scored(dataset):
    network = NetworkSettings(classes=2, sequence_length=3)
    described = ModelDescription(dataset.styles, "cnn_lstm", "frame", sequence_length=3)
    evaluation = evaluate_model(ModelBundle(build_cnn_lstm(network), described), dataset, ("dancer0",))
    assert len(evaluation.predictions.labels) == 2


def test_unknown_dancers_and_styles_are_refused_in_one_line(trained, dataset, blob_clips):
    bundle = load_bundle(trained[0])
    with pytest.raises(
        DatasetError, match="no dancer nobody in the dataset: it has dancer0, dancer1, dancer2, dancer3, dancer4$"
    ):
        evaluate_model(bundle, dataset, ("nobody",))
    with pytest.raises(DatasetError, match="the model was not trained on the style style2"):
        evaluate_model(bundle, gather(blob_clips(styles=3, dancers=2)))


def test_labels_of_which_none_is_trusted_are_refused_before_training(dataset, tmp_path):
    split = make_splits(dataset, "dancer", folds=2, hold_out=("dancer1",))[0]
    doubted = dataclasses.replace(dataset, clips=tuple(dataclasses.replace(one, trust=0.0) for one in dataset.clips))
    with pytest.raises(DatasetError, match="no label of the training part is trusted"):
        train_model(doubted, split, SETTINGS, tmp_path / "model")
    assert not list(tmp_path.iterdir())
    assert not split_notes(dataset, split)
    half = dataclasses.replace(dataset, clips=tuple(dataclasses.replace(one, trust=0.5) for one in dataset.clips))
    assert split_notes(half, split) == ("labels of 2 of 2 held-out clips are not fully trusted, but count as right",)
