"""Degradations on training batches."""

import numpy as np
import pytest

from dance_tf.corruption import augment as degrade_augment
from dance_tf.corruption.augment import SPATIAL_FAMILIES, augment_frames


def make_batch(count: int = 60, side: int = 48) -> np.ndarray:
    y, x = np.mgrid[:side, :side]
    return np.stack([(120 + 60 * np.sin(x / (3 + i % 5)) + 40 * np.cos(y / 4 + i)) for i in range(count)]).astype(
        np.uint8
    )


def test_shape_dtype_and_input_stay():
    batch = make_batch()
    before = batch.copy()
    for frames in (batch, batch[..., None]):
        augmented = augment_frames(frames, np.random.default_rng(0))
        assert augmented.shape == frames.shape and augmented.dtype == np.uint8
        assert not np.shares_memory(augmented, frames)
    np.testing.assert_array_equal(batch, before)


def test_the_generator_decides_all():
    batch = make_batch()
    first = augment_frames(batch, np.random.default_rng(7))
    np.testing.assert_array_equal(first, augment_frames(batch, np.random.default_rng(7)))
    assert not np.array_equal(first, augment_frames(batch, np.random.default_rng(8)))


def test_the_share_of_frames_is_touched():
    batch = make_batch(400)
    np.testing.assert_array_equal(augment_frames(batch, np.random.default_rng(0), share=0.0), batch)
    touched = (augment_frames(batch, np.random.default_rng(0), ("noise",), share=0.3) != batch).any((1, 2)).mean()
    assert touched == pytest.approx(0.3, abs=0.06)


@pytest.mark.parametrize("family", SPATIAL_FAMILIES)
def test_each_family_harms_frames_by_itself(family):
    batch = make_batch(20)
    augmented = augment_frames(batch, np.random.default_rng(1), (family,), share=1.0)
    assert (augmented != batch).any((1, 2)).mean() > 0.5


def test_a_family_left_out_never_occurs(monkeypatch):
    seen = set()
    apply = degrade_augment._apply

    def record(condition, *rest):
        seen.add(condition.family)
        return apply(condition, *rest)

    monkeypatch.setattr(degrade_augment, "_apply", record)
    families = tuple(family for family in SPATIAL_FAMILIES if family != "weather")
    for seed in range(3):
        augment_frames(make_batch(60), np.random.default_rng(seed), families, share=1.0)
    assert seen == set(families)


def test_no_family_or_no_frame_changes_nothing():
    batch = make_batch(3)
    np.testing.assert_array_equal(augment_frames(batch, np.random.default_rng(0), ()), batch)
    assert augment_frames(batch[:0], np.random.default_rng(0)).shape == (0, 48, 48)


def test_a_wrong_call_is_refused():
    with pytest.raises(ValueError, match="time.*compression"):
        augment_frames(make_batch(2), np.random.default_rng(0), ("time",))
    with pytest.raises(ValueError, match="uint8"):
        augment_frames(make_batch(2).astype(np.float32), np.random.default_rng(0))
