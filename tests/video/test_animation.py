"""Animated WebP, GIF and PNG: the durations that they state, and files that break off."""

import numpy as np
import pytest
from PIL import Image

from dance_tf.video.frames import ReadError, read_footage
from dance_tf.video.settings import ReadLimits, ReadSettings
from dance_tf.video.stills import webp_durations

LEVELS = (40, 120, 200)


def write_animation(path, durations):
    """Pictures of one gray level each, shown for so many milliseconds."""
    pictures = [Image.new("L", (16, 16), LEVELS[number % 3]) for number in range(len(durations))]
    options = {"lossless": True} if path.suffix == ".webp" else {}
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=durations, loop=0, **options)
    return path


@pytest.mark.parametrize("suffix", ["webp", "gif", "png"])
@pytest.mark.parametrize("durations", [(100, 240, 260), (260, 240, 100)])
def test_an_animation_keeps_its_durations(tmp_path, suffix, durations):
    path = write_animation(tmp_path / f"a.{suffix}", durations)
    footage = read_footage(path, ReadSettings(size=8))
    assert np.allclose(footage.timestamps, [0, durations[0] / 1000, sum(durations[:2]) / 1000])
    assert (footage.seconds, footage.frame_rate) == (pytest.approx(0.6), pytest.approx(5))
    assert np.abs(footage.frames[:, 4, 4].astype(int) - LEVELS).max() <= 1
    for wanted in (1, 2, 6):
        few = read_footage(path, ReadSettings(size=8, frames_in_all=wanted))
        moments = (np.arange(wanted) + 0.5) * 0.6 / wanted
        shown = np.unique(np.searchsorted(footage.timestamps, moments, "right") - 1)
        assert np.allclose(few.timestamps, footage.timestamps[shown])
        assert few.seconds == pytest.approx(0.6) and few.warnings == ()
        if suffix == "webp":
            assert few.frame_rate == pytest.approx(5)
    paced = read_footage(path, ReadSettings(size=8, frames_per_second=4))
    shown = np.unique(np.searchsorted(footage.timestamps, np.array([0, 0.25, 0.5]) + 1e-6, "right") - 1)
    assert np.allclose(paced.timestamps, footage.timestamps[shown]) and paced.seconds == pytest.approx(0.6)


def test_durations_are_known_without_decoding(tmp_path):
    path = write_animation(tmp_path / "a.webp", [100, 0, 16_777_215])
    # none is shown for a tenth of a second
    assert list(webp_durations(path)) == pytest.approx([0.1, 0.1, 16_777.215])
    Image.new("L", (16, 16), 7).save(tmp_path / "still.webp")
    assert list(webp_durations(tmp_path / "still.webp")) == []
    assert read_footage(tmp_path / "still.webp", ReadSettings(size=8)).seconds == pytest.approx(0.1)


@pytest.mark.parametrize("sampling", [{}, {"frames_in_all": 1}])
def test_an_animation_is_limited_before_it_is_decoded(tmp_path, sampling):
    path = write_animation(tmp_path / "a.webp", [100] * 30)
    beats = []
    limits = ReadLimits(seconds=2.05)
    with pytest.raises(ReadError, match="a.webp: longer than the limit of 2.05 s"):
        read_footage(path, ReadSettings(limits=limits, **sampling), heartbeat=lambda: beats.append(1))
    assert len(beats) == 21
    with pytest.raises(ReadError, match="decoded bytes"):
        read_footage(path, ReadSettings(limits=ReadLimits(decoded_bytes=1000), **sampling))


def test_signs_of_life_come_for_each_picture_that_is_looked_at(tmp_path):
    path = write_animation(tmp_path / "a.webp", [100] * 30)
    beats = []
    read_footage(path, ReadSettings(size=8, frames_in_all=1), heartbeat=lambda: beats.append(1))
    assert len(beats) == 30 + 17  # each in the head of the file, and those up to the one after the middle


def test_a_broken_animation_is_refused(tmp_path):
    (tmp_path / "a.webp").write_bytes(b"RIFF\x10\0\0\0WEBPVP8 junk")
    with pytest.raises(ReadError, match="a.webp"):
        read_footage(tmp_path / "a.webp")
    whole = write_animation(tmp_path / "b.webp", [100] * 9).read_bytes()
    (tmp_path / "b.webp").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ReadError, match="b.webp"):
        read_footage(tmp_path / "b.webp")
