import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from dance_tf.video.clip import IMAGE_SUFFIXES, is_clip, is_image_sequence, refusal_reason
from dance_tf.video.frames import ReadError, read_footage
from dance_tf.video.settings import ReadLimits, ReadSettings
from dance_tf.video.stills import STILL_FORMATS, image_luma, sequence_times


def save(path, level, shape=(20, 10), mode="L", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(shape, level, np.uint8)).convert(mode).save(path, **options)


def test_a_folder_of_images_in_the_order_of_their_numbers(tmp_path):
    for number in (1, 2, 10, 9):
        save(tmp_path / "seq" / f"{number}.png", 10 * number)
    (tmp_path / "seq" / "notes.txt").write_text("x")
    footage = read_footage(tmp_path / "seq", ReadSettings(size=20, image_rate=10))
    assert footage.frames[:, 10, 10].tolist() == [10, 20, 90, 100]
    # numbers are frame counters: the gap stays a gap
    assert np.allclose(footage.timestamps, [0, 0.1, 0.8, 0.9])
    assert (footage.width, footage.height, footage.seconds) == (10, 20, pytest.approx(0.9 + 0.3))


def test_times_of_sequences():
    assert sequence_times(["0001", "0002", "0003"], 30).tolist() == pytest.approx([0, 1 / 30, 2 / 30])
    assert sequence_times(["b", "c"], 2).tolist() == [0, 0.5]
    assert sequence_times(["1700000000000", "1700000900000"], 2).tolist() == [0, 0.5]
    assert sequence_times(["f1", "g1"], 2).tolist() == [0, 0.5]


def test_a_broken_image_is_left_out_and_named(tmp_path):
    for number in (1, 2, 3):
        save(tmp_path / f"{number}.png", 50)
    data = (tmp_path / "2.png").read_bytes()
    (tmp_path / "2.png").write_bytes(data[: len(data) // 2])
    footage = read_footage(tmp_path, ReadSettings(size=8, image_rate=10))
    assert len(footage.frames) == 2 and np.allclose(footage.timestamps, [0, 0.2])
    assert footage.warnings == ("1 broken images left out (2.png)",)


def test_only_broken_images_are_refused(tmp_path):
    (tmp_path / "1.png").write_bytes(b"no picture")
    with pytest.raises(ReadError, match="none of its 1 images"):
        read_footage(tmp_path)


def test_sampling_of_a_sequence(tmp_path):
    for number in range(10):
        save(tmp_path / f"{number}.png", 10 * number)
    footage = read_footage(tmp_path, ReadSettings(size=8, image_rate=10, frames_in_all=2))
    assert footage.frames[:, 4, 4].tolist() == [20, 70]


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
    """A PNG whose head states more pixels than any screen has; its picture is hardly there."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b""))
    return path


@pytest.mark.parametrize("good", [0, 3])
def test_an_image_too_large_even_to_be_opened_is_refused_for_its_pixels(tmp_path, good):
    for number in range(good):
        save(tmp_path / f"{number}.png", 10)
    huge_png(tmp_path / "9.png")
    with pytest.raises(ReadError, match=r"pixels in 9\.png, over the limit of 67,108,864$"):
        read_footage(tmp_path)


def test_a_single_image_beyond_the_decoder_is_refused_for_its_pixels(tmp_path):
    with pytest.raises(ReadError, match=r"over the limit of 67,108,864$"):
        read_footage(huge_png(tmp_path / "one.png"))
    with pytest.raises(ReadError, match=r"over the limit of 10$"):
        read_footage(huge_png(tmp_path / "one.png"), ReadSettings(limits=ReadLimits(pixels=10)))


def test_the_exif_flag_turns_a_photo(tmp_path):
    picture = np.full((16, 32), 20, np.uint8)
    picture[:, :16] = 200
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    Image.fromarray(picture).save(tmp_path / "p.jpg", exif=exif, quality=95)
    with Image.open(tmp_path / "p.jpg") as image:
        luma = image_luma(image)
    assert luma.shape == (32, 16) and luma[:12].min() > 180 and luma[20:].max() < 40


def test_kinds_of_images(tmp_path):
    deep = Image.fromarray(np.full((2, 2), 32896, np.uint16))
    deep.save(tmp_path / "deep.png")
    with Image.open(tmp_path / "deep.png") as image:
        assert image_luma(image).tolist() == [[128, 128], [128, 128]]
    assert image_luma(Image.new("RGB", (1, 1), (255, 0, 0))).tolist() == [[76]]
    assert image_luma(Image.new("RGBA", (1, 1), (0, 0, 0, 51))).tolist() == [[204]]
    assert image_luma(Image.new("P", (1, 1))).shape == (1, 1)


def test_a_sequence_of_any_format_that_frames_come_in(tmp_path):
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


def test_every_suffix_of_a_frame_is_one_that_is_read(tmp_path):
    Image.init()
    registered = Image.registered_extensions()
    assert {registered[suffix] for suffix in IMAGE_SUFFIXES} <= set(STILL_FORMATS)


def test_an_animation_in_a_folder_is_a_video(tmp_path):
    save(tmp_path / "mixed" / "1.webp", 50)
    moving = [Image.new("L", (16, 16), level) for level in (40, 120)]
    moving[0].save(tmp_path / "mixed" / "2.webp", save_all=True, append_images=moving[1:], duration=100)
    (tmp_path / "mixed" / "3.webp").write_bytes(b"RIFF")
    assert not is_image_sequence(tmp_path / "mixed")
    assert [is_clip(tmp_path / "mixed" / f"{number}.webp") for number in (1, 2, 3)] == [False, True, True]


def test_numbers_that_are_no_decimals_are_letters(tmp_path):
    for name in ("1²2", "1²10", "1²1"):
        save(tmp_path / f"{name}.png", 10 * len(name))
    footage = read_footage(tmp_path, ReadSettings(size=8))
    assert footage.frames[:, 4, 4].tolist() == [30, 30, 40]


def test_no_image_is_handed_to_another_program(tmp_path, monkeypatch):
    import PIL.EpsImagePlugin

    started = []
    monkeypatch.setattr(PIL.EpsImagePlugin, "Ghostscript", lambda *given, **named: started.append(given))
    save(tmp_path / "1.png", 50)
    Image.new("L", (16, 16), 90).save(tmp_path / "2.png", format="EPS")
    footage = read_footage(tmp_path, ReadSettings(size=8))
    assert started == [] and footage.warnings == ("1 broken images left out (2.png)",)
