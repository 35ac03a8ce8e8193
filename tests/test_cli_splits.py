"""What `train` holds out, from footage to the split: official splits, dancers with commas, one dancer in two forms."""

import dataclasses
import json
import unicodedata

import pytest
from typer.testing import CliRunner

from dance_tf.cli import FAILED, app
from dance_tf.dataset.dataset import write_arrays

NFC, NFD = (unicodedata.normalize(form, "Zoë") for form in ("NFC", "NFD"))


class Called(Exception):
    """Carries the dataset and the split that training was called with out of the verb."""


@pytest.fixture
def train(tmp_path, blob_clips, monkeypatch):
    """Runs `train` on clips with the given labels, and returns the clips of each part and the result."""

    def run(labels, *options):
        clips = blob_clips(styles=3, dancers=5, frames=2)
        changed = [
            dataclasses.replace(clip, clip=dataclasses.replace(clip.clip, **more))
            for clip, more in zip(clips, labels, strict=False)
        ]
        folder = write_arrays(tmp_path / "data", changed)

        def train_model(dataset, split, *_, **__):
            raise Called(dataset, split)

        monkeypatch.setattr("dance_tf.experiments.run.train_model", train_model)
        monkeypatch.setenv("DANCE_TF_TRACEBACK", "1")
        result = CliRunner().invoke(app, ["train", str(folder), str(tmp_path / "model"), *options])
        if not isinstance(result.exception, Called):
            return None, result
        dataset, split = result.exception.args
        parts = [set(dataset.clip_index[part].tolist()) for part in (split.train, split.validation, split.test)]
        return parts, result

    return run


@pytest.mark.parametrize(
    ("names", "options", "held_out"),
    [
        (["anna", "Smith, Ben", "cy"], ("--hold-out", "Smith, Ben"), {"Smith, Ben"}),
        (["anna", "Smith, Ben", "cy"], ("--hold-out", "Smith, Ben", "--hold-out", "cy"), {"Smith, Ben", "cy"}),
        (["anna", "ben", "cy"], ("--hold-out", "anna, cy"), {"anna", "cy"}),
        ([NFC, "anna", NFD, "ben"], ("--hold-out", NFC), {NFC, NFD}),
        ([NFC, "anna", NFD, "ben"], ("--hold-out", NFD), {NFC, NFD}),
    ],
)
def test_dancers_are_held_out_by_their_whole_names(names, options, held_out, train):
    labels = [{"dancer": names[number % len(names)]} for number in range(12)]
    parts, _ = train(labels, *options)
    expected = {number for number in range(12) if labels[number]["dancer"] in held_out}
    assert parts[2] == expected and not expected & (parts[0] | parts[1])


def test_an_unknown_dancer_is_refused_and_the_dancers_are_named(train, monkeypatch):
    _, result = train([{"dancer": name} for name in ("anna", "ben", "cy")] * 4, "--hold-out", "Smith, Ben")
    assert "no dancer Ben, Smith to hold out: the dataset has anna, ben, cy" in str(result.exception)


OFFICIAL = [{"split": part} for part in ["train"] * 8 + ["validation"] * 2 + ["test"] * 3]


def test_the_official_split_is_trained_on_only_if_it_is_asked_for(train):
    parts, _ = train(OFFICIAL, "--split", "official")
    assert parts == [set(range(8)), {8, 9}, {10, 11, 12}]
    others = [train(labels, "--split", "dancer", "--seed", "3")[0] for labels in (OFFICIAL, [{}] * 13)]
    assert others[0] == others[1]


def test_an_official_split_is_not_mixed_with_names_and_must_exist(train):
    _, result = train(OFFICIAL, "--split", "official", "--hold-out", "dancer1")
    assert (result.exit_code, result.stderr) == (
        FAILED,
        "dance_tf: --split official holds out its own test part: leave out --hold-out\n",
    )
    assert "the dataset has no official split" in str(train([{}] * 13, "--split", "official")[1].exception)


def test_groups_and_splits_reach_the_dataset_from_footage(tmp_path, make_video, make_dance):
    for number, part in enumerate(("Train", "Train", "TEST")):
        path = tmp_path / "in" / part / "salsa" / f"v_salsa_g0{number}_c01.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        make_video(path, make_dance(20, seed=number))
    result = CliRunner().invoke(app, ["curate", str(tmp_path / "in"), str(tmp_path / "data"), "--json", "--jobs", "1"])
    assert json.loads(result.stdout)["found"]["splits"] == {"test": 1, "train": 2}
    from dance_tf.dataset.store import open_dataset

    clips = open_dataset(tmp_path / "data").clips
    assert [(clip.style, clip.dancer, clip.group, clip.split) for clip in clips] == [
        ("salsa", "", "g02", "test"),
        ("salsa", "", "g00", "train"),
        ("salsa", "", "g01", "train"),
    ]
