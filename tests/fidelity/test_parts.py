"""The parts of recordings joined from dances with known cuts."""

from dataclasses import replace

import numpy as np
import pytest

from dance_tf.fidelity.parts import Part, find_parts
from dance_tf.fidelity.score import ReferenceClip, build_standard
from dance_tf.pose.skeleton import join_skeletons

STYLES = ("Lottery", "Tokyo", "Laxed")


@pytest.fixture(scope="module")
def standards(danced):
    return {
        style: build_standard(style, [ReferenceClip(f"d{one}", danced(style, one, 8.0)) for one in range(4)])
        for style in STYLES
    }


def one_after_the_other(*dances):
    """Return a recording of dances, and its cuts in seconds."""
    starts = np.cumsum([0.0, *(len(dance.times) / 10 for dance in dances)])
    moved = [replace(dance, times=dance.times + start) for dance, start in zip(dances, starts[:-1], strict=True)]
    return join_skeletons(moved), starts


def standing(danced, seconds):
    dance = danced("Tokyo", 9, seconds)
    return replace(dance, world=np.repeat(dance.world[:1], len(dance.times), axis=0))


@pytest.mark.parametrize("order", [("Lottery", "Tokyo", "Laxed"), ("Laxed", "Lottery", "", "Tokyo"), ("Tokyo",)])
def test_dances_are_found_with_their_cuts(danced, standards, order):
    dances = [danced(style, 8, 12.0) if style else standing(danced, 6.0) for style in order]
    recording, cuts = one_after_the_other(*dances)
    found = find_parts(recording, standards)
    assert tuple(part.style for part in found) == order
    np.testing.assert_allclose([part.start for part in found], cuts[:-1], atol=1)
    np.testing.assert_allclose([part.end for part in found], cuts[1:], atol=1)


def test_the_direction_of_the_dancer_and_the_tempo_do_not_count(danced, standards):
    dances = [danced("Lottery", 8, 12.0), danced("Tokyo", 7, 12.0)]
    turned = replace(dances[1], world=dances[1].world.astype(float)[..., [2, 1, 0]] * [1, 1, -1])
    recording, _ = one_after_the_other(dances[0], turned)
    slower = replace(recording, times=recording.times * 1.05)
    assert [part.style for part in find_parts(slower, standards)] == ["Lottery", "Tokyo"]


def test_moments_without_a_dancer_cut_nothing(danced, standards):
    recording, _ = one_after_the_other(danced("Lottery", 8, 12.0), danced("Tokyo", 8, 12.0))
    recording.valid[50:65] = False
    assert [part.style for part in find_parts(recording, standards)] == ["Lottery", "Tokyo"]
    recording.valid[:] = False
    assert find_parts(recording, standards) == ()


def test_a_short_part_goes_to_its_neighbours(danced, standards):
    dances = danced("Lottery", 8, 12.0), danced("Laxed", 8, 2.0), danced("Tokyo", 8, 8.0)
    recording, cuts = one_after_the_other(*dances)
    found = find_parts(recording, standards)
    assert [part.style for part in found] == ["Lottery", "Tokyo"]
    assert cuts[1] - 1 <= found[0].end <= cuts[2] + 1 and found[0].end == found[1].start
    assert find_parts(recording, {}) == () and isinstance(found[0], Part)
