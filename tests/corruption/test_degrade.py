"""The suite as a whole: names, table, determinism, identity, shapes, extremes."""

import cv2
import numpy as np
import pytest

from dance_tf.corruption.degrade import (
    CONDITION_NAMES,
    CONDITIONS,
    FAMILIES,
    condition_table,
    constant_table,
    degrade,
    effect_generator,
    find_condition,
)

SPATIAL = [condition.name for condition in CONDITIONS if condition.spatial]
SEEDED = [condition.name for condition in CONDITIONS if condition.seeded]


def make_clip(count: int = 12, height: int = 96, width: int = 64) -> np.ndarray:
    """A textured room in which a bright square walks from left to right."""
    y, x = np.mgrid[:height, :width]
    room = (110 + 40 * np.sin(x / 7) + 30 * np.cos(y / 5)).astype(np.uint8)
    clip = np.repeat(room[None], count, 0)
    for i in range(count):
        clip[i, height // 3 : 2 * height // 3, 3 * i : 3 * i + width // 4] = 200
    return clip


def test_the_fourteen_rows_of_table_5_are_there():
    assert [condition.row for condition in CONDITIONS] == [
        "Mild compression",
        "Severe compression",
        "Mild Gaussian noise",
        "Severe Gaussian noise",
        "Mild motion blur",
        "Severe motion blur",
        "Low light",
        "Backlight (strong)",
        "Moving shadows",
        "Rain effect",
        "Mild fog/haze",
        "Heavy fog/haze",
        "Frame drop (20%)",
        "Low resolution (360p)",
    ]
    assert {condition.family for condition in CONDITIONS} == set(FAMILIES)
    assert len(set(CONDITION_NAMES)) == 14


def test_the_table_holds_the_parameters_that_the_paper_names():
    table = condition_table().set_index(["condition", "parameter"])
    named = table["paper_value"]
    assert named["mild_noise", "sigma"] == 10
    assert named["severe_noise", "sigma"] == 30
    assert named["mild_compression", "crf"] == 38
    assert named["severe_compression", "crf"] == 43
    assert named["low_light", "brightness"] == 0.3
    assert named["dropped_frames", "share"] == 0.2
    assert named["low_resolution", "inverse_side"] == pytest.approx(1 / 360)
    assert set(table.index.get_level_values(0)) == set(CONDITION_NAMES)
    for condition in CONDITIONS:
        for parameter in condition.parameters:
            row = table.loc[(condition.name, parameter.name)]
            assert [row[f"severity_{i}"] for i in range(1, 6)] == list(parameter.values[1:])


def test_a_severity_between_two_levels_lies_between_their_parameters():
    noise = find_condition("mild_noise")
    assert noise.settings(2.5) == {"sigma": 15.0}
    assert noise.settings(0) == {"sigma": 0.0}


def test_harsher_levels_harm_more():
    clip = make_clip(height=256, width=256)
    for name in SPATIAL:
        errors = [np.abs(degrade(clip, name, severity).frames.astype(int) - clip).mean() for severity in range(6)]
        assert errors[0] == 0
        assert (np.diff(errors) >= 0).all() and errors[5] > errors[1], (name, errors)


@pytest.mark.parametrize("name", SPATIAL)
def test_shape_and_dtype_stay_and_the_input_is_left_alone(name):
    for shape in [(96, 64), (33, 47)]:
        clip = make_clip(5, *shape)
        before = clip.copy()
        degraded = degrade(clip, name, 5)
        assert degraded.frames.shape == clip.shape and degraded.frames.dtype == np.uint8
        np.testing.assert_array_equal(clip, before)
        np.testing.assert_array_equal(degraded.kept_indices, np.arange(5))
        assert not np.shares_memory(degraded.frames, clip)


@pytest.mark.parametrize("name", CONDITION_NAMES)
def test_severity_zero_is_identity(name):
    clip = make_clip(5)
    degraded = degrade(clip, name, 0)
    np.testing.assert_array_equal(degraded.frames, clip)
    np.testing.assert_array_equal(degraded.kept_indices, np.arange(5))


@pytest.mark.parametrize("name", CONDITION_NAMES)
def test_one_seed_gives_one_result_whatever_the_threads(name):
    clip = make_clip(20)
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        first = degrade(clip, name, seed=3)
        cv2.setNumThreads(4)
        second = degrade(clip, name, seed=3)
    finally:
        cv2.setNumThreads(threads)
    np.testing.assert_array_equal(first.frames, second.frames)
    np.testing.assert_array_equal(first.kept_indices, second.kept_indices)


@pytest.mark.parametrize("name", CONDITION_NAMES)
def test_another_seed_gives_another_result_where_chance_is_in_it(name):
    clip = make_clip(20)
    first, second = degrade(clip, name, 5, seed=3), degrade(clip, name, 5, seed=4)
    assert np.array_equal(first.frames, second.frames) == (name not in SEEDED)


def test_mild_and_severe_of_one_seed_are_the_same_weather():
    clip = np.full((1, 80, 80), 40, np.uint8)
    mild = degrade(clip, "mild_fog", seed=5).frames.astype(float).ravel()
    heavy = degrade(clip, "heavy_fog", seed=5).frames.astype(float).ravel()
    assert np.corrcoef(mild, heavy)[0, 1] > 0.95


@pytest.mark.parametrize("name", CONDITION_NAMES)
def test_extremes(name):
    for clip in [
        np.full((1, 1, 1), 130, np.uint8),
        np.zeros((2, 1, 9), np.uint8),
        np.full((3, 7, 1), 255, np.uint8),
        np.full((4, 40, 30), 90, np.uint8),
        make_clip(1),
        np.empty((0, 16, 16), np.uint8),
    ]:
        degraded = degrade(clip, name, 5)
        assert degraded.frames.shape[1:] == clip.shape[1:] and degraded.frames.dtype == np.uint8
        assert len(degraded.frames) == len(degraded.kept_indices)
        if find_condition(name).spatial or len(clip) < 2:
            assert len(degraded.frames) == len(clip)


@pytest.mark.parametrize("name", SPATIAL)
def test_colour_channels_are_gray_clips_under_one_weather(name):
    clip = make_clip(4, 40, 40)
    expected = degrade(clip, name, seed=1).frames
    np.testing.assert_array_equal(degrade(clip[..., None], name, seed=1).frames, expected[..., None])
    coloured = degrade(np.stack([clip] * 3, axis=-1), name, seed=1).frames
    np.testing.assert_array_equal(coloured, np.stack([expected] * 3, axis=-1))


def test_a_wrong_call_is_refused_in_one_line():
    clip = make_clip(2)
    with pytest.raises(ValueError, match="'snow'.*mild_compression.*low_resolution") as refusal:
        degrade(clip, "snow")
    assert "\n" not in str(refusal.value)
    with pytest.raises(ValueError, match="0..5"):
        degrade(clip, "rain", 5.1)
    with pytest.raises(ValueError, match="0..5"):
        degrade(clip, "rain", float("nan"))
    with pytest.raises(ValueError, match="uint8"):
        degrade(clip.astype(np.float32), "rain")
    with pytest.raises(ValueError, match="uint8"):
        degrade(clip[0], "rain")
    with pytest.raises(ValueError, match="timestamps"):
        degrade(clip, "rain", timestamps=np.zeros(3))
    for name in CONDITION_NAMES:
        for wrong in (np.nan, np.inf):
            with pytest.raises(ValueError, match="finite.* 1 are not"):
                degrade(clip, name, timestamps=np.array([0, wrong]))
        for seed in (-1, 1.0, "1", True):
            with pytest.raises(ValueError, match="whole number of 0 or more"):
                degrade(clip, name, seed=seed)


def test_levels_of_one_effect_share_their_chance_and_no_two_effects_do():
    by_effect = {}
    for condition in CONDITIONS:
        by_effect.setdefault(condition.effect, set()).add((condition.chance, condition.kind, condition.constants))
    assert all(len(names) == 1 for names in by_effect.values())
    assert len({next(iter(names))[0] for names in by_effect.values()}) == len(by_effect)


def test_the_draws_of_a_seed_are_those_that_were_published():
    found = {name: int(effect_generator(find_condition(name), 3).integers(1 << 30)) for name in ("rain", "heavy_fog")}
    assert found == {"rain": 357333696, "heavy_fog": 996526184}


def test_no_constant_is_told_twice_and_every_range_rises():
    table = constant_table()
    assert not table.duplicated(["conditions", "parameter"]).any()
    for condition in CONDITIONS:
        for constant in condition.constants:
            if isinstance(constant.value, tuple):
                assert constant.value[0] < constant.value[1], constant.name
    fog = table[table["conditions"] == ("mild_fog", "heavy_fog")].set_index("parameter")
    assert fog.loc["drift", "value"] == "0.1 to 0.25" and fog.loc["airlight", "value"] == "215"


def test_timestamps_set_the_pace_of_what_moves():
    clip = np.full((2, 64, 64), 90, np.uint8)
    for name in ("moving_shadows", "mild_fog", "rain"):
        slow = degrade(clip, name, timestamps=np.array([0, 0.001])).frames.astype(int)
        fast = degrade(clip, name, timestamps=np.array([0, 1.5])).frames.astype(int)
        assert np.abs(slow[1] - slow[0]).mean() < np.abs(fast[1] - fast[0]).mean()
        np.testing.assert_array_equal(slow[0], fast[0])
