import cv2
import numpy as np
import pytest

from dance_tf.dataset.batches import (
    Jitter,
    downsample,
    jitter_frames,
    load_frames,
    sample_evenly,
    sample_random,
    subsample,
    windows,
)

CLIPS = np.repeat(np.arange(5), [7, 1, 4, 12, 3])  # clips of 7, 1, 4, 12 and 3 frames


@pytest.fixture
def random():
    return np.random.default_rng(5)


@pytest.fixture
def frames(random):
    return random.integers(0, 256, (6, 128, 128, 1), dtype=np.uint8)


def members_of(indices, clip) -> list[int]:
    return [index for index in indices if CLIPS[index] == clip]


@pytest.mark.parametrize("per_clip", [1, 2, 3, 4, 5, 12, 13])
@pytest.mark.parametrize("step", [1, 2, 5])
def test_frames_are_sampled_evenly_per_clip(per_clip, step):
    indices, expected = np.arange(0, len(CLIPS), step), []
    for clip in range(5):
        members = members_of(indices, clip)
        middles = [members[(2 * part + 1) * len(members) // (2 * per_clip)] for part in range(per_clip) if members]
        expected += members if len(members) <= per_clip else middles
    np.testing.assert_array_equal(sample_evenly(indices, CLIPS, per_clip), expected)
    assert sample_evenly(indices[:0], CLIPS, per_clip).tolist() == []


@pytest.mark.parametrize("per_clip", [1, 3, 20])
def test_random_samples_have_the_same_number_of_frames_per_clip_and_reach_every_frame(per_clip, random):
    indices = np.flatnonzero(np.arange(27) % 4)
    chosen = sample_random(indices, CLIPS, per_clip, random)
    assert len(set(chosen)) == len(chosen) and set(chosen) <= set(indices)
    for clip in range(5):
        assert len(members_of(chosen, clip)) == min(per_clip, len(members_of(indices, clip)))
    samples = [sample_random(indices, CLIPS, 2, np.random.default_rng(epoch)) for epoch in (*range(60), 0)]
    assert set(np.concatenate(samples)) == set(indices) and np.array_equal(samples[0], samples[-1])
    assert any((np.diff(CLIPS[one]) < 0).any() for one in samples)  # clips are mixed


@pytest.mark.parametrize("length", [1, 2, 5, 9])
@pytest.mark.parametrize("allowed", [np.arange(27), np.flatnonzero(np.arange(27) % 3)], ids=["all", "part"])
def test_windows_hold_allowed_frames_of_one_segment(length, allowed):
    indices = allowed[::-1]
    found = windows(indices, allowed, CLIPS, length)
    assert found.shape == (len(indices), length)
    for index, window in zip(indices, found, strict=True):
        expected = [frame for frame in allowed if CLIPS[frame] == CLIPS[index] and frame <= index][-length:]
        assert window.tolist() == [expected[0]] * (length - len(expected)) + expected
    with pytest.raises(ValueError, match="may not hold"):
        windows(np.array([3]), np.array([1, 2, 4]), CLIPS, length)


@pytest.mark.parametrize("view", ["frame", "difference", "cutout"])
def test_frames_are_loaded_with_the_background_of_their_clip(dataset, view):
    indices = np.array([[0, 30, 83], [40, 40, 1]])
    found = load_frames(dataset, indices, view)
    assert found.shape == (2, 3, 128, 128, 1) and found.dtype == np.uint8
    expected = dataset.frames[indices].astype(int)
    if view == "cutout":
        expected = dataset.cutouts[dataset.nearest_pose[indices]]
    if view == "difference":
        expected = abs(expected - dataset.backgrounds[dataset.clip_index[indices]])
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(ValueError, match="unknown view 'edges'"):
        load_frames(dataset, indices, "edges")


def test_jitter_stays_within_its_amounts():
    frames = np.zeros((40, 128, 128, 1), dtype=np.uint8)
    frames[:, 60:68, 60:68] = 200
    moved = jitter_frames(frames, Jitter(shift=10), np.random.default_rng(1))[..., 0].astype(float)
    rows, columns = np.mgrid[:128, :128]
    mass = moved.sum(axis=(1, 2))
    down = (moved * rows).sum(axis=(1, 2)) / mass - 63.5
    right = (moved * columns).sum(axis=(1, 2)) / mass - 63.5
    for way in (down, right):
        assert 5 < np.abs(way).max() <= 10.1 and way.min() < 0 < way.max()
    np.testing.assert_allclose(mass / (64 * 200), 1, atol=0.02)  # a shift keeps size and brightness
    lit = jitter_frames(frames, Jitter(gain=0.2), np.random.default_rng(1))
    assert 160 <= lit.max(axis=(1, 2, 3)).min() < 190 and 210 < lit.max() <= 240
    sized = (jitter_frames(frames, Jitter(zoom=0.5), np.random.default_rng(1)) > 100).sum(axis=(1, 2, 3)) ** 0.5 / 8
    assert 0.4 < sized.min() < 0.8 and 1.2 < sized.max() < 1.6


def test_gamma_keeps_black_and_white():
    ramp = np.broadcast_to(np.arange(0, 256, 2, dtype=np.uint8)[:, None], (128, 128))
    frames = np.repeat(ramp[None, ..., None], 30, axis=0)
    bent = jitter_frames(frames, Jitter(gamma=np.log(2)), np.random.default_rng(4))[..., 0, 0].astype(float)
    assert (np.diff(bent, axis=1) >= 0).all() and (bent[:, 0] == 0).all() and (bent[:, -1] >= 252).all()
    exponents = np.log(bent[:, 64] / 255) / np.log(128 / 255)
    assert 0.5 <= exponents.min() < 0.7 and 1.5 < exponents.max() <= 2.01
    for levels, exponent in zip(bent, exponents, strict=True):
        np.testing.assert_allclose(levels, 255 * (ramp[:, 0] / 255) ** exponent, atol=1.5)


def test_a_tilt_rotates_around_the_centre():
    frame = np.zeros((1, 128, 128, 1), dtype=np.uint8)
    frame[:, :, 60:68] = 200  # an upright bar
    tilted = [jitter_frames(frame, Jitter(tilt=20), np.random.default_rng(seed))[0, ..., 0] for seed in range(12)]
    for picture in tilted:
        assert picture[63:65, 63:65].min() == 200
        up, down = (np.flatnonzero(picture[row] > 100).mean() - 63.5 for row in (32, 95))
        assert abs(up + down) <= 1.5  # mirrored in the middle
        assert abs(np.degrees(np.arctan2(up, 31.5))) <= 20.5


def test_frames_of_a_window_get_the_same_jitter(frames, random):
    same = np.repeat(frames[:1], 6, axis=0)
    found = jitter_frames(same, Jitter(8, 0.15, 5, 0.2, 0.7), random, sequence_length=3)
    np.testing.assert_array_equal(found, found[[0, 0, 0, 3, 3, 3]])
    assert (found[0] != found[3]).any()
    np.testing.assert_array_equal(jitter_frames(frames, Jitter(), random), frames)


@pytest.mark.parametrize("interval", [1, 2, 3, 5, 10, 20])
def test_one_frame_is_kept_per_interval_of_a_clip(interval):
    indices = np.flatnonzero(CLIPS != 2)
    kept = subsample(indices, CLIPS, interval, np.random.default_rng(1))
    expected = []
    for clip in (0, 1, 3, 4):
        members = members_of(indices, clip)
        expected += [members[start : start + interval] for start in range(0, len(members), interval)]
    assert len(kept) == len(expected)
    assert all(frame in group for frame, group in zip(kept, expected, strict=True))


def test_every_frame_of_an_interval_is_equally_probable():
    generator = np.random.default_rng(2)
    places = np.concatenate([subsample(np.arange(12), np.zeros(12, int), 4, generator) % 4 for _ in range(1000)])
    np.testing.assert_allclose(np.bincount(places) / len(places), 0.25, atol=0.03)
    with pytest.raises(ValueError, match="at least 1"):
        subsample(np.arange(3), np.zeros(3, int), 0, generator)


def test_downsampled_frames_are_shrunk_and_enlarged(frames):
    coarse = downsample(frames, 32)
    assert (coarse.shape, coarse.dtype) == (frames.shape, np.uint8)
    for frame, found in zip(frames[..., 0].astype(float), coarse[..., 0], strict=True):
        means = frame.reshape(32, 4, 32, 4).mean(axis=(1, 3))
        expected = cv2.resize(means, (128, 128), interpolation=cv2.INTER_LINEAR)
        assert np.abs(expected - found).max() <= 1.5
    assert downsample(frames, 128) is frames
