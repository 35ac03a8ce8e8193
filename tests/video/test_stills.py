"""Image sequences, single images, and animated WebP, GIF and PNG files."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from dance_tf.video.clip import IMAGE_SUFFIXES, is_clip, is_image_sequence, refusal_reason
from dance_tf.video.frames import ReadError, read_footage
from dance_tf.video.settings import ReadLimits, ReadSettings
from dance_tf.video.stills import STILL_FORMATS, image_luma, sequence_times, webp_durations

LEVELS = (40, 120, 200)


def save(path, level, shape=(20, 10), mode="L", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(shape, level, np.uint8)).convert(mode).save(path, **options)


def test_a_folder_of_images_in_the_order_of_their_numbers(tmp_path):
    for number in (1, 2, 10, 9):
        save(tmp_path / f"{number}.png", 10 * number)
    (tmp_path / "notes.txt").write_text("x")
    footage = read_footage(tmp_path, ReadSettings(size=20, image_rate=10))
    assert footage.frames[:, 10, 10].tolist() == [10, 20, 90, 100]
    # numbers are frame counters, so gaps are kept
    assert np.allclose(footage.timestamps, [0, 0.1, 0.8, 0.9])
    assert (footage.width, footage.height, footage.seconds) == (10, 20, pytest.approx(0.9 + 0.3))
    few = read_footage(tmp_path, ReadSettings(size=20, image_rate=10, frames_in_all=2))
    assert few.frames[:, 10, 10].tolist() == [20, 100]  # at 0.3 s and 0.9 s


@pytest.mark.parametrize(
    ("stems", "rate", "times"),
    [
        (["0001", "0002", "0004"], 30, [0, 1 / 30, 3 / 30]),
        (["b", "c"], 2, [0, 0.5]),
        (["1700000000000", "1700000900000"], 2, [0, 0.5]),
        (["f1", "g1"], 2, [0, 0.5]),
    ],
)
def test_times_of_sequences(stems, rate, times):
    assert sequence_times(stems, rate).tolist() == pytest.approx(times)


def test_broken_images_are_left_out_and_named(tmp_path):
    for number in (1, 2, 3):
        save(tmp_path / f"{number}.png", 50)
    data = (tmp_path / "2.png").read_bytes()
    (tmp_path / "2.png").write_bytes(data[: len(data) // 2])
    footage = read_footage(tmp_path, ReadSettings(size=8, image_rate=10))
    assert len(footage.frames) == 2 and np.allclose(footage.timestamps, [0, 0.2])
    assert footage.warnings == ("1 broken images left out (2.png)",)
    for number in (1, 3):
        (tmp_path / f"{number}.png").write_bytes(b"no picture")
    with pytest.raises(ReadError, match="none of its 3 images"):
        read_footage(tmp_path)


def test_limits_hold_for_images(tmp_path):
    save(tmp_path / "1.png", 10, (100, 100))
    with pytest.raises(ReadError, match="100×100 pixels"):
        read_footage(tmp_path, ReadSettings(limits=ReadLimits(pixels=9_999)))
    for number in range(2, 30):
        save(tmp_path / f"{number}.png", 10, (100, 100))
    with pytest.raises(ReadError, match="limit of 0.5 s"):
        read_footage(tmp_path, ReadSettings(limits=ReadLimits(seconds=0.5)))
    with pytest.raises(ReadError, match="decoded pictures"):
        read_footage(tmp_path, ReadSettings(limits=ReadLimits(decoded_bytes=20_000)))


def huge_png(path, side=30_000):
    """Write a PNG whose header states too many pixels, with almost no data."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b""))
    return path


def test_images_with_too_many_pixels_are_refused(tmp_path):
    path = huge_png(tmp_path / "9.png")
    for clip, limit in ((path, "67,108,864"), (tmp_path, "67,108,864"), (path, "10")):
        limits = ReadLimits(pixels=int(limit.replace(",", "")))
        with pytest.raises(ReadError, match=rf"pixels in 9\.png, over the limit of {limit}$"):
            read_footage(clip, ReadSettings(limits=limits))
    save(tmp_path / "1.png", 10)
    with pytest.raises(ReadError, match=r"pixels in 9\.png, over the limit of 67,108,864$"):
        read_footage(tmp_path)


def test_kinds_of_images(tmp_path):
    Image.fromarray(np.full((2, 2), 32896, np.uint16)).save(tmp_path / "deep.png")
    picture = np.full((16, 32), 20, np.uint8)
    picture[:, :16] = 200
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate clockwise
    Image.fromarray(picture).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    with Image.open(tmp_path / "deep.png") as deep, Image.open(tmp_path / "turned.jpg") as turned:
        assert image_luma(deep).tolist() == [[128, 128], [128, 128]]
        luma = image_luma(turned)
    assert luma.shape == (32, 16) and luma[:12].min() > 180 and luma[20:].max() < 40
    assert image_luma(Image.new("RGB", (1, 1), (255, 0, 0))).tolist() == [[76]]
    assert image_luma(Image.new("RGBA", (1, 1), (0, 0, 0, 51))).tolist() == [[204]]
    assert image_luma(Image.new("P", (1, 1))).shape == (1, 1)


def test_sequences_of_every_image_format(tmp_path):
    for suffix in "avif bmp j2k jfif jp2 jpe pbm pcx pgm pnm ppm qoi sgi tga tif webp".split():
        folder = tmp_path / suffix
        for number in (1, 2):
            options = {"format": "JPEG"} if suffix == "jpe" else {}
            mode = {"pbm": "1", "pgm": "L", "pnm": "L"}.get(suffix, "RGB")
            level = 255 if suffix == "pbm" else 60 * number
            save(folder / f"{number}.{suffix}", level, (16, 16), mode, **options)
        assert is_image_sequence(folder) and is_clip(folder), suffix
        assert not is_clip(folder / f"1.{suffix}") and "single image" in refusal_reason(folder / f"1.{suffix}")
        footage = read_footage(folder, ReadSettings(size=8))
        shown = footage.frames[:, 4, 4].astype(int)
        assert footage.warnings == () and np.abs(shown - ([255] * 2 if suffix == "pbm" else [60, 120])).max() <= 2
    Image.init()
    registered = Image.registered_extensions()
    assert {registered[suffix] for suffix in IMAGE_SUFFIXES} <= set(STILL_FORMATS)


def test_digits_that_are_not_decimal_count_as_letters(tmp_path):
    for name in ("1²2", "1²10", "1²1"):
        save(tmp_path / f"{name}.png", 10 * len(name))
    footage = read_footage(tmp_path, ReadSettings(size=8))
    assert footage.frames[:, 4, 4].tolist() == [30, 30, 40]


def test_no_image_is_passed_to_another_program(tmp_path, monkeypatch):
    import PIL.EpsImagePlugin

    started = []
    monkeypatch.setattr(PIL.EpsImagePlugin, "Ghostscript", lambda *given, **named: started.append(given))
    save(tmp_path / "1.png", 50)
    Image.new("L", (16, 16), 90).save(tmp_path / "2.png", format="EPS")
    footage = read_footage(tmp_path, ReadSettings(size=8))
    assert started == [] and footage.warnings == ("1 broken images left out (2.png)",)


def write_animation(path, durations):
    """Write pictures of one gray level each, shown for so many milliseconds."""
    pictures = [Image.new("L", (16, 16), LEVELS[number % 3]) for number in range(len(durations))]
    options = {"lossless": True} if path.suffix == ".webp" else {}
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=durations, loop=0, **options)
    return path


@pytest.mark.parametrize("suffix", ["webp", "gif", "png"])
@pytest.mark.parametrize("durations", [(100, 240, 260), (260, 240, 100)])
def test_animations_keep_their_durations(tmp_path, suffix, durations):
    path = write_animation(tmp_path / f"a.{suffix}", durations)
    footage = read_footage(path, ReadSettings(size=8))
    assert np.allclose(footage.timestamps, [0, durations[0] / 1000, sum(durations[:2]) / 1000])
    assert (footage.seconds, footage.frame_rate) == (pytest.approx(0.6), pytest.approx(5))
    assert np.abs(footage.frames[:, 4, 4].astype(int) - LEVELS).max() <= 1
    samplings = [({"frames_in_all": n}, (np.arange(n) + 0.5) * 0.6 / n) for n in (1, 2, 6)]
    for sampling, moments in [*samplings, ({"frames_per_second": 4}, np.array([0, 0.25, 0.5]) + 1e-6)]:
        few = read_footage(path, ReadSettings(size=8, **sampling))
        shown = np.unique(np.searchsorted(footage.timestamps, moments, "right") - 1)
        assert np.allclose(few.timestamps, footage.timestamps[shown])
        assert few.seconds == pytest.approx(0.6) and few.warnings == ()
        if suffix == "webp":
            assert few.frame_rate == pytest.approx(5)


def test_webp_durations_are_read_without_decoding(tmp_path):
    path = write_animation(tmp_path / "a.webp", [100, 0, 16_777_215])
    # no duration counts as a tenth of a second
    assert list(webp_durations(path)) == pytest.approx([0.1, 0.1, 16_777.215])
    Image.new("L", (16, 16), 7).save(tmp_path / "still.webp")
    assert list(webp_durations(tmp_path / "still.webp")) == []
    assert read_footage(tmp_path / "still.webp", ReadSettings(size=8)).seconds == pytest.approx(0.1)


@pytest.mark.parametrize("sampling", [{}, {"frames_in_all": 1}])
def test_limits_and_heartbeats_of_an_animation(tmp_path, sampling):
    path = write_animation(tmp_path / "a.webp", [100] * 30)
    beats = []
    settings = ReadSettings(limits=ReadLimits(seconds=2.05), **sampling)
    with pytest.raises(ReadError, match="a.webp: longer than the limit of 2.05 s"):
        read_footage(path, settings, heartbeat=lambda: beats.append(1))
    assert len(beats) == 21
    with pytest.raises(ReadError, match="bytes of decoded pictures"):
        read_footage(path, ReadSettings(limits=ReadLimits(decoded_bytes=1000), **sampling))
    beats.clear()
    read_footage(path, ReadSettings(size=8, **sampling), heartbeat=lambda: beats.append(1))
    # one for each picture in the file header, and one for each decoded; the sample is the 16th of 30
    assert len(beats) == 30 + (17 if sampling else 30)


def test_broken_animations_are_refused(tmp_path):
    (tmp_path / "a.webp").write_bytes(b"RIFF\x10\0\0\0WEBPVP8 junk")
    data = write_animation(tmp_path / "b.webp", [100] * 9).read_bytes()
    (tmp_path / "b.webp").write_bytes(data[: len(data) // 2])
    for name in ("a.webp", "b.webp"):
        with pytest.raises(ReadError, match=name):
            read_footage(tmp_path / name)


def test_an_animation_in_a_folder_is_a_video(tmp_path):
    save(tmp_path / "1.webp", 50)
    write_animation(tmp_path / "2.webp", [100, 100])
    (tmp_path / "3.webp").write_bytes(b"RIFF")
    assert not is_image_sequence(tmp_path)
    assert [is_clip(tmp_path / f"{number}.webp") for number in (1, 2, 3)] == [False, True, True]
