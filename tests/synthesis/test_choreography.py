import numpy as np
import pytest

from dance_tf.synthesis import choreography, phrases
from dance_tf.synthesis.choreography import ASYMMETRIC, STYLES, SUBSET_ORDER, key_sequence, select_styles

BY = {style.abbreviation: style for style in STYLES}


def poses_of(abbreviation):
    return {pose for _, pose in BY[abbreviation].keys()}


def test_the_styles_are_those_of_table_1_in_its_order():
    assert [style.abbreviation for style in STYLES] == (
        ["Tok", "TDS", "TMM", "SUP", "STTL", "LOT", "SaS", "LAX", "DDM", "BL", "BU", "ATTM"]
    )
    assert [style.name for style in STYLES][:3] == ["Tokyo", "The Dance Song", "Tak Mau Mau"]
    assert STYLES[10].name == "Big Up's"
    assert len({style.tempo for style in STYLES}) == 12


def test_supalonely_and_say_so_share_three_of_five_phrases():
    one, other = BY["SUP"].phrases, BY["SaS"].phrases
    assert len(one) == len(other) == 5
    assert len(set(one) & set(other)) == 3


def test_the_mashup_is_cut_from_others_and_most_of_all_from_big_ups():
    mashup = BY["ATTM"].phrases
    origins = {p: [s.abbreviation for s in STYLES[:-1] if p in s.phrases] for p in mashup}
    assert all(origins.values())
    counts = {s.abbreviation: sum(s.abbreviation in found for found in origins.values()) for s in STYLES[:-1]}
    assert counts["BU"] == 3
    assert max(count for name, count in counts.items() if name != "BU") == 1


def test_two_styles_are_the_same_poses_and_ways_in_the_opposite_order():
    def ways(name):
        keys = [pose for _, pose in BY[name].keys()]
        return sorted(str((a, b)) for a, b in zip(keys, keys[1:] + keys[:1], strict=True))

    there = ways("TMM")
    back = sorted(str((b, a)) for a, b in _pairs("DDM"))
    assert there == back
    assert there != ways("DDM")
    assert choreography.SAME_POSES == ("TMM", "DDM")


def _pairs(name):
    keys = [pose for _, pose in BY[name].keys()]
    return list(zip(keys, keys[1:] + keys[:1], strict=True))


def test_the_mirror_image_of_an_asymmetric_style_is_in_no_style():
    everything = {pose for style in STYLES for _, pose in style.keys()}
    for name in ASYMMETRIC:
        assert not {pose.mirrored() for pose in poses_of(name)} & everything


def test_the_other_styles_dance_both_ways():
    for name in set(BY) - set(ASYMMETRIC) - {"ATTM"}:
        own = poses_of(name)
        mirrored = sum(pose.mirrored() in own for pose in own)
        assert mirrored >= 0.55 * len(own), name


def test_every_style_but_the_look_alikes_has_poses_of_its_own():
    for name in set(BY) - {"TMM", "DDM", "BU", "ATTM", "BL", "TDS", "LOT"}:
        others = set().union(*(poses_of(other) for other in BY if other != name))
        assert poses_of(name) - others, name


def test_small_sets_leave_the_look_alikes_out():
    assert sorted(SUBSET_ORDER) == sorted(BY)
    assert [STYLES[index].abbreviation for index in select_styles(3)] == ["Tok", "TDS", "BU"]
    assert select_styles(12) == tuple(range(12))
    seven = {STYLES[index].abbreviation for index in select_styles(7)}
    assert not ({"TMM", "DDM"} <= seven or {"SUP", "SaS"} <= seven or {"BU", "ATTM"} <= seven)
    for count in (0, 13):
        with pytest.raises(ValueError, match="between 1 and 12"):
            select_styles(count)


def test_keys_lie_on_the_beats():
    style = BY["TDS"]
    assert style.beats == 8
    assert [beat for beat, _ in style.keys()] == [0, 1, 2, 3, 4, 5, 6, 7]
    assert [pose for _, pose in style.keys()][:4] == list(phrases.GRASS.poses)


def test_a_sequence_goes_round():
    style = BY["TDS"]
    beats, poses = key_sequence(style, -1.5, 9.0)
    assert np.array_equal(beats, np.arange(-1, 10))
    keys = [pose for _, pose in style.keys()]
    assert poses == [keys[7], *keys, keys[0], keys[1]]
