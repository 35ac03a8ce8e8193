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
    measure,
    pack_standards,
    percentile,
    style_distances,
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
    assert (found.low == found.high) == (expected in (0, 100))


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
