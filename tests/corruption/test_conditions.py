"""All conditions: names, tables, determinism, identity, shapes, extremes."""

import cv2
import numpy as np
import pytest

from dance_tf.corruption.conditions import (
    CONDITION_NAMES,
    CONDITIONS,
    FAMILIES,
    degrade,
    effect_generator,
    find_condition,
)

SPATIAL = [condition.name for condition in CONDITIONS if condition.spatial]
TABLE_5 = (
    "Mild compression, Severe compression, Mild Gaussian noise, Severe Gaussian noise, Mild motion blur, "
    "Severe motion blur, Low light, Backlight (strong), Moving shadows, Rain effect, Mild fog/haze, Heavy fog/haze, "
    "Frame drop (20%), Low resolution (360p)"
)


def make_clip(count: int = 12, height: int = 96, width: int = 64) -> np.ndarray:
    """A textured background with a bright square that moves from left to right."""
    y, x = np.mgrid[:height, :width]
    background = (110 + 40 * np.sin(x / 7) + 30 * np.cos(y / 5)).astype(np.uint8)
    clip = np.repeat(background[None], count, 0)
    for i in range(count):
        clip[i, height // 3 : 2 * height // 3, 3 * i : 3 * i + width // 4] = 200
    return clip


def test_the_fourteen_rows_of_table_5():
    assert ", ".join(condition.row for condition in CONDITIONS) == TABLE_5
    assert {condition.family for condition in CONDITIONS} == set(FAMILIES)
    assert len(set(CONDITION_NAMES)) == 14


def test_parameters_are_those_of_the_paper_and_linear_between_severities():
    paper = {
        "mild_noise": {"sigma": 10}, "severe_noise": {"sigma": 30}, "mild_compression": {"crf": 38},
        "severe_compression": {"crf": 43}, "low_light": {"brightness": 0.3}, "dropped_frames": {"share": 0.2},
        "low_resolution": {"inverse_side": 1 / 360},
    }  # fmt: skip
    for name, settings in paper.items():
        condition = find_condition(name)
        assert condition.settings(condition.severity) == pytest.approx(settings)
    noise = find_condition("mild_noise")
    assert noise.settings(2.5) == {"sigma": 15.0} and noise.settings(0) == {"sigma": 0.0}


def test_ranges_of_constants_increase_and_their_names_differ():
    for condition in CONDITIONS:
        assert len({constant.name for constant in condition.constants}) == len(condition.constants)
        for constant in condition.constants:
            if isinstance(constant.value, tuple):
                assert constant.value[0] < constant.value[1], constant.name


def test_levels_of_one_effect_share_a_random_stream_and_no_two_effects_do():
    by_effect = {}
    for condition in CONDITIONS:
        by_effect.setdefault(condition.effect, set()).add((condition.stream, condition.kind, condition.constants))
    assert all(len(levels) == 1 for levels in by_effect.values())
    assert len({next(iter(levels))[0] for levels in by_effect.values()}) == len(by_effect)
    # the draws of published results
    draws = {name: int(effect_generator(find_condition(name), 3).integers(1 << 30)) for name in ("rain", "heavy_fog")}
    assert draws == {"rain": 357333696, "heavy_fog": 996526184}
    clip = np.full((1, 80, 80), 40, np.uint8)
    mild, heavy = (degrade(clip, name, seed=5).frames.astype(float).ravel() for name in ("mild_fog", "heavy_fog"))
    assert np.corrcoef(mild, heavy)[0, 1] > 0.95


@pytest.mark.parametrize("name", SPATIAL)
def test_higher_severities_harm_more(name):
    clip = make_clip(height=256, width=256)
    errors = [np.abs(degrade(clip, name, severity).frames.astype(int) - clip).mean() for severity in range(6)]
    assert errors[0] == 0 and (np.diff(errors) >= 0).all() and errors[5] > errors[1]


@pytest.mark.parametrize("condition", CONDITIONS, ids=CONDITION_NAMES)
def test_the_seed_decides_the_result_for_any_number_of_threads(condition):
    clip = make_clip(20)
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        first = degrade(clip, condition.name, 5, seed=3)
        cv2.setNumThreads(4)
        second = degrade(clip, condition.name, 5, seed=3)
    finally:
        cv2.setNumThreads(threads)
    np.testing.assert_array_equal(first.frames, second.frames)
    np.testing.assert_array_equal(first.kept_indices, second.kept_indices)
    other = degrade(clip, condition.name, 5, seed=4)
    assert np.array_equal(first.frames, other.frames) == (not condition.seeded)


CLIPS = {
    "one pixel": np.full((1, 1, 1), 130, np.uint8),
    "one row": np.zeros((2, 1, 9), np.uint8),
    "one column": np.full((3, 7, 1), 255, np.uint8),
    "plain": np.full((4, 40, 30), 90, np.uint8),
    "one frame": make_clip(1),
    "odd sides": make_clip(5, 33, 47),
    "no frames": np.empty((0, 16, 16), np.uint8),
}


@pytest.mark.parametrize("clip", CLIPS.values(), ids=CLIPS)
@pytest.mark.parametrize("name", CONDITION_NAMES)
def test_shape_dtype_and_input_do_not_change(name, clip):
    before = clip.copy()
    for severity in (0, 5):
        degraded = degrade(clip, name, severity)
        assert degraded.frames.shape[1:] == clip.shape[1:] and degraded.frames.dtype == np.uint8
        assert not np.shares_memory(degraded.frames, clip)
        assert len(degraded.frames) == len(degraded.kept_indices)
        assert severity or np.array_equal(degraded.frames, clip)
        if find_condition(name).spatial or len(clip) < 2 or not severity:
            np.testing.assert_array_equal(degraded.kept_indices, np.arange(len(clip)))
    np.testing.assert_array_equal(clip, before)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"condition_name": "snow"}, "^no condition is called 'snow'; .*mild_compression.*low_resolution$"),
        ({"severity": 5.1}, "0..5"),
        ({"severity": float("nan")}, "0..5"),
        ({"frames": make_clip(2).astype(np.float32)}, "uint8"),
        ({"frames": make_clip(2)[0]}, "uint8"),
        ({"timestamps": np.zeros(3)}, "timestamps"),
    ],
)
def test_wrong_arguments_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        degrade(**{"frames": make_clip(2), "condition_name": "dropped_frames", **changes})


@pytest.mark.parametrize("name", ["moving_shadows", "mild_fog", "rain"])
def test_effects_move_with_the_timestamps(name):
    clip = np.full((2, 64, 64), 90, np.uint8)
    slow, fast = (degrade(clip, name, timestamps=np.array([0, end])).frames.astype(int) for end in (0.001, 1.5))
    assert np.abs(slow[1] - slow[0]).mean() < np.abs(fast[1] - fast[0]).mean()
    np.testing.assert_array_equal(slow[0], fast[0])


@pytest.mark.parametrize(("name", "level", "largest"), [("moving_shadows", 200, 6), ("mild_fog", 0, 2.5)])
def test_effects_move_without_jumps(name, level, largest):
    frames = degrade(np.full((90, 96, 96), level, np.uint8), name, seed=2).frames.astype(float)
    step = np.abs(np.diff(frames, axis=0)).mean((1, 2))
    assert step.max() < largest
    assert np.abs(frames[60] - frames[0]).mean() > 4 * step.mean()
