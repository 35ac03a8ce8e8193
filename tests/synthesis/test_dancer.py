import numpy as np
import pytest

from dance_tf.synthesis.body import control_spread, dancer_name, make_dancer, skill_of
from dance_tf.synthesis.poses import CONTROLS


def test_names_count_from_one():
    assert [dancer_name(index) for index in (0, 8, 19)] == ["d01", "d09", "d20"]


def test_a_dancer_is_always_the_same_person():
    one, again = make_dancer(4, 7, 0.5), make_dancer(4, 7, 0.5)
    assert (one.body, one.outfit, one.skill) == (again.body, again.outfit, again.skill)
    assert np.array_equal(one.habits, again.habits)
    assert make_dancer(4, 8, 0.5).body != one.body
    assert make_dancer(5, 7, 0.5).body != one.body


def test_difficulty_changes_habits_but_not_the_body():
    easy, hard = make_dancer(4, 7, 0.0), make_dancer(4, 7, 1.0)
    assert (easy.body, easy.outfit, easy.skill) == (hard.body, hard.outfit, hard.skill)
    assert np.abs(hard.habits).sum() > 2 * np.abs(easy.habits).sum()


def test_skills_cover_the_range_evenly():
    skills = np.sort([skill_of(index, 0.3) for index in range(20)])
    assert skills[0] < 0.16 and skills[-1] > 0.94
    assert np.diff(skills).max() < 0.09
    assert skill_of(0, 0.5) == pytest.approx(0.55)


def test_the_clumsy_are_later_and_sloppier():
    company = sorted((make_dancer(0, index, 0.5) for index in range(20)), key=lambda dancer: dancer.skill)
    assert np.mean([d.lateness for d in company[:5]]) > np.mean([d.lateness for d in company[-5:]]) + 0.03
    assert company[0].sloppiness > company[-1].sloppiness


def test_every_control_has_its_spread():
    spread = dict(zip(CONTROLS, control_spread(), strict=True))
    assert spread["left_lift"] == spread["right_lift"] == 11.0
    assert spread["left_foot_lift"] == 0.0  # a foot on the floor stays there
    assert spread["left_foot_out"] == 0.03
    assert spread["sink"] == 0.025
