"""Alignment of dances: what a series of bone directions keeps, distances and paths against dynamic programming."""

from dataclasses import replace

import numpy as np
import pytest
from dtaidistance import dtw

from dance_tf.fidelity.align import (
    PART,
    RATE,
    STEP,
    AlignmentError,
    bone_directions,
    distances,
    part_distance,
    part_path,
    parts_of,
)
from dance_tf.pose.skeleton import OTHER_SIDE, Skeletons

BONES = 18


def random_series(length, seed=0):
    directions = np.random.default_rng(seed).normal(size=(length, BONES, 3))
    return (directions / np.linalg.norm(directions, axis=-1, keepdims=True)).reshape(length, -1)


def turned(skeletons, degrees):
    """The same dance, seen by a camera that stands further to the side."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    world = skeletons.world @ np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    return replace(skeletons, world=world)


def mirrored(skeletons):
    return replace(skeletons, world=skeletons.world[:, OTHER_SIDE] * [-1, 1, 1])


CHANGES = {
    "larger": lambda skeletons: replace(skeletons, world=1.4 * skeletons.world.astype(float)),
    "moved": lambda skeletons: replace(skeletons, world=skeletons.world.astype(float) + [0.5, 0.2, -1]),
    "elsewhere in the picture": lambda skeletons: replace(skeletons, landmarks=skeletons.landmarks / 3 + 0.2),
    "from the right": lambda skeletons: turned(skeletons, 50),
    "from behind": lambda skeletons: turned(skeletons, 180),
}


@pytest.mark.parametrize("change", CHANGES)
def test_size_place_and_direction_of_the_camera_do_not_matter(danced, change):
    skeletons = danced("Lottery")
    [series], [changed] = bone_directions(skeletons), bone_directions(CHANGES[change](skeletons))
    np.testing.assert_allclose(changed, series, atol=0.02)
    np.testing.assert_allclose(np.linalg.norm(series.reshape(-1, BONES, 3), axis=-1), 1, rtol=1e-6)
    assert series.shape == (60, 3 * BONES) and series.dtype == np.float64


def test_left_and_right_are_kept_apart(danced):
    lottery, other = (bone_directions(danced("Lottery", dancer, 10.0)) for dancer in (0, 1))
    image = bone_directions(mirrored(danced("Lottery", 0, 10.0)))
    same, mirror = distances(other, [lottery, image]).mean(axis=0)
    assert mirror > 1.5 * same


def test_series_have_one_rate_whatever_that_of_the_poses(danced):
    skeletons = danced("Tokyo", rate=30.0)
    third = Skeletons(*(getattr(skeletons, name)[::3] for name in ("landmarks", "world", "valid", "times")))
    [dense], [sparse] = bone_directions(skeletons), bone_directions(third)
    assert len(sparse) == 60 and len(dense) == 60
    assert np.median(np.abs(dense - sparse)) < 0.01


@pytest.mark.parametrize(
    ("gaps", "lengths"),
    [([], [60]), ([(20, 30)], [20, 30]), ([(9, 12)], [48]), ([(5, 12), (20, 60)], []), ([(0, 60)], [])],
    ids=["whole", "two runs", "a short run", "short runs only", "nobody"],
)
def test_gaps_divide_a_dance_and_short_runs_are_left_out(danced, gaps, lengths):
    skeletons = danced("Laxed")
    for first, last in gaps:
        skeletons.valid[first:last] = False
        skeletons.world[first:last] = 0
    series = bone_directions(skeletons)
    assert [len(run) for run in series] == lengths
    assert len(parts_of(series)) == sum((length - PART) // STEP + 1 for length in lengths)


def test_the_distance_is_the_angle_between_bones():
    upright = np.tile([0.0, -1.0, 0.0], (30, BONES))
    angle = np.radians(np.linspace(20, 50, 30))[:, None]
    leaning = np.tile(np.hstack([np.sin(angle), -np.cos(angle), 0 * angle]), BONES)
    assert part_distance(upright[:PART], leaning) == pytest.approx(20, rel=1e-6)
    assert part_distance(upright[:PART], -upright) == pytest.approx(180)
    assert part_distance(leaning[3:13], leaning) == 0


def by_dynamic_programming(part, series):
    cost = ((part[:, None] - series[None]) ** 2).sum(axis=-1)
    total = np.full((len(part) + 1, len(series) + 1), np.inf)
    total[0] = 0
    for row in range(len(part)):
        for column in range(len(series)):
            before = total[row, column], total[row, column + 1], total[row + 1, column]
            total[row + 1, column + 1] = cost[row, column] + min(before)
    return total[-1, 1:].min()


@pytest.mark.parametrize("length", [4, 10, 35])
def test_distance_and_path_equal_dynamic_programming(length):
    part, series = random_series(PART), random_series(length, seed=length)
    path = part_path(part, series)
    total = ((part[path[:, 0]] - series[path[:, 1]]) ** 2).sum()
    assert total == pytest.approx(by_dynamic_programming(part, series))
    chord = 2 * np.sin(np.radians(part_distance(part, series)) / 2)
    assert chord**2 * PART * BONES == pytest.approx(total)
    assert set(path[:, 0]) == set(range(PART)) and path.dtype == np.int64
    assert (np.diff(path, axis=0) >= 0).all() and np.diff(path, axis=0).max() == 1


def test_the_path_finds_a_part_at_another_tempo(danced):
    [slow], [other] = (bone_directions(danced(style)) for style in ("Tokyo", "Laxed"))
    fast = slow[np.rint(np.arange(0, 59, 1.25)).astype(int)]
    path = part_path(fast[16:26], slow)
    expected = np.rint(1.25 * (16 + path[:, 0]))
    assert np.abs(path[:, 1] - expected).max() <= 2
    assert part_distance(fast[16:26], slow) < 0.25 * part_distance(fast[16:26], other)


def test_distances_do_not_depend_on_the_length_of_a_dance(danced):
    [series] = bone_directions(danced("Say So"))
    others = [bone_directions(danced(style, 1)) for style in ("Say So", "Laxed", "Tokyo")]
    once, twice = distances([series], others), distances([series, series], others)
    assert once.shape == (len(parts_of([series])), 3)
    np.testing.assert_allclose(twice.mean(axis=0), once.mean(axis=0))
    np.testing.assert_allclose(distances([series], [[*others[0], *others[1]]])[:, 0], once[:, :2].min(axis=1))


def test_a_missing_compiled_part_is_named_in_one_line(monkeypatch):
    monkeypatch.setattr(dtw, "dtw_cc", None)
    for function in (part_distance, part_path):
        with pytest.raises(AlignmentError, match="without its compiled code: reinstall it with `pip") as raised:
            function(random_series(PART), random_series(20))
        assert "\n" not in str(raised.value)


def test_the_compiled_code_is_used(monkeypatch):
    called = []

    def distance(part, series, **options):
        called.append((part.shape, series.shape))
        return 0.0

    monkeypatch.setattr(dtw.dtw_cc, "distance_ndim", distance)
    assert part_distance(random_series(PART), random_series(20)) == 0
    assert called == [((PART, 54), (20, 54))] and RATE == 10
