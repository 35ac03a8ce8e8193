"""Places in a song, and delays against it."""

from dataclasses import replace

import numpy as np
import pytest

from dance_tf.fidelity.score import (
    BEHIND,
    FINE,
    MOST,
    ON_BEAT,
    build_standard,
    measure,
    pack_standards,
    unpack_standards,
)
from dance_tf.fidelity.sound import Song, agreement, late_against_music
from dance_tf.fidelity.template import read_dance
from dance_tf.video.sound import ONSET_RATE


def song(seconds, seed=0):
    """Return random onsets of six bands."""
    generator = np.random.default_rng(seed)
    size = round(seconds * ONSET_RATE), 6
    return (generator.random(size) < 0.04) * generator.uniform(1, 4, size)


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        (slice(0, 800), slice(300, 1100), (5.5, 2.5)),  # the last five seconds of one are the first of two
        (slice(300, 1100), slice(0, 800), (2.5, 5.5)),
        (slice(200, 700), slice(0, 1200), (2.5, 4.5)),
    ],
)
def test_two_parts_of_a_song_are_placed(one, two, expected):
    whole = song(12)
    found, here, there = agreement(whole[one], whole[two])
    best = found.argmax()
    assert (here[best], there[best]) == pytest.approx(expected, abs=0.01) and found[best] > 0.95
    assert np.delete(found, range(best - 20, best + 20)).max() < 0.5


def test_too_little_in_common_and_other_songs_fit_nowhere():
    whole = song(12)
    assert agreement(whole[:500], whole[300:800])[0].max() < 0.5  # two seconds are too few
    assert all(agreement(song(8, 1), song(8, seed))[0].max() < 0.5 for seed in range(2, 12))


def test_of_a_song_that_repeats_the_shortest_delay_counts():
    repeated = np.tile(song(0.8), (10, 1))
    # the same music 2.4 s later in the choreography, danced 3 frames late
    late = late_against_music(repeated, 45.0, 20.0, [Song("a", repeated, 0.0, 20.0)], 1000)
    assert late == pytest.approx(3, abs=0.3)


def test_a_delay_is_the_median_over_references_on_the_circle():
    whole = song(12)
    clip = whole[300:1100]  # 3 s into the song: frame 60 of a template of 100 frames
    songs = [Song(name, whole, first, 20.0) for name, first in (("a", 99.0), ("b", 0.0), ("c", 2.0))]
    assert late_against_music(clip, 58.0, 20.0, songs, 100) == pytest.approx(2, abs=0.2)
    others = [Song(str(number), song(8, number + 1), 0.0, 20.0) for number in range(10)]
    assert np.isnan(late_against_music(clip, 58.0, 20.0, [songs[0], *others], 100))  # one of eleven
    assert np.isnan(late_against_music(clip, 58.0, 20.0, [], 100))
    assert np.isnan(late_against_music(clip[:200], 58.0, 20.0, songs, 100))  # too short
    assert np.isnan(late_against_music(clip, 30.0, 20.0, songs, 100))  # over a second late


def test_a_constant_delay_is_found_with_the_sound_only(references, danced):
    """Of dancers who hear one song of the choreography."""
    whole = song(60)
    standard = build_standard("Lottery", references)
    loop = standard.template.seconds

    def with_song(one):
        line = measure(read_dance(one.skeletons), standard.template).alignment.line(one.skeletons.times)
        start = round((line[0] / FINE % loop) * ONSET_RATE)
        return replace(one, onsets=whole[start : start + 800])

    heard = [with_song(one) for one in references]
    known = build_standard("Lottery", heard)
    assert [one.dancer for one in known.songs] == [one.dancer for one in references]
    one = heard[2]
    usual = measure(read_dance(one.skeletons, one.onsets), known.template, known.songs).behind
    assert abs(usual) < 0.1
    for delay in (-0.2, 0.1, 0.3):
        later = replace(one.skeletons, times=one.skeletons.times + delay)
        found = measure(read_dance(later, one.onsets), known.template, known.songs)
        assert found.behind - usual == pytest.approx(delay, abs=0.01)
        assert np.median(found.late) == pytest.approx(found.behind, abs=0.05)
        assert np.isnan(measure(read_dance(later), known.template, known.songs).behind)
        without = measure(read_dance(later, one.onsets), known.template)
        assert found.music == pytest.approx(BEHIND * min(abs(found.behind - ON_BEAT), MOST))
        assert (found.group, without.music) == (without.group, 0) and found.away == found.group + found.music
    restored = unpack_standards(pack_standards({"Lottery": known}))["Lottery"]
    for given, read in zip(known.songs, restored.songs, strict=True):
        assert (read.dancer, read.first, read.rate) == (given.dancer, pytest.approx(given.first), given.rate)
        np.testing.assert_array_equal(read.onsets, given.onsets)
    older = {name: value for name, value in pack_standards({"Lottery": known}).items() if "song" not in name}
    without = unpack_standards(older)["Lottery"]
    assert without.songs == () and (without.music == known.music).all()
    del older["0/music"]
    assert (unpack_standards(older)["Lottery"].away == known.group).all()
