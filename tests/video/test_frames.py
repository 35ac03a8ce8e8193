import struct
import tracemalloc
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from dance_tf.video.frames import FootageReader, ReadError, ReadLimits, ReadSettings, read_footage
from dance_tf.video.luma import fit_luma


def levels(footage):
    """The gray level in the middle of each frame."""
    size = footage.frames.shape[1]
    return footage.frames[:, size // 2, size // 2].astype(int)


def test_every_frame_in_order_with_its_time(ramp_file):
    footage = read_footage(ramp_file, ReadSettings(size=32))
    assert footage.frames.shape == (30, 32, 32) and footage.frames.dtype == np.uint8
    assert np.abs(levels(footage) - np.arange(40, 160, 4)).max() <= 1
    assert np.allclose(footage.timestamps, np.arange(30) / 30, atol=1e-4)
    assert (footage.width, footage.height, footage.warnings) == (48, 64, ())
    assert footage.frame_rate == pytest.approx(30, rel=1e-3) and footage.seconds == pytest.approx(1, rel=1e-3)


def test_the_square_is_the_shrunk_luma_plane(dance_file):
    with av.open(str(dance_file)) as container:
        luma = [
            np.frombuffer(f.planes[0], np.uint8).reshape(f.height, -1)[:, : f.width] for f in container.decode(video=0)
        ]
    stretched = [np.clip((fit_luma(plane, 32).astype(float) - 16) * 255 / 219, 0, 255) for plane in luma]
    assert np.abs(read_footage(dance_file, ReadSettings(size=32)).frames - np.array(stretched)).max() <= 0.5 + 1e-9


def test_the_iterator_gives_the_same(dance_file):
    whole = read_footage(dance_file)
    one_by_one = list(FootageReader(dance_file))
    assert np.array_equal(whole.timestamps, [time for time, _ in one_by_one])
    assert np.array_equal(whole.frames, [frame for _, frame in one_by_one])


def test_variable_frame_rate_keeps_its_times(tmp_path, make_video, make_ramp):
    times = [0, 40, 80, 500, 510, 900, 1700]
    path = make_video(tmp_path / "vfr.mkv", make_ramp(7), times=times)
    footage = read_footage(path, ReadSettings(size=16))
    assert np.allclose(footage.timestamps, np.array(times) / 1000, atol=1e-6)


def test_times_start_at_the_first_frame(tmp_path, make_video, make_ramp):
    path = make_video(tmp_path / "late.mkv", make_ramp(4), times=[5000, 5100, 5200, 5300])
    assert np.allclose(read_footage(path).timestamps, [0, 0.1, 0.2, 0.3], atol=1e-6)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_is_honoured(tmp_path, make_video, degrees):
    picture = np.full((64, 96), 30, np.uint8)
    picture[:24, :36] = 220  # a bright top left corner
    path = make_video(tmp_path / "turned.mp4", picture[None], setup=lambda stream: stream.set_display_rotation(degrees))
    footage = read_footage(path, ReadSettings(size=48))
    upright = np.rot90(picture, degrees // 90)
    assert (footage.height, footage.width) == upright.shape
    assert np.abs(footage.frames[0].astype(int) - fit_luma(np.ascontiguousarray(upright), 48)).mean() < 3


def test_pixel_aspect_widens_the_display(tmp_path, make_video, make_ramp):
    def anamorphic(stream):
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    path = make_video(tmp_path / "wide.mp4", make_ramp(2, 64, 48), setup=anamorphic)
    footage = read_footage(path, ReadSettings(size=64))
    assert (footage.width, footage.height) == (64, 64)
    assert footage.frames[0, :, 0].min() > 30  # no bars: it is square on the screen


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format", "options"),
    [
        ("odd.mkv", "ffv1", "gray", {}),
        ("ten.mkv", "ffv1", "yuv420p10le", {}),
        ("full.avi", "mjpeg", "yuvj420p", {"qmin": "1", "qmax": "2"}),
        ("rgb.mkv", "ffv1", "bgr0", {}),
        ("alpha.mkv", "ffv1", "yuva420p", {}),
        ("mpeg4.avi", "mpeg4", "yuv420p", {"bf": "2", "qmin": "1", "qmax": "2"}),
        ("vp9.webm", "libvpx-vp9", "yuv420p", {"crf": "10", "cpu-used": "8", "deadline": "realtime"}),
        ("loop.gif", "gif", "gray", {}),
        ("lossless.webp", "libwebp_anim", "yuv420p", {"quality": "95"}),
    ],
)
def test_formats_agree_on_gray_levels(tmp_path, make_video, make_ramp, name, codec, pixel_format, options):
    side = (63, 47) if name.startswith("odd") else (64, 48)
    path = make_video(tmp_path / name, make_ramp(12, *side), 10, codec, pixel_format, options=options)
    footage = read_footage(path, ReadSettings(size=16))
    assert np.abs(levels(footage) - np.arange(40, 88, 4)).max() <= 2
    assert np.allclose(footage.timestamps, np.arange(12) / 10, atol=2e-3)
    assert (footage.height, footage.width) == side and footage.warnings == ()


def test_sampling_with_seeks_equals_choosing_from_every_frame(tmp_path, make_video, make_dance):
    # many key frames and B-frames between them
    options = {"crf": "25", "g": "12", "bf": "3", "keyint_min": "12"}
    path = make_video(tmp_path / "long.mp4", make_dance(150, 48, 32), options=options)
    whole = read_footage(path, ReadSettings(size=32))
    for settings in (
        ReadSettings(size=32, frames_in_all=4),
        ReadSettings(size=32, frames_in_all=40),
        ReadSettings(size=32, frames_per_second=0.7),
        ReadSettings(size=32, frames_per_second=12.0),
    ):
        few = read_footage(path, settings)
        places = np.searchsorted(whole.timestamps, few.timestamps - 1e-6)
        assert 0 < len(few.frames) < len(whole.frames)
        assert np.allclose(whole.timestamps[places], few.timestamps, atol=1e-6)
        assert np.array_equal(whole.frames[places], few.frames)


def test_skips_change_little_and_only_what_they_say(dance_file):
    exact = read_footage(dance_file)
    unfiltered = read_footage(dance_file, ReadSettings(skip_loop_filter=True, quick_shrink=True))
    assert unfiltered.frames.shape == exact.frames.shape
    assert 0 < np.abs(unfiltered.frames.astype(int) - exact.frames).mean() < 1


@pytest.fixture(scope="module")
def camera_file(tmp_path_factory, make_video, make_dance):
    """Two seconds as of a phone: a swing in two seconds, noise that changes, a bit rate that shows.

    The tip of the bar moves by up to 29 pixels a frame. Twice as fast, all skips together come to 1.03 gray levels.
    """
    rng = np.random.default_rng(5)
    frames = make_dance(60, 640, 360, pace=0.1)
    noise = rng.integers(0, 9, (5, 640, 360), np.uint8)
    frames = np.stack([cv2.add(frame, noise[number % 5]) for number, frame in enumerate(frames)])
    path = tmp_path_factory.mktemp("camera") / "camera.mp4"
    return make_video(path, frames, options={"preset": "veryfast", "crf": "26", "bf": "3"})


@pytest.mark.parametrize(
    "skips",
    [
        {"skip_loop_filter": True},
        {"quick_shrink": True},
        {"skip_nonref": True},
        {"skip_loop_filter": True, "quick_shrink": True, "skip_nonref": True},
    ],
    ids=str,
)
def test_skips_move_128_lines_of_luma_by_less_than_a_gray_level(camera_file, skips):
    exact, quick = (read_footage(camera_file, ReadSettings(**options)).frames for options in ({}, skips))
    assert quick.shape == exact.shape == (60, 128, 128)
    moved = np.abs(quick.astype(int) - exact)
    assert 0 < moved.mean() < 1


def test_frames_that_no_other_needs_are_mixed_from_their_neighbours(dance_file):
    exact = read_footage(dance_file)
    mixed = read_footage(dance_file, ReadSettings(skip_nonref=True))
    assert np.allclose(mixed.timestamps, exact.timestamps, atol=1e-6)
    assert (mixed.frame_rate, mixed.seconds) == pytest.approx((exact.frame_rate, exact.seconds))
    decoded = np.all(mixed.frames == exact.frames, axis=(1, 2))
    assert 0.2 < decoded.mean() < 0.9 and decoded[0]
    # a mixed frame lies between the decoded ones around it
    first = int(np.flatnonzero(~decoded)[0])
    after = first + int(np.flatnonzero(decoded[first:])[0])
    share = 1 / (after - first + 1)
    between = (1 - share) * mixed.frames[first - 1].astype(float) + share * mixed.frames[after]
    assert np.abs(mixed.frames[first] - between).max() <= 1


def test_threads_change_nothing(dance_file):
    one, many = (read_footage(dance_file, ReadSettings(threads=threads)) for threads in (1, 4))
    assert np.array_equal(one.frames, many.frames)


def test_a_file_cut_off_keeps_what_is_there(tmp_path, dance_file):
    whole = read_footage(dance_file, ReadSettings(size=32))
    # the index of an mp4 file comes last and would be lost; Matroska can be read without one
    remuxed = tmp_path / "whole.mkv"
    with av.open(str(dance_file)) as source, av.open(str(remuxed), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    data = remuxed.read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(data[: len(data) // 2])
    half = read_footage(cut, ReadSettings(size=32))
    assert 5 < len(half.frames) < len(whole.frames)
    assert np.array_equal(half.frames[:5], whole.frames[:5])
    assert any("breaks off" in warning for warning in half.warnings)


def test_what_is_no_video_is_refused_in_one_line(tmp_path, make_video):
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("this is not a video " * 50)
    with av.open(str(tmp_path / "sound.m4a"), "w") as container:
        stream = container.add_stream("aac", rate=16_000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate = 16_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    for name, reason in (
        ("empty.mp4", "empty"),
        ("text.mp4", "cannot|can be opened"),
        ("sound.m4a", "no picture track"),
        ("absent.mp4", "no such file"),
    ):
        with pytest.raises(ReadError, match=reason) as caught:
            read_footage(tmp_path / name)
        assert "\n" not in str(caught.value) and str(caught.value).startswith(name)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (ReadLimits(pixels=48 * 64 - 1), "pixels a frame"),
        (ReadLimits(seconds=0.5), "over the limit of 0.5 s"),
        (ReadLimits(decoded_bytes=50_000), "bytes of decoded pictures"),
    ],
)
def test_limits_refuse_politely(ramp_file, limits, reason):
    with pytest.raises(ReadError, match=reason):
        read_footage(ramp_file, ReadSettings(limits=limits))


def test_ten_hours_are_refused_before_they_are_decoded(tmp_path, make_video, make_ramp):
    path = make_video(tmp_path / "day.mkv", make_ramp(3), times=[0, 1000, 36_000_000])
    beats = []
    with pytest.raises(ReadError, match=r"36,00\d s long, over the limit of 900 s"):
        read_footage(path, heartbeat=lambda: beats.append(1))
    assert beats == []


def test_a_picture_larger_than_any_screen_is_refused(tmp_path):
    # a GIF whose head promises 30,000×30,000 pixels
    head = b"GIF89a" + struct.pack("<HHBBB", 30_000, 30_000, 0x80, 0, 0) + bytes([0, 0, 0, 255, 255, 255])
    picture = b"," + struct.pack("<HHHHB", 0, 0, 2, 2, 0) + b"\x02\x03\x84\x51\x00\x00"
    (tmp_path / "huge.gif").write_bytes(head + picture + b";")
    with pytest.raises(ReadError, match="huge.gif"):
        read_footage(tmp_path / "huge.gif")


def test_what_is_held_does_not_grow_with_the_clip(tmp_path, make_video, make_dance):
    frames = make_dance(10, 256, 256)
    peaks = []
    for repeats in (3, 30):
        path = make_video(
            tmp_path / f"{repeats}.mp4", np.concatenate([frames] * repeats), options={"preset": "ultrafast"}
        )
        tracemalloc.start()
        assert sum(1 for _ in FootageReader(path)) == 10 * repeats
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 100_000


def test_a_length_that_no_header_told_is_limited_too(tmp_path, make_video, make_ramp):
    path = make_video(tmp_path / "raw.mjpeg", make_ramp(30), codec="mjpeg", pixel_format="yuvj420p", options={})
    with pytest.raises(ReadError, match="longer than the limit"):
        read_footage(path, ReadSettings(limits=ReadLimits(seconds=0.5)))


def test_signs_of_life_come_for_each_frame(ramp_file):
    beats = []
    read_footage(ramp_file, heartbeat=lambda: beats.append(1))
    assert len(beats) == 30


def test_a_single_picture_is_a_clip_of_one_frame(tmp_path):
    cv2.imwrite(str(tmp_path / "one.jpg"), np.full((20, 40), 90, np.uint8))
    footage = read_footage(tmp_path / "one.jpg", ReadSettings(size=8))
    assert len(footage.frames) == 1 and abs(int(footage.frames[0, 4, 4]) - 90) <= 1
