"""What lies on both sides of a split's wall, on a made-up set whose frames drift."""

import cv2
import numpy as np

from dance_tf.dataset.dataset import ClipRecord, Dataset
from dance_tf.dataset.splits import make_splits
from dance_tf.evaluation.overlap import near_duplicates

STYLES = ("Tok", "TDS")


def moving(clips, frames):
    """Clips (style, dancer), each of its own smooth picture that drifts by half a pixel a frame."""
    pictures = []
    for number in range(len(clips)):
        coarse = np.random.default_rng(number).uniform(0, 255, (8, 8)).astype(np.float32)
        picture = cv2.resize(coarse, (128, 128), interpolation=cv2.INTER_CUBIC).clip(0, 255)
        for step in range(frames):
            drift = np.float32([[1, 0, step / 2], [0, 1, 0]])
            pictures.append(cv2.warpAffine(picture, drift, (128, 128), borderMode=cv2.BORDER_REPLICATE))
    records = tuple(
        ClipRecord(str(number), style, dancer, "", frames, frames, (), True, 1.0)
        for number, (style, dancer) in enumerate(clips)
    )
    rooms = np.zeros((len(clips), 128, 128, 1), np.uint8)
    return Dataset(STYLES, records, np.array(pictures, np.uint8)[..., None], np.zeros(len(pictures)), rooms)


def test_near_duplicates_lie_across_the_wall_of_the_split_by_frame_alone():
    dataset = moving([(style, f"dancer{dancer}") for dancer in range(5) for style in STYLES], frames=10)
    found = near_duplicates(dataset, folds=2)
    walls = {(wall.view, wall.unit): wall.found for wall in found}
    assert len(walls) == 6
    # each dancer dances each style once: a clip that is held out leaves none of its kind behind
    assert {wall.unit: wall.met_in_style for wall in found} == {"frame": 1.0, "clip": 0.0, "dancer": 0.0}
    assert {wall.unit: wall.met for wall in found if wall.unit != "clip"} == {"frame": 1.0, "dancer": 0.0}
    split = make_splits(dataset, "clip", 2)[0]
    dancers = np.array(dataset.dancers)[dataset.clip_index]
    met = np.mean([dancer in dancers[split.train] for dancer in dancers[split.test]])
    assert {wall.met for wall in found if wall.unit == "clip"} == {met}
    for (_, unit), found in walls.items():
        assert found.frames == len(make_splits(dataset, unit, 2)[0].test) == 20
    # the room is black: taking it away changes nothing
    assert {unit: walls["frame", unit].count for unit in ("frame", "clip", "dancer")} == {
        unit: walls["difference", unit].count for unit in ("frame", "clip", "dancer")
    }
    assert walls["frame", "frame"].share >= 0.8
    assert walls["frame", "clip"].count == walls["frame", "dancer"].count == 0
