"""What a file says of its length, with sound that outlasts the pictures, tags, and halves of files."""

from fractions import Fraction

import av
import numpy as np
import pytest

from dance_tf.video.decode import stated_seconds
from dance_tf.video.frames import ReadError, ReadLimits, ReadSettings, read_footage


def write_with_sound(path, frames, sound_seconds, codecs=("libx264", "aac"), delay=0):
    """Gray frames uint8 [n, h, w] at 30 a second from `delay` seconds on, beside silence of another length."""
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
    return path


def without_tag(path):
    """Rename the tag that says when a track ends, so that the length of the whole file is all there is."""
    path.write_bytes(path.read_bytes().replace(b"DURATION", b"DURATIOX"))
    return path


KINDS = {
    "tagged.mkv": ("libx264", "aac"),
    "untagged.mkv": ("libx264", "aac"),
    "loud.flv": ("libx264", "aac"),
    "loud.webm": ("libvpx-vp9", "libopus"),
    "loud.mp4": ("libx264", "aac"),
    "loud.ts": ("libx264", "aac"),
    "loud.mpg": ("mpeg1video", "mp2"),  # of which FFmpeg guesses half the length
}


@pytest.mark.parametrize("name", KINDS)
def test_sound_may_outlast_the_pictures(tmp_path, make_ramp, name):
    path = write_with_sound(tmp_path / name, make_ramp(30), 3, KINDS[name])
    if name.startswith("untagged"):
        without_tag(path)
    whole = read_footage(path, ReadSettings(size=16))
    assert (len(whole.frames), whole.warnings) == (30, ()) and whole.seconds == pytest.approx(1, abs=2e-3)
    few = read_footage(path, ReadSettings(size=16, frames_in_all=5))
    # the middles of five stretches of six frames
    assert np.allclose(few.timestamps, np.array([3, 9, 15, 21, 27]) / 30, atol=2e-3)
    assert (few.seconds, few.warnings) == (pytest.approx(1, abs=2e-3), ())


@pytest.mark.parametrize("name", ["tagged.mkv", "untagged.mkv", "loud.flv"])
def test_half_a_file_with_sound_is_still_told_to_be_half(tmp_path, make_dance, name):
    path = write_with_sound(tmp_path / name, make_dance(90), 3)
    if name.startswith("untagged"):
        without_tag(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    for sampling in ({}, {"frames_in_all": 4}, {"frames_per_second": 3}):
        half = read_footage(path, ReadSettings(size=16, **sampling))
        assert 0.5 < half.seconds < 2.5
        assert any(warning.startswith("breaks off after") for warning in half.warnings)


def test_the_tag_of_a_track_counts_from_the_beginning_of_the_file(tmp_path, make_ramp):
    path = write_with_sound(tmp_path / "late.mkv", make_ramp(30), 3, delay=1)
    with av.open(str(path)) as container:
        assert stated_seconds(container, container.streams.video[0]) == pytest.approx(1, abs=2e-3)
    few = read_footage(path, ReadSettings(size=16, frames_in_all=2))
    assert few.warnings == () and np.allclose(few.timestamps, [7 / 30, 22 / 30], atol=2e-3)


@pytest.mark.parametrize(("value", "seconds"), [(b"00:00:09.000000000", 3), (b"soon              ", None)])
def test_a_tag_is_believed_within_reason(tmp_path, make_ramp, value, seconds):
    path = write_with_sound(tmp_path / "tagged.mkv", make_ramp(30), 3)
    data = path.read_bytes()
    assert data.count(b"00:00:01.000000000") == 1
    path.write_bytes(data.replace(b"00:00:01.000000000", value))
    with av.open(str(path)) as container:
        found = stated_seconds(container, container.streams.video[0])
    assert found == (seconds if seconds is None else pytest.approx(seconds, abs=0.1))


def test_a_file_of_hours_whose_pictures_state_no_length_is_refused_unread(tmp_path, make_ramp):
    path = without_tag(write_with_sound(tmp_path / "long.mkv", make_ramp(3), 3))
    beats = []
    with pytest.raises(ReadError, match="3 s long, over the limit of 2 s"):
        read_footage(path, ReadSettings(limits=ReadLimits(seconds=2)), heartbeat=lambda: beats.append(1))
    assert beats == []


def test_signs_of_life_come_while_a_file_is_read_for_its_length(tmp_path, make_ramp):
    path = without_tag(write_with_sound(tmp_path / "loud.mkv", make_ramp(30), 3))
    beats = []
    read_footage(path, ReadSettings(size=16, frames_in_all=1), heartbeat=lambda: beats.append(1))
    # each packet of the pictures for their end, each of all for the file's, and the frames up to the one wanted
    assert len(beats) > 30 + 30 + 130
