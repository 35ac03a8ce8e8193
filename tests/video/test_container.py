"""What containers state: lengths beside longer sound, track tags, truncated files; and when to seek."""

from fractions import Fraction

import av
import numpy as np
import pytest

from dance_tf.video.container import SeekPlanner, stated_seconds
from dance_tf.video.frames import ReadError, ReadSettings, read_footage
from dance_tf.video.settings import ReadLimits

CODECS = {
    "tagged.mkv": ("libx264", "aac"),
    "untagged.mkv": ("libx264", "aac"),
    "loud.flv": ("libx264", "aac"),
    "loud.webm": ("libvpx-vp9", "libopus"),
    "loud.mp4": ("libx264", "aac"),
    "loud.ts": ("libx264", "aac"),
    "loud.mpg": ("mpeg1video", "mp2"),  # FFmpeg guesses half of its length
}


def write_with_sound(path, frames, sound_seconds=3, delay=0):
    """Write gray frames uint8 [n, h, w], 30 a second from `delay` seconds on, and silence of another length.

    An untagged file has no tag with the length of its video track, only the length of the whole file.
    """
    codecs = CODECS.get(path.name, ("libx264", "aac"))
    with av.open(str(path), "w") as container:
        pictures, sound = container.add_stream(codecs[0], rate=30), container.add_stream(codecs[1], rate=48_000)
        pictures.height, pictures.width, pictures.pix_fmt = *frames.shape[1:], "yuv420p"
        for number, gray in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(gray, format="gray").reformat(format="yuv420p")
            frame.pts = number + 30 * delay
            container.mux(pictures.encode(frame))
        container.mux(pictures.encode())
        for begin in range(0, round(sound_seconds * 48_000), 960):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 960), np.float32), format="fltp", layout="mono")
            frame.rate, frame.pts, frame.time_base = 48_000, begin, Fraction(1, 48_000)
            container.mux(sound.encode(frame))
        container.mux(sound.encode())
    if path.name.startswith("untagged"):
        path.write_bytes(path.read_bytes().replace(b"DURATION", b"DURATIOX"))
    return path


@pytest.mark.parametrize("name", CODECS)
def test_sound_may_be_longer_than_the_pictures(tmp_path, make_ramp, name):
    path = write_with_sound(tmp_path / name, make_ramp(30))
    whole = read_footage(path, ReadSettings(size=16))
    assert (len(whole.frames), whole.warnings) == (30, ()) and whole.seconds == pytest.approx(1, abs=2e-3)
    few = read_footage(path, ReadSettings(size=16, frames_in_all=5))
    # the middles of five segments of six frames
    assert np.allclose(few.timestamps, np.array([3, 9, 15, 21, 27]) / 30, atol=2e-3)
    assert (few.seconds, few.warnings) == (pytest.approx(1, abs=2e-3), ())


@pytest.mark.parametrize("name", ["tagged.mkv", "untagged.mkv", "loud.flv"])
def test_half_a_file_with_sound_gives_a_warning(tmp_path, make_dance, name):
    path = write_with_sound(tmp_path / name, make_dance(90))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    for sampling in ({}, {"frames_in_all": 4}, {"frames_per_second": 3}):
        half = read_footage(path, ReadSettings(size=16, **sampling))
        assert 0.5 < half.seconds < 2.5
        assert any(warning.startswith("breaks off after") for warning in half.warnings)


def test_the_tag_of_a_track_counts_from_the_start_of_the_file(tmp_path, make_ramp):
    path = write_with_sound(tmp_path / "late.mkv", make_ramp(30), delay=1)
    with av.open(str(path)) as container:
        assert stated_seconds(container, container.streams.video[0]) == pytest.approx(1, abs=2e-3)
    few = read_footage(path, ReadSettings(size=16, frames_in_all=2))
    assert few.warnings == () and np.allclose(few.timestamps, [7 / 30, 22 / 30], atol=2e-3)


@pytest.mark.parametrize(("value", "seconds"), [(b"00:00:09.000000000", 3), (b"soon              ", None)])
def test_a_wrong_tag_is_limited_or_ignored(tmp_path, make_ramp, value, seconds):
    path = write_with_sound(tmp_path / "tagged.mkv", make_ramp(30))
    data = path.read_bytes()
    assert data.count(b"00:00:01.000000000") == 1
    path.write_bytes(data.replace(b"00:00:01.000000000", value))
    with av.open(str(path)) as container:
        found = stated_seconds(container, container.streams.video[0])
    assert found == (seconds if seconds is None else pytest.approx(seconds, abs=0.1))


def test_a_file_without_a_track_length_is_refused_by_its_file_length_or_read_with_heartbeats(tmp_path, make_ramp):
    path = write_with_sound(tmp_path / "untagged.mkv", make_ramp(30))
    beats = []
    with pytest.raises(ReadError, match="3 s long, over the limit of 2 s"):
        read_footage(path, ReadSettings(limits=ReadLimits(seconds=2)), heartbeat=lambda: beats.append(1))
    assert beats == []
    read_footage(path, ReadSettings(size=16, frames_in_all=1), heartbeat=lambda: beats.append(1))
    # the video packets to find their end, all packets to find the file's, and the frames up to the sampled one
    assert len(beats) > 30 + 30 + 130


KEYS = [0.0, 1.0, 2.0, 3.0]


def test_seeks_go_to_a_key_frame_beyond_the_next_frame():
    seeks = SeekPlanner(KEYS, 0.1)
    assert not seeks.is_due(0.9, 0.0)  # the key frame before 0.9 was read
    assert not seeks.is_due(1.5, 0.9)  # the key frame before 1.5 is the next frame
    assert not seeks.pending
    assert seeks.is_due(2.5, 0.9) and seeks.pending
    assert not seeks.is_repeated(2.0, 0.9) and not seeks.pending
    # no second seek to the same key frame, and none after the last sample
    assert not seeks.is_due(2.9, 0.9) and not seeks.is_due(None, 2.0)
    assert not SeekPlanner([], 0.1).is_due(9.0, 0.0)


def test_an_index_that_leads_back_is_not_trusted_again():
    seeks = SeekPlanner(KEYS, 0.1)
    assert seeks.is_due(3.5, 0.5)
    assert [seeks.is_repeated(time, 0.5) for time in (0.0, 0.4, 0.5)] == [True] * 3
    # the first new frame is used, and so is one after it that goes back a little
    assert not seeks.is_repeated(0.6, 0.5) and not seeks.is_repeated(0.55, 0.6)
    assert not seeks.is_due(3.5, 0.6)


def test_after_a_seek_without_frames_reading_continues_from_the_last_frame():
    seeks = SeekPlanner(KEYS, 0.1)
    assert seeks.is_due(3.5, 1.4)
    assert seeks.recover(1.4) == 1.0 and not seeks.pending
    assert [seeks.is_repeated(time, 1.4) for time in (1.0, 1.4, 1.5)] == [True, True, False]
    assert not seeks.is_due(3.5, 1.5)
    assert SeekPlanner([0.5], 0.1).recover(0.2) == 0.5
