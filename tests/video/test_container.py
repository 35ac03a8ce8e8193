"""Files that are damaged, have no clock, or whose index lies: read whole, and sampled."""

import struct

import av
import numpy as np
import pytest

from dance_tf.video.decode import PictureDecoder
from dance_tf.video.frames import ReadError, ReadSettings, read_footage

SAMPLINGS = [{"frames_in_all": 1}, {"frames_in_all": 4}, {"frames_in_all": 30}, {"frames_per_second": 7}]


@pytest.fixture(scope="module")
def raw_file(tmp_path_factory, make_video, make_dance):
    """Raw H.264: packets without any time."""
    path = tmp_path_factory.mktemp("raw") / "raw.h264"
    return make_video(path, make_dance(40), options={"crf": "20", "g": "10"})


@pytest.fixture(scope="module")
def streamable_file(tmp_path_factory, make_video, make_dance):
    """An mp4 file of five seconds whose index comes first, so that half of it can be read; it has many key frames."""
    folder = tmp_path_factory.mktemp("streamable")
    written = make_video(folder / "written.mp4", make_dance(150, 48, 32), options={"crf": "25", "g": "12", "bf": "3"})
    path = folder / "streamable.mp4"
    with av.open(str(written)) as source, av.open(str(path), "w", options={"movflags": "faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    return path


def assert_chosen_from(whole, few):
    """Every sampled frame is one of those read whole, at its time."""
    places = np.searchsorted(whole.timestamps, few.timestamps - 1e-6)
    assert np.allclose(whole.timestamps[places], few.timestamps, atol=1e-6)
    assert np.array_equal(whole.frames[places], few.frames)
    return places.tolist()


def test_a_file_without_a_clock_is_sampled_by_its_nominal_rate(raw_file):
    whole = read_footage(raw_file, ReadSettings(size=32))
    few = read_footage(raw_file, ReadSettings(size=32, frames_in_all=8))
    assert len(whole.frames) == 40 and few.seconds == pytest.approx(whole.seconds) == pytest.approx(1.6)
    # the middles of eight stretches of five frames each
    assert assert_chosen_from(whole, few) == [2, 7, 12, 17, 22, 27, 32, 37]


def test_no_frame_of_a_file_without_a_clock_is_skipped(raw_file):
    whole = read_footage(raw_file, ReadSettings(size=32))
    for sampling in ({}, {"frames_in_all": 8}, {"frames_per_second": 5}):
        exact = read_footage(raw_file, ReadSettings(size=32, **sampling))
        quick = read_footage(raw_file, ReadSettings(size=32, skip_nonref=True, **sampling))
        assert np.array_equal(quick.timestamps, exact.timestamps) and np.array_equal(quick.frames, exact.frames)
        assert_chosen_from(whole, quick)


def test_a_last_frame_that_is_skipped_counts_in_the_length(tmp_path, make_video, make_dance):
    # in AVI the last picture of this one is left out, and repeated from the one before
    path = make_video(tmp_path / "b.avi", make_dance(40), codec="mpeg4", options={"bf": "2"})
    exact, quick = (read_footage(path, ReadSettings(size=32, skip_nonref=skip)) for skip in (False, True))
    assert len(quick.frames) == len(exact.frames) == 40
    assert quick.seconds == pytest.approx(exact.seconds) and quick.timestamps[-1] < quick.seconds


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=str)
def test_half_a_file_sampled_is_what_can_be_read_of_it_and_says_so(tmp_path, streamable_file, sampling):
    data = streamable_file.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: len(data) // 2])
    whole = read_footage(cut, ReadSettings(size=32))
    few = read_footage(cut, ReadSettings(size=32, **sampling))
    assert 1.5 < whole.seconds < 3.5 and few.seconds == pytest.approx(whole.seconds, abs=1e-3)
    assert f"breaks off after {few.seconds:.2f} of 5.00 s" in few.warnings
    assert not any("backwards" in warning for warning in few.warnings)
    places = assert_chosen_from(whole, few)
    # the last frame that is there answers the moments that lie behind it
    if "frames_in_all" in sampling:
        wanted = sampling["frames_in_all"]
        moments = [(number + 0.5) * 5 / wanted for number in range(wanted)]
        assert places == sorted({int(np.searchsorted(whole.timestamps, moment + 1e-6)) - 1 for moment in moments})


def test_what_lies_behind_the_last_moment_is_missed_too(tmp_path, streamable_file):
    data = streamable_file.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: len(data) * 7 // 10])
    # the only moment, 2.5 s, is there
    (warning,) = read_footage(cut, ReadSettings(size=32, frames_in_all=1)).warnings
    assert warning.startswith("breaks off after 3.") and warning.endswith("of 5.00 s")


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=str)
def test_a_healthy_file_is_sampled_without_a_remark(streamable_file, sampling):
    whole = read_footage(streamable_file, ReadSettings(size=32))
    few = read_footage(streamable_file, ReadSettings(size=32, **sampling))
    assert (few.warnings, few.seconds, few.frame_rate) == ((), pytest.approx(5), pytest.approx(30))
    assert_chosen_from(whole, few)


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=str)
def test_an_index_that_lies_costs_one_seek_and_no_frame(streamable_file, monkeypatch, sampling):
    whole = read_footage(streamable_file, ReadSettings(size=32))
    honest = read_footage(streamable_file, ReadSettings(size=32, **sampling))
    seeks, landed = [], PictureDecoder.frames_from

    def to_the_beginning(decoder, ticks):
        seeks.append(ticks)
        return landed(decoder, 0)

    monkeypatch.setattr(PictureDecoder, "frames_from", to_the_beginning)
    few = read_footage(streamable_file, ReadSettings(size=32, **sampling))
    assert len(seeks) == 1 and few.warnings == ()
    assert np.array_equal(few.timestamps, honest.timestamps)
    assert_chosen_from(whole, few)


def test_a_seek_that_fails_is_no_end(streamable_file, monkeypatch):
    honest = read_footage(streamable_file, ReadSettings(size=32, frames_in_all=4))
    landed, seeks = PictureDecoder.frames_from, []

    def fails_at_first(decoder, ticks):
        seeks.append(ticks)
        return iter(()) if len(seeks) == 1 else landed(decoder, ticks)

    monkeypatch.setattr(PictureDecoder, "frames_from", fails_at_first)
    few = read_footage(streamable_file, ReadSettings(size=32, frames_in_all=4))
    assert len(seeks) == 2 and few.warnings == () and np.array_equal(few.frames, honest.frames)


def test_a_gif_larger_than_any_screen_is_refused_for_its_pixels(tmp_path):
    head = b"GIF89a" + struct.pack("<HHBBB", 30_000, 30_000, 0x80, 0, 0) + bytes([0, 0, 0, 255, 255, 255])
    picture = b"," + struct.pack("<HHHHB", 0, 0, 2, 2, 0) + b"\x02\x03\x84\x51\x00\x00"
    (tmp_path / "huge.gif").write_bytes(head + picture + b";")
    with pytest.raises(ReadError, match=r"^huge\.gif: .* over the limit of 67,108,864$"):
        read_footage(tmp_path / "huge.gif")


def test_a_monochrome_video_that_says_limited_range_is_stretched(tmp_path, make_video):
    columns = np.repeat(np.array([16, 126, 235], np.uint8), 32)
    frames = np.broadcast_to(columns, (3, 64, 96)).copy()
    shown = {}
    for mark in ("limited", "full"):
        options = {"x265-params": f"log-level=none:lossless=1:range={mark}"}
        path = make_video(tmp_path / f"{mark}.mp4", frames, codec="libx265", pixel_format="gray", options=options)
        with av.open(str(path)) as container:
            assert next(container.decode(video=0)).format.name == "gray"
        shown[mark] = read_footage(path, ReadSettings(size=96)).frames[1, 48, [16, 48, 80]].tolist()
    assert shown == {"limited": [0, 128, 255], "full": [16, 126, 235]}


@pytest.mark.parametrize("name", ["screen.ans", "art.bin", "old.vt", "notes", "strange.xyz"])
def test_a_text_of_any_name_is_no_video(tmp_path, name):
    (tmp_path / name).write_text("\x1b[1;31mnot a dance\x1b[0m\n" * 200)
    with pytest.raises(ReadError, match="text, not a video|not a video that can be opened"):
        read_footage(tmp_path / name)


@pytest.mark.parametrize("name", ["tape.dv", "tape.MOD", "tape.unheard", "tape"])
def test_a_video_of_any_name_is_one(tmp_path, streamable_file, name):
    (tmp_path / name).write_bytes(streamable_file.read_bytes())
    assert len(read_footage(tmp_path / name, ReadSettings(size=32)).frames) == 150
