"""Measurements of curation, against values by hand."""

import numpy as np
import pytest

from dance_tf.dataset.dataset import gather
from dance_tf.experiments.curation import (
    BACKGROUND_COLUMNS,
    background_distance,
    backgrounds_by_camera,
    describe_data,
    frames_by_style,
)
from dance_tf.synthesis.truth import ClipTruth


@pytest.fixture(scope="module")
def dataset(blob_clips):
    return gather(blob_clips(styles=3, dancers=4))  # the backgrounds of dancer1 are invalid


def truths_of(dataset, moving):
    return {
        clip.clip_id: ClipTruth(clip.style, clip.dancer, 0.5, clip.seen, 10.0, (), (), (), 0.0, clip.clip_id in moving)
        for clip in dataset.clips
    }


def test_frames_are_counted_by_style(dataset):
    table = frames_by_style(dataset)
    assert table["kept"].tolist() == np.bincount(dataset.labels).tolist() and table["clips"].tolist() == [4, 4, 4]
    assert list(table) == ["style", "clips", "seen", "blank", "blurred", "no_dancing", "kept"]
    assert table[["blank", "blurred"]].to_numpy().tolist() == [[8, 0]] * 3
    assert (table["seen"] == table[["blank", "blurred", "no_dancing", "kept"]].sum(axis=1)).all()
    data = describe_data(dataset, "synthetic")
    assert (data["clips"], data["dancers"], data["frames"]) == (12, 4, len(dataset.frames))
    assert data["rooms_unknown"] == 3


def test_the_distance_from_a_plate_by_hand():
    plate = np.zeros((128, 128), np.uint8)
    plate[:, 28:100] = 100  # the bars on both sides do not count
    background = plate.copy()
    background[:, 28:100] += 2
    background[:32, 28:64] = 109  # remains of the dancer on an eighth of the picture
    assert background_distance(background, plate) == (2.0, pytest.approx(0.125))
    background[:32, 28:64] = 108  # within the limit
    assert background_distance(background, plate)[1] == 0


def test_backgrounds_are_measured_by_camera(dataset):
    moving = {"style0/dancer1", "style2/dancer3"}
    plates = {
        clip.clip_id: dataset.backgrounds[place, ..., 0] + np.uint8(10 * (clip.dancer == "dancer0"))
        for place, clip in enumerate(dataset.clips)
        if clip.clip_id not in moving
    }
    still, shaken = backgrounds_by_camera(dataset, truths_of(dataset, moving), plates).to_dict("records")
    assert (still["camera"], still["clips"], still["rooms_told"], still["plates"]) == ("still", 10, 8, 10)
    assert still["distance"] == 0 and still["ghosts"] == pytest.approx(0.3)  # seven clips differ by 0, three by 10
    assert (shaken["camera"], shaken["clips"], shaken["rooms_told"], shaken["plates"]) == ("moving", 2, 1, 0)
    assert np.isnan(shaken["distance"])


def test_real_footage_has_no_rows(dataset):
    table = backgrounds_by_camera(dataset, {}, {})
    assert table.empty and list(table) == BACKGROUND_COLUMNS
