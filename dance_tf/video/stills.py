"""Still images, and folders of them that make a clip."""

from __future__ import annotations

import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from dance_tf.video.clip import is_sequence_image, listed
from dance_tf.video.luma import UPRIGHT, Orientation, fit_luma
from dance_tf.video.settings import ReadSettings, Sampling


class ReadError(ValueError):
    """A clip that cannot be read, with the reason in one line."""


class Source(ABC):
    """A clip as a run of gray squares; what it holds in memory does not grow with the clip's length.

    Attributes:
        width: of the picture as displayed; known from the first square on.
        height: of the picture as displayed.
        frame_rate: frames per second on average; known at the end.
        seconds: length of the clip; known at the end.
        warnings: what was wrong with the file, in plain words; complete at the end.
        pixel_aspect: width of a pixel over its height as displayed; known from the first picture on.
        whole: hand out upright pictures at the clip's own size instead of squares.
        broken: True where decoding met errors, so that the frames may depend on the number of decoding threads.
    """

    def __init__(self, path: Path, settings: ReadSettings) -> None:
        self.path = path
        self.settings = settings
        self.width = self.height = 0
        self.frame_rate = self.seconds = 0.0
        self.pixel_aspect = 1.0
        self.whole = False
        self.warnings: list[str] = []
        self.broken = False

    @abstractmethod
    def squares(self, alive: Callable[[], None]) -> Iterator[tuple[float, np.ndarray]]:
        """Yield (seconds from the first frame, uint8 [size, size]), calling `alive` now and then.

        Where `whole` is set, each picture is uint8 [h, w] instead.
        """

    def framed(self, luma: np.ndarray) -> np.ndarray:
        """A picture as the settings frame it, or as it is where whole pictures are wanted."""
        settings = self.settings
        return luma if self.whole else fit_luma(luma, settings.size, settings.fit, quick=settings.quick_shrink)

    def check_pixels(self, width: int, height: int) -> None:
        """Refuse a picture beyond the limit.

        Raises:
            ReadError: it has too many pixels.
        """
        if width * height > self.settings.limits.pixels:
            raise ReadError(
                f"{self.path.name}: {width}×{height} pixels a frame, over the limit of {self.settings.limits.pixels:,}"
            )

    def set_size(self, width: int, height: int, orientation: Orientation = UPRIGHT) -> None:
        """Note the displayed size of a picture that is stored as width × height."""
        size = max(1, width), max(1, height)
        self.width, self.height = size[::-1] if orientation.transpose else size


class AnimationSource(Source):
    """Reads a WebP file by Pillow, with the durations that it states."""

    def squares(self, alive: Callable[[], None]) -> Iterator[tuple[float, np.ndarray]]:
        """Yield (seconds from the first picture, uint8 [size, size]).

        Raises:
            ReadError: no picture can be read, or a limit is exceeded.
        """
        settings = self.settings
        pictures = 0
        for seconds in webp_durations(self.path):
            alive()
            pictures += 1
            self.seconds += seconds
            if self.seconds > settings.limits.seconds:
                raise ReadError(f"{self.path.name}: longer than the limit of {settings.limits.seconds:g} s")
        self.seconds = self.seconds or picture_seconds(None)
        self.frame_rate = max(1, pictures) / self.seconds
        self._reached = 0.0
        try:
            with open_image(self, self.path, ("WEBP",)) as image:
                self.set_size(*image.size)
                sampling = Sampling(settings, self.seconds)
                yield from sampling.choose(self._timed(image, alive), lambda: self.seconds)
        except IMAGE_FAULTS as error:
            if isinstance(error, ReadError):
                raise
            if not self._reached:
                raise ReadError(f"{self.path.name}: not an image that can be decoded ({error})") from error
            self.broken = True
            self.warnings.append(f"breaks off after {self._reached:.2f} of {self.seconds:.2f} s ({error})")
            self.seconds = self._reached

    def _timed(self, image: Image.Image, alive: Callable[[], None]) -> Iterator[tuple[float, np.ndarray]]:
        limits = self.settings.limits
        time = decoded_bytes = 0
        for picture in ImageSequence.Iterator(image):
            alive()
            luma = image_luma(picture)
            decoded_bytes += luma.nbytes
            if time > limits.seconds or decoded_bytes > limits.decoded_bytes:
                raise ReadError(f"{self.path.name}: exceeds the limit of length or of decoded bytes")
            yield time, self.framed(luma)
            time += picture_seconds(picture.info.get("duration"))
            self._reached = time


def is_webp(path: Path) -> bool:
    """Tell a WebP file by its first twelve bytes."""
    with open(path, "rb") as file:
        head = file.read(12)
    return head[:4] == b"RIFF" and head[8:] == b"WEBP"


def webp_durations(path: Path) -> Iterator[float]:
    """How long each picture of an animated WebP is shown, in seconds; none of a still one. Nothing is decoded.

    The file is a run of chunks (https://developers.google.com/speed/webp/docs/riff_container); that of a picture has
    its duration in three bytes.
    """
    with open(path, "rb") as file:
        file.seek(12)
        while len(head := file.read(8)) == 8:
            size = int.from_bytes(head[4:], "little")
            size += size % 2  # chunks begin at even places
            if head[:4] == b"ANMF" and size >= 16:
                yield picture_seconds(int.from_bytes(file.read(16)[12:15], "little"))
                size -= 16
            file.seek(size, 1)


def picture_seconds(milliseconds: float | None) -> float:
    """How long a picture is shown; one of no duration for a tenth of a second, as browsers do."""
    return (milliseconds or 100) / 1000


IMAGE_FAULTS = (OSError, SyntaxError, ValueError, EOFError, UnidentifiedImageError)
# of the formats that Pillow knows, those of frames: none that is handed to another program, as EPS is to Ghostscript;
# TGA last, as it begins with nothing to know it by
STILL_FORMATS = tuple("AVIF BMP GIF JPEG JPEG2000 PCX PNG PPM PSD QOI SGI SUN TIFF WEBP TGA".split())


class ImageSequenceSource(Source):
    """Reads a folder of still images, in the order of the numbers in their names."""

    def squares(self, alive: Callable[[], None]) -> Iterator[tuple[float, np.ndarray]]:
        """Yield (seconds from the first image, uint8 [size, size]).

        Raises:
            ReadError: no image can be read, or a limit is exceeded.
        """
        settings = self.settings
        paths = sorted((path for path in listed(self.path) if is_sequence_image(path)), key=_order)
        if not paths:
            raise ReadError(f"{self.path.name}: a folder without images")
        times = sequence_times([path.stem for path in paths], settings.image_rate)
        self.frame_rate = (len(times) - 1) / times[-1] if times[-1] > 0 else settings.image_rate
        self.seconds = float(times[-1]) + 1 / self.frame_rate
        if self.seconds > settings.limits.seconds:
            raise ReadError(
                f"{self.path.name}: {self.seconds:,.0f} s long, over the limit of {settings.limits.seconds:g} s"
            )
        broken = []
        decoded_bytes = 0
        for time, path in Sampling(settings, self.seconds).choose(zip(times, paths, strict=True), lambda: self.seconds):
            alive()
            try:
                with open_image(self, path) as image:
                    luma = image_luma(image)
            except IMAGE_FAULTS as error:
                if isinstance(error, ReadError):
                    raise
                broken.append(path.name)
                continue
            decoded_bytes += luma.nbytes
            if decoded_bytes > settings.limits.decoded_bytes:
                raise ReadError(
                    f"{self.path.name}: more than {settings.limits.decoded_bytes:,} bytes of decoded pictures"
                )
            if not self.width:
                self.set_size(luma.shape[1], luma.shape[0])
            yield float(time), self.framed(luma)
        if not self.width:
            raise ReadError(f"{self.path.name}: none of its {len(paths)} images can be decoded")
        if broken:
            self.broken = True
            self.warnings.append(f"{len(broken)} broken images left out ({broken[0]}{', …' if broken[1:] else ''})")


@contextmanager
def open_image(source: Source, path: Path, formats: tuple[str, ...] = STILL_FORMATS) -> Iterator[Image.Image]:
    """Open an image whose pixels are within the limit; of a larger one only the head is read.

    Args:
        source: what the image belongs to; it knows the limit.
        path: of the image.
        formats: what it may be, by Pillow's names.

    Raises:
        ReadError: it has too many pixels.
        OSError: or another of `IMAGE_FAULTS`: it is no image that can be opened.
    """
    try:
        with warnings.catch_warnings():
            # Pillow warns of large images; the limits of the settings have already refused what is too large
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=formats) as image:
                source.check_pixels(*image.size)
                yield image
    except Image.DecompressionBombError as error:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)  # Pillow stops here of itself, before it tells the size
        limit = min(most, source.settings.limits.pixels)
        raise ReadError(
            f"{source.path.name}: over {most:,} pixels in {path.name}, over the limit of {limit:,}"
        ) from error


def check_still_pixels(source: Source) -> None:
    """Look whether a file of which FFmpeg decodes nothing is an image beyond the limit; FFmpeg tells no size then.

    Raises:
        ReadError: it is.
    """
    try:
        with open_image(source, source.path):
            pass
    except IMAGE_FAULTS as error:
        if isinstance(error, ReadError):
            raise


def image_luma(image: Image.Image) -> np.ndarray:
    """The gray values of a still image, upright by its EXIF flag, transparent parts on white; uint8 [h, w]."""
    if image.format == "JPEG":
        image.draft("L", image.size)  # the decoder then hands out the luma plane itself
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image).astype(np.float64)
        # 16-bit images count from 0 to 65535 whatever Pillow calls the mode
        return np.clip(np.rint(values / 257), 0, 255).astype(np.uint8)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255, 255)), image)
    return np.asarray(image.convert("L"))


def sequence_times(stems: list[str], rate: float) -> np.ndarray:
    """Seconds from the first image: by the numbers in the names where each has one, so that a gap stays a gap.

    Numbers that are no frame counters (a span of over 100 frames an image) are not believed; images then follow each
    other at the rate.
    """
    numbers = [int(match[-1]) if (match := re.findall(r"\d+", stem)) else None for stem in stems]
    if None not in numbers and len(set(numbers)) == len(numbers) and numbers == sorted(numbers):
        if numbers[-1] - numbers[0] <= 100 * len(numbers):
            return (np.array(numbers, np.float64) - numbers[0]) / rate
    return np.arange(len(stems)) / rate


def _order(path: Path) -> tuple[list[tuple[int, int | str]], str]:
    parts = re.split(r"(\d+)", path.stem)
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts if part], path.name
