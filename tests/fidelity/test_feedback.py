"""Feedback: planted errors are named with part, time, direction and size."""

from dataclasses import replace

import numpy as np
import pytest

from dance_tf.fidelity.feedback import UNSEEN, find_gaps, find_remarks
from dance_tf.fidelity.score import ReferenceClip, build_standard, measure
from dance_tf.fidelity.template import read_dance
from dance_tf.pose.skeleton import LANDMARK


@pytest.fixture
def dancer(danced):
    """A careful dancer who is no reference."""
    return danced("Lottery", 18, 8.0, 30.0)


def remarks(skeletons, standard):
    dance = read_dance(skeletons)
    return find_remarks(dance, measure(dance, standard.template))


def with_arm(skeletons, side, direction, start, end):
    """The same dance with an arm held in one direction for a while; axes as in `Skeletons.world`."""
    world, inside = skeletons.world.astype(float), (skeletons.times >= start) & (skeletons.times < end)
    for number, joint in enumerate(("elbow", "wrist", "index"), 1):
        held = world[inside, LANDMARK[f"{side}_shoulder"]] + 0.25 * number * np.array(direction)
        world[inside, LANDMARK[f"{side}_{joint}"]] = held
    return replace(skeletons, world=world)


@pytest.mark.parametrize(
    ("side", "direction", "start", "end", "words"),
    [
        ("left", (0, 1, 0), 2.0, 3.5, "too low"),
        ("right", (0, -1, 0), 4.0, 5.5, "too high"),
        ("left", (0, 0, -1), 5.0, 6.5, "too far forward"),
        ("left", (1, 0, 0), 1.0, 2.5, "too far to the left"),
    ],
)
def test_a_wrong_arm_is_named_with_time_and_direction(dancer, standard, side, direction, start, end, words):
    usual = [one for one in remarks(dancer, standard) if one.kind == "pose"]
    found = [one for one in remarks(with_arm(dancer, side, direction, start, end), standard) if one.kind == "pose"]
    first = found[0]
    assert first.part == f"{side} arm" and first.weight > max([one.weight for one in usual], default=0)
    assert start - 0.3 <= first.start < first.end <= end + 0.3
    assert 30 < first.size < 180
    assert first.text.startswith(f"{first.start:.1f}–{first.end:.1f} s: {side} arm {first.size:.0f}°")
    assert words in first.text


def test_a_dancer_who_becomes_late_is_told_from_when(dancer, standard, danced_at):
    late = danced_at(dancer, dancer.times - 0.25 * (dancer.times > 5.5))
    [found] = [one for one in remarks(late, standard) if one.kind == "timing"]
    assert found.size == pytest.approx(0.25, abs=0.05) and found.start == pytest.approx(5.5, abs=0.5)
    assert found.text == f"from {found.start:.1f} s on: {found.size:.1f} s late"
    early = danced_at(dancer, dancer.times + 0.4 * ((dancer.times > 2) & (dancer.times < 4)))
    [found] = [one for one in remarks(early, standard) if one.kind == "timing"]
    assert found.size == pytest.approx(-0.4, abs=0.1)
    assert found.text == f"{found.start:.1f}–{found.end:.1f} s: {-found.size:.1f} s early"


def test_small_movements_and_a_wrong_posture_are_about_the_whole_clip(dancer, standard):
    world = dancer.world.astype(float)
    small = replace(dancer, world=0.5 * world + 0.5 * world.mean(axis=0))
    found = {one.part: one for one in remarks(small, standard) if one.kind == "amplitude"}
    assert found["right arm"].text.startswith("whole clip: movements of the right arm too small, ")
    assert 0.3 < found["right arm"].size < 0.75
    head = world[:, LANDMARK["nose"]] - [0, 0, 0.2]
    bowed = world.copy()
    bowed[:, LANDMARK["nose"]] = head
    [found] = [one for one in remarks(replace(dancer, world=bowed), standard) if one.kind == "posture"]
    assert (found.part, found.start) == ("head", 0.0) and found.size > 12
    assert found.text == f"whole clip: head {found.size:.0f}° too far forward"


def gaps(skeletons, standard):
    dance = read_dance(skeletons)
    return find_gaps(skeletons, dance, measure(dance, standard.template))


def test_what_is_not_seen_is_said(dancer, standard):
    assert gaps(dancer, standard) == (UNSEEN,)
    dancer.valid[60:90] = False
    dancer.landmarks[:, [LANDMARK[f"left_{joint}"] for joint in ("knee", "ankle", "toe")], 3] = 0.1
    dancer.landmarks[120:, LANDMARK["right_wrist"], 0] = 0.7
    assert gaps(dancer, standard) == (
        "left leg: hidden in 100% of the time, so that it is judged less exactly",
        "parts of the body are out of the picture in 57% of the time",
        "2.0–2.9 s: the dancer is not seen, so nothing is said about it",
        UNSEEN,
    )


def test_what_no_reference_shows_is_said(danced):
    short = build_standard("Tak Mau Mau", [ReferenceClip("d1", danced("Tak Mau Mau", 1, 5.0))])
    found = gaps(danced("Tak Mau Mau", 1, 8.0), short)
    assert found == ("3 s show a part of the dance that is in no reference: add a longer reference", UNSEEN)
