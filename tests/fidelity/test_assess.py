"""The assessment of a dance: what counts, what does not, and the moments."""

import dataclasses
from dataclasses import replace

import numpy as np
import pytest

from dance_tf.fidelity.assess import Assessment, assess
from dance_tf.fidelity.score import ReferenceClip, build_standard
from dance_tf.fidelity.template import PARTS


@pytest.fixture
def skeletons(danced):
    return danced("Lottery", 9, 8.0, 30.0)


def test_an_assessment_is_complete(skeletons, standard):
    found = assess(skeletons, standard)
    assert (found.style, found.references) == ("Lottery", 5)
    assert found.score == found.group and np.isnan(found.model.value)
    assert found.tempo == pytest.approx(1, abs=0.05) and 0 <= found.start < standard.template.seconds
    assert found.seconds == pytest.approx(7.9, abs=0.2)
    np.testing.assert_allclose(found.starts, np.arange(16) * 0.5)
    for name in ("closeness", "angles", "late", "amplitude"):
        assert getattr(found, name).shape == (16, len(PARTS)), name
    assert found.closeness.mean() == pytest.approx(found.distance, rel=0.3)
    assert found.angles.mean() == pytest.approx(found.degrees, rel=0.4)
    assert np.nanmedian(found.amplitude[:, :2]) == pytest.approx(1, abs=0.3)
    assert dataclasses.is_dataclass(Assessment) and Assessment.__dataclass_params__.frozen


CHANGES = {
    "larger": lambda one: replace(one, world=1.3 * one.world.astype(float)),
    "elsewhere": lambda one: replace(one, world=one.world.astype(float) + [0.4, 0.1, 1.0]),
    "from the side": lambda one: replace(one, world=one.world.astype(float)[..., [2, 1, 0]] * [1, 1, -1]),
    "starts later": lambda one: replace(one, times=one.times + 5),
}


@pytest.mark.parametrize("change", CHANGES)
def test_size_place_camera_and_start_do_not_count(skeletons, standard, change):
    usual, changed = (assess(one, standard) for one in (skeletons, CHANGES[change](skeletons)))
    assert changed.away == pytest.approx(usual.away, abs=0.03)
    assert changed.starts[0] == (5 if change == "starts later" else 0)


def test_proportions_are_reported(skeletons, standard):
    world = skeletons.world.astype(float)
    usual = assess(skeletons, standard)
    for landmark in (13, 15, 19):  # elbow, wrist and index of the left arm, 20 % further from the shoulder
        world[:, landmark] = world[:, 11] + 1.2 * (world[:, landmark] - world[:, 11])
    longer = assess(replace(skeletons, world=world), standard)
    assert longer.proportions["arms"] == pytest.approx(1.1 * usual.proportions["arms"], rel=0.01)
    assert longer.proportions["legs"] == pytest.approx(usual.proportions["legs"], rel=0.01)
    assert longer.away == pytest.approx(usual.away, abs=0.02)


def test_a_model_that_doubts_the_style_lowers_the_score(skeletons, references):
    chances = (0.99, 0.95, 0.9, 0.8, 0.6)
    known = [ReferenceClip(one.dancer, one.skeletons, chance) for one, chance in zip(references, chances, strict=True)]
    standard = build_standard("Lottery", known)
    np.testing.assert_allclose(np.exp(standard.model), chances)
    sure, doubtful = (assess(skeletons, standard, chance) for chance in (0.99, 1e-6))
    assert sure.group == doubtful.group
    assert (sure.model.value, doubtful.model.value) == (90, 0)
    assert doubtful.score.value < sure.score.value
    assert np.isnan(assess(skeletons, standard).model.value)


def test_moments_that_are_not_seen_are_empty(skeletons, standard):
    skeletons.valid[90:150] = False
    found = assess(skeletons, standard)
    for name in ("closeness", "angles", "late"):
        assert np.flatnonzero(np.isnan(getattr(found, name)).all(axis=1)).tolist() == [6, 7, 8, 9], name
    assert "3.0–4.9 s: the dancer is not seen, so nothing is said about it" in found.notes
