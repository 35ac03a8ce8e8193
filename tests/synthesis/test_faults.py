import cv2
import numpy as np
import pytest

from dance_tf.curation.filters import BLANK, BLURRED, NO_DANCING, REASONS
from dance_tf.synthesis.faults import LONGEST, SHORTEST_PAUSE, FaultPlan, defocus, plan_faults

PLANS = [plan_faults(np.random.default_rng(seed), 240, 30.0) for seed in range(300)]


def test_faults_lie_inside_the_clip_apart_and_are_few():
    for plan in PLANS:
        assert all(0 <= first <= last < 240 for first, last, _ in plan.faults)
        assert all(one.last < two.first for one, two in zip(plan.faults, plan.faults[1:], strict=False))
        assert plan.frames == sum(last - first + 1 for first, last, _ in plan.faults) <= 80


def test_each_kind_is_in_about_two_clips_of_five():
    for reason in REASONS:
        assert 0.3 < np.mean([bool(plan.spans(reason)) for plan in PLANS]) < 0.5


def test_blank_frames_come_first_and_blurred_ones_late():
    for plan in PLANS:
        for fault in plan.spans(BLANK):
            assert fault.first == 0
        for fault in plan.spans(BLURRED):
            assert fault.first >= 0.55 * 240
        for fault in plan.spans(NO_DANCING):
            # nobody vanishes half-way
            blank_end = plan.spans(BLANK)[0].last if plan.spans(BLANK) else -1
            assert not plan.absent or fault.first == blank_end + 1 or fault.last == 239


def test_a_fault_of_a_long_clip_has_its_limit():
    for seed in range(50):
        for first, last, _ in plan_faults(np.random.default_rng(seed), 3000, 30.0).faults:
            assert last - first + 1 <= LONGEST * 30


def test_nobody_stops_dancing_for_a_moment_only():
    shortest = [last - first + 1 for plan in PLANS for first, last, _ in plan.spans(NO_DANCING)]
    assert min(shortest) == SHORTEST_PAUSE * 30
    short = [plan_faults(np.random.default_rng(seed), 12, 6.0) for seed in range(300)]  # too short for such a pause
    assert {last - first + 1 for plan in short for first, last, _ in plan.spans(NO_DANCING)} == {2}


def test_none_are_planned_unless_wanted_or_where_there_is_no_room():
    assert all(plan_faults(np.random.default_rng(seed), 240, 30.0, False).faults == () for seed in range(20))
    assert all(plan_faults(np.random.default_rng(seed), 3, 30.0).faults == () for seed in range(20))


def plan_with(blur: float, streak: float, angle: float) -> FaultPlan:
    return FaultPlan((), (0, 0, 0), blur, streak, angle, False)


def test_out_of_focus_is_a_gaussian_in_shares_of_the_height():
    frame = np.random.default_rng(0).integers(0, 256, (200, 120, 3), np.uint8)
    assert np.array_equal(defocus(frame, plan_with(0.02, 0.0, 0.0)), cv2.GaussianBlur(frame, (0, 0), 4.0))


@pytest.mark.parametrize(("angle", "axis"), [(0, 1), (90, 0)])
def test_a_jolt_streaks_along_its_angle_and_keeps_the_light(angle, axis):
    frame = np.zeros((201, 121, 3), np.uint8)
    frame[100, 60] = 255
    spot = defocus(frame, plan_with(0.02, 0.1, angle))[..., 0].astype(float)
    extent = [np.count_nonzero(spot.sum(axis=1 - k)) for k in (0, 1)]
    assert extent[axis] == pytest.approx(20, abs=1) and extent[1 - axis] <= 2
    assert spot.sum() == pytest.approx(255, rel=0.1)
