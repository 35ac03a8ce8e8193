"""Onsets of the sound of clips: when beats are heard, and what happens without or with damaged sound."""

from fractions import Fraction

import av
import numpy as np
import pytest

from dance_tf.video.settings import ReadSettings
from dance_tf.video.sound import ONSET_RATE, SAMPLE_RATE, onset_strength, read_onsets

BEATS = (0.5, 1.1, 1.7, 2.5)  # seconds


def drums(beats=BEATS, seconds=3.0, rate=SAMPLE_RATE):
    """Return int16 samples of short drum beats."""
    at, generator = np.arange(round(seconds * rate)) / rate, np.random.default_rng(0)
    loud = sum(np.exp(-(at - beat) / 0.03) * (at >= beat) for beat in beats)
    return (loud * generator.uniform(-8000, 8000, len(at))).astype(np.int16)


def write(path, sounds, rate=SAMPLE_RATE, first_picture=0.0, pictures=True, codec="aac"):
    """Write a clip of three seconds with the given sound, whose pictures start later if asked."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=10) if pictures else None
        if video:
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        heard = [container.add_stream(codec, rate=rate, layout="mono") for _ in sounds]
        for stream, sound in zip(heard, sounds, strict=True):
            frame = av.AudioFrame.from_ndarray(sound[None], format="s16", layout="mono")
            frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
            container.mux(stream.encode(frame))
            container.mux(stream.encode())
        if video:
            for number in range(30):
                picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 8 * number, np.uint8), format="rgb24")
                picture.pts, picture.time_base = number + round(10 * first_picture), Fraction(1, 10)
                container.mux(video.encode(picture))
            container.mux(video.encode())
    return path


def heard_at(onsets):
    """Return the seconds of the strong onsets of all bands together."""
    onsets = onsets.astype(float).sum(axis=1)
    strong = np.flatnonzero(onsets > 0.5 * onsets.max())
    return strong[np.diff(strong, prepend=-10) > 5] / ONSET_RATE


def test_onsets_are_strong_where_beats_begin():
    onsets = onset_strength(drums())
    assert (onsets.dtype, onsets.shape) == (np.float16, (300, 6))
    np.testing.assert_allclose(heard_at(onsets), BEATS, atol=0.02)
    assert onsets.min() >= 0 and float(onsets.astype(float).std()) == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(heard_at(onset_strength(drums() // 3)), BEATS, atol=0.02)


def test_bands_tell_low_from_high_sounds():
    at = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    for hertz, loudest in ((80, {0, 1}), (3000, {4, 5})):
        tone = (8000 * np.sin(2 * np.pi * hertz * at) * np.exp(-((at - 0.5) % 1) / 0.05) * (at > 0.5)).astype(np.int16)
        assert onset_strength(tone)[45:60].astype(float).sum(axis=0).argmax() in loudest


@pytest.mark.parametrize("samples", [np.zeros(0, np.int16), np.zeros(SAMPLE_RATE, np.int16), np.ones(3, np.int16)])
def test_silence_has_no_onsets(samples):
    assert onset_strength(samples).shape == (0, 6)


@pytest.mark.parametrize(
    ("name", "written", "settings", "expected"),
    [
        ("clip.mp4", {}, {}, BEATS),
        ("clip.mp4", {"rate": 44100, "sounds": [drums(rate=44100)]}, {}, BEATS),
        ("clip.mkv", {"first_picture": 0.4}, {}, [beat - 0.4 for beat in BEATS]),
        ("clip.mp4", {}, {"start": 1.0}, [0.1, 0.7, 1.5]),
        ("clip.mp4", {}, {"start": 1.0, "end": 2.0}, [0.1, 0.7]),
        ("clip.mp4", {"sounds": []}, {}, []),
        ("sound.mka", {"pictures": False}, {}, BEATS),
    ],
)
def test_onsets_of_files_are_counted_from_the_first_picture(tmp_path, name, written, settings, expected):
    path = write(tmp_path / name, **{"sounds": [drums()], **written})
    onsets = read_onsets(path, ReadSettings(**settings))
    np.testing.assert_allclose(heard_at(onsets) if len(onsets) else [], expected, atol=0.04)


def test_damaged_sound_and_folders_have_the_onsets_that_can_be_read(tmp_path):
    path = write(tmp_path / "clip.mka", [drums()], pictures=False)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    np.testing.assert_allclose(heard_at(read_onsets(path)), [0.5, 1.1], atol=0.04)
    path.write_bytes(b"no sound at all")
    assert len(read_onsets(path)) == 0
    assert len(read_onsets(tmp_path)) == 0
