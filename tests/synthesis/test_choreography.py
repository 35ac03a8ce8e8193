import pytest

from dance_tf.synthesis.choreography import STYLES, SUBSET_ORDER, Pose, select_styles

BY = {style.abbreviation: style for style in STYLES}
ASYMMETRIC = ("STTL", "LOT")


def movements(name: str) -> list[tuple[Pose, Pose]]:
    keys = BY[name].poses
    return list(zip(keys, keys[1:] + keys[:1], strict=True))


def test_the_styles_are_those_of_table_1_in_its_order():
    assert list(BY) == ["Tok", "TDS", "TMM", "SUP", "STTL", "LOT", "SaS", "LAX", "DDM", "BL", "BU", "ATTM"]
    assert [style.name for style in STYLES][:3] == ["Tokyo", "The Dance Song", "Tak Mau Mau"]
    assert STYLES[10].name == "Big Up's"
    assert len({style.tempo for style in STYLES}) == 12


def test_similar_styles_share_phrases():
    one, other = BY["SUP"].phrases, BY["SaS"].phrases
    assert len(one) == len(other) == 5 and len(set(one) & set(other)) == 3
    origins = [
        {style.abbreviation for style in STYLES[:-1] if phrase in style.phrases} for phrase in BY["ATTM"].phrases
    ]
    assert all(origins)
    counts = {name: sum(name in found for found in origins) for name in BY}
    assert counts.pop("BU") == 3 and max(counts.values()) == 1


def test_two_styles_have_the_same_movements_in_reverse():
    there, back = (sorted(map(str, movements(name))) for name in ("TMM", "DDM"))
    assert there == sorted(str((b, a)) for a, b in movements("DDM")) != back


def test_only_the_asymmetric_styles_have_a_mirror_image_that_no_style_has():
    assert {name for name, style in BY.items() if style.asymmetric} == set(ASYMMETRIC)
    everything = {pose for name in BY for pose in BY[name].poses}
    for name in ASYMMETRIC:
        assert not {pose.mirrored() for pose in BY[name].poses} & everything
    for name in set(BY) - {*ASYMMETRIC, "ATTM"}:
        own = set(BY[name].poses)
        assert sum(pose.mirrored() in own for pose in own) >= 0.55 * len(own), name


def test_every_other_style_has_poses_of_its_own():
    for name in set(BY) - {"TMM", "DDM", "BU", "ATTM", "BL", "TDS", "LOT"}:
        assert set(BY[name].poses) - {pose for other in BY if other != name for pose in BY[other].poses}, name


def test_small_sets_leave_similar_styles_out():
    assert sorted(SUBSET_ORDER) == sorted(BY)
    assert [STYLES[index].abbreviation for index in select_styles(3)] == ["Tok", "TDS", "BU"]
    assert select_styles(12) == tuple(range(12))
    seven = {STYLES[index].abbreviation for index in select_styles(7)}
    assert not ({"TMM", "DDM"} <= seven or {"SUP", "SaS"} <= seven or {"BU", "ATTM"} <= seven)
    for count in (0, 13):
        with pytest.raises(ValueError, match="between 1 and 12"):
            select_styles(count)
