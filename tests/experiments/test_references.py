"""Classification by reference clips, on dancers who raise one arm or the other."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from dance_tf.dataset.dataset import DatasetError, gather
from dance_tf.experiments.references import clip_distances, reference_accuracy
from dance_tf.pose.skeleton import LANDMARK, NO_SKELETONS, Skeletons

pytest.importorskip("dtaidistance")


def raising(side: str, seed: int, valid: bool = True) -> Skeletons:
    """Two seconds in which an arm goes up and down, from a stance of the dancer's own."""
    times = np.arange(20) / 10
    world = np.zeros((20, 33, 3))
    for number, part in enumerate("shoulder elbow wrist index hip knee ankle toe".split()):
        for sign, name in ((0.15, "left"), (-0.15, "right")):
            world[:, LANDMARK[f"{name}_{part}"]] = sign, (number - 4) / 4, 0.02 * number
    world += np.random.default_rng(seed).normal(0, 0.03, (33, 3))
    world[:, LANDMARK[f"{side}_wrist"], 1] -= 1.5 * np.sin(np.pi * times) ** 2
    return Skeletons(np.concatenate([world, np.ones((20, 33, 1))], axis=2), world, np.full(20, valid), times)


@pytest.fixture(scope="module")
def dataset(blob_clips):
    """Four dancers, two styles; the last dancer is never found in the second style."""
    clips = [
        dataclasses.replace(
            clip,
            skeletons=raising(("left", "right")[int(clip.clip.style[-1])], number, valid=number < 7),
            cutouts=np.zeros((20, 128, 128, 1), np.uint8),
        )
        for number, clip in enumerate(sorted(blob_clips(2, 4, 2), key=lambda clip: (clip.clip.dancer, clip.clip.style)))
    ]
    return gather(clips)


@pytest.mark.parametrize("jobs", [1, 2])
def test_distances_are_small_within_a_style(dataset, jobs):
    found = clip_distances(dataset, jobs)
    assert [parts.shape[1] for parts in found] == [8] * 8 and len(found[7]) == 0
    assert all(np.isinf(parts[:, 7]).all() for parts in found[:7])
    labels = dataset.clip_labels
    for clip, parts in enumerate(found[:7]):
        apart = parts[:, :7].mean(axis=0)
        assert apart[clip] < 0.01 < apart[np.arange(7) != clip].min()
        assert apart[labels[:7] == labels[clip]].max() < apart[labels[:7] != labels[clip]].min()


def test_each_dancer_is_tested_with_references_of_others(dataset):
    table = reference_accuracy(dataset, clip_distances(dataset), (1, 2), draws=4)
    one, two = table[table["references"] == 1], table[table["references"] == 2]
    assert len(one) == 4 * 3 * 2 and len(two) == 4 * 2 * 2  # both clips of dancers who are not among the references
    assert (one["clip"] == one["style"] + "/" + one["dancer"]).all()
    assert not (one["dancer"] == "dancer" + one["draw"].astype(str)).any()  # each dancer in turn gives the references
    lost = one["dancer"] == "dancer3"
    assert (one[lost]["right"] == (one[lost]["style"] == "style0")).all()  # the clip without skeletons is wrong
    # a reference dancer with one style only gives that answer alone
    known = one[~lost].groupby("draw")["right"].sum()
    assert known.tolist() == [4, 4, 4, 3]
    again = reference_accuracy(dataset, clip_distances(dataset), (1, 2), draws=4)
    assert again.equals(table)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_two_dancers_with_several_clips_of_a_style_give_so_many_references(count):
    """Three clips of each of two styles and dancers; only the first one is near to those of its style."""
    dancers, labels, takes = (each.ravel() for each in np.meshgrid(["a", "b"], [0, 1], range(3), indexing="ij"))
    clips = [SimpleNamespace(clip_id=str(number)) for number in range(12)]
    dataset = SimpleNamespace(dancers=dancers, clip_labels=labels, styles=("x", "y"), clips=clips)
    near = (labels[:, None] == labels) & (takes == 0)
    table = reference_accuracy(dataset, list(1.0 - near[:, None, :]), (count,), draws=150)
    assert len(table) == 150 * 6 and set(table["dancer"]) == {"a", "b"}
    assert table.groupby("style")["right"].mean().to_dict() == pytest.approx({"x": 1, "y": count / 3}, abs=0.12)


def test_clips_without_skeletons_are_named(blob_clips):
    plain = [dataclasses.replace(clip, skeletons=NO_SKELETONS) for clip in blob_clips(2, 2, 2)]
    with pytest.raises(DatasetError, match="style0/dancer0 has no skeletons"):
        clip_distances(gather(plain))
