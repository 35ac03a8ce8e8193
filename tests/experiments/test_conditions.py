import pytest

from dance_tf.corruption.conditions import CONDITIONS
from dance_tf.experiments.conditions import CLEAN, FINER, Corruption, paper_corruptions, severity_corruptions


def test_table_5_has_clean_footage_and_every_condition_and_seeds_for_random_ones():
    first = paper_corruptions(1, window=4)
    assert [each.condition for each in first] == [CLEAN, *(condition.name for condition in CONDITIONS)]
    assert all(each.window == 4 and each.seed == 0 for each in first)
    three = paper_corruptions(3, window=4)
    assert len(three) == 15 + 2 * sum(condition.seeded for condition in CONDITIONS)
    assert [each.seed for each in three if each.condition == "rain"] == [0, 1, 2]
    assert [each.seed for each in three if each.condition == "low_light"] == [0]
    assert {each.window for each in three if each.seed} == {1}
    assert set(first) <= set(three)


def test_the_papers_level_is_the_same_corruption_in_both_lists():
    found = severity_corruptions(["heavy_fog"], window=4)
    assert [each.severity for each in found] == [1, 2, 3, 4, 5, FINER[1]]
    assert [each.window for each in found] == [1, 1, 1, 4, 1, 1]
    assert found[3] in paper_corruptions(1, window=4)
    assert len(severity_corruptions(["low_resolution"])) == 5


def test_keys_and_seeds():
    assert Corruption("rain", 3).key == Corruption("rain", 3.0).key
    others = [Corruption("rain", 3, 1), Corruption("rain", 2), Corruption("rain", 3, 0, 4), Corruption(CLEAN)]
    assert len({each.key for each in (Corruption("rain", 3), *others)}) == 5
    with pytest.raises(ValueError, match="snow"):
        Corruption("snow", 3)
    seeds = {Corruption("rain", 3, seed).clip_seed(content) for seed in range(3) for content in ("a" * 64, "b" * 64)}
    assert len(seeds) == 6 and min(seeds) >= 0
