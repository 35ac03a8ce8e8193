"""Clips as frames and times; frames held in a file."""

import errno
import struct
import tracemalloc
from fractions import Fraction
from unittest import mock

import av
import cv2
import numpy as np
import pytest

from dance_tf.video.frames import (
    BLOCK,
    FrameFile,
    FrameFileError,
    ReadError,
    ReadSettings,
    open_footage,
    read_footage,
    read_pictures,
)
from dance_tf.video.luma import fit_luma


def levels(footage):
    """Return the gray level in the middle of each frame."""
    size = footage.frames.shape[1]
    return footage.frames[:, size // 2, size // 2].astype(int)


def test_every_frame_in_order_with_its_time_and_a_heartbeat(ramp_file):
    beats = []
    footage = read_footage(ramp_file, ReadSettings(size=32), heartbeat=lambda: beats.append(1))
    assert footage.frames.shape == (30, 32, 32) and footage.frames.dtype == np.uint8
    assert np.abs(levels(footage) - np.arange(40, 160, 4)).max() <= 1
    assert np.allclose(footage.timestamps, np.arange(30) / 30, atol=1e-4)
    assert (footage.width, footage.height, footage.warnings) == (48, 64, ())
    assert footage.frame_rate == pytest.approx(30, rel=1e-3) and footage.seconds == pytest.approx(1, rel=1e-3)
    assert len(beats) == 30


def test_pictures_are_those_nearest_to_the_times(ramp_file):
    wanted = [0.9, 0.11, 0.0, 5.0]
    pictures = read_pictures(ramp_file, wanted, 10)
    assert all(picture.shape == (64, 48, 3) and picture.dtype == np.uint8 for picture in pictures)
    # ten pictures a second, of gray levels that grow by 4 in each of 30 frames a second
    expected = [40 + 4 * frame for frame in (27, 3, 0, 27)]
    assert np.allclose([picture[32, 24].mean() for picture in pictures], expected, atol=2)


@pytest.mark.parametrize("threads", [1, 4])
def test_threads_memory_file_and_iterator_give_the_shrunk_luma_plane(dance_file, tmp_path, threads):
    whole = read_footage(dance_file)
    with av.open(str(dance_file)) as container:
        planes = [frame.to_ndarray()[: frame.height] for frame in container.decode(video=0)]
    stretched = [np.clip((fit_luma(plane).astype(float) - 16) * 255 / 219, 0, 255) for plane in planes]
    assert np.abs(whole.frames - np.array(stretched)).max() <= 0.5 + 1e-9
    times, frames = zip(*open_footage(dance_file, ReadSettings(threads=threads)), strict=True)
    assert np.array_equal(whole.timestamps, times) and np.array_equal(whole.frames, frames)
    with FrameFile(tmp_path) as held:
        held.append(whole.frames[0])
        assert np.array_equal(read_footage(dance_file, ReadSettings(threads=threads), held=held).frames, whole.frames)


@pytest.mark.parametrize("times", [[0, 40, 80, 500, 510, 900, 1700], [5000, 5100, 5200, 5300]])
def test_timestamps_are_those_of_the_file_from_its_first_frame(tmp_path, make_video, make_ramp, times):
    path = make_video(tmp_path / "vfr.mkv", make_ramp(len(times)), times=times)
    assert np.allclose(read_footage(path).timestamps, (np.array(times) - times[0]) / 1000, atol=1e-6)


def test_pixel_aspect_widens_the_display(tmp_path, make_video, make_ramp):
    def anamorphic(stream):
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    path = make_video(tmp_path / "wide.mp4", make_ramp(2, 64, 48), setup=anamorphic)
    footage = read_footage(path, ReadSettings(size=64))
    assert (footage.width, footage.height) == (64, 64)
    assert footage.frames[0, :, 0].min() > 30  # without bars


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
        ("video.unknown", None, None, None),
        ("bare", None, None, None),
    ],
)
def test_formats_agree_on_gray_levels(tmp_path, make_video, make_ramp, name, codec, pixel_format, options):
    side = (63, 47) if name.startswith("odd") else (64, 48)
    ramp = make_ramp(12, *side)
    if codec:
        path = make_video(tmp_path / name, ramp, 10, codec, pixel_format, options=options)
    else:  # the extension does not matter
        path = make_video(tmp_path / "named.mp4", ramp, 10).rename(tmp_path / name)
    footage = read_footage(path, ReadSettings(size=16))
    assert np.abs(levels(footage) - np.arange(40, 88, 4)).max() <= 2
    assert np.allclose(footage.timestamps, np.arange(12) / 10, atol=2e-3)
    assert (footage.height, footage.width) == side and footage.warnings == ()


# its header states 30,000×30,000 pixels
HUGE_GIF = b"GIF89a" + struct.pack("<HHBBB", 30_000, 30_000, 0x80, 0, 0) + bytes([0, 0, 0, 255, 255, 255])
HUGE_GIF += b"," + struct.pack("<HHHHB", 0, 0, 2, 2, 0) + b"\x02\x03\x84\x51\x00\x00;"
TEXT = b"\x1b[1;31mnot a dance\x1b[0m\n" * 200


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("empty.mp4", b"", "the file is empty"),
        ("text.mp4", b"this is not a video " * 50, "not a video that can be opened .*"),
        ("absent.mp4", None, "no such file"),
        ("huge.gif", HUGE_GIF, "over .* pixels in huge.gif, over the limit of 67,108,864"),
        *((name, TEXT, "(text, not a video|not a video that can be opened .*)") for name in ("a.ans", "b.bin", "c")),
    ],
    ids=range(7),
)
def test_files_that_are_no_videos_are_refused_in_one_line(tmp_path, name, data, reason):
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(ReadError, match=f"^{name}: {reason}$"):
        read_footage(tmp_path / name)


def test_sound_alone_is_refused(tmp_path):
    with av.open(str(tmp_path / "sound.m4a"), "w") as container:
        stream = container.add_stream("aac", rate=16_000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate = 16_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(ReadError, match="sound.m4a: no picture track in it"):
        read_footage(tmp_path / "sound.m4a")


def test_limits(ramp_file, monkeypatch):
    with pytest.raises(ReadError, match="48×64 pixels a frame, over the limit of 3,071"):
        read_footage(ramp_file, ReadSettings(max_pixels=48 * 64 - 1))
    with pytest.raises(ReadError, match="over the limit of 0.5 s"):
        read_footage(ramp_file, ReadSettings(max_seconds=0.5))
    monkeypatch.setattr("dance_tf.video.stills.MAX_DECODED_BYTES", 50_000)
    with pytest.raises(ReadError, match="more than 50,000 bytes of decoded pictures"):
        read_footage(ramp_file)


def test_a_stated_length_is_limited_before_decoding_and_another_while_decoding(tmp_path, make_video, make_ramp):
    path = make_video(tmp_path / "day.mkv", make_ramp(3), times=[0, 1000, 36_000_000])
    beats = []
    with pytest.raises(ReadError, match=r"36,00\d s long, over the limit of 900 s"):
        read_footage(path, heartbeat=lambda: beats.append(1))
    assert beats == []
    path = make_video(tmp_path / "raw.mjpeg", make_ramp(30), codec="mjpeg", pixel_format="yuvj420p", options={})
    with pytest.raises(ReadError, match="longer than the limit"):
        read_footage(path, ReadSettings(max_seconds=0.5))


def test_memory_does_not_grow_with_the_clip(tmp_path, make_video, make_dance):
    frames = make_dance(10, 256, 256)
    peaks, fast = [], {"preset": "ultrafast"}
    for repeats in (3, 30):
        path = make_video(tmp_path / f"{repeats}.mp4", np.concatenate([frames] * repeats), options=fast)
        tracemalloc.start()
        assert sum(1 for _ in open_footage(path)) == 10 * repeats
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 100_000


def test_a_single_picture_is_a_clip_of_one_frame(tmp_path):
    cv2.imwrite(str(tmp_path / "one.jpg"), np.full((20, 40), 90, np.uint8))
    footage = read_footage(tmp_path / "one.jpg", ReadSettings(size=8))
    assert len(footage.frames) == 1 and abs(int(footage.frames[0, 4, 4]) - 90) <= 1


def random_frames(count):
    return np.random.default_rng(0).integers(0, 256, (count, 3, 5), np.uint8)


def test_a_frame_file_has_no_name_and_a_limit_and_its_frames_outlive_it(tmp_path):
    frames = random_frames(7)
    with FrameFile(tmp_path, max_bytes=frames.nbytes) as held:
        held.append(frames[0])
        held.clear()
        for number, frame in enumerate(frames):
            held.append(frame[:, ::-1])  # not contiguous
            assert len(held.frames()) == len(held) == number + 1
        found = held.frames()
        assert list(tmp_path.iterdir()) == []
        with pytest.raises(ReadError, match="more than 7 frames"):
            held.append(frames[0])
        assert len(held) == 7
    assert found.dtype == np.uint8 and np.array_equal(found, frames[:, :, ::-1])


@pytest.mark.parametrize("kept", [[], [0], [2 * BLOCK + 9], range(1, 2 * BLOCK + 10), range(0, 2 * BLOCK, 3)])
def test_a_frame_file_keeps_the_marked_frames(tmp_path, kept):
    frames = random_frames(2 * BLOCK + 10)
    marked = np.zeros(len(frames), bool)
    marked[list(kept)] = True
    with FrameFile(tmp_path) as held:
        for frame in frames:
            held.append(frame)
        held.keep(marked)
        assert held.frames().shape == (len(kept), 3, 5) and np.array_equal(held.frames(), frames[marked])
        held.append(frames[1])
        assert np.array_equal(held.frames()[-1], frames[1])


def test_a_missing_folder_and_a_full_disk_are_reported(tmp_path, monkeypatch):
    with pytest.raises(FrameFileError, match="absent: cannot be written"):
        FrameFile(tmp_path / "absent")

    full = mock.Mock(**{"write.side_effect": OSError(errno.ENOSPC, "No space left on device")})
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **options: full)
    with pytest.raises(FrameFileError, match="No space left"):
        FrameFile(tmp_path).append(np.zeros((3, 5), np.uint8))
