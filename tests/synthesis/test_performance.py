from dataclasses import replace

import numpy as np
import pytest

from dance_tf.synthesis import performance
from dance_tf.synthesis.body import JOINT, Dancer, body_of, make_dancer, place_joints
from dance_tf.synthesis.choreography import CONTROLS, STYLES, UP, VERY_WIDE, Pose
from dance_tf.synthesis.performance import BOUNCE, MISTAKES, SHARPNESS, affected_joints, interpolate_keys, perform

TIMES = np.arange(240) / 30


def perfect(skill: float = 1.0) -> Dancer:
    zero, one = np.zeros(len(CONTROLS)), np.ones(len(CONTROLS))
    outfit = make_dancer(0, 0, 0.0).outfit
    return Dancer("d01", skill, body_of(1.7), outfit, one, zero, 0.6, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def test_interpolation_equals_a_loop():
    rng = np.random.default_rng(0)
    arrivals, values = np.sort(rng.uniform(0, 10, 12)), rng.normal(size=(12, 3))
    moving, times = rng.uniform(0.05, 2, 12), np.linspace(arrivals[0], arrivals[-1], 50)
    slow = []
    for time in times:
        k = next(k for k in range(1, 12) if arrivals[k] >= time)
        duration = min(moving[k], arrivals[k] - arrivals[k - 1])
        share = min(max((time - arrivals[k] + duration) / duration, 0), 1)
        slow.append(values[k - 1] + (values[k] - values[k - 1]) * (10 * share**3 - 15 * share**4 + 6 * share**5))
    assert interpolate_keys(times, arrivals, values, moving) == pytest.approx(np.array(slow))


def test_affected_joints_belong_to_the_wrong_part():
    parts = {
        Pose(left=UP): "left_elbow left_wrist left_hand",
        Pose(lean=30): "pelvis waist chest neck head",
        Pose(right_foot=VERY_WIDE): "right_knee right_ankle right_toe",
        Pose(): "",
    }
    for danced, joints in parts.items():
        assert affected_joints(danced.vector()[None], Pose().vector()[None]) == tuple(joints.split())


def test_a_perfect_dancer_reaches_the_poses_on_the_beat():
    style = STYLES[1]
    danced = perform(np.random.default_rng(2), style, perfect(), TIMES)
    assert danced.mistakes == ()
    tempo = 60 / np.diff(danced.beats).mean()
    assert tempo == pytest.approx(style.tempo, rel=0.04)
    assert len(danced.beats) > 8
    for moment in danced.beats:
        beat = (danced.phase + moment * tempo / 60) % len(style.poses)
        key = style.poses[round(beat) % len(style.poses)]
        assert abs(beat - round(beat)) < 0.02
        frame = round(moment * 30)
        taught = place_joints(key.vector()[None], body_of(1.7), np.zeros((1, 2))).joints[0]
        joints = danced.motion.joints[min(frame, len(TIMES) - 1)]
        hand = JOINT["left_hand"]
        assert np.linalg.norm(joints[hand] - taught[hand]) < 0.25  # perfect dancers have some looseness too


def test_dancers_of_less_skill_make_more_mistakes():
    long = np.arange(30 * 40) / 30
    counts = {}
    for skill in (1.0, 0.5, 0.1):
        takes = [perform(np.random.default_rng([5, i]), STYLES[i], perfect(skill), long) for i in range(12)]
        counts[skill] = sum(len(take.mistakes) for take in takes)
        for take in takes:
            for one in take.mistakes:
                assert 0 <= one.start < one.end <= long[-1]
                assert one.kind in MISTAKES
                assert one.joints and set(one.joints) <= set(JOINT)
            assert all(one.end <= two.start for one, two in zip(take.mistakes, take.mistakes[1:], strict=False))
    assert counts[1.0] == 0 < counts[0.5] < counts[0.1]


def test_a_mistake_moves_its_joints_during_its_time_only():
    found = set()
    for number in range(12):
        flawed = perform(np.random.default_rng(number), STYLES[number], perfect(0.3), TIMES)
        clean = perform(np.random.default_rng(number), STYLES[number], perfect(0.3), TIMES, hidden=((-9, 99),))
        away = np.linalg.norm(flawed.motion.joints - clean.motion.joints, axis=2)
        inside = np.zeros(len(TIMES), bool)
        for one in flawed.mistakes:
            span = (TIMES >= one.start - 1e-6) & (TIMES <= one.end + 1e-6)
            inside |= span
            assert away[span][:, [JOINT[name] for name in one.joints]].max() > 0.04, one
            found.add(one.kind)
        assert away[~inside].max(initial=0.0) < 1e-9
    assert len(found) >= 4


def test_no_mistakes_in_hidden_intervals():
    for number in range(12):
        rng = np.random.default_rng(number)
        danced = perform(rng, STYLES[number], perfect(0.1), TIMES, still=((2.0, 3.0),), hidden=((5.0, 6.0),))
        for one in danced.mistakes:
            assert one.end < 2.0 or (one.start > 3.0 and one.end < 5.0) or one.start > 6.0


def test_a_dancer_stands_still_in_still_intervals():
    danced = perform(np.random.default_rng(1), STYLES[10], perfect(), TIMES, still=((3.0, 4.0),))
    step = np.linalg.norm(np.diff(danced.motion.joints, axis=0), axis=2)
    resting = (TIMES[1:] > 3.0) & (TIMES[1:] < 4.0)
    assert step[resting].max() < 0.003
    assert np.median(step[~resting].max(axis=1)) > 0.01
    assert step.max() < 0.5  # no jump in between


@pytest.fixture
def exact(monkeypatch):
    """A dancer without looseness, who moves as the perfect performance does, turns and travels."""
    monkeypatch.setattr(performance, "SPREAD", 0 * performance.SPREAD)
    return replace(perfect(), sharpness=SHARPNESS, bounce=BOUNCE, turning=20.0, travel=0.3)


@pytest.mark.parametrize("still", [(), ((2.0, 3.0),)])
def test_a_perfect_dancer_does_not_deviate(exact, still):
    danced = perform(np.random.default_rng(3), STYLES[4], exact, TIMES, still)
    assert danced.deviation.shape == (len(TIMES), len(JOINT))
    assert danced.deviation.max() < 1e-9 and np.abs(danced.late).max() < 1e-9
    loose = perform(np.random.default_rng(3), STYLES[4], make_dancer(0, 0, 0.5), TIMES, still)
    assert loose.deviation.mean() > 0.05


def test_a_pure_delay_is_a_timing_error(exact):
    delayed = perform(np.random.default_rng(3), STYLES[4], replace(exact, lateness=0.1, travel=0, turning=0), TIMES)
    np.testing.assert_allclose(delayed.late, 0.1, atol=1e-9)
    hands = [JOINT["left_hand"], JOINT["right_hand"]]
    np.testing.assert_allclose(delayed.motion.joints[3:, hands], delayed.perfect.joints[:-3, hands], atol=0.03)
    assert delayed.deviation.max() > 0.3


def test_deviation_shows_a_mistake_at_its_joints_and_time(exact):
    found = 0
    for number in range(12):
        flawed, clean = (
            perform(np.random.default_rng(number), STYLES[number], replace(exact, skill=0.3), TIMES, hidden=hidden)
            for hidden in ((), ((-9, 99),))
        )
        assert clean.deviation.max() < 1e-9
        inside = np.zeros(len(TIMES), bool)
        for one in flawed.mistakes:
            span = (TIMES >= one.start - 1e-6) & (TIMES <= one.end + 1e-6)
            inside |= span
            assert flawed.deviation[span][:, [JOINT[name] for name in one.joints]].max() > 0.1
            assert one.kind != "late" or flawed.late[span].max() > 0.1
            found += 1
        assert flawed.deviation[~inside].max(initial=0) < 1e-9
    assert found > 5
