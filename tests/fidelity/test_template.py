"""Templates: the length of the choreography, the average over dancers, and the alignment of a dance."""

from dataclasses import replace

import numpy as np
import pytest

from dance_tf.fidelity.template import (
    FINE,
    NAMES,
    PART_WEIGHTS,
    PARTS,
    WEIGHTS,
    Dance,
    JoinedDances,
    ahead,
    align,
    expected,
    join_dances,
    read_dance,
)
from dance_tf.pose.skeleton import Skeletons

BONES = len(NAMES)
LENGTHS = {
    "Blinding Lights": 5.0,
    "Lottery": 12 * 60 / 138,
    "Laxed": 8.0,
    "Tokyo": 16 * 60 / 104,
    "Tak Mau Mau": 16 * 60 / 110,
}  # seconds


def cut(dance: Dance, first: int, last: int) -> Dance:
    part = slice(first, last)
    return Dance(dance.times[part], dance.bones[part], dance.seen[part], dance.lengths, dance.onsets)


def angle(one: np.ndarray, two: np.ndarray) -> float:
    """Mean angle between bones, degrees."""
    return float(np.degrees(2 * np.arcsin(np.linalg.norm(one - two, axis=-1) / 2)).mean())


@pytest.mark.parametrize(("style", "dancers"), [("Blinding Lights", 5), ("Lottery", 5), ("Laxed", 6), ("Tokyo", 8)])
def test_the_length_of_a_choreography_is_found(danced, style, dancers):
    dances = [read_dance(danced(style, number, 8.0)) for number in range(dancers)]
    template = join_dances(dances, [f"d{number}" for number in range(dancers)]).template()
    assert template.count.min() > 0
    assert template.seconds == pytest.approx(LENGTHS[style], rel=0.03)
    assert template.bones.shape == (len(template.count), BONES, 3) and template.spread.shape == template.bones.shape[:2]
    np.testing.assert_allclose(np.linalg.norm(template.bones, axis=-1), 1)


@pytest.mark.parametrize(("style", "loop"), [("Blinding Lights", True), ("Tak Mau Mau", False)])
def test_one_reference_is_the_template(danced, style, loop):
    dance = read_dance(danced(style, 3, 12.0))
    whole = cut(dance, 0, 120 if loop else 80)
    template = join_dances([whole], ["d03"]).template()
    assert (template.count.min() > 0) == loop
    assert template.seconds == pytest.approx(LENGTHS[style] if loop else 8.0, rel=0.04)
    found = align(whole, template)
    target, spread, present = expected(template, found.frames)
    assert present[2:-2].all() and found.seen[2:-2].all()
    assert angle(found.bones[present], target[present]) < (8 if loop else 3)  # the loop is the mean of two rounds
    assert 0.1 < spread[present].mean() < 0.3


def test_parts_of_a_choreography_are_joined(danced):
    one, two = (read_dance(danced("Tak Mau Mau", 0, 9.0)) for _ in range(2))
    template = join_dances([cut(one, 0, 55), cut(two, 15, 80)], ["a", "b"]).template()
    assert template.seconds == pytest.approx(8.0, abs=0.4)
    assert set(np.unique(template.count)) == {0, 1, 2}


def test_a_wrong_arm_of_one_dancer_does_not_count(references):
    dances, names = [read_dance(one.skeletons) for one in references], [one.dancer for one in references]
    joined = join_dances(dances, names)
    good, arm = joined.template(), PARTS["left arm"]
    rows = joined.rows.copy()
    rows[joined.dancers == "d0", :, arm[0]] *= -1
    wrong = JoinedDances(rows, joined.dancers).template()
    assert angle(good.bones, wrong.bones) < 1
    np.testing.assert_array_equal(
        JoinedDances(rows, joined.dancers).template(without="d0").bones, joined.template(without="d0").bones
    )


def test_the_template_is_the_median_and_its_spread_that_of_the_dancers():
    generator = np.random.default_rng(0)
    base = np.tile([0.0, 0.0, 1.0], (40, BONES, 1))
    lean = generator.normal(0, 0.1, (200, 40, BONES, 2))
    rows = base + np.concatenate([lean, np.zeros((200, 40, BONES, 1))], axis=-1)
    rows[:60, :20] = np.nan
    template = JoinedDances(rows, np.array([f"d{number}" for number in range(200)])).template()
    assert angle(template.bones, base) < 1
    assert template.count.tolist() == [140] * 20 + [200] * 20
    assert template.spread.mean() == pytest.approx(0.1 * np.sqrt(-2 * np.log(0.32)), rel=0.05)  # Rayleigh


@pytest.mark.parametrize("tempo", [0.8, 1.0, 1.2])
def test_start_and_tempo_are_found(danced, standard, tempo):
    skeletons = danced("Lottery", 8, 8.0, 30.0)
    usual = align(read_dance(skeletons), standard.template)
    changed = align(read_dance(replace(skeletons, times=skeletons.times / tempo)), standard.template)
    assert changed.tempo / usual.tempo == pytest.approx(tempo, rel=0.02)
    length = len(standard.template.bones)
    apart = (changed.frames[0] - usual.frames[0] + length / 2) % length - length / 2
    assert abs(apart) < 0.1 * FINE
    later = align(read_dance(Skeletons(*(each[30:] for each in vars(skeletons).values()))), standard.template)
    apart = (later.frames[0] - usual.frames[10] + length / 2) % length - length / 2
    assert abs(apart) < 0.1 * FINE


@pytest.mark.parametrize("delay", [-0.3, -0.2, 0.2, 0.3])
def test_a_shift_from_the_middle_on_is_timing_and_not_tempo(danced, standard, danced_at, delay):
    skeletons = danced("Lottery", 8, 8.0, 30.0)
    copy = danced_at(skeletons, skeletons.times - delay * (skeletons.times > 4))
    usual, late = (-align(read_dance(one), standard.template).early / FINE for one in (skeletons, copy))
    change = late - usual
    assert change[45:75].mean() - change[5:35].mean() == pytest.approx(delay, abs=0.05)
    assert align(read_dance(copy), standard.template).tempo == pytest.approx(1, abs=0.03)


def test_slow_turns_are_undone(danced, standard):
    skeletons = danced("Lottery", 6, 8.0, 30.0)
    angles = np.radians(25 * np.sin(2 * np.pi * skeletons.times / 10))
    cosine, sine = np.cos(angles)[:, None], np.sin(angles)[:, None]
    x, y, z = np.moveaxis(skeletons.world.astype(float), -1, 0)
    world = np.stack([cosine * x - sine * z, y, sine * x + cosine * z], axis=-1)
    usual, turned = (
        align(read_dance(one), standard.template).bones for one in (skeletons, replace(skeletons, world=world))
    )
    assert angle(usual, turned) < 5


def test_gaps_are_not_seen(danced):
    skeletons = danced("Laxed", 0, 8.0)
    skeletons.valid[30:45] = False
    dance = read_dance(skeletons)
    assert len(dance.times) == 80 and np.flatnonzero(~dance.seen).tolist() == list(range(30, 45))
    np.testing.assert_allclose(dance.times, skeletons.times)
    empty = read_dance(replace(skeletons, valid=np.zeros(80, bool)))
    assert len(empty.times) == len(empty.bones) == 0
    assert WEIGHTS.sum() == pytest.approx(1)


def test_weights_of_parts_are_those_of_their_bones():
    np.testing.assert_allclose(PART_WEIGHTS.sum(axis=0), 1)
    index, arm = NAMES.index("right_index"), WEIGHTS[PARTS["right arm"]]
    assert PART_WEIGHTS[index].tolist() == pytest.approx([0, arm[-1] / arm.sum(), 0, 0, 0, 0])
    assert sorted(bone for bones in PARTS.values() for bone in bones) == list(range(BONES))


def test_one_arm_can_be_late(standard):
    template, arm = standard.template, PARTS["left arm"]
    frames = np.arange(0.0, len(template.bones), FINE / 10)
    bones = expected(template, frames)[0].copy()
    bones[:, arm] = expected(template, frames - 1.5)[0][:, arm]
    found = ahead(bones, template, frames, np.ones(len(frames), bool), PART_WEIGHTS)
    np.testing.assert_allclose(found[:, 1:], 0, atol=1e-9)
    assert np.median(found[:, 0]) == pytest.approx(-1.5, abs=0.4)
