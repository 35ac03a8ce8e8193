"""Overlap of training and held-out parts: hashes against ImageHash, distances by hand, parts of a made-up dataset."""

import cv2
import imagehash
import numpy as np
import pytest
from PIL import Image

from dance_tf.dataset.dataset import ClipRecord, Dataset
from dance_tf.dataset.splits import make_splits
from dance_tf.evaluation.overlap import hash_frames, near_duplicates, nearest_distances

STYLES = ("Tok", "TDS")


def pictures(seed, n):
    """Noise, smooth patterns, half-blank and blank frames: uint8 [n, 128, 128, 1]."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:128, 0:128] / 128
    frames = []
    for number in range(n):
        if number % 3 == 0:
            frames.append(random.integers(0, 256, (128, 128)))
        elif number % 3 == 1:
            frames.append(np.where(x < random.random(), number % 256, 0))
        else:
            a, b, c, d = random.normal(0, 9, 4)
            frames.append(127 + 127 * np.sin(a * x + b * y + c) * np.cos(d * x * y))
    frames[-1] = np.zeros((128, 128))
    return np.array(frames).astype(np.uint8)[..., None]


def test_hashes_and_distances_equal_those_of_the_library():
    test, training = pictures(2, 23), pictures(3, 31)
    theirs = [[imagehash.phash(Image.fromarray(frame[..., 0])) for frame in frames] for frames in (test, training)]
    ours = hash_frames(test), hash_frames(training)
    assert [f"{int(value):016x}" for value in ours[0]] == [str(value) for value in theirs[0]]
    expected = [min(one - other for other in theirs[1]) for one in theirs[0]]
    np.testing.assert_array_equal(nearest_distances(*ours), expected)


def test_distances_by_hand():
    test = np.array([0, 0b1011, 2**64 - 1, 0b1011], dtype=np.uint64)
    training = np.array([0b1, 0b1011], dtype=np.uint64)
    np.testing.assert_array_equal(nearest_distances(test, training), [1, 0, 61, 0])
    np.testing.assert_array_equal(nearest_distances(test[:2], training[:0]), [65, 65])
    assert len(nearest_distances(test[:0], training)) == 0


@pytest.fixture(scope="module")
def drifting():
    """Five dancers, each one clip a style: a smooth picture of its own that moves by half a pixel a frame."""
    clips, frames = [(style, f"dancer{dancer}") for dancer in range(5) for style in STYLES], []
    for number in range(len(clips)):
        coarse = np.random.default_rng(number).uniform(0, 255, (8, 8)).astype(np.float32)
        picture = cv2.resize(coarse, (128, 128), interpolation=cv2.INTER_CUBIC).clip(0, 255)
        for step in range(10):
            shift = np.float32([[1, 0, step / 2], [0, 1, 0]])
            frames.append(cv2.warpAffine(picture, shift, (128, 128), borderMode=cv2.BORDER_REPLICATE))
    records = tuple(
        ClipRecord(str(number), style, dancer, "", 10, 10, (), True, 1.0)
        for number, (style, dancer) in enumerate(clips)
    )
    backgrounds = np.zeros((len(clips), 128, 128, 1), np.uint8)
    return Dataset(STYLES, records, np.array(frames, np.uint8)[..., None], np.zeros(len(frames)), backgrounds)


def test_near_duplicates_occur_under_the_split_by_frame_only(drifting):
    table = near_duplicates(drifting, folds=2).set_index(["view", "split"])
    assert len(table) == 6
    for split, found in table.loc["frame"].iterrows():
        assert found["frames"] == len(make_splits(drifting, split, 2)[0].test) == 20
        assert found["share"] == found["count"] / 20
    assert table.loc[("frame", "frame"), "share"] >= 0.8
    assert table.loc[("frame", ["clip", "dancer"]), "count"].tolist() == [0, 0]
    # black backgrounds: subtraction changes nothing
    assert table.loc["frame", "count"].equals(table.loc["difference", "count"])
    # one clip for each dancer and style: a held-out clip leaves none of its kind in training
    assert table.loc["frame", "dancer_and_style_in_training"].to_dict() == {"frame": 1.0, "clip": 0.0, "dancer": 0.0}
    split, dancers = make_splits(drifting, "clip", 2)[0], np.array(drifting.dancers)[drifting.clip_index]
    in_training = np.isin(dancers[split.test], dancers[split.train]).mean()
    shares = table.loc["frame", "dancer_in_training"].to_dict()
    assert shares == {"frame": 1.0, "clip": in_training, "dancer": 0.0}
    strict = near_duplicates(drifting, folds=2, distance=0).set_index(["view", "split"])
    assert strict.loc[("frame", "frame"), "count"] < table.loc[("frame", "frame"), "count"]
