"""Image sequences, single images, and animated WebP, GIF and PNG files."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from dance_tf.video.files import IMAGE_SUFFIXES, is_clip, is_image_sequence, refusal_reason
from dance_tf.video.frames import ReadError, read_footage
from dance_tf.video.settings import ReadSettings
from dance_tf.video.stills import STILL_FORMATS, image_luma, sequence_times

LEVELS = (40, 120, 200)


def save(path, level, shape=(20, 10), mode="L", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(shape, level, np.uint8)).convert(mode).save(path, **options)


def test_a_folder_of_images_in_the_order_of_their_numbers(tmp_path):
    for number in (1, 2, 10, 9):
        save(tmp_path / f"{number}.png", 10 * number)
        save(tmp_path / "letters" / f"1²{number}.png", 10 * number)  # a digit that is not decimal counts as a letter
    (tmp_path / "notes.txt").write_text("x")
    assert read_footage(tmp_path / "letters").frames[:, 64, 64].tolist() == [10, 20, 90, 100]
    footage = read_footage(tmp_path, ReadSettings(size=20))
    assert footage.frames[:, 10, 10].tolist() == [10, 20, 90, 100]
    # numbers are frame counters, so gaps are kept
    assert np.allclose(footage.timestamps, np.array([0, 1, 8, 9]) / 30)
    assert (footage.width, footage.height, footage.seconds) == (10, 20, pytest.approx(0.3 + 0.1))
    few = read_footage(tmp_path, ReadSettings(size=20, frames_per_second=5))
    assert few.frames[:, 10, 10].tolist() == [10, 20]  # at 0 s and 0.2 s


def test_times_of_sequences():
    assert (sequence_times(["0001", "0002", "0004"]) * 30).tolist() == pytest.approx([0, 1, 3])
    for stems in (["b", "c"], ["1700000000000", "1700000900000"], ["f1", "g1"]):  # not counted
        assert (sequence_times(stems) * 30).tolist() == pytest.approx([0, 1])


def test_broken_images_are_left_out_and_named(tmp_path):
    for number in (1, 2, 3):
        save(tmp_path / f"{number}.png", 50)
    data = (tmp_path / "2.png").read_bytes()
    (tmp_path / "2.png").write_bytes(data[: len(data) // 2])
    footage = read_footage(tmp_path, ReadSettings(size=8))
    assert len(footage.frames) == 2 and np.allclose(footage.timestamps, [0, 2 / 30])
    assert footage.warnings == ("1 broken images left out (2.png)",)
    for number in (1, 3):
        (tmp_path / f"{number}.png").write_bytes(b"no picture")
    with pytest.raises(ReadError, match="none of its 3 images"):
        read_footage(tmp_path)


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
        with pytest.raises(ReadError, match=rf"pixels in 9\.png, over the limit of {limit}$"):
            read_footage(clip, ReadSettings(max_pixels=int(limit.replace(",", ""))))
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
    few = read_footage(path, ReadSettings(size=8, frames_per_second=4))
    shown = np.unique(np.searchsorted(footage.timestamps, np.array([0, 0.25, 0.5]) + 1e-6, "right") - 1)
    assert np.allclose(few.timestamps, footage.timestamps[shown])
    assert (few.seconds, few.frame_rate, few.warnings) == (pytest.approx(0.6), pytest.approx(5), ())


def test_a_webp_picture_without_duration_is_shown_for_a_tenth_of_a_second_and_a_broken_file_is_refused(tmp_path):
    path = write_animation(tmp_path / "a.webp", [200, 0, 300])
    footage = read_footage(path, ReadSettings(size=8))
    assert (footage.timestamps.tolist(), footage.seconds) == (pytest.approx([0, 0.2, 0.3]), pytest.approx(0.6))
    Image.new("L", (16, 16), 7).save(tmp_path / "still.webp")
    assert read_footage(tmp_path / "still.webp", ReadSettings(size=8)).seconds == pytest.approx(0.1)
    (tmp_path / "junk.webp").write_bytes(b"RIFF\x10\0\0\0WEBPVP8 junk")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    for broken in ("junk.webp", "a.webp"):
        with pytest.raises(ReadError, match=f"{broken}: not an image that can be decoded"):
            read_footage(tmp_path / broken)


@pytest.mark.parametrize(("kind", "length"), [("a.webp", "longer than the"), ("folder", "1 s long, over the")])
def test_limits_and_heartbeats(tmp_path, monkeypatch, kind, length):
    path, beats = tmp_path / kind, []
    if kind == "folder":
        for number in range(30):
            save(path / f"{number}.png", 10 * (number % 9), (16, 16))
    else:
        write_animation(path, [100] * 30)
    read_footage(path, ReadSettings(size=8), heartbeat=lambda: beats.append(1))
    assert len(beats) == 30
    with pytest.raises(ReadError, match=f"{kind}: {length} limit of 0.55 s"):
        read_footage(path, ReadSettings(max_seconds=0.55), heartbeat=lambda: beats.append(1))
    assert len(beats) == (30 if kind == "folder" else 30 + 6)
    with pytest.raises(ReadError, match="16×16 pixels a frame, over the limit of 255"):
        read_footage(path, ReadSettings(max_pixels=255))
    monkeypatch.setattr("dance_tf.video.stills.MAX_DECODED_BYTES", 1000)
    with pytest.raises(ReadError, match="more than 1,000 bytes of decoded pictures"):
        read_footage(path)


def test_an_animation_in_a_folder_is_a_video(tmp_path):
    save(tmp_path / "1.webp", 50)
    write_animation(tmp_path / "2.webp", [100, 100])
    (tmp_path / "3.webp").write_bytes(b"RIFF")
    assert not is_image_sequence(tmp_path)
    assert [is_clip(tmp_path / f"{number}.webp") for number in (1, 2, 3)] == [False, True, True]
