from dataclasses import replace

import pytest

from dance_tf.corruption.conditions import CONDITIONS, find_condition
from dance_tf.experiments.conditions import CLEAN, Disturbance, paper_disturbances, severity_disturbances


def test_the_table_has_clean_footage_and_each_condition_at_each_seed_that_matters():
    first = paper_disturbances(1, window=4)
    assert [each.condition for each in first] == [CLEAN, *(condition.name for condition in CONDITIONS)]
    assert all(each.window == 4 and each.seed == 0 for each in first)
    three = paper_disturbances(3, window=4)
    seeded = [condition.name for condition in CONDITIONS if condition.seeded]
    assert len(three) == 15 + 2 * len(seeded)
    assert [each.seed for each in three if each.condition == "rain"] == [0, 1, 2]
    assert [each.seed for each in three if each.condition == "low_light"] == [0]
    assert {each.window for each in three if each.seed} == {1}
    assert set(first) <= set(three)


def test_the_papers_own_level_among_the_severities_is_the_tables():
    found = severity_disturbances(["heavy_fog"], window=4)
    assert [each.severity for each in found] == [1, 2, 3, 4, 5]
    assert [each.window for each in found] == [1, 1, 1, 4, 1]
    assert found[3] in paper_disturbances(1, window=4)


def test_keys_tell_disturbances_apart():
    assert Disturbance("rain", 3).key == Disturbance("rain", 3.0).key
    others = [Disturbance("rain", 3, 1), Disturbance("rain", 2), Disturbance("rain", 3, 0, 4), Disturbance(CLEAN)]
    assert len({each.key for each in (Disturbance("rain", 3), *others)}) == 5
    with pytest.raises(ValueError, match="snow"):
        _ = Disturbance("snow", 3).key


@pytest.mark.parametrize("name", [condition.name for condition in CONDITIONS if condition.constants])
def test_another_constant_is_another_key(name, monkeypatch):
    condition = find_condition(name)
    before = Disturbance(name, 3).key
    for i, constant in enumerate(condition.constants):
        changed = [*condition.constants[:i], replace(constant, value=0.123), *condition.constants[i + 1 :]]
        other = replace(condition, constants=tuple(changed))
        monkeypatch.setattr("dance_tf.experiments.conditions.find_condition", lambda _, other=other: other)
        assert Disturbance(name, 3).key != before, constant.name


def test_a_seed_on_a_clip_hangs_on_the_seed_and_on_the_content():
    found = {Disturbance("rain", 3, seed).seed_on(content) for seed in range(3) for content in ("a" * 64, "b" * 64)}
    assert len(found) == 6 and min(found) >= 0
    assert Disturbance("rain", 3, 1).seed_on("a") == Disturbance("mild_fog", 2, 1, 4).seed_on("a")


def test_what_a_disturbance_does_to_frames():
    assert Disturbance(CLEAN).spares_frames and not Disturbance(CLEAN).temporal
    assert Disturbance("dropped_frames", 3).temporal and Disturbance("dropped_frames", 3).spares_frames
    assert not Disturbance("rain", 3).spares_frames
