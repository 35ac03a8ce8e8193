"""Video files: marks that change what is shown, transparency, sampling by seeks, damage and memory."""

import struct

import av
import numpy as np
import pytest

from dance_tf.video import container
from dance_tf.video.decode import PictureDecoder
from dance_tf.video.frames import FootageReader, ReadError, ReadSettings, read_footage
from dance_tf.video.luma import fit_luma

SAMPLINGS = [{"frames_in_all": 1}, {"frames_in_all": 4}, {"frames_in_all": 30}, {"frames_per_second": 7}]


def remux(source, path, **options):
    """Copy the packets of a video file into another container."""
    with av.open(str(source)) as old, av.open(str(path), "w", options=options) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    return path


@pytest.fixture(scope="module")
def raw_file(tmp_path_factory, make_video, make_dance):
    """Raw H.264: packets without timestamps."""
    path = tmp_path_factory.mktemp("raw") / "raw.h264"
    return make_video(path, make_dance(40), options={"crf": "20", "g": "10"})


@pytest.fixture(scope="module")
def streamable_file(tmp_path_factory, make_video, make_dance):
    """A five-second mp4 file with its index first, so that half of it can be read; it has many key frames."""
    folder = tmp_path_factory.mktemp("streamable")
    written = make_video(folder / "written.mp4", make_dance(150, 48, 32), options={"crf": "25", "g": "12", "bf": "3"})
    return remux(written, folder / "streamable.mp4", movflags="faststart")


@pytest.fixture(scope="module")
def truncate(streamable_file, tmp_path_factory):
    """Write the first part of the streamable file."""

    def write(share):
        data = streamable_file.read_bytes()
        path = tmp_path_factory.mktemp("truncated") / "cut.mp4"
        path.write_bytes(data[: int(len(data) * share)])
        return path

    return write


def assert_sampled_from(whole, few):
    """Assert that every sampled frame is one of those read whole, at its time; return their indices."""
    places = np.searchsorted(whole.timestamps, few.timestamps - 1e-6)
    assert np.allclose(whole.timestamps[places], few.timestamps, atol=1e-6)
    assert np.array_equal(whole.frames[places], few.frames)
    return places.tolist()


def box_bodies(data, name):
    """Return where the content of each ISO media box of a name begins, after size and name."""
    found, place = [], data.find(name)
    while place >= 0:
        found.append(place + 4)
        place = data.find(name, place + 1)
    return found


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
    assert len(assert_sampled_from(footage, read_footage(path, ReadSettings(size=16, frames_in_all=3)))) == 3


@pytest.mark.parametrize(
    ("turn", "shown"),
    [
        ((-1, 0, 0, 1), lambda stored: stored[:, ::-1]),
        ((1, 0, 0, -1), lambda stored: stored[::-1]),
        ((0, 1, 1, 0), lambda stored: stored.T),
        ((0, -1, -1, 0), lambda stored: stored[::-1, ::-1].T),
        (90, lambda stored: np.rot90(stored)),
        (180, lambda stored: np.rot90(stored, 2)),
        (270, lambda stored: np.rot90(stored, 3)),
    ],
    ids=["left and right", "top and bottom", "diagonal", "other diagonal", "90", "180", "270"],
)
def test_mirrored_and_rotated_files_are_shown_upright(tmp_path, make_video, turn, shown):
    picture = np.full((64, 96), 30, np.uint8)
    picture[:24, :36] = 220  # a bright top left corner
    picture[40:, :12] = 130
    rotation = turn if isinstance(turn, int) else 0
    path = make_video(
        tmp_path / "turned.mp4",
        np.repeat(picture[None], 3, axis=0),
        setup=lambda stream: stream.set_display_rotation(rotation),
    )
    if not rotation:
        data = bytearray(path.read_bytes())
        (header,) = box_bodies(data, b"tkhd")
        a, b, c, d = (part * 0x10000 for part in turn)
        struct.pack_into(">9i", data, header + 40, a, b, 0, c, d, 0, 0, 0, 0x40000000)  # ISO 14496-12, 8.3.2
        path.write_bytes(data)
    footage = read_footage(path, ReadSettings(size=48))
    upright = np.ascontiguousarray(shown(picture))
    assert (footage.height, footage.width) == upright.shape
    assert np.abs(footage.frames[1].astype(int) - fit_luma(upright, 48)).mean() < 3


@pytest.mark.parametrize(("codec", "options"), [("libx264", {"crf": "5", "x264-params": "tff=1"}), ("mpeg2video", {})])
def test_interlaced_fields_are_blended(tmp_path, make_video, codec, options):
    # even and odd rows have different gray levels
    frames = np.empty((12, 64, 48), np.uint8)
    for number, frame in enumerate(frames):
        frame[0::2], frame[1::2] = 60 + 4 * number, 160 + 4 * number
    if codec == "mpeg2video":
        options = {"flags": "+ildct+ilme", "top": "1", "qmin": "1", "qmax": "2", "b": "8000000"}
    path = make_video(tmp_path / "fields.mkv", frames, rate=25, codec=codec, options=options)
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
        (34, 66, "yuv420p", "libx264"),
        (178, 2, "yuv420p", "libx264"),
        (51, 91, "yuv444p", "libx264"),
        (50, 90, "yuv420p10le", "libx264"),
        (50, 90, "yuv420p", "libx265"),
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
    shown = np.array([frame for _, frame in FootageReader(path).pictures()])
    # gray levels are rounded to limited range and back
    assert shown.shape == frames.shape and np.abs(shown.astype(int) - picture).max() <= 1


@pytest.mark.parametrize("crop", [(4, 8, 12, 16), (34, 8, 12, 16), (2, 0, 0, 0), (0, 0, 0, 2)])
def test_what_the_coded_stream_crops_is_not_shown(tmp_path, make_video, crop):
    left, top, right, bottom = crop
    picture = framed_picture(64, 96)
    options = {"qp": "0", "x264-params": f"crop-rect={left},{top},{right},{bottom}"}
    path = make_video(tmp_path / "cropped.mkv", np.repeat(picture[None], 3, axis=0), options=options)
    kept = picture[top : 64 - bottom, left : 96 - right]
    for quick in (False, True):
        reader = FootageReader(path, ReadSettings(skip_loop_filter=quick))
        shown = np.array([frame for _, frame in reader.pictures()])
        assert (reader.source.height, reader.source.width) == kept.shape
        assert shown.shape == (3, *kept.shape) and np.abs(shown.astype(int) - kept).max() <= 1
    square = read_footage(path, ReadSettings(size=32)).frames[1]
    assert np.abs(square.astype(int) - fit_luma(kept, 32)).max() <= 2


def write_transparent(path, codec, pixel_format, levels, side=64, options=None):
    """Write frames of one gray level each; the top left quarter is transparent, the top right one half so."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = side, side, pixel_format
        stream.options = {"auto-alt-ref": "0", "crf": "4", "b": "4M", **(options or {})} if "vpx" in codec else {}
        half = side // 2
        for number, level in enumerate(levels):
            pixels = np.full((side, side, 4), level, np.uint8)
            pixels[-4:, 12 * number % side :][:, :8] = 200  # so that no encoder merges equal frames
            pixels[..., 3] = 255
            pixels[:half, :half, 3], pixels[:half, half:, 3] = 0, 128
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
        ("ten.mkv", "ffv1", "yuva444p10le"),
        ("pro.mov", "prores_ks", "yuva444p10le"),
        ("animated.mov", "qtrle", "argb"),
        ("animated.apng", "apng", "rgba"),
        ("animated.webp", "libwebp_anim", "bgra"),
    ],
)
def test_transparent_parts_are_white(tmp_path, name, codec, pixel_format):
    path = write_transparent(tmp_path / name, codec, pixel_format, [60] * 5)
    for sampling in ({}, {"frames_in_all": 2}, {"skip_nonref": True}):
        footage = read_footage(path, ReadSettings(size=64, **sampling))
        assert len(footage.frames) == sampling.get("frames_in_all", 5) and footage.warnings == ()
        shown = footage.frames[:, [16, 16, 48, 48], [16, 48, 16, 48]].astype(int)
        # half of 60 and half of 255: 60·128/255 + 255·127/255 = 157.1
        assert np.abs(shown - [255, 157, 60, 60]).max() <= 2


def test_transparent_files_support_seeking(tmp_path):
    options = {"g": "5", "cpu-used": "8"}
    levels = 40 + 3 * np.arange(60)
    path = write_transparent(tmp_path / "long.webm", "libvpx-vp9", "yuva420p", levels, 32, options)
    whole = read_footage(path, ReadSettings(size=32))
    assert len(whole.frames) == 60 and whole.frames[:, 8, 8].min() == 255
    few = read_footage(path, ReadSettings(size=32, frames_in_all=3))
    assert few.timestamps.tolist() == pytest.approx([1, 3, 5]) and few.warnings == ()
    assert assert_sampled_from(whole, few) == [10, 30, 50]


def test_monochrome_video_of_limited_range_is_stretched(tmp_path, make_video):
    columns = np.repeat(np.array([16, 126, 235], np.uint8), 32)
    frames = np.broadcast_to(columns, (3, 64, 96)).copy()
    for mark, expected in (("limited", [0, 128, 255]), ("full", [16, 126, 235])):
        options = {"x265-params": f"log-level=none:lossless=1:range={mark}"}
        path = make_video(tmp_path / f"{mark}.mp4", frames, codec="libx265", pixel_format="gray", options=options)
        with av.open(str(path)) as file:
            assert next(file.decode(video=0)).format.name == "gray"
        assert read_footage(path, ReadSettings(size=96)).frames[1, 48, [16, 48, 80]].tolist() == expected


def test_files_without_timestamps_are_sampled_by_their_nominal_rate(raw_file):
    whole = read_footage(raw_file, ReadSettings(size=32))
    few = read_footage(raw_file, ReadSettings(size=32, frames_in_all=8))
    assert len(whole.frames) == 40 and few.seconds == pytest.approx(whole.seconds) == pytest.approx(1.6)
    # the middles of eight segments of five frames
    assert assert_sampled_from(whole, few) == [2, 7, 12, 17, 22, 27, 32, 37]
    # and no frame is skipped
    for sampling in ({}, {"frames_in_all": 8}, {"frames_per_second": 5}):
        exact = read_footage(raw_file, ReadSettings(size=32, **sampling))
        quick = read_footage(raw_file, ReadSettings(size=32, skip_nonref=True, **sampling))
        assert np.array_equal(quick.timestamps, exact.timestamps) and np.array_equal(quick.frames, exact.frames)


def test_a_skipped_last_frame_counts_in_the_length(tmp_path, make_video, make_dance):
    # the last picture of this file is skipped, and the one before repeated
    path = make_video(tmp_path / "b.avi", make_dance(40), codec="mpeg4", options={"bf": "2"})
    exact, quick = (read_footage(path, ReadSettings(size=32, skip_nonref=skip)) for skip in (False, True))
    assert len(quick.frames) == len(exact.frames) == 40
    assert quick.seconds == pytest.approx(exact.seconds) and quick.timestamps[-1] < quick.seconds


@pytest.mark.parametrize("sampling", [*SAMPLINGS, {"frames_per_second": 0.7}], ids=str)
def test_sampling_with_seeks_equals_sampling_from_every_frame(streamable_file, sampling):
    whole = read_footage(streamable_file, ReadSettings(size=32))
    few = read_footage(streamable_file, ReadSettings(size=32, **sampling))
    assert (few.warnings, few.seconds, few.frame_rate) == ((), pytest.approx(5), pytest.approx(30))
    assert 0 < len(assert_sampled_from(whole, few)) < 150


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=str)
def test_a_sampled_half_file_gives_what_is_there_and_a_warning(truncate, sampling):
    cut = truncate(0.5)
    whole = read_footage(cut, ReadSettings(size=32))
    few = read_footage(cut, ReadSettings(size=32, **sampling))
    assert 1.5 < whole.seconds < 3.5 and few.seconds == pytest.approx(whole.seconds, abs=1e-3)
    assert f"breaks off after {few.seconds:.2f} of 5.00 s" in few.warnings
    assert not any("backwards" in warning for warning in few.warnings)
    places = assert_sampled_from(whole, few)
    if wanted := sampling.get("frames_in_all"):
        # the last frame that is there serves all later sample times
        moments = [(number + 0.5) * 5 / wanted for number in range(wanted)]
        assert places == sorted({int(np.searchsorted(whole.timestamps, moment + 1e-6)) - 1 for moment in moments})


def test_frames_missing_after_the_last_sample_give_a_warning(truncate):
    # the only sample, at 2.5 s, is there
    (warning,) = read_footage(truncate(0.7), ReadSettings(size=32, frames_in_all=1)).warnings
    assert warning.startswith("breaks off after 3.") and warning.endswith("of 5.00 s")


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=str)
@pytest.mark.parametrize("fails", [False, True], ids=["seeks lead to the start", "the first seek fails"])
def test_a_wrong_index_costs_no_frame(streamable_file, monkeypatch, sampling, fails):
    settings = ReadSettings(size=32, **sampling)
    correct = read_footage(streamable_file, settings)
    seeks, seek = [], PictureDecoder.frames_from

    def seek_wrongly(decoder, ticks):
        seeks.append(ticks)
        return iter(()) if fails and len(seeks) == 1 else seek(decoder, ticks if fails else 0)

    monkeypatch.setattr(PictureDecoder, "frames_from", seek_wrongly)
    few = read_footage(streamable_file, settings)
    assert len(seeks) == 1 + fails and few.warnings == ()
    assert np.array_equal(few.timestamps, correct.timestamps) and np.array_equal(few.frames, correct.frames)


class FailingCodec:
    """A decoder that fails at some packets, or (at 0) when it is opened."""

    def __init__(self, codec, error, at):
        self._codec, self._error, self._at, self._count = codec, error, at, 0

    def open(self, strict):
        if 0 in self._at:
            raise self._error(1, "made to fail")
        self._codec.open(strict=strict)

    def decode(self, packet):
        self._count += 1
        if self._count in self._at:
            raise self._error(1, "made to fail")
        return self._codec.decode(packet)


def fail_decoding(monkeypatch, error, at, above_threads=0):
    """Let decoding fail at some packets if it uses more than so many threads, or 0; return the threads of each run."""
    set_up, used = PictureDecoder.__init__, []

    def failing(decoder, file, stream, settings, skip_nonref):
        set_up(decoder, file, stream, settings, skip_nonref)
        used.append(settings.threads)
        if settings.threads == 0 or settings.threads > above_threads:
            decoder.codec = FailingCodec(decoder.codec, error, at)

    monkeypatch.setattr(PictureDecoder, "__init__", failing)
    return used


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_running_out_of_memory_is_an_error(dance_file, monkeypatch, threads):
    used = fail_decoding(monkeypatch, av.error.MemoryError, range(20, 29))
    with pytest.raises(MemoryError, match="dance.mp4: decoding it needs more memory"):
        read_footage(dance_file, ReadSettings(size=16, threads=threads))
    assert used == ([1] if threads == 1 else [threads, 1])
    with pytest.raises(MemoryError):
        list(FootageReader(dance_file, ReadSettings(size=16, threads=threads)))


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
    monkeypatch.setattr(container, "SPARE_BYTES", 1 << 62)  # more than can be allocated: memory has run out
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


def test_half_a_matroska_file_gives_what_is_there_and_a_warning(tmp_path, dance_file):
    whole = read_footage(dance_file, ReadSettings(size=32))
    # Matroska can be read without an index, which would be lost
    data = remux(dance_file, tmp_path / "whole.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    half = read_footage(tmp_path / "cut.mkv", ReadSettings(size=32))
    assert 5 < len(half.frames) < len(whole.frames)
    assert np.array_equal(half.frames[:5], whole.frames[:5])
    assert any("breaks off" in warning for warning in half.warnings)
