"""Still rooms against clean plates, by camera, and the clips that show them."""

import numpy as np
import pytest

from dance_tf.dataset.arrays import gather
from dance_tf.report.room_tables import COLUMNS, pick_views, plate_distance, rooms_by_camera, view_labels
from dance_tf.synthesis.truth import ClipTruth


@pytest.fixture
def dataset(blob_clips):
    return gather(blob_clips(styles=3, dancers=4))


def truths_of(dataset, moving):
    """Made-up truths of all clips; those named in `moving` have a moving camera."""
    return {
        clip.clip_id: ClipTruth(clip.style, clip.dancer, 0.5, clip.seen, 10.0, (), (), (), 0.0, clip.clip_id in moving)
        for clip in dataset.clips
    }


def test_the_distance_from_a_plate_by_hand():
    plate = np.zeros((128, 128), np.uint8)
    plate[:, 28:100] = 100  # bars on either side do not count
    room = plate.copy()
    room[:, 28:100] += 2
    room[:32, 28:64] = 109  # an eighth of the picture shows a ghost
    assert plate_distance(room, plate) == (2.0, pytest.approx(0.125))
    room[:32, 28:64] = 108  # just near enough
    assert plate_distance(room, plate)[1] == 0
    assert plate_distance(plate - np.uint8(0), plate) == (0, 0)


def test_rooms_are_counted_by_camera(dataset):
    moving = {"style0/dancer1", "style2/dancer3"}
    plates = {
        clip.clip_id: dataset.backgrounds[place, ..., 0] + np.uint8(10 * (clip.dancer == "dancer0"))
        for place, clip in enumerate(dataset.clips)
        if clip.clip_id not in moving
    }
    table = rooms_by_camera(dataset, truths_of(dataset, moving), plates)
    assert list(table) == COLUMNS
    still, shaken = table.to_dict("records")
    # dancer1's rooms are not told: one of them is in the moving clips
    assert (still["camera"], still["clips"], still["rooms_told"], still["plates"]) == ("still", 10, 8, 10)
    assert still["share_told"] == 0.8
    assert still["distance"] == 0  # the median over clips of 0 (seven) and 10 (three)
    assert still["ghosts"] == pytest.approx(0.3)
    assert (shaken["camera"], shaken["clips"], shaken["rooms_told"], shaken["plates"]) == ("moving", 2, 1, 0)
    assert np.isnan(shaken["distance"]) and np.isnan(shaken["ghosts"])


def test_real_footage_has_no_rows_and_no_camera(dataset):
    table = rooms_by_camera(dataset, {}, {})
    assert table.empty and list(table) == COLUMNS
    shown = pick_views(dataset, {})
    assert len({dataset.dancers[clip] for clip in dataset.clip_index[shown]}) == 4
    labels = view_labels(dataset, shown, {})
    assert sorted(labels)[0] == "style0, dancer0"
    assert [label for label in labels if "dancer1" in label][0].endswith("dancer1\nroom not told")


def test_views_show_different_dancers_and_a_moving_camera_last(dataset):
    truths = truths_of(dataset, {"style0/dancer1", "style2/dancer3", "style1/dancer3"})
    shown = pick_views(dataset, truths)
    clips = [dataset.clips[place] for place in dataset.clip_index[shown]]
    assert len({clip.dancer for clip in clips}) == 4
    assert len({clip.style for clip in clips}) == 3
    labels = view_labels(dataset, shown, truths)
    assert [label.split("\n")[1].split(",")[0] for label in labels] == ["still camera"] * 3 + ["moving camera"]
    members = np.flatnonzero(dataset.clip_index == dataset.clip_index[shown[0]])
    assert shown[0] == members[len(members) // 2]


def test_fewer_dancers_give_fewer_views(blob_clips):
    dataset = gather(blob_clips(styles=2, dancers=2))
    assert len(pick_views(dataset, {})) == 2
    assert len(pick_views(dataset, truths_of(dataset, {clip.clip_id for clip in dataset.clips}))) == 1
