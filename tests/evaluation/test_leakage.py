import imagehash
import numpy as np
import pytest
from PIL import Image

from dance_tf.evaluation import overlap as leakage
from dance_tf.evaluation.overlap import count_near_duplicates, hash_frames, leakage_gap, nearest_distances
from dance_tf.evaluation.predictions import Predictions


def pictures(seed, n):
    """Noise, smooth blobs, blank and half-blank frames: uint8 [n, 128, 128, 1]."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:128, 0:128] / 128
    frames = []
    for number in range(n):
        if number % 4 == 0:
            frames.append(random.integers(0, 256, (128, 128)))
        elif number % 4 == 3:
            frames.append(np.where(x < random.random(), number % 256, 0))
        else:
            a, b, c, d = random.normal(0, 9, 4)
            frames.append(127 + 127 * np.sin(a * x + b * y + c) * np.cos(d * x * y))
    frames[-1] = np.zeros((128, 128))
    return np.array(frames).astype(np.uint8)[..., None]


def test_hash_is_that_of_the_library():
    frames = pictures(0, 120)
    ours = hash_frames(frames)
    assert ours.dtype == np.uint64
    for frame, value in zip(frames, ours, strict=True):
        assert f"{int(value):016x}" == str(imagehash.phash(Image.fromarray(frame[..., 0])))
    np.testing.assert_array_equal(hash_frames(frames[..., 0]), ours)


def test_hash_does_not_depend_on_how_many_are_hashed_at_once():
    frames = np.tile(pictures(1, 16), (70, 1, 1, 1))
    assert len(frames) > 1024
    np.testing.assert_array_equal(hash_frames(frames), np.tile(hash_frames(frames[:16]), 70))


def test_distances_equal_the_library_and_the_slow_loop(monkeypatch):
    monkeypatch.setattr(leakage, "_TEST_BLOCK", 3)
    monkeypatch.setattr(leakage, "_TRAINING_BLOCK", 5)
    test, training = pictures(2, 23), pictures(3, 31)
    hashes = [[imagehash.phash(Image.fromarray(frame[..., 0])) for frame in frames] for frames in (test, training)]
    slow = [min(one - other for other in hashes[1]) for one in hashes[0]]
    np.testing.assert_array_equal(nearest_distances(hash_frames(test), hash_frames(training)), slow)


def test_distances_of_worked_examples():
    test = np.array([0, 0b1011, 2**64 - 1, 0b1011], dtype=np.uint64)
    training = np.array([0b1, 0b1011], dtype=np.uint64)
    np.testing.assert_array_equal(nearest_distances(test, training), [1, 0, 61, 0])
    np.testing.assert_array_equal(nearest_distances(test[:2], training[:0]), [65, 65])
    assert len(nearest_distances(test[:0], training)) == 0


def test_count_is_of_test_frames_within_the_distance():
    test = np.array([0b1, 0b111, 0b1111111], dtype=np.uint64)
    training = np.array([0, 0], dtype=np.uint64)
    counts = [count_near_duplicates(test, training, distance).count for distance in (0, 1, 3, 7)]
    assert counts == [0, 1, 2, 3]
    found = count_near_duplicates(test, training, 3)
    assert found.to_json() == {"count": 2, "frames": 3, "distance": 3, "share": pytest.approx(2 / 3)}
    assert count_near_duplicates(test[:0], training).share == 0


def test_neighbouring_frames_are_near_and_unrelated_ones_are_not():
    y, x = np.mgrid[0:128, 0:128]
    moving = np.array(
        [np.exp(-((x - 40 - step) ** 2 + (y - 64) ** 2) / 400) + x / 256 for step in range(20)]
    )  # one pixel a frame
    frames = (moving / moving.max() * 255).astype(np.uint8)
    leaked = count_near_duplicates(hash_frames(frames[::2]), hash_frames(frames[1::2]))
    assert leaked.count == 10
    noise = np.random.default_rng(0).integers(0, 256, (40, 128, 128), dtype=np.uint8)
    assert count_near_duplicates(hash_frames(noise[:20]), hash_frames(noise[20:])).count == 0


def test_gap_is_the_difference_of_accuracies():
    def run(right):
        names = ("ann", "bea", "cleo", "dora")
        verdicts = np.eye(2)[np.where(np.array(right, bool), 0, 1)]
        return Predictions(verdicts, np.zeros(4, int), np.arange(4), names, ("Tok", "TDS"), names)

    gap = leakage_gap([run([1, 1, 1, 1]), run([1, 1, 1, 0])], [run([1, 0, 0, 0])])
    assert gap.mean == pytest.approx(0.875 - 0.25)
    assert gap.low <= gap.mean <= gap.high
    assert gap.runs == 1
    assert leakage_gap([run([1, 1, 1, 1])], [run([0, 0, 0, 0])]).low == 1


@pytest.mark.parametrize("frames", [np.zeros((2, 8, 8, 3), np.uint8), np.zeros((2, 8, 8), np.float32)])
def test_frames_of_another_kind_are_refused(frames):
    with pytest.raises(ValueError, match="not uint8"):
        hash_frames(frames)
