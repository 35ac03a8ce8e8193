"""Decoding past what is broken, within memory, and with transparency."""

import av
import numpy as np
import pytest

from dance_tf.video import decode as container_decoder
from dance_tf.video.decode import PictureDecoder
from dance_tf.video.frames import FootageReader, ReadError, ReadSettings, read_footage


class FailingCodec:
    """A decoder that fails at some packets, or (at 0) when it is opened, as FFmpeg would."""

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
    """Let decoding fail at some packets where more than so many threads share it; 0 of them lets FFmpeg choose."""
    set_up, used = PictureDecoder.__init__, []

    def failing(decoder, container, stream, settings, skipping):
        set_up(decoder, container, stream, settings, skipping)
        used.append(settings.threads)
        if settings.threads == 0 or settings.threads > above_threads:
            decoder._codec = FailingCodec(decoder._codec, error, at)

    monkeypatch.setattr(PictureDecoder, "__init__", failing)
    return used


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_memory_that_runs_out_is_no_damage(dance_file, monkeypatch, threads):
    used = fail_decoding(monkeypatch, av.error.MemoryError, range(20, 29))
    with pytest.raises(MemoryError, match="dance.mp4: decoding it needs more memory"):
        read_footage(dance_file, ReadSettings(size=16, threads=threads))
    assert used == ([1] if threads == 1 else [threads, 1])
    with pytest.raises(MemoryError):
        list(FootageReader(dance_file, ReadSettings(size=16, threads=threads)))


@pytest.mark.parametrize(
    ("error", "at"),
    [(av.error.MemoryError, [20]), (av.error.MemoryError, [0]), (av.error.BlockingIOError, [0])],
    ids=["decoding", "opening", "starting threads"],
)
@pytest.mark.parametrize("threads", [0, 3])
def test_one_thread_is_tried_where_many_need_too_much(dance_file, monkeypatch, threads, error, at):
    whole = read_footage(dance_file, ReadSettings(size=16, threads=1))
    used = fail_decoding(monkeypatch, error, at, above_threads=1)
    footage = read_footage(dance_file, ReadSettings(size=16, threads=threads))
    assert used == [threads, 1] and footage.warnings == () and np.array_equal(footage.frames, whole.frames)


def test_a_length_beyond_all_measure_is_damage(dance_file, tmp_path):
    data = bytearray(dance_file.read_bytes())
    first = data.index(b"stsz") + 16  # after the box's name come version, common size and count
    data[first + 4 * 25] = 0x20  # half a gigabyte for one frame, which FFmpeg has no memory for, as it says
    (tmp_path / "lying.mp4").write_bytes(data)
    footage = read_footage(tmp_path / "lying.mp4", ReadSettings(size=16))
    assert len(footage.frames) == 25
    assert footage.warnings[0] == "breaks off (it is damaged: it states an impossible length)"


def test_a_file_that_asks_for_too_much_when_opened_is_refused(dance_file, monkeypatch):
    def fail(*_, **__):
        raise av.error.MemoryError(12, "Cannot allocate memory")

    monkeypatch.setattr(av, "open", fail)
    with pytest.raises(ReadError, match="dance.mp4: not a video that can be opened .it is damaged: it states an impossible"):
        read_footage(dance_file)
    monkeypatch.setattr(container_decoder, "SPARE_BYTES", 1 << 62)  # more than is to be had: memory has run out
    with pytest.raises(MemoryError, match="dance.mp4: decoding it needs more memory than there is"):
        read_footage(dance_file)


def test_a_decoder_that_cannot_be_opened_is_a_reason_to_refuse(dance_file, monkeypatch):
    fail_decoding(monkeypatch, av.error.InvalidDataError, range(1000))
    with pytest.raises(ReadError, match="dance.mp4: no frame of it can be decoded"):
        read_footage(dance_file)


def test_broken_packets_are_stepped_over_and_counted(dance_file, monkeypatch):
    fail_decoding(monkeypatch, av.error.InvalidDataError, [38, 39])
    footage = read_footage(dance_file, ReadSettings(size=16))
    assert footage.warnings == ("2 broken packets left out",) and 36 <= len(footage.frames) <= 38


def write_transparent(path, codec, pixel_format):
    """Five frames of dark gray; the top left quarter is transparent, the top right one half so."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, pixel_format
        stream.options = {"auto-alt-ref": "0", "crf": "4", "b": "4M"} if codec.startswith("libvpx") else {}
        for number in range(5):
            pixels = np.full((64, 64, 4), 60, np.uint8)
            pixels[60:, 12 * number : 12 * number + 8] = 200  # so that no encoder makes one of two frames
            pixels[..., 3] = 255
            pixels[:32, :32, 3], pixels[:32, 32:, 3] = 0, 128
            frame = av.VideoFrame.from_ndarray(pixels, format="rgba").reformat(format=pixel_format)
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
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
@pytest.mark.parametrize("sampling", [{}, {"frames_in_all": 2}, {"skip_nonref": True}], ids=str)
def test_transparent_parts_lie_on_white(tmp_path, name, codec, pixel_format, sampling):
    path = write_transparent(tmp_path / name, codec, pixel_format)
    footage = read_footage(path, ReadSettings(size=64, **sampling))
    assert len(footage.frames) == sampling.get("frames_in_all", 5) and footage.warnings == ()
    shown = footage.frames[:, [16, 16, 48, 48], [16, 48, 16, 48]].astype(int)
    # half of 60 and half of 255: 60·128/255 + 255·127/255 = 157.1
    assert np.abs(shown - [255, 157, 60, 60]).max() <= 2


def test_a_transparent_file_can_be_sought_in(tmp_path):
    path = tmp_path / "long.webm"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuva420p"
        stream.options = {"auto-alt-ref": "0", "crf": "4", "b": "4M", "g": "5", "cpu-used": "8"}
        for number in range(60):
            pixels = np.full((32, 32, 4), 40 + 3 * number, np.uint8)
            pixels[..., 3] = 255
            pixels[:16, :, 3] = 0
            frame = av.VideoFrame.from_ndarray(pixels, format="rgba").reformat(format="yuva420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    whole = read_footage(path, ReadSettings(size=32))
    assert len(whole.frames) == 60 and whole.frames[:, 8, 8].min() == 255
    few = read_footage(path, ReadSettings(size=32, frames_in_all=3))
    assert few.timestamps.tolist() == pytest.approx([1, 3, 5]) and few.warnings == ()
    assert np.array_equal(few.frames, whole.frames[[10, 30, 50]])
