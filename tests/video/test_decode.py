"""Video files: marks that change what is shown, transparency, sampling, stated lengths, damage and memory."""

import itertools
import re
import struct
from fractions import Fraction
from functools import partial
from types import SimpleNamespace

import av
import numpy as np
import pytest

from dance_tf.video import decode
from dance_tf.video.decode import stated_seconds
from dance_tf.video.frames import ReadError, ReadSettings, open_footage, read_footage
from dance_tf.video.luma import fit_luma


def remux(source, path, **options):
    """Copy the packets of a video file into another container."""
    with av.open(str(source)) as old, av.open(str(path), "w", options=options) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    return path


def box_bodies(data, name):
    """Return where the content of each ISO media box of a name begins, after size and name."""
    return [found.end() for found in re.finditer(name, data)]


@pytest.mark.parametrize(("left_out", "kept"), [(0, 30), (7, 12), (10, 20), (15, 15)])
def test_an_edit_list_trims_both_ends(tmp_path, make_video, make_ramp, left_out, kept):
    # with a key frame every ten frames, some frames before the cut must be decoded but not shown
    path = make_video(tmp_path / "trimmed.mp4", make_ramp(30), options={"crf": "5", "g": "10", "bf": "2"})
    data = bytearray(path.read_bytes())
    (edit,), (movie,), (media,) = (box_bodies(data, name) for name in (b"elst", b"mvhd", b"mdhd"))
    movie_scale, media_scale = (struct.unpack_from(">I", data, body + 12)[0] for body in (movie, media))
    # ISO 14496-12, 8.6.6: version, count, then the length in movie ticks and the start in media ticks
    version, count, _, begin = struct.unpack_from(">IIIi", data, edit)
    assert (version, count) == (0, 1)
    begin += round(left_out * media_scale / 30)
    struct.pack_into(">Ii", data, edit + 8, round(kept * movie_scale / 30), begin)
    path.write_bytes(data)
    footage = read_footage(path, ReadSettings(size=16))
    assert np.abs(footage.frames[:, 8, 8].astype(int) - (40 + 4 * np.arange(left_out, left_out + kept))).max() <= 1
    assert np.allclose(footage.timestamps, np.arange(kept) / 30, atol=1e-3) and footage.warnings == ()
    sampled = read_footage(path, ReadSettings(size=16, frames_per_second=10))
    assert np.array_equal(sampled.frames, footage.frames[::3])


@pytest.mark.parametrize(
    ("turn", "shown"),
    [
        ((-1, 0, 0, 1), lambda stored: stored[:, ::-1]),
        ((0, 1, 1, 0), lambda stored: stored.T),
        ((0, -1, 1, 0), lambda stored: np.rot90(stored)),
        ((-1, 0, 0, -1), lambda stored: np.rot90(stored, 2)),
        ((0, 1, -1, 0), lambda stored: np.rot90(stored, 3)),
    ],
    ids=["left and right", "diagonal", "90", "180", "270"],
)
def test_mirrored_and_rotated_files_are_shown_upright(tmp_path, make_video, turn, shown):
    picture = np.full((64, 96), 30, np.uint8)
    picture[:24, :36] = 220  # a bright top left corner
    picture[40:, :12] = 130
    path = make_video(tmp_path / "turned.mp4", np.repeat(picture[None], 3, axis=0))
    data = bytearray(path.read_bytes())
    (header,) = box_bodies(data, b"tkhd")
    a, b, c, d = (part * 0x10000 for part in turn)
    struct.pack_into(">9i", data, header + 40, a, b, 0, c, d, 0, 0, 0, 0x40000000)  # ISO 14496-12, 8.3.2
    path.write_bytes(data)
    footage = read_footage(path, ReadSettings(size=48))
    upright = np.ascontiguousarray(shown(picture))
    assert (footage.height, footage.width) == upright.shape
    assert np.abs(footage.frames[1].astype(int) - fit_luma(upright, 48)).mean() < 3


INTERLACED = {
    "libx264": {"crf": "5", "x264-params": "tff=1"},
    "mpeg2video": {"flags": "+ildct+ilme", "top": "1", "qmin": "1", "qmax": "2", "b": "8000000"},
}


@pytest.mark.parametrize("codec", INTERLACED)
def test_interlaced_fields_are_blended(tmp_path, make_video, codec):
    # even and odd rows have different gray levels
    frames = np.empty((12, 64, 48), np.uint8)
    for number, frame in enumerate(frames):
        frame[0::2], frame[1::2] = 60 + 4 * number, 160 + 4 * number
    path = make_video(tmp_path / "fields.mkv", frames, rate=25, codec=codec, options=INTERLACED[codec])
    with av.open(str(path)) as file:
        assert next(file.decode(video=0)).interlaced_frame
    footage = read_footage(path, ReadSettings(size=16))
    assert len(footage.frames) == 12 and np.allclose(footage.timestamps, np.arange(12) / 25, atol=2e-3)
    # four rows of the picture make one of the square: two of each field
    assert np.abs(footage.frames[:, 8, 8].astype(int) - (110 + 4 * np.arange(12))).max() <= 2


def framed_picture(height, width):
    """Return a picture whose edges have different gray levels, two pixels wide, around a gradient."""
    picture = np.broadcast_to(np.linspace(80, 120, width, dtype=np.uint8), (height, width)).copy()
    picture[:2], picture[-2:] = 220, 60
    picture[:, :2], picture[:, -2:] = 200, 30
    return picture


@pytest.mark.parametrize(
    ("height", "width", "pixel_format", "codec"),
    [
        (50, 90, "yuv420p", "libx264"),  # macroblocks of 16 cover 64×96
        (178, 2, "yuv420p", "libx264"),
        (51, 91, "yuv444p", "libx264"),
        (50, 90, "yuv420p10le", "libx264"),
        (51, 91, "yuv444p", "libx265"),
        (51, 91, "yuv420p", "libvpx-vp9"),
        (51, 91, "yuv420p", "libsvtav1"),
    ],
)
def test_sizes_that_are_no_multiple_of_a_block_are_shown_completely(
    tmp_path, make_video, height, width, pixel_format, codec
):
    picture = framed_picture(height, width)
    options = {
        "libx264": {"qp": "0"},
        "libx265": {"x265-params": "lossless=1:log-level=none"},
        "libvpx-vp9": {"lossless": "1"},
        "libsvtav1": {"crf": "1", "preset": "8", "svtav1-params": "lossless=1"},
    }[codec]
    frames = np.repeat(picture[None], 3, axis=0)
    path = make_video(tmp_path / "odd.mkv", frames, codec=codec, pixel_format=pixel_format, options=options)
    shown = np.array([frame for _, frame in open_footage(path).pictures()])
    # gray levels are rounded to limited range and back
    assert shown.shape == frames.shape and np.abs(shown.astype(int) - picture).max() <= 1


@pytest.mark.parametrize("crop", [(4, 8, 12, 16), (34, 8, 12, 16), (2, 0, 0, 0), (0, 0, 0, 2)])
def test_what_the_coded_stream_crops_is_not_shown(tmp_path, make_video, crop):
    left, top, right, bottom = crop
    picture = framed_picture(64, 96)
    options = {"qp": "0", "x264-params": f"crop-rect={left},{top},{right},{bottom}"}
    path = make_video(tmp_path / "cropped.mkv", np.repeat(picture[None], 3, axis=0), options=options)
    kept = picture[top : 64 - bottom, left : 96 - right]
    reader = open_footage(path)
    shown = np.array([frame for _, frame in reader.pictures()])
    assert (reader.height, reader.width) == kept.shape
    assert shown.shape == (3, *kept.shape) and np.abs(shown.astype(int) - kept).max() <= 1
    square = read_footage(path, ReadSettings(size=32)).frames[1]
    assert np.abs(square.astype(int) - fit_luma(kept, 32)).max() <= 2


def write_transparent(path, codec, pixel_format):
    """Write five frames of gray level 60; the top left quarter is transparent, the top right one half so."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, pixel_format
        stream.options = {"auto-alt-ref": "0", "crf": "4", "b": "4M"} if "vpx" in codec else {}
        for number in range(5):
            pixels = np.full((64, 64, 4), (60, 60, 60, 255), np.uint8)
            pixels[-4:, 12 * number :][:, :8] = (200, 200, 200, 255)  # so that no encoder merges equal frames
            pixels[:32, :32, 3], pixels[:32, 32:, 3] = 0, 128
            frame = av.VideoFrame.from_ndarray(pixels, format="rgba").reformat(format=pixel_format)
            frame.pts = number
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("nine.webm", "libvpx-vp9", "yuva420p"),
        ("eight.webm", "libvpx", "yuva420p"),
        ("lossless.mkv", "ffv1", "yuva420p"),
        ("pro.mov", "prores_ks", "yuva444p10le"),
        ("animated.mov", "qtrle", "argb"),
        ("animated.apng", "apng", "rgba"),
        ("animated.webp", "libwebp_anim", "bgra"),
    ],
)
def test_transparent_parts_are_white(tmp_path, name, codec, pixel_format):
    footage = read_footage(write_transparent(tmp_path / name, codec, pixel_format), ReadSettings(size=64))
    assert len(footage.frames) == 5 and footage.warnings == ()
    shown = footage.frames[:, [16, 16, 48, 48], [16, 48, 16, 48]].astype(int)
    # half of 60 and half of 255: 60·128/255 + 255·127/255 = 157.1
    assert np.abs(shown - [255, 157, 60, 60]).max() <= 2


def test_monochrome_video_of_limited_range_is_stretched(tmp_path, make_video):
    frames = np.tile(np.repeat(np.array([16, 126, 235], np.uint8), 32), (3, 64, 1))
    for mark, expected in (("limited", [0, 128, 255]), ("full", [16, 126, 235])):
        options = {"x265-params": f"log-level=none:lossless=1:range={mark}"}
        path = make_video(tmp_path / f"{mark}.mp4", frames, codec="libx265", pixel_format="gray", options=options)
        with av.open(str(path)) as file:
            assert next(file.decode(video=0)).format.name == "gray"
        assert read_footage(path, ReadSettings(size=96)).frames[1, 48, [16, 48, 80]].tolist() == expected


def test_files_without_timestamps_are_sampled_by_their_nominal_rate(tmp_path, make_video, make_dance):
    path = make_video(tmp_path / "raw.h264", make_dance(40), options={"crf": "20", "g": "10"})
    whole = read_footage(path, ReadSettings(size=32))
    few = read_footage(path, ReadSettings(size=32, frames_per_second=5))
    assert len(whole.frames) == 40 and few.seconds == pytest.approx(whole.seconds) == pytest.approx(1.6)
    assert np.array_equal(few.frames, whole.frames[::5])


@pytest.fixture(scope="module")
def streamable_file(tmp_path_factory, make_video, make_dance):
    """A five-second mp4 file with its index first, so that half of it can be read."""
    folder = tmp_path_factory.mktemp("streamable")
    written = make_video(folder / "written.mp4", make_dance(150, 48, 32), options={"crf": "25", "g": "12", "bf": "3"})
    return remux(written, folder / "streamable.mp4", movflags="faststart")


@pytest.mark.parametrize("rate", [7, 0.7])
def test_sampled_frames_are_those_of_the_whole_clip(streamable_file, rate):
    whole = read_footage(streamable_file, ReadSettings(size=32))
    few = read_footage(streamable_file, ReadSettings(size=32, frames_per_second=rate))
    assert (few.warnings, few.seconds, few.frame_rate) == ((), pytest.approx(5), pytest.approx(30))
    places = np.searchsorted(whole.timestamps, np.arange(0, 5, 1 / rate) + 1e-6) - 1
    assert np.array_equal(few.timestamps, whole.timestamps[places])
    assert np.array_equal(few.frames, whole.frames[places])


@pytest.mark.parametrize("rate", [None, 7])
def test_half_a_file_gives_what_is_there_and_a_warning(streamable_file, tmp_path, rate):
    data, cut = streamable_file.read_bytes(), tmp_path / "cut.mp4"
    cut.write_bytes(data[: len(data) // 2])
    half = read_footage(cut, ReadSettings(size=32, frames_per_second=rate))
    assert 1.5 < half.seconds < 3.5 and f"breaks off after {half.seconds:.2f} of 5.00 s" in half.warnings
    assert not any("backwards" in warning for warning in half.warnings)
    assert len(half.frames) == pytest.approx(half.seconds * (rate or 30), abs=4)


def fail_decoding(monkeypatch, error, at, above_threads=0):
    """Let decoding fail at some packets, or (at 0) when the decoder is opened; return the threads of each run.

    It fails if it uses more than `above_threads` threads, or 0.
    """
    make_codec, used = decode.make_codec, []

    def failing(stream, settings):
        used.append(settings.threads)
        codec, count = make_codec(stream, settings), itertools.count()
        if 0 < settings.threads <= above_threads:
            return codec

        def call(method, *given, **named):
            if next(count) in at:
                raise error(1, "made to fail")
            return method(*given, **named)

        return SimpleNamespace(open=partial(call, codec.open), decode=partial(call, codec.decode))

    monkeypatch.setattr(decode, "make_codec", failing)
    return used


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_running_out_of_memory_is_an_error(dance_file, monkeypatch, threads):
    used = fail_decoding(monkeypatch, av.error.MemoryError, range(20, 29))
    with pytest.raises(MemoryError, match="dance.mp4: decoding it needs more memory"):
        read_footage(dance_file, ReadSettings(size=16, threads=threads))
    assert used == ([1] if threads == 1 else [threads, 1])


@pytest.mark.parametrize(
    ("error", "at"),
    [(av.error.MemoryError, 20), (av.error.MemoryError, 0), (av.error.BlockingIOError, 0)],
    ids=["decoding", "opening", "starting threads"],
)
def test_one_thread_is_tried_if_many_need_too_much_memory(dance_file, monkeypatch, error, at):
    whole = read_footage(dance_file, ReadSettings(size=16, threads=1))
    used = fail_decoding(monkeypatch, error, [at], above_threads=1)
    for threads in (0, 3):
        footage = read_footage(dance_file, ReadSettings(size=16, threads=threads))
        assert footage.warnings == () and np.array_equal(footage.frames, whole.frames)
    assert used == [0, 1, 3, 1]


def test_an_impossible_length_is_damage(dance_file, tmp_path):
    data = bytearray(dance_file.read_bytes())
    first = data.index(b"stsz") + 16  # after the box's name come version, common size and count
    data[first + 4 * 25] = 0x20  # half a gigabyte for one frame: FFmpeg reports that memory ran out
    (tmp_path / "lying.mp4").write_bytes(data)
    footage = read_footage(tmp_path / "lying.mp4", ReadSettings(size=16))
    assert len(footage.frames) == 25
    assert footage.warnings[0] == "breaks off (it is damaged: it states an impossible length)"


def test_a_file_that_needs_too_much_memory_to_open_is_refused(dance_file, monkeypatch):
    def fail(*_, **__):
        raise av.error.MemoryError(12, "Cannot allocate memory")

    monkeypatch.setattr(av, "open", fail)
    with pytest.raises(ReadError, match="dance.mp4: not a video that can be opened .it is damaged: it states"):
        read_footage(dance_file)
    monkeypatch.setattr(decode, "SPARE_BYTES", 1 << 62)  # more than can be allocated: memory has run out
    with pytest.raises(MemoryError, match="dance.mp4: decoding it needs more memory than there is"):
        read_footage(dance_file)


def test_broken_packets_are_skipped_and_counted(dance_file, monkeypatch):
    with monkeypatch.context() as patch:
        fail_decoding(patch, av.error.InvalidDataError, [38, 39])
        footage = read_footage(dance_file, ReadSettings(size=16))
        assert footage.warnings == ("2 broken packets left out",) and 36 <= len(footage.frames) <= 38
    fail_decoding(monkeypatch, av.error.InvalidDataError, range(1000))
    with pytest.raises(ReadError, match="dance.mp4: no frame of it can be decoded"):
        read_footage(dance_file)


CODECS = {
    **dict.fromkeys(["tagged.mkv", "untagged.mkv", "loud.flv", "loud.mp4", "loud.ts"], ("libx264", "aac")),
    "loud.webm": ("libvpx-vp9", "libopus"),
    "loud.mpg": ("mpeg1video", "mp2"),  # FFmpeg guesses half of its length
}


def write_with_sound(path, frames, sound_seconds=3, delay=0):
    """Write gray frames uint8 [n, h, w], 30 a second from `delay` seconds on, and silence of another length.

    An untagged file has no tag with the length of its video track, only the length of the whole file.
    """
    codecs = CODECS[path.name]
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
    few = read_footage(path, ReadSettings(size=16, frames_per_second=3.5))
    assert (len(few.frames), few.seconds, few.warnings) == (4, pytest.approx(1, abs=2e-3), ())


@pytest.mark.parametrize("name", ["tagged.mkv", "untagged.mkv", "loud.flv"])
def test_half_a_file_with_sound_gives_a_warning(tmp_path, make_dance, name):
    path = write_with_sound(tmp_path / name, make_dance(90))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    for rate in (None, 3):
        half = read_footage(path, ReadSettings(size=16, frames_per_second=rate))
        assert 0.5 < half.seconds < 2.5
        assert any(warning.startswith("breaks off after") for warning in half.warnings)


@pytest.mark.parametrize(
    ("tag", "seconds", "delay"),
    [(b"00:00:02.000000000", 1, 1), (b"00:00:09.000000000", 3, 0), (b"soon              ", None, 0)],
    ids=["from the start of the file", "longer than the file", "no length"],
)
def test_the_tag_of_a_track_may_count_from_the_start_of_the_file_or_be_wrong(tmp_path, make_ramp, tag, seconds, delay):
    path = write_with_sound(tmp_path / "tagged.mkv", make_ramp(30), delay=delay)
    data, written = path.read_bytes(), b"00:00:0%d.000000000" % (1 + delay)
    assert data.count(written) == 1
    path.write_bytes(data.replace(written, tag))
    with av.open(str(path)) as container:
        found = stated_seconds(container, container.streams.video[0])
    assert found == (seconds if seconds is None else pytest.approx(seconds, abs=0.1))
    assert delay == 0 or read_footage(path, ReadSettings(size=16)).warnings == ()


def test_a_file_without_a_track_length_is_refused_by_its_file_length_or_read_with_heartbeats(tmp_path, make_ramp):
    path = write_with_sound(tmp_path / "untagged.mkv", make_ramp(30))
    beats = []
    with pytest.raises(ReadError, match="3 s long, over the limit of 2 s"):
        read_footage(path, ReadSettings(max_seconds=2), heartbeat=lambda: beats.append(1))
    assert beats == []
    read_footage(path, ReadSettings(size=16), heartbeat=lambda: beats.append(1))
    assert len(beats) > 30 + 30 + 130  # the frames, and all packets to find the end of the file
