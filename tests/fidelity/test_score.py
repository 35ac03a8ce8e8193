"""Scores: percentiles, the references of a style, and what is far from it."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from dance_tf.curation.filters import NO_ONSETS
from dance_tf.fidelity.score import (
    ReferenceClip,
    ScoreError,
    build_standard,
    build_standards,
    fit_teacher,
    measure,
    pack_standards,
    percentile,
    style_distances,
    teacher_score,
    unpack_standards,
)
from dance_tf.fidelity.template import PARTS, read_dance


@pytest.mark.parametrize(
    ("value", "references", "expected"),
    [(0, [1, 2, 3, 4], 100), (2.5, [1, 2, 3, 4], 50), (2, [1, 2, 3, 4], 62.5), (9, [1, 2, 3, 4], 0)],
)
def test_a_percentile_is_the_share_of_references_that_are_further(value, references, expected):
    found = percentile(value, np.array(references, float))
    assert found.value == expected
    assert found.low <= found.value <= found.high
    assert found.high - found.low > 30, "four references tell little"
    assert (found.high == 100) == (expected == 100) and (found.low == 0) == (expected == 0)


@pytest.mark.parametrize(
    ("value", "references"), [(1.0, []), (1.0, [2.0]), (1.0, [2.0, math.nan]), (math.nan, [1.0, 2.0])]
)
def test_a_percentile_needs_two_references(value, references):
    found = percentile(value, np.array(references))
    assert all(map(math.isnan, (found.value, found.low, found.high)))


def test_the_interval_narrows_with_more_references():
    few, many = (percentile(0.5, np.linspace(0, 1, count)) for count in (6, 60))
    assert few.high - few.low > 2 * (many.high - many.low) > 0


def test_references_are_measured_without_themselves(references, standard):
    assert standard.dancers == ("d0", "d1", "d2", "d3", "d4")
    inside = [measure(read_dance(one.skeletons), standard.template).group for one in references]
    assert (standard.group > inside).all()
    assert np.isnan(standard.model).all()


def test_dancers_can_be_without_a_name(references):
    unnamed = [ReferenceClip("", one.skeletons) for one in references[:2]]
    assert build_standard("Lottery", unnamed).template.count.max() >= 2


def test_one_reference_has_no_ranks(references):
    alone = build_standard("Lottery", references[:1])
    assert (alone.dancers, len(alone.group)) == (("d0",), 0)


CHANGES = {
    "backwards": lambda skeletons: replace(skeletons, world=skeletons.world[::-1]),
    "still": lambda skeletons: replace(skeletons, world=np.repeat(skeletons.world[:1], 240, axis=0)),
    "too fast": lambda skeletons: replace(skeletons, times=skeletons.times / 1.2),
    "half as large movements": lambda skeletons: replace(
        skeletons, world=(skeletons.world.astype(float) + skeletons.world.mean(axis=0, dtype=float)) / 2
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_dances_are_further_away(danced, standard, change):
    skeletons = danced("Lottery", 8, 8.0, 30.0)
    usual, changed = (measure(read_dance(one), standard.template) for one in (skeletons, CHANGES[change](skeletons)))
    assert changed.group > usual.group + 0.3
    if change == "half as large movements":
        arm = list(PARTS).index("left arm")
        assert np.nanmedian(changed.amplitude[:, arm]) < 0.8 * np.nanmedian(usual.amplitude[:, arm])


def test_what_cannot_be_scored_is_said_in_one_line(danced, standard, references):
    nobody = danced("Lottery", 0, 8.0)
    nobody.valid[:] = False
    with pytest.raises(ScoreError, match="less than one second: choose a clip") as refused:
        measure(read_dance(nobody), standard.template)
    assert "\n" not in str(refused.value)
    with pytest.raises(ScoreError, match="no reference of Lottery shows a dancer for a second: add a clip"):
        build_standard("Lottery", [ReferenceClip("d1", nobody)])
    with_one = build_standard("Lottery", [*references[:2], ReferenceClip("d9", nobody)])
    assert with_one.dancers == ("d0", "d1")


@pytest.fixture(scope="module")
def standards(danced):
    """Of two styles with three dancers each; the model knows the clips of d2 with 0.9."""
    clips = [(style, f"d{dancer}") for style in ("Lottery", "Tokyo") for dancer in range(3)]
    nobody = danced("Lottery", 0, 8.0)
    nobody.valid[:] = False
    dataset = SimpleNamespace(
        styles=("Lottery", "Tokyo", "Laxed"),
        clips=[SimpleNamespace(clip_id=f"{style}/{name}", style=style) for style, name in [*clips, ("Laxed", "d0")]],
        dancers=[*(name for _, name in clips), "d0"],
        clip_skeletons=[*(danced(style, int(name[1]), 8.0) for style, name in clips), nobody],
        clip_onsets=[NO_ONSETS] * (len(clips) + 1),
    )
    return build_standards(dataset, {"Lottery/d2": 0.9, "Tokyo/d2": 0.9})


def test_standards_are_of_the_styles_in_which_somebody_is_seen(standards):
    assert list(standards) == ["Lottery", "Tokyo"]
    tokyo = standards["Tokyo"]
    assert (tokyo.dancers, tokyo.clips) == (("d0", "d1", "d2"), ("Tokyo/d0", "Tokyo/d1", "Tokyo/d2"))
    np.testing.assert_allclose(np.exp(tokyo.model), [np.nan, np.nan, 0.9])


def test_stored_standards_give_the_same_distances(standards, danced, tmp_path):
    np.savez_compressed(tmp_path / "standards.npz", **pack_standards(standards))
    with np.load(tmp_path / "standards.npz") as stored:
        again = unpack_standards(stored)
    skeletons = danced("Tokyo", 7, 8.0)
    assert style_distances(skeletons, again) == style_distances(skeletons, standards)
    assert again["Lottery"].clips == standards["Lottery"].clips
    packed = pack_standards(standards)
    del packed["1/lengths"]
    with pytest.raises(ScoreError, match="lack '1/lengths': train it again"):
        unpack_standards(packed)


@pytest.mark.parametrize("style", ["Lottery", "Tokyo"])
def test_the_nearest_style_is_the_one_that_is_danced(standards, references, danced, style):
    alone = {"one dancer": build_standard("one dancer", references[:1])}
    apart = style_distances(danced(style, 9, 8.0), standards | alone)
    assert min(apart, key=apart.get) == style
    assert apart["one dancer"] == math.inf


def test_the_scale_of_a_teacher_is_the_best_falling_curve():
    apart = np.arange(10.0)
    scores = np.array([90, 80, 85, 70, 60, 62, 40, 30, 20, 10.0])
    curve = fit_teacher(apart, scores)
    fitted = np.interp(apart, *curve)
    np.testing.assert_allclose(fitted, [90, 82.5, 82.5, 70, 61, 61, 40, 30, 20, 10])
    for few, given in ((apart[:7], scores[:7]), (apart, scores[::-1]), (apart, np.full(10, 50.0))):
        assert fit_teacher(few, given).shape == (2, 0), "too few, the wrong way round, or all the same"


def test_scores_of_clips_become_the_scale_of_all_styles(references, danced, tmp_path):
    known = [replace(one, score=score) for one, score in zip(references, (10, 20, math.nan, 40, 50), strict=True)]
    standard = build_standard("Lottery", known)
    middle = np.median(standard.away)
    np.testing.assert_allclose(standard.teacher, [standard.away[[0, 1, 3, 4]] - middle, [10, 20, 40, 50]])
    fitted = replace(standard, teacher=np.array([[-1.0, 1.0], [80.0, 20.0]]))
    assert teacher_score(middle, fitted) == pytest.approx(50) and teacher_score(middle + 5, fitted) == 20
    assert math.isnan(teacher_score(middle, build_standard("Lottery", references)))
    np.savez(tmp_path / "standards.npz", **pack_standards({"Lottery": fitted}))
    with np.load(tmp_path / "standards.npz") as packed:
        stored = dict(packed)
    np.testing.assert_array_equal(unpack_standards(stored)["Lottery"].teacher, fitted.teacher)
    del stored["0/teacher"]  # as in a model of an earlier version
    assert unpack_standards(stored)["Lottery"].teacher.shape == (2, 0)
