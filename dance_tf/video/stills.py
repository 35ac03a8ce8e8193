"""Sources of gray frames: the base class, image sequences and WebP files (read by Pillow)."""

from __future__ import annotations

import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dance_tf.video.clip import is_sequence_image, list_folder
from dance_tf.video.luma import UPRIGHT, Orientation, fit_luma
from dance_tf.video.settings import ReadSettings, Sampling

if TYPE_CHECKING:  # Pillow is absent on machines that only train
    from PIL import Image

IMAGE_ERRORS = (OSError, SyntaxError, ValueError, EOFError)  # what Pillow raises for broken files
# no format that Pillow passes to another program, as EPS to Ghostscript; TGA last, because it has no signature
STILL_FORMATS = tuple("AVIF BMP GIF JPEG JPEG2000 PCX PNG PPM PSD QOI SGI SUN TIFF WEBP TGA".split())


class ReadError(ValueError):
    """A clip cannot be read; the message gives the reason in one line."""


class Source(ABC):
    """A clip as an iterator of gray frames; memory does not grow with the clip's length.

    Args:
        path: of the clip.
        settings: how to read it.
        heartbeat: called for each frame or packet.

    Attributes:
        width: of the picture as displayed; set at the first frame.
        height: of the picture as displayed.
        pixel_aspect: width of a pixel over its height as displayed; set at the first frame.
        frame_rate: mean frames per second; set at the end.
        seconds: length of the clip; set at the end.
        warnings: faults of the file; complete at the end.
        full_size: yield upright pictures at the clip's own size instead of squares.
        broken: True if decoding failed in places, so that the frames may depend on the number of decoding threads.
    """

    def __init__(self, path: Path, settings: ReadSettings, heartbeat: Callable[[], None]) -> None:
        self.path = path
        self.settings = settings
        self.heartbeat = heartbeat
        self.width = self.height = 0
        self.frame_rate = self.seconds = 0.0
        self.pixel_aspect = 1.0
        self.full_size = False
        self.warnings: list[str] = []
        self.broken = False
        self._decoded_bytes = 0

    @abstractmethod
    def frames(self) -> Iterator[tuple[float, np.ndarray]]:
        """Yield (seconds from the first frame, uint8 [size, size], or [h, w] if `full_size` is set).

        Raises:
            ReadError: the clip cannot be read, or exceeds a limit.
        """

    def fit(self, luma: np.ndarray) -> np.ndarray:
        """Return a picture in the square of the settings, or unchanged if `full_size` is set."""
        settings = self.settings
        return luma if self.full_size else fit_luma(luma, settings.size, settings.fit, quick=settings.quick_shrink)

    def check_pixels(self, width: int, height: int) -> None:
        """Raise ReadError if a picture has too many pixels."""
        if width * height > self.settings.limits.pixels:
            raise self.error(f"{width}×{height} pixels a frame, over the limit of {self.settings.limits.pixels:,}")

    def count_bytes(self, decoded: int) -> None:
        """Add to the decoded bytes; raise ReadError if they exceed the limit."""
        self._decoded_bytes += decoded
        if self._decoded_bytes > self.settings.limits.decoded_bytes:
            raise self.error(f"more than {self.settings.limits.decoded_bytes:,} bytes of decoded pictures")

    def check_seconds(self, seconds: float, stated: bool = False) -> None:
        """Raise ReadError if the length read so far, or stated by the file, exceeds the limit."""
        if seconds > self.settings.limits.seconds:
            length = f"{seconds:,.0f} s long, over" if stated else "longer than"
            raise self.error(f"{length} the limit of {self.settings.limits.seconds:g} s")

    def set_size(self, width: int, height: int, orientation: Orientation = UPRIGHT) -> None:
        """Set the displayed size of a picture stored as width × height."""
        size = max(1, width), max(1, height)
        self.width, self.height = size[::-1] if orientation.transpose else size

    def error(self, reason: str) -> ReadError:
        """Return an error that names the clip."""
        return ReadError(f"{self.path.name}: {reason}")


class WebpSource(Source):
    """A WebP file; FFmpeg does not decode animated ones."""

    def frames(self) -> Iterator[tuple[float, np.ndarray]]:
        """See `Source.frames`."""
        pictures = 0
        for seconds in webp_durations(self.path):
            self.heartbeat()
            pictures += 1
            self.seconds += seconds
            self.check_seconds(self.seconds)
        self.seconds = self.seconds or picture_seconds(None)
        self.frame_rate = max(1, pictures) / self.seconds
        self._reached = 0.0
        try:
            with open_image(self, self.path, ("WEBP",)) as image:
                self.set_size(*image.size)
                sampling = Sampling(self.settings, self.seconds)
                yield from sampling.choose(self._decode(image), lambda: self.seconds)
        except ReadError:
            raise
        except IMAGE_ERRORS as error:
            if not self._reached:
                raise self.error(f"not an image that can be decoded ({error})") from error
            self.broken = True
            self.warnings.append(f"breaks off after {self._reached:.2f} of {self.seconds:.2f} s ({error})")
            self.seconds = self._reached

    def _decode(self, image: Image.Image) -> Iterator[tuple[float, np.ndarray]]:
        from PIL import ImageSequence

        time = 0.0
        for picture in ImageSequence.Iterator(image):
            self.heartbeat()
            luma = image_luma(picture)
            self.count_bytes(luma.nbytes)
            self.check_seconds(time)
            yield time, self.fit(luma)
            time += picture_seconds(picture.info.get("duration"))
            self._reached = time


def is_webp(path: Path) -> bool:
    """Return whether a file is WebP, by its first twelve bytes."""
    with open(path, "rb") as file:
        head = file.read(12)
    return head[:4] == b"RIFF" and head[8:] == b"WEBP"


def webp_durations(path: Path) -> Iterator[float]:
    """Yield the duration of each picture of an animated WebP file in seconds, without decoding; none of a still one.

    Reference: https://developers.google.com/speed/webp/docs/riff_container.
    """
    with open(path, "rb") as file:
        file.seek(12)
        while len(head := file.read(8)) == 8:
            size = int.from_bytes(head[4:], "little")
            size += size % 2  # chunks are padded to even sizes
            if head[:4] == b"ANMF" and size >= 16:
                yield picture_seconds(int.from_bytes(file.read(16)[12:15], "little"))
                size -= 16
            file.seek(size, 1)


def picture_seconds(milliseconds: float | None) -> float:
    """Return the duration of a picture in seconds; 0.1 s if the file states none, as in browsers."""
    return (milliseconds or 100) / 1000


class ImageSequenceSource(Source):
    """A folder of still images, in the order of the numbers in their names."""

    def frames(self) -> Iterator[tuple[float, np.ndarray]]:
        """See `Source.frames`."""
        rate = self.settings.image_rate
        paths = sorted((path for path in list_folder(self.path) if is_sequence_image(path)), key=_numeric_order)
        if not paths:
            raise self.error("a folder without images")
        times = sequence_times([path.stem for path in paths], rate)
        self.frame_rate = (len(times) - 1) / times[-1] if times[-1] > 0 else rate
        self.seconds = float(times[-1]) + 1 / self.frame_rate
        self.check_seconds(self.seconds, stated=True)
        broken = []
        sampling = Sampling(self.settings, self.seconds)
        for time, path in sampling.choose(zip(times, paths, strict=True), lambda: self.seconds):
            self.heartbeat()
            try:
                with open_image(self, path) as image:
                    luma = image_luma(image)
            except ReadError:
                raise
            except IMAGE_ERRORS:
                broken.append(path.name)
                continue
            self.count_bytes(luma.nbytes)
            if not self.width:
                self.set_size(luma.shape[1], luma.shape[0])
            yield float(time), self.fit(luma)
        if not self.width:
            raise self.error(f"none of its {len(paths)} images can be decoded")
        if broken:
            self.broken = True
            self.warnings.append(f"{len(broken)} broken images left out ({broken[0]}{', …' if broken[1:] else ''})")


@contextmanager
def open_image(source: Source, path: Path, formats: tuple[str, ...] = STILL_FORMATS) -> Iterator[Image.Image]:
    """Open an image, and check its pixels before it is decoded.

    Args:
        source: the clip that the image belongs to; its settings give the limit.
        path: of the image.
        formats: accepted formats, by Pillow's names.

    Raises:
        ReadError: the image has too many pixels.
        OSError: or another of `IMAGE_ERRORS`: the image cannot be opened.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            # Pillow warns about large images, which are within our own limit
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=formats) as image:
                source.check_pixels(*image.size)
                yield image
    except Image.DecompressionBombError as error:
        pixels = 2 * (Image.MAX_IMAGE_PIXELS or 0)  # Pillow refuses larger images before it returns their size
        limit = min(pixels, source.settings.limits.pixels)
        raise source.error(f"over {pixels:,} pixels in {path.name}, over the limit of {limit:,}") from error


def check_still_pixels(source: Source) -> None:
    """Raise ReadError if a file that FFmpeg cannot decode is an image with too many pixels (FFmpeg gives no size)."""
    try:
        with open_image(source, source.path):
            pass
    except ReadError:
        raise
    except IMAGE_ERRORS:
        pass


def image_luma(image: Image.Image) -> np.ndarray:
    """Return the gray values uint8 [h, w] of a still image, upright by its EXIF flag, transparent parts white."""
    from PIL import Image, ImageOps

    if image.format == "JPEG":
        image.draft("L", image.size)  # decodes only the luma plane
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image).astype(np.float64)
        # 16-bit images range from 0 to 65535 in all of these modes
        return np.clip(np.rint(values / 257), 0, 255).astype(np.uint8)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255, 255)), image)
    return np.asarray(image.convert("L"))


def sequence_times(stems: list[str], rate: float) -> np.ndarray:
    """Return seconds from the first image, by the last numbers in the file names, so that gaps are kept.

    If the numbers are not frame counters (not rising, or a span of over 100 per image), images follow at the rate.
    """
    numbers = [int(match[-1]) if (match := re.findall(r"\d+", stem)) else None for stem in stems]
    if None not in numbers and len(set(numbers)) == len(numbers) and numbers == sorted(numbers):
        if numbers[-1] - numbers[0] <= 100 * len(numbers):
            return (np.array(numbers, np.float64) - numbers[0]) / rate
    return np.arange(len(stems)) / rate


def _numeric_order(path: Path) -> tuple[list[tuple[int, int | str]], str]:
    parts = re.split(r"(\d+)", path.stem)
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts if part], path.name
