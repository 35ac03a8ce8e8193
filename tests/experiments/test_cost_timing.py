"""What is timed, in which order, and what is seen meanwhile; nothing here depends on the speed of a machine."""

import cv2
import numpy as np
import pytest

from dance_tf.curation.background import estimate_background
from dance_tf.experiments.cost import (
    BATCH,
    network_steps,
    one_clip,
    peak_memory,
    read_clip,
    take_room_away,
    time_rounds,
    weigh_network,
)
from dance_tf.model.networks import STRATEGIES, NetworkSettings

FRAMES = np.random.default_rng(0).integers(0, 256, (70, 128, 128, 1), np.uint8)


@pytest.fixture
def clip(tmp_path):
    """A clip of five pictures, 64 × 48."""
    folder = tmp_path / "clip"
    folder.mkdir()
    for number in range(5):
        cv2.imwrite(str(folder / f"{number:04d}.png"), np.full((48, 64), 40 * number, np.uint8))
    return folder


@pytest.fixture
def network(tmp_path):
    path = tmp_path / "model.keras"
    STRATEGIES["cnn"].build(NetworkSettings(classes=3)).save(path)
    return str(path)


def test_a_clip_that_is_long_enough_is_taken_as_it_is(clip, tmp_path):
    assert one_clip([clip], 5, tmp_path) == (clip, (64, 48), False)
    frames = read_clip(clip, 4)
    assert frames.shape == (4, 128, 128, 1)
    assert frames[:, 64, 64, 0].tolist() == [0, 40, 80, 120]


def test_one_file_is_filmed_where_the_clips_are_short_and_only_once(clip, tmp_path):
    path, picture, filmed = one_clip([clip], 12, tmp_path / "work")
    assert (picture, filmed, path.suffix) == ((64, 48), True, ".mp4")
    assert len(read_clip(path, 100)) == 12
    written = path.stat().st_mtime_ns
    assert one_clip([clip], 12, tmp_path / "work")[0] == path
    assert path.stat().st_mtime_ns == written


def test_nothing_to_decode_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no clips"):
        one_clip([], 1, tmp_path)


def test_the_room_is_taken_away_as_curation_does():
    room = estimate_background(FRAMES[..., 0]).picture
    expected = np.abs(FRAMES[..., 0].astype(int) - room.astype(int))
    np.testing.assert_array_equal(take_room_away(FRAMES, "difference")[..., 0], expected)
    assert take_room_away(FRAMES, "frame") is FRAMES


@pytest.mark.parametrize("strategy", ["cnn_lstm", "cnn_ae_attention"])
def test_what_is_timed_is_the_whole_clip(strategy):
    network = STRATEGIES[strategy].build(NetworkSettings(classes=3))
    steps = network_steps(network, FRAMES)
    assert ("attention" in steps) == strategy.endswith("attention")
    assert set(steps) - {"attention"} == {"network", "extraction", "head"}
    for step in steps.values():
        outputs = step()
        sizes = [len(part[0] if isinstance(part, list) else part) for part in outputs]
        assert sizes == [BATCH, len(FRAMES) - BATCH]
    assert np.concatenate(steps["network"]()).shape == (len(FRAMES), 3)


def test_every_part_is_timed_once_a_round(network, clip):
    networks, shared = time_rounds({"a": (network, "frame"), "b": (network, "difference")}, str(clip), 5, 2)
    assert {name: set(parts) for name, parts in networks.items()} == dict.fromkeys(
        "ab", {"network", "extraction", "head"}
    )
    assert set(shared) == {"decode", "room"}
    taken = [times for parts in (*networks.values(), shared) for times in parts.values()]
    assert all(len(times) == 2 and min(times) > 0 for times in taken)


def test_memory_before_and_at_the_peak(network):
    before, peak = weigh_network(network, FRAMES)
    assert 0 < before <= peak <= peak_memory()
