"""Classification by references: distances of styles, probabilities, unsure answers."""

import numpy as np
import pytest

from dance_tf.fidelity.align import bone_directions, distances
from dance_tf.fidelity.references import CLOSE, TEMPERATURE, Reference, match_references

STYLES = ("Tokyo", "Laxed", "Lottery", "Blinding Lights", "Slide To the Left")


@pytest.fixture(scope="module")
def dances(danced):
    """Series of five styles by three dancers."""
    return {(style, dancer): bone_directions(danced(style, dancer)) for style in STYLES for dancer in range(3)}


def reference(dances, style, dancer, label=""):
    return Reference(f"{style} {dancer}", label or style, dances[style, dancer])


def test_dances_of_other_dancers_are_recognised(dances):
    references = [reference(dances, style, 0) for style in STYLES]
    for (style, dancer), series in dances.items():
        match = match_references(series, references)
        assert (match.style, match.reference) == (style, f"{style} 0"), dancer
        assert match.reference_distance == pytest.approx(match.distances[style])
        assert match.distances[style] == min(match.distances.values())
        assert dancer or match.distances[style] == 0


def test_probabilities_are_a_softmax_of_distances(dances):
    references = [reference(dances, style, 0) for style in STYLES]
    match = match_references(dances["Laxed", 1], references)
    found = distances(dances["Laxed", 1], [one.series for one in references]).mean(axis=0)
    assert match.distances == pytest.approx(dict(zip(STYLES, found, strict=True)))
    weights = np.exp(-(found - found.min()) / TEMPERATURE)
    assert match.probabilities == pytest.approx(dict(zip(STYLES, weights / weights.sum(), strict=True)))
    assert list(match.probabilities) == sorted(STYLES)
    assert match.second == STYLES[np.argsort(found)[1]]


def test_references_of_a_style_count_together(dances):
    first, last = np.split(dances["Tokyo", 0][0], 2)
    halves = [Reference("a", "Tokyo", [first]), Reference("b", "Tokyo", [last])]
    others = [reference(dances, "Laxed", 0)]
    match = match_references(dances["Tokyo", 1], [*halves, *others])
    parts = distances(dances["Tokyo", 1], [half.series for half in halves])
    assert match.distances["Tokyo"] == pytest.approx(parts.min(axis=1).mean())
    assert match.reference == "ab"[parts.mean(axis=0).argmin()]
    assert match.reference_distance == pytest.approx(parts.mean(axis=0).min())
    assert match.reference_distance > match.distances["Tokyo"]


@pytest.mark.parametrize(("second", "unsure"), [("Tokyo", True), ("Laxed", False)])
def test_two_styles_that_are_nearly_as_near_make_an_answer_unsure(dances, second, unsure):
    references = [reference(dances, "Tokyo", 0, "one"), reference(dances, second, 0, "other")]
    match = match_references(dances["Tokyo", 1], references)
    near, far = match.distances["one"], match.distances["other"]
    assert match.unsure == unsure == (far < CLOSE * near)
    assert (match.style, match.second) == ("one", "other")
