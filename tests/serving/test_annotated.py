"""Annotated clips: skeleton, words, timing and sound."""

from fractions import Fraction

import av
import numpy as np
import pytest

from dance_tf.fidelity.assess import assess
from dance_tf.fidelity.score import ReferenceClip, build_standard
from dance_tf.serving import annotated
from dance_tf.serving.annotated import CLOSE, FAR, FURTHEST, NEAREST, UNKNOWN, annotate
from dance_tf.video.stills import ReadError

HEIGHT, WIDTH, GRAY = 160, 121, 128  # an odd width, which H.264 cannot hold
RATE = 16000


@pytest.fixture(scope="module")
def skeletons(danced):
    return danced("Lottery", 8, 8.0)


@pytest.fixture(scope="module")
def found(danced, skeletons):
    references = [ReferenceClip(f"d{number}", danced("Lottery", number, 8.0)) for number in range(3)]
    return assess(skeletons, build_standard("Lottery", references))


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Eight gray seconds with a tone."""
    path = tmp_path_factory.mktemp("annotated") / "clip.mkv"
    with av.open(str(path), "w") as container:
        video, audio = container.add_stream("ffv1", rate=10), container.add_stream("aac", rate=RATE, layout="mono")
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "bgr0"
        tone = (8000 * np.sin(np.arange(8 * RATE) / 10)).astype(np.int16)[None]
        heard = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
        heard.sample_rate, heard.time_base, heard.pts = RATE, Fraction(1, RATE), 0
        container.mux([*audio.encode(heard), *audio.encode()])
        for _ in range(80):
            picture = np.full((HEIGHT, WIDTH, 3), GRAY, np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode())
    return path


def opened(data, tmp_path):
    """Return the pictures of a video, their times, and the seconds of its sound."""
    path = tmp_path / "annotated.mp4"
    path.write_bytes(data)
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        pictures, times = [frame.to_ndarray(format="rgb24") for frame in frames], [frame.time for frame in frames]
    with av.open(str(path)) as container:
        seconds = sum(frame.samples for frame in container.decode(audio=0)) / RATE if container.streams.audio else 0
    return np.stack(pictures), np.array(times), seconds


def test_the_whole_clip_has_skeleton_strip_and_sound(clip, skeletons, found, tmp_path):
    pictures, times, seconds = opened(annotate(clip, skeletons, found), tmp_path)
    strip = round(annotated.STRIP * HEIGHT)
    assert pictures.shape[1:] == (HEIGHT + strip, WIDTH - 1, 3)
    np.testing.assert_allclose(times, np.arange(80) / 10, atol=0.002)
    assert seconds == pytest.approx(8, abs=0.2)
    above = pictures[:, :HEIGHT].astype(int)
    coloured = np.ptp(above, axis=-1) > 60
    assert (coloured.sum(axis=(1, 2)) > 100).all() and coloured.mean() < 0.3
    assert (abs(above - GRAY) < 12).mean() > 0.7  # nothing but the skeleton is drawn
    assert np.median(pictures[:, HEIGHT + 2 :]) < 60 and pictures[:, HEIGHT:].max() > 150


def test_a_part_begins_at_zero(clip, skeletons, found, tmp_path):
    pictures, times, seconds = opened(annotate(clip, skeletons, found, 2.0, 5.0), tmp_path)
    assert (len(pictures), times[0]) == (30, 0) and times[-1] == pytest.approx(2.9, abs=0.002)
    assert seconds == pytest.approx(3, abs=0.2)


def test_a_file_without_pictures_is_refused_in_one_line(clip, skeletons, found, tmp_path):
    with pytest.raises(ReadError, match="clip.mkv: no pictures in colour can be read"):
        annotate(clip, skeletons, found, 20.0)
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    with pytest.raises(ReadError, match="text.mp4"):
        annotate(text, skeletons, found)


@pytest.mark.parametrize(
    ("closeness", "colour"),
    [(0.0, CLOSE), (NEAREST, CLOSE), (FURTHEST, FAR), (20.0, FAR), (np.nan, UNKNOWN), ((NEAREST + FURTHEST) / 2, None)],
)
def test_colours_tell_how_close_a_part_is(closeness, colour):
    expected = colour or tuple(round((one + two) / 2) for one, two in zip(CLOSE, FAR, strict=True))
    assert annotated._colour(closeness) == expected
