from dataclasses import replace

import cv2
import numpy as np
import pytest

from dance_tf.curation.filters import BLANK, BLURRED, NO_DANCING, REASONS
from dance_tf.synthesis.truth import (
    LONGEST,
    SHORTEST_PAUSE,
    ClipTruth,
    Fault,
    FaultPlan,
    Mistake,
    defocus,
    moving_cameras,
    plan_faults,
    read_truths,
    truth_from_json,
)

FAULTS = (Fault(0, 1, "blank"), Fault(5, 6, "blurred"))
MISTAKES = (Mistake(0.1, 0.2, "late", ("left_hand", "left_wrist")),)
TRUTH = ClipTruth("Tokyo", "d03", 0.25, 8, 30.0, FAULTS, MISTAKES, beats=(0.05, 0.55), phase=3.5, camera_moves=True)


def plans(frames: int, rate: float, count: int = 300) -> list[FaultPlan]:
    return [plan_faults(np.random.default_rng(seed), frames, rate) for seed in range(count)]


PLANS = plans(240, 30.0)


def spans(reason: str, plan: FaultPlan) -> list[Fault]:
    return [fault for fault in plan.faults if fault.reason == reason]


def test_truth_survives_json_and_lists_the_reason_of_each_frame():
    assert truth_from_json(TRUTH.to_json("key")) == TRUTH
    assert TRUTH.reasons() == ["blank", "blank", "", "", "", "blurred", "blurred", ""]


def test_the_truths_of_a_folder_are_found_by_clip(tmp_path):
    (tmp_path / "waltz_1.mp4").write_bytes(b"")
    assert read_truths(tmp_path) == {}
    expected = {"BU/BU_d01": replace(TRUTH, camera_moves=False), "Tok/Tok_d03": TRUTH}
    for name, truth in expected.items():
        path = tmp_path / "truth" / f"{name}.json"
        path.parent.mkdir(parents=True)
        path.write_text(truth.to_json("key"), encoding="utf-8")
    assert read_truths(tmp_path) == expected
    assert moving_cameras(expected) == {"Tok/Tok_d03"}


def test_faults_are_separate_and_few():
    for plan in PLANS:
        assert all(0 <= first <= last < 240 for first, last, _ in plan.faults)
        assert all(one.last < two.first for one, two in zip(plan.faults, plan.faults[1:], strict=False))
        assert plan.frames == sum(last - first + 1 for first, last, _ in plan.faults) <= 80
    for reason in REASONS:
        assert 0.3 < np.mean([bool(spans(reason, plan)) for plan in PLANS]) < 0.5


def test_blank_frames_are_at_the_start_and_blurred_frames_late():
    for plan in PLANS:
        blank_end = -1
        for fault in spans(BLANK, plan):
            assert fault.first == 0
            blank_end = fault.last
        assert all(fault.first >= 0.55 * 240 for fault in spans(BLURRED, plan))
        for fault in spans(NO_DANCING, plan):  # a dancer does not disappear in the middle
            assert not plan.absent or fault.first == blank_end + 1 or fault.last == 239


def test_faults_have_a_minimum_and_a_maximum_length():
    assert all(last - first + 1 <= LONGEST * 30 for plan in plans(3000, 30.0, 50) for first, last, _ in plan.faults)
    assert min(last - first + 1 for plan in PLANS for first, last, _ in spans(NO_DANCING, plan)) == SHORTEST_PAUSE * 30
    short = plans(12, 6.0)  # too short for the minimum
    assert {last - first + 1 for plan in short for first, last, _ in spans(NO_DANCING, plan)} == {2}
    assert all(plan.faults == () for plan in plans(3, 30.0, 20))


def test_defocus_is_a_gaussian_relative_to_the_height():
    frame = np.random.default_rng(0).integers(0, 256, (200, 120, 3), np.uint8)
    blurred = defocus(frame, FaultPlan((), (0, 0, 0), 0.02, 0.0, 0.0, False))
    assert np.array_equal(blurred, cv2.GaussianBlur(frame, (0, 0), 4.0))


@pytest.mark.parametrize(("angle", "axis"), [(0, 1), (90, 0)])
def test_motion_blur_follows_its_angle_and_keeps_the_brightness(angle, axis):
    frame = np.zeros((201, 121, 3), np.uint8)
    frame[100, 60] = 255
    spot = defocus(frame, FaultPlan((), (0, 0, 0), 0.02, 0.1, angle, False))[..., 0].astype(float)
    extent = [np.count_nonzero(spot.sum(axis=1 - k)) for k in (0, 1)]
    assert extent[axis] == pytest.approx(20, abs=1) and extent[1 - axis] <= 2
    assert spot.sum() == pytest.approx(255, rel=0.1)
