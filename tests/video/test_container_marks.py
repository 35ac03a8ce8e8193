"""Marks in a file that change what is shown: an edit list that trims, a mirror flag, interlaced fields, cropping."""

import struct

import av
import numpy as np
import pytest

from dance_tf.video.frames import FootageReader, ReadSettings, read_footage
from dance_tf.video.luma import fit_luma


def box_bodies(data, name):
    """Where the content of each box of a name begins, after size and name."""
    found, place = [], data.find(name)
    while place >= 0:
        found.append(place + 4)
        place = data.find(name, place + 1)
    return found


@pytest.mark.parametrize(("left_out", "kept"), [(0, 30), (7, 12), (10, 20), (15, 15)])
def test_an_edit_list_trims_both_ends(tmp_path, make_video, make_ramp, left_out, kept):
    # a key frame every ten frames: what is left out before the cut has to be decoded and not shown
    path = make_video(tmp_path / "trimmed.mp4", make_ramp(30), options={"crf": "5", "g": "10", "bf": "2"})
    data = bytearray(path.read_bytes())
    (edit,), (movie,), (media,) = (box_bodies(data, name) for name in (b"elst", b"mvhd", b"mdhd"))
    movie_scale, media_scale = (struct.unpack_from(">I", data, body + 12)[0] for body in (movie, media))
    # ISO 14496-12, 8.6.6: version, count, then the length by the clock of the movie, the beginning by that of the media
    version, count, _, begin = struct.unpack_from(">IIIi", data, edit)
    assert (version, count) == (0, 1)
    begin += round(left_out * media_scale / 30)
    struct.pack_into(">Ii", data, edit + 8, round(kept * movie_scale / 30), begin)
    path.write_bytes(data)
    footage = read_footage(path, ReadSettings(size=16))
    assert np.abs(footage.frames[:, 8, 8].astype(int) - (40 + 4 * np.arange(left_out, left_out + kept))).max() <= 1
    assert np.allclose(footage.timestamps, np.arange(kept) / 30, atol=1e-3) and footage.warnings == ()
    few = read_footage(path, ReadSettings(size=16, frames_in_all=3))
    places = np.searchsorted(footage.timestamps, few.timestamps - 1e-6)
    assert len(places) == 3 and np.array_equal(few.frames, footage.frames[places])


@pytest.mark.parametrize(
    ("turn", "shown"),
    [
        ((-1, 0, 0, 1), lambda stored: stored[:, ::-1]),
        ((1, 0, 0, -1), lambda stored: stored[::-1]),
        ((0, 1, 1, 0), lambda stored: stored.T),
        ((0, -1, -1, 0), lambda stored: stored[::-1, ::-1].T),
    ],
    ids=["left and right", "top and bottom", "diagonal", "other diagonal"],
)
def test_a_mirrored_file_is_shown_mirrored(tmp_path, make_video, turn, shown):
    picture = np.full((64, 96), 30, np.uint8)
    picture[:24, :36] = 220  # a bright top left corner
    picture[40:, :12] = 130
    path = make_video(tmp_path / "mirrored.mp4", np.repeat(picture[None], 3, axis=0))
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
def test_interlaced_fields_are_woven(tmp_path, make_video, codec, options):
    # the two fields of a frame show two moments: even rows one gray level, odd rows another
    frames = np.empty((12, 64, 48), np.uint8)
    for number, frame in enumerate(frames):
        frame[0::2], frame[1::2] = 60 + 4 * number, 160 + 4 * number
    if codec == "mpeg2video":
        options = {"flags": "+ildct+ilme", "top": "1", "qmin": "1", "qmax": "2", "b": "8000000"}
    path = make_video(tmp_path / "fields.mkv", frames, rate=25, codec=codec, options=options)
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).interlaced_frame
    footage = read_footage(path, ReadSettings(size=16))
    assert len(footage.frames) == 12 and np.allclose(footage.timestamps, np.arange(12) / 25, atol=2e-3)
    # four rows of the picture make one of the square: both fields, in equal parts
    assert np.abs(footage.frames[:, 8, 8].astype(int) - (110 + 4 * np.arange(12))).max() <= 2


def framed_picture(height, width):
    """Every edge has a gray level of its own, two pixels wide; the middle has a slope to the right."""
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
def test_sizes_that_no_block_divides_are_shown_to_the_last_pixel(
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
    shown = [frame for _, frame in FootageReader(path).pictures()]
    # gray levels go to limited range and back: a rounding each way
    assert len(shown) == 3 and all(frame.shape == picture.shape for frame in shown)
    assert np.abs(np.array(shown).astype(int) - picture).max() <= 1


@pytest.mark.parametrize("crop", [(4, 8, 12, 16), (34, 8, 12, 16), (2, 0, 0, 0), (0, 0, 0, 2)])
def test_what_the_coded_stream_crops_is_not_shown(tmp_path, make_video, crop):
    left, top, right, bottom = crop
    picture = framed_picture(64, 96)
    options = {"qp": "0", "x264-params": f"crop-rect={left},{top},{right},{bottom}"}
    path = make_video(tmp_path / "cropped.mkv", np.repeat(picture[None], 3, axis=0), options=options)
    kept = picture[top : 64 - bottom, left : 96 - right]
    for quick in (False, True):
        reader = FootageReader(path, ReadSettings(skip_loop_filter=quick))
        shown = [frame for _, frame in reader.pictures()]
        assert (reader.source.height, reader.source.width) == kept.shape
        assert all(frame.shape == kept.shape for frame in shown)
        assert np.abs(np.array(shown).astype(int) - kept).max() <= 1
    square = read_footage(path, ReadSettings(size=32)).frames[1]
    assert np.abs(square.astype(int) - fit_luma(kept, 32)).max() <= 2
